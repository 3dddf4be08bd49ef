/**
 * Powers of f32. a^b = 2^(b · log2 a), where the product must be known to 35 bits: both steps are done in f64, two lanes at a
 * time, and rounded once. What is special falls out of the infinities and NaN of the product, as `Math.pow` has it.
 */
import { binary, bitcast, cast, constant, select, unary } from "../build.ts";
import type { Expression } from "../kernel.ts";
import { add, div, integer, mul, number, sub, type Define, type Formula } from "./math-formulas-parts.ts";

/** log2((1 + s) / (1 − s)) / s in s², for (1 + s) / (1 − s) in [√½, √2]; error 4.3e-12. */
const log2Series = [2.8853900817902023, 0.961796673200695, 0.5770836114591824, 0.41167114155237106, 0.34075923335369795];
/** 2^r for |r| ≤ ½; error 1.9e-9. */
const exp2Series = [1.0000000005541672, 0.6931472057372581, 0.24022646890617688, 0.05550328776978775, 0.00961848895891397, 0.0013399931214599786, 0.00015345811512772548];

const double = (like: Expression, value: number): Expression => constant("f64", value, like.lanes);
const long = (like: Expression, value: bigint): Expression => constant("u64", value, like.lanes);

const series = (x: Expression, coefficients: readonly number[]): Expression =>
  coefficients.slice(0, -1).reduceRight<Expression>((sum, coefficient) => add(mul(sum, x), double(x, coefficient)), double(x, coefficients.at(-1)!));

/** log2 of an f64 that was an f32 without its sign: not subnormal, unless zero. */
function log2OfSize(size: Expression, define: Define): Expression {
  const raw = define("raw", bitcast("u64", size));
  // The exponent of a number in [√½, √2) is that of 1.
  const exponent = define("exponent", binary("shr", add(raw, long(raw, 0x3ff0000000000000n - 0x3fe6a09e667f3bcdn)), long(raw, 52n)));
  const mantissa = define("mantissa", bitcast("f64", add(sub(raw, binary("shl", exponent, long(raw, 52n))), long(raw, 1023n << 52n))));
  // In the low bits of 2^52, an integer is converted by subtracting.
  const e = sub(bitcast("f64", binary("or", exponent, long(raw, 0x4330000000000000n))), double(size, 2 ** 52 + 1023));
  const s = define("s", div(sub(mantissa, double(size, 1)), add(mantissa, double(size, 1))));
  const ordinary = add(e, mul(s, series(define("square", mul(s, s)), log2Series)));
  const finite = select(binary("lt", size, double(size, Infinity)), ordinary, size);
  return select(binary("eq", size, double(size, 0)), double(size, -Infinity), finite);
}

/** 2^x of an f64, as far as f32 goes. */
function exp2ForSingle(x: Expression, define: Define): Expression {
  const inside = define("inside", binary("min", binary("max", x, double(x, -200)), double(x, 200)));
  const shift = double(x, 1.5 * 2 ** 52);
  const shifted = define("shifted", add(inside, shift));
  const r = define("r", sub(inside, sub(shifted, shift)));
  const scale = bitcast("f64", add(binary("shl", bitcast("u64", shifted), long(x, 52n)), long(x, 1023n << 52n)));
  return mul(series(r, exp2Series), scale);
}

/** a^b within 0.6 ulp; a few small constant exponents as products or a root, within 2 ulp. */
export const pow: Formula = ([x, exponent], define) => {
  const byProducts = smallPower(x!, exponent!, define);
  if (byProducts !== undefined) return byProducts;
  const y = exponent!;
  const product = mul(cast("f64", y), log2OfSize(define("size", cast("f64", unary("abs", x!))), define));
  const size = cast("f32", exp2ForSingle(define("product", product), define));
  if (y.kind === "constant") return withConstantExponent(x!, Number(y.value), size);
  const whole = define("whole", binary("eq", unary("trunc", y), y));
  const halved = define("halved", mul(y, number(y, 0.5)));
  const odd = binary("and", whole, binary("ne", unary("trunc", halved), halved));
  const signed = withSign(size, select(odd, signBit(x!), integer(x!, 0)));
  const broken = binary("and", isBelowZero(x!), unary("not", whole));
  return select(binary("eq", y, number(y, 0)), number(y, 1), select(broken, number(y, NaN), signed));
};

const signBit = (x: Expression): Expression => binary("and", bitcast("i32", x), integer(x, -(2 ** 31)));
const withSign = (size: Expression, sign: Expression): Expression => bitcast("f32", binary("or", bitcast("i32", size), sign));
/** Of −∞ too there is every power. */
const isBelowZero = (x: Expression): Expression => binary("and", binary("lt", x, number(x, 0)), binary("gt", x, number(x, -Infinity)));

/** The same where the exponent, not 0, is known. */
function withConstantExponent(x: Expression, y: number, size: Expression): Expression {
  if (Math.trunc(y) === y) return y % 2 === 0 || !Number.isFinite(y) ? size : withSign(size, signBit(x));
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
