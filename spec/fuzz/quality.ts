/**
 * What a generated expression may be compared by. Rounding makes some comparisons of floats meaningless (an argmax of near
 * ties, a sum in another order then truncated), so every expression carries static bounds:
 *
 * - `bound`: no element is larger in magnitude; Infinity where an element may be infinite or NaN.
 * - `grain`: every element is a multiple of it; 0 where unknown. A sum of multiples of a grain that stays within the dtype's
 *   mantissa has no rounding, and so the same bits in every order.
 * - `error`: how far the executable's value may be from the interpreter's. With 0 the bits must be equal, and only then
 *   may a program decide by the value: compare, round, cast to an integer, index, branch.
 *
 * Integers and bools are always exact.
 */
import { isFloat, type DType } from "../../runtime/dtype.ts";

export interface Quality {
  readonly bound: number;
  readonly grain: number;
  readonly error: number;
}

export interface Written extends Quality {
  readonly text: string;
}

export const exact: Quality = { bound: Infinity, grain: 0, error: 0 };

export function mantissaBits(dtype: DType): number {
  switch (dtype) {
    case "f16": return 11;
    case "bf16": return 8;
    case "f32": return 24;
    default: return 53;
  }
}

/** The relative error of one rounding, or of one mathematical function, whose formulas may differ in a few last bits. */
export const epsilon = (dtype: DType): number => 2 ** (1 - mantissaBits(dtype));

/** Whether all multiples of the grain up to the bound are values of the dtype. */
export const fits = (dtype: DType, { bound, grain }: Pick<Quality, "bound" | "grain">): boolean => grain > 0 && bound / grain <= 2 ** mantissaBits(dtype);

/** The quality of a result that is rounded to its dtype: the grain survives where nothing was rounded. */
export function rounded(dtype: DType, { bound, grain, error }: Quality): Quality {
  if (!isFloat(dtype)) return exact;
  const kept = fits(dtype, { bound, grain }) ? grain : 0;
  // What overflows the dtype is infinite.
  const largest = dtype === "f16" ? 60_000 : dtype === "f64" ? 1e300 : 1e37;
  return { bound: bound < largest ? bound : Infinity, grain: kept, error: error > 0 ? error + epsilon(dtype) * bound : 0 };
}

export const known = (quality: Quality): boolean => quality.error === 0;
export const finite = (quality: Quality): boolean => quality.bound < Infinity;

export const pickQuality = ({ bound, grain, error }: Quality): Quality => ({ bound, grain, error });

/** Of a value that is one of two. */
export const worse = (a: Quality, b: Quality): Quality => ({ bound: Math.max(a.bound, b.bound), grain: Math.min(a.grain, b.grain), error: Math.max(a.error, b.error) });

/** Of a value of one dtype cast to another. */
export function castQuality(from: DType, to: DType, quality: Quality): Quality {
  if (!isFloat(to)) return exact;
  if (isFloat(from)) return rounded(to, quality);
  const most = from === "bool" ? 1 : 2 ** (from.startsWith("u") ? Number(from.slice(1)) : Number(from.slice(1)) - 1);
  return rounded(to, { bound: most, grain: 1, error: 0 });
}
