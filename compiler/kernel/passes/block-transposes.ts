/**
 * Transpositions, `y[j, i] = x[i, j]`: neighbours in one operand are far apart in the other, so that walking along either
 * touches a line of the cache for every element of the other, and again for the next. Here both are walked in squares of a
 * line's width, as straight code of a few rows and columns at a time, so that what a line holds is used while it is there.
 *
 * Needs a nest of parallel loops of constant bounds around nothing but stores; its loops may then run in any order. Leaves
 * alone what would be copied with little gain: bodies of many operations, and extents below a square's.
 */
import type { Pass } from "../../support/pass.ts";
import { binary, i32 } from "../build.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { coefficientOf, linearForm } from "../linear.ts";
import { operandsOf } from "../vector-support.ts";
import { constantOf, LocalTable, mapBodies, tripCount, visitExpression, withBody, type ForStatement, type StoreStatement } from "../walk.ts";
import { withCounter } from "./unroll-small-loops.ts";

/** Elements of a square in each direction: a line of 64 bytes of f32. */
const square = 16;
/** Rows and columns of a square that are straight code. */
const atOnce = 4;
/** Bodies of more operations are not copied. */
const largestBody = 8;

export const blockTransposes: Pass<Kernel, Kernel> = {
  name: "block-transposes",
  summary: "what is read along one dimension and stored along another is walked in squares",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const rewritten = (body: readonly Statement[]): readonly Statement[] =>
      body.flatMap((statement) => {
        const found = statement.kind === "for" ? findTransposition(statement, kernel) : undefined;
        return found === undefined ? [mapBodies(statement, rewritten)] : inSquares(found, locals);
      });
    const body = rewritten(kernel.body);
    return withBody(kernel, body, locals.list);
  },
};

interface Transposition {
  /** The other loops of the nest, outermost first. */
  readonly outer: readonly ForStatement[];
  /** Along which neighbours are stored, and along which they are read. */
  readonly stored: ForStatement;
  readonly read: ForStatement;
  readonly body: readonly StoreStatement[];
}

function findTransposition(loop: ForStatement, kernel: Kernel): Transposition | undefined {
  const nest = nestOf(loop);
  const body = nest.at(-1)!.body;
  if (!nest.every((one) => one.parallel && one.step === 1 && tripCount(one) !== undefined) || !body.every((statement) => statement.kind === "store")) return undefined;
  if (body.reduce((size, { value }) => size + operationsOf(value), 0) > largestBody) return undefined;
  const stored = nest.find(({ local }) => body.every(({ buffer, index }) => movesByOne(kernel, buffer, index, local)));
  if (stored === undefined) return undefined;
  const read = nest.find(({ local }) => local !== stored.local && readsAcross(kernel, body, local, stored.local));
  if (read === undefined || tripCount(stored)! < square || tripCount(read)! < square) return undefined;
  return { outer: nest.filter((one) => one !== stored && one !== read), stored, read, body };
}

/** The loop, and those inside it as long as nothing else is. */
function nestOf(loop: ForStatement): ForStatement[] {
  const [only] = loop.body;
  return only?.kind === "for" && loop.body.length === 1 ? [loop, ...nestOf(only)] : [loop];
}

/** Operations and loads; of calls, more than any limit. Indices cost nothing. */
function operationsOf(expression: Expression): number {
  if (expression.kind === "load") return 1;
  if (expression.kind === "call" || expression.lanes > 1) return Infinity;
  const own = expression.kind === "local" || expression.kind === "constant" ? 0 : 1;
  return operandsOf(expression).reduce((size, operand) => size + operationsOf(operand), own);
}

/** Whether an access moves from an element to its neighbour in memory with a local. */
function movesByOne(kernel: Kernel, buffer: BufferId, index: readonly Expression[], local: LocalId): boolean {
  return distanceOf(kernel, buffer, index, local) === 1;
}

/** How far an access moves with a local, in elements; undefined where its index is not linear. */
function distanceOf(kernel: Kernel, buffer: BufferId, index: readonly Expression[], local: LocalId): number | undefined {
  let distance = 0;
  for (const [dimension, one] of index.entries()) {
    const form = linearForm(one);
    if (form === undefined) return undefined;
    distance += coefficientOf(form, local) * kernel.buffers[buffer]!.strides[dimension]!;
  }
  return distance;
}

/** Whether something is read from neighbour to neighbour along `local`, and in larger steps along `other`. */
function readsAcross(kernel: Kernel, body: readonly StoreStatement[], local: LocalId, other: LocalId): boolean {
  let found = false;
  body.forEach(({ value }) => visitExpression(value, (one) => {
    if (one.kind === "load" && movesByOne(kernel, one.buffer, one.index, local) && Math.abs(distanceOf(kernel, one.buffer, one.index, other) ?? 0) >= square) found = true;
  }));
  return found;
}

function inSquares({ outer, stored, read, body }: Transposition, locals: LocalTable): readonly Statement[] {
  const [firstRow, firstColumn] = [constantOf(read.start)!, constantOf(stored.start)!];
  const wholeRows = firstRow + Math.floor(tripCount(read)! / square) * square;
  const wholeColumns = firstColumn + Math.floor(tripCount(stored)! / square) * square;
  const over = (loop: ForStatement, start: number, end: number, inner: readonly Statement[]): readonly Statement[] => (start === end ? [] : [{ ...loop, start: i32(start), end: i32(end), body: inner }]);
  const endOf = (loop: ForStatement): number => constantOf(loop.start)! + tripCount(loop)!;
  const counter = (name: string): Extract<Expression, { kind: "local" }> => locals.fresh(name, "i32");
  const [row, column] = [counter("row"), counter("column")];
  const steps = Array.from({ length: atOnce }, (_, step) => step);
  const straight = steps.flatMap((p) => steps.flatMap((q) =>
    withCounter(withCounter(body, read.local, binary("add", plain(read), binary("add", row, i32(p)))), stored.local, binary("add", plain(stored), binary("add", column, i32(q))))));
  const inside = (local: LocalId, inner: readonly Statement[]): Statement => ({ ...read, local, start: i32(0), end: i32(square), step: atOnce, body: inner });
  const squares: ForStatement = { ...stored, start: i32(firstColumn), end: i32(wholeColumns), step: square, body: [inside(row.local, [inside(column.local, straight)])] };
  const nest: readonly Statement[] = [
    { ...read, start: i32(firstRow), end: i32(wholeRows), step: square, body: [squares] },
    ...(wholeColumns < endOf(stored) ? over(read, firstRow, wholeRows, over(stored, wholeColumns, endOf(stored), body)) : []),
    ...over(read, wholeRows, endOf(read), over(stored, firstColumn, endOf(stored), body)),
  ];
  return outer.reduceRight<readonly Statement[]>((inner, loop) => [{ ...loop, body: inner }], nest);
}

const plain = ({ local }: ForStatement): Expression => ({ kind: "local", dtype: "i32", lanes: 1, local });
