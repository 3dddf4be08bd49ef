// Written by `npm run generate`; change what it is made from instead.
/** Module std/linalg, for the builder. */
import type { DType } from "../../../runtime/dtype.ts";
import { define } from "../call.ts";
import type { Operand, Tensor } from "../tensor.ts";

/** Solves op(A) · X = B by substitution, A being triangular; `triangular_solve` cuts large ones into such blocks. y = op(A)⁻¹ · B */
export const triangular_solve_block = define<<D extends DType>(a: Operand<D>, b: Operand<D>, options?: { lower?: boolean; transposed?: boolean; unit_diagonal?: boolean }) => Tensor<D>>("std/linalg", "triangular_solve_block");

/** The lower triangular L with A = L · Lᵀ, row after row; `cholesky` cuts large matrices into such blocks. y = L, A = L · Lᵀ */
export const cholesky_block = define<<D extends DType>(a: Operand<D>) => Tensor<D>>("std/linalg", "cholesky_block");

/** Reflects columns onto a triangle: R on and above the diagonal, the reflections' vectors below; `qr` cuts wide matrices into such panels. y = R + strictly lower V, H₁ · … · Hₙ · R = A */
export const householder_block = define<<D extends DType>(a: Operand<D>) => Tensor<D>>("std/linalg", "householder_block");

/** Q, with the gradient by A that A = Q · R gives it. y = Q */
export const implied_q = define<<D extends DType>(q: Operand<D>, a: Operand<D>, r: Operand<D>) => Tensor<D>>("std/linalg", "implied_q");

/** R, with the gradient by A that A = Q · R gives it. y = R */
export const implied_r = define<<D extends DType>(r: Operand<D>, a: Operand<D>, q: Operand<D>) => Tensor<D>>("std/linalg", "implied_r");

/** X, with the gradients by A and B that the least |A · X − B| gives it; A = Q · R. y = X */
export const implied_solution = define<<D extends DType>(x: Operand<D>, a: Operand<D>, b: Operand<D>, q: Operand<D>, r: Operand<D>) => Tensor<D>>("std/linalg", "implied_solution");

/** A determinant or the logarithm of its absolute value, with the gradient by A; A = Q · R. y = |A|, or y = ln |A| */
export const implied_determinant = define<<D extends DType>(value: Operand<D>, a: Operand<D>, q: Operand<D>, r: Operand<D>, options?: { logarithm?: boolean }) => Tensor<D>>("std/linalg", "implied_determinant");

/** L, with the gradient by A that A = L · Lᵀ gives it. y = L */
export const implied_cholesky = define<<D extends DType>(l: Operand<D>, a: Operand<D>) => Tensor<D>>("std/linalg", "implied_cholesky");

/** Eigenvalues, with the gradient by the lower triangle of A that A = V · diag(values) · Vᵀ gives them. y = values */
export const implied_eigenvalues = define<<D extends DType>(values: Operand<D>, a: Operand<D>, v: Operand<D>) => Tensor<D>>("std/linalg", "implied_eigenvalues");

/** Eigenvectors, with the gradient by the lower triangle of A that A = V · diag(values) · Vᵀ gives them. y = V */
export const implied_eigenvectors = define<<D extends DType>(v: Operand<D>, a: Operand<D>, values: Operand<D>) => Tensor<D>>("std/linalg", "implied_eigenvectors");

/** Singular values, with the gradient by A that A = U · diag(s) · Vᵀ gives them. y = s */
export const implied_singular_values = define<<D extends DType>(s: Operand<D>, a: Operand<D>, u: Operand<D>, vt: Operand<D>) => Tensor<D>>("std/linalg", "implied_singular_values");

/** U, with the gradient by A that A = U · diag(s) · Vᵀ gives it. y = U */
export const implied_left_vectors = define<<D extends DType>(u: Operand<D>, a: Operand<D>, s: Operand<D>, vt: Operand<D>) => Tensor<D>>("std/linalg", "implied_left_vectors");

/** Vᵀ, with the gradient by A that A = U · diag(s) · Vᵀ gives it. y = Vᵀ */
export const implied_right_vectors = define<<D extends DType>(vt: Operand<D>, a: Operand<D>, u: Operand<D>, s: Operand<D>) => Tensor<D>>("std/linalg", "implied_right_vectors");

/** The elements whose row is their column. */
export const diagonal = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "diagonal");

/** Matrices with the elements of x on the diagonal, zeros elsewhere. */
export const diagonal_matrix = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/linalg", "diagonal_matrix");

/** The sum of the diagonal. */
export const trace = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "trace");

/** The sum of products over the last dimension. */
export const dot = define<<T extends DType>(a: Operand<T>, b: Operand<T>) => Tensor<T>>("std/linalg", "dot");

/** Each element of a times each of b. */
export const outer = define<<T extends DType>(a: Operand<T>, b: Operand<T>) => Tensor<T>>("std/linalg", "outer");

/** The Kronecker product: each element of a times all of b, [m · p, n · q]. */
export const kron = define<<T extends DType>(a: Operand<T>, b: Operand<T>) => Tensor<T>>("std/linalg", "kron");

/** The vector that is orthogonal to two vectors of three elements, in the last dimension. */
export const cross = define<<T extends DType>(a: Operand<T>, b: Operand<T>) => Tensor<T>>("std/linalg", "cross");

/** A · … · A, `exponent` times; the identity for 0, of A⁻¹ where it is negative. */
export const matrix_power = define<<T extends DType>(a: Operand<T>, exponent: number) => Tensor<T>>("std/linalg", "matrix_power");

/** e^A: a Taylor polynomial of degree 18 of A / 2ᵏ, by Horner's rule in its cube (Paterson and Stockmeyer, 1973), squared k times; k is that of the largest of the matrices (Higham, "The scaling and squaring method for the matrix exponential revisited", 2005). */
export const matrix_exp = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "matrix_exp");

/** The last two dimensions exchanged. */
export const matrix_transpose = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "matrix_transpose");

/** A norm of the vectors in the last dimension: (Σ |x|^order)^(1 / order); 0 counts the elements that are not 0. */
export const vector_norm = define<<T extends DType>(x: Operand<T>, options?: { order?: number }) => Tensor<T>>("std/linalg", "vector_norm");

/** The largest absolute element in the last dimension. */
export const max_norm = define<<T extends DType>(x: Operand<T>) => Tensor<T>>("std/linalg", "max_norm");

/** A norm of matrices: "fro" the root of the sum of squares, "1" the largest sum of a column, "inf" that of a row, "2" the largest singular value, "nuc" the sum of all. */
export const matrix_norm = define<<T extends DType>(a: Operand<T>, options?: { order?: string }) => Tensor<T>>("std/linalg", "matrix_norm");

/** The distance of each vector of a from each of b: [..., m, d] and [..., n, d] → [..., m, n]. */
export const cdist = define<<T extends DType>(a: Operand<T>, b: Operand<T>, options?: { order?: number }) => Tensor<T>>("std/linalg", "cdist");

/** X with op(A) · X = B, A being triangular: `lower` says which triangle is read, `transposed` takes Aᵀ, and with `unit_diagonal` the diagonal is not read but 1. A zero on the diagonal gives infinities and NaN. */
export const triangular_solve = define<<T extends DType>(a: Operand<T>, b: Operand<T>, options?: { lower?: boolean; transposed?: boolean; unit_diagonal?: boolean }) => Tensor<T>>("std/linalg", "triangular_solve");

/** The lower triangular L with A = L · Lᵀ, of symmetric positive definite A, whose lower triangle is read. A matrix that is not positive definite gives NaN. */
export const cholesky = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "cholesky");

/** X with A · X = B from L = cholesky(A). */
export const cholesky_solve = define<<T extends DType>(l: Operand<T>, b: Operand<T>) => Tensor<T>>("std/linalg", "cholesky_solve");

/** Q with orthonormal columns and the upper triangular R with A = Q · R, the diagonal of R not being negative: for m ≥ n [m, n] and [n, n], else [m, m] and [m, n]. */
export const qr = define<<T extends DType>(a: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/linalg", "qr", { results: 2 });

/** X with A · X = B, by QR. A singular A gives infinities or NaN. */
export const solve = define<<T extends DType>(a: Operand<T>, b: Operand<T>) => Tensor<T>>("std/linalg", "solve");

/** X with the least |A · X − B|, for A of full rank with no fewer rows than columns. */
export const least_squares = define<<T extends DType>(a: Operand<T>, b: Operand<T>) => Tensor<T>>("std/linalg", "least_squares");

/** A⁻¹, by QR. A singular matrix gives infinities or NaN; solve(a, b) is faster and more exact than inverse(a) @ b. */
export const inverse = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "inverse");

/** The determinant, by QR: 1 for matrices without rows. For large matrices log_determinant does not overflow. */
export const determinant = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "determinant");

/** The sign of the determinant, 0 for a singular matrix, and the logarithm of its absolute value. */
export const log_determinant = define<<T extends DType>(a: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/linalg", "log_determinant", { results: 2 });

/** U, the singular values from the largest on, and Vᵀ, A = U · diag(values) · Vᵀ: [m, k], [k] and [k, n], k being the smaller of m and n. Columns of U and rows of Vᵀ are orthonormal, their signs are not said. By QR, then Jacobi's method on the rows of R (Z. Drmač, K. Veselić, "New fast and accurate Jacobi SVD algorithm", 2008), which finds small values to high relative accuracy. A gradient by the vectors is defined where all values differ, and, but for square A, are not 0. */
export const svd = define<<T extends DType>(a: Operand<T>) => readonly [Tensor<T>, Tensor<T>, Tensor<T>]>("std/linalg", "svd", { results: 3 });

/** The singular values, from the largest on. */
export const singular_values = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "singular_values");

/** Eigenvalues from the smallest on, and orthonormal eigenvectors as columns, A = V · diag(values) · Vᵀ, of symmetric A, whose lower triangle is read. The signs of the vectors are not said. A + c · I is positive definite: of its Cholesky factor the rows of Lᵀ are made orthogonal by Jacobi's method (K. Veselić, V. Hari, "A note on a one-sided Jacobi algorithm", 1989). A gradient by the vectors is defined where all values differ. */
export const eigh = define<<T extends DType>(a: Operand<T>) => readonly [Tensor<T>, Tensor<T>]>("std/linalg", "eigh", { results: 2 });

/** The pseudo-inverse of Moore and Penrose, [n, m]: singular values of at most `tolerance` times the largest count as 0; as many as rounding leaves if it is negative. */
export const pseudo_inverse = define<<T extends DType>(a: Operand<T>, options?: { tolerance?: number }) => Tensor<T>>("std/linalg", "pseudo_inverse");

/** How many singular values are larger than `tolerance` times the largest, or than what rounding leaves if it is negative. */
export const matrix_rank = define<<T extends DType>(a: Operand<T>, options?: { tolerance?: number }) => Tensor<"i32">>("std/linalg", "matrix_rank");

/** The largest singular value over the smallest: infinite for a matrix of less than full rank. */
export const condition_number = define<<T extends DType>(a: Operand<T>) => Tensor<T>>("std/linalg", "condition_number");
