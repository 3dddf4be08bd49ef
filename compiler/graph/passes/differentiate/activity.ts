/**
 * Which values change with the tensors a gradient is asked by: forward from these through nodes whose results are floats. What
 * becomes an integer or a bool is constant nearly everywhere, and `stop_gradient` says so of a float: the way ends there. A value
 * carried by a loop changes when what it begins with or what a round gives does: rounds are walked until nothing is added.
 */
import { isFloat } from "../../../../runtime/dtype.ts";
import { isStructural, type Block, type Node, type TensorType, type ValueId } from "../../graph.ts";

/** Adds to `active` every value of the nodes, in their regions too, that changes with what is in it already. */
export function spread(nodes: readonly Node[], active: Set<ValueId>, typeOf: (value: ValueId) => TensorType): void {
  const activate = (value: ValueId): void => {
    if (isFloat(typeOf(value).dtype)) active.add(value);
  };
  const visit = (node: Node): void => {
    switch (isStructural(node.op) ? node.op : "table") {
      case "table": case "execute": case "grad":
        if (node.op !== "stop_gradient" && node.inputs.some((input) => active.has(input))) node.outputs.forEach(activate);
        return;
      case "repeat": return loop(node, node.inputs.slice(1), node.regions[0]!);
      case "while": return loop(node, node.inputs, node.regions[1]!);
      case "if": case "switch":
        for (const region of node.regions) region.nodes.forEach(visit);
        node.outputs.forEach((output, k) => {
          if (node.regions.some((region) => active.has(region.results[k]!))) activate(output);
        });
        return;
      default: return;
    }
  };
  const loop = (node: Node, initial: readonly ValueId[], body: Block): void => {
    initial.forEach((value, k) => active.has(value) && activate(body.parameters[k]!));
    spreadRounds(body, active, typeOf);
    node.outputs.forEach((output, k) => active.has(body.parameters[k]!) && activate(output));
  };
  nodes.forEach(visit);
}

/** The same for the body of a loop, round after round. */
export function spreadRounds(body: Block, active: Set<ValueId>, typeOf: (value: ValueId) => TensorType): void {
  for (let before = -1; before !== active.size; ) {
    before = active.size;
    spread(body.nodes, active, typeOf);
    body.parameters.forEach((parameter, k) => active.has(body.results[k]!) && isFloat(typeOf(parameter).dtype) && active.add(parameter));
  }
}

/** Of the active values, those that a gradient by `results` can reach through the nodes, going backwards. */
export function reached(nodes: readonly Node[], results: Iterable<ValueId>, active: ReadonlySet<ValueId>, usesOf: (node: Node) => readonly ValueId[]): Set<ValueId> {
  const found = new Set([...results].filter((value) => active.has(value)));
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => found.has(output))) continue;
    usesOf(node).forEach((use) => active.has(use) && found.add(use));
  }
  return found;
}
