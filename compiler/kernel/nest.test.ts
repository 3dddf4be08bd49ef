import { describe, expect, it } from "vitest";
import { nowhere } from "../support/span.ts";
import { binary, constant, i32, KernelBuilder } from "./build.ts";
import type { Expression, Kernel } from "./kernel.ts";
import { loopsAround, nestOf } from "./nest.ts";
import { rowMajor } from "./kernel.ts";
import { runBoth } from "./testing/run-both.ts";
import { verifyKernel } from "./verify.ts";

/** y[i, j] = value(x[i, j]), with a loop of another extent before the two, so that their counters are not the first locals. */
function kernel(dtype: "f32" | "i32", value: (x: Expression, builder: KernelBuilder) => Expression, parallel = true): Kernel {
  const builder = new KernelBuilder("map", nowhere);
  const [x, y] = (["in", "out"] as const).map((access) => builder.buffer({ name: access, dtype, shape: [3, 5], access, strides: rowMajor([3, 5]) })) as [number, number];
  builder.local("unused", "i32");
  builder.forBox([3, 5], parallel, (at) => builder.store(y, at, value(builder.load(x, at), builder)));
  return builder.finish();
}

describe("nests", () => {
  it("are loops around stores, whose counters are numbered from the outermost in", () => {
    const before = kernel("f32", (x) => binary("mul", x, x));
    const nest = nestOf(before)!;
    expect(nest.extents).toEqual([3, 5]);
    expect(nest.stores[0]!.index).toMatchObject([{ kind: "local", local: 0 }, { kind: "local", local: 1 }]);
    const after = { ...before, locals: ["i0", "i1"].map((name) => ({ name, dtype: "i32" as const, lanes: 1 })), body: loopsAround(nest, nest.stores) };
    verifyKernel(after);
    for (const [was, is] of runBoth(before, after, 3)) expect(is).toEqual(was);
  });

  it("of no loops are the stores alone", () => {
    const builder = new KernelBuilder("scalar", nowhere);
    const y = builder.buffer({ name: "y", dtype: "f32", shape: [], access: "out" });
    builder.store(y, [], constant("f32", 1));
    expect(nestOf(builder.finish())).toMatchObject({ extents: [], stores: [{ buffer: y }] });
  });

  it.each([
    ["loops in order", kernel("f32", (x) => x, false)],
    ["what may divide by zero", kernel("i32", (x) => binary("div", i32(7), x))],
    ["elements that data choose", kernel("i32", (x, builder) => builder.load(0, [x, i32(0)]))],
    ["what the user says the cycles of", { ...kernel("f32", (x) => x), cycles: 3 }],
  ])("are not %s", (_, one) => {
    expect(nestOf(one)).toBeUndefined();
  });
});
