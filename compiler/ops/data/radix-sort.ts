/**
 * Sorting by digits, from the last to the first: stable, and linear in the number of elements (Knuth, The Art of Computer
 * Programming 3, 5.2.5, algorithm R, with counted instead of linked piles). What is moved are unsigned numbers that have the
 * elements' order, made once, and from which the elements are made again.
 */
import { bytesOf, isBig, isFloat, kindOf, type DType } from "../../../runtime/dtype.ts";
import { binary, bitcast, cast, constant, i32, select, unary, type KernelBuilder } from "../../kernel/build.ts";
import type { BufferId, Expression } from "../../kernel/kernel.ts";

/** Of long rows digits are longer, since their piles are counted once for many elements. */
const [digitBits, longDigitBits, longRow] = [8, 11, 32_768];

export interface Digits {
  /** How many, of so many bits each. */
  readonly count: number;
  readonly bits: number;
}

export function digitsOf(dtype: DType, n: number): Digits {
  const all = 8 * bytesOf(dtype);
  const bits = n >= longRow && all >= 32 ? longDigitBits : digitBits;
  return { count: Math.ceil(all / bits), bits };
}

/** Shorter rows are sorted faster by merging: the piles are counted for every row. */
export const leastSorted = (dtype: DType): number => 16 * Math.max(2, bytesOf(dtype));

/** Scalar operations an element, counts included. */
export function radixOperations(dtype: DType, n: number): number {
  const { count, bits } = digitsOf(dtype, n);
  return Math.ceil(count * (8 + (4 * 2 ** bits) / n));
}

/** What the piles are counted in: one row of counts for each digit. */
export function countsOf(dtype: DType, n: number): { readonly dtype: DType; readonly shape: readonly number[] } {
  const { count, bits } = digitsOf(dtype, n);
  return { dtype: "i32", shape: [count, 2 ** bits] };
}

/** The dtype that keys are kept in, and the one they are computed in. */
export const keyDType = (dtype: DType): DType => (["u8", "u16", "u32", "u64"] as const)[Math.log2(bytesOf(dtype))]!;
const wideDType = (dtype: DType): "u32" | "u64" => (bytesOf(dtype) === 8 ? "u64" : "u32");

const number = (dtype: DType, value: bigint): Expression => constant(dtype, isBig(dtype) ? value : Number(value));
const highestOf = (dtype: DType): bigint => 1n << BigInt(8 * bytesOf(dtype) - 1);
const allOf = (dtype: DType): bigint => 2n * highestOf(dtype) - 1n;

/** Bits of a float as a signed number. */
const signedBits = (x: Expression): Expression => cast(bytesOf(x.dtype) === 8 ? "i64" : "i32", bitcast(bytesOf(x.dtype) === 2 ? "i16" : bytesOf(x.dtype) === 8 ? "i64" : "i32", x));

/** Of numbers of 16 bits by these: a magnitude above infinity's. */
const isNaNOf = (x: Expression): Expression =>
  bytesOf(x.dtype) === 2 ? binary("gt", binary("and", signedBits(x), i32(0x7fff)), i32(x.dtype === "f16" ? 0x7c00 : 0x7f80)) : binary("ne", x, x);

/** The unsigned number of 32 or 64 bits that has an element's place in the order: NaN above all, −0 as 0. */
export function keyOf(x: Expression, descending: boolean): Expression {
  const own = isFloat(x.dtype) ? tied(bitKeyOf(x), x.dtype) : bitKeyOf(x);
  return descending ? complement(own, x.dtype) : own;
}

const complement = (key: Expression, dtype: DType): Expression => binary("xor", key, number(key.dtype, allOf(dtype)));

/** The same with −0 just below 0, so that the element can be made again. */
function bitKeyOf(x: Expression): Expression {
  const [unsigned, all, highest] = [wideDType(x.dtype), allOf(x.dtype), highestOf(x.dtype)];
  if (!isFloat(x.dtype)) return kindOf(x.dtype) === "int" ? binary("and", binary("xor", cast(unsigned, cast(unsigned === "u64" ? "i64" : "i32", x)), number(unsigned, highest)), number(unsigned, all)) : cast(unsigned, x);
  const held = signedBits(x);
  // Below zero the larger magnitude comes first.
  const ordered = select(binary("lt", held, number(held.dtype, 0n)), unary("not", held), binary("xor", held, number(held.dtype, BigInt.asIntN(8 * bytesOf(held.dtype), highest))));
  const own = bytesOf(x.dtype) === 2 ? binary("and", cast(unsigned, ordered), number(unsigned, all)) : cast(unsigned, ordered);
  return select(isNaNOf(x), number(unsigned, all), own);
}

/** The signed number of 32 or 64 bits that has an element's place in the order, likewise; signed numbers are compared by one instruction of vectors. */
export function signedKeyOf(x: Expression): Expression {
  const signed = wideDType(x.dtype) === "u64" ? "i64" : "i32";
  if (!isFloat(x.dtype)) return x.dtype === "u32" || x.dtype === "u64" ? binary("xor", cast(signed, x), number(signed, BigInt.asIntN(8 * bytesOf(x.dtype), highestOf(x.dtype)))) : cast(signed, x);
  const [bits, largest] = [8 * bytesOf(signed), number(signed, highestOf(x.dtype) - 1n)];
  // With 0 added −0 becomes 0; the sum of numbers of 16 bits is of others. Below zero the larger magnitude comes first.
  const narrow = bytesOf(x.dtype) === 2;
  const held = signedBits(narrow ? x : binary("add", x, number(x.dtype, 0n)));
  const own = binary("xor", held, binary("and", binary("shr", held, number(signed, BigInt(bits - 1))), largest));
  const tiedOwn = narrow ? binary("add", own, cast(signed, binary("eq", own, number(signed, -1n)))) : own;
  return select(isNaNOf(x), largest, tiedOwn);
}

/** Both zeros as one. */
const tied = (key: Expression, dtype: DType): Expression => binary("add", key, cast(key.dtype, binary("eq", key, number(key.dtype, highestOf(dtype) - 1n))));

/** Keys of a row that is sorted: how they are made of elements, compared, and made into elements again. */
export interface Keys {
  of(element: Expression): Expression;
  /** What stands for the order, of a key as it is computed with. */
  order(key: Expression): Expression;
  element(key: Expression): Expression;
}

export function keysOf(dtype: DType, descending: boolean): Keys {
  const turned = (key: Expression): Expression => (descending ? complement(key, dtype) : key);
  return {
    of: (element) => turned(bitKeyOf(element)),
    // Turned, it is +0 that is just below −0.
    order: (key) => (isFloat(dtype) ? tied(key, dtype) : key),
    element(key) {
      const [own, highest] = [turned(key), number(key.dtype, highestOf(dtype))];
      if (!isFloat(dtype)) return cast(dtype, kindOf(dtype) === "int" ? binary("xor", own, highest) : own);
      const bits = select(binary("lt", own, highest), unary("not", own), binary("xor", own, highest));
      return bitcast(dtype, bytesOf(dtype) === 2 ? cast("u16", bits) : bits);
    },
  };
}

/** One place where records lie while they are sorted. */
export interface Records {
  /** The key, and what goes along with it. */
  load(k: Expression): readonly Expression[];
  store(k: Expression, record: readonly Expression[]): void;
}

export interface RadixSort {
  readonly dtype: DType;
  readonly n: number;
  readonly counts: BufferId;
  readonly keys: Keys;
  /** Where the records are at first, and where they are after each digit in turn. */
  readonly places: readonly Records[];
}

export function radixSort(kernel: KernelBuilder, { dtype, n, counts, keys, places }: RadixSort): void {
  const { count, bits } = digitsOf(dtype, n);
  const [digits, piles, wide] = [[...Array(count).keys()], 2 ** bits, wideDType(dtype)];
  const digitOf = (key: Expression, digit: number): Expression => cast("i32", binary("and", binary("shr", key, number(wide, BigInt(bits * digit))), number(wide, BigInt(piles - 1))));
  const order = (key: Expression): Expression => kernel.let("order", keys.order(cast(wide, key)));
  kernel.for({ end: i32(count), parallel: true, name: "digit" }, (digit) =>
    kernel.for({ end: i32(piles), parallel: true, name: "pile" }, (pile) => kernel.store(counts, [digit, pile], i32(0))));
  kernel.for({ end: i32(n), name: "k" }, (k) => {
    const counted = order(places[0]!.load(k)[0]!);
    for (const digit of digits) {
      const pile = kernel.let("pile", digitOf(counted, digit));
      kernel.store(counts, [i32(digit), pile], binary("add", kernel.load(counts, [i32(digit), pile]), i32(1)));
    }
  });
  for (const digit of digits) {
    const next = kernel.let("next", i32(0));
    kernel.for({ end: i32(piles), name: "pile" }, (pile) => {
      const held = kernel.let("count", kernel.load(counts, [i32(digit), pile]));
      kernel.store(counts, [i32(digit), pile], next);
      kernel.set(next, binary("add", next, held));
    });
    kernel.for({ end: i32(n), name: "k" }, (k) => {
      const record = places[digit]!.load(k).map((part) => kernel.let("part", part));
      const pile = kernel.let("pile", digitOf(order(record[0]!), digit));
      const to = kernel.let("to", kernel.load(counts, [i32(digit), pile]));
      kernel.store(counts, [i32(digit), pile], binary("add", to, i32(1)));
      places[digit + 1]!.store(to, record);
    });
  }
}
