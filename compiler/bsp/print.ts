/** Prints the bulk-synchronous level: supersteps with their phases, and addresses once they are planned. */
import { programsOf } from "../graph/graph.ts";
import { indent, printComputeSet, printControl, printCopy, printHost, printKernels, printTensors } from "../tiled/print.ts";
import type { ComputeSet, TiledGraph } from "../tiled/tiled.ts";
import type { BspGraph, BspStep, PlannedGraph } from "./bsp.ts";
import { forEachStep } from "./steps.ts";

export function print(graph: BspGraph | PlannedGraph): string {
  const { tiled } = graph;
  const plan = "plan" in graph ? graph.plan : undefined;
  const lines = [`bsp ${tiled.graph.name} on ${tiled.tiles} tiles`];
  if (plan) lines.push(`  ${plan.bytes} bytes${plan.tiles.stride > 0 ? `, ${plan.tiles.bytes} on each tile` : ""}`);
  lines.push(...printTensors(tiled, (id) => (plan?.offsets[id] === undefined ? "" : ` at ${plan.offsets[id]}`)));
  for (const program of programsOf(graph)) {
    const { supersteps, syncs } = countSupersteps(program.steps);
    lines.push("", `program ${program.name}: ${supersteps} supersteps, ${syncs} syncs`, ...indent(program.steps.flatMap((step) => printStep(tiled, step))));
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

function printStep(tiled: TiledGraph, step: BspStep): string[] {
  switch (step.kind) {
    case "superstep":
      return ["superstep", ...indent(step.phases.flatMap((phase) => (phase.kind === "compute" ? printComputeSet(phase.set) : ["exchange", ...indent(phase.copies.map((copy) => printCopy(tiled, copy)))]))), ...(step.sync ? ["sync"] : [])];
    case "host": return [printHost(step.event)];
    default: return printControl(step, (inner) => printStep(tiled, inner));
  }
}
