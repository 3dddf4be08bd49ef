/**
 * double-buffer: a loop whose variable gets a next value made of its own other elements would need that put aside and copied
 * back in every turn. Done two steps a turn, the two change places without a copy:
 *
 * - A variable that is made anew (a product by it, a map of its shifted selves): the next value of the second step is made
 *   when the variable is dead, and assign-storage gives it the variable's storage.
 * - A variable of which a slice is updated from neighbouring elements (a stencil): it gets a second variable of equal contents;
 *   each step reads one and updates the other.
 *
 * An odd step is done before the loop where the number of turns is known, and after it where it is not. A `while` asks its
 * condition between the two steps, and copies at its end at most.
 *
 * Needs: fused graphs. Gives: the same results, bit for bit.
 */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import { argument, binary, constant } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import { bodyAttribute } from "../../ops/fused/map.ts";
import { ops } from "../../ops/table.ts";
import type { Pass } from "../../support/pass.ts";
import { sameAttribute } from "../attributes.ts";
import { fillAttributes, fillValue } from "../constants.ts";
import { isStructural, scalar, type Block, type Graph, type Node, type TensorType, type ValueId } from "../graph.ts";
import { changesInput, forEachNode, hasEffect, rewrite, type Rewriting } from "../rewrite.ts";

export const doubleBuffer: Pass<Graph, Graph> = {
  name: "double-buffer",
  summary: "loops that make a variable of its own other elements read one copy and write another, in turn",
  run: (graph) => rewrite(graph, (node, at) => (node.op === "repeat" ? unrolledRepeat(node, at) : node.op === "while" ? unrolledWhile(node, at) : undefined) ?? node),
};

/** Nodes of a body that is written twice. */
const bodyLimit = 64;
/** Copies of less are not worth writing a body twice. */
const leastBytes = 4096;

/** A loop's body, and the variables that get a second copy. */
interface Steps {
  readonly body: Block;
  readonly swapped: readonly number[];
}

/** Undefined where two steps a turn save nothing. */
function stepsOf(body: Block, at: Rewriting): Steps | undefined {
  if (size(body) > bodyLimit) return undefined;
  const positions = [...body.parameters.keys()];
  const swapped = positions.filter((position) => stencilOf(body, position));
  return swapped.length > 0 || positions.some((position) => alternates(body, position, at)) ? { body, swapped } : undefined;
}

function unrolledRepeat(node: Node, at: Rewriting): readonly ValueId[] | undefined {
  const [count, ...initial] = node.inputs as [ValueId, ...ValueId[]];
  const known = fillValue(at.definition(count));
  if (known !== undefined && Number(known) < 2) return undefined;
  const steps = stepsOf(node.regions[0]!, at);
  if (!steps) return undefined;
  const { body } = steps;
  const times = known === undefined ? undefined : Number(known);
  const start = times !== undefined && times % 2 === 1 ? at.copy(body, initial) : initial;
  const parameters = carriedBy(steps, node, at);
  const region = at.region(parameters, () => {
    const first = firstStep(steps, parameters, at);
    return [...secondStep(steps, parameters, first, at), ...others(steps, first)];
  });
  const half = times === undefined ? scalarMap(binary("shr", turns, constant("i32", 1)), count, node, at) : at.add("fill", [], fillAttributes(Math.floor(times / 2), scalar("i32")), scalar("i32"), node.origin);
  const outputs = loop({ ...node, inputs: [half, ...start, ...others(steps, start)], regions: [region] }, parameters, at);
  const ends = outputs.slice(0, body.parameters.length);
  if (times !== undefined) return ends;
  const odd = scalarMap(binary("ne", binary("and", turns, constant("i32", 1)), constant("i32", 0)), count, node, at);
  return choose(odd, () => firstStep(steps, outputs, at), () => ends, body.parameters.map((parameter) => at.type(parameter)), node, at);
}

function unrolledWhile(node: Node, at: Rewriting): readonly ValueId[] | undefined {
  const [condition, body] = node.regions as [Block, Block];
  const steps = stepsOf(body, at);
  if (!steps || size(condition) > bodyLimit || hasEffects(condition)) return undefined;
  const asked = carriedBy(steps, node, at);
  const before = at.region(asked, () => at.copy(condition, asked.slice(0, body.parameters.length)));
  const parameters = carriedBy(steps, node, at);
  const region = at.region(parameters, () => {
    const first = firstStep(steps, parameters, at);
    const [goesOn] = at.copy(condition, first) as [ValueId];
    return choose(goesOn, () => [...secondStep(steps, parameters, first, at), ...others(steps, first)], () => [...first, ...others(steps, parameters)], parameters.map((parameter) => at.type(parameter)), node, at);
  });
  const outputs = loop({ ...node, inputs: [...node.inputs, ...others(steps, node.inputs)], regions: [before, region] }, parameters, at);
  return outputs.slice(0, body.parameters.length);
}

/** Parameters of the new loop: the variables, and the second copies. */
const carriedBy = ({ body, swapped }: Steps, node: Node, at: Rewriting): ValueId[] =>
  [...body.parameters, ...swapped.map((position) => body.parameters[position]!)].map((parameter) => at.value(at.type(parameter), node.origin));

const others = ({ swapped }: Steps, values: readonly ValueId[]): ValueId[] => swapped.map((position) => values[position]!);

/** From the variables into the second copies; `carried`: both. */
const firstStep = (steps: Steps, carried: readonly ValueId[], at: Rewriting): ValueId[] => step(steps, carried.slice(0, steps.body.parameters.length), carried.slice(steps.body.parameters.length), at);

/** From what the first step gave into the variables. */
const secondStep = (steps: Steps, carried: readonly ValueId[], first: readonly ValueId[], at: Rewriting): ValueId[] => step(steps, first, others(steps, carried), at);

/** How often a loop turns, of its count: a negative one is 0. */
const turns = binary("max", argument("i32", 0), constant("i32", 0));

const scalarMap = (body: Expression, input: ValueId, node: Node, at: Rewriting): ValueId => at.add("map", [input], { body: bodyAttribute(body) }, scalar(body.dtype), node.origin);

/** Appends a loop; gives its outputs. */
function loop(node: Node, parameters: readonly ValueId[], at: Rewriting): ValueId[] {
  const outputs = parameters.map((parameter) => at.value(at.type(parameter), node.origin));
  at.append({ ...node, outputs });
  return outputs;
}

function choose(condition: ValueId, then: () => readonly ValueId[], otherwise: () => readonly ValueId[], types: readonly TensorType[], { origin }: Node, at: Rewriting): ValueId[] {
  const outputs = types.map((type) => at.value(type, origin));
  at.append({ op: "if", inputs: [condition], attributes: {}, regions: [at.region([], then), at.region([], otherwise)], outputs, origin });
  return outputs;
}

/** One step whose updates of swapped variables go into `others` instead of the variables themselves. */
function step({ body, swapped }: Steps, args: readonly ValueId[], into: readonly ValueId[], at: Rewriting): ValueId[] {
  const results = swapped.map((position) => body.results[position]!);
  return at.copy(body, args, (copy, original) => {
    const which = results.indexOf(original.outputs[0]!);
    return which === -1 ? copy : { ...copy, inputs: [into[which]!, ...copy.inputs.slice(1)] };
  });
}

/**
 * Whether the variable's next value is made anew and may not overwrite it: by a node that reads other elements of it, or before
 * its last use. What such a node reads of products that fuse-results makes part of it counts as read by it.
 */
function alternates(body: Block, position: number, at: Rewriting): boolean {
  const [parameter, result] = [body.parameters[position]!, body.results[position]!];
  const { dtype, shape } = at.type(parameter);
  const made = body.nodes.findIndex(({ outputs }) => outputs.includes(result));
  const maker = body.nodes[made];
  if (!maker || sizeOf(shape) * bytesOf(dtype) < leastBytes || isStructural(maker.op) || changesInput(maker) || ops.get(maker.op)?.kind === "view") return false;
  const definitions = new Map(body.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const reads = (node: Node): boolean => node.inputs.some((input) => reaches(input, parameter, definitions));
  const within = maker.inputs.map((input) => definitions.get(input)).filter((node) => node !== undefined && ops.get(node.op)?.stores === "once" && uses(body, node.outputs[0]!) === 1);
  if (within.some((node) => reads(node!))) return true;
  if (reads(maker) && (maker.op !== "map" || maker.inputs.some((input) => input !== parameter && reaches(input, parameter, definitions)))) return true;
  const later = body.nodes.slice(made + 1).some((node) => reads(node) || node.regions.some((region) => usesWithin(region, parameter, definitions)));
  return later || body.results.some((other, k) => k !== position && reaches(other, parameter, definitions));
}

function usesWithin(region: Block, parameter: ValueId, definitions: ReadonlyMap<ValueId, Node>): boolean {
  let found = region.results.some((result) => reaches(result, parameter, definitions));
  forEachNode(region, ({ inputs }) => (found ||= inputs.some((input) => reaches(input, parameter, definitions))));
  return found;
}

function hasEffects(block: Block): boolean {
  let found = false;
  forEachNode(block, (node) => (found ||= hasEffect(node)));
  return found;
}

/** Whether the body gives the variable at `position` its next value by one update from a map over other elements of itself. */
function stencilOf(body: Block, position: number): boolean {
  const parameter = body.parameters[position]!;
  const definitions = new Map(body.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const last = definitions.get(body.results[position]!);
  if (last?.op !== "update" || last.inputs[0] !== parameter || body.results.filter((result) => result === last.outputs[0]).length > 1) return false;
  const made = definitions.get(last.inputs[1]!);
  if (made?.op !== "map" || uses(body, made.outputs[0]!) !== 1) return false;
  return made.inputs.some((input) => reaches(input, parameter, definitions) && !isWritten(input, parameter, last, definitions));
}

/** Whether a value is just the slice of the variable that the update writes: its elements are read where they are replaced. */
function isWritten(value: ValueId, parameter: ValueId, update: Node, definitions: ReadonlyMap<ValueId, Node>): boolean {
  const view = definitions.get(value);
  return view?.op === "slice" && view.inputs[0] === parameter && ["start", "length", "step"].every((name) => sameAttribute(view.attributes[name], update.attributes[name]));
}

/** Whether a value is a view of another. */
function reaches(value: ValueId, target: ValueId, definitions: ReadonlyMap<ValueId, Node>): boolean {
  for (let current = value; ;) {
    if (current === target) return true;
    const node = definitions.get(current);
    if (!node || !viewOps.has(node.op)) return false;
    current = node.inputs[0]!;
  }
}

const viewOps: ReadonlySet<string> = new Set(["slice", "reshape", "transpose", "broadcast", "reverse"]);

function uses(body: Block, value: ValueId): number {
  let count = body.results.filter((result) => result === value).length;
  forEachNode(body, (node) => {
    count += node.inputs.filter((input) => input === value).length;
    for (const region of node.regions) count += region.results.filter((result) => result === value).length;
  });
  return count;
}

function size(block: Block): number {
  let nodes = 0;
  forEachNode(block, () => nodes++);
  return nodes;
}
