/**
 * Every copy the compiler put into a program, with its cause, its cost and what would avoid it: exchanges between tiles,
 * transfers to and from the host, and values copied because two could not share their storage. Copies of one cause and place
 * that run together are one entry. Sorted by cost.
 */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import { formatType, programsOf } from "../../graph/graph.ts";
import type { Recomputed } from "../../graph/recomputed.ts";
import { unreachable } from "../../support/bug.ts";
import type { Sources } from "../../support/span.ts";
import type { Target } from "../../targets/target.ts";
import { rootOf, type ComputeSet, type Copy, type TensorId, type TiledGraph } from "../../tiled/tiled.ts";
import { blockCount } from "../../tiled/distribution.ts";
import type { BspGraph } from "../bsp.ts";
import { costOfGraph, plannedTimes, type ExchangePart, type StepCost } from "../cost.ts";
import { exchangeCost } from "../exchange/index.ts";
import { forEachStep, numberSteps } from "../steps.ts";
import { TensorNames } from "./names.ts";
import { lineOf, Places, type Place } from "./places.ts";
import { columns, excerpt, plural, whole } from "./text.ts";

export interface Explanation {
  /** exchange: between tiles. host: to or from the host. move: put elsewhere on its own tile. assignment: a value copied on its tiles. */
  readonly kind: "exchange" | "host" | "move" | "assignment";
  readonly program: string;
  /** The number of the superstep. */
  readonly step: number;
  readonly from: string;
  readonly type: string;
  readonly to: string;
  readonly cause: string;
  readonly place: Place;
  /** How many copies of the compiler's this is. */
  readonly copies: number;
  /** As planned, in one run of the program. */
  readonly times: number;
  /** Moved each time. */
  readonly bytes: number;
  /** Each time, alone; 0 for what takes no exchange, and where cycles are not modelled. */
  readonly cycles: number;
  readonly avoid: string;
}

interface Draft {
  readonly kind: Explanation["kind"];
  readonly from: TensorId;
  readonly to: TensorId;
  readonly cause: string;
  readonly copies: Copy[];
  readonly bytes: number;
  readonly cycles: number;
}

export function explain(graph: BspGraph, target: Target, sources: Sources): Explanation[] {
  const { tiled } = graph;
  const places = new Places(sources);
  const names = new TensorNames(tiled, places);
  const found: Explanation[] = [];
  const numbers = numberSteps(graph);
  const setsOf = new Map<number, readonly ComputeSet[]>();
  for (const { steps } of programsOf(graph)) {
    forEachStep(steps, (step) => {
      if (step.kind === "superstep") setsOf.set(numbers.get(step)!, step.phases.flatMap((phase) => (phase.kind === "compute" ? [phase.set] : [])));
    });
  }
  for (const { name, steps } of costOfGraph(graph, target).programs) {
    const times = plannedTimes(steps);
    const visit = (list: readonly StepCost[]): void => {
      for (const step of list) {
        if (step.kind === "host") continue;
        if (step.kind !== "superstep") {
          for (const block of step.blocks) visit(block.steps);
          continue;
        }
        const drafts: (Draft & { readonly origin: Copy["origin"] })[] = step.parts.flatMap((part) => (part.kind === "exchange" ? exchanges(tiled, part, target) : []));
        for (const set of setsOf.get(step.id) ?? []) drafts.push(...assignment(tiled, set));
        for (const draft of drafts) {
          found.push({
            kind: draft.kind, program: name, step: step.id,
            from: names.of(draft.from), type: formatType(tiled.tensors[draft.from]!.type), to: names.of(draft.to),
            cause: draft.cause, place: places.at(draft.origin), copies: Math.max(1, draft.copies.length), times: times.get(step.id) ?? 0,
            bytes: draft.bytes, cycles: target.memory === "private" ? draft.cycles : 0, avoid: avoidance(tiled, draft, names),
          });
        }
      }
    };
    visit(steps);
  }
  return found.sort((a, b) => b.cycles * b.times - a.cycles * a.times || b.bytes * b.times - a.bytes * a.times || a.step - b.step);
}

/** The copies of an exchange, those of one cause, place and tensor together. */
function exchanges(tiled: TiledGraph, part: ExchangePart, target: Target): (Draft & { origin: Copy["origin"] })[] {
  const groups = new Map<string, Copy[]>();
  for (const copy of part.copies) {
    const key = [copy.direction, rootOf(tiled.tensors, copy.other), tiled.tensors[copy.driver]!.name, copy.cause, copy.origin.file, copy.origin.start].join(" ");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [copy]);
    else group.push(copy);
  }
  return [...groups.values()].map((copies) => {
    // Alone, and as far as the bytes alone say: their order among others is not theirs.
    const { direction, driver, other, cause, origin } = copies[0]!;
    const cost = groups.size === 1 ? part : exchangeCost(tiled, copies, target, 0);
    const host = tiled.tensors[driver]!.storage !== tiled.tensors[other]!.storage;
    return { kind: host ? "host" : cost.bytes === 0 ? "move" : "exchange", from: direction === "pull" ? other : driver, to: direction === "pull" ? driver : other, cause, copies, bytes: host ? cost.hostBytes : cost.bytes, cycles: cost.cycles, origin };
  });
}

/** A compute set that only copies: a value given to a variable, or taken aside. */
function assignment(tiled: TiledGraph, set: ComputeSet): (Draft & { origin: Copy["origin"] })[] {
  const copying = set.families.filter(({ name }) => name === "copy");
  const written = copying[0]?.fields.find(({ access }) => access !== "in");
  const read = copying[0]?.fields.find(({ access }) => access === "in");
  if (written === undefined || read === undefined) return [];
  const aside = tiled.tensors[written.tensor]!.name.startsWith("copy of ");
  const bytes = copying.reduce((sum, { range, fields }) => sum + blockCount(range.map(({ count }) => count)) * sizeOf(fields[0]!.shape) * bytesOf(tiled.tensors[written.tensor]!.type.dtype), 0);
  return [{
    kind: "assignment", from: read.tensor, to: written.tensor, copies: [], bytes, cycles: 0, origin: set.origin,
    cause: aside ? "the value is put in order, or aside, before something overwrites it or needs it so" : "both values are alive, so they could not share their storage",
  }];
}

function avoidance(tiled: TiledGraph, { kind, from, to, cause, copies }: Draft, names: TensorNames): string {
  switch (kind) {
    case "host": return cause.startsWith("comes") ? "a `var` or `param` stays on the tiles from run to run" : "fewer or smaller outputs; a `var` stays on the tiles";
    case "assignment": return tiled.tensors[to]!.name.startsWith("copy of ")
      ? "using the value in the order it has, or before its variable is assigned again"
      : "not using the old value after the assignment";
    case "move": return "nothing has to: it costs no exchange, only memory";
    case "exchange": {
      if (tiled.tensors[from]!.name.startsWith("parts of ")) return "fewer parts of the sum: `partition` asks for another split, which may compute longer";
      if (cause.startsWith("every vertex")) return `${names.of(from)} is needed everywhere: a mapping cannot avoid it, one vertex per tile or a smaller dtype makes it less`;
      const origins = copies.some(({ direction }) => direction === "push");
      return origins
        ? `mapping ${names.of(to)} like the vertices that write it`
        : `mapping ${names.of(from)} like the vertices that read it, or another split of theirs (\`partition\`); what overlaps, as a halo or a row for many, has to move`;
    }
    default: return unreachable(kind);
  }
}

export function explanationTable(explanations: readonly Explanation[], target: Target): string {
  if (explanations.length === 0) return "the compiler inserted no copies\n";
  const modelled = target.memory === "private";
  const right = new Set(modelled ? [0, 1, 2] : [0, 1]);
  const rows = explanations.map((one) => [
    ...(modelled ? [one.cycles === 0 ? "-" : whole(one.cycles)] : []), whole(one.bytes), whole(one.times),
    excerpt(one.to.startsWith(`${one.from} for `) ? one.to : `${one.from} → ${one.to}`, 48), lineOf(one.place), excerpt(one.place.source, 48),
  ]);
  const table = columns([[...(modelled ? ["cycles"] : []), "bytes", "times", "what", "line", ""], ...rows], right);
  const lines = [table[0]!];
  explanations.forEach((one, i) => {
    lines.push(table[i + 1]!, `    ${one.kind}: ${one.cause}${one.copies > 1 ? ` (${plural(one.copies, "copy", "copies")})` : ""}`, `    to avoid it: ${one.avoid}`);
  });
  return `${lines.join("\n")}\n`;
}

/** What gradients compute again instead of keeping, with its place. */
export interface PlacedRecomputed {
  readonly place: Place;
  readonly tensors: number;
  readonly bytes: number;
}

export function placeRecomputed(recomputed: readonly Recomputed[], sources: Sources): PlacedRecomputed[] {
  const places = new Places(sources);
  return recomputed.map(({ origin, tensors, bytes }) => ({ place: places.at(origin), tensors, bytes }));
}

/** Nothing where nothing is computed again. */
export function recomputedTable(recomputed: readonly PlacedRecomputed[]): string {
  if (recomputed.length === 0) return "";
  const total = recomputed.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = recomputed.map(({ place, tensors, bytes }) => [whole(bytes), whole(tensors), lineOf(place), excerpt(place.source, 48)]);
  return `computed again for gradients instead of kept: ${whole(total)} bytes\n${columns([["bytes", "values", "line", ""], ...rows], new Set([0, 1])).join("\n")}\n`;
}
