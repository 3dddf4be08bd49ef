import { describe, expect, it } from "vitest";
import { CompilerBug } from "../support/bug.ts";
import { nowhere } from "../support/span.ts";
import { binary, call, constant, i32, KernelBuilder, select, splat, unary } from "./build.ts";
import type { BufferId, Expression } from "./kernel.ts";
import { randomKernel } from "./testing/random-kernel.ts";
import { verifyKernel } from "./verify.ts";

/** What the verifier says of a kernel over x: in f32[8] and y: out f32[4, 4]. */
function verdict(fill: (kernel: KernelBuilder, x: BufferId, y: BufferId) => void): string {
  const kernel = new KernelBuilder("k", nowhere);
  const x = kernel.buffer({ name: "x", dtype: "f32", shape: [8], access: "in" });
  const y = kernel.buffer({ name: "y", dtype: "f32", shape: [4, 4], strides: [1, 4], access: "out" });
  fill(kernel, x, y);
  try {
    verifyKernel(kernel.finish());
  } catch (problem) {
    if (problem instanceof CompilerBug) return problem.message.split("\n")[0]!;
    throw problem;
  }
  return "holds";
}

const f32 = (value: number): Expression => constant("f32", value);
const node = (expression: object): Expression => expression as Expression;

describe("verifyKernel", () => {
  it("accepts what is well formed", () => {
    for (let seed = 0; seed < 50; seed++) verifyKernel(randomKernel(seed, "f32", true));
    expect(verdict((kernel, x, y) => kernel.forBox([4, 4], true, ([i, j]) => kernel.store(y, [i!, j!], kernel.load(x, [binary("add", i!, j!)]))))).toBe("holds");
  });

  it.each<[string, (kernel: KernelBuilder, x: BufferId, y: BufferId) => void]>([
    ["t is read before it has a value", (kernel, _, y) => kernel.store(y, [i32(0), i32(0)], kernel.local("t", "f32"))],
    ["t is read before it has a value", (kernel, x, y) => {
      const t = kernel.local("t", "f32");
      kernel.if(binary("lt", kernel.load(x, [i32(0)]), f32(0)), () => kernel.set(t, f32(1)));
      kernel.store(y, [i32(0), i32(0)], t);
    }],
    ["the in buffer x is stored to", (kernel, x) => kernel.store(x, [i32(0)], f32(1))],
    ["y has 2 dimensions, indexed by 1", (kernel, _, y) => kernel.store(y, [i32(0)], f32(1))],
    ["x holds f32, accessed as i32", (kernel, x, y) => kernel.store(y, [i32(0), i32(0)], node({ ...kernel.load(x, [i32(0)]), dtype: "i32" }))],
    ["4 lanes of y, whose last stride is 4", (kernel, _, y) => kernel.store(y, [i32(0), i32(0)], splat(4, f32(1)))],
    ["dimension 0 of x has extent 8, reached are 1 to 8", (kernel, x, y) =>
      kernel.for({ end: i32(8) }, (i) => kernel.store(y, [i32(0), i32(0)], kernel.load(x, [binary("add", i, i32(1))])))],
    ["iterations of the parallel loop over i store to the same element of y", (kernel, _, y) => kernel.for({ end: i32(8), parallel: true }, () => kernel.store(y, [i32(0), i32(0)], f32(1)))],
    ["iterations of the parallel loop over i store to the same element of y", (kernel, _, y) =>
      kernel.for({ end: i32(4), parallel: true }, () => kernel.for({ end: i32(4), name: "k" }, (k) => kernel.store(y, [k, k], f32(1))))],
    ["sum goes from one iteration of a parallel loop to the next", (kernel, x) => {
      const sum = kernel.let("sum", f32(0));
      kernel.for({ end: i32(8), parallel: true }, (i) => kernel.set(sum, binary("add", sum, kernel.load(x, [i]))));
    }],
    ["wrongly typed, as f32×1: 1.0 + 2", (kernel, _, y) => kernel.store(y, [i32(0), i32(0)], node({ kind: "binary", op: "add", dtype: "f32", lanes: 1, left: f32(1), right: i32(2) }))],
    ["wrongly typed, as f32×1: select(1, 1.0, 2.0)", (kernel, _, y) => kernel.store(y, [i32(0), i32(0)], select(i32(1), f32(1), f32(2)))],
    ["wrongly typed, as i32×1: sqrt(4)", (kernel) => kernel.let("t", unary("sqrt", i32(4)))],
    ["wrongly typed, as i32×1: exp(4)", (kernel) => kernel.let("t", call("exp", i32(4)))],
    ["a condition is i32×1, not bool: 1", (kernel) => kernel.if(i32(1), () => {})],
    ["a loop's step is 0", (kernel) => kernel.for({ end: i32(1), step: 0 }, () => {})],
    ["the counter i is set inside its loop", (kernel) => kernel.for({ end: i32(1) }, (i) => kernel.set(i, i32(0)))],
    ["an argument of a scalar function", (kernel) => kernel.let("t", node({ kind: "argument", dtype: "f32", lanes: 1, index: 0 }))],
  ])("says: %s", (message, fill) => {
    expect(verdict(fill)).toBe(`kernel k: ${message}`);
  });
});
