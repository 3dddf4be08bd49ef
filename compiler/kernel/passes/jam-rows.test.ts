import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nowhere } from "../../support/span.ts";
import { binary, constant, i32, KernelBuilder } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { visitExpressions } from "../walk.ts";
import { jamRows } from "./jam-rows.ts";

interface Options {
  readonly rows?: number;
  readonly columns?: number;
  /** Where a row loads from, seen from its own element. */
  readonly points?: readonly (readonly [row: number, column: number])[];
  readonly parallel?: boolean;
  /** Multiplications of each element, to make a body long. */
  readonly work?: number;
  /** Elements of a third buffer that are multiplied to it, the same for all. */
  readonly factors?: number;
  /** A second store, so that a row also loads from what it stores to. */
  readonly inPlace?: boolean;
}

const add = (left: Expression, right: Expression): Expression => binary("add", left, right);

const cross = [[0, 1], [2, 1], [1, 0], [1, 2], [1, 1]] as const;

function stencil({ rows = 9, columns = 20, points = cross, parallel = true, work = 0, factors = 0, inPlace = false }: Options = {}): Kernel {
  const builder = new KernelBuilder("stencil", nowhere);
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [rows + 2, columns + 2], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [rows, columns], access: inPlace ? "inout" : "out" });
  const filter = builder.buffer({ name: "filter", dtype: "f32", shape: [9], access: "in" });
  builder.for({ end: i32(rows), parallel }, (row) => {
    builder.for({ end: i32(columns), parallel: true }, (column) => {
      const loads = points.map(([r, c]) => builder.load(x, [add(row, i32(r)), add(column, i32(c))]));
      if (inPlace) loads.push(builder.load(y, [row, column]));
      let value = loads.reduce((sum: Expression, load) => add(sum, load));
      for (let at = 0; at < work; at++) value = binary("mul", value, constant("f32", 1.5));
      for (let at = 0; at < factors; at++) value = binary("mul", value, builder.load(filter, [i32(at)]));
      builder.store(y, [row, column], value);
    });
  });
  return builder.finish();
}

const jammed = (kernel: Kernel): Kernel => {
  const result = jamRows.run(kernel, testContext);
  verifyKernel(result);
  return result;
};

const steps = (kernel: Kernel): number[] => kernel.body.flatMap((statement) => (statement.kind === "for" ? [statement.step] : []));

describe("jam-rows", () => {
  it("keeps every bit, whatever is loaded and however many rows are left over", () => {
    const point = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 11 }), fc.uniqueArray(point, { minLength: 1, maxLength: 9, selector: String }), fc.boolean(), fc.nat(1e6), (rows, points, inPlace, seed) => {
        const kernel = stencil({ rows, points, inPlace });
        for (const [one, other] of runBoth(kernel, jammed(kernel), seed)) expect([...other]).toEqual([...one]);
      }),
    );
  });

  it("loads once what several rows load: of a cross of five, 14 elements for four", () => {
    const after = jammed(stencil({ rows: 8 }));
    expect(steps(after)).toEqual([4]);
    let loads = 0;
    visitExpressions(after.body, ({ kind }) => {
      if (kind === "load") loads += 1;
    });
    expect(loads).toBe(14);
  });

  it("takes two rows where four are too much, and none where two are", () => {
    expect(steps(jammed(stencil({ rows: 8, work: 7 })))).toEqual([4]);
    expect(steps(jammed(stencil({ rows: 8, work: 12 })))).toEqual([2]);
    expect(steps(jammed(stencil({ rows: 8, work: 30 })))).toEqual([1]);
  });

  it("counts what is the same for all of a row twice: filters, whose elements are repeated in vectors", () => {
    expect(steps(jammed(stencil({ rows: 8, work: 16, factors: 3 })))).toEqual([2]);
    expect(steps(jammed(stencil({ rows: 8, work: 16, factors: 4 })))).toEqual([1]);
  });

  it("leaves alone rows that share nothing, are short, or depend on each other", () => {
    for (const options of [{ points: [[1, 0], [1, 1], [1, 2]] }, { columns: 15 }, { parallel: false }] as const) {
      const kernel = stencil(options);
      expect(jammed(kernel).body).toEqual(kernel.body);
    }
  });
});
