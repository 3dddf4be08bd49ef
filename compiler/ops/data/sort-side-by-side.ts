/**
 * Rows of 32-bit elements in order, several side by side: as columns of keys (sort-columns.ts), which are made of the rows and
 * made into elements again. What is compared is the keys' whole order, −0 below 0; where a row has a −0, its zeros are then
 * put as they were, so that the sort is stable.
 */
import { bytesOf, isFloat, type DType } from "../../../runtime/dtype.ts";
import { binary, cast, constant, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { number } from "../lowerings.ts";
import { keysOf } from "./radix-sort.ts";
import { columnLength, columnOperations, largestKey, sortColumns } from "./sort-columns.ts";

/** Rows that are sorted together. */
export const rowsTogether = 4;
/** Of longer rows columns leave the nearest cache, and the code becomes long. */
const longestRow = 4096;

/** Rows of numbers of 32 bits, of which vectors have unsigned minima and maxima. */
export const goSideBySide = (dtype: DType, n: number): boolean => dtype !== "bool" && bytesOf(dtype) === 4 && n > 1 && n <= longestRow;

export interface SideBySide {
  readonly operations: number;
  readonly scratch: NonNullable<Lowering["scratch"]>;
  /** Sorts rows, of which `point` gives the other indices; its own scratch is the first of the context's. */
  rows(context: BlockContext, point: (row: Expression) => readonly Expression[]): void;
}

/** The smaller of the keys of the two zeros, and that of −0; in descending order both keys are turned, and change places. */
const leastZero = 0x7fff_ffff;
const negativeZero = (descending: boolean): number => (descending ? leastZero + 1 : leastZero);

export function sideBySide(dtype: DType, n: number, descending: boolean): SideBySide {
  const length = columnLength(n);
  const keys = keysOf(dtype, descending);
  return {
    operations: columnOperations(n),
    scratch: [{ dtype: "u32", shape: [length, rowsTogether] }, { dtype: "i32", shape: [rowsTogether] }],
    rows(context, point) {
      const { kernel, load, store, scratch: [columns] } = context;
      const key = (k: Expression, row: Expression): Expression => kernel.load(columns!, [k, row]);
      kernel.forBox([n, rowsTogether], true, ([k, row]) => kernel.store(columns!, [k!, row!], keys.of(load(0, [...point(row!), k!]))));
      kernel.forBox([length - n, rowsTogether], true, ([k, row]) => kernel.store(columns!, [binary("add", k!, i32(n)), row!], largestKey));
      sortColumns(kernel, columns!, length, rowsTogether);
      kernel.forBox([n, rowsTogether], true, ([k, row]) => store(0, [...point(row!), k!], keys.element(key(k!, row!))));
      if (isFloat(dtype)) restoreZeros(context, dtype, n, descending, point);
    },
  };
}

/** Puts the zeros of rows in the order they had, if one of the rows has a −0. */
function restoreZeros({ kernel, load, store, scratch: [columns, marks] }: BlockContext, dtype: DType, n: number, descending: boolean, point: (row: Expression) => readonly Expression[]): void {
  const key = (k: Expression, row: Expression): Expression => kernel.load(columns!, [k, row]);
  kernel.for({ end: i32(rowsTogether), parallel: true, name: "row" }, (row) => {
    const mark = kernel.let("mark", i32(0));
    kernel.for({ end: i32(n), name: "k" }, (k) => kernel.set(mark, binary("or", mark, cast("i32", binary("eq", key(k, row), constant("u32", negativeZero(descending)))))));
    kernel.store(marks!, [row], mark);
  });
  const any = Array.from({ length: rowsTogether }, (_, row) => kernel.load(marks!, [i32(row)])).reduce((one, other) => binary("or", one, other));
  kernel.if(binary("ne", kernel.let("any", any), i32(0)), () => kernel.for({ end: i32(rowsTogether), name: "row" }, (row) => {
    const next = kernel.let("next", i32(0));
    kernel.for({ end: i32(n), name: "k" }, (k) => kernel.set(next, binary("add", next, cast("i32", binary("lt", key(k, row), constant("u32", leastZero))))));
    kernel.for({ end: i32(n), name: "k" }, (k) => {
      const x = kernel.let("x", load(0, [...point(row), k]));
      kernel.if(binary("eq", x, number(dtype, 0)), () => {
        store(0, [...point(row), next], x);
        kernel.set(next, binary("add", next, i32(1)));
      });
    });
  }));
}
