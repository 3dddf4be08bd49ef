/** Values known when compiling: nodes of op `fill` (one value everywhere) and `constant` (its elements as data). */
import { newArray, sizeOf, type TypedArray } from "../../runtime/dtype.ts";
import { sameBytes } from "./attributes.ts";
import type { Attributes, Node, TensorType } from "./graph.ts";
import { get, put, zeros, type Tensor } from "./tensor.ts";

/** The value a fill has everywhere; undefined for any other node. */
export function fillValue(node: Node | undefined): number | bigint | undefined {
  if (node?.op !== "fill") return undefined;
  const value = node.attributes["value"] as number | bigint | boolean;
  return typeof value === "boolean" ? Number(value) : value;
}

export const fillAttributes = (value: number | bigint, type: TensorType): Attributes => ({ value, dtype: type.dtype, shape: type.shape });

export const constantAttributes = (tensor: Tensor): Attributes => ({ dtype: tensor.type.dtype, shape: tensor.type.shape, data: tensor.data });

/** The elements of a `constant` or `fill`; undefined for any other node. */
export function constantTensor(node: Node | undefined, type: TensorType): Tensor | undefined {
  if (node?.op === "constant") return { type, data: node.attributes["data"] as TypedArray };
  const value = fillValue(node);
  return value === undefined ? undefined : filled(type, value);
}

export function filled(type: TensorType, value: number | bigint): Tensor {
  const one = newArray(type.dtype, 1);
  put({ type: { dtype: type.dtype, shape: [] }, data: one }, 0, value);
  const tensor = zeros(type);
  (tensor.data as Float64Array).fill(one[0] as number);
  return tensor;
}

/** The value every element has, bit for bit, or undefined when they differ or there is none. */
export function splatValue(tensor: Tensor): number | bigint | undefined {
  if (sizeOf(tensor.type.shape) === 0) return undefined;
  const value = get(tensor, 0);
  return sameBytes(tensor.data, filled(tensor.type, value).data) ? value : undefined;
}
