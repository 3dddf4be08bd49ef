/** Lowerings of random shapes, cut at random places, against the reference. Integers where the order of sums must not matter. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sizeOf, type DType } from "../../runtime/dtype.ts";
import type { Attributes } from "../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros, type Tensor } from "../graph/tensor.ts";
import { verifyKernel } from "../kernel/verify.ts";
import { evaluateAffine } from "../support/affine.ts";
import { outside, region, run } from "./lowerings.ts";
import { op } from "./table.ts";
import { differences, faultsOf, runLowerings, type Cut } from "./testing/run-lowerings.ts";

const runs = 40;
const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 });

const filled = (dtype: DType, shape: readonly number[], seed: number): Tensor =>
  tensor(dtype, shape, Array.from({ length: sizeOf(shape) }, (_, k) => ((k * 2_654_435_761 + seed * 40_503) % 2 ** 32) % 97 - 48));

/** A deterministic cut into parts of 1 to 3 elements. */
const cutBy = (seed: number): Cut => (extent, dimension) => {
  const parts: [number, number][] = [];
  for (let start = 0; start < extent; ) {
    const length = Math.min(extent - start, 1 + ((seed >> (dimension + parts.length)) & 3) % 3);
    parts.push([start, length]);
    start += length;
  }
  return parts;
};

function check(name: string, inputs: readonly Tensor[], attributes: Attributes, seed: number): void {
  const types = inputs.map((input) => input.type);
  const { inPlace } = op(name);
  const type = op(name).type(types, attributes);
  const lowered = op(name).lower!(types, attributes, type);
  expect(faultsOf(lowered, inputs, type, inPlace)).toEqual([]);
  expect(differences(runLowerings(lowered, inputs, type, cutBy(seed), verifyKernel, inPlace), op(name).evaluate(inputs, attributes, type), true)).toEqual([]);
}

const seeds = fc.integer({ min: 0, max: 2 ** 20 });

/** A box of a shape, with any steps. */
const boxes = (shape: readonly number[]) =>
  fc.tuple(
    ...shape.map((extent) =>
      fc.tuple(fc.integer({ min: 0, max: extent - 1 }), fc.integer({ min: -3, max: 3 }).filter((step) => step !== 0), fc.nat(extent)).map(([start, step, length]) => {
        const most = step > 0 ? Math.floor((extent - 1 - start) / step) + 1 : Math.floor(start / -step) + 1;
        return { start, step, length: Math.min(length, most) };
      }),
    ),
  ).map((axes) => ({ start: axes.map(({ start }) => start), length: axes.map(({ length }) => length), step: axes.map(({ step }) => step) }));

const shapesWithBox = shapes.chain((shape) => boxes(shape).map((box) => ({ shape, box })));
const shapesWithAxis = shapes.chain((shape) => fc.nat(shape.length - 1).map((axis) => ({ shape, axis })));
const shapesWithAxes = shapes.chain((shape) => fc.subarray([...shape.keys()]).map((axes) => ({ shape, axes })));

describe("lowerings of random shapes", () => {
  test("the outside of a box is every other element, once", () => {
    fc.assert(
      fc.property(shapesWithBox, ({ shape, box }) => {
        const seen = new Array<number>(sizeOf(shape)).fill(0);
        const inside = region(shape.map((_, axis) => run(box.start[axis]!, box.length[axis]!, box.step[axis]!)));
        for (const { extents, index } of [inside, ...outside(shape, box)]) {
          forEachIndex(extents, (point) => (seen[flatIndex(shape, index.map((form) => evaluateAffine(form, point)))]! += 1));
        }
        expect(seen).toEqual(seen.map(() => 1));
      }),
      { numRuns: 200 },
    );
  });

  test("update", () => {
    fc.assert(fc.property(shapesWithBox, seeds, ({ shape, box }, seed) => check("update", [filled("i16", shape, 1), filled("i16", box.length, 2)], { ...box }, seed)), { numRuns: runs });
  });

  test("pad, roll, tile", () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }), seeds, (shape, widths, seed) => {
        const rank = shape.length;
        check("pad", [filled("u8", shape, seed)], { before: widths.slice(0, rank), after: widths.slice(3, 3 + rank), value: 9 }, seed);
        check("roll", [filled("f32", shape, seed)], { shift: shape.map((extent, axis) => widths[axis]! % extent) }, seed);
        check("tile", [filled("i64", shape, seed)], { repeats: widths.slice(0, rank) }, seed);
      }),
      { numRuns: runs },
    );
  });

  test("concat, stack, repeat_each, gather, one_hot", () => {
    fc.assert(
      fc.property(shapesWithAxis, fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }), seeds, ({ shape, axis }, extents, seed) => {
        check("concat", extents.map((extent, k) => filled("i8", shape.with(axis, extent), k)), { axis }, seed);
        check("stack", extents.map((_, k) => filled("f16", shape, k)), { axis }, seed);
        check("repeat_each", [filled("u32", shape, seed)], { axis, count: extents[0]! }, seed);
        const indices = tensor("i32", [extents.length], extents.map((extent, k) => (k % 2 === 0 ? 1 : -1) * (extent % shape[axis]!)));
        check("gather", [filled("bf16", shape, seed), indices], { axis }, seed);
        check("one_hot", [filled("i16", shape, seed)], { classes: 5, dtype: "i32" }, seed);
      }),
      { numRuns: runs },
    );
  });

  test("reduce, map-free, over any axes", () => {
    const kinds = fc.constantFrom<readonly [string, DType]>(["add", "i32"], ["mul", "i64"], ["min", "f32"], ["max", "i8"], ["and", "u16"], ["or", "i32"]);
    fc.assert(
      fc.property(shapesWithAxes, kinds, fc.boolean(), seeds, ({ shape, axes }, [kind, dtype], keepdims, seed) => check("reduce", [filled(dtype, shape, seed)], { op: kind, axes, keepdims }, seed)),
      { numRuns: 2 * runs },
    );
  });

  test("argmax, argmin and running totals", () => {
    fc.assert(
      fc.property(shapesWithAxis, fc.boolean(), seeds, ({ shape, axis }, keepdims, seed) => {
        check("argmax", [filled("f32", shape, seed)], { axis, keepdims }, seed);
        check("argmin", [filled("i64", shape, seed)], { axis, keepdims }, seed);
        check("cum_sum", [filled("i8", shape, seed)], { axis }, seed);
        check("linear_recurrence", [filled("f64", shape, seed), filled("f64", shape, seed + 1)], { axis }, seed);
        check("cum_prod", [filled("u32", shape, seed)], { axis }, seed);
        check("cum_max", [filled("f32", shape, seed)], { axis }, seed);
        check("cum_min", [filled("u64", shape, seed)], { axis }, seed);
      }),
      { numRuns: runs },
    );
  });

  test("pad by edge and mirrored", () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.nat(4), { minLength: 6, maxLength: 6 }), seeds, (shape, widths, seed) => {
        const rank = shape.length;
        const [before, after] = [widths.slice(0, rank), widths.slice(3, 3 + rank)];
        check("pad", [filled("i16", shape, seed)], { before, after, value: 0, mode: "edge" }, seed);
        for (const mode of ["symmetric", "wrap"]) check("pad", [filled("i32", shape, seed)], { before: before.map((width, axis) => Math.min(width, shape[axis]!)), after: after.map((width, axis) => Math.min(width, shape[axis]!)), value: 0, mode }, seed);
        const narrow = (list: readonly number[]): number[] => list.map((width, axis) => Math.min(width, shape[axis]! - 1));
        check("pad", [filled("f16", shape, seed)], { before: narrow(before), after: narrow(after), value: 0, mode: "reflect" }, seed);
      }),
      { numRuns: runs },
    );
  });

  test("sort and argsort, of few values and of many", () => {
    const kinds = fc.constantFrom<DType>("f32", "f16", "i64", "u8", "bool");
    fc.assert(
      fc.property(shapesWithAxis, fc.integer({ min: 1, max: 40 }), kinds, fc.integer({ min: 2, max: 97 }), fc.boolean(), seeds, ({ shape, axis }, extent, dtype, values, descending, seed) => {
        const x = filled(dtype, shape.with(axis, extent), seed);
        for (let flat = 0; flat < x.data.length; flat++) put(x, flat, Number(get(x, flat)) % values);
        if (dtype === "f32" && seed % 3 === 0) x.data[0] = NaN;
        check("sort", [x], { axis, descending }, seed);
        check("argsort", [x], { axis, descending }, seed);
      }),
      { numRuns: runs },
    );
  });

  test("scatters, take_along and gather_nd, with indices that repeat and that count from the end", () => {
    const picks = fc.array(fc.integer({ min: -30, max: 30 }), { maxLength: 6 });
    const names = fc.constantFrom("scatter_add", "scatter_max", "scatter_min", "scatter_update");
    fc.assert(
      fc.property(shapesWithAxis, picks, names, fc.boolean(), seeds, ({ shape, axis }, list, name, nested, seed) => {
        const extent = shape[axis]!;
        const within = list.map((pick) => pick % extent);
        const places = nested ? [1, within.length] : [within.length];
        const indices = tensor("i32", places, within);
        check(name, [filled("i16", shape, 1), indices, filled("i16", [...shape.slice(0, axis), ...places, ...shape.slice(axis + 1)], 2)], { axis }, seed);
        const rows = shape.with(axis, within.length);
        const own = tensor("i64", rows, Array.from({ length: sizeOf(rows) }, (_, k) => ((k * 7 + seed) % (2 * extent)) - extent));
        check("take_along", [filled("bf16", shape, seed), own], { axis }, seed);
        for (const along of ["scatter_add_along", "scatter_max_along", "scatter_min_along", "scatter_update_along"]) check(along, [filled("f16", shape, 1), own, filled("f16", rows, 2)], { axis }, seed);
        const count = seed % (shape.length + 1);
        const tuples = tensor("i32", [within.length, count], Array.from({ length: within.length * count }, (_, k) => (k * 5 + seed) % shape[k % count]!));
        check("gather_nd", [filled("u8", shape, seed), tuples], {}, seed);
      }),
      { numRuns: 2 * runs },
    );
  });

  test("dynamic_slice and dynamic_update, from anywhere", () => {
    fc.assert(
      fc.property(shapesWithBox, fc.array(fc.integer({ min: -3, max: 8 }), { minLength: 3, maxLength: 3 }), seeds, ({ shape, box: { length } }, at, seed) => {
        const start = tensor("i32", [shape.length], at.slice(0, shape.length));
        check("dynamic_slice", [filled("i16", shape, seed), start], { length }, seed);
        check("dynamic_update", [filled("i16", shape, 1), start, filled("i16", length, 2)], {}, seed);
      }),
      { numRuns: 2 * runs },
    );
  });

  test("matmul with leading dimensions that broadcast", () => {
    const extent = fc.integer({ min: 1, max: 5 });
    const batches = fc.constantFrom<readonly [number[], number[]]>([[], []], [[2], []], [[], [3]], [[2, 1], [3]], [[1], [2, 3]], [[2, 3], [2, 3]]);
    fc.assert(
      fc.property(batches, extent, extent, extent, seeds, ([left, right], m, k, n, seed) => check("matmul", [filled("i32", [...left, m, k], 1), filled("i32", [...right, k, n], 2)], {}, seed)),
      { numRuns: runs },
    );
  });

  test("convolutions, their transposes and pools, with any window, stride, padding, dilation and groups", () => {
    const axis = fc.record({
      extent: fc.integer({ min: 1, max: 7 }), size: fc.integer({ min: 1, max: 4 }), stride: fc.integer({ min: 1, max: 3 }), dilation: fc.integer({ min: 1, max: 3 }), before: fc.nat(5), after: fc.nat(3), extra: fc.nat(2),
    });
    const channels = fc.record({ groups: fc.integer({ min: 1, max: 3 }), inputs: fc.integer({ min: 1, max: 2 }), outputs: fc.integer({ min: 1, max: 2 }) });
    fc.assert(
      fc.property(fc.array(axis, { minLength: 1, maxLength: 2 }), channels, fc.boolean(), seeds, (axes, { groups, inputs, outputs }, bias, seed) => {
        const of = (read: (one: (typeof axes)[number]) => number): number[] => axes.map(read);
        const reach = of(({ size, dilation }) => dilation * (size - 1) + 1);
        fc.pre(axes.every(({ extent, before, after }, k) => extent + before + after >= reach[k]!));
        const [extents, window] = [of(({ extent }) => extent), of(({ size }) => size)];
        const image = filled("i32", [2, groups * inputs, ...extents], 1);
        const attributes = { stride: of(({ stride }) => stride), padding: [...of(({ before }) => before), ...of(({ after }) => after)], dilation: of(({ dilation }) => dilation), groups };
        const biases = bias ? [filled("i32", [groups * outputs], 3)] : [];
        check("conv", [image, filled("i32", [groups * outputs, inputs, ...window], 2), ...biases], attributes, seed);
        const extra = of((one) => one.extra % one.stride);
        if (axes.every(({ extent, stride, before, after }, k) => (extent - 1) * stride + reach[k]! + extra[k]! > before + after)) {
          check("conv_transpose", [image, filled("i32", [groups * inputs, outputs, ...window], 2), ...biases], { ...attributes, extra }, seed);
        }
        const positions = op("conv").type([image.type, { dtype: "i32", shape: [groups * outputs, inputs, ...window] }], attributes).shape;
        check("conv_filters", [image, filled("i32", positions, 5)], { ...attributes, window }, seed);
        const { groups: __, ...sliding } = { ...attributes, size: window };
        check("fold", [filled("i32", op("unfold").type([image.type], sliding).shape, 6)], { ...sliding, extents }, seed);
        fc.pre(axes.every(({ before, after }, k) => Math.max(before, after) < reach[k]!));
        const { groups: _, ...windows } = { ...attributes, window };
        for (const kind of ["max", "sum", "first"]) check("pool", [image], { ...windows, kind }, seed);
        const types = op("pool").type([image.type], { ...windows, kind: "first" });
        const first = op("pool").evaluate([image], { ...windows, kind: "first" }, types);
        check("pool", [image, first], { ...windows, kind: "pick" }, seed);
        const gradient = filled("i32", types.shape, 4);
        check("unpool", [gradient], { ...windows, extents }, seed);
        check("unpool", [gradient, first], { ...windows, extents }, seed);
      }),
      { numRuns: 2 * runs },
    );
  });

  test("gradients by filters with channels last, of any window, stride and dilation", () => {
    const axis = fc.record({ size: fc.integer({ min: 1, max: 3 }), stride: fc.integer({ min: 1, max: 2 }), dilation: fc.integer({ min: 1, max: 2 }), positions: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(axis, axis, fc.integer({ min: 1, max: 18 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 }), fc.constantFrom("filters", "channels", "each"), seeds, (high, wide, images, channels, others, along, seed) => {
        const filters = along === "each" ? channels : others;
        const [height, width] = [high, wide].map(({ size, stride, dilation, positions }) => (positions - 1) * stride + (size - 1) * dilation + 1) as [number, number];
        // Sums of whole numbers are exact in f64.
        const [x, y] = [filled("f64", [images, height, width * channels], 1), filled("f64", [images, high.positions, wide.positions, filters], 2)];
        const attributes = { window: [high.size, wide.size], stride: [high.stride, wide.stride], dilation: [high.dilation, wide.dilation], channels, along };
        check("conv_filters_packed", [x, y], attributes, seed);
      }),
      { numRuns: runs },
    );
  });

  test("gradients by filters with channels second, of any window, stride and dilation, in any number of lanes", () => {
    const axis = fc.record({ size: fc.integer({ min: 1, max: 3 }), stride: fc.integer({ min: 1, max: 2 }), dilation: fc.integer({ min: 1, max: 2 }), positions: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(axis, axis, fc.integer({ min: 1, max: 18 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 }), fc.constantFrom(1, 2, 3, 4, 8), seeds, (high, wide, images, channels, filters, lanes, seed) => {
        const [rows, columns] = [high.positions, wide.positions * lanes];
        const reach = ({ size, stride, dilation }: typeof high, positions: number): number => (positions - 1) * stride + (size - 1) * dilation + 1;
        // Sums of whole numbers are exact in f64.
        const [x, y] = [filled("f64", [images, channels, reach(high, rows), reach(wide, columns)], 1), filled("f64", [images, filters, rows, columns], 2)];
        check("conv_filters_planes", [x, y], { window: [high.size, wide.size], stride: [high.stride, wide.stride], dilation: [high.dilation, wide.dilation], lanes }, seed);
      }),
      { numRuns: runs },
    );
  });

  test("views of random boxes agree with their maps", () => {
    fc.assert(
      fc.property(shapesWithBox, ({ shape, box }) => {
        const x = filled("i32", shape, 1);
        const type = op("slice").type([x.type], { ...box });
        const map = op("slice").view!(x.type, { ...box }, type)!;
        const result = zeros(type);
        forEachIndex(type.shape, (index, flat) => (result.data[flat] = Number(get(x, flatIndex(shape, map.map((form) => evaluateAffine(form, index)))))));
        expect(differences(result, op("slice").evaluate([x], { ...box }, type), true)).toEqual([]);
      }),
      { numRuns: runs },
    );
  });

  test("a reshape's map, where there is one, keeps the row-major order", () => {
    const factors = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 5 });
    const grouped = (list: readonly number[], cuts: number): number[] => {
      const groups: number[] = [1];
      list.forEach((factor, k) => {
        if ((cuts >> k) & 1) groups.push(factor);
        else groups[groups.length - 1]! *= factor;
      });
      return groups;
    };
    let affine = 0;
    fc.assert(
      fc.property(factors, fc.nat(31), fc.nat(31), (list, from, to) => {
        const [input, result] = [grouped(list, from), grouped(list, to)];
        const map = op("reshape").view!({ dtype: "f32", shape: input }, { shape: result }, { dtype: "f32", shape: result });
        if (!map) return;
        affine += 1;
        forEachIndex(result, (index, flat) => expect(flatIndex(input, map.map((form) => evaluateAffine(form, index)))).toBe(flat));
      }),
      { numRuns: 200 },
    );
    expect(affine).toBeGreaterThan(20);
  });
});
