/**
 * Sorting by digits, from the last to the first: stable, and linear in the number of elements (Knuth, The Art of Computer
 * Programming 3, 5.2.5, algorithm R, with counted instead of linked piles). Elements are moved as they are; the unsigned
 * number that has their order is made of them again for every digit.
 */
import { bytesOf, isBig, isFloat, kindOf, type DType } from "../../../runtime/dtype.ts";
import { binary, bitcast, cast, constant, i32, select, unary, type KernelBuilder } from "../../kernel/build.ts";
import type { BufferId, Expression } from "../../kernel/kernel.ts";

const digitBits = 8;
const piles = 2 ** digitBits;

/** Digits of a dtype's elements. */
export const digitsOf = (dtype: DType): number => bytesOf(dtype);

/** Shorter rows are sorted faster by merging: the piles are counted for every row. */
export const leastSorted = (dtype: DType): number => 16 * Math.max(2, digitsOf(dtype));

/** Scalar operations an element, counts included. */
export const radixOperations = (dtype: DType, n: number): number => Math.ceil(digitsOf(dtype) * (8 + (4 * piles) / n));

/** What the piles are counted in: one row of counts for each digit. */
export const countsOf = (dtype: DType): { readonly dtype: DType; readonly shape: readonly number[] } => ({ dtype: "i32", shape: [digitsOf(dtype), piles] });

/** The unsigned number of 32 or 64 bits that has an element's place in the order: NaN above all, −0 as 0. */
export function keyOf(x: Expression, descending: boolean): Expression {
  const wide = bytesOf(x.dtype) === 8;
  const [unsigned, signed] = wide ? (["u64", "i64"] as const) : (["u32", "i32"] as const);
  const number = (dtype: DType, value: bigint): Expression => constant(dtype, isBig(dtype) ? value : Number(value));
  const bits = BigInt(8 * digitsOf(x.dtype));
  const highest = number(unsigned, 1n << (bits - 1n));
  const all = number(unsigned, (1n << bits) - 1n);
  const key = ((): Expression => {
    if (!isFloat(x.dtype)) return kindOf(x.dtype) === "int" ? binary("and", binary("xor", cast(unsigned, cast(signed, x)), highest), all) : cast(unsigned, x);
    const own: DType = bits === 16n ? "i16" : signed;
    const held = cast(signed, bitcast(own, x));
    const magnitude = binary("and", held, number(signed, (1n << (bits - 1n)) - 1n));
    // Below zero the larger magnitude comes first; both zeros are the same.
    const ordered = select(binary("lt", held, number(signed, 0n)), unary("neg", magnitude), magnitude);
    const shifted = binary("add", cast(unsigned, ordered), highest);
    return select(binary("ne", cast(bits === 16n ? "f32" : x.dtype, x), cast(bits === 16n ? "f32" : x.dtype, x)), all, shifted);
  })();
  return descending ? binary("xor", key, all) : key;
}

const digitOf = (key: Expression, digit: number): Expression =>
  cast("i32", binary("and", binary("shr", key, constant(key.dtype, isBig(key.dtype) ? BigInt(digitBits * digit) : digitBits * digit)), constant(key.dtype, isBig(key.dtype) ? BigInt(piles - 1) : piles - 1)));

/** One place where records lie while they are sorted: loads its key, stores a record that was loaded elsewhere. */
export interface Records {
  /** The element, and what goes along with it. */
  load(k: Expression): readonly Expression[];
  store(k: Expression, record: readonly Expression[]): void;
}

export interface RadixSort {
  readonly dtype: DType;
  readonly n: number;
  readonly descending: boolean;
  readonly counts: BufferId;
  /** Where the records are at first, and where they are after each digit in turn. */
  readonly places: readonly Records[];
}

export function radixSort(kernel: KernelBuilder, { dtype, n, descending, counts, places }: RadixSort): void {
  const digits = [...Array(digitsOf(dtype)).keys()];
  const key = (element: Expression): Expression => kernel.let("key", keyOf(element, descending));
  kernel.for({ end: i32(digits.length), parallel: true, name: "digit" }, (digit) =>
    kernel.for({ end: i32(piles), parallel: true, name: "pile" }, (pile) => kernel.store(counts, [digit, pile], i32(0))));
  kernel.for({ end: i32(n), name: "k" }, (k) => {
    const counted = key(kernel.let("element", places[0]!.load(k)[0]!));
    for (const digit of digits) {
      const pile = kernel.let("pile", digitOf(counted, digit));
      kernel.store(counts, [i32(digit), pile], binary("add", kernel.load(counts, [i32(digit), pile]), i32(1)));
    }
  });
  for (const digit of digits) {
    const next = kernel.let("next", i32(0));
    kernel.for({ end: i32(piles), name: "pile" }, (pile) => {
      const count = kernel.let("count", kernel.load(counts, [i32(digit), pile]));
      kernel.store(counts, [i32(digit), pile], next);
      kernel.set(next, binary("add", next, count));
    });
    kernel.for({ end: i32(n), name: "k" }, (k) => {
      const record = places[digit]!.load(k).map((part) => kernel.let("part", part));
      const pile = kernel.let("pile", digitOf(key(record[0]!), digit));
      const to = kernel.let("to", kernel.load(counts, [i32(digit), pile]));
      kernel.store(counts, [i32(digit), pile], binary("add", to, i32(1)));
      places[digit + 1]!.store(to, record);
    });
  }
}
