/**
 * Exponentials relative to their sum along an axis: softmax, its logarithm, and the logarithm of the sum. All subtract the
 * largest element first, so that nothing overflows. The meaning is computed in f64 and rounded once.
 */
import { sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { ValueId } from "../../graph/graph.ts";
import { get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { binary, call, cast, largerOf, select, unary } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { samples } from "../elementwise/elementwise.ts";
import { axesSpace, fillLowering, forRest, number, padded, wholeRegion, widened } from "../lowerings.ts";
import { broadcastTo, expandReduced, formulas, summed } from "../gradients.ts";
import type { Op } from "../op.ts";
import { axesAttributes, axesParameters, forEachReduced, reducedType } from "../reductions/reduce.ts";
import { axisArgument, boolAttribute, computeDType, intAttribute, intsAttribute, reducedShape, requireClass, requireInputs, signatureAlong } from "../rules.ts";

/** For each row: its largest element, and the sum of e^(x - largest); by position of the row. */
function rowsOf(x: Tensor, axes: readonly number[]): { largest: number[]; sum: number[] } {
  const rows = sizeOf(reducedShape(x.type.shape, axes, true));
  const largest = new Array<number>(rows).fill(-Infinity);
  const sum = new Array<number>(rows).fill(0);
  forEachReduced(x.type.shape, axes, (from, row) => (largest[row] = Math.max(largest[row]!, Number(get(x, from)))));
  forEachReduced(x.type.shape, axes, (from, row) => (sum[row]! += Math.exp(Number(get(x, from)) - largest[row]!)));
  return { largest, sum };
}

/** e^x of what is not positive: of an element less the largest. Saying so makes it shorter (math-formulas-nonpositive.ts). */
const expBelow = (x: Expression): Expression => call("exp", binary("min", x, number(x.dtype, 0)));

interface KernelRow {
  readonly largest: Expression;
  /** What was subtracted: the largest element, or what `shift` made of it. */
  readonly subtracted: Expression;
  readonly sum: Expression;
  element(at: readonly Expression[]): Expression;
}

interface RowOptions {
  /** What is subtracted, of the largest element. */
  readonly shift?: (largest: Expression) => Expression;
  /** Is given every exponential, to be kept. */
  readonly keep?: (at: readonly Expression[], exponential: Expression) => void;
}

/** The same in a kernel, for the row at `point`: locals with what is subtracted and the sum. */
function rowInKernel(context: BlockContext, point: readonly Expression[], { shift, keep }: RowOptions = {}): KernelRow {
  const { kernel, load } = context;
  const element = (at: readonly Expression[]): Expression => widened(load(0, at));
  const dtype = element(padded(point, context.block.length)).dtype;
  const largest = kernel.let("largest", number(dtype, -Infinity));
  // A NaN makes the sum one, whether it is seen here or not.
  forRest(context, point, false, (at) => kernel.set(largest, largerOf(largest, element(at))));
  const subtracted = shift ? kernel.let("subtracted", shift(largest)) : largest;
  const sum = kernel.let("sum", number(dtype, 0));
  forRest(context, point, false, (at) => {
    const exponential = kernel.let("exponential", expBelow(binary("sub", element(at), subtracted)));
    keep?.(at, exponential);
    kernel.set(sum, binary("add", sum, exponential));
  });
  return { largest, subtracted, sum, element };
}

/** Writes the row of the result at `point`. */
type KernelFormula = (context: BlockContext, point: readonly Expression[], dtype: DType) => void;

/**
 * The result holds the exponentials until their sum is known, so that each is computed once; where it would round them, they
 * are computed again.
 */
const softmaxInKernel: KernelFormula = (context, point, dtype) => {
  const { kernel, store, reload } = context;
  const exact = computeDType(dtype) === dtype;
  const { largest, sum, element } = rowInKernel(context, point, exact ? { keep: (at, exponential) => store(0, at, exponential) } : {});
  const scale = kernel.let("scale", binary("div", number(dtype, 1), sum));
  forRest(context, point, true, (at) => {
    const exponential = exact ? reload(0, at) : expBelow(binary("sub", element(at), largest));
    store(0, at, cast(dtype, binary("mul", exponential, scale)));
  });
};

const logSoftmaxInKernel: KernelFormula = (context, point, dtype) => {
  const { largest, sum, element } = rowInKernel(context, point);
  const logarithm = context.kernel.let("logarithm", call("log", sum));
  forRest(context, point, true, (at) => context.store(0, at, cast(dtype, binary("sub", binary("sub", element(at), largest), logarithm))));
};

function rowwise(
  name: string, summary: string, formula: string, gradient: NonNullable<Op["gradient"]>,
  value: (x: number, largest: number, sum: number) => number, inKernel: KernelFormula, expected: readonly number[],
): Op {
  return {
    name,
    kind: "compute",
    summary,
    formula,
    signature: signatureAlong(name, "std/nn"),
    type(inputs, attributes) {
      requireInputs(name, inputs, 1);
      requireClass(name, "float", inputs[0]!);
      axisArgument(intAttribute(attributes, "axis"), inputs[0]!.shape.length, name);
      return inputs[0]!;
    },
    evaluate(inputs, attributes, type) {
      const [x, axes, result] = [inputs[0]!, [intAttribute(attributes, "axis")], zeros(type)];
      const { largest, sum } = rowsOf(x, axes);
      forEachReduced(type.shape, axes, (flat, row) => put(result, flat, value(Number(get(x, flat)), largest[row]!, sum[row]!)));
      return result;
    },
    lower(inputs, attributes, type): Lowering[] {
      if (sizeOf(type.shape) === 0) return [];
      const { space, outer, element: index } = axesSpace(inputs[0]!.shape, [intAttribute(attributes, "axis")], "serial");
      return [
        {
          name,
          space,
          reads: [{ operand: 0, index }],
          writes: [{ operand: 0, index }],
          emit(context) {
            context.kernel.forBox(context.block.slice(0, outer), true, (point) => inKernel(context, point, type.dtype));
          },
        },
      ];
    },
    gradient,
    examples: () => [
      { inputs: [tensor("f64", [2, 3], [1, 2, 3, 0, 0, 1000])], attributes: { axis: 1 }, expected: tensor("f64", [2, 3], expected) },
      { inputs: [tensor("f32", [3, 5, 2], Array.from({ length: 30 }, (_, i) => Math.sin(i) * 4))], attributes: { axis: 1 } },
      { inputs: [tensor("f16", [9], Array.from({ length: 9 }, (_, i) => Math.cos(i)))], attributes: { axis: 0 } },
      { inputs: [tensor("bf16", [2, 7], Array.from({ length: 14 }, (_, i) => Math.cos(i)))], attributes: { axis: 0 } },
      { inputs: [tensor("f32", [0, 3], [])], attributes: { axis: 1 } },
    ],
  };
}

export const softmax = rowwise(
  "softmax", "Exponentials along an axis, scaled to the sum 1.", "y = e^x / Σ e^x",
  (build, { attributes, result, gradient }) => {
    const type = build.typeOf(result);
    const f = formulas(build, type);
    const total = summed(build, f.mul(gradient, result), [intAttribute(attributes, "axis")], true);
    return [f.mul(result, f.sub(gradient, broadcastTo(build, total, type.shape)))];
  },
  (x, largest, sum) => Math.exp(x - largest) / sum,
  softmaxInKernel,
  [0.09003057317038046, 0.24472847105479767, 0.6652409557748219, 0, 0, 1],
);

export const logSoftmax = rowwise(
  "log_softmax", "Logarithm of softmax, exact where softmax underflows.", "y = x - ln Σ e^x",
  (build, { attributes, result, gradient }) => {
    const type = build.typeOf(result);
    const f = formulas(build, type);
    const total = summed(build, gradient, [intAttribute(attributes, "axis")], true);
    return [f.sub(gradient, f.mul(f.of("exp", result), broadcastTo(build, total, type.shape)))];
  },
  (x, largest, sum) => x - largest - Math.log(sum),
  logSoftmaxInKernel,
  [-2.4076059644443806, -1.4076059644443804, -0.4076059644443804, -1000, -1000, 0],
);

export const logSumExp: Op = {
  name: "log_sum_exp",
  kind: "compute",
  summary: "Logarithm of the sum of exponentials along axes, of all when none is given.",
  formula: "y = ln Σ e^x",
  signature: { call: "log_sum_exp", module: "core", parameters: axesParameters, attributes: (args, inputs) => axesAttributes("log_sum_exp", args, inputs) },
  type(inputs, attributes) {
    requireInputs("log_sum_exp", inputs, 1);
    requireClass("log_sum_exp", "float", inputs[0]!);
    return reducedType("log_sum_exp", inputs[0]!, attributes, false);
  },
  evaluate(inputs, attributes, type) {
    const [x, axes, result] = [inputs[0]!, intsAttribute(attributes, "axes"), zeros(type)];
    const { largest } = rowsOf(x, axes);
    const shift = largest.map((value) => (Math.abs(value) === Infinity ? 0 : value));
    const sum = shift.map(() => 0);
    forEachReduced(x.type.shape, axes, (from, row) => (sum[row]! += Math.exp(Number(get(x, from)) - shift[row]!)));
    sum.forEach((total, row) => put(result, row, shift[row]! + Math.log(total)));
    return result;
  },
  lower(inputs, attributes, type): Lowering[] {
    const { shape } = inputs[0]!;
    if (sizeOf(type.shape) === 0) return [];
    if (sizeOf(shape) === 0) return fillLowering("log_sum_exp", wholeRegion(type.shape), type.dtype, -Infinity);
    const { space, outer, element: index, reduced } = axesSpace(shape, intsAttribute(attributes, "axes"), "serial");
    return [
      {
        name: "log_sum_exp",
        space,
        reads: [{ operand: 0, index }],
        writes: [{ operand: 0, index: reduced(boolAttribute(attributes, "keepdims")) }],
        emit(context) {
          const { kernel, block, store } = context;
          const zero = number(type.dtype, 0);
          kernel.forBox(block.slice(0, outer), true, (point) => {
            const isInfinite = (value: Expression): Expression => binary("eq", unary("abs", value), number(type.dtype, Infinity));
            const { largest, subtracted, sum } = rowInKernel(context, point, { shift: (value) => select(isInfinite(value), zero, value) });
            // The largest, where it is infinite, is the result, unless the sum is NaN, as some element then is.
            const result = select(isInfinite(largest), binary("add", largest, binary("sub", sum, sum)), binary("add", subtracted, call("log", sum)));
            store(0, padded(point, space.length), cast(type.dtype, result));
          });
        },
      },
    ];
  },
  gradient(build, { inputs: [x], attributes, result, gradient }) {
    const type = build.typeOf(x!);
    const f = formulas(build, type);
    const spread = (value: ValueId): ValueId => expandReduced(build, value, type.shape, intsAttribute(attributes, "axes"));
    return [f.mul(spread(gradient), f.of("exp", f.sub(x!, spread(result))))];
  },
  examples: () => [
    { inputs: [tensor("f64", [2, 3], [1, 2, 3, 0, 0, 1000])], attributes: { axes: [1], keepdims: false }, expected: tensor("f64", [2], [3.4076059644443806, 1000]) },
    { inputs: [tensor("f32", [2, 2], [-Infinity, -Infinity, Infinity, 1])], attributes: { axes: [1], keepdims: false }, expected: tensor("f32", [2], [-Infinity, Infinity]) },
    { inputs: [tensor("f32", [2, 3], [1, NaN, 2, NaN, Infinity, -Infinity])], attributes: { axes: [1], keepdims: false } },
    { inputs: [samples("f16", [3, 4])], attributes: { axes: [0], keepdims: true } },
    { inputs: [tensor("bf16", [3, 5, 2], Array.from({ length: 30 }, (_, i) => Math.sin(i)))], attributes: { axes: [0, 2], keepdims: true } },
    { inputs: [tensor("f32", [], [3])], attributes: { axes: [], keepdims: false } },
    { inputs: [tensor("f32", [3, 0], [])], attributes: { axes: [1], keepdims: false } },
  ],
};
