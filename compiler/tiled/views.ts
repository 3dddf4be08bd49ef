/**
 * Views of values: a value that only re-indexes another one costs nothing. Each value is seen as an affine map into a root
 * value, the one that is stored.
 */
import { sizeOf } from "../../runtime/dtype.ts";
import { rowMajor } from "../kernel/kernel.ts";
import { sameShape, type Graph, type Node, type ValueId } from "../graph/graph.ts";
import { ops } from "../ops/table.ts";
import { composeMap, identityMap, type Affine } from "../support/affine.ts";

export interface View {
  readonly root: ValueId;
  /** The root's elements in row-major order, seen in this shape. */
  readonly shape: readonly number[];
  /** Index in `shape` for each index of the value. */
  readonly map: readonly Affine[];
}

export function isIdentity(map: readonly Affine[], from: readonly number[], to: readonly number[]): boolean {
  return sameShape(from, to) && map.every((form, k) => form.constant === 0 && form.coefficients.every((coefficient, i) => coefficient === (i === k ? 1 : 0) || from[i] === 1));
}

/** Whether a map of a tensor sees all elements of another of as many, in the same row-major order. */
export function keepsOrder(map: readonly Affine[], from: readonly number[], to: readonly number[]): boolean {
  const [strides, own] = [rowMajor(to), rowMajor(from)];
  if (sizeOf(from) !== sizeOf(to) || map.some(({ constant }) => constant !== 0)) return false;
  return from.every((extent, i) => extent === 1 || map.reduce((sum, { coefficients }, t) => sum + coefficients[i]! * strides[t]!, 0) === own[i]);
}

export class Views {
  readonly #graph: Graph;
  readonly #views = new Map<ValueId, View>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  of(value: ValueId): View {
    const known = this.#views.get(value);
    if (known) return known;
    const { shape } = this.#graph.values[value]!.type;
    return { root: value, shape, map: identityMap(shape.length) };
  }

  /**
   * Whether the node's output is a view of its input; remembers it. A view op that cannot be one (a reshape of what does
   * not lie in row-major order) is to be stored like a computed value.
   */
  define(node: Node): boolean {
    const op = ops.get(node.op);
    if (op?.kind !== "view") return false;
    const input = this.of(node.inputs[0]!);
    const inputType = this.#graph.values[node.inputs[0]!]!.type;
    const { type } = this.#graph.values[node.outputs[0]!]!;
    const map = op.view?.(inputType, node.attributes, type);
    if (map) {
      this.#views.set(node.outputs[0]!, { ...input, map: composeMap(input.map, map, type.shape.length) });
      return true;
    }
    if (!keepsOrder(input.map, inputType.shape, input.shape)) return false;
    this.#views.set(node.outputs[0]!, { root: input.root, shape: type.shape, map: identityMap(type.shape.length) });
    return true;
  }
}
