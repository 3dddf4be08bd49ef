/**
 * Elements picked along an axis, each row by indices of its own: NumPy's `take_along_axis`, and what is added to such elements or
 * compared with them. Rows are split over the tiles; a vertex sees all of each of its rows. As in scatter_add, additions happen in
 * the order of the indices and each is rounded, so that all targets give the same bits.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { forEachIndex, flatIndex, get, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex, identityMap } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { clampedPosition, position, requireIndices } from "./indices.ts";
import { scattered, scattering } from "./scattered.ts";
import { dimensions, padded, widened } from "../lowerings.ts";
import { numbersAlong } from "../gradients.ts";
import type { GradientBuilder, GradientSite, Op } from "../op.ts";
import { axisArgument, intAttribute, refuse, requireClass, requireInputs, requireSameDType, requireSameShape, showShape, signatureAlong, type DTypeClass } from "../rules.ts";

/** Indices like x but along the axis; gives the axis. */
function requireRows(what: string, x: TensorType, indices: TensorType, attributes: Attributes): number {
  requireIndices(what, indices);
  const axis = axisArgument(intAttribute(attributes, "axis"), x.shape.length, what);
  const fits = indices.shape.length === x.shape.length && x.shape.every((extent, k) => k === axis || extent === indices.shape[k]);
  if (!fits) refuse("shape-mismatch", `the indices of ${what} have shape ${showShape(indices.shape)}; but for axis ${axis} it must be that of the tensor, ${showShape(x.shape)}`);
  if (x.shape[axis] === 0 && sizeOf(indices.shape) > 0) refuse("out-of-range", `axis ${axis} of ${showShape(x.shape)} is empty, no index fits`);
  return axis;
}

export const takeAlong: Op = {
  name: "take_along",
  kind: "compute",
  summary: "Elements along an axis, picked in each row by its own integer indices (negative from the end).",
  formula: "y[…, j, …] = x[…, indices[…, j, …], …]",
  signature: signatureAlong("take_along", "core", ["x", "indices"]),
  type(inputs, attributes) {
    requireInputs("take_along", inputs, 2);
    requireRows("take_along", inputs[0]!, inputs[1]!, attributes);
    return { dtype: inputs[0]!.dtype, shape: inputs[1]!.shape };
  },
  evaluate(inputs, attributes, type) {
    const [x, indices, axis] = [inputs[0]!, inputs[1]!, intAttribute(attributes, "axis")];
    const result = zeros(type);
    forEachIndex(type.shape, (index, flat) => {
      const from = position(BigInt(get(indices, flat)), x.type.shape[axis]!);
      result.data[flat] = x.data[flatIndex(x.type.shape, index.with(axis, from))]!;
    });
    return result;
  },
  places: (inputs, attributes) => [{ input: 1, extent: inputs[0]!.shape[intAttribute(attributes, "axis")]!, fromEnd: true }],
  lower(inputs, attributes, type): Lowering[] {
    const [axis, rank] = [intAttribute(attributes, "axis"), type.shape.length + 1];
    if (sizeOf(type.shape) === 0) return [];
    const extent = inputs[0]!.shape[axis]!;
    const own = identityMap(rank).slice(0, -1);
    return [
      {
        name: "take_along",
        space: [...dimensions("parallel", type.shape), { extent, kind: "serial" }],
        operations: 1 / extent,
        reads: [{ operand: 1, index: own }, { operand: 0, index: own.with(axis, affineIndex(rank - 1, rank)) }],
        writes: [{ operand: 0, index: own }],
        emit({ kernel, block, load, store }) {
          kernel.forBox(block.slice(0, -1), true, (point) => {
            const from = kernel.let("from", clampedPosition(load(0, padded(point, rank)), extent));
            store(0, padded(point, rank), load(1, [...point, from]));
          });
        },
      },
    ];
  },
  gradient(build, { inputs, attributes, gradient }) {
    return [build.apply("scatter_add_along", [build.fill(build.typeOf(inputs[0]!), 0), inputs[1]!, gradient], attributes), undefined];
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("i32", [2, 2], [2, 0, -3, 1])], attributes: { axis: 1 }, expected: tensor("f32", [2, 2], [3, 1, 4, 5]) },
    { inputs: [tensor("f64", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), tensor("i64", [3, 2], [3, 0, -1, 1, 0, 0])], attributes: { axis: 0 } },
    { inputs: [samples("f16", [2, 7, 3]), tensor("i32", [2, 5, 3], Array.from({ length: 30 }, (_, k) => (k * 5) % 7))], attributes: { axis: 1 } },
    { inputs: [samples("bool", [5]), tensor("i32", [5], [4, 3, 2, 1, 0])], attributes: { axis: 0 } },
    { inputs: [samples("u8", [2, 0]), tensor("i32", [2, 0], [])], attributes: { axis: 1 } },
  ],
};

interface Rule {
  readonly name: string;
  readonly summary: string;
  readonly formula: string;
  readonly accepts: DTypeClass;
  combine(before: number | bigint, update: number | bigint): number | bigint;
  readonly scalar: (before: Expression, update: Expression) => Expression;
  readonly gradient: NonNullable<Op["gradient"]>;
  /** For rows 1 2 3 and 4 5 6, indices 2 0 and 0 0, updates 10 20 and 1 2. */
  readonly known: readonly number[];
}

/** Space: the rows (parallel), the axis and the updates of a row (serial). */
function lowerAlong({ name, scalar }: Rule, updates: TensorType, axis: number, type: TensorType): Lowering[] {
  if (sizeOf(updates.shape) === 0) return [];
  const kept = type.shape.toSpliced(axis, 1);
  const rank = kept.length + 2;
  const row = kept.map((_, k) => affineIndex(k, rank));
  const [extent, count] = [type.shape[axis]!, updates.shape[axis]!];
  const picked = row.toSpliced(axis, 0, affineIndex(rank - 1, rank));
  return [
    {
      name,
      keeps: true,
      space: [...dimensions("parallel", kept), ...dimensions("serial", [extent, count])],
      operations: 1 / extent,
      reads: [{ operand: 1, index: picked }, { operand: 2, index: picked }],
      writes: [{ operand: 0, index: row.toSpliced(axis, 0, affineIndex(rank - 2, rank)) }],
      emit({ kernel, block, load, store, reload }) {
        kernel.forBox(block.slice(0, kept.length), true, (point) => {
          kernel.for({ end: i32(count), name: "j" }, (j) => {
            const to = kernel.let("to", clampedPosition(load(0, [...point, i32(0), j]), extent));
            const at = [...point, to, j];
            store(0, at, cast(type.dtype, scalar(widened(reload(0, at)), widened(load(1, at)))));
          });
        });
      },
    },
  ];
}

function scatterAlong(rule: Rule): Op {
  const { name } = rule;
  return {
    ...scattering(name, -1),
    summary: rule.summary,
    formula: rule.formula,
    type(inputs, attributes) {
      requireInputs(name, inputs, 3);
      const [x, indices, updates] = [inputs[0]!, inputs[1]!, inputs[2]!];
      requireClass(name, rule.accepts, x);
      requireSameDType(name, x, updates, ["x", "updates"]);
      requireRows(name, x, indices, attributes);
      requireSameShape(name, indices, updates, ["indices", "updates"]);
      return x;
    },
    evaluate(inputs, attributes, type) {
      const [x, indices, updates, axis] = [inputs[0]!, inputs[1]!, inputs[2]!, intAttribute(attributes, "axis")];
      const placeOf = (index: readonly number[], flat: number): number => flatIndex(type.shape, index.with(axis, position(BigInt(get(indices, flat)), type.shape[axis]!)));
      return scattered(x, updates, type, placeOf, rule.combine);
    },
    lower: (inputs, attributes, type) => lowerAlong(rule, inputs[2]!, intAttribute(attributes, "axis"), type),
    gradient: rule.gradient,
    examples: () => [
      { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("i32", [2, 2], [2, 0, -3, 0]), tensor("f32", [2, 2], [10, 20, 1, 2])], attributes: { axis: 1 }, expected: tensor("f32", [2, 3], rule.known) },
      { inputs: [tensor("f64", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), tensor("i64", [3, 2], [3, 0, -1, 1, 0, 0]), tensor("f64", [3, 2], [1, 2.5, 3, -4, 5, 6])], attributes: { axis: 0 } },
      { inputs: [samples("f16", [2, 7, 3]), tensor("i32", [2, 5, 3], Array.from({ length: 30 }, (_, k) => (k * 5) % 7)), samples("f16", [2, 5, 3], 1)], attributes: { axis: 1 } },
      { inputs: [samples("i8", [5]), tensor("i32", [7], [4, 3, 2, 1, 0, 4, 4]), samples("i8", [7], 1)], attributes: { axis: 0 } },
      { inputs: [samples("u8", [2, 3]), tensor("i32", [2, 0], []), samples("u8", [2, 0])], attributes: { axis: 1 } },
      { inputs: [tensor("f32", [6], [0, -0, NaN, -2, -Infinity, 1]), tensor("i32", [7], [0, 1, 2, 3, 4, 5, 5]), tensor("f32", [7], [-0, 0, 1, -3, -Infinity, NaN, 7])], attributes: { axis: 0 } },
    ],
  };
}

/** Equal ones share, as in scatter_max. */
function extremeGradient(build: GradientBuilder, { inputs, attributes, result, gradient }: GradientSite): readonly (ValueId | undefined)[] {
  const [x, indices, updates] = inputs as [ValueId, ValueId, ValueId];
  const { dtype } = build.typeOf(x);
  const ofResult = (value: ValueId): ValueId => build.apply("take_along", [value, indices], attributes);
  const number = (holds: ValueId): ValueId => build.apply("cast", [holds], { dtype });
  const mine = number(build.apply("eq", [x, result]));
  const theirs = number(build.apply("eq", [updates, ofResult(result)]));
  const share = build.apply("div", [gradient, build.apply("scatter_add_along", [mine, indices, theirs], attributes)]);
  return [build.apply("mul", [share, mine]), undefined, build.apply("mul", [ofResult(share), theirs])];
}

/** For each update whether it is the last of its index in its row: it alone is what stays. Of the updates' shape. */
function isLast(build: GradientBuilder, [x, indices]: readonly ValueId[], attributes: Attributes): ValueId {
  const { shape } = build.typeOf(indices!);
  const places = numbersAlong(build, shape, intAttribute(attributes, "axis"));
  const none = build.apply("fill", [], { value: -1, dtype: "i32", shape: [...build.typeOf(x!).shape] });
  const winners = build.apply("scatter_update_along", [none, indices!, places], attributes);
  return build.apply("eq", [build.apply("take_along", [winners, indices!], attributes), places]);
}

/** What keeps the largest or the smallest. */
const scatterExtremeAlong = (op: "max" | "min", word: string, known: readonly number[]): Op => scatterAlong({
  name: `scatter_${op}_along`,
  summary: `x with the ${word} of itself and the updates along an axis, in each row at its own indices; NaN if any is NaN.`,
  formula: `y = x, then y[…, indices[…, j, …], …] = ${op}(y[…, indices[…, j, …], …], updates[…, j, …]) for each j`,
  accepts: "number",
  combine: (before, update) => (typeof before === "number" ? Math[op](before, Number(update)) : before > update === (op === "max") ? before : update),
  scalar: (before, update) => binary(op, before, update),
  known,
  gradient: extremeGradient,
});

export const scattersAlong: readonly Op[] = [
  scatterAlong({
    name: "scatter_add_along",
    summary: "x with updates added along an axis, in each row at its own indices (negative from the end).",
    formula: "y = x, then y[…, indices[…, j, …], …] += updates[…, j, …] for each j",
    accepts: "number",
    combine: (before, update) => (typeof before === "number" ? before + Number(update) : before + BigInt(update)),
    scalar: (before, update) => binary("add", before, update),
    known: [21, 2, 13, 7, 5, 6],
    gradient: (build, { inputs, attributes, gradient }) => [gradient, undefined, build.apply("take_along", [gradient, inputs[1]!], attributes)],
  }),
  scatterExtremeAlong("max", "largest", [20, 2, 10, 4, 5, 6]),
  scatterExtremeAlong("min", "smallest", [1, 2, 3, 1, 5, 6]),
  scatterAlong({
    name: "scatter_update_along",
    summary: "x with elements replaced by updates along an axis, in each row at its own indices (negative from the end); the last of equal indices stays.",
    formula: "y = x, then y[…, indices[…, j, …], …] = updates[…, j, …] for each j",
    accepts: "any",
    combine: (_before, update) => update,
    scalar: (_before, update) => update,
    known: [20, 2, 10, 2, 5, 6],
    gradient(build, { inputs, attributes, gradient }) {
      const [, indices, updates] = inputs as [ValueId, ValueId, ValueId];
      const zero = build.fill(build.typeOf(updates), 0);
      const kept = build.apply("scatter_update_along", [gradient, indices, zero], attributes);
      const taken = build.apply("take_along", [gradient, indices], attributes);
      return [kept, undefined, build.apply("select", [isLast(build, inputs, attributes), taken, zero])];
    },
  }),
];
