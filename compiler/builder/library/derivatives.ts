// Written by `npm run generate`; change what it is made from instead.
/** Module std/derivatives, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** The change of `y` with a change of `x` in the direction `v`: the Jacobian times v, forward mode. */
export const jvp = define<<T extends DType>(y: Operand<T>, x: Operand<T>, v: Operand<T>) => Tensor<T>>("std/derivatives", "jvp");

/** The Hessian of a loss by `x` times v; that v depends on `x` changes nothing. */
export const hvp = define<<T extends DType>(loss: Operand<T>, x: Operand<T>, v: Operand<T>) => Tensor<T>>("std/derivatives", "hvp");
