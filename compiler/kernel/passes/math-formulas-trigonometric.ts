/**
 * sin, cos and tan of f32. The argument less a multiple of π/2 is computed to twice the precision, with π/2 in four parts of
 * which the first three have 11 bits, so that their products with a multiple below 2^13 are exact (Cody & Waite, "Software
 * Manual for the Elementary Functions", 1980); the rounding of the difference is kept (Dekker, 1971) and put right at the end.
 * Beyond that the function is called, which only vectors do that have such an element.
 */
import { binary, bitcast, call, constant, select, unary } from "../build.ts";
import type { Expression, MathFunction } from "../kernel.ts";
import { add, div, half, integer, keepZero, mul, number, polynomial, roundingShift, sub, wholeOf, type Define, type Formula } from "./math-formulas-parts.ts";

/** Where multiples of π/2 still have 13 bits. */
const largestArgument = 12_800;

/** π/2. */
const halfPi = [1.5703125, 0.0004837512969970703, 7.549533620476723e-8, 2.5633440682570896e-12] as const;

/** (sin r − r) / r³ in r², |r| ≤ π/4; error 3.6e-9 of sin r. */
const sinTail = [-0.16666655242443085, 0.008332176133990288, -0.00019516977772582322];
/** (cos r − 1 + r²/2) / r⁴ in r², |r| ≤ π/4; error 9.6e-11. */
const cosTail = [0.04166664555668831, -0.0013887364184483886, 2.443809171381872e-5];

/** A value and what its rounding lost, to be computed if it is needed. */
interface Rounded {
  readonly value: Expression;
  readonly low: Expression;
}

interface Quadrant {
  /** The multiple of π/2 in the low bits. */
  readonly bits: Expression;
  /** Sine and cosine of what is left. */
  readonly sine: Rounded;
  readonly cosine: Rounded;
}

/** a + b for |a| > |b|. */
function addRounded(name: string, a: Expression, b: Expression, define: Define): Rounded {
  const small = define(`${name} tail`, b);
  const value = define(name, add(a, small));
  return { value, low: sub(small, sub(value, a)) };
}

function reduceQuadrant(x: Expression, define: Define): Quadrant {
  const [first, second, third, fourth] = halfPi;
  const { n, bits } = wholeOf(add(mul(x, number(x, 2 / Math.PI)), number(x, roundingShift)), define);
  const exact = define("exact", sub(sub(x, mul(n, number(n, first))), mul(n, number(n, second))));
  const small = define("small", mul(n, number(n, third)));
  const r = define("r", sub(exact, small));
  const low = define("low", sub(sub(sub(exact, r), small), mul(n, number(n, fourth))));
  const square = define("square", mul(r, r));
  const sineTail = add(mul(mul(r, square), polynomial(square, sinTail)), low);
  // 1 − r²/2 with what its rounding lost.
  const halved = define("halved", half(square));
  const leading = define("leading", sub(number(r, 1), halved));
  const lost = sub(sub(number(r, 1), leading), halved);
  const cosineTail = add(lost, sub(mul(mul(square, square), polynomial(square, cosTail)), mul(r, low)));
  return { bits, sine: addRounded("sine", r, sineTail, define), cosine: addRounded("cosine", leading, cosineTail, define) };
}

const isEven = (bits: Expression): Expression => binary("eq", binary("and", bits, integer(bits, 1)), integer(bits, 0));

/** The sine of r + bits · π/2. */
function sineIn({ sine, cosine }: Quadrant, bits: Expression): Expression {
  const sign = binary("shl", binary("and", bits, integer(bits, 2)), integer(bits, 30));
  return bitcast("f32", binary("xor", bitcast("i32", select(isEven(bits), sine.value, cosine.value)), sign));
}

/** The formula for arguments that are not large; for those, the call. */
const called = (name: MathFunction, x: Expression, value: Expression, define: Define): Expression =>
  define.rarely(binary("gt", unary("abs", x), constant("f32", largestArgument, x.lanes)), value, call(name, x));

/** sin x within 1 ulp. */
export const sin: Formula = ([x], define) => {
  const quadrant = reduceQuadrant(x!, define);
  return called("sin", x!, keepZero(x!, sineIn(quadrant, quadrant.bits)), define);
};

/** cos x within 1 ulp. */
export const cos: Formula = ([x], define) => {
  const quadrant = reduceQuadrant(x!, define);
  return called("cos", x!, sineIn(quadrant, define("next", add(quadrant.bits, integer(quadrant.bits, 1)))), define);
};

/** tan x within 1.5 ulp: sin over cos, or −cos over sin, corrected by what both had lost. */
export const tan: Formula = ([x], define) => {
  const { bits, sine, cosine } = reduceQuadrant(x!, define);
  const even = define("even", isEven(bits));
  const choose = (one: Expression, other: Expression): Expression => select(even, one, other);
  const below = define("below", choose(cosine.value, sine.value));
  const quotient = define("quotient", div(choose(sine.value, unary("neg", cosine.value)), below));
  const lost = sub(choose(sine.low, unary("neg", cosine.low)), mul(quotient, choose(cosine.low, sine.low)));
  return called("tan", x!, keepZero(x!, add(quotient, div(lost, below))), define);
};
