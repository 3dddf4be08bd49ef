/** What the formulas of math-formulas.ts are made of: arithmetic on f32 with constants, polynomials, rounding, signs. */
import { binary, bitcast, constant, select } from "../build.ts";
import type { Expression } from "../kernel.ts";

export interface Define {
  /** Gives an intermediate value a name, so that it is computed once. */
  (name: string, value: Expression): Expression;
  /** `usual`, or `seldom` where the condition holds, which is computed only if it holds anywhere. */
  rarely(condition: Expression, usual: Expression, seldom: Expression): Expression;
}

/** f32 in, f32 out. Undefined where the function is not expanded for these arguments. */
export type Formula = (args: readonly Expression[], define: Define) => Expression | undefined;

export const add = (a: Expression, b: Expression): Expression => binary("add", a, b);
export const sub = (a: Expression, b: Expression): Expression => binary("sub", a, b);
export const mul = (a: Expression, b: Expression): Expression => binary("mul", a, b);
export const div = (a: Expression, b: Expression): Expression => binary("div", a, b);
export const number = (like: Expression, value: number): Expression => constant("f32", Math.fround(value), like.lanes);
export const integer = (like: Expression, value: number): Expression => constant("i32", value, like.lanes);
export const clamp = (x: Expression, low: number, high: number): Expression => binary("min", binary("max", x, number(x, low)), number(x, high));
export const half = (x: Expression): Expression => mul(x, number(x, 0.5));
/** Keeps the sign of a zero, which arithmetic would lose. */
export const keepZero = (x: Expression, value: Expression): Expression => select(binary("eq", x, number(x, 0)), x, value);

/** coefficients[0] + coefficients[1] x + …, by Horner's rule. */
export function polynomial(x: Expression, coefficients: readonly number[]): Expression {
  return coefficients.reduceRight<Expression | undefined>(
    (sum, coefficient) => (sum === undefined ? number(x, coefficient) : add(mul(sum, x), number(x, coefficient))), undefined)!;
}

/** The magnitude with the sign of x. */
export function withSignOf(x: Expression, magnitude: Expression): Expression {
  const sign = binary("and", bitcast("i32", x), integer(x, -(2 ** 31)));
  return bitcast("f32", binary("or", bitcast("i32", magnitude), sign));
}

/**
 * 1.5 · 2^23: added to a number of at most 2^22, it leaves the nearest integer in the low bits of the sum. One addition in
 * place of rounding and converting, which take several instructions where NaN and overflow must be seen to.
 */
export const roundingShift = 12_582_912;

/** An integer n, as a float and in the low bits of an i32, whose bits above are 0100 1011 0100…. Of NaN: NaN, and anything. */
export interface Whole {
  readonly n: Expression;
  readonly bits: Expression;
}

/** The integer nearest to the sum of roundingShift and a number. */
export function wholeOf(shifted: Expression, define: Define): Whole {
  const sum = define("shifted", shifted);
  return { n: define("n", sub(sum, number(sum, roundingShift))), bits: define("bits", bitcast("i32", sum)) };
}
