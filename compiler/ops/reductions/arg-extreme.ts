/** Where the largest or smallest element lies: the first of equals; NaN counts as the extreme, as in NumPy. */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { forEachIndex, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { binary, i32, select } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { samples } from "../elementwise/elementwise.ts";
import { axesSpace, padded, widened } from "../lowerings.ts";
import type { NodeBuilder, Op } from "../op.ts";
import { axisArgument, boolAttribute, intAttribute, reducedShape, refuse, requireClass, requireInputs, showShape } from "../rules.ts";

type Extreme = "argmax" | "argmin";

/** Along an axis this long, of a tensor with fewer than so many others, columns are compared beside each other. */
const longAxis = 4096;
const manyOthers = 64;
const columns = 256;

/**
 * A long axis cut into columns, element k into column k mod `columns`: each has its extreme and the place of that, and of the
 * places whose element is the extreme of all, or NaN, the smallest is meant. What is left over by the columns stands for itself.
 * Undefined where that would not be worth it.
 */
function inColumns(name: Extreme, build: NodeBuilder, x: ValueId, axis: number, keepdims: boolean): ValueId | undefined {
  const { dtype, shape } = build.typeOf(x);
  const extent = shape[axis]!;
  if (extent < longAxis || sizeOf(shape.toSpliced(axis, 1)) >= manyOthers) return undefined;
  const op = name === "argmax" ? "max" : "min";
  const number = (value: number, extents: readonly number[]): ValueId => build.apply("fill", [], { value, dtype: "i32", shape: extents });
  const along = (count: number): number[] => shape.with(axis, count);
  const cut = (start: number, length: number): ValueId => build.apply("slice", [x], { start: shape.map((_, d) => (d === axis ? start : 0)), length: along(length), step: shape.map(() => 1) });
  const counted = (start: number, count: number): ValueId => {
    const numbers = build.apply("add", [build.apply("iota", [], { length: count, dtype: "i32" }), number(start, [count])]);
    return build.apply("broadcast", [build.apply("reshape", [numbers], { shape: [count, ...shape.slice(axis + 1).map(() => 1)] })], { shape: along(count) });
  };
  const rows = Math.floor(extent / columns);
  const [whole, left] = [rows * columns, extent % columns];
  const block = build.apply("reshape", [cut(0, whole)], { shape: shape.toSpliced(axis, 1, rows, columns) });
  const row = build.apply("mul", [build.apply(name, [block], { axis, keepdims: false }), number(columns, along(columns))]);
  const joined = (first: ValueId, rest: () => ValueId): ValueId => (left === 0 ? first : build.apply("concat", [first, rest()], { axis }));
  const values = joined(build.apply("reduce", [block], { op, axes: [axis], keepdims: false }), () => cut(whole, left));
  const places = joined(build.apply("add", [row, counted(0, columns)]), () => counted(whole, left));
  const candidates = build.typeOf(values);
  const extreme = build.apply("broadcast", [build.apply("reduce", [values], { op, axes: [axis], keepdims: true })], { shape: candidates.shape });
  const equal = build.apply("eq", [values, extreme]);
  const meant = isFloat(dtype) ? build.apply("or", [equal, build.apply("ne", [values, values])]) : equal;
  const chosen = build.apply("select", [meant, places, number(extent, candidates.shape)]);
  return build.apply("reduce", [chosen], { op: "min", axes: [axis], keepdims });
}

function evaluate(name: Extreme, x: Tensor, axis: number, type: TensorType): Tensor {
  const beats = (a: number | bigint, b: number | bigint): boolean => (Number.isNaN(a) ? !Number.isNaN(b) : name === "argmax" ? a > b : a < b);
  const { shape } = x.type;
  const result = zeros(type);
  const stride = sizeOf(shape.slice(axis + 1));
  let to = 0;
  forEachIndex(shape, (index, flat) => {
    if (index[axis] !== 0) return;
    let best = 0;
    for (let k = 1; k < shape[axis]!; k++) if (beats(get(x, flat + k * stride), get(x, flat + best * stride))) best = k;
    put(result, to++, best);
  });
  return result;
}

/** A loop along the axis that keeps the best element so far and its place. */
function lowering(name: Extreme, x: TensorType, axis: number, keepdims: boolean): Lowering {
  const { space, outer, element, reduced } = axesSpace(x.shape, [axis], "serial");
  return {
    name,
    space,
    reads: [{ operand: 0, index: element }],
    writes: [{ operand: 0, index: reduced(keepdims) }],
    emit({ kernel, block, load, store }) {
      kernel.forBox(block.slice(0, outer), true, (point) => {
        const best = kernel.let("best", widened(load(0, [...point, i32(0)])));
        const place = kernel.let("place", i32(0));
        kernel.for({ start: i32(1), end: i32(x.shape[axis]!), name: "k" }, (k) => {
          const next = kernel.let("next", widened(load(0, [...point, k])));
          const beaten = binary(name === "argmax" ? "gt" : "lt", next, best);
          const taken = isFloat(x.dtype) ? binary("or", beaten, binary("and", binary("ne", next, next), binary("eq", best, best))) : beaten;
          kernel.set(place, select(taken, k, place));
          kernel.set(best, select(taken, next, best));
        });
        store(0, padded(point, space.length), place);
      });
    },
  };
}

function argExtreme(name: Extreme): Op {
  return {
    name,
    kind: "compute",
    summary: `Index of the ${name === "argmax" ? "largest" : "smallest"} element along an axis, as i32; the first of equals, NaN before all.`,
    formula: `y = arg ${name === "argmax" ? "max" : "min"} x`,
    noGradient: "an index is piecewise constant",
    signature: {
      call: name,
      module: "core",
      parameters: [{ name: "x", kind: "tensor" }, { name: "axis", kind: "axis", default: -1 }, { name: "keepdims", kind: "bool", default: false }],
      attributes: (args, inputs) => ({ axis: axisArgument(args["axis"], inputs[0]!.shape.length, name), keepdims: args["keepdims"] === true }),
    },
    type(inputs, attributes) {
      requireInputs(name, inputs, 1);
      const x = inputs[0]!;
      requireClass(name, "number", x);
      const axis = axisArgument(intAttribute(attributes, "axis"), x.shape.length, name);
      const shape = reducedShape(x.shape, [axis], boolAttribute(attributes, "keepdims"));
      if (x.shape[axis] === 0 && sizeOf(shape) > 0) refuse("shape-mismatch", `${name} over no elements: axis ${axis} of ${showShape(x.shape)} is empty`);
      return { dtype: "i32", shape };
    },
    compose: (build, [x], attributes) => inColumns(name, build, x!, intAttribute(attributes, "axis"), boolAttribute(attributes, "keepdims")),
    evaluate: (inputs, attributes, type) => evaluate(name, inputs[0]!, intAttribute(attributes, "axis"), type),
    lower: (inputs, attributes, type) => (sizeOf(type.shape) === 0 ? [] : [lowering(name, inputs[0]!, intAttribute(attributes, "axis"), boolAttribute(attributes, "keepdims"))]),
    examples: () => [
      { inputs: [tensor("f32", [2, 3], [1, 5, 5, 2, NaN, 7])], attributes: { axis: 1, keepdims: false }, expected: tensor("i32", [2], name === "argmax" ? [1, 1] : [0, 1]) },
      { inputs: [tensor("f64", [4], [3, NaN, 9, NaN])], attributes: { axis: 0, keepdims: true }, expected: tensor("i32", [1], [1]) },
      { inputs: [samples("i64", [5, 7])], attributes: { axis: 0, keepdims: true } },
      { inputs: [samples("f16", [3, 5, 2])], attributes: { axis: 1, keepdims: false } },
      { inputs: [samples("u8", [9])], attributes: { axis: 0, keepdims: false } },
      { inputs: [samples("u8", [0, 3])], attributes: { axis: 1, keepdims: false } },
      { inputs: [samples("u8", [4099])], attributes: { axis: 0, keepdims: false } },
      { inputs: [samples("f32", [2, 4096])], attributes: { axis: 1, keepdims: true } },
      { inputs: [samples("i64", [4353, 3])], attributes: { axis: 0, keepdims: false } },
      {
        inputs: [tensor("f32", [2, 4200], Array.from({ length: 8400 }, (_, k) => ([4000, 1033, 4199].includes(k) ? NaN : k >= 4200 + 4190 ? (k % 2 === 0 ? 1e9 : -1e9) : k % 97)))],
        attributes: { axis: 1, keepdims: false }, expected: tensor("i32", [2], [1033, name === "argmax" ? 4190 : 4191]),
      },
    ],
  };
}

export const argmax = argExtreme("argmax");
export const argmin = argExtreme("argmin");
