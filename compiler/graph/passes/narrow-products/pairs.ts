/**
 * Products of i32 as those of words of two integers of 16 bits. Element k of an axis shares a word with element k + ⌈K / 2⌉, not
 * with its neighbour: so words are made of runs of both operands.
 */
import { argument, binary, cast, i32 } from "../../../kernel/build.ts";
import type { Expression } from "../../../kernel/kernel.ts";
import { bodyAttribute } from "../../../ops/fused/map.ts";
import type { Node, ValueId } from "../../graph.ts";
import type { FrontBuilder } from "../front-builder.ts";
import { alongTerms } from "./operands.ts";

export function inPairs(node: Node, build: FrontBuilder): Node {
  return { ...node, inputs: alongTerms(node, build, (x, axis) => words(x, axis, build)), attributes: { ...node.attributes, pairs: true } };
}

/** The two halves of an axis as the lower and the upper halves of words; of an odd number the last word has a zero. */
function words(x: ValueId, axis: number, build: FrontBuilder): ValueId {
  const { dtype, shape } = build.type(x);
  const extent = shape[axis]!;
  const half = Math.ceil(extent / 2);
  const none = shape.map(() => 0);
  const upper = build.padded(build.part(x, axis, half, extent - half), none, none.with(axis, 2 * half - extent));
  return build.apply("map", [build.part(x, axis, 0, half), upper], { body: bodyAttribute(word(argument(dtype, 0), argument(dtype, 1))) });
}

const word = (lower: Expression, upper: Expression): Expression => binary("or", binary("and", cast("i32", lower), i32(0xffff)), binary("shl", cast("i32", upper), i32(16)));
