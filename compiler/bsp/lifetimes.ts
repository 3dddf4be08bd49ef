/** When each tensor of a program is alive, in intervals between syncs. */
import { unreachable } from "../support/bug.ts";
import { rootOf, type TensorId, type TiledGraph } from "../tiled/tiled.ts";
import type { BspStep } from "./bsp.ts";

/** First and last interval, inclusive. */
export interface Lifetime {
  readonly first: number;
  readonly last: number;
}

interface Loop {
  readonly first: number;
  last: number;
  /** Whether a sync separates the end of one iteration from the beginning of the next. */
  synced: boolean;
}

interface Access {
  readonly at: number;
  readonly loops: readonly Loop[];
}

/**
 * A tensor touched inside a loop and outside of it is alive during all of the loop; so is one touched in the first or last
 * interval of an iteration when nothing separates iterations.
 */
export function lifetimes(tiled: TiledGraph, steps: readonly BspStep[]): ReadonlyMap<TensorId, Lifetime> {
  const accesses = new Map<TensorId, Access[]>();
  let interval = 0;

  const touch = (tensor: TensorId, loops: readonly Loop[]): void => {
    const root = rootOf(tiled.tensors, tensor);
    const list = accesses.get(root);
    if (list) list.push({ at: interval, loops });
    else accesses.set(root, [{ at: interval, loops }]);
  };

  const visit = (list: readonly BspStep[], loops: readonly Loop[]): void => {
    for (const step of list) {
      switch (step.kind) {
        case "superstep":
          for (const phase of step.phases) {
            if (phase.kind === "compute") for (const family of phase.set.families) for (const field of family.fields) touch(field.tensor, loops);
            else for (const copy of phase.copies) for (const tensor of [copy.driver, copy.other]) touch(tensor, loops);
          }
          if (step.sync) interval++;
          break;
        case "repeat":
        case "while": {
          if (step.kind === "repeat" && step.counted === "tensor") touch(step.count, loops);
          const loop: Loop = { first: interval, last: interval, synced: endsWithSync(step.body) };
          const inside = [...loops, loop];
          if (step.kind === "while") {
            visit(step.before, inside);
            touch(step.condition, inside);
          }
          visit(step.body, inside);
          // What follows a synced body is a new interval that no iteration reaches.
          loop.last = interval;
          break;
        }
        case "if":
          touch(step.condition, loops);
          visit(step.then, loops);
          visit(step.otherwise, loops);
          break;
        case "switch":
          touch(step.subject, loops);
          for (const body of [...step.bodies, step.otherwise]) visit(body, loops);
          break;
        case "host":
          interval++;
          for (const tensor of hostTensors(step)) touch(tensor, loops);
          interval++;
          break;
        default: unreachable(step);
      }
    }
  };
  visit(steps, []);

  const lives = new Map<TensorId, Lifetime>();
  for (const [tensor, list] of accesses) {
    let shared = list[0]!.loops.length;
    for (const { loops } of list) {
      let common = 0;
      while (common < shared && loops[common] === list[0]!.loops[common]) common++;
      shared = Math.min(shared, common);
    }
    let first = Infinity;
    let last = -Infinity;
    for (const { at, loops } of list) {
      const inner = loops[shared];
      first = Math.min(first, inner ? inner.first : at);
      last = Math.max(last, inner ? inner.last : at);
    }
    for (const loop of list[0]!.loops.slice(0, shared).toReversed()) {
      if (!loop.synced && (first <= loop.first || last >= loop.last)) {
        first = Math.min(first, loop.first);
        last = Math.max(last, loop.last);
      }
    }
    lives.set(tensor, { first, last });
  }
  return lives;
}

function endsWithSync(body: readonly BspStep[]): boolean {
  const last = body.at(-1);
  return last?.kind === "host" || (last?.kind === "superstep" && last.sync);
}

function hostTensors(step: Extract<BspStep, { kind: "host" }>): readonly TensorId[] {
  const { event } = step;
  switch (event.kind) {
    case "next": case "send": return [event.buffer];
    case "print": return event.buffers;
    case "assert": return [event.condition];
    default: return unreachable(event);
  }
}

