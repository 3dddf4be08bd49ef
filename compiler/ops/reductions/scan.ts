/**
 * Running totals along an axis: sums, products, the largest or the smallest so far. Floats accumulate in f64 in the meaning, each
 * total rounded once; integers wrap. A second input is what they begin with: of sums whose rows are long, blocks of rows are added up
 * first, so that each block begins with the sum of those before it, and is gone through as it lies instead of column by column (of
 * extremes `cut-long-rows` does it, when gradients are there).
 */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineConstant } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { axesSpace, forRest, number, padded, widened } from "../lowerings.ts";
import { formulas, numbersAlong } from "../gradients.ts";
import type { NodeBuilder, Op } from "../op.ts";
import { combineFloats, combineIntegers, identityOf } from "./reduce.ts";
import { recurredBackwards, shifted } from "./recurrence.ts";
import { extremeGradient } from "./running-places.ts";
import { axisArgument, computeDType, intAttribute, requireClass, requireInputs, showShape, signatureAlong } from "../rules.ts";

/** Each element is in the totals from its own on: the running sum of the gradient, from the end. */
const sumGradient: NonNullable<Op["gradient"]> = (build, { inputs, attributes, gradient }) => {
  const axis = intAttribute(attributes, "axis");
  const backwards = (value: ValueId): ValueId => build.apply("reverse", [value], { axes: [axis] });
  const byElements = backwards(build.apply("cum_sum", [backwards(gradient)], attributes));
  return inputs.length === 1 ? [byElements] : [byElements, build.apply("reduce", [gradient], { op: "add", axes: [axis], keepdims: true })];
};

const blocks = 16;
/** Rows of a block, and elements of a row, at least. */
const [leastRows, leastRow] = [8, 512];

/** The shape of blocks of rows that are gone through one after the other, along an axis. Undefined where they would not be worth it. */
export function blocksOfColumns({ dtype, shape }: TensorType, axis: number): number[] | undefined {
  const extent = shape[axis]!;
  const [before, row] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  if (before >= blocks || row < leastRow || extent % blocks !== 0 || extent < blocks * leastRows || computeDType(dtype) !== dtype) return undefined;
  return shape.toSpliced(axis, 1, blocks, extent / blocks);
}

/** Blocks of rows, each begun with the sum of those before it. */
function sumInBlocks(build: NodeBuilder, x: ValueId, axis: number): ValueId | undefined {
  const { dtype, shape } = build.typeOf(x);
  const blocked = blocksOfColumns({ dtype, shape }, axis);
  if (blocked === undefined) return undefined;
  const block = build.apply("reshape", [x], { shape: blocked });
  const { shape: cut } = build.typeOf(block);
  const others = build.apply("slice", [block], { start: cut.map(() => 0), length: cut.with(axis, blocks - 1), step: cut.map(() => 1) });
  const sums = build.apply("cum_sum", [build.apply("reduce", [others], { op: "add", axes: [axis + 1], keepdims: true })], { axis });
  const zero = (type: TensorType): ValueId => build.fill(type, 0);
  const starts = build.apply("concat", [zero({ dtype, shape: cut.with(axis, 1).with(axis + 1, 1) }), sums], { axis });
  return build.apply("reshape", [build.apply("cum_sum", [block, starts], { axis: axis + 1 })], { shape: [...shape] });
}

/**
 * y[j] is the product of the elements to j, so its derivative by x[i] is that of those before i and of those behind it to j:
 * the gradients, each times the elements since i, are a recurrence from the end. Nothing is divided, so 0 is no exception.
 */
const productGradient: NonNullable<Op["gradient"]> = (build, { inputs: [x], attributes, result, gradient }) => {
  const axis = intAttribute(attributes, "axis");
  const { dtype, shape } = build.typeOf(x!);
  const f = formulas(build, { dtype, shape });
  const before = f.select(build.apply("eq", [numbersAlong(build, shape, axis), formulas(build, { dtype: "i32", shape }).number(0)]), f.number(1), shifted(build, result, axis));
  return [f.mul(before, recurredBackwards(build, x!, gradient, axis))];
};

export type Combination = "add" | "mul" | "max" | "min";

/** What the totals at a point begin with. */
type Start = (at: readonly Expression[]) => Expression;

/** Row by row, the total in a register. */
function scanRows(context: BlockContext, op: Combination, start: Start, outer: number): void {
  const { kernel, block, load, store } = context;
  kernel.forBox(block.slice(0, outer), true, (point) => {
    const { dtype } = load(0, padded(point, block.length));
    const total = kernel.let("total", start(padded(point, block.length)));
    forRest(context, point, false, (at) => {
      kernel.set(total, binary(op, total, widened(load(0, at))));
      store(0, at, cast(dtype, total));
    });
  });
}

/** Where elements one behind the other belong to different rows: all rows side by side, each step from what the last one stored. */
function scanPlanes({ kernel, block, load, store, reload }: BlockContext, op: Combination, start: Start, outer: number, behind: number): void {
  const side = block.slice(outer - behind, outer);
  kernel.forBox(block.slice(0, outer - behind), true, (before) => {
    const step = (k: Expression, total: (at: readonly Expression[]) => Expression): void =>
      kernel.forBox(side, true, (after) => {
        const at = [...before, ...after, k];
        store(0, at, binary(op, total(at), load(0, at)));
      });
    step(i32(0), start);
    kernel.for({ start: i32(1), end: i32(block[outer]!), name: "k" }, (k) => step(k, (at) => reload(0, [...at.slice(0, -1), binary("sub", k, i32(1))])));
  });
}

interface Rule {
  readonly name: string;
  readonly summary: string;
  readonly formula: string;
  readonly op: Combination;
  /** Of 3 1 4 and 1 5 9. */
  readonly known: readonly number[];
  readonly gradient: NonNullable<Op["gradient"]>;
}

function scan({ name, summary, formula, op, known, gradient }: Rule): Op {
  return {
    name,
    kind: "compute",
    summary,
    formula,
    signature: signatureAlong(name, "core"),
    type(inputs, attributes) {
      const [x, start] = inputs as [TensorType, TensorType?];
      if (start === undefined) requireInputs(name, inputs, 1);
      requireClass(name, "number", x);
      const axis = axisArgument(intAttribute(attributes, "axis"), x.shape.length, name);
      invariant(start === undefined || (start.dtype === x.dtype && showShape(start.shape) === showShape(x.shape.with(axis, 1))), () => `${name} of ${showShape(x.shape)} that begins with ${showShape(start!.shape)}`);
      return x;
    },
    evaluate(inputs, attributes, type) {
      const [x, axis, result] = [inputs[0]!, intAttribute(attributes, "axis"), zeros(type)];
      const stride = sizeOf(type.shape.slice(axis + 1));
      forEachIndex(type.shape, (index, flat) => {
        if (index[axis] !== 0) return;
        let total: number | bigint = inputs[1] ? get(inputs[1], flatIndex(inputs[1].type.shape, index)) : isFloat(type.dtype) ? identityOf(op, type.dtype) : BigInt(identityOf(op, type.dtype));
        for (let k = 0; k < type.shape[axis]!; k++) {
          const next = get(x, flat + k * stride);
          total = typeof total === "number" ? combineFloats(op, total, Number(next)) : combineIntegers(op, total, BigInt(next));
          put(result, flat + k * stride, total);
        }
      });
      return result;
    },
    lower(inputs, attributes, type): Lowering[] {
      if (sizeOf(type.shape) === 0) return [];
      const axis = intAttribute(attributes, "axis");
      const { space, outer, element } = axesSpace(inputs[0]!.shape, [axis], "serial");
      const behind = sizeOf(type.shape.slice(axis + 1)) > 1 ? type.shape.length - 1 - axis : 0;
      return [
        {
          name,
          space,
          reads: [{ operand: 0, index: element }, ...(inputs.length > 1 ? [{ operand: 1, index: element.with(axis, affineConstant(0, space.length)) }] : [])],
          writes: [{ operand: 0, index: element }],
          emit(context) {
            const start: Start = (at) => (inputs.length > 1 ? widened(context.load(1, at)) : number(type.dtype, identityOf(op, type.dtype)));
            if (behind > 0 && computeDType(type.dtype) === type.dtype) scanPlanes(context, op, start, outer, behind);
            else scanRows(context, op, start, outer);
          },
        },
      ];
    },
    gradient,
    ...(op === "add" ? { compose: (build: NodeBuilder, inputs: readonly ValueId[], attributes: Attributes) => (inputs.length === 1 ? sumInBlocks(build, inputs[0]!, intAttribute(attributes, "axis")) : undefined) } : {}),
    examples: () => [
      { inputs: [tensor("i32", [2, 3], [3, 1, 4, 1, 5, 9])], attributes: { axis: 1 }, expected: tensor("i32", [2, 3], known) },
      { inputs: [tensor("f32", [3, 4, 2], Array.from({ length: 24 }, (_, i) => Math.sin(i)))], attributes: { axis: 1 } },
      { inputs: [samples("i8", [5, 7])], attributes: { axis: 0 } },
      { inputs: [tensor("f16", [5], [1, 0.5, 2, 4, 0.25])], attributes: { axis: 0 } },
      { inputs: [samples("u64", [0, 2])], attributes: { axis: 0 } },
      { inputs: [samples("f32", [4, 9])], attributes: { axis: 0 } },
      ...(op === "max" || op === "min" ? [{ inputs: [samples("f64", [2, 4, 3]), samples("f64", [2, 1, 3], 1)], attributes: { axis: 1 } }] : []),
      ...(op === "add" ? [
        { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("f32", [2, 1], [10, 20])], attributes: { axis: 1 }, expected: tensor("f32", [2, 3], [11, 13, 16, 24, 29, 35]) },
        { inputs: [samples("i32", [2, 4, 3]), samples("i32", [2, 1, 3])], attributes: { axis: 1 } },
        { inputs: [samples("i32", [blocks * leastRows, leastRow])], attributes: { axis: 0 } },
      ] : []),
    ],
  };
}

export const scans: readonly Op[] = [
  scan({ name: "cum_sum", summary: "Running sum along an axis, each element included.", formula: "y[i] = x[0] + … + x[i]", op: "add", known: [3, 4, 8, 1, 6, 15], gradient: sumGradient }),
  scan({ name: "cum_prod", summary: "Running product along an axis, each element included.", formula: "y[i] = x[0] · … · x[i]", op: "mul", known: [3, 3, 12, 1, 5, 45], gradient: productGradient }),
  scan({ name: "cum_max", summary: "The largest element so far along an axis; NaN from the first NaN on.", formula: "y[i] = max(x[0], …, x[i])", op: "max", known: [3, 3, 4, 1, 5, 9], gradient: extremeGradient }),
  scan({ name: "cum_min", summary: "The smallest element so far along an axis; NaN from the first NaN on.", formula: "y[i] = min(x[0], …, x[i])", op: "min", known: [3, 1, 1, 1, 1, 1], gradient: extremeGradient }),
];
