/** Fetching rows changes no result, and happens only where it is worth it and nothing can be read outside. */
import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import type { PassContext } from "../../support/pass.ts";
import { nowhere } from "../../support/span.ts";
import { binary, i32, KernelBuilder } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { visitStatements } from "../walk.ts";
import { fetchRows } from "./fetch-rows.ts";
import { optimiseKernel } from "./index.ts";

const alone: PassContext = { ...testContext, target: { ...testContext.target, memory: "private" } };

interface Rows {
  readonly picks: number;
  readonly rows: number;
  readonly width: number;
  readonly dtype: DType;
  readonly purpose: "gather" | "add";
  /** The place that an index names. */
  place(index: Expression, rows: number): Expression;
}

const clamped = (index: Expression, rows: number): Expression => binary("max", binary("min", index, i32(rows - 1)), i32(0));
const large: Rows = { picks: 40, rows: 4096, width: 64, dtype: "f32", purpose: "gather", place: clamped };

function named({ picks, rows, width, dtype, purpose, place }: Rows): Kernel {
  const kernel = new KernelBuilder("named", nowhere);
  const indices = kernel.buffer({ name: "indices", dtype: "i32", shape: [picks], access: "in" });
  const table = kernel.buffer({ name: "table", dtype, shape: [rows, width], access: purpose === "add" ? "inout" : "in" });
  const other = kernel.buffer({ name: "other", dtype, shape: [picks, width], access: purpose === "add" ? "in" : "out" });
  kernel.for({ end: i32(picks) }, (pick) => {
    const row = kernel.let("row", place(kernel.load(indices, [pick]), rows));
    kernel.for({ end: i32(width), parallel: true }, (column) => {
      if (purpose === "gather") kernel.store(other, [pick, column], kernel.load(table, [row, column]));
      else kernel.store(table, [row, column], binary("add", kernel.load(table, [row, column]), kernel.load(other, [pick, column])));
    });
  });
  return kernel.finish();
}

function fetches(kernel: Kernel): number {
  let count = 0;
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "set" && kernel.locals[statement.local]!.name === "fetched") count++;
  });
  return count;
}

describe("fetch-rows", () => {
  it.each([["rows that are copied", large], ["rows that are added to", { ...large, purpose: "add" }], ["long rows of bytes", { ...large, rows: 2000, width: 640, dtype: "i8", purpose: "add" }]] as const)("keeps every bit of %s, widened or not", (_, rows) => {
    const kernel = named(rows);
    const fetching = fetchRows.run(kernel, testContext);
    verifyKernel(fetching);
    expect(fetches(fetching)).toBe(1);
    for (const [before, after] of runBoth(kernel, fetching, 3)) expect(after).toEqual(before);
    const [apart, together] = [optimiseKernel(kernel, alone).kernel, optimiseKernel(kernel, testContext).kernel];
    expect([fetches(apart), fetches(together)]).toEqual([0, 1]);
    for (const [before, after] of runBoth(apart, together, 4)) expect(after).toEqual(before);
  });

  it.each([
    ["a small table", { ...large, rows: 4000 }],
    ["short rows", { ...large, rows: 8192, width: 60 }],
    ["few rows", { ...large, picks: 16 }],
    ["rows that may lie outside", { ...large, place: (index: Expression) => index }],
    ["rows whose place may not be computed before its time", { ...large, place: (index: Expression, rows: number) => clamped(binary("div", i32(1000), index), rows) }],
  ] as const)("leaves %s", (_, rows) => {
    const kernel = named(rows);
    expect(fetchRows.run(kernel, testContext)).toEqual(kernel);
  });

  it("takes rows from where a run that data bound goes on", () => {
    const kernel = new KernelBuilder("sparse", nowhere);
    const starts = kernel.buffer({ name: "starts", dtype: "i32", shape: [3], access: "in" });
    const indices = kernel.buffer({ name: "indices", dtype: "i32", shape: [50], access: "in" });
    const table = kernel.buffer({ name: "table", dtype: "f32", shape: [4096, 64], access: "in" });
    const sums = kernel.buffer({ name: "sums", dtype: "f32", shape: [2, 64], access: "inout" });
    kernel.for({ end: i32(2) }, (row) => {
      const [from, to] = [kernel.load(starts, [row]), kernel.load(starts, [binary("add", row, i32(1))])].map((start) => kernel.let("start", clamped(start, 51)));
      kernel.for({ start: from!, end: to! }, (one) => {
        const place = kernel.let("place", clamped(kernel.load(indices, [one]), 4096));
        kernel.for({ end: i32(64), parallel: true }, (column) => kernel.store(sums, [row, column], binary("add", kernel.load(sums, [row, column]), kernel.load(table, [place, column]))));
      });
    });
    const built = kernel.finish();
    const fetching = fetchRows.run(built, testContext);
    verifyKernel(fetching);
    expect(fetches(fetching)).toBe(1);
    for (const [before, after] of runBoth(built, fetching, 5)) expect(after).toEqual(before);
  });
});
