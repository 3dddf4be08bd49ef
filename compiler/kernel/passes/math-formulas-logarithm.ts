/** The logarithms, and the inverse hyperbolic functions, which are logarithms: log, log1p, log2, log10, asinh, acosh, atanh. */
import { binary, select, unary } from "../build.ts";
import type { Expression } from "../kernel.ts";
import {
  aboveUnit, add, addProduct, bitsOf, div, exponentBits, formatOf, fromBits, half, integer, keepZero, lessProduct, mul, number, oddSeries, pattern, polynomial, sub, unitOf, withSignOf,
  type Define, type Each, type Formula, type Naming,
} from "./math-formulas-parts.ts";

/** ln 2 = high + low; high has so few bits (15, and 42) that its product with an exponent is exact. */
export const ln2High: Each<number> = { f32: 0.693145751953125, f64: 0.6931471805598903 };
export const ln2Low: Each<number> = { f32: 1.428606765330187e-6, f64: 5.497923018708371e-14 };

/** (ln(1 + f) − f + f²/2) / f³ for 1 + f in [√½, √2]; error 7.3e-10 of ln(1 + f). */
const logTail = [
  0.3333331048488617, -0.24999986588954926, 0.20002226531505585, -0.16669249534606934, 0.14218655228614807, -0.12384367734193802, 0.11873020976781845,
  -0.11789712309837341, 0.06915155798196793,
];
/** (ln((1 + s) / (1 − s)) − 2s) / s³ in s² for (1 + s) / (1 − s) in [√½, √2]; error 1.2e-18 of the logarithm. */
const logQuotientTail = [
  0.6666666666666734, 0.3999999999941694, 0.2857142874193367, 0.2222219861594376, 0.18183562266479408, 0.153140996830614, 0.1479548958187192,
];

export interface Split {
  /** f = m − 1. */
  readonly f: Expression;
  readonly e: Expression;
}

/** x = 2^e · m with m in [√½, √2), for normal x > 0. `scaled`: where x had been multiplied by 2^fraction. */
export function splitNormal(x: Expression, define: Naming, scaled?: Expression): Split {
  const { fraction, bias } = formatOf(x);
  const one = pattern(x, 1);
  const bits = define("bits", bitsOf(x));
  // The exponent of a number in [√½, √2) is that of 1.
  const exponent = define("exponent", binary("shr", add(bits, integer(x, one - pattern(x, Math.SQRT1_2))), integer(x, fraction)));
  const f = define("f", sub(fromBits(add(sub(bits, exponentBits(exponent)), integer(x, one))), number(x, 1)));
  const offset = number(x, unitOf(x) + bias);
  return { f, e: sub(aboveUnit(exponent), scaled === undefined ? offset : select(scaled, number(x, unitOf(x) + bias + fraction), offset)) };
}

/** The same for finite x > 0; subnormals are scaled first. */
export function splitLogarithm(x: Expression, define: Define): Split {
  const tiny = define("tiny", binary("lt", x, number(x, { f32: 2 ** -126, f64: 2 ** -1022 })));
  const { f, e } = splitNormal(select(tiny, mul(x, number(x, unitOf(x))), x), define, tiny);
  return { f, e: define("e", e) };
}

/**
 * The small part of ln(1 + f), without f − f²/2: f³ P(f) in f32. In f64, where that polynomial would be long, by
 * s = f / (2 + f): ln(1 + f) = 2s + s³ P(s²), and 2s = f − f²/2 + s · f²/2.
 */
function logOfReduced(f: Expression, square: Expression, define: Naming): Expression {
  if (formatOf(f).float === "f32") return mul(mul(square, f), polynomial(f, logTail, define));
  const s = define("s", div(f, add(f, number(f, 2))));
  const squareOfS = define("squareOfS", mul(s, s));
  return mul(s, addProduct(half(square), squareOfS, polynomial(squareOfS, logQuotientTail, define)));
}

/** ln(2^e (1 + f)) within 0.9 ulp, for 1 + f in [√½, √2]; `more` is added, if given. */
export function logarithmOf({ f, e }: Split, define: Naming, more?: Expression): Expression {
  const square = define("square", mul(f, f));
  const tail = logOfReduced(f, square, define);
  const low = addProduct(more === undefined ? tail : add(tail, more), e, number(e, ln2Low));
  return addProduct(add(lessProduct(low, square, number(f, 0.5)), f), e, number(e, ln2High));
}

/** What a logarithm is where it is not finite: −∞ at zero, ∞ at ∞, NaN below zero and for NaN. */
function specialLogarithm(x: Expression, value: Expression): Expression {
  const infinity = number(x, Infinity);
  const ordinary = binary("and", binary("gt", x, number(x, 0)), binary("lt", x, infinity));
  const special = select(binary("eq", x, number(x, 0)), number(x, -Infinity), select(binary("eq", x, infinity), infinity, number(x, NaN)));
  return select(ordinary, value, special);
}

/** ln x within 0.9 ulp. */
export const log: Formula = ([x], define) => specialLogarithm(x!, logarithmOf(splitLogarithm(x!, define), define));

/** ln(1 + x): the logarithm of u = 1 + x, corrected by what the sum lost, (x − (u − 1)) / u. */
function logOfOneMore(x: Expression, define: Define): Expression {
  const one = number(x, 1);
  const u = define("u", add(x, one));
  const lost = select(binary("gt", u, number(u, 2)), sub(one, sub(u, x)), sub(x, sub(u, one)));
  const correction = define("correction", div(lost, u));
  return specialLogarithm(u, logarithmOf(splitLogarithm(u, define), define, correction));
}

/** ln(1 + x) within 1 ulp. */
export const log1p: Formula = ([x], define) => keepZero(x!, logOfOneMore(x!, define));

/** log2 x within 1.3 ulp, exact for powers of two. */
export const log2: Formula = ([x], define) => {
  const { f, e } = splitLogarithm(x!, define);
  const square = define("square", mul(f, f));
  // log2(1 + f) = f + (log2 e − 1) f + log2 e · (f³ P − f²/2), so that the leading term is exact.
  const low = define("low", lessProduct(logOfReduced(f, square, define), square, number(f, 0.5)));
  const rest = addProduct(mul(f, number(f, Math.LOG2E - 1)), low, number(f, Math.LOG2E));
  return specialLogarithm(x!, add(add(rest, f), e));
};

/** log10 2 = high + low; high has 12 bits, and 42. */
const log10Of2High: Each<number> = { f32: 0.301025390625, f64: 0.30102999566395283 };
const log10Of2Low: Each<number> = { f32: 4.605038981195214e-6, f64: 2.8363394551044964e-14 };

/** log10 x within 2 ulp. */
export const log10: Formula = ([x], define) => {
  const { f, e } = splitLogarithm(x!, define);
  const square = define("square", mul(f, f));
  const low = define("low", lessProduct(logOfReduced(f, square, define), square, number(f, 0.5)));
  // log10 e = 7/16 − 0.0032…: 7/16 · f is exact in all but its last bits.
  const rest = addProduct(addProduct(mul(f, number(f, Math.LOG10E - 0.4375)), low, number(f, Math.LOG10E)), e, number(e, log10Of2Low));
  return specialLogarithm(x!, addProduct(addProduct(rest, f, number(f, 0.4375)), e, number(e, log10Of2High)));
};

// ---- inverse hyperbolic functions ----

/** (asinh x − x) / x³ in x², |x| ≤ ½; error 1.3e-9 of asinh x, of f64 6.5e-19. */
const asinhTail: Each<readonly number[]> = {
  f32: [-0.1666664332151413, 0.07498640567064285, -0.04438292980194092, 0.02816065400838852, -0.013222112320363522],
  f64: [
    -0.1666666666666661, 0.07499999999984416, -0.04464285712783055, 0.030381943716342355, -0.02237213835689413, 0.017352386934343197,
    -0.013960232055151121, 0.011512982764706236, -0.009534136638995301, 0.007465582280718966, -0.004747482005326992, 0.0017180607612326414,
  ],
};
/** (acosh(1 + t) / √(2t) − 1) / t for t ≤ ½; error 1.3e-9 of acosh, of f64 6.5e-19. */
const acoshTail: Each<readonly number[]> = {
  f32: [-0.08333321660757065, 0.018746601417660713, -0.005547866225242615, 0.0017600408755242825, -0.00041319101001136005],
  f64: [
    -0.08333333333333305, 0.01874999999996104, -0.005580357140978819, 0.0018988714822713972, -0.0006991293236529415, 0.00027113104584911246,
    -0.00010906431293086815, 4.497258892463379e-5, -1.8621360623037847e-5, 7.290607696014876e-6, -2.3181064479138156e-6, 4.194484280354109e-7,
  ],
};

/** From here on √(x² ± 1) is x, in all digits of a sum with x. */
const squareLimit: Each<number> = { f32: 2 ** 13, f64: 2 ** 28 };

/** ln(1 + v), or ln(2x) where x is so large that 1 + v is 2x: that of 1 + (x − 1), and ln 2. */
function logOfSum(x: Expression, v: Expression, define: Define): Expression {
  const huge = define("huge", binary("gt", x, number(x, squareLimit)));
  const value = logOfOneMore(define("v", select(huge, sub(x, number(x, 1)), v)), define);
  return add(value, select(huge, number(x, Math.LN2), number(x, 0)));
}

/** asinh x within 1.8 ulp: a polynomial below ½, ln(1 + x + x² / (1 + √(x² + 1))) above. */
export const asinh: Formula = ([x], define) => {
  const one = number(x!, 1);
  const size = define("size", unary("abs", x!));
  const square = define("square", mul(x!, x!));
  const v = add(size, div(square, add(one, unary("sqrt", add(square, one)))));
  const large = logOfSum(size, v, define);
  return withSignOf(x!, select(binary("lt", size, number(size, 0.5)), oddSeries(size, square, asinhTail, define), large));
};

/** acosh x within 1.6 ulp; with t = x − 1, √(2t) P(t) below ½, ln(1 + t + √(t (t + 2))) above. */
export const acosh: Formula = ([x], define) => {
  const t = define("t", sub(x!, number(x!, 1)));
  const isSmall = define("small", binary("lt", t, number(t, 0.5)));
  const root = define("root", unary("sqrt", mul(t, select(isSmall, number(t, 2), add(t, number(t, 2))))));
  const small = addProduct(root, root, mul(t, polynomial(t, acoshTail, define)));
  return select(isSmall, small, logOfSum(x!, add(t, root), define));
};

/** atanh x within 1.8 ulp: half of ln(1 + 2x + 2x² / (1 − x)), or from ½ on of ln(1 + 2x / (1 − x)). */
export const atanh: Formula = ([x], define) => {
  const size = define("size", unary("abs", x!));
  const twice = define("twice", add(size, size));
  const isSmall = define("small", binary("lt", size, number(size, 0.5)));
  const quotient = define("quotient", div(select(isSmall, mul(twice, size), twice), sub(number(size, 1), size)));
  const v = define("v", select(isSmall, add(twice, quotient), quotient));
  return withSignOf(x!, half(keepZero(v, logOfOneMore(v, define))));
};
