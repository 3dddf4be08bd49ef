/** What ops that change elements of a tensor, at places along an axis that indices name, have in common. */
import type { TensorType } from "../../graph/graph.ts";
import { forEachIndex, get, put, zeros, type Tensor } from "../../graph/tensor.ts";
import type { Op } from "../op.ts";
import { axisArgument, intAttribute } from "../rules.ts";

/** The call is `name(x, indices, updates, axis)`; x is changed where it lies. */
export const scattering = (name: string, defaultAxis: number): Pick<Op, "name" | "kind" | "inPlace" | "signature" | "places"> => ({
  name,
  kind: "compute",
  inPlace: true,
  signature: {
    call: name,
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "indices", kind: "tensor" }, { name: "updates", kind: "tensor" }, { name: "axis", kind: "axis", default: defaultAxis }],
    attributes: (args, inputs) => ({ axis: axisArgument(args["axis"], inputs[0]!.shape.length, name) }),
  },
  places: (inputs, attributes) => [{ input: 1, extent: inputs[0]!.shape[intAttribute(attributes, "axis")]!, fromEnd: true }],
});

type Numeric = number | bigint;

/** x with every update taken in, in row-major order of the updates; `placeOf` says where one belongs. */
export function scattered(x: Tensor, updates: Tensor, type: TensorType, placeOf: (index: readonly number[], flat: number) => number, combine: (before: Numeric, update: Numeric) => Numeric): Tensor {
  const result = zeros(type);
  result.data.set(x.data as never);
  forEachIndex(updates.type.shape, (index, flat) => {
    const to = placeOf(index, flat);
    put(result, to, combine(get(result, to), get(updates, flat)));
  });
  return result;
}
