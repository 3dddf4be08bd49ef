/** The operands of matrix products and convolutions, along the axes whose elements are multiplied and added up. */
import { groupsOf } from "../../../ops/networks/convolution.ts";
import type { Node, ValueId } from "../../graph.ts";
import type { FrontBuilder } from "../front-builder.ts";

/** Changes an operand along an axis. */
type Change = (x: ValueId, axis: number) => ValueId;

/** Both operands, changed along the elements of a row or the channels of a group. */
export function alongTerms({ op, inputs, attributes }: Node, build: FrontBuilder, change: Change): [ValueId, ValueId] {
  const [a, b] = inputs as [ValueId, ValueId];
  if (op === "matmul") return [change(a, build.shape(a).length - 1), change(b, build.shape(b).length - 2)];
  return [byGroups(a, groupsOf(attributes), build, change), change(b, 1)];
}

/** Images [n, groups · c, …], of which the channels of each group are changed. */
function byGroups(x: ValueId, groups: number, build: FrontBuilder, change: Change): ValueId {
  if (groups === 1) return change(x, 1);
  const [n, channels, ...extents] = build.shape(x) as [number, number, ...number[]];
  const changed = change(build.reshape(x, [n, groups, channels / groups, ...extents]), 2);
  return build.reshape(changed, [n, groups * build.shape(changed)[2]!, ...extents]);
}
