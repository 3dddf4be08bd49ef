import { expect, test } from "vitest";
import { bf16ToNumber } from "../../runtime/bf16.ts";
import type { DType } from "../../runtime/dtype.ts";
import { randomTensor } from "./random.ts";

const values = (dtype: DType, seed: number, count = 20_000, name = "x"): number[] => {
  const { data } = randomTensor({ name, dtype, shape: [count] }, seed);
  return Array.from(data as Float32Array, (value) => (dtype === "bf16" ? bf16ToNumber(value) : Number(value)));
};

test("the same seed gives the same values; another seed or state others", () => {
  expect(values("f32", 5, 50)).toEqual(values("f32", 5, 50));
  expect(values("f32", 5, 50)).not.toEqual(values("f32", 6, 50));
  expect(values("f32", 5, 50)).not.toEqual(values("f32", 5, 50, "y"));
  expect(values("f32", 2 ** 40 + 5, 50)).not.toEqual(values("f32", 5, 50));
});

test.each(["f16", "bf16", "f32", "f64"] as const)("%s lies in [0, 1), evenly", (dtype) => {
  const all = values(dtype, 1);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...all)).toBeLessThan(1);
  // Of 20,000 even values the mean is 0.5 ± 0.002 and each tenth holds 2,000 ± 42.
  expect(Math.abs(all.reduce((sum, value) => sum + value, 0) / all.length - 0.5)).toBeLessThan(0.02);
  for (let tenth = 0; tenth < 10; tenth++) {
    expect(Math.abs(all.filter((value) => Math.floor(value * 10) === tenth).length - 2000)).toBeLessThan(dtype === "bf16" ? 400 : 250);
  }
});

test.each([["u8", 0, 255], ["i8", -128, 127], ["bool", 0, 1], ["i32", 0, 999], ["u64", 0, 999]] as const)("%s covers %i to %i", (dtype, low, high) => {
  const all = values(dtype, 3);
  expect([Math.min(...all), Math.max(...all)]).toEqual([low, high]);
});

test("a range of one's own", () => {
  const { data } = randomTensor({ name: "x", dtype: "i32", shape: [1000] }, 1, { low: -2, high: 3 });
  expect([...new Set(data as Int32Array)].toSorted((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
});
