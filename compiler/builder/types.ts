/** Element types and shapes as the builder takes them: `f32(32, 784)` is what a source writes as `f32[32, 784]`. */
import type { DType } from "../../runtime/dtype.ts";
import type { TensorType } from "../graph/graph.ts";

export interface TypeOf<D extends DType> extends TensorType {
  readonly dtype: D;
}

/** Extents of the dimensions, outermost first; none for a scalar. */
type Make<D extends DType> = (...shape: readonly number[]) => TypeOf<D>;

const make = <D extends DType>(dtype: D): Make<D> => (...shape) => ({ dtype, shape });

export const f16 = make("f16");
export const bf16 = make("bf16");
export const f32 = make("f32");
export const f64 = make("f64");
export const i8 = make("i8");
export const i16 = make("i16");
export const i32 = make("i32");
export const i64 = make("i64");
export const u8 = make("u8");
export const u16 = make("u16");
export const u32 = make("u32");
export const u64 = make("u64");
export const bool = make("bool");
