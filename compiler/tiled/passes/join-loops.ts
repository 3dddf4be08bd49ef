/**
 * join-loops: elementwise vertices over the same elements of what they read become one vertex with several results: one loop,
 * which loads and computes once what they have in common, and hands over in registers what one gives the next. A result that
 * nobody else reads is stored no more. So a step of an optimizer is one pass over its weights and moments, and a simulation's
 * fields are one pass over all of them.
 *
 * It is done here, not in the graph, since here storage is known: what is updated in place reads and writes one tensor, and only
 * fields say which elements of it meet. A joined set needs the same grid, placement and loops of all its members, and what one
 * of them writes and another touches to be the same element in the same iteration (`joining/members.ts`). Steps between two members
 * are moved before the first where the second needs them, and stay behind it else; nothing moves past control or the host.
 *
 * Joining loops and contracting arrays to scalars: Warren, A hierarchical basis for reordering transformations (1984); Gao, Olsen,
 * Sarkar and Thekkath, Collective loop fusion for array contraction (1992).
 *
 * Needs: families in order. Gives: the same results, bit for bit. With private memory a joined vertex needs all its fields at once:
 * where a plan did not fit, it is made again without (`joins`).
 */
import { programsOf } from "../../graph/graph.ts";
import { printExpression } from "../../kernel/print.ts";
import { visitExpressions } from "../../kernel/walk.ts";
import { unreachable } from "../../support/bug.ts";
import type { Pass } from "../../support/pass.ts";
import { Forwarding, joinedSet } from "../joining/joined.ts";
import { isCall, mayJoin, memberOf, sharedReads, type Member } from "../joining/members.ts";
import { conflict, touchedBy, touchedBySet, type Touch } from "../joining/touched.ts";
import { hostTensors, rootOf, stepsInside, type Step, type TensorId, type TiledGraph, type TiledProgram } from "../tiled.ts";

/** What keeps a joined loop within registers and address streams, and the pass linear. */
const limits = {
  /** How many steps back a member is looked for. */
  window: 32,
  /** Fields of all members, those of equal elements counted once. */
  fields: 24,
  /** Operations of all members' iterations, as trees. */
  operations: 256,
  /** Calls of mathematical functions, equal ones counted once. */
  calls: 3,
} as const;

export const joinLoops: Pass<TiledGraph, TiledGraph> = {
  name: "join-loops",
  summary: "elementwise vertices that read the same become one, with several results",
  run(tiled, { joins, hasJoined }) {
    if (joins === false) return tiled;
    const joining = new Joining(tiled);
    const of = (program: TiledProgram): TiledProgram => ({ ...program, steps: joining.steps(program.steps) });
    const joined = { ...tiled, programs: tiled.programs.map(of), initial: of(tiled.initial), ...(tiled.prepare ? { prepare: of(tiled.prepare) } : {}) };
    if (joining.times > 0) hasJoined?.();
    return joining.times > 0 ? joined : tiled;
  },
};

/** A step with what it touches; a compute set that may be joined, with its members so far. */
interface Entry {
  readonly step: Step;
  readonly touches: readonly Touch[] | undefined;
  readonly members: readonly Member[];
}

class Joining {
  /** How many sets were joined to another. */
  times = 0;
  readonly #tiled: TiledGraph;
  /** How often steps touch each tensor. */
  readonly #references: ReadonlyMap<TensorId, number>;

  constructor(tiled: TiledGraph) {
    this.#tiled = tiled;
    this.#references = referencesOf(tiled);
  }

  steps(steps: readonly Step[]): Step[] {
    const entries: Entry[] = [];
    for (const step of steps) {
      const entry = this.#entry(step);
      if (!this.#join(entries, entry)) entries.push(entry);
    }
    return entries.map(({ step, members }) => (members.length > 1 ? { kind: "compute", set: joinedSet(this.#tiled.tensors, members, this.#unstored(members)) } : step));
  }

  #entry(step: Step): Entry {
    const { tensors } = this.#tiled;
    const touches = touchedBy(tensors, step);
    if (step.kind === "compute") {
      const member = memberOf(tensors, step.set);
      return { step, touches, members: member === undefined ? [] : [member] };
    }
    return { step: this.#inside(step), touches, members: [] };
  }

  #inside(step: Exclude<Step, { kind: "compute" }>): Step {
    switch (step.kind) {
      case "copy": case "host": return step;
      case "repeat": return { ...step, body: this.steps(step.body) };
      case "while": return { ...step, before: this.steps(step.before), body: this.steps(step.body) };
      case "if": return { ...step, then: this.steps(step.then), otherwise: this.steps(step.otherwise) };
      case "switch": return { ...step, bodies: step.bodies.map((body) => this.steps(body)), otherwise: this.steps(step.otherwise) };
      default: return unreachable(step);
    }
  }

  /** Joins the entry's set to an earlier one; false where that cannot be. */
  #join(entries: Entry[], entry: Entry): boolean {
    const [member] = entry.members;
    if (member === undefined) return false;
    for (let at = entries.length - 1; at >= Math.max(0, entries.length - limits.window); at--) {
      const first = entries[at]!;
      if (first.touches === undefined) return false;
      if (!this.#fits(first.members, member)) continue;
      const needed = neededBefore(entries, at, entry);
      if (needed === undefined) continue;
      const joined: Entry = { ...first, touches: [...first.touches, ...entry.touches!], members: [...first.members, member] };
      const between = entries.slice(at + 1);
      entries.splice(at, Infinity, ...between.filter((one) => needed.has(one)), joined, ...between.filter((one) => !needed.has(one)));
      this.times++;
      return true;
    }
    return false;
  }

  #fits(members: readonly Member[], member: Member): boolean {
    const { tensors } = this.#tiled;
    if (!members.some((one) => sharedReads(tensors, one, member) > 0)) return false;
    const all = [...members, member];
    const fields = new Set(all.flatMap(({ families }) => families[0]!.family.fields.map(({ tensor }) => tensor)));
    return fields.size <= limits.fields && all.reduce((sum, { operations }) => sum + operations, 0) <= limits.operations
      && members.every((one) => mayJoin(tensors, one, member)) && this.#callsPay(members, member);
  }

  /**
   * Functions have constants of their own, which fill the registers: two that share nothing are no faster in one loop. Nor is what
   * follows a branch for rare arguments, as engines pair no vectors across it.
   */
  #callsPay(members: readonly Member[], member: Member): boolean {
    const all = [...members, member];
    if (!all.some(({ calls }) => calls)) return true;
    const [before, added, joined] = [members, [member], all].map((some) => this.#callsOf(some)) as [number, number, number];
    return joined <= limits.calls && (joined < before + added || ((before === 0 || added === 0) && !all.some(({ branches }) => branches)));
  }

  /** Calls of functions in an iteration of what is joined. The sine and cosine of an angle are one. */
  #callsOf(members: readonly Member[]): number {
    const { families } = joinedSet(this.#tiled.tensors, members, new Set());
    return Math.max(...families.map(({ kernel }) => {
      const calls = new Set<string>();
      visitExpressions(kernel.body, (one) => {
        if (isCall(one)) calls.add(printExpression(one.kind === "call" && one.function === "cos" ? { ...one, function: "sin" } : one));
      });
      return calls.size;
    }));
  }

  /** Tensors that only these members touch, and of which each element that one reads is handed to it. */
  #unstored(members: readonly Member[]): ReadonlySet<TensorId> {
    const { tensors } = this.#tiled;
    const within = new Map<TensorId, number>();
    for (const { set } of members) for (const { root } of touchedBySet(tensors, set)) within.set(root, (within.get(root) ?? 0) + 1);
    const unstored = new Set([...within].flatMap(([root, count]) => (count === this.#references.get(root) && !tensors[root]!.persistent ? [root] : [])));
    members[0]!.families.forEach((_, j) => {
      const families = members.map((member) => member.families[j]!);
      const loads = new Forwarding(families);
      families.forEach(({ family }, m) => family.fields.forEach(({ tensor, access }, buffer) => {
        if (access === "in" ? loads.isRead(m, buffer) : rootOf(tensors, tensor) !== tensor) unstored.delete(rootOf(tensors, tensor));
      }));
    });
    return unstored;
  }
}

/** Which of the steps behind the one at a place must come before it, so that the entry can be done with it; undefined where they cannot. */
function neededBefore(entries: readonly Entry[], at: number, { touches }: Entry): ReadonlySet<Entry> | undefined {
  const needed = new Set<Entry>();
  let wanted = touches!;
  for (const between of entries.slice(at + 1).toReversed()) {
    if (!conflict(between.touches!, wanted)) continue;
    if (conflict(between.touches!, entries[at]!.touches!)) return undefined;
    needed.add(between);
    wanted = [...wanted, ...between.touches!];
  }
  return needed;
}

function referencesOf(tiled: TiledGraph): ReadonlyMap<TensorId, number> {
  const counts = new Map<TensorId, number>();
  const count = (tensor: TensorId): void => {
    const root = rootOf(tiled.tensors, tensor);
    counts.set(root, (counts.get(root) ?? 0) + 1);
  };
  const visit = (steps: readonly Step[]): void => {
    for (const step of steps) {
      switch (step.kind) {
        case "compute": step.set.families.forEach(({ fields }) => fields.forEach(({ tensor }) => count(tensor))); continue;
        case "copy": step.copies.forEach(({ driver, other }) => [driver, other].forEach(count)); continue;
        case "host": hostTensors(step.event).forEach(count); continue;
        case "repeat":
          if (step.counted === "tensor") count(step.count);
          break;
        case "while": case "if": count(step.condition); break;
        case "switch": count(step.subject); break;
        default: unreachable(step);
      }
      stepsInside(step).forEach(visit);
    }
  };
  for (const program of programsOf(tiled)) visit(program.steps);
  return counts;
}
