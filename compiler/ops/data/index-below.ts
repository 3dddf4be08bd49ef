/** Integers that must be places of an axis, for functions of the library that compare them with the places instead of taking elements there. */
import { forEachIndex, get, tensor } from "../../graph/tensor.ts";
import { elementwise } from "../elementwise/elementwise.ts";
import type { Op } from "../op.ts";
import { intArgument, intAttribute, refuse } from "../rules.ts";
import { insideAxis } from "./indices.ts";

const identity = elementwise({
  name: "index_below", summary: "", formula: "", operands: ["x"], accepts: "integer", noGradient: "indices have no derivative",
  integer: ([x]) => x!,
  scalar: ([x]) => x!,
});

export const indexBelow: Op = {
  ...identity,
  summary: "The integers themselves, which must be from 0 to before the extent: one that is not ends the run in builds with --checked, and is let through in others.",
  formula: "y = x, 0 ≤ x < extent",
  signature: {
    call: "index_below",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "extent", kind: "int" }],
    attributes: (args) => ({ extent: intArgument(args["extent"], "the extent of index_below") }),
  },
  type(inputs, attributes) {
    if (intAttribute(attributes, "extent") < 0) refuse("out-of-range", `the extent of index_below is negative: ${intAttribute(attributes, "extent")}`);
    return identity.type(inputs, {});
  },
  evaluate(inputs, attributes) {
    const x = inputs[0]!;
    forEachIndex(x.type.shape, (_, flat) => void insideAxis(BigInt(get(x, flat)), intAttribute(attributes, "extent")));
    return x;
  },
  places: (_inputs, attributes) => [{ input: 0, extent: intAttribute(attributes, "extent"), fromEnd: false }],
  examples: () => [
    { inputs: [tensor("i32", [3], [2, 0, 1])], attributes: { extent: 3 }, expected: tensor("i32", [3], [2, 0, 1]) },
    { inputs: [tensor("u8", [2, 2], [4, 0, 1, 6])], attributes: { extent: 7 } },
    { inputs: [tensor("i64", [], [4])], attributes: { extent: 5 } },
    { inputs: [tensor("i32", [0], [])], attributes: { extent: 0 } },
  ],
};
