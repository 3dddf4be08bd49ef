/** Gradients of whole graphs: random ones against differences, and the size of what is made of small ones. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { op as opOf } from "../../ops/table.ts";
import { nowhere } from "../../support/span.ts";
import { scalar, type Graph, type Node, type ValueId } from "../graph.ts";
import type { GraphBuilder } from "../build.ts";
import { Interpreter } from "../interpret.ts";
import { forEachNode } from "../rewrite.ts";
import { verify } from "../verify.ts";
import { withoutGradients } from "./differentiate.ts";
import { formulaInputs, randomFormula } from "../testing/random-formula.ts";
import { differencesOf, gradientFaults, gradientsOf, graphOf, ofGradients, weighted } from "../testing/gradients.ts";

const strict = { report: ({ severity, message }: { readonly severity: string; readonly message: string }) => { if (severity === "error") throw new Error(message); } };

const decisions = fc.array(fc.nat(997), { minLength: 4, maxLength: 40 });

describe("random formulas", () => {
  it("have the gradients of differences", () => {
    fc.assert(fc.property(decisions, fc.nat(5), (list, seed) => {
      const [formula, inputs] = [randomFormula(list), formulaInputs(seed)];
      expect(gradientFaults(gradientsOf(formula, inputs), differencesOf(formula, inputs, 1e-4), 1e-6)).toEqual([]);
    }), { numRuns: 150 });
  });

  it("have the second derivatives of differences", () => {
    fc.assert(fc.property(decisions, fc.nat(5), (list, seed) => {
      const [formula, inputs] = [ofGradients(randomFormula(list)), formulaInputs(seed)];
      expect(gradientFaults(gradientsOf(formula, inputs), differencesOf(formula, inputs, 1e-4), 1e-5)).toEqual([]);
    }), { numRuns: 50 });
  });
});

/** A graph of f32 inputs, differentiated; and its nodes by op. */
function differentiated(shapes: readonly (readonly number[])[], fill: (builder: GraphBuilder, inputs: readonly ValueId[], op: (name: string, inputs: readonly ValueId[], attributes?: Node["attributes"]) => ValueId) => readonly ValueId[]): { readonly graph: Graph; readonly counts: { readonly [op: string]: number } } {
  const source = graphOf(shapes.map((shape) => ({ dtype: "f32", shape })), (builder, inputs) => fill(builder, inputs, (name, args, attributes = {}) =>
    builder.node(name, { inputs: args, attributes, outputs: [opOf(name).type(args.map((arg) => builder.typeOf(arg)), attributes)], origin: nowhere })[0]!));
  const graph = withoutGradients(source, strict);
  verify(graph);
  const counts: { [op: string]: number } = {};
  forEachNode(graph.programs[0]!.body, ({ op }) => (counts[op] = (counts[op] ?? 0) + 1));
  return { graph, counts };
}

const total = { op: "add", axes: [0, 1], keepdims: false };

describe("what is made", () => {
  it("is no product for a gradient that nobody wants", () => {
    const { counts } = differentiated([[4, 5], [5, 6]], (builder, [x, w], op) => {
      const loss = op("reduce", [op("matmul", [x!, w!])], total);
      return builder.node("grad", { inputs: [loss, w!], attributes: { wrt: 1 }, outputs: [builder.typeOf(w!)], origin: nowhere });
    });
    expect(counts["matmul"]).toBe(2);
  });

  it("is one padded tensor for several slices, which the others are added to", () => {
    const { counts } = differentiated([[8, 8]], (builder, [x], op) => {
      const rows = (start: number): ValueId => op("slice", [x!], { start: [start, 0], length: [6, 8], step: [1, 1] });
      const loss = op("reduce", [op("mul", [op("add", [rows(0), rows(2)]), rows(1)])], total);
      return builder.node("grad", { inputs: [loss, x!], attributes: { wrt: 1 }, outputs: [builder.typeOf(x!)], origin: nowhere });
    });
    expect(counts).toMatchObject({ pad: 1, update: 2 });
  });

  it("keeps nothing of a loop that is linear, and only what is needed of another", () => {
    const loopOf = (nonlinear: boolean) => differentiated([[4, 4], [4, 4]], (builder, [x, w], op) => {
      const type = builder.typeOf(x!);
      const rounds = builder.node("fill", { attributes: { value: 3, dtype: "i32", shape: [] }, outputs: [scalar("i32")], origin: nowhere });
      const parameters = [builder.value(type, nowhere), builder.value(type, nowhere)];
      const body = builder.block(parameters, () => [op("mul", [parameters[0]!, nonlinear ? parameters[0]! : w!]), op("add", [parameters[1]!, w!])]);
      const [u] = builder.node("repeat", { inputs: [...rounds, x!, x!], regions: [body], outputs: [type, type], origin: nowhere });
      return builder.node("grad", { inputs: [op("reduce", [u!], total), x!], attributes: { wrt: 1 }, outputs: [type], origin: nowhere });
    });
    expect(loopOf(false).counts["scatter_update"]).toBeUndefined();
    expect(loopOf(true).counts["scatter_update"]).toBe(1);
  });

  it("keeps the rounds of a loop once for several gradients", () => {
    const { counts } = differentiated([[4, 4], [4, 4]], (builder, [x, w], op) => {
      const type = builder.typeOf(x!);
      const rounds = builder.node("fill", { attributes: { value: 3, dtype: "i32", shape: [] }, outputs: [scalar("i32")], origin: nowhere });
      const parameter = builder.value(type, nowhere);
      const body = builder.block([parameter], () => [op("mul", [op("sin", [parameter]), w!])]);
      const loss = op("reduce", builder.node("repeat", { inputs: [...rounds, x!], regions: [body], outputs: [type], origin: nowhere }), total);
      return [x!, w!].flatMap((by) => builder.node("grad", { inputs: [loss, by], attributes: { wrt: 1 }, outputs: [type], origin: nowhere }));
    });
    expect(counts["scatter_update"]).toBe(1);
  });

  it("is refused by the interpreter where there is no gradient", () => {
    const graph = graphOf([{ dtype: "f64", shape: [2, 2] }], (builder, [x]) => {
      const [whole] = builder.node("floor", { inputs: [x!], outputs: [builder.typeOf(x!)], origin: { file: "here.gph", start: 3, end: 8 } });
      return builder.node("grad", { inputs: [weighted(builder, whole!), x!], attributes: { wrt: 1 }, outputs: [builder.typeOf(x!)], origin: nowhere });
    });
    expect(() => new Interpreter(graph)).toThrow(expect.objectContaining({
      problem: "not-supported", message: "the gradient goes through floor, and that has none: rounding is piecewise constant", origin: { file: "here.gph", start: 3, end: 8 },
    }) as Error);
  });

  it("has no grad left, and is the graph itself where there was none", () => {
    const { graph } = differentiated([[2, 2]], (_, [x]) => [x!]);
    expect(withoutGradients(graph, strict)).toBe(graph);
  });
});
