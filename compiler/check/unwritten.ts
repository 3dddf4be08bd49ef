/**
 * Reads of what nobody wrote. An `out` is zero until it is assigned and keeps its value from run to run (rule 6.3), so a read
 * before the first write can be meant; a read of elements that no program of the graph ever writes cannot. Done on the
 * finished graph: the elements of each out that something writes are noted, whatever the order, then its reads are compared
 * with them. What cannot be told counts as written.
 */
import { sizeOf } from "../../runtime/dtype.ts";
import { flatIndex, forEachIndex } from "../graph/tensor.ts";
import { ops } from "../ops/table.ts";
import { formatType, type Block, type Graph, type Node, type Slice, type StateId, type ValueId } from "../graph/graph.ts";
import type { Reporter } from "../support/diagnostic.ts";
import type { Span } from "../support/span.ts";

/** Larger outs are only told when nothing at all is written of them. */
const mostElements = 1 << 20;

type Box = Pick<Slice[number], "start" | "length" | "step">[];

/** What is written of an out, and where its value is read, in all programs. */
interface Out {
  readonly state: StateId;
  readonly shape: readonly number[];
  /** By element; all of it when `whole`. */
  readonly written: Uint8Array;
  whole: boolean;
  /** Something is written, be it of no elements. */
  touched: boolean;
  /** Without a box: of elements that cannot be told. */
  readonly reads: { readonly box?: Box; readonly origin: Span }[];
}

/** Reports outs that are never written, and reads of elements of an out that nothing writes. */
export function checkUnwritten(graph: Graph, reporter: Reporter): void {
  const outs = new Map<StateId, Out>();
  graph.states.forEach(({ role, type: { shape } }, state) => {
    if (role === "out") outs.set(state, { state, shape, written: new Uint8Array(Math.min(sizeOf(shape), mostElements)), whole: false, touched: false, reads: [] });
  });
  for (const { body } of graph.programs) new Tracer(graph, outs).block(body);
  for (const out of outs.values()) tell(graph, out, reporter);
}

function tell(graph: Graph, out: Out, reporter: Reporter): void {
  const { name, type, origin } = graph.states[out.state]!;
  if (out.whole) return;
  if (!out.touched && out.reads.length === 0) {
    reporter.report({ problem: "unwritten-out", severity: "warning", message: `the out ${name} is never written: it stays zero`, labels: [{ span: origin, text: "" }] });
    return;
  }
  const told = new Set<string>();
  for (const read of out.reads) {
    const missing = firstUnwritten(out, read.box);
    const place = `${read.origin.file}:${read.origin.start}:${read.origin.end}`;
    if (missing === undefined || told.has(place)) continue;
    told.add(place);
    const what = missing.length === 0 && !out.touched ? `${name} is read, and nothing writes it` : `${name}${missing.length === 0 ? "" : `[${missing.join(", ")}]`} is read, and nothing writes that element`;
    reporter.report({
      problem: "unwritten-out", severity: "error", message: what,
      labels: [{ span: read.origin, text: "" }, { span: origin, text: `${formatType(type)}, declared here` }], help: "an out is zero until a program assigns it; a `var` has a value at the start",
    });
  }
}

function firstUnwritten(out: Out, box: Box | undefined): readonly number[] | undefined {
  if (box?.some(({ length }) => length === 0)) return undefined;
  if (!out.touched) return [];
  if (box === undefined) return undefined;
  if (sizeOf(out.shape) > mostElements) return undefined;
  let found: number[] | undefined;
  visit(out, box, (index, flat) => {
    if (found === undefined && out.written[flat] === 0) found = [...index];
  });
  return found;
}

function visit({ shape }: Out, box: Box, element: (index: readonly number[], flat: number) => void): void {
  forEachIndex(box.map(({ length }) => length), (index) => {
    const there = index.map((i, d) => box[d]!.start + i * box[d]!.step);
    element(there, flatIndex(shape, there));
  });
}

const all = (shape: readonly number[]): Box => shape.map((length) => ({ start: 0, length, step: 1 }));

/** Follows the values of outs through one program: reads, changes of some elements, loops and branches that carry them. */
class Tracer {
  readonly #graph: Graph;
  readonly #outs: ReadonlyMap<StateId, Out>;
  /** The out whose value, with what has been written of it by then, an SSA value is. */
  readonly #versions = new Map<ValueId, Out>();
  /** What is seen through a reshape or the like: which elements they are is not followed. */
  readonly #views = new Map<ValueId, Out>();

  constructor(graph: Graph, outs: ReadonlyMap<StateId, Out>) {
    this.#graph = graph;
    this.#outs = outs;
  }

  block(block: Block): void {
    for (const node of block.nodes) this.#node(node);
  }

  #node(node: Node): void {
    const { op, inputs, outputs, attributes } = node;
    switch (op) {
      case "read": return this.#follow(outputs[0]!, this.#outs.get(attributes["state"] as StateId));
      case "write": return this.#write(node);
      case "update": case "slice": return this.#part(node);
      case "execute": return this.#execute(node);
      case "repeat": return this.#carried(node, inputs.slice(1), node.regions[0]!);
      case "while": {
        node.regions[0]!.parameters.forEach((parameter, i) => this.#follow(parameter, this.#versions.get(inputs[i]!)));
        this.block(node.regions[0]!);
        return this.#carried(node, inputs, node.regions[1]!);
      }
      case "if": case "switch": return this.#branches(node);
      default:
        if (ops.get(op)?.kind === "view") return this.#view(node);
        for (const input of inputs) this.#read(input, undefined, node.origin);
        for (const region of node.regions) this.block(region);
    }
  }

  #follow(value: ValueId, out: Out | undefined): void {
    if (out) this.#versions.set(value, out);
  }

  #view({ inputs, outputs }: Node): void {
    const out = this.#versions.get(inputs[0]!) ?? this.#views.get(inputs[0]!);
    if (out && sizeOf(this.#graph.values[outputs[0]!]!.type.shape) > 0) this.#views.set(outputs[0]!, out);
  }

  #read(value: ValueId, box: Box | undefined, origin: Span): void {
    const out = this.#versions.get(value);
    out?.reads.push({ box: box ?? all(out.shape), origin });
    this.#views.get(value)?.reads.push({ origin });
  }

  /** What an out becomes that is no version of itself is written whole. */
  #write(node: Node): void {
    const [value] = node.inputs as [ValueId];
    const version = this.#versions.get(value);
    const out = this.#outs.get(node.attributes["state"] as StateId);
    if (out && version === out) return;
    if (out) out.whole = out.touched = true;
    this.#read(value, undefined, node.origin);
  }

  #part(node: Node): void {
    const { start, length, step } = node.attributes as { readonly [name: string]: readonly number[] };
    const box = start!.map((first, d) => ({ start: first, length: length![d]!, step: step![d]! }));
    if (node.op === "slice" && !this.#versions.has(node.inputs[0]!)) return this.#view(node);
    if (node.op === "slice") return this.#read(node.inputs[0]!, box, node.origin);
    this.#read(node.inputs[1]!, undefined, node.origin);
    const out = this.#versions.get(node.inputs[0]!);
    if (!out) return;
    this.#mark(out, box);
    this.#follow(node.outputs[0]!, out);
  }

  #mark(out: Out, box: Box): void {
    out.touched = true;
    if (sizeOf(out.shape) <= mostElements) visit(out, box, (_, flat) => { out.written[flat] = 1; });
  }

  /** Fields that write count as written whole: what a vertex leaves out is its own affair. */
  #execute({ inputs, outputs, attributes }: Node): void {
    const { placements, written } = this.#graph.computeSets[attributes["computeSet"] as number]!;
    for (const { vertex, fields } of placements) {
      const { buffers } = this.#graph.vertices[vertex]!.kernel;
      fields.forEach(({ operand, slice, origin }, f) => {
        const out = this.#versions.get(inputs[operand]!);
        if (!out) return;
        if (buffers[f]!.access === "in") out.reads.push({ box: [...slice], origin });
        else this.#mark(out, [...slice]);
      });
    }
    written.forEach((operand, i) => this.#follow(outputs[i]!, this.#versions.get(inputs[operand]!)));
  }

  #carried({ outputs }: Node, initial: readonly ValueId[], body: Block): void {
    initial.forEach((value, i) => this.#follow(body.parameters[i]!, this.#versions.get(value)));
    this.block(body);
    initial.forEach((value, i) => this.#merge(outputs[i]!, [value, body.results[i]!]));
  }

  #branches(node: Node): void {
    this.#read(node.inputs[0]!, undefined, node.origin);
    for (const region of node.regions) this.block(region);
    node.outputs.forEach((output, i) => this.#merge(output, node.regions.map(({ results }) => results[i]!)));
  }

  /** A value that is one of several: what is a version on one way and something else on another may be written whole. */
  #merge(output: ValueId, values: readonly ValueId[]): void {
    const versions = values.map((value) => this.#versions.get(value));
    for (const out of new Set(versions)) {
      if (!out) continue;
      if (versions.some((other) => other !== out)) out.whole = true;
      this.#follow(output, out);
    }
  }
}
