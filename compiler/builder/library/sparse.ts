// Written by `npm run generate`; change what it is made from instead.
/** Module std/sparse, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** Product of a matrix of sparse blocks, or of its transpose with so many columns of blocks, and a dense matrix. y = A · B, or Aᵀ · B */
export const sparse_matmul_blocks = define<<D extends DType>(values: Operand<D>, indices: Operand<"i32">, starts: Operand<"i32">, b: Operand<D>, options?: { transposed?: boolean; columns?: number }) => Tensor<D>>("std/sparse", "sparse_matmul_blocks");

/** The row that each of so many blocks or elements lies in, from where the rows start. y[p] = i, starts[i] ≤ p < starts[i + 1] */
export const sparse_rows = define<(starts: Operand<"i32">, count: number) => Tensor<"i32">>("std/sparse", "sparse_rows");

/** The product of two dense matrices where a matrix of sparse blocks has blocks. y[p] = A[rows[p]] · B[indices[p]]ᵀ, in blocks of rows */
export const sparse_sample_blocks = define<<D extends DType>(a: Operand<D>, b: Operand<D>, indices: Operand<"i32">, starts: Operand<"i32">, places: Operand<"i32">, options?: { rows?: number; columns?: number }) => Tensor<D>>("std/sparse", "sparse_sample_blocks");

/** A · B for A with blocks [r, c]: values [count, r, c], columns [count], starts [rows of blocks + 1]. */
export const block_sparse_matmul = define<<T extends DType>(values: Operand<T>, columns: Operand<"i32">, starts: Operand<"i32">, b: Operand<T>) => Tensor<T>>("std/sparse", "block_sparse_matmul");

/** Aᵀ · B for the same A, which has `width` columns of blocks: [width · c, n]. */
export const block_sparse_transposed_matmul = define<<T extends DType>(values: Operand<T>, columns: Operand<"i32">, starts: Operand<"i32">, b: Operand<T>, width: number) => Tensor<T>>("std/sparse", "block_sparse_transposed_matmul");

/** A · Bᵀ where a matrix with blocks [r, c] has blocks: a [rows of blocks · r, n], b [columns of blocks · c, n]. */
export const block_sampled_matmul = define<<T extends DType>(a: Operand<T>, b: Operand<T>, columns: Operand<"i32">, starts: Operand<"i32">, r: number, c: number) => Tensor<T>>("std/sparse", "block_sampled_matmul");

/** A · B for A in CSR: values and columns [count], starts [m + 1], b [k, n] → [m, n]. */
export const sparse_matmul = define<<T extends DType>(values: Operand<T>, columns: Operand<"i32">, starts: Operand<"i32">, b: Operand<T>) => Tensor<T>>("std/sparse", "sparse_matmul");

/** Aᵀ · B for A in CSR with `width` columns: b [m, n] → [width, n]. */
export const sparse_transposed_matmul = define<<T extends DType>(values: Operand<T>, columns: Operand<"i32">, starts: Operand<"i32">, b: Operand<T>, width: number) => Tensor<T>>("std/sparse", "sparse_transposed_matmul");

/** A · x for A in CSR and a vector. */
export const sparse_matvec = define<<T extends DType>(values: Operand<T>, columns: Operand<"i32">, starts: Operand<"i32">, x: Operand<T>) => Tensor<T>>("std/sparse", "sparse_matvec");

/** The elements of A · Bᵀ at the places of a matrix in CSR: a [m, n], b [k, n] → [count]. */
export const sampled_matmul = define<<T extends DType>(a: Operand<T>, b: Operand<T>, columns: Operand<"i32">, starts: Operand<"i32">) => Tensor<T>>("std/sparse", "sampled_matmul");

/** The dense matrix [m, width] of one in CSR. */
export const sparse_to_dense = define<<T extends DType>(values: Operand<T>, columns: Operand<"i32">, starts: Operand<"i32">, width: number) => Tensor<T>>("std/sparse", "sparse_to_dense");
