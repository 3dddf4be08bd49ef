import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dtypes, viewArray, type DType } from "../../runtime/dtype.ts";
import { tensor, zeros } from "../graph/tensor.ts";
import type { Span } from "../support/span.ts";
import { argument, binary, bitcast, call, cast, constant, i32, KernelBuilder, select, unary } from "./build.ts";
import { evaluateScalar, KernelError, runKernel } from "./interpret.ts";
import type { BinaryOp, Expression } from "./kernel.ts";

const here: Span = { file: "a.gph", start: 3, end: 9 };
const integers = ["i8", "i16", "i32", "u8", "u16", "u32"] as const;

describe("evaluateScalar", () => {
  it("wraps integer arithmetic like typed arrays do", () => {
    const ops: Partial<Record<BinaryOp, (a: bigint, b: bigint) => bigint>> = {
      add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, and: (a, b) => a & b, or: (a, b) => a | b, xor: (a, b) => a ^ b,
    };
    fc.assert(
      fc.property(fc.constantFrom(...integers), fc.integer(), fc.integer(), (dtype, x, y) => {
        const array = viewArray(dtype, new ArrayBuffer(24), 0, 3);
        array[0] = x;
        array[1] = y;
        const [a, b] = [Number(array[0]), Number(array[1])];
        for (const [op, exact] of Object.entries(ops)) {
          array[2] = Number(BigInt.asIntN(32, exact!(BigInt(a), BigInt(b))));
          expect(evaluateScalar(binary(op as BinaryOp, argument(dtype, 0), argument(dtype, 1)), [a, b]), `${dtype} ${op} ${a} ${b}`).toBe(array[2]);
        }
      }),
    );
  });

  it("takes shift amounts modulo the width, keeps the sign of signed values", () => {
    const shift = (op: BinaryOp, dtype: DType, a: number, b: number) => evaluateScalar(binary(op, argument(dtype, 0), argument(dtype, 1)), [a, b]);
    expect(shift("shr", "i8", -128, 9)).toBe(-64);
    expect(shift("shr", "u8", 128, 9)).toBe(64);
    expect(shift("shl", "u16", 1, 17)).toBe(2);
    expect(shift("shr", "u32", 0x80000000, 31)).toBe(1);
    expect(evaluateScalar(binary("shr", argument("i64", 0), argument("i64", 1)), [-8n, 65n])).toBe(-4n);
  });

  it("truncates integer division, wraps the smallest over -1 and refuses zero", () => {
    const divide = (dtype: DType, a: number, b: number) => evaluateScalar(binary("div", argument(dtype, 0), argument(dtype, 1)), [a, b]);
    expect(divide("i32", -7, 2)).toBe(-3);
    expect(divide("i32", -(2 ** 31), -1)).toBe(-(2 ** 31));
    expect(divide("i8", -128, -1)).toBe(-128);
    expect(evaluateScalar(binary("div", argument("i64", 0), argument("i64", 1)), [-(2n ** 63n), -1n])).toBe(-(2n ** 63n));
    expect(evaluateScalar(binary("rem", argument("i32", 0), argument("i32", 1)), [-7, 2])).toBe(-1);
    for (const dtype of integers) expect(() => divide(dtype, 1, 0)).toThrow(KernelError);
    expect(divide("f32", 1, 0)).toBe(Infinity);
  });

  it("rounds f32 after every operation", () => {
    const a = Math.fround(0.1);
    const sum = binary("add", binary("mul", argument("f32", 0), argument("f32", 0)), argument("f32", 1));
    expect(evaluateScalar(sum, [a, 1])).toBe(Math.fround(Math.fround(a * a) + 1));
  });

  it("casts saturating, and integers wrapping", () => {
    const to = (from: DType, dtype: DType, value: number | bigint) => evaluateScalar(cast(dtype, argument(from, 0)), [value]);
    expect([to("f32", "i32", 3e9), to("f32", "i32", -3e9), to("f32", "i32", NaN), to("f32", "i32", -1.9)]).toEqual([2147483647, -2147483648, 0, -1]);
    expect([to("f32", "u8", 300), to("f32", "u8", -5), to("f64", "i64", 1e30)]).toEqual([255, 0, 2n ** 63n - 1n]);
    expect([to("i32", "u8", -1), to("i32", "i8", 200), to("i32", "i64", -5), to("u32", "u64", 7), to("i32", "bool", 2)]).toEqual([255, -56, -5n, 7n, 1]);
    expect(to("f16", "f32", 1 + 2 ** -12)).toBe(1);
  });

  it("casts 64-bit integers to f32 with one rounding", () => {
    // 2^54 + 2^30 + 1 lies just above the middle of two f32; through f64 it would become the middle and go down to even.
    expect(evaluateScalar(cast("f32", argument("i64", 0)), [2n ** 54n + 2n ** 30n + 1n])).toBe(2 ** 54 + 2 ** 31);
    fc.assert(fc.property(fc.maxSafeInteger(), (x) => void expect(evaluateScalar(cast("f32", argument("i64", 0)), [BigInt(x)])).toBe(Math.fround(x))));
  });

  it("rounds to nearest even", () => {
    const values = [0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, 8388609, -0.2, Infinity];
    expect(values.map((value) => evaluateScalar(unary("nearest", argument("f32", 0)), [value]))).toEqual([0, 2, 2, -0, -2, 0, 8388609, -0, Infinity]);
  });

  it("moves bits between dtypes", () => {
    expect(evaluateScalar(bitcast("i32", argument("f32", 0)), [1])).toBe(0x3f800000);
    expect(evaluateScalar(bitcast("f64", argument("i64", 0)), [0x4000000000000000n])).toBe(2);
    expect(evaluateScalar(bitcast("u16", argument("bf16", 0)), [1])).toBe(0x3f80);
    expect(evaluateScalar(unary("popcount", argument("i8", 0)), [-1])).toBe(8);
  });

  it("gives NaN from min and max when either is NaN, and calls functions", () => {
    for (const op of ["min", "max"] as const) expect(evaluateScalar(binary(op, argument("f32", 0), argument("f32", 1)), [NaN, 1])).toBeNaN();
    expect(evaluateScalar(call("exp2", argument("f32", 0)), [0.5])).toBe(Math.fround(Math.SQRT2));
    expect(evaluateScalar(call("pow", argument("f64", 0), argument("f64", 1)), [3, 4])).toBe(81);
  });
});

describe("runKernel", () => {
  it("addresses by strides, offset and reversed order", () => {
    const kernel = new KernelBuilder("transpose", here);
    const a = kernel.buffer({ name: "a", dtype: "f32", shape: [3, 2], strides: [1, 3], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [3, 2], strides: [-2, 1], access: "out" });
    kernel.forBox([3, 2], true, (at) => kernel.store(y, at, kernel.load(a, at)));
    const result = zeros({ dtype: "f32", shape: [7] });
    runKernel(kernel.finish(), [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), result], { offsets: [0, 5] });
    expect([...result.data]).toEqual([0, 3, 6, 2, 5, 1, 4]);
  });

  it("computes lane by lane", () => {
    const kernel = new KernelBuilder("lanes", here);
    const a = kernel.buffer({ name: "a", dtype: "f32", shape: [4], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [5], access: "out" });
    const load: Expression = { kind: "load", dtype: "f32", lanes: 4, buffer: a, index: [i32(0)] };
    const two: Expression = { kind: "splat", dtype: "f32", lanes: 4, operand: constant("f32", 2) };
    const chosen = select(binary("lt", load, two), binary("mul", load, load), two);
    kernel.store(y, [i32(0)], chosen);
    kernel.store(y, [i32(4)], { kind: "reduce", op: "add", dtype: "f32", lanes: 1, operand: load });
    const result = zeros({ dtype: "f32", shape: [5] });
    runKernel(kernel.finish(), [tensor("f32", [4], [1.5, 2, 0.5, 3]), result]);
    expect([...result.data]).toEqual([2.25, 2, 0.25, 2, 7]);
  });

  it("reports an index outside, an endless loop and a division by zero with their place", () => {
    const run = (fill: (kernel: KernelBuilder, x: number) => void, budget?: number): KernelError => {
      const kernel = new KernelBuilder("bad", { file: "a.gph", start: 0, end: 1 });
      fill(kernel, kernel.buffer({ name: "x", dtype: "i32", shape: [4], access: "inout" }));
      try {
        runKernel(kernel.finish(), [tensor("i32", [4], [0, 1, 2, 3])], budget === undefined ? {} : { budget });
      } catch (problem) {
        if (problem instanceof KernelError) return problem;
      }
      throw new Error("no KernelError");
    };
    const outside = run((kernel, x) => kernel.for({ end: i32(5) }, (i) => kernel.store(x, [i], i, here)));
    expect(outside.message).toBe("index 4 outside dimension 0 of x, whose extent is 4");
    expect(outside.origin).toBe(here);
    const endless = run((kernel) => kernel.while(constant("bool", 1), () => {}, here), 1000);
    expect(endless.message).toContain("does not end");
    expect(endless.origin).toBe(here);
    const zero = run((kernel, x) => kernel.store(x, [i32(0)], binary("div", i32(1), kernel.load(x, [i32(0)])), here));
    expect(zero.message).toBe("integer division by zero");
    expect(zero.origin).toBe(here);
  });

  it("evaluates a loop's bounds once", () => {
    const kernel = new KernelBuilder("bounds", here);
    const x = kernel.buffer({ name: "x", dtype: "i32", shape: [], access: "inout" });
    kernel.for({ end: kernel.load(x, []) }, () => kernel.store(x, [], binary("add", kernel.load(x, []), i32(1))));
    const value = tensor("i32", [], [3]);
    runKernel(kernel.finish(), [value]);
    expect(value.data[0]).toBe(6);
  });

  it("has a meaning for every dtype", () => {
    for (const dtype of Object.keys(dtypes) as DType[]) {
      const kernel = new KernelBuilder("copy", here);
      const a = kernel.buffer({ name: "a", dtype, shape: [2], access: "in" });
      const y = kernel.buffer({ name: "y", dtype, shape: [2], access: "out" });
      kernel.for({ end: i32(2) }, (i) => kernel.store(y, [i], kernel.load(a, [binary("sub", i32(1), i)])));
      const result = zeros({ dtype, shape: [2] });
      runKernel(kernel.finish(), [tensor(dtype, [2], [1, 0]), result]);
      expect([...result.data].map(Number)).toEqual(dtype === "bf16" ? [0, 0x3f80] : [0, 1]);
    }
  });
});
