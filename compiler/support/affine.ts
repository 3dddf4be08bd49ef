/** Affine forms: `constant + Σ coefficients[k] · index[k]`. The currency of views, accesses and families. */
export interface Affine {
  readonly constant: number;
  readonly coefficients: readonly number[];
}

export const affineConstant = (constant: number, rank: number): Affine => ({ constant, coefficients: new Array<number>(rank).fill(0) });

/** Greatest common divisor; of 0 and a, a. */
export function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/** Just the k-th index, times `coefficient`. */
export const affineIndex = (k: number, rank: number, coefficient = 1, constant = 0): Affine => ({
  constant,
  coefficients: Array.from({ length: rank }, (_, i) => (i === k ? coefficient : 0)),
});

/** Forms of the same rank, added up. */
export const sumOfAffine = (...forms: readonly Affine[]): Affine => ({
  constant: forms.reduce((sum, { constant }) => sum + constant, 0),
  coefficients: forms[0]!.coefficients.map((_, k) => forms.reduce((sum, { coefficients }) => sum + coefficients[k]!, 0)),
});

/** Every dimension as it is. */
export const identityMap = (rank: number): Affine[] => Array.from({ length: rank }, (_, k) => affineIndex(k, rank));

export const evaluateAffine = (form: Affine, indices: readonly number[]): number =>
  form.coefficients.reduce((sum, coefficient, k) => sum + coefficient * (indices[k] ?? 0), form.constant);

/** `outer` over the results of `inner`: forms over inner's indices. `rank` is the number of inner's indices. */
export function composeMap(outer: readonly Affine[], inner: readonly Affine[], rank: number): Affine[] {
  return outer.map((form) => {
    let constant = form.constant;
    const coefficients = new Array<number>(rank).fill(0);
    form.coefficients.forEach((coefficient, k) => {
      if (coefficient === 0) return;
      const through = inner[k]!;
      constant += coefficient * through.constant;
      for (let i = 0; i < rank; i++) coefficients[i]! += coefficient * through.coefficients[i]!;
    });
    return { constant, coefficients };
  });
}

/** Smallest and largest value over a box of indices that starts at 0 (inclusive). Extents must be ≥ 1. */
export function affineRange(form: Affine, extents: readonly number[]): { min: number; max: number } {
  let min = form.constant;
  let max = form.constant;
  form.coefficients.forEach((coefficient, k) => {
    const reach = coefficient * ((extents[k] ?? 1) - 1);
    if (reach > 0) max += reach;
    else min += reach;
  });
  return { min, max };
}
