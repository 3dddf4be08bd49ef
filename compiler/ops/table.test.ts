/** Being in the table means being tested: the rules of every op are held against each other on its own examples. */
import { describe, expect, test } from "vitest";
import { Interpreter } from "../graph/interpret.ts";
import { graphOf } from "../graph/testing/gradients.ts";
import { kindOf } from "../../runtime/dtype.ts";
import { flatIndex, forEachIndex, get, put, zeros, type Tensor } from "../graph/tensor.ts";
import { argument, cast } from "../kernel/build.ts";
import { evaluateScalar } from "../kernel/interpret.ts";
import { verifyKernel } from "../kernel/verify.ts";
import { evaluateAffine } from "../support/affine.ts";
import { nowhere } from "../support/span.ts";
import { nodeBuilder } from "./compose.ts";
import type { Example, Op } from "./op.ts";
import { computeDType } from "./rules.ts";
import { calls, op, ops } from "./table.ts";
import { differences, faultsOf, runLowerings, uncut, uneven } from "./testing/run-lowerings.ts";

/** Ops whose kernels round in another order than the reference, which rounds once. */
const roundsOften = new Set(["reduce", "map_reduce", "compute_map", "mean", "matmul", "matmul_packed", "attention", "conv", "conv_transpose", "conv_packed", "depthwise_packed", "conv_filters", "conv_filters_packed", "conv_filters_planes", "winograd_image", "winograd_filters", "winograd_result", "pool", "unpool", "fold", "softmax", "log_softmax", "log_sum_exp", "layer_norm", "cum_sum", "cum_prod", "linear_recurrence",
  "normal_rows", "triangular_solve_block", "cholesky_block", "householder_block", "sparse_matmul_blocks", "sparse_sample_blocks", "fft_rows"]);
/** Their lowering is elsewhere: data is placed as it is. */
const withoutLowering = new Set(["constant"]);

const typeOf = (entry: Op, example: Example): Tensor["type"] => entry.type(example.inputs.map((input) => input.type), example.attributes);
const reference = (entry: Op, example: Example): Tensor => entry.evaluate(example.inputs, example.attributes, typeOf(entry, example));

function name(example: Example, position: number): string {
  return `${position}: ${example.inputs.map(({ type }) => `${type.dtype}[${type.shape.join()}]`).join(" ")}`;
}

/** Applies an elementwise op as a fused map would: 16-bit floats are widened, and the result is rounded back. */
function byScalar(entry: Op, { inputs, attributes }: Example, type: Tensor["type"]): Tensor {
  const args = inputs.map((input, k) => cast(computeDType(input.type.dtype), argument(input.type.dtype, k)));
  const body = cast(type.dtype, entry.scalar!(args, attributes, type));
  const result = zeros(type);
  for (let flat = 0; flat < result.data.length; flat++) put(result, flat, evaluateScalar(body, inputs.map((input) => get(input, flat))));
  return result;
}

describe.each([...ops.values()].map((entry) => [entry.name, entry] as const))("%s", (_, entry) => {
  const examples = entry.examples();

  test("says what it is, and has examples", () => {
    expect(entry.summary.endsWith("."), entry.summary).toBe(true);
    expect(entry.formula).not.toBe("");
    expect(examples.length).toBeGreaterThanOrEqual(2);
    if (entry.kind === "elementwise") expect(entry.scalar).toBeDefined();
    if (entry.kind === "view") expect(entry.view).toBeDefined();
    if (entry.kind === "compute" && !withoutLowering.has(entry.name)) expect(entry.lower ?? entry.compose).toBeDefined();
  });

  test("at least one example was computed elsewhere", () => {
    expect(examples.some((example) => example.expected)).toBe(true);
  });

  test("the reference agrees with its type rule and with what is known", () => {
    examples.forEach((example, position) => {
      const result = reference(entry, example);
      expect(result.type, name(example, position)).toEqual(typeOf(entry, example));
      expect(result.data.length).toBe(result.type.shape.reduce((product, extent) => product * extent, 1));
      if (example.expected) expect(differences(result, example.expected, kindOf(result.type.dtype) !== "float"), name(example, position)).toEqual([]);
    });
  });

  if (entry.kind === "elementwise") {
    test("the formula on scalars gives the bits of the reference", () => {
      examples.forEach((example, position) => {
        expect(differences(byScalar(entry, example, typeOf(entry, example)), reference(entry, example), true), name(example, position)).toEqual([]);
      });
    });
  }

  if (entry.view) {
    test("the affine map finds the elements of the reference", () => {
      examples.forEach((example, position) => {
        const [input, type] = [example.inputs[0]!, typeOf(entry, example)];
        const map = entry.view!(input.type, example.attributes, type);
        if (!map) return;
        const result = zeros(type);
        forEachIndex(type.shape, (index, flat) => (result.data[flat] = input.data[flatIndex(input.type.shape, map.map((form) => evaluateAffine(form, index)))]!));
        expect(differences(result, reference(entry, example), true), name(example, position)).toEqual([]);
      });
    });
  }

  if (entry.compose) {
    test("what it is made of gives the reference's result", () => {
      const composed: boolean[] = [];
      examples.forEach((example, position) => {
        const types = example.inputs.map((input) => input.type);
        const graph = graphOf(types, (builder, inputs) => {
          const result = entry.compose!(nodeBuilder(builder, nowhere), inputs, example.attributes);
          composed.push(result !== undefined);
          return [result ?? builder.node(entry.name, { inputs, attributes: example.attributes, outputs: [typeOf(entry, example)], origin: nowhere })[0]!];
        });
        const { out0: result } = new Interpreter(graph).run("main", Object.fromEntries(example.inputs.map((input, k) => [`in${k}`, input])));
        expect(differences(result!, reference(entry, example), false), name(example, position)).toEqual([]);
      });
      expect(composed).toContain(true);
      // What stays as it is for some operands has what other ops have.
      expect(entry.lower !== undefined).toBe(composed.includes(false));
      if (entry.noGradient === undefined) expect(entry.gradient !== undefined).toBe(composed.includes(false));
    });
  }

  if (entry.lower) {
    const lowered = (example: Example) => entry.lower!(example.inputs.map((input) => input.type), example.attributes, typeOf(entry, example));

    test("the lowerings stay in bounds and write every element once", () => {
      examples.forEach((example, position) => {
        expect(faultsOf(lowered(example), example.inputs, typeOf(entry, example), entry.inPlace), name(example, position)).toEqual([]);
      });
    });

    test.each([["in one block", uncut], ["in uneven blocks", uneven]] as const)("the kernels give the reference's result, %s", (_words, cut) => {
      examples.forEach((example, position) => {
        const result = runLowerings(lowered(example), example.inputs, typeOf(entry, example), cut, verifyKernel, entry.inPlace);
        expect(differences(result, reference(entry, example), !roundsOften.has(entry.name)), name(example, position)).toEqual([]);
      });
    });
  }
});

test("reshape splits and keeps dimensions as an affine map, and merges none", () => {
  const map = (from: number[], to: number[]) => op("reshape").view!({ dtype: "f32", shape: from }, { shape: to }, { dtype: "f32", shape: to });
  expect(map([12, 5], [3, 1, 4, 5])).toEqual([{ constant: 0, coefficients: [4, 0, 1, 0] }, { constant: 0, coefficients: [0, 0, 0, 1] }]);
  expect(map([1, 6], [6])).toBeDefined();
  expect(map([2, 3], [6])).toBeUndefined();
  expect(map([4, 3], [3, 4])).toBeUndefined();
});

test("a call name leads to its ops in the order of trial", () => {
  expect(calls.get("max")?.map((call) => call.op.name)).toEqual(["max", "reduce"]);
  expect(calls.get("prod")?.map((call) => call.op.name)).toEqual(["reduce"]);
  expect(calls.has("add")).toBe(false);
});
