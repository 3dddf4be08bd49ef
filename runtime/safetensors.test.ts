import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "./errors.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import { anyTensor } from "./testing/tensors.ts";

/** A file of a header as text and so many bytes of data. */
function file(header: string, data = 0): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const bytesOfArray = (data: NodeJS.TypedArray | Float16Array): Buffer => Buffer.from(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer);

describe("safetensors", () => {
  it("reads a file laid out by hand", () => {
    const bytes = file(`{"__metadata__":{"format":"pt"},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}   `, 11);
    new DataView(bytes.buffer).setFloat32(bytes.length - 11, 1.5, true);
    bytes.set([7, 8, 9], bytes.length - 3);
    expect(readSafetensors(bytes)).toEqual(new Map<string, object>([
      ["b", { dtype: "u8", shape: [3], data: Uint8Array.of(7, 8, 9) }],
      ["a", { dtype: "f32", shape: [1, 2], data: Float32Array.of(1.5, 0) }],
    ]));
    expect(readSafetensors(file("{}")).size).toBe(0);
  });

  it("reads what it wrote, for every dtype, shape and name", () => {
    const name = fc.string({ unit: "grapheme", minLength: 0, maxLength: 8 }).filter((text) => text !== "__metadata__");
    fc.assert(fc.property(fc.array(fc.tuple(fc.oneof(name, fc.constant("__proto__")), anyTensor()), { maxLength: 5 }), fc.dictionary(fc.string(), fc.string()), (list, metadata) => {
      const tensors = new Map(list);
      const read = readSafetensors(writeSafetensors(tensors, metadata));
      expect(new Set(read.keys())).toEqual(new Set(tensors.keys()));
      for (const [each, tensor] of tensors) {
        const back = read.get(each)!;
        expect([back.dtype, back.shape]).toEqual([tensor.dtype, tensor.shape]);
        expect(bytesOfArray(back.data)).toEqual(bytesOfArray(tensor.data));
      }
    }));
  });

  it("aligns the data of each tensor to its dtype", () => {
    const bytes = writeSafetensors(new Map([["a", { dtype: "bool", shape: [1], data: Uint8Array.of(1) }], ["b", { dtype: "f64", shape: [1], data: Float64Array.of(2) }]]));
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))).toMatchObject({ b: { data_offsets: [0, 8] }, a: { data_offsets: [8, 9] } });
  });

  it("names the field and both values of what is wrong", () => {
    const refused = (header: string, data: number, reason: string): void => expect(() => readSafetensors(file(header, data))).toThrow(reason);
    const a = (fields: string): string => `{"a":{${fields}}}`;
    refused(a(`"dtype":"F32","shape":[2],"data_offsets":[0,4]`), 4, "a: f32[2] needs 8 bytes, but data_offsets cover 4");
    refused(a(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`), 4, "a: data_offsets end at 8, but the data has 4 bytes");
    refused(a(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`), 9, "data: the tensors end at 8, but there are 9 bytes");
    refused(a(`"dtype":"F32","shape":[2],"data_offsets":[4,12]`), 12, "a: data_offsets begin at 4, but what is before ends at 0");
    refused(a(`"dtype":"F32","shape":[2],"data_offsets":[8,0]`), 8, "a: data_offsets begin at 8 and end before, at 0");
    refused(a(`"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]`), 2, 'a: dtype "F8_E4M3" is no dtype of gph');
    refused(a(`"dtype":"toString","shape":[2],"data_offsets":[0,2]`), 2, "is no dtype");
    refused(a(`"dtype":"F32","shape":[-2],"data_offsets":[0,8]`), 8, "a: shape must be an array of sizes, not [-2]");
    refused(a(`"dtype":"F32","shape":[1.5],"data_offsets":[0,8]`), 8, "shape");
    refused(a(`"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]`), 8, "needs");
    refused(a(`"dtype":"F32","shape":[2],"data_offsets":[0,8,9]`), 8, "data_offsets must be two positions");
    refused(a(`"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1`), 8, '"extra" is no field');
    refused(a(`"dtype":"F32","shape":[2]`), 8, "data_offsets must be two positions, not missing");
    refused(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6, "b: data_offsets begin at 2, inside of a, which ends at 4");
    refused(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, 'header: "a" is there twice');
    refused(a(`"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]`), 1, 'header: "shape" is there twice');
    refused(`{"__metadata__":{"a":1}}`, 0, "__metadata__: must be an object of strings");
    refused(`[]`, 0, "header: must be an object");
    refused(` {}`, 0, "from its first byte");
    refused(`{"a":`, 0, "not JSON");
    refused("[".repeat(200_000), 0, "header");
    refused(`{"${"x".repeat(2_000_000)}":1}`, 0, "must be an object, not 1");
    expect(() => readSafetensors(new Uint8Array(7))).toThrow("truncated: the file has only 7 bytes");
    expect(() => readSafetensors(new Uint8Array(8).fill(255))).toThrow("header: claims 18446744073709551615 bytes, more than the 100000000 allowed");
    expect(() => readSafetensors(file("{}").with(0, 50))).toThrow("truncated: the header claims 50 bytes but only 2 are left");
    expect(() => writeSafetensors(new Map([["a", { dtype: "f32", shape: [2], data: new Float32Array(3) }]]))).toThrow("a: f32[2] has 2 elements, but 3 were given");
  });

  it("refuses every truncation, and never throws anything but a FormatError", () => {
    const bytes = writeSafetensors(new Map([["w", { dtype: "f32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }], ["flag", { dtype: "bool", shape: [2], data: Uint8Array.of(0, 1) }]]));
    for (let length = 0; length < bytes.length; length++) expect(() => readSafetensors(bytes.subarray(0, length))).toThrow(FormatError);
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }), (changes) => {
      const changed = bytes.slice();
      for (const [at, value] of changes) changed[at] = value;
      try {
        readSafetensors(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }), { numRuns: 3000 });
  });
});
