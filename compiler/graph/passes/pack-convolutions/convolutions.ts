/** Convolutions, their transposes and their gradients by the filters, as ops of images with channels last. */
import { sizeOf } from "../../../../runtime/dtype.ts";
import { groupsOf } from "../../../ops/networks/convolution.ts";
import { windowsOf, type Window } from "../../../ops/networks/windows.ts";
import type { Node, TensorType, ValueId } from "../../graph.ts";
import type { Rewriting } from "../../rewrite.ts";
import { isWeights } from "../pack-products/operands.ts";
import { isPackable, termsOf, toLast, type Builder, type Setting } from "./builder.ts";
import { byFilters, byOwnFilters, packsFilters } from "./filter-gradient.ts";
import { byPlanes, takesPlanes } from "./filter-planes.ts";
import { inPlane, isPlanar, plane, planes } from "./planes.ts";
import { isPoint, sumsOf } from "./sums.ts";
import { haveConvolutions } from "../convolution-phases.ts";
import { transposed } from "./transposed.ts";

/** Fewer results, or shorter sums, leave the registers' blocks too little to do. */
const leastExtent = 8;
/** Positions from which packing filters that change from run to run pays: each of their elements is used once for each. */
const leastPositions = 64;

/** What must be known of the values around a node. */
export type Around = Pick<Rewriting, "type" | "definition">;

/** Windows of the filters, which are the second input. */
export const filterWindows = (node: Node, at: Around): Window[] => windowsOf(at.type(node.inputs[1]!).shape.slice(2), node.attributes);

/** The inputs of a convolution that are images, where it is packed. */
export function packedImages(node: Node, at: Around, setting: Setting): readonly ValueId[] {
  if (!isPlanar(node, at) || !isPackable(at.type(node.outputs[0]!), node.attributes)) return [];
  const [two, around] = [inPlane(node, at), planes(node, at)];
  if (node.op === "conv_filters") return packsFilters(two, around) ? node.inputs : [];
  return packsConvolution(two, around.type(node.outputs[0]!), around, setting) ? [node.inputs[0]!] : [];
}

function packsConvolution(node: Node, { shape }: TensorType, at: Around, { graph, keepsWeights }: Setting): boolean {
  const [x, filters] = [at.type(node.inputs[0]!), node.inputs[1]!];
  const [groups, [, inGroup, ...window]] = [groupsOf(node.attributes), at.type(filters).shape as [number, number, ...number[]]];
  const [count, channels] = [shape[1]!, x.shape[1]! / groups];
  if (sizeOf(x.shape) === 0 || count < leastExtent || (groups > 1 && !(channels === 1 && groups === count && inGroup === 1))) return false;
  if (groups === 1 && channels * sizeOf(window) < leastExtent) return false;
  if (node.op === "conv_transpose" && !haveConvolutions(filterWindows(node, at), x.shape.slice(2), shape.slice(2))) return false;
  return sizeOf(shape) / count >= leastPositions || (keepsWeights && isWeights(filters, at as Rewriting, graph));
}

/** What a convolution gives, with channels last; undefined where it stays as it is. */
export function convolved(node: Node, build: Builder, setting: Setting): ValueId | undefined {
  if (packedImages(node, build.at, setting).length === 0) return undefined;
  const [[x, filters], bias] = [node.inputs.slice(0, 2).map((value) => plane(value, build)) as [ValueId, ValueId], node.inputs[2]];
  const around = planes(node, build.at);
  const windows = filterWindows(inPlane(node, build.at), around);
  const type = around.type(node.outputs[0]!);
  // What little is computed for each element does not pay for reordering an image that comes from outside.
  const little = groupsOf(node.attributes) > 1 || windows.every(isPoint);
  if (build.behind(x) === undefined && little && !(setting.wanted.has(node.outputs[0]!) && build.shape(x)[1]! <= type.shape[1]!)) return undefined;
  const image = build.channelsLast(x);
  const sums = node.op === "conv" ? sumsOf(build, image, filters, windows, setting) : transposed(build, image, filters, windows, type.shape, setting);
  const result = withBias(build, sums, bias);
  const own = toLast(build.shape(node.outputs[0]!).length).map((axis) => build.shape(node.outputs[0]!)[axis]!);
  return build.shape(result).length === own.length ? result : build.reshape(result, own);
}

/** As a matrix where the sums are one. */
function withBias(build: Builder, sums: ValueId, bias: ValueId | undefined): ValueId {
  if (bias === undefined || !build.isMatrix(sums)) return build.biased(sums, bias);
  return build.reshape(build.biased(build.matrix(sums), bias), build.shape(sums));
}

/** Of an image that comes from outside, and windows that are points: one product, in which channels stay where they are. */
export function product(node: Node, build: Builder): ValueId | undefined {
  const [x, filters, bias] = node.inputs as [ValueId, ValueId, ValueId?];
  const type = build.at.type(node.outputs[0]!);
  const { shape } = type;
  const [count, channels] = build.shape(filters) as [number, number];
  if (shape.length < 3 || !isPackable(type, node.attributes) || groupsOf(node.attributes) > 1 || channels < leastExtent || !filterWindows(node, build.at).every(isPoint)) return undefined;
  const pixels = build.reshape(x, [shape[0]!, channels, sizeOf(shape.slice(2))]);
  const sums = build.apply("matmul", [build.reshape(filters, [count, channels]), pixels], termsOf(type));
  return build.reshape(build.biased(sums, bias === undefined ? undefined : build.reshape(bias, [count, 1])), shape);
}

/** The gradient by the filters, [o, c, …]. */
export function filterGradient(node: Node, build: Builder, setting: Setting): ValueId | undefined {
  if (packedImages(node, build.at, setting).length === 0) return undefined;
  const [x, y] = node.inputs.map((value) => plane(value, build)) as [ValueId, ValueId];
  const own = groupsOf(node.attributes) > 1;
  // For what little is computed of each element nothing is reordered.
  if (own && build.behind(x) === undefined && build.behind(y) === undefined) return undefined;
  const { attributes } = inPlane(node, build.at);
  const windows = windowsOf(attributes["window"] as number[], attributes);
  const gradient = own ? byOwnFilters : byFilters;
  const result = !own && takesPlanes(build, x, y, windows) ? byPlanes(build, x, y, windows, setting.target) : gradient(build, build.channelsLast(x), build.stored(build.channelsLast(y)), windows, setting.target);
  const { shape } = build.at.type(node.outputs[0]!);
  return build.shape(result).length === shape.length ? result : build.reshape(result, shape);
}
