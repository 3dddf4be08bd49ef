/**
 * Masks that are computed from little: `positions of queries >= positions of keys`. Where such a map is among what the scores'
 * body reads, its own body is computed with each score instead, and the mask is not in memory.
 */
import { sizeOf } from "../../../../runtime/dtype.ts";
import { argument, substitute } from "../../../kernel/build.ts";
import { someExpression } from "../../../kernel/walk.ts";
import { bodyOf, operationsOf } from "../../../ops/fused/map.ts";
import { ops } from "../../../ops/table.ts";
import { wantedPartition, type Node, type ValueId } from "../../graph.ts";
import type { Rewriting } from "../../rewrite.ts";
import { throughViews } from "../../views.ts";
import type { Found } from "./find.ts";

/** A mask of more operations is computed for itself, once. */
const mostOperations = 8;
/** What is so many times smaller than the mask is little. */
const leastSpread = 8;

type Scores = Pick<Found, "body" | "operands">;

export function withMasksInside({ body, operands, product }: Found, at: Rewriting): Scores {
  const read: ValueId[] = [];
  const taken = (value: ValueId) => {
    if (!read.includes(value)) read.push(value);
    return argument(at.type(value).dtype, 1 + read.indexOf(value));
  };
  const args = operands.map((operand) => {
    const mask = maskOf(operand, at);
    return mask === undefined ? taken(operand) : substitute(bodyOf(mask.map.attributes), mask.map.inputs.map((input) => taken(seenThrough(input, mask.views, at))));
  });
  const score = argument(at.type(product.outputs[0]!).dtype, 0);
  return { body: substitute(body, [score, ...args]), operands: read };
}

/** The map behind an operand, and the views through which it is seen, the last first. */
interface Mask {
  readonly map: Node;
  readonly views: readonly Node[];
}

function maskOf(operand: ValueId, at: Rewriting): Mask | undefined {
  const views: Node[] = [];
  let map = at.definition(operand);
  for (; map !== undefined && ops.get(map.op)?.kind === "view"; map = at.definition(map.inputs[0]!)) views.push(map);
  if (map?.op !== "map" || wantedPartition(map) !== undefined) return undefined;
  const body = bodyOf(map.attributes);
  if (operationsOf(body) > mostOperations || someExpression(body, ({ kind }) => kind === "call")) return undefined;
  const size = sizeOf(at.type(map.outputs[0]!).shape);
  const isLittle = (input: ValueId): boolean => sizeOf(throughViews(input, at).stored.shape) * leastSpread <= size;
  return map.inputs.every(isLittle) ? { map, views } : undefined;
}

/** Another value of the map's shape, seen as its result is. */
const seenThrough = (value: ValueId, views: readonly Node[], at: Rewriting): ValueId =>
  views.reduceRight((seen, { op, attributes, origin }) => at.apply(op, [seen], attributes, origin), value);
