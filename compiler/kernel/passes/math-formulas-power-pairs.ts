/**
 * Sizes of powers. The logarithm and its product with the exponent are sums of two numbers, the high ones so short that products
 * of them are exact (Dekker, 1971), with the series of fdlibm's e_pow.c (Sun Microsystems, 1993):
 * log2 m = 2 / (3 ln 2) · s (3 + s² + s⁴ P(s²)), s = (m − 1) / (m + 1). In f64 their relative error is 2^-65, so that the largest
 * product, 1,075, still has 55 bits behind the point; in f32 it is 2^-35, and of 150 there are 27.
 */
import { binary, select, unary } from "../build.ts";
import type { Expression } from "../kernel.ts";
import { expOfReduced, scaleByPower } from "./math-formulas-exponential.ts";
import { splitLogarithm, type Split } from "./math-formulas-logarithm.ts";
import { add, addProduct, bitsOf, clamp, div, each, fromBits, integer, lessProduct, mul, number, polynomial, roundingShift, sub, wholeOf, type Define, type Each } from "./math-formulas-parts.ts";

/** (3 atanh s / s − 3 − s²) / s⁴ in s², for (1 + s) / (1 − s) in [√½, √2]; error 2.6e-11 of 3 atanh s / s, of f64 1.1e-20. */
const seriesTail: Each<readonly number[]> = {
  f32: [0.6000022888183594, 0.42820701003074646, 0.3512786328792572],
  f64: [0.6000000000000337, 0.4285714285515438, 0.3333333377903765, 0.27272676621177866, 0.23080132894140964, 0.1988529586265571, 0.19793875667488975],
};
/** 2 / (3 ln 2) = high + low; high has 12 bits, and 25. */
const scale = 0.9617966939259756;
const scaleHigh: Each<number> = { f32: 0.961669921875, f64: 0.9617966711521149 };
const scaleLow: Each<number> = { f32: 0.00012677205086220056, f64: 2.2773860736742555e-8 };

/** A number as a sum; the high part has 12 bits, of f64 26. */
interface Pair {
  readonly high: Expression;
  readonly low: Expression;
}

/** x to 12 bits, of f64 26, towards zero. */
const shortened = (x: Expression): Expression => fromBits(binary("and", bitsOf(x), integer(x, each(x, { f32: -(2n ** 12n), f64: -(2n ** 27n) }))));

/** s = f / (2 + f), also in one number: the low part from what the high one leaves of f. */
function quotientInPair(f: Expression, define: Define): Pair & { s: Expression } {
  const two = number(f, 2);
  const sum = define("sum", add(f, two));
  const sumHigh = define("sumHigh", shortened(sum));
  const sumLow = sub(f, sub(sumHigh, two));
  const inverse = define("inverse", div(number(f, 1), sum));
  const s = define("s", mul(f, inverse));
  const high = define("high", shortened(s));
  return { s, high, low: define("low", mul(lessProduct(lessProduct(f, high, sumHigh), high, sumLow), inverse)) };
}

/** 3 + s² + s⁴ P(s²). The square of the high part of s is exact. */
function seriesInPair({ s, high, low }: Pair & { s: Expression }, define: Define): Pair {
  const three = number(s, 3);
  const square = define("square", mul(s, s));
  const highSquare = define("highSquare", mul(high, high));
  const rest = define("rest", addProduct(mul(low, add(high, s)), mul(square, square), polynomial(square, seriesTail, define)));
  const seriesHigh = define("seriesHigh", shortened(add(add(highSquare, three), rest)));
  return { high: seriesHigh, low: define("seriesLow", sub(rest, sub(sub(seriesHigh, three), highSquare))) };
}

/** log2(2^e (1 + f)). */
function log2InPair({ f, e }: Split, define: Define): Pair {
  const quotient = quotientInPair(f, define);
  const series = seriesInPair(quotient, define);
  const product = define("product", mul(quotient.high, series.high));
  const rest = define("productRest", addProduct(mul(series.low, quotient.s), quotient.low, series.high));
  const productHigh = define("productHigh", shortened(add(product, rest)));
  const productLow = sub(rest, sub(productHigh, product));
  const high = define("logHigh", mul(productHigh, number(f, scaleHigh)));
  const low = define("logLow", addProduct(mul(productLow, number(f, scale)), productHigh, number(f, scaleLow)));
  const total = define("total", shortened(add(add(high, low), e)));
  return { high: total, low: define("totalLow", sub(low, sub(sub(total, e), high))) };
}

/** Larger exponents give what this one gives, but of 1. */
const largestExponent: Each<number> = { f32: 2 ** 33, f64: 2 ** 65 };

/** Where 2^x is ∞, and below its negative 0, whatever is added. */
const largestPower: Each<number> = { f32: 160, f64: 1100 };

/** 2^(high + low) within 1 ulp. */
function exp2OfPair(high: Expression, low: Expression, define: Define): Expression {
  const most = each(high, largestPower);
  const inside = define("inside", clamp(high, -most, most));
  const added = define("added", select(binary("lt", unary("abs", high), number(high, most)), low, number(low, 0)));
  const { n, bits } = wholeOf(add(inside, number(inside, roundingShift)), define);
  const left = define("left", sub(inside, n));
  const r = define("r", add(left, added));
  const lost = sub(added, sub(r, left));
  return scaleByPower(expOfReduced(define("scaled", mul(r, number(r, Math.LN2))), define, mul(lost, number(r, Math.LN2))), bits, define);
}

/** |x|^y. */
export function sizeOfPower(x: Expression, y: Expression, define: Define): Expression {
  const most = each(y, largestExponent);
  const size = define("size", unary("abs", x));
  const logarithm = log2InPair(splitLogarithm(size, define), define);
  const exponent = define("exponent", clamp(y, -most, most));
  const exponentHigh = define("exponentHigh", shortened(exponent));
  const productHigh = mul(exponentHigh, logarithm.high);
  const productLow = addProduct(mul(exponent, logarithm.low), sub(exponent, exponentHigh), logarithm.high);
  const isOrdinary = define("ordinary", binary("and", binary("gt", size, number(size, 0)), binary("lt", size, number(size, Infinity))));
  const special = mul(exponent, select(binary("eq", size, number(size, 0)), number(size, -Infinity), size));
  const value = exp2OfPair(define("product", select(isOrdinary, productHigh, special)), productLow, define);
  if (y.kind === "constant" && Number.isFinite(Number(y.value))) return value;
  const isUndefined = binary("and", binary("eq", size, number(size, 1)), binary("eq", unary("abs", y), number(y, Infinity)));
  return select(isUndefined, number(y, NaN), value);
}
