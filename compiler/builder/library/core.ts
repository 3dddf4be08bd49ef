// Written by `npm run generate`; change what it is made from instead.
/** What is in scope everywhere, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** Remainder of the truncated division; it has the sign of a. y = a - b · trunc(a / b) */
export const rem = define<<D extends DType>(a: Operand<D>, b: Operand<D>) => Tensor<D>>("core", "rem");

/** The smaller of two; NaN if either is NaN. y = min(a, b) Or: Elements combined along axes, all when none is given: sum, prod, min, max, all, any. y = x₀ ∘ x₁ ∘ … */
export const min = define<{
  <D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<D>;
  <D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }): Tensor<D>;
}>("core", "min");

/** The larger of two; NaN if either is NaN. y = max(a, b) Or: Elements combined along axes, all when none is given: sum, prod, min, max, all, any. y = x₀ ∘ x₁ ∘ … */
export const max = define<{
  <D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<D>;
  <D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }): Tensor<D>;
}>("core", "max");

/** The opposite; wraps for integers. y = -x */
export const neg = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "neg");

/** The distance from zero; the smallest integer stays itself. y = |x| */
export const abs = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "abs");

/** -1, 0 or 1; NaN and the sign of zero are kept. y = x / |x|, or x where x = 0 */
export const sign = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "sign");

/** Product and sum; rounded after each unless the target may fuse them. y = a · b + c */
export const fma = define<<D extends DType>(a: Operand<D>, b: Operand<D>, c: Operand<D>) => Tensor<D>>("core", "fma");

/** x brought into low … high; NaN stays NaN. y = min(max(x, low), high) */
export const clamp = define<<D extends DType>(x: Operand<D>, low: Operand<D>, high: Operand<D>) => Tensor<D>>("core", "clamp");

/** How many bits are 1. y = number of ones in x */
export const popcount = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "popcount");

/** Exponential function. y = e^x */
export const exp = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "exp");

/** e^x - 1, exact near 0. y = e^x - 1 */
export const expm1 = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "expm1");

/** Power of two. y = 2^x */
export const exp2 = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "exp2");

/** Natural logarithm. y = ln x */
export const log = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "log");

/** Natural logarithm of 1 + x, exact near 0. y = ln(1 + x) */
export const log1p = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "log1p");

/** Logarithm to base 2. y = log₂ x */
export const log2 = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "log2");

/** Logarithm to base 10. y = log₁₀ x */
export const log10 = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "log10");

/** Sine of radians. y = sin x */
export const sin = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "sin");

/** Cosine of radians. y = cos x */
export const cos = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "cos");

/** Tangent of radians. y = tan x */
export const tan = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "tan");

/** Inverse sine, in radians. y = arcsin x */
export const asin = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "asin");

/** Inverse cosine, in radians. y = arccos x */
export const acos = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "acos");

/** Inverse tangent, in radians. y = arctan x */
export const atan = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "atan");

/** Hyperbolic sine. y = sinh x */
export const sinh = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "sinh");

/** Hyperbolic cosine. y = cosh x */
export const cosh = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "cosh");

/** Hyperbolic tangent. y = tanh x */
export const tanh = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "tanh");

/** Inverse hyperbolic sine. y = arsinh x */
export const asinh = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "asinh");

/** Inverse hyperbolic cosine. y = arcosh x */
export const acosh = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "acosh");

/** Inverse hyperbolic tangent. y = artanh x */
export const atanh = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "atanh");

/** Cube root. y = ∛x */
export const cbrt = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "cbrt");

/** Error function. y = 2/√π ∫₀ˣ e^(-t²) dt */
export const erf = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "erf");

/** Square root; NaN below 0. y = √x */
export const sqrt = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "sqrt");

/** One over the square root. y = 1 / √x */
export const rsqrt = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "rsqrt");

/** Power of floats; NaN for a negative base with a broken exponent. y = a^b */
export const pow = define<<D extends DType>(a: Operand<D>, b: Operand<D>) => Tensor<D>>("core", "pow");

/** Angle of the point (x, y), in radians. angle of (x, y) */
export const atan2 = define<<D extends DType>(y: Operand<D>, x: Operand<D>) => Tensor<D>>("core", "atan2");

/** The whole number at or below. y = ⌊x⌋ */
export const floor = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "floor");

/** The whole number at or above. y = ⌈x⌉ */
export const ceil = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "ceil");

/** The nearest whole number; halves go to the even one. y = nearest whole number */
export const round = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "round");

/** The whole number toward zero. y = whole part of x */
export const trunc = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "trunc");

/** Where x is not a number. y = (x ≠ x) */
export const is_nan = define<<D extends DType>(x: Operand<D>) => Tensor<"bool">>("core", "is_nan");

/** Where x is infinite, with either sign. y = (|x| = ∞) */
export const is_inf = define<<D extends DType>(x: Operand<D>) => Tensor<"bool">>("core", "is_inf");

/** Where x is neither infinite nor NaN. y = (|x| < ∞) */
export const is_finite = define<<D extends DType>(x: Operand<D>) => Tensor<"bool">>("core", "is_finite");

/** a where the condition holds, b elsewhere. y = c ? a : b */
export const select = define<<D extends DType>(condition: Operand<"bool">, a: Operand<D>, b: Operand<D>) => Tensor<D>>("core", "select");

/** The same values in another dtype. y = x as dtype */
export const cast = define<<D extends DType>(dtype: D, x: Operand) => Tensor<D>>("core", "cast", { dtype: "first" });

/** The same bits as another dtype of equal size. bits(y) = bits(x) */
export const bitcast = define<<D extends DType>(dtype: D, x: Operand) => Tensor<D>>("core", "bitcast", { dtype: "first" });

/** The tensor itself, as a constant: a gradient does not go through it. y = x */
export const stop_gradient = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("core", "stop_gradient");

/** The same elements in another shape; one extent may be -1. y = x, in row-major order */
export const reshape = define<<D extends DType>(x: Operand<D>, shape: readonly number[]) => Tensor<D>>("core", "reshape");

/** The same elements in another shape; one extent may be -1. y = x, in row-major order */
export const expand = define<<D extends DType>(x: Operand<D>, axis: number | readonly number[]) => Tensor<D>>("core", "expand");

/** The same elements in another shape; one extent may be -1. y = x, in row-major order */
export const squeeze = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[] }) => Tensor<D>>("core", "squeeze");

/** The same elements in another shape; one extent may be -1. y = x, in row-major order */
export const flatten = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "flatten");

/** Dimensions in the given order; without axes reversed. y[i₀, i₁, …] = x with dimension axes[k] at place k */
export const transpose = define<<D extends DType>(x: Operand<D>, options?: { axes?: readonly number[] }) => Tensor<D>>("core", "transpose");

/** The tensor repeated along dimensions of extent 1, and along new ones at the front. y[…, i, j] = x[i or 0, j or 0] */
export const broadcast = define<<D extends DType>(x: Operand<D>, shape: readonly number[]) => Tensor<D>>("core", "broadcast");

/** Elements from last to first along the axes, along all when none is given. y[i] = x[n - 1 - i] */
export const reverse = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[] }) => Tensor<D>>("core", "reverse");

/** Windows of a size that slide along an axis, one every `step` elements; what one holds is along a new last axis. y[…, i, …, j] = x[…, i · step + j · dilation, …] */
export const windows = define<<D extends DType>(x: Operand<D>, size: number, options?: { step?: number; axis?: number; dilation?: number }) => Tensor<D>>("core", "windows");

/** One value everywhere. y = value */
export const zeros = define<<D extends DType>(shape: readonly number[], options?: { dtype?: D }) => Tensor<D>>("core", "zeros", { dtype: "option" });

/** One value everywhere. y = value */
export const ones = define<<D extends DType>(shape: readonly number[], options?: { dtype?: D }) => Tensor<D>>("core", "ones", { dtype: "option" });

/** One value everywhere. y = value */
export const full = define<<D extends DType>(value: number, shape: readonly number[], options?: { dtype?: D }) => Tensor<D>>("core", "full", { dtype: "option" });

/** The numbers 0, 1, … length - 1. y[i] = i */
export const iota = define<<D extends DType>(length: number, options?: { dtype?: D }) => Tensor<D>>("core", "iota", { dtype: "option" });

/** count numbers from start to stop, both included, at equal distances. y[i] = start + i · (stop - start) / (count - 1) */
export const linspace = define<<D extends DType>(start: number, stop: number, count: number, options?: { dtype?: D }) => Tensor<D>>("core", "linspace", { dtype: "option" });

/** 1 on the diagonal, 0 elsewhere. y[i, j] = (i = j) */
export const eye = define<<D extends DType>(rows: number, options?: { columns?: number; dtype?: D }) => Tensor<D>>("core", "eye", { dtype: "option" });

/** Tensors one after the other along an axis. y = x₀ ⧺ x₁ ⧺ … */
export const concat = define<<D extends DType>(tensors: readonly Operand<D>[], options?: { axis?: number }) => Tensor<D>>("core", "concat");

/** Tensors of one shape side by side along a new axis. y[…, k, …] = xₖ[…] */
export const stack = define<<D extends DType>(tensors: readonly Operand<D>[], options?: { axis?: number }) => Tensor<D>>("core", "stack");

/** The tensor with a border: of one value, of its edge (mode "edge"), mirrored (mode "reflect", or "symmetric" with the edge repeated) or of its other end (mode "wrap"); widths for every axis, or one for all. y[before + i] = x[i], value elsewhere */
export const pad = define<<D extends DType>(x: Operand<D>, before: number | readonly number[], options?: { after?: number | readonly number[]; value?: number; mode?: string }) => Tensor<D>>("core", "pad");

/** Every element moved by shift along its axis, around the end; a tuple of shifts is for the first axes. y[(i + shift) mod n] = x[i] */
export const roll = define<<D extends DType>(x: Operand<D>, shift: number | readonly number[], options?: { axis?: number | readonly number[] }) => Tensor<D>>("core", "roll");

/** Elements along an axis, picked by integer indices (negative from the end). y[…, j…, …] = x[…, indices[j…], …] */
export const gather = define<<D extends DType>(x: Operand<D>, indices: Operand, options?: { axis?: number }) => Tensor<D>>("core", "gather");

/** Elements, or slices over the last dimensions, picked by tuples of integer indices along the last axis of indices (negative from the end). y[j…, …] = x[indices[j…, 0], indices[j…, 1], …, …] */
export const gather_nd = define<<D extends DType>(x: Operand<D>, indices: Operand) => Tensor<D>>("core", "gather_nd");

/** 1 at the place each index names, 0 elsewhere, along a new last axis; an index outside gives zeros. y[…, c] = (indices[…] = c) */
export const one_hot = define<<D extends DType>(indices: Operand, classes: number, options?: { dtype?: D }) => Tensor<D>>("core", "one_hot", { dtype: "option" });

/** The integers themselves, which must be from 0 to before the extent: one that is not ends the run in builds with --checked, and is let through in others. y = x, 0 ≤ x < extent */
export const index_below = define<<D extends DType>(x: Operand<D>, extent: number) => Tensor<D>>("core", "index_below");

/** Of each row the element that its index names along the last axis; 0 where the index names none. y[…] = x[…, indices[…]] */
export const pick = define<<D extends DType>(x: Operand<D>, indices: Operand<"i32">) => Tensor<D>>("core", "pick");

/** Elements along an axis, picked in each row by its own integer indices (negative from the end). y[…, j, …] = x[…, indices[…, j, …], …] */
export const take_along = define<<D extends DType>(x: Operand<D>, indices: Operand, options?: { axis?: number }) => Tensor<D>>("core", "take_along");

/** x with updates added at the places along an axis that indices name (negative from the end). y = x, then y[…, indices[j…], …] += updates[…, j…, …] for each j */
export const scatter_add = define<<D extends DType>(x: Operand<D>, indices: Operand, updates: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "scatter_add");

/** x with the largest of itself and the updates at the places along an axis that indices name; NaN if any is NaN. y = x, then y[…, indices[j…], …] = max(y[…, indices[j…], …], updates[…, j…, …]) for each j */
export const scatter_max = define<<D extends DType>(x: Operand<D>, indices: Operand, updates: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "scatter_max");

/** x with the smallest of itself and the updates at the places along an axis that indices name; NaN if any is NaN. y = x, then y[…, indices[j…], …] = min(y[…, indices[j…], …], updates[…, j…, …]) for each j */
export const scatter_min = define<<D extends DType>(x: Operand<D>, indices: Operand, updates: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "scatter_min");

/** x with elements replaced by updates at the places along an axis that indices name; the last of equal indices stays. y = x, then y[…, indices[j…], …] = updates[…, j…, …] for each j */
export const scatter_update = define<<D extends DType>(x: Operand<D>, indices: Operand, updates: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "scatter_update");

/** x with updates added along an axis, in each row at its own indices (negative from the end). y = x, then y[…, indices[…, j, …], …] += updates[…, j, …] for each j */
export const scatter_add_along = define<<D extends DType>(x: Operand<D>, indices: Operand, updates: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "scatter_add_along");

/** x with the largest of itself and the updates along an axis, in each row at its own indices; NaN if any is NaN. y = x, then y[…, indices[…, j, …], …] = max(y[…, indices[…, j, …], …], updates[…, j, …]) for each j */
export const scatter_max_along = define<<D extends DType>(x: Operand<D>, indices: Operand, updates: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "scatter_max_along");

/** x with the smallest of itself and the updates along an axis, in each row at its own indices; NaN if any is NaN. y = x, then y[…, indices[…, j, …], …] = min(y[…, indices[…, j, …], …], updates[…, j, …]) for each j */
export const scatter_min_along = define<<D extends DType>(x: Operand<D>, indices: Operand, updates: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "scatter_min_along");

/** x with elements replaced by updates along an axis, in each row at its own indices (negative from the end); the last of equal indices stays. y = x, then y[…, indices[…, j, …], …] = updates[…, j, …] for each j */
export const scatter_update_along = define<<D extends DType>(x: Operand<D>, indices: Operand, updates: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "scatter_update_along");

/** A box of the tensor that begins at run-time indices, one for each dimension; they are brought to where the box fits. y[i] = x[min(max(indices, 0), n - length) + i] */
export const dynamic_slice = define<<D extends DType>(x: Operand<D>, indices: Operand, length: number | readonly number[]) => Tensor<D>>("core", "dynamic_slice");

/** The tensor with a box of it replaced, which begins at run-time indices; they are brought to where the box fits. y = x, but y[min(max(indices, 0), n - length) + i] = value[i] */
export const dynamic_update = define<<D extends DType>(x: Operand<D>, indices: Operand, value: Operand<D>) => Tensor<D>>("core", "dynamic_update");

/** Copies of the tensor side by side; the last numbers of copies are for the last axes. y[i] = x[i mod n] */
export const tile = define<<D extends DType>(x: Operand<D>, repeats: number | readonly number[]) => Tensor<D>>("core", "tile");

/** Each element several times in a row along an axis. y[i] = x[i div count] */
export const repeat_each = define<<D extends DType>(x: Operand<D>, count: number, options?: { axis?: number }) => Tensor<D>>("core", "repeat_each");

/** Each element several times in a row along an axis. y[i] = x[i div count] */
export const repeat = define<<D extends DType>(x: Operand<D>, count: number, options?: { axis?: number }) => Tensor<D>>("core", "repeat");

/** Elements along an axis from the smallest to the largest, or the other way; NaN counts as largest. y[0] ≤ y[1] ≤ …, a permutation of x */
export const sort = define<<D extends DType>(x: Operand<D>, options?: { axis?: number; descending?: boolean }) => Tensor<D>>("core", "sort");

/** Where the elements of a sorted axis come from, as i32; equal ones in their order, NaN counts as largest. x[y[0]] ≤ x[y[1]] ≤ … */
export const argsort = define<<D extends DType>(x: Operand<D>, options?: { axis?: number; descending?: boolean }) => Tensor<"i32">>("core", "argsort");

/** Where the k largest elements of the last dimension are, as i32, the largest first; the first of equals comes first, NaN counts as largest. x[y[0]] ≥ x[y[1]] ≥ … ≥ all others */
export const top_places = define<<D extends DType>(x: Operand<D>, k: number) => Tensor<"i32">>("core", "top_places");

/** Elements combined along axes, all when none is given: sum, prod, min, max, all, any. y = x₀ ∘ x₁ ∘ … */
export const sum = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }) => Tensor<D>>("core", "sum");

/** Elements combined along axes, all when none is given: sum, prod, min, max, all, any. y = x₀ ∘ x₁ ∘ … */
export const prod = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }) => Tensor<D>>("core", "prod");

/** Elements combined along axes, all when none is given: sum, prod, min, max, all, any. y = x₀ ∘ x₁ ∘ … */
export const all = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }) => Tensor<D>>("core", "all");

/** Elements combined along axes, all when none is given: sum, prod, min, max, all, any. y = x₀ ∘ x₁ ∘ … */
export const any = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }) => Tensor<D>>("core", "any");

/** Average along axes, of all elements when none is given. y = (x₀ + x₁ + …) / n */
export const mean = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }) => Tensor<D>>("core", "mean");

/** Variance along axes, of all elements when none is given; the sum of squares is divided by n - correction. y = Σ (x - mean x)² / (n - correction) */
const var_ = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean; correction?: number }) => Tensor<D>>("core", "var");
export { var_ as var };

/** Standard deviation along axes, of all elements when none is given; the root of `var`. y = √(Σ (x - mean x)² / (n - correction)) */
export const std = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean; correction?: number }) => Tensor<D>>("core", "std");

/** Length of vectors along axes, of all elements when none is given: the root of the sum of squares, or that of another order above 0; infinity, 1.0 / 0.0, gives the largest size. y = (Σ |x|^order)^(1 / order) */
export const norm = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean; order?: number }) => Tensor<D>>("core", "norm");

/** The number below which a share q, from 0 to 1, of the elements along axes lies, of all when none is given: one of them, or on the line between two; NaN where there is one. y = x₍ᵢ₎ + (q·(n - 1) - i) · (x₍ᵢ₊₁₎ - x₍ᵢ₎), i = ⌊q·(n - 1)⌋, of x in order */
export const quantile = define<<D extends DType>(x: Operand<D>, q: number, options?: { axis?: number | readonly number[]; keepdims?: boolean }) => Tensor<D>>("core", "quantile");

/** The middle element along axes, put in order, or the mean of the two in the middle; of all elements when no axis is given; NaN where there is one. y = quantile(x, 1/2) */
export const median = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }) => Tensor<D>>("core", "median");

/** Index of the largest element along an axis, as i32; the first of equals, NaN before all. y = arg max x */
export const argmax = define<<D extends DType>(x: Operand<D>, options?: { axis?: number; keepdims?: boolean }) => Tensor<"i32">>("core", "argmax");

/** Index of the smallest element along an axis, as i32; the first of equals, NaN before all. y = arg min x */
export const argmin = define<<D extends DType>(x: Operand<D>, options?: { axis?: number; keepdims?: boolean }) => Tensor<"i32">>("core", "argmin");

/** Logarithm of the sum of exponentials along axes, of all when none is given. y = ln Σ e^x */
export const log_sum_exp = define<<D extends DType>(x: Operand<D>, options?: { axis?: number | readonly number[]; keepdims?: boolean }) => Tensor<D>>("core", "log_sum_exp");

/** Running sum along an axis, each element included. y[i] = x[0] + … + x[i] */
export const cum_sum = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "cum_sum");

/** Running product along an axis, each element included. y[i] = x[0] · … · x[i] */
export const cum_prod = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "cum_prod");

/** The largest element so far along an axis; NaN from the first NaN on. y[i] = max(x[0], …, x[i]) */
export const cum_max = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "cum_max");

/** The smallest element so far along an axis; NaN from the first NaN on. y[i] = min(x[0], …, x[i]) */
export const cum_min = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "cum_min");

/** Index of the largest element so far along an axis, as i32; the last of equals, NaN before all. x[y[i]] = cum_max(x)[i] */
export const cum_argmax = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<"i32">>("core", "cum_argmax");

/** Index of the smallest element so far along an axis, as i32; the last of equals, NaN before all. x[y[i]] = cum_min(x)[i] */
export const cum_argmin = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<"i32">>("core", "cum_argmin");

/** Each element the one before it along an axis times a, and b added; the first is b alone. y[0] = b[0], y[i] = a[i] · y[i - 1] + b[i] */
export const linear_recurrence = define<<D extends DType>(a: Operand<D>, b: Operand<D>, options?: { axis?: number }) => Tensor<D>>("core", "linear_recurrence");

/** Matrix product; leading dimensions broadcast, vectors lose their dimension. y[i, j] = Σₖ a[i, k] · b[k, j] */
export const matmul = define<<D extends DType>(a: Operand<D>, b: Operand<D>) => Tensor<D>>("core", "matmul");

/** Each matrix on and above its k-th diagonal, zeros below; k counts to the right of the main diagonal. */
export const triu = define<<T extends DType>(x: Operand<T>, options?: { k?: number }) => Tensor<T>>("core", "triu");

/** Each matrix on and below its k-th diagonal, zeros above; k counts to the right of the main diagonal. */
export const tril = define<<T extends DType>(x: Operand<T>, options?: { k?: number }) => Tensor<T>>("core", "tril");

/** The k largest elements of the last dimension, the largest first, and where they are; the first of equals comes first. */
export const top_k = define<<T extends DType>(x: Operand<T>, k: number) => readonly [Tensor<T>, Tensor<"i32">]>("core", "top_k", { results: 2 });

/** How many elements of `sorted`, which ascends, are less than each of x, with `right` how many are not greater: where it belongs among them. NaN counts as largest. By halving. */
export const search_sorted = define<<T extends DType>(sorted: Operand<T>, x: Operand<T>, options?: { right?: boolean }) => Tensor<"i32">>("core", "search_sorted");

/** How many elements lie in each of `bins` equal parts of `low` to `high`, the last of which has its end; others are not counted. */
export const histogram = define<<T extends DType>(x: Operand<T>, bins: number, options?: { low?: number; high?: number }) => Tensor<"i32">>("core", "histogram");

/** Linear interpolation: at each x what the line gives that goes through the points before and behind it, `values` at `places`, which ascend; outside the first and the last value. */
export const interp = define<<T extends DType>(x: Operand<T>, places: Operand<T>, values: Operand<T>) => Tensor<T>>("core", "interp");

/** Running logarithm of the sum of exponentials along an axis, each element included. */
export const cum_log_sum_exp = define<<T extends DType>(x: Operand<T>, options?: { axis?: number }) => Tensor<T>>("core", "cum_log_sum_exp");

/** The greatest number that divides both; 0 for 0 and 0. */
export const gcd = define<<T extends DType>(a: Operand<T>, b: Operand<T>) => Tensor<T>>("core", "gcd");

/** The smallest number that both divide; 0 where one is 0. */
export const lcm = define<<T extends DType>(a: Operand<T>, b: Operand<T>) => Tensor<T>>("core", "lcm");
