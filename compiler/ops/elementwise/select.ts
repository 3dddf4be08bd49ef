/** Elementwise choice between two tensors. */
import { select } from "../../kernel/build.ts";
import { tensor } from "../../graph/tensor.ts";
import { pointwise, samples } from "./elementwise.ts";
import type { Op } from "../op.ts";
import { requireClass, requireInputs, requireSameDType, requireSameShape } from "../rules.ts";

export const selectOp: Op = {
  name: "select",
  kind: "elementwise",
  summary: "a where the condition holds, b elsewhere.",
  formula: "y = c ? a : b",
  signature: {
    call: "select",
    module: "core",
    parameters: [{ name: "condition", kind: "tensor" }, { name: "a", kind: "tensor" }, { name: "b", kind: "tensor" }],
  },
  type(inputs) {
    requireInputs("select", inputs, 3);
    const [condition, a, b] = [inputs[0]!, inputs[1]!, inputs[2]!];
    requireClass("the condition of select", "bool", condition);
    requireSameDType("select", a, b);
    requireSameShape("select", a, b);
    requireSameShape("select", condition, a, ["condition", "a"]);
    return a;
  },
  evaluate: (inputs, _attributes, type) => pointwise(inputs, type, ([condition, a, b]) => (condition === 0 ? b! : a!)),
  gradient: (build, { inputs: [condition], gradient }) => {
    const zero = build.fill(build.typeOf(gradient), 0);
    return [undefined, build.apply("select", [condition!, gradient, zero]), build.apply("select", [condition!, zero, gradient])];
  },
  scalar: ([condition, a, b]) => select(condition!, a!, b!),
  examples: () => [
    { inputs: [tensor("bool", [3], [1, 0, 1]), tensor("u8", [3], [1, 2, 3]), tensor("u8", [3], [4, 5, 6])], attributes: {}, expected: tensor("u8", [3], [1, 5, 3]) },
    ...(["f32", "f16", "i64", "bool"] as const).map((dtype) => ({ inputs: [samples("bool", [3, 5]), samples(dtype, [3, 5], 1), samples(dtype, [3, 5], 2)], attributes: {} })),
    { inputs: [samples("bool", []), samples("i8", [], 1), samples("i8", [], 2)], attributes: {} },
  ],
};
