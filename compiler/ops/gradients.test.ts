/** Every op of the table has a gradient, which differences confirm in f64, or says why it has none. */
import { describe, expect, test } from "vitest";
import { isFloat } from "../../runtime/dtype.ts";
import type { Attributes } from "../graph/graph.ts";
import { differencesOf, gradientFaults, gradientsOf, ofGradients, weighted, type Formula } from "../graph/testing/gradients.ts";
import { put, tensor, zeros, type Tensor } from "../graph/tensor.ts";
import { nowhere } from "../support/span.ts";
import { nodeBuilder } from "./compose.ts";
import { implications } from "./linalg/implied.ts";
import { spectra } from "./linalg/implied-spectra.ts";
import type { Example, Op } from "./op.ts";
import { ops } from "./table.ts";

const tolerance = 1e-6;

/** Where an op is smooth, when that is not everywhere between 0.2 and 0.9. */
const domains: { readonly [op: string]: readonly (readonly [low: number, high: number])[] } = {
  acosh: [[1.2, 3]],
  clamp: [[-1, 2], [-0.4, -0.3], [1.1, 1.2]],
  rem: [[7.1, 7.4], [1.5, 1.6]],
};

/** Ops that are smooth near their examples, and not everywhere: these keep their values. */
const asTheyAre = new Set(["cholesky_block", "householder_block", "triangular_solve_block"]);

/** Ops of rows that are sorted. */
const ofSorted = new Set(["merge_runs"]);

function sorted(x: Tensor, descending: boolean): Tensor {
  const [data, n] = [x.data as Float64Array, x.type.shape.at(-1)!];
  for (let start = 0; start < data.length; start += n) data.subarray(start, start + n).sort((a, b) => (descending ? b - a : a - b));
  return x;
}

/** Distinct f64 elements of an interval, far enough from each other that no order changes by a small step. */
function smooth(shape: readonly number[], [low, high]: readonly [number, number], seed: number): Tensor {
  const result = zeros({ dtype: "f64", shape });
  const count = result.data.length;
  for (let flat = 0; flat < count; flat++) {
    // A walk with a stride that is prime to the count visits every place once.
    const place = (flat * stride(count) + seed) % Math.max(1, count);
    put(result, flat, low + ((high - low) * (place + 0.3 + 0.13 * seed)) / (count + 1));
  }
  return result;
}

const stride = (count: number): number => [7, 11, 13, 17].find((prime) => count % prime !== 0) ?? 1;

/** The example with f64 in the place of every float dtype and smooth values; integers and bools as they are. */
function smoothed(entry: Op, { inputs, attributes }: Example): { readonly inputs: readonly Tensor[]; readonly attributes: Attributes } {
  const domain = domains[entry.name] ?? [];
  const other = attributes["dtype"];
  if (ofSorted.has(entry.name)) return { inputs: inputs.map((input, k) => (isFloat(input.type.dtype) ? sorted(smooth(input.type.shape, [0.2, 0.9], k), attributes["descending"] === true) : input)), attributes };
  return {
    inputs: inputs.map((input, k) => (isFloat(input.type.dtype) ? asTheyAre.has(entry.name) ? tensor("f64", input.type.shape, Array.from(input.data as Float64Array)) : smooth(input.type.shape, domain[k] ?? [0.2 + 0.013 * k, 0.9], k) : input)),
    attributes: typeof other === "string" && isFloat(other as "f32") ? { ...attributes, dtype: "f64" } : attributes,
  };
}

const formulaOf = (entry: Op, attributes: Attributes): Formula => (builder, values) => {
  const composed = entry.compose?.(nodeBuilder(builder, nowhere), values, attributes);
  if (composed !== undefined) return weighted(builder, composed);
  const type = entry.type(values.map((value) => builder.typeOf(value)), attributes);
  return weighted(builder, builder.node(entry.name, { inputs: values, attributes, outputs: [type], origin: nowhere })[0]!);
};

/** Examples on floats with a float result, one for each shape and attributes. */
function differentiable(entry: Op): { readonly inputs: readonly Tensor[]; readonly attributes: Attributes }[] {
  // Channels are last only behind `pack-convolutions`, when gradients are there.
  const all = entry.examples().filter(({ inputs, attributes }) => attributes["last"] !== true && inputs.some(({ type }) => isFloat(type.dtype))).map((example) => smoothed(entry, example));
  const fitting = all.filter(({ inputs, attributes }) => entry.type(inputs.map(({ type }) => type), attributes).dtype === "f64");
  const seen = new Set<string>();
  return fitting.filter(({ inputs, attributes }) => {
    const key = JSON.stringify([inputs.map(({ type }) => type), attributes], (_, value) => (typeof value === "bigint" ? `${value}` : (value as unknown)));
    return seen.has(key) ? false : seen.add(key);
  });
}

test("every op has a gradient or says why not", () => {
  expect([...ops.values()].filter(({ gradient, compose, noGradient }) => (noGradient === undefined ? (gradient ?? compose) === undefined : gradient !== undefined)).map(({ name }) => name)).toEqual([]);
});

/** They depend on nothing, or their gradients are 0 by intention, or those of what their first input is made from. */
const stopped = new Set(["stop_gradient", "with_slope", "uniform", "normal", "iota", "linspace", "eye", ...[...implications, ...spectra].map(({ name }) => name)]);
const entries = [...ops.values()].filter((entry) => (entry.gradient ?? entry.compose) !== undefined && entry.noGradient === undefined && !stopped.has(entry.name));

describe.each(entries.map((entry) => [entry.name, entry] as const))("%s", (_, entry) => {
  const examples = differentiable(entry);

  test("the gradient is that of differences", () => {
    expect(examples.length).toBeGreaterThan(0);
    for (const { inputs, attributes } of examples) {
      const formula = formulaOf(entry, attributes);
      const step = 1e-4;
      expect(gradientFaults(gradientsOf(formula, inputs), differencesOf(formula, inputs, step), tolerance), JSON.stringify([inputs.map(({ type }) => type.shape), attributes])).toEqual([]);
    }
  });

  test("so is the gradient of the gradient", () => {
    for (const { inputs, attributes } of examples.filter(({ inputs }) => inputs.every(({ data }) => data.length <= 40)).slice(0, 3)) {
      const formula = ofGradients(formulaOf(entry, attributes));
      expect(gradientFaults(gradientsOf(formula, inputs), differencesOf(formula, inputs, 1e-4), 10 * tolerance), JSON.stringify([inputs.map(({ type }) => type.shape), attributes])).toEqual([]);
    }
  });
});
