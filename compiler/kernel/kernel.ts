/**
 * Kernel level, the types: what one vertex does. Loop nests over tile-local buffers, scalar expressions, vector width.
 * User vertices and library ops meet here. Immutable plain data.
 *
 * Meaning of arithmetic (one for interpreter, kernels and compile-time values; spec/language.md):
 * integers wrap; integer `div` and `rem` truncate toward zero and trap on zero; shifts take the amount modulo the width;
 * a cast from float to integer truncates and saturates, NaN gives 0; casts between integers wrap; `min`/`max` give NaN
 * if either operand is NaN; f16 and bf16 are stored in 16 bits and computed in f32: an expression of dtype f16 is
 * rounded to f16 after each operation only where it is stored or cast.
 */
import type { DType } from "../../runtime/dtype.ts";
import type { Span } from "../support/span.ts";

export type UnaryOp = "neg" | "abs" | "not" | "sqrt" | "floor" | "ceil" | "trunc" | "nearest" | "popcount";
/**
 * Comparisons give dtype `bool`; all others the dtype of their operands, which must be equal. `and or xor` take integers and
 * bool. `mulhi`, of u32 alone, is the upper half of the product's 64 bits, whose lower half is `mul`. `dot`, of i32 alone, takes each
 * operand as two integers of 16 bits, and adds up the product of the lower ones and that of the upper ones.
 */
export type BinaryOp =
  | "add" | "sub" | "mul" | "div" | "rem" | "min" | "max"
  | "and" | "or" | "xor" | "shl" | "shr" | "mulhi" | "dot"
  | ComparisonOp;
export type ComparisonOp = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

/** Functions beyond the machine's own instructions; expanded into polynomials, or imported, before emission. */
export type MathFunction =
  | "exp" | "expm1" | "exp2" | "log" | "log1p" | "log2" | "log10" | "sin" | "cos" | "tan" | "asin" | "acos" | "atan" | "atan2"
  | "sinh" | "cosh" | "tanh" | "asinh" | "acosh" | "atanh" | "cbrt" | "erf" | "pow";

interface Typed {
  readonly dtype: DType;
  /** 1 for a scalar, else the number of elements of a vector. */
  readonly lanes: number;
}

export type Expression =
  /** A number, or a bigint for i64 and u64; bool is 0 or 1. With lanes > 1 the same value in each. */
  | (Typed & { readonly kind: "constant"; readonly value: number | bigint })
  /** The i-th argument of a scalar function (the `body` of a graph-level map); never inside a kernel. */
  | (Typed & { readonly kind: "argument"; readonly index: number })
  | (Typed & { readonly kind: "local"; readonly local: LocalId })
  /** One element, or `lanes` neighbours along the last index (whose stride must then be 1). */
  | (Typed & { readonly kind: "load"; readonly buffer: BufferId; readonly index: readonly Expression[] })
  | (Typed & { readonly kind: "splat"; readonly operand: Expression })
  /** A vector of scalars, one a lane; or of two vectors, one after the other. Of loads: elements that are no neighbours. */
  | (Typed & { readonly kind: "pack"; readonly operands: readonly Expression[] })
  /** One lane of a vector, a scalar. */
  | (Typed & { readonly kind: "lane"; readonly index: number; readonly operand: Expression })
  /** 0, 1, 2, … in the lanes of a vector of integers. */
  | (Typed & { readonly kind: "iota" })
  /** Lane-wise combination of a vector to a scalar, in a fixed order: ((l0 ∘ l1) ∘ (l2 ∘ l3)) … . */
  | (Typed & { readonly kind: "reduce"; readonly op: BinaryOp; readonly operand: Expression })
  | (Typed & { readonly kind: "unary"; readonly op: UnaryOp; readonly operand: Expression })
  | (Typed & { readonly kind: "binary"; readonly op: BinaryOp; readonly left: Expression; readonly right: Expression })
  /** sum + left · right, or less the product: rounded twice, or once where a machine and the options have it so. In vectors and scalars alike. */
  | (Typed & { readonly kind: "multiplyAdd"; readonly op: "add" | "sub"; readonly left: Expression; readonly right: Expression; readonly sum: Expression })
  /** Both sides may be evaluated. */
  | (Typed & { readonly kind: "select"; readonly condition: Expression; readonly then: Expression; readonly otherwise: Expression })
  | (Typed & { readonly kind: "cast"; readonly operand: Expression })
  /** The same bits as another dtype, or as vectors of other lanes, of equal size. */
  | (Typed & { readonly kind: "bitcast"; readonly operand: Expression })
  | (Typed & { readonly kind: "call"; readonly function: MathFunction; readonly args: readonly Expression[] });

export type LocalId = number;
export type BufferId = number;

export interface Local {
  readonly name: string;
  readonly dtype: DType;
  readonly lanes: number;
}

/** Tile-local memory a kernel touches: one field of a vertex. */
export interface Buffer {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Distance in elements between neighbours along each dimension; may be 0 (broadcast) or negative (reversed). */
  readonly strides: readonly number[];
  readonly access: "in" | "out" | "inout";
  readonly origin: Span;
}

export type Statement =
  /** Gives a local its value (again). `counted`, in builds to be profiled: an i32, which is added to the counter of that number (`count-loops.ts`). */
  | { readonly kind: "set"; readonly local: LocalId; readonly value: Expression; readonly origin: Span; readonly counted?: number }
  /** The value's lanes say how many neighbours along the last index are written. */
  | { readonly kind: "store"; readonly buffer: BufferId; readonly index: readonly Expression[]; readonly value: Expression; readonly origin: Span }
  /**
   * `local` (i32) runs from `start` while < `end` by `step` (> 0). `start` and `end` are evaluated once.
   * `parallel`: the iterations are independent: none reads or writes an element or a local another one writes.
   * `rolled`: a sum that stays a loop, however short, so that the loops around it are blocked over it (passes/block-contraction.ts).
   * `repeatable`: of a parallel loop: an iteration may run twice, since nothing that the loop stores is read by it, wherever buffers lie.
   */
  | {
      readonly kind: "for"; readonly local: LocalId; readonly start: Expression; readonly end: Expression; readonly step: number;
      readonly parallel: boolean; readonly rolled?: boolean; readonly repeatable?: boolean; readonly body: readonly Statement[]; readonly origin: Span;
    }
  | { readonly kind: "while"; readonly condition: Expression; readonly body: readonly Statement[]; readonly origin: Span }
  | { readonly kind: "if"; readonly condition: Expression; readonly then: readonly Statement[]; readonly otherwise: readonly Statement[]; readonly origin: Span };

export interface Kernel {
  /** For people: "matmul", "Dot.compute". Not unique. */
  readonly name: string;
  readonly buffers: readonly Buffer[];
  readonly locals: readonly Local[];
  readonly body: readonly Statement[];
  /** The user's `cycles =` estimate for modelled machines, if given. */
  readonly cycles?: number;
  readonly origin: Span;
}

/** Strides of a dense row-major array of this shape, in elements. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let dimension = shape.length - 1; dimension >= 0; dimension--) {
    strides[dimension] = stride;
    stride *= shape[dimension]!;
  }
  return strides;
}
