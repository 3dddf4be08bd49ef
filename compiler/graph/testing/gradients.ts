/** For tests: gradients by differences, the outside oracle of every gradient. Nothing of the compiler uses this file. */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import { GraphBuilder } from "../build.ts";
import { scalar, type Graph, type State, type TensorType, type ValueId } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { get, put, zeros, type Tensor } from "../tensor.ts";
import { nowhere } from "../../support/span.ts";
import { verify } from "../verify.ts";
import { withoutGradients } from "../passes/differentiate.ts";

/** Builds a scalar from values of the inputs' types. */
export type Formula = (builder: GraphBuilder, inputs: readonly ValueId[]) => ValueId;

const readsOf = (builder: GraphBuilder, types: readonly TensorType[]): ValueId[] =>
  types.map((type, state) => builder.node("read", { attributes: { state }, outputs: [type], origin: nowhere })[0]!);

/** A graph of one program `main`, whose inputs are in0, in1, … and whose outputs are what `fill` gives: out0, out1, … */
export function graphOf(types: readonly TensorType[], fill: (builder: GraphBuilder, inputs: readonly ValueId[]) => readonly ValueId[]): Graph {
  const builder = new GraphBuilder();
  const states: State[] = types.map((type, k) => ({ role: "in", name: `in${k}`, type, origin: nowhere }));
  const body = builder.block([], () => {
    fill(builder, readsOf(builder, types)).forEach((value, k) => {
      const state = states.push({ role: "out", name: `out${k}`, type: builder.typeOf(value), origin: nowhere }) - 1;
      builder.node("write", { inputs: [value], attributes: { state }, outputs: [], origin: nowhere });
    });
    return [];
  });
  const initial = { name: "initial", body: { parameters: [], nodes: [], results: [] }, origin: nowhere };
  return { name: "test", parameters: [], values: builder.values, states, vertices: [], computeSets: [], programs: [{ name: "main", body, origin: nowhere }], initial, origin: nowhere };
}

const named = (inputs: readonly Tensor[]): { [name: string]: Tensor } => Object.fromEntries(inputs.map((input, k) => [`in${k}`, input]));

/** The gradients of a formula by its float inputs, as a `grad` gives them. */
export function gradientsOf(formula: Formula, inputs: readonly Tensor[]): Tensor[] {
  const types = inputs.map(({ type }) => type);
  const floats = types.flatMap(({ dtype }, k) => (isFloat(dtype) ? [k] : []));
  const graph = graphOf(types, (builder, values) => {
    const loss = formula(builder, values);
    return builder.node("grad", { inputs: [loss, ...floats.map((k) => values[k]!)], attributes: { wrt: floats.length }, outputs: floats.map((k) => types[k]!), origin: nowhere });
  });
  const differentiated = withoutGradients(graph, { report: () => {} });
  verify(differentiated);
  const outputs = new Interpreter(differentiated).run("main", named(inputs));
  return floats.map((_, k) => outputs[`out${k}`]!);
}

/** Σ weights · the gradients of a formula by its float inputs: its own gradient is made of second derivatives. */
export const ofGradients = (formula: Formula): Formula => (builder, inputs) => {
  const floats = inputs.filter((input) => isFloat(builder.typeOf(input).dtype));
  const loss = formula(builder, inputs);
  const gradients = builder.node("grad", { inputs: [loss, ...floats], attributes: { wrt: floats.length }, outputs: floats.map((input) => builder.typeOf(input)), origin: nowhere });
  return gradients.map((gradient) => weighted(builder, gradient)).reduce((sum, value) => builder.node("add", { inputs: [sum, value], outputs: [scalar("f64")], origin: nowhere })[0]!);
};

/** The gradients by central differences, of f64 inputs. */
export function differencesOf(formula: Formula, inputs: readonly Tensor[], step = 1e-5): Tensor[] {
  const interpreter = new Interpreter(graphOf(inputs.map(({ type }) => type), (builder, values) => [formula(builder, values)]));
  const at = (moved: readonly Tensor[]): number => Number(get(interpreter.run("main", named(moved))["out0"]!, 0));
  return inputs.flatMap((input, k) => {
    if (!isFloat(input.type.dtype)) return [];
    const result = zeros(input.type);
    for (let flat = 0; flat < sizeOf(input.type.shape); flat++) {
      const moved = (by: number): readonly Tensor[] => {
        const data = input.data.slice();
        const other: Tensor = { type: input.type, data };
        put(other, flat, Number(get(input, flat)) + by);
        return inputs.with(k, other);
      };
      put(result, flat, (at(moved(step)) - at(moved(-step))) / (2 * step));
    }
    return [result];
  });
}

/** Where two lists of gradients differ by more than `tolerance` of the larger of their greatest element and 1. */
export function gradientFaults(actual: readonly Tensor[], expected: readonly Tensor[], tolerance: number): string[] {
  return actual.flatMap((tensor, k) => {
    const other = expected[k]!;
    let scale = 1;
    for (let flat = 0; flat < other.data.length; flat++) scale = Math.max(scale, Math.abs(Number(get(other, flat))));
    const wrong: string[] = [];
    for (let flat = 0; flat < other.data.length; flat++) {
      const [one, two] = [Number(get(tensor, flat)), Number(get(other, flat))];
      if (!(Math.abs(one - two) <= tolerance * scale)) wrong.push(`gradient ${k}, element ${flat}: ${one}, by differences ${two}`);
    }
    return wrong.slice(0, 3);
  });
}

/** Σ x · w with different weights, so that no gradient is the same everywhere. */
export function weighted(builder: GraphBuilder, value: ValueId): ValueId {
  const type = builder.typeOf(value);
  const size = sizeOf(type.shape);
  const data = Float64Array.from({ length: size }, (_, i) => 0.5 + ((i * 7919) % 13) / 10);
  const [weights] = builder.node("constant", { attributes: { dtype: "f64", shape: type.shape, data }, outputs: [type], origin: nowhere });
  const [product] = builder.node("mul", { inputs: [value, weights!], outputs: [type], origin: nowhere });
  return builder.node("reduce", { inputs: [product!], attributes: { op: "add", axes: type.shape.map((_, axis) => axis), keepdims: false }, outputs: [scalar("f64")], origin: nowhere })[0]!;
}
