/**
 * Operations of formulas, each element's: what functions need that are computed to one or two units in the last place, one for
 * each operation that is rounded by itself or that works on bits. A vector instruction does one of them for four elements; quotients and square roots are counted apart.
 */
import type { Limit } from "./case.ts";

type Formula = Required<Pick<Limit, "steps" | "quotients">>;

const formula = (steps: number, quotients = 0): Formula => ({ steps, quotients });

/** Held in its range (2), less a multiple of ln 2 (6), a polynomial of degree 6 (12), the multiple into the exponent (4). */
export const exponential = formula(24);
/** Exponent and mantissa (6), a polynomial of degree 9 (20), put together (6). */
export const logarithm = formula(32);
/** An exponential of −x and 1 / (1 + it). */
export const sigmoid = formula(exponential.steps + 2, 1);
/** By an exponential, or by a polynomial for small arguments (12), one chosen, the sign put back. */
export const tangent = formula(exponential.steps + 18, 1);
/** Two polynomials (12, 16), one in the exponent of an exponential; one chosen, the sign put back. */
export const errorFunction = formula(exponential.steps + 34);
/** Less a multiple of π/2 (10), two polynomials (16), one chosen, the sign put back. */
export const sine = formula(32);
/** 2^(b · log2 a) in f64, of which a vector holds two: a logarithm (50), an exponential (36), ends (10). */
export const power = formula(96, 2);

/**
 * Philox: ten rounds for four elements, of two products with both words. Of four such products vectors have two at once; so
 * with the odd words moved down, and the upper and the lower words put together, 5, and 2 exclusive ors.
 */
export const philox = formula((10 * 2 * (2 + 1 + 2 + 2)) / 4);
/** A word to a number. */
export const uniform = formula(philox.steps + 3);
/** Of two words: a logarithm, a root, sine and cosine of a part of a turn, and their products, for two elements. */
export const normal = formula(philox.steps + (logarithm.steps + 28 + 4) / 2, 1 / 2);

/** Of so many elements. */
export const times = ({ steps, quotients }: Formula, elements: number): Formula => formula(steps * elements, quotients * elements);
export const plus = (a: Formula, steps: number, quotients = 0): Formula => formula(a.steps + steps, a.quotients + quotients);
