/**
 * Two vectors that are stored between each other and come from the same operations on the same vectors, with other constants, as
 * what of a window belongs to its elements: the operations are done on vectors in which each element stands twice, whose results
 * lie as they are stored. These are as many operations, and there are fewer vectors to move words of.
 */
import { lane, pack } from "../build.ts";
import { partKey } from "../key.ts";
import type { Expression, LocalId, Statement } from "../kernel.ts";
import { operandsOf } from "../vector-support.ts";
import { mapOperands, mentionsLocal, type LocalExpression, type LocalTable, type SetStatement } from "../walk.ts";
import { inPairs, pairLanes as lanes } from "./pairs.ts";

/** Vectors that both are made of, at most: of more, moving words of the results is less. */
const mostLeaves = 2;

/** Vectors of a stretch of statements, and those of their elements twice. */
export class PairedValues {
  readonly #locals: LocalTable;
  /** How often each local is read in the kernel. */
  readonly #reads: ReadonlyMap<LocalId, number>;
  readonly #sets = new Map<LocalId, { readonly at: number; readonly set: SetStatement }>();
  readonly #twice = new Map<LocalId, readonly Expression[]>();

  constructor(locals: LocalTable, reads: ReadonlyMap<LocalId, number>) {
    this.#locals = locals;
    this.#reads = reads;
  }

  /** To be told every statement, in order. */
  pass(statement: Statement, at: number): void {
    if (statement.kind === "store") return;
    if (statement.kind !== "set") {
      this.#sets.clear();
      this.#twice.clear();
      return;
    }
    this.#twice.delete(statement.local);
    for (const [local, { set }] of this.#sets) if (mentions(set.value, statement.local)) this.#sets.delete(local);
    if (mentions(statement.value, statement.local)) this.#sets.delete(statement.local);
    else this.#sets.set(statement.local, { at, set: statement });
  }

  /**
   * The elements of `evens` and `odds` one after the other, as vectors; what must be computed before; and which statements then
   * are needed no more. Undefined where they are not alike, or anything but their stores reads them.
   */
  between(evens: LocalExpression, odds: LocalExpression): { readonly before: readonly Statement[]; readonly values: readonly Expression[]; readonly instead: readonly number[] } | undefined {
    const [one, other] = [this.#sets.get(evens.local), this.#sets.get(odds.local)];
    if (one === undefined || other === undefined || one === other || [evens, odds].some(({ local }) => this.#reads.get(local) !== lanes)) return undefined;
    const leaves = new Map<LocalId, LocalExpression>();
    if (!alike(one.set.value, other.set.value, leaves) || leaves.size === 0 || leaves.size > mostLeaves) return undefined;
    const before = [...leaves.values()].flatMap((leaf) => this.#doubled(leaf, one.set));
    const values = [0, 1].map((half) => this.#merged(one.set.value, other.set.value, half));
    return { before, values, instead: [one.at, other.at] };
  }

  #doubled(leaf: LocalExpression, { origin }: SetStatement): SetStatement[] {
    if (this.#twice.has(leaf.local)) return [];
    const vectors = [0, 1].map(() => this.#locals.fresh("twice", leaf.dtype, lanes));
    this.#twice.set(leaf.local, vectors);
    return vectors.map(({ local }, half) => ({ kind: "set", local, value: pack([0, 0, 1, 1].map((k) => lane(2 * half + k, leaf))), origin }));
  }

  /** `even` with other constants in every second lane. */
  #merged(even: Expression, odd: Expression, half: number): Expression {
    if (even.kind === "local") return this.#twice.get(even.local)![half]!;
    if (even.kind === "constant") return sameConstant(even, odd) ? even : pack([even, odd, even, odd].map((one) => ({ ...one, lanes: 1 })));
    const others = operandsOf(odd);
    let at = 0;
    return mapOperands(even, (operand) => this.#merged(operand, others[at++]!, half));
  }
}

const mentions = (expression: Expression, local: LocalId): boolean => mentionsLocal(expression, new Set([local]));

const sameConstant = (a: Expression, b: Expression): boolean => a.kind === "constant" && b.kind === "constant" && Object.is(a.value, b.value);

/** Whether both are the same operations on vectors of 32 bits, constants aside; collects the vectors. */
function alike(a: Expression, b: Expression, leaves: Map<LocalId, LocalExpression>): boolean {
  if (a.kind !== b.kind || a.dtype !== b.dtype || a.lanes !== lanes || b.lanes !== lanes) return false;
  switch (a.kind) {
    case "constant": return sameConstant(a, b) || inPairs(a.dtype);
    case "local":
      leaves.set(a.local, a);
      return b.kind === "local" && a.local === b.local && inPairs(a.dtype);
    case "unary": case "binary": case "select": case "multiplyAdd": {
      if (partKey(a) !== partKey(b)) return false;
      const others = operandsOf(b);
      return operandsOf(a).every((operand, k) => alike(operand, others[k]!, leaves));
    }
    default: return false;
  }
}
