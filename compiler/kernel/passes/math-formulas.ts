/**
 * Mathematical functions as arithmetic: range reduction, a polynomial, and selects for what is special. No branches and no
 * tables, so that they vectorise; the same instructions scalar and in lanes, so that both give the same bits.
 *
 * Polynomials were fitted for these files. Those of f32 up to tan: weighted minimax fits by iteratively reweighted least squares
 * (Lawson, 1961) on 4,000 Chebyshev points in f64 (NumPy). All others: minimax fits by the exchange of Remez (1934) on 1,500
 * Chebyshev points with 60 digits (mpmath), the first coefficients rounded one by one and the rest fitted again. Each
 * function's comment gives the largest error that was measured, in units in the last place (ulp): of f32 against f64, over
 * the whole range of f32 values, infinities, NaN, zeros and subnormals included; of f64 against 64-bit fractions (the x87's,
 * by NumPy), over as wide a range. `expand-math.test.ts` holds them to it. Splitting ln 2 into a short high part, so
 * that n · high is exact, is due to Cody & Waite, "Software Manual for the Elementary Functions" (1980).
 */
import type { MathFunction } from "../kernel.ts";
import { cosh, erf, exp, exp2, expm1, sinh, tanh } from "./math-formulas-exponential.ts";
import { acos, asin, atan, atan2, cbrt } from "./math-formulas-inverse.ts";
import { acosh, asinh, atanh, log, log10, log1p, log2 } from "./math-formulas-logarithm.ts";
import type { Formula } from "./math-formulas-parts.ts";
import { pow } from "./math-formulas-power.ts";
import { cos, sin, tan } from "./math-formulas-trigonometric.ts";

export const formulas: Readonly<Record<MathFunction, Formula>> = {
  exp, exp2, expm1, log, log1p, log2, log10, sin, cos, tan, tanh, sinh, cosh, erf, pow, asin, acos, atan, atan2, asinh, acosh, atanh, cbrt,
};
