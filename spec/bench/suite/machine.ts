/** What the machine can do at most, as contenders. */
import { once } from "node:events";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { accumulatorsOf, peakOperations, peakRunner, trafficRunner, type Peak } from "../limits.ts";
import type { Contender, Request } from "./contender.ts";
import type { Workload } from "./workload.ts";

const loops = 400_000;

/** Multiplications and additions of one call of the peak, with wide vectors or without. */
export const operationsOfPeak = (wide: boolean): number => peakOperations({ loops, accumulators: accumulatorsOf(wide) });

export async function prepare({ bytes }: Workload, { variant, threads }: Request): Promise<Contender> {
  const none: Pick<Contender, "output" | "close" | "steps"> = { steps: 1, output: () => new Float32Array(), close: () => undefined };
  if (variant === "fma") {
    const peak: Peak = { loops, accumulators: accumulatorsOf(process.argv.includes("--wide")), fused: true };
    return threads === 1 ? { ...none, run: await peakRunner(peak) } : { ...none, ...(await peakOfTwo(peak)) };
  }
  return { ...none, run: await (variant === "copy" ? trafficRunner(bytes! / 2, bytes! / 2) : trafficRunner(bytes!, 0)) };
}

/** The peak on two threads at once. A call lasts until both have done it. */
async function peakOfTwo(peak: Peak): Promise<Pick<Contender, "run" | "close">> {
  /** How many times the other thread has been asked, and has done it. */
  const turns = new Int32Array(new SharedArrayBuffer(8));
  const other = new Worker(new URL("peak-thread.ts", import.meta.url), { workerData: { peak, turns } });
  await once(other, "message");
  const own = await peakRunner(peak);
  const run = (): void => {
    const asked = Atomics.add(turns, 0, 1) + 1;
    Atomics.notify(turns, 0);
    own();
    while (Atomics.load(turns, 1) !== asked);
  };
  return { run, close: async () => void (await other.terminate()) };
}
