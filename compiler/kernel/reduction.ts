/** How a statement combines a local with one more value: as a binary operation, or as `largerOf` chooses. */
import { partKey } from "./key.ts";
import type { BinaryOp, Expression, LocalId } from "./kernel.ts";
import { operandsOf } from "./vector-support.ts";
import { mentionsLocal } from "./walk.ts";

export interface ReductionStep {
  readonly op: BinaryOp;
  /** What is combined with the local; it does not mention it. */
  readonly item: Expression;
}

/** Of `local = local ∘ item`, `local = item ∘ local` or `local = local < item ? item : local`; undefined for other values. */
export function reductionStep(value: Expression, local: LocalId): ReductionStep | undefined {
  const isSelf = (expression: Expression): boolean => expression.kind === "local" && expression.local === local;
  const step = (op: BinaryOp, item: Expression): ReductionStep | undefined => (mentionsLocal(item, new Set([local])) ? undefined : { op, item });
  if (value.kind === "select") {
    const { condition, then, otherwise } = value;
    const isLarger = condition.kind === "binary" && condition.op === "lt" && isSelf(condition.left) && isSelf(otherwise) && isSame(condition.right, then);
    return isLarger ? step("max", then) : undefined;
  }
  if (value.kind !== "binary") return undefined;
  if (isSelf(value.left)) return step(value.op, value.right);
  return isSelf(value.right) && value.op !== "sub" ? step(value.op, value.left) : undefined;
}

/** Whether two expressions are the same, part by part. */
function isSame(a: Expression, b: Expression): boolean {
  if (a === b) return true;
  const [inA, inB] = [operandsOf(a), operandsOf(b)];
  return partKey(a) === partKey(b) && inA.length === inB.length && inA.every((operand, at) => isSame(operand, inB[at]!));
}
