/** Identities of control for `simplify-algebra`, by op: conditions and counts that are known, values a loop only passes on. */
import { fillValue } from "../constants.ts";
import type { Block, Node, ValueId } from "../graph.ts";
import { substituteInBlock, type Rewriting } from "../rewrite.ts";
import type { Identity, Simplified } from "./identity.ts";

/** What is known of a scalar; undefined when nothing is. */
function known(value: ValueId, at: Rewriting): number | undefined {
  const constant = fillValue(at.definition(value));
  return constant === undefined ? undefined : Number(constant);
}

const conditional: Identity = (node, at) => {
  const condition = known(node.inputs[0]!, at);
  if (condition !== undefined) return at.inline(node.regions[condition !== 0 ? 0 : 1]!, []);
  return withoutSettledResults(node, at);
};

const choice: Identity = (node, at) => {
  const selector = known(node.inputs[0]!, at);
  if (selector === undefined) return withoutSettledResults(node, at);
  const position = (node.attributes["cases"] as readonly number[]).indexOf(selector);
  return at.inline(node.regions.at(position)!, []);
};

/** A result that is the same value from around in every region is that value. */
function withoutSettledResults(node: Node, at: Rewriting): Simplified {
  const settled = node.outputs.map((_, position): ValueId | undefined => {
    const value = node.regions[0]!.results[position]!;
    return node.regions.every((region) => region.results[position] === value) ? value : undefined;
  });
  if (settled.every((value) => value === undefined)) return undefined;
  const keep = (values: readonly ValueId[]): ValueId[] => values.filter((_, position) => settled[position] === undefined);
  const regions = node.regions.map((region): Block => ({ ...region, results: keep(region.results) }));
  at.append({ ...node, regions, outputs: keep(node.outputs) });
  return node.outputs.map((output, position) => settled[position] ?? output);
}

const repeat: Identity = (node, at) => {
  const [count, ...carried] = node.inputs as [ValueId, ...ValueId[]];
  const times = known(count, at);
  if (times !== undefined && times <= 0) return carried;
  if (times === 1) return at.inline(node.regions[0]!, carried);
  return withoutConstantCarried(node, [count], carried, node.regions[0]!, at);
};

const whileLoop: Identity = (node, at) => {
  const [condition, body] = node.regions as [Block, Block];
  if (known(condition.results[0]!, at) === 0) return node.inputs;
  return withoutConstantCarried(node, [], node.inputs, body, at);
};

/** A carried value that the body passes on unchanged is, everywhere, the value before the loop. */
function withoutConstantCarried(node: Node, before: readonly ValueId[], carried: readonly ValueId[], body: Block, at: Rewriting): Simplified {
  const constant = carried.map((_, position) => body.results[position] === body.parameters[position]);
  if (!constant.includes(true)) return undefined;
  const keep = (values: readonly ValueId[]): ValueId[] => values.filter((_, position) => !constant[position]);
  const regions = node.regions.map((region): Block => {
    const substitution = new Map(region.parameters.flatMap((parameter, position) => (constant[position] ? [[parameter, carried[position]!] as const] : [])));
    const { nodes, results } = substituteInBlock(region, substitution);
    return { parameters: keep(region.parameters), nodes, results: region === body ? keep(results) : results };
  });
  at.append({ ...node, inputs: [...before, ...keep(carried)], regions, outputs: keep(node.outputs) });
  return node.outputs.map((output, position) => (constant[position] ? carried[position]! : output));
}

export const controlIdentities: ReadonlyMap<string, Identity> = new Map<string, Identity>([
  ["if", conditional],
  ["switch", choice],
  ["repeat", repeat],
  ["while", whileLoop],
]);
