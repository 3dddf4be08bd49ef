/**
 * The op table: every op of the graph level that is not structural. A new op is a file and a line here; being here means
 * being tested (`table.test.ts`), documented and callable.
 */
import { invariant } from "../support/bug.ts";
import { activation } from "./activation.ts";
import { scatterAddAlong, takeAlong } from "./along.ts";
import { argmax, argmin } from "./arg-extreme.ts";
import { arithmetic } from "./arithmetic.ts";
import { bits } from "./bits.ts";
import { broadcast } from "./broadcast.ts";
import { bitcastOp, castOp } from "./cast.ts";
import { choleskyBlock } from "./cholesky.ts";
import { classification } from "./classification.ts";
import { comparison } from "./comparison.ts";
import { computeMap } from "./compute-map.ts";
import { concat, stack } from "./concat.ts";
import { convolutionPacked, depthwisePacked } from "./convolution-packed.ts";
import { convolution, transposedConvolution } from "./convolution.ts";
import { dynamicSlice, dynamicUpdate } from "./dynamic-box.ts";
import { constantOp, fill } from "./fill.ts";
import { functions } from "./functions.ts";
import { gatherNd } from "./gather-nd.ts";
import { gather, oneHot } from "./gather.ts";
import { householderBlock } from "./householder.ts";
import { implications } from "./implied.ts";
import { layerNorm } from "./layer-norm.ts";
import { mapUpdate } from "./map-update.ts";
import { mapRolled } from "./map-rolled.ts";
import { map, mapReduce } from "./map.ts";
import { matmul } from "./matmul.ts";
import { matmulPacked } from "./matmul-packed.ts";
import { pool, unpool } from "./pool.ts";
import type { Op, Signature } from "./op.ts";
import { packColumns } from "./pack-columns.ts";
import { pad } from "./pad.ts";
import { normalRows, uniformRows } from "./random-rows.ts";
import { normal, uniform } from "./random.ts";
import { mean, reduce } from "./reduce.ts";
import { repeatEach, tile } from "./repetition.ts";
import { reshape } from "./reshape.ts";
import { reverse } from "./reverse.ts";
import { roll } from "./roll.ts";
import { rounding } from "./rounding.ts";
import { cumProd, cumSum } from "./scan.ts";
import { scatters } from "./scatter.ts";
import { selectOp } from "./select.ts";
import { eye, iota, linspace } from "./sequence.ts";
import { slice } from "./slice.ts";
import { logSoftmax, logSumExp, softmax } from "./softmax.ts";
import { stopGradient } from "./stop-gradient.ts";
import { argsort, sort } from "./sort.ts";
import { blockSparseMatmul, sampledMatmul, sparseRows } from "./sparse.ts";
import { norm, standardDeviation, varianceOp } from "./statistics.ts";
import { transpose } from "./transpose.ts";
import { triangularSolveBlock } from "./triangular-solve.ts";
import { update } from "./update.ts";
import { winogradFilters, winogradImage, winogradResult } from "./winograd.ts";

const list: readonly Op[] = [
  // elementwise
  ...arithmetic, ...comparison, ...bits, ...functions, ...rounding, ...classification, ...activation, selectOp, castOp, bitcastOp, stopGradient,
  // views
  reshape, transpose, slice, broadcast, reverse,
  // known elements
  fill, constantOp, iota, linspace, eye,
  uniform, normal, uniformRows, normalRows,
  // moving data
  update, concat, stack, pad, roll, gather, gatherNd, oneHot, takeAlong, ...scatters, scatterAddAlong, dynamicSlice, dynamicUpdate, tile, repeatEach, sort, argsort,
  // combining
  reduce, mean, varianceOp, standardDeviation, norm, argmax, argmin, logSumExp, cumSum, cumProd, matmul,
  // blocks of factorisations, sparse matrices
  triangularSolveBlock, choleskyBlock, householderBlock, ...implications, blockSparseMatmul, sparseRows, sampledMatmul,
  // networks
  softmax, logSoftmax, layerNorm, convolution, transposedConvolution, pool, unpool,
  // made by fusing
  map, mapRolled, mapReduce, mapUpdate, computeMap((name) => op(name)),
  // made by packing
  packColumns, matmulPacked, convolutionPacked, depthwisePacked, winogradImage, winogradFilters, winogradResult,
];

export const ops: ReadonlyMap<string, Op> = new Map(list.map((entry) => [entry.name, entry]));

export function op(name: string): Op {
  const found = ops.get(name);
  invariant(found, () => `no op is named ${name}`);
  return found;
}

export interface Call {
  readonly op: Op;
  readonly signature: Signature;
}

/** Everything callable, by name of the call, in the order in which the checker tries it: elementwise `max` before the reduction. */
export const calls: ReadonlyMap<string, readonly Call[]> = Map.groupBy(
  list.flatMap((entry) => [...(entry.signature ? [entry.signature] : []), ...(entry.otherSignatures ?? [])].map((signature): Call => ({ op: entry, signature }))),
  ({ signature }) => signature.call,
);
