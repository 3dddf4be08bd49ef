/** What calls mean as attributes, and what the rules refuse, with the words the user reads. */
import { describe, expect, test } from "vitest";
import type { DType } from "../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../graph/graph.ts";
import { describeCalls } from "./describe.ts";
import { RuleError, type ConstantValue } from "./op.ts";
import { calls, op } from "./table.ts";

const f32 = (...shape: number[]): TensorType => ({ dtype: "f32", shape });
const of = (dtype: DType, ...shape: number[]): TensorType => ({ dtype, shape });

function call(name: string, args: { readonly [name: string]: ConstantValue }, inputs: readonly TensorType[] = [], dtype?: DType): Attributes {
  const { signature } = calls.get(name)!.find(({ signature }) => signature.attributes)!;
  return signature.attributes!(args, inputs, dtype);
}

describe("descriptions", () => {
  const described = describeCalls();

  test("every call says what it takes and shows an example", () => {
    // Windows of three dimensions have too many numbers to be read.
    expect(described.filter(({ name, example }) => example === undefined && !name.endsWith("3d")).map(({ text }) => text)).toEqual([]);
    expect(described.filter(({ parameters, takes }) => takes === undefined && parameters.some(({ kind }) => kind === "tensor")).map(({ text }) => text)).toEqual([]);
  });

  test("examples are written as they are called, with the result", () => {
    const of = (name: string) => described.find((call) => call.name === name)?.example;
    expect(of("scatter_add")).toBe("scatter_add([1, 2, 3], [2, 0, -1], [10, 20, 5]) = [21, 2, 18]");
    expect(of("cast")).toBe("cast<u8>([300, -1, 5]) = [44, 255, 5]");
    expect(of("concat")).toBe("concat(([1, 2], [3])) = [1, 2, 3]");
    expect(of("is_nan")).toBe("is_nan([1, nan, inf, -inf]) = [false, true, false, false]");
  });
});

describe("attributes of calls", () => {
  test.each<[string, { readonly [name: string]: ConstantValue }, readonly TensorType[], DType | undefined, Attributes]>([
    ["sum", { axis: null, keepdims: false }, [f32(2, 3)], undefined, { op: "add", axes: [0, 1], keepdims: false }],
    ["max", { axis: -1, keepdims: true }, [f32(2, 3)], undefined, { op: "max", axes: [1], keepdims: true }],
    ["any", { axis: [1, -3], keepdims: false }, [of("bool", 2, 3, 4)], undefined, { op: "or", axes: [0, 1], keepdims: false }],
    ["zeros", { shape: [2, 3] }, [], "u8", { value: 0, dtype: "u8", shape: [2, 3] }],
    ["ones", { shape: [] }, [], undefined, { value: 1, dtype: "f32", shape: [] }],
    ["full", { value: 2.5, shape: [3] }, [], undefined, { value: 2.5, dtype: "f32", shape: [3] }],
    ["iota", { length: 4 }, [], undefined, { length: 4, dtype: "i32" }],
    ["eye", { rows: 3, columns: null }, [], "f64", { rows: 3, columns: 3, dtype: "f64" }],
    ["reshape", { shape: [4, -1] }, [f32(2, 6)], undefined, { shape: [4, 3] }],
    ["expand", { axis: -1 }, [f32(2, 3)], undefined, { shape: [2, 3, 1] }],
    ["expand", { axis: [0, 2] }, [f32(2, 3)], undefined, { shape: [1, 2, 1, 3] }],
    ["squeeze", { axis: null }, [f32(1, 3, 1)], undefined, { shape: [3] }],
    ["squeeze", { axis: 0 }, [f32(1, 3, 1)], undefined, { shape: [3, 1] }],
    ["flatten", { axis: 1 }, [f32(2, 3, 4)], undefined, { shape: [2, 12] }],
    ["transpose", { axes: null }, [f32(2, 3, 4)], undefined, { axes: [2, 1, 0] }],
    ["transpose", { axes: [1, -1, 0] }, [f32(2, 3, 4)], undefined, { axes: [1, 2, 0] }],
    ["roll", { shift: [1, -1], axis: null }, [f32(4, 5)], undefined, { shift: [1, 4] }],
    ["roll", { shift: 7, axis: 1 }, [f32(4, 5)], undefined, { shift: [0, 2] }],
    ["pad", { before: [1, 2], after: null, value: 0 }, [f32(4, 5)], undefined, { before: [1, 2], after: [1, 2], value: 0 }],
    ["pad", { before: 1, after: [0, 3], value: 2 }, [f32(4, 5)], undefined, { before: [1, 1], after: [0, 3], value: 2 }],
    ["concat", { axis: -1 }, [f32(4, 5), f32(4, 2)], undefined, { axis: 1 }],
    ["stack", { axis: -1 }, [f32(4, 5), f32(4, 5)], undefined, { axis: 2 }],
    ["tile", { repeats: 3 }, [f32(4, 5)], undefined, { repeats: [1, 3] }],
    ["conv2d", { stride: 2, padding: [1, 0] }, [f32(1, 1, 4, 4), f32(1, 1, 2, 2)], undefined, { stride: [2, 2], padding: [1, 0], dilation: [1, 1], groups: 1 }],
    ["max_pool2d", { window: 2, stride: null, padding: 0 }, [f32(1, 1, 4, 4)], undefined, { kind: "max", window: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] }],
    ["argmax", { axis: -1, keepdims: false }, [f32(4, 5)], undefined, { axis: 1, keepdims: false }],
  ])("%s %j", (name, args, inputs, dtype, attributes) => {
    const found = calls.get(name)!.map(({ op: entry, signature }) => ({ entry, signature })).find(({ signature }) => signature.attributes);
    expect(call(name, args, inputs, dtype)).toEqual(attributes);
    expect(() => found!.entry.type(inputs, attributes)).not.toThrow();
  });
});

describe("refusals", () => {
  const refusal = (run: () => unknown): string => {
    try {
      run();
    } catch (problem) {
      if (problem instanceof RuleError) return `${problem.problem}: ${problem.message}`;
      throw problem;
    }
    return "accepted";
  };

  test.each<[string, readonly TensorType[], Attributes, string]>([
    ["add", [f32(2), f32(3)], {}, "shape-mismatch: the shapes of add differ, [2] (a) and [3] (b)"],
    ["add", [f32(2), of("f64", 2)], {}, "dtype-mismatch: the dtypes of add differ, f32 (a) and f64 (b)"],
    ["add", [of("bool", 2), of("bool", 2)], {}, "dtype-mismatch: add takes numbers, not bool"],
    ["exp", [of("i32", 2)], {}, "dtype-mismatch: exp takes floats, not i32"],
    ["and", [f32(2), f32(2)], {}, "dtype-mismatch: and takes integers or bool, not f32"],
    ["select", [of("u8", 2), f32(2), f32(2)], {}, "dtype-mismatch: the condition of select takes bool, not u8"],
    ["matmul", [f32(2, 64), f32(32, 3)], {}, "shape-mismatch: inner extents differ, 64 (a) and 32 (b), in [2, 64] @ [32, 3]"],
    ["matmul", [f32(), f32(3)], {}, "shape-mismatch: a matrix product needs dimensions, not [] (a) and [3] (b)"],
    ["matmul", [f32(2, 3, 4), f32(3, 4, 5)], {}, "shape-mismatch: the leading dimensions of [2, 3, 4] (a) and [3, 4, 5] (b) do not broadcast"],
    ["reshape", [f32(2, 3)], { shape: [4] }, "shape-mismatch: reshape keeps the number of elements, but [2, 3] has 6 and [4] has 4"],
    ["transpose", [f32(2, 3)], { axes: [0, 0] }, "bad-argument: transpose names each axis once, [0, 0] does not order the 2 axes of [2, 3]"],
    ["broadcast", [f32(2)], { shape: [3, 4] }, "shape-mismatch: [2] does not broadcast to [3, 4]"],
    ["broadcast", [f32(2, 4)], { shape: [4] }, "shape-mismatch: [2, 4] does not broadcast to [4]"],
    ["slice", [f32(4)], { start: [2], length: [3], step: [1] }, "out-of-range: elements 2 to 4 are outside of axis 0, whose extent is 4 in [4]"],
    ["update", [f32(4), f32(3)], { start: [0], length: [2], step: [1] }, "shape-mismatch: a slice of shape [2] cannot take a value of shape [3]"],
    ["concat", [f32(2, 3), f32(2, 4)], { axis: 0 }, "shape-mismatch: concat along axis 0 of [2, 3] and [2, 4]: the other extents differ"],
    ["reduce", [of("bool", 3)], { op: "add", axes: [0], keepdims: false }, "dtype-mismatch: sum takes numbers, not bool"],
    ["reduce", [f32(3, 0)], { op: "max", axes: [1], keepdims: false }, "shape-mismatch: max over no elements: [3, 0] is empty along the reduced axes"],
    ["mean", [of("i32", 3)], { axes: [0], keepdims: false }, "dtype-mismatch: mean takes floats, not i32"],
    ["argmax", [f32()], { axis: 0, keepdims: false }, "out-of-range: argmax needs a dimension, but the tensor is a scalar"],
    ["gather", [f32(3), f32(2)], { axis: 0 }, "dtype-mismatch: the indices of gather must be i32 or i64, not f32"],
    ["layer_norm", [f32(2, 3), f32(2), f32(3)], { epsilon: 1e-5 }, "shape-mismatch: gain of layer_norm has shape [2], but the last extent of [2, 3] (x) is 3"],
    ["conv", [f32(1, 2, 4, 4), f32(1, 3, 2, 2)], { stride: [1, 1], padding: [0, 0] }, "shape-mismatch: the channels of conv2d differ, 2 (x) and 3 (w), in [1, 2, 4, 4] and [1, 3, 2, 2]"],
    ["conv", [f32(1, 1, 2, 4), f32(1, 1, 3, 2)], { stride: [1, 1], padding: [0, 0] }, "shape-mismatch: the window of conv2d is 3 high, but the padded image has only 2"],
    ["bitcast", [f32(2)], { dtype: "f64" }, "dtype-mismatch: bitcast needs equal sizes, f32 has 4 bytes and f64 has 8"],
  ])("%s of %j", (name, inputs, attributes, words) => {
    expect(refusal(() => op(name).type(inputs, attributes))).toBe(words);
  });

  test.each<[string, { readonly [name: string]: ConstantValue }, readonly TensorType[], string]>([
    ["sum", { axis: 2, keepdims: false }, [f32(2, 3)], "out-of-range: axis 2 of sum is outside -2..1, the tensor has rank 2"],
    ["sum", { axis: [0, -2], keepdims: false }, [f32(2, 3)], "bad-argument: axis 0 is given twice to sum"],
    ["reshape", { shape: [5, -1] }, [f32(2, 3)], "indivisible: 6 elements of [2, 3] do not fill [5, -1]"],
    ["squeeze", { axis: 1 }, [f32(2, 3)], "shape-mismatch: axis 1 of [2, 3] cannot be squeezed, its extent is 3, not 1"],
    ["pad", { before: [1], after: null, value: 0 }, [f32(2, 3)], "bad-argument: before of pad has 1 entries, but the tensor has rank 2"],
    ["pad", { before: -1, after: null, value: 0 }, [f32(2)], "out-of-range: before of pad is negative: [-1]"],
    ["roll", { shift: [1, 2, 3], axis: [0, 1] }, [f32(2, 3)], "bad-argument: roll has 3 shifts for 2 axes"],
  ])("the call %s %j", (name, args, inputs, words) => {
    expect(refusal(() => call(name, args, inputs))).toBe(words);
  });
});
