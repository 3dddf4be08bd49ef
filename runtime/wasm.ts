/**
 * Reads the outline of a WebAssembly file, for executables to be checked before the engine is given them: sections,
 * imports, exports and the types of functions. Every length is held against the bytes that are left; whatever is not
 * understood is refused. The instructions themselves are validated by `WebAssembly.Module`.
 */
import { ExecutableError } from "./errors.ts";

export interface Section {
  readonly id: number;
  /** Of a custom section (id 0). */
  readonly name: string | undefined;
  /** Where the section's id stands, where its payload begins (after the name of a custom section), and where it ends. */
  readonly start: number;
  readonly payload: number;
  readonly end: number;
}

export interface FunctionType {
  readonly parameters: readonly string[];
  readonly results: readonly string[];
}

export type WasmImport = { readonly module: string; readonly name: string } & (
  | { readonly kind: "function"; readonly type: FunctionType }
  | { readonly kind: "memory"; readonly shared: boolean; readonly minimum: number; readonly maximum: number | undefined }
);

export interface Outline {
  readonly sections: readonly Section[];
  readonly imports: readonly WasmImport[];
  /** Exported functions by name; what is exported besides functions has type undefined. */
  readonly exports: ReadonlyMap<string, FunctionType | undefined>;
}

const sectionNames = ["custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count", "tag"] as const;
const describeSection = (id: number): string => (sectionNames[id] ? `section ${id} (${sectionNames[id]})` : `section ${id}`);
const count = (value: number): string => value.toLocaleString("en-US");

const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A place in the bytes that cannot leave its part of the file. */
class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  readonly what: string;

  constructor(bytes: Uint8Array, at: number, end: number, what: string) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.what = what;
  }

  byte(): number {
    if (this.at >= this.end) throw new ExecutableError(`truncated: ${this.what} ends in the middle of a field, at byte ${count(this.end)}`);
    return this.bytes[this.at++]!;
  }

  /** An unsigned LEB128 of at most 32 bits. */
  number(): number {
    const start = this.at;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw new ExecutableError(`damaged: ${this.what} has a number of more than 32 bits at byte ${count(start)}`);
  }

  name(): string {
    const length = this.number();
    if (length > this.end - this.at) {
      throw new ExecutableError(`truncated: ${this.what} claims a name of ${count(length)} bytes but only ${count(this.end - this.at)} are left`);
    }
    const part = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    try {
      return strictText.decode(part);
    } catch {
      throw new ExecutableError(`damaged: ${this.what} has a name that is not UTF-8`);
    }
  }

  done(): void {
    if (this.at !== this.end) throw new ExecutableError(`damaged: ${this.what} has ${count(this.end - this.at)} bytes that belong to nothing`);
  }
}

export function readOutline(bytes: Uint8Array): Outline {
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const head = bytes.subarray(0, 8);
  if (!magic.every((byte, index) => index >= 4 || head[index] === byte)) {
    throw new ExecutableError(head.length < 4 ? `truncated: the file has only ${head.length} bytes` : "not a WebAssembly file: it does not begin with \\0asm");
  }
  if (!magic.every((byte, index) => head[index] === byte)) {
    throw new ExecutableError(head.length < 8 ? `truncated: the file has only ${head.length} bytes` : `version ${[...head.subarray(4)].join(".")} of WebAssembly is not 1`);
  }
  const sections = readSections(bytes);
  const find = (id: number): Cursor => {
    const section = sections.find((candidate) => candidate.id === id);
    return new Cursor(bytes, section?.payload ?? 0, section?.end ?? 0, describeSection(id));
  };
  const types = readTypes(find(1));
  const imports = readImports(find(2), types);
  const functions = imports.filter((entry) => entry.kind === "function").map((entry) => entry.type);
  for (const type of readFunctions(find(3), types)) functions.push(type);
  return { sections, imports, exports: readExports(find(7), functions) };
}

function readSections(bytes: Uint8Array): Section[] {
  const sections: Section[] = [];
  const seen = new Set<number>();
  for (let at = 8; at < bytes.length; ) {
    const start = at;
    const id = bytes[at]!;
    if (id >= sectionNames.length) throw new ExecutableError(`damaged: there is no section ${id}, as byte ${count(at)} would have it`);
    if (id !== 0 && seen.has(id)) throw new ExecutableError(`damaged: there are two of ${describeSection(id)}`);
    seen.add(id);
    const cursor = new Cursor(bytes, at + 1, bytes.length, describeSection(id));
    const length = cursor.number();
    const end = cursor.at + length;
    if (end > bytes.length) {
      throw new ExecutableError(`truncated: ${describeSection(id)} claims ${count(length)} bytes but only ${count(bytes.length - cursor.at)} are left`);
    }
    const inside = new Cursor(bytes, cursor.at, end, describeSection(id));
    const name = id === 0 ? inside.name() : undefined;
    sections.push({ id, name, start, payload: inside.at, end });
    at = end;
  }
  return sections;
}

const valueTypes: { readonly [code: number]: string } = { 0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128", 0x70: "funcref", 0x6f: "externref" };

function readTypes(cursor: Cursor): FunctionType[] {
  const list = (): string[] => {
    const length = cursor.number();
    const names: string[] = [];
    for (let index = 0; index < length; index++) {
      const code = cursor.byte();
      const name = valueTypes[code];
      if (name === undefined) throw new ExecutableError(`not allowed: a function has a value of type 0x${code.toString(16)}`);
      names.push(name);
    }
    return names;
  };
  if (cursor.at === cursor.end) return [];
  const length = cursor.number();
  const types: FunctionType[] = [];
  for (let index = 0; index < length; index++) {
    const form = cursor.byte();
    if (form !== 0x60) throw new ExecutableError(`not allowed: type ${index} is not a function's`);
    types.push({ parameters: list(), results: list() });
  }
  cursor.done();
  return types;
}

function typeAt(types: readonly FunctionType[], index: number, cursor: Cursor): FunctionType {
  const type = types[index];
  if (type === undefined) throw new ExecutableError(`damaged: ${cursor.what} speaks of type ${index} of ${types.length}`);
  return type;
}

function readImports(cursor: Cursor, types: readonly FunctionType[]): WasmImport[] {
  if (cursor.at === cursor.end) return [];
  const length = cursor.number();
  const imports: WasmImport[] = [];
  for (let index = 0; index < length; index++) {
    const module = cursor.name();
    const name = cursor.name();
    const kind = cursor.byte();
    if (kind === 0) imports.push({ kind: "function", module, name, type: typeAt(types, cursor.number(), cursor) });
    else if (kind === 2) {
      const flags = cursor.byte();
      if (flags > 3) throw new ExecutableError(`not allowed: memory ${module}.${name} has flags ${flags} (64-bit or custom pages)`);
      const minimum = cursor.number();
      const maximum = flags & 1 ? cursor.number() : undefined;
      imports.push({ kind: "memory", module, name, shared: (flags & 2) !== 0, minimum, maximum });
    } else throw new ExecutableError(`not allowed: the module imports ${module}.${name}, which is neither a function nor a memory`);
  }
  cursor.done();
  return imports;
}

function readFunctions(cursor: Cursor, types: readonly FunctionType[]): FunctionType[] {
  if (cursor.at === cursor.end) return [];
  const length = cursor.number();
  const functions: FunctionType[] = [];
  for (let index = 0; index < length; index++) functions.push(typeAt(types, cursor.number(), cursor));
  cursor.done();
  return functions;
}

function readExports(cursor: Cursor, functions: readonly FunctionType[]): Map<string, FunctionType | undefined> {
  const exports = new Map<string, FunctionType | undefined>();
  if (cursor.at === cursor.end) return exports;
  const length = cursor.number();
  for (let position = 0; position < length; position++) {
    const name = cursor.name();
    const kind = cursor.byte();
    const index = cursor.number();
    if (kind === 0 && index >= functions.length) throw new ExecutableError(`damaged: export ${name} is function ${index} of ${functions.length}`);
    exports.set(name, kind === 0 ? functions[index] : undefined);
  }
  cursor.done();
  return exports;
}
