/** Prints the bulk-synchronous level: supersteps with their phases, and addresses once they are planned. */
import { unreachable } from "../support/bug.ts";
import { printComputeSet, printCopy, printHost, printKernels, printTensors } from "../tiled/print.ts";
import type { ComputeSet, TiledGraph } from "../tiled/tiled.ts";
import type { BspGraph, BspStep, PlannedGraph } from "./bsp.ts";
import { forEachStep, programsOf } from "./steps.ts";

export function print(graph: BspGraph | PlannedGraph): string {
  const { tiled } = graph;
  const plan = "plan" in graph ? graph.plan : undefined;
  const lines = [`bsp ${tiled.graph.name} on ${tiled.tiles} tiles`];
  if (plan) lines.push(`  ${plan.bytes} bytes${plan.tiles.stride > 0 ? `, ${plan.tiles.bytes} on each tile` : ""}`);
  lines.push(...printTensors(tiled, (id) => (plan?.offsets[id] === undefined ? "" : ` at ${plan.offsets[id]}`)));
  for (const program of programsOf(graph)) {
    const { supersteps, syncs } = countSupersteps(program.steps);
    lines.push("", `program ${program.name}: ${supersteps} supersteps, ${syncs} syncs`, ...indent(printSteps(tiled, program.steps)));
  }
  return `${lines.join("\n")}\n`;
}

/** The same, with the kernels. */
export function printWithKernels(graph: BspGraph | PlannedGraph): string {
  const sets: ComputeSet[] = [];
  for (const { steps } of programsOf(graph)) {
    forEachStep(steps, (step) => {
      if (step.kind === "superstep") for (const phase of step.phases) if (phase.kind === "compute") sets.push(phase.set);
    });
  }
  return print(graph) + printKernels(sets);
}

/** As written, not as often as loops repeat them. */
function countSupersteps(steps: readonly BspStep[]): { supersteps: number; syncs: number } {
  let supersteps = 0;
  let syncs = 0;
  forEachStep(steps, (step) => {
    if (step.kind !== "superstep") return;
    supersteps += 1;
    if (step.sync) syncs += 1;
  });
  return { supersteps, syncs };
}

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function printSteps(tiled: TiledGraph, steps: readonly BspStep[]): string[] {
  return steps.flatMap((step) => printStep(tiled, step));
}

function printStep(tiled: TiledGraph, step: BspStep): string[] {
  const nested = (steps: readonly BspStep[]): string[] => indent(printSteps(tiled, steps));
  switch (step.kind) {
    case "superstep":
      return ["superstep", ...indent(step.phases.flatMap((phase) => (phase.kind === "compute" ? printComputeSet(phase.set) : ["exchange", ...indent(phase.copies.map((copy) => printCopy(tiled, copy)))]))), ...(step.sync ? ["sync"] : [])];
    case "repeat": return [`repeat ${step.counted === "constant" ? step.count : `t${step.count}`}`, ...nested(step.body)];
    case "while": return ["while", ...nested(step.before), `  test t${step.condition}`, "do", ...nested(step.body)];
    case "if": return [`if t${step.condition}`, ...nested(step.then), ...(step.otherwise.length > 0 ? ["else", ...nested(step.otherwise)] : [])];
    case "switch": return [`switch t${step.subject}`, ...step.cases.flatMap((value, i) => [`case ${value}`, ...nested(step.bodies[i]!)]), "default", ...nested(step.otherwise)];
    case "host": return [printHost(step.event)];
    default: return unreachable(step);
  }
}
