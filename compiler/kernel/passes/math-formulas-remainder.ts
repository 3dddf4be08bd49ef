/**
 * The remainder of a division of f32, which is exact: it has no more digits than its operands. In f64 a quotient below 2^29 times
 * the divisor is exact too, and so is the difference; a quotient that was rounded up to the next whole number leaves less than
 * nothing, and is one too large. Larger quotients are rare, and left to the function that divides step by step.
 */
import { binary, cast, select, unary } from "../build.ts";
import type { Expression } from "../kernel.ts";
import { add, bitsOf, div, fromBits, integer, mul, number, sub, type Define } from "./math-formulas-parts.ts";

/** Quotients up to here have 29 bits: with the 24 of the divisor no more than an f64 has. */
const largestQuotient = 2 ** 29;

/** x − y · trunc(x / y), of f32; with the sign of x. */
export function remainder(x: Expression, y: Expression, define: Define): Expression {
  const [dividend, divisor] = [define("dividend", unary("abs", cast("f64", x))), define("divisor", unary("abs", cast("f64", y)))];
  const quotient = define("quotient", div(dividend, divisor));
  const rest = define("rest", sub(dividend, mul(unary("trunc", quotient), divisor)));
  const inside = select(binary("lt", rest, number(rest, 0)), add(rest, divisor), rest);
  // Less than an infinite divisor, too.
  const size = cast("f32", select(binary("lt", dividend, divisor), dividend, inside));
  const sign = binary("and", bitsOf(x), integer(x, -(2 ** 31)));
  return define.rarely(binary("gt", quotient, number(quotient, largestQuotient)), fromBits(binary("or", bitsOf(size), sign)), binary("rem", x, y));
}
