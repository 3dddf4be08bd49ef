/** How random expressions are written, of which dtypes, and how large. */
import type { DType } from "../../runtime/dtype.ts";

export const allDTypes: readonly DType[] = ["f32", "i32", "u8", "f16", "f64", "bf16", "i64", "bool", "i8", "i16", "u16", "u32", "u64"];

/** Elements of one tensor, at most: interpreting is slow. */
export const mostElements = 900;

export const showShape = (shape: readonly number[]): string => shape.join(", ");

export const typeText = (dtype: string, shape: readonly number[]): string => (shape.length === 0 ? dtype : `${dtype}[${shape.join(", ")}]`);

/** The text as something a postfix can follow. */
export const wrap = (text: string): string => (/^[a-z_]\w*$/i.test(text) || text.startsWith("(") || /^[a-z_][\w<>]*\([^()]*\)$/i.test(text) ? text : `(${text})`);
