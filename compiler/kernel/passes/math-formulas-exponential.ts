/** The exponential family and what is made of it: exp, exp2, expm1, tanh, sinh, cosh, erf. */
import { binary, select, unary } from "../build.ts";
import type { Expression } from "../kernel.ts";
import {
  add, addProduct, clamp, div, half, integer, keepZero, lessProduct, mul, number, oddSeries, polynomial, powerOfTwo, roundingShift, sub, wholeOf, withSignOf,
  type Define, type Each, type Formula, type Whole,
} from "./math-formulas-parts.ts";
import { ln2High, ln2Low } from "./math-formulas-logarithm.ts";

/** (e^r − 1 − r) / r² on |r| ≤ ln 2 / 2; error 2.4e-10 of e^r − 1, of f64 2.6e-19. */
const expTail: Each<readonly number[]> = {
  f32: [0.5, 0.1666666716337204, 0.04166635498404503, 0.008333273231983185, 0.0013941050274297595, 0.00019914229051209986],
  f64: [
    0.5, 0.16666666666666677, 0.04166666666666651, 0.008333333333321695, 0.0013888888888962314, 0.00019841269885958774, 2.480158717262905e-5,
    2.7557244380777094e-6, 2.7557402577865554e-7, 2.5108976747142205e-8, 2.087534720626397e-9,
  ],
};
/** The same, error 3.1e-9 of e^r, of f64 5e-18. */
const expTailShort: Each<readonly number[]> = {
  f32: [0.4999999403953552, 0.1666652113199234, 0.04166838899254799, 0.00836874544620514, 0.0013814540579915047],
  f64: [
    0.5000000000000006, 0.16666666666666588, 0.04166666666657679, 0.0083333333333895, 0.0013888888931554264, 0.0001984126971911008,
    2.4801505284632408e-5, 2.7557407457927483e-6, 2.762603410225972e-7, 2.5053799716381427e-8,
  ],
};

interface Reduced extends Whole {
  readonly r: Expression;
  /** What r lost by rounding, to be computed if it is needed. */
  readonly low: Expression;
}

/** x = n ln 2 + r with |r| ≤ ln 2 / 2. */
function reduceExponent(x: Expression, define: Define): Reduced {
  const whole = wholeOf(addProduct(number(x, roundingShift), x, number(x, Math.LOG2E)), define);
  const exact = define("exact", lessProduct(x, whole.n, number(x, ln2High)));
  const r = define("r", lessProduct(exact, whole.n, number(x, ln2Low)));
  return { ...whole, r, low: lessProduct(sub(exact, r), whole.n, number(x, ln2Low)) };
}

/** e^r for |r| ≤ ln 2 / 2, or e^(r + low). */
export function expOfReduced(r: Expression, define: Define, low?: Expression): Expression {
  const [square, tail] = [mul(r, r), polynomial(r, expTailShort, define)];
  return add(low === undefined ? addProduct(r, square, tail) : add(addProduct(low, square, tail), r), number(r, 1));
}

/** value · 2^n, rounded once, where 2^⌈n/2⌉ is a normal number: two factors, so that subnormal results and overflow come out right. */
export function scaleByPower(value: Expression, bits: Expression, define: Define): Expression {
  const first = define("first", binary("shr", bits, integer(bits, 1)));
  return mul(mul(value, powerOfTwo(first)), powerOfTwo(sub(bits, first)));
}

/** e^x within 1.1 ulp. */
export const exp: Formula = ([x], define) => {
  const inside = define("x", clamp(x!, { f32: -104, f64: -746 }, { f32: 89, f64: 710 }));
  const { bits, r } = reduceExponent(inside, define);
  return scaleByPower(expOfReduced(r, define), bits, define);
};

/** 2^x within 1.2 ulp, exact for integers. */
export const exp2: Formula = ([x], define) => {
  const inside = define("x", clamp(x!, { f32: -150, f64: -1076 }, { f32: 129, f64: 1025 }));
  const { n, bits } = wholeOf(add(inside, number(inside, roundingShift)), define);
  const r = define("r", mul(sub(inside, n), number(n, Math.LN2)));
  return scaleByPower(expOfReduced(r, define), bits, define);
};

/** e^x − 1 as 2 · (2^(n−1) (e^r − 1) + (2^(n−1) − 1/2)), which does not overflow early; r goes first, since 2^(n−1) r − 1/2 loses least. For finite 2^(n−1), and NaN. */
function expMinusOne(x: Expression, define: Define): Expression {
  const { n, bits, r, low } = reduceExponent(x, define);
  const scale = define("scale", powerOfTwo(sub(bits, integer(n, 1))));
  const first = addProduct(sub(scale, number(n, 0.5)), scale, r);
  return mul(addProduct(first, scale, addProduct(low, mul(r, r), polynomial(r, expTail, define))), number(n, 2));
}

/** e^x − 1 within 1.4 ulp. */
export const expm1: Formula = ([x], define) => keepZero(x!, expMinusOne(define("x", clamp(x!, { f32: -18, f64: -38 }, { f32: 89, f64: 710 })), define));

/** (tanh x − x) / x³ in x², |x| ≤ 0.625; error 4.1e-9 of tanh x, of f64 4.4e-19. */
const tanhTail: Each<readonly number[]> = {
  f32: [-0.3333328366279602, 0.13331490755081177, -0.05374349653720856, 0.020650586113333702, -0.00571704376488924],
  f64: [
    -0.33333333333333315, 0.13333333333329922, -0.05396825396611701, 0.02186948846962913, -0.008863234319881614, 0.0035921140215289583,
    -0.0014557258416846425, 0.0005894505184323126, -0.00023700625397890768, 9.154592635760845e-5, -3.0172151705701107e-5, 6.034877885228843e-6,
  ],
};

/** e^x for the range in which neither it nor a factor leaves the normal numbers. */
function expInRange(x: Expression, define: Define): Expression {
  const { bits, r } = reduceExponent(x, define);
  return mul(expOfReduced(r, define), powerOfTwo(bits));
}

/** tanh x within 1.4 ulp: a polynomial below 0.625, 1 − 2 / (e^2|x| + 1) above. */
export const tanh: Formula = ([x], define) => {
  const size = define("size", unary("abs", x!));
  const square = define("square", mul(x!, x!));
  const power = expInRange(define("twice", mul(binary("min", size, number(size, { f32: 10, f64: 20 })), number(size, 2))), define);
  const large = sub(number(size, 1), div(number(size, 2), add(power, number(size, 1))));
  const small = mul(x!, addProduct(number(square, 1), square, polynomial(square, tanhTail, define)));
  return select(binary("lt", size, number(size, 0.625)), small, withSignOf(x!, large));
};

/** (sinh x − x) / x³ in x², |x| ≤ 1; error 5.6e-11 of sinh x, of f64 2.6e-19. */
const sinhTail: Each<readonly number[]> = {
  f32: [0.1666666716337204, 0.008333350531756878, 0.0001983606634894386, 2.8174395083624404e-6],
  f64: [0.16666666666666669, 0.008333333333332912, 0.00019841269841593408, 2.7557319106758417e-6, 2.5052130998280378e-8, 1.6056659217432456e-10, 7.776598099200763e-13],
};

/** e^|x| / 2, up to where sinh and cosh overflow. */
function halfExp(x: Expression, define: Define): { size: Expression; power: Expression } {
  const size = define("size", unary("abs", x));
  const { bits, r } = reduceExponent(define("inside", binary("min", size, number(size, { f32: 90, f64: 711 }))), define);
  return { size, power: define("power", scaleByPower(half(expOfReduced(r, define)), bits, define)) };
}

/** cosh x within 1.5 ulp. */
export const cosh: Formula = ([x], define) => {
  const { power } = halfExp(x!, define);
  return add(power, div(number(power, 0.25), power));
};

/** sinh x within 1.7 ulp: a polynomial below 1. */
export const sinh: Formula = ([x], define) => {
  const { size, power } = halfExp(x!, define);
  const large = sub(power, div(number(power, 0.25), power));
  const square = define("square", mul(x!, x!));
  return select(binary("lt", size, number(size, 1)), oddSeries(x!, square, sinhTail, define), withSignOf(x!, large));
};

/** erf x / x in x², |x| ≤ 0.921875; error 4.0e-10 of erf x, of f64 1.2e-17. Less 1 at the constant, so that the leading term is exact. */
const erfTail: Each<readonly number[]> = {
  f32: [
    1.128379225730896 - 1, -0.37612634897232056, 0.11283701658248901, -0.026859702542424202, 0.0052017164416611195, -0.0008149808272719383,
    8.397804776905105e-5,
  ],
  f64: [
    0.1283791670955126, -0.3761263890318408, 0.11283791670969558, -0.02686617064759707, 0.005223977646898568, -0.0008548328096847465,
    0.0001205536552961567, -1.4926248622306174e-5, 1.646823309385893e-6, -1.6386508884299834e-7, 1.4581573280593197e-8, -9.597794592357958e-10,
  ],
};

/** Beyond, erf x is 1: x up to which −ln(1 − erf x) is computed. */
const erfLimit: Each<number> = { f32: 3.93, f64: 5.93 };
/** −ln(1 − erf x) / x for 0.921875 ≤ x ≤ erfLimit; error 2.9e-9 in erf x, of f64 5.8e-18. */
const erfExponent: Each<readonly number[]> = {
  f32: [1.1285101175308228, 0.6357329487800598, 0.10524198412895203, -0.022876907140016556, 0.0032107895240187645, -0.00021346918947529048],
  f64: [
    1.1283791525926405, 0.6366198652641265, 0.10277249572259677, -0.01912939263771625, -0.00020392994330209032, 0.0016817440375671076,
    -0.0005636241926957153, -9.650370014594597e-6, 0.00010083129016534477, -5.863324810369354e-5, 2.1343951149899885e-5, -5.682735580923592e-6,
    1.1471296429970062e-6, -1.751498064024415e-7, 1.9689965154822212e-8, -1.5406715780869575e-9, 7.499503913142388e-11, -1.709888700820895e-12,
  ],
};

/** erf x within 2 ulp, of f64 1.7: a polynomial below 0.921875, 1 − e^(−q(|x|)) above. */
export const erf: Formula = ([x], define) => {
  const size = define("size", binary("min", unary("abs", x!), number(x!, erfLimit)));
  const square = define("square", mul(size, size));
  const exponent = define("exponent", unary("neg", mul(size, polynomial(size, erfExponent, define))));
  const large = sub(number(size, 1), expInRange(exponent, define));
  const small = addProduct(x!, x!, polynomial(square, erfTail, define));
  return select(binary("lt", size, number(size, 0.921875)), small, withSignOf(x!, large));
};
