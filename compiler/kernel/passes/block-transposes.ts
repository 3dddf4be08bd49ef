/**
 * Transpositions, `y[j, i] = x[i, j]`: neighbours in one operand are far apart in the other, so that walking along either
 * touches a line of the cache for every element of the other, and again for the next. Here both are walked in squares of a
 * line's width, as straight code of some rows and columns at a time, so that what a line holds is used while it is there.
 * Elements of 32 bits are turned in vectors: transposed-vectors.ts.
 *
 * Where the lines that are stored to fall on the same few sets of a cache, since they are a power of two apart, they are pushed
 * out by each other from square to square, and their pages out of the processor's table of pages. There a block is many
 * squares long along what is stored, so that the same lines and pages are stored to again and again; and where rows that are read
 * lie in few pages, all of these blocks come before the next ones along what is read. Elsewhere as much as possible is walked
 * along what is read before the next square along what is stored, so that few rows are read from end to end.
 *
 * Needs a nest of parallel loops of constant bounds around nothing but stores; its loops may then run in any order. Leaves
 * alone what would be copied with little gain: bodies of many operations, and extents below a square's.
 */
import { bytesOf } from "../../../runtime/dtype.ts";
import type { Pass } from "../../support/pass.ts";
import { binary, i32 } from "../build.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { coefficientOf, linearForm } from "../linear.ts";
import { operandsOf } from "../vector-support.ts";
import { constantOf, LocalTable, replaceLoops, tripCount, visitExpression, withBody, type ForStatement, type StoreStatement } from "../walk.ts";
import { vectorsOf, type Place } from "./transposed-vectors.ts";
import { withCounter } from "./unroll-small-loops.ts";

/** Elements of a square in each direction: a line of 64 bytes of f32. */
const square = 16;
/** Elements along what is read that are straight code. */
const atOnce = 4;
/** Of a block along what is stored, where lines fall on each other. */
const longBlock = 256;
/** Bytes that fall on one set of the nearest cache: of eight lines, which is as many as it holds of them. */
const setBytes = 2048;
const pageBytes = 4096;
/** Bodies of more operations are not copied. */
const largestBody = 8;
/** Nor are those of more than this copied for each element of a line. */
const smallBody = 2;

export const blockTransposes: Pass<Kernel, Kernel> = {
  name: "block-transposes",
  summary: "what is read along one dimension and stored along another is walked in squares",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const body = replaceLoops(kernel.body, (loop) => {
      const found = findTransposition(loop, kernel);
      return found && inSquares(found, kernel, locals);
    });
    return withBody(kernel, body, locals.list);
  },
};

export interface Transposition {
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

/** The innermost of some loops, as long as a test holds. */
const innermost = (loops: readonly ForStatement[], test: (loop: ForStatement) => boolean): readonly ForStatement[] => loops.slice(loops.findLastIndex((loop) => !test(loop)) + 1);

function inSquares(found: Transposition, kernel: Kernel, locals: LocalTable): readonly Statement[] {
  const { outer, stored, read, body } = found;
  const [firstStored, firstRead] = [constantOf(stored.start)!, constantOf(read.start)!];
  const wholeStored = firstStored + Math.floor(tripCount(stored)! / square) * square;
  const wholeRead = firstRead + Math.floor(tripCount(read)! / square) * square;
  const endOf = (loop: ForStatement): number => constantOf(loop.start)! + tripCount(loop)!;
  const over = (loop: ForStatement, start: number, end: number, inner: readonly Statement[]): readonly Statement[] => (start === end || inner.length === 0 ? [] : [{ ...loop, start: i32(start), end: i32(end), body: inner }]);
  const apart = linesFallTogether(found, kernel);
  const longest = apart ? longBlock : square;
  // Where what is stored is shorter than a long block, the loops around that store near it make it longer.
  const near = apart && tripCount(stored)! < longBlock ? innermost(outer, (loop) => storesNear(found, kernel, loop)) : [];
  const byRead = near.length > 0 || (apart && readsNear(found, kernel, stored));
  // Else the loops around that read near it make what is read longer.
  const along = apart ? [] : innermost(outer, (loop) => readsNear(found, kernel, loop));
  const around = (loops: readonly ForStatement[], inner: readonly Statement[]): readonly Statement[] => loops.reduceRight<readonly Statement[]>((body, loop) => (body.length === 0 ? [] : [{ ...loop, body }]), inner);
  const wholeBlocks = firstStored + Math.floor((wholeStored - firstStored) / longest) * longest;
  /** Blocks so long along what is stored, each of squares side by side along what is read. */
  const blocks = (start: number, end: number, length: number): readonly Statement[] => {
    if (start === end) return [];
    const overRead = (body: readonly Statement[]): readonly Statement[] => [{ ...read, end: i32(wholeRead), step: square, body }];
    const overStored = (body: readonly Statement[]): readonly Statement[] => [{ ...stored, start: i32(start), end: i32(end), step: length, body }];
    const squares = squaresOf(found, length, kernel, locals);
    return byRead ? overRead(around(near, overStored(squares))) : overStored(around(along, overRead(squares)));
  };
  const nest: readonly Statement[] = [
    ...blocks(firstStored, wholeBlocks, longest),
    ...blocks(wholeBlocks, wholeStored, wholeStored - wholeBlocks),
    ...around(along, over(read, firstRead, wholeRead, around(near, over(stored, wholeStored, endOf(stored), body)))),
    ...around(along, over(read, wholeRead, endOf(read), around(near, over(stored, firstStored, endOf(stored), body)))),
  ];
  return around(outer.slice(0, outer.length - near.length - along.length), nest);
}

/** Whether a loop moves what is stored by less than a page. */
function storesNear({ body }: Transposition, kernel: Kernel, { local }: ForStatement): boolean {
  return body.every(({ buffer, index }) => Math.abs(distanceOf(kernel, buffer, index, local) ?? Infinity) * bytesOf(kernel.buffers[buffer]!.dtype) < pageBytes);
}

/** Whether a loop moves what is read by less than a page: so the few pages of many squares stay known. */
function readsNear({ read, body }: Transposition, kernel: Kernel, { local }: ForStatement): boolean {
  let near = true;
  body.forEach(({ value }) => visitExpression(value, (one) => {
    if (one.kind !== "load" || !movesByOne(kernel, one.buffer, one.index, read.local)) return;
    near &&= Math.abs(distanceOf(kernel, one.buffer, one.index, local) ?? Infinity) * bytesOf(one.dtype) < pageBytes;
  }));
  return near;
}

/** Whether lines of a square that are stored to fall on the same few sets of a cache. */
function linesFallTogether({ read, body }: Transposition, kernel: Kernel): boolean {
  return body.some(({ buffer, index }) => {
    const { dtype } = kernel.buffers[buffer]!;
    const bytes = (distanceOf(kernel, buffer, index, read.local) ?? 0) * bytesOf(dtype);
    return bytes !== 0 && bytes % setBytes === 0;
  });
}

/** The squares of a block at the counters of its two loops. */
function squaresOf(found: Transposition, length: number, kernel: Kernel, locals: LocalTable): readonly Statement[] {
  const { stored, read, body } = found;
  const [along, across] = [locals.fresh("along", "i32"), locals.fresh("across", "i32")];
  const at = (ahead: number, behind: number): Place => ({
    stored: binary("add", plain(stored), binary("add", along, i32(ahead))), read: binary("add", plain(read), binary("add", across, i32(behind))),
  });
  const steps = (count: number, step = 1): number[] => Array.from({ length: count / step }, (_, k) => k * step);
  const vectors = vectorsOf(found, kernel, locals);
  const small = body.reduce((size, { value }) => size + operationsOf(value), 0) <= smallBody;
  const wide = vectors !== undefined || small ? square : atOnce;
  const straight = vectors !== undefined
    ? steps(atOnce, 2).flatMap((behind) => vectors(square, (p, q) => at(p, behind + q)))
    : steps(wide).flatMap((ahead) => steps(atOnce).flatMap((behind) => copyAt(found, at(ahead, behind))));
  const inside = (local: LocalId, end: number, step: number, inner: readonly Statement[]): Statement => ({ ...read, local, start: i32(0), end: i32(end), step, body: inner });
  return [inside(along.local, length, wide, [inside(across.local, square, atOnce, straight)])];
}

const copyAt = ({ stored, read, body }: Transposition, place: Place): readonly Statement[] => withCounter(withCounter(body, read.local, place.read), stored.local, place.stored);

const plain = ({ local }: ForStatement): Expression => ({ kind: "local", dtype: "i32", lanes: 1, local });
