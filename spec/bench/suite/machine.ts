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
  if (variant === "line") return { ...none, ...(await lineOfTwo()), steps: trips };
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

/** Words on lines of their own: how often the other thread was asked, what goes there, what comes back. */
export interface LineWords {
  readonly asked: Int32Array;
  readonly there: Int32Array;
  readonly back: Int32Array;
}

/** Times a line goes there and back in a call: so many that waking the other thread hardly counts. */
const trips = 10_000;

/** A line of the caches there and back between two threads: tells processors that share a cache from those on different chiplets. */
async function lineOfTwo(): Promise<Pick<Contender, "run" | "close">> {
  const lineBytes = 128;
  const memory = new SharedArrayBuffer(3 * lineBytes);
  const word = (line: number): Int32Array => new Int32Array(memory, line * lineBytes, 1);
  const words: LineWords = { asked: word(0), there: word(1), back: word(2) };
  const other = new Worker(new URL("line-thread.ts", import.meta.url), { workerData: { words, trips } });
  await once(other, "message");
  let trip = 0;
  const run = (): void => {
    Atomics.add(words.asked, 0, 1);
    Atomics.notify(words.asked, 0);
    for (const end = trip + trips; trip < end; ) {
      Atomics.store(words.there, 0, ++trip);
      while (Atomics.load(words.back, 0) !== trip);
    }
  };
  return { run, close: async () => void (await other.terminate()) };
}
