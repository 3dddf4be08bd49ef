/**
 * What a program costs on a modelled machine: the tree of its steps with the cycles of each superstep, and totals over as many
 * executions as are planned or were counted.
 *
 * In a superstep, phases of one kind that follow each other are one part. Between a part that computes and an exchange that
 * moves something tiles wait for each other, as they do at the end of a superstep with a sync: every tile must be there
 * before an exchange begins. Bytes between host and tiles are counted apart and take no cycles.
 *
 * The work is proportional to tiles, families and blocks, never to elements, nor to pairs of tiles. Exchanges are scheduled in the order of the program
 * until they have had `scheduleBudget` receipts; those after count with their bound, and say so.
 */
import { programsOf } from "../graph/graph.ts";
import { unreachable } from "../support/bug.ts";
import type { MeasuredTrips } from "../kernel/cycles.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Span } from "../support/span.ts";
import type { Target } from "../targets/target.ts";
import type { ComputeSet, Copy, TiledGraph } from "../tiled/tiled.ts";
import type { BspGraph, BspStep, Phase } from "./bsp.ts";
import { ComputeModel, type ComputeCost } from "./compute-cost.ts";
import { exchangeCost, scheduleLimit, type ExchangeCost } from "./exchange/index.ts";
import { loopCounters } from "./loop-counters.ts";
import { numberSteps } from "./steps.ts";
import type { Tally } from "./tile-classes.ts";

/** All exchanges of a graph are scheduled for their cost up to this many receipts, which takes a second or so. */
const scheduleBudget = 131_072;

export interface ExchangePart extends ExchangeCost {
  readonly kind: "exchange";
  readonly copies: readonly Copy[];
  readonly origin: Span;
}

export type PartCost = ComputeCost | ExchangePart;

export interface SuperstepCost {
  readonly kind: "superstep";
  /** The step's number (`numberSteps`). */
  readonly id: number;
  readonly parts: readonly PartCost[];
  /** Cycles of one execution, by what they are spent on. */
  readonly compute: number;
  readonly exchange: number;
  readonly sync: number;
  /** How often tiles wait for each other. */
  readonly syncs: number;
  /** Moved between tiles, and between host and tiles. */
  readonly bytes: number;
  readonly hostBytes: number;
  readonly guessed: boolean;
  readonly origin: Span;
}

/** A step that holds others, in blocks: the branches of an `if`, the test and the body of a `while`. */
export interface NestCost {
  readonly kind: "repeat" | "while" | "if" | "switch";
  readonly id: number;
  /** How often a `repeat` repeats, when it is known. */
  readonly count?: number;
  readonly blocks: readonly { readonly label: string; readonly steps: readonly StepCost[] }[];
  readonly origin: Span;
}

export interface HostCost {
  readonly kind: "host";
  readonly id: number;
  readonly what: string;
  readonly syncs: number;
  readonly sync: number;
  readonly origin: Span;
}

export type StepCost = SuperstepCost | NestCost | HostCost;

export interface ProgramCost {
  readonly name: string;
  readonly steps: readonly StepCost[];
  readonly origin: Span;
}

export interface GraphCost {
  readonly programs: readonly ProgramCost[];
}

/** Sums over executed steps. */
export interface Totals {
  readonly supersteps: number;
  readonly syncs: number;
  readonly compute: number;
  readonly exchange: number;
  readonly sync: number;
  readonly cycles: number;
  readonly bytes: number;
  readonly hostBytes: number;
  /** Σ over supersteps of the mean over tiles; with `compute` it gives the balance. */
  readonly meanCompute: number;
  /** Something was assumed: how often a loop runs, or how long a vertex takes. */
  readonly assumed: boolean;
}

/** How often a counted loop inside a kernel began, and how often its body ran. */
export interface LoopCount {
  readonly entries: number;
  readonly rounds: number;
}

/** `loops`: counts by `loopCounters`; of loops that ran, their mean trips are taken instead of a guess. */
export function costOfGraph(graph: BspGraph, target: Target, tally: Tally = { visits: 0 }, loops: readonly LoopCount[] = []): GraphCost {
  const model = new CostModel(graph, target, tally, loops);
  return { programs: programsOf(graph).map(({ name, steps, origin }) => ({ name, steps: model.steps(steps), origin })) };
}

/** Cycles of all programs of a graph, each once, with exchanges that take no longer than their bound: to compare plans by. */
export function boundOfGraph(graph: BspGraph, target: Target): number {
  const model = new CostModel(graph, target, { visits: 0 }, [], false);
  return graph.programs.reduce((sum, { steps }) => sum + plannedTotals(model.steps(steps)).cycles, 0);
}

class CostModel {
  readonly #tiled: TiledGraph;
  readonly #target: Target;
  readonly #compute: ComputeModel;
  readonly #ids: ReadonlyMap<BspStep, number>;
  readonly #schedules: boolean;
  /** Receipts that may still be scheduled. */
  #budget = scheduleBudget;

  constructor(graph: BspGraph, target: Target, tally: Tally, loops: readonly LoopCount[], schedules = true) {
    this.#schedules = schedules;
    this.#tiled = graph.tiled;
    this.#target = target;
    this.#compute = new ComputeModel(target, graph.tiled.tiles, tally, loops.length === 0 ? undefined : measuredTrips(graph, loops));
    this.#ids = numberSteps(graph);
  }

  steps(steps: readonly BspStep[]): StepCost[] {
    return steps.map((step) => this.#step(step));
  }

  #step(step: BspStep): StepCost {
    const id = this.#ids.get(step)!;
    const { origin } = step;
    const block = (label: string, steps: readonly BspStep[]) => ({ label, steps: this.steps(steps) });
    switch (step.kind) {
      case "superstep": return this.#superstep(step, id);
      case "repeat": return { kind: "repeat", id, ...(step.counted === "constant" ? { count: step.count } : {}), blocks: [block("body", step.body)], origin };
      case "while": return { kind: "while", id, blocks: [block("test", step.before), block("body", step.body)], origin };
      case "if": return { kind: "if", id, blocks: [block("then", step.then), block("else", step.otherwise)], origin };
      case "switch": return { kind: "switch", id, blocks: [...step.cases.map((value, i) => block(`case ${value}`, step.bodies[i]!)), block("default", step.otherwise)], origin };
      case "host": return { kind: "host", id, what: step.event.kind, syncs: 2, sync: 2 * this.#target.syncCycles, origin };
      default: return unreachable(step);
    }
  }

  #superstep(step: Extract<BspStep, { kind: "superstep" }>, id: number): SuperstepCost {
    const parts: PartCost[] = [];
    let [compute, exchange, syncs, bytes, hostBytes] = [0, 0, step.sync ? 1 : 0, 0, 0];
    for (const phases of partsOf(step.phases)) {
      if (phases[0]!.kind === "compute") {
        const part = this.#compute.cost(phases.map((phase) => (phase as Extract<Phase, { kind: "compute" }>).set) satisfies ComputeSet[]);
        compute += part.cycles;
        parts.push(part);
        continue;
      }
      const exchanges = phases as readonly Extract<Phase, { kind: "exchange" }>[];
      const copies = exchanges.flatMap((phase) => phase.copies);
      const part: ExchangePart = { kind: "exchange", ...exchangeCost(this.#tiled, copies, this.#target, Math.min(this.#budget, scheduleLimit), this.#schedules), copies, origin: exchanges[0]!.origin };
      if (part.scheduled) this.#budget -= part.receipts;
      if (part.bytes > 0 && parts.some(({ kind }) => kind === "compute")) syncs++;
      exchange += part.cycles;
      bytes += part.bytes;
      hostBytes += part.hostBytes;
      parts.push(part);
    }
    return { kind: "superstep", id, parts, compute, exchange, syncs, sync: syncs * this.#target.syncCycles, bytes, hostBytes, guessed: parts.some((part) => part.kind === "compute" && part.guessed), origin: step.origin };
  }
}

function measuredTrips(graph: BspGraph, loops: readonly LoopCount[]): (kernel: Kernel) => MeasuredTrips {
  const counters = loopCounters(graph);
  return (kernel) => new Map(counters.of(kernel).flatMap(({ loop, number }) => {
    const { entries, rounds } = loops[number] ?? { entries: 0, rounds: 0 };
    return entries === 0 ? [] : [[loop, rounds / entries] as const];
  }));
}

/** Phases of one kind that follow each other, together. */
function partsOf(phases: readonly Phase[]): Phase[][] {
  const parts: Phase[][] = [];
  for (const phase of phases) {
    const last = parts.at(-1);
    if (last !== undefined && last[0]!.kind === phase.kind) last.push(phase);
    else parts.push([phase]);
  }
  return parts;
}

const nothing: Totals = { supersteps: 0, syncs: 0, compute: 0, exchange: 0, sync: 0, cycles: 0, bytes: 0, hostBytes: 0, meanCompute: 0, assumed: false };

function addTotals(a: Totals, b: Totals): Totals {
  return {
    supersteps: a.supersteps + b.supersteps, syncs: a.syncs + b.syncs, compute: a.compute + b.compute, exchange: a.exchange + b.exchange,
    sync: a.sync + b.sync, cycles: a.cycles + b.cycles, bytes: a.bytes + b.bytes, hostBytes: a.hostBytes + b.hostBytes,
    meanCompute: a.meanCompute + b.meanCompute, assumed: a.assumed || b.assumed,
  };
}

const timesTotals = (a: Totals, times: number): Totals => ({
  supersteps: a.supersteps * times, syncs: a.syncs * times, compute: a.compute * times, exchange: a.exchange * times,
  sync: a.sync * times, cycles: a.cycles * times, bytes: a.bytes * times, hostBytes: a.hostBytes * times,
  meanCompute: a.meanCompute * times, assumed: a.assumed,
});

/** Of one execution of a superstep or a host step. */
function totalsOnce(step: SuperstepCost | HostCost): Totals {
  if (step.kind === "host") return { ...nothing, syncs: step.syncs, sync: step.sync, cycles: step.sync };
  const meanCompute = step.parts.reduce((sum, part) => sum + (part.kind === "compute" ? part.meanCycles : 0), 0);
  return { ...nothing, supersteps: 1, syncs: step.syncs, compute: step.compute, exchange: step.exchange, sync: step.sync, cycles: step.compute + step.exchange + step.sync, bytes: step.bytes, hostBytes: step.hostBytes, meanCompute, assumed: step.guessed };
}

/**
 * Of one run, as planned: a `repeat` as often as it says, a loop that data decides once, of branches the dearest. `assumed`
 * tells that such a thing occurred.
 */
export function plannedTotals(steps: readonly StepCost[]): Totals {
  return steps.reduce((sum, step) => addTotals(sum, plannedStep(step)), nothing);
}

function plannedStep(step: StepCost): Totals {
  switch (step.kind) {
    case "superstep": case "host": return totalsOnce(step);
    case "repeat": {
      const body = plannedTotals(step.blocks[0]!.steps);
      return step.count === undefined ? { ...body, assumed: true } : timesTotals(body, step.count);
    }
    case "while": return { ...addTotals(addTotals(plannedTotals(step.blocks[0]!.steps), plannedTotals(step.blocks[1]!.steps)), nothing), assumed: true };
    case "if": case "switch": {
      const branches = step.blocks.map((block) => plannedTotals(block.steps));
      return { ...branches.reduce((dearest, branch) => (branch.cycles > dearest.cycles ? branch : dearest)), assumed: true };
    }
    default: return unreachable(step);
  }
}

/** Of steps that were executed as often as `times` tells by their numbers. */
export function countedTotals(steps: readonly StepCost[], times: (id: number) => number): Totals {
  return steps.reduce((sum, step) => addTotals(sum, step.kind === "superstep" || step.kind === "host"
    ? timesTotals(totalsOnce(step), times(step.id))
    : step.blocks.reduce((all, block) => addTotals(all, countedTotals(block.steps, times)), nothing)), nothing);
}

/** How often each superstep and host step runs, as planned: by its number. */
export function plannedTimes(steps: readonly StepCost[], times = 1, found = new Map<number, number>()): Map<number, number> {
  for (const step of steps) {
    found.set(step.id, times);
    if (step.kind === "superstep" || step.kind === "host") continue;
    for (const block of step.blocks) plannedTimes(block.steps, times * (step.kind === "repeat" ? (step.count ?? 1) : 1), found);
  }
  return found;
}

/** Mean over the tiles of the machine by the tile that takes longest: 1 where all compute equally long. */
export const balanceOf = (totals: Totals): number => (totals.compute === 0 ? 1 : totals.meanCompute / totals.compute);

/** "3 supersteps, 96 bytes exchanged": what a `// cost:` comment expects of a program, as planned. */
export function costOf(graph: BspGraph, target: Target, program = "main"): string {
  const cost = costOfGraph(graph, target).programs.find(({ name }) => name === program);
  if (cost === undefined) return `no program ${program}`;
  const { supersteps, bytes } = plannedTotals(cost.steps);
  return `${supersteps} superstep${supersteps === 1 ? "" : "s"}, ${bytes} bytes exchanged`;
}
