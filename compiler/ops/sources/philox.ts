/**
 * Philox4x32-10: a random number as a function of a counter and a key, with no state to carry. J. Salmon, M. Moraes, R. Dror,
 * D. Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. Once on JavaScript numbers, once as kernel statements.
 */
import { binary, constant, type KernelBuilder } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";

export type Words<T> = readonly [T, T, T, T];

const rounds = 10;
const multipliers = [0xd251_1f53, 0xcd9e_8d57] as const;
/** What the key grows by from round to round: golden ratio and √3 - 1, in 32 bits. */
const keySteps = [0x9e37_79b9, 0xbb67_ae85] as const;

export type Key = readonly [number, number];

/** Key of a seed: its low and high 32 bits. */
export function halves(value: number): Key {
  const bits = BigInt.asUintN(64, BigInt(value));
  return [Number(bits & 0xffff_ffffn), Number(bits >> 32n)];
}

const roundKey = (key: Key, round: number): Key => [(key[0] + round * keySteps[0]) % 2 ** 32, (key[1] + round * keySteps[1]) % 2 ** 32];

export function philox(counter: Words<number>, key: Key): Words<number> {
  let words = counter;
  for (let round = 0; round < rounds; round++) {
    const [k0, k1] = roundKey(key, round);
    const [first, second] = [BigInt(words[0]) * BigInt(multipliers[0]), BigInt(words[2]) * BigInt(multipliers[1])];
    const [low, high] = [(product: bigint) => Number(product & 0xffff_ffffn), (product: bigint) => Number(product >> 32n)];
    words = [(high(second) ^ words[1] ^ k0) >>> 0, low(second), (high(first) ^ words[3] ^ k1) >>> 0, low(first)];
  }
  return words;
}

/**
 * The same on u32 expressions, of several counters under one key, round by round: a round waits for the one before, so that
 * other counters' rounds fill its time.
 */
export function philoxInKernel(kernel: KernelBuilder, counters: readonly Words<Expression>[], key: Key): readonly Words<Expression>[] {
  let all = counters;
  for (let round = 0; round < rounds; round++) all = all.map((words) => roundInKernel(kernel, words, roundKey(key, round)));
  return all;
}

function roundInKernel(kernel: KernelBuilder, words: Words<Expression>, [k0, k1]: Key): Words<Expression> {
  const u32 = (value: number): Expression => constant("u32", value);
  const next = [
    binary("xor", binary("xor", words[1], u32(k0)), binary("mulhi", words[2], u32(multipliers[1]))), binary("mul", words[2], u32(multipliers[1])),
    binary("xor", binary("xor", words[3], u32(k1)), binary("mulhi", words[0], u32(multipliers[0]))), binary("mul", words[0], u32(multipliers[0])),
  ];
  return next.map((word, k) => kernel.let(`word${k}`, word)) as unknown as Words<Expression>;
}
