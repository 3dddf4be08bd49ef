/**
 * How many of the first keys each query sees through a mask: behind them its scores are -Infinity whatever the product is. Told
 * where the mask compares something known of the query's position with something known of the key's, as causal masks do, and
 * hides by -Infinity, selected or added.
 */
import { evaluateScalar } from "../../../kernel/interpret.ts";
import type { BinaryOp, Expression } from "../../../kernel/kernel.ts";
import { visitExpression } from "../../../kernel/walk.ts";
import type { Affine } from "../../../support/affine.ts";
import { constantTensor } from "../../constants.ts";
import type { ValueId } from "../../graph.ts";
import type { Rewriting } from "../../rewrite.ts";
import { flatIndex, get, type Tensor } from "../../tensor.ts";
import { throughViews } from "../../views.ts";
import type { Found } from "./find.ts";

/** Of each query, or undefined where nothing is told or all keys are seen. */
export function visibleKeys({ body, operands }: Pick<Found, "body" | "operands">, shape: readonly number[], at: Rewriting): number[] | undefined {
  const [m, n] = shape.slice(-2) as [number, number];
  const seen = new Mask(m, n, operands.map((operand) => knownOperand(operand, at))).seenOf(body);
  return seen?.some((count) => count < n) ? seen : undefined;
}

/** An operand whose elements are known, and where they are, over [...batch, m, n]. */
interface Known {
  readonly tensor: Tensor;
  readonly map: readonly Affine[];
}

function knownOperand(operand: ValueId, at: Rewriting): Known | undefined {
  const { root, stored, map } = throughViews(operand, at);
  const tensor = constantTensor(at.definition(root), stored);
  return tensor === undefined ? undefined : { tensor, map };
}

const isNegativeInfinity = (e: Expression): boolean => (e.kind === "constant" && e.value === -Infinity) || (e.kind === "cast" && isNegativeInfinity(e.operand));
const opposite: { readonly [op in BinaryOp]?: BinaryOp } = { lt: "ge", ge: "lt", le: "gt", gt: "le" };
const swapped: { readonly [op in BinaryOp]?: BinaryOp } = { lt: "gt", gt: "lt", le: "ge", ge: "le" };

class Mask {
  readonly #m: number;
  readonly #n: number;
  readonly #operands: readonly (Known | undefined)[];

  constructor(m: number, n: number, operands: readonly (Known | undefined)[]) {
    this.#m = m;
    this.#n = n;
    this.#operands = operands;
  }

  /** Keys in front of which all are that have a score other than -Infinity, for each query. */
  seenOf(e: Expression): number[] | undefined {
    switch (e.kind) {
      case "cast": return this.seenOf(e.operand);
      case "select":
        if (isNegativeInfinity(e.otherwise)) return least(this.#where(e.condition, true), this.seenOf(e.then));
        if (isNegativeInfinity(e.then)) return least(this.#where(e.condition, false), this.seenOf(e.otherwise));
        return undefined;
      case "binary":
        if (e.op === "add") return least(this.seenOf(e.left), this.seenOf(e.right));
        if (e.op === "mul" || e.op === "div") return isPositive(e.right) ? this.seenOf(e.left) : e.op === "mul" && isPositive(e.left) ? this.seenOf(e.right) : undefined;
        return undefined;
      default: return undefined;
    }
  }

  /** Keys in front of which all are for which a condition holds, or does not. */
  #where(e: Expression, holds: boolean): number[] | undefined {
    if (e.kind === "unary" && e.op === "not") return this.#where(e.operand, !holds);
    if (e.kind !== "binary") return undefined;
    if (e.op === (holds ? "and" : "or")) return least(this.#where(e.left, holds), this.#where(e.right, holds));
    const op = holds ? e.op : opposite[e.op];
    if (op === undefined || swapped[op] === undefined || e.left.dtype === "f16" || e.left.dtype === "bf16") return undefined;
    return this.#compared(e.left, op, e.right) ?? this.#compared(e.right, swapped[op]!, e.left);
  }

  /** The same of `query op key`. */
  #compared(query: Expression, op: BinaryOp, key: Expression): number[] | undefined {
    const [rows, columns] = [this.#along(query, -2, this.#m), this.#along(key, -1, this.#n)];
    if (rows === undefined || columns === undefined) return undefined;
    const ascending = op === "ge" || op === "gt";
    // The best that a key or one behind it has: it only gets worse from key to key.
    const best = [...columns];
    for (let at = best.length - 2; at >= 0; at--) best[at] = ascending ? Math.min(best[at]!, best[at + 1]!) : Math.max(best[at]!, best[at + 1]!);
    const holds = (row: number, value: number): boolean => (op === "ge" ? row >= value : op === "gt" ? row > value : op === "le" ? row <= value : row < value);
    return rows.map((row) => countWhile(best, (value) => holds(row, value)));
  }

  /** Values of an expression that depends on one dimension, counted from the last, or on none. */
  #along(e: Expression, dimension: -1 | -2, extent: number): number[] | undefined {
    const used = new Set<number>();
    visitExpression(e, (one) => {
      if (one.kind === "argument") used.add(one.index);
    });
    const moves = ({ map }: Known): boolean => map.every(({ coefficients }) => coefficients.every((c, d) => c === 0 || d === coefficients.length + dimension));
    const known = [...used].every((index) => index > 0 && this.#operands[index - 1] !== undefined && moves(this.#operands[index - 1]!));
    if (!known) return undefined;
    const values = Array.from({ length: extent }, (_, position) => Number(evaluateScalar(e, this.#arguments(used, position, dimension))));
    // A NaN is on neither side of a comparison; larger numbers may be other integers.
    return values.every((value) => Math.abs(value) <= Number.MAX_SAFE_INTEGER) ? values : undefined;
  }

  #arguments(used: ReadonlySet<number>, position: number, dimension: -1 | -2): (number | bigint)[] {
    const args: (number | bigint)[] = [0];
    for (const index of used) {
      const { tensor, map } = this.#operands[index - 1]!;
      args[index] = get(tensor, flatIndex(tensor.type.shape, map.map(({ constant, coefficients }) => constant + coefficients.at(dimension)! * position)));
    }
    return args;
  }
}

const isPositive = (e: Expression): boolean => e.kind === "constant" && Number(e.value) > 0 && Number(e.value) < Infinity;

function least(a: number[] | undefined, b: number[] | undefined): number[] | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a.map((count, row) => Math.min(count, b[row]!));
}

/** How many of the first elements hold, where none behind one that does not does. */
function countWhile(list: readonly number[], holds: (value: number) => boolean): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
