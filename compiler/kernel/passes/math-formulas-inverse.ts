/**
 * The inverse trigonometric functions and the cube root: asin, acos, atan, atan2, cbrt. What stands beside a multiple of π/4
 * is added to its low part first, then to its high part, of which multiples are exact.
 */
import { binary, select, unary } from "../build.ts";
import type { Expression } from "../kernel.ts";
import {
  aboveUnit, add, addProduct, bitsOf, div, each, formatOf, fromBits, half, integer, mul, number, polynomial, signOf, sub, unitOf, withSignOf,
  type Define, type Each, type Formula,
} from "./math-formulas-parts.ts";

/** π/4 = high + low; high has three bits to spare. */
const quarterHigh: Each<number> = { f32: 0.785398006439209, f64: 0.7853981633974483 };
const quarterLow: Each<number> = { f32: 1.5695823932524066e-7, f64: 3.061616997868383e-17 };
const times = (by: number, { f32, f64 }: Each<number>): Each<number> => ({ f32: f32 * by, f64: f64 * by });

// ---- arc tangents ----

/** (atan t − t) / t³ in t², |t| ≤ ½; error 2.8e-10 of atan t, of f64 2.4e-19. */
const atanTail: Each<readonly number[]> = {
  f32: [-0.333333283662796, 0.19999554753303528, -0.14273107051849365, 0.10948410630226135, -0.08009076118469238, 0.0390421524643898],
  f64: [
    -0.33333333333333315, 0.19999999999993773, -0.14285714284999215, 0.11111111070103015, -0.09090907707354055, 0.07692277679223802,
    -0.06666225484403107, 0.05877819810624485, -0.05230070454603995, 0.045896290034610224, -0.03712248809907956, 0.023659644329350325,
    -0.008368257260321378,
  ],
};

/** An angle: `quarters` · π/4 + atan t, |t| ≤ ½. */
interface Angle {
  readonly quarters: Expression;
  readonly t: Expression;
}

/** The angle of a point with y, x ≥ 0, by the nearest of the angles 0, π/4 and π/2. */
function angleOf(y: Expression, x: Expression, define: Define): Angle {
  const near = define("near", binary("le", y, half(x)));
  const far = define("far", binary("gt", y, add(x, x)));
  const choose = (first: Expression, last: Expression, middle: Expression): Expression => select(near, first, select(far, last, middle));
  const below = choose(x, y, add(y, x));
  const t = div(choose(y, unary("neg", x), sub(y, x)), below);
  return { quarters: choose(number(x, 0), number(x, 2), number(x, 1)), t };
}

function valueOfAngle({ quarters, t }: Angle, define: Define): Expression {
  const square = define("square", mul(t, t));
  const low = addProduct(mul(quarters, number(t, quarterLow)), mul(t, square), polynomial(square, atanTail, define));
  return addProduct(add(t, low), quarters, number(t, quarterHigh));
}

/** atan x within 1.5 ulp. */
export const atan: Formula = ([x], define) => {
  const { quarters, t } = angleOf(define("size", unary("abs", x!)), number(x!, 1), define);
  return withSignOf(x!, valueOfAngle({ quarters: define("quarters", quarters), t: define("t", t) }, define));
};

/** Sizes of the same direction that are finite, not both zero, and have a sum. */
function tamed(y: Expression, x: Expression, define: Define): { y: Expression; x: Expression } {
  const isInfinite = (size: Expression): Expression => binary("eq", size, number(size, Infinity));
  const [tall, wide] = [define("tall", isInfinite(y)), define("wide", isInfinite(x))];
  const scale = define("scale", select(binary("gt", x, number(x, { f32: 2 ** 126, f64: 2 ** 1022 })), number(x, 0.25), number(x, 1)));
  const beside = (isLong: Expression, other: Expression, size: Expression): Expression =>
    select(isLong, number(size, 1), mul(size, select(other, number(size, 0), scale)));
  const height = define("height", beside(tall, wide, y));
  const width = define("width", beside(wide, tall, x));
  return { y: height, x: select(binary("eq", add(height, width), number(width, 0)), number(width, 1), width) };
}

/** atan2(y, x) within 1.6 ulp, special as Math.atan2 is. */
export const atan2: Formula = ([y, x], define) => {
  const sizes = tamed(define("ySize", unary("abs", y!)), define("xSize", unary("abs", x!)), define);
  const { quarters, t } = angleOf(sizes.y, define("width", sizes.x), define);
  // To the left, where also −0 is, the angle is π less that.
  const sign = define("sign", signOf(x!));
  const named = define("quarters", quarters);
  const turned = select(binary("ne", sign, integer(sign, 0)), sub(number(named, 4), named), named);
  const angle = { quarters: define("turned", turned), t: define("t", fromBits(binary("xor", bitsOf(t), sign))) };
  return withSignOf(y!, valueOfAngle(angle, define));
};

// ---- arc sine and cosine ----

/** (asin s − s) / s³ in s², |s| ≤ ½; error 4.9e-9 of asin s, of f64 9.6e-19. */
const asinTail: Each<readonly number[]> = {
  f32: [0.16666752099990845, 0.074953094124794, 0.04546914994716644, 0.024184782058000565, 0.04215829074382782],
  f64: [
    0.1666666666666676, 0.07499999999970865, 0.0446428571745629, 0.030381942709757026, 0.02237221493914276, 0.017351612793538508,
    0.013980812025287306, 0.011398976623175882, 0.010779916142480769, 0.003707604024413054, 0.02170469545048387, -0.020995357759199522,
    0.03262640909664999,
  ],
};

/** asin s = s + tail for s ≤ ½: that of |x|, or of √((1 − |x|) / 2) where |x| is larger; then asin |x| = π/2 − 2 asin s. */
function reduceArc(x: Expression, define: Define): { isLarge: Expression; s: Expression; tail: Expression } {
  const size = define("size", unary("abs", x));
  const isLarge = define("large", binary("gt", size, number(size, 0.5)));
  const square = define("square", select(isLarge, half(sub(number(size, 1), size)), mul(size, size)));
  const s = define("s", select(isLarge, unary("sqrt", square), size));
  return { isLarge, s, tail: define("tail", mul(mul(s, square), polynomial(square, asinTail, define))) };
}

const twice = (x: Expression): Expression => add(x, x);
/** quarters · π/4 − a − b for |a| ≤ π/2, where b is small; with what the first difference lost. */
function below(quarters: 2 | 4, a: Expression, b: Expression, define: Define): Expression {
  const whole = number(a, times(quarters, quarterHigh));
  const whatIsLeft = define("left", sub(whole, a));
  const low = add(sub(sub(whole, whatIsLeft), a), number(a, times(quarters, quarterLow)));
  return sub(whatIsLeft, sub(b, low));
}

/** asin x within 1.2 ulp. */
export const asin: Formula = ([x], define) => {
  const { isLarge, s, tail } = reduceArc(x!, define);
  return withSignOf(x!, select(isLarge, below(2, define("twice", twice(s)), twice(tail), define), add(s, tail)));
};

/** acos x within 1.2 ulp. */
export const acos: Formula = ([x], define) => {
  const { isLarge, s, tail } = reduceArc(x!, define);
  const positive = binary("gt", x!, number(x!, 0));
  const large = select(positive, twice(add(s, tail)), below(4, define("twice", twice(s)), twice(tail), define));
  return select(isLarge, large, below(2, define("signed", withSignOf(x!, s)), fromBits(binary("xor", bitsOf(tail), signOf(x!))), define));
};

// ---- the cube root ----

/** Bits of the lower part of a fraction: a root without them has a square that is exact. */
const lowerBits: Each<bigint> = { f32: (1n << 12n) - 1n, f64: (1n << 27n) - 1n };
/** Bits of a float that are dropped so that what is left, its exponent first, is below `unitOf` and can be rounded. */
const droppedBits: Each<number> = { f32: 9, f64: 32 };
/** Steps from an error of 4 % to one below the lower bits. */
const firstSteps: Each<number> = { f32: 1, f64: 2 };
/** A third of the bits of x, and two thirds of those of 1, less 0.05 in the logarithm, are the bits of about ∛x (Kahan, 1991). */
const thirdOffset = 2 / 3;

/** t (t³ + 2x) / (2t³ + x): Halley's step to ∛x, from an error e of t to ⅔ e³. By r = x / t². */
function cubeRootStep(t: Expression, x: Expression, define: Define): Expression {
  const r = define("r", div(x, mul(t, t)));
  return addProduct(t, t, div(sub(r, t), add(add(t, t), r)));
}

/** About ∛x, within 4 %, of a normal x > 0: a third of its logarithm, which its bits are nearly. */
function cubeRootGuess(x: Expression): Expression {
  const { fraction, bias } = formatOf(x);
  const dropped = each(x, droppedBits);
  const logarithm = sub(aboveUnit(binary("shr", bitsOf(x), integer(x, dropped))), number(x, unitOf(x)));
  const offset = Math.round(2 ** (fraction - dropped) * (thirdOffset * bias - 0.05)) + unitOf(x);
  const third = bitsOf(add(mul(logarithm, number(x, 1 / 3)), number(x, offset)));
  return fromBits(binary("shl", third, integer(x, dropped)));
}

/** Rounded to so few bits that its square is exact. */
function withExactSquare(x: Expression): Expression {
  const lower = each(x, lowerBits);
  return fromBits(binary("and", add(bitsOf(x), integer(x, (lower + 1n) / 2n)), integer(x, ~lower)));
}

/**
 * ∛x within 0.8 ulp, exact for cubes. Of the last step's start the lower bits are dropped, so that its square is exact (as in
 * FreeBSD's cbrt, by Kahan, Sun and Evans).
 */
export const cbrt: Formula = ([x], define) => {
  const size = define("size", unary("abs", x!));
  const tiny = define("tiny", binary("lt", size, number(size, { f32: 2 ** -126, f64: 2 ** -1022 })));
  const scaled = define("scaled", select(tiny, mul(size, number(size, { f32: 2 ** 24, f64: 2 ** 54 })), size));
  let near = define("guess", cubeRootGuess(scaled));
  for (let step = 0; step < each(scaled, firstSteps); step++) near = define("near", cubeRootStep(near, scaled, define));
  const root = define("root", cubeRootStep(define("start", withExactSquare(near)), scaled, define));
  const value = mul(root, select(tiny, number(root, { f32: 2 ** -8, f64: 2 ** -18 }), number(root, 1)));
  const ordinary = binary("and", binary("gt", size, number(size, 0)), binary("lt", size, number(size, Infinity)));
  return select(ordinary, withSignOf(x!, value), x!);
};
