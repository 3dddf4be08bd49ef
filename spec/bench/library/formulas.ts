/**
 * Operations of formulas, each element's: what functions need that are computed to one or two units in the last place, one for
 * each operation that is rounded by itself or that works on bits. A vector instruction does one of them for four elements; quotients and square roots are counted apart.
 * Limits where there is no kernel in C to compare with, or no compiler for it.
 */
import type { Limit } from "./case.ts";

type Formula = Required<Pick<Limit, "steps" | "quotients">>;

const formula = (steps: number, quotients = 0): Formula => ({ steps, quotients });

/** Held in its range (2), less a multiple of ln 2 (7), a polynomial of degree 6 (12), two factors for the multiple (8). */
export const exponential = formula(29);
/** Of what is not positive: one bound, and one factor for the multiple. */
export const exponentialBelow = formula(22);
/** Exponent and mantissa (8), a polynomial of degree 11 (23), put together (7). */
export const logarithm = formula(38);
/** The exponential of −|x|, or 1, over 1 + it. */
export const sigmoid = formula(exponentialBelow.steps + 5, 1);
/** By an exponential without bounds and with one factor, or by a polynomial for small arguments (13), one chosen, the sign put back. */
export const tangent = formula(exponential.steps - 6 + 21, 1);
/** Two polynomials (13, 14), one in the exponent of such an exponential; one chosen, the sign put back. */
export const errorFunction = formula(exponential.steps - 6 + 35);
/** Less a multiple of π/2 and what that lost (14), two polynomials with what they lost (23), one chosen, the sign put back, and whether x is large (9). */
export const sine = formula(46);
/** 2^(b · log2 a) in sums of two numbers: a logarithm (60), a product (5), an exponential (30), ends (18). */
export const power = formula(113, 1);

/**
 * Philox: ten rounds for four elements, of two products with both words. Of four such products vectors have two at once; so
 * with the odd words moved down, and the upper and the lower words put together, 5, and 2 exclusive ors.
 */
export const philox = formula((10 * 2 * (2 + 1 + 2 + 2)) / 4);
/** A word to a number. */
export const uniform = formula(philox.steps + 3);
/** Of two words: a logarithm of a unit (12 more), a root, sine and cosine of a part of a turn, and their products, for two elements. */
export const normal = formula(philox.steps + (logarithm.steps + 12 + 36 + 4) / 2, 1 / 2);

/**
 * To f16, correctly rounded, without an instruction for it: the number scaled until what is too large is infinite (3), its
 * exponent, held in the range of normal ones, moved (3), both added, so that the sum rounds; exponent and mantissa brought
 * together (2), a NaN (2), the sign (2), all put together (2); half of a vector's narrowing.
 */
export const toHalf = formula(15.5);
/** From f16: widened, its exponent and mantissa moved (2), scaled; infinities and NaN (3) put in (1). */
export const fromHalf = formula(8);
/** To bf16: half of what is cut off, one more where what stays is odd (3), added; of a NaN (2) the upper half, made quiet (1); moved down and narrowed. */
export const toBrain = formula(8.5);
/** To bytes: no number is 0 (2), what is too large or small the limit (2), cut; narrowed twice. */
export const toByte = formula(5.75);
/** From bytes: widened twice, converted. */
export const fromByte = formula(2.5);

/** The larger of two floats, of which either may be NaN and zeros have signs: both orders by an instruction that compares and chooses, put together (3). */
const largest = 5;
/** The largest of 2 × 2, of each window: three choices, two vectors parted (2). */
export const largestOfWindow = formula(3 * largest + 2);
/** Of two elements which is the first largest: at least as large, or no number (3). */
const larger = 3;
/** Every second element of two vectors and those between them, or back: two moves for two vectors, of so many vectors of a window in each. */
const moves = (vectors: number): number => vectors;

/**
 * The gradient of the largest of 2 × 2, of each window: three comparisons, the largest of two pairs (2), the gradient divided by
 * their results (6); four vectors read and four stored. C with intrinsics of 128 bits comes to 0.27 ms of the benchmark's, where
 * this count allows 0.22; and to 0.43 ms without shuffles of two vectors, in whose place gph has two of one and an or, since
 * some engines pair shuffles wrongly (runtime/wide-vectors.ts). gph takes 0.54 ms, in two passes: numbers, then what they take.
 */
export const largestOfFour = formula(3 * larger + 2 + 6 + moves(4 + 4));
/**
 * The gradient of the largest of 3 × 3 by steps of 2, of each window: of two new rows each two comparisons, and two of three rows,
 * each choosing an element and its number (2); nine elements, of which each takes the gradient if it has the number (2), and five
 * are added to others; two rows of three vectors read, of which a third one is shifted, and two of two stored.
 */
export const largestOfNine = formula(6 * (larger + 2) + 9 * 2 + 5 + moves(2 * 3 + 2 * 2));

/** Of so many elements. */
export const times = ({ steps, quotients }: Formula, elements: number): Formula => formula(steps * elements, quotients * elements);
export const plus = (a: Formula, steps: number, quotients = 0): Formula => formula(a.steps + steps, a.quotients + quotients);
