/** The sweep finds a clash exactly when comparing elements one by one does. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SliceDimension } from "../graph/graph.ts";
import { findClash, overlaps, type Box } from "./clash.ts";

const dimension = fc.record({ start: fc.integer({ min: 0, max: 12 }), length: fc.integer({ min: 0, max: 5 }), step: fc.integer({ min: -4, max: 4 }).filter((step) => step !== 0) })
  .map((one): SliceDimension => ({ ...one, start: one.step < 0 ? one.start + 20 : one.start, drop: false }));
const boxes = fc.integer({ min: 1, max: 3 }).chain((rank) => fc.array(fc.record({ slice: fc.array(dimension, { minLength: rank, maxLength: rank }), writes: fc.boolean(), owner: fc.nat(50) }), { minLength: 1, maxLength: 6 }));

const elements = (box: Box): Set<string> => new Set(box.slice.reduce<number[][]>((all, { start, length, step }) => all.flatMap((index) => Array.from({ length }, (_, k) => [...index, start + k * step])), [[]]).map(String));
const share = (a: Box, b: Box): boolean => [...elements(a)].some((element) => elements(b).has(element));

test("overlaps is exact", () => {
  fc.assert(fc.property(boxes, ([a, b]) => {
    if (a && b) expect(overlaps(a.slice, b.slice)).toBe(share(a, b));
  }), { numRuns: 500 });
});

test("findClash finds a pair if there is one, and only real ones", () => {
  fc.assert(fc.property(boxes, (list) => {
    const found = findClash(list);
    const any = list.some((a, k) => list.slice(k + 1).some((b) => (a.writes || b.writes) && share(a, b)));
    expect(found !== undefined).toBe(any);
    if (found) expect([found[0].writes || found[1].writes, share(found[0], found[1])]).toEqual([true, true]);
  }), { numRuns: 500 });
});
