import { describe, expect, it } from "vitest";
import { nowhere } from "../support/span.ts";
import { binary, constant, i32, KernelBuilder } from "./build.ts";
import type { Expression, Kernel } from "./kernel.ts";
import { nestOf, loopsAround } from "./nest.ts";
import { shareAmong } from "./parts.ts";
import { runBoth } from "./testing/run-both.ts";
import { verifyKernel } from "./verify.ts";
import { LocalTable, withBody } from "./walk.ts";

describe("parts of several statements", () => {
  const builder = new KernelBuilder("several", nowhere);
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [7], access: "in" });
  const [y, z] = ["y", "z"].map((name) => builder.buffer({ name, dtype: "f32", shape: [7], access: "out" })) as [number, number];
  builder.forBox([7], true, ([i]) => {
    const square = (): Expression => binary("mul", builder.load(x, [i!]), builder.load(x, [i!]));
    builder.store(y, [i!], binary("add", square(), constant("f32", 1)));
    builder.store(z, [i!], binary("sub", binary("add", square(), constant("f32", 1)), builder.load(x, [binary("sub", i32(6), i!)])));
  });
  const before: Kernel = builder.finish();

  it("are computed once, before the first that uses them", () => {
    const nest = nestOf(before)!;
    const locals = new LocalTable(before.locals);
    const shared = shareAmong(nest.stores, locals);
    expect(shared.map(({ kind }) => kind)).toEqual(["set", "set", "store", "store"]);
    const after = withBody(before, loopsAround(nest, shared), locals.list);
    verifyKernel(after);
    for (const [was, is] of runBoth(before, after, 5)) expect(is).toEqual(was);
  });

  it("that stand there once are left", () => {
    const { stores } = nestOf(before)!;
    expect(shareAmong([{ ...stores[0]!, value: constant("f32", 2) }], new LocalTable([]))).toEqual([{ ...stores[0]!, value: constant("f32", 2) }]);
  });
});
