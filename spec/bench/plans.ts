/**
 * Planned against counted: what each program is planned to take on a modelled machine, and what the steps that really ran add
 * up to, with the trips of loops inside vertices as they were counted. They differ only where data decides how often a loop runs.
 *
 *   node spec/bench/plans.ts [target] [tiles]
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { costOfGraph, countedTotals, plannedTotals } from "../../compiler/bsp/cost.ts";
import { columns, percent, whole } from "../../compiler/bsp/report/text.ts";
import { compile } from "../../compiler/compile.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { newArray, sizeOf } from "../../runtime/dtype.ts";
import { Engine, type Manifest } from "../../runtime/index.ts";
import { ninePrograms } from "./programs.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const programs = ninePrograms.map(([, path]) => path);

const named = target(process.argv[2] ?? "ipu-mk2");
const machine = withTiles(named, Number(process.argv[3] ?? named.tiles));

const filled = ({ dtype, shape }: Manifest["states"][number]) => newArray(dtype, sizeOf(shape)).fill(1 as never);

const rows = [["program", "supersteps planned", "counted", "cycles planned", "counted", "compute", "exchange", "sync"]];
for (const path of programs) {
  const { executable, plan, diagnostics } = await compile(path, { readFile: () => readFileSync(root + path, "utf8"), target: machine, profile: true });
  if (executable === undefined || plan === undefined) throw new Error(`${path}: ${diagnostics.map(({ message }) => message).join("; ")}`);
  await using engine = await Engine.load(executable);
  for (const state of engine.manifest.states) if (state.role === "param") engine.write(state.name, filled(state));
  const states = (role: Manifest["states"][number]["role"]) => engine.manifest.states.filter((state) => state.role === role);
  const program = engine.manifest.programs[0]!.name;
  engine.runSync(program, Object.fromEntries(states("in").map((state) => [state.name, filled(state)])), {
    streams: Object.fromEntries([...states("stream in").map((state) => [state.name, () => filled(state)]), ...states("stream out").map(({ name }) => [name, () => undefined])]),
  });
  const counts = engine.stepCounts() ?? [];
  const stepsOf = (loops?: NonNullable<ReturnType<Engine["loopCounts"]>>) => costOfGraph(plan.bsp, machine, undefined, loops).programs.find(({ name }) => name === program)!.steps;
  const planned = plannedTotals(stepsOf());
  const counted = countedTotals(stepsOf(engine.loopCounts() ?? []), (id) => counts[id] ?? 0);
  rows.push([path.split("/").at(-1)!, whole(planned.supersteps), whole(counted.supersteps), whole(planned.cycles), whole(counted.cycles), ...[counted.compute, counted.exchange, counted.sync].map((part) => percent(part / counted.cycles))]);
}
console.log(columns(rows, new Set([1, 2, 3, 4, 5, 6, 7])).join("\n"));
