/**
 * How fast emitted kernels run, without the rest of gph: hand-written kernels in the form the kernel passes give, each as
 * emitted, after binaryen's O1 and O2, and with fused multiply–add; plain JavaScript beside them. Times are medians of
 * interleaved rounds, since machines change speed from minute to minute: compare within a row.
 *
 *   node spec/bench/kernels.ts
 */
import { binary, cast, constant, i32, KernelBuilder, reduce, splat } from "../../compiler/kernel/build.ts";
import type { Expression, Kernel } from "../../compiler/kernel/kernel.ts";
import { buildModule, instantiate } from "../../compiler/emit/testing/kernel-module.ts";
import { nowhere } from "../../compiler/support/span.ts";
import { median } from "./rounds.ts";

interface Case {
  readonly name: string;
  readonly kernel: Kernel;
  /** Floating-point operations, or 0 where time says more. */
  readonly operations: number;
  plain?(buffers: readonly Float32Array[]): void;
}

const wide = (load: Expression, lanes = 4): Expression => ({ ...load, lanes });
const plus = (expression: Expression, value: number): Expression => binary("add", expression, i32(value));
const build = (name: string, fill: (b: KernelBuilder) => void): Kernel => {
  const builder = new KernelBuilder(name, nowhere);
  fill(builder);
  return builder.finish();
};

function heat(n: number, unroll: number): Case {
  const inner = Math.floor((n - 2) / (4 * unroll)) * 4 * unroll;
  const kernel = build("heat", (b) => {
    const u = b.buffer({ name: "u", dtype: "f32", shape: [n, n], access: "in" });
    const v = b.buffer({ name: "v", dtype: "f32", shape: [n, n], access: "out" });
    b.for({ end: i32(n - 2) }, (i) => b.for({ end: i32(inner), step: 4 * unroll }, (j) => {
      for (let part = 0; part < unroll; part++) {
        const at = (di: number, dj: number): Expression => wide(b.load(u, [plus(i, di), plus(j, dj + 4 * part)]));
        const around = [at(0, 1), at(2, 1), at(1, 0), at(1, 2)].reduce((left, right) => binary("add", left, right));
        const change = binary("sub", around, binary("mul", constant("f32", 4, 4), at(1, 1)));
        b.store(v, [plus(i, 1), plus(j, 1 + 4 * part)], binary("add", at(1, 1), binary("mul", constant("f32", 0.1, 4), change)));
      }
    }));
  });
  return {
    name: `heat ${n}², one step, unrolled by ${unroll}`, kernel, operations: 0,
    plain([u, v]) {
      for (let i = 1; i < n - 1; i++) {
        for (let j = 1; j < n - 1; j++) {
          const at = i * n + j;
          v![at] = u![at]! + 0.1 * (u![at - n]! + u![at + n]! + u![at - 1]! + u![at + 1]! - 4 * u![at]!);
        }
      }
    },
  };
}

function matmul(n: number, rows: number, vectors: number): Case {
  const kernel = build("matmul", (b) => {
    const [x, w, y] = ["x", "w", "y"].map((name) => b.buffer({ name, dtype: "f32", shape: [n, n], access: "inout" }));
    b.for({ end: i32(n), step: rows }, (i) => b.for({ end: i32(n), step: 4 * vectors }, (j) => {
      const sums = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => b.let("sum", constant("f32", 0, 4))));
      b.for({ end: i32(n) }, (k) => {
        const panel = Array.from({ length: vectors }, (_, c) => b.let("panel", wide(b.load(w!, [k, plus(j, 4 * c)]))));
        sums.forEach((row, r) => {
          const factor = b.let("factor", splat(4, b.load(x!, [plus(i, r), k])));
          row.forEach((sum, c) => b.set(sum, binary("add", sum, binary("mul", factor, panel[c]!))));
        });
      });
      sums.forEach((row, r) => row.forEach((sum, c) => b.store(y!, [plus(i, r), plus(j, 4 * c)], sum)));
    }));
  });
  return { name: `matmul ${n}, block ${rows}×${4 * vectors}, unpacked`, kernel, operations: 2 * n ** 3 };
}

function dot(n: number): Case {
  const kernel = build("dot", (b) => {
    const x = b.buffer({ name: "x", dtype: "f32", shape: [n], access: "in" });
    const y = b.buffer({ name: "y", dtype: "f32", shape: [n], access: "out" });
    const sums = Array.from({ length: 4 }, () => b.let("sum", constant("f32", 0, 4)));
    b.for({ end: i32(n), step: 16 }, (i) => sums.forEach((sum, part) =>
      b.set(sum, binary("add", sum, binary("mul", wide(b.load(x, [plus(i, 4 * part)])), wide(b.load(y, [plus(i, 4 * part)])))))));
    b.store(y, [i32(0)], reduce("add", sums.reduce((left, right) => binary("add", left, right))));
  });
  return {
    name: `dot ${n}`, kernel, operations: 2 * n,
    plain([x, y]) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += x![i]! * y![i]!;
      y![0] = sum;
    },
  };
}

function bytesToFloats(n: number): Case {
  const kernel = build("bytes", (b) => {
    const x = b.buffer({ name: "x", dtype: "u8", shape: [n], access: "in" });
    const y = b.buffer({ name: "y", dtype: "f32", shape: [n], access: "out" });
    b.for({ end: i32(n), step: 4 }, (i) => b.store(y, [i], binary("mul", cast("f32", wide(b.load(x, [i]))), constant("f32", 1 / 255, 4))));
  });
  return { name: `u8 to f32, ${n}`, kernel, operations: 0 };
}

const cases = [heat(1024, 1), heat(1024, 2), matmul(256, 4, 2), matmul(256, 6, 2), dot(4096), bytesToFloats(65_536)];
const variants = [{}, { optimise: 1 }, { optimise: 2 }, { fusedMultiplyAdd: true }] as const;
const pages = 256;
/** Not a multiple of 4096, so that buffers do not fall on the same cache lines. */
const distance = 4 * 1024 * 1024 + 4160;
const rounds = 15;

for (const one of cases) {
  const runs: (() => void)[] = [];
  for (const options of variants) {
    const runner = instantiate(await buildModule([one.kernel], { ...options, pages }));
    const addresses = one.kernel.buffers.map((_, at) => 2048 + at * distance);
    runs.push(() => runner.run(0, ...addresses));
  }
  const plain = one.plain?.bind(one);
  if (plain !== undefined) {
    const buffers = [new Float32Array(1024 * 1024), new Float32Array(1024 * 1024)];
    runs.push(() => plain(buffers));
  }
  const timeOf = (run: () => void, repeats: number): number => {
    const start = performance.now();
    for (let at = 0; at < repeats; at++) run();
    return ((performance.now() - start) * 1000) / repeats;
  };
  const repeats = runs.map((run) => {
    timeOf(run, 50);
    return Math.max(1, Math.ceil(10_000 / timeOf(run, 5)));
  });
  const times: number[][] = runs.map(() => []);
  for (let round = 0; round < rounds; round++) runs.forEach((run, at) => times[at]!.push(timeOf(run, repeats[at]!)));
  const shown = times.map((list, at) => {
    const time = median(list);
    const speed = one.operations > 0 ? ` (${(one.operations / time / 1000).toFixed(1)} GF)` : "";
    return `${["emitted", "O1", "O2", "fused", "JavaScript"][at]} ${time < 100 ? time.toFixed(2) : time.toFixed(0)} µs${speed}`;
  });
  console.log(`${one.name}: ${shown.join(", ")}`);
}
