/**
 * Matrix product of operands that lie in panels (pack-columns.ts): the same sums in the same order as those of `matmul`, over
 * memory that is read in runs. The right operand is in panels of columns. The left one is a matrix, or in panels of rows
 * (panels of columns of its transpose); `rows` says how many of those there are, `columns` how many columns the result has:
 * the last panels may have more.
 *
 * A vertex keeps one panel of columns in the nearest caches and takes all its rows through it. What the last panels have less
 * is computed by kernels of their own; of columns, in blocks as wide as others (`looseLowering`).
 */
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { Access, Lowering } from "../../kernel/lowering.ts";
import { affineConstant, affineIndex, type Affine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { roundUp } from "../../support/parts.ts";
import { samples } from "../elementwise/elementwise.ts";
import { dimensions, fillLowering, number, wholeRegion } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { broadcastShapes, requireClass, requireInputs, requireSameDType } from "../rules.ts";
import { plusTerm, requireTerms, sumsOf, type Elements } from "./terms.ts";

/** a: [...batch, m, k] or [...batch, ⌈m / height⌉, k, height] · b: [...batch, ⌈n / width⌉, k, width] → [...batch, m, n] */
interface Extents {
  readonly batch: readonly number[];
  /** Leading dimensions of a. */
  readonly aLeading: readonly number[];
  readonly bLeading: readonly number[];
  readonly m: number;
  /** Rows of a panel of rows; 1 where a is a matrix. */
  readonly height: number;
  readonly inPanels: boolean;
  readonly k: number;
  readonly n: number;
  readonly width: number;
}

function extentsOf(a: TensorType, b: TensorType, attributes: Attributes): Extents {
  const rows = attributes["rows"] as number | undefined;
  const inPanels = rows !== undefined;
  const [panels, k, width] = b.shape.slice(-3) as [number, number, number];
  const aLeading = a.shape.slice(0, inPanels ? -3 : -2);
  const bLeading = b.shape.slice(0, -3);
  const batch = broadcastShapes(aLeading, bLeading);
  const m = rows ?? a.shape.at(-2)!;
  const n = (attributes["columns"] as number | undefined) ?? panels * width;
  const height = inPanels ? a.shape.at(-1)! : 1;
  const fits = a.shape.at(inPanels ? -2 : -1) === k && panels === Math.ceil(n / width) && (!inPanels || a.shape.at(-3) === Math.ceil(m / height));
  invariant(batch && a.shape.length >= 2 && fits, () => `matmul_packed of [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`);
  return { batch, aLeading, bLeading, m, height, inPanels, k, n, width };
}

/** Indices of an operand's own leading dimensions, of which those of extent 1 are repeated. */
const leading = <T>(own: readonly number[], batch: readonly T[], first: T): T[] => own.map((extent, axis) => (extent === 1 ? first : batch[batch.length - own.length + axis]!));

/** Neighbouring panels, and how many rows or columns of each. */
interface Part {
  readonly first: number;
  readonly panels: number;
  readonly lanes: number;
}

/** The whole panels of an extent, then the last one where it has less. */
function partsOf(extent: number, width: number): Part[] {
  const whole = Math.floor(extent / width);
  return [{ first: 0, panels: whole, lanes: width }, { first: whole, panels: 1, lanes: extent - whole * width }].filter(({ panels, lanes }) => panels * lanes > 0);
}

/** The product of some panels of rows and some of columns. Space: [...batch, panels of rows, panels of columns, rows, columns, k]. */
function partLowering(extents: Extents, { dtype, attributes }: Elements, rows: Part, columns: Part): Lowering {
  const { batch, aLeading, bLeading, height, inPanels, k, width } = extents;
  const outer = batch.length;
  const rank = outer + 5;
  const at = (dimension: number, scale = 1, constant = 0): Affine => affineIndex(dimension, rank, scale, constant);
  const plus = (a: Affine, b: Affine): Affine => ({ constant: a.constant + b.constant, coefficients: a.coefficients.map((one, d) => one + b.coefficients[d]!) });
  const [row, column, inner] = [at(outer + 2), at(outer + 3), at(outer + 4)];
  const batches = batch.map((_, dimension) => at(dimension));
  const own = (shape: readonly number[]): Affine[] => leading(shape, batches, affineConstant(0, rank));
  const y = plus(at(outer, height, rows.first * height), row);
  return {
    name: "matmul",
    space: [...dimensions("parallel", [...batch, rows.panels, columns.panels]), ...dimensions("serial", [rows.lanes, columns.lanes]), ...dimensions("reduction", [k])],
    reads: [
      { operand: 0, index: inPanels ? [...own(aLeading), at(outer, 1, rows.first), inner, row] : [...own(aLeading), y, inner] },
      { operand: 1, index: [...own(bLeading), at(outer + 1, 1, columns.first), inner, column] },
    ],
    writes: [{ operand: 0, index: [...batches, y, plus(at(outer + 1, width, columns.first * width), column)] }],
    contraction: true,
    ...(rows.first > 0 || columns.first > 0 ? { edge: true } : {}),
    emit({ kernel, block, load, store }) {
      const [rowPanels, columnPanels, height, width, length] = block.slice(outer) as [number, number, number, number, number];
      kernel.forBox([...block.slice(0, outer), columnPanels, rowPanels, height, width], true, (indices) => {
        const [p, q, r, l] = indices.slice(outer) as [Expression, Expression, Expression, Expression];
        const point = [...indices.slice(0, outer), q, p, r, l];
        const sum = kernel.let("sum", number(dtype, 0));
        kernel.forBox([length], false, ([i]) => kernel.set(sum, plusTerm(attributes, sum, load(0, [...point, i!]), load(1, [...point, i!]))));
        store(0, [...point, i32(0)], cast(dtype, sum));
      });
    },
  };
}

/** Rows whose sums are held at once where columns fill no vectors: few enough for the nearest cache. */
const heldRows = 48;

/** Columns of the narrowest register block, in machines that pair vectors too. */
const halfPanel = (width: number): number => Math.ceil(width / 2);

/**
 * As `partLowering`, of a last panel whose columns fill no register block. The block is computed whole, with the panel's zeros;
 * sums of some rows are held, and those of columns that exist are then stored. Single columns would take longer than that. A
 * further dimension of the space is the lanes that are read.
 */
function looseLowering(extents: Extents, elements: Elements, rows: Part, columns: Part): Lowering {
  const { batch, height, width } = extents;
  const { dtype, attributes } = elements;
  const outer = batch.length;
  const lanes = roundUp(columns.lanes, halfPanel(width));
  const atOnce = Math.max(1, Math.floor(heldRows / height));
  const { space, reads: [left, right], writes, ...rest } = partLowering(extents, elements, rows, columns);
  const widened = ({ operand, index }: Access): Access => ({ operand, index: index.map((form) => ({ ...form, coefficients: [...form.coefficients, 0] })) });
  const lane = affineIndex(outer + 5, outer + 6);
  return {
    ...rest,
    space: [...space, ...dimensions("serial", [lanes])],
    reads: [widened(left!), { ...right!, index: [...widened(right!).index.slice(0, -1), lane] }],
    writes: writes.map(widened),
    scratch: [{ dtype, shape: [atOnce, height, lanes] }],
    emit({ kernel, block, load, store, scratch: [held] }) {
      const [rowPanels, , heights, existing, length] = block.slice(outer) as [number, number, number, number, number];
      const zero = i32(0);
      const some = (batches: readonly Expression[], first: Expression, count: number): void => {
        const point = (q: Expression, r: Expression, l: Expression, k: Expression, read: Expression): Expression[] => [...batches, binary("add", first, q), zero, r, l, k, read];
        kernel.forBox([count, heights, lanes], true, ([q, r, l]) => {
          const sum = kernel.let("sum", number(dtype, 0));
          kernel.forBox([length], false, ([i]) => {
            const at = point(q!, r!, zero, i!, l!);
            kernel.set(sum, plusTerm(attributes, sum, load(0, at), load(1, at)));
          });
          kernel.store(held!, [q!, r!, l!], sum);
        });
        kernel.forBox([count, heights, existing], true, ([q, r, l]) => store(0, point(q!, r!, l!, zero, zero), kernel.load(held!, [q!, r!, l!])));
      };
      // Rows take turns with the sums that are held.
      kernel.forBox(block.slice(0, outer), false, (batches) => {
        const whole = rowPanels - (rowPanels % atOnce);
        if (whole > 0) kernel.for({ end: i32(whole), step: atOnce }, (first) => some(batches, first, atOnce));
        if (rowPanels > whole) some(batches, i32(whole), rowPanels - whole);
      });
    },
  };
}

export const matmulPacked: Op = {
  name: "matmul_packed",
  kind: "compute",
  summary: "Matrix product with a right operand in panels of columns, and perhaps a left one in panels of rows; leading dimensions broadcast.",
  formula: "y[i, width · p + l] = Σₖ a[i, k] · b[p, k, l]",
  noGradient: "it is made when gradients are there",
  stores: "once",
  type(inputs, attributes) {
    requireInputs("matmul_packed", inputs, 2);
    const [a, b] = [inputs[0]!, inputs[1]!];
    requireClass("matmul_packed", "number", a);
    requireSameDType("matmul_packed", a, b);
    requireTerms(attributes, a);
    const { batch, m, n } = extentsOf(a, b, attributes);
    return { dtype: a.dtype, shape: [...batch, m, n] };
  },
  evaluate(inputs, attributes, type) {
    const [a, b, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const { batch, aLeading, bLeading, height, inPanels, k, width } = extentsOf(a.type, b.type, attributes);
    const { from, plus } = sumsOf(attributes, type.dtype);
    forEachIndex(type.shape, (index, flat) => {
      const outer = index.slice(0, batch.length);
      const [row, column] = index.slice(-2) as [number, number];
      const left = (inner: number): number[] => [...leading(aLeading, outer, 0), ...(inPanels ? [Math.floor(row / height), inner, row % height] : [row, inner])];
      const right = (inner: number): number[] => [...leading(bLeading, outer, 0), Math.floor(column / width), inner, column % width];
      let sum = from(0);
      for (let inner = 0; inner < k; inner++) sum = plus(sum, get(a, flatIndex(a.type.shape, left(inner))), get(b, flatIndex(b.type.shape, right(inner))));
      put(result, flat, sum);
    });
    return result;
  },
  lower(inputs, attributes, type) {
    const extents = extentsOf(inputs[0]!, inputs[1]!, attributes);
    if (extents.k === 0) return fillLowering("matmul", wholeRegion(type.shape), type.dtype, 0);
    const columns = partsOf(extents.n, extents.width);
    const fillsBlock = ({ lanes }: Part): boolean => lanes % halfPanel(extents.width) === 0;
    return partsOf(extents.m, extents.height).flatMap((rows) => columns.map((part) => (fillsBlock(part) ? partLowering : looseLowering)(extents, { dtype: type.dtype, attributes }, rows, part)));
  },
  examples: () => [
    {
      inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("f32", [1, 3, 4], [1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0])], attributes: {},
      expected: tensor("f32", [2, 4], [4, 5, 0, 0, 10, 11, 0, 0]),
    },
    {
      inputs: [tensor("f32", [2, 2, 2], [1, 3, 2, 4, 5, 0, 6, 0]), tensor("f32", [1, 2, 4], [1, 0, 1, 0, 0, 1, 1, 0])], attributes: { rows: 3, columns: 3 },
      expected: tensor("f32", [3, 3], [1, 2, 3, 3, 4, 7, 5, 6, 11]),
    },
    { inputs: [samples("f32", [5, 7]), samples("f32", [3, 7, 8], 1)], attributes: {} },
    { inputs: [samples("f64", [2, 1, 6, 3]), samples("f64", [3, 2, 3, 4], 1)], attributes: { columns: 6 } },
    { inputs: [samples("f32", [2, 3, 5]), samples("f32", [1, 5, 8], 1)], attributes: { columns: 7 } },
    { inputs: [samples("f32", [3, 9, 6]), samples("f32", [2, 9, 16], 1)], attributes: { rows: 17, columns: 29 } },
    { inputs: [samples("f32", [2, 1, 5, 4]), samples("f32", [3, 5, 16], 1)], attributes: { rows: 2, columns: 45 } },
    { inputs: [samples("i32", [9, 6]), samples("i32", [2, 6, 16], 1)], attributes: { columns: 29, pairs: true } },
    { inputs: [samples("f32", [3, 0]), samples("f32", [2, 0, 8])], attributes: {} },
  ],
};
