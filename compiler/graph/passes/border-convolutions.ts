/**
 * border-convolutions: where tiles have memories of their own, the zeros around a convolved image are put there by a `pad`. Then all
 * positions are computed alike, and can be cut into whatever blocks are cheapest, in place of an inside and up to eight borders that
 * are cut after it. The transpose of a convolution whose windows are one apart is a convolution with the filters turned round.
 * A bias is added behind the sums, whose parts can then be of some of the channels.
 *
 * A filter for each channel needs no more than that channel, which is on one tile: such convolutions stay as they are.
 *
 * Needs: no gradients left to make. Gives: the same results, but that a zero of the border is multiplied like any other number, and
 * that a bias is added last.
 */
import { bytesOf } from "../../../runtime/dtype.ts";
import { windowsOf, type Window } from "../../ops/networks/windows.ts";
import type { Pass } from "../../support/pass.ts";
import { wantedPartition, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";

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
  const [before, after] = [windows.map((window) => window.before), windows.map((window) => window.after)];
  const widths = [...before, ...after];
  if (widths.every((width) => width === 0) || Math.min(...widths) < 0) return node;
  const padded = at.apply("pad", [image], { before: [0, 0, ...before], after: [0, 0, ...after], value: 0 }, node.origin);
  return { ...node, inputs: [padded, ...node.inputs.slice(1)], attributes: { ...node.attributes, padding: windows.map(() => 0) } };
}

/** A transpose in one group, of windows one apart, as a convolution: each element is in the windows of those before it. */
function turnedRound(node: Node, at: Rewriting): Node | readonly ValueId[] {
  const [image, filters, ...bias] = node.inputs;
  const { extra: _, ...attributes } = node.attributes;
  const windows = windowsOf(at.type(filters!).shape.slice(2), attributes);
  if (((attributes["groups"] as number | undefined) ?? 1) !== 1 || !windows.every(({ stride }) => stride === 1)) return node;
  const around = windows.map((window): Window => {
    const reach = window.dilation * (window.size - 1);
    return { ...window, before: reach - window.before, after: reach - window.after };
  });
  if (around.some(({ before, after }) => Math.min(before, after) < 0)) return node;
  const reversed = at.apply("reverse", [filters!], { axes: windows.map((_window, axis) => 2 + axis) }, node.origin);
  const turned = at.apply("transpose", [reversed], { axes: [1, 0, ...windows.map((_window, axis) => 2 + axis)] }, node.origin);
  const sums: Node = { ...node, op: "conv", inputs: [image!, turned, ...bias], attributes: { ...attributes, padding: windows.map(() => 0) } };
  return withoutBias(surrounded(sums, at, image!, around), at);
}
