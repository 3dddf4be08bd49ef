/** gph itself as a contender: compiled from the workload's source, in this process. */
import process from "node:process";
import { compile } from "../../../compiler/index.ts";
import { Engine } from "../../../runtime/index.ts";
import type { Contender, Request } from "./contender.ts";
import { numbers, type Workload } from "./workload.ts";

export async function prepare(workload: Workload, { threads, cached }: Request): Promise<Contender> {
  const small = cached ? workload.cached! : undefined;
  const parameters = small?.parameters ?? workload.parameters ?? {};
  const { executable, diagnostics } = await compile(`${workload.name}.gph`, { parameters, readFile: () => workload.source });
  if (!executable) throw new Error(`${workload.name}: ${diagnostics.map(({ message }) => message).join("\n")}`);
  const engine = await Engine.load(executable, { workers: threads, wideVectors: process.argv.includes("--wide") });
  if (engine.workers !== threads) throw new Error(`${workload.name}: ${engine.workers} workers in place of ${threads}`);
  for (const spec of workload.weights ?? []) engine.write(spec.name, numbers(spec));
  const states = workload.states ?? [];
  if (states.length > 0) engine.runSync("load", Object.fromEntries(states.map((spec) => [`given_${spec.name}`, numbers(spec)])));
  const inputs = Object.fromEntries((small?.inputs ?? workload.inputs).map((spec) => [spec.name, numbers(spec)]));
  if (!workload.passed) for (const [name, data] of Object.entries(inputs)) engine.write(name, data);
  const run = workload.passed ? () => engine.runSync("main", inputs) : () => engine.runSync("main", undefined, { outputs: "views" });
  return {
    run,
    steps: workload.steps ?? 1,
    output: () => Float32Array.from(run()[workload.output]!.data as Float32Array),
    close: () => engine.close(),
  };
}
