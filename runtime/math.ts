/**
 * The mathematical functions of .gph in f64: what a module may import from `math`, and what every interpreter uses. One
 * table, so that the meaning of a function is written once. Results for f32 are these, rounded.
 */

/**
 * The error function 2/√π ∫₀ˣ e^(−t²) dt, to within 3 units in the last place of an f64.
 *
 * |x| < 1: the series e^(−x²) · 2/√π · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)), NIST Digital Library of Mathematical Functions
 * 7.6.2; its terms are all of one sign, so nothing cancels. Beyond: 1 − erfc(x), with the continued fraction DLMF 7.9.1
 * evaluated from its 200th level upwards; erfc(1) is 0.16, so most of its own error disappears in the difference.
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size < 1e-9) return x * twoOverRootPi;
  if (size >= 6) return Math.sign(x);
  return Math.sign(x) * (size < 1 ? seriesOfErf(size) : 1 - fractionOfErfc(size));
}

const twoOverRootPi = 1.1283791670955126;

function seriesOfErf(x: number): number {
  // From the smallest term to the largest: x · (1 + 2x²/3 · (1 + 2x²/5 · (1 + …))).
  const square = 2 * x * x;
  let sum = 1;
  for (let n = 40; n >= 1; n--) sum = 1 + (square / (2 * n + 1)) * sum;
  return twoOverRootPi * x * expOfMinusSquare(x) * sum;
}

function fractionOfErfc(x: number): number {
  let level = x;
  for (let n = 200; n >= 1; n--) level = x + n / 2 / level;
  return ((twoOverRootPi / 2) * expOfMinusSquare(x)) / level;
}

/** e^(−x²) without the rounding of x²: x is split into 24 leading bits, whose square is exact, and the rest. */
function expOfMinusSquare(x: number): number {
  const high = Math.fround(x);
  return Math.exp(-high * high) * Math.exp((high - x) * (high + x));
}

/** Two to the x; exact for integers, which exp(x · ln 2) would not be. */
const exp2 = (x: number): number => 2 ** x;

/** By name; the import object `math` of a module. `pow`, `atan2` and `rem` take two arguments, all others one. */
export const mathFunctions = {
  exp: Math.exp,
  expm1: Math.expm1,
  exp2,
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  atan2: Math.atan2,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  cbrt: Math.cbrt,
  erf,
  pow: Math.pow,
  /** Remainder of truncated division, exact: `%` of floats. */
  rem: (x: number, y: number): number => x % y,
} as const satisfies Record<string, (x: number, y: number) => number>;

export type MathFunctionName = keyof typeof mathFunctions;

export const isMathFunction = (name: string): name is MathFunctionName => Object.hasOwn(mathFunctions, name);

/** How many arguments a function takes. */
export const mathArity = (name: MathFunctionName): 1 | 2 => (name === "pow" || name === "atan2" || name === "rem" ? 2 : 1);
