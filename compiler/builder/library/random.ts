// Written by `npm run generate`; change what it is made from instead.
/** Module std/random, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";
import type { TypeOf } from "../types.ts";

/** Random numbers from 0 to 1, 1 excluded, by seed and stream. y ~ U[0, 1) */
export const uniform = define<{
  <D extends DType>(seed: number, stream: number, shape: readonly number[], options?: { dtype?: D }): Tensor<D>;
  <D extends DType>(seed: number, stream: Operand<"i32">, shape: readonly number[], options?: { dtype?: D }): Tensor<D>;
}>("std/random", "uniform", { dtype: "option" });

/** Random numbers with mean 0 and variance 1, by seed and stream. y ~ N(0, 1) */
export const normal = define<{
  <D extends DType>(seed: number, stream: number, shape: readonly number[], options?: { dtype?: D }): Tensor<D>;
  <D extends DType>(seed: number, stream: Operand<"i32">, shape: readonly number[], options?: { dtype?: D }): Tensor<D>;
}>("std/random", "normal", { dtype: "option" });

/** Uniform in [−a, a), a = √(6 / (i + o)), for the weights [i, o] of a layer from i to o elements, or the filters [o, i, …] of a convolution, whose windows' elements count too (Glorot and Bengio, 2010). */
export const glorot_uniform = define<<T extends DType>(seed: number, stream: number, options: { type: TypeOf<T> }) => Tensor<T>>("std/random", "glorot_uniform", { typed: true });

/** Normal with deviation √(2 / (i + o)). */
export const glorot_normal = define<<T extends DType>(seed: number, stream: number, options: { type: TypeOf<T> }) => Tensor<T>>("std/random", "glorot_normal", { typed: true });

/** Uniform in [−a, a), a = √(6 / i), for layers followed by relu (He et al., 2015). */
export const he_uniform = define<<T extends DType>(seed: number, stream: number, options: { type: TypeOf<T> }) => Tensor<T>>("std/random", "he_uniform", { typed: true });

/** Normal with deviation √(2 / i). */
export const he_normal = define<<T extends DType>(seed: number, stream: number, options: { type: TypeOf<T> }) => Tensor<T>>("std/random", "he_normal", { typed: true });

/** With orthonormal columns, or rows where there are more columns, and as likely turned every way (Saxe et al., 2014; Mezzadri, 2007). */
export const orthogonal = define<<T extends DType>(seed: number, stream: number, options: { type: TypeOf<T> }) => Tensor<T>>("std/random", "orthogonal", { typed: true });

/** True with probability `p`. */
export const bernoulli = define<(seed: number, stream: number, options: { type: TypeOf<"bool">; p?: number }) => Tensor<"bool">>("std/random", "bernoulli", { typed: true });

/** Integers from `low` to below `high`; the range must be smaller than 2^24. */
export const randint = define<<T extends DType>(seed: number, stream: number, low: number, high: number, options: { type: TypeOf<T> }) => Tensor<T>>("std/random", "randint", { typed: true });

/** Normal numbers, of mean 0 and variance 1 before, of which those outside of `low` to `high` are left out. */
export const truncated_normal = define<<T extends DType>(seed: number, stream: number, options: { type: TypeOf<T>; low?: number; high?: number }) => Tensor<T>>("std/random", "truncated_normal", { typed: true });

/** Exponentially distributed numbers with mean 1. */
export const exponential = define<<T extends DType>(seed: number, stream: number, options: { type: TypeOf<T> }) => Tensor<T>>("std/random", "exponential", { typed: true });

/** Each class with the probability that softmax(logits, axis = -1) gives it (Gumbel, 1954: the largest of logits with noise). */
export const categorical = define<<T extends DType>(logits: Operand<T>, seed: number, stream: number) => Tensor<"i32">>("std/random", "categorical");

/** The numbers 0 to n − 1 in random order. */
export const permutation = define<(seed: number, stream: number, options: { type: TypeOf<"i32"> }) => Tensor<"i32">>("std/random", "permutation", { typed: true });

/** The elements along the first dimension in random order. */
export const shuffle = define<<T extends DType>(x: Operand<T>, seed: number, stream: number) => Tensor<T>>("std/random", "shuffle");
