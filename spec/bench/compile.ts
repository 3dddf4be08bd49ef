/**
 * Compile time and peak memory against the number of tiles, each compilation in a process of its own: neither may grow with
 * the tiles. Times include starting Node and loading the compiler.
 *
 *   node spec/bench/compile.ts [tiles …]
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { compile } from "../../compiler/index.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { resnetSource } from "./resnet.ts";

const programs: { readonly [name: string]: () => string } = {
  heat: () => example("heat"),
  mlp: () => example("mlp"),
  encoder: () => example("encoder"),
  "resnet-50-like": () => resnetSource(),
};

const example = (name: string): string => readFileSync(new URL(`../../examples/${name}/${name}.gph`, import.meta.url), "utf8");

async function one(name: string, tiles: number): Promise<void> {
  const start = performance.now();
  // The memory of a tile is no matter here: with few tiles nothing large would fit.
  const machine = { ...withTiles(target("ipu-mk2"), tiles), bytesPerTile: 2 ** 31 };
  const { executable, diagnostics } = await compile(`${name}.gph`, { target: machine, readFile: () => programs[name]!() });
  const seconds = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ seconds, megabytes: process.resourceUsage().maxRSS / 1024, bytes: executable?.length, problem: diagnostics[0]?.message }));
}

interface Result {
  readonly seconds: number;
  readonly megabytes: number;
  readonly bytes?: number;
  readonly problem?: string;
}

const [first, second] = process.argv.slice(2);
if (first !== undefined && Object.hasOwn(programs, first)) await one(first, Number(second));
else {
  const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [16, 1472, 10_000, 100_000];
  console.log(`${"program".padEnd(16)}${"tiles".padStart(9)}${"seconds".padStart(10)}${"MB".padStart(8)}${"file".padStart(12)}   against ${counts[0]} tiles`);
  for (const name of Object.keys(programs)) {
    let base: Result | undefined;
    for (const tiles of counts) {
      const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), name, String(tiles)], { encoding: "utf8" });
      if (child.status !== 0) throw new Error(child.stderr);
      const result = JSON.parse(child.stdout.trim().split("\n").at(-1)!) as Result;
      base ??= result;
      const size = result.bytes === undefined ? "–" : result.bytes.toLocaleString("en");
      console.log(`${name.padEnd(16)}${tiles.toLocaleString("en").padStart(9)}${result.seconds.toFixed(2).padStart(10)}${result.megabytes.toFixed(0).padStart(8)}${size.padStart(12)}   ${(result.seconds / base.seconds).toFixed(2)}× time, ${(result.megabytes / base.megabytes).toFixed(2)}× memory${result.problem === undefined ? "" : `  ${result.problem}`}`);
    }
  }
}
