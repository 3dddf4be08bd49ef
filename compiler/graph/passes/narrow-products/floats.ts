/**
 * Products of i32 as those of f32, of so many terms at a time that f32 holds every sum exactly, in any order. The sums of
 * these are added in i32.
 */
import type { Node, ValueId } from "../../graph.ts";
import type { FrontBuilder } from "../front-builder.ts";
import { alongTerms } from "./operands.ts";

/** `channels` of a group, or elements of a row, are multiplied `most` at a time. */
export function asFloats(node: Node, channels: number, most: number, build: FrontBuilder): ValueId {
  let sum: ValueId | undefined;
  for (let from = 0; from < channels; from += most) {
    const length = Math.min(most, channels - from);
    const part = (x: ValueId, axis: number): ValueId => build.apply("cast", [build.part(x, axis, from, length)], { dtype: "f32" });
    const product = build.apply("cast", [build.apply(node.op, alongTerms(node, build, part), node.attributes)], { dtype: "i32" });
    sum = sum === undefined ? product : build.apply("add", [sum, product]);
  }
  return sum!;
}
