/**
 * A chain of views through which a consumer sees a value. An elementwise producer can be computed behind such a chain by
 * applying the chain to the producer's inputs instead. Equal chains are the same object, so they compare by identity.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import { ops } from "../../ops/table.ts";
import type { Node, TensorType } from "../graph.ts";

export interface ViewPath {
  readonly id: number;
  /** Applied first to last; undefined for no views. */
  readonly first: Node | undefined;
  readonly rest: ViewPath | undefined;
  /** Whether a reshape on the way is only free for values that lie in memory in row-major order. */
  readonly reordersMemory: boolean;
}

export const noViews: ViewPath = { id: 0, first: undefined, rest: undefined, reordersMemory: false };

const extended = new WeakMap<Node, Map<ViewPath, ViewPath>>();
let count = 0;

/** `view`, then `path`; undefined when a producer must not be computed behind the view: it would be computed more often than it has elements. */
export function extendPath(view: Node, type: TensorType, input: TensorType, path: ViewPath): ViewPath | undefined {
  if (sizeOf(type.shape) > sizeOf(input.shape)) return undefined;
  const isAffine = ops.get(view.op)!.view?.(input, view.attributes, type) !== undefined;
  if (!isAffine && view.op !== "reshape") return undefined;
  let paths = extended.get(view);
  if (paths === undefined) extended.set(view, (paths = new Map()));
  let longer = paths.get(path);
  if (longer === undefined) paths.set(path, (longer = { id: ++count, first: view, rest: path, reordersMemory: path.reordersMemory || !isAffine }));
  return longer;
}
