/**
 * Random elementwise kernels, as the passes unroll them, with V8 pairing their vectors: what they compute is what the kernel
 * interpreter says, to the bit, NaN aside. Engines that know the flag and pair wrongly exist (Node 24, with shuffles).
 */
import { setFlagsFromString } from "node:v8";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { isFloat, type DType } from "../../runtime/dtype.ts";
import { pairVectors, whyNarrow } from "../../runtime/wide-vectors.ts";
import { get, put, zeros, type Tensor } from "../graph/tensor.ts";
import { binary, call, cast, constant, i32, KernelBuilder, select, unary } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import type { BinaryOp, Expression, Kernel, UnaryOp } from "../kernel/kernel.ts";
import { expandMath } from "../kernel/passes/expand-math.ts";
import { optimiseKernel } from "../kernel/passes/index.ts";
import { testContext } from "../kernel/testing/run-both.ts";
import { nowhere } from "../support/span.ts";
import { buildModule, copyTensor, instantiate, runBuilt } from "./testing/kernel-module.ts";

const count = 70;
const dtypes = ["f32", "f64", "i32", "u32", "i64", "i16", "u8"] as const satisfies readonly DType[];
const floatUnaries: readonly UnaryOp[] = ["neg", "abs", "sqrt", "floor", "nearest", "trunc"];
const floatBinaries: readonly BinaryOp[] = ["add", "sub", "mul", "div", "min", "max"];
const integerUnaries: readonly UnaryOp[] = ["neg", "abs", "not"];
const integerBinaries: readonly BinaryOp[] = ["add", "sub", "mul", "min", "max", "and", "or", "xor"];
const comparisons: readonly BinaryOp[] = ["eq", "lt", "ge"];

/** z[i] = f(x[i], x[i + 1], y[i], …), with parts that are used twice. */
function randomKernel(choose: fc.GeneratorValue): { kernel: Kernel; buffers: Tensor[] } {
  const dtype = choose(fc.constantFrom, ...dtypes);
  const builder = new KernelBuilder("random", nowhere);
  const [x, y] = ["x", "y"].map((name) => builder.buffer({ name, dtype, shape: [count + 2], access: "in" }));
  const z = builder.buffer({ name: "z", dtype, shape: [2, count], access: "out" });
  const small = (): Expression => constant(dtype, dtype === "i64" ? BigInt(choose(fc.nat, 5)) : choose(fc.nat, 5));
  builder.for({ end: i32(count), parallel: true }, (i) => {
    const parts: Expression[] = [builder.load(x!, [i]), builder.load(x!, [binary("add", i, i32(1))]), builder.load(y!, [i]), small()];
    const part = (): Expression => choose(fc.constantFrom, ...parts);
    const one = (): Expression => {
      const form = choose(fc.nat, 9);
      if (form === 0) return unary(choose(fc.constantFrom, ...(isFloat(dtype) ? floatUnaries : integerUnaries)), part());
      if (form === 1) return select(binary(choose(fc.constantFrom, ...comparisons), part(), part()), part(), part());
      if (form === 2 && !isFloat(dtype)) return binary(choose(fc.constantFrom, "shl" as const, "shr" as const), part(), small());
      if (form === 3 && dtype === "f32") return cast("f32", cast("i32", part()));
      if (form === 3 && dtype === "i32") return cast("i32", cast("f32", part()));
      return binary(choose(fc.constantFrom, ...(isFloat(dtype) ? floatBinaries : integerBinaries)), part(), part());
    };
    for (let left = choose(fc.integer, { min: 1, max: 14 }); left > 0; left--) {
      const value = one();
      parts.push(choose(fc.boolean) ? builder.let("part", value) : value);
    }
    builder.store(z, [i32(0), i], parts.at(-1)!);
    builder.store(z, [i32(1), i], part());
  });
  const operand = (scale: number): Tensor => {
    const tensor = zeros({ dtype, shape: [count + 2] });
    for (let at = 0; at < count + 2; at++) put(tensor, at, dtype === "i64" ? BigInt((at * scale * 7919) % 4001) - 2000n : ((at * scale * 7919) % 4001) / (isFloat(dtype) ? 16 : 1) - (dtype.startsWith("u") ? 0 : 120));
    return tensor;
  };
  return { kernel: builder.finish(), buffers: [operand(1), operand(3), zeros({ dtype, shape: [2, count] })] };
}

const beginnings = ["nothing", "a row's", "a column's", "its own"] as const;

/** y[g, i, j] = start + Σ x[g, i, k] · w[g, k, j], then perhaps more: sums in register blocks, of whole pairs and not, that begin with what they share or not. */
function randomSums(choose: fc.GeneratorValue): { kernel: Kernel; buffers: Tensor[] } {
  const dtype = choose(fc.constantFrom, "f32" as const, "f64" as const);
  const lanes = dtype === "f32" ? 4 : 2;
  const [groups, m, k] = [choose(fc.integer, { min: 1, max: 3 }), choose(fc.integer, { min: 1, max: 14 }), choose(fc.integer, { min: 2, max: 10 })];
  const n = lanes * choose(fc.integer, { min: 1, max: 10 }) + choose(fc.constantFrom, 0, 0, 1);
  const start: (typeof beginnings)[number] = choose(fc.constantFrom, ...beginnings);
  const more = choose(fc.boolean);
  const builder = new KernelBuilder("sums", nowhere);
  const shapes = { x: [groups, m, k], w: [groups, k, n], row: [m], column: [n], own: [groups, m, n], y: [groups, m, n] };
  const [x, w, row, column, own, y] = Object.entries(shapes).map(([name, shape]) => builder.buffer({ name, dtype, shape, access: name === "y" ? "out" : "in" })) as [number, number, number, number, number, number];
  builder.forBox([groups, m, n], true, ([g, i, j]) => {
    const begins = { nothing: constant(dtype, 0), "a row's": builder.load(row, [i!]), "a column's": builder.load(column, [j!]), "its own": builder.load(own, [g!, i!, j!]) };
    const sum = builder.let("sum", begins[start]);
    builder.for({ end: i32(k) }, (at) => builder.set(sum, binary("add", sum, binary("mul", builder.load(x, [g!, i!, at]), builder.load(w, [g!, at, j!])))));
    builder.store(y, [g!, i!, j!], more ? binary("add", binary("max", sum, constant(dtype, 0)), builder.load(row, [i!])) : sum);
  });
  return { kernel: builder.finish(), buffers: Object.values(shapes).map((shape, which) => sixteenths(dtype, shape, which)) };
}

/** y[g, i, j, l] = Σ x[g, i, k, l] · w[g, j, k, l]: blocks in which both operands are vectors. */
function randomLaneSums(choose: fc.GeneratorValue): { kernel: Kernel; buffers: Tensor[] } {
  const dtype = choose(fc.constantFrom, "f32" as const, "f64" as const);
  const [groups, m, n, k] = [choose(fc.integer, { min: 1, max: 2 }), choose(fc.integer, { min: 1, max: 8 }), choose(fc.integer, { min: 1, max: 8 }), choose(fc.integer, { min: 2, max: 10 })];
  const lanes = choose(fc.constantFrom, 4, 8, 8, 8, 11, 16);
  const builder = new KernelBuilder("sums", nowhere);
  const shapes = { x: [groups, m, k, lanes], w: [groups, n, k, lanes], y: [groups, m, n, lanes] };
  const [x, w, y] = Object.entries(shapes).map(([name, shape]) => builder.buffer({ name, dtype, shape, access: name === "y" ? "out" : "in" })) as [number, number, number];
  builder.forBox(shapes.y, true, (at) => builder.store(y, at, constant(dtype, 0)));
  builder.forBox([groups, m, n, lanes], true, ([g, i, j, l]) => {
    const sum = builder.let("sum", builder.load(y, [g!, i!, j!, l!]));
    builder.forSum([k], ([at]) => builder.set(sum, binary("add", sum, binary("mul", builder.load(x, [g!, i!, at!, l!]), builder.load(w, [g!, j!, at!, l!])))));
    builder.store(y, [g!, i!, j!, l!], sum);
  });
  return { kernel: builder.finish(), buffers: Object.values(shapes).map((shape, which) => sixteenths(dtype, shape, which)) };
}

/** Small multiples of 1/16: sums of their products are exact, fused or not. */
function sixteenths(dtype: DType, shape: readonly number[], which: number): Tensor {
  const tensor = zeros({ dtype, shape });
  for (let at = 0; at < tensor.data.length; at++) put(tensor, at, (((at * 37 + which * 11) % 101) - 50) / 16);
  return tensor;
}

const valuesOf = (tensor: Tensor): (number | bigint)[] => Array.from({ length: tensor.data.length }, (_, at) => get(tensor, at));

describe.skipIf(whyNarrow() !== undefined)("paired vectors", () => {
  // In a process of this file alone, which needs no flag set back.
  beforeAll(() => {
    expect(pairVectors()).toBeUndefined();
    // A few calls make a function hot, and then it is compiled at once by the compiler that pairs.
    setFlagsFromString("--wasm-sync-tier-up");
    setFlagsFromString("--wasm-tiering-budget=1000");
  });

  it("of random kernels compute what the interpreter says", async () => {
    await fc.assert(fc.asyncProperty(fc.gen(), async (choose) => {
      const { kernel, buffers } = randomKernel(choose);
      const optimised = optimiseKernel(kernel, testContext).kernel;
      const [expected, actual] = [buffers.map(copyTensor), buffers.map(copyTensor)];
      runKernel(kernel, expected, { offsets: [0, 0, 0] });
      const runner = instantiate(await buildModule([optimised]));
      for (let call = 0; call < 20; call++) runBuilt(runner, 0, optimised, actual);
      expect(valuesOf(actual[2]!)).toEqual(valuesOf(expected[2]!));
    }), { numRuns: 200 });
  });

  it("of sums in register blocks compute what the interpreter says", async () => {
    await fc.assert(fc.asyncProperty(fc.gen(), async (choose) => {
      const { kernel, buffers } = choose(fc.nat, 3) === 0 ? randomLaneSums(choose) : randomSums(choose);
      const { kernel: narrow, wide } = optimiseKernel(kernel, testContext);
      const expected = buffers.map(copyTensor);
      runKernel(kernel, expected, { offsets: buffers.map(() => 0) });
      for (const optimised of wide ? [wide, narrow] : [narrow]) {
        const actual = buffers.map(copyTensor);
        const runner = instantiate(await buildModule([optimised]));
        for (let call = 0; call < 20; call++) runBuilt(runner, 0, optimised, actual);
        expect(valuesOf(actual.at(-1)!)).toEqual(valuesOf(expected.at(-1)!));
      }
    }), { numRuns: 250 });
  });

  for (const name of ["sin", "cos", "tan"] as const) for (const dtype of ["f32", "f64"] as const) it(`of ${name} of ${dtype}, of elements of which few, many or none are large, compute what the interpreter says`, async () => {
    const builder = new KernelBuilder(name, nowhere);
    const [x, y] = [builder.buffer({ name: "x", dtype, shape: [count], access: "in" }), builder.buffer({ name: "y", dtype, shape: [count], access: "out" })];
    builder.for({ end: i32(count), parallel: true }, (i) => builder.store(y, [i], binary("add", call(name, builder.load(x, [i])), builder.load(x, [i]))));
    const kernel = builder.finish();
    const expanded = expandMath.run(kernel, testContext);
    const optimised = optimiseKernel(kernel, testContext).kernel;
    const runner = instantiate(await buildModule([optimised]));
    for (const every of [1, 2, 7, 23, count + 1]) {
      const operand = zeros({ dtype, shape: [count] });
      for (let at = 0; at < count; at++) put(operand, at, at % every === every - 1 ? (at + 1) * 1e9 : (at - 30) / 4);
      const [expected, actual] = [[operand, zeros(operand.type)], [operand, zeros(operand.type)]];
      runKernel(expanded, expected, { offsets: [0, 0] });
      for (let run = 0; run < 20; run++) runBuilt(runner, 0, optimised, actual);
      expect(valuesOf(actual[1]!)).toEqual(valuesOf(expected[1]!));
    }
  });
});
