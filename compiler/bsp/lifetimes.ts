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
 *
 * Intervals are numbered in the order of the text, but control may pass from one to a much later one without a sync: past a
 * branch not taken, past a loop without iterations, out of a `while` after its condition. A tile that is ahead can then be in
 * the later interval while another is still in the earlier one, so what is touched in the earlier is alive up to the later.
 */
export function lifetimes(tiled: TiledGraph, steps: readonly BspStep[]): ReadonlyMap<TensorId, Lifetime> {
  const accesses = new Map<TensorId, Access[]>();
  let interval = 0;
  const jumps = new Jumps();

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
          const left = interval;
          visit(step.body, inside);
          // What follows a synced body is a new interval that no iteration reaches.
          loop.last = interval;
          if (step.kind === "while" || step.counted === "tensor" || step.count < 1) jumps.add(left, interval);
          break;
        }
        case "if":
          touch(step.condition, loops);
          branch([step.then, step.otherwise], loops);
          break;
        case "switch":
          touch(step.subject, loops);
          branch([...step.bodies, step.otherwise], loops);
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
  const branch = (bodies: readonly (readonly BspStep[])[], loops: readonly Loop[]): void => {
    const before = interval;
    const ends = bodies.map((body) => {
      jumps.add(before, interval);
      visit(body, loops);
      return interval;
    });
    for (const end of ends) jumps.add(end, interval);
  };
  visit(steps, []);
  const reach = jumps.reach(interval);

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
      last = Math.max(last, inner ? reach[inner.last]! : 0, reach[at]!);
    }
    for (const loop of list[0]!.loops.slice(0, shared).toReversed()) {
      if (!loop.synced && (first <= loop.first || last >= loop.last)) {
        first = Math.min(first, loop.first);
        last = Math.max(last, reach[loop.first]!, reach[loop.last]!);
      }
    }
    lives.set(tensor, { first, last });
  }
  return lives;
}

/** Ways from an interval to a later one on which there is no sync. */
class Jumps {
  readonly #to = new Map<number, number[]>();

  add(from: number, to: number): void {
    if (to === from) return;
    const known = this.#to.get(from);
    if (known) known.push(to);
    else this.#to.set(from, [to]);
  }

  /** For each interval the last one that can be reached from it without a sync. */
  reach(last: number): number[] {
    const reach: number[] = [];
    for (let from = last; from >= 0; from--) reach[from] = (this.#to.get(from) ?? []).reduce((furthest, to) => Math.max(furthest, reach[to]!), from);
    return reach;
  }
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
    case "outside": return [event.condition, event.indices];
    default: return unreachable(event);
  }
}
