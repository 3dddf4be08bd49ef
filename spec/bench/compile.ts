/**
 * Time and peak memory against the number of tiles, of compiling and of costing a plan, each in a process of its own: neither may
 * grow with the tiles. Seconds are those of this process's own code, medians of rounds over all numbers of tiles; starting
 * Node and loading the compiler is not counted.
 *
 *   node spec/bench/compile.ts [tiles …]
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { costOfGraph } from "../../compiler/bsp/cost.ts";
import { compile, planFile } from "../../compiler/compile.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { ninePrograms } from "./programs.ts";
import { resnetSource } from "./resnet.ts";
import { median } from "./rounds.ts";

const nine = new Map(ninePrograms);

const programs: { readonly [name: string]: () => string } = {
  ...Object.fromEntries(["heat", "mlp", "encoder", "cnn", "train"].map((name) => [name, () => readFileSync(new URL(`../../${nine.get(name)!}`, import.meta.url), "utf8")])),
  "resnet-50-like": () => resnetSource(),
};

const rounds = 3;

/** The memory of a tile is no matter here: with few tiles nothing large would fit. */
const machineOf = (tiles: number) => ({ ...withTiles(target("ipu-mk2"), tiles), bytesPerTile: 2 ** 31 });

const userSeconds = (): number => process.cpuUsage().user / 1e6;

async function one(what: string, name: string, tiles: number): Promise<void> {
  const options = { target: machineOf(tiles), readFile: () => programs[name]!() };
  const start = userSeconds();
  let bytes: number | undefined;
  if (what === "plan") {
    const { plan } = planFile(`${name}.gph`, options);
    costOfGraph(plan!.bsp, plan!.target);
  } else bytes = (await compile(`${name}.gph`, options)).executable?.length;
  console.log(JSON.stringify({ seconds: userSeconds() - start, megabytes: process.resourceUsage().maxRSS / 1024, bytes }));
}

interface Result {
  readonly seconds: number;
  readonly megabytes: number;
  readonly bytes?: number;
}

function measured(what: string, name: string, tiles: number): Result {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), what, name, String(tiles)], { encoding: "utf8" });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout.trim().split("\n").at(-1)!) as Result;
}

function compare(what: string, name: string, counts: readonly number[]): void {
  const results = counts.map((): Result[] => []);
  for (let round = 0; round < rounds; round++) counts.forEach((tiles, i) => results[i]!.push(measured(what, name, tiles)));
  const [seconds, megabytes] = [results.map((all) => median(all.map((one) => one.seconds))), results.map((all) => median(all.map((one) => one.megabytes)))];
  counts.forEach((tiles, i) => {
    const { bytes } = results[i]![0]!;
    console.log(`${what.padEnd(9)}${name.padEnd(16)}${tiles.toLocaleString("en").padStart(9)}${seconds[i]!.toFixed(2).padStart(10)}${megabytes[i]!.toFixed(0).padStart(8)}${(bytes === undefined ? "–" : bytes.toLocaleString("en")).padStart(12)}   ${(seconds[i]! / seconds[0]!).toFixed(2)}× time, ${(megabytes[i]! / megabytes[0]!).toFixed(2)}× memory`);
  });
}

const [first, second, third] = process.argv.slice(2);
if (second !== undefined && Object.hasOwn(programs, second)) await one(first!, second, Number(third));
else {
  const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [16, 1472, 10_000, 100_000];
  console.log(`${"what".padEnd(9)}${"program".padEnd(16)}${"tiles".padStart(9)}${"seconds".padStart(10)}${"MB".padStart(8)}${"file".padStart(12)}   against ${counts[0]} tiles`);
  for (const what of ["compile", "plan"]) for (const name of Object.keys(programs)) compare(what, name, counts);
}
