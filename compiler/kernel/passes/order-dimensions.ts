/**
 * Rewrites buffers and their indices so that a dimension whose neighbours lie next to each other in memory comes last, where
 * vectors are loaded from: a transposed view becomes the matrix it views. Dimensions of one element, indexed by nothing but
 * 0, go away: a column of a dense matrix of one column is a row of neighbours. Addresses stay the same.
 */
import type { Pass } from "../../support/pass.ts";
import type { Buffer, BufferId, Expression, Kernel } from "../kernel.ts";
import { constantOf, rewriteExpressions, rewriteStatements, visitExpressions, visitStatements } from "../walk.ts";

export const orderDimensions: Pass<Kernel, Kernel> = {
  name: "order-dimensions",
  summary: "in every buffer a dimension of stride 1 comes last, and dimensions of one element go away",
  run(kernel) {
    const orders = kernel.buffers.map((buffer, id) => newOrder(buffer, accessesTo(kernel, id)));
    const reorder = (buffer: BufferId, index: readonly Expression[]): Expression[] => orders[buffer]!.map((dimension) => index[dimension]!);
    const loads = rewriteExpressions(kernel.body, (one) => (one.kind === "load" ? { ...one, index: reorder(one.buffer, one.index) } : one));
    const body = rewriteStatements(loads, (statement) => (statement.kind === "store" ? [{ ...statement, index: reorder(statement.buffer, statement.index) }] : [statement]));
    const buffers = kernel.buffers.map((buffer, id) => ({
      ...buffer, shape: orders[id]!.map((dimension) => buffer.shape[dimension]!), strides: orders[id]!.map((dimension) => buffer.strides[dimension]!),
    }));
    return { ...kernel, buffers, body };
  },
};

interface BufferAccess {
  readonly index: readonly Expression[];
  readonly lanes: number;
}

function accessesTo(kernel: Kernel, buffer: BufferId): BufferAccess[] {
  const accesses: BufferAccess[] = [];
  visitExpressions(kernel.body, (one) => {
    if (one.kind === "load" && one.buffer === buffer) accesses.push({ index: one.index, lanes: one.lanes });
  });
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "store" && statement.buffer === buffer) accesses.push({ index: statement.index, lanes: statement.value.lanes });
  });
  return accesses;
}

/** The dimensions that stay, in their new order. */
function newOrder(buffer: Buffer, accesses: readonly BufferAccess[]): number[] {
  const dimensions = buffer.shape.map((_, dimension) => dimension);
  if (accesses.some(({ lanes }) => lanes > 1)) return dimensions;
  const kept = dimensions.filter((dimension) => buffer.shape[dimension] !== 1 || accesses.some(({ index }) => constantOf(index[dimension]!) !== 0));
  const neighbours = kept.findLast((dimension) => buffer.strides[dimension] === 1);
  return neighbours === undefined ? kept : [...kept.filter((dimension) => dimension !== neighbours), neighbours];
}
