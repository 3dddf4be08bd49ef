/**
 * Wide vectors on the command line: a process that is `gph` alone lets V8 pair vectors, since the flag for that concerns the
 * whole process. The test that this needs is made on the first run with a Node, and its result kept in the user's cache folder.
 */
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { pairVectors, whyNarrow } from "../../runtime/wide-vectors.ts";
import { version } from "../version.ts";
import { narrowOption, type Arguments } from "./command.ts";
import { ownsProcess } from "./process.ts";

/** Turns wide vectors on where they are to be had; whether they are. Says so on stderr when it is tested for the first time. */
export async function wideVectors(args: Arguments): Promise<boolean> {
  if (!ownsProcess() || args.has(narrowOption.name) || whyNarrow() !== undefined) return false;
  const path = join(cacheFolder(), "wide-vectors.json");
  const machine = { gph: version, v8: process.versions.v8, processor: cpus()[0]?.model ?? "" };
  const known = readResult(path, machine);
  if (known === false) return false;
  const failure = pairVectors(known === true);
  if (known === undefined) {
    process.stderr.write(failure === undefined ? `wide vectors: this Node pairs 128-bit vectors correctly, as a test shows, and does so from now on; --${narrowOption.name} leaves it off\n` : `${failure}; vectors of 128 bits are used\n`);
    await keepResult(path, { ...machine, passed: failure === undefined });
  }
  return failure === undefined;
}

type Machine = { readonly gph: string; readonly v8: string; readonly processor: string };

/** Of an earlier test with the same Node on the same processor. */
function readResult(path: string, machine: Machine): boolean | undefined {
  try {
    const kept = JSON.parse(readFileSync(path, "utf8")) as Partial<Machine> & { readonly passed?: unknown };
    const same = kept.gph === machine.gph && kept.v8 === machine.v8 && kept.processor === machine.processor;
    return same && typeof kept.passed === "boolean" ? kept.passed : undefined;
  } catch {
    return undefined;
  }
}

/** Where nothing can be kept, the test is made again next time. */
async function keepResult(path: string, result: Machine & { readonly passed: boolean }): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${JSON.stringify(result)}\n`);
  } catch {
    // Said in the docstring.
  }
}

/** By the rules of the system, such as the XDG Base Directory Specification. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (xdg !== undefined && xdg !== "") return join(xdg, "gph");
  if (process.platform === "win32" && local !== undefined && local !== "") return join(local, "gph", "Cache");
  return process.platform === "darwin" ? join(homedir(), "Library", "Caches", "gph") : join(homedir(), ".cache", "gph");
}
