/**
 * border-convolutions: where tiles have memories of their own, the zeros around a convolved image are put there by a `pad`. Then all
 * positions are computed alike, and can be cut into whatever blocks are cheapest, in place of an inside and up to eight borders that
 * are cut after it. The transpose of a convolution is one with the filters turned round, or one for each phase of its strides.
 * A bias is added behind the sums, whose parts can then be of some of the channels.
 *
 * A filter for each channel needs no more than that channel, which is on one tile: such convolutions stay as they are.
 *
 * Needs: no gradients left to make. Gives: the same results, but that a zero of the border is multiplied like any other number, and
 * that a bias is added last.
 */
import { bytesOf } from "../../../runtime/dtype.ts";
import { choices } from "../../ops/lowerings.ts";
import { windowsOf, type Window } from "../../ops/networks/windows.ts";
import type { Pass } from "../../support/pass.ts";
import type { Span } from "../../support/span.ts";
import { wantedPartition, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { haveConvolutions, phasesOf, type Phase } from "./convolution-phases.ts";

export const borderConvolutions: Pass<Graph, Graph> = {
  name: "border-convolutions",
  summary: "puts zeros around the images of convolutions, where tiles have memories of their own, so that all positions are computed alike",
  run: (graph, { target }) => (target.memory === "shared" ? graph : rewrite(graph, (node, at) => (wantedPartition(node) === undefined ? bordered(node, at) : node))),
};

function bordered(node: Node, at: Rewriting): Node | readonly ValueId[] {
  const [image, filters] = node.inputs;
  switch (node.op) {
    case "conv": {
      const [, channels, ...window] = at.type(filters!).shape;
      return channels === 1 ? node : withoutBias(surrounded(node, at, image!, windowsOf(window, node.attributes)), at);
    }
    case "conv_filters":
      return surrounded(node, at, image!, windowsOf(node.attributes["window"] as readonly number[], node.attributes));
    case "conv_transpose":
      return turnedRound(node, at);
    default:
      return node;
  }
}

/** Its sums, and the bias behind them; not where that would round twice. */
function withoutBias(node: Node, at: Rewriting): Node | readonly ValueId[] {
  const [image, filters, bias] = node.inputs;
  const type = at.type(node.outputs[0]!);
  if (bias === undefined || at.type(bias).dtype !== type.dtype || bytesOf(type.dtype) < 4) return node;
  const sums = at.add("conv", [image!, filters!], node.attributes, type, node.origin);
  const aligned = at.apply("reshape", [bias], { shape: type.shape.map((extent, axis) => (axis === 1 ? extent : 1)) }, node.origin);
  return [at.apply("add", [sums, at.apply("broadcast", [aligned], { shape: [...type.shape] }, node.origin)], {}, node.origin)];
}

/** Over an image that has its border in memory. */
function surrounded(node: Node, at: Rewriting, image: ValueId, windows: readonly Window[]): Node {
  return { ...node, inputs: [withBorder(at, image, windows, node.origin), ...node.inputs.slice(1)], attributes: { ...node.attributes, padding: windows.map(() => 0) } };
}

/** The image with zeros around, or, where a border is negative, without some of its elements. */
function withBorder(at: Rewriting, image: ValueId, windows: readonly Window[], origin: Span): ValueId {
  const { shape } = at.type(image);
  const around = (width: (window: Window) => number): number[] => [0, 0, ...windows.map((window) => Math.max(0, width(window)))];
  const [left, right] = [around(({ before }) => -before), around(({ after }) => -after)];
  const inside = [...left, ...right].every((width) => width === 0)
    ? image : at.apply("slice", [image], { start: left, length: shape.map((extent, axis) => extent - left[axis]! - right[axis]!), step: shape.map(() => 1) }, origin);
  const [before, after] = [around((window) => window.before), around((window) => window.after)];
  return [...before, ...after].every((width) => width === 0) ? inside : at.apply("pad", [inside], { before, after, value: 0 }, origin);
}

/** A transpose in one group as a convolution, or as one for each phase of its strides. */
function turnedRound(node: Node, at: Rewriting): Node | readonly ValueId[] {
  const [image, filters, ...bias] = node.inputs;
  const type = at.type(node.outputs[0]!);
  const windows = windowsOf(at.type(filters!).shape.slice(2), node.attributes);
  const [extents, results] = [at.type(image!).shape.slice(2), type.shape.slice(2)];
  if (((node.attributes["groups"] as number | undefined) ?? 1) !== 1 || !haveConvolutions(windows, extents, results)) return node;
  const { extra: _, ...attributes } = node.attributes;
  const phases = windows.map((window, axis) => phasesOf(window, extents[axis]!, results[axis]!));
  const one = (chosen: readonly Phase[]): Node => {
    const own = { ...attributes, stride: windows.map(() => 1), padding: windows.map(() => 0) };
    const inputs = [withBorder(at, image!, chosen.map(({ window }) => window), node.origin), turned(at, filters!, chosen, windows, node.origin)];
    return { ...node, op: "conv", inputs: [...inputs, ...bias], attributes: own };
  };
  const all = choices(phases);
  if (all.length === 1) return withoutBias(one(all[0]!), at);
  const counts = results.map((extent, axis) => Math.ceil(extent / windows[axis]!.stride));
  const parts = all.map((chosen) => {
    const { inputs, attributes: own } = one(chosen);
    return at.add("conv", inputs, own, { ...type, shape: [...type.shape.slice(0, 2), ...counts] }, node.origin);
  });
  return [betweenEachOther(at, parts, phases.map(({ length }) => length), type.shape, node.origin)];
}

/** The elements of the filters that a phase meets, the last ones first, as filters [o, c, …] of a convolution. */
function turned(at: Rewriting, filters: ValueId, phases: readonly Phase[], windows: readonly Window[], origin: Span): ValueId {
  const [channels, outputs] = at.type(filters).shape as [number, number];
  const spatial = phases.map((_phase, axis) => 2 + axis);
  const part = at.apply("slice", [filters], { start: [0, 0, ...phases.map(({ first }) => first)], length: [channels, outputs, ...phases.map(({ taps }) => taps)], step: [1, 1, ...windows.map(({ stride }) => stride)] }, origin);
  return at.apply("transpose", [at.apply("reverse", [part], { axes: spatial }, origin)], { axes: [1, 0, ...spatial] }, origin);
}

/** Phases in row-major order of their numbers, each [n, o, …], as one image, of which the last elements may be too many. */
function betweenEachOther(at: Rewriting, parts: readonly ValueId[], strides: readonly number[], shape: readonly number[], origin: Span): ValueId {
  const [outer, counts] = [shape.slice(0, 2), at.type(parts[0]!).shape.slice(2)];
  const stacked = at.apply("reshape", [at.apply("stack", parts, { axis: 2 }, origin)], { shape: [...outer, ...strides, ...counts] }, origin);
  const axes = strides.flatMap((_stride, axis) => [2 + strides.length + axis, 2 + axis]);
  const whole = at.apply("reshape", [at.apply("transpose", [stacked], { axes: [0, 1, ...axes] }, origin)], { shape: [...outer, ...counts.map((count, axis) => count * strides[axis]!)] }, origin);
  return at.apply("slice", [whole], { start: shape.map(() => 0), length: [...shape], step: shape.map(() => 1) }, origin);
}
