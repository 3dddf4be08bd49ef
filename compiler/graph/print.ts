/**
 * A graph as text: one node a line, regions indented, ids as they are so that a value can be followed from pass to pass.
 * Deterministic and for people; it is not read back. `countOps` is what goldens say instead of whole programs.
 */
import type { DType, TypedArray } from "../../runtime/dtype.ts";
import { fixedInputs } from "../ops/fused/attention.ts";
import { computeMapOf } from "../ops/fused/compute-map.ts";
import { rollsOf } from "../ops/fused/map-rolled.ts";
import { bodyOf } from "../ops/fused/map.ts";
import { fillValue } from "./constants.ts";
import { formatType, programsOf, type Attribute, type Attributes, type Block, type ComputeSet, type Graph, type Node, type Placement, type Program, type Slice, type State, type Value, type ValueId } from "./graph.ts";
import { printBody, printNumber } from "./print-body.ts";
import { forEachNode } from "./rewrite.ts";

/** How much of long lists is shown. */
const shownPlacements = 3;
const shownElements = 8;
const shownFields = 12;

export function print(graph: Graph): string {
  const printer = new Printer(graph);
  return printer.graph();
}

/** One node with its regions, as it stands in the graph's text. */
export function printNode(graph: Graph, node: Node): string {
  return new Printer(graph).node(node, "").join("\n");
}

/** How many nodes of each op there are, regions included, ops in alphabetic order. */
export function countOps(graph: Graph): { [op: string]: number } {
  return count(programsOf(graph).map((program) => program.body));
}

/** The same for one block: a program's body, or a region. */
export const countOpsIn = (block: Block): { [op: string]: number } => count([block]);

function count(blocks: readonly Block[]): { [op: string]: number } {
  const counts = new Map<string, number>();
  for (const block of blocks) forEachNode(block, ({ op }) => counts.set(op, (counts.get(op) ?? 0) + 1));
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** "map 1, update 1". */
export const formatCounts = (counts: { readonly [op: string]: number }): string =>
  Object.entries(counts).map(([op, times]) => `${op} ${times}`).join(", ");

class Printer {
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  graph(): string {
    const { name, parameters, states, computeSets, programs, initial, prepare } = this.#graph;
    const bound = parameters.map((parameter) => `${parameter.name} = ${printAttribute(parameter.value)}`);
    const sections = [[`graph ${name}(${bound.join(", ")})`]];
    if (states.length > 0) sections.push(states.map(printState));
    for (const set of computeSets) sections.push(this.#computeSet(set));
    // Most graphs have nothing to initialise.
    const shown = initial.body.nodes.length > 0 ? [initial, ...programs] : programs;
    if (prepare) sections.push(this.#program(prepare, "prepare"));
    for (const program of shown) sections.push(this.#program(program, program === initial ? "initial" : `program ${program.name}`));
    return sections.map((lines) => `${lines.join("\n")}\n`).join("\n");
  }

  #program(program: Program, title: string): string[] {
    return [`${title} {`, ...this.#block(program.body, "  "), "}"];
  }

  #block(block: Block, indent: string): string[] {
    const lines = block.nodes.flatMap((node) => this.node(node, indent));
    if (block.results.length > 0) lines.push(`${indent}give ${block.results.map(printId).join(", ")}`);
    return lines;
  }

  node(node: Node, indent: string): string[] {
    const outputs = node.outputs.map((output) => this.#definition(output)).join(", ");
    const line = `${indent}${outputs === "" ? "" : `${outputs} = `}${this.#operation(node)}`;
    if (node.regions.length === 0) return [line];
    const lines: string[] = [];
    node.regions.forEach((region, k) => {
      const parameters = region.parameters.length === 0 ? "" : ` (${region.parameters.map((parameter) => this.#definition(parameter)).join(", ")})`;
      const head = `${regionTitle(node, k)}${parameters} {`;
      lines.push(k === 0 ? `${line}${head}` : `${indent}}${head}`, ...this.#block(region, `${indent}  `));
    });
    return [...lines, `${indent}}`];
  }

  #operation(node: Node): string {
    const inputs = node.inputs.map(printId);
    const attributes = Object.entries(node.attributes).filter(([, value]) => value !== undefined);
    switch (node.op) {
      case "read": case "next": return `${node.op} ${this.#stateName(node)}`;
      case "write": case "send": return `${node.op} ${this.#stateName(node)}, ${inputs.join(", ")}`;
      case "execute": {
        const set = this.#graph.computeSets[node.attributes["computeSet"] as number];
        return `execute ${[set?.name ?? "?", ...inputs].join(", ")}`;
      }
      case "fill": return `fill ${printNumber(node.attributes["dtype"] as DType, fillValue(node)!)}`;
      case "constant": return `constant ${printAttribute(node.attributes["data"])}`;
      case "map": return `map { ${printBody(bodyOf(node.attributes), inputs)} }`;
      case "map_reduce":
        return `map_reduce${printAttributes(attributes.filter(([name]) => name !== "body"))} { ${printBody(bodyOf(node.attributes), inputs)} }`;
      case "map_rolled": {
        const rolled = inputs.map((input, k) => (rollsOf(node.attributes)[k]!.some((turn) => turn !== 0) ? `roll(${input}, ${rollsOf(node.attributes)[k]!.join(", ")})` : input));
        return `map_rolled { ${printBody(bodyOf(node.attributes), rolled)} }`;
      }
      case "compute_map": return this.#computeMap(node, inputs);
      case "attention": return `${printAttention(node.attributes, inputs)}${printAttributes(attributes.filter(([name]) => name !== "body" && name !== "limits"))}`;
      // The result's type says the shape.
      case "reshape": case "broadcast": return `${node.op} ${inputs.join(", ")}`;
      case "cast": case "bitcast": return `${node.op} ${inputs.join(", ")}`;
      default: return `${node.op}${inputs.length > 0 ? ` ${inputs.join(", ")}` : ""}${printAttributes(attributes.filter(([name]) => name !== "cases"))}`;
    }
  }

  /** `compute_map matmul(%1, %2) { max($ + %3, 0) }`: $ is an element of the op's own result. */
  #computeMap(node: Node, inputs: readonly string[]): string {
    const { op, attributes: of, count, axes } = computeMapOf(node.attributes);
    const { body: innerBody, limits: _, ...attributes } = of;
    const own = inputs.slice(0, count);
    const operation = op === "attention" ? printAttention(of, own) : innerBody === undefined ? `${op}(${own.join(", ")})` : `${op}({ ${printBody(bodyOf({ body: innerBody }), own)} })`;
    const shown = Object.entries({ ...attributes, axes: axes.some((axis, k) => axis !== k) ? axes : undefined, partition: node.attributes["partition"] });
    const body = printBody(bodyOf(node.attributes), ["$", ...inputs.slice(count)]);
    return `compute_map ${operation}${printAttributes(shown.filter(([, value]) => value !== undefined))} { ${body} }`;
  }

  #stateName(node: Node): string {
    const state = node.attributes["state"] as number;
    return this.#graph.states[state]?.name ?? `?${state}`;
  }

  #definition(value: ValueId): string {
    const known: Value | undefined = this.#graph.values[value];
    if (known === undefined) return `${printId(value)}: ?`;
    return `${printId(value)}${known.name === undefined ? "" : ` ${known.name}`}: ${formatType(known.type)}`;
  }

  #computeSet(set: ComputeSet): string[] {
    const tiles = new Set(set.placements.map((placement) => placement.tile)).size;
    const operands = set.operands.map((operand, k) => `${set.written.includes(k) ? "inout" : "in"} ${operand.name}: ${formatType(operand.type)}`);
    const lines = [
      `compute set ${set.name}: ${counted(set.placements.length, "vertex", "vertices")} on ${counted(tiles, "tile", "tiles")} {`,
      ...operands.map((operand) => `  ${operand}`),
      ...set.placements.slice(0, shownPlacements).map((placement) => `  ${this.#placement(placement, set)}`),
    ];
    const rest = set.placements.length - shownPlacements;
    if (rest > 0) lines.push(`  … and ${rest.toLocaleString("en")} more`);
    return [...lines, "}"];
  }

  #placement(placement: Placement, set: ComputeSet): string {
    const vertex = this.#graph.vertices[placement.vertex];
    const fields = placement.fields.slice(0, shownFields).map((field, k) => {
      const name = vertex?.kernel.buffers[k]?.name ?? `field ${k}`;
      return `${name} = ${set.operands[field.operand]?.name ?? "?"}${printSlice(field.slice)}`;
    });
    return `${vertex?.name ?? "?"} { ${fields.join(", ")} } on ${placement.tile}`;
  }
}

/** `attention(%1, %2, %3, { $ * 0.125 })`: $ is a product of a query with a key. */
function printAttention(attributes: Attributes, inputs: readonly string[]): string {
  const fixed = fixedInputs(attributes);
  return `attention(${inputs.slice(0, fixed).join(", ")}, { ${printBody(bodyOf(attributes), ["$", ...inputs.slice(fixed)])} })`;
}

const printId = (value: ValueId): string => `%${value}`;

function regionTitle(node: Node, region: number): string {
  switch (node.op) {
    case "if": return region === 0 ? " then" : " else";
    case "while": return region === 0 ? " while" : " do";
    case "switch": {
      const cases = node.attributes["cases"] as readonly number[];
      return region < cases.length ? ` ${cases[region]} =>` : " default =>";
    }
    default: return "";
  }
}

function printState(state: State): string {
  const mapping = state.mapping === undefined ? "" : `  // mapped in ${counted(state.mapping.pieces.length, "piece", "pieces")} to ${counted(new Set(state.mapping.pieces.map((piece) => piece.tile)).size, "tile", "tiles")}`;
  return `${state.role} ${state.name}: ${formatType(state.type)}${mapping}`;
}

const counted = (many: number, one: string, several: string): string => `${many.toLocaleString("en")} ${many === 1 ? one : several}`;

/** As it would be written: `[0:320, 5]`. */
export function printSlice(slice: Slice): string {
  if (slice.length === 0) return "";
  const dimensions = slice.map(({ start, length, step, drop }) => {
    if (drop) return String(start);
    const end = start + length * step;
    return step === 1 ? `${start}:${end}` : `${start}:${end}:${step}`;
  });
  return `[${dimensions.join(", ")}]`;
}

const printAttributes = (attributes: readonly (readonly [string, Attribute])[]): string =>
  attributes.map(([name, value]) => ` ${name}=${printAttribute(value)}`).join("");

function printAttribute(attribute: Attribute): string {
  if (typeof attribute === "bigint") return String(attribute);
  if (typeof attribute === "number") return Object.is(attribute, -0) ? "-0" : String(attribute);
  if (typeof attribute === "string") return JSON.stringify(attribute);
  if (typeof attribute !== "object" || attribute === null) return String(attribute);
  if (ArrayBuffer.isView(attribute)) return printList([...(attribute as TypedArray).subarray(0, shownElements)].map(printAttribute), (attribute as TypedArray).length);
  if (Array.isArray(attribute)) return printList(attribute.slice(0, shownElements).map(printAttribute), attribute.length);
  return `{ ${Object.entries(attribute).map(([name, value]) => `${name}: ${printAttribute(value)}`).join(", ")} }`;
}

const printList = (shown: readonly string[], length: number): string =>
  `[${shown.join(", ")}${length > shown.length ? `, … ${length.toLocaleString("en")} in all` : ""}]`;
