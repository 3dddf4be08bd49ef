/**
 * Inputs of a run as the command line gives them (`--in NAME=…`): a NumPy file, a number for every element, or seeded
 * random values. A file whose first dimension is a multiple of the graph's is cut into slices, one for each run.
 */
import { numberToBf16 } from "../../runtime/bf16.ts";
import { dtypes, isBig, newArray, sizeOf, type DType, type TypedArray } from "../../runtime/dtype.ts";
import type { ManifestState } from "../../runtime/executable.ts";
import { describeType, type HostTensor } from "../../runtime/host.ts";
import { readNpy } from "../../runtime/npy.ts";
import { readSignedNumber } from "../syntax/literals.ts";
import { UserError } from "./failure.ts";
import { readFormat } from "./files.ts";
import { nearestFile } from "./nearby.ts";
import { randomTensor, type RandomRange } from "./random.ts";

export type InputSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "number"; readonly text: string; readonly value: number | bigint }
  | { readonly kind: "random"; readonly seed: number; readonly range: RandomRange | undefined };

type TypedState = Pick<ManifestState, "name" | "dtype" | "shape">;

export const typeText = ({ dtype, shape }: Pick<ManifestState, "dtype" | "shape">): string => describeType(dtype, shape);

/** `option` is what was typed, where that is not `--in`. */
export function parseInputSource(name: string, text: string, option?: string): InputSource {
  if (text.startsWith("random")) return parseRandom(name, text, option);
  if (text === "true" || text === "false") return { kind: "number", text, value: text === "true" ? 1 : 0 };
  const value = readSignedNumber(text);
  if (value !== undefined) return { kind: "number", text, value };
  const special = { nan: Number.NaN, inf: Infinity, "+inf": Infinity, "-inf": -Infinity }[text.toLowerCase()];
  return special === undefined ? { kind: "file", path: text } : { kind: "number", text, value: special };
}

function parseRandom(name: string, text: string, option = `--in ${name}=${text}`): InputSource {
  const match = /^random:(\w+)(?::([^:]+):([^:]+))?$/.exec(text);
  const [seed, low, high] = [match?.[1], match?.[2], match?.[3]].map((number) => Number(readSignedNumber(number ?? "")));
  const hasRange = match?.[2] !== undefined;
  if (!Number.isInteger(seed) || (hasRange && !(low! < high!))) {
    throw new UserError("bad-input", `${option} is not random:SEED or random:SEED:LOW:HIGH`, "random:1 and random:1:-5:5 are examples");
  }
  return { kind: "random", seed: seed!, range: hasRange ? { low: low!, high: high! } : undefined };
}

/** A tensor of exactly the state's type. */
export function tensorFor(state: TypedState, source: InputSource): HostTensor {
  switch (source.kind) {
    case "file": {
      const file = readArray(state, source.path);
      if (file.shape.length !== state.shape.length || file.shape.some((extent, dimension) => extent !== state.shape[dimension])) {
        throw new UserError("shape-mismatch", `${state.name} is ${typeText(state)}, but ${source.path} holds ${typeText(file)}`);
      }
      return file;
    }
    case "number": return filled(state, source.value, source.text);
    case "random": return randomTensor(state, source.seed, source.range);
  }
}

/** A .npy file of the state's dtype, of any shape. */
function readArray(state: TypedState, path: string): HostTensor {
  const file = arrayIn(state, path);
  if (file.dtype === state.dtype) return file;
  // .npy has no bf16: such tensors are kept in files as f32.
  if (state.dtype === "bf16" && file.dtype === "f32") {
    return { dtype: "bf16", shape: file.shape, data: Uint16Array.from(file.data as Float32Array, numberToBf16) };
  }
  const numpy = numpyNames[state.dtype];
  throw new UserError("dtype-mismatch", `${state.name} is ${state.dtype}, but ${path} holds ${file.dtype}`, `nothing is converted silently; in NumPy: np.save(file, array.astype(np.${numpy}))`);
}

function arrayIn({ name }: TypedState, path: string): HostTensor {
  try {
    return readFormat(path, readNpy);
  } catch (error) {
    if (!(error instanceof UserError && error.problem === "file-not-found")) throw error;
    const near = nearestFile(path);
    throw new UserError(error.problem, `--in ${name}=${path}: ${error.message}`, `the value is a FILE.npy, a number, or random:SEED${near === undefined ? "" : `; did you mean ${near}?`}`);
  }
}

const numpyNames = {
  f16: "float16", bf16: "float32", f32: "float32", f64: "float64",
  i8: "int8", i16: "int16", i32: "int32", i64: "int64",
  u8: "uint8", u16: "uint16", u32: "uint32", u64: "uint64", bool: "bool_",
} as const satisfies Record<DType, string>;

function filled(state: TypedState, value: number | bigint, text: string): HostTensor {
  const { dtype, shape } = state;
  const data = newArray(dtype, sizeOf(shape));
  (data as { fill(value: number | bigint): unknown }).fill(elementOf(state, value, text));
  return { dtype, shape, data };
}

/** The number as an element of the dtype's array; one that the dtype does not hold is refused. */
function elementOf(state: TypedState, value: number | bigint, text: string): number | bigint {
  const { kind, bits } = dtypes[state.dtype];
  const refuse = (why: string): never => {
    throw new UserError("bad-input", `--in ${state.name}=${text}: ${state.name} is ${typeText(state)}, and ${why}`);
  };
  if (kind === "float") {
    const element = state.dtype === "bf16" ? numberToBf16(Number(value)) : Number(value);
    const data = newArray(state.dtype, 1) as Float64Array;
    data[0] = element;
    const infinite = state.dtype === "bf16" ? (element & 0x7fff) === 0x7f80 : Math.abs(data[0]!) === Infinity;
    if (infinite && !/^[+-]?inf$/i.test(text)) return refuse(`${text} is larger than any ${state.dtype}; inf is infinity`);
    return element;
  }
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return refuse(`${text} is not a whole number`);
    value = BigInt(value);
  }
  const [low, high] = kind === "bool" ? [0n, 1n] : kind === "int" ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n] : [0n, (1n << BigInt(bits)) - 1n];
  if (value < low || value > high) return refuse(`${text} is outside ${low} to ${high}`);
  return isBig(state.dtype) ? value : Number(value);
}

// ---- slices

/** What is fed to each run: `runs` times, `at(run)` by the input's name. */
export interface Feed {
  readonly runs: number;
  /** First dimensions of the inputs that are cut; outputs that have one of them are joined over the runs. */
  readonly batches: ReadonlySet<number>;
  at(run: number): { readonly [name: string]: HostTensor };
}

interface Piece {
  readonly state: TypedState;
  readonly whole: HostTensor;
  readonly count: number;
}

/** The inputs of a program, whole or in slices. Every state must have a source. */
export function planFeed(states: readonly TypedState[], sources: ReadonlyMap<string, InputSource>): Feed {
  const pieces = states.map((state): Piece => {
    const source = sources.get(state.name)!;
    if (source.kind !== "file") return { state, whole: tensorFor(state, source), count: 1 };
    const whole = readArray(state, source.path);
    return { state, whole, count: slicesOf(state, whole, source.path) };
  });
  const cut = pieces.filter((piece) => piece.count > 1);
  const batches = new Set(cut.map((piece) => piece.state.shape[0]!));
  const longest = cut[0];
  // A file of just one batch beside files of several is a mistake; what has another first dimension is fed to every run.
  const sliced = pieces.filter((piece) => piece.count > 1 || (sources.get(piece.state.name)!.kind === "file" && batches.has(piece.state.shape[0]!)));
  for (const piece of sliced) {
    if (piece.count !== longest!.count) {
      throw new UserError("shape-mismatch", `inputs differ in length: ${describe(longest!)}, but ${describe(piece)}`);
    }
  }
  return {
    runs: longest?.count ?? 1,
    batches,
    at: (run) => Object.fromEntries(pieces.map((piece) => [piece.state.name, piece.count === 1 ? piece.whole : sliceOf(piece.state, piece.whole, run)])),
  };
}

const describe = ({ state, whole, count }: Piece): string => `${state.name} holds ${whole.shape[0]} = ${count} × ${state.shape[0]}`;

/** How many of the state's tensors lie one behind the other in the file's. */
function slicesOf(state: TypedState, whole: HostTensor, path: string): number {
  const [batch, ...rest] = state.shape;
  const [length, ...fileRest] = whole.shape;
  const sameRest = whole.shape.length === state.shape.length && rest.every((extent, dimension) => extent === fileRest[dimension]);
  if (sameRest && length === batch) return 1;
  if (!sameRest || batch === undefined || length === undefined || batch === 0) {
    throw new UserError("shape-mismatch", `${state.name} is ${typeText(state)}, but ${path} holds ${typeText(whole)}`);
  }
  if (length === 0 || length % batch !== 0) {
    throw new UserError(
      "shape-mismatch",
      `the first dimension of ${path}, ${length}, is not a multiple of that of ${state.name}, ${batch}`,
      "the program runs once for each slice, so only whole slices fit; choose a batch that divides with --set",
    );
  }
  return length / batch;
}

function sliceOf(state: TypedState, whole: HostTensor, run: number): HostTensor {
  const size = sizeOf(state.shape);
  return { dtype: state.dtype, shape: state.shape, data: whole.data.subarray(run * size, (run + 1) * size) as TypedArray };
}

/** The elements of an input stream in turn: those of a file, or one value, or random ones, without end. A wrong file is told at once. */
export function streamElements(state: TypedState, source: InputSource): Generator<HostTensor> {
  switch (source.kind) {
    case "file": return elementsOf(state, readArray(state, source.path), source.path);
    case "number": {
      const element = tensorFor(state, source);
      return endless(() => element);
    }
    case "random": return endless((index) => randomTensor(state, source.seed + index, source.range));
  }
}

function elementsOf(state: TypedState, whole: HostTensor, path: string): Generator<HostTensor> {
  const stacked = whole.shape.length === state.shape.length + 1 && state.shape.every((extent, dimension) => extent === whole.shape[dimension + 1]);
  const count = stacked ? whole.shape[0]! : joined(state, whole, path);
  return (function* () {
    for (let element = 0; element < count; element++) yield sliceOf(state, whole, element);
  })();
}

/** How many elements lie one behind the other in a file, along their first dimension. */
function joined(state: TypedState, whole: HostTensor, path: string): number {
  const [length, ...rest] = whole.shape;
  const [first, ...own] = state.shape;
  const fits = first !== undefined && first > 0 && length !== undefined && whole.shape.length === state.shape.length && own.every((extent, dimension) => extent === rest[dimension]);
  if (fits && length % first === 0) return length / first;
  const file = (...start: readonly (number | string)[]): string => `${state.dtype}[${[...start, ...own].join(", ")}]`;
  const along = first === undefined ? "" : `, or along their first dimension, ${file(`k · ${first}`)}`;
  throw new UserError(
    "shape-mismatch",
    fits ? `${path} holds ${length} along the first dimension, which is not a multiple of the ${first} of an element of the stream ${state.name}, ${typeText(state)}` : `an element of the stream ${state.name} is ${typeText(state)}, but ${path} holds ${typeText(whole)}`,
    `a file has k elements side by side, ${state.dtype}[${["k", ...state.shape].join(", ")}]${along}`,
  );
}

function* endless(element: (index: number) => HostTensor): Generator<HostTensor> {
  for (let index = 0; ; index++) yield element(index);
}
