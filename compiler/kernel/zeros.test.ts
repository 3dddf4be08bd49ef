import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argument, binary, constant, unary } from "./build.ts";
import { evaluateScalar } from "./interpret.ts";
import type { Expression } from "./kernel.ts";
import { neverMinusZero } from "./zeros.ts";

const special = [0, -0, 1e-45, -1e-45, 1, -1, 0.25, -0.25, Infinity, -Infinity, NaN];
const numbers = fc.constantFrom(...special);

const expressions = (dtype: "f32" | "f64" | "f16"): fc.Arbitrary<Expression> => {
  const leaves = fc.oneof(numbers.map((value) => constant(dtype, value)), fc.constantFrom(argument(dtype, 0), argument(dtype, 1)));
  const sums = fc.tuple(fc.constantFrom("add", "sub", "mul", "max"), leaves, leaves).map(([op, left, right]) => binary(op as "add", left, right));
  return fc.oneof(leaves, sums, sums.map((sum) => unary("abs", sum)), fc.tuple(fc.constantFrom("add", "sub"), sums, leaves).map(([op, left, right]) => binary(op as "add", left, right)));
};

describe("neverMinusZero", () => {
  it("is right of sums, differences and sizes, whatever their arguments", () => {
    fc.assert(
      fc.property(fc.constantFrom("f32" as const, "f64" as const, "f16" as const).chain(expressions), numbers, numbers, (expression, x, y) => {
        if (neverMinusZero(expression)) expect(Object.is(evaluateScalar(expression, [x, y]), -0)).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  it("knows a sum with a constant, and not a product", () => {
    const x = argument("f32", 0);
    expect([0, 1, -2].map((value) => neverMinusZero(binary("add", x, constant("f32", value))))).toEqual([true, true, true]);
    expect(neverMinusZero(binary("add", constant("f32", -0), x))).toBe(false);
    expect([0, -0, 1].map((value) => neverMinusZero(binary("sub", x, constant("f32", value))))).toEqual([false, true, true]);
    expect([x, binary("mul", x, constant("f32", 2)), binary("add", constant("f16", 1), argument("f16", 0))].map(neverMinusZero)).toEqual([false, false, false]);
  });
});
