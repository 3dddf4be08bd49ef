/**
 * sin, cos and tan. The argument less a multiple of π/2 is computed to twice the precision, with π/2 in four parts of which
 * the first three are so short that their products with a multiple are exact (Cody & Waite, "Software Manual for the
 * Elementary Functions", 1980): 11 bits for multiples below 2^13 in f32; 26, 27 and 33 bits for those below 2^20 in f64. The
 * first two together have no more digits behind the point than what is left of the argument, so that this is exact too. The
 * rounding of the last difference is kept (Dekker, 1971) and put right at the end. Beyond such multiples the function is
 * called, which only vectors do that have such an element.
 */
import { binary, call, select, unary } from "../build.ts";
import type { Expression, MathFunction } from "../kernel.ts";
import {
  add, addProduct, bitsOf, div, each, fromBits, half, integer, keepZero, lessProduct, mul, number, polynomial, roundingShift, signPlace, sub, wholeOf, type Define, type Each, type Formula,
} from "./math-formulas-parts.ts";

/** Where multiples of π/2 still have 13 bits, and 20. */
const largestArgument: Each<number> = { f32: 12_800, f64: 1_600_000 };

/** π/2. */
const halfPi: Each<readonly [number, number, number, number]> = {
  f32: [1.5703125, 0.0004837512969970703, 7.549533620476723e-8, 2.5633440682570896e-12],
  f64: [1.5707963109016418, 1.5893254712295857e-8, 6.12323399409214e-17, 1.6446256936324258e-26],
};

/** (sin r − r) / r³ in r², |r| ≤ π/4; error 3.6e-9 of sin r, of f64 3.8e-18. */
const sinTail: Each<readonly number[]> = {
  f32: [-0.16666655242443085, 0.008332176133990288, -0.00019516977772582322],
  f64: [-0.1666666666666663, 0.00833333333332184, -0.00019841269829358525, 2.755731353851161e-6, -2.505073438847911e-8, 1.5895433217488464e-10],
};
/** (cos r − 1 + r²/2) / r⁴ in r², |r| ≤ π/4; error 9.6e-11, of f64 5.7e-20. */
const cosTail: Each<readonly number[]> = {
  f32: [0.04166664555668831, -0.0013887364184483886, 2.443809171381872e-5],
  f64: [0.041666666666666595, -0.0013888888888873338, 2.480158728899748e-5, -2.755731421529904e-7, 2.0875705114956758e-9, -1.135873277169737e-11],
};

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
  const [first, second, third, fourth] = each(x, halfPi);
  const { n, bits } = wholeOf(addProduct(number(x, roundingShift), x, number(x, 2 / Math.PI)), define);
  const exact = define("exact", lessProduct(lessProduct(x, n, number(n, first)), n, number(n, second)));
  const small = define("small", mul(n, number(n, third)));
  const r = define("r", sub(exact, small));
  const low = define("low", lessProduct(sub(sub(exact, r), small), n, number(n, fourth)));
  const square = define("square", mul(r, r));
  const sineTail = addProduct(low, mul(r, square), polynomial(square, sinTail, define));
  // 1 − r²/2 with what its rounding lost.
  const halved = define("halved", half(square));
  const leading = define("leading", sub(number(r, 1), halved));
  const lost = sub(sub(number(r, 1), leading), halved);
  const cosineTail = addProduct(lessProduct(lost, r, low), mul(square, square), polynomial(square, cosTail, define));
  return { bits, sine: addRounded("sine", r, sineTail, define), cosine: addRounded("cosine", leading, cosineTail, define) };
}

const isEven = (bits: Expression): Expression => binary("eq", binary("and", bits, integer(bits, 1)), integer(bits, 0));

/** The sine of r + bits · π/2. */
function sineIn({ sine, cosine }: Quadrant, bits: Expression): Expression {
  const sign = binary("shl", binary("and", bits, integer(bits, 2)), integer(bits, signPlace(bits) - 1));
  return fromBits(binary("xor", bitsOf(select(isEven(bits), sine.value, cosine.value)), sign));
}

/** The formula for arguments that are not large; for those, the call. */
const called = (name: MathFunction, x: Expression, value: Expression, define: Define): Expression =>
  define.rarely(binary("gt", unary("abs", x), number(x, largestArgument)), value, call(name, x));

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

/** tan x within 1.5 ulp, of f64 1.8: sin over cos, or −cos over sin, corrected by what both had lost. */
export const tan: Formula = ([x], define) => {
  const { bits, sine, cosine } = reduceQuadrant(x!, define);
  const even = define("even", isEven(bits));
  const choose = (one: Expression, other: Expression): Expression => select(even, one, other);
  const below = define("below", choose(cosine.value, sine.value));
  const quotient = define("quotient", div(choose(sine.value, unary("neg", cosine.value)), below));
  const lost = lessProduct(choose(sine.low, unary("neg", cosine.low)), quotient, choose(cosine.low, sine.low));
  return called("tan", x!, keepZero(x!, add(quotient, div(lost, below))), define);
};
