/** Small executables for tests, written as WebAssembly text around the compiler's own barrier. */
import binaryen from "binaryen";
import { emitBarrier } from "../../compiler/emit/barrier.ts";
import { loadBinaryen } from "../../compiler/emit/binaryen.ts";
import { writeExecutable, type Manifest, type ManifestProgram, type ManifestState, type Position } from "../executable.ts";
import type { DType } from "../dtype.ts";

export const at = (line: number, column = 1): Position => ({ file: "test.gph", line, column });

export const state = (role: ManifestState["role"], name: string, dtype: DType, shape: readonly number[], offset: number): ManifestState => ({ role, name, dtype, shape, offset });

export const program = (name: string, reads: readonly number[], writes: readonly number[]): ManifestProgram => ({ name, export: `program ${name}`, reads, writes, position: at(1) });

export const emptyManifest: Manifest = {
  format: 2,
  generator: "gph test",
  graph: "test",
  target: { name: "wasm", tiles: 64, memory: "shared" },
  parameters: {},
  pages: 2,
  states: [],
  programs: [program("main", [], [])],
  initial: "initial",
  events: [],
  functions: {},
  plan: { tiles: { offset: 0, stride: 0, bytes: 0 } },
};

await loadBinaryen();

/**
 * A module of the functions given as text, which may use `(global.get $worker)`, `(global.get $$workers)`, `(call $$barrier)`
 * and `(call $host (i32.const event))`. An export `initial` that does nothing is added if there is none.
 */
export function buildModule(functions: string, pages = 2, imports = ""): Uint8Array {
  const initial = functions.includes('"initial"') ? "" : '(func (export "initial"))';
  const module = binaryen.parseText(`(module
    (import "env" "memory" (memory ${pages} ${pages} shared))
    (import "env" "host" (func $host (param i32)))
    ${imports}
    (global $worker (mut i32) (i32.const 0))
    (global $$workers (mut i32) (i32.const 1))
    (global $$spin (mut i32) (i32.const 0))
    (func $$barrier)
    (func (export "start") (param i32 i32 i32 i32)
      (global.set $worker (local.get 0)) (global.set $$workers (local.get 1)) (global.set $$spin (local.get 2)))
    ${initial}
    ${functions})`);
  const { Features } = binaryen;
  module.setFeatures(Features.Atomics | Features.MutableGlobals | Features.BulkMemory | Features.BulkMemoryOpt | Features.SIMD128 | Features.SignExt | Features.NontrappingFPToInt | Features.Multivalue);
  module.removeFunction("$barrier");
  emitBarrier(module);
  if (!module.validate()) throw new Error("the test's module is not valid");
  binaryen.setDebugInfo(true);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

export function build(functions: string, manifest: Partial<Manifest> = {}, imports = ""): Uint8Array<ArrayBuffer> {
  const whole = { ...emptyManifest, ...manifest };
  return writeExecutable(buildModule(functions, whole.pages, imports), whole);
}
