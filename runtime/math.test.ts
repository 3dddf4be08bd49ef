import { describe, expect, it } from "vitest";
import { erf } from "./math.ts";

/** Values to 17 digits from Python's math.erf. */
const known: readonly (readonly [number, number])[] = [
  [1e-300, 1.1283791670955126e-300],
  [1e-09, 1.1283791670955127e-09],
  [1e-08, 1.1283791670955126e-08],
  [1.1e-08, 1.2412170838050636e-08],
  [0.0001, 0.00011283791633342487],
  [0.1, 0.1124629160182849],
  [0.25, 0.2763263901682369],
  [0.5, 0.5204998778130465],
  [0.75, 0.7111556336535151],
  [1, 0.8427007929497149],
  [1.5, 0.9661051464753108],
  [2, 0.9953222650189527],
  [2.4, 0.999311486103355],
  [2.4999, 0.9995928300996666],
  [2.5, 0.999593047982555],
  [2.6, 0.9997639655834707],
  [3, 0.9999779095030014],
  [3.5, 0.9999992569016276],
  [4, 0.9999999845827421],
  [5, 0.9999999999984626],
  [5.9, 0.9999999999999999],
  [6, 1.0],
  [6.1, 1.0],
  [10, 1.0],
];

describe("erf", () => {
  it("agrees with known values within 2 ulp", () => {
    for (const [x, value] of known) expect(Math.abs(erf(x) - value)).toBeLessThanOrEqual(2 * 2 ** -53 * Math.max(Math.abs(value), Number.MIN_VALUE) * 2);
  });
  it("is odd, and keeps zeros, infinities and NaN", () => {
    expect(erf(-1.25)).toBe(-erf(1.25));
    expect(Object.is(erf(-0), -0)).toBe(true);
    expect(erf(Infinity)).toBe(1);
    expect(erf(-Infinity)).toBe(-1);
    expect(erf(NaN)).toBeNaN();
  });
  it("joins series and continued fraction without a step", () => {
    expect(Math.abs(erf(1) - erf(1 - 1e-15))).toBeLessThan(1e-15);
    expect(Math.abs(erf(2.5) - erf(2.5 - 1e-15))).toBeLessThan(1e-15);
  });
});
