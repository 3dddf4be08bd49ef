/** Rows brought to mean 0 and variance 1, then scaled and shifted. The meaning is computed in f64 and rounded once. */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { ValueId } from "../../graph/graph.ts";
import { get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast, unary } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { identityMap } from "../../support/affine.ts";
import { dimensions, forRest, number, widened } from "../lowerings.ts";
import { broadcastTo, formulas, sumTo } from "../gradients.ts";
import type { Op } from "../op.ts";
import { numberAttribute, refuse, requireClass, requireInputs, requireSameDType, showShape } from "../rules.ts";

export const layerNorm: Op = {
  name: "layer_norm",
  kind: "compute",
  summary: "Rows along the last axis brought to mean 0 and variance 1, then times gain plus bias.",
  formula: "y = (x - mean) / √(variance + epsilon) · gain + bias",
  signature: {
    call: "layer_norm",
    module: "std/nn",
    parameters: [{ name: "x", kind: "tensor" }, { name: "gain", kind: "tensor" }, { name: "bias", kind: "tensor" }, { name: "epsilon", kind: "float", default: 1e-5 }],
  },
  type(inputs, attributes) {
    requireInputs("layer_norm", inputs, 3);
    const [x, gain, bias] = [inputs[0]!, inputs[1]!, inputs[2]!];
    requireClass("layer_norm", "float", x);
    numberAttribute(attributes, "epsilon");
    const row = x.shape.at(-1);
    if (row === undefined) refuse("shape-mismatch", "layer_norm needs a dimension, but x is a scalar");
    for (const [name, other] of [["gain", gain], ["bias", bias]] as const) {
      requireSameDType("layer_norm", x, other, ["x", name]);
      if (other.shape.length !== 1 || other.shape[0] !== row) refuse("shape-mismatch", `${name} of layer_norm has shape ${showShape(other.shape)}, but the last extent of ${showShape(x.shape)} (x) is ${row}`);
    }
    return x;
  },
  evaluate(inputs, attributes, type) {
    const [x, gain, bias, result] = [inputs[0]!, inputs[1]!, inputs[2]!, zeros(type)];
    const epsilon = numberAttribute(attributes, "epsilon");
    const width = type.shape.at(-1)!;
    for (let first = 0; first < x.data.length; first += width) {
      const row = Array.from({ length: width }, (_, k) => Number(get(x, first + k)));
      const mean = row.reduce((sum, value) => sum + value, 0) / width;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
      row.forEach((value, k) => put(result, first + k, ((value - mean) / Math.sqrt(variance + epsilon)) * Number(get(gain, k)) + Number(get(bias, k))));
    }
    return result;
  },
  lower(_inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const rank = type.shape.length;
    const index = identityMap(rank);
    const width = type.shape.at(-1)!;
    return [
      {
        name: "layer_norm",
        space: [...dimensions("parallel", type.shape.slice(0, -1)), { extent: width, kind: "serial" }],
        reads: [{ operand: 0, index }, { operand: 1, index: index.slice(-1) }, { operand: 2, index: index.slice(-1) }],
        writes: [{ operand: 0, index }],
        emit(context) {
          const { kernel, block, load, store } = context;
          const count = number(type.dtype, width);
          kernel.forBox(block.slice(0, -1), true, (point) => {
            const mean = kernel.let("mean", number(type.dtype, 0));
            forRest(context, point, false, (at) => kernel.set(mean, binary("add", mean, widened(load(0, at)))));
            kernel.set(mean, binary("div", mean, count));
            const squares = kernel.let("squares", number(type.dtype, 0));
            forRest(context, point, false, (at) => {
              const deviation = kernel.let("deviation", binary("sub", widened(load(0, at)), mean));
              kernel.set(squares, binary("add", squares, binary("mul", deviation, deviation)));
            });
            const spread = unary("sqrt", binary("add", binary("div", squares, count), number(type.dtype, numberAttribute(attributes, "epsilon"))));
            const scale = kernel.let("scale", binary("div", number(type.dtype, 1), spread));
            forRest(context, point, true, (at) => {
              const normal = binary("mul", binary("sub", widened(load(0, at)), mean), scale);
              store(0, at, cast(type.dtype, binary("add", binary("mul", normal, widened(load(1, at))), widened(load(2, at)))));
            });
          });
        },
      },
    ];
  },
  gradient(build, { inputs: [x, gain], attributes, gradient }) {
    const type = build.typeOf(x!);
    const last = [type.shape.length - 1];
    const [f, ofRow] = [formulas(build, type), formulas(build, { dtype: type.dtype, shape: type.shape.with(last[0]!, 1) })];
    const mean = (value: ValueId): ValueId => build.apply("mean", [value], { axes: last, keepdims: true });
    const spread = (value: ValueId): ValueId => broadcastTo(build, value, type.shape);
    const deviation = f.sub(x!, spread(mean(x!)));
    const scale = ofRow.of("rsqrt", ofRow.add(mean(f.square(deviation)), ofRow.number(numberAttribute(attributes, "epsilon"))));
    const normal = f.mul(deviation, spread(scale));
    const g = f.mul(gradient, spread(gain!));
    const centred = f.sub(f.sub(g, spread(mean(g))), f.mul(normal, spread(mean(f.mul(g, normal)))));
    const { shape } = build.typeOf(gain!);
    return [f.mul(spread(scale), centred), sumTo(build, f.mul(gradient, normal), shape), sumTo(build, gradient, shape)];
  },
  examples: () => [
    {
      inputs: [tensor("f64", [2, 3], [1, 2, 6, -1, 0, 4]), tensor("f64", [3], [1, 2, 0.5]), tensor("f64", [3], [0, 1, -1])], attributes: { epsilon: 1e-5 },
      expected: tensor("f64", [2, 3], [-0.9258191078240388, 0.07418089217596124, -0.30563566913197093, -0.9258191078240388, 0.07418089217596124, -0.30563566913197093]),
    },
    {
      inputs: [tensor("f32", [3, 2, 9], Array.from({ length: 54 }, (_, i) => Math.sin(i) * 3)), tensor("f32", [9], Array.from({ length: 9 }, (_, i) => 1 + i / 10)), tensor("f32", [9], Array.from({ length: 9 }, (_, i) => i))],
      attributes: { epsilon: 1e-3 },
    },
    { inputs: [tensor("f16", [5], [1, 2, 3, 4, 6]), tensor("f16", [5], [1, 1, 2, 2, 1]), tensor("f16", [5], [0, 0, 1, 1, 0])], attributes: { epsilon: 1e-5 } },
    { inputs: [tensor("f32", [0, 2], []), tensor("f32", [2], [1, 1]), tensor("f32", [2], [0, 0])], attributes: { epsilon: 1e-5 } },
  ],
};
