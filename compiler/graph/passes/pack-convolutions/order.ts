/**
 * The order of axes carried on: what reads images whose channels are last in memory works on these, and gives such an image
 * again. `undefined` leaves a node as it is.
 */
import { sizeOf } from "../../../../runtime/dtype.ts";
import { ops } from "../../../ops/table.ts";
import { composeMap, identityMap, type Affine } from "../../../support/affine.ts";
import type { Target } from "../../../targets/target.ts";
import { isPackable, toLast, type Builder, type Setting } from "./builder.ts";
import type { Attributes, Node, ValueId } from "../../graph.ts";

/** A node's image, with channels last. */
export function carried(node: Node, build: Builder, setting: Setting): ValueId | undefined {
  switch (node.op) {
    case "map": return mapped(node, build, setting);
    case "pool": case "unpool": return pooled(node, build, setting);
    case "concat": return joined(node, build);
    case "reshape": return regarded(node, build);
    case "slice": return sliced(node, build);
    default: return undefined;
  }
}

/** The inputs that a node reads in the order in which it gives its result. */
export function carries(node: Node): readonly ValueId[] {
  if (node.op === "concat") return node.attributes["axis"] === 1 ? node.inputs : [];
  return ["map", "pool", "unpool", "reshape", "slice"].includes(node.op) ? node.inputs : [];
}

/** What a node of images reads: images with channels last, and what is the same at all positions. */
interface Operands {
  readonly shape: readonly number[];
  readonly images: readonly (ValueId | undefined)[];
  /** Of those that are no images, a value [n or 1, 1, …, c or 1]. */
  readonly spread: readonly (ValueId | undefined)[];
}

/** Images from elsewhere are reordered where that is less than reordering the result. */
function operandsOf(inputs: readonly ValueId[], build: Builder, reorders: boolean): Operands | undefined {
  const images = inputs.map((input) => build.behind(input));
  const first = images.find((image) => image !== undefined);
  if (first === undefined) return undefined;
  const spread = inputs.map((input, k) => (images[k] === undefined ? spreadOf(build, input) : undefined));
  const others = new Set(inputs.filter((_, k) => images[k] === undefined && spread[k] === undefined));
  if (others.size > 0 && !(reorders && others.size <= new Set(images).size)) return undefined;
  return { shape: build.shape(first), images: images.map((image, k) => image ?? (spread[k] === undefined ? build.channelsLast(inputs[k]!) : undefined)), spread };
}

/** A map of views of images with channels last, and of what is the same at all positions: of the images themselves. */
function mapped({ inputs, outputs, attributes }: Node, build: Builder, { wanted }: Setting): ValueId | undefined {
  const found = operandsOf(inputs, build, wanted.has(outputs[0]!));
  if (found === undefined) return undefined;
  const { shape, images, spread } = found;
  // The one made last takes the map in (fuse-results.ts), so its form is the result's.
  const last = inputs.reduce<ValueId>((most, input) => Math.max(most, build.behind(input) ?? 0), 0);
  const asMatrix = build.isMatrix(last) && spread.every((one) => one === undefined || build.shape(one)[0] === 1);
  const target = asMatrix ? [sizeOf(shape.slice(0, -1)), shape.at(-1)!] : shape;
  const operands = images.map((image, k) => {
    if (image !== undefined) return asMatrix ? build.matrix(image) : image;
    const source = asMatrix ? build.reshape(spread[k]!, [1, build.shape(spread[k]!).at(-1)!]) : spread[k]!;
    return build.broadcast(source, target);
  });
  const result = build.apply("map", operands, attributes);
  return asMatrix ? build.reshape(result, shape) : result;
}

/** What is the same at all positions of images [n, c, …], as [n or 1, 1, …, c or 1]. */
function spreadOf(build: Builder, value: ValueId): ValueId | undefined {
  const shape = build.shape(value);
  const map = spreadMap(build, value);
  const moves = (axis: number): boolean => shape[axis]! > 1 && map.some(({ coefficients }) => coefficients[axis] !== 0);
  if (shape.some((_, axis) => axis > 1 && moves(axis))) return undefined;
  const source = build.at.definition(value);
  // Most are a broadcast of [c, 1, 1].
  const own = source?.op === "broadcast" ? build.shape(source.inputs[0]!) : [];
  const padded = [...Array.from({ length: shape.length - own.length }, () => 1), ...own];
  if (own.length > 0 && padded.slice(2).every((extent) => extent === 1)) return build.reshape(source!.inputs[0]!, lastOf(padded));
  const length = shape.map((extent, axis) => (axis < 2 && moves(axis) ? extent : 1));
  return build.reshape(build.slice(value, shape.map(() => 0), length), lastOf(length));
}

const lastOf = (shape: readonly number[]): number[] => toLast(shape.length).map((axis) => shape[axis]!);

/** Where a value's elements are in what it is a view of. */
function spreadMap(build: Builder, value: ValueId): readonly Affine[] {
  const type = build.at.type(value);
  const node = build.at.definition(value);
  if (node?.op === "fill") return [];
  const view = node && ops.get(node.op)?.kind === "view" ? ops.get(node.op)!.view?.(build.at.type(node.inputs[0]!), node.attributes, type) : undefined;
  return node && view ? composeMap(spreadMap(build, node.inputs[0]!), view, type.shape.length) : identityMap(type.shape.length);
}

/** Pools and their ways back; numbers of elements lie as the images do. */
function pooled({ op, inputs, outputs, attributes }: Node, build: Builder, { wanted }: Setting): ValueId | undefined {
  const behind = inputs.filter((input) => build.behind(input) !== undefined).length;
  // The smaller side is reordered before it grows.
  if (behind === 0 && !(op === "unpool" && wanted.has(outputs[0]!) && isPackable(build.at.type(outputs[0]!)))) return undefined;
  return build.apply(op, inputs.map((input) => build.channelsLast(input)), { ...attributes, last: true });
}

/** Channels of several images behind each other. */
function joined({ inputs, attributes }: Node, build: Builder): ValueId | undefined {
  const images = inputs.map((input) => build.behind(input));
  if (attributes["axis"] !== 1 || images.includes(undefined)) return undefined;
  return build.apply("concat", images as ValueId[], { axis: build.shape(images[0]!).length - 1 });
}

/** An image in which the axes of positions are others. */
function regarded({ inputs, outputs }: Node, build: Builder): ValueId | undefined {
  const image = build.behind(inputs[0]!);
  const [from, to] = [build.shape(inputs[0]!), build.shape(outputs[0]!)];
  if (image === undefined || to.length < 3 || from[0] !== to[0] || from[1] !== to[1]) return undefined;
  return build.reshape(image, lastOf(to));
}

/** Some images, channels or positions. */
function sliced({ inputs, attributes }: Node, build: Builder): ValueId | undefined {
  const image = build.behind(inputs[0]!);
  if (image === undefined) return undefined;
  const [start, length, step] = ["start", "length", "step"].map((name) => lastOf(attributes[name] as readonly number[])) as [number[], number[], number[]];
  return build.slice(image, start, length, step);
}

/** Reductions over all positions, perhaps over images and channels too: of the images themselves. What they give has no order to carry. */
export function reduced({ op, inputs, outputs, attributes }: Node, build: Builder, { target }: Setting): ValueId | undefined {
  if (!["reduce", "mean", "map_reduce"].includes(op)) return undefined;
  const axes = attributes["axes"] as readonly number[];
  const rank = build.shape(inputs[0]!).length;
  if (rank < 3 || !Array.from({ length: rank - 2 }, (_, axis) => axis + 2).every((axis) => axes.includes(axis))) return undefined;
  const found = operandsOf(inputs, build, true);
  if (found === undefined) return undefined;
  const type = build.at.type(outputs[0]!);
  const byChannels = axes.includes(0) && !axes.includes(1) && found.spread.every((one) => one === undefined || build.shape(one)[0] === 1);
  const result = byChannels && isPackable(type) ? byRows(op, found, attributes, build, target) : overImages(op, found, attributes, build);
  return sizeOf(build.shape(result)) === sizeOf(type.shape) && build.shape(result).length !== type.shape.length ? build.reshape(result, type.shape) : result;
}

function overImages(op: string, { shape, images, spread }: Operands, attributes: Attributes, build: Builder): ValueId {
  const order = toLast(shape.length);
  const operands = images.map((image, k) => image ?? build.broadcast(spread[k]!, shape));
  return build.apply(op, operands, { ...attributes, keepdims: false, axes: (attributes["axes"] as number[]).map((axis) => order.indexOf(axis)).toSorted((a, b) => a - b) });
}

/** One number for each channel: of the rows of a matrix, of which every part reads whole ones. */
function byRows(op: string, { shape, images, spread }: Operands, attributes: Attributes, build: Builder, { tiles, grain }: Target): ValueId {
  const [rows, channels] = [sizeOf(shape.slice(0, -1)), shape.at(-1)!];
  const operands = images.map((image, k) => (image === undefined ? build.broadcast(build.reshape(spread[k]!, [1, build.shape(spread[k]!).at(-1)!]), [rows, channels]) : build.matrix(image)));
  const parts = Math.min(tiles, rows, Math.floor((rows * channels) / grain));
  return build.apply(op, operands, { ...attributes, keepdims: false, axes: [0], ...(parts > 1 ? { partition: [1, parts] } : {}) });
}
