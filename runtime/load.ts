/** Loading: from the bytes of an executable to what an engine is made of. */
import { availableParallelism } from "node:os";
import { ExecutableError, GphError, textOf } from "./errors.ts";
import { pageBytes, readExecutable, type Manifest } from "./executable.ts";
import { checkLoadOptions, type LoadOptions } from "./options.ts";

/** An executable that was read and checked, and the memory it will run in. */
export interface Parts {
  readonly manifest: Manifest;
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly workers: number;
  readonly wide: boolean;
  readonly stopTimeout: number;
}

/** Throws ExecutableError, and GphError for options that cannot be had here. */
export async function partsOf(bytes: Uint8Array, options: LoadOptions): Promise<Parts> {
  checkLoadOptions(options);
  const { module: wasm, manifest } = readExecutable(bytes);
  const workers = workersOf(options.workers, manifest);
  const stopTimeout = options.stopTimeout ?? 2000;
  if (typeof stopTimeout !== "number" || !(stopTimeout >= 0)) throw new GphError("bad-option", `stopTimeout must be a number of milliseconds ≥ 0, not ${textOf(stopTimeout)}`);
  const memory = newMemory(manifest.pages);
  const module = compile(wasm);
  if (options.wideVectors) await turnOnWideVectors();
  return { manifest, memory, module, workers, wide: options.wideVectors === true, stopTimeout };
}

function workersOf(wanted: number | undefined, manifest: Manifest): number {
  if (wanted === undefined) return 1;
  if (typeof wanted !== "number" || !Number.isInteger(wanted) || wanted < 1) throw new GphError("bad-option", `workers must be an integer ≥ 1, not ${textOf(wanted)}`);
  return Math.min(wanted, availableParallelism(), manifest.target.tiles);
}

function newMemory(pages: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (error) {
    const mebibytes = (pages * pageBytes) / 2 ** 20;
    throw new GphError("out-of-memory", `the executable needs ${mebibytes.toLocaleString("en-US")} MiB of memory (${pages.toLocaleString("en-US")} pages), which cannot be had here`, { cause: error });
  }
}

function compile(wasm: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(wasm);
  } catch (error) {
    throw new ExecutableError(`not valid WebAssembly: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

/** Loaded only when asked for: the module of the test is as large as all else. */
async function turnOnWideVectors(): Promise<void> {
  const { pairVectors } = await import("./wide-vectors.ts");
  const reason = pairVectors();
  if (reason !== undefined) throw new GphError("not-supported", reason);
}
