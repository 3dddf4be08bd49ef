/**
 * What the formulas of math-formulas.ts are made of: arithmetic with constants, polynomials, rounding, signs. A formula is
 * written once for f32 and f64; where they differ, in tables and constants, a value is given for each.
 */
import { binary, bitcast, constant, multiplyAdd, select } from "../build.ts";
import { CompilerBug } from "../../support/bug.ts";
import type { Expression } from "../kernel.ts";

/** Gives an intermediate value a name, so that it is computed once. */
export type Naming = (name: string, value: Expression) => Expression;

export interface Define extends Naming {
  /** `usual`, or `seldom` where the condition holds, which is computed only if it holds anywhere. */
  rarely(condition: Expression, usual: Expression, seldom: Expression): Expression;
}

/** All arguments and the result are f32, or f64. Undefined where the function is not expanded for these arguments. */
export type Formula = (args: readonly Expression[], define: Define) => Expression | undefined;

// ---- the two formats ----

/** One value for formulas of f32, one for those of f64. */
export interface Each<T> {
  readonly f32: T;
  readonly f64: T;
}

interface Format {
  readonly float: "f32" | "f64";
  /** The integers that hold its bits. Of 64 bits without a sign: their shifts to the right are single instructions. */
  readonly integer: "i32" | "u64";
  /** Bits of the fraction: below them the exponent. */
  readonly fraction: number;
  readonly bias: number;
}

const formats: Each<Format> = {
  f32: { float: "f32", integer: "i32", fraction: 23, bias: 127 },
  f64: { float: "f64", integer: "u64", fraction: 52, bias: 1023 },
};

/** That of a float, or of integers that hold its bits. */
export function formatOf({ dtype }: Expression): Format {
  if (dtype === "f32" || dtype === "i32") return formats.f32;
  if (dtype === "f64" || dtype === "u64") return formats.f64;
  throw new CompilerBug(`a formula computes with ${dtype}`);
}

/** What of the two is for the format of `like`. */
export const each = <T>(like: Expression, { f32, f64 }: Each<T>): T => (formatOf(like).float === "f32" ? f32 : f64);

// ---- arithmetic ----

export const add = (a: Expression, b: Expression): Expression => binary("add", a, b);
export const sub = (a: Expression, b: Expression): Expression => binary("sub", a, b);
export const mul = (a: Expression, b: Expression): Expression => binary("mul", a, b);
export const div = (a: Expression, b: Expression): Expression => binary("div", a, b);

/** sum + a · b and sum − a · b, which may be rounded once: where the product is exact, or what its rounding loses is not needed elsewhere. */
export const addProduct = (sum: Expression, a: Expression, b: Expression): Expression => multiplyAdd("add", sum, a, b);
export const lessProduct = (sum: Expression, a: Expression, b: Expression): Expression => multiplyAdd("sub", sum, a, b);

/** A number in the format of `like`. */
export function number(like: Expression, value: number | Each<number>): Expression {
  const { float } = formatOf(like);
  const chosen = typeof value === "number" ? value : each(like, value);
  return constant(float, float === "f32" ? Math.fround(chosen) : chosen, like.lanes);
}

/** An integer of as many bits as the format of `like` has. */
export function integer(like: Expression, value: number | bigint): Expression {
  const dtype = formatOf(like).integer;
  return constant(dtype, dtype === "i32" ? Number(BigInt.asIntN(32, BigInt(value))) : BigInt.asUintN(64, BigInt(value)), like.lanes);
}

/** The bits of a number in the format of `like`, as an integer. */
export function pattern(like: Expression, value: number | Each<number>): bigint {
  const chosen = typeof value === "number" ? value : each(like, value);
  if (formatOf(like).float === "f32") return BigInt(new Int32Array(Float32Array.of(chosen).buffer)[0]!);
  return new BigUint64Array(Float64Array.of(chosen).buffer)[0]!;
}

export const bitsOf = (x: Expression): Expression => bitcast(formatOf(x).integer, x);
export const fromBits = (bits: Expression): Expression => bitcast(formatOf(bits).float, bits);

export const clamp = (x: Expression, low: number | Each<number>, high: number | Each<number>): Expression => binary("min", binary("max", x, number(x, low)), number(x, high));
export const half = (x: Expression): Expression => mul(x, number(x, 0.5));
/** Keeps the sign of a zero, which arithmetic would lose. */
export const keepZero = (x: Expression, value: Expression): Expression => select(binary("eq", x, number(x, 0)), x, value);

/** More coefficients than this are not worth Horner's rule. */
const longestHorner = 9;

/**
 * coefficients[0] + coefficients[1] x + …. By Horner's rule; long ones, where powers of x can be named, by pairs of terms, pairs
 * of pairs and so on (Estrin, 1960): a few products more, and a fraction of the steps that wait for each other.
 */
export function polynomial(x: Expression, coefficients: readonly number[] | Each<readonly number[]>, define?: Naming): Expression {
  const terms = ("f32" in coefficients ? each(x, coefficients) : coefficients).map((coefficient) => number(x, coefficient));
  if (define !== undefined && terms.length > longestHorner) return byPairs(x, terms, define);
  return terms.reduceRight((sum, coefficient) => addProduct(coefficient, sum, x));
}

function byPairs(power: Expression, terms: readonly Expression[], define: Naming): Expression {
  if (terms.length === 1) return terms[0]!;
  const pairs = Array.from({ length: Math.ceil(terms.length / 2) }, (_, at) => {
    const [low, high] = [terms[2 * at]!, terms[2 * at + 1]];
    return high === undefined ? low : addProduct(low, high, power);
  });
  return byPairs(pairs.length === 1 ? power : define("power", mul(power, power)), pairs, define);
}

/** x + x³ P(x²). */
export const oddSeries = (x: Expression, square: Expression, tail: Each<readonly number[]>, define: Naming): Expression =>
  addProduct(x, mul(x, square), polynomial(square, tail, define));

/** Where the sign stands in the bits. */
export const signPlace = (like: Expression): number => (formatOf(like).float === "f32" ? 31 : 63);
/** The sign of x alone, as bits. */
export const signOf = (x: Expression): Expression => binary("and", bitsOf(x), integer(x, pattern(x, -0)));
/** The magnitude with the sign of x. */
export const withSignOf = (x: Expression, magnitude: Expression): Expression => fromBits(binary("or", bitsOf(magnitude), signOf(x)));

// ---- integers in the low bits of floats ----

/**
 * 1.5 · 2^23 in f32: added to a number of at most 2^22, it leaves the nearest integer in the low bits of the sum. One addition
 * in place of rounding and converting, which take several instructions where NaN and overflow must be seen to; in f64
 * there are none that do it. So 1.5 · 2^52 there.
 */
export const roundingShift: Each<number> = { f32: 1.5 * 2 ** 23, f64: 1.5 * 2 ** 52 };

/** An integer n, as a float and in the low bits of an integer, above which other bits stand. Of NaN: NaN, and anything. */
export interface Whole {
  readonly n: Expression;
  readonly bits: Expression;
}

/** The integer nearest to the sum of roundingShift and a number. */
export function wholeOf(shifted: Expression, define: Naming): Whole {
  const sum = define("shifted", shifted);
  return { n: define("n", sub(sum, number(sum, roundingShift))), bits: define("bits", bitsOf(sum)) };
}

/** 2^fraction: the low bits of its sum with a smaller integer are that integer. */
export const unitOf = (like: Expression): number => 2 ** formatOf(like).fraction;

/** An integer ≥ 0 below `unitOf`, plus `unitOf`, as a float: a conversion in one instruction, where there may be no other. */
export const aboveUnit = (small: Expression): Expression => fromBits(binary("or", small, integer(small, pattern(small, unitOf(small)))));

/** The bits of an exponent that 2^n has more than 1: `bits` holds n in its low bits. What stands above the exponent's is shifted out. */
export const exponentBits = (bits: Expression): Expression => binary("shl", bits, integer(bits, formatOf(bits).fraction));

/** 2^n where that is a normal number, n as `wholeOf` gives it. */
export const powerOfTwo = (bits: Expression): Expression => fromBits(add(exponentBits(bits), integer(bits, pattern(bits, 1))));
