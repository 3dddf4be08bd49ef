/** Walking and rebuilding trees of bsp steps. */
import { programsOf } from "../graph/graph.ts";
import { unreachable } from "../support/bug.ts";
import { stepsInside } from "../tiled/tiled.ts";
import type { BspGraph, BspProgram, BspStep, Phase } from "./bsp.ts";

/** The same steps with every phase replaced. */
export function mapPhases(steps: readonly BspStep[], replace: (phase: Phase) => Phase): BspStep[] {
  const go = (list: readonly BspStep[]): BspStep[] => mapPhases(list, replace);
  return steps.map((step): BspStep => {
    switch (step.kind) {
      case "superstep": return { ...step, phases: step.phases.map(replace) };
      case "repeat": return { ...step, body: go(step.body) };
      case "while": return { ...step, before: go(step.before), body: go(step.body) };
      case "if": return { ...step, then: go(step.then), otherwise: go(step.otherwise) };
      case "switch": return { ...step, bodies: step.bodies.map(go), otherwise: go(step.otherwise) };
      case "host": return step;
      default: return unreachable(step);
    }
  });
}

/** Every step, outer ones first. */
export function forEachStep(steps: readonly BspStep[], visit: (step: BspStep) => void): void {
  for (const step of steps) {
    visit(step);
    if (step.kind !== "superstep" && step.kind !== "host") for (const body of stepsInside(step)) forEachStep(body, visit);
  }
}

/** The same graph with each program's steps mapped. */
export function withSteps<Of extends BspGraph>(graph: Of, map: (steps: readonly BspStep[]) => readonly BspStep[]): Of {
  const of = (program: BspProgram): BspProgram => ({ ...program, steps: map(program.steps) });
  return { ...graph, programs: graph.programs.map(of), initial: of(graph.initial), ...(graph.prepare ? { prepare: of(graph.prepare) } : {}) };
}

/** A number for every step of a graph, outer ones first; passes that keep the tree keep the numbers. */
export function numberSteps(graph: BspGraph): ReadonlyMap<BspStep, number> {
  const numbers = new Map<BspStep, number>();
  for (const { steps } of programsOf(graph)) forEachStep(steps, (step) => numbers.set(step, numbers.size));
  return numbers;
}
