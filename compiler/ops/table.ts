/**
 * The op table: every op of the graph level that is not structural. A new op is a file and a line here; being here means
 * being tested (`table.test.ts`), documented and callable.
 */
import { invariant } from "../support/bug.ts";
import { activation } from "./elementwise/activation.ts";
import { scattersAlong, takeAlong } from "./data/along.ts";
import { argmax, argmin } from "./reductions/arg-extreme.ts";
import { arithmetic } from "./elementwise/arithmetic.ts";
import { attention } from "./fused/attention.ts";
import { bits } from "./elementwise/bits.ts";
import { broadcast } from "./views/broadcast.ts";
import { bitcastOp, castOp } from "./elementwise/cast.ts";
import { choleskyBlock } from "./linalg/cholesky.ts";
import { classification } from "./elementwise/classification.ts";
import { comparison } from "./elementwise/comparison.ts";
import { computeMap } from "./fused/compute-map.ts";
import { concat, stack } from "./data/concat.ts";
import { convolutionFilters, convolutionFiltersPacked } from "./networks/convolution-filters.ts";
import { convolutionFiltersPlanes } from "./networks/convolution-filters-planes.ts";
import { convolutionPacked, depthwisePacked } from "./networks/convolution-packed.ts";
import { convolution, transposedConvolution } from "./networks/convolution.ts";
import { dynamicSlice, dynamicUpdate } from "./data/dynamic-box.ts";
import { constantOp, fill } from "./sources/fill.ts";
import { functions } from "./elementwise/functions.ts";
import { gatherNd } from "./data/gather-nd.ts";
import { fftRows } from "./transforms/fourier.ts";
import { gather, oneHot } from "./data/gather.ts";
import { indexBelow } from "./data/index-below.ts";
import { pick } from "./data/pick.ts";
import { householderBlock } from "./linalg/householder.ts";
import { implications } from "./linalg/implied.ts";
import { spectra } from "./linalg/implied-spectra.ts";
import { layerNorm } from "./networks/layer-norm.ts";
import { mapUpdate } from "./fused/map-update.ts";
import { mapRolled } from "./fused/map-rolled.ts";
import { map, mapReduce } from "./fused/map.ts";
import { matmul } from "./linalg/matmul.ts";
import { matmulPacked } from "./linalg/matmul-packed.ts";
import { pool, unpool } from "./networks/pool.ts";
import type { Op, Signature } from "./op.ts";
import { packColumns } from "./linalg/pack-columns.ts";
import { pad } from "./data/pad.ts";
import { normalRows, uniformRows } from "./sources/random-rows.ts";
import { normal, uniform } from "./sources/random.ts";
import { mean, reduce } from "./reductions/reduce.ts";
import { repeatEach, tile } from "./data/repetition.ts";
import { reshape } from "./views/reshape.ts";
import { reverse } from "./views/reverse.ts";
import { roll } from "./data/roll.ts";
import { rounding } from "./elementwise/rounding.ts";
import { linearRecurrence } from "./reductions/recurrence.ts";
import { runningPlacesOps } from "./reductions/running-places.ts";
import { scans } from "./reductions/scan.ts";
import { scatters } from "./data/scatter.ts";
import { selectOp } from "./elementwise/select.ts";
import { eye, iota, iotaBlock, linspace } from "./sources/sequence.ts";
import { slice } from "./views/slice.ts";
import { logSoftmax, logSumExp, softmax } from "./networks/softmax.ts";
import { stopGradient } from "./elementwise/stop-gradient.ts";
import { mergeRuns } from "./data/merge-runs.ts";
import { argsort, sort } from "./data/sort.ts";
import { blockSparseMatmul, sampledMatmul, sparseRows } from "./linalg/sparse.ts";
import { median, norm, quantile, standardDeviation, varianceOp } from "./reductions/statistics.ts";
import { topPlaces } from "./data/top-places.ts";
import { transpose } from "./views/transpose.ts";
import { triangularSolveBlock } from "./linalg/triangular-solve.ts";
import { fold, imageWindows, unfold } from "./networks/unfold.ts";
import { update } from "./data/update.ts";
import { withSlope } from "./elementwise/with-slope.ts";
import { windows } from "./views/windows.ts";
import { winogradFilters, winogradImage, winogradResult } from "./networks/winograd.ts";

const list: readonly Op[] = [
  // elementwise
  ...arithmetic, ...comparison, ...bits, ...functions, ...rounding, ...classification, ...activation, selectOp, castOp, bitcastOp, stopGradient, withSlope,
  // views
  reshape, transpose, slice, broadcast, reverse, windows,
  // known elements
  fill, constantOp, iota, iotaBlock, linspace, eye,
  uniform, normal, uniformRows, normalRows,
  // moving data
  update, concat, stack, pad, roll, gather, gatherNd, oneHot, indexBelow, pick, takeAlong, ...scatters, ...scattersAlong, dynamicSlice, dynamicUpdate, tile, repeatEach, sort, argsort, mergeRuns, topPlaces,
  // combining
  reduce, mean, varianceOp, standardDeviation, norm, quantile, median, argmax, argmin, logSumExp, ...scans, ...runningPlacesOps, linearRecurrence, matmul,
  // blocks of factorisations, sparse matrices
  triangularSolveBlock, choleskyBlock, householderBlock, ...implications, ...spectra, blockSparseMatmul, sparseRows, sampledMatmul, fftRows,
  // networks
  softmax, logSoftmax, layerNorm, convolution, transposedConvolution, convolutionFilters, pool, unpool, imageWindows, unfold, fold,
  // made by fusing
  map, mapRolled, mapReduce, mapUpdate, attention, computeMap((name) => op(name)),
  // made by packing
  packColumns, matmulPacked, convolutionPacked, convolutionFiltersPacked, convolutionFiltersPlanes, depthwisePacked, winogradImage, winogradFilters, winogradResult,
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
