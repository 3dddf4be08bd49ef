/** Channels of images [n, groups · c, …], as those of each group. */
import type { Node, ValueId } from "../../graph.ts";
import type { FrontBuilder } from "../front-builder.ts";

export const groupsOf = ({ attributes }: Node): number => (attributes["groups"] as number | undefined) ?? 1;

/** `change` is told the image and the axis along which a group's channels lie, and gives it with others. */
export function byGroups(x: ValueId, groups: number, build: FrontBuilder, change: (x: ValueId, axis: number) => ValueId): ValueId {
  if (groups === 1) return change(x, 1);
  const [n, channels, ...extents] = build.shape(x) as [number, number, ...number[]];
  const changed = change(build.reshape(x, [n, groups, channels / groups, ...extents]), 2);
  return build.reshape(changed, [n, groups * build.shape(changed)[2]!, ...extents]);
}
