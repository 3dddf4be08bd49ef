/**
 * A small executable made by hand, for testing what surrounds compiled programs without the compiler. It is what this source
 * means:
 *
 *     graph probe {
 *       in x: f32[2];  in k: f32;  param w: f32;  out y: f32[2];  out last: f32;  var count: i32 = 0;
 *       stream in s: i32;  stream out t: i32;  out big: f32[32];
 *       program main { y = x * w + k; last = x[1]; count += 1; }
 *       program double { repeat 3 { let e = next(s); send(t, 2 * e); } print("done", count); }
 *       program trap { count = 1 / (count - count); }
 *       program fill { big = 0.5; }
 *     }
 */
import binaryen from "binaryen";
import { writeExecutable } from "../../../runtime/executable.ts";
import type { Manifest, ManifestState } from "../../../runtime/manifest.ts";

const text = `(module
  (import "env" "memory" (memory 1 1 shared))
  (import "env" "host" (func $host (param i32)))
  (func (export "start") (param i32 i32 i32 i32))
  (func (export "initial") (i32.store (i32.const 1104) (i32.const 0)))
  (func (export "main")
    (f32.store (i32.const 1072) (f32.add (f32.mul (f32.load (i32.const 1024)) (f32.load (i32.const 1056))) (f32.load (i32.const 1040))))
    (f32.store (i32.const 1076) (f32.add (f32.mul (f32.load (i32.const 1028)) (f32.load (i32.const 1056))) (f32.load (i32.const 1040))))
    (f32.store (i32.const 1088) (f32.load (i32.const 1028)))
    (i32.store (i32.const 1104) (i32.add (i32.load (i32.const 1104)) (i32.const 1))))
  (func (export "double") (local $i i32)
    (loop $again
      (call $host (i32.const 0))
      (i32.store (i32.const 1136) (i32.mul (i32.const 2) (i32.load (i32.const 1120))))
      (call $host (i32.const 1))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 3))))
    (call $host (i32.const 2)))
  (func $trap (export "trap")
    (i32.store (i32.const 1104) (i32.div_s (i32.const 1) (i32.sub (i32.load (i32.const 1104)) (i32.load (i32.const 1104))))))
  (func (export "fill") (local $i i32)
    (loop $again
      (f32.store (i32.add (i32.const 1152) (i32.mul (i32.const 4) (local.get $i))) (f32.const 0.5))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 32)))))
)`;

const position = { file: "probe.gph", line: 1, column: 1 };
const state = (role: ManifestState["role"], name: string, dtype: ManifestState["dtype"], shape: readonly number[], offset: number): ManifestState => ({ role, name, dtype, shape, offset });

const manifest: Manifest = {
  format: 2,
  generator: "gph test",
  graph: "probe",
  target: { name: "wasm", tiles: 1, memory: "shared" },
  parameters: {},
  pages: 1,
  states: [
    state("in", "x", "f32", [2], 1024),
    state("in", "k", "f32", [], 1040),
    state("param", "w", "f32", [], 1056),
    state("out", "y", "f32", [2], 1072),
    state("out", "last", "f32", [], 1088),
    state("var", "count", "i32", [], 1104),
    state("stream in", "s", "i32", [], 1120),
    state("stream out", "t", "i32", [], 1136),
    state("out", "big", "f32", [32], 1152),
  ],
  programs: [
    { name: "main", export: "main", reads: [0, 1, 2, 5], writes: [3, 4, 5], position },
    { name: "double", export: "double", reads: [5, 6], writes: [7], position },
    { name: "trap", export: "trap", reads: [5], writes: [5], position },
    { name: "fill", export: "fill", reads: [], writes: [8], position },
  ],
  initial: "initial",
  events: [
    { kind: "next", state: 6, position },
    { kind: "send", state: 7, position },
    { kind: "print", label: "done", values: [{ dtype: "i32", shape: [], offset: 1104 }], position },
  ],
  functions: { trap: { file: "probe.gph", line: 6, column: 18 } },
  plan: { tiles: { offset: 1024, stride: 1024, bytes: 1024 } },
};

export function probe(): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.Atomics | binaryen.Features.BulkMemory);
  binaryen.setDebugInfo(true);
  const wasm = module.emitBinary();
  module.dispose();
  return writeExecutable(wasm, manifest);
}
