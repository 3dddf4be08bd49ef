/**
 * Long rows in order: stretches of them are sorted, and merged in pairs, in parts of which each tile has one (ops/data/merge-runs.ts).
 * The order of a row is that of its keys with their places behind them, as numbers of 64 bits that are sorted.
 */
import { bytesOf, isFloat, kindOf, sizeOf, type DType } from "../../../../runtime/dtype.ts";
import { lastOf } from "../../../ops/data/sort.ts";
import type { ValueId } from "../../graph.ts";
import { leastRow, type Rows } from "./rows.ts";

/** Elements of a stretch, and of a part of what is merged, at least. */
const leastStretch = 64;

export function sorted(build: Rows): ValueId | undefined {
  const { inputs: [x], attributes } = build.node;
  const { shape } = build.type(x!);
  const n = shape[attributes["axis"] as number]!;
  const result = isLast(shape, attributes["axis"] as number) ? inStretches(build, build.reshape(x!, [sizeOf(shape) / n, n]), attributes["descending"] as boolean) : undefined;
  return result && build.reshape(result, shape);
}

/** Whether the elements of a row lie behind each other. */
const isLast = (shape: readonly number[], axis: number): boolean => sizeOf(shape) > 0 && sizeOf(shape.slice(axis + 1)) === 1;

/** Rows of a matrix in order. */
function inStretches(build: Rows, x: ValueId, descending: boolean): ValueId | undefined {
  const [{ dtype }, [rows, n]] = [build.type(x), build.shape(x) as [number, number]];
  const { tiles, bytesPerTile } = build.target;
  const count = 2 ** Math.floor(Math.log2(Math.min(tiles / rows, n / leastStretch)));
  if (n < leastRow || count < 2) return undefined;
  const length = 4 * Math.ceil(n / count / 4);
  // A tile that merges a part has both runs; to sort the whole row it would need more.
  if (count * length * bytesOf(dtype) > bytesPerTile) return undefined;
  const filled = build.behind(x, 1, count * length - n, lastOf(dtype, descending));
  let runs = build.apply("sort", [build.reshape(filled, [rows * count, length])], { axis: 1, descending });
  while (build.shape(runs)[0]! > rows) runs = merged(build, runs, length, descending);
  return build.part(runs, 1, 0, n);
}

/** Pairs of sorted rows in parts of so many elements. */
function merged(build: Rows, runs: ValueId, part: number, descending: boolean): ValueId {
  const numbers = build.iota((2 * build.shape(runs)[1]!) / part);
  return build.apply("merge_runs", [runs, numbers], { part, descending });
}

/** A merge in more parts than it has. */
export function mergedInParts(build: Rows): ValueId | undefined {
  const { inputs: [x], attributes } = build.node;
  const [rows, n] = build.shape(x!) as [number, number];
  const { part, descending } = attributes as { readonly part: number; readonly descending: boolean };
  let own = part;
  while (own % 8 === 0 && own / 2 >= leastStretch && (rows * n) / (own / 2) <= build.target.tiles) own /= 2;
  return own === part ? undefined : merged(build, x!, own, descending);
}

/** Undefined for elements of 64 bits. */
export function orderOf(build: Rows): ValueId | undefined {
  const { inputs: [x], attributes } = build.node;
  const { dtype, shape } = build.type(x!);
  const axis = attributes["axis"] as number;
  const n = shape[axis]!;
  if (n < leastRow || bytesOf(dtype) > 4 || !isLast(shape, axis)) return undefined;
  const rows = [sizeOf(shape) / n, n];
  const u64 = (value: number | bigint): ValueId => build.filled({ dtype: "u64", shape: rows }, BigInt(value));
  const keys = build.as("u64", keysOf(build, build.reshape(x!, rows), attributes["descending"] as boolean));
  const records = build.apply("or", [build.apply("shl", [keys, u64(32)]), build.as("u64", build.counted(rows, 1, 1, 0))]);
  const result = inStretches(build, records, false);
  return result && build.reshape(build.as("i32", build.apply("and", [result, u64(0xffff_ffff)])), shape);
}

/** u32 in the order of the elements: equal ones have equal keys, and NaN the largest. */
function keysOf(build: Rows, x: ValueId, descending: boolean): ValueId {
  const { dtype, shape } = build.type(x);
  const u32 = (value: number): ValueId => build.filled({ dtype: "u32", shape }, value);
  const keys = isFloat(dtype) ? keysOfFloats(build, build.as("f32", x)) : build.apply("xor", [asWords(build, x, dtype), u32(kindOf(dtype) === "int" ? 2 ** 31 : 0)]);
  return descending ? build.apply("not", [keys]) : keys;
}

const asWords = (build: Rows, x: ValueId, dtype: DType): ValueId => (kindOf(dtype) === "int" ? build.apply("bitcast", [build.as("i32", x)], { dtype: "u32" }) : build.as("u32", x));

function keysOfFloats(build: Rows, x: ValueId): ValueId {
  const { shape } = build.type(x);
  const u32 = (value: number): ValueId => build.filled({ dtype: "u32", shape }, value);
  // -0 + 0 is 0.
  const bits = build.apply("bitcast", [build.apply("add", [x, build.filled({ dtype: "f32", shape }, 0)])], { dtype: "u32" });
  const ordered = build.apply("select", [build.apply("lt", [bits, u32(2 ** 31)]), build.apply("xor", [bits, u32(2 ** 31)]), build.apply("not", [bits])]);
  return build.apply("select", [build.apply("eq", [x, x]), ordered, u32(2 ** 32 - 1)]);
}
