/**
 * The safetensors format: eight bytes of header length, a JSON header of names with dtype, shape and place, then the data
 * (https://github.com/huggingface/safetensors, section Format). Pure: bytes in, tensors out; whatever is not as it should be
 * is a FormatError that names the tensor, the field and both values.
 */
import { bytesOf, dtypes, sizeOf, viewArray, type DType } from "./dtype.ts";
import { FormatError } from "./errors.ts";
import { describeType, type HostTensor } from "./host.ts";

const longestHeader = 100_000_000;
const metadataKey = "__metadata__";

const dtypeOf = new Map<string, DType>((Object.keys(dtypes) as DType[]).map((dtype) => [dtype.toUpperCase(), dtype]));

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The tensors by name, each with its own copy of the data. Metadata is checked and left out. */
export function readSafetensors(bytes: Uint8Array): Map<string, HostTensor> {
  if (bytes.length < 8) throw new FormatError(`truncated: the file has only ${bytes.length} bytes`);
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (claimed > BigInt(longestHeader)) throw new FormatError(`header: claims ${claimed} bytes, more than the ${longestHeader} allowed`);
  const length = Number(claimed);
  if (length > bytes.length - 8) throw new FormatError(`truncated: the header claims ${length} bytes but only ${bytes.length - 8} are left`);
  const entries = readHeader(bytes.subarray(8, 8 + length));
  const data = bytes.subarray(8 + length);
  checkLayout(entries, data.length);
  const tensors = new Map<string, HostTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    // A copy, so that it is aligned. Not `slice`, which for a Buffer gives another view of the same memory.
    const elements = viewArray(dtype, new Uint8Array(data.subarray(begin, end)).buffer, 0, sizeOf(shape));
    if (dtype === "bool") {
      const wrong = elements.findIndex((value) => (value as number) > 1);
      if (wrong >= 0) throw new FormatError(`${name}: element ${wrong} of a BOOL tensor is ${elements[wrong]}`);
    }
    tensors.set(name, { dtype, shape, data: elements });
  }
  return tensors;
}

/** The file of tensors by name, larger element types first so that each lies aligned. */
export function writeSafetensors(tensors: ReadonlyMap<string, HostTensor>, metadata?: { readonly [key: string]: string }): Uint8Array<ArrayBuffer> {
  const order = [...tensors].sort(([a, { dtype: left }], [b, { dtype: right }]) => bytesOf(right) - bytesOf(left) || (a < b ? -1 : a > b ? 1 : 0));
  const fields: string[] = [];
  if (metadata !== undefined) fields.push(`${JSON.stringify(metadataKey)}:${JSON.stringify(metadata)}`);
  let end = 0;
  for (const [name, { dtype, shape, data }] of order) {
    if (name === metadataKey) throw new FormatError(`${name}: no tensor may have this name`);
    if (data.length !== sizeOf(shape)) throw new FormatError(`${name}: ${describeType(dtype, shape)} has ${sizeOf(shape)} elements, but ${data.length} were given`);
    const begin = end;
    end += data.byteLength;
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: dtype.toUpperCase(), shape, data_offsets: [begin, end] })}`);
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + end).fill(0x20, 8, 8 + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  let at = 8 + length;
  for (const [, { data }] of order) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function readHeader(bytes: Uint8Array): Entry[] {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    throw new FormatError("header: not JSON in UTF-8", error);
  }
  if (bytes[0] !== 0x7b || typeof header !== "object" || header === null || Array.isArray(header)) throw new FormatError("header: must be an object, from its first byte");
  refuseDuplicates(text);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === metadataKey) checkMetadata(value);
    else entries.push(readEntry(name, value));
  }
  return entries;
}

const isObject = (value: unknown): value is { readonly [key: string]: unknown } => typeof value === "object" && value !== null && !Array.isArray(value);
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

function checkMetadata(value: unknown): void {
  if (!isObject(value) || Object.values(value).some((each) => typeof each !== "string")) throw new FormatError(`${metadataKey}: must be an object of strings`);
}

function readEntry(name: string, value: unknown): Entry {
  if (!isObject(value)) throw new FormatError(`${name}: must be an object, not ${show(value)}`);
  const unknown = Object.keys(value).find((key) => !["dtype", "shape", "data_offsets"].includes(key));
  if (unknown !== undefined) throw new FormatError(`${name}: ${JSON.stringify(unknown)} is no field of a tensor`);
  const code = value["dtype"];
  const dtype = typeof code === "string" ? dtypeOf.get(code) : undefined;
  if (dtype === undefined) throw new FormatError(`${name}: dtype ${show(code)} is no dtype of gph`);
  const shape = value["shape"];
  if (!Array.isArray(shape) || !shape.every(isSize)) throw new FormatError(`${name}: shape must be an array of sizes, not ${show(shape)}`);
  const offsets = value["data_offsets"];
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) throw new FormatError(`${name}: data_offsets must be two positions, not ${show(offsets)}`);
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw new FormatError(`${name}: data_offsets begin at ${begin} and end before, at ${end}`);
  const wanted = sizeOf(shape) * bytesOf(dtype);
  if (end - begin !== wanted) throw new FormatError(`${name}: ${describeType(dtype, shape)} needs ${wanted} bytes, but data_offsets cover ${end - begin}`);
  return { name, dtype, shape, begin, end };
}

/** The tensors follow each other without gap or overlap and fill the data. */
function checkLayout(entries: readonly Entry[], length: number): void {
  let end = 0;
  let last = "";
  for (const entry of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.end > length) throw new FormatError(`${entry.name}: data_offsets end at ${entry.end}, but the data has ${length} bytes`);
    if (entry.begin < end) throw new FormatError(`${entry.name}: data_offsets begin at ${entry.begin}, inside of ${last}, which ends at ${end}`);
    if (entry.begin > end) throw new FormatError(`${entry.name}: data_offsets begin at ${entry.begin}, but what is before ends at ${end}`);
    end = entry.end;
    last = entry.name;
  }
  if (end !== length) throw new FormatError(`data: the tensors end at ${end}, but there are ${length} bytes`);
}

/** JSON.parse keeps the last of two equal keys in silence. `text` is known to be valid JSON. */
function refuseDuplicates(text: string): void {
  /** Keys seen in each object that is open; undefined for arrays. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(undefined);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const start = at++;
      while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
      if (!isKey(text, at + 1)) continue;
      const key = JSON.parse(text.slice(start, at + 1)) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) throw new FormatError(`header: ${JSON.stringify(key)} is there twice`);
      keys.add(key);
    }
  }
}

/** Whether a colon follows. */
function isKey(text: string, at: number): boolean {
  let next = at;
  while (text[next] === " " || text[next] === "\n" || text[next] === "\r" || text[next] === "\t") next++;
  return text[next] === ":";
}
