/**
 * What is not a workload: cold starts, times of compiling, and what a barrier costs. Starts are of whole processes, by turns;
 * compile times are processor time of the compiler's thread, in a process of its own in which nothing was compiled before.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { duration } from "../../../compiler/bsp/report/text.ts";
import { compile } from "../../../compiler/index.ts";
import { Engine } from "../../../runtime/index.ts";
import { ninePrograms } from "../programs.ts";
import { OnnxModel } from "./onnx.ts";
import type { Result, TargetResult } from "./report.ts";
import { numbers } from "./workload.ts";
import { workloads } from "./workloads.ts";
import { median } from "../rounds.ts";

const startRounds = 9;

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Reached when the value is at most so much; as a ratio of which 1 is just enough. */
const within = (what: string, seconds: number, most: number): TargetResult => ({ what: `${what} ≤ ${duration(most)}`, value: most / seconds, least: 1, reached: seconds <= most });

/** Seconds of a process from its start to its end. */
function runOnce(args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`node ${args.join(" ")}: ${stderr}`);
  return (performance.now() - start) / 1000;
}

/** The perceptron, batch 1, compiled with its weights, and as ONNX: how each starts. */
async function startsOf(folder: string): Promise<Map<string, readonly string[]>> {
  const mlp = workloads.find(({ name }) => name === "mlp-1")!;
  const [wasm, onnx] = [join(folder, "mlp.wasm"), join(folder, "mlp.onnx")];
  const weights = new Map(mlp.weights!.map((spec) => [spec.name, { dtype: "f32", shape: spec.shape, data: numbers(spec) } as const]));
  const { executable } = await compile("mlp.gph", { weights, readFile: () => mlp.source });
  writeFileSync(wasm, executable!);
  const model = new OnnxModel();
  mlp.onnx!(model);
  writeFileSync(onnx, model.finish());
  const peers = ["onnxruntime-node", "onnxruntime-web"].filter((name) => existsSync(new URL(`../peers/node_modules/${name}`, import.meta.url)));
  return new Map<string, readonly string[]>([
    ["node", ["-e", "0"]],
    ["gph", [fileOf("starts/gph.mjs"), wasm]],
    ["gph run", [fileOf("../../../bin/gph.js"), "run", wasm, "--in", "x=0.5"]],
    ...peers.map((name) => [name, [fileOf("starts/onnx.mjs"), name, onnx]] as const),
  ]);
}

async function coldStarts(folder: string): Promise<Result> {
  // As it is published: what runs from sources has its types erased at every start.
  runOnce([fileOf("../../../scripts/build.ts")]);
  const starts = await startsOf(folder);
  const times = new Map([...starts.keys()].map((name) => [name, [] as number[]]));
  for (const args of starts.values()) runOnce(args);
  for (let round = 0; round < startRounds; round++) for (const [name, args] of starts) times.get(name)!.push(runOnce(args));
  const seconds = Object.fromEntries([...times].map(([name, values]) => [name, median(values)]));
  // Differences within a round: the machine's speed wanders.
  const above = (name: string): number => median(times.get(name)!.map((time, round) => time - times.get("node")![round]!));
  return { workload: "cold-start", seconds, missing: {}, rounds: startRounds, targets: [within("gph above Node", above("gph"), 0.03)] };
}

/** Each in a process of its own, in which nothing was compiled before. */
function compileTimes(): Result {
  const names = [...ninePrograms.map(([name]) => name), "resnet-50"];
  const timesOf = (asked: readonly string[]): { readonly [name: string]: number } => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [fileOf("starts/compile.ts"), ...asked], { encoding: "utf8" });
    if (status !== 0) throw new Error(`compiling ${asked.join(", ")}: ${stderr}`);
    return JSON.parse(stdout) as { readonly [name: string]: number };
  };
  const first = Object.fromEntries(names.map((name) => [name, median([0, 1, 2].map(() => timesOf([name])[name]!))]));
  const targets = names.map((name) => within(name, first[name]!, name === "resnet-50" ? 5 : 0.3));
  return { workload: "compile", seconds: first, missing: {}, rounds: 3, targets };
}

/** Short runs, so that a processor lent to other work spoils few of them. */
const barrierTurns = 500;
const barrierRounds = 500;
const barriersOfTurn = 2;

/** Two numbers, on the first tile and the last, are swapped again and again: two supersteps a turn, and next to no work. */
const barrierSource = `graph turns(turns: int) {
  out y: f32[2];
  var u: f32[2] = 0;
  map u[0:1] on 0;
  map u[1:2] on tiles - 1;
  program main {
    repeat turns { u = concat(u[1:2], u[0:1], axis = 0) + 1; }
    y = u;
  }
}`;

async function barriers(): Promise<Result> {
  const { executable, diagnostics } = await compile("turns.gph", { parameters: { turns: barrierTurns }, readFile: () => barrierSource });
  if (executable === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  await using engines = new AsyncDisposableStack();
  const [one, two] = [engines.use(await Engine.load(executable)), engines.use(await Engine.load(executable, { workers: 2 }))];
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < barrierRounds; round++) {
    [one, two].forEach((engine, at) => {
      const start = performance.now();
      engine.runSync();
      times[at]!.push((performance.now() - start) / 1000 / (barriersOfTurn * barrierTurns));
    });
  }
  const seconds = { "one worker": median(times[0]), "two workers": median(times[1]) };
  return { workload: "superstep", seconds, missing: {}, rounds: barrierRounds, targets: [within("two workers", seconds["two workers"], 0.5e-6)] };
}

export async function measureOverheads(): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), "gph-bench-"));
  try {
    const results = [await barriers(), await coldStarts(folder), compileTimes()];
    for (const { workload, seconds, targets } of results) {
      console.log(`\n${workload}`);
      for (const [name, time] of Object.entries(seconds)) console.log(`  ${name.padEnd(22)}${duration(time).padStart(12)}`);
      for (const { what, value, reached } of targets) console.log(`  ${reached ? "pass" : "MISS"}  ${what.padEnd(34)}${value!.toFixed(2).padStart(8)}`);
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
