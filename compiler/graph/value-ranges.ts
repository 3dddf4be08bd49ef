/** Between which values the integers of a tensor lie, as far as casts and limits tell. */
import { dtypes, isInteger, type DType } from "../../runtime/dtype.ts";
import { hull, type Range } from "../kernel/ranges.ts";
import { fillValue } from "./constants.ts";
import type { Node, ValueId } from "./graph.ts";
import { rootOf, type Rewriting } from "./rewrite.ts";
import { limitsOf } from "./tensor.ts";

/** Ops gone back through: what is known of an integer is told near it. */
const mostSteps = 6;

/** Undefined for floats, bool, and integers of 64 bits. */
export function rangeOf(value: ValueId, at: Rewriting): Range | undefined {
  const { dtype } = at.type(value);
  return isInteger(dtype) && dtypes[dtype].bits <= 32 ? rangeWithin(value, at, mostSteps) : undefined;
}

function rangeWithin(value: ValueId, at: Rewriting, steps: number): Range {
  const { dtype } = at.type(value);
  const node = steps === 0 ? undefined : at.definition(rootOf(value, at));
  const of = (input: number): Range => rangeWithin(node!.inputs[input]!, at, steps - 1);
  switch (node?.op) {
    case "fill": return exactly(Number(fillValue(node)));
    case "cast": return ofCast(node, dtype, at, steps);
    case "min": return smaller(of(0), of(1));
    case "max": return larger(of(0), of(1));
    case "clamp": return smaller(larger(of(0), of(1)), of(2));
    case "select": return hull(of(1), of(2));
    default: return everyValue(dtype);
  }
}

/** What does not fit wraps, or is cut. */
function ofCast({ inputs: [x] }: Node, dtype: DType, at: Rewriting, steps: number): Range {
  const [whole, from] = [everyValue(dtype), at.type(x!).dtype];
  if (from === "bool") return { min: 0, max: 1 };
  if (!isInteger(from) || dtypes[from].bits > 32) return whole;
  const range = rangeWithin(x!, at, steps - 1);
  return range.min >= whole.min && range.max <= whole.max ? range : whole;
}

function everyValue(dtype: DType): Range {
  const { min, max } = limitsOf(dtype);
  return { min: Number(min), max: Number(max) };
}

const exactly = (value: number): Range => ({ min: value, max: value });
const smaller = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) });
const larger = (a: Range, b: Range): Range => ({ min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) });

/** The largest magnitude. */
export const largestIn = ({ min, max }: Range): number => Math.max(-min, max);
