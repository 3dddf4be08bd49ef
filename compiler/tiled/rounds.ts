/**
 * Rounds of an op whose operands are too much for the tiles at once: its index space is cut along a parallel dimension into pieces
 * that all tiles compute one after the other, so that what a piece needs may lie where the last one had it. As the plans of
 * PopLibs for products and convolutions, which call it a serial split.
 */
import { sizeOf } from "../../runtime/dtype.ts";
import type { TensorType } from "../graph/graph.ts";
import { withEpilogue } from "../kernel/epilogue.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { composeMap, identityMap, type Affine } from "../support/affine.ts";
import type { Target } from "../targets/target.ts";
import { plannedCost } from "./partition/planned.ts";
import type { Tensors, TensorView } from "./tensors.ts";

/** What is to be computed: an op with its operands, into a tensor or a part of one. */
export interface Work {
  readonly lowering: Lowering;
  readonly reads: readonly TensorView[];
  readonly write: TensorView;
  /** Of the result. */
  readonly type: TensorType;
}

/** Numbers of rounds that are tried; each is steps of its own in the program. */
const roundCounts = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/**
 * The pieces of an op in rounds; undefined where it fits at once, or no number of rounds would help. Of dimensions that need equally
 * many rounds, along the one that takes the fewest cycles.
 */
export function inRounds(work: Work, tensors: Tensors, target: Target): readonly Work[] | undefined {
  const costOf = ({ lowering: unfinished, reads, write }: Work) => {
    const lowering = withEpilogue(unfinished);
    return plannedCost(lowering, lowering.reads.map(({ operand }) => reads[operand]!), write, tensors, target);
  };
  const { bytes, exchange, reductionExchange } = costOf(work);
  // What lies where it is computed needs no room of its own.
  if (bytes <= target.bytesPerTile || exchange + reductionExchange === 0) return undefined;
  const dimensions = cuttable(work);
  for (const count of roundCounts) {
    const plans = dimensions.flatMap(({ d, t }) => {
      const { extent } = work.lowering.space[d]!;
      if (extent < count) return [];
      const length = Math.ceil(extent / count);
      const cost = costOf(piece(work, d, t, 0, length));
      return cost.bytes <= target.bytesPerTile ? [{ d, t, length, cycles: cost.total }] : [];
    });
    const best = plans.toSorted((a, b) => a.cycles - b.cycles || a.d - b.d)[0];
    if (best === undefined) continue;
    const { d, t, length } = best;
    const { extent } = work.lowering.space[d]!;
    return Array.from({ length: Math.ceil(extent / length) }, (_, round) => piece(work, d, t, round * length, Math.min(length, extent - round * length)));
  }
  return undefined;
}

/** Parallel dimensions of the space, each with the dimension of the result that it alone runs along. */
function cuttable({ lowering, type }: Work): readonly { readonly d: number; readonly t: number }[] {
  if (lowering.keeps === true || lowering.writes.length !== 1 || sizeOf(type.shape) === 0) return [];
  const { index } = lowering.writes[0]!;
  return lowering.space.flatMap(({ kind, extent }, d) => {
    if (kind !== "parallel" || extent === 1) return [];
    const along = index.flatMap(({ coefficients }, t) => (coefficients[d] !== 0 ? [t] : []));
    const [t] = along;
    if (along.length !== 1 || type.shape[t!] !== extent) return [];
    const { constant, coefficients } = index[t!]!;
    return constant === 0 && coefficients.every((coefficient, k) => coefficient === (k === d ? 1 : 0)) ? [{ d, t: t! }] : [];
  });
}

/** Indices `start` to `start + count` of dimension d of the space, which are those of dimension t of the result. */
function piece({ lowering, reads, write, type }: Work, d: number, t: number, start: number, count: number): Work {
  const rank = type.shape.length;
  const along = identityMap(rank).map((form, other): Affine => (other === t ? { ...form, constant: start } : form));
  const part = ({ tensor, map }: TensorView): TensorView => ({ tensor, map: composeMap(map, along, rank) });
  const { epilogue } = lowering;
  return {
    lowering: {
      ...lowering,
      space: lowering.space.map((dimension, other) => (other === d ? { ...dimension, extent: count } : dimension)),
      reads: lowering.reads.map((access) => ({ ...access, index: access.index.map((form) => ({ ...form, constant: form.constant + start * form.coefficients[d]! })) })),
      ...(epilogue ? { epilogue: { ...epilogue, operands: epilogue.operands.map((_, k) => reads.length + k) } } : {}),
    },
    // What an epilogue reads has the result's shape.
    reads: [...reads, ...(epilogue?.operands ?? []).map((operand) => part(reads[operand]!))],
    write: part(write),
    type: { ...type, shape: type.shape.with(t, count) },
  };
}
