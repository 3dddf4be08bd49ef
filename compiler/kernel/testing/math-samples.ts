/** For tests of mathematical functions: what they promise, arguments of all sizes, and distances in units in the last place. */
import { call, constant, i32, KernelBuilder } from "../build.ts";
import { nowhere } from "../../support/span.ts";
import type { Expression, Kernel, MathFunction } from "../kernel.ts";

export type Float = "f32" | "f64";

/** Largest errors allowed, in ulp of f32 and of f64: what the formulas promise. */
export const promised: { readonly [name in MathFunction]?: readonly [f32: number, f64: number] } = {
  exp: [1.1, 1.1], exp2: [1.1, 1.2], expm1: [1.4, 1.4], log: [0.9, 0.9], log1p: [1, 1], log2: [1.3, 1.3], log10: [2, 2],
  tanh: [1.4, 1.4], cosh: [1.5, 1.5], sinh: [1.7, 1.7], erf: [2, 1.7], sin: [1, 1], cos: [1, 1], tan: [1.5, 1.8],
  asin: [1.2, 1.2], acos: [1.2, 1.2], atan: [1.5, 1.5], asinh: [1.8, 1.8], acosh: [1.6, 1.6], atanh: [1.8, 1.8], cbrt: [0.8, 0.8],
};

/** What `Math`, and erf of runtime/math.ts, may err by themselves in f64; in f32 that does not count. */
export const ownError = (name: MathFunction, dtype: Float): number => (dtype === "f32" ? 0 : name === "erf" ? 3 : 1);

export const special = [
  0, -0, 2 ** -149, -(2 ** -149), 2 ** -126, 2 ** -127, Infinity, -Infinity, NaN, 3.4028234663852886e38, -3.4028234663852886e38, 1, -1, 1 + 2 ** -23, 1 - 2 ** -24, Math.SQRT1_2, 0.5, -0.5, 0.625,
  -0.625, 0.921875, 3.93, 88.72283, 88.72285, -103.972076, -103.972085, 1.5, 2, 8, 27, -64, 1e10, 12_800, 1_600_000,
];
export const specialDouble = [5e-324, -5e-324, 2 ** -1022, 2 ** -1023, 1.7976931348623157e308, -1.7976931348623157e308, 1 + 2 ** -52, 1 - 2 ** -53, 709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412, 5.93];

/** What is special, every `stride`-th of all f32 bit patterns, and as many numbers of common sizes. */
export function samples(stride: number): Float32Array {
  const patterns = Uint32Array.from({ length: Math.floor(2 ** 32 / stride) }, (_, at) => at * stride);
  return Float32Array.from([...special, ...new Float32Array(patterns.buffer)]);
}

/** What is special, `count` of all f64 bit patterns, and twice as many numbers of common sizes. */
export function doubleSamples(count: number): Float64Array {
  const step = 2n ** 64n / BigInt(count) + 1n;
  const patterns = BigUint64Array.from({ length: count }, (_, at) => BigInt.asUintN(64, BigInt(at) * step));
  const spread = (at: number): number => (at * Math.SQRT2) % 2 - 1;
  const common = Array.from({ length: count }, (_, at) => [4 * spread(at), Math.sign(spread(at)) * 2 ** (24 * spread(3 * at))]);
  return Float64Array.from([...special, ...specialDouble, ...new Float64Array(patterns.buffer), ...common.flat()]);
}

/** A kernel y[i] = f(x[i]), or f(x[i], second). */
export function calling(name: MathFunction, count: number, second?: number, dtype: Float = "f32"): Kernel {
  const kernel = new KernelBuilder(name, nowhere);
  const x = kernel.buffer({ name: "x", dtype, shape: [count], access: "in" });
  const y = kernel.buffer({ name: "y", dtype, shape: [count], access: "out" });
  kernel.for({ end: i32(count), parallel: true }, (i) => {
    const args: Expression[] = [kernel.load(x, [i])];
    if (second !== undefined) args.push(constant(dtype, second));
    kernel.store(y, [i], call(name, ...args));
  });
  return kernel.finish();
}

/** Distance of a float from the exact value, in ulp of the exact value's binade. */
export function ulps(value: number, exact: number, dtype: Float = "f32"): number {
  const rounded = dtype === "f32" ? Math.fround(exact) : exact;
  if (Object.is(value, rounded)) return 0;
  if (!Number.isFinite(rounded) || !Number.isFinite(value) || rounded === 0) return Infinity;
  const exponent = Math.floor(Math.log2(Math.abs(rounded)));
  return dtype === "f32" ? Math.abs(value - exact) / 2 ** (Math.max(-126, exponent) - 23) : (Math.abs(value - exact) * 2 ** 52) / 2 ** Math.max(-1022, exponent);
}

/** The largest distance, and where. */
export function worstOf<T>(places: readonly T[] | Float32Array | Float64Array, distance: (place: T, at: number) => number): { worst: number; place: string } {
  let [worst, place] = [0, ""];
  (places as readonly T[]).forEach((one, at) => {
    const error = distance(one, at);
    if (error > worst) [worst, place] = [error, String(one)];
  });
  return { worst, place };
}
