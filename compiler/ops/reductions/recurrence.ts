/**
 * A linear recurrence along an axis, each element a multiple of the one before it and something more: a scan of which running
 * sums and products are cases, and what their gradients are made of. Floats accumulate in f64 in the meaning, each element
 * rounded once; integers wrap.
 */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast, i32, select } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { samples } from "../elementwise/elementwise.ts";
import { axesSpace, forRest, number, padded, widened } from "../lowerings.ts";
import { formulas } from "../gradients.ts";
import type { GradientBuilder, Op } from "../op.ts";
import { axisArgument, computeDType, intAttribute, requireClass, requireInputs, requireSameDType, requireSameShape, signatureAlong } from "../rules.ts";

const name = "linear_recurrence";

/** Row by row, the last element in a register. */
function emitRows(context: BlockContext, outer: number): void {
  const { kernel, block, load, store } = context;
  kernel.forBox(block.slice(0, outer), true, (point) => {
    const { dtype } = load(1, padded(point, block.length));
    const last = kernel.let("last", number(dtype, 0));
    forRest(context, point, false, (at) => {
      // a[0] is no factor of anything, and may be no number.
      const factor = select(binary("eq", at.at(-1)!, i32(0)), number(dtype, 0), widened(load(0, at)));
      kernel.set(last, binary("add", binary("mul", factor, last), widened(load(1, at))));
      store(0, at, cast(dtype, last));
    });
  });
}

/** Where elements one behind the other belong to different rows: all rows side by side, each step from what the last one stored. */
function emitPlanes({ kernel, block, load, store, reload }: BlockContext, outer: number, behind: number): void {
  const side = block.slice(outer - behind, outer);
  kernel.forBox(block.slice(0, outer - behind), true, (before) => {
    const step = (k: Expression, value: (at: readonly Expression[]) => Expression): void =>
      kernel.forBox(side, true, (after) => {
        const at = [...before, ...after, k];
        store(0, at, value(at));
      });
    step(i32(0), (at) => load(1, at));
    kernel.for({ start: i32(1), end: i32(block[outer]!), name: "k" }, (k) =>
      step(k, (at) => binary("add", binary("mul", load(0, at), reload(0, [...at.slice(0, -1), binary("sub", k, i32(1))])), load(1, at))));
  });
}

/** Elements moved along an axis to the next place, a 0 at the first. */
export function shifted(build: GradientBuilder, value: ValueId, axis: number): ValueId {
  const { dtype, shape } = build.typeOf(value);
  const first = formulas(build, { dtype, shape: shape.with(axis, Math.min(1, shape[axis]!)) }).number(0);
  const rest = build.apply("slice", [value], { start: shape.map(() => 0), length: shape.with(axis, Math.max(0, shape[axis]! - 1)), step: shape.map(() => 1) });
  return build.apply("concat", [first, rest], { axis });
}

/** s with s[i] = x[i] + a[i + 1] · s[i + 1]: how a change of each element goes on into what is summed with x. */
export function recurredBackwards(build: GradientBuilder, a: ValueId, x: ValueId, axis: number): ValueId {
  const backwards = (value: ValueId): ValueId => build.apply("reverse", [value], { axes: [axis] });
  return backwards(build.apply(name, [shifted(build, backwards(a), axis), backwards(x)], { axis }));
}

const inputsOf = (dtype: "f32" | "f64" | "f16" | "i8" | "u64", shape: readonly number[]) => [samples(dtype, shape), samples(dtype, shape, 1)];

export const linearRecurrence: Op = {
  name,
  kind: "compute",
  summary: "Each element the one before it along an axis times a, and b added; the first is b alone.",
  formula: "y[0] = b[0], y[i] = a[i] · y[i - 1] + b[i]",
  signature: signatureAlong(name, "core", ["a", "b"]),
  type(inputs, attributes) {
    requireInputs(name, inputs, 2);
    const [a, b] = inputs as [TensorType, TensorType];
    requireClass(name, "number", a);
    requireSameDType(name, a, b, ["a", "b"]);
    requireSameShape(name, a, b, ["a", "b"]);
    axisArgument(intAttribute(attributes, "axis"), a.shape.length, name);
    return b;
  },
  evaluate(inputs, attributes, type) {
    const [a, b, axis, result] = [inputs[0]!, inputs[1]!, intAttribute(attributes, "axis"), zeros(type)];
    const stride = sizeOf(type.shape.slice(axis + 1));
    forEachIndex(type.shape, (index, flat) => {
      if (index[axis] !== 0) return;
      let last: number | bigint = 0;
      for (let k = 0; k < type.shape[axis]!; k++) {
        const at = flat + k * stride;
        const [factor, term] = [get(a, at), get(b, at)];
        if (isFloat(type.dtype)) last = k === 0 ? Number(term) : Number(factor) * Number(last) + Number(term);
        else last = k === 0 ? BigInt(term) : BigInt(factor) * BigInt(last) + BigInt(term);
        put(result, at, last);
      }
    });
    return result;
  },
  lower(_inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const axis = intAttribute(attributes, "axis");
    const { space, outer, element } = axesSpace(type.shape, [axis], "serial");
    const behind = sizeOf(type.shape.slice(axis + 1)) > 1 ? type.shape.length - 1 - axis : 0;
    return [
      {
        name,
        space,
        reads: [{ operand: 0, index: element }, { operand: 1, index: element }],
        writes: [{ operand: 0, index: element }],
        emit: (context) => (behind > 0 && computeDType(type.dtype) === type.dtype ? emitPlanes(context, outer, behind) : emitRows(context, outer)),
      },
    ];
  },
  gradient(build, { inputs: [a], attributes, result, gradient }) {
    const axis = intAttribute(attributes, "axis");
    const ofB = recurredBackwards(build, a!, gradient, axis);
    return [build.apply("mul", [ofB, shifted(build, result, axis)]), ofB];
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 3], [9, 2, 3, 4, 5, 0]), tensor("f32", [2, 3], [1, 1, 2, 3, 4, 5])], attributes: { axis: 1 }, expected: tensor("f32", [2, 3], [1, 3, 11, 3, 19, 5]) },
    { inputs: inputsOf("f64", [3, 4, 2]), attributes: { axis: 1 } },
    { inputs: inputsOf("i8", [5, 7]), attributes: { axis: 0 } },
    { inputs: inputsOf("f16", [6]), attributes: { axis: 0 } },
    { inputs: inputsOf("u64", [0, 2]), attributes: { axis: 0 } },
  ],
};
