/** What intervals say of clamped indices: that they are inside, whatever they were before. */
import { describe, expect, it } from "vitest";
import { nowhere } from "../../support/span.ts";
import { clampedInside, clampedPosition } from "./indices.ts";
import { binary, cast, constant, i32, KernelBuilder, splat } from "../../kernel/build.ts";
import { runKernel } from "../../kernel/interpret.ts";
import type { Expression } from "../../kernel/kernel.ts";
import { rangeOf } from "../../kernel/ranges.ts";
import { tensor, zeros } from "../../graph/tensor.ts";

const unknown = (dtype: "i32" | "u32" | "i64", lanes = 1): Expression => ({ kind: "local", dtype, lanes, local: 0 });

describe("rangeOf", () => {
  it("knows what is the smaller of an unsigned number and a constant", () => {
    expect(rangeOf(binary("min", unknown("u32"), constant("u32", 7)), new Map())).toEqual({ min: 0, max: 7 });
    expect(rangeOf(cast("i32", binary("min", constant("u32", 7), unknown("u32"))), new Map())).toEqual({ min: 0, max: 7 });
    expect(rangeOf(binary("min", unknown("u32", 4), splat(4, constant("u32", 7))), new Map())).toEqual({ min: 0, max: 7 });
    expect(rangeOf(binary("min", unknown("u32"), constant("u32", 2 ** 31)), new Map())).toBeUndefined();
    expect(rangeOf(binary("min", unknown("u32"), unknown("u32")), new Map())).toBeUndefined();
    expect(rangeOf(binary("max", unknown("u32"), constant("u32", 7)), new Map())).toBeUndefined();
  });

  it.each([1, 5, 2 ** 31 - 1])("of positions in an extent of %d is that extent", (extent) => {
    for (const [clamped, dtype] of [[clampedPosition, "i32"], [clampedPosition, "i64"], [clampedInside, "i32"]] as const) {
      const range = rangeOf(clamped(unknown(dtype), extent), new Map());
      if (dtype === "i32") expect(range).toEqual({ min: 0, max: extent - 1 });
      const builder = new KernelBuilder("clamped", nowhere);
      const given = [0, -1, extent - 1, -extent, extent, -extent - 1, 2 ** 31 - 1, -(2 ** 31)].map((index) => (dtype === "i32" ? index | 0 : index));
      const x = builder.buffer({ name: "x", dtype, shape: [given.length], access: "in" });
      const y = builder.buffer({ name: "y", dtype: "i32", shape: [given.length], access: "out" });
      builder.for({ end: i32(given.length) }, (i) => builder.store(y, [i], clamped(builder.load(x, [i]), extent)));
      const result = zeros({ dtype: "i32", shape: [given.length] });
      runKernel(builder.finish(), [tensor(dtype, [given.length], given), result]);
      const places = [...result.data].map(Number);
      expect(places.every((place) => place >= 0 && place < extent)).toBe(true);
      expect([places[0], places[2]]).toEqual([0, extent - 1]);
      // Those outside, in extents that do not reach the largest i32: the nearest place.
      if (clamped === clampedPosition) expect(places.slice(1, 4)).toEqual([extent - 1, extent - 1, 0]);
      if (clamped === clampedPosition && extent < 2 ** 30) expect(places.slice(4)).toEqual([extent - 1, 0, extent - 1, 0]);
    }
  });
});
