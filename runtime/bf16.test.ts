import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bf16ToNumber, numberToBf16 } from "./bf16.ts";

describe("bf16", () => {
  it("gives back every value it holds", () => {
    for (let half = 0; half < 0x10000; half++) {
      const value = bf16ToNumber(half);
      if (Number.isNaN(value)) expect(bf16ToNumber(numberToBf16(value))).toBeNaN();
      else expect(numberToBf16(value)).toBe(half);
    }
  });

  it("rounds to the nearest, ties to even", () => {
    expect(bf16ToNumber(numberToBf16(1 + 2 ** -8))).toBe(1);
    expect(bf16ToNumber(numberToBf16(1 + 3 * 2 ** -8))).toBe(1 + 2 ** -6);
    expect(bf16ToNumber(numberToBf16(3.4e38))).toBe(Infinity);
    fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) }), (value) => {
      const half = numberToBf16(value);
      const error = Math.abs(bf16ToNumber(half) - value);
      for (const neighbour of [half - 1, half + 1]) {
        const other = bf16ToNumber(neighbour & 0xffff);
        if (Number.isFinite(other)) expect(error).toBeLessThanOrEqual(Math.abs(other - value));
      }
    }));
  });
});
