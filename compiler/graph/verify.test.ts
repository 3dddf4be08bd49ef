/** Each invariant refuses the smallest graph that breaks it. */
import { describe, expect, it } from "vitest";
import { CompilerBug } from "../support/bug.ts";
import { nowhere } from "../support/span.ts";
import { KernelBuilder, i32 } from "../kernel/build.ts";
import type { ComputeSet, Graph, Node } from "./graph.ts";
import { bodyOfMain, graphOf, type TestGraph } from "./testing/test-graph.ts";
import { verify } from "./verify.ts";

const simple = (): Graph =>
  graphOf((g) => {
    const [x, y] = [g.input("x", "f32", 2, 3), g.input("y", "f32", 2, 3)];
    g.output("z", g.op("add", [x, y]));
  });

/** The graph with the nodes of `main` changed. */
function withNodes(graph: Graph, change: (nodes: readonly Node[]) => readonly Node[]): Graph {
  const [main] = graph.programs;
  return { ...graph, programs: [{ ...main!, body: { ...main!.body, nodes: change(main!.body.nodes) } }] };
}

const withNode = (graph: Graph, at: number, change: Partial<Node>): Graph => withNodes(graph, (nodes) => nodes.with(at, { ...nodes[at]!, ...change }));

function refuses(graph: Graph, message: string | RegExp): void {
  expect(() => verify(graph)).toThrow(message);
  expect(() => verify(graph)).toThrow(CompilerBug);
}

describe("verify", () => {
  it("accepts a sound graph", () => {
    expect(() => verify(simple())).not.toThrow();
  });

  it("holds values to one definition before every use", () => {
    refuses(withNodes(simple(), (nodes) => nodes.toReversed()), "is used where it is not defined");
    refuses(withNodes(simple(), (nodes) => [...nodes, nodes[0]!]), "%0 is defined twice");
    refuses(withNode(simple(), 2, { outputs: [99] }), "%99 is not in the table of values");
    const leaking = graphOf((g) => {
      const [x, c] = [g.input("x", "f32"), g.input("c", "bool")];
      let inner = 0;
      g.if(c, () => [(inner = g.op("exp", [x]))], () => [x]);
      g.output("y", inner);
    });
    refuses(leaking, "is used where it is not defined: write y");
  });

  it("holds table ops to their rule", () => {
    const wrong = simple();
    refuses({ ...wrong, values: wrong.values.with(2, { ...wrong.values[2]!, type: { dtype: "f32", shape: [3, 2] } }) }, "the output is stated as f32[3, 2], the rule says f32[2, 3], in\n%2: f32[3, 2] = add %0, %1");
    refuses(withNode(simple(), 2, { op: "frobnicate" }), "no op is named frobnicate");
    refuses(withNode(simple(), 2, { inputs: [0] }), "add takes 2 inputs, not 1");
    refuses(withNode(simple(), 2, { op: "and" }), "the rule refuses: and takes integers or bool, not f32");
  });

  it("holds structural ops to their form", () => {
    refuses(withNode(simple(), 0, { attributes: { state: 7 } }), "there is no state 7");
    refuses(withNode(simple(), 3, { attributes: { state: 0 } }), "write of x, which is in");
    const carried = (change: (node: Node) => Partial<Node>): Graph => {
      const graph = graphOf((g) => g.output("y", g.repeat(3, [g.input("x", "f32")], (x) => [g.op("exp", [x])])[0]!));
      const at = bodyOfMain(graph).nodes.findIndex((node) => node.op === "repeat");
      return withNode(graph, at, change(bodyOfMain(graph).nodes[at]!));
    };
    refuses(carried((node) => ({ inputs: node.inputs.slice(0, 1) })), "repeat has 0 outputs, not 1");
    refuses(carried((node) => ({ inputs: node.inputs.toReversed() })), "the count of repeat is an i32 scalar");
    refuses(carried((node) => ({ regions: [{ ...node.regions[0]!, results: [] }] })), "1 values, but 0 results");
    refuses(graphOf((g: TestGraph) => g.structural("assert", [g.input("x", "f32")], { message: "" }, [])), "assert takes a bool scalar");
    refuses(graphOf((g: TestGraph) => g.structural("switch", [g.fill("i32", 0)], { cases: [1, 1] }, [], [1, 2, 3].map(() => ({ parameters: [], nodes: [], results: [] })))), "the cases of switch are distinct ints");
  });

  it("holds compute sets to their vertices and tensors", () => {
    const kernel = new KernelBuilder("Copy", nowhere);
    const from = kernel.buffer({ name: "from", dtype: "f32", shape: [2], access: "in" });
    const to = kernel.buffer({ name: "to", dtype: "f32", shape: [2], access: "out" });
    kernel.store(to, [i32(0)], kernel.load(from, [i32(0)]));
    const vertex = { name: "Copy", kernel: kernel.finish(), origin: nowhere };
    const range = (start: number, length: number) => ({ start, length, step: 1, drop: false });
    const set: ComputeSet = {
      name: "copies",
      operands: [{ name: "a", type: { dtype: "f32", shape: [4] } }, { name: "b", type: { dtype: "f32", shape: [4] } }],
      written: [1],
      placements: [{ vertex: 0, tile: 0, origin: nowhere, fields: [{ operand: 0, slice: [range(0, 2)], origin: nowhere }, { operand: 1, slice: [range(2, 2)], origin: nowhere }] }],
      origin: nowhere,
    };
    const withSet = (change: Partial<ComputeSet>): Graph => ({ ...simple(), vertices: [vertex], computeSets: [{ ...set, ...change }] });
    const moved = (start: number, length: number) => [{ ...set.placements[0]!, fields: [{ ...set.placements[0]!.fields[0]!, slice: [range(start, length)] }, set.placements[0]!.fields[1]!] }];
    expect(() => verify(withSet({}))).not.toThrow();
    refuses(withSet({ placements: moved(3, 2) }), "placement 0 of compute set copies: field from: [3:5] of shape [4]");
    refuses(withSet({ placements: moved(0, 3) }), "field from is f32[2], its slice is f32[3]");
    refuses(withSet({ written: [] }), "lists [] as written, its vertices write [1]");
    refuses(withSet({ placements: [{ ...set.placements[0]!, tile: -1 }] }), "is on tile -1");
    refuses(withSet({ placements: [{ ...set.placements[0]!, vertex: 3 }] }), "names vertex 3 of 1");
  });
});
