import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, cast, constant, i32, KernelBuilder } from "../build.ts";
import type { BinaryOp, Expression, Kernel } from "../kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { streamReductions } from "./stream-reductions.ts";

interface Options {
  readonly dtype?: DType;
  readonly op?: BinaryOp;
  readonly rows?: number;
  readonly distance?: number;
  readonly stored?: DType;
  finish?(total: Expression): Expression;
  /** A second operand of each element. */
  factor?(builder: KernelBuilder, row: Expression, column: Expression): Expression;
}

const columns = 19;

function sums({ dtype = "f32", op = "add", rows = 66, distance = 1024, stored = dtype, finish, factor }: Options = {}): Kernel {
  const builder = new KernelBuilder("columns", nowhere);
  const x = builder.buffer({ name: "x", dtype, shape: [rows, columns], strides: [distance, 1], access: "in" });
  const y = builder.buffer({ name: "y", dtype: stored, shape: [columns], access: "out" });
  builder.for({ end: i32(columns), parallel: true }, (column) => {
    const total = builder.let("total", constant(dtype, 1));
    builder.for({ end: i32(rows) }, (row) => {
      const element = builder.load(x, [row, column]);
      builder.set(total, binary(op, total, factor ? binary("mul", element, factor(builder, row, column)) : element));
    });
    builder.store(y, [column], cast(stored, finish ? finish(total) : total));
  });
  return builder.finish();
}

const streamed = (kernel: Kernel): Kernel => {
  const result = streamReductions.run(kernel, testContext);
  verifyKernel(result);
  return result;
};

describe("stream-reductions", () => {
  it("keeps every bit, whatever is combined and however many rows are left over", () => {
    fc.assert(
      fc.property(fc.constantFrom<DType>("f32", "f64", "i32", "u8"), fc.constantFrom<BinaryOp>("add", "mul", "min", "max"), fc.integer({ min: 64, max: 75 }), fc.nat(1e6), (dtype, op, rows, seed) => {
        const kernel = sums({ dtype, op, rows, finish: (total) => binary("mul", total, constant(dtype, 3)) });
        const after = streamed(kernel);
        expect(after.body[1]).toMatchObject({ kind: "for", step: 8, parallel: false });
        for (const [one, other] of runBoth(kernel, after, seed)) expect([...other]).toEqual([...one]);
      }),
      { numRuns: 40 },
    );
  });

  it("leaves alone what is read well already, or cannot lie where it is stored", () => {
    const other = (name: string, shape: readonly number[], at: (row: Expression, column: Expression) => Expression[]): Options["factor"] => {
      let buffer: number | undefined;
      return (builder, row, column) => builder.load((buffer ??= builder.buffer({ name, dtype: "f32", shape, access: "in" })), at(row, column));
    };
    const left: readonly Kernel[] = [
      sums({ distance: columns }),
      sums({ rows: 63 }),
      sums({ stored: "f16" }),
      // A product of matrices, and a vector that might share the result's place.
      sums({ factor: other("a", [66], (row) => [row])! }),
      sums({ factor: other("v", [columns], (_, column) => [column])! }),
    ];
    for (const kernel of left) expect(streamed(kernel)).toEqual(kernel);
  });
});
