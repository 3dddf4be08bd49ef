/** What the machine can do at most, as contenders. */
import process from "node:process";
import { accumulatorsOf, peakOperations, peakRunner, trafficRunner } from "../limits.ts";
import type { Contender, Request } from "./contender.ts";
import type { Workload } from "./workload.ts";

const loops = 400_000;

/** Multiplications and additions of one call of the peak, with wide vectors or without. */
export const operationsOfPeak = (wide: boolean): number => peakOperations({ loops, accumulators: accumulatorsOf(wide) });

export async function prepare({ bytes }: Workload, { variant }: Request): Promise<Contender> {
  const none: Pick<Contender, "output" | "close" | "steps"> = { steps: 1, output: () => new Float32Array(), close: () => undefined };
  if (variant === "fma") return { ...none, run: await peakRunner({ loops, accumulators: accumulatorsOf(process.argv.includes("--wide")), fused: true }) };
  return { ...none, run: await (variant === "copy" ? trafficRunner(bytes! / 2, bytes! / 2) : trafficRunner(bytes!, 0)) };
}
