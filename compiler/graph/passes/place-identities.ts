/** Identities of places for `simplify-algebra`: what known indices name at equal distances, a diagonal for instance, is a slice. */
import { sizeOf } from "../../../runtime/dtype.ts";
import { ops } from "../../ops/table.ts";
import { constantTensor } from "../constants.ts";
import type { Attributes, Node, ValueId } from "../graph.ts";
import { get, type Tensor } from "../tensor.ts";
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

/** `gather_nd(x, indices)`: the dimensions that are indexed become one, of which the places are numbers. */
const takenTogether: Identity = (node, at) => {
  const [x, indices] = node.inputs as [ValueId, ValueId];
  const [type, { shape }] = [at.type(indices), at.type(x)];
  const count = type.shape.at(-1)!;
  const extents = shape.slice(0, count);
  const constant = count === 0 ? undefined : constantTensor(at.definition(indices), type);
  const run = constant && runOf(numbersIn(constant, extents), sizeOf(extents));
  const source = run && sideBySide(x, count, at);
  if (!run || !source) return undefined;
  const { base, axes } = source;
  const [axis, whole] = [axes[0]!, at.type(base).shape];
  const joined = [...whole.slice(0, axis), sizeOf(extents), ...whole.slice(axis + count)];
  const flat = count === 1 ? base : at.apply("reshape", [base], { shape: joined }, node.origin);
  const picked = at.apply("slice", [flat], boxAlong(axis, run, joined), node.origin);
  const others = axes.slice(count).map((other) => (other < axis ? other : other - count + 1));
  const order = [axis, ...others];
  const turned = order.every((other, k) => other === k) ? picked : at.apply("transpose", [picked], { axes: order }, node.origin);
  return { ...node, op: "reshape", inputs: [turned], attributes: { shape: at.type(node.outputs[0]!).shape } };
};

/**
 * What x is a transposition of (itself, where it is none), and the axes that its own are there; undefined where its first `count`
 * are not side by side in memory, so that joining them would copy all of it.
 */
function sideBySide(x: ValueId, count: number, at: Rewriting): { readonly base: ValueId; readonly axes: readonly number[] } | undefined {
  const node = at.definition(x);
  const turned = node?.op === "transpose";
  const base = turned ? node.inputs[0]! : x;
  const axes = turned ? (node.attributes["axes"] as readonly number[]) : at.type(x).shape.map((_, axis) => axis);
  const made = at.definition(base);
  const isView = made !== undefined && made.op !== "reshape" && ops.get(made.op)?.kind === "view";
  return isView || !axes.slice(0, count).every((axis, k) => axis === axes[0]! + k) ? undefined : { base, axes };
}

/** Places at equal distances. */
interface Run {
  readonly start: number;
  readonly length: number;
  readonly step: number;
}

/** Places as a run; undefined where they lie at other distances, or outside of the extent (as what is NaN does). */
function runOf(places: readonly number[], extent: number): Run | undefined {
  if (places.length === 0) return undefined;
  const [start, last] = [places[0]!, places.at(-1)!];
  const step = places.length === 1 ? 1 : places[1]! - start;
  if (step === 0 || !(Math.min(start, last) >= 0 && Math.max(start, last) < extent)) return undefined;
  return places.every((place, k) => place === start + k * step) ? { start, length: places.length, step } : undefined;
}

/** Row-major numbers of the places that tuples of indices name; NaN of one outside. */
function numbersIn(tuples: Tensor, extents: readonly number[]): number[] {
  return Array.from({ length: tuples.data.length / extents.length }, (_, k) =>
    extents.reduce((number, extent, axis) => {
      const index = Number(get(tuples, k * extents.length + axis));
      const place = index < 0 ? index + extent : index;
      return place >= 0 && place < extent ? number * extent + place : Number.NaN;
    }, 0));
}

/** The box that a run takes along an axis, whole along the others. */
function boxAlong(axis: number, { start, length, step }: Run, shape: readonly number[]): Attributes {
  return { start: shape.map(() => 0).with(axis, start), length: shape.with(axis, length), step: shape.map(() => 1).with(axis, step) };
}

/** The box of x that a row of known indices names along its axis. */
function boxOf(node: Node, at: Rewriting): Attributes | undefined {
  const [x, indices] = node.inputs as [ValueId, ValueId];
  const type = at.type(indices);
  if (type.shape.length !== 1) return undefined;
  const constant = constantTensor(at.definition(indices), type);
  const { shape } = at.type(x);
  const axis = node.attributes["axis"] as number;
  const run = constant && runOf(numbersIn(constant, [shape[axis]!]), shape[axis]!);
  return run && boxAlong(axis, run, shape);
}

export const placeIdentities: ReadonlyMap<string, Identity> = new Map<string, Identity>([
  ["scatter_update", assigned],
  ["gather", taken],
  ["gather_nd", takenTogether],
]);
