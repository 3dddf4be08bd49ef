/**
 * check-indices: in builds with `--checked`, indices that are tensors are looked at before an op takes them: an `inside` ends
 * the run where one lies outside of its axis. Other builds are not told what an index should be: `index_below` goes away.
 *
 * Needs: graphs without gradients. Gives: the same results; where the interpreter ends a run for an index, so does a checked
 * executable. The same values are looked at once for the same axis, in what can be seen from where that was done.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Places } from "../../ops/op.ts";
import { ops } from "../../ops/table.ts";
import type { Pass } from "../../support/pass.ts";
import { constantTensor, fillAttributes } from "../constants.ts";
import type { Attributes, Graph, Node, ValueId } from "../graph.ts";
import { rewrite, type Rewriting, type Scope } from "../rewrite.ts";
import { get } from "../tensor.ts";

export const checkIndices: Pass<Graph, Graph> = {
  name: "check-indices",
  summary: "in checked builds, ends the run where an index lies outside of its axis",
  run(graph, { checked = false }) {
    const seen = new Seen();
    return rewrite(graph, (node, at) => {
      if (checked) for (const places of ops.get(node.op)?.places?.(node.inputs.map((input) => at.type(input)), node.attributes) ?? []) check(node, places, at, seen);
      return node.op === "index_below" ? node.inputs : node;
    }, seen);
  },
};

function check(node: Node, places: Places, at: Rewriting, seen: Seen): void {
  const { extent, fromEnd, element } = places;
  const input = node.inputs[places.input]!;
  const key = `${input} ${element} ${extent} ${fromEnd}`;
  if (seen.has(key) || sizeOf(at.type(input).shape) === 0 || known(input, places, at)) return;
  seen.add(key);
  const build = (op: string, inputs: readonly ValueId[], attributes: Attributes = {}): ValueId =>
    at.apply(op, inputs, attributes, node.origin);
  const indices = element === undefined ? input : elements(input, element, at, build);
  const type = at.type(indices);
  const limit = (value: number): ValueId => build("fill", [], fillAttributes(type.dtype === "i64" ? BigInt(value) : value, type));
  const each = build("and", [build("ge", [indices, limit(fromEnd ? -extent : 0)]), build("lt", [indices, limit(extent)])]);
  const all = type.shape.length === 0 ? each : build("reduce", [each], { op: "and", axes: type.shape.map((_, axis) => axis), keepdims: false });
  at.append({ op: "inside", inputs: [all, indices], attributes: { op: node.op, extent, fromEnd }, regions: [], outputs: [], origin: node.origin });
}

/** The elements of the last axis that have this place in it, without that axis. */
function elements(input: ValueId, element: number, at: Rewriting, build: (op: string, inputs: readonly ValueId[], attributes: Attributes) => ValueId): ValueId {
  const { shape } = at.type(input);
  const outer = shape.slice(0, -1);
  const column = build("slice", [input], { start: [...outer.map(() => 0), element], length: [...outer, 1], step: shape.map(() => 1) });
  return build("reshape", [column], { shape: outer });
}

/** Whether the indices are known, and inside. */
function known(input: ValueId, { extent, fromEnd }: Places, at: Rewriting): boolean {
  const tensor = constantTensor(at.definition(input), at.type(input));
  if (tensor === undefined) return false;
  return Array.from(tensor.data.keys(), (flat) => Number(get(tensor, flat))).every((index) => index >= (fromEnd ? -extent : 0) && index < extent);
}

/** What has been looked at, in the blocks around a place. */
class Seen implements Scope {
  readonly #blocks: Set<string>[] = [];

  enter(): void {
    this.#blocks.push(new Set());
  }

  leave(): void {
    this.#blocks.pop();
  }

  has(key: string): boolean {
    return this.#blocks.some((block) => block.has(key));
  }

  add(key: string): void {
    this.#blocks.at(-1)!.add(key);
  }
}
