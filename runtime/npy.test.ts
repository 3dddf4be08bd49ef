import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newArray, sizeOf, viewArray, type DType } from "./dtype.ts";
import { FormatError } from "./errors.ts";
import { readNpy, writeNpy } from "./npy.ts";
import { numpyFiles } from "./testing/numpy-files.ts";
import { anyTensor } from "./testing/tensors.ts";

const file = (name: keyof typeof numpyFiles): Uint8Array => new Uint8Array(Buffer.from(numpyFiles[name], "base64"));
const tensor = (dtype: DType, shape: readonly number[], values: readonly (number | bigint)[]): object => {
  const data = newArray(dtype, values.length);
  values.forEach((value, index) => { data[index] = value as never; });
  return { dtype, shape, data };
};

describe("readNpy", () => {
  it("reads what NumPy wrote", () => {
    expect(readNpy(file("f2"))).toEqual(tensor("f16", [3], [1.5, -2, 65504]));
    expect(readNpy(file("f4"))).toEqual(tensor("f32", [2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]));
    expect(readNpy(file("f8"))).toEqual(tensor("f64", [], [Math.PI]));
    expect(readNpy(file("i1"))).toEqual(tensor("i8", [2], [-128, 127]));
    expect(readNpy(file("i2"))).toEqual(tensor("i16", [2, 1], [-32768, 32767]));
    expect(readNpy(file("i4"))).toEqual(tensor("i32", [2], [-(2 ** 31), 2 ** 31 - 1]));
    expect(readNpy(file("i8"))).toEqual(tensor("i64", [2], [-(2n ** 63n), 2n ** 63n - 1n]));
    expect(readNpy(file("u1"))).toEqual(tensor("u8", [2], [0, 255]));
    expect(readNpy(file("u2"))).toEqual(tensor("u16", [1], [65535]));
    expect(readNpy(file("u4"))).toEqual(tensor("u32", [1], [2 ** 32 - 1]));
    expect(readNpy(file("u8"))).toEqual(tensor("u64", [1], [2n ** 64n - 1n]));
    expect(readNpy(file("b1"))).toEqual(tensor("bool", [2, 2], [1, 0, 0, 1]));
    expect(readNpy(file("empty"))).toEqual(tensor("f32", [0, 3], []));
  });

  it("rearranges Fortran order", () => {
    expect(readNpy(file("fortran"))).toEqual(tensor("i32", [2, 3, 4], Array.from({ length: 24 }, (_, index) => index)));
  });

  it("refuses what gph has no dtype for, naming it", () => {
    expect(() => readNpy(file("big"))).toThrow('header: descr ">f4" is big-endian, which is not supported');
    expect(() => readNpy(file("complex"))).toThrow('header: descr "<c16" is no dtype of gph');
    expect(() => readNpy(file("struct"))).toThrow('header: descr begins with "[", which is not supported');
    expect(() => writeNpy({ dtype: "bf16", shape: [1], data: new Uint16Array(1) })).toThrow("dtype: .npy has no bf16");
  });

  it("refuses every truncation, and never throws anything but a FormatError", () => {
    const bytes = file("f4");
    for (let length = 0; length < bytes.length; length++) expect(() => readNpy(bytes.subarray(0, length))).toThrow(FormatError);
    fc.assert(fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const changed = bytes.slice();
      changed[at] = value;
      try {
        const read = readNpy(changed);
        expect(read.data.length).toBe(sizeOf(read.shape));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }), { numRuns: 3000 });
  });

  it("refuses headers that lie", () => {
    const withHeader = (text: string, data = 0): Uint8Array => {
      const bytes = new Uint8Array(12 + text.length + data);
      bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0]);
      new DataView(bytes.buffer).setUint32(8, text.length, true);
      bytes.set(new TextEncoder().encode(text), 12);
      return bytes;
    };
    const header = (shape: string): string => `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}}`;
    expect(readNpy(withHeader(header("(2,)"), 8)).shape).toEqual([2]);
    expect(() => readNpy(withHeader(header("(2,)"), 9))).toThrow("data: f32[2] needs 8 bytes, but 9 are there");
    expect(() => readNpy(withHeader(header("(4294967296, 4294967296, 0)"), 4))).toThrow("needs 0 bytes, but 4");
    expect(() => readNpy(withHeader(header("(9007199254740991, 9007199254740991)"), 4))).toThrow(FormatError);
    expect(() => readNpy(withHeader(header("(-1,)"), 4))).toThrow('"-1,)}" is not understood');
    expect(() => readNpy(withHeader(header("(1e3,)"), 4))).toThrow(FormatError);
    expect(() => readNpy(withHeader(header("(99999999999999999999,)"), 4))).toThrow("where a size is expected");
    expect(() => readNpy(withHeader(`${header("()")} evil()`, 4))).toThrow("follows its end");
    expect(() => readNpy(withHeader("{'descr': '<f4', 'descr': '<f4'}"))).toThrow("descr is there twice");
    expect(() => readNpy(withHeader("{'descr': '<f4', 'shape': ()}", 4))).toThrow("fortran_order is missing");
    expect(() => readNpy(withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': ()}", 4))).toThrow('"x" is no field of .npy');
    expect(() => readNpy(withHeader(`{'descr': '|b1', 'fortran_order': False, 'shape': ()}\u0002`))).toThrow(FormatError);
    expect(() => readNpy(withHeader("'".repeat(100_000)))).toThrow(FormatError);
    const huge = withHeader("");
    new DataView(huge.buffer).setUint32(8, 0xffff_ffff, true);
    expect(() => readNpy(huge)).toThrow("header: claims 4294967295 bytes, more than the 1048576 allowed");
  });
});

describe("writeNpy", () => {
  it("writes the bytes NumPy writes", () => {
    for (const name of ["f2", "f4", "f8", "i1", "i2", "u1", "u2", "u4", "u8", "b1", "empty"] as const) {
      expect(Buffer.from(writeNpy(readNpy(file(name)))).toString("base64"), name).toBe(numpyFiles[name]);
    }
  });

  it("writes what readNpy reads, for every dtype and shape", () => {
    fc.assert(fc.property(anyTensor({ without: ["bf16"] }), (written) => {
      const read = readNpy(writeNpy(written));
      expect([read.dtype, read.shape]).toEqual([written.dtype, written.shape]);
      expect(Buffer.from(read.data.buffer)).toEqual(Buffer.from(viewArray(written.dtype, written.data.buffer, 0, written.data.length).slice().buffer));
    }));
  });
});
