/**
 * When each tensor of a program is alive, in moments: its phases, in the order of the text; exchanges that follow each other are
 * one moment.
 */
import { unreachable } from "../support/bug.ts";
import { hostTensors, rootOf, type TensorId, type TiledGraph } from "../tiled/tiled.ts";
import { accessesOf } from "./accesses.ts";
import type { BspStep, Phase } from "./bsp.ts";
import { Moments } from "./moments.ts";

/** First and last moment, inclusive. */
export interface Lifetime {
  readonly first: number;
  readonly last: number;
}

/** First and last of a loop, in moments and in intervals between syncs. */
interface Loop {
  readonly moments: { readonly first: number; last: number };
  readonly intervals: { readonly first: number; last: number };
  /** Whether a sync separates the end of one iteration from the beginning of the next. */
  readonly synced: boolean;
}

interface Access {
  readonly moment: number;
  readonly interval: number;
  readonly loops: readonly Loop[];
}

/**
 * A tile works through its phases in order: what only its own tile touches is alive from the first phase that touches it to the
 * last. What others touch too is alive in whole intervals between syncs, as others may be ahead or behind.
 *
 * A tensor touched inside a loop and outside of it is alive during all of the loop; so is one that others
 * touch in the first or last interval of an iteration when nothing separates iterations.
 *
 * Intervals are numbered in the order of the text, but control may pass from one to a much later one without a sync: past a
 * branch not taken, past a loop without iterations, out of a `while` after its condition. A tile that is ahead can then be in
 * the later interval while another is still in the earlier one, so what others touch in the earlier is alive up to the later, and
 * what they touch in the later is alive from the earlier on: there may be what only its own tile touches, which does not wait.
 */
export function lifetimes(tiled: TiledGraph, steps: readonly BspStep[]): ReadonlyMap<TensorId, Lifetime> {
  const accesses = new Accesses(tiled);
  accesses.visit(steps, []);
  const ways = accesses.ways();
  const { moments } = accesses;
  return new Map([...accesses.byTensor].map(([tensor, list]) => {
    if (tiled.tensors[tensor]!.storage === "blocks" && !accesses.met.has(tensor)) return [tensor, lifeOnTile(list)];
    const { first, last } = lifeBetweenSyncs(list, ways);
    return [tensor, { first: moments.firstOf(first), last: moments.lastOf(last) }];
  }));
}

/** Who touches what, and when. */
class Accesses {
  readonly byTensor = new Map<TensorId, Access[]>();
  /** Tensors of which a tile touches blocks of another. */
  readonly met = new Set<TensorId>();
  readonly moments = new Moments();
  readonly #tiled: TiledGraph;
  readonly #jumps = new Jumps();

  constructor(tiled: TiledGraph) {
    this.#tiled = tiled;
  }

  ways(): Ways {
    return this.#jumps.ways(this.moments.interval);
  }

  visit(steps: readonly BspStep[], loops: readonly Loop[]): void {
    for (const step of steps) this.#step(step, loops);
  }

  #step(step: BspStep, loops: readonly Loop[]): void {
    switch (step.kind) {
      case "superstep":
        this.moments.separate();
        for (const phase of step.phases) this.#phase(phase, loops);
        if (step.sync) this.moments.sync();
        return;
      case "repeat":
      case "while": return this.#loop(step, loops);
      case "if":
        this.#meet(step.condition, loops);
        return this.#branch([step.then, step.otherwise], loops);
      case "switch":
        this.#meet(step.subject, loops);
        return this.#branch([...step.bodies, step.otherwise], loops);
      case "host":
        this.moments.sync();
        for (const tensor of hostTensors(step.event)) this.#meet(tensor, loops);
        this.moments.sync();
        return;
      default: unreachable(step);
    }
  }

  #phase(phase: Phase, loops: readonly Loop[]): void {
    this.moments.phase(phase.kind);
    for (const [root, { read, write }] of accessesOf(this.#tiled, phase).uses) {
      if (read === 2 || write === 2) this.met.add(root);
      this.#touch(root, loops);
    }
  }

  /** All tiles, or the host, read it. */
  #meet(tensor: TensorId, loops: readonly Loop[]): void {
    const root = rootOf(this.#tiled.tensors, tensor);
    this.met.add(root);
    this.#touch(root, loops);
  }

  #touch(root: TensorId, loops: readonly Loop[]): void {
    const { moment, interval } = this.moments;
    const access = { moment, interval, loops };
    const list = this.byTensor.get(root);
    if (list) list.push(access);
    else this.byTensor.set(root, [access]);
  }

  #loop(step: Extract<BspStep, { kind: "repeat" | "while" }>, loops: readonly Loop[]): void {
    if (step.kind === "repeat" && step.counted === "tensor") this.#meet(step.count, loops);
    this.moments.separate();
    const { moment, interval } = this.moments;
    const loop: Loop = { moments: { first: moment, last: moment }, intervals: { first: interval, last: interval }, synced: endsWithSync(step.body) };
    const inside = [...loops, loop];
    if (step.kind === "while") {
      this.visit(step.before, inside);
      this.#meet(step.condition, inside);
    }
    const left = this.moments.interval;
    this.visit(step.body, inside);
    // What follows a synced body is a new interval that no iteration reaches.
    loop.intervals.last = this.moments.interval;
    loop.moments.last = this.moments.moment;
    this.moments.separate();
    if (step.kind === "while" || step.counted === "tensor" || step.count < 1) this.#jumps.add(left, this.moments.interval);
  }

  #branch(bodies: readonly (readonly BspStep[])[], loops: readonly Loop[]): void {
    const before = this.moments.interval;
    const ends = bodies.map((body) => {
      this.#jumps.add(before, this.moments.interval);
      this.visit(body, loops);
      return this.moments.interval;
    });
    for (const end of ends) this.#jumps.add(end, this.moments.interval);
  }
}

/** The life, in moments, of a tensor that only its own tile touches. */
function lifeOnTile(list: readonly Access[]): Lifetime {
  const around = commonLoops(list);
  let first = Infinity;
  let last = -Infinity;
  for (const { moment, loops } of list) {
    const inner = loops[around.length]?.moments;
    first = Math.min(first, inner?.first ?? moment);
    last = Math.max(last, inner?.last ?? moment);
  }
  return { first, last };
}

/** The life of a tensor with these accesses, in intervals between syncs. */
function lifeBetweenSyncs(list: readonly Access[], { reach, origin }: Ways): { first: number; last: number } {
  const around = commonLoops(list);
  let first = Infinity;
  let last = -Infinity;
  for (const { interval, loops } of list) {
    const inner = loops[around.length]?.intervals;
    first = Math.min(first, origin[inner ? inner.first : interval]!);
    last = Math.max(last, inner ? reach[inner.last]! : 0, reach[interval]!);
  }
  for (const { intervals: loop, synced } of around.toReversed()) {
    if (!synced && (first <= loop.first || last >= loop.last)) {
      first = Math.min(first, origin[loop.first]!);
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

/** For each interval the last one that can be reached from it without a sync, and the first one from which it can be. */
interface Ways {
  readonly reach: readonly number[];
  readonly origin: readonly number[];
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

  ways(last: number): Ways {
    const reach: number[] = [];
    const origin = Array.from({ length: last + 1 }, (_, interval) => interval);
    for (let from = last; from >= 0; from--) reach[from] = (this.#to.get(from) ?? []).reduce((furthest, to) => Math.max(furthest, reach[to]!), from);
    for (let from = 0; from <= last; from++) for (const to of this.#to.get(from) ?? []) origin[to] = Math.min(origin[to]!, origin[from]!);
    return { reach, origin };
  }
}

function endsWithSync(body: readonly BspStep[]): boolean {
  const last = body.at(-1);
  return last?.kind === "host" || (last?.kind === "superstep" && last.sync);
}
