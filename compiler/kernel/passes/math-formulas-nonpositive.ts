/**
 * e^x and 2^x of f32 where x is known not to be positive, as in softmax: a quarter fewer operations than for any x. Known it is
 * of `min(…, c)` with a constant c ≤ 0, whose place the clamp of large x then takes, and of −|…|, as in a sigmoid.
 *
 * With x = n ln 2 + r the result is 2^n (1 + r Q(r)). The power is made 2^64 times too large, so that it is a normal number
 * for every n from -150 on, by one shift: the constant that rounds leaves n + 64 + the bias in the low bits. The result is rounded
 * twice only if it is subnormal.
 */
import type { Expression, MathFunction } from "../kernel.ts";
import { add, addProduct, bitsOf, exponentBits, fromBits, lessProduct, mul, number, polynomial, roundingShift, sub, type Define } from "./math-formulas-parts.ts";

/** Left out of the range below which results are 0. */
const least = { exp: -104, exp2: -150 } as const;
/** (e^r − 1) / r on |r| ≤ ln 2 / 2, and (2^r − 1) / r on |r| ≤ 1/2; errors 2e-9 of e^r and 2^r. Fitted as those of math-formulas.ts. */
const quotients = {
  exp: [1, 0.4999999403953552, 0.16666431725025177, 0.04166800156235695, 0.008374171331524849, 0.0013843635097146034],
  exp2: [0.6931471824645996, 0.24022647738456726, 0.055503323674201965, 0.009618437848985195, 0.0013398887822404504, 0.00015353351773228496],
} as const;
const ln2High = 0.693145751953125;
const ln2Low = 1.428606765330187e-6;
/** By how many powers of two the result is too large until the end. */
const lifted = 64;
const bias = 127;

/** The function of an argument that is known not to be positive; undefined where that is not known, or there is no shorter way. */
export function nonPositive(name: MathFunction, argument: Expression, define: Define): Expression | undefined {
  if ((name !== "exp" && name !== "exp2") || argument.dtype !== "f32" || !isNonPositive(argument)) return undefined;
  return name === "exp" ? expBelow(argument, define) : exp2Below(argument, define);
}

function isNonPositive(e: Expression): boolean {
  if (e.kind === "unary") return e.op === "neg" && e.operand.kind === "unary" && e.operand.op === "abs";
  if (e.kind !== "binary" || e.op !== "min") return false;
  return [e.left, e.right].some((side) => side.kind === "constant" && Number(side.value) <= 0);
}

/** e^x within 1.4 ulp. */
function expBelow(argument: Expression, define: Define): Expression {
  const x = define("x", atLeast(argument, least.exp));
  const { n, scale } = wholeOf(x, (shift) => addProduct(shift, x, number(x, Math.LOG2E)), define);
  const r = define("r", lessProduct(lessProduct(x, n, number(x, ln2High)), n, number(x, ln2Low)));
  return scaled(r, scale, quotients.exp);
}

/** 2^x within 1.3 ulp. */
function exp2Below(argument: Expression, define: Define): Expression {
  const x = define("x", atLeast(argument, least.exp2));
  const { n, scale } = wholeOf(x, (shift) => add(x, shift), define);
  return scaled(define("r", sub(x, n)), scale, quotients.exp2);
}

const atLeast = (x: Expression, low: number): Expression => ({ kind: "binary", op: "max", dtype: x.dtype, lanes: x.lanes, left: x, right: number(x, low) });

/** The nearest integer n to a number, which is added to what rounds it, and 2^(n + 64). */
function wholeOf(like: Expression, added: (shift: Expression) => Expression, define: Define): { n: Expression; scale: Expression } {
  const shift = number(like, roundingShift.f32 + bias + lifted);
  const shifted = define("shifted", added(shift));
  return { n: define("n", sub(shifted, shift)), scale: define("scale", fromBits(exponentBits(bitsOf(shifted)))) };
}

const scaled = (r: Expression, scale: Expression, quotient: readonly number[]): Expression =>
  mul(addProduct(scale, mul(r, scale), polynomial(r, quotient)), number(r, 2 ** -lifted));
