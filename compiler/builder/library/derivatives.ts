// Written by `npm run generate`; change what it is made from instead.
/** Module std/derivatives, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** y, whose derivative by each element of x is said to be that of slope, and 0 by all else. y, dy/dx = slope */
export const with_slope = define<<D extends DType>(y: Operand<D>, x: Operand<D>, slope: Operand<D>) => Tensor<D>>("std/derivatives", "with_slope");

/** The change of `y` with a change of `x` in the direction `v`: the Jacobian times v, forward mode. */
export const jvp = define<<T extends DType>(y: Operand<T>, x: Operand<T>, v: Operand<T>) => Tensor<T>>("std/derivatives", "jvp");

/** The Hessian of a loss by `x` times v; that v depends on `x` changes nothing. */
export const hvp = define<<T extends DType>(loss: Operand<T>, x: Operand<T>, v: Operand<T>) => Tensor<T>>("std/derivatives", "hvp");
