/**
 * Convolutions over one axis as those over two, of which the first has extent 1: what rules for planes need to see of such a node,
 * and its operands in that form. Others are seen as they are.
 */
import type { Attributes, Node, TensorType, ValueId } from "../../graph.ts";
import type { Builder } from "./builder.ts";
import type { Around } from "./convolutions.ts";

const isLine = (node: Node, at: Around): boolean => at.type(node.inputs[0]!).shape.length === 3;

/** Whether a node has one or two axes beside images and channels. */
export const isPlanar = (node: Node, at: Around): boolean => [3, 4].includes(at.type(node.inputs[0]!).shape.length);

const planeShape = ([n, c, ...rest]: readonly number[]): number[] => [n!, c!, 1, ...rest];
const planeType = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape: shape.length === 3 ? planeShape(shape) : shape });

/** The types of a node's operands and result, and its attributes. */
export const planes = (node: Node, at: Around): Around => (isLine(node, at) ? { type: (value) => planeType(at.type(value)), definition: (value) => at.definition(value) } : at);
export const inPlane = (node: Node, at: Around): Node => (isLine(node, at) ? { ...node, attributes: planeAttributes(node.attributes) } : node);

function planeAttributes(attributes: Attributes): Attributes {
  const before = { stride: 1, dilation: 1, window: 1, extra: 0 };
  const list = (name: string): readonly number[] => attributes[name] as readonly number[];
  return {
    ...attributes,
    ...Object.fromEntries(Object.entries(before).flatMap(([name, first]) => (attributes[name] === undefined ? [] : [[name, [first, ...list(name)]]]))),
    padding: list("padding").flatMap((width) => [0, width]),
  };
}

/** A value [n, c, w] as [n, c, 1, w]; where its channels are last in memory, that is seen of the result too. */
export function plane(value: ValueId, build: Builder): ValueId {
  const shape = build.shape(value);
  if (shape.length !== 3) return value;
  const image = build.behind(value);
  return image === undefined ? build.reshape(value, planeShape(shape)) : build.channelsSecond(build.reshape(image, [shape[0]!, 1, shape[2]!, shape[1]!]));
}
