import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, call, constant, KernelBuilder } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { runBoth, testContext } from "../testing.ts";
import { verifyKernel } from "../verify.ts";
import { blockTransposes } from "./block-transposes.ts";

interface Options {
  readonly dtype?: DType;
  /** Extents of x, of which the result has the last two, or the first and the last, exchanged. */
  readonly shape: readonly [number, number, number];
  readonly across?: "last" | "all";
  value?(element: Expression): Expression;
}

function transposition({ dtype = "f32", shape: [a, b, c], across = "last", value = (element) => element }: Options): Kernel {
  const builder = new KernelBuilder("transpose", nowhere);
  const x = builder.buffer({ name: "x", dtype, shape: [a, b, c], access: "in" });
  const y = builder.buffer({ name: "y", dtype, shape: across === "last" ? [a, c, b] : [c, b, a], access: "out" });
  builder.forBox(across === "last" ? [a, c, b] : [c, b, a], true, ([i, j, k]) => {
    builder.store(y, [i!, j!, k!], value(builder.load(x, across === "last" ? [i!, k!, j!] : [k!, j!, i!])));
  });
  return builder.finish();
}

const blocked = (kernel: Kernel): Kernel => {
  const result = blockTransposes.run(kernel, testContext);
  verifyKernel(result);
  return result;
};

describe("block-transposes", () => {
  it("keeps every bit, whatever is left over in either direction", () => {
    fc.assert(
      fc.property(fc.constantFrom<DType>("f32", "f64", "i8", "bf16"), fc.constantFrom("last" as const, "all" as const), fc.integer({ min: 16, max: 50 }), fc.integer({ min: 16, max: 50 }), fc.nat(1e6), (dtype, across, one, other, seed) => {
        const kernel = transposition({ dtype, across, shape: across === "last" ? [2, one, other] : [one, 2, other], value: (element) => binary("add", element, element) });
        const after = blocked(kernel);
        expect(JSON.stringify(after.body)).toContain('"step":16');
        for (const [before, now] of runBoth(kernel, after, seed)) expect([...now]).toEqual([...before]);
      }),
      { numRuns: 40 },
    );
  });

  it("walks squares of 16, four rows and columns as straight code", () => {
    const [rows] = blocked(transposition({ shape: [1, 32, 48] })).body;
    expect(rows).toMatchObject({ kind: "for", step: 16, body: [{ kind: "for", step: 16, body: [{ step: 4, body: [{ step: 4 }] }] }] });
    expect(JSON.stringify(rows).match(/"kind":"store"/gu)).toHaveLength(16);
  });

  it("leaves alone what is small, in order already, or long", () => {
    const same = (kernel: Kernel): void => expect(blocked(kernel).body).toEqual(kernel.body);
    same(transposition({ shape: [1, 15, 40] }));
    same(transposition({ shape: [1, 40, 15] }));
    same(transposition({ shape: [40, 1, 1] }));
    same(transposition({ shape: [1, 32, 32], value: (element) => call("exp", element) }));
    same(transposition({ shape: [1, 32, 32], value: (element) => Array.from({ length: 9 }).reduce<Expression>((sum) => binary("mul", sum, constant("f32", 3)), element) }));
    const builder = new KernelBuilder("sequential", nowhere);
    const x = builder.buffer({ name: "x", dtype: "f32", shape: [32, 32], access: "inout" });
    builder.forBox([32, 32], false, ([i, j]) => builder.store(x, [i!, j!], builder.load(x, [j!, i!])));
    same(builder.finish());
  });
});
