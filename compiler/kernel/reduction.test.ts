import { describe, expect, it } from "vitest";
import { nowhere } from "../support/span.ts";
import { binary, constant, KernelBuilder, largerOf, select } from "./build.ts";
import type { Expression } from "./kernel.ts";
import { reductionStep } from "./reduction.ts";

describe("a step of a reduction", () => {
  const kernel = new KernelBuilder("k", nowhere);
  const x = kernel.buffer({ name: "x", dtype: "f32", shape: [4], access: "in" });
  const index = kernel.let("i", { kind: "constant", dtype: "i32", lanes: 1, value: 0 });
  const total = kernel.let("total", constant("f32", 0)) as Extract<Expression, { kind: "local" }>;
  const item = (): Expression => kernel.load(x, [index]);
  const opOf = (value: Expression): string | undefined => reductionStep(value, total.local)?.op;

  it("is an operation with the local on either side, a difference only with it before", () => {
    expect([binary("add", total, item()), binary("mul", item(), total), binary("sub", total, item()), binary("sub", item(), total)].map(opOf)).toEqual(["add", "mul", "sub", undefined]);
  });

  it("is the larger of the local and an item that is the same where it is compared and where it is taken", () => {
    const other = kernel.load(x, [binary("add", index, index)]);
    expect(opOf(largerOf(total, item()))).toBe("max");
    expect([select(binary("lt", total, item()), other, total), select(binary("lt", item(), total), item(), total), select(binary("lt", total, item()), total, item())].map(opOf)).toEqual([undefined, undefined, undefined]);
  });

  it("has an item that does not depend on the local", () => {
    expect([binary("add", total, binary("mul", total, item())), largerOf(total, binary("mul", total, item()))].map(opOf)).toEqual([undefined, undefined]);
  });
});
