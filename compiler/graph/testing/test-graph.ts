/** Test-only: writing small graphs by hand. Types come from the op table's rules. */
import type { DType } from "../../../runtime/dtype.ts";
import { ops } from "../../ops/table.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import type { PassContext } from "../../support/pass.ts";
import { nowhere } from "../../support/span.ts";
import { target } from "../../targets/targets.ts";
import { GraphBuilder } from "../build.ts";
import type { Attributes, Block, Graph, Node, State, TensorType, ValueId } from "../graph.ts";

export const testContext: PassContext = Object.assign(new Diagnostics(), { target: target("wasm") });

export class TestGraph {
  readonly builder = new GraphBuilder();
  readonly states: State[] = [];

  state(role: State["role"], name: string, dtype: DType, ...shape: number[]): number {
    return this.states.push({ role, name, type: { dtype, shape }, origin: nowhere }) - 1;
  }

  input(name: string, dtype: DType, ...shape: number[]): ValueId {
    return this.structural("read", [], { state: this.state("in", name, dtype, ...shape) }, [{ dtype, shape }])[0]!;
  }

  output(name: string, value: ValueId): void {
    const { dtype, shape } = this.type(value);
    this.structural("write", [value], { state: this.state("out", name, dtype, ...shape) }, []);
  }

  type(value: ValueId): TensorType {
    return this.builder.typeOf(value);
  }

  op(op: string, inputs: readonly ValueId[], attributes: Attributes = {}): ValueId {
    const type = ops.get(op)!.type(inputs.map((input) => this.type(input)), attributes);
    return this.builder.node(op, { inputs, attributes, outputs: [type], origin: nowhere })[0]!;
  }

  structural(op: string, inputs: readonly ValueId[], attributes: Attributes, outputs: readonly TensorType[], regions: readonly Block[] = []): ValueId[] {
    return this.builder.node(op, { inputs, attributes, outputs, regions, origin: nowhere });
  }

  fill(dtype: DType, value: number | bigint, ...shape: number[]): ValueId {
    return this.op("fill", [], { value, dtype, shape });
  }

  /** NumPy's `x[a:b, …]`, steps 1: a start and an end for each dimension. */
  slice(value: ValueId, ...ranges: readonly (readonly [number, number])[]): ValueId {
    return this.op("slice", [value], { start: ranges.map(([start]) => start), length: ranges.map(([start, end]) => end - start), step: ranges.map(() => 1) });
  }

  /** A scalar spread over a shape, as the checker writes a literal beside a tensor. */
  spread(dtype: DType, value: number, ...shape: number[]): ValueId {
    return this.op("broadcast", [this.fill(dtype, value)], { shape });
  }

  repeat(times: number, carried: readonly ValueId[], body: (...parameters: ValueId[]) => readonly ValueId[]): ValueId[] {
    const count = this.fill("i32", times);
    const types = carried.map((value) => this.type(value));
    const parameters = types.map((type) => this.builder.value(type, nowhere));
    const block = this.builder.block(parameters, () => body(...parameters));
    return this.structural("repeat", [count, ...carried], {}, types, [block]);
  }

  if(condition: ValueId, then: () => readonly ValueId[], otherwise: () => readonly ValueId[]): ValueId[] {
    const regions = [this.builder.block([], then), this.builder.block([], otherwise)];
    return this.structural("if", [condition], {}, regions[0]!.results.map((value) => this.type(value)), regions);
  }
}

/** A graph of one program, `main`. */
export function graphOf(fill: (graph: TestGraph) => void): Graph {
  const under = new TestGraph();
  const body = under.builder.block([], () => {
    fill(under);
    return [];
  });
  const initial = { name: "initial", body: { parameters: [], nodes: [], results: [] }, origin: nowhere };
  return {
    name: "test", parameters: [], values: under.builder.values, states: under.states, vertices: [], computeSets: [],
    programs: [{ name: "main", body, origin: nowhere }], initial, origin: nowhere,
  };
}

export const bodyOfMain = (graph: Graph): Block => graph.programs[0]!.body;

/** The only node of this op in `main`, regions included. */
export function onlyNode(graph: Graph, op: string): Node {
  const found: Node[] = [];
  const visit = (block: Block): void => {
    for (const node of block.nodes) {
      if (node.op === op) found.push(node);
      node.regions.forEach(visit);
    }
  };
  visit(bodyOfMain(graph));
  if (found.length !== 1) throw new Error(`${found.length} nodes are ${op}`);
  return found[0]!;
}

