/** Casts from dtype to dtype. */
import { size, waves, type Case, type Cases, type Limit } from "./case.ts";
import { fromByte, fromHalf, toBrain, toByte, toHalf } from "./formulas.ts";

function casting(from: string, to: string, each: Limit, round: (value: number) => number, native?: string): Case {
  const [x, y] = [waves(size).map((value) => round(40 * value)), new Float32Array(size)];
  return {
    operands: { x: { type: `${from}[${size}]`, data: x } }, results: { y: `${to}[${size}]` }, main: `y = cast<${to}>(x);`, tolerance: 0,
    limit: { read: each.read! * size, written: each.written! * size, steps: (each.steps ?? 0) * size }, ...(native === undefined ? {} : { native: { name: native, sizes: [size] } }),
    plain() {
      for (let i = 0; i < size; i++) y[i] = round(x[i]!);
      return { y };
    },
  };
}

const [asFloat, asBits] = [new Float32Array(1), new Uint32Array(1)];
const bitsOf = new Uint32Array(asFloat.buffer);
const floatOf = new Float32Array(asBits.buffer);
function roundToBrain(value: number): number {
  asFloat[0] = value;
  const bits = bitsOf[0]!;
  asBits[0] = ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) << 16;
  return floatOf[0]!;
}

export const castCases: Cases = {
  "cast, f32 to f16": () => casting("f32", "f16", { read: 4, written: 2, ...toHalf }, Math.f16round),
  "cast, f16 to f32": () => casting("f16", "f32", { read: 2, written: 4, ...fromHalf }, Math.f16round),
  "cast, f32 to bf16": () => casting("f32", "bf16", { read: 4, written: 2, ...toBrain }, roundToBrain),
  "cast, bf16 to f32": () => casting("bf16", "f32", { read: 2, written: 4 }, roundToBrain),
  "cast, f32 to i8": () => casting("f32", "i8", { read: 4, written: 1, ...toByte }, Math.trunc, "cast_to_i8"),
  "cast, i8 to f32": () => casting("i8", "f32", { read: 1, written: 4, ...fromByte }, Math.trunc, "cast_from_i8"),
};
