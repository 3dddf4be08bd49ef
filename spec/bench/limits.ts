/** What the machine can do at most, for benchmarks to be compared with: WebAssembly kernels that do nothing but one thing. */
import { buildModule, instantiate } from "../../compiler/emit/testing/kernel-module.ts";
import { binary, constant, i32, KernelBuilder, unary } from "../../compiler/kernel/build.ts";
import type { Expression, Kernel } from "../../compiler/kernel/kernel.ts";
import { nowhere } from "../../compiler/support/span.ts";
import type { Contender } from "./rounds.ts";

/** As many accumulators as hide the latency of both operations, each multiplied and added to in every iteration. */
const peakAccumulators = 12;

export interface Peak {
  /** Iterations of a run. */
  readonly loops: number;
  /** 128-bit vectors. */
  readonly accumulators: number;
  /** Sums of products, which may be fused; else each accumulator is multiplied, then added to. */
  readonly fused: boolean;
}

function peakKernel({ loops, accumulators, fused }: Peak): Kernel {
  const builder = new KernelBuilder("peak", nowhere);
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [4 * accumulators], access: "inout" });
  const vector = (at: number): Expression => ({ ...builder.load(y, [i32(4 * at)]), lanes: 4 });
  const scales = [builder.let("scale", vector(0)), builder.let("scale", vector(1))] as const;
  const sums = Array.from({ length: accumulators }, (_, at) => builder.let("sum", vector(at)));
  builder.for({ end: i32(loops) }, () => sums.forEach((sum, at) => {
    const scale = scales[(at % 2) as 0 | 1];
    builder.set(sum, fused ? binary("add", sum, binary("mul", scale, scale)) : binary("add", binary("mul", sum, scale), scale));
  }));
  sums.forEach((sum, at) => builder.store(y, [i32(4 * at)], sum));
  return builder.finish();
}

/** Runs nothing but multiplications and additions of vectors, or fused ones. */
export async function peakRunner(peak: Peak): Promise<() => void> {
  const runner = instantiate(await buildModule([peakKernel(peak)], { fusedMultiplyAdd: peak.fused }));
  return () => runner.run(0, 4096);
}

/** Floating-point operations of a run of the peak. */
export const peakOperations = ({ loops, accumulators }: Omit<Peak, "fused">): number => loops * accumulators * 8;

/** The sums that hide the latency: pairs of vectors where V8 pairs them. */
export const accumulatorsOf = (wide: boolean): number => (wide ? 2 : 1) * peakAccumulators;

async function contender(name: string, wide: boolean, fused: boolean): Promise<Contender> {
  const peak = { loops: 20_000, accumulators: accumulatorsOf(wide), fused };
  return { name, operations: peakOperations(peak), workers: 1, run: await peakRunner(peak) };
}

/** Nothing but multiplications and additions of 128-bit vectors, or relaxed fused ones. */
export const peak = (fused: boolean): Promise<Contender> => contender(fused ? "fused peak" : "peak", false, fused);

/** The same with pairs of vectors, for a process in which V8 pairs them. */
export const widePeak = (fused = true): Promise<Contender> => contender(fused ? "wide fused peak" : "wide peak", true, fused);

/** Quotients of a run of `quotients`. */
const quotientLoops = 4000;

/** Nothing but quotients and square roots of vectors, by turns: those an operation does are its `operations`. */
export async function quotients(): Promise<Contender> {
  const builder = new KernelBuilder("quotients", nowhere);
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [4 * peakAccumulators], access: "inout" });
  const at = (k: number): readonly Expression[] => [i32(4 * k)];
  const values = Array.from({ length: peakAccumulators }, (_, k) => builder.let("value", { ...builder.load(y, at(k)), lanes: 4 }));
  const divisor = builder.let("divisor", constant("f32", 0.75, 4));
  builder.for({ end: i32(quotientLoops) }, () => values.forEach((value, k) => builder.set(value, k % 2 === 0 ? binary("div", divisor, value) : unary("sqrt", value))));
  values.forEach((value, k) => builder.store(y, at(k), value));
  const runner = instantiate(await buildModule([builder.finish()]));
  new Float32Array(runner.memory.buffer).fill(1);
  return { name: "quotients", operations: quotientLoops * peakAccumulators * 4, workers: 1, run: () => runner.run(0, 4096) };
}

const floatsPerStep = 32;

/** Reads and writes so many bytes, in whole steps of 128: copies what there is of both, and reads or fills the rest. */
function trafficKernel(read: number, written: number): Kernel {
  const builder = new KernelBuilder("traffic", nowhere);
  const [count, kept] = [read, written].map((bytes) => Math.ceil(bytes / 4 / floatsPerStep) * floatsPerStep) as [number, number];
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [Math.max(floatsPerStep, count)], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [kept + floatsPerStep], access: "out" });
  const both = Math.min(count, kept);
  const parts = Array.from({ length: floatsPerStep / 4 }, (_, part) => part);
  const at = (i: Expression, part: number): readonly Expression[] => [binary("add", i, i32(4 * part))];
  const vector = (i: Expression, part: number): Expression => ({ ...builder.load(x, at(i, part)), lanes: 4 });
  builder.for({ end: i32(both), step: floatsPerStep }, (i) => parts.forEach((part) => builder.store(y, at(i, part), vector(i, part))));
  builder.for({ start: i32(both), end: i32(kept), step: floatsPerStep }, (i) => parts.forEach((part) => builder.store(y, at(i, part), constant("f32", 1, 4))));
  const sums = parts.map(() => builder.let("sum", constant("f32", 0, 4)));
  builder.for({ start: i32(both), end: i32(count), step: floatsPerStep }, (i) => parts.forEach((part) => builder.set(sums[part]!, binary("add", sums[part]!, vector(i, part)))));
  parts.forEach((part) => builder.store(y, at(i32(kept), part), sums[part]!));
  return builder.finish();
}

/** Runs what reads and writes so many bytes of memory. */
export async function trafficRunner(read: number, written: number): Promise<() => void> {
  const [from, to] = [4096, 4096 + read + 128 + 4160];
  const runner = instantiate(await buildModule([trafficKernel(read, written)], { pages: Math.ceil((to + written + 4096) / 65_536) }));
  // Pages that nothing was written to are one page of zeros, which the nearest cache holds.
  new Float32Array(runner.memory.buffer).fill(1);
  return () => runner.run(0, from, to);
}

export const traffic = async (read: number, written: number): Promise<Contender> => ({ name: "traffic", operations: 0, workers: 1, run: await trafficRunner(read, written) });
