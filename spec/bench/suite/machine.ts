/** What the machine can do at most, as contenders: small WebAssembly kernels that do nothing but one thing. */
import { buildModule, instantiate } from "../../../compiler/emit/harness.ts";
import { binary, constant, i32, KernelBuilder } from "../../../compiler/kernel/build.ts";
import type { Expression, Kernel } from "../../../compiler/kernel/kernel.ts";
import { nowhere } from "../../../compiler/support/span.ts";
import type { Contender, Request } from "./contender.ts";
import type { Workload } from "./workload.ts";

const peakLoops = 400_000;

/**
 * Accumulators enough to hide the latency of a multiply–add, to each of which a product is added in every iteration. In pairs
 * of neighbours, loaded and stored side by side, which an engine that pairs vectors makes one of.
 */
function peakKernel(accumulators: number): Kernel {
  const builder = new KernelBuilder("peak", nowhere);
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [4 * accumulators], access: "inout" });
  const [left, right] = [builder.let("left", constant("f32", 0.5, 4)), builder.let("right", constant("f32", 0.25, 4))];
  const sums = Array.from({ length: accumulators }, (_, at) => builder.let("sum", { ...builder.load(y, [i32(4 * at)]), lanes: 4 }));
  builder.for({ end: i32(peakLoops) }, () => sums.forEach((sum) => builder.set(sum, binary("add", sum, binary("mul", left, right)))));
  sums.forEach((sum, at) => builder.store(y, [i32(4 * at)], sum));
  return builder.finish();
}

/** Reads `count` floats, and writes as many when `writes`. */
function streamKernel(count: number, writes: boolean): Kernel {
  const builder = new KernelBuilder("stream", nowhere);
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [count], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [writes ? count : 32], access: "out" });
  const sums = Array.from({ length: 8 }, () => builder.let("sum", constant("f32", 0, 4)));
  const at = (i: Expression, part: number): readonly Expression[] => [binary("add", i, i32(4 * part))];
  builder.for({ end: i32(count), step: 32 }, (i) =>
    sums.forEach((sum, part) => {
      const value: Expression = { ...builder.load(x, at(i, part)), lanes: 4 };
      if (writes) builder.store(y, at(i, part), value);
      else builder.set(sum, binary("add", sum, value));
    }));
  if (!writes) sums.forEach((sum, part) => builder.store(y, [i32(4 * part)], sum));
  return builder.finish();
}

const none: Pick<Contender, "output" | "close"> = { output: () => new Float32Array(), close: () => undefined };

/** Multiplications and additions of one call of the peak, by the width that this process has. */
export const peakOperations = (accumulators: number): number => peakLoops * accumulators * 8;
export const accumulatorsOf = (wide: boolean): number => (wide ? 24 : 12);

export async function prepare(workload: Workload, { variant }: Request): Promise<Contender> {
  if (variant === "fma") {
    const runner = instantiate(await buildModule([peakKernel(accumulatorsOf(process.argv.includes("--wide")))], { fusedMultiplyAdd: true }));
    return { ...none, steps: 1, run: () => runner.run(0, 4096) };
  }
  const writes = variant === "copy";
  const count = Math.floor(workload.bytes! / (writes ? 8 : 4) / 32) * 32;
  const runner = instantiate(await buildModule([streamKernel(count, writes)], { pages: Math.ceil(((writes ? 2 : 1) * count * 4 + 16_384) / 65_536) }));
  // Pages that nothing was written to are one page of zeros, which the nearest cache holds.
  new Float32Array(runner.memory.buffer).fill(1);
  return { ...none, steps: 1, run: () => runner.run(0, 4096, 4096 + (writes ? 4 * count + 4160 : 4 * count)) };
}
