/** Identities of places for `simplify-algebra`: what known indices name at equal distances, a diagonal for instance, is a slice. */
import { sizeOf } from "../../../runtime/dtype.ts";
import { constantTensor } from "../constants.ts";
import type { Attributes, Node, ValueId } from "../graph.ts";
import { get } from "../tensor.ts";
import type { Rewriting } from "../rewrite.ts";
import type { Identity } from "./identity.ts";

/** `scatter_update(x, indices, updates)`: of places that differ, each is written once. */
const assigned: Identity = (node, at) => {
  const box = boxOf(node, at);
  return box && { ...node, op: "update", inputs: [node.inputs[0]!, node.inputs[2]!], attributes: box };
};

const taken: Identity = (node, at) => {
  const box = boxOf(node, at);
  return box && { ...node, op: "slice", inputs: [node.inputs[0]!], attributes: box };
};

/** The box of x that a row of known indices names along its axis; undefined where they lie at other distances, or outside. */
function boxOf(node: Node, at: Rewriting): Attributes | undefined {
  const [x, indices] = node.inputs as [ValueId, ValueId];
  const type = at.type(indices);
  if (type.shape.length !== 1 || sizeOf(type.shape) === 0) return undefined;
  const constant = constantTensor(at.definition(indices), type);
  if (constant === undefined) return undefined;
  const { shape } = at.type(x);
  const axis = node.attributes["axis"] as number;
  const places = Array.from({ length: constant.data.length }, (_, k) => Number(get(constant, k))).map((place) => (place < 0 ? place + shape[axis]! : place));
  const [first, last] = [places[0]!, places.at(-1)!];
  const step = places.length === 1 ? 1 : places[1]! - first;
  if (step === 0 || Math.min(first, last) < 0 || Math.max(first, last) >= shape[axis]!) return undefined;
  if (!places.every((place, k) => place === first + k * step)) return undefined;
  const along = (value: number, others: readonly number[]): number[] => others.with(axis, value);
  return { start: along(first, shape.map(() => 0)), length: along(places.length, shape), step: along(step, shape.map(() => 1)) };
}

export const placeIdentities: ReadonlyMap<string, Identity> = new Map<string, Identity>([
  ["scatter_update", assigned],
  ["gather", taken],
]);
