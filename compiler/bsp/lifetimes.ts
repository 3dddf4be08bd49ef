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
  readonly synced: boolean;
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
  const accesses = new Accesses(tiled);
  accesses.visit(steps, []);
  const reach = accesses.reach();
  return new Map([...accesses.byTensor].map(([tensor, list]) => [tensor, lifeOf(list, reach)]));
}

/** Who touches what in which interval. */
class Accesses {
  readonly byTensor = new Map<TensorId, Access[]>();
  readonly #tiled: TiledGraph;
  readonly #jumps = new Jumps();
  #interval = 0;

  constructor(tiled: TiledGraph) {
    this.#tiled = tiled;
  }

  /** For each interval the last one that can be reached from it without a sync. */
  reach(): readonly number[] {
    return this.#jumps.reach(this.#interval);
  }

  visit(steps: readonly BspStep[], loops: readonly Loop[]): void {
    for (const step of steps) this.#step(step, loops);
  }

  #step(step: BspStep, loops: readonly Loop[]): void {
    switch (step.kind) {
      case "superstep":
        for (const phase of step.phases) {
          if (phase.kind === "compute") for (const family of phase.set.families) for (const field of family.fields) this.#touch(field.tensor, loops);
          else for (const copy of phase.copies) for (const tensor of [copy.driver, copy.other]) this.#touch(tensor, loops);
        }
        if (step.sync) this.#interval++;
        return;
      case "repeat":
      case "while": return this.#loop(step, loops);
      case "if":
        this.#touch(step.condition, loops);
        return this.#branch([step.then, step.otherwise], loops);
      case "switch":
        this.#touch(step.subject, loops);
        return this.#branch([...step.bodies, step.otherwise], loops);
      case "host":
        this.#interval++;
        for (const tensor of hostTensors(step)) this.#touch(tensor, loops);
        this.#interval++;
        return;
      default: unreachable(step);
    }
  }

  #touch(tensor: TensorId, loops: readonly Loop[]): void {
    const root = rootOf(this.#tiled.tensors, tensor);
    const access = { at: this.#interval, loops };
    const list = this.byTensor.get(root);
    if (list) list.push(access);
    else this.byTensor.set(root, [access]);
  }

  #loop(step: Extract<BspStep, { kind: "repeat" | "while" }>, loops: readonly Loop[]): void {
    if (step.kind === "repeat" && step.counted === "tensor") this.#touch(step.count, loops);
    const loop: Loop = { first: this.#interval, last: this.#interval, synced: endsWithSync(step.body) };
    const inside = [...loops, loop];
    if (step.kind === "while") {
      this.visit(step.before, inside);
      this.#touch(step.condition, inside);
    }
    const left = this.#interval;
    this.visit(step.body, inside);
    // What follows a synced body is a new interval that no iteration reaches.
    loop.last = this.#interval;
    if (step.kind === "while" || step.counted === "tensor" || step.count < 1) this.#jumps.add(left, this.#interval);
  }

  #branch(bodies: readonly (readonly BspStep[])[], loops: readonly Loop[]): void {
    const before = this.#interval;
    const ends = bodies.map((body) => {
      this.#jumps.add(before, this.#interval);
      this.visit(body, loops);
      return this.#interval;
    });
    for (const end of ends) this.#jumps.add(end, this.#interval);
  }
}

/** The life of a tensor with these accesses. */
function lifeOf(list: readonly Access[], reach: readonly number[]): Lifetime {
  const around = commonLoops(list);
  let first = Infinity;
  let last = -Infinity;
  for (const { at, loops } of list) {
    const inner = loops[around.length];
    first = Math.min(first, inner ? inner.first : at);
    last = Math.max(last, inner ? reach[inner.last]! : 0, reach[at]!);
  }
  for (const loop of around.toReversed()) {
    if (!loop.synced && (first <= loop.first || last >= loop.last)) {
      first = Math.min(first, loop.first);
      last = Math.max(last, reach[loop.first]!, reach[loop.last]!);
    }
  }
  return { first, last };
}

/** The loops around all accesses, outermost first. */
function commonLoops(list: readonly Access[]): readonly Loop[] {
  const [first, ...others] = list.map(({ loops }) => loops) as [readonly Loop[], ...(readonly Loop[])[]];
  return others.reduce((common, loops) => {
    const end = common.findIndex((loop, depth) => loops[depth] !== loop);
    return end === -1 ? common : common.slice(0, end);
  }, first);
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
