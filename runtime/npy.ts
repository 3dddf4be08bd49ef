/**
 * NumPy's .npy format, versions 1 to 3, as NumPy's documentation of `numpy.lib.format` describes it. Pure: bytes in, tensor
 * out, and whatever is not as it should be is a FormatError that names the field and both values.
 */
import { bytesOf, newArray, sizeOf, viewArray, type DType, type TypedArray } from "./dtype.ts";
import { FormatError } from "./errors.ts";
import { describeType, type HostTensor } from "./host.ts";

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const longestHeader = 1 << 20;

const dtypeOf: { readonly [code: string]: DType } = {
  f2: "f16", f4: "f32", f8: "f64", i1: "i8", i2: "i16", i4: "i32", i8: "i64", u1: "u8", u2: "u16", u4: "u32", u8: "u64", b1: "bool",
};
const codeOf = new Map(Object.entries(dtypeOf).map(([code, dtype]) => [dtype, code]));

/** The tensor of an .npy file, row-major; Fortran order is rearranged. */
export function readNpy(bytes: Uint8Array): HostTensor {
  if (bytes.length < 10) throw new FormatError(`truncated: the file has only ${bytes.length} bytes`);
  if (!magic.every((byte, index) => bytes[index] === byte)) throw new FormatError("not an .npy file: it does not begin with \\x93NUMPY");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw new FormatError(`version ${version}.${bytes[7]} of .npy is none of 1, 2, 3`);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) throw new FormatError(`truncated: the file has only ${bytes.length} bytes`);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > longestHeader) throw new FormatError(`header: claims ${length} bytes, more than the ${longestHeader} allowed`);
  if (length > bytes.length - start) throw new FormatError(`truncated: the header claims ${length} bytes but only ${bytes.length - start} are left`);
  const header = readHeader(new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(bytes.subarray(start, start + length)));
  const size = header.shape.reduce((product, extent) => product * extent, 1);
  const data = bytes.subarray(start + length);
  const wanted = size * bytesOf(header.dtype);
  if (data.length !== wanted) throw new FormatError(`data: ${describeType(header.dtype, header.shape)} needs ${wanted} bytes, but ${data.length} are there`);
  // A copy, so that it is aligned. Not `slice`, which for a Buffer gives another view of the same memory.
  const elements = viewArray(header.dtype, new Uint8Array(data).buffer, 0, size);
  if (header.dtype === "bool") {
    for (let index = 0; index < size; index++) if ((elements[index] as number) > 1) throw new FormatError(`data: element ${index} of a bool array is ${elements[index]}`);
  }
  return { dtype: header.dtype, shape: header.shape, data: header.fortranOrder ? toRowMajor(header.dtype, header.shape, elements) : elements };
}

/** The file, version 1, of a tensor. bf16 has no place in .npy: cast it to f32 first. */
export function writeNpy(tensor: HostTensor): Uint8Array<ArrayBuffer> {
  const code = codeOf.get(tensor.dtype);
  if (code === undefined) throw new FormatError(`dtype: .npy has no ${tensor.dtype}`);
  if (tensor.data.length !== sizeOf(tensor.shape)) throw new FormatError(`data: ${describeType(tensor.dtype, tensor.shape)} has ${sizeOf(tensor.shape)} elements, but ${tensor.data.length} were given`);
  const order = bytesOf(tensor.dtype) === 1 ? "|" : "<";
  const shape = tensor.shape.length === 1 ? `(${tensor.shape[0]},)` : `(${tensor.shape.join(", ")})`;
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${shape}, }`;
  // The data begins at a multiple of 64, and the header ends in a newline.
  const start = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = `${text.padEnd(start - 11)}\n`;
  const bytes = new Uint8Array(start + tensor.data.byteLength);
  bytes.set([...magic, 1, 0, header.length & 0xff, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength), start);
  return bytes;
}

interface Header {
  readonly dtype: DType;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** One token of the header: it is a Python literal, of which only dictionary, string, tuple, bool and int occur. */
const token = /\s*(?:('[^'\\]*'|"[^"\\]*")|(\d+)L?|(True|False)|([{}(),:[\]]))/y;

function readHeader(text: string): Header {
  token.lastIndex = 0;
  const next = (): string => {
    const at = token.lastIndex;
    const found = token.exec(text);
    if (found === null) throw new FormatError(`header: ${JSON.stringify(text.slice(at, at + 20))} is not understood`);
    return found[1] ?? found[2] ?? found[3] ?? found[4]!;
  };
  const expect = (wanted: string, got = next()): void => {
    if (got !== wanted) throw new FormatError(`header: ${JSON.stringify(wanted)} is expected where ${JSON.stringify(got)} is`);
  };
  const fields = new Map<string, string | boolean | readonly number[]>();
  const value = (name: string): string | boolean | readonly number[] => {
    const first = next();
    if (first === "True" || first === "False") return first === "True";
    if (first.startsWith("'") || first.startsWith('"')) return first.slice(1, -1);
    if (first !== "(") throw new FormatError(`header: ${name} begins with ${JSON.stringify(first)}, which is not supported`);
    const items: number[] = [];
    for (;;) {
      const item = next();
      if (item === ")") return items;
      if (!/^\d+$/.test(item) || !Number.isSafeInteger(Number(item))) throw new FormatError(`header: ${name} has ${JSON.stringify(item)} where a size is expected`);
      items.push(Number(item));
      const separator = next();
      if (separator === ")") return items;
      expect(",", separator);
    }
  };
  expect("{");
  for (;;) {
    const key = next();
    if (key === "}") break;
    const name = key.slice(1, -1);
    if (fields.has(name)) throw new FormatError(`header: ${name} is there twice`);
    expect(":");
    fields.set(name, value(name));
    const separator = next();
    if (separator === "}") break;
    expect(",", separator);
  }
  const rest = text.slice(token.lastIndex).trim();
  if (rest !== "") throw new FormatError(`header: ${JSON.stringify(rest.slice(0, 20))} follows its end`);
  return checkHeader(fields);
}

function checkHeader(fields: ReadonlyMap<string, string | boolean | readonly number[]>): Header {
  const unknown = [...fields.keys()].find((name) => !["descr", "fortran_order", "shape"].includes(name));
  if (unknown !== undefined) throw new FormatError(`header: ${JSON.stringify(unknown)} is no field of .npy`);
  const descr = fields.get("descr");
  if (typeof descr !== "string") throw new FormatError(`header: descr ${descr === undefined ? "is missing" : "must be a string"}`);
  const [, order, code = ""] = /^([<>|=]?)(.*)$/.exec(descr) ?? [];
  const dtype = Object.hasOwn(dtypeOf, code) ? dtypeOf[code] : undefined;
  if (dtype === undefined) throw new FormatError(`header: descr ${JSON.stringify(descr)} is no dtype of gph`);
  if (order === ">" && bytesOf(dtype) > 1) throw new FormatError(`header: descr ${JSON.stringify(descr)} is big-endian, which is not supported`);
  const fortranOrder = fields.get("fortran_order");
  if (typeof fortranOrder !== "boolean") throw new FormatError(`header: fortran_order ${fortranOrder === undefined ? "is missing" : "must be True or False"}`);
  const shape = fields.get("shape");
  if (!Array.isArray(shape)) throw new FormatError(`header: shape ${shape === undefined ? "is missing" : "must be a tuple"}`);
  return { dtype, fortranOrder, shape };
}

/** Elements whose first dimension varies fastest, with the last varying fastest. */
function toRowMajor(dtype: DType, shape: readonly number[], source: TypedArray): TypedArray {
  const target = newArray(dtype, source.length);
  const strides: number[] = [];
  let stride = 1;
  for (const extent of shape) {
    strides.push(stride);
    stride *= extent;
  }
  const index = new Array<number>(shape.length).fill(0);
  for (let at = 0, from = 0; at < target.length; at++) {
    target[at] = source[from] as never;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return target;
}
