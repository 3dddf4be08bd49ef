// Written by `npm run generate`; change what it is made from instead.
/** Module std/nn, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** Logistic function. y = 1 / (1 + e^(-x)) */
export const sigmoid = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("std/nn", "sigmoid");

/** Gaussian error linear unit, exact. y = x/2 · (1 + erf(x/√2)) */
export const gelu = define<<D extends DType>(x: Operand<D>) => Tensor<D>>("std/nn", "gelu");

/** Exponentials along an axis, scaled to the sum 1. y = e^x / Σ e^x */
export const softmax = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<D>>("std/nn", "softmax");

/** Logarithm of softmax, exact where softmax underflows. y = x - ln Σ e^x */
export const log_softmax = define<<D extends DType>(x: Operand<D>, options?: { axis?: number }) => Tensor<D>>("std/nn", "log_softmax");

/** Rows along the last axis brought to mean 0 and variance 1, then times gain plus bias. y = (x - mean) / √(variance + epsilon) · gain + bias */
export const layer_norm = define<<D extends DType>(x: Operand<D>, gain: Operand<D>, bias: Operand<D>, options?: { epsilon?: number }) => Tensor<D>>("std/nn", "layer_norm");

/** Images x: [n, c, …] with filters w: [o, c / groups, …] and a bias [o], over one, two or three axes; stride, padding and dilation are one int or one for each axis, padding also those before all axes and then those behind, or "same", "same_lower" or "valid". y[n, o, i, …] = bias[o] + Σ x[n, c, i·s + u·d - p, …] · w[o, c, u, …] */
export const conv2d = define<<D extends DType>(x: Operand<D>, w: Operand<D>, options?: { bias?: Operand<D>; stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; groups?: number }) => Tensor<D>>("std/nn", "conv2d");

/** Images x: [n, c, …] with filters w: [o, c / groups, …] and a bias [o], over one, two or three axes; stride, padding and dilation are one int or one for each axis, padding also those before all axes and then those behind, or "same", "same_lower" or "valid". y[n, o, i, …] = bias[o] + Σ x[n, c, i·s + u·d - p, …] · w[o, c, u, …] */
export const conv1d = define<<D extends DType>(x: Operand<D>, w: Operand<D>, options?: { bias?: Operand<D>; stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; groups?: number }) => Tensor<D>>("std/nn", "conv1d");

/** Images x: [n, c, …] with filters w: [o, c / groups, …] and a bias [o], over one, two or three axes; stride, padding and dilation are one int or one for each axis, padding also those before all axes and then those behind, or "same", "same_lower" or "valid". y[n, o, i, …] = bias[o] + Σ x[n, c, i·s + u·d - p, …] · w[o, c, u, …] */
export const conv3d = define<<D extends DType>(x: Operand<D>, w: Operand<D>, options?: { bias?: Operand<D>; stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; groups?: number }) => Tensor<D>>("std/nn", "conv3d");

/** The transpose of a convolution: x: [n, c, …] with filters w: [c, o / groups, …] and a bias [o] gives images of (extent − 1) · stride + dilation · (size − 1) + 1 − padding + output_padding elements along each axis. y[n, o, i·s + u·d - p, …] = bias[o] + Σ x[n, c, i, …] · w[c, o, u, …] */
export const conv_transpose2d = define<<D extends DType>(x: Operand<D>, w: Operand<D>, options?: { bias?: Operand<D>; stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; groups?: number; output_padding?: number | readonly number[] }) => Tensor<D>>("std/nn", "conv_transpose2d");

/** The transpose of a convolution: x: [n, c, …] with filters w: [c, o / groups, …] and a bias [o] gives images of (extent − 1) · stride + dilation · (size − 1) + 1 − padding + output_padding elements along each axis. y[n, o, i·s + u·d - p, …] = bias[o] + Σ x[n, c, i, …] · w[c, o, u, …] */
export const conv_transpose1d = define<<D extends DType>(x: Operand<D>, w: Operand<D>, options?: { bias?: Operand<D>; stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; groups?: number; output_padding?: number | readonly number[] }) => Tensor<D>>("std/nn", "conv_transpose1d");

/** The transpose of a convolution: x: [n, c, …] with filters w: [c, o / groups, …] and a bias [o] gives images of (extent − 1) · stride + dilation · (size − 1) + 1 − padding + output_padding elements along each axis. y[n, o, i·s + u·d - p, …] = bias[o] + Σ x[n, c, i, …] · w[c, o, u, …] */
export const conv_transpose3d = define<<D extends DType>(x: Operand<D>, w: Operand<D>, options?: { bias?: Operand<D>; stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; groups?: number; output_padding?: number | readonly number[] }) => Tensor<D>>("std/nn", "conv_transpose3d");

/** The largest element, or the mean, of each window of images [n, c, …] over one, two or three axes; the stride is the window unless given, padding is that of convolutions. y[n, c, i, …] = max x[n, c, i·s + u·d - p, …], or their mean */
export const max_pool2d = define<<D extends DType>(x: Operand, window: number | readonly number[], options?: { stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[] }) => Tensor<D>>("std/nn", "max_pool2d");

/** The largest element, or the mean, of each window of images [n, c, …] over one, two or three axes; the stride is the window unless given, padding is that of convolutions. y[n, c, i, …] = max x[n, c, i·s + u·d - p, …], or their mean */
export const max_pool1d = define<<D extends DType>(x: Operand, window: number | readonly number[], options?: { stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[] }) => Tensor<D>>("std/nn", "max_pool1d");

/** The largest element, or the mean, of each window of images [n, c, …] over one, two or three axes; the stride is the window unless given, padding is that of convolutions. y[n, c, i, …] = max x[n, c, i·s + u·d - p, …], or their mean */
export const max_pool3d = define<<D extends DType>(x: Operand, window: number | readonly number[], options?: { stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[] }) => Tensor<D>>("std/nn", "max_pool3d");

/** The largest element, or the mean, of each window of images [n, c, …] over one, two or three axes; the stride is the window unless given, padding is that of convolutions. y[n, c, i, …] = max x[n, c, i·s + u·d - p, …], or their mean */
export const avg_pool1d = define<<D extends DType>(x: Operand, window: number | readonly number[], options?: { stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; count_padding?: boolean }) => Tensor<D>>("std/nn", "avg_pool1d");

/** The largest element, or the mean, of each window of images [n, c, …] over one, two or three axes; the stride is the window unless given, padding is that of convolutions. y[n, c, i, …] = max x[n, c, i·s + u·d - p, …], or their mean */
export const avg_pool2d = define<<D extends DType>(x: Operand, window: number | readonly number[], options?: { stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; count_padding?: boolean }) => Tensor<D>>("std/nn", "avg_pool2d");

/** The largest element, or the mean, of each window of images [n, c, …] over one, two or three axes; the stride is the window unless given, padding is that of convolutions. y[n, c, i, …] = max x[n, c, i·s + u·d - p, …], or their mean */
export const avg_pool3d = define<<D extends DType>(x: Operand, window: number | readonly number[], options?: { stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[]; count_padding?: boolean }) => Tensor<D>>("std/nn", "avg_pool3d");

/** What a window meets at each of its positions in images [n, c, …], as columns: [n, c · elements of the window, positions]; 0 in the border. y[n, (c, u), i] = x[n, c, i · stride + u · dilation - padding] */
export const unfold = define<<D extends DType>(x: Operand<D>, size: number | readonly number[], options?: { stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[] }) => Tensor<D>>("std/nn", "unfold");

/** Images [n, c, …] of the extents, in which each element is the sum of what belongs to it in columns as `unfold` gives them; what belongs to the border is left out. y[n, c, i · stride + u · dilation - padding] += x[n, (c, u), i] for each u and i */
export const fold = define<<D extends DType>(x: Operand<D>, extents: number | readonly number[], size: number | readonly number[], options?: { stride?: number | readonly number[]; padding?: number | readonly number[] | "same" | "same_lower" | "valid"; dilation?: number | readonly number[] }) => Tensor<D>>("std/nn", "fold");

/** max(x, 0) */
export const relu = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "relu");

/** x where it is positive, `slope` · x elsewhere. */
export const leaky_relu = define<<T extends DType>(x: Operand<T>, options?: { slope?: number }) => Tensor<T>>("std/nn", "leaky_relu");

/** x where it is positive, `alpha` · (eˣ − 1) elsewhere. */
export const elu = define<<T extends DType>(x: Operand<T>, options?: { alpha?: number }) => Tensor<T>>("std/nn", "elu");

/** x where it is positive, `alpha` · (eˣᐟᵅ − 1) elsewhere: an elu whose slope is continuous for every `alpha` (Barron, 2017). */
export const celu = define<<T extends DType>(x: Operand<T>, options?: { alpha?: number }) => Tensor<T>>("std/nn", "celu");

/** The self-normalising elu of Klambauer et al. (2017). */
export const selu = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "selu");

/** x · sigmoid(x), also called swish. */
export const silu = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "silu");

/** log(1 + eˣ), without overflow for large x. */
export const softplus = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "softplus");

/** x · tanh(softplus(x)) */
export const mish = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "mish");

/** x / (1 + |x|) */
export const softsign = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "softsign");

/** gelu with a tanh in place of erf (Hendrycks and Gimpel, 2016): x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))). */
export const gelu_tanh = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "gelu_tanh");

/** The first half of the last dimension times the sigmoid of the second: a gated linear unit (Dauphin et al., 2017). */
export const glu = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "glu");

/** x where it is further from 0 than `most`, 0 elsewhere. */
export const hard_shrink = define<<T extends DType>(x: Operand<T>, options?: { most?: number }) => Tensor<T>>("std/nn", "hard_shrink");

/** x brought nearer to 0 by `most`, and 0 where it is not further from it. */
export const soft_shrink = define<<T extends DType>(x: Operand<T>, options?: { most?: number }) => Tensor<T>>("std/nn", "soft_shrink");

/** 1 at the place of the largest element along an axis, the first of equals, and 0 elsewhere. */
export const hardmax = define<<T extends DType>(x: Operand<T>, options?: { axis?: number }) => Tensor<T>>("std/nn", "hardmax");

/** Vectors along an axis brought to length 1, by the norm of an order; one shorter than `epsilon` is divided by that. */
export const normalize = define<<T extends DType>(x: Operand<T>, options?: { order?: number; axis?: number; epsilon?: number }) => Tensor<T>>("std/nn", "normalize");

/** A straight line through (0, ½), cut off at 0 and 1. */
export const hard_sigmoid = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "hard_sigmoid");

/** x · hard_sigmoid(x) */
export const hard_swish = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "hard_swish");

/** A dense layer: [b, i] · [i, o] + [o] → [b, o]. */
export const dense = define<<T extends DType>(x: Operand<T>, w: Operand<T>, bias: Operand<T>) => Tensor<T>>("std/nn", "dense");

/** Rows of a table by number. */
export const embedding = define<<T extends DType>(table: Operand<T>, indices: Operand<"i32">) => Tensor<T>>("std/nn", "embedding");

/** Divides by the root mean square over the last dimension, then scales. */
export const rms_norm = define<<T extends DType>(x: Operand<T>, gain: Operand<T>, options?: { epsilon?: number }) => Tensor<T>>("std/nn", "rms_norm");

/** Batch normalisation with known statistics, channels in dimension 1. */
export const batch_norm = define<<T extends DType>(x: Operand<T>, gain: Operand<T>, bias: Operand<T>, average: Operand<T>, variance: Operand<T>, options?: { epsilon?: number }) => Tensor<T>>("std/nn", "batch_norm");

/** Each element divided by (k + alpha · the mean of the squares of `size` channels around its own)^beta, channels in dimension 1 (Krizhevsky et al., 2012). */
export const local_response_norm = define<<T extends DType>(x: Operand<T>, size: number, options?: { alpha?: number; beta?: number; k?: number }) => Tensor<T>>("std/nn", "local_response_norm");

/** Channels in groups of r² become images r times as high and wide (Shi et al., 2016): [n, c · r², h, w] → [n, c, h · r, w · r]. */
export const pixel_shuffle = define<<T extends DType>(x: Operand<T>, r: number) => Tensor<T>>("std/nn", "pixel_shuffle");

/** The inverse of pixel_shuffle: [n, c, h · r, w · r] → [n, c · r², h, w]. */
export const pixel_unshuffle = define<<T extends DType>(x: Operand<T>, r: number) => Tensor<T>>("std/nn", "pixel_unshuffle");

/** Channels of `groups` groups, one of each after the other (Zhang et al., 2018). */
export const channel_shuffle = define<<T extends DType>(x: Operand<T>, groups: number) => Tensor<T>>("std/nn", "channel_shuffle");

/** Means of `height` · `width` parts of images of any size. */
export const adaptive_avg_pool2d = define<<T extends DType>(x: Operand<T>, height: number, width: number) => Tensor<T>>("std/nn", "adaptive_avg_pool2d");

/** The mean over the height and width of every channel. */
export const global_avg_pool2d = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "global_avg_pool2d");

/** The mean of every channel, over all its other dimensions. */
export const global_avg_pool = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "global_avg_pool");

/** The largest element of every channel, over all its other dimensions. */
export const global_max_pool = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/nn", "global_max_pool");

/** Scaled dot-product attention: queries [..., m, d], keys [..., n, d], values [..., n, e] → [..., m, e]. Scores are products times `scale` (1/√d unless given), brought into ±`softcap` if that is given, plus `bias`: −∞ where a query must not see a key. With `causal`, query i sees keys up to i + n − m. A query that sees no key gives NaN. */
export const attention = define<<T extends DType>(q: Operand<T>, k: Operand<T>, v: Operand<T>, options?: { bias?: Operand<T>; scale?: number; softcap?: number; causal?: boolean }) => Tensor<T>>("std/nn", "attention");

/** Linear attention, step by step (Katharopoulos et al., 2020): a state [..., d, e] takes in the outer product of each step's key and value, and each query reads it: queries and keys [t, ..., d], values [t, ..., e]. Before each step the state is multiplied by exp(decay), decay broadcasting to [t, ..., d]. With `delta` what is taken in is not the value, but `rate` times the difference of the value from what the state gives for the key (Yang et al., 2024). Gives the results of all steps, and the last state. */
export const linear_attention = define<<T extends DType>(q: Operand<T>, k: Operand<T>, v: Operand<T>, start: Operand<T>, decay: Operand<T>, rate: Operand<T>, options?: { delta?: boolean }) => readonly [Tensor<T>, Tensor<T>]>("std/nn", "linear_attention", { results: 2 });

/** Turns pairs of the last dimension by angles, whose cosines and sines are given for each position (Su et al., 2021): element i with element i + h, or with `interleaved` element 2i with 2i + 1. The cosines [..., m, h] broadcast. */
export const rotary_embedding = define<<T extends DType>(x: Operand<T>, cosines: Operand<T>, sines: Operand<T>, options?: { interleaved?: boolean }) => Tensor<T>>("std/nn", "rotary_embedding");

/** Mean squared error. */
export const mse = define<<T extends DType>(prediction: Operand<T>, target: Operand<T>) => Tensor<T>>("std/nn", "mse");

/** Mean absolute error. */
export const l1 = define<<T extends DType>(prediction: Operand<T>, target: Operand<T>) => Tensor<T>>("std/nn", "l1");

/** Mean of ½ · error² where the error is below `delta`, of a straight line beyond. */
export const huber = define<<T extends DType>(prediction: Operand<T>, target: Operand<T>, options?: { delta?: number }) => Tensor<T>>("std/nn", "huber");

/** Mean over the batch of −log probability of the right class; `log_probabilities` as log_softmax gives them. A label that is no class counts as a loss of 0; in builds with --checked it ends the run. */
export const nll = define<<T extends DType>(log_probabilities: Operand<T>, labels: Operand<"i32">) => Tensor<T>>("std/nn", "nll");

/** Mean over the batch of −log softmax(logits) of the right class. A label that is no class counts as a loss of 0; in builds with --checked it ends the run. */
export const cross_entropy = define<<T extends DType>(logits: Operand<T>, labels: Operand<"i32">) => Tensor<T>>("std/nn", "cross_entropy");

/** For each row −log probability of its class times the weight of that class, and the weight itself; both are 0 where the label is `ignored`. The sum of the first over the sum of the second is the weighted mean. A label that is no class counts as a loss of 0; in builds with --checked it ends the run. */
export const weighted_nll = define<<T extends DType>(log_probabilities: Operand<T>, labels: Operand<"i32">, weights: Operand<T>, options?: { ignored?: number }) => readonly [Tensor<T>, Tensor<T>]>("std/nn", "weighted_nll", { results: 2 });

/** Binary cross entropy of logits: mean over all elements of −log of the probability sigmoid gives the right answer, 0 or 1. */
export const binary_cross_entropy = define<<T extends DType>(logits: Operand<T>, target: Operand<T>) => Tensor<T>>("std/nn", "binary_cross_entropy");

/** Mean over the batch of Σ target · (log target − log_probabilities), how far distributions are from the targets (Kullback and Leibler, 1951); both [b, c], the first as log_softmax gives it. */
export const kl_divergence = define<<T extends DType>(log_probabilities: Operand<T>, target: Operand<T>) => Tensor<T>>("std/nn", "kl_divergence");

/** The cosine of the angle between vectors in the last dimension; lengths below `epsilon` count as that. */
export const cosine_similarity = define<<T extends DType>(a: Operand<T>, b: Operand<T>, options?: { epsilon?: number }) => Tensor<T>>("std/nn", "cosine_similarity");

/** Mean of how much further the anchor is from the negative than `margin` more than from the positive, 0 where it is: vectors are along the last dimension (Schroff et al., 2015). */
export const triplet_margin = define<<T extends DType>(anchor: Operand<T>, positive: Operand<T>, negative: Operand<T>, options?: { margin?: number }) => Tensor<T>>("std/nn", "triplet_margin");

/** Mean of −log of the density of the target in normal distributions, less ½ · log 2π; variances below `epsilon` count as that. */
export const gaussian_nll = define<<T extends DType>(prediction: Operand<T>, target: Operand<T>, variance: Operand<T>, options?: { epsilon?: number }) => Tensor<T>>("std/nn", "gaussian_nll");

/** Mean of −log of the probability of the target, a count, whose mean's logarithm is predicted; less what the target alone decides. */
export const poisson_nll = define<<T extends DType>(log_rate: Operand<T>, target: Operand<T>) => Tensor<T>>("std/nn", "poisson_nll");

/** Normalises each of `groups` groups of channels (dimension 1) over its elements, then scales each channel (Wu and He, 2018). */
export const group_norm = define<<T extends DType>(x: Operand<T>, gain: Operand<T>, bias: Operand<T>, groups: number, options?: { epsilon?: number }) => Tensor<T>>("std/nn", "group_norm");

/** Normalises each channel (dimension 1) of each element of the batch, then scales it. */
export const instance_norm = define<<T extends DType>(x: Operand<T>, gain: Operand<T>, bias: Operand<T>, options?: { epsilon?: number }) => Tensor<T>>("std/nn", "instance_norm");

/** Batch normalisation while training: with the statistics of this batch, channels in dimension 1. Gives the result, and the running average and variance moved by `momentum` towards those of the batch (Ioffe and Szegedy, 2015). */
export const batch_norm_training = define<<T extends DType>(x: Operand<T>, gain: Operand<T>, bias: Operand<T>, average: Operand<T>, variance: Operand<T>, options?: { momentum?: number; epsilon?: number }) => readonly [Tensor<T>, Tensor<T>, Tensor<T>]>("std/nn", "batch_norm_training", { results: 3 });

/** Zeros with probability `rate`, and the rest divided by 1 − rate. `step` chooses the pattern: count it up in every round. */
export const dropout = define<<T extends DType>(x: Operand<T>, rate: number, seed: number, step: Operand<"i32">) => Tensor<T>>("std/nn", "dropout");

/** A plain recurrent layer over time: h ← tanh(x[k] · wx + h · wh + bias). Gives h after every step, and the last. */
export const rnn = define<<T extends DType>(x: Operand<T>, start: Operand<T>, wx: Operand<T>, wh: Operand<T>, bias: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/nn", "rnn", { results: 2 });

/** A layer of long short-term memory (Hochreiter and Schmidhuber, 1997). The columns of the weights are the gates input, forget, cell, output, as in PyTorch. Gives the hidden state after every step, the last, and the last cell state. */
export const lstm = define<<T extends DType>(x: Operand<T>, start: Operand<T>, cell: Operand<T>, wx: Operand<T>, wh: Operand<T>, bias: Operand<T>) => readonly [Tensor<T>, Tensor<T>, Tensor<T>]>("std/nn", "lstm", { results: 3 });

/** A layer of gated recurrent units (Cho et al., 2014). The columns of the weights are the gates reset, update, new, as in PyTorch, and each side has a bias. Gives the hidden state after every step, and the last. The reset gate works on the product of the state, as in PyTorch, or on the state itself, as in the paper: `reset_after = false`. */
export const gru = define<<T extends DType>(x: Operand<T>, start: Operand<T>, wx: Operand<T>, wh: Operand<T>, bias_x: Operand<T>, bias_h: Operand<T>, options?: { reset_after?: boolean }) => readonly [Tensor<T>, Tensor<T>]>("std/nn", "gru", { results: 2 });

/** −log probability of each row's labels under connectionist temporal classification (Graves et al., 2006): over all ways to write the labels with repetitions and blanks. `log_probabilities` as log_softmax gives them, for t steps; of each row the first `steps` steps and the first `lengths` labels count. f32 or f64; no fewer steps than labels, else it is 1e30. */
export const ctc = define<<T extends DType>(log_probabilities: Operand<T>, labels: Operand<"i32">, steps: Operand<"i32">, lengths: Operand<"i32">, options?: { blank?: number }) => Tensor<T>>("std/nn", "ctc");
