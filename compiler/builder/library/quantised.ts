// Written by `npm run generate`; change what it is made from instead.
/** Module std/quantised, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";
import type { TypeOf } from "../types.ts";

/** The nearest quantised numbers, ties to even, cut off at the ends of Q; NaN gives 0. `scale` and `zero_point` are one number, or one for each place of an axis: `quantize<i8>(x, scale, axis = 0)`. */
export const quantize = define<<T extends DType, Q extends DType>(x: Operand<T>, scale: Operand<T>, options: { type: TypeOf<Q>; zero_point?: Operand<"i32">; axis?: number }) => Tensor<Q>>("std/quantised", "quantize", { typed: true });

/** scale · (q − zero_point), in the dtype of the scale. */
export const dequantize = define<<Q extends DType, T extends DType>(q: Operand<Q>, scale: Operand<T>, options?: { zero_point?: Operand<"i32">; axis?: number }) => Tensor<T>>("std/quantised", "dequantize");

/** What quantising and dequantising makes of x, with the gradient of x itself where it is not cut off, and 0 where it is: for training with the rounding that will be (Jacob and others, 2018). */
export const fake_quantize = define<<T extends DType>(dtype: DType, x: Operand<T>, scale: Operand<T>, options?: { zero_point?: Operand<"i32">; axis?: number }) => Tensor<T>>("std/quantised", "fake_quantize", { dtype: "first" });

/** The scale with which the largest absolute element is the greatest of Q, the zero point being 0; 1 for zeros. */
export const symmetric_scale = define<<T extends DType>(dtype: DType, x: Operand<T>) => Tensor<T>>("std/quantised", "symmetric_scale", { dtype: "first" });

/** The same for each place of an axis. */
export const symmetric_scales = define<<T extends DType>(dtype: DType, x: Operand<T>, axis: number) => Tensor<T>>("std/quantised", "symmetric_scales", { dtype: "first" });

/** The scale and the zero point with which Q spans the elements of x and 0. */
export const affine_scale = define<<T extends DType>(dtype: DType, x: Operand<T>) => readonly [Tensor<T>, Tensor<"i32">]>("std/quantised", "affine_scale", { dtype: "first", results: 2 });

/** a @ b of i8 or u8 in i32, exactly: [..., m, k] and [..., k, n] (or one [k, n] for all) → [..., m, n]. */
export const matmul_i32 = define<<A extends DType, B extends DType>(a: Operand<A>, b: Operand<B>) => Tensor<"i32">>("std/quantised", "matmul_i32");

/** The product of quantised matrices as floats: (a_scale · (a − a_zero)) @ (b_scale · (b − b_zero)), summed in i32. `b_scale` is one number, or one for each column. */
export const quantised_matmul = define<<A extends DType, B extends DType, T extends DType>(a: Operand<A>, b: Operand<B>, a_scale: Operand<T>, b_scale: Operand<T>, options?: { a_zero?: Operand<"i32">; b_zero?: Operand<"i32"> }) => Tensor<T>>("std/quantised", "quantised_matmul");

/** conv2d of i8 or u8 in i32, exactly: images [n, groups · c, h, w], filters [o, c, kh, kw]. The zero points are taken off first, so that padding is the zero of the floats; that of the filters is one number, or one for each filter. */
export const conv2d_i32 = define<<A extends DType, B extends DType>(x: Operand<A>, filters: Operand<B>, options?: { x_zero?: Operand<"i32">; filters_zero?: Operand<"i32">; stride?: number; padding?: number; dilation?: number; groups?: number }) => Tensor<"i32">>("std/quantised", "conv2d_i32");

/** Sums in i32 as quantised numbers again: `scale` is the product of the operands' scales over that of the result. */
export const requantize = define<<T extends DType, Q extends DType>(sums: Operand<"i32">, scale: Operand<T>, options: { type: TypeOf<Q>; zero_point?: Operand<"i32">; axis?: number }) => Tensor<Q>>("std/quantised", "requantize", { typed: true });
