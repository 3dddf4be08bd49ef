// Written by `npm run generate`; change what it is made from instead.
/** Module std/fft, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** X[k] = Σ x[j] · e^(−2πi · j · k / n), as (real, imaginary). */
export const fft = define<<T extends DType>(re: Operand<T>, im: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "fft", { results: 2 });

/** The inverse of fft: x[j] = (Σ X[k] · e^(2πi · j · k / n)) / n. */
export const ifft = define<<T extends DType>(re: Operand<T>, im: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "ifft", { results: 2 });

/** fft of real x: the first n / 2 + 1 elements, of which the others are the conjugates. An even length is one transform of half of it. */
export const rfft = define<<T extends DType>(x: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "rfft", { results: 2 });

/** The real x of length n with rfft(x) = (re, im), as ifft gives it; the imaginary parts of elements that must be real are not read. */
export const irfft = define<<T extends DType>(re: Operand<T>, im: Operand<T>, n: number) => Tensor<T>>("std/fft", "irfft");

/** fft of the last two dimensions. */
export const fft2 = define<<T extends DType>(re: Operand<T>, im: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "fft2", { results: 2 });

/** The inverse of fft2. */
export const ifft2 = define<<T extends DType>(re: Operand<T>, im: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "ifft2", { results: 2 });
