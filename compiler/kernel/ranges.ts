/**
 * Interval analysis of i32 expressions: between which values an index lies, given the ranges of the loops around it.
 * Intervals that could wrap are unknown, so a known one is also a proof that nothing wrapped.
 */
import { dtypes, isInteger } from "../../runtime/dtype.ts";
import { limitsOf } from "../graph/tensor.ts";
import type { BinaryOp, Expression, LocalId, Statement } from "./kernel.ts";
import type { LinearForm } from "./linear.ts";
import { localsSet, type ForStatement } from "./walk.ts";

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What is known of locals at a point. */
export type Ranges = ReadonlyMap<LocalId, Range>;

const wholeRange: Range = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const exactly = (value: number): Range => ({ min: value, max: value });
const fits = (range: Range): Range | undefined => (range.min >= -(2 ** 31) && range.max < 2 ** 31 ? range : undefined);

/** Undefined where nothing is known. */
export function rangeOf(expression: Expression, known: Ranges): Range | undefined {
  switch (expression.kind) {
    case "constant": return typeof expression.value === "number" && Number.isInteger(expression.value) ? exactly(expression.value) : undefined;
    case "local": return known.get(expression.local);
    case "binary": {
      if (expression.dtype === "u32" && expression.op === "min") return smallestOf(expression.left, expression.right);
      if (expression.dtype !== "i32") return undefined;
      // What is clamped is known whatever it was.
      const otherwise = expression.op === "min" || expression.op === "max" ? wholeRange : undefined;
      const left = rangeOf(expression.left, known) ?? otherwise;
      const right = rangeOf(expression.right, known) ?? otherwise;
      return left === undefined || right === undefined ? undefined : combine(expression.op, left, right);
    }
    // Of a vector: of all its lanes.
    case "splat": case "lane": return rangeOf(expression.operand, known);
    case "iota": return { min: 0, max: expression.lanes - 1 };
    case "select": {
      const then = rangeOf(expression.then, known);
      const otherwise = rangeOf(expression.otherwise, known);
      return then === undefined || otherwise === undefined ? undefined : hull(then, otherwise);
    }
    case "cast": return expression.dtype === "i32" ? (rangeOf(expression.operand, known) ?? dtypeRange(expression.operand)) : undefined;
    case "load": return expression.dtype === "i32" ? undefined : dtypeRange(expression);
    default: return undefined;
  }
}

/** Of unsigned numbers, one of which is a small constant: what is clamped is known whatever it was. */
function smallestOf(...sides: readonly Expression[]): Range | undefined {
  const limits = sides.flatMap((side) => (side.kind === "constant" ? [Number(side.value)] : side.kind === "splat" && side.operand.kind === "constant" ? [Number(side.operand.value)] : []));
  const most = Math.min(...limits);
  return most < 2 ** 31 ? { min: 0, max: most } : undefined;
}

export const hull = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });

/** Of the narrow integers and bool: everything the dtype can hold. */
function dtypeRange(expression: Expression): Range | undefined {
  if (expression.dtype === "bool") return { min: 0, max: 1 };
  if (!isInteger(expression.dtype) || dtypes[expression.dtype].bits > 16) return undefined;
  const { min, max } = limitsOf(expression.dtype);
  return { min: Number(min), max: Number(max) };
}

function combine(op: BinaryOp, a: Range, b: Range): Range | undefined {
  switch (op) {
    case "add": return fits({ min: a.min + b.min, max: a.max + b.max });
    case "sub": return fits({ min: a.min - b.max, max: a.max - b.min });
    case "mul": return fits(corners(a, b, (x, y) => x * y));
    case "min": return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
    case "max": return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
    case "div": return b.min > 0 ? corners(a, b, (x, y) => Math.trunc(x / y)) : undefined;
    case "rem": return b.min > 0 ? { min: a.min < 0 ? Math.max(a.min, -(b.max - 1)) : 0, max: a.max > 0 ? Math.min(a.max, b.max - 1) : 0 } : undefined;
    case "and": return a.min >= 0 && b.min >= 0 ? { min: 0, max: Math.min(a.max, b.max) } : undefined;
    case "shr": return b.min === b.max && b.min >= 0 && b.min < 32 ? { min: a.min >> b.min, max: a.max >> b.min } : undefined;
    default: return undefined;
  }
}

function corners(a: Range, b: Range, apply: (x: number, y: number) => number): Range {
  const values = [apply(a.min, b.min), apply(a.min, b.max), apply(a.max, b.min), apply(a.max, b.max)];
  return { min: Math.min(...values), max: Math.max(...values) };
}

/** Values a loop's counter takes; undefined if its bounds are unknown, "empty" if it never runs. */
export function counterRange(loop: ForStatement, known: Ranges): Range | "empty" | undefined {
  const start = rangeOf(loop.start, known);
  const end = rangeOf(loop.end, known);
  if (start === undefined || end === undefined) return undefined;
  if (end.max <= start.min) return "empty";
  // With a constant start the last value is known exactly, else only that it lies below the end.
  const last = start.min === start.max ? start.min + Math.floor((end.max - 1 - start.min) / loop.step) * loop.step : end.max - 1;
  return { min: start.min, max: last };
}

/** What is known inside a loop's body: the counter, but nothing of the locals the body sets. */
export function rangesInside(loop: ForStatement, known: Ranges): Map<LocalId, Range> {
  const inside = withoutSet(known, loop.body);
  const counter = counterRange(loop, known);
  inside.delete(loop.local);
  if (counter !== undefined && counter !== "empty") inside.set(loop.local, counter);
  return inside;
}

/** What stays known when a body has run some number of times. */
export function withoutSet(known: Ranges, body: readonly Statement[]): Map<LocalId, Range> {
  const rest = new Map(known);
  for (const local of localsSet(body)) rest.delete(local);
  return rest;
}

/** Exact where each local takes its values independently of the others; undefined where one is unknown. `counts`: which terms do. */
export function rangeOfForm(form: LinearForm, known: Ranges, counts: (local: LocalId) => boolean = () => true): Range | undefined {
  let min = form.constant;
  let max = form.constant;
  for (const [local, coefficient] of form.terms) {
    if (!counts(local)) continue;
    const range = known.get(local);
    if (range === undefined) return undefined;
    min += Math.min(coefficient * range.min, coefficient * range.max);
    max += Math.max(coefficient * range.min, coefficient * range.max);
  }
  return { min, max };
}
