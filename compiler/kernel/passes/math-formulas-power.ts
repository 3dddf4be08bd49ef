/**
 * Powers. a^b = 2^(b · log2 |a|), which math-formulas-power-pairs.ts computes, with the sign that belongs to it. What is special
 * falls out of the infinities and NaN of the product, as `Math.pow` has it.
 */
import { binary, select, unary } from "../build.ts";
import type { Expression } from "../kernel.ts";
import { add, bitsOf, div, fromBits, integer, mul, number, signOf, sub, unitOf, type Define, type Formula } from "./math-formulas-parts.ts";
import { sizeOfPower } from "./math-formulas-power-pairs.ts";

/** a^b within 1.6 ulp, of f64 1.7 ulp; a few small constant exponents as products or a root, within 2 ulp. */
export const pow: Formula = ([x, exponent], define) => {
  const byProducts = smallPower(x!, exponent!, define);
  if (byProducts !== undefined) return byProducts;
  const y = exponent!;
  const size = sizeOfPower(x!, y, define);
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
