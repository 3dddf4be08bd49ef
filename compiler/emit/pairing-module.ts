/**
 * The module with which the runtime tries whether V8 pairs vectors correctly (runtime/wide-vectors.ts): for each dtype and each
 * operation that kernels use and V8 pairs, a loop over neighbouring vectors; a register block of a matrix product; vectors
 * of every second element, which are loaded and stored in pairs; and vectors that a branch sets again. The runtime keeps its bytes
 * as text in runtime/pairing-module.ts, which `node scripts/pairing-module.ts` writes.
 */
import type { DType } from "../../runtime/dtype.ts";
import { binary, bitcast, cast, constant, i32, KernelBuilder, lane, pack, reduce, select, splat, unary } from "../kernel/build.ts";
import type { BinaryOp, Expression, Kernel, UnaryOp } from "../kernel/kernel.ts";
import { fromPairs } from "../kernel/passes/pairs.ts";
import { maximumLanes, vectorFormSupported } from "../kernel/vector-support.ts";
import type { LoadExpression } from "../kernel/walk.ts";
import { nowhere } from "../support/span.ts";
import { buildModule } from "./testing/kernel-module.ts";

/** Bytes of each operand; the results of the operations lie side by side. */
const operandBytes = 256;
/** Vectors that a loop does in one round. */
const together = 4;
/** Short kernels do all so often, to be hot as early as the others. */
const repeats = 6;

const vector = (load: Expression, lanes: number): Expression => ({ ...load, lanes });
const plus = (index: Expression, value: number): Expression => (value === 0 ? index : binary("add", index, i32(value)));

const unaries: readonly UnaryOp[] = ["neg", "abs", "not", "sqrt", "floor", "ceil", "trunc", "nearest"];
const binaries: readonly BinaryOp[] = ["add", "sub", "mul", "div", "min", "max", "and", "or", "xor"];
const comparisons: readonly BinaryOp[] = ["eq", "ne", "lt", "le", "gt", "ge"];

type Operation = (x: Expression, y: Expression) => Expression;

function operationsOf(dtype: DType, lanes: number): Operation[] {
  const two = constant(dtype, dtype === "i64" || dtype === "u64" ? 2n : 2, lanes);
  const none = constant(dtype, dtype === "i64" || dtype === "u64" ? 0n : 0, lanes);
  const all: Operation[] = [
    ...unaries.map((op): Operation => (x) => unary(op, x)),
    ...binaries.map((op): Operation => (x, y) => binary(op, x, y)),
    (x) => binary("max", x, two),
    (x) => binary("min", two, x),
    (x) => binary("shl", x, two),
    (x) => binary("shr", x, two),
    ...comparisons.map((op): Operation => (x, y) => select(binary(op, x, y), x, y)),
    (x, y) => select(binary("lt", x, y), x, none),
    (x, y) => select(binary("lt", x, y), none, y),
    ...(dtype === "f32" ? [(x: Expression) => bitcast("f32", cast("i32", x)), (x: Expression) => bitcast("f32", binary("and", bitcast("i32", x), constant("i32", 0x7fff_ffff, lanes)))] : []),
    ...(dtype === "f64" ? [(x: Expression) => bitcast("f64", binary("and", bitcast("u64", x), constant("u64", (1n << 63n) - 1n, lanes)))] : []),
    ...(dtype === "i32" ? [(x: Expression) => bitcast("i32", cast("f32", x))] : []),
  ];
  const sample: Expression = { kind: "local", dtype, lanes, local: 0 };
  return all.filter((operation) => vectorFormSupported(operation(sample, sample)));
}

function elementwise(dtype: DType): Kernel {
  const lanes = maximumLanes(dtype);
  const count = (operandBytes / 16) * lanes;
  const operations = operationsOf(dtype, lanes);
  const builder = new KernelBuilder(dtype, nowhere);
  const [x, y] = ["x", "y"].map((name) => builder.buffer({ name, dtype, shape: [count], access: "in" }));
  const z = builder.buffer({ name: "z", dtype, shape: [operations.length, count], access: "out" });
  operations.forEach((operation, row) => builder.for({ end: i32(count), step: together * lanes, parallel: true }, (i) => {
    const places = Array.from({ length: together }, (_, k) => plus(i, k * lanes));
    const results = places.map((at) => builder.let("result", operation(vector(builder.load(x!, [at]), lanes), vector(builder.load(y!, [at]), lanes))));
    places.forEach((at, k) => builder.store(z, [i32(row), at], results[k]!));
  }));
  return builder.finish();
}

/** Six rows by sixteen columns, of operands of 64 elements. */
function product(): Kernel {
  const [rows, vectors, k] = [6, 4, 4];
  const builder = new KernelBuilder("product", nowhere);
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [rows, k], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [k, 4 * vectors], access: "in" });
  const z = builder.buffer({ name: "z", dtype: "f32", shape: [rows, 4 * vectors], access: "out" });
  const sums = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => builder.let("sum", constant("f32", 0, 4))));
  builder.for({ end: i32(k) }, (i) => {
    const columns = Array.from({ length: vectors }, (_, c) => builder.let("columns", vector(builder.load(y, [i, i32(4 * c)]), 4)));
    sums.forEach((row, r) => {
      const factor = builder.let("factor", splat(4, builder.load(x, [i32(r), i])));
      row.forEach((sum, c) => builder.set(sum, binary("add", sum, binary("mul", factor, columns[c]!))));
    });
  });
  sums.forEach((row, r) => row.forEach((sum, c) => builder.store(z, [i32(r), i32(4 * c)], sum)));
  return builder.finish();
}

/** Products of sums of every second element and of those between them, of pairs in this order. */
function everySecond(pairs: readonly number[]): Kernel {
  const count = operandBytes / 8;
  const builder = new KernelBuilder("every second", nowhere);
  const operands = ["x", "y"].map((name) => builder.buffer({ name, dtype: "f32", shape: [2 * count], access: "in" }));
  const z = builder.buffer({ name: "z", dtype: "f32", shape: [count], access: "out" });
  builder.for({ end: i32(repeats) }, () => builder.for({ end: i32(count), step: 8, parallel: true }, (i) => {
    const twice = binary("mul", i, i32(2));
    const sums = [0, 8].map((start) => operands.map((buffer) => {
      const firsts = pairs.map((at) => builder.load(buffer, [plus(twice, start + at)]) as LoadExpression);
      const [even, odd] = fromPairs(firsts, (value) => builder.let("pairs", value));
      return binary("add", even, odd);
    }));
    const results = sums.map(([one, other]) => builder.let("result", binary("mul", one!, other!)));
    results.forEach((result, k) => builder.store(z, [plus(i, 4 * k)], result));
  }));
  return builder.finish();
}

/** Sums to every second place and products to those between them. */
function betweenEachOther(): Kernel {
  const count = operandBytes / 4;
  const builder = new KernelBuilder("between each other", nowhere);
  const [x, y] = ["x", "y"].map((name) => builder.buffer({ name, dtype: "f32", shape: [count], access: "in" }));
  const z = builder.buffer({ name: "z", dtype: "f32", shape: [2 * count], access: "out" });
  builder.for({ end: i32(repeats) }, () => builder.for({ end: i32(count), step: 8, parallel: true }, (i) => {
    const places = [0, 4].map((start) => plus(i, start));
    const operands = places.map((at) => [x!, y!].map((buffer) => builder.let("operand", vector(builder.load(buffer, [at]), 4))) as [Expression, Expression]);
    const sums = operands.map(([a, b]) => builder.let("sum", binary("add", a, b)));
    const products = operands.map(([a, b]) => builder.let("product", binary("mul", a, b)));
    for (const half of [0, 2]) {
      const values = sums.map((sum, k) => builder.let("value", pack([half, half + 1].flatMap((at) => [lane(at, sum), lane(at, products[k]!)]))));
      places.forEach((at, k) => builder.store(z, [plus(binary("mul", at, i32(2)), 2 * half)], values[k]!));
    }
  }));
  return builder.finish();
}

/** Sums, and products instead where x is larger than y; the branch is left out where it is so in no lane. */
function branching(): Kernel {
  const count = operandBytes / 4;
  const builder = new KernelBuilder("branching", nowhere);
  const [x, y] = ["x", "y"].map((name) => builder.buffer({ name, dtype: "f32", shape: [count], access: "in" }));
  const z = builder.buffer({ name: "z", dtype: "f32", shape: [count], access: "out" });
  builder.for({ end: i32(repeats) }, () => builder.for({ end: i32(count), step: 4 * together, parallel: true }, (i) => {
    const places = Array.from({ length: together }, (_, k) => plus(i, 4 * k));
    const operands = places.map((at) => [x!, y!].map((buffer) => builder.let("operand", vector(builder.load(buffer, [at]), 4))) as [Expression, Expression]);
    const results = operands.map(([a, b]) => builder.let("result", binary("add", a, b)));
    const masks = operands.map(([a, b]) => builder.let("mask", binary("gt", a, b)));
    builder.if(reduce("or", masks.reduce((one, other) => binary("or", one, other))), () =>
      operands.forEach(([a, b], k) => builder.set(results[k]!, select(masks[k]!, binary("mul", a, b), results[k]!))));
    places.forEach((at, k) => builder.store(z, [at], results[k]!));
  }));
  return builder.finish();
}

/** Exports `kernel0`, `kernel1`, …, each of three addresses: two operands of 256 bytes and the results; and `memory`. */
export async function pairingModule(): Promise<Uint8Array> {
  const kernels = [...(["f32", "f64", "i32", "u32", "u64", "i16", "u8"] as const).map(elementwise), product(), everySecond([0, 2, 4, 6]), everySecond([0, 4, 2, 6]), betweenEachOther(), branching()];
  return (await buildModule(kernels, { fusedMultiplyAdd: true, pages: 2 })).bytes;
}
