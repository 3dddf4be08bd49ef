// Written by `npm run generate`; change what it is made from instead.
/** Module std/fft, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";
import type { TypeOf } from "../types.ts";

/** Discrete Fourier transforms of rows, real and imaginary parts apart; roots of unity, and those of the first radix, are given. y[0 … 1, …, k] = Σ x[…, j] · e^(−2πi · j · k / n) */
export const fft_rows = define<<D extends DType>(re: Operand<D>, im: Operand<D>, roots: Operand, first: Operand) => Tensor<D>>("std/fft", "fft_rows");

/** X[k] = Σ x[j] · e^(−2πi · j · k / n), as (real, imaginary). */
export const fft = define<<T extends DType>(re: Operand<T>, im: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "fft", { results: 2 });

/** The inverse of fft: x[j] = (Σ X[k] · e^(2πi · j · k / n)) / n. */
export const ifft = define<<T extends DType>(re: Operand<T>, im: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "ifft", { results: 2 });

/** fft of real x: the first n / 2 + 1 elements, of which the others are the conjugates. An even length is one transform of half of it. */
export const rfft = define<<T extends DType>(x: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "rfft", { results: 2 });

/** The real x of length n with rfft(x) = (re, im), as ifft gives it; the imaginary parts of elements that must be real are not read. */
export const irfft = define<<T extends DType>(re: Operand<T>, im: Operand<T>, n: number) => Tensor<T>>("std/fft", "irfft");

/** The window of von Hann. `periodic` is for transforms, and what PyTorch takes; NumPy's is symmetric. */
export const hann_window = define<<T extends DType>(n: number, options: { type: TypeOf<T>; periodic?: boolean }) => Tensor<T>>("std/fft", "hann_window", { typed: true });

/** The window of Hamming, with the coefficients 0.54 and 0.46. */
export const hamming_window = define<<T extends DType>(n: number, options: { type: TypeOf<T>; periodic?: boolean }) => Tensor<T>>("std/fft", "hamming_window", { typed: true });

/** The window of Blackman, with the coefficients 0.42, 0.5 and 0.08. */
export const blackman_window = define<<T extends DType>(n: number, options: { type: TypeOf<T>; periodic?: boolean }) => Tensor<T>>("std/fft", "blackman_window", { typed: true });

/** Parts of the length of the window, one every `step` elements, each times the window: those that lie inside. For a transform of what reaches beyond the ends, pad x before. */
export const frames = define<<T extends DType>(x: Operand<T>, window: Operand<T>, step: number) => Tensor<T>>("std/fft", "frames");

/** The short-time Fourier transform of a real signal: rfft of each of its `frames`. */
export const stft = define<<T extends DType>(x: Operand<T>, window: Operand<T>, step: number) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "stft", { results: 2 });

/** fft of the last two dimensions. */
export const fft2 = define<<T extends DType>(re: Operand<T>, im: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "fft2", { results: 2 });

/** The inverse of fft2. */
export const ifft2 = define<<T extends DType>(re: Operand<T>, im: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/fft", "ifft2", { results: 2 });
