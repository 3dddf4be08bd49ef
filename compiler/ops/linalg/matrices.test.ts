/** Factorisations of one block, against what defines them, and where they are not defined. */
import { describe, expect, test } from "vitest";
import { get, tensor, type Tensor } from "../../graph/tensor.ts";
import { matricesOf, waves } from "./matrices.ts";
import { op } from "../table.ts";
import { differences, runLowerings, uncut } from "../testing/run-lowerings.ts";

const evaluate = (name: string, inputs: readonly Tensor[], attributes = {}): Tensor => op(name).evaluate(inputs, attributes, op(name).type(inputs.map(({ type }) => type), attributes));

function lowered(name: string, inputs: readonly Tensor[], attributes = {}): Tensor {
  const types = inputs.map(({ type }) => type);
  const type = op(name).type(types, attributes);
  return runLowerings(op(name).lower!(types, attributes, type), inputs, type, uncut);
}

const elements = (x: Tensor): number[] => Array.from({ length: x.data.length }, (_, flat) => Number(get(x, flat)));

/** a: [m, k] times b: [k, n]. */
function times(a: Float64Array, b: Float64Array, k: number, n: number): Float64Array {
  return Float64Array.from({ length: (a.length / k) * n }, (_, flat) => {
    const [row, column] = [Math.floor(flat / n), flat % n];
    let sum = 0;
    for (let i = 0; i < k; i++) sum += a[row * k + i]! * b[i * n + column]!;
    return sum;
  });
}

const distance = (a: Float64Array, b: Float64Array): number => Math.max(...a.map((value, flat) => Math.abs(value - b[flat]!)));
const turned = (a: Float64Array, n: number): Float64Array => a.map((_, flat) => a[(flat % n) * n + Math.floor(flat / n)]!);

describe("cholesky_block", () => {
  test.each([1, 2, 5, 13, 32])("L · Lᵀ is the matrix, n = %i", (n) => {
    const half = [...matricesOf(waves("f64", [n, n], 3))][0]!;
    const a = times(half, turned(half, n), n, n);
    const [l] = matricesOf(lowered("cholesky_block", [tensor("f64", [n, n], [...a])]));
    expect(distance(times(l!, turned(l!, n), n, n), a)).toBeLessThan(1e-12 * n * 16);
  });

  test("reads the lower triangle alone", () => {
    expect(elements(evaluate("cholesky_block", [tensor("f64", [2, 2], [4, NaN, 2, 2])]))).toEqual([2, 0, 1, 1]);
  });

  test.each([["the first pivot", [0, 0, 1, 5], [NaN, 0, NaN, NaN]], ["the second pivot", [1, 99, 2, 1], [1, 0, 2, NaN]], ["a negative one", [-4, 0, 0, 1], [NaN, 0, NaN, NaN]]])("gives NaN from the row on where it fails: %s", (_, a, expected) => {
    const inputs = [tensor("f32", [2, 2], a)];
    expect(elements(evaluate("cholesky_block", inputs))).toEqual(expected);
    expect(elements(lowered("cholesky_block", inputs))).toEqual(expected);
  });
});

describe("householder_block", () => {
  /** H₁ · … · Hₙ · R from the packed result. */
  function restored(packed: Float64Array, m: number, n: number): Float64Array {
    const result = packed.map((value, flat) => (Math.floor(flat / n) <= flat % n ? value : 0));
    for (let k = n - 1; k >= 0; k--) {
      const v = Array.from({ length: m }, (_, i) => (i < k ? 0 : i === k ? 1 : packed[i * n + k]!));
      const square = v.reduce((sum, value) => sum + value * value, 0);
      for (let j = 0; j < n; j++) {
        const dot = v.reduce((sum, value, i) => sum + value * result[i * n + j]!, 0);
        for (let i = 0; i < m; i++) result[i * n + j]! -= (2 / square) * dot * v[i]!;
      }
    }
    return result;
  }

  test.each([[1, 1], [5, 5], [9, 4], [40, 16]])("its reflections give the matrix back, %i × %i", (m, n) => {
    const a = waves("f64", [m, n], 0.5);
    const [packed] = matricesOf(lowered("householder_block", [a]));
    expect(distance(restored(packed!, m, n), [...matricesOf(a)][0]!)).toBeLessThan(1e-13 * m);
  });

  test.each([["zeros", [0, 0, 0, 0, 0, 0]], ["a column of zeros", [0, 2, 0, -3, 0, 1]], ["equal columns", [1, 1, 2, 2, 3, 3]], ["what is triangular already", [-1, 5, 0, 1, 0, 0]]])("is exact where columns depend on each other: %s", (_, a) => {
    const [packed] = matricesOf(lowered("householder_block", [tensor("f64", [3, 2], a)]));
    expect(distance(restored(packed!, 3, 2), Float64Array.from(a))).toBeLessThan(1e-14);
  });

  test.each([["f32", 1e30], ["f32", 1e-30], ["f64", 1e200], ["f64", 1e-200]] as const)("squares neither overflow nor vanish: %s, %d", (dtype, size) => {
    for (const compute of [lowered, evaluate]) {
      const [packed] = matricesOf(compute("householder_block", [tensor(dtype, [2, 1], [3 * size, 4 * size])]));
      expect(packed![0]! / size).toBeCloseTo(-5, 5);
      expect(packed![1]).toBeCloseTo(0.5, 5);
    }
  });
});

test("triangular_solve_block divides by a zero as floats do, and reads one triangle alone", () => {
  const attributes = { lower: true, transposed: false, unit_diagonal: false };
  const singular = [tensor("f32", [1, 1], [0]), tensor("f32", [1, 3], [1, 0, -1])];
  expect(elements(evaluate("triangular_solve_block", singular, attributes))).toEqual([Infinity, NaN, -Infinity]);
  expect(elements(lowered("triangular_solve_block", singular, attributes))).toEqual([Infinity, NaN, -Infinity]);
  const inputs = [tensor("f64", [2, 2], [NaN, 3, NaN, NaN]), tensor("f64", [2, 1], [7, 2])];
  expect(differences(evaluate("triangular_solve_block", inputs, { lower: false, transposed: false, unit_diagonal: true }), tensor("f64", [2, 1], [1, 2]), false)).toEqual([]);
});
