import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numberToBf16 } from "./bf16.ts";
import { newArray, type DType } from "./dtype.ts";
import { formatNumber, formatTensor } from "./print.ts";

function show(dtype: DType, shape: readonly number[], values: readonly (number | bigint)[], indent?: number): string {
  const data = newArray(dtype, values.length);
  values.forEach((value, index) => { data[index] = value as never; });
  return formatTensor({ dtype, shape, data }, indent);
}

describe("formatNumber", () => {
  it("is the shortest decimal that names the number", () => {
    expect(formatNumber("f32", Math.fround(0.3412))).toBe("0.3412");
    expect(formatNumber("f32", Math.fround(1 / 3))).toBe("0.33333334");
    expect(formatNumber("f32", 16777216)).toBe("16777216");
    expect(formatNumber("f64", 0.1)).toBe("0.1");
    expect(formatNumber("f16", Math.f16round(0.1))).toBe("0.1");
    expect(formatNumber("f32", -0)).toBe("-0");
    expect([formatNumber("f32", Infinity), formatNumber("f32", -Infinity), formatNumber("f64", NaN)]).toEqual(["inf", "-inf", "nan"]);
    expect([formatNumber("bool", 1), formatNumber("i64", -(2n ** 63n)), formatNumber("u8", 255)]).toEqual(["true", "-9223372036854775808", "255"]);
  });

  it("gives the number back", () => {
    fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => { expect(Math.fround(Number(formatNumber("f32", value)))).toBe(value); }));
  });
});

describe("formatTensor", () => {
  it("shows scalars, vectors and matrices", () => {
    expect(show("f32", [], [Math.fround(0.3412)])).toBe("0.3412");
    expect(show("bf16", [], [numberToBf16(1.5)])).toBe("1.5");
    expect(show("i32", [3], [1, -20, 3])).toBe("[  1 -20   3]");
    expect(show("f32", [2, 2], [1, 2.5, -0.25, 10])).toBe("[[ 1.00  2.50]\n [-0.25 10.00]]");
    expect(show("i32", [2, 2], [1, 2, 3, 4], 2)).toBe("[[1 2]\n   [3 4]]");
    expect(show("u8", [2, 1, 2], [1, 2, 3, 4])).toBe("[[[1 2]]\n\n [[3 4]]]");
    expect(show("bool", [2], [1, 0])).toBe("[ true false]");
    expect(show("f32", [2], [1e-6, 1])).toBe("[1e-6 1e+0]");
    expect(show("f32", [3], [NaN, Infinity, 1])).toBe("[nan inf   1]");
    expect(show("f32", [0, 3], [])).toBe("[]");
  });

  it("shows the ends of large ones", () => {
    expect(show("i32", [2000], Array.from({ length: 2000 }, (_, index) => index))).toBe("[   0    1    2 ... 1997 1998 1999]");
    const lines = show("i32", [100, 100], Array.from({ length: 10_000 }, (_, index) => index)).split("\n");
    expect(lines).toHaveLength(7);
    expect(lines[0]).toBe("[[   0    1    2 ...   97   98   99]");
    expect(lines[3]).toBe(" ...");
    expect(lines[6]).toBe(" [9900 9901 9902 ... 9997 9998 9999]]");
  });
});
