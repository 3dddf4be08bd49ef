/**
 * Loops that reduce, over vectors: what vectorise.ts makes of `acc = acc ∘ f(i)`. The order in which elements are combined is part of the
 * executable's meaning, and said there.
 */
import { isFloat } from "../../../runtime/dtype.ts";
import { identityOf } from "../arithmetic.ts";
import { binary, constant, i32, reduce } from "../build.ts";
import type { BinaryOp, Expression, LocalId, Statement } from "../kernel.ts";
import { constantOf, tripCount, type ForStatement, type LocalExpression, type LocalTable } from "../walk.ts";
import { sizeOf } from "./instructions.ts";
import { replicate, type BodyCopy } from "./replicate.ts";
import { restOf, splitTrip } from "./trips.ts";
import { withCounter } from "./unroll-small-loops.ts";
import type { Reduction, WidenedBody } from "./widen.ts";

/** More accumulators than this gain nothing: enough to hide the latency of an addition. */
const maximumAccumulators = 4;
/** Iterations that nested loops may have in all to be one reduction, and of a stretch of a long row: sums of many elements in few lanes lose more than sums of such, added up. */
const longestNest = 4096;
/** A row of nested loops is straight code where it has at most so many vectors, and operations and loads. */
const longestStraight = { vectors: 16, operations: 96 } as const;

export interface WidenedReduction {
  /** Loops in each other, the innermost last, of which that alone has anything else in its body. */
  readonly nest: readonly ForStatement[];
  readonly reductions: ReadonlyMap<LocalId, Reduction>;
  /** Of the innermost loop. */
  readonly widened: WidenedBody;
  /** Loops around, two at most, of which several iterations will run at once. */
  readonly shared: number;
}

/** The loop and those that are all there is in the one around, outermost first, where they may be one reduction. */
export function reductionNest(loop: ForStatement): readonly ForStatement[] {
  const nest = perfectNest(loop);
  return tripsOf(nest) <= longestNest ? nest : [loop];
}

function perfectNest(loop: ForStatement): readonly ForStatement[] {
  const [inner] = loop.body;
  return loop.body.length !== 1 || inner?.kind !== "for" || inner.parallel ? [loop] : [loop, ...perfectNest(inner)];
}

/** How often the innermost of them runs. */
export const tripsOf = (nest: readonly ForStatement[]): number => nest.reduce((trips, loop) => trips * (tripCount(loop) ?? Infinity), 1);

export function reductionLoops(reduction: WidenedReduction, locals: LocalTable): readonly Statement[] {
  const [loop] = reduction.nest;
  return addsUpLongRow(reduction, locals) ? inStretches(loop!, reduction, locals) : inVectors(reduction, locals);
}

/** Whether a row of floats is so long that its sum is one of sums: added to a sum in a few lanes, small elements would be lost. */
function addsUpLongRow({ nest: [loop, ...inner], reductions, shared }: WidenedReduction, locals: LocalTable): boolean {
  const float = [...reductions].some(([local, { op }]) => op === "add" && isFloat(locals.get(local).dtype));
  return float && inner.length === 0 && shared === 0 && (tripCount(loop!) ?? 0) >= 2 * longestNest;
}

function inStretches(loop: ForStatement, reduction: WidenedReduction, locals: LocalTable): readonly Statement[] {
  const from = constantOf(loop.start)!;
  const end = from + Math.floor(tripCount(loop)! / longestNest) * longestNest;
  const stretch = locals.fresh("stretch", "i32");
  const counter: Expression = { kind: "local", dtype: "i32", lanes: 1, local: loop.local };
  const one: ForStatement = { ...loop, start: i32(0), end: i32(longestNest) };
  const body = withCounter(inVectors({ ...reduction, nest: [one] }, locals), loop.local, binary("add", stretch, counter));
  const left: ForStatement = { ...loop, start: i32(end) };
  return [{ ...loop, local: stretch.local, start: i32(from), end: i32(end), step: longestNest, parallel: false, body }, ...(tripCount(left) === 0 ? [] : inVectors({ ...reduction, nest: [left] }, locals))];
}

function inVectors({ nest, reductions, widened: { lanes, body, accumulators }, shared }: WidenedReduction, locals: LocalTable): readonly Statement[] {
  const loop = nest.at(-1)!;
  const { origin } = loop;
  const { before, end, whole } = splitTrip(loop, lanes, locals);
  // One body per accumulator; copy 0 is the body itself.
  const copies = replicate(body, loop.local, lanes, accumulatorsOf(nest, lanes, shared), locals, new Set(accumulators.values()));
  const ofEach = (make: (local: LocalId, op: BinaryOp, vectors: readonly LocalExpression[]) => readonly Statement[]): Statement[] =>
    [...reductions].flatMap(([local, { op }]) => make(local, op, copies.map((copy) => locals.get(copy.renamed(accumulators.get(local)!)))));
  const set = (local: LocalId, value: Expression): Statement => ({ kind: "set", local, value, origin });

  const start = ofEach((_, op, vectors) => vectors.map((vector) => set(vector.local, constant(vector.dtype, identityOf(op, vector.dtype), lanes))));
  const combine = copies.length === 1 ? [] : ofEach((_, op, vectors) => [set(vectors[0]!.local, combinePairs(op, vectors))]);
  const finish = ofEach((local, op, vectors) => [set(local, binary(op, locals.get(local), reduce(op, vectors[0]!)))]);
  const rest = restOf(loop, whole, end);
  if (nest.length > 1) return [...before, ...start, ...within(nest, rowOf(loop, copies, lanes)), ...combine, ...finish, ...within(nest, rest)];
  const over = (from: Expression, to: Expression, step: number, inside: readonly Statement[]): readonly Statement[] => restOf({ ...loop, step, parallel: false, body: inside }, from, to);
  const groups = copies.length === 1 ? { before: [], whole: loop.start } : splitTrip({ ...loop, end: whole }, lanes * copies.length, locals);
  const main = over(loop.start, groups.whole, lanes * copies.length, besideEachOther(copies));
  return [...before, ...start, ...groups.before, ...main, ...combine, ...over(groups.whole, whole, lanes, body), ...finish, ...rest];
}

/** In the loops around the innermost. */
const within = (nest: readonly ForStatement[], body: readonly Statement[]): readonly Statement[] =>
  body.length === 0 ? [] : nest.slice(0, -1).reduceRight((inner, outer): readonly Statement[] => [{ ...outer, body: inner }], body);

/** A row of a nest in whole vectors, by turns for each of the copies: as straight code where it is short. */
function rowOf(loop: ForStatement, copies: readonly BodyCopy[], lanes: number): readonly Statement[] {
  const start = constantOf(loop.start)!;
  const vectors = Math.floor(tripCount(loop)! / lanes);
  const [rounds, left] = [Math.floor(vectors / copies.length), vectors % copies.length];
  const step = copies.length * lanes;
  const round = (k: number, count = copies.length): readonly Statement[] => withCounter(besideEachOther(copies.slice(0, count)), loop.local, i32(start + k * step));
  const { operations, loads } = sizeOf(copies[0]!.body);
  const isShort = vectors <= longestStraight.vectors && vectors * (operations + loads) <= longestStraight.operations;
  const main = isShort
    ? Array.from({ length: rounds }, (_, k) => round(k)).flat()
    : [{ ...loop, end: i32(start + rounds * step), step, parallel: false, body: besideEachOther(copies) }];
  return [...main, ...(left === 0 ? [] : round(rounds, left))];
}

/**
 * Vectors that a reduction goes on in: several where there is enough for each in a row of the innermost loop. Where it runs for
 * several iterations of loops around at once (block-contraction.ts), which hides the latency as well, two or one.
 */
function accumulatorsOf(nest: readonly ForStatement[], lanes: number, shared: number): number {
  const most = maximumAccumulators >> shared;
  const least = (nest.length > 1 ? 1 : 2) * most * lanes;
  return (tripCount(nest.at(-1)!) ?? Infinity) >= least ? most : 1;
}

/**
 * Copies of a body whose iterations are independent but for what they accumulate. Where they store, two at a time go statement
 * by statement: no store lies between their loads, so that engines can pair them into wider vectors.
 */
function besideEachOther(copies: readonly BodyCopy[]): readonly Statement[] {
  const { body } = copies[0]!;
  const straight = body.every(({ kind }) => kind === "set" || kind === "store");
  if (!straight || !body.some(({ kind }) => kind === "store")) return copies.flatMap((copy) => copy.body);
  const pairs = Array.from({ length: Math.ceil(copies.length / 2) }, (_, pair) => copies.slice(2 * pair, 2 * pair + 2));
  return pairs.flatMap((pair) => body.flatMap((_, at) => pair.map((copy) => copy.body[at]!)));
}

/** ((v0 ∘ v1) ∘ (v2 ∘ v3)) …; their number is a power of two. */
function combinePairs(op: BinaryOp, vectors: readonly Expression[]): Expression {
  if (vectors.length === 1) return vectors[0]!;
  const half = vectors.length / 2;
  return binary(op, combinePairs(op, vectors.slice(0, half)), combinePairs(op, vectors.slice(half)));
}
