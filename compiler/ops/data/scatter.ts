/**
 * A tensor with some of its elements changed, at places along an axis that a tensor of indices names: the opposite of gather.
 * An index may come several times; updates are taken in row-major order of the indices and each is rounded to the dtype, in
 * the reference and in kernels alike, so that all targets give the same bits. Only where there are many single elements for few
 * places (a histogram) are they taken in several stretches, whose number the shapes tell, and what those give in order.
 *
 * Cost: the result takes the storage of `x` where that is dead, else `x` is copied; then every update is read once. The other
 * axes are split over the tiles, the scattered one is not: each tile that owns some columns walks all indices. So a scatter
 * of whole rows (an embedding's gradient) is spread over the tiles, and so are the stretches of a histogram; other scatters of
 * single elements run on one. A worker that drives several tiles walks the indices once for them all, in most shapes
 * (`emit/side-by-side.ts`).
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { flatIndex, get, tensor } from "../../graph/tensor.ts";
import { binary, cast, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { clampedPosition, position, requireIndices } from "./indices.ts";
import { scattered, scattering } from "./scattered.ts";
import { dimensions, widened } from "../lowerings.ts";
import { reshaped } from "../gradients.ts";
import type { Example, GradientBuilder, GradientSite, NodeBuilder, Op } from "../op.ts";
import { identityOf } from "../reductions/reduce.ts";
import { axisArgument, intAttribute, refuse, requireClass, requireInputs, requireSameDType, requireSameShape, type DTypeClass } from "../rules.ts";

interface Rule {
  readonly name: string;
  readonly summary: string;
  readonly formula: string;
  readonly accepts: DTypeClass;
  /** What becomes of an element that meets an update; the result is rounded to the dtype. */
  combine(before: number | bigint, update: number | bigint): number | bigint;
  readonly scalar: (before: Expression, update: Expression) => Expression;
  readonly gradient: NonNullable<Op["gradient"]>;
  readonly compose?: NonNullable<Op["compose"]>;
  /** Beside the examples of all. */
  readonly examples?: readonly Example[];
  /** For x = 1 2 3, indices 2 0 2, updates 10 20 5. */
  readonly known: readonly number[];
}

type Extreme = "max" | "min";

/** Elements alone, as in a histogram, are taken in so many parts, where each of them has enough to do. */
const [mostParts, leastUpdates] = [16, 1024];
/** Where the largest or smallest are kept: how often there is a further one, which nothing foretells, grows with the parts. */
const mostPartsOfLargest = 4;

function partsOf(count: number, extent: number, atMost: number): number {
  const most = Math.min(atMost, Math.floor(count / Math.max(extent, leastUpdates)));
  for (let parts = most; parts > 1; parts--) if (count % parts === 0) return parts;
  return 1;
}

/** Stretches of single elements, in rows. */
interface Stretches {
  readonly parts: number;
  readonly extent: number;
  readonly count: number;
  inRows(value: ValueId): ValueId;
}

/** Of a scatter of many single elements for few places. */
function stretchesOf(build: NodeBuilder, [x, indices]: readonly ValueId[], attributes: Attributes, atMost: number): Stretches | undefined {
  const { shape } = build.typeOf(x!);
  const [extent, count] = [shape[intAttribute(attributes, "axis")]!, sizeOf(build.typeOf(indices!).shape)];
  const parts = sizeOf(shape) === extent ? partsOf(count, extent, atMost) : 1;
  return parts === 1 ? undefined : { parts, extent, count, inRows: (value) => reshaped(build, value, [parts, count / parts]) };
}

/** What is done to the stretches of the updates, each on its own, and then to what they give and x. */
const inParts = (op: "add" | Extreme): NonNullable<Op["compose"]> => (build, inputs, attributes) => {
  const stretches = stretchesOf(build, inputs, attributes, op === "add" ? mostParts : mostPartsOfLargest);
  if (stretches === undefined) return undefined;
  const [x, indices, updates] = inputs as [ValueId, ValueId, ValueId];
  const { dtype, shape } = build.typeOf(x);
  const { parts, extent, inRows } = stretches;
  const empty = build.apply("fill", [], { value: identityOf(op, dtype), dtype, shape: [parts, extent] });
  const rows = build.apply(`scatter_${op}_along`, [empty, inRows(indices), inRows(updates)], { axis: 1 });
  return build.apply(op, [x, reshaped(build, combined(build, rows, op), shape)]);
};

const combined = (build: NodeBuilder, rows: ValueId, op: "add" | Extreme): ValueId => build.apply("reduce", [rows], { op, axes: [0], keepdims: false });

/** Updates are numbered; of each place, the largest number of those for it says which one stays. */
function lastInParts(build: NodeBuilder, inputs: readonly ValueId[], attributes: Attributes): ValueId | undefined {
  const stretches = stretchesOf(build, inputs, attributes, mostPartsOfLargest);
  if (stretches === undefined) return undefined;
  const [x, indices, updates] = inputs as [ValueId, ValueId, ValueId];
  const { parts, extent, count, inRows } = stretches;
  const i32Type = (shape: readonly number[]): TensorType => ({ dtype: "i32", shape });
  const numbers = inRows(build.apply("iota", [], { length: count, dtype: "i32" }));
  const rows = build.apply("scatter_max_along", [build.fill(i32Type([parts, extent]), -1), inRows(indices), numbers], { axis: 1 });
  const last = combined(build, rows, "max");
  const none = build.fill(i32Type([extent]), 0);
  const chosen = build.apply("gather", [reshaped(build, updates, [count]), build.apply("max", [last, none])], { axis: 0 });
  const { shape } = build.typeOf(x);
  return build.apply("select", [reshaped(build, build.apply("ge", [last, none]), shape), reshaped(build, chosen, shape), x]);
}

/** The shape of updates: that of x with the indices' in the place of the axis. */
const updatesShape = (x: TensorType, indices: TensorType, axis: number): number[] => [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];

function typeRule(rule: Rule, inputs: readonly TensorType[], axisGiven: number): TensorType {
  requireInputs(rule.name, inputs, 3);
  const [x, indices, updates] = [inputs[0]!, inputs[1]!, inputs[2]!];
  requireClass(rule.name, rule.accepts, x);
  requireIndices(rule.name, indices);
  requireSameDType(rule.name, x, updates, ["x", "updates"]);
  const axis = axisArgument(axisGiven, x.shape.length, rule.name);
  requireSameShape(`the updates of ${rule.name}`, updates, { dtype: x.dtype, shape: updatesShape(x, indices, axis) }, ["updates", "wanted"]);
  if (x.shape[axis] === 0 && sizeOf(indices.shape) > 0) refuse("out-of-range", `axis ${axis} of the tensor is empty, no index fits`);
  return x;
}

/** A vertex walks all indices: of few columns that would be most of its work. Those of columns in whole vectors, four at once, may be one (`emit/side-by-side.ts`). */
const [leastColumns, columnsUnit] = [64, 16];

/** Space: the axes before and after the scattered one (parallel), that one, then those of the indices (serial). */
function lowerScatter(rule: Rule, inputs: readonly TensorType[], axis: number): Lowering[] {
  const [x, indices, updates] = [inputs[0]!, inputs[1]!, inputs[2]!];
  if (sizeOf(x.shape) === 0 || sizeOf(updates.shape) === 0) return [];
  const kept = x.shape.toSpliced(axis, 1);
  const rank = kept.length + 1 + indices.shape.length;
  const at = (dimension: number) => affineIndex(dimension, rank);
  const picked = indices.shape.map((_, k) => at(kept.length + 1 + k));
  const keptIndex = kept.map((_, k) => at(k));
  return [
    {
      name: rule.name,
      keeps: true,
      mostParts: Math.max(1, Math.floor(sizeOf(kept) / leastColumns)),
      lastUnit: columnsUnit,
      space: [...dimensions("parallel", kept), ...dimensions("serial", [x.shape[axis]!, ...indices.shape])],
      operations: 1 / x.shape[axis]!,
      reads: [{ operand: 1, index: picked }, { operand: 2, index: keptIndex.toSpliced(axis, 0, ...picked) }],
      writes: [{ operand: 0, index: keptIndex.toSpliced(axis, 0, at(kept.length)) }],
      emit({ kernel, block, load, store, reload }) {
        const zero = kept.map(() => i32(0));
        kernel.forBox(block.slice(0, axis), true, (before) => {
          kernel.forBox(indices.shape, false, (pick) => {
            const row = kernel.let("row", clampedPosition(load(0, [...zero, i32(0), ...pick]), x.shape[axis]!));
            kernel.forBox(block.slice(axis, kept.length), true, (after) => {
              const point = [...before, ...after, row, ...pick];
              store(0, point, cast(x.dtype, rule.scalar(reload(0, point), load(1, point))));
            });
          });
        });
      },
    },
  ];
}

function scatter(rule: Rule): Op {
  return {
    ...scattering(rule.name, 0),
    summary: rule.summary,
    formula: rule.formula,
    type: (inputs, attributes) => typeRule(rule, inputs, intAttribute(attributes, "axis")),
    evaluate(inputs, attributes, type) {
      const [x, indices, updates, axis] = [inputs[0]!, inputs[1]!, inputs[2]!, intAttribute(attributes, "axis")];
      const picked = indices.type.shape.length;
      const placeOf = (index: readonly number[]): number => {
        const wanted = BigInt(get(indices, flatIndex(indices.type.shape, index.slice(axis, axis + picked))));
        return flatIndex(type.shape, [...index.slice(0, axis), position(wanted, type.shape[axis]!), ...index.slice(axis + picked)]);
      };
      return scattered(x, updates, type, placeOf, rule.combine);
    },
    lower: (inputs, attributes) => lowerScatter(rule, inputs, intAttribute(attributes, "axis")),
    gradient: rule.gradient,
    ...(rule.compose ? { compose: rule.compose } : {}),
    examples: () => [
      { inputs: [tensor("f32", [3], [1, 2, 3]), tensor("i32", [3], [2, 0, -1]), tensor("f32", [3], [10, 20, 5])], attributes: { axis: 0 }, expected: tensor("f32", [3], rule.known) },
      { inputs: [tensor("f64", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), tensor("i64", [2, 2], [3, 0, -1, 1]), tensor("f64", [2, 2, 2], [9, -9, 1, 7, 2, 1, 4, 0.5])], attributes: { axis: 0 } },
      { inputs: [samples("f16", [3, 5, 2]), tensor("i32", [3], [4, 0, 4]), samples("f16", [3, 3, 2], 1)], attributes: { axis: 1 } },
      { inputs: [samples("u8", [7]), tensor("i32", [], [3]), samples("u8", [], 1)], attributes: { axis: 0 } },
      { inputs: [samples("i64", [2, 3]), tensor("i32", [2], [1, 1]), samples("i64", [2, 2], 1)], attributes: { axis: 1 } },
      { inputs: [samples("bf16", [5, 2]), tensor("i32", [0], []), samples("bf16", [0, 2])], attributes: { axis: 0 } },
      { inputs: [samples("f32", [0, 2]), tensor("i32", [0], []), samples("f32", [0, 2])], attributes: { axis: 0 } },
      ...(rule.examples ?? []),
    ],
  };
}

const axisOf = (site: GradientSite) => ({ axis: intAttribute(site.attributes, "axis") });

/** For each update whether it is the last of its index: it alone is what `scatter_update` leaves. Of the updates' shape. */
function isLast(build: GradientBuilder, site: GradientSite): ValueId {
  const [x, indices, updates] = site.inputs as [ValueId, ValueId, ValueId];
  const { axis } = axisOf(site);
  const { shape } = build.typeOf(indices);
  const places = build.apply("reshape", [build.apply("iota", [], { length: sizeOf(shape), dtype: "i32" })], { shape: [...shape] });
  const none = build.apply("fill", [], { value: -1, dtype: "i32", shape: [build.typeOf(x).shape[axis]!] });
  const winners = build.apply("scatter_update", [none, indices, places], { axis: 0 });
  const last = build.apply("eq", [build.apply("gather", [winners, indices], { axis: 0 }), places]);
  const all = build.typeOf(updates).shape;
  const aligned = all.map((extent, k) => (k >= axis && k < axis + shape.length ? extent : 1));
  return build.apply("broadcast", [build.apply("reshape", [last], { shape: aligned })], { shape: [...all] });
}

/** Of many updates for few places. */
const manySingle: readonly Example[] = (["f64", "i8", "i64"] as const).map((dtype) =>
  ({ inputs: [samples(dtype, [9]), tensor("i32", [3, 1024], Array.from({ length: 3072 }, (_, k) => ((k * k) % 18) - 9)), samples(dtype, [3, 1024], 1)], attributes: { axis: 0 } }));

/** What keeps the largest or the smallest. */
const scatterExtreme = (op: Extreme, word: string, known: readonly number[]): Op => scatter({
  name: `scatter_${op}`,
  summary: `x with the ${word} of itself and the updates at the places along an axis that indices name; NaN if any is NaN.`,
  formula: `y = x, then y[…, indices[j…], …] = ${op}(y[…, indices[j…], …], updates[…, j…, …]) for each j`,
  accepts: "number",
  combine: (before, update) => (typeof before === "number" ? Math[op](before, Number(update)) : before > update === (op === "max") ? before : update),
  scalar: (before, update) => binary(op, widened(before), widened(update)),
  known,
  compose: inParts(op),
  examples: manySingle,
  /** Equal ones share. */
  gradient(build, site) {
    const [x, indices, updates] = site.inputs as [ValueId, ValueId, ValueId];
    const type = build.typeOf(x);
    const ofResult = (value: ValueId): ValueId => build.apply("gather", [value, indices], axisOf(site));
    const number = (holds: ValueId): ValueId => build.apply("cast", [holds], { dtype: type.dtype });
    const mine = number(build.apply("eq", [x, site.result]));
    const theirs = number(build.apply("eq", [updates, ofResult(site.result)]));
    const share = build.apply("div", [site.gradient, build.apply("scatter_add", [mine, indices, theirs], axisOf(site))]);
    return [build.apply("mul", [share, mine]), undefined, build.apply("mul", [ofResult(share), theirs])];
  },
});

export const scatters: readonly Op[] = [
  scatter({
    name: "scatter_add",
    summary: "x with updates added at the places along an axis that indices name (negative from the end).",
    formula: "y = x, then y[…, indices[j…], …] += updates[…, j…, …] for each j",
    accepts: "number",
    combine: (before, update) => (typeof before === "number" ? before + Number(update) : before + BigInt(update)),
    scalar: (before, update) => binary("add", widened(before), widened(update)),
    known: [21, 2, 18],
    compose: inParts("add"),
    examples: manySingle,
    gradient: (build, site) => [site.gradient, undefined, build.apply("gather", [site.gradient, site.inputs[1]!], axisOf(site))],
  }),
  scatterExtreme("max", "largest", [20, 2, 10]),
  scatterExtreme("min", "smallest", [1, 2, 3]),
  scatter({
    name: "scatter_update",
    summary: "x with elements replaced by updates at the places along an axis that indices name; the last of equal indices stays.",
    formula: "y = x, then y[…, indices[j…], …] = updates[…, j…, …] for each j",
    accepts: "any",
    combine: (_before, update) => update,
    scalar: (_before, update) => update,
    known: [20, 2, 5],
    compose: lastInParts,
    examples: manySingle,
    gradient(build, site) {
      const [, indices, updates] = site.inputs as [ValueId, ValueId, ValueId];
      const zero = build.fill(build.typeOf(updates), 0);
      const kept = build.apply("scatter_update", [site.gradient, indices, zero], axisOf(site));
      const taken = build.apply("gather", [site.gradient, indices], axisOf(site));
      return [kept, undefined, build.apply("select", [isLast(build, site), taken, zero])];
    },
  }),
];
