import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, call, constant, KernelBuilder } from "../build.ts";
import type { Expression, Kernel, Statement } from "../kernel.ts";
import { printKernel } from "../print.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { visitStatements } from "../walk.ts";
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

const storesOf = (body: readonly Statement[]): number => {
  let count = 0;
  visitStatements(body, ({ kind }) => (count += kind === "store" ? 1 : 0));
  return count;
};

describe("block-transposes", () => {
  it("keeps every bit, whatever is left over in either direction", () => {
    fc.assert(
      fc.property(fc.constantFrom<DType>("f32", "f64", "i8", "u32", "bf16"), fc.constantFrom("last" as const, "all" as const), fc.integer({ min: 16, max: 50 }), fc.integer({ min: 16, max: 50 }), fc.nat(1e6), (dtype, across, one, other, seed) => {
        const kernel = transposition({ dtype, across, shape: across === "last" ? [2, one, other] : [one, 2, other], value: (element) => binary("add", element, element) });
        const after = blocked(kernel);
        expect(printKernel(after)).toContain("step 16");
        for (const [before, now] of runBoth(kernel, after, seed)) expect([...now]).toEqual([...before]);
      }),
      { numRuns: 40 },
    );
  });

  it("walks squares of 16, a line along what is stored by four rows as straight code", () => {
    const [rows] = blocked(transposition({ shape: [1, 32, 48] })).body;
    expect(rows).toMatchObject({ kind: "for", step: 16, body: [{ kind: "for", step: 16, body: [{ step: 16, body: [{ step: 4 }] }] }] });
    expect(storesOf([rows!])).toBe(16);
  });

  it("takes long blocks where the lines that are stored to fall on each other", () => {
    const steps = (rows: number): unknown => blocked(transposition({ shape: [1, rows, 1040] })).body.map((loop) => (loop.kind === "for" ? loop.step : 0));
    expect(steps(512)).toEqual([256]);
    expect(steps(1024 + 512)).toEqual([256]);
    expect(steps(512 + 16)).toEqual([16]);
  });

  it("walks along all that is stored first, where lines fall on each other and rows that are read are near", () => {
    expect(blocked(transposition({ shape: [1, 512, 48] })).body).toMatchObject([{ kind: "for", step: 16, body: [{ kind: "for", step: 256 }] }]);
  });

  it("walks along what is read with a loop around that reads near", () => {
    const builder = new KernelBuilder("channels last", nowhere);
    const x = builder.buffer({ name: "x", dtype: "f32", shape: [35, 40, 33], access: "in" });
    const y = builder.buffer({ name: "y", dtype: "f32", shape: [40, 33, 35], access: "out" });
    builder.forBox([40, 33, 35], true, ([i, j, c]) => builder.store(y, [i!, j!, c!], builder.load(x, [c!, i!, j!])));
    const kernel = builder.finish();
    const after = blocked(kernel);
    expect(after.body).toMatchObject([{ kind: "for", step: 16, body: [{ step: 1, body: [{ step: 16 }] }] }, { step: 1, body: [{ step: 1 }] }, { step: 1, body: [{ step: 1 }] }]);
    for (const [before, now] of runBoth(kernel, after, 1)) expect([...now]).toEqual([...before]);
  });

  it("makes blocks longer by a loop around, where that stores near", () => {
    const builder = new KernelBuilder("channels first", nowhere);
    const x = builder.buffer({ name: "x", dtype: "f32", shape: [2, 32, 33, 40], strides: [32 * 33 * 40, 33 * 40, 40, 1], access: "in" });
    const y = builder.buffer({ name: "y", dtype: "f32", shape: [2, 40, 32, 33], strides: [40 * 2048, 2048, 40, 1], access: "out" });
    builder.forBox([2, 40, 32, 33], true, ([n, c, i, j]) => builder.store(y, [n!, c!, i!, j!], builder.load(x, [n!, i!, j!, c!])));
    const kernel = builder.finish();
    const after = blocked(kernel);
    expect(after.body).toMatchObject([{ kind: "for", step: 1, body: [{ step: 16, body: [{ step: 1, body: [{ step: 32 }] }] }, { step: 1 }, { step: 1 }] }]);
    for (const [before, now] of runBoth(kernel, after, 1)) expect([...now]).toEqual([...before]);
  });

  it("turns elements of 32 bits in vectors, and operands that lie along with the result", () => {
    const builder = new KernelBuilder("sum", nowhere);
    const buffer = (name: string, shape: readonly number[], access: "in" | "out") => builder.buffer({ name, dtype: "f32", shape, access });
    const [x, y, column, row, z] = [buffer("x", [40, 35], "in"), buffer("y", [35, 40], "in"), buffer("column", [35], "in"), buffer("row", [40], "in"), buffer("z", [35, 40], "out")];
    builder.forBox([35, 40], true, ([i, j]) => {
      const sum = [builder.load(x, [j!, i!]), builder.load(y, [i!, j!]), builder.load(column, [i!]), builder.load(row, [j!])].reduce((all, one) => binary("add", all, one));
      builder.store(z, [i!, j!], binary("max", sum, constant("f32", 0)));
    });
    const kernel = builder.finish();
    const after = blocked(kernel);
    expect(after.locals.filter(({ lanes }) => lanes === 4)).toHaveLength(16);
    for (const [before, now] of runBoth(kernel, after, 1)) expect([...now]).toEqual([...before]);
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
