/** Random numbers. */
import { line, million, waves, type Case, type Cases, type Limit } from "./case.ts";
import * as formulas from "./formulas.ts";

/** High and low word of a product of two words, of which JavaScript has the low one. */
function highWord(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return (a1 * b1 + Math.floor((a0 * b1 + (middle % 65_536)) / 65_536) + Math.floor(middle / 65_536)) >>> 0;
}

/** Philox4x32-10 with key (7, 0) at counters (block, 0, 3, 0): `visit` gets four words. */
function philox(blocks: number, visit: (block: number, a: number, b: number, c: number, d: number) => void): void {
  for (let block = 0; block < blocks; block++) {
    let [a, b, c, d, k0, k1] = [block, 0, 3, 0, 7, 0];
    for (let round = 0; round < 10; round++) {
      const [high0, low0, high1, low1] = [highWord(a, 0xd2511f53), Math.imul(a, 0xd2511f53), highWord(c, 0xcd9e8d57), Math.imul(c, 0xcd9e8d57)];
      [a, b, c, d] = [(high1 ^ b ^ k0) >>> 0, low1 >>> 0, (high0 ^ d ^ k1) >>> 0, low0 >>> 0];
      k0 = (k0 + 0x9e3779b9) >>> 0;
      k1 = (k1 + 0xbb67ae85) >>> 0;
    }
    visit(block, a, b, c, d);
  }
}

function uniforms(y: Float32Array): void {
  philox(y.length / 4, (block, ...words) => words.forEach((word, k) => (y[4 * block + k] = (word >>> 8) / 2 ** 24)));
}

function normals(y: Float32Array): void {
  const pair = (at: number, first: number, second: number): void => {
    const [radius, angle] = [Math.sqrt(-2 * Math.log((first + 1) / 2 ** 32)), 2 * Math.PI * ((second + 1) / 2 ** 32)];
    y[at] = radius * Math.cos(angle);
    y[at + 1] = radius * Math.sin(angle);
  };
  philox(y.length / 4, (block, a, b, c, d) => {
    pair(4 * block, a, b);
    pair(4 * block + 2, c, d);
  });
}

function random(name: string, main: string, imports: string, limit: Limit, work: (y: Float32Array, x: Float32Array) => void, tolerance: number): Case {
  const [x, y] = [waves(2 * million), new Float32Array(2 * million)];
  return {
    imports: [imports], operands: { step: { type: "i32", data: Int32Array.of(3) }, x: line(x) }, results: { y: `f32[${2 * million}]` }, main: `y = ${main};`, tolerance,
    limit: { written: 4 * y.length, ...limit }, native: { name, sizes: [2 * million] },
    plain() {
      work(y, x);
      return { y };
    },
  };
}

export const randomCases: Cases = {
  uniform: () => random("uniform", `uniform<f32>(7, step, ${2 * million})`, 'import { uniform } from "std/random";', formulas.times(formulas.uniform, 2 * million), uniforms, 0),
  normal: () => random("normal", `normal<f32>(7, step, ${2 * million})`, 'import { normal } from "std/random";', formulas.times(formulas.normal, 2 * million), normals, 1e-6),
  dropout: () => random("dropout", "dropout(x, 0.25, 7, step)", 'import { dropout } from "std/nn";', { read: 8 * million, ...formulas.times(formulas.plus(formulas.uniform, 3), 2 * million) }, (y, x) => {
    uniforms(y);
    for (let i = 0; i < y.length; i++) y[i] = y[i]! < 0.25 ? 0 : x[i]! / 0.75;
  }, 1e-6),
};
