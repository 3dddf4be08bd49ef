/**
 * Products of i32 as those of f32, of so many terms at a time that f32 holds every sum exactly, in any order. The sums of
 * these are added in i32.
 */
import type { Node, ValueId } from "../../graph.ts";
import type { FrontBuilder } from "../front-builder.ts";
import { byGroups, groupsOf } from "./groups.ts";

/** `most`: channels, or elements of a row, at a time. */
export function asFloats(node: Node, most: number, build: FrontBuilder): ValueId {
  const [a, b] = node.inputs as [ValueId, ValueId];
  const extent = node.op === "matmul" ? build.shape(a).at(-1)! : build.shape(b)[1]!;
  let sum: ValueId | undefined;
  for (let from = 0; from < extent; from += most) {
    const length = Math.min(most, extent - from);
    const part = (x: ValueId, axis: number): ValueId => build.apply("cast", [build.part(x, axis, from, length)], { dtype: "f32" });
    const operands = node.op === "matmul" ? [part(a, build.shape(a).length - 1), part(b, build.shape(b).length - 2)] : [byGroups(a, groupsOf(node), build, part), part(b, 1)];
    const product = build.apply("cast", [build.apply(node.op, operands, node.attributes)], { dtype: "i32" });
    sum = sum === undefined ? product : build.apply("add", [sum, product]);
  }
  return sum!;
}
