/** The cycle model on kernels whose cycles are counted by hand from its rules. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nowhere } from "../support/span.ts";
import { target } from "../targets/targets.ts";
import { binary, call, cast, constant, i32, KernelBuilder, multiplyAdd } from "./build.ts";
import { closedForms, cycleModel, mathCycles } from "./cycle-model.ts";
import { estimateKernel, kernelCycles, sharedKernelCycles } from "./cycles.ts";
import type { Expression, Kernel } from "./kernel.ts";
import type { DType } from "../../runtime/dtype.ts";

const mk2 = target("ipu-mk2");

function kernel(fill: (builder: KernelBuilder) => void, cycles?: number): Kernel {
  const builder = new KernelBuilder("test", nowhere);
  fill(builder);
  return builder.finish(cycles);
}

/** `y = Σ a[i · stride] · x[i]`. */
const dot = (n: number, dtype: DType = "f32", stride = 1): Kernel => kernel((k) => {
  const a = k.buffer({ name: "a", dtype, shape: [n], strides: [stride], access: "in" });
  const x = k.buffer({ name: "x", dtype, shape: [n], access: "in" });
  const y = k.buffer({ name: "y", dtype, shape: [], access: "out" });
  const sum = k.let("sum", constant("f32", 0));
  k.for({ end: i32(n) }, (i) => k.set(sum, binary("add", sum, binary("mul", cast("f32", k.load(a, [i])), cast("f32", k.load(x, [i]))))));
  k.store(y, [], cast(dtype, sum));
});

/** `y[i] = body(a[i])` over a box, by parallel loops. */
const map = (shape: readonly number[], body: (a: Expression) => Expression, dtype: DType = "f32"): Kernel => kernel((k) => {
  const a = k.buffer({ name: "a", dtype, shape, access: "in" });
  const y = k.buffer({ name: "y", dtype, shape, access: "out" });
  k.forBox(shape, true, (at) => k.store(y, at, body(k.load(a, at))));
});

const matmul = (m: number, k: number, n: number, dtype: DType = "f32"): Kernel => kernel((builder) => {
  const a = builder.buffer({ name: "a", dtype, shape: [m, k], access: "in" });
  const b = builder.buffer({ name: "b", dtype, shape: [k, n], access: "in" });
  const y = builder.buffer({ name: "y", dtype, shape: [m, n], access: "out" });
  builder.forBox([m, n], true, ([i, j]) => {
    const sum = builder.let("sum", constant("f32", 0));
    builder.for({ end: i32(k) }, (step) => builder.set(sum, binary("add", sum, binary("mul", cast("f32", builder.load(a, [i!, step])), cast("f32", builder.load(b, [step, j!]))))));
    builder.store(y, [i!, j!], cast(dtype, sum));
  });
});

const twice = (a: Expression): Expression => binary("mul", constant("f32", 2), a);

describe("cycles of a vertex", () => {
  it("are 5 + ⌈n / 2⌉ for a dot product of f32, 5 + ⌈n / 4⌉ + 1 of f16: its lanes are folded twice", () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 5000 }), (n) => {
      expect(kernelCycles(dot(n), mk2)).toBe(5 + Math.ceil(n / 2));
      if (n >= 12) expect(kernelCycles(dot(n, "f16"), mk2)).toBe(6 + Math.ceil(n / 4));
    }));
  });

  it("are the same for a product that is added, however it is written", () => {
    for (const op of ["add", "sub"] as const) {
      const apart = map([301], (a) => binary(op, a, twice(twice(a))));
      expect(kernelCycles(map([301], (a) => multiplyAdd(op, a, constant("f32", 2), twice(a))), mk2)).toBe(kernelCycles(apart, mk2));
    }
  });

  it("are in closed form what they are of a kernel: a dot product, and a map but for the lane that needs no folding", () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 5000 }), (n) => {
      expect(closedForms.dot(n, 4)).toBe(kernelCycles(dot(n), mk2));
      expect(Math.abs(closedForms.map(n, 1, 4) - kernelCycles(map([n], twice), mk2))).toBeLessThanOrEqual(2);
    }));
  });

  it("are the same whether the loop is marked parallel or provably is: a user's y[i] = 2 · a[i]", () => {
    const plain = kernel((k) => {
      const a = k.buffer({ name: "a", dtype: "f32", shape: [100], access: "in" });
      const y = k.buffer({ name: "y", dtype: "f32", shape: [100], access: "out" });
      k.for({ end: i32(100) }, (i) => k.store(y, [i], twice(k.load(a, [i]))));
    });
    expect(kernelCycles(plain, mk2)).toBe(kernelCycles(map([100], twice), mk2));
    // 50 vectors, of which each is one load with one store, and beside it one product.
    expect(kernelCycles(plain, mk2)).toBe(2 + 1 + 50);
  });

  it("are those of one element at a time where memory does not move by unit stride", () => {
    // Two streams in an instruction, one product: a cycle an element.
    expect(kernelCycles(dot(64, "f32", 3), mk2)).toBe(2 + 1 + 64 + 1);
  });

  it("count a repeated load and a repeated subexpression once, and a product in a sum not at all", () => {
    const squares = (a: Expression): Expression => binary("add", binary("mul", a, a), binary("mul", a, a));
    // 8 vectors of two instructions: the square, and the sum in which it is a factor's product again.
    expect(kernelCycles(map([16], squares), mk2)).toBe(2 + 1 + 8 * 2);
    expect(kernelCycles(map([16], (a) => binary("add", binary("mul", a, a), a)), mk2)).toBe(2 + 1 + 8);
  });

  it("are by the slower of the two pipes", () => {
    const long = (a: Expression): Expression => [1, 2, 3, 4, 5].reduce<Expression>((sum, value) => binary("max", binary("add", sum, constant("f32", value)), a), a);
    expect(kernelCycles(map([10], long), mk2)).toBe(2 + 1 + 5 * 10);
  });

  it("copy whole vectors of bytes", () => {
    const same = (a: Expression): Expression => a;
    expect(kernelCycles(map([80], same, "u8"), mk2)).toBe(2 + 1 + 10);
    expect(kernelCycles(map([80], same), mk2)).toBe(2 + 1 + 40);
    // Integers are computed one by one, beside two moves.
    expect(kernelCycles(map([80], (a) => binary("add", a, i32(1)), "i32"), mk2)).toBe(2 + 1 + 80 * 2);
  });

  it("pay a step for each row of a nest", () => {
    expect(kernelCycles(map([6, 10], twice), mk2)).toBe(2 + 1 + 6 * (1 + 5 + 1));
  });

  it("take functions from the table, per element", () => {
    expect(kernelCycles(map([10], (a) => call("exp", a)), mk2)).toBe(2 + 1 + 5 * 2 * mathCycles.exp);
    expect(kernelCycles(map([10], (a) => binary("div", a, constant("f32", 3))), mk2)).toBe(2 + 1 + 5 * 2 * cycleModel.divide);
  });

  it("are the user's where the vertex says them", () => {
    const said = kernel((k) => void k.buffer({ name: "y", dtype: "f32", shape: [], access: "out" }), 123);
    expect(estimateKernel(said, mk2)).toEqual({ cycles: 123, guessed: false });
    expect(sharedKernelCycles(said, mk2, 6)).toBeUndefined();
  });
});

describe("trips", () => {
  const triangle = kernel((k) => {
    const y = k.buffer({ name: "y", dtype: "i32", shape: [9, 9], access: "out" });
    k.for({ end: i32(9) }, (i) => k.for({ end: binary("add", i, i32(1)) }, (j) => k.store(y, [j, i], i)));
  });

  it("follow the counters around them: a triangle has its mean", () => {
    // 1 + 2 + … + 9 = 45 stores, five a row in the middle; the bound of each row is one addition.
    expect(estimateKernel(triangle, mk2)).toEqual({ cycles: 2 + 1 + 9 * (1 + 1 + 5 + 1), guessed: false });
  });

  it("are guessed where data decides, and the estimate says so", () => {
    const unknown = kernel((k) => {
      const n = k.buffer({ name: "n", dtype: "i32", shape: [], access: "in" });
      const y = k.buffer({ name: "y", dtype: "i32", shape: [100], access: "out" });
      k.for({ end: k.load(n, []) }, (i) => k.store(y, [i], i));
    });
    expect(estimateKernel(unknown, mk2)).toMatchObject({ guessed: true });
  });

  it("of a while that counts to a constant are that constant", () => {
    const counting = (limit: number): Kernel => kernel((k) => {
      const y = k.buffer({ name: "y", dtype: "i32", shape: [], access: "out" });
      const n = k.let("n", i32(0));
      k.while(binary("lt", n, i32(limit)), () => k.set(n, binary("add", n, i32(1))));
      k.store(y, [], n);
    });
    const [ten, twenty] = [estimateKernel(counting(10), mk2), estimateKernel(counting(20), mk2)];
    expect(ten.guessed).toBe(true);
    // Compare, branch, add, step.
    expect(twenty.cycles - ten.cycles).toBe(10 * (1 + 2 + 1 + 1));
  });
});

describe("the matrix unit", () => {
  it("takes a row per instruction once a block is filled", () => {
    // f32 on this machine: blocks of 4 outputs by 4 steps, 8 instructions to fill. 64 rows, 32 outputs, 128 steps.
    const unit = (128 / 4) * (32 / 4) * (8 + 64);
    // Each output is stored once: two in an instruction.
    const outputs = (64 * 32) / 2;
    expect(kernelCycles(matmul(64, 128, 32), mk2)).toBe(2 + 1 + unit + outputs);
  });

  it("does four times as many multiply–adds of f16", () => {
    const f16 = (128 / 16) * (32 / 4) * (16 + 64);
    expect(kernelCycles(matmul(64, 128, 32, "f16"), mk2)).toBe(2 + 1 + f16 + (64 * 32) / 4);
  });

  it("is not used for a single row, where filling it costs more than vectors do", () => {
    // Five vectors of outputs, each of 100 steps of one instruction, with the loop and the store of each.
    expect(kernelCycles(matmul(1, 100, 10), mk2)).toBe(2 + 1 + 5 * (1 + 100 + 1 + 1));
  });
});

describe("a vertex shared by the threads of its tile", () => {
  it("gives each a part of the loop that makes it soonest", () => {
    // Of 2 rows only two threads would get one; of 60 columns each gets 10.
    expect(sharedKernelCycles(map([2, 60], twice), mk2, 6)?.cycles).toBe(2 + 1 + 2 * (1 + 5 + 1));
    expect(sharedKernelCycles(map([12, 4], twice), mk2, 6)?.cycles).toBe(2 + 1 + 2 * (1 + 2 + 1));
  });

  it("goes through the loops of a row together, and meets after each", () => {
    // Each thread takes 10 of 60 elements, two at a time, and combines the sum with those of the others.
    const norm = (rows: number): Kernel => kernel((k) => {
      const x = k.buffer({ name: "x", dtype: "f32", shape: [rows, 60], access: "in" });
      const y = k.buffer({ name: "y", dtype: "f32", shape: [rows, 60], access: "out" });
      k.forBox([rows], true, ([row]) => {
        const sum = k.let("sum", constant("f32", 0));
        k.for({ end: i32(60) }, (i) => k.set(sum, binary("add", sum, k.load(x, [row!, i]))));
        k.for({ end: i32(60), parallel: true }, (i) => k.store(y, [row!, i], binary("mul", k.load(x, [row!, i]), sum)));
      });
    });
    const whole = kernelCycles(norm(1), mk2);
    const shared = sharedKernelCycles(norm(1), mk2, 6)!.cycles;
    expect(whole - shared).toBe(2 * (60 - 10) / 2 - 2 * 6 - 6);
    // Of twelve rows each thread takes two.
    expect(sharedKernelCycles(norm(12), mk2, 6)!.cycles).toBe(2 + 1 + 2 * (whole - 2 + 1));
  });

  it("is not one whose outermost loop is not parallel", () => {
    expect(sharedKernelCycles(dot(100), mk2, 6)).toBeUndefined();
  });

  it("never takes longer than whole, by more than a vector", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (m, n) => {
      const whole = kernelCycles(map([m, n], twice), mk2);
      const shared = sharedKernelCycles(map([m, n], twice), mk2, 6)?.cycles ?? whole;
      expect(shared).toBeLessThanOrEqual(whole);
      expect(shared * 6).toBeGreaterThanOrEqual(whole - 3);
    }));
  });
});
