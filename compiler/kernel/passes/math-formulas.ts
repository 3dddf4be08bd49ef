/**
 * Mathematical functions of f32 as arithmetic: range reduction, a polynomial, and selects for what is special. No branches
 * and no tables, so that they vectorise; the same instructions scalar and in lanes, so that both give the same bits.
 *
 * Polynomials were fitted for this file: weighted minimax fits by iteratively reweighted least squares (Lawson, 1961) on 4,000
 * Chebyshev points in f64 (NumPy), coefficients rounded to f32. Each function's comment gives the largest error measured
 * against f64, in units in the last place (ulp) of f32, over the whole range of f32 values, infinities, NaN, zeros and
 * subnormals included; `expand-math.test.ts` holds them to it. Splitting ln 2 into a short high part, so that n · high is
 * exact, is due to Cody & Waite, "Software Manual for the Elementary Functions" (1980).
 */
import { binary, bitcast, cast, select, unary } from "../build.ts";
import type { Expression, MathFunction } from "../kernel.ts";
import { add, clamp, div, half, integer, keepZero, mul, number, polynomial, roundingShift, sub, wholeOf, withSignOf, type Define, type Formula, type Whole } from "./math-formulas-parts.ts";
import { pow } from "./math-formulas-power.ts";
import { cos, sin, tan } from "./math-formulas-trigonometric.ts";

// ---- the exponential family ----

/** ln 2 = high + low; high has 15 bits. */
const ln2High = 0.693145751953125;
const ln2Low = 1.428606765330187e-6;

/** The bits of an exponent that 2^n has more than 1: `bits` holds n in its low bits. What stands above bit 8 is shifted out. */
const exponentBits = (bits: Expression): Expression => binary("shl", bits, integer(bits, 23));

/** 2^n for −126 ≤ n ≤ 127, n as `wholeOf` gives it. */
const powerOfTwo = (bits: Expression): Expression => bitcast("f32", add(exponentBits(bits), integer(bits, 0x3f800000)));

/** (e^r − 1 − r) / r² on |r| ≤ ln 2 / 2; error 2.4e-10 of e^r − 1. */
const expTail = [0.5, 0.1666666716337204, 0.04166635498404503, 0.008333273231983185, 0.0013941050274297595, 0.00019914229051209986];
/** The same, error 3.1e-9 of e^r. */
const expTailShort = [0.4999999403953552, 0.1666652113199234, 0.04166838899254799, 0.00836874544620514, 0.0013814540579915047];

/** x = n ln 2 + r with |r| ≤ ln 2 / 2. */
function reduceExponent(x: Expression, define: Define): Whole & { r: Expression } {
  const whole = wholeOf(add(mul(x, number(x, Math.LOG2E)), number(x, roundingShift)), define);
  const r = define("r", sub(sub(x, mul(whole.n, number(x, ln2High))), mul(whole.n, number(x, ln2Low))));
  return { ...whole, r };
}

const expOfReduced = (r: Expression): Expression => add(add(mul(mul(r, r), polynomial(r, expTailShort)), r), number(r, 1));

/** value · 2^n for −252 ≤ n ≤ 254, rounded once: two factors, so that subnormal results and overflow come out right. */
function scaleByPower(value: Expression, bits: Expression, define: Define): Expression {
  const first = define("first", binary("shr", bits, integer(bits, 1)));
  return mul(mul(value, powerOfTwo(first)), powerOfTwo(sub(bits, first)));
}

/** e^x within 1.1 ulp. */
const exp: Formula = ([x], define) => {
  const inside = define("x", clamp(x!, -104, 89));
  const { bits, r } = reduceExponent(inside, define);
  return scaleByPower(expOfReduced(r), bits, define);
};

/** 2^x within 1.1 ulp, exact for integers. */
const exp2: Formula = ([x], define) => {
  const inside = define("x", clamp(x!, -150, 129));
  const { n, bits } = wholeOf(add(inside, number(inside, roundingShift)), define);
  const r = define("r", mul(sub(inside, n), number(n, Math.LN2)));
  return scaleByPower(expOfReduced(r), bits, define);
};

/** e^x − 1 as 2 · (2^(n−1) (e^r − 1) + (2^(n−1) − 1/2)), which does not overflow early. For −18 ≤ x ≤ 89 and NaN. */
function expMinusOne(x: Expression, define: Define): Expression {
  const { n, bits, r } = reduceExponent(x, define);
  const small = define("small", add(mul(mul(r, r), polynomial(r, expTail)), r));
  const scale = define("scale", powerOfTwo(sub(bits, integer(n, 1))));
  return mul(add(mul(scale, small), sub(scale, number(n, 0.5))), number(n, 2));
}

/** e^x − 1 within 1.5 ulp. */
const expm1: Formula = ([x], define) => keepZero(x!, expMinusOne(define("x", clamp(x!, -18, 89)), define));

// ---- the logarithms ----

/** (ln(1 + f) − f + f²/2) / f³ for 1 + f in [√½, √2]; error 7.3e-10 of ln(1 + f). */
const logTail = [
  0.3333331048488617, -0.24999986588954926, 0.20002226531505585, -0.16669249534606934, 0.14218655228614807, -0.12384367734193802, 0.11873020976781845,
  -0.11789712309837341, 0.06915155798196793,
];

/** Gives an intermediate value a name. */
type Naming = (name: string, value: Expression) => Expression;

export interface Split {
  /** f = m − 1. */
  readonly f: Expression;
  readonly e: Expression;
}

/** x = 2^e · m with m in [√½, √2), for normal x > 0. */
export function splitNormal(x: Expression, define: Naming): Split {
  const bits = define("bits", bitcast("i32", x));
  const exponent = define("exponent", binary("shr", sub(bits, integer(x, 0x3f3504f3)), integer(x, 23)));
  const f = define("f", sub(bitcast("f32", sub(bits, binary("shl", exponent, integer(x, 23)))), number(x, 1)));
  return { f, e: cast("f32", exponent) };
}

/** The same for finite x > 0; subnormals are scaled first. */
function splitLogarithm(x: Expression, define: Define): Split {
  const tiny = define("tiny", binary("lt", x, number(x, 2 ** -126)));
  const { f, e } = splitNormal(select(tiny, mul(x, number(x, 2 ** 23)), x), define);
  return { f, e: define("e", sub(e, select(tiny, number(x, 23), number(x, 0)))) };
}

/** f³ P(f), the small part of ln(1 + f) = f − f²/2 + f³ P(f). */
const logOfReduced = (f: Expression, square: Expression): Expression => mul(mul(square, f), polynomial(f, logTail));

/** What a logarithm is where it is not finite: −∞ at zero, ∞ at ∞, NaN below zero and for NaN. */
function specialLogarithm(x: Expression, value: Expression): Expression {
  const infinity = number(x, Infinity);
  const ordinary = binary("and", binary("gt", x, number(x, 0)), binary("lt", x, infinity));
  const special = select(binary("eq", x, number(x, 0)), number(x, -Infinity), select(binary("eq", x, infinity), infinity, number(x, NaN)));
  return select(ordinary, value, special);
}

/** ln(2^e (1 + f)) within 0.8 ulp, for 1 + f in [√½, √2]. */
export function logarithmOf({ f, e }: Split, define: Naming): Expression {
  const square = define("square", mul(f, f));
  const low = sub(add(logOfReduced(f, square), mul(e, number(e, ln2Low))), half(square));
  return add(add(low, f), mul(e, number(e, ln2High)));
}

/** ln x within 0.8 ulp. */
const log: Formula = ([x], define) => specialLogarithm(x!, logarithmOf(splitLogarithm(x!, define), define));

/** ln(1 + x) within 0.9 ulp: the logarithm of u = 1 + x, corrected by what the sum lost, (x − (u − 1)) / u. */
const log1p: Formula = ([x], define) => {
  const one = number(x!, 1);
  const u = define("u", add(x!, one));
  const lost = select(binary("gt", u, number(u, 2)), sub(one, sub(u, x!)), sub(x!, sub(u, one)));
  const correction = define("correction", div(lost, u));
  const { f, e } = splitLogarithm(u, define);
  const square = define("square", mul(f, f));
  const low = sub(add(logOfReduced(f, square), add(mul(e, number(e, ln2Low)), correction)), half(square));
  return keepZero(x!, specialLogarithm(u, add(add(low, f), mul(e, number(e, ln2High)))));
};

/** log2 x within 1.3 ulp, exact for powers of two. */
const log2: Formula = ([x], define) => {
  const { f, e } = splitLogarithm(x!, define);
  const square = define("square", mul(f, f));
  // log2(1 + f) = f + (log2 e − 1) f + log2 e · (f³ P − f²/2), so that the leading term is exact.
  const low = define("low", sub(logOfReduced(f, square), half(square)));
  const rest = add(mul(low, number(f, Math.LOG2E)), mul(f, number(f, Math.LOG2E - 1)));
  return specialLogarithm(x!, add(add(rest, f), e));
};

/** log10 2 = high + low; high has 12 bits. */
const log10Of2High = 0.301025390625;
const log10Of2Low = 4.605038981195214e-6;

/** log10 x within 2 ulp. */
const log10: Formula = ([x], define) => {
  const { f, e } = splitLogarithm(x!, define);
  const square = define("square", mul(f, f));
  const low = define("low", sub(logOfReduced(f, square), half(square)));
  // log10 e = 7/16 − 0.0032…: 7/16 · f is exact in all but its last bits.
  const rest = add(add(mul(low, number(f, Math.LOG10E)), mul(f, number(f, Math.LOG10E - 0.4375))), mul(e, number(e, log10Of2Low)));
  return specialLogarithm(x!, add(add(rest, mul(f, number(f, 0.4375))), mul(e, number(e, log10Of2High))));
};

// ---- hyperbolic functions ----

/** (tanh x − x) / x³ in x², |x| ≤ 0.625; error 4.1e-9 of tanh x. */
const tanhTail = [-0.3333328366279602, 0.13331490755081177, -0.05374349653720856, 0.020650586113333702, -0.00571704376488924];
/** (sinh x − x) / x³ in x², |x| ≤ 1; error 5.6e-11 of sinh x. */
const sinhTail = [0.1666666716337204, 0.008333350531756878, 0.0001983606634894386, 2.8174395083624404e-6];

/** x + x³ P(x²). */
const oddSeries = (x: Expression, square: Expression, tail: readonly number[]): Expression => add(mul(mul(x, square), polynomial(square, tail)), x);

/** e^x for the range in which neither it nor a factor leaves the normal numbers. */
function expInRange(x: Expression, define: Define): Expression {
  const { bits, r } = reduceExponent(x, define);
  return mul(expOfReduced(r), powerOfTwo(bits));
}

/** tanh x within 1.4 ulp: a polynomial below 0.625, 1 − 2 / (e^2|x| + 1) above. */
const tanh: Formula = ([x], define) => {
  const size = define("size", unary("abs", x!));
  const square = define("square", mul(x!, x!));
  const power = expInRange(define("twice", mul(binary("min", size, number(size, 10)), number(size, 2))), define);
  const large = sub(number(size, 1), div(number(size, 2), add(power, number(size, 1))));
  const small = mul(x!, add(mul(square, polynomial(square, tanhTail)), number(square, 1)));
  return select(binary("lt", size, number(size, 0.625)), small, withSignOf(x!, large));
};

/** e^|x| / 2, up to where sinh and cosh overflow. */
function halfExp(x: Expression, define: Define): { size: Expression; power: Expression } {
  const size = define("size", unary("abs", x));
  const { bits, r } = reduceExponent(define("inside", binary("min", size, number(size, 90))), define);
  return { size, power: define("power", scaleByPower(half(expOfReduced(r)), bits, define)) };
}

/** cosh x within 1.5 ulp. */
const cosh: Formula = ([x], define) => {
  const { power } = halfExp(x!, define);
  return add(power, div(number(power, 0.25), power));
};

/** sinh x within 1.7 ulp: a polynomial below 1. */
const sinh: Formula = ([x], define) => {
  const { size, power } = halfExp(x!, define);
  const large = sub(power, div(number(power, 0.25), power));
  const square = define("square", mul(x!, x!));
  return select(binary("lt", size, number(size, 1)), oddSeries(x!, square, sinhTail), withSignOf(x!, large));
};

// ---- the error function ----

/** erf x / x in x², |x| ≤ 0.921875; error 4.0e-10 of erf x. Less 1 at the constant, so that the leading term is exact. */
const erfTail = [
  1.128379225730896 - 1, -0.37612634897232056, 0.11283701658248901, -0.026859702542424202, 0.0052017164416611195, -0.0008149808272719383,
  8.397804776905105e-5,
];
/** −ln(1 − erf x) / x for 0.921875 ≤ x ≤ 3.93; error 2.9e-9 in erf x. */
const erfExponent = [1.1285101175308228, 0.6357329487800598, 0.10524198412895203, -0.022876907140016556, 0.0032107895240187645, -0.00021346918947529048];

/** erf x within 2 ulp: a polynomial below 0.921875, 1 − e^(−q(|x|)) above. */
const erf: Formula = ([x], define) => {
  const size = define("size", binary("min", unary("abs", x!), number(x!, 3.93)));
  const square = define("square", mul(size, size));
  const exponent = define("exponent", unary("neg", mul(size, polynomial(size, erfExponent))));
  const large = sub(number(size, 1), expInRange(exponent, define));
  const small = add(mul(x!, polynomial(square, erfTail)), x!);
  return select(binary("lt", size, number(size, 0.921875)), small, withSignOf(x!, large));
};

export const formulas: { readonly [name in MathFunction]?: Formula } = { exp, exp2, expm1, log, log1p, log2, log10, sin, cos, tan, tanh, sinh, cosh, erf, pow };
