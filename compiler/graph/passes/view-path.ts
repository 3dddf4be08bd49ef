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

/** Chains that begin with a view, by what follows it. */
const chains = new WeakMap<Node, Map<ViewPath, ViewPath | undefined>>();
let count = 0;

/** `view`, then `path`; undefined when a producer must not be computed behind the view: it would be computed more often than it has elements. */
export function extendPath(view: Node, type: TensorType, input: TensorType, path: ViewPath): ViewPath | undefined {
  let known = chains.get(view);
  if (known === undefined) chains.set(view, (known = new Map()));
  if (!known.has(path)) known.set(path, makePath(view, type, input, path));
  return known.get(path);
}

function makePath(view: Node, type: TensorType, input: TensorType, path: ViewPath): ViewPath | undefined {
  if (sizeOf(type.shape) > sizeOf(input.shape)) return undefined;
  const isAffine = ops.get(view.op)!.view?.(input, view.attributes, type) !== undefined;
  if (!isAffine && view.op !== "reshape") return undefined;
  return { id: ++count, first: view, rest: path, reordersMemory: path.reordersMemory || !isAffine };
}
