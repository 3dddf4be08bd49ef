/**
 * The executable: the contract between compiler and runtime. One `.wasm` file that any WebAssembly tool reads, with a custom
 * section `gph` that holds the manifest. `spec/executable.md` is its documentation.
 *
 * The custom section is the file's last; its payload is 64 hex digits (SHA-256 of every byte of the file but these digits)
 * followed by the manifest as UTF-8 JSON.
 *
 * Imports of the module: `env.memory` (shared), `env.host (event: i32)`, and functions of `math` (f64 → f64, pow, atan2 and rem of two).
 * Exports: `start(worker, workers, spin, wide)` before anything else in each instance; one function `() → ()` per program and
 * `initial`, and perhaps `prepare`; with private tile memory `upload(state)` and `download(state)`, which copy between a state's host buffer and
 * the tiles and are called by one worker while nothing runs.
 *
 * Every worker instantiates the module, some of them late: active data segments are written again by each, so they may hold
 * only what no program changes (and baked params, which the engine puts back).
 */
import { createHash } from "node:crypto";
import { checkManifest } from "./check-manifest.ts";
import { ExecutableError } from "./errors.ts";
import { sectionName, type Manifest } from "./manifest.ts";
import { isMathFunction, mathArity } from "./math.ts";
import { readOutline, type FunctionType, type Outline, type Section } from "./wasm.ts";

export { control, formatVersion, trapNames, pageBytes, sectionName } from "./manifest.ts";
export type { HostBuffer, HostEvent, Manifest, ManifestProgram, ManifestState, Position } from "./manifest.ts";

const digestDigits = 64;
const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface Executable {
  /** The module alone, without the section `gph`. */
  readonly module: Uint8Array<ArrayBuffer>;
  readonly manifest: Manifest;
}

/** Whether bytes begin like a WebAssembly file; cheap, for telling an executable from a source. */
export const looksLikeWasm = (bytes: Uint8Array): boolean => bytes.length >= 4 && bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;

/** Reads and checks an executable; nothing of it has run. Throws ExecutableError with the reason. */
export function readExecutable(bytes: Uint8Array): Executable {
  if (!((bytes as unknown) instanceof Uint8Array)) throw new ExecutableError(`an executable is given as its bytes, a Uint8Array, not as ${kindOf(bytes)}`);
  const outline = readOutline(bytes);
  const own = outline.sections.filter((section) => section.name === sectionName);
  const section = own[0];
  if (section === undefined) throw new ExecutableError(`not made by gph: the module has no custom section "${sectionName}"`);
  if (own.length > 1 || section !== outline.sections.at(-1)) throw new ExecutableError(`damaged: the section "${sectionName}" must be one, and the file's last`);
  checkDigest(bytes, section);
  const manifest = checkManifest(parseManifest(bytes.subarray(section.payload + digestDigits, section.end)));
  checkImports(outline, manifest);
  checkExports(outline, manifest);
  return { module: new Uint8Array(bytes.subarray(0, section.start)), manifest };
}

const kindOf = (value: unknown): string => (typeof value === "object" && value !== null ? `an object of class ${value.constructor?.name ?? "none"}` : value === null || value === undefined ? String(value) : `a ${typeof value}`);

/** The file of a module and its manifest. What would not be read back is refused here already. */
export function writeExecutable(wasm: Uint8Array, manifest: Manifest): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(manifest));
  const name = new TextEncoder().encode(sectionName);
  const payloadLength = 1 + name.length + digestDigits + json.length;
  const head = [0, ...unsignedLeb(payloadLength), name.length, ...name];
  const bytes = new Uint8Array(wasm.length + head.length + digestDigits + json.length);
  bytes.set(wasm);
  bytes.set(head, wasm.length);
  const digest = wasm.length + head.length;
  bytes.set(json, digest + digestDigits);
  bytes.set(new TextEncoder().encode(digestOf(bytes, digest)), digest);
  readExecutable(bytes);
  return bytes;
}

function unsignedLeb(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  bytes.push(value);
  return bytes;
}

const digestOf = (bytes: Uint8Array, at: number): string =>
  createHash("sha256").update(bytes.subarray(0, at)).update(bytes.subarray(at + digestDigits)).digest("hex");

function checkDigest(bytes: Uint8Array, section: Section): void {
  if (section.end - section.payload < digestDigits) {
    throw new ExecutableError(`truncated: the section "${sectionName}" has ${section.end - section.payload} bytes, too few for its checksum`);
  }
  const written = String.fromCharCode(...bytes.subarray(section.payload, section.payload + digestDigits));
  if (written !== digestOf(bytes, section.payload)) throw new ExecutableError("checksum differs: the file was changed after it was written");
}

function parseManifest(json: Uint8Array): unknown {
  try {
    return JSON.parse(strictText.decode(json));
  } catch (error) {
    throw new ExecutableError("manifest: not JSON in UTF-8", error);
  }
}

const show = (type: FunctionType): string => `(${type.parameters.join(", ")}) → (${type.results.join(", ")})`;

function expectType(what: string, type: FunctionType | undefined, parameters: readonly string[], results: readonly string[]): void {
  if (type === undefined) throw new ExecutableError(`${what} is missing, or not a function`);
  if (type.parameters.join() !== parameters.join() || type.results.join() !== results.join()) {
    throw new ExecutableError(`${what} must be ${show({ parameters, results })}, but is ${show(type)}`);
  }
}

function checkImports(outline: Outline, manifest: Manifest): void {
  if (outline.sections.some((section) => section.id === 8)) throw new ExecutableError("not allowed: the module has a start section, which would run when it is loaded");
  if (outline.sections.some((section) => section.id === 5)) throw new ExecutableError("not allowed: the module has a memory of its own beside env.memory");
  let memories = 0;
  for (const entry of outline.imports) {
    const name = `${entry.module}.${entry.name}`;
    if (entry.kind === "memory" && name === "env.memory") {
      memories++;
      if (!entry.shared || entry.minimum !== manifest.pages || entry.maximum !== manifest.pages) {
        throw new ExecutableError(`env.memory must be shared with ${manifest.pages} pages, but is ${entry.shared ? "" : "not shared, "}${entry.minimum} to ${entry.maximum ?? "any number of"} pages`);
      }
    } else if (entry.kind === "function" && name === "env.host") expectType(`import ${name}`, entry.type, ["i32"], []);
    else if (entry.kind === "function" && entry.module === "math" && isMathFunction(entry.name)) {
      expectType(`import ${name}`, entry.type, Array(mathArity(entry.name)).fill("f64"), ["f64"]);
    } else throw new ExecutableError(`not allowed: the module imports ${name}`);
  }
  if (memories !== 1) throw new ExecutableError(`the module must import env.memory once, but does ${memories} times`);
}

function checkExports(outline: Outline, manifest: Manifest): void {
  const expect = (name: string, parameters: readonly string[]): void => expectType(`export ${name}`, outline.exports.get(name), parameters, []);
  expect("start", ["i32", "i32", "i32", "i32"]);
  expect(manifest.initial, []);
  if (manifest.prepare !== undefined) expect(manifest.prepare, []);
  for (const program of manifest.programs) expect(program.export, []);
  if (manifest.target.memory === "private") {
    expect("upload", ["i32"]);
    expect("download", ["i32"]);
  }
}
