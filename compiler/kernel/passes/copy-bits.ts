/**
 * 16-bit floats that are only copied are copied as integers of 16 bits: nothing needs to be computed, so nothing to be made an
 * f32 and rounded again, and a vector holds eight of them instead of four. So are those of which nothing but the bits is looked at.
 *
 * Of a buffer, all that is loaded must be stored as it is, to buffers that are given only such elements and constants, or be taken
 * as bits where it is loaded.
 */
import type { DType } from "../../../runtime/dtype.ts";
import type { Pass } from "../../support/pass.ts";
import { bitcastFunction } from "../arithmetic.ts";
import { constant } from "../build.ts";
import type { BufferId, Expression, Kernel } from "../kernel.ts";
import { isHalfFloat, operandsOf } from "../vector-support.ts";
import { expressionsOf, mapExpressions, rewriteExpression, rewriteStatements, visitStatements, type StoreStatement } from "../walk.ts";

type Of<Kind extends Expression["kind"]> = Extract<Expression, { kind: Kind }>;

export const copyBits: Pass<Kernel, Kernel> = {
  name: "copy-bits",
  summary: "16-bit floats that are only copied, or of which only the bits are taken, are integers",
  run(kernel) {
    const copied = onlyCopied(kernel);
    if (copied.size === 0) return kernel;
    const buffers = kernel.buffers.map((buffer, id) => (copied.has(id) ? { ...buffer, dtype: "u16" as const } : buffer));
    const loaded = (one: Expression): Expression => (one.kind === "bitcast" && takesBits(one) && copied.has(one.operand.buffer) ? { ...one, operand: bitsOf(one.operand) } : one);
    const body = rewriteStatements(kernel.body, (statement) => {
      const taken = mapExpressions(statement, (expression) => rewriteExpression(expression, loaded));
      return [taken.kind === "store" && copied.has(taken.buffer) ? { ...taken, value: bitsOf(taken.value) } : taken];
    });
    return { ...kernel, buffers, body };
  },
};

/** A load of a 16-bit float whose bits alone are taken. */
const takesBits = (one: Of<"bitcast">): one is Of<"bitcast"> & { readonly operand: Of<"load"> } => one.operand.kind === "load" && isHalfFloat(one.operand.dtype);

/** What a store copies: an element of another buffer, or undefined for a constant. */
const sourceOf = ({ value }: StoreStatement): BufferId | undefined => (value.kind === "load" ? value.buffer : undefined);

function onlyCopied({ buffers, body }: Kernel): Set<BufferId> {
  const copied = new Set(buffers.flatMap(({ dtype }, id) => (isHalfFloat(dtype) ? [id] : [])));
  const copies: StoreStatement[] = [];
  const refuseLoads = (expression: Expression): void => {
    if (expression.kind === "bitcast" && takesBits(expression)) return expression.operand.index.forEach(refuseLoads);
    if (expression.kind === "load") copied.delete(expression.buffer);
    operandsOf(expression).forEach(refuseLoads);
  };
  visitStatements(body, (statement) => {
    if (statement.kind !== "store" || !isHalfFloat(buffers[statement.buffer]!.dtype)) return expressionsOf(statement).forEach(refuseLoads);
    statement.index.forEach(refuseLoads);
    if (statement.value.kind === "load") {
      statement.value.index.forEach(refuseLoads);
      copies.push(statement);
    } else if (statement.value.kind !== "constant") {
      refuseLoads(statement.value);
      copied.delete(statement.buffer);
    }
  });
  // Both ends of a copy, or neither.
  for (let size = -1; size !== copied.size; ) {
    size = copied.size;
    for (const copy of copies) {
      const ends = [copy.buffer, sourceOf(copy)!];
      if (!ends.every((end) => copied.has(end))) ends.forEach((end) => copied.delete(end));
    }
  }
  return copied;
}

/** A load or a constant as the integer of its bits. */
function bitsOf(value: Expression): Expression {
  if (value.kind !== "constant") return { ...value, dtype: "u16" };
  return constant("u16", bitcastFunction(value.dtype, "u16")(rounded(value.dtype, Number(value.value))) as number, value.lanes);
}

/** A constant may hold more than its dtype does. */
const rounded = (dtype: DType, value: number): number => (dtype === "f16" ? Math.f16round(value) : value);
