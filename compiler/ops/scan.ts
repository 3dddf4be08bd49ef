/** Running totals along an axis. Floats accumulate in f64 in the meaning, each total rounded once; integers wrap. */
import { isFloat, sizeOf } from "../../runtime/dtype.ts";
import { forEachIndex, get, put, tensor, zeros } from "../graph/tensor.ts";
import { binary, cast } from "../kernel/build.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { samples } from "./elementwise.ts";
import { axesSpace, forRest, number, widened } from "./lowerings.ts";
import type { Op } from "./op.ts";
import { axisArgument, intAttribute, requireClass, requireInputs } from "./rules.ts";

function scan(name: string, words: string, op: "add" | "mul", expected: readonly number[]): Op {
  const start = op === "add" ? 0 : 1;
  return {
    name,
    kind: "compute",
    summary: `Running ${words} along an axis, each element included.`,
    formula: op === "add" ? "y[i] = x[0] + … + x[i]" : "y[i] = x[0] · … · x[i]",
    signature: {
      call: name,
      module: "core",
      parameters: [{ name: "x", kind: "tensor" }, { name: "axis", kind: "axis", default: -1 }],
      attributes: (args, inputs) => ({ axis: axisArgument(args["axis"], inputs[0]!.shape.length, name) }),
    },
    type(inputs, attributes) {
      requireInputs(name, inputs, 1);
      requireClass(name, "number", inputs[0]!);
      axisArgument(intAttribute(attributes, "axis"), inputs[0]!.shape.length, name);
      return inputs[0]!;
    },
    evaluate(inputs, attributes, type) {
      const [x, axis, result] = [inputs[0]!, intAttribute(attributes, "axis"), zeros(type)];
      const stride = sizeOf(type.shape.slice(axis + 1));
      forEachIndex(type.shape, (index, flat) => {
        if (index[axis] !== 0) return;
        let total: number | bigint = isFloat(type.dtype) ? start : BigInt(start);
        for (let k = 0; k < type.shape[axis]!; k++) {
          const next = get(x, flat + k * stride);
          if (typeof total === "number") total = op === "add" ? total + Number(next) : total * Number(next);
          else total = op === "add" ? total + BigInt(next) : total * BigInt(next);
          put(result, flat + k * stride, total);
        }
      });
      return result;
    },
    lower(inputs, attributes, type): Lowering[] {
      if (sizeOf(type.shape) === 0) return [];
      const { space, outer, element } = axesSpace(inputs[0]!.shape, [intAttribute(attributes, "axis")], "serial");
      return [
        {
          name,
          space,
          reads: [{ operand: 0, index: element }],
          writes: [{ operand: 0, index: element }],
          emit(context) {
            const { kernel, block, load, store } = context;
            kernel.forBox(block.slice(0, outer), true, (point) => {
              const total = kernel.let("total", number(type.dtype, start));
              forRest(context, point, false, (at) => {
                kernel.set(total, binary(op, total, widened(load(0, at))));
                store(0, at, cast(type.dtype, total));
              });
            });
          },
        },
      ];
    },
    examples: () => [
      { inputs: [tensor("i32", [2, 3], [1, 2, 3, 4, 5, 6])], attributes: { axis: 1 }, expected: tensor("i32", [2, 3], expected) },
      { inputs: [tensor("f32", [3, 4, 2], Array.from({ length: 24 }, (_, i) => Math.sin(i)))], attributes: { axis: 1 } },
      { inputs: [samples("i8", [5, 7])], attributes: { axis: 0 } },
      { inputs: [tensor("f16", [5], [1, 0.5, 2, 4, 0.25])], attributes: { axis: 0 } },
      { inputs: [samples("u64", [0, 2])], attributes: { axis: 0 } },
    ],
  };
}

export const cumSum = scan("cum_sum", "sum", "add", [1, 3, 6, 4, 9, 15]);
export const cumProd = scan("cum_prod", "product", "mul", [1, 2, 6, 4, 20, 120]);
