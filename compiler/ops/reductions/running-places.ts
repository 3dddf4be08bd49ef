/**
 * Where the largest or the smallest element so far lies. Of each place the running extreme came from the last element that equals
 * it, so it is the greatest number so far of an element that does: a running maximum again. The gradient goes there.
 */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { forEachIndex, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { samples } from "../elementwise/elementwise.ts";
import { numbersAlong } from "../gradients.ts";
import type { NodeBuilder, Op } from "../op.ts";
import { axisArgument, intAttribute, requireClass, requireInputs, signatureAlong } from "../rules.ts";

/** Where the running extremes `y` of x come from; `none` where it is no element of x. */
function placesOf(build: NodeBuilder, x: ValueId, y: ValueId, axis: number, none = 0): ValueId {
  const { dtype, shape } = build.typeOf(x);
  const equal = build.apply("eq", [x, y]);
  const meant = isFloat(dtype) ? build.apply("or", [equal, build.apply("ne", [x, x])]) : equal;
  const otherwise = build.apply("fill", [], { value: none, dtype: "i32", shape: [...shape] });
  return build.apply("cum_max", [build.apply("select", [meant, numbersAlong(build, shape, axis), otherwise])], { axis });
}

/** The gradient of a running extreme: all of it to the element that it is, or to what the row begins with. */
export const extremeGradient: NonNullable<Op["gradient"]> = (build, { inputs, attributes, result, gradient }) => {
  const [x, start] = inputs as [ValueId, ValueId?];
  const axis = intAttribute(attributes, "axis");
  const zero = build.fill(build.typeOf(x), 0);
  if (start === undefined) return [build.apply("scatter_add_along", [zero, placesOf(build, x, result, axis), gradient], attributes)];
  const places = placesOf(build, x, result, axis, -1);
  const first = build.apply("fill", [], { value: 0, dtype: "i32", shape: [...build.typeOf(x).shape] });
  const isOwn = build.apply("ge", [places, first]);
  const own = build.apply("scatter_add_along", [zero, build.apply("max", [places, first]), build.apply("select", [isOwn, gradient, zero])], attributes);
  return [own, build.apply("reduce", [build.apply("select", [isOwn, zero, gradient])], { op: "add", axes: [axis], keepdims: true })];
};

type Extreme = "max" | "min";

/** Elements are taken in their order: the last of equals stays, and NaN before all. */
function evaluate(op: Extreme, x: Tensor, axis: number, type: TensorType): Tensor {
  const stays = (best: number | bigint, next: number | bigint): boolean => !Number.isNaN(next) && (Number.isNaN(best) || (op === "max" ? best > next : best < next));
  const result = zeros(type);
  const stride = sizeOf(type.shape.slice(axis + 1));
  forEachIndex(type.shape, (index, flat) => {
    if (index[axis] !== 0) return;
    let place = 0;
    for (let k = 0; k < type.shape[axis]!; k++) {
      if (!stays(get(x, flat + place * stride), get(x, flat + k * stride))) place = k;
      put(result, flat + k * stride, place);
    }
  });
  return result;
}

function runningPlaces(op: Extreme, known: readonly number[]): Op {
  const name = `cum_arg${op}`;
  return {
    name,
    kind: "compute",
    summary: `Index of the ${op === "max" ? "largest" : "smallest"} element so far along an axis, as i32; the last of equals, NaN before all.`,
    formula: `x[y[i]] = cum_${op}(x)[i]`,
    noGradient: "an index is piecewise constant",
    signature: signatureAlong(name, "core"),
    type(inputs, attributes) {
      requireInputs(name, inputs, 1);
      const x = inputs[0]!;
      requireClass(name, "number", x);
      axisArgument(intAttribute(attributes, "axis"), x.shape.length, name);
      return { dtype: "i32", shape: x.shape };
    },
    evaluate: (inputs, attributes, type) => evaluate(op, inputs[0]!, intAttribute(attributes, "axis"), type),
    compose(build, [x], attributes) {
      const axis = intAttribute(attributes, "axis");
      return placesOf(build, x!, build.apply(`cum_${op}`, [x!], { axis }), axis);
    },
    examples: () => [
      { inputs: [tensor("i32", [2, 4], [3, 1, 4, 1, 5, 9, 2, 9])], attributes: { axis: 1 }, expected: tensor("i32", [2, 4], known) },
      { inputs: [tensor("f32", [7], [0, -0, 2, NaN, 7, NaN, 1])], attributes: { axis: 0 }, expected: tensor("i32", [7], op === "max" ? [0, 1, 2, 3, 3, 5, 5] : [0, 1, 1, 3, 3, 5, 5]) },
      { inputs: [samples("f16", [3, 5, 2])], attributes: { axis: 1 } },
      { inputs: [samples("u64", [5, 7])], attributes: { axis: 0 } },
      { inputs: [samples("f64", [3, 0])], attributes: { axis: 1 } },
    ],
  };
}

export const runningPlacesOps: readonly Op[] = [runningPlaces("max", [0, 0, 2, 2, 0, 1, 1, 3]), runningPlaces("min", [0, 1, 1, 3, 0, 0, 2, 2])];
