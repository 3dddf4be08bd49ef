// Written by `npm run generate`; change what it is made from instead.
/** Module std/optim, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** Plain gradient descent. */
export const sgd = define<<T extends DType>(w: Operand<T>, gradient: Operand<T>, lr: Operand<T>, options?: { decay?: number }) => Tensor<T>>("std/optim", "sgd");

/** Gradient descent with momentum: velocity ← momentum · velocity + gradient. With `nesterov` it looks one step ahead. */
export const momentum = define<<T extends DType>(w: Operand<T>, gradient: Operand<T>, velocity: Operand<T>, lr: Operand<T>, options?: { momentum?: number; decay?: number; nesterov?: boolean }) => readonly [Tensor<T>, Tensor<T>]>("std/optim", "momentum", { results: 2 });

/** RMSProp (Tieleman and Hinton, 2012): square ← alpha · square + (1 − alpha) · gradient². */
export const rmsprop = define<<T extends DType>(w: Operand<T>, gradient: Operand<T>, square: Operand<T>, lr: Operand<T>, options?: { alpha?: number; epsilon?: number }) => readonly [Tensor<T>, Tensor<T>]>("std/optim", "rmsprop", { results: 2 });

/** Adagrad (Duchi et al., 2011): square ← square + gradient². */
export const adagrad = define<<T extends DType>(w: Operand<T>, gradient: Operand<T>, square: Operand<T>, lr: Operand<T>, options?: { decay?: number; epsilon?: number }) => readonly [Tensor<T>, Tensor<T>]>("std/optim", "adagrad", { results: 2 });

/** Adam (Kingma and Ba, 2015); `decay` is added to the gradient. */
export const adam = define<<T extends DType>(w: Operand<T>, gradient: Operand<T>, first: Operand<T>, second: Operand<T>, step: Operand<"i32">, lr: Operand<T>, options?: { beta1?: number; beta2?: number; epsilon?: number; decay?: number }) => readonly [Tensor<T>, Tensor<T>, Tensor<T>]>("std/optim", "adam", { results: 3 });

/** Adam with decay apart from the gradient (Loshchilov and Hutter, 2019). */
export const adamw = define<<T extends DType>(w: Operand<T>, gradient: Operand<T>, first: Operand<T>, second: Operand<T>, step: Operand<"i32">, lr: Operand<T>, options?: { beta1?: number; beta2?: number; epsilon?: number; decay?: number }) => readonly [Tensor<T>, Tensor<T>, Tensor<T>]>("std/optim", "adamw", { results: 3 });

/** LAMB (You et al., 2020): adamw, each weight's step scaled to the weight's own length. */
export const lamb = define<<T extends DType>(w: Operand<T>, gradient: Operand<T>, first: Operand<T>, second: Operand<T>, step: Operand<"i32">, lr: Operand<T>, options?: { beta1?: number; beta2?: number; epsilon?: number; decay?: number }) => readonly [Tensor<T>, Tensor<T>, Tensor<T>]>("std/optim", "lamb", { results: 3 });

/** Gradients scaled so that their length together is at most `most`; of one tensor. */
export const clip_norm = define<<T extends DType>(gradient: Operand<T>, most: number) => Tensor<T>>("std/optim", "clip_norm");
