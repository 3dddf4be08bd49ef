/** Files of the command line: read with clear errors and a size limit before reading, written whole or not at all. */
import { randomBytes } from "node:crypto";
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync, statSync, unlinkSync } from "node:fs";
import { access, chmod, mkdir, open, realpath, rename, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { ExecutableError, FormatError } from "../../runtime/errors.ts";
import { looksLikeWasm } from "../../runtime/executable.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { readSafetensors } from "../../runtime/safetensors.ts";
import { UserError } from "./failure.ts";
import { wayOut } from "./nearby.ts";

/** Sources over this are refused by the parser too; here before they are read. */
export const largestSource = 10_000_000;
/** One JavaScript buffer; weights and inputs larger than this do not fit a wasm memory either. */
const largestBinary = 4 * 2 ** 30 - 1;

/** The bytes of a file of at most `limit` bytes. */
export function readBytes(path: string, limit = largestBinary): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    throw fileError(path, error, "read");
  }
  try {
    const status = fstatSync(descriptor);
    if (status.isDirectory()) throw new UserError("not-a-file", `${path} is a folder, not a file`);
    if (status.size > limit) throw tooLarge(path, status.size.toLocaleString("en"), limit);
    return status.isFile() ? readFileSync(descriptor) : readPipe(path, descriptor, limit);
  } catch (error) {
    throw fileError(path, error, "read");
  } finally {
    closeSync(descriptor);
  }
}

const tooLarge = (path: string, size: string, limit: number): UserError =>
  new UserError("file-too-large", `${path} has ${size} bytes; at most ${limit.toLocaleString("en")} are read here`);

/** What has no size of its own (a pipe, a device) is read until its end or the limit. */
function readPipe(path: string, descriptor: number, limit: number): Uint8Array {
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.alloc(65_536);
    const count = readSync(descriptor, chunk);
    if (count === 0) return Buffer.concat(chunks);
    total += count;
    if (total > limit) throw tooLarge(path, "more", limit);
    chunks.push(chunk.subarray(0, count));
  }
}

/** A file read by one of the runtime's readers, which see only bytes: their refusals get the file's name. */
export function readFormat<T>(path: string, read: (bytes: Uint8Array) => T): T {
  return naming(path, () => read(readBytes(path)));
}

export function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof FormatError || error instanceof ExecutableError ? new UserError(error.code, `${path}: ${error.message}`, wayOutOf(error)) : error;
  }
}

/** What helps with a file that was refused. */
function wayOutOf(error: FormatError | ExecutableError): string | undefined {
  const { message } = error;
  if (error instanceof ExecutableError) return message.startsWith("truncated") ? "it was not written to its end, or is damaged: gph compile makes it anew" : undefined;
  const dtype = /descr "[<>=|]?([a-zA-Z]\d*)"/.exec(message)?.[1];
  if (message.includes("big-endian")) return `in NumPy: np.save(file, array.astype("<${dtype ?? "f4"}"))`;
  if (dtype !== undefined) return "in NumPy: np.save(file, array.astype(np.float32)), or another dtype of gph";
  return message.startsWith("truncated") || message.startsWith("data") ? "it is cut off or damaged" : undefined;
}

/** First bytes of formats that people give by mistake where something else belongs. */
function knownFormat(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 8)).toString("latin1");
  if (looksLikeWasm(bytes)) return "a WebAssembly file";
  if (start.startsWith("\x93NUMPY")) return "a NumPy array (.npy)";
  if (start.startsWith("PK")) return "a zip archive (.zip, .npz, .pt)";
  if (start.startsWith("\x89PNG")) return "a PNG picture";
  return undefined;
}

/** Text that people give where weights belong, whose header is JSON behind eight bytes of its length. */
function textFormat(path: string, bytes: Uint8Array): string | undefined {
  if (bytes.length === 0 || bytes[8] === "{".charCodeAt(0) || bytes.subarray(0, 4096).includes(0)) return undefined;
  const start = new TextDecoder().decode(bytes.subarray(0, 4096));
  if (start.includes("\uFFFD")) return undefined;
  return path.endsWith(".gph") || /^\s*(\/\/|import\b|(export\s+)?(graph|fn|vertex|const)\b)/.test(start) ? "a .gph source" : "text";
}

/** The params' values by name, from a .safetensors file. */
export function readWeights(path: string): Map<string, HostTensor> {
  const bytes = readBytes(path);
  const format = knownFormat(bytes);
  if (format !== undefined) throw new UserError("not-weights", `${path} is ${format}, not a .safetensors file`);
  const text = textFormat(path, bytes);
  if (text !== undefined) throw new UserError("not-weights", `${path} is not a .safetensors file: it looks like ${text}`);
  return naming(path, () => readSafetensors(bytes));
}

/** The text of a source file's bytes. */
export function sourceText(path: string, bytes: Uint8Array): string {
  if (bytes.length === 0) throw new UserError("empty-file", `${path} is empty`);
  const format = knownFormat(bytes) ?? (bytes.subarray(0, 4096).includes(0) ? "a binary file" : undefined);
  if (path.endsWith(".wasm") && format !== "a WebAssembly file") throw new UserError("bad-executable", `${path} is no executable: it does not begin as WebAssembly does`, "gph compile makes it anew");
  if (format !== undefined) throw new UserError("not-a-source", `${path} is ${format}, not .gph text`, format === "a WebAssembly file" ? "this command reads sources; gph run and gph bench take executables too" : undefined);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UserError("not-a-source", `${path} is not UTF-8 text`, "sources are saved as UTF-8");
  }
}

export const readSource = (path: string): string => sourceText(path, readBytes(path, largestSource));

/** For imports: undefined where no file is; everything else that is wrong with it is the user's to know. */
export function readImport(path: string): string | undefined {
  try {
    return readSource(path);
  } catch (error) {
    if (error instanceof UserError && (error.problem === "file-not-found" || error.problem === "not-a-file")) return undefined;
    throw error;
  }
}

export function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError("not-json", `${path} is not JSON: ${(error as Error).message}`);
  }
}

/** An output must not replace what the command reads: one slip of the shell's history would cost the source. */
export function checkKeepsSources(output: string, read: Iterable<string>): void {
  const at = statSync(output, { throwIfNoEntry: false });
  if (at === undefined || !at.isFile()) return;
  for (const path of read) {
    const other = statSync(path, { throwIfNoEntry: false });
    if (other !== undefined && other.dev === at.dev && other.ino === at.ino) throw new UserError("cannot-write", `${output} is what this command reads; it would be overwritten`, "give the output another name");
  }
}

/** Refuses what could not be written, before the work whose results go there. */
export async function checkWritable(outputs: Iterable<string>, read: readonly string[]): Promise<void> {
  for (const path of outputs) {
    checkKeepsSources(path, read);
    const existing = await stat(path).catch(() => undefined);
    if (existing?.isDirectory()) throw new UserError("not-a-file", `${path} is a folder, not a file`);
    if (existing !== undefined && !existing.isFile()) continue;
    try {
      await access(dirname(existing === undefined ? path : await realpath(path)), constants.W_OK);
    } catch (error) {
      throw fileError(path, error, "write");
    }
  }
}

const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      unlinkSync(path);
    } catch {
      // It was never made, or is renamed already.
    }
  }
  unfinished.clear();
}

const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** Handlers stand only while files are being written: at any other time the default ends the process, even inside a wasm loop. */
async function whileCleaningUp<T>(work: () => Promise<T>): Promise<T> {
  const handlers = Object.entries(signals).map(([signal, number]) => {
    const handler = (): void => {
      removeUnfinished();
      process.exit(128 + number);
    };
    process.on(signal as keyof typeof signals, handler);
    return () => process.off(signal as keyof typeof signals, handler);
  });
  try {
    return await work();
  } finally {
    removeUnfinished();
    for (const remove of handlers) remove();
  }
}

export interface Written {
  readonly path: string;
  readonly bytes: Uint8Array | string;
}

/**
 * Writes files whole or not at all: each beside its place first, and all are renamed only when all are written. A failure
 * or a signal leaves what was there before. A link is followed; a device or a pipe is written to, never replaced.
 */
export function writeWhole(files: readonly Written[]): Promise<void> {
  return whileCleaningUp(async () => {
    const renames: { readonly from: string; readonly to: string; readonly path: string }[] = [];
    const direct: Written[] = [];
    for (const { path, bytes } of files) {
      try {
        const existing = await stat(path).catch(() => undefined);
        if (existing !== undefined && !existing.isFile()) {
          if (existing.isDirectory()) throw new UserError("not-a-file", `${path} is a folder, not a file`);
          direct.push({ path, bytes });
          continue;
        }
        if (existing !== undefined) await access(path, constants.W_OK);
        const to = existing === undefined ? path : await realpath(path);
        renames.push({ from: await writeBeside(to, bytes, existing?.mode), to, path });
      } catch (error) {
        throw fileError(path, error, "write");
      }
    }
    for (const { from, to, path } of renames) {
      await rename(from, to).catch((error: unknown) => {
        throw fileError(path, error, "write");
      });
      unfinished.delete(from);
    }
    for (const { path, bytes } of direct) {
      await writeFile(path, bytes).catch((error: unknown) => {
        throw fileError(path, error, "write");
      });
    }
  });
}

/** Writes a file of another name in the same folder, to be renamed to `path`; gives its path. */
async function writeBeside(path: string, bytes: Uint8Array | string, mode: number | undefined): Promise<string> {
  const beside = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.part`);
  unfinished.add(beside);
  const handle = await open(beside, "wx");
  try {
    await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
  if (mode !== undefined) await chmod(beside, mode & 0o777);
  return beside;
}

export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw fileError(path, error, "make the folder");
  }
}

/** The system's error as a sentence about the path. */
function fileError(path: string, error: unknown, verb: string): Error {
  if (!(error instanceof Error) || !("code" in error)) return error instanceof Error ? error : new Error(String(error));
  switch (error.code) {
    case "ENOENT":
      return verb === "read"
        ? new UserError("file-not-found", path === "" ? "the name of a file is empty" : `${path} does not exist`, wayOut(path))
        : new UserError("cannot-write", `cannot ${verb} ${path}: ${existsSync(dirname(path)) ? "the system makes no such file" : `the folder ${dirname(path)} does not exist`}`);
    case "EISDIR": return new UserError("not-a-file", `${path} is a folder, not a file`);
    case "ENOTDIR": return new UserError("file-not-found", `cannot ${verb} ${path}: a part of the path is not a folder`);
    case "EACCES":
    case "EPERM": return new UserError("no-permission", `cannot ${verb} ${path}: no permission`);
    case "EROFS": return new UserError("no-permission", `cannot ${verb} ${path}: the file system is read-only`);
    case "ENOSPC": return new UserError("disk-full", `cannot ${verb} ${path}: the disk is full`);
    case "EEXIST": return new UserError("cannot-write", `cannot ${verb} ${path}: a file of that name is there`);
    default: return new UserError("file-error", `cannot ${verb} ${path}: ${error.message}`);
  }
}
