import { describe, expect, test } from "vitest";
import { describeOutside } from "./outside.ts";

describe("an index outside of its axis", () => {
  const axis = { op: "gather", extent: 5, fromEnd: true };

  test("is the first of them, with its place", () => {
    expect(describeOutside(axis, [2, 3], new Int32Array([0, -5, 4, 5, -6, 7]))).toBe("index 5, at [1, 0], is outside of an axis of extent 5, in gather");
    expect(describeOutside({ ...axis, fromEnd: false }, [2, 3], new Int32Array([0, -5, 4, 5, -6, 7]))).toBe("index -5, at [0, 1], is outside of an axis of extent 5, in gather");
  });

  test("has no place when it is a scalar, and may be of 64 bits", () => {
    expect(describeOutside(axis, [], new BigInt64Array([2n ** 40n]))).toBe("index 1099511627776 is outside of an axis of extent 5, in gather");
  });
});
