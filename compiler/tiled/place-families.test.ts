/** Families made of the user's placements: their instances are exactly the placements, each on its tile. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../runtime/dtype.ts";
import type { ComputeSet, Graph, Placement, Slice } from "../graph/graph.ts";
import { forEachIndex } from "../graph/tensor.ts";
import { KernelBuilder } from "../kernel/build.ts";
import { evaluateAffine, identityMap } from "../support/affine.ts";
import { nowhere } from "../support/span.ts";
import type { DraftFamily } from "./families.ts";
import { placeFamilies } from "./place-families.ts";
import type { TensorView } from "./tensors.ts";
import { tilesOf } from "./testing/arbitrary.ts";

const origin = nowhere;
const tileCount = 8;

function vertex(name: string, length: number): Graph["vertices"][number] {
  const builder = new KernelBuilder(name, origin);
  builder.buffer({ name: "a", dtype: "f32", shape: [length], access: "in" });
  builder.buffer({ name: "b", dtype: "f32", shape: [], access: "out" });
  return { name, kernel: builder.finish(), origin };
}

const graph = { vertices: [vertex("Short", 2), vertex("Long", 3)] } as unknown as Graph;
const views: TensorView[] = [
  { tensor: 5, map: identityMap(2) },
  // The second operand is a transposed tensor, cut off at its first row and column.
  { tensor: 6, map: [{ constant: 1, coefficients: [0, 1] }, { constant: 1, coefficients: [1, 0] }] },
];

const index = (start: number): Slice[number] => ({ start, length: 1, step: 1, drop: true });
const place = (which: number, row: number, column: number, step: number, tile: number): Placement => ({
  vertex: which, tile, origin,
  fields: [
    { operand: 0, slice: [index(row), { start: column, length: which + 2, step, drop: false }], origin },
    { operand: 1, slice: [index(row), index(column)], origin },
  ],
});

const setOf = (placements: readonly Placement[]): ComputeSet => ({ name: "set", operands: [], written: [1], placements, origin });

/** Each vertex as text: name, tile, and the elements of its fields. */
function placedVertices({ placements }: ComputeSet): string[] {
  return placements.map(({ vertex: which, tile, fields }) => {
    const elements = fields.map(({ operand, slice }) => {
      const found: string[] = [];
      forEachIndex(slice.map(({ length }) => length), (at) => {
        const inside = at.map((i, d) => slice[d]!.start + i * slice[d]!.step);
        found.push(`${views[operand]!.tensor}[${views[operand]!.map.map((form) => evaluateAffine(form, inside)).join()}]`);
      });
      return found.join(" ");
    });
    return `${graph.vertices[which]!.name} on ${tile}: ${elements.join(" | ")}`;
  });
}

function instances(families: readonly DraftFamily[]): string[] {
  return families.flatMap(({ name, grid, range, placement, fields }) => {
    expect(range).toEqual(grid.map((count) => ({ start: 0, count })));
    const tiles = tilesOf(placement, sizeOf(grid));
    const found: string[] = [];
    forEachIndex(grid, (coordinates, k) => {
      const elements = fields.map((field) => {
        const touched: string[] = [];
        forEachIndex(field.shape, (at) => touched.push(`${field.tensor}[${field.map.map((form) => evaluateAffine(form, [...coordinates, ...at])).join()}]`));
        return touched.join(" ");
      });
      found.push(`${name} on ${tiles[k]}: ${elements.join(" | ")}`);
    });
    return found;
  });
}

const holds = (placements: readonly Placement[]): DraftFamily[] => {
  const set = setOf(placements);
  const families = placeFamilies(graph, set, views, tileCount);
  expect(instances(families).toSorted()).toEqual(placedVertices(set).toSorted());
  return families;
};

const tileRule = fc.oneof(fc.constant((k: number) => k % tileCount), fc.constant((k: number) => Math.floor(k / 4) % tileCount), fc.integer({ min: 1, max: 50 }).map((factor) => (k: number) => (k * k * factor) % tileCount));

describe("placements", () => {
  it("in loops of any steps, one in another or not", () => {
    const loop = fc.record({ count: fc.integer({ min: 1, max: 5 }), step: fc.integer({ min: 0, max: 3 }) });
    fc.assert(fc.property(fc.array(fc.record({ outer: loop, inner: loop, which: fc.nat(1), swapped: fc.boolean(), step: fc.constantFrom(1, 2), tile: tileRule, backwards: fc.boolean() }), { minLength: 1, maxLength: 3 }), (nests) => {
      let k = 0;
      const placements = nests.flatMap(({ outer, inner, which, swapped, step, tile, backwards }) => {
        const made = Array.from({ length: outer.count }, (_, i) => Array.from({ length: inner.count }, (__, j) => {
          const [row, column] = swapped ? [j * inner.step, i * outer.step] : [i * outer.step, j * inner.step];
          return place(which, row, column, step, tile(k++));
        })).flat();
        return backwards ? made.toReversed() : made;
      });
      holds(placements);
    }), { numRuns: 300 });
  });

  it("without any order", () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1), fc.nat(10), fc.nat(10), fc.nat(tileCount - 1)), { maxLength: 30 }), (list) => {
      holds(list.map(([which, row, column, tile]) => place(which, row, column, 1, tile)));
    }), { numRuns: 200 });
  });

  it("of one loop or of two are one family", () => {
    const rows = holds(Array.from({ length: 20 }, (_, r) => place(0, r, 0, 1, r % tileCount)));
    expect(rows.map(({ grid, placement }) => ({ grid, placement }))).toEqual([{ grid: [20], placement: { kind: "cyclic", tiles: tileCount } }]);
    const squares = holds(Array.from({ length: 20 }, (_, k) => place(0, Math.floor(k / 5), 4 * (k % 5), 1, Math.floor((k * tileCount) / 20))));
    expect(squares.map(({ grid, placement }) => ({ grid, placement }))).toEqual([{ grid: [4, 5], placement: { kind: "scaled", tiles: tileCount } }]);
    expect(holds([0, 1].flatMap((which) => Array.from({ length: 6 }, (_, r) => place(which, r, 0, 1, 3))))).toHaveLength(2);
  });

});
