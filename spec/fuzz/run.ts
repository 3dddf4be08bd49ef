/**
 * Long fuzzing, not part of the tests: `npm run fuzz -- [minutes] [seed]`. Prints each failing source, shrunk, and goes on.
 * Functions are compiled by the optimising compiler, which alone pairs vectors, after a few calls.
 */
import { setFlagsFromString } from "node:v8";
import { holds, machineOf, type Machine } from "./differential.ts";
import { randomLayers } from "./layers.ts";
import { randomNumerics } from "./numerics.ts";
import { randomDecisions, randomSource, type RandomSource } from "./sources.ts";

setFlagsFromString("--wasm-sync-tier-up");
setFlagsFromString("--wasm-tiering-budget=200");
const minutes = Number(process.argv[2] ?? 5);
let seed = Number(process.argv[3] ?? Date.now() % 1_000_000_007);
const end = Date.now() + minutes * 60_000;
const counts = { held: 0, skipped: new Map<string, number>(), failed: 0 };
const seen = new Map<string, number>();

const kindOf = (problem: string): string => problem.replaceAll(/-?\d+(\.\d+)?(e[-+]\d+)?/g, "#").slice(0, 90);

/** Every third source is of layers, every third of the others of numerics. */
const sourceOf = (decisions: readonly number[], which: number): RandomSource =>
  which % 3 === 0 ? randomLayers(decisions) : which % 3 === 1 && which % 2 === 0 ? randomNumerics(decisions) : randomSource(decisions);

async function attempt(decisions: readonly number[], machine: Machine, data: number): Promise<string | undefined> {
  const source = sourceOf(decisions, data);
  try {
    const { wrong, skipped } = await holds(source, machine, data);
    if (skipped !== undefined) counts.skipped.set(skipped, (counts.skipped.get(skipped) ?? 0) + 1);
    return wrong[0];
  } catch (problem) {
    const { stack = "", message } = problem as Error;
    const place = /\((.*\/)?(\w[\w-]*\.ts:\d+)/.exec(stack.slice(stack.indexOf("\n    at")))?.[2] ?? "";
    return `${(problem as Error).name}: ${message.slice(0, 200)} ${place}`;
  }
}

while (Date.now() < end) {
  seed += 1;
  const decisions = randomDecisions(seed);
  const machine = machineOf(seed);
  const problem = await attempt(decisions, machine, seed);
  if (problem === undefined) {
    counts.held += 1;
    continue;
  }
  counts.failed += 1;
  const kind = kindOf(problem);
  seen.set(kind, (seen.get(kind) ?? 0) + 1);
  if (seen.get(kind)! > 1) continue;
  // Shrinks by leaving out decisions, then by making them smaller, while the same kind of problem stays.
  let least = [...decisions];
  const still = async (candidate: readonly number[]): Promise<boolean> => kindOf((await attempt(candidate, machine, seed)) ?? "") === kind;
  const give = Date.now() + 20_000;
  for (let size = Math.ceil(least.length / 2); size >= 1 && Date.now() < give; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < least.length && Date.now() < give;) {
      const candidate = [...least.slice(0, at), ...least.slice(at + size)];
      if (await still(candidate)) least = candidate;
      else at += size;
    }
  }
  for (let at = 0; at < least.length && Date.now() < give; at++) {
    if (least[at] === 0) continue;
    const candidate = least.with(at, 0);
    if (await still(candidate)) least = candidate;
  }
  console.log(`\n=== seed ${seed}, ${JSON.stringify(machine)}\n${(await attempt(least, machine, seed)) ?? problem}\n${sourceOf(least, seed).text}`);
}
console.log(`\n${counts.held} held, ${counts.failed} failed`, [...seen].map(([kind, count]) => `\n  ${count} × ${kind}`).join(""), [...counts.skipped].map(([why, count]) => `\n  skipped ${count} × ${why.slice(0, 100)}`).join(""));
