// Written by `npm run generate`; change what it is made from instead.
/** Module std/special, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** 1 − erf(x), exact where erf is near 1. */
export const erfc = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "erfc");

/** e^(x²) · erfc(x), which does not vanish for large x. */
export const erfcx = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "erfcx");

/** The inverse of the sigmoid, log(p / (1 − p)); NaN outside of 0 … 1. */
export const logit = define<<T extends DType>(p: Operand<T>) => Tensor<T>>("std/special", "logit");

/** x · log(y), and 0 where x is 0, unless y is NaN. */
export const xlogy = define<<T extends DType>(x: Operand<T>, y: Operand<T>) => Tensor<T>>("std/special", "xlogy");

/** The share of normal numbers, of mean 0 and variance 1, that are below x. */
export const ndtr = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "ndtr");

/** log(ndtr(x)), also where that is too small for the dtype. */
export const log_ndtr = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "log_ndtr");

/** The number below which a share p of normal numbers is, of mean 0 and variance 1: the inverse of ndtr, NaN outside of 0 … 1. */
export const ndtri = define<<T extends DType>(p: Operand<T>) => Tensor<T>>("std/special", "ndtri");

/** The inverse of erf; NaN outside of −1 … 1. */
export const erfinv = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "erfinv");

/** The inverse of erfc; NaN outside of 0 … 2. */
export const erfcinv = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "erfcinv");

/** log |Γ(x)|: infinite at 0 and the negative whole numbers. Near its zeros below 0 only the absolute error is small. */
export const lgamma = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "lgamma");

/** The derivative of lgamma, ψ(x); at 0 infinite, NaN at the negative whole numbers. Near its zeros below 0 only the absolute error is small. */
export const digamma = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "digamma");

/** The derivative of digamma, Σ 1 / (x + k)² over k ≥ 0: ten terms, and Euler and Maclaurin's sum of the rest. */
export const trigamma = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/special", "trigamma");
