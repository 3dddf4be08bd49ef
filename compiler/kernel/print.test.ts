import { describe, expect, it } from "vitest";
import { nowhere } from "../support/span.ts";
import { argument, binary, call, cast, constant, i32, iota, KernelBuilder, reduce, select, splat, unary } from "./build.ts";
import { printExpression, printKernel } from "./print.ts";

const [a, b, c] = [argument("f32", 0), argument("f32", 1), argument("f32", 2)];

describe("printExpression", () => {
  it("writes parentheses only where the meaning needs them", () => {
    expect(printExpression(binary("mul", binary("add", a, b), c))).toBe("($0 + $1) * $2");
    expect(printExpression(binary("add", binary("mul", a, b), c))).toBe("$0 * $1 + $2");
    expect(printExpression(binary("sub", a, binary("sub", b, c)))).toBe("$0 - ($1 - $2)");
    expect(printExpression(binary("sub", binary("sub", a, b), c))).toBe("$0 - $1 - $2");
    expect(printExpression(unary("neg", binary("add", a, b)))).toBe("-($0 + $1)");
    expect(printExpression(binary("max", binary("add", a, b), c))).toBe("max($0 + $1, $2)");
  });
  it("tells floats from integers, and names what it is told", () => {
    expect(printExpression(binary("add", a, constant("f32", 2)))).toBe("$0 + 2.0");
    expect(printExpression(binary("add", a, constant("f32", 1e-7)), { argument: () => "x" })).toBe("x + 1e-7");
    expect(printExpression(select(binary("lt", a, b), call("exp", a), cast("f32", i32(3))))).toBe("select($0 < $1, exp($0), cast<f32>(3))");
    expect(printExpression(reduce("add", splat(4, a)))).toBe("reduce add(splat×4($0))");
    expect(printExpression(iota("i32", 4))).toBe("iota×4");
  });
});

describe("printKernel", () => {
  it("shows buffers, loops and stores", () => {
    const kernel = new KernelBuilder("dot", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [3, 4], strides: [1, 3], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [3], access: "out" });
    kernel.for({ end: i32(3), parallel: true }, (i) => {
      const sum = kernel.let("sum", constant("f32", 0));
      kernel.for({ end: i32(4), step: 2, name: "k" }, (k) => kernel.set(sum, binary("add", sum, kernel.load(x, [i, k]))));
      kernel.if(binary("lt", sum, constant("f32", 0)), () => kernel.store(y, [i], unary("neg", sum)), () => kernel.store(y, [i], sum));
    });
    expect(printKernel(kernel.finish())).toBe(`kernel dot(in x: f32[3, 4] strides [1, 3], out y: f32[3])
  parallel for i in 0 .. 3
    sum = 0.0
    for k in 0 .. 4 step 2
      sum = sum + x[i, k]
    if sum < 0.0
      y[i] = -sum
    else
      y[i] = sum`);
  });
});
