/**
 * Seeded random inputs, for trying a program without data: the same seed gives the same values on every machine. Each
 * state draws from a sequence of its own, so that two inputs of one seed differ.
 *
 * The generator is SplitMix (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014) on 32
 * bits, with the finaliser of Appleby's MurmurHash3.
 */
import { numberToBf16 } from "../../runtime/bf16.ts";
import { dtypes, isBig, newArray, sizeOf, type DType } from "../../runtime/dtype.ts";
import type { HostTensor } from "../../runtime/host.ts";

export interface RandomRange {
  readonly low: number;
  readonly high: number;
}

function mix(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Uniform numbers in [0, 1), in steps of 2⁻³². */
function unitNumbers(seed: number, name: string): () => number {
  let state = mix(mix(seed >>> 0) ^ Math.floor(seed / 2 ** 32));
  for (let index = 0; index < name.length; index++) state = mix(state ^ name.charCodeAt(index));
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state) / 2 ** 32;
  };
}

/** As many bits as the dtype's fraction holds, so that rounding never reaches the open end. */
const fractionSteps = { f16: 2 ** 11, bf16: 2 ** 8, f32: 2 ** 24, f64: 2 ** 32 } as const;

/** Floats in [0, 1), 8-bit integers over their range, bools both, other integers in [0, 1000). */
function usualRange(dtype: DType): RandomRange {
  const { kind, bits } = dtypes[dtype];
  if (kind === "float") return { low: 0, high: 1 };
  if (kind === "bool") return { low: 0, high: 2 };
  if (bits === 8) return kind === "int" ? { low: -128, high: 128 } : { low: 0, high: 256 };
  return { low: 0, high: 1000 };
}

/** Uniform in [low, high); whole numbers for integers. */
export function randomTensor(state: { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] }, seed: number, range?: RandomRange): HostTensor {
  const { dtype, shape } = state;
  const { low, high } = range ?? usualRange(dtype);
  const next = unitNumbers(seed, state.name);
  const data = newArray(dtype, sizeOf(shape));
  const steps = dtypes[dtype].kind === "float" ? fractionSteps[dtype as keyof typeof fractionSteps] : undefined;
  for (let index = 0; index < data.length; index++) {
    const unit = next();
    const value = steps === undefined ? Math.floor(low + unit * (high - low)) : low + (Math.floor(unit * steps) / steps) * (high - low);
    data[index] = dtype === "bf16" ? numberToBf16(value) : isBig(dtype) ? BigInt(value) : value;
  }
  return { dtype, shape, data };
}
