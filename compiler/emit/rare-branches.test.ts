/** Branches of vectors that are left out where no lane is on, and calls lane by lane: as the kernel interpreter has it. */
import { describe, expect, it } from "vitest";
import type { DType } from "../../runtime/dtype.ts";
import { get, tensor, zeros, type Tensor } from "../graph/tensor.ts";
import { binary, call, cast, constant, i32, KernelBuilder } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import type { Expression, Kernel, Statement } from "../kernel/kernel.ts";
import { expandMath } from "../kernel/passes/expand-math.ts";
import { vectorise } from "../kernel/passes/vectorise.ts";
import { testContext } from "../kernel/testing/run-both.ts";
import { vectorSupported } from "../kernel/vector-support.ts";
import { verifyKernel } from "../kernel/verify.ts";
import { visitStatements } from "../kernel/walk.ts";
import { nowhere } from "../support/span.ts";
import { buildModule, instantiate, runBuilt } from "./testing/kernel-module.ts";

const length = 43;

/** A map as it is built, its calls calls. */
function calling(dtype: DType, body: (x: Expression, builder: KernelBuilder) => Expression): Kernel {
  const builder = new KernelBuilder("map", nowhere);
  const x = builder.buffer({ name: "x", dtype, shape: [length], access: "in" });
  const y = builder.buffer({ name: "y", dtype, shape: [length], access: "out" });
  builder.for({ end: i32(length), parallel: true }, (i) => builder.store(y, [i], cast(dtype, body(builder.load(x, [i]), builder))));
  return builder.finish();
}

async function both(kernel: Kernel, x: Tensor): Promise<Kernel> {
  const widened = vectorise.run(kernel, testContext);
  verifyKernel(widened);
  expect(widened.body.every(vectorSupported)).toBe(true);
  let wide = false;
  visitStatements(widened.body, (statement) => (wide ||= statement.kind === "store" && statement.value.lanes > 1));
  expect(wide).toBe(true);
  const [expected, actual] = [zeros(x.type), zeros(x.type)];
  runKernel(kernel, [x, expected]);
  runBuilt(instantiate(await buildModule([widened])), 0, widened, [x, actual]);
  for (let at = 0; at < length; at++) expect(get(actual, at), `of ${get(x, at)}`).toBe(get(expected, at));
  return widened;
}

/** Whether there is a branch with a scalar condition that holds a call. */
function skipsCalls(kernel: Kernel): boolean {
  let found = false;
  const holdsCall = (body: readonly Statement[]): boolean => body.some((statement) => JSON.stringify(statement).includes('"call"'));
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "if" && statement.condition.kind === "reduce" && holdsCall(statement.then)) found = true;
  });
  return found;
}

const values = (at: (i: number) => number, dtype: DType = "f32"): Tensor => tensor(dtype, [length], Array.from({ length }, (_, i) => at(i)));

describe("rare branches", () => {
  for (const name of ["sin", "cos", "tan"] as const) {
    const kernel = expandMath.run(calling("f32", (x) => call(name, x)), testContext);
    it(`${name} of small elements, of one that is large, of many`, async () => {
      expect(skipsCalls(await both(kernel, values((i) => (i - 20) * 1.7)))).toBe(true);
      await both(kernel, values((i) => (i === 9 ? 1e9 : i)));
      await both(kernel, values((i) => (i - 20) * 1e30 ** (i / 20)));
      await both(kernel, values((i) => [NaN, Infinity, -Infinity, -0][i % 4]!));
    });
  }

  it("keeps the lanes that are off", async () => {
    const kernel = calling("f32", (x, builder) => {
      const value = builder.let("value", binary("mul", x, constant("f32", 2)));
      builder.if(binary("gt", x, constant("f32", 3)), () => builder.set(value, call("asin", binary("div", constant("f32", 1), x))));
      return value;
    });
    expect(skipsCalls(await both(kernel, values((i) => i % 5)))).toBe(true);
    await both(kernel, values(() => 1));
  });
});

describe("calls lane by lane", () => {
  it.each(["f32", "f64", "f16", "bf16"] as const)("of %s", async (dtype) => {
    const half = dtype === "f16" || dtype === "bf16";
    await both(calling(dtype, (x) => call("atan2", half ? cast("f32", x) : x, constant(half ? "f32" : dtype, 0.5))), values((i) => (i - 9) / 7, dtype));
  });
});
