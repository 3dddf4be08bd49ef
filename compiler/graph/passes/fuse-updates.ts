/**
 * fuse-updates: an update whose value is a map becomes one `map_update`, which computes the new elements where they belong.
 * Not where the map reads the tensor that is updated at other elements than the ones it writes: these could be overwritten
 * before they are read.
 *
 * Needs: fused graphs (maps). Gives: the same results, bit for bit.
 */
import { sameAttribute } from "../attributes.ts";
import type { Graph, Node, ValueId } from "../graph.ts";
import { countUses, rewrite, rootOf, type Rewriting } from "../rewrite.ts";
import { bodyAttribute, bodyOf } from "../../ops/fused/map.ts";
import type { Pass } from "../../support/pass.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";

export const fuseUpdates: Pass<Graph, Graph> = {
  name: "fuse-updates",
  summary: "an assignment to a slice computes its value in place, where that is safe",
  run: (graph, context) => {
    const uses = countUses(graph);
    const fused = rewrite(graph, (node, at) => (node.op === "update" ? inPlace(node, at, uses) : undefined) ?? node);
    return removeDeadNodes.run(fused, context);
  },
};

function inPlace(node: Node, at: Rewriting, uses: ReadonlyMap<ValueId, number>): Node | undefined {
  const [base, value] = node.inputs as [ValueId, ValueId];
  const made = at.definition(value);
  if (made?.op !== "map" || uses.get(value) !== 1 || !made.inputs.every((input) => isApart(input, base, node, at))) return undefined;
  return { ...node, op: "map_update", inputs: [base, ...made.inputs], attributes: { ...node.attributes, body: bodyAttribute(bodyOf(made.attributes)) } };
}

/** Whether a value is stored elsewhere than `base`, or is just the slice of it that the update writes. */
function isApart(value: ValueId, base: ValueId, update: Node, at: Rewriting): boolean {
  const root = rootOf(base, at);
  if (rootOf(value, at) !== root) return true;
  const view = at.definition(value);
  return base === root && view?.op === "slice" && view.inputs[0] === base && ["start", "length", "step"].every((name) => sameAttribute(view.attributes[name], update.attributes[name]));
}
