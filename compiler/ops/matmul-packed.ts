/**
 * Matrix product whose right operand lies in panels of columns (pack-columns.ts): the same sums in the same order as those of
 * `matmul`, over memory that is read in runs. The result has the panels' columns, those of the zeros too.
 *
 * A vertex keeps one panel in the first-level cache and takes all its rows through it.
 */
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../graph/tensor.ts";
import type { TensorType } from "../graph/graph.ts";
import { binary } from "../kernel/build.ts";
import { affineConstant, affineIndex, type Affine } from "../support/affine.ts";
import { invariant } from "../support/bug.ts";
import { samples } from "./elementwise.ts";
import { dimensions, fillLowering, number, wholeRegion } from "./lowerings.ts";
import type { Op } from "./op.ts";
import { broadcastShapes, requireClass, requireInputs, requireSameDType } from "./rules.ts";

/** a: [...batch, m, k] · b: [...batch, panels, k, width] → [...batch, m, panels · width] */
interface Extents {
  readonly batch: readonly number[];
  readonly m: number;
  readonly k: number;
  readonly panels: number;
  readonly width: number;
}

function extentsOf(a: TensorType, b: TensorType): Extents {
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -3));
  const [panels, k, width] = b.shape.slice(-3) as [number, number, number];
  invariant(batch && a.shape.length >= 2 && a.shape.at(-1) === k, () => `matmul_packed of [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`);
  return { batch, m: a.shape.at(-2)!, k, panels, width };
}

/** Indices of an operand's own leading dimensions, of which those of extent 1 are repeated. */
const leading = <T>(own: readonly number[], batch: readonly T[], first: T): T[] => own.map((extent, axis) => (extent === 1 ? first : batch[batch.length - own.length + axis]!));

export const matmulPacked: Op = {
  name: "matmul_packed",
  kind: "compute",
  stores: "once",
  summary: "Matrix product with a right operand in panels of columns; leading dimensions broadcast.",
  formula: "y[i, width · p + l] = Σₖ a[i, k] · b[p, k, l]",
  noGradient: "it is made when gradients are there",
  type(inputs) {
    requireInputs("matmul_packed", inputs, 2);
    const [a, b] = [inputs[0]!, inputs[1]!];
    requireClass("matmul_packed", "float", a);
    requireSameDType("matmul_packed", a, b);
    const { batch, m, panels, width } = extentsOf(a, b);
    return { dtype: a.dtype, shape: [...batch, m, panels * width] };
  },
  evaluate(inputs, _attributes, type) {
    const [a, b, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const { batch, k, width } = extentsOf(a.type, b.type);
    forEachIndex(type.shape, (index, flat) => {
      const outer = index.slice(0, batch.length);
      const [row, column] = index.slice(-2) as [number, number];
      const left = [...leading(a.type.shape.slice(0, -2), outer, 0), row];
      const right = [...leading(b.type.shape.slice(0, -3), outer, 0), Math.floor(column / width)];
      let sum = 0;
      for (let inner = 0; inner < k; inner++) sum += Number(get(a, flatIndex(a.type.shape, [...left, inner]))) * Number(get(b, flatIndex(b.type.shape, [...right, inner, column % width])));
      put(result, flat, sum);
    });
    return result;
  },
  lower(inputs, _attributes, type) {
    const [a, b] = [inputs[0]!, inputs[1]!];
    const { batch, m, k, panels, width } = extentsOf(a, b);
    if (k === 0) return fillLowering("matmul", wholeRegion(type.shape), type.dtype, 0);
    const outer = batch.length;
    const rank = outer + 4;
    const at = (dimension: number): Affine => affineIndex(dimension, rank);
    const [row, panel, lane, inner] = [at(outer), at(outer + 1), at(outer + 2), at(outer + 3)];
    const batches = batch.map((_, dimension) => at(dimension));
    const own = (shape: readonly number[]): Affine[] => leading(shape, batches, affineConstant(0, rank));
    const column = { constant: 0, coefficients: panel.coefficients.map((one, d) => width * one + lane.coefficients[d]!) };
    return [
      {
        name: "matmul",
        space: [...dimensions("parallel", [...batch, m, panels]), ...dimensions("serial", [width]), ...dimensions("reduction", [k])],
        reads: [{ operand: 0, index: [...own(a.shape.slice(0, -2)), row, inner] }, { operand: 1, index: [...own(b.shape.slice(0, -3)), panel, inner, lane] }],
        writes: [{ operand: 0, index: [...batches, row, column] }],
        contraction: true,
        emit({ kernel, block, load, store }) {
          const [rows, count, lanes, length] = block.slice(outer) as [number, number, number, number];
          kernel.forBox([...block.slice(0, outer), count, rows, lanes], true, (indices) => {
            const [p, r, l] = indices.slice(outer) as [(typeof indices)[0], (typeof indices)[0], (typeof indices)[0]];
            const point = [...indices.slice(0, outer), r, p, l];
            const sum = kernel.let("sum", number(type.dtype, 0));
            kernel.forBox([length], false, ([i]) => kernel.set(sum, binary("add", sum, binary("mul", load(0, [...point, i!]), load(1, [...point, i!])))));
            store(0, [...point, number("i32", 0)], sum);
          });
        },
      },
    ];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("f32", [1, 3, 4], [1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0])], attributes: {},
      expected: tensor("f32", [2, 4], [4, 5, 0, 0, 10, 11, 0, 0]),
    },
    { inputs: [samples("f32", [5, 7]), samples("f32", [3, 7, 8], 1)], attributes: {} },
    { inputs: [samples("f64", [2, 1, 6, 3]), samples("f64", [3, 2, 3, 4], 1)], attributes: {} },
    { inputs: [samples("f32", [2, 3, 5]), samples("f32", [1, 5, 8], 1)], attributes: {} },
    { inputs: [samples("f32", [3, 0]), samples("f32", [2, 0, 8])], attributes: {} },
  ],
};
