/**
 * How many chips of a machine a program is split over. What crosses between chips is slow, so more tiles may be slower: the
 * program is planned for one chip, for two, four … and for all, and the plan that takes the fewest cycles by the model is
 * kept, of equals the one with more memory. Where the source names tiles, all it may name must be there.
 */
import type { Graph } from "../graph/graph.ts";
import type { PassContext } from "../support/pass.ts";
import type { Target } from "../targets/target.ts";
import { lowerToTiled } from "../tiled/passes/lower-to-tiled.ts";
import { boundOfGraph } from "./cost.ts";
import { formSupersteps } from "./passes/form-supersteps.ts";
import { isPlacedByHand, planMemory } from "./passes/plan-memory.ts";

/** The machine with the chips that are used; itself where it has one. */
export function chooseChips(graph: Graph, target: Target, context: Omit<PassContext, "target" | "report">): Target {
  const { chips } = target;
  if (!chips || chips.count < 2 || target.memory !== "private" || isPlacedByHand(graph)) return target;
  let best: { readonly machine: Target; readonly cycles: number } | undefined;
  for (const count of countsOf(chips.count, target.tiles)) {
    const machine = withChips(target, count);
    const cycles = cyclesOn(graph, machine, context);
    if (cycles !== undefined && (best === undefined || cycles <= best.cycles)) best = { machine, cycles };
  }
  return best?.machine ?? target;
}

/** 1, 2, 4 … and all; those that have equally many tiles each. */
function countsOf(most: number, tiles: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < most; count *= 2) if (tiles % most === 0) counts.push(count);
  return [...counts, most];
}

function withChips(target: Target, count: number): Target {
  const { chips, ...machine } = target;
  if (count === chips!.count) return target;
  const tiles = (target.tiles / chips!.count) * count;
  return count === 1 ? { ...machine, tiles } : { ...machine, tiles, chips: { ...chips!, count } };
}

/** Undefined where the program does not fit. */
function cyclesOn(graph: Graph, target: Target, context: Omit<PassContext, "target" | "report">): number | undefined {
  let refused = false;
  const quietly: PassContext = { ...context, target, report: ({ severity }) => { refused ||= severity === "error"; }, useFewerTiles: () => { refused = true; } };
  const bsp = formSupersteps.run(lowerToTiled.run(graph, quietly), quietly);
  if (!refused) planMemory.run(bsp, quietly);
  return refused ? undefined : boundOfGraph(bsp, target);
}
