/**
 * C kernels as limits: `native.c`, `native-data.c`, `native-sorts.c`, `native-fields.c`, `native-products.c` and `native-bytes.c`, compiled by gcc where
 * there is one for vectors of 128 bits and the registers an engine has, and called in the same thread by `node:ffi`, which newer
 * versions of Node have. Operands and results lie in one buffer, not a multiple of a page apart.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Contender } from "../rounds.ts";
import type { Case, Numbers } from "./case.ts";

export interface NativeContender extends Contender {
  /** The results after a run on the operands as they were given. */
  results(): { readonly [name: string]: Numbers };
}

type Library = Awaited<ReturnType<typeof load>>;
let library: Promise<Library> | undefined;

const flags = ["-O3", "-march=x86-64-v3", "-mprefer-vector-width=128", "-ffp-contract=off", "-fno-math-errno", "-fschedule-insns", "-fsched-pressure", "-shared", "-fPIC", "-lm"];

const sources = ["native.c", "native-data.c", "native-sorts.c", "native-fields.c", "native-products.c", "native-bytes.c"].map((file) => fileURLToPath(new URL(file, import.meta.url)));

/** The library and the module that calls it; undefined where there is no gcc, no such module, or another kind of processor. */
async function load() {
  const ffi = await import("node:ffi").catch(() => undefined);
  if (ffi === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "gph-bench-"));
  const path = join(folder, `native.${ffi.suffix}`);
  try {
    const built = spawnSync("gcc", [...sources, ...flags, "-o", path], { encoding: "utf8" });
    if (built.status !== 0) return undefined;
    const functions = new ffi.DynamicLibrary(path);
    return functions.getFunction("supported", { arguments: [], return: "i32" })() !== 0 ? { ffi, functions } : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const arrays = { f32: Float32Array, f16: Float16Array, i32: Int32Array, i8: Int8Array };
type Stored = InstanceType<(typeof arrays)[keyof typeof arrays]>;

const lengthOf = (type: string): number => type.slice(type.indexOf("[") + 1, -1).split(",").reduce((product, extent) => product * Number(extent), 1);

/** Bytes between buffers beyond whole pages. */
const stagger = 320;

/** Arrays of the types, on pages of their own that were written to. */
function allocate(types: readonly string[]): Stored[] {
  const kinds = types.map((type) => ({ array: arrays[type.split("[")[0] as keyof typeof arrays], length: type.includes("[") ? lengthOf(type) : 1 }));
  let end = 0;
  const starts = kinds.map(({ array, length }) => {
    const start = end;
    end = Math.ceil((start + length * array.BYTES_PER_ELEMENT) / 4096) * 4096 + stagger;
    return start;
  });
  const memory = new ArrayBuffer(end);
  new Uint8Array(memory).fill(1);
  return kinds.map(({ array, length }, at) => new array(memory, starts[at], length));
}

/** The case's function in C; undefined where it cannot be compiled or called. */
export async function native({ operands, results, native: asked }: Case): Promise<NativeContender | undefined> {
  if (asked === undefined) return undefined;
  const loaded = await (library ??= load());
  if (loaded === undefined) return undefined;
  const { ffi, functions } = loaded;
  const types = { ...Object.fromEntries(Object.entries(operands).map(([name, { type }]) => [name, type])), ...results };
  const names = Object.keys(types);
  const stored = allocate(Object.values(types));
  const call = functions.getFunction(asked.name, { arguments: [...names.map(() => "pointer" as const), ...asked.sizes.map(() => "i32" as const)], return: "void" });
  const pointers = stored.map((array) => ffi.getRawPointer(array));
  const run = (): void => void call(...pointers, ...asked.sizes);
  const given = (): void => Object.values(operands).forEach(({ data }, at) => stored[at]!.set(data));
  given();
  return {
    name: "C", operations: 0, workers: 1, run,
    results() {
      given();
      run();
      return Object.fromEntries(Object.keys(results).map((name) => [name, Float32Array.from(stored[names.indexOf(name)]!)]));
    },
  };
}
