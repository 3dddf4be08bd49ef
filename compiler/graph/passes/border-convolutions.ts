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
import { groupsOf } from "../../ops/networks/convolution.ts";
import { windowsOf, type Window } from "../../ops/networks/windows.ts";
import type { Pass } from "../../support/pass.ts";
import { wantedPartition, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { haveConvolutions, phasesOf, type Phase } from "./convolution-phases.ts";
import { FrontBuilder } from "./front-builder.ts";

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
  const build = new FrontBuilder(at, node.origin);
  const sums = at.add("conv", [image!, filters!], node.attributes, type, node.origin);
  const aligned = build.reshape(bias, type.shape.map((extent, axis) => (axis === 1 ? extent : 1)));
  return [build.apply("add", [sums, build.broadcast(aligned, type.shape)])];
}

/** Over an image that has its border in memory. */
function surrounded(node: Node, at: Rewriting, image: ValueId, windows: readonly Window[]): Node {
  return { ...node, inputs: [withBorder(new FrontBuilder(at, node.origin), image, windows), ...node.inputs.slice(1)], attributes: { ...node.attributes, padding: windows.map(() => 0) } };
}

/** The image with zeros around, or, where a border is negative, without some of its elements. */
function withBorder(build: FrontBuilder, image: ValueId, windows: readonly Window[]): ValueId {
  const shape = build.shape(image);
  const around = (width: (window: Window) => number): number[] => [0, 0, ...windows.map((window) => Math.max(0, width(window)))];
  const [left, right] = [around(({ before }) => -before), around(({ after }) => -after)];
  const inside = [...left, ...right].every((width) => width === 0) ? image : build.slice(image, left, shape.map((extent, axis) => extent - left[axis]! - right[axis]!));
  return build.padded(inside, around(({ before }) => before), around(({ after }) => after));
}

/** A transpose in one group as a convolution, or as one for each phase of its strides. */
function turnedRound(node: Node, at: Rewriting): Node | readonly ValueId[] {
  const [image, filters, ...bias] = node.inputs;
  const type = at.type(node.outputs[0]!);
  const windows = windowsOf(at.type(filters!).shape.slice(2), node.attributes);
  const [extents, results] = [at.type(image!).shape.slice(2), type.shape.slice(2)];
  if (groupsOf(node.attributes) !== 1 || !haveConvolutions(windows, extents, results)) return node;
  const { extra: _, ...attributes } = node.attributes;
  const phases = windows.map((window, axis) => phasesOf(window, extents[axis]!, results[axis]!));
  const build = new FrontBuilder(at, node.origin);
  const one = (chosen: readonly Phase[]): Node => {
    const own = { ...attributes, stride: windows.map(() => 1), padding: windows.map(() => 0) };
    const inputs = [withBorder(build, image!, chosen.map(({ window }) => window)), turned(build, filters!, chosen, windows)];
    return { ...node, op: "conv", inputs: [...inputs, ...bias], attributes: own };
  };
  const all = choices(phases);
  if (all.length === 1) return withoutBias(one(all[0]!), at);
  const counts = results.map((extent, axis) => Math.ceil(extent / windows[axis]!.stride));
  const parts = all.map((chosen) => {
    const { inputs, attributes: own } = one(chosen);
    return at.add("conv", inputs, own, { ...type, shape: [...type.shape.slice(0, 2), ...counts] }, node.origin);
  });
  return [betweenEachOther(build, parts, phases.map(({ length }) => length), type.shape)];
}

/** The elements of the filters that a phase meets, the last ones first, as filters [o, c, …] of a convolution. */
function turned(build: FrontBuilder, filters: ValueId, phases: readonly Phase[], windows: readonly Window[]): ValueId {
  const [channels, outputs] = build.shape(filters) as [number, number];
  const spatial = phases.map((_phase, axis) => 2 + axis);
  const part = build.slice(filters, [0, 0, ...phases.map(({ first }) => first)], [channels, outputs, ...phases.map(({ taps }) => taps)], [1, 1, ...windows.map(({ stride }) => stride)]);
  return build.transpose(build.apply("reverse", [part], { axes: spatial }), [1, 0, ...spatial]);
}

/** Phases in row-major order of their numbers, each [n, o, …], as one image, of which the last elements may be too many. */
function betweenEachOther(build: FrontBuilder, parts: readonly ValueId[], strides: readonly number[], shape: readonly number[]): ValueId {
  const [outer, counts] = [shape.slice(0, 2), build.shape(parts[0]!).slice(2)];
  const stacked = build.reshape(build.apply("stack", parts, { axis: 2 }), [...outer, ...strides, ...counts]);
  const axes = strides.flatMap((_stride, axis) => [2 + strides.length + axis, 2 + axis]);
  const whole = build.reshape(build.transpose(stacked, [0, 1, ...axes]), [...outer, ...counts.map((count, axis) => count * strides[axis]!)]);
  return build.slice(whole, shape.map(() => 0), shape);
}
