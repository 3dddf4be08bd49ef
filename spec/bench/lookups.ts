/** What the machine can do at most where addresses are data: WebAssembly kernels, written by hand, of a gather, a scatter and a sort by digits. */
import { buildModule, instantiate } from "../../compiler/emit/testing/kernel-module.ts";
import { binary, cast, constant, i32, KernelBuilder, pack } from "../../compiler/kernel/build.ts";
import type { Expression, Kernel } from "../../compiler/kernel/kernel.ts";
import { nowhere } from "../../compiler/support/span.ts";
import type { Contender } from "./rounds.ts";

export interface Lookups {
  /** Places in a table, all inside. */
  readonly places: Int32Array;
  /** What the table has places for, and elements of f32 at each: one, or a multiple of 16. */
  readonly extent: number;
  readonly each: number;
  /** Whether they are added up, copied one behind the other, or others are added to them. */
  readonly purpose: "read" | "copied" | "added";
}

const plus = (index: Expression, more: number): Expression => binary("add", index, i32(more));
/** Single elements of a step, which are two vectors. */
const together = 8;
/** How many rows later one is that is begun to be fetched. */
const later = 8;

/** Nothing but loads of the places and what they name: no place is looked at, as a program must. Of rows the first element is loaded some rows before. */
function lookupKernel({ places: { length: count }, extent, each, purpose }: Lookups): Kernel {
  const builder = new KernelBuilder("lookups", nowhere);
  const places = builder.buffer({ name: "places", dtype: "i32", shape: [count], access: "in" });
  const table = builder.buffer({ name: "table", dtype: "f32", shape: [extent * each], access: "inout" });
  const other = builder.buffer({ name: "other", dtype: "f32", shape: [purpose === "read" ? 16 : count * each], access: "inout" });
  const vectors = [0, 1, 2, 3];
  const sums = vectors.map(() => builder.let("sum", constant("f32", 0, 4)));
  const use = (at: number, found: Expression, place: Expression): void => (purpose === "read" ? builder.set(sums[at]!, binary("add", sums[at]!, found)) : builder.store(other, [place], found));
  if (each === 1) builder.for({ end: i32(count), step: together }, (i) => {
    for (const at of [0, 1]) use(at, pack(vectors.map((k) => builder.load(table, [builder.load(places, [plus(i, 4 * at + k)])]))), plus(i, 4 * at));
  });
  else builder.for({ end: i32(count) }, (p) => {
    const ahead = builder.load(places, [binary("min", plus(p, later), i32(count - 1))]);
    builder.let("fetched", builder.load(table, [binary("mul", ahead, i32(each))]));
    const start = builder.let("start", binary("mul", builder.load(places, [p]), i32(each)));
    const own = builder.let("own", binary("mul", p, i32(each)));
    builder.for({ end: i32(each), step: 16 }, (j) => vectors.forEach((at) => {
      const [from, to] = [binary("add", start, plus(j, 4 * at)), binary("add", own, plus(j, 4 * at))];
      const vector = (buffer: number, place: Expression): Expression => ({ ...builder.load(buffer, [place]), lanes: 4 });
      if (purpose === "added") builder.store(table, [from], binary("add", vector(table, from), vector(other, to)));
      else use(at, vector(table, from), to);
    }));
  });
  if (purpose === "read") sums.forEach((sum, at) => builder.store(other, [i32(4 * at)], sum));
  return builder.finish();
}

export async function lookups(what: Lookups): Promise<Contender> {
  const bytes = [4 * what.places.length, 4 * what.extent * what.each, 4 * what.places.length * what.each];
  const addresses = bytes.map((_, at) => 4096 + bytes.slice(0, at).reduce((sum, one) => sum + Math.ceil(one / 4096) * 4096 + 4160, 0));
  const runner = instantiate(await buildModule([lookupKernel(what)], { pages: Math.ceil((addresses[2]! + bytes[2]! + 4096) / 65_536) }));
  new Float32Array(runner.memory.buffer).fill(1);
  new Int32Array(runner.memory.buffer, addresses[0]).set(what.places);
  return { name: "lookups", operations: 0, workers: 1, run: () => runner.run(0, ...addresses) };
}

export interface Piles {
  /** Unsigned keys in no order, how many digits they have, and of how many bits. */
  readonly keys: Uint32Array;
  readonly digits: number;
  readonly bits: number;
}

/** Moves keys to piles that are counted already, once for each digit; the counts of the piles are left as they were. */
function pileKernel({ keys: { length: count }, digits, bits }: Piles): Kernel {
  const builder = new KernelBuilder("piles", nowhere);
  const rows = ["one", "other"].map((name) => builder.buffer({ name, dtype: "u32", shape: [count], access: "inout" }));
  const starts = builder.buffer({ name: "starts", dtype: "i32", shape: [digits, 2 ** bits], access: "inout" });
  const next = builder.buffer({ name: "next", dtype: "i32", shape: [2 ** bits], access: "inout" });
  for (let digit = 0; digit < digits; digit++) {
    builder.for({ end: i32(2 ** bits) }, (pile) => builder.store(next, [pile], builder.load(starts, [i32(digit), pile])));
    builder.for({ end: i32(count) }, (k) => {
      const key = builder.let("key", builder.load(rows[digit % 2]!, [k]));
      const pile = builder.let("pile", cast("i32", binary("and", binary("shr", key, constant("u32", digit * bits)), constant("u32", 2 ** bits - 1))));
      const to = builder.let("to", builder.load(next, [pile]));
      builder.store(next, [pile], plus(to, 1));
      builder.store(rows[(digit + 1) % 2]!, [to], key);
    });
  }
  return builder.finish();
}

export async function piles(what: Piles): Promise<Contender> {
  const { keys, digits, bits } = what;
  const bytes = [4 * keys.length, 4 * keys.length, 4 * digits * 2 ** bits, 4 * 2 ** bits];
  const addresses = bytes.map((_, at) => 4096 + bytes.slice(0, at).reduce((sum, one) => sum + one + 4160, 0));
  const runner = instantiate(await buildModule([pileKernel(what)], { pages: Math.ceil((addresses[3]! + bytes[3]! + 4096) / 65_536) }));
  new Uint32Array(runner.memory.buffer, addresses[0], keys.length).set(keys);
  for (let digit = 0; digit < digits; digit++) {
    const starts = new Int32Array(runner.memory.buffer, addresses[2]! + 4 * digit * 2 ** bits, 2 ** bits);
    const digitOf = (key: number): number => (key >>> (digit * bits)) & (2 ** bits - 1);
    const counts = new Int32Array(2 ** bits);
    for (const key of keys) counts[digitOf(key)]!++;
    counts.reduce((sum, held, pile) => ((starts[pile] = sum), sum + held), 0);
  }
  return { name: "piles", operations: 0, workers: 1, run: () => runner.run(0, ...addresses) };
}
