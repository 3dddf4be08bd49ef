/** Kernels of several vertices do what their vertices do one after the other, to the bit; where they would not, there are none. */
import { describe, expect, it } from "vitest";
import { tensor, type Tensor } from "../graph/tensor.ts";
import { binary, constant, i32, KernelBuilder } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import type { Expression, Kernel } from "../kernel/kernel.ts";
import { optimiseKernel } from "../kernel/passes/index.ts";
import { testContext } from "../kernel/testing/run-both.ts";
import { verifyKernel } from "../kernel/verify.ts";
import { nowhere } from "../support/span.ts";
import { sideBySide } from "./side-by-side.ts";

const [rows, picks, columns, all] = [9, 40, 32, 128];

interface Parts {
  readonly kernel: KernelBuilder;
  readonly updates: number;
  readonly table: number;
  /** Of one column. */
  add(place: Expression, pick: Expression, column: Expression, more?: Expression): void;
}

type Row = (parts: Parts, place: Expression, pick: Expression) => void;

const columnByColumn: Row = ({ kernel, add }, place, pick) => kernel.for({ end: i32(columns), parallel: true }, (column) => add(place, pick, column));

/** Rows of updates are added to those of a table that indices name; of a vertex's columns. */
function scattering(row: Row, parallel = false): Kernel {
  const kernel = new KernelBuilder("scattering", nowhere);
  const indices = kernel.buffer({ name: "indices", dtype: "i32", shape: [picks], access: "in" });
  const updates = kernel.buffer({ name: "updates", dtype: "f32", shape: [picks, columns], strides: [all, 1], access: "in" });
  const table = kernel.buffer({ name: "table", dtype: "f32", shape: [rows, columns], strides: [all, 1], access: "inout" });
  const add: Parts["add"] = (place, pick, column, more) => {
    const sum = binary("add", kernel.load(table, [place, column]), kernel.load(updates, [pick, column]));
    kernel.store(table, [place, column], more === undefined ? sum : binary("mul", sum, more));
  };
  kernel.for({ end: i32(picks), parallel }, (pick) => {
    const place = kernel.let("place", binary("max", binary("min", kernel.load(indices, [pick]), i32(rows - 1)), i32(0)));
    row({ kernel, updates, table, add }, place, pick);
  });
  return kernel.finish();
}

const buffers = (): Tensor[] => [
  tensor("i32", [picks], Array.from({ length: picks }, (_, k) => (k * k) % rows)),
  tensor("f32", [picks * all], Array.from({ length: picks * all }, (_, k) => Math.sin(k))),
  tensor("f32", [rows * all], Array.from({ length: rows * all }, (_, k) => (k === 70 ? Number.NaN : Math.cos(k)))),
];
const apart = [0, columns, columns];

describe("vertices side by side", () => {
  it.each([1, 2, 3])("%d of them, scalar and in vectors", (count) => {
    for (const kernel of [scattering(columnByColumn), optimiseKernel(scattering(columnByColumn), testContext).kernel]) {
      const one = sideBySide(kernel, apart)!;
      const widened = kernel.buffers.map((buffer) => ({ ...buffer, shape: buffer.shape.map((extent) => (extent === columns ? count * columns : extent)) }));
      const given: Kernel = { ...one.kernel, buffers: widened, body: [{ kind: "set", local: one.count, value: i32(count), origin: nowhere }, ...one.kernel.body] };
      verifyKernel(given);
      const [together, alone] = [buffers(), buffers()];
      runKernel(given, together, { offsets: apart });
      for (let vertex = 1; vertex <= count; vertex++) runKernel(kernel, alone, { offsets: apart.map((distance) => distance * vertex) });
      expect(together).toEqual(alone);
    }
  });

  const refused: readonly (readonly [string, Kernel, readonly number[]])[] = [
    ["parts that do not follow each other", scattering(columnByColumn), [0, columns + 1, columns]],
    ["indices of their own", scattering(columnByColumn), [picks, columns, columns]],
    ["rows in any order, which share nothing", scattering(columnByColumn, true), apart],
    ["columns that are not all in one loop", scattering(({ kernel, add }, place, pick) => {
      kernel.for({ end: i32(columns - 4), parallel: true }, (column) => add(place, pick, column));
      kernel.for({ start: i32(columns - 4), end: i32(columns), parallel: true }, (column) => add(place, pick, column));
    }), apart],
    ["values that depend on the column", scattering(({ kernel, add }, place, pick) =>
      kernel.for({ end: i32(columns), parallel: true }, (column) => add(place, pick, column, { kind: "cast", dtype: "f32", lanes: 1, operand: column }))), apart],
    ["columns one after the other", scattering(({ kernel, add }, place, pick) => kernel.for({ end: i32(columns) }, (column) => add(place, pick, column))), apart],
    ["a value of a vertex's own", scattering(({ kernel, updates, add }, place, pick) => {
      const first = kernel.let("first", kernel.load(updates, [pick, i32(0)]));
      kernel.for({ end: i32(columns), parallel: true }, (column) => add(place, pick, column, first));
    }), apart],
    ["a store beside the columns", scattering(({ kernel, table, ...parts }, place, pick) => {
      kernel.store(table, [place, i32(0)], constant("f32", 0));
      columnByColumn({ kernel, table, ...parts }, place, pick);
    }), apart],
  ];
  it.each(refused)("not of %s", (_, kernel, distances) => {
    expect(sideBySide(kernel, distances)).toBeUndefined();
  });
});
