/**
 * A report says what a program costs: as planned, or as counted in a run. Plain data with places in the source, the JSON of
 * `gph plan --json` and `gph run --profile`; `spec/profile.md` documents it, `tables.ts` shows it to people.
 */
import { formatType } from "../../graph/graph.ts";
import { parameterValues } from "../../graph/parameters.ts";
import { unreachable } from "../../support/bug.ts";
import type { Sources, Span } from "../../support/span.ts";
import type { Target } from "../../targets/target.ts";
import type { Copy, TiledGraph } from "../../tiled/tiled.ts";
import type { BspGraph, MemoryPlan } from "../bsp.ts";
import type { SetCost } from "../compute-cost.ts";
import { balanceOf, costOfGraph, countedTotals, plannedTimes, plannedTotals, type LoopCount, type ProgramCost, type StepCost, type SuperstepCost, type Totals } from "../cost.ts";
import { forEachKernel, loopCounters } from "../loop-counters.ts";
import { memoryUse } from "../memory-use.ts";
import { numberSteps } from "../steps.ts";
import { TensorNames } from "./names.ts";
import { lineOf, Places, type Place } from "./places.ts";

const reportFormat = 1;

export interface Report {
  readonly format: typeof reportFormat;
  /** `plan`: worked out, nothing ran. `profile`: with counts of a run. */
  readonly kind: "plan" | "profile";
  readonly generator: string;
  readonly graph: string;
  readonly parameters: { readonly [name: string]: unknown };
  readonly target: Target;
  /** Whether the machine's cycles are modelled: with private tile memory. Without, fields of cycles are absent. */
  readonly modelled: boolean;
  /** Tiles that the program is split over: fewer than the machine has where not all of its chips, or of their memories, are used. */
  readonly tiles: number;
  readonly run?: RunReport;
  readonly programs: readonly ProgramReport[];
  /** Of a profile: the loops inside vertices whose trips are not known when compiling, as counted; those that ran. */
  readonly loops?: readonly LoopReport[];
  readonly memory: MemoryReport;
}

/** One line's loop, over all vertices, workers and runs. */
export interface LoopReport {
  readonly place: Place;
  /** Of the kernels it is in. */
  readonly kernel: string;
  /** How often it began, and how often its body ran. */
  readonly entries: number;
  readonly rounds: number;
}

/** What was run, and how long it took here: not on the machine that is modelled. */
export interface RunReport {
  readonly program: string;
  readonly runs: number;
  readonly workers: number;
  readonly seconds: number;
}

export interface ProgramReport {
  readonly name: string;
  readonly place: Place;
  readonly totals: TotalsReport;
  readonly steps: readonly StepReport[];
}

export interface Cycles {
  readonly compute: number;
  readonly exchange: number;
  readonly sync: number;
  readonly total: number;
}

export interface TotalsReport {
  readonly supersteps: number;
  readonly syncs: number;
  /** Exchanged between tiles; to or from the host. */
  readonly bytes: number;
  readonly hostBytes: number;
  /** Some number of iterations was assumed: of a loop that data decides, or inside a vertex. */
  readonly assumed: boolean;
  readonly cycles?: Cycles;
  /** At the machine's clock. */
  readonly seconds?: number;
  /** Mean compute over tiles by that of the slowest; 1 is even. */
  readonly balance?: number;
}

interface StepBase {
  readonly id: number;
  readonly place: Place;
  /** How often it runs, or ran. */
  readonly executions: number;
}

export interface SuperstepReport extends StepBase {
  readonly kind: "superstep";
  readonly syncs: number;
  readonly bytes: number;
  readonly hostBytes: number;
  /** Of one execution. */
  readonly cycles?: Cycles;
  readonly parts: readonly PartReport[];
}

export interface NestReport extends StepBase {
  readonly kind: "repeat" | "while" | "if" | "switch";
  /** Of a `repeat` with a known count. */
  readonly count?: number;
  readonly blocks: readonly { readonly label: string; readonly steps: readonly StepReport[] }[];
}

export interface HostReport extends StepBase {
  readonly kind: "host";
  readonly what: string;
}

export type StepReport = SuperstepReport | NestReport | HostReport;

export type PartReport =
  | {
      readonly kind: "compute";
      readonly sets: readonly { readonly name: string; readonly place: Place; /** The other lines that it is of. */ readonly also?: readonly Place[]; readonly cycles?: number; readonly families: readonly FamilyReport[] }[];
      readonly busyTiles: number;
      readonly cycles?: number;
      readonly meanCycles?: number;
      readonly slowestTile?: number;
      readonly balance?: number;
      readonly guessed?: boolean;
    }
  | {
      readonly kind: "exchange";
      readonly bytes: number;
      readonly hostBytes: number;
      readonly copies: readonly CopyReport[];
      readonly cycles?: number;
      /** No schedule is shorter. */
      readonly boundCycles?: number;
      /** Whether the cycles are those of a schedule; otherwise they are the bound. */
      readonly scheduled?: boolean;
      readonly busiest?: { readonly tile: number; readonly bytesIn: number; readonly bytesOut: number };
    };

export interface FamilyReport {
  readonly name: string;
  readonly vertices: number;
  /** Of one vertex, on one thread. */
  readonly cyclesPerVertex?: number;
}

export interface CopyReport {
  readonly from: string;
  readonly to: string;
  readonly cause: string;
  readonly place: Place;
}

export interface MemoryReport {
  /** Of a tile, or of the whole machine where memory is shared. */
  readonly capacity: number;
  /** What the plan takes, with the code and tables of the tile that has most of them: addresses are the same on all tiles. Absent where no plan was made. */
  readonly planned?: number;
  readonly fits: boolean;
  /** The tile that holds most at one moment, and what it holds then. */
  readonly fullest: {
    readonly tile: number;
    readonly bytes: number;
    readonly keptBytes: number;
    /** Estimates of what the program itself takes of it, and what is lost between tensors. */
    readonly codeBytes: number;
    readonly tableBytes: number;
    readonly alignmentBytes: number;
    readonly program: string;
    readonly tensors: readonly { readonly name: string; readonly type: string; readonly pieces: number; readonly bytes: number; readonly kept: boolean; readonly place: Place }[];
  };
  /** Tiles that hold equally much, the fullest first; at most 32 classes. */
  readonly classes: readonly { readonly tile: number; readonly tiles: number; readonly bytes: number }[];
  /** Bytes on the fullest tile between one wait of all tiles and the next. */
  readonly overTime: readonly { readonly program: string; readonly moments: readonly { readonly bytes: number; readonly steps: readonly number[] }[] }[];
}

export interface ReportOptions {
  readonly target: Target;
  readonly sources: Sources;
  readonly generator: string;
  readonly memory?: MemoryPlan | undefined;
  /** By the steps' numbers, of everything that ran; with it the report is a profile. */
  readonly counts?: readonly number[];
  /** By `loopCounters`, of everything that ran: with them cycles take the mean trips of loops inside vertices, not guesses. */
  readonly loops?: readonly LoopCount[];
  readonly run?: RunReport;
}

export function reportOf(graph: BspGraph, options: ReportOptions): Report {
  return new Reporter(graph, options).report();
}

class Reporter {
  readonly #graph: BspGraph;
  readonly #tiled: TiledGraph;
  readonly #options: ReportOptions;
  readonly #places: Places;
  readonly #names: TensorNames;
  readonly #modelled: boolean;

  constructor(graph: BspGraph, options: ReportOptions) {
    this.#graph = graph;
    this.#tiled = graph.tiled;
    this.#options = options;
    this.#places = new Places(options.sources);
    this.#names = new TensorNames(this.#tiled, this.#places);
    this.#modelled = options.target.memory === "private";
  }

  report(): Report {
    const { target, generator, counts, loops, run } = this.#options;
    const { graph } = this.#tiled;
    return {
      format: reportFormat,
      kind: counts === undefined ? "plan" : "profile",
      generator,
      graph: graph.name,
      parameters: parameterValues(graph),
      target,
      modelled: this.#modelled,
      tiles: this.#tiled.tiles,
      ...(run === undefined ? {} : { run }),
      programs: costOfGraph(this.#graph, target, undefined, loops).programs.filter(({ steps }) => steps.length > 0).map((program) => this.#program(program)),
      ...(loops === undefined ? {} : { loops: this.#loops(loops) }),
      memory: this.#memory(),
    };
  }

  /** Loops of one place are one; kernels for edges have the same. */
  #loops(counts: readonly LoopCount[]): LoopReport[] {
    const counters = loopCounters(this.#graph);
    const seen = new Set<number>();
    const found = new Map<string, { readonly place: Place; readonly kernel: string; entries: number; rounds: number }>();
    forEachKernel(this.#graph, (kernel) => {
      for (const { loop, number } of counters.of(kernel)) {
        const count = counts[number];
        if (seen.has(number) || count === undefined || count.entries === 0) continue;
        seen.add(number);
        const key = `${kernel.name} ${loop.origin.file}:${loop.origin.start}`;
        const known = found.get(key) ?? { place: this.#place(loop.origin), kernel: kernel.name, entries: 0, rounds: 0 };
        known.entries += count.entries;
        known.rounds += count.rounds;
        found.set(key, known);
      }
    });
    return [...found.values()];
  }

  #program({ name, steps, origin }: ProgramCost): ProgramReport {
    const { counts } = this.#options;
    const planned = counts === undefined ? plannedTimes(steps) : undefined;
    const times = (id: number): number => (planned === undefined ? (counts![id] ?? 0) : (planned.get(id) ?? 0));
    const totals = counts === undefined ? plannedTotals(steps) : countedTotals(steps, times);
    return { name, place: this.#place(origin), totals: this.#totals(totals), steps: steps.map((step) => this.#step(step, times)) };
  }

  #place(span: Span): Place {
    return this.#places.at(span);
  }

  #totals(totals: Totals): TotalsReport {
    const { supersteps, syncs, bytes, hostBytes, assumed, compute, exchange, sync, cycles } = totals;
    return {
      supersteps, syncs, bytes, hostBytes, assumed,
      ...(this.#modelled ? { cycles: { compute, exchange, sync, total: cycles }, seconds: cycles / (this.#options.target.clockGHz * 1e9), balance: balanceOf(totals) } : {}),
    };
  }

  #step(step: StepCost, times: (id: number) => number): StepReport {
    const base = { id: step.id, place: this.#place(placeOf(step)), executions: times(step.id) };
    switch (step.kind) {
      case "superstep": return { kind: "superstep", ...base, ...this.#superstep(step) };
      case "host": return { kind: "host", ...base, what: step.what };
      case "repeat": case "while": case "if": case "switch":
        return { kind: step.kind, ...base, ...(step.count === undefined ? {} : { count: step.count }), blocks: step.blocks.map(({ label, steps }) => ({ label, steps: steps.map((inner) => this.#step(inner, times)) })) };
      default: return unreachable(step);
    }
  }

  #superstep({ syncs, bytes, hostBytes, compute, exchange, sync, parts }: SuperstepCost): Omit<SuperstepReport, keyof StepBase | "kind"> {
    return {
      syncs, bytes, hostBytes,
      ...(this.#modelled ? { cycles: { compute, exchange, sync, total: compute + exchange + sync } } : {}),
      parts: parts.map((part): PartReport => {
        if (part.kind === "compute") {
          const { cycles, meanCycles, slowestTile, busyTiles, guessed, sets } = part;
          return {
            kind: "compute", busyTiles,
            ...(this.#modelled ? { cycles, meanCycles, slowestTile, balance: cycles === 0 ? 1 : meanCycles / cycles, guessed } : {}),
            sets: sets.map((set) => ({
              name: set.name, place: this.#place(set.origin), ...this.#also(set), ...(this.#modelled ? { cycles: set.cycles } : {}),
              families: set.families.map(({ name, vertices, cyclesPerVertex }) => ({ name, vertices, ...(this.#modelled ? { cyclesPerVertex } : {}) })),
            })),
          };
        }
        const { cycles, boundCycles, scheduled, busiest, copies } = part;
        return {
          kind: "exchange", bytes: part.bytes, hostBytes: part.hostBytes, copies: copies.map((copy) => this.#copy(copy)),
          ...(this.#modelled ? { cycles, boundCycles, scheduled, busiest } : {}),
        };
      }),
    };
  }

  /** Lines of what was joined beside the first. */
  #also({ origin, joined = [] }: SetCost): { readonly also?: readonly Place[] } {
    const lines = new Map([origin, ...joined].map((span) => [lineOf(this.#place(span)), this.#place(span)]));
    return lines.size < 2 ? {} : { also: [...lines.values()].slice(1) };
  }

  #copy(copy: Copy): CopyReport {
    const [to, from] = copy.direction === "pull" ? [copy.driver, copy.other] : [copy.other, copy.driver];
    return { from: this.#names.of(from), to: this.#names.of(to), cause: copy.cause, place: this.#place(copy.origin) };
  }

  #memory(): MemoryReport {
    const { target, memory } = this.#options;
    const use = memoryUse(this.#graph, target.memory);
    const numbers = numberSteps(this.#graph);
    const planned = memory === undefined ? undefined : target.memory === "shared" ? memory.bytes : memory.tiles.bytes + (memory.program ? memory.program.code + memory.program.tables : 0);
    return {
      capacity: target.bytesPerTile,
      ...(planned === undefined ? {} : { planned }),
      fits: planned !== undefined,
      fullest: {
        tile: use.tile, bytes: use.bytes, keptBytes: use.keptBytes, codeBytes: use.codeBytes, tableBytes: use.tableBytes, alignmentBytes: use.alignmentBytes, program: use.program,
        tensors: use.tensors.map(({ tensor, pieces, bytes }) => {
          const { type, persistent, origin } = this.#tiled.tensors[tensor]!;
          return { name: this.#names.of(tensor), type: formatType(type), pieces, bytes, kept: persistent, place: this.#place(origin) };
        }),
      },
      classes: use.classes.slice(0, 32),
      overTime: use.programs.filter(({ intervals }) => intervals.some(({ steps }) => steps.length > 0)).map(({ name, intervals }) => ({
        program: name,
        moments: intervals.filter(({ steps }) => steps.length > 0).map(({ bytes, steps }) => ({ bytes, steps: steps.map((step) => numbers.get(step)!) })),
      })),
    };
  }
}

/** The line that says what a step is for: of a superstep, where it computes longest. */
function placeOf(step: StepCost): Span {
  if (step.kind !== "superstep") return step.origin;
  const sets = step.parts.flatMap((part) => (part.kind === "compute" ? part.sets : []));
  return sets.length === 0 ? step.origin : sets.reduce((longest, set) => (set.cycles > longest.cycles ? set : longest)).origin;
}
