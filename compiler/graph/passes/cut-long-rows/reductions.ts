/** Reductions of long rows, and what is made of them: of blocks, then of what these give. */
import { sizeOf } from "../../../../runtime/dtype.ts";
import type { ValueId } from "../../graph.ts";
import { divisorsOf, leastRow, type Rows } from "./rows.ts";

/** Into so many parts, of one axis, the partitioner itself cuts a reduction. */
const partsOfReduction = 128;

/** Undefined where the partitioner finds enough to do for all tiles. */
export function reduced(build: Rows): ValueId | undefined {
  const { inputs: [x], attributes: { op = "add", axes }, outputs: [output] } = build.node;
  const { dtype, shape } = build.type(output!);
  const cut = reduction(build, x!, op as string, axes as readonly number[], false);
  if (cut === undefined) return undefined;
  const result = build.reshape(cut, shape);
  const count = (): ValueId => build.filled(build.type(result), build.length(x!, axes as readonly number[]));
  return build.as(dtype, build.node.op === "mean" ? build.apply("div", [result, count()]) : result);
}

/** Rows of exponentials, of which few tiles would have any: reductions, and maps between them. */
export function exponentials(build: Rows): ValueId | undefined {
  const { op, inputs: [x], attributes, outputs: [output] } = build.node;
  const { dtype, shape } = build.type(x!);
  const axes = (attributes["axes"] ?? [attributes["axis"]]) as readonly number[];
  const n = build.length(x!, axes);
  if (n < leastRow || (sizeOf(shape) / n) * 2 > build.target.tiles) return undefined;
  const values = build.widened(x!);
  const along = (value: ValueId): ValueId => build.broadcast(value, shape);
  const reduced = (value: ValueId, by: string): ValueId => reduction(build, value, by, axes, true) ?? build.apply("reduce", [value], { op: by, axes: [...axes], keepdims: true });
  const largest = reduced(values, "max");
  if (op === "log_sum_exp") {
    // An infinite one would be subtracted from itself.
    const row = build.type(largest);
    const isInfinite = build.apply("eq", [build.apply("abs", [largest]), build.filled(row, Infinity)]);
    const shift = build.apply("select", [isInfinite, build.filled(row, 0), largest]);
    const sum = reduced(build.apply("exp", [build.apply("sub", [values, along(shift)])]), "add");
    return build.as(dtype, build.reshape(build.apply("add", [shift, build.apply("log", [sum])]), build.shape(output!)));
  }
  const shifted = build.apply("sub", [values, along(largest)]);
  const exponentials = build.apply("exp", [shifted]);
  const sum = reduced(exponentials, "add");
  return build.as(dtype, op === "softmax" ? build.apply("div", [exponentials, along(sum)]) : build.apply("sub", [shifted, along(build.apply("log", [sum]))]));
}

/**
 * A reduction of blocks, then of what they give, which of sums of halves is f32; undefined where it is one. A block is what belongs
 * to one index of the first axes, or of a part of the last of these.
 */
function reduction(build: Rows, x: ValueId, op: string, axes: readonly number[], keepdims: boolean): ValueId | undefined {
  const { shape } = build.type(x);
  const reduced = axes.toSorted((a, b) => a - b);
  const n = build.length(x, axes);
  const results = sizeOf(shape) / n;
  if (n < leastRow || results * partsOfReduction >= build.target.tiles) return undefined;
  let left = Math.min(build.target.tiles / results, Math.sqrt(n));
  const [cut, outer] = [[...shape], [] as number[]];
  const shift = (axis: number): number => axis + (cut.length > shape.length ? 1 : 0);
  for (const axis of reduced) {
    const extent = shape[axis]!;
    outer.push(axis);
    if (extent <= left) {
      left /= extent;
      continue;
    }
    const parts = divisorsOf(extent).findLast((divisor) => divisor <= left)!;
    cut.splice(axis, 1, parts, extent / parts);
    break;
  }
  const inner = cut.length > shape.length ? [outer.at(-1)! + 1, ...reduced.slice(outer.length).map(shift)] : reduced.slice(outer.length);
  if (sizeOf(inner.map((axis) => cut[axis]!)) === n) return undefined;
  const values = op === "add" || op === "mul" ? build.widened(x) : x;
  const ofBlocks = build.apply("reduce", [build.reshape(values, cut)], { op, axes: inner, keepdims: true });
  const result = build.apply("reduce", [ofBlocks], { op, axes: [...outer, ...inner], keepdims: false });
  return build.reshape(result, keepdims ? shape.map((extent, axis) => (reduced.includes(axis) ? 1 : extent)) : shape.filter((_, axis) => !reduced.includes(axis)));
}

/** Rows brought to mean 0 and variance 1, of which few tiles would have any. */
export function normalised(build: Rows): ValueId | undefined {
  const { inputs: [x, gain, bias], attributes, outputs: [output] } = build.node;
  const { shape } = build.type(x!);
  const axes = [shape.length - 1];
  const n = build.length(x!, axes);
  if (n < leastRow || (sizeOf(shape) / n) * 2 > build.target.tiles) return undefined;
  const along = (value: ValueId): ValueId => build.broadcast(value, shape);
  const mean = (value: ValueId): ValueId => {
    const sum = reduction(build, value, "add", axes, true) ?? build.apply("reduce", [value], { op: "add", axes, keepdims: true });
    return build.apply("div", [sum, build.filled(build.type(sum), n)]);
  };
  const values = build.widened(x!);
  const centred = build.apply("sub", [values, along(mean(values))]);
  const variance = mean(build.apply("mul", [centred, centred]));
  const deviation = build.apply("sqrt", [build.apply("add", [variance, build.filled(build.type(variance), attributes["epsilon"] as number)])]);
  const scaled = build.apply("mul", [build.apply("div", [centred, along(deviation)]), along(build.widened(gain!))]);
  return build.as(build.type(output!).dtype, build.apply("add", [scaled, along(build.widened(bias!))]));
}
