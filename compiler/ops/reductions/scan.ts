/** Running totals along an axis. Floats accumulate in f64 in the meaning, each total rounded once; integers wrap. */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import type { ValueId } from "../../graph/graph.ts";
import { forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { samples } from "../elementwise/elementwise.ts";
import { axesSpace, forRest, number, padded, widened } from "../lowerings.ts";
import { broadcastTo, formulas, reshaped } from "../gradients.ts";
import type { Op } from "../op.ts";
import { recurredBackwards, shifted } from "./recurrence.ts";
import { axisArgument, computeDType, intAttribute, requireClass, requireInputs } from "../rules.ts";

/** Each element is in the totals from its own on: the running sum of the gradient, from the end. */
const sumGradient: NonNullable<Op["gradient"]> = (build, { attributes, gradient }) => {
  const backwards = (value: ValueId): ValueId => build.apply("reverse", [value], { axes: [intAttribute(attributes, "axis")] });
  return [backwards(build.apply("cum_sum", [backwards(gradient)], attributes))];
};

/**
 * y[j] is the product of the elements to j, so its derivative by x[i] is that of those before i and of those behind it to j:
 * the gradients, each times the elements since i, are a recurrence from the end. Nothing is divided, so 0 is no exception.
 */
const productGradient: NonNullable<Op["gradient"]> = (build, { inputs: [x], attributes, result, gradient }) => {
  const axis = intAttribute(attributes, "axis");
  const { dtype, shape } = build.typeOf(x!);
  const first = broadcastTo(build, reshaped(build, build.apply("iota", [], { length: shape[axis]!, dtype: "i32" }), shape.map((extent, d) => (d === axis ? extent : 1))), shape);
  const f = formulas(build, { dtype, shape });
  const before = f.select(build.apply("eq", [first, formulas(build, { dtype: "i32", shape }).number(0)]), f.number(1), shifted(build, result, axis));
  return [f.mul(before, recurredBackwards(build, x!, gradient, axis))];
};

/** Row by row, the total in a register. */
function scanRows(context: BlockContext, op: "add" | "mul", start: number, outer: number): void {
  const { kernel, block, load, store } = context;
  kernel.forBox(block.slice(0, outer), true, (point) => {
    const { dtype } = load(0, padded(point, block.length));
    const total = kernel.let("total", number(dtype, start));
    forRest(context, point, false, (at) => {
      kernel.set(total, binary(op, total, widened(load(0, at))));
      store(0, at, cast(dtype, total));
    });
  });
}

/** Where elements one behind the other belong to different rows: all rows side by side, each step from what the last one stored. */
function scanPlanes({ kernel, block, load, store, reload }: BlockContext, op: "add" | "mul", start: number, outer: number, behind: number): void {
  const side = block.slice(outer - behind, outer);
  kernel.forBox(block.slice(0, outer - behind), true, (before) => {
    const step = (k: Expression, total: (at: readonly Expression[]) => Expression): void =>
      kernel.forBox(side, true, (after) => {
        const at = [...before, ...after, k];
        store(0, at, binary(op, total(at), load(0, at)));
      });
    step(i32(0), (at) => number(load(0, at).dtype, start));
    kernel.for({ start: i32(1), end: i32(block[outer]!), name: "k" }, (k) => step(k, (at) => reload(0, [...at.slice(0, -1), binary("sub", k, i32(1))])));
  });
}

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
      const axis = intAttribute(attributes, "axis");
      const { space, outer, element } = axesSpace(inputs[0]!.shape, [axis], "serial");
      const behind = sizeOf(type.shape.slice(axis + 1)) > 1 ? type.shape.length - 1 - axis : 0;
      return [
        {
          name,
          space,
          reads: [{ operand: 0, index: element }],
          writes: [{ operand: 0, index: element }],
          emit: (context) => (behind > 0 && computeDType(type.dtype) === type.dtype ? scanPlanes(context, op, start, outer, behind) : scanRows(context, op, start, outer)),
        },
      ];
    },
    gradient: op === "add" ? sumGradient : productGradient,
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
