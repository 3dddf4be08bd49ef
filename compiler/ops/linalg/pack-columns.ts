/**
 * A matrix in panels: `width` neighbouring columns, row after row, so that a loop down the rows reads one run of memory. In
 * the last panel, columns that do not exist are zeros. Made by pack-products, for products whose columns would otherwise lie
 * a whole row apart and push each other out of the caches. 16-bit floats are widened on the way.
 *
 * `along` says which elements of the matrix are neighbours in memory: those of a row, or those of a column.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { dimensions, fillLowering, widened } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { computeDType, intAttribute, requireInputs } from "../rules.ts";

/** Which lanes of which panels a part of the result is. */
interface Part {
  readonly firstPanel: number;
  readonly panels: number;
  readonly firstLane: number;
  readonly lanes: number;
}

/** Space of a part: [...batch, panels, k, lanes]. */
function partSpace(shape: readonly number[], { firstPanel, panels, firstLane, lanes }: Part) {
  const batch = shape.slice(0, -2);
  const extents = [...batch, panels, shape.at(-2)!, lanes];
  const rank = extents.length;
  const first = [...batch.map(() => 0), firstPanel, 0, firstLane];
  return { extents, index: extents.map((_, d) => affineIndex(d, rank, 1, first[d])) };
}

/** Elements of a column that are read in one go: a cache line of f32. */
const lineElements = 16;

const isDown = (attributes: Attributes): boolean => attributes["along"] === "columns";

function copyPart(shape: readonly number[], part: Part, width: number, down: boolean): Lowering[] {
  const { extents, index } = partSpace(shape, part);
  if (sizeOf(extents) === 0) return [];
  const rank = extents.length;
  const [panel, row, lane] = [rank - 3, rank - 2, rank - 1];
  const column = { constant: part.firstPanel * width + part.firstLane, coefficients: extents.map((_, d) => (d === panel ? width : d === lane ? 1 : 0)) };
  return [
    {
      name: "pack",
      space: dimensions("parallel", extents),
      reads: [{ operand: 0, index: [...index.slice(0, panel), affineIndex(row, rank), column] }],
      writes: [{ operand: 0, index }],
      emit: (context) => (down ? copyColumns(context, panel) : copyRows(context, panel)),
    },
  ];
}

/** Down the rows outside, so that a row is read in one run and every panel is written from its start to its end. */
function copyRows({ kernel, block, load, store }: BlockContext, panel: number): void {
  const [panels, rows, lanes] = block.slice(panel) as [number, number, number];
  kernel.forBox([...block.slice(0, panel), rows, panels, lanes], true, (at) => {
    const point = [...at.slice(0, panel), at[panel + 1]!, at[panel]!, at[panel + 2]!];
    store(0, point, widened(load(0, point)));
  });
}

/** Of each column in turn a cache line, so that columns which share their places in the cache need not stay there. */
function copyColumns({ kernel, block, load, store }: BlockContext, panel: number): void {
  const [panels, rows, lanes] = block.slice(panel) as [number, number, number];
  const whole = rows - (rows % lineElements);
  kernel.forBox([...block.slice(0, panel), panels], true, (outer) => {
    const copy = (line: Expression, count: number): void =>
      kernel.forBox([lanes], true, ([lane]) => {
        for (let row = 0; row < count; row++) {
          const point = [...outer, row === 0 ? line : binary("add", line, i32(row)), lane!];
          store(0, point, widened(load(0, point)));
        }
      });
    if (whole > 0) kernel.for({ end: i32(whole), step: lineElements, parallel: true }, (line) => copy(line, lineElements));
    if (rows > whole) copy(i32(whole), rows - whole);
  });
}

export const packColumns: Op = {
  name: "pack_columns",
  kind: "compute",
  summary: "The columns of a matrix in panels of a width, zeros after the last column.",
  formula: "y[p, k, l] = x[k, width · p + l], or 0",
  noGradient: "it is made when gradients are there",
  type(inputs, attributes) {
    requireInputs("pack_columns", inputs, 1);
    const { dtype, shape } = inputs[0]!;
    const width = intAttribute(attributes, "width");
    return { dtype: computeDType(dtype), shape: [...shape.slice(0, -2), Math.ceil(shape.at(-1)! / width), shape.at(-2)!, width] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result, width] = [inputs[0]!, zeros(type), intAttribute(attributes, "width")];
    forEachIndex(type.shape, (index, flat) => {
      const [panel, row, lane] = index.slice(-3) as [number, number, number];
      const column = panel * width + lane;
      if (column < x.type.shape.at(-1)!) put(result, flat, get(x, flatIndex(x.type.shape, [...index.slice(0, -3), row, column])));
    });
    return result;
  },
  lower(inputs, attributes, type) {
    const { shape } = inputs[0]!;
    const width = intAttribute(attributes, "width");
    const panels = Math.floor(shape.at(-1)! / width);
    const rest = shape.at(-1)! % width;
    const missing = partSpace(shape, { firstPanel: panels, panels: rest === 0 ? 0 : 1, firstLane: rest, lanes: width - rest });
    return [
      ...copyPart(shape, { firstPanel: 0, panels, firstLane: 0, lanes: width }, width, isDown(attributes)),
      ...copyPart(shape, { firstPanel: panels, panels: 1, firstLane: 0, lanes: rest }, width, isDown(attributes)),
      ...fillLowering("pack", missing, type.dtype, 0),
    ];
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6])], attributes: { width: 2 }, expected: tensor("f32", [2, 2, 2], [1, 2, 4, 5, 3, 0, 6, 0]) },
    { inputs: [samples("f32", [2, 5, 19])], attributes: { width: 8 } },
    { inputs: [samples("f64", [3, 8])], attributes: { width: 4 } },
    { inputs: [samples("f32", [2, 37, 15])], attributes: { width: 6, along: "columns" } },
    { inputs: [samples("f16", [33, 9])], attributes: { width: 8, along: "columns" } },
    { inputs: [samples("bf16", [5, 9])], attributes: { width: 4, along: "rows" } },
    { inputs: [samples("f32", [3, 2])], attributes: { width: 8 } },
    { inputs: [samples("f32", [0, 4])], attributes: { width: 8 } },
  ],
};
