import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { closest, editDistance } from "./suggest.ts";

/** The definition, by recursion. */
function distance(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const [x, y] = [a.slice(0, -1), b.slice(0, -1)];
  let best = Math.min(distance(x, b) + 1, distance(a, y) + 1, distance(x, y) + (a.at(-1) === b.at(-1) ? 0 : 1));
  if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)) best = Math.min(best, distance(a.slice(0, -2), b.slice(0, -2)) + 1);
  return best;
}

describe("edit distance", () => {
  test("is what its definition says, up to its limit", () => {
    const name = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 5 });
    fc.assert(
      fc.property(name, name, fc.integer({ min: 0, max: 5 }), (a, b, limit) => {
        const expected = distance(a, b);
        expect(editDistance(a, b)).toBe(expected);
        if (expected <= limit) expect(editDistance(a, b, limit)).toBe(expected);
        else expect(editDistance(a, b, limit)).toBeGreaterThan(limit);
      }),
      { numRuns: 200 },
    );
  });
});

describe("did you mean", () => {
  test.each([
    ["reapeat", "repeat"],
    ["prgram", "program"],
    ["form", "from"],
    ["softMax", "softmax"],
    ["layernorm", "layer_norm"],
    ["xyz", undefined],
    ["x", undefined],
    ["", undefined],
  ])("%s", (name, expected) => expect(closest(name, ["repeat", "program", "from", "softmax", "layer_norm", "y"])).toBe(expected));

  test("the nearest wins, then the first", () => {
    expect(closest("batches", ["patch", "matches", "batch", "batched"])).toBe("matches");
    expect(closest("w", ["w1", "w2"])).toBe("w1");
  });

  test("never the name itself", () => expect(closest("relu", ["relu"])).toBeUndefined());
});
