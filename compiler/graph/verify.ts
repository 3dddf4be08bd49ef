/**
 * Graph level, what must hold. Run after every pass; a violation is our own mistake and throws CompilerBug with the node.
 *
 * 1. Values. Each value is in the table and defined at most once: by a node, or as a block's parameter. A node's inputs
 *    and a block's results are defined before they are used, in the same block or in one around it.
 * 2. Table ops. The op is in the table; it has no regions and one output; its type is what the op's rule says.
 * 3. Structural ops have the inputs, outputs and regions that graph.ts states:
 *    - read, write, next, send name a state of a role that allows it; the value has the state's type;
 *    - repeat has an i32 scalar count, while's condition gives a bool scalar; carried values have one type at the loop's
 *      inputs, its regions' parameters, the body's results and the loop's outputs;
 *    - if has a bool scalar and two regions, switch an i32 scalar and a region for each (distinct) case and one more; the
 *      regions have no parameters and give the outputs' types;
 *    - execute has the operands of its compute set, and gives those the set writes;
 *    - grad gives a value of the type of each input after the first, which is a scalar.
 * 4. Programs, the initial one and `prepare` have neither parameters nor results. Names of programs and states are unique.
 *    Derived states come last and are written by `prepare` alone, once each; it reads params only, and has no other effects.
 * 5. Compute sets and mappings. Vertices and operands exist, each field of the vertex has a slice, slices lie inside of
 *    their tensor and have the field's dtype and shape; `written` lists, in order, the operands some vertex may write.
 *    Tiles are not negative.
 */
import { isDType, isFloat, isInteger } from "../../runtime/dtype.ts";
import { RuleError } from "../ops/op.ts";
import { ops } from "../ops/table.ts";
import { CompilerBug, invariant, unreachable } from "../support/bug.ts";
import { formatType, isStructural, programsOf, sameShape, sameType, type Block, type ComputeSet, type Graph, type Node, type Program, type Slice, type State, type StructuralOp, type TensorType, type ValueId, type Vertex } from "./graph.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { printNode, printSlice } from "./print.ts";
import { forEachNode } from "./rewrite.ts";

export function verify(graph: Graph): void {
  const verifier = new Verifier(graph);
  verifier.types();
  graph.states.forEach((state) => verifyMapping(state));
  uniqueNames("state", graph.states);
  uniqueNames("program", graph.programs);
  graph.vertices.forEach(verifyVertex);
  graph.computeSets.forEach((set) => verifyComputeSet(graph, set));
  for (const program of programsOf(graph)) verifier.program(program);
  verifyDerived(graph);
}

function verifyDerived(graph: Graph): void {
  const first = graph.states.findIndex(({ role }) => role === "derived");
  invariant(first === -1 || graph.states.slice(first).every(({ role }) => role === "derived"), "a derived state before another");
  const roleOf = ({ attributes }: Node): State["role"] => graph.states[attributes["state"] as number]!.role;
  const written: number[] = [];
  for (const program of programsOf(graph)) {
    forEachNode(program.body, (node) => {
      if (program !== graph.prepare) return invariant(node.op !== "write" || roleOf(node) !== "derived", () => `program ${program.name} writes a derived state`);
      if (node.op === "write") written.push(node.attributes["state"] as number);
      invariant(node.op === "read" ? roleOf(node) === "param" : node.op === "write" ? roleOf(node) === "derived" : !isStructural(node.op), () => `prepare does more than derive:\n${printNode(graph, node)}`);
    });
  }
  const derived = graph.states.flatMap(({ role }, state) => (role === "derived" ? [state] : []));
  invariant(sameShape(written.toSorted((a, b) => a - b), derived), () => `prepare writes the states ${written.join(", ")}, derived are ${derived.join(", ")}`);
}

const isScalar = (type: TensorType, dtype: TensorType["dtype"]): boolean => type.dtype === dtype && type.shape.length === 0;

function uniqueNames(what: string, things: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of things) {
    invariant(!seen.has(name), () => `two ${what}s are named ${name}`);
    seen.add(name);
  }
}

class Verifier {
  readonly #graph: Graph;
  readonly #defined = new Set<ValueId>();
  readonly #visible = new Set<ValueId>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  types(): void {
    this.#graph.values.forEach(({ type }, value) => {
      invariant(isDType(type.dtype), () => `%${value} has dtype ${type.dtype}`);
      invariant(type.shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0), () => `%${value} has shape [${type.shape.join(", ")}]`);
    });
  }

  program(program: Program): void {
    invariant(program.body.parameters.length === 0 && program.body.results.length === 0, () => `program ${program.name} has parameters or results`);
    this.#block(program.body, `program ${program.name}`);
  }

  #type(value: ValueId): TensorType {
    return this.#graph.values[value]!.type;
  }

  #types(values: readonly ValueId[]): TensorType[] {
    return values.map((value) => this.#type(value));
  }

  #define(value: ValueId, where: () => string): void {
    invariant(this.#graph.values[value] !== undefined, () => `%${value} is not in the table of values: ${where()}`);
    invariant(!this.#defined.has(value), () => `%${value} is defined twice: ${where()}`);
    this.#defined.add(value);
    this.#visible.add(value);
  }

  #use(value: ValueId, where: () => string): void {
    invariant(this.#visible.has(value), () => `%${value} is used where it is not defined: ${where()}`);
  }

  #block(block: Block, title: string): void {
    for (const parameter of block.parameters) this.#define(parameter, () => `a parameter of ${title}`);
    for (const node of block.nodes) this.#node(node);
    for (const result of block.results) this.#use(result, () => `a result of ${title}`);
    for (const parameter of block.parameters) this.#visible.delete(parameter);
    for (const node of block.nodes) for (const output of node.outputs) this.#visible.delete(output);
  }

  #node(node: Node): void {
    const text = (): string => printNode(this.#graph, node);
    for (const input of node.inputs) this.#use(input, text);
    for (const region of node.regions) this.#block(region, `a region of ${node.op}`);
    for (const output of node.outputs) this.#define(output, text);
    const must = (condition: boolean, message: string | (() => string)): void =>
      invariant(condition, () => `${typeof message === "string" ? message : message()}, in\n${text()}`);
    if (isStructural(node.op)) this.#structural(node, node.op, must);
    else this.#tableOp(node, must);
  }

  #tableOp(node: Node, must: Must): void {
    const op = ops.get(node.op);
    if (op === undefined) return must(false, `no op is named ${node.op}`);
    must(node.regions.length === 0, `${node.op} has no regions`);
    must(node.outputs.length === 1, `${node.op} has one output`);
    const stated = this.#type(node.outputs[0]!);
    const ruled = ruledType(() => op.type(this.#types(node.inputs), node.attributes), must);
    must(sameType(stated, ruled), () => `the output is stated as ${formatType(stated)}, the rule says ${formatType(ruled)}`);
  }

  #structural(node: Node, op: StructuralOp, must: Must): void {
    const shape = (inputs: number, outputs: number, regions: number): void => {
      must(node.inputs.length === inputs, `${op} has ${inputs} inputs, not ${node.inputs.length}`);
      must(node.outputs.length === outputs, `${op} has ${outputs} outputs, not ${node.outputs.length}`);
      must(node.regions.length === regions, `${op} has ${regions} regions, not ${node.regions.length}`);
    };
    switch (op) {
      case "read": shape(0, 1, 0); return this.#state(node, ["in", "out", "param", "var", "derived"], node.outputs, must);
      case "next": shape(0, 1, 0); return this.#state(node, ["stream in"], node.outputs, must);
      case "write": shape(1, 0, 0); return this.#state(node, ["out", "var", "derived"], node.inputs, must);
      case "send": shape(1, 0, 0); return this.#state(node, ["stream out"], node.inputs, must);
      case "print": shape(node.inputs.length, 0, 0); return must(typeof node.attributes["label"] === "string", "print has a label");
      case "assert":
        shape(1, 0, 0);
        must(isScalar(this.#type(node.inputs[0]!), "bool"), "assert takes a bool scalar");
        return must(typeof node.attributes["message"] === "string", "assert has a message");
      case "inside":
        shape(2, 0, 0);
        must(isScalar(this.#type(node.inputs[0]!), "bool"), "inside takes a bool scalar");
        must(isInteger(this.#type(node.inputs[1]!).dtype), "inside takes indices");
        return must(typeof node.attributes["op"] === "string" && typeof node.attributes["extent"] === "number" && typeof node.attributes["fromEnd"] === "boolean", "inside says of what");
      case "repeat": {
        const carried = node.inputs.length - 1;
        shape(carried + 1, carried, 1);
        must(isScalar(this.#type(node.inputs[0]!), "i32"), "the count of repeat is an i32 scalar");
        return this.#carried(node, node.inputs.slice(1), node.regions, node.regions[0]!, must);
      }
      case "while": {
        shape(node.inputs.length, node.inputs.length, 2);
        const [condition, body] = node.regions as [Block, Block];
        must(condition.results.length === 1 && isScalar(this.#type(condition.results[0]!), "bool"), "the condition of while gives a bool scalar");
        return this.#carried(node, node.inputs, node.regions, body, must);
      }
      case "if":
        shape(1, node.outputs.length, 2);
        must(isScalar(this.#type(node.inputs[0]!), "bool"), "if takes a bool scalar");
        return this.#branches(node, must);
      case "switch": {
        const cases = node.attributes["cases"];
        if (!Array.isArray(cases)) return must(false, "switch has cases");
        shape(1, node.outputs.length, cases.length + 1);
        must(cases.every(Number.isInteger) && new Set(cases).size === cases.length, "the cases of switch are distinct ints");
        must(isScalar(this.#type(node.inputs[0]!), "i32"), "switch takes an i32 scalar");
        return this.#branches(node, must);
      }
      case "execute": return this.#execute(node, must);
      case "grad": {
        shape(node.inputs.length, node.inputs.length - 1, 0);
        must(node.attributes["wrt"] === node.outputs.length, "wrt is the number of gradients");
        must(this.#type(node.inputs[0]!).shape.length === 0, "grad takes the gradient of a scalar");
        return this.#sameTypes("gradients", node.inputs.slice(1), node.outputs, must);
      }
      default: return unreachable(op);
    }
  }

  #state(node: Node, roles: readonly State["role"][], values: readonly ValueId[], must: Must): void {
    const state = this.#graph.states[node.attributes["state"] as number];
    if (state === undefined) return must(false, `there is no state ${String(node.attributes["state"])}`);
    must(roles.includes(state.role), () => `${node.op} of ${state.name}, which is ${state.role}`);
    const [value] = this.#types(values);
    must(value !== undefined && sameType(value, state.type), () => `${state.name} is ${formatType(state.type)}`);
  }

  #carried(node: Node, carried: readonly ValueId[], regions: readonly Block[], body: Block, must: Must): void {
    this.#sameTypes("outputs", carried, node.outputs, must);
    for (const region of regions) this.#sameTypes("parameters", carried, region.parameters, must);
    this.#sameTypes("results", carried, body.results, must);
  }

  #branches(node: Node, must: Must): void {
    for (const region of node.regions) {
      must(region.parameters.length === 0, "a branch has no parameters");
      this.#sameTypes("results", node.outputs, region.results, must);
    }
  }

  #sameTypes(what: string, expected: readonly ValueId[], found: readonly ValueId[], must: Must): void {
    must(expected.length === found.length, `${expected.length} values, but ${found.length} ${what}`);
    expected.forEach((value, k) => must(sameType(this.#type(value), this.#type(found[k]!)), () => `%${found[k]} of the ${what} has not the type of %${value}`));
  }

  #execute(node: Node, must: Must): void {
    const set = this.#graph.computeSets[node.attributes["computeSet"] as number];
    if (set === undefined) return must(false, `there is no compute set ${String(node.attributes["computeSet"])}`);
    const match = (what: string, values: readonly ValueId[], expected: readonly TensorType[]): void => {
      must(values.length === expected.length, `compute set ${set.name} has ${expected.length} ${what}, not ${values.length}`);
      values.forEach((value, k) => must(sameType(this.#type(value), expected[k]!), () => `%${value} of the ${what} is not ${formatType(expected[k]!)}`));
    };
    must(node.regions.length === 0, "execute has no regions");
    match("operands", node.inputs, set.operands.map((operand) => operand.type));
    match("written operands", node.outputs, set.written.map((operand) => set.operands[operand]!.type));
  }
}

type Must = (condition: boolean, message: string | (() => string)) => void;

/** The rule's type; a refusal is a violation here, since the checker asked the same rule before. */
function ruledType(rule: () => TensorType, must: Must): TensorType {
  try {
    return rule();
  } catch (refusal) {
    if (refusal instanceof RuleError) must(false, `the rule refuses: ${refusal.message}`);
    if (refusal instanceof CompilerBug) must(false, refusal.message);
    throw refusal;
  }
}

function verifyMapping(state: State): void {
  state.mapping?.pieces.forEach((piece, k) => {
    const where = (): string => `piece ${k} of the mapping of ${state.name}`;
    invariant(Number.isInteger(piece.tile) && piece.tile >= 0, () => `${where()} is on tile ${piece.tile}`);
    verifySlice(piece.slice, state.type.shape, where);
  });
}

function verifySlice(slice: Slice, shape: readonly number[], where: () => string): void {
  const fits =
    slice.length === shape.length &&
    slice.every(({ start, length, step, drop }, dimension) => {
      const extent = shape[dimension]!;
      const last = start + (length - 1) * step;
      const inside = length === 0 || (start >= 0 && start < extent && last >= 0 && last < extent);
      return Number.isInteger(start) && Number.isInteger(length) && Number.isInteger(step) && length >= 0 && step !== 0 && inside && (!drop || length === 1);
    });
  invariant(fits, () => `${where()}: ${printSlice(slice)} of shape [${shape.join(", ")}]`);
}

/** A gradient's buffers are those that the fields ask for. */
function verifyVertex({ name, kernel, gradient }: Vertex): void {
  if (gradient === undefined) return;
  const shown = (buffers: readonly Pick<Kernel["buffers"][number], "dtype" | "shape" | "access">[]): string => buffers.map((buffer) => `${buffer.access} ${formatType(buffer)}`).join(", ");
  const expected = shown([...kernel.buffers.map((buffer) => ({ ...buffer, access: "in" as const })), ...kernel.buffers.filter(({ dtype }) => isFloat(dtype)).map((buffer) => ({ ...buffer, access: "inout" as const }))]);
  invariant(shown(gradient.buffers) === expected, () => `the gradient of vertex ${name} has the fields ${shown(gradient.buffers)}, not ${expected}`);
}

function verifyComputeSet(graph: Graph, set: ComputeSet): void {
  const written = new Set<number>();
  set.placements.forEach((placement, k) => {
    const where = (): string => `placement ${k} of compute set ${set.name}`;
    const vertex = graph.vertices[placement.vertex];
    invariant(vertex, () => `${where()} names vertex ${placement.vertex} of ${graph.vertices.length}`);
    invariant(Number.isInteger(placement.tile) && placement.tile >= 0, () => `${where()} is on tile ${placement.tile}`);
    const { buffers } = vertex.kernel;
    invariant(placement.fields.length === buffers.length, () => `${where()} connects ${placement.fields.length} of the ${buffers.length} fields of ${vertex.name}`);
    placement.fields.forEach((field, index) => {
      const buffer = buffers[index]!;
      const operand = set.operands[field.operand];
      invariant(operand, () => `${where()}: field ${buffer.name} names operand ${field.operand} of ${set.operands.length}`);
      verifySlice(field.slice, operand.type.shape, () => `${where()}: field ${buffer.name}`);
      const shape = field.slice.filter((dimension) => !dimension.drop).map((dimension) => dimension.length);
      invariant(buffer.dtype === operand.type.dtype && sameShape(shape, buffer.shape), () => `${where()}: field ${buffer.name} is ${formatType(buffer)}, its slice is ${formatType({ dtype: operand.type.dtype, shape })}`);
      if (buffer.access !== "in") written.add(field.operand);
    });
  });
  const expected = [...written].sort((a, b) => a - b);
  invariant(sameShape([...set.written], expected), () => `compute set ${set.name} lists [${set.written.join(", ")}] as written, its vertices write [${expected.join(", ")}]`);
}
