/** The machine's measured peak for benchmarks to be compared with, and rounds of contenders that alternate. */
import process from "node:process";
import { buildModule, instantiate } from "../../compiler/emit/harness.ts";
import { binary, i32, KernelBuilder } from "../../compiler/kernel/build.ts";
import type { Expression, Kernel } from "../../compiler/kernel/kernel.ts";
import { nowhere } from "../../compiler/support/span.ts";

export interface Contender {
  readonly name: string;
  /** Floating-point operations of a run. */
  readonly operations: number;
  readonly workers: number;
  run(): void;
}

const peakLoops = 20_000;
/** As many accumulators as hide the latency of both operations, each multiplied and added to in every iteration. */
const peakAccumulators = 12;

interface PeakKernel {
  /** 128-bit vectors. */
  readonly accumulators: number;
  /** Sums of products, which may be fused; else each accumulator is multiplied, then added to. */
  readonly fused: boolean;
}

function peakKernel({ accumulators, fused }: PeakKernel): Kernel {
  const builder = new KernelBuilder("peak", nowhere);
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [4 * accumulators], access: "inout" });
  const vector = (at: number): Expression => ({ ...builder.load(y, [i32(4 * at)]), lanes: 4 });
  const scales = [builder.let("scale", vector(0)), builder.let("scale", vector(1))] as const;
  const sums = Array.from({ length: accumulators }, (_, at) => builder.let("sum", vector(at)));
  builder.for({ end: i32(peakLoops) }, () => sums.forEach((sum, at) => {
    const scale = scales[(at % 2) as 0 | 1];
    builder.set(sum, fused ? binary("add", sum, binary("mul", scale, scale)) : binary("add", binary("mul", sum, scale), scale));
  }));
  sums.forEach((sum, at) => builder.store(y, [i32(4 * at)], sum));
  return builder.finish();
}

async function contender(name: string, kernel: PeakKernel): Promise<Contender> {
  const runner = instantiate(await buildModule([peakKernel(kernel)], { fusedMultiplyAdd: kernel.fused }));
  return { name, operations: peakLoops * kernel.accumulators * 8, workers: 1, run: () => runner.run(0, 4096) };
}

/** Nothing but multiplications and additions of 128-bit vectors, or relaxed fused ones. */
export const peak = (fused: boolean): Promise<Contender> => contender(fused ? "fused peak" : "peak", { accumulators: peakAccumulators, fused });

/** The same with pairs of vectors, for a process in which V8 pairs them. */
export const widePeak = (fused = true): Promise<Contender> => contender(fused ? "wide fused peak" : "wide peak", { accumulators: 2 * peakAccumulators, fused });

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
/** A tenth of the rounds was faster: what other work on the machine disturbs least. */
const decile = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)]!;

/** Seconds the caller's thread has computed, without the time in which other processes had its processor. */
function processorSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}

/** Seconds a call, of the thread's own time where it works alone. */
function time({ run, workers }: Contender, calls: number): number {
  const clock = workers > 1 ? () => performance.now() / 1000 : processorSeconds;
  const start = clock();
  for (let call = 0; call < calls; call++) run();
  return (clock() - start) / calls;
}

export interface CompareOptions {
  /** All rounds together last about this long. */
  readonly milliseconds: number;
  /** One contender's part of a round; the clock of a thread's own time may tick in milliseconds. */
  readonly roundMilliseconds: number;
  readonly leastRounds: number;
}

/** Seconds of a run of each contender, in rounds of all: the mean of one thread's own time, whose clock ticks coarsely, the fastest tenth of several's. */
export function compare(contenders: readonly Contender[], { milliseconds, roundMilliseconds, leastRounds }: CompareOptions): number[] {
  const calls = contenders.map((contender) => {
    const warmUp = performance.now();
    let count = 0;
    for (; count < 3 || performance.now() - warmUp < 150; count++) contender.run();
    return Math.ceil((count * roundMilliseconds) / (performance.now() - warmUp));
  });
  const times: number[][] = contenders.map(() => []);
  const start = performance.now();
  for (let round = 0; round < leastRounds || performance.now() - start < milliseconds; round++) {
    contenders.forEach((contender, at) => times[at]!.push(time(contender, calls[at]!)));
  }
  return contenders.map(({ workers }, at) => (workers === 1 ? mean(times[at]!) : decile(times[at]!)));
}
