/**
 * Register blocking of contractions (matmul, convolution, rows of dot products): a nest of parallel loops around an innermost
 * vectorised loop that accumulates. Several iterations of the parallel loops run at once (interleave.ts), so that each vector
 * loaded serves several accumulators, and additions need not wait for one another. Every sum keeps its own order: not a bit
 * changes.
 *
 * Where the parallel loop over vectors has a loop around it in which the loaded vectors stay the same (the rows of a
 * matmul), the block is so many of those by so many vectors as fit the sixteen registers with what feeds them: 6 by 2 where a
 * product and a sum are one instruction, as those of floats may be, else 4 by 2. Else it is 8 vectors, which are also whole cache lines of a matrix that
 * one row is multiplied by, or 4 where each has several accumulators, and 4 for two rows. Dot products, whose innermost loop is itself over
 * vectors, are blocked in the same way over the loops around.
 *
 * Where both operands are vectors, and each stays the same in a loop in which the other moves, the block has two dimensions: 3 by 2
 * of two vectors. It is gone through one vector after the other, with two of the one operand and one of the other loaded at a time:
 * twelve sums and three more are what engines have, which keep a register for themselves. With one more, sums would go to memory and back.
 *
 * Machines that pair two vectors into one (V8 with wide vectors) want twice the vectors: 6 by 4, or 4 by 4, and 3 by 3 in two dimensions. On others such a
 * block would spill. So `blockForPairs` makes the blocks anew for them, and which ones run is chosen when a file is loaded.
 */
import { bytesOf, isFloat } from "../../../runtime/dtype.ts";
import { roundUp } from "../../support/parts.ts";
import type { Pass } from "../../support/pass.ts";
import { carriedLocals } from "../dependence.ts";
import type { Kernel, LocalId, Statement } from "../kernel.ts";
import { indexMentions, localsSet, LocalTable, mapBodies, tripCount, vectorLoads, visitStatements, withBody, type ForStatement, type LoadExpression } from "../walk.ts";
import { registerBytes } from "../vector-support.ts";
import { canInterleave, interleave } from "./interleave.ts";

export const blockContraction: Pass<Kernel, Kernel> = {
  name: "block-contraction",
  summary: "nests of parallel loops around a vectorised accumulation run several iterations at once, sharing what they load",
  run: (kernel, { strictMath }) => withBlocks(kernel, { rows: blockRows(strictMath), vectors: 2, pairs: false }),
};

export const blockForPairs: Pass<Kernel, Kernel> = {
  name: "block-contraction",
  summary: "the same in blocks for machines that pair vectors",
  run: (kernel, { strictMath }) => withBlocks(kernel, { rows: blockRows(strictMath), vectors: 4, pairs: true }),
};

/** Rows of a register block: where products are `apart` from sums, values of their own, there is room left for one. */
export const blockRows = (apart = false): number => (apart ? 4 : 6);

/** Whether vectors are stored as they are held. What is converted or cut on the way to memory is not paired. */
export function storesWhole({ body, buffers }: Kernel): boolean {
  let whole = true;
  visitStatements(body, (statement) => {
    if (statement.kind === "store" && statement.value.lanes > 1 && statement.value.lanes * bytesOf(buffers[statement.buffer]!.dtype) !== registerBytes) whole = false;
  });
  return whole;
}

interface BlockSize {
  readonly rows: number;
  readonly vectors: number;
  /** Whether neighbouring vectors are to be paired. */
  readonly pairs: boolean;
}

/** What is known of loops, by their counters. */
interface Blocks {
  /** How many iterations run at once. */
  readonly factors: Map<LocalId, number>;
  /** Loops whose iterations are put together after those of the loops inside. */
  readonly insideOut: Set<LocalId>;
}

function withBlocks(kernel: Kernel, size: BlockSize): Kernel {
  const blocks: Blocks = { factors: new Map(), insideOut: new Set() };
  planBody(kernel.body, [], blocks, size);
  if (blocks.factors.size === 0) return kernel;
  const locals = new LocalTable(kernel.locals);
  return withBody(kernel, block(kernel.body, blocks, locals, size.pairs), locals.list);
}

/** Outer loops before inner ones: then a vector is loaded once, and a scalar just before its uses. */
function block(body: readonly Statement[], blocks: Blocks, locals: LocalTable, pairs: boolean): readonly Statement[] {
  return body.flatMap((statement): readonly Statement[] => {
    const within = <T extends Statement>(one: T): T => mapBodies(one, (inner) => block(inner, blocks, locals, pairs)) as T;
    if (statement.kind !== "for") return [within(statement)];
    const trips = tripCount(statement);
    const factor = evenly(blocks.factors.get(statement.local) ?? 1, trips ?? 1, pairs && statement.step > 1 ? 2 : 1);
    const together = (loop: ForStatement): readonly ForStatement[] => (loop.parallel && factor > 1 && trips !== undefined && trips > 1 && canInterleave(loop) ? interleave(loop, factor, locals) : [loop]);
    return blocks.insideOut.has(statement.local) ? together(within(statement)) : together(statement).map(within);
  });
}

/** As many blocks as `most` iterations at once would take, with no small one at the end, and whole pairs. */
const evenly = (most: number, trips: number, unit = 1): number => Math.min(most, roundUp(Math.ceil(trips / Math.ceil(trips / most)), most === 1 ? 1 : unit));

/** Chooses factors for the loops of each contraction. `nest`: the parallel loops around, outermost first. */
function planBody(body: readonly Statement[], nest: readonly ForStatement[], blocks: Blocks, size: BlockSize): void {
  for (const statement of body) {
    if (statement.kind === "while") planBody(statement.body, [], blocks, size);
    if (statement.kind === "if") {
      planBody(statement.then, [], blocks, size);
      planBody(statement.otherwise, [], blocks, size);
    }
    if (statement.kind !== "for") continue;
    if (isAccumulation(statement)) plan(statement, nest, blocks, size);
    else planBody(statement.body, statement.parallel ? [...nest, statement] : nest, blocks, size);
  }
}

/** An innermost loop over vectors whose locals go from one iteration to the next. */
function isAccumulation(loop: ForStatement): boolean {
  let straight = true;
  visitStatements(loop.body, (statement) => {
    if (statement.kind !== "set") straight = false;
  });
  return straight && vectorLoads(loop.body).length > 0 && carriedLocals(loop).size > 0 && (tripCount(loop) ?? 0) >= 2;
}

const sumsFloats = ({ body }: ForStatement): boolean => body.some((statement) => statement.kind === "set" && isFloat(statement.value.dtype));

/** How many vectors at once: the fewer the rows, the more, so that additions need not wait for one another. */
function vectorsOf({ rows: most, vectors }: BlockSize, rows: ForStatement | undefined, accumulators: number): number {
  if (rows === undefined) return accumulators === 1 ? 4 * vectors : 4;
  return evenly(most, tripCount(rows)!) <= 2 ? 2 * vectors : vectors;
}

function plan(accumulation: ForStatement, nest: readonly ForStatement[], { factors, insideOut }: Blocks, most: BlockSize): void {
  const size = sumsFloats(accumulation) ? most : { ...most, rows: blockRows(true) };
  const usable = nest.filter((loop) => canInterleave(loop) && (tripCount(loop) ?? 0) > 1);
  const loads = vectorLoads(accumulation.body);
  const own = localsSet(accumulation.body);
  if (loads.some((load) => indexMentions(load, own))) return;
  const moves = (loop: ForStatement, load: LoadExpression): boolean => indexMentions(load, new Set([loop.local]));
  // Loops in which some loaded vector stays the same, innermost first.
  const reusing = usable.filter((loop) => loads.some((load) => !moves(loop, load))).toReversed();
  const overVectors = usable.findLast((loop) => loop.step > 1 && loads.some((load) => moves(loop, load)));
  const assign = (loop: ForStatement | undefined, factor: number): void => {
    if (loop !== undefined && !factors.has(loop.local)) factors.set(loop.local, factor);
  };
  const rows = reusing.find((loop) => loop !== overVectors);
  // A loop in which what moves with the rows stays the same.
  const across = reusing.find((loop) => rows !== undefined && loads.some((load) => !moves(loop, load) && moves(rows, load)));
  if (overVectors !== undefined && rows !== undefined && across !== undefined && loads.every((load) => moves(overVectors, load))) {
    const loops = [overVectors, rows, across];
    [2, size.rows / 2, size.pairs ? 3 : 2].forEach((factor, k) => assign(loops[k], factor));
    if (!size.pairs) for (const { local } of loops) insideOut.add(local);
  } else if (overVectors !== undefined) {
    const vectors = vectorsOf(size, rows, carriedLocals(accumulation).size);
    // Vectors that the loop over them has not are taken from several panels of them, or else of more rows.
    const panels = usable.findLast((loop) => loop !== overVectors && loop !== rows && nest.indexOf(loop) < nest.indexOf(overVectors) && loads.every((load) => moves(loop, load)));
    const missing = Math.max(1, Math.floor(vectors / tripCount(overVectors)!));
    assign(rows, panels === undefined ? size.rows * missing : size.rows);
    assign(overVectors, vectors);
    assign(panels, missing);
  } else {
    assign(reusing[0], reusing.length === 1 ? 4 : 2);
    assign(reusing[1], size.rows);
  }
}

