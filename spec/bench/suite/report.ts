/** What the suite prints of a workload, and keeps of it. */
import { duration } from "../../../compiler/bsp/report/text.ts";
import { operationsOfPeak } from "./machine.ts";
import { limitSeconds, names, peakSpeed, targetsOf, type Times } from "./targets.ts";
import type { Workload } from "./workload.ts";

export interface TargetResult {
  readonly what: string;
  readonly value: number | undefined;
  readonly least: number;
  readonly reached: boolean | undefined;
  /** What the measured limit itself would reach, of a target that was missed. */
  readonly bound?: number;
}

export interface Result {
  readonly workload: string;
  /** Median seconds a step, by contender. */
  readonly seconds: Times;
  readonly targets: readonly TargetResult[];
  /** Contenders that took no part, and why. */
  readonly missing: { readonly [contender: string]: string };
  readonly rounds: number;
}

export function resultOf(workload: Workload, seconds: Times, missing: Result["missing"], rounds: number): Result {
  const targets = targetsOf(workload).map((target): TargetResult => {
    const { what, least } = target;
    const value = target.value(workload, seconds);
    const reached = value === undefined ? undefined : value >= least;
    const bound = reached === false ? target.bound?.(workload, seconds) : undefined;
    return { what, value, least, reached, ...(bound === undefined ? {} : { bound }) };
  });
  return { workload: workload.name, seconds, targets, missing, rounds };
}

const noSteps = new Set<string>([names.peak128, names.peak256, names.peakOfTwo, names.line, names.cachedNarrow, names.cachedWide]);

/** A line a contender: time, speed, and how many times the time of gph. */
function contenderLines(workload: Workload, seconds: Times): string[] {
  const own = seconds[names.narrow];
  return Object.entries(seconds).map(([name, time]) => {
    if (name === names.peakOfTwo) return `  ${name.padEnd(22)}${`${((2 * operationsOfPeak(true)) / seconds[name]! / 1e9).toFixed(1)} GF`.padStart(12)}`;
    if (name === names.peak128 || name === names.peak256) return `  ${name.padEnd(22)}${`${(peakSpeed(seconds, name === names.peak256)! / 1e9).toFixed(1)} GF`.padStart(12)}`;
    const speed = workload.operations > 0 && !noSteps.has(name) && name !== names.memory ? `${(workload.operations / time / 1e9).toFixed(1)} GF` : "";
    const bytes = name === names.memory ? `${(workload.bytes! / time / 1e9).toFixed(1)} GB/s` : "";
    const ratio = own === undefined || noSteps.has(name) ? "" : `${(time / own).toFixed(2)}×`;
    return `  ${name.padEnd(22)}${duration(time).padStart(12)}${(speed || bytes).padStart(14)}${ratio.padStart(10)}`;
  });
}

const verdict = ({ reached }: TargetResult): string => (reached === undefined ? "–" : reached ? "pass" : "MISS");

const boundText = ({ bound }: TargetResult): string => (bound === undefined ? "" : `; the limit itself: ${bound.toFixed(2)}`);

export function formatResult(workload: Workload, { seconds, targets, missing }: Result): string {
  const limit = limitSeconds(workload, seconds, names.cachedWide);
  const binding = limit === undefined ? [] : [`  what binds: ${limit > seconds[names.memory]! ? "arithmetic, as the same on tensors in the cache shows" : "memory"}`];
  const lines = targets.map((target) => `  ${verdict(target).padEnd(4)}  ${target.what.padEnd(34)}${(target.value === undefined ? "not measured" : target.value.toFixed(2)).padStart(8)}  at least ${target.least}${boundText(target)}`);
  const left = Object.entries(missing).map(([name, why]) => `  ${name}: left out, ${why}`);
  return [workload.name, ...contenderLines(workload, seconds), ...binding, ...lines, ...left].join("\n");
}

/** All targets at the end, one a line. */
export function formatSummary(results: readonly Result[]): string {
  const rows = results.flatMap(({ workload, targets }) => targets.map((target) => ({ workload, ...target })));
  const counted = rows.filter(({ reached }) => reached !== undefined);
  const lines = rows.map((row) => `${row.workload.padEnd(20)}${row.what.padEnd(36)}${(row.value?.toFixed(2) ?? "–").padStart(8)}${String(row.least).padStart(8)}  ${row.reached === undefined ? "not measured" : verdict(row)}${boundText(row)}`);
  return [`${"workload".padEnd(20)}${"ratio".padEnd(36)}${"reached".padStart(8)}${"least".padStart(8)}`, ...lines, `${counted.filter(({ reached }) => reached).length} of ${counted.length} reached`].join("\n");
}
