/**
 * Lives, held against traces: random trees of steps are executed with random branches and numbers of iterations, and whatever
 * value a tensor holds from its writing to a reading must not be overwritten in between through a tensor whose life is said not
 * to overlap: in the same phases, and where other tiles touch one of the two, in the same intervals.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nowhere } from "../support/span.ts";
import { onOneTile } from "../tiled/distribution.ts";
import type { Family, Field, TensorId, TiledGraph } from "../tiled/tiled.ts";
import type { BspStep, Phase } from "./bsp.ts";
import { lifetimes } from "./lifetimes.ts";

const origin = nowhere;
const tensorCount = 9;
/** These are in blocks; of `onTile`, each tile touches its own alone. */
const [onTile, inBlocks] = [[7, 8], [5, 6, 7, 8]];

const tiled = {
  tensors: Array.from({ length: tensorCount }, (_, id) => ({ name: `t${id}`, type: { dtype: "i32", shape: [] }, origin, storage: inBlocks.includes(id) ? "blocks" : "whole", distribution: onOneTile([]), persistent: false })),
} as unknown as TiledGraph;

function phase(reads: readonly TensorId[], writes: readonly TensorId[]): Phase {
  const field = (tensor: TensorId, access: Field["access"]): Field => ({ tensor, shape: [], map: [], access, local: inBlocks.includes(tensor) === onTile.includes(tensor) });
  const family = { grid: [2], range: [{ start: 0, count: 2 }], placement: { kind: "cyclic", tiles: 2 }, fields: [...reads.map((id) => field(id, "in")), ...writes.map((id) => field(id, "out"))] } as unknown as Family;
  return { kind: "compute", set: { name: "set", families: [family], origin } };
}

/** Steps in which every tensor is certainly written before it is read. */
class Generator {
  readonly #decisions: readonly number[];
  #at = 0;

  constructor(decisions: readonly number[]) {
    this.#decisions = decisions;
  }

  #decide(choices: number): number {
    return (this.#decisions[this.#at++] ?? 0) % choices;
  }

  #phase(written: Set<TensorId>): Phase {
    const known = [...written];
    const reads = known.length === 0 ? [] : [known[this.#decide(known.length)]!];
    const writes = [this.#decide(tensorCount)].filter((id) => !reads.includes(id));
    for (const id of writes) written.add(id);
    return phase(reads, writes);
  }

  #superstep(written: Set<TensorId>): BspStep {
    const phases = Array.from({ length: 1 + this.#decide(3) }, () => this.#phase(written));
    return { kind: "superstep", phases, sync: this.#decide(2) === 0, origin };
  }

  /** What every tile reads is no tile's own. */
  #scalar(written: ReadonlySet<TensorId>): TensorId {
    const known = [...written].filter((id) => !onTile.includes(id));
    return known[this.#decide(Math.max(1, known.length))] ?? 0;
  }

  list(written: Set<TensorId>, depth: number): BspStep[] {
    return Array.from({ length: 1 + this.#decide(3) }, () => this.#step(written, depth));
  }

  #step(written: Set<TensorId>, depth: number): BspStep {
    const kind = this.#decide(depth > 2 || ![...written].some((id) => !onTile.includes(id)) ? 1 : 6);
    const subject = this.#scalar(written);
    switch (kind) {
      case 2: return { kind: "repeat", count: subject, counted: "tensor", body: this.list(new Set(written), depth + 1), origin };
      case 3: {
        const count = this.#decide(3);
        return { kind: "repeat", count, counted: "constant", body: this.list(count > 0 ? written : new Set(written), depth + 1), origin };
      }
      case 4: {
        const before = this.list(written, depth + 1);
        return { kind: "while", before, condition: this.#scalar(written), body: this.list(new Set(written), depth + 1), origin };
      }
      case 5: {
        const arms = [new Set(written), new Set(written), new Set(written)] as const;
        const bodies = arms.map((arm) => this.list(arm, depth + 1));
        for (const id of arms[0]) if (arms.every((arm) => arm.has(id))) written.add(id);
        return { kind: "switch", subject, cases: [0, 1], bodies: bodies.slice(0, 2), otherwise: this.#decide(2) === 0 ? [] : bodies[2]!, origin };
      }
      default: return this.#superstep(written);
    }
  }
}

interface Event {
  /** Syncs before it. */
  readonly epoch: number;
  /** Phases before it. */
  readonly phase: number;
  readonly tensor: TensorId;
  readonly write: boolean;
}

/** What happens in one run. */
function trace(steps: readonly BspStep[], choose: () => number): Event[] {
  const events: Event[] = [];
  let [epoch, done] = [0, 0];
  const read = (tensor: TensorId): void => void events.push({ epoch, phase: done, tensor, write: false });
  const run = (list: readonly BspStep[]): void => {
    for (const step of list) {
      switch (step.kind) {
        case "superstep":
          for (const one of step.phases) {
            if (one.kind === "compute") for (const family of one.set.families) for (const field of family.fields) events.push({ epoch, phase: done, tensor: field.tensor, write: field.access === "out" });
            done++;
          }
          if (step.sync) epoch++;
          break;
        case "repeat": {
          if (step.counted === "tensor") read(step.count);
          const count = step.counted === "tensor" ? choose() % 4 : step.count;
          for (let i = 0; i < count; i++) run(step.body);
          break;
        }
        case "while":
          for (let i = choose() % 4; ; i--) {
            run(step.before);
            read(step.condition);
            if (i === 0) break;
            run(step.body);
          }
          break;
        case "switch":
          read(step.subject);
          run([...step.bodies, step.otherwise][choose() % 3]!);
          break;
        default: throw new Error(step.kind);
      }
    }
  };
  run(steps);
  return events;
}

function clashes(steps: readonly BspStep[], events: readonly Event[]): string[] {
  const lives = lifetimes(tiled, steps);
  const apart = (a: TensorId, b: TensorId): boolean => lives.get(a)!.last < lives.get(b)!.first || lives.get(b)!.last < lives.get(a)!.first;
  const writtenBy = new Map<TensorId, Event>();
  const found: string[] = [];
  for (const event of events) {
    if (event.write) writtenBy.set(event.tensor, event);
    else {
      const since = writtenBy.get(event.tensor) ?? event;
      const during = (other: Event): boolean => {
        const inOrder = onTile.includes(event.tensor) && onTile.includes(other.tensor);
        const [first, at, last] = [since, other, event].map(({ epoch, phase: number }) => (inOrder ? number : epoch)) as [number, number, number];
        return first <= at && at <= last;
      };
      for (const other of events) {
        if (other.write && other.tensor !== event.tensor && during(other) && apart(event.tensor, other.tensor)) found.push(`t${event.tensor} from ${since.phase} to ${event.phase}, t${other.tensor} at ${other.phase}`);
      }
    }
  }
  return found;
}

describe("lifetimes", () => {
  it("cover every trace of random programs", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 10, maxLength: 80 }), fc.array(fc.nat(), { minLength: 30, maxLength: 30 }), (decisions, choices) => {
        const steps = new Generator(decisions).list(new Set(), 0);
        for (let run = 0; run < 4; run++) {
          let at = run * 7;
          expect(clashes(steps, trace(steps, () => choices[at++ % choices.length]!))).toEqual([]);
        }
      }),
      { numRuns: 1500 },
    );
  });

  const compute = (reads: readonly TensorId[], writes: readonly TensorId[], sync: boolean): BspStep => ({ kind: "superstep", phases: [phase(reads, writes)], sync, origin });

  it("let tensors share between two syncs' ends", () => {
    const lives = lifetimes(tiled, [compute([], [0], true), compute([0], [1], true), compute([1], [2], true), compute([2], [3], false)]);
    expect([0, 1, 2, 3].map((id) => lives.get(id))).toEqual([{ first: 0, last: 1 }, { first: 1, last: 2 }, { first: 2, last: 3 }, { first: 3, last: 3 }]);
  });

  it("let tensors of single tiles share between two phases of a superstep", () => {
    const lives = (a: TensorId, b: TensorId) => lifetimes(tiled, [{ kind: "superstep", phases: [phase([], [a]), phase([a], [0]), phase([], [b]), phase([b], [1])], sync: true, origin }]);
    expect([lives(7, 8).get(7), lives(7, 8).get(8)]).toEqual([{ first: 0, last: 1 }, { first: 2, last: 3 }]);
    expect([lives(5, 8).get(5), lives(5, 8).get(8)]).toEqual([{ first: 0, last: 3 }, { first: 2, last: 3 }]);
  });

  it("take exchanges that follow each other for one moment", () => {
    const pull = (driver: TensorId): Phase => ({ kind: "exchange", copies: [{ direction: "pull", driver, other: 0, map: [], range: [], cause: "", origin }], origin });
    const lives = lifetimes(tiled, [{ kind: "superstep", phases: [pull(7), pull(8), phase([7, 8], [0])], sync: true, origin }]);
    expect([lives.get(7), lives.get(8)]).toEqual([{ first: 0, last: 1 }, { first: 0, last: 1 }]);
  });

  it("reach past a branch that is not taken", () => {
    const taken = [compute([0], [3], true), compute([3], [4], true)];
    const lives = lifetimes(tiled, [compute([], [0], true), compute([0], [1], false), { kind: "if", condition: 0, then: taken, otherwise: [], origin }, compute([], [2], false)]);
    expect(lives.get(1)!.last).toBeGreaterThanOrEqual(lives.get(2)!.first);
  });

  it("begin in a branch whose end nothing separates from what follows, where a tile may still be with what is its own", () => {
    const own: BspStep = { kind: "superstep", phases: [phase([], [7]), phase([7], [3])], sync: false, origin };
    const lives = lifetimes(tiled, [compute([], [0], true), { kind: "if", condition: 0, then: [compute([0], [4], true), own], otherwise: [compute([], [6], true)], origin }, compute([], [5], true)]);
    expect(lives.get(5)!.first).toBeLessThanOrEqual(lives.get(7)!.first);
  });

  it("reach from a loop's condition to what follows it", () => {
    const loop: BspStep = { kind: "while", before: [compute([], [0], true)], condition: 0, body: [compute([], [1], true)], origin };
    const lives = lifetimes(tiled, [loop, compute([], [2], false)]);
    expect(lives.get(0)!.last).toBeGreaterThanOrEqual(lives.get(2)!.first);
  });
});
