/**
 * Powers. a^b = 2^(b · log2 |a|), with the sign that belongs to it. The product must be known to 35 bits in f32: both steps are
 * done in f64, two lanes at a time, and rounded once. Those of f64 are in math-formulas-power-double.ts. What is special
 * falls out of the infinities and NaN of the product, as `Math.pow` has it.
 */
import { binary, cast, select, unary } from "../build.ts";
import type { Expression } from "../kernel.ts";
import { splitNormal } from "./math-formulas-logarithm.ts";
import {
  add, clamp, div, each, fromBits, bitsOf, integer, mul, number, polynomial, powerOfTwo, roundingShift, signOf, sub, unitOf, wholeOf, type Define, type Formula,
} from "./math-formulas-parts.ts";
import { doublePower } from "./math-formulas-power-double.ts";

/** log2((1 + s) / (1 − s)) / s in s², for (1 + s) / (1 − s) in [√½, √2]; error 4.3e-12. */
const log2Series = [2.8853900817902023, 0.961796673200695, 0.5770836114591824, 0.41167114155237106, 0.34075923335369795];
/** 2^r for |r| ≤ ½; error 1.9e-9. */
const exp2Series = [1.0000000005541672, 0.6931472057372581, 0.24022646890617688, 0.05550328776978775, 0.00961848895891397, 0.0013399931214599786, 0.00015345811512772548];

/** log2 of an f64 that was an f32 without its sign: not subnormal, unless zero. */
function log2OfSize(size: Expression, define: Define): Expression {
  const { f, e } = splitNormal(size, define);
  const s = define("s", div(f, add(f, number(f, 2))));
  const ordinary = add(e, mul(s, polynomial(define("square", mul(s, s)), log2Series, define)));
  const finite = select(binary("lt", size, number(size, Infinity)), ordinary, size);
  return select(binary("eq", size, number(size, 0)), number(size, -Infinity), finite);
}

/** 2^x of an f64, as far as f32 goes. */
function exp2ForSingle(x: Expression, define: Define): Expression {
  const inside = define("inside", clamp(x, -200, 200));
  const { n, bits } = wholeOf(add(inside, number(inside, roundingShift)), define);
  return mul(polynomial(define("r", sub(inside, n)), exp2Series, define), powerOfTwo(bits));
}

/** |x|^y of f32. */
function singlePower(x: Expression, y: Expression, define: Define): Expression {
  const product = mul(cast("f64", y), log2OfSize(define("size", cast("f64", unary("abs", x))), define));
  return cast("f32", exp2ForSingle(define("product", product), define));
}

/** a^b within 0.6 ulp, of f64 1.7 ulp; a few small constant exponents as products or a root, within 2 ulp. */
export const pow: Formula = ([x, exponent], define) => {
  const byProducts = smallPower(x!, exponent!, define);
  if (byProducts !== undefined) return byProducts;
  const y = exponent!;
  const size = each(x!, { f32: singlePower, f64: doublePower })(x!, y, define);
  if (y.kind === "constant") return withConstantExponent(x!, Number(y.value), size);
  const { whole, odd } = parity(y, define);
  const signed = withSign(size, select(odd, signOf(x!), integer(x!, 0)));
  const broken = binary("and", isBelowZero(x!), unary("not", whole));
  return select(binary("eq", y, number(y, 0)), number(y, 1), select(broken, number(y, NaN), signed));
};

/**
 * Whether y is a whole number, and an odd one; of NaN neither. By adding 2^fraction, where the lowest bit is that of units: rounding
 * would be an instruction, but one that engines do not pair.
 */
function parity(y: Expression, define: Define): { whole: Expression; odd: Expression } {
  const unit = number(y, unitOf(y));
  const size = define("exponentSize", unary("abs", y));
  const isSmall = define("small", binary("lt", size, unit));
  const units = define("units", select(isSmall, add(size, unit), size));
  const whole = define("whole", binary("eq", select(isSmall, sub(units, unit), size), size));
  const lowest = binary("ne", binary("and", bitsOf(units), integer(y, 1)), integer(y, 0));
  return { whole, odd: binary("and", binary("and", whole, binary("lt", size, number(y, 2 * unitOf(y)))), lowest) };
}

const withSign = (size: Expression, sign: Expression): Expression => fromBits(binary("or", bitsOf(size), sign));
/** Of −∞ too there is every power. */
const isBelowZero = (x: Expression): Expression => binary("and", binary("lt", x, number(x, 0)), binary("gt", x, number(x, -Infinity)));

/** The same where the exponent, not 0, is known. */
function withConstantExponent(x: Expression, y: number, size: Expression): Expression {
  if (Math.trunc(y) === y) return y % 2 === 0 || !Number.isFinite(y) ? size : withSign(size, signOf(x));
  return Number.isNaN(y) ? size : select(isBelowZero(x), number(x, NaN), size);
}

function smallPower(x: Expression, exponent: Expression, define: Define): Expression | undefined {
  if (exponent.kind !== "constant") return undefined;
  const square = (): Expression => mul(x, x);
  switch (Number(exponent.value)) {
    case 0: return number(x, 1);
    case 1: return x;
    case 2: return square();
    case 3: return mul(square(), x);
    case 4: {
      const squared = define("squared", square());
      return mul(squared, squared);
    }
    case -1: return div(number(x, 1), x);
    // Of −0 it is 0, of −∞ it is ∞.
    case 0.5: return select(binary("eq", x, number(x, -Infinity)), number(x, Infinity), unary("sqrt", add(x, number(x, 0))));
    default: return undefined;
  }
}
