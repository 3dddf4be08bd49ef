import fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { newArray, sizeOf, type DType } from "../../runtime/dtype.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { writeNpy } from "../../runtime/npy.ts";
import { parseInputSource, planFeed, streamElements, tensorFor, type InputSource } from "./inputs.ts";
import { Gathered } from "./outputs.ts";

const folder = mkdtempSync(join(tmpdir(), "gph-inputs-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
/** A .npy file with the elements 0, 1, 2, …, as the `--in` of a state. */
function counting(dtype: DType, shape: readonly number[]): InputSource {
  const data = newArray(dtype, sizeOf(shape));
  for (let index = 0; index < data.length; index++) data[index] = (dtype.endsWith("64") && dtype !== "f64" ? BigInt(index) : index) as number;
  const path = join(folder, `${files++}.npy`);
  writeFileSync(path, writeNpy({ dtype, shape, data }));
  return { kind: "file", path };
}

const state = (name: string, dtype: DType, shape: readonly number[]) => ({ name, dtype, shape });
const plain = (tensor: HostTensor) => ({ ...tensor, shape: [...tensor.shape], data: Array.from(tensor.data as Float32Array) });

describe("what --in takes", () => {
  test.each([
    ["3", { kind: "number", text: "3", value: 3n }],
    ["-1e-3", { kind: "number", text: "-1e-3", value: -0.001 }],
    ["0x10", { kind: "number", text: "0x10", value: 16n }],
    ["-0xff_ff", { kind: "number", text: "-0xff_ff", value: -65535n }],
    ["0b101", { kind: "number", text: "0b101", value: 5n }],
    ["1_000", { kind: "number", text: "1_000", value: 1000n }],
    ["+1_0.5e1_0", { kind: "number", text: "+1_0.5e1_0", value: 10.5e10 }],
    ["0xffffffffffffffff", { kind: "number", text: "0xffffffffffffffff", value: 2n ** 64n - 1n }],
    ["100000000000000000000", { kind: "number", text: "100000000000000000000", value: 10n ** 20n }],
    ["1__0", { kind: "file", path: "1__0" }],
    ["0x", { kind: "file", path: "0x" }],
    ["0xg.npy", { kind: "file", path: "0xg.npy" }],
    ["--5", { kind: "file", path: "--5" }],
    [".5", { kind: "number", text: ".5", value: 0.5 }],
    ["true", { kind: "number", text: "true", value: 1 }],
    ["-inf", { kind: "number", text: "-inf", value: -Infinity }],
    ["random:7", { kind: "random", seed: 7, range: undefined }],
    ["random:0x7:-0b1:1_0", { kind: "random", seed: 7, range: { low: -1, high: 10 } }],
    ["random:7:-1:2.5", { kind: "random", seed: 7, range: { low: -1, high: 2.5 } }],
    ["3.npy", { kind: "file", path: "3.npy" }],
    ["./random.npy", { kind: "file", path: "./random.npy" }],
  ] as const)("%s", (text, expected) => {
    expect(parseInputSource("x", text)).toEqual(expected);
  });

  test.each(["random", "random:", "random:x", "random:1:5", "random:1:5:5", "random:1:a:b", "random:-1"])("%s is refused", (text) => {
    expect(() => parseInputSource("x", text)).toThrow(/random:SEED/);
  });

  test("a number fills the whole tensor", () => {
    expect(plain(tensorFor(state("x", "i16", [2, 2]), parseInputSource("x", "-5")))).toEqual({ dtype: "i16", shape: [2, 2], data: [-5, -5, -5, -5] });
    expect(tensorFor(state("x", "u64", []), parseInputSource("x", "18446744073709551615")).data[0]).toBe(2n ** 64n - 1n);
    expect(tensorFor(state("x", "bf16", []), parseInputSource("x", "1")).data[0]).toBe(0x3f80);
  });

  test.each([
    ["u8", "256", /256 is outside 0 to 255/],
    ["i8", "-129", /-129 is outside -128 to 127/],
    ["i32", "0.5", /0\.5 is not a whole number/],
    ["bool", "2", /2 is outside 0 to 1/],
    ["i64", "nan", /not a whole number/],
    ["f32", "1e39", /1e39 is larger than any f32; inf is infinity/],
    ["f64", "-1e400", /-1e400 is larger than any f64/],
    ["f16", "65520", /65520 is larger than any f16/],
    ["bf16", "3.4e38", /3.4e38 is larger than any bf16/],
  ] as const)("%s does not take %s", (dtype, text, message) => {
    expect(() => tensorFor(state("x", dtype, [2]), parseInputSource("x", text))).toThrow(message);
  });

  test("a file of another dtype or shape names both", () => {
    expect(() => tensorFor(state("x", "u8", [4]), counting("f32", [4]))).toThrow(/x is u8, but .* holds f32/);
    expect(() => tensorFor(state("x", "u8", [4]), counting("u8", [2, 2]))).toThrow(/x is u8\[4\], but .* holds u8\[2, 2\]/);
  });

  test("f32 files serve bf16 states, rounded", () => {
    expect(plain(tensorFor(state("x", "bf16", [2]), counting("f32", [2]))).data).toEqual([0, 0x3f80]);
  });
});

describe("slices", () => {
  test("the slices of a file, joined, are the file", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }), (batch, count, rest) => {
        const source = counting("i32", [batch * count, ...rest]);
        const feed = planFeed([state("x", "i32", [batch, ...rest])], new Map([["x", source]]));
        expect(feed.runs).toBe(count);
        const gathered = new Gathered(feed.runs, feed.batches);
        for (let run = 0; run < feed.runs; run++) gathered.add({ y: feed.at(run).x!, run: { dtype: "i32", shape: [], data: Int32Array.of(run) } });
        const { y, run } = Object.fromEntries(gathered.all());
        expect(plain(y!)).toEqual({ dtype: "i32", shape: [batch * count, ...rest], data: Array.from({ length: sizeOf([batch * count, ...rest]) }, (_, index) => index) });
        expect(plain(run!).data).toEqual([count - 1]);
      }),
      { numRuns: 30 },
    );
  });

  test("an output that has not the batch first keeps its last value", () => {
    const gathered = new Gathered(2, new Set([4]));
    for (const run of [1, 2]) gathered.add({ sums: { dtype: "f32", shape: [3], data: Float32Array.of(run, run, run) } });
    expect(plain(gathered.all().get("sums")!)).toEqual({ dtype: "f32", shape: [3], data: [2, 2, 2] });
  });

  test("a length that is no multiple names both", () => {
    expect(() => planFeed([state("x", "u8", [100, 2])], new Map([["x", counting("u8", [250, 2])]]))).toThrow(/250, is not a multiple of that of x, 100/);
  });

  test("inputs of different length are refused, also when one is a single batch", () => {
    const states = [state("x", "u8", [4]), state("y", "u8", [4])];
    expect(() => planFeed(states, new Map([["x", counting("u8", [8])], ["y", counting("u8", [12])]]))).toThrow(/x holds 8 = 2 × 4, but y holds 12 = 3 × 4/);
    expect(() => planFeed(states, new Map([["x", counting("u8", [8])], ["y", counting("u8", [4])]]))).toThrow(/y holds 4 = 1 × 4/);
  });

  test("what has another first dimension, and numbers, are fed to every run", () => {
    const states = [state("x", "u8", [2]), state("table", "u8", [3]), state("k", "u8", [2])];
    const feed = planFeed(states, new Map<string, InputSource>([["x", counting("u8", [6])], ["table", counting("u8", [3])], ["k", parseInputSource("k", "9")]]));
    expect(feed.runs).toBe(3);
    expect(Object.fromEntries(Object.entries(feed.at(2)).map(([name, tensor]) => [name, plain(tensor).data]))).toEqual({ x: [4, 5], table: [0, 1, 2], k: [9, 9] });
  });

  test("a scalar takes no longer file", () => {
    expect(() => planFeed([state("x", "f32", [])], new Map([["x", counting("f32", [3])]]))).toThrow(/x is f32, but .* holds f32\[3\]/);
  });
});

describe("streams", () => {
  const elements = (source: InputSource, shape: readonly number[], most: number): number[][] => {
    const taken: number[][] = [];
    for (const element of streamElements(state("s", "u8", shape), source)) {
      if (taken.push(plain(element).data) === most) break;
    }
    return taken;
  };

  test("a file gives its elements in turn, stacked or one behind the other", () => {
    expect(elements(counting("u8", [3, 2]), [2], 9)).toEqual([[0, 1], [2, 3], [4, 5]]);
    expect(elements(counting("u8", [6]), [2], 9)).toEqual([[0, 1], [2, 3], [4, 5]]);
    expect(elements(counting("u8", [3]), [], 9)).toEqual([[0], [1], [2]]);
  });

  test("a file that holds no whole number of elements is told what they are", () => {
    expect(() => elements(counting("u8", [7]), [2], 9)).toThrow(/holds 7 along the first dimension, which is not a multiple of the 2 of an element of the stream s, u8\[2\]/);
    expect(() => elements(counting("u8", [3, 5]), [2], 9)).toThrow(/an element of the stream s is u8\[2\], but .* holds u8\[3, 5\]/);
    const help = (shape: readonly number[]): unknown => {
      try {
        return elements(counting("u8", [3, 5, 7]), shape, 9);
      } catch (error) {
        return (error as { help?: string }).help;
      }
    };
    expect(help([2])).toBe("a file has k elements side by side, u8[k, 2], or along their first dimension, u8[k · 2]");
    expect(help([])).toBe("a file has k elements side by side, u8[k]");
    expect(help([2, 5])).toBe("a file has k elements side by side, u8[k, 2, 5], or along their first dimension, u8[k · 2, 5]");
  });

  test("numbers and random values never end", () => {
    expect(elements(parseInputSource("s", "7"), [1], 4)).toEqual([[7], [7], [7], [7]]);
    const random = elements(parseInputSource("s", "random:1"), [8], 3);
    expect(random).toHaveLength(3);
    expect(random[0]).not.toEqual(random[1]);
  });
});
