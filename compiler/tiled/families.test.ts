/**
 * Families of random lowerings, run instance by instance: each gathers its fields, runs its kernel, and puts back what it
 * wrote. Together they must give what the lowering's own index space gives, and write every element of the result once.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../runtime/dtype.ts";
import { forEachIndex, type Tensor } from "../graph/tensor.ts";
import { binary, i32 } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import type { Lowering, SpaceDimension } from "../kernel/lowering.ts";
import { affineConstant, affineIndex, affineRange, composeMap, evaluateAffine, type Affine } from "../support/affine.ts";
import { nowhere } from "../support/span.ts";
import { target } from "../targets/targets.ts";
import { draftFamilies, type DraftFamily, type Split } from "./families.ts";
import { Tensors, type TensorView } from "./tensors.ts";

interface Case {
  readonly space: readonly SpaceDimension[];
  /** Which tensor each read is of, seen through which map, and its access. */
  readonly reads: readonly { readonly tensor: number; readonly view: readonly Affine[]; readonly index: readonly Affine[] }[];
  readonly shapes: readonly (readonly number[])[];
  readonly split: Split;
  readonly partial: boolean;
  readonly mergeAlways: boolean;
  readonly reversed: boolean;
}

const oneCase: fc.Arbitrary<Case> = fc.record({
  parallel: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 0, maxLength: 2 }), reduced: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 2 }),
  serial: fc.boolean(), partial: fc.boolean(), mergeAlways: fc.boolean(), reversed: fc.boolean(), choices: fc.array(fc.nat(10_000), { minLength: 60, maxLength: 60 }),
}).map(({ parallel, reduced, serial, partial, mergeAlways, reversed, choices }) => {
  let at = 0;
  const choose = (count: number): number => choices[at++ % choices.length]! % count;
  const space: SpaceDimension[] = [...parallel.map((extent) => ({ extent, kind: "parallel" as const })), ...reduced.map((extent) => ({ extent, kind: serial ? ("serial" as const) : ("reduction" as const) }))];
  const rank = space.length;
  const tensors = Array.from({ length: 2 }, () => 1 + choose(3));
  const reads: { tensor: number; view: readonly Affine[]; index: Affine[] }[] = [];
  // Some reads are the same as one before, a little further along, as a stencil's are.
  for (let r = 0; r < 4; r++) {
    const before = reads[r - 1];
    if (before && choose(2) === 0) {
      reads.push({ ...before, index: before.index.map((form) => ({ ...form, constant: form.constant + choose(3) })) });
      continue;
    }
    const tensor = choose(2);
    const index = Array.from({ length: tensors[tensor]! }, (): Affine => ({ constant: choose(4), coefficients: space.map(() => [0, 0, 1, 1, 2, -1, 3][choose(7)]!) }));
    const identity = index.map((_, t) => affineIndex(t, index.length));
    const view = choose(3) === 0 ? identity.toReversed() : identity;
    reads.push({ tensor, view, index });
  }
  // Every index at zero or above; tensors as large as needed.
  const extents = space.map(({ extent }) => extent);
  const lowest = tensors.map((count, tensor) => Array.from({ length: count }, (_, t) => Math.min(0, ...reads.filter((read) => read.tensor === tensor).map(({ view, index }) => affineRange(composeMap(view, index, rank)[t]!, extents).min))));
  const placed = reads.map((read) => ({ ...read, view: read.view.map((form, t) => ({ ...form, constant: form.constant - lowest[read.tensor]![t]! })) }));
  const shapes = tensors.map((count, tensor) => Array.from({ length: count }, (_, t) => 1 + Math.max(0, ...placed.filter((read) => read.tensor === tensor).map(({ view, index }) => affineRange(composeMap(view, index, rank)[t]!, extents).max))));
  const cuts = partial && !serial && reduced.length > 0;
  const dimensions = space.flatMap(({ kind }, d) => (kind === "parallel" && choose(3) > 0 ? [d] : cuts && d === parallel.length ? [d] : []));
  const block = dimensions.map((d) => 1 + choose(space[d]!.extent));
  const placement = { kind: "cyclic", tiles: 4 } as const;
  const common = { space, reads: placed, shapes, partial: cuts, mergeAlways, reversed };
  if (cuts || choose(2) === 0) return { ...common, split: { grid: dimensions.map((d, i) => Math.ceil(space[d]!.extent / block[i]!)), dimensions, block, placement } };
  // A part of a grid, which may have a dimension more.
  const from = block.map((length) => choose(3 * length));
  const grid = dimensions.map((d, i) => Math.ceil((from[i]! + space[d]!.extent) / block[i]!) + choose(2));
  const besides = choose(2) === 0 ? [] : [1 + choose(3)];
  return { ...common, split: { grid: [...besides, ...grid], dimensions: [...besides.map(() => -1), ...dimensions], block: [...besides.map(() => 1), ...block], from: [...besides.map((count) => choose(count)), ...from], placement } };
});

function loweringOf({ space, reads, reversed }: Case): Lowering {
  const rank = space.length;
  const parallel = space.flatMap(({ kind }, d) => (kind === "parallel" ? [d] : []));
  const others = space.flatMap(({ kind }, d) => (kind === "parallel" ? [] : [d]));
  return {
    name: "test", space, combine: "add",
    reads: reads.map(({ tensor, index }) => ({ operand: tensor, index })),
    // A result that runs backwards along its first dimension, now and then.
    writes: [{ operand: 0, index: parallel.map((d, t) => (reversed && t === 0 ? affineIndex(d, rank, -1, space[d]!.extent - 1) : affineIndex(d, rank))) }],
    emit: ({ kernel, block, load, store }) => kernel.forBox(parallel.map((d) => block[d]!), true, (outer) => {
      const sum = kernel.local("sum", "i32");
      kernel.set(sum, i32(0));
      kernel.forBox(others.map((d) => block[d]!), false, (inner) => {
        const point = space.map((_, d) => (parallel.includes(d) ? outer[parallel.indexOf(d)]! : inner[others.indexOf(d)]!));
        reads.forEach((_, r) => kernel.set(sum, binary("add", sum, binary("mul", i32(r + 2), load(r, point)))));
      });
      store(0, space.map((_, d) => (parallel.includes(d) ? outer[parallel.indexOf(d)]! : i32(0))), sum);
    }),
  };
}

type Ints = Tensor & { readonly data: Int32Array<ArrayBuffer> };
const zeroed = (shape: readonly number[]): Ints => ({ type: { dtype: "i32", shape }, data: new Int32Array(sizeOf(shape)) });
const flatOf = (shape: readonly number[], index: readonly number[]): number => {
  if (index.some((i, d) => i < 0 || i >= shape[d]!)) throw new Error(`index ${index.join()} of a tensor of ${shape.join()}`);
  return index.reduce((flat, i, d) => flat * shape[d]! + i, 0);
};

/** What the index space itself says. */
function meaning({ space, reads, reversed }: Case, operands: readonly Ints[], result: Ints): void {
  forEachIndex(space.map(({ extent }) => extent), (point) => {
    const to = space.flatMap(({ kind }, d) => (kind === "parallel" ? [point[d]!] : []));
    if (reversed && to.length > 0) to[0] = result.type.shape[0]! - 1 - to[0]!;
    reads.forEach(({ tensor, view, index }, r) => {
      const at = index.map((form) => evaluateAffine(form, point));
      const { type, data } = operands[tensor]!;
      result.data[flatOf(result.type.shape, to)]! += (r + 2) * data[flatOf(type.shape, view.map((form) => evaluateAffine(form, at)))]!;
    });
  });
}

/** Runs all instances; gives how often each element of `written` was written. */
function run(families: readonly DraftFamily[], tensors: ReadonlyMap<number, Ints>, written: number): { readonly counts: readonly number[]; readonly instances: number } {
  const counts = new Array<number>(tensors.get(written)!.data.length).fill(0);
  const seen = new Set<string>();
  for (const { kernel, grid, range, fields } of families) {
    forEachIndex(range.map(({ count }) => count), (offset) => {
      const coordinates = offset.map((i, d) => i + range[d]!.start);
      if (coordinates.some((i, d) => i >= grid[d]!) || seen.has(coordinates.join())) throw new Error(`instance ${coordinates.join()} of ${grid.join()}`);
      seen.add(coordinates.join());
      const each = (field: DraftFamily["fields"][number], visit: (flat: number, at: number) => void): void => {
        const { type } = tensors.get(field.tensor)!;
        forEachIndex(field.shape, (index, flat) => visit(flat, flatOf(type.shape, field.map.map((form) => evaluateAffine(form, [...coordinates, ...index])))));
      };
      const buffers = fields.map((field) => {
        const buffer = zeroed(field.shape);
        if (field.access === "out") buffer.data.fill(-1);
        else each(field, (flat, at) => (buffer.data[flat] = tensors.get(field.tensor)!.data[at]!));
        return buffer;
      });
      runKernel(kernel, buffers);
      fields.forEach((field, f) => {
        if (field.access === "in") return;
        each(field, (flat, at) => {
          tensors.get(field.tensor)!.data[at] = buffers[f]!.data[flat]!;
          counts[at]!++;
        });
      });
    });
  }
  return { counts, instances: seen.size };
}

/** Blocks of the grid that have a point of the space. */
function blocksWithin({ space, split: { dimensions, block, from = [] } }: Case): number {
  const along = (d: number, i: number): number => {
    const first = from[i] ?? 0;
    return d === -1 ? 1 : Math.floor((first + space[d]!.extent - 1) / block[i]!) - Math.floor(first / block[i]!) + 1;
  };
  return dimensions.reduce((count, d, i) => count * along(d, i), 1);
}

function holds(one: Case): void {
  const { space, reads, shapes, split, partial, mergeAlways } = one;
  const lowering = loweringOf(one);
  const tensors = new Tensors(target("wasm"));
  const add = (shape: readonly number[]): number => tensors.add({ name: "t", type: { dtype: "i32", shape }, origin: nowhere });
  const ids = shapes.map(add);
  const operands = shapes.map((shape, t) => {
    const tensor = zeroed(shape);
    tensor.data.forEach((_, i) => (tensor.data[i] = (i * 7919 + t * 31) % 1009));
    return tensor;
  });
  const shape = space.flatMap(({ kind, extent }) => (kind === "parallel" ? [extent] : []));
  const expected = zeroed(shape);
  meaning(one, operands, expected);
  const values = new Map(ids.map((id, t) => [id, operands[t]!]));
  const views = reads.map(({ tensor, view }): TensorView => ({ tensor: ids[tensor]!, map: view }));
  const common = { lowering, split, reads: views, tensors, mergeAlways, origin: nowhere };
  if (!partial) {
    const to = add(shape);
    values.set(to, zeroed(shape));
    const { counts, instances } = run(draftFamilies({ ...common, writes: [tensors.whole(to)] }), values, to);
    expect(instances).toBe(blocksWithin(one));
    expect(counts.every((count) => count === 1)).toBe(true);
    expect(values.get(to)!.data).toEqual(expected.data);
    return;
  }
  const gridDimension = split.dimensions.findIndex((d) => space[d]!.kind === "reduction");
  const at = gridDimension % (shape.length + 1);
  const parts = add(shape.toSpliced(at, 0, split.grid[gridDimension]!));
  values.set(parts, zeroed(tensors.type(parts).shape));
  const map = shape.map((_, d) => affineIndex(d, shape.length)).toSpliced(at, 0, affineConstant(0, shape.length));
  const { counts } = run(draftFamilies({ ...common, writes: [{ tensor: parts, map }], partial: { gridDimension, tensorDimension: at } }), values, parts);
  expect(counts.every((count) => count === 1)).toBe(true);
  const sum = zeroed(shape);
  forEachIndex(tensors.type(parts).shape, (index, flat) => (sum.data[flatOf(shape, index.toSpliced(at, 1))]! += values.get(parts)!.data[flat]!));
  expect(sum.data).toEqual(expected.data);
}

describe("families of a lowering", () => {
  it("do together what the lowering does", () => {
    fc.assert(fc.property(oneCase, holds), { numRuns: 250 });
  });

  it("are one where blocks are equal, and one more for each shorter edge", () => {
    const tensors = new Tensors(target("wasm"));
    const [from, to] = [0, 1].map(() => tensors.add({ name: "t", type: { dtype: "f32", shape: [10, 9] }, origin: nowhere })) as [number, number];
    const index = [affineIndex(0, 2), affineIndex(1, 2)];
    const lowering: Lowering = {
      name: "copy", space: [{ extent: 10, kind: "parallel" }, { extent: 9, kind: "parallel" }], reads: [{ operand: 0, index }], writes: [{ operand: 0, index }],
      emit: ({ kernel, block, load, store }) => kernel.forBox(block, true, (at) => store(0, at, load(0, at))),
    };
    const families = (block: readonly number[]): unknown => draftFamilies({
      lowering, reads: [tensors.whole(from)], writes: [tensors.whole(to)], tensors, mergeAlways: true, origin: nowhere,
      split: { dimensions: [0, 1], block, grid: [Math.ceil(10 / block[0]!), Math.ceil(9 / block[1]!)], placement: { kind: "cyclic", tiles: 4 } },
    }).map(({ range, fields }) => [range.map(({ count }) => count), fields[0]!.shape]);
    expect(families([5, 3])).toEqual([[[2, 3], [5, 3]]]);
    expect(families([4, 3])).toEqual([[[2, 3], [4, 3]], [[1, 3], [2, 3]]]);
    expect(families([4, 4])).toEqual([[[2, 2], [4, 4]], [[2, 1], [4, 1]], [[1, 2], [2, 4]], [[1, 1], [2, 1]]]);
    expect(families([10, 9])).toEqual([[[1, 1], [10, 9]]]);
  });

  it("of a part of a grid are in the blocks that it has points in", () => {
    const tensors = new Tensors(target("wasm"));
    const [from, to] = [0, 1].map(() => tensors.add({ name: "t", type: { dtype: "f32", shape: [10] }, origin: nowhere })) as [number, number];
    const lowering: Lowering = {
      name: "copy", space: [{ extent: 10, kind: "parallel" }], reads: [{ operand: 0, index: [affineIndex(0, 1)] }], writes: [{ operand: 0, index: [affineIndex(0, 1)] }],
      emit: ({ kernel, block, load, store }) => kernel.forBox(block, true, (at) => store(0, at, load(0, at))),
    };
    const split: Split = { grid: [3, 5], dimensions: [-1, 0], block: [1, 4], from: [2, 3], placement: { kind: "cyclic", tiles: 4 } };
    const families = draftFamilies({ lowering, split, reads: [tensors.whole(from)], writes: [tensors.whole(to)], tensors, mergeAlways: true, origin: nowhere });
    const here = { start: 2, count: 1 };
    expect(families.map(({ grid, range, fields }) => [grid, range, fields[0]!.shape, fields[0]!.map[0]])).toEqual([
      [[3, 5], [here, { start: 0, count: 1 }], [1], { constant: 0, coefficients: [0, 4, 1] }],
      [[3, 5], [here, { start: 1, count: 2 }], [4], { constant: -3, coefficients: [0, 4, 1] }],
      [[3, 5], [here, { start: 3, count: 1 }], [1], { constant: -3, coefficients: [0, 4, 1] }],
    ]);
  });
});
