/** The pipeline: one line per pass, in order. Read it as the table of contents. */
import { chooseChips } from "./bsp/choose-chips.ts";
import { formSupersteps } from "./bsp/passes/form-supersteps.ts";
import { optimiseKernels } from "./bsp/passes/optimise-kernels.ts";
import { planMemory } from "./bsp/passes/plan-memory.ts";
import { print as printBsp, printWithKernels as printBspWithKernels } from "./bsp/print.ts";
import type { PlannedGraph } from "./bsp/bsp.ts";
import { verifyBsp, verifyPlan } from "./bsp/verify.ts";
import type { Graph } from "./graph/graph.ts";
import { alignRolls } from "./graph/passes/align-rolls.ts";
import { checkIndices } from "./graph/passes/check-indices.ts";
import { borderConvolutions } from "./graph/passes/border-convolutions.ts";
import { cutLongRows } from "./graph/passes/cut-long-rows.ts";
import { foldConstants } from "./graph/passes/fold-constants.ts";
import { differentiate } from "./graph/passes/differentiate.ts";
import { doubleBuffer } from "./graph/passes/double-buffer.ts";
import { fuse } from "./graph/passes/fuse.ts";
import { fuseAttention } from "./graph/passes/fuse-attention.ts";
import { fuseResults } from "./graph/passes/fuse-results.ts";
import { fuseRolls } from "./graph/passes/fuse-rolls.ts";
import { fuseUpdates } from "./graph/passes/fuse-updates.ts";
import { hoistPacking } from "./graph/passes/hoist-packing.ts";
import { hoist } from "./graph/passes/hoist.ts";
import { mergeEqualNodes } from "./graph/passes/merge-equal-nodes.ts";
import { narrowProducts } from "./graph/passes/narrow-products.ts";
import { packConvolutions } from "./graph/passes/pack-convolutions.ts";
import { packProducts } from "./graph/passes/pack-products.ts";
import { removeDeadNodes } from "./graph/passes/remove-dead-nodes.ts";
import { simplifyAlgebra } from "./graph/passes/simplify-algebra.ts";
import { print as printGraph } from "./graph/print.ts";
import { verify as verifyGraph } from "./graph/verify.ts";
import type { Diagnostics } from "./support/diagnostic.ts";
import type { Change, Pass, PassContext, PassOptions } from "./support/pass.ts";
import { watched, type Watch } from "./support/watch.ts";
import type { Target } from "./targets/target.ts";
import { withTiles } from "./targets/targets.ts";
import { joinLoops } from "./tiled/passes/join-loops.ts";
import { lowerToTiled } from "./tiled/passes/lower-to-tiled.ts";
import { printWithKernels as printTiled } from "./tiled/print.ts";
import { verify as verifyTiled } from "./tiled/verify.ts";

/** A pass with what holds after it and how its result is shown. */
interface Stage {
  readonly pass: Pass<never, unknown>;
  verify(program: unknown): void;
  print(program: unknown): string;
}

function stage<From, To>(pass: Pass<From, To>, verify: (program: To) => void, print: (program: To) => string): Stage {
  return { pass, verify: (program) => verify(program as To), print: (program) => print(program as To) };
}

export const stages: readonly Stage[] = [
  stage(differentiate, verifyGraph, printGraph),
  stage(checkIndices, verifyGraph, printGraph),
  stage(narrowProducts, verifyGraph, printGraph),
  stage(cutLongRows, verifyGraph, printGraph),
  stage(borderConvolutions, verifyGraph, printGraph),
  stage(foldConstants, verifyGraph, printGraph),
  stage(simplifyAlgebra, verifyGraph, printGraph),
  stage(mergeEqualNodes, verifyGraph, printGraph),
  stage(removeDeadNodes, verifyGraph, printGraph),
  stage(hoist, verifyGraph, printGraph),
  stage(fuse, verifyGraph, printGraph),
  stage(fuseRolls, verifyGraph, printGraph),
  stage(alignRolls, verifyGraph, printGraph),
  stage(doubleBuffer, verifyGraph, printGraph),
  stage(fuseUpdates, verifyGraph, printGraph),
  stage(packConvolutions, verifyGraph, printGraph),
  stage(fuseAttention, verifyGraph, printGraph),
  stage(packProducts, verifyGraph, printGraph),
  stage(hoistPacking, verifyGraph, printGraph),
  stage(fuseResults, verifyGraph, printGraph),
  stage(lowerToTiled, verifyTiled, printTiled),
  stage(joinLoops, verifyTiled, printTiled),
  stage(formSupersteps, verifyBsp, printBsp),
  stage(planMemory, verifyPlan, printBsp),
  stage(optimiseKernels, verifyPlan, printBspWithKernels),
];

/** Told after each pass: its name, how to print what it gave, and that itself. */
export type Seen = (name: string, print: () => string, program: unknown) => void;

export interface PipelineOptions extends PassOptions {
  readonly target: Target;
  readonly reporter: Diagnostics;
  readonly seen?: Seen;
  readonly watch?: Watch;
  /** Whether the program would be planned without errors if it were changed so. */
  readonly fitsWith?: (change: Change) => boolean;
  /** The name of the last pass to run; the result is undefined then. */
  readonly last?: string;
}

/** Shares of a tile's memory that one op may take, tried in turn. */
const rooms = [1, 3 / 4, 5 / 8, 1 / 2, 3 / 8, 1 / 4];

/** How a program is split over the tiles, and whether that is to be tried again. */
class Splitting {
  target: Target;
  again = false;
  readonly #tried: { readonly room: number; readonly bytes: number }[] = [];
  #room = rooms[0]!;
  #joins = true;
  #joined = false;

  constructor(target: Target) {
    this.target = target;
  }

  get context(): Omit<PassContext, "report"> {
    return { target: this.target, room: this.#room, joins: this.#joins, hasJoined: () => void (this.#joined = true), useFewerTiles: (tiles) => this.#useFewerTiles(tiles), useLessRoom: (bytes) => this.#useLessRoom(bytes) };
  }

  #useFewerTiles(tiles: number): void {
    this.target = withTiles(this.target, tiles);
    this.again = true;
  }

  /** First nothing is joined any more. When every room was tried, the one that comes nearest is told of. */
  #useLessRoom(bytes: number): boolean {
    if (this.#joins && this.#joined) {
      this.#joins = false;
      this.again = true;
      return true;
    }
    if (this.#tried.length === rooms.length) return false;
    this.#tried.push({ room: this.#room, bytes });
    const nearest = this.#tried.reduce((a, b) => (b.bytes < a.bytes ? b : a));
    this.#room = rooms[this.#tried.length] ?? nearest.room;
    this.again = true;
    return true;
  }
}

/** Runs every pass, or those up to one. Stops early when an error is reported. */
export function runPipeline(graph: Graph, { target, reporter, seen, watch, fitsWith, last, ...options }: PipelineOptions): PlannedGraph | undefined {
  let program: unknown = graph;
  const splitting = new Splitting(target);
  let unsplit: unknown;
  for (let at = 0; at < stages.length; at++) {
    const { pass, verify, print } = stages[at]!;
    if (pass.name === lowerToTiled.name && unsplit === undefined) {
      unsplit = program;
      splitting.target = watched(watch, "choose-chips", () => chooseChips(program as Graph, target, options));
    }
    const context: PassContext = { ...options, ...splitting.context, ...(watch ? { watch } : {}), ...(fitsWith ? { fitsWith } : {}), report: (diagnostic) => reporter.report(diagnostic) };
    const made = watched(watch, pass.name, () => pass.run(program as never, context));
    if (reporter.failed) return undefined;
    if (splitting.again) {
      splitting.again = false;
      program = unsplit;
      at = stages.findIndex((stage) => stage.pass.name === lowerToTiled.name) - 1;
      continue;
    }
    program = made;
    watched(watch, pass.name, () => verify(made), "verify");
    seen?.(pass.name, () => print(made), made);
    if (pass.name === last) return undefined;
  }
  return program as PlannedGraph;
}
