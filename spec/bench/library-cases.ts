/** What `library.ts` measures: for each op its program, its operands, plain JavaScript for the same, and what limits it. */

export type Numbers = Float32Array | Int32Array;

export interface Case {
  readonly imports?: readonly string[];
  /** Functions of the program, before its graph. */
  readonly functions?: string;
  readonly operands: { readonly [name: string]: { readonly type: string; readonly data: Numbers } };
  readonly results: { readonly [name: string]: string };
  readonly main: string;
  /** Computes the results from the operands as they were given; always into the same arrays. */
  plain(): { readonly [name: string]: Numbers };
  /** Bytes read and written, and floating-point operations, that no way of computing it can do without. */
  readonly limit: { readonly read?: number; readonly written?: number; readonly operations?: number };
  /** Largest difference allowed, relative to the largest element. */
  readonly tolerance: number;
}

/** Fills y from x. */
export type Work = (x: Float32Array, y: Float32Array) => void;

export const rows = 4096;
export const width = 1024;
const size = rows * width;
const million = 1024 * 1024;

const waves = (count: number, seed = 0): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i + seed) * 3);
/** Whole numbers below `end` in an order without a pattern (a step of MINSTD, Park and Miller, 1988, for each). */
function scattered(count: number, end: number, seed = 1): Int32Array {
  let state = seed;
  return Int32Array.from({ length: count }, () => (state = (state * 48_271) % 2_147_483_647) % end);
}
const matrix = (data: Numbers): { type: string; data: Numbers } => ({ type: `f32[${rows}, ${width}]`, data });
const line = (data: Numbers): { type: string; data: Numbers } => ({ type: `f32[${data.length}]`, data });

/** An op on one matrix that reads it and writes `y`, of `count` elements. */
export function onMatrix(main: string, type: string, count: number, work: Work, tolerance = 0, imports: readonly string[] = []): Case {
  const [x, y] = [waves(size), new Float32Array(count)];
  return {
    imports, operands: { x: matrix(x) }, results: { y: type }, main: `y = ${main};`, tolerance, limit: { read: 4 * size, written: 4 * count },
    plain: () => {
      work(x, y);
      return { y };
    },
  };
}

function sums(stride: number, length: number): (x: Float32Array, y: Float32Array) => void {
  return (x, y) => {
    for (let row = 0; row < x.length / length; row++) {
      const start = stride === 1 ? row * length : row;
      for (let k = 0, total = 0; k < length; k++) y[start + k * stride] = total += x[start + k * stride]!;
    }
  };
}

/** y[k] = x[index], over a box whose last dimension is innermost. */
function permuted(shape: readonly number[], order: readonly number[]): (x: Float32Array, y: Float32Array) => void {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const [[a, b, c, d], [sa, sb, sc, sd]] = [order.map((axis) => shape[axis]!), order.map((axis) => strides[axis]!)] as unknown as [[number, number, number, number], [number, number, number, number]];
  return (x, y) => {
    let to = 0;
    for (let i = 0; i < a; i++) for (let j = 0; j < b; j++) for (let k = 0; k < c; k++) for (let l = 0; l < d; l++) y[to++] = x[i * sa + j * sb + k * sc + l * sd]!;
  };
}

function permutation(shape: readonly number[], order: readonly number[]): Case {
  const [x, y] = [waves(size), new Float32Array(size)];
  const work = permuted(shape, order);
  return {
    operands: { x: { type: `f32[${shape.join(", ")}]`, data: x } }, results: { y: `f32[${order.map((axis) => shape[axis]).join(", ")}]` },
    main: `y = transpose(x, (${order.join(", ")}));`, tolerance: 0, limit: { read: 4 * size, written: 4 * size },
    plain: () => {
      work(x, y);
      return { y };
    },
  };
}

function sorting(name: "sort" | "argsort", shape: readonly number[]): Case {
  const count = shape.reduce((a, b) => a * b, 1);
  const n = shape.at(-1)!;
  const x = Float32Array.from(scattered(count, 16_000_000), (value) => value / 7);
  const [y, order] = [new Float32Array(count), new Int32Array(count)];
  const type = `[${shape.join(", ")}]`;
  return {
    operands: { x: { type: `f32${type}`, data: x } }, results: { y: `${name === "sort" ? "f32" : "i32"}${type}` }, main: `y = ${name}(x);`, tolerance: 0,
    limit: { read: 4 * count, written: 4 * count },
    plain() {
      for (let start = 0; start < count; start += n) {
        if (name === "sort") {
          y.set(x.subarray(start, start + n), start);
          y.subarray(start, start + n).sort();
          continue;
        }
        const row = order.subarray(start, start + n);
        for (let k = 0; k < n; k++) row[k] = k;
        row.sort((a, b) => x[start + a]! - x[start + b]! || a - b);
      }
      return { y: name === "sort" ? y : order };
    },
  };
}

/** 32 images with 32 channels of 64 × 64. */
function pooling(name: "max" | "avg", step: number): Case {
  const [planes, side] = [1024, 64];
  const out = side / step;
  const [x, y] = [waves(planes * side * side), new Float32Array(planes * out * out)];
  const global = step === side;
  return {
    imports: [`import { ${global ? `global_${name}_pool2d` : `${name}_pool2d`} } from "std/nn";`.replace("global_max_pool2d", "global_max_pool")],
    operands: { x: { type: `f32[32, 32, ${side}, ${side}]`, data: x } }, results: { y: global ? "f32[32, 32]" : `f32[32, 32, ${out}, ${out}]` },
    main: global ? `y = global_${name}_pool${name === "max" ? "" : "2d"}(x);` : `y = ${name}_pool2d(x, ${step}, ${step});`, tolerance: 1e-5, limit: { read: 4 * x.length, written: 4 * y.length },
    plain() {
      for (let at = 0; at < y.length; at++) {
        const [plane, i, j] = [Math.floor(at / (out * out)), Math.floor(at / out) % out, at % out];
        let total = name === "max" ? -Infinity : 0;
        for (let p = 0; p < step; p++) for (let q = 0; q < step; q++) {
          const value = x[(plane * side + i * step + p) * side + j * step + q]!;
          total = name === "max" ? Math.max(total, value) : total + value / (step * step);
        }
        y[at] = total;
      }
      return { y };
    },
  };
}

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

/** Of Philox alone: ten rounds for four elements, of two products with both words, of which a vector has two; each counted as a multiplication and an addition of four floats. */
const philoxOperations = 20;

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

function random(main: string, imports: string, operations: number, work: (y: Float32Array, x: Float32Array) => void, tolerance: number): Case {
  const [x, y] = [waves(2 * million), new Float32Array(2 * million)];
  return {
    imports: [imports], operands: { step: { type: "i32", data: Int32Array.of(3) }, x: line(x) }, results: { y: `f32[${2 * million}]` }, main: `y = ${main};`, tolerance,
    limit: { written: 4 * y.length, operations: operations * y.length },
    plain() {
      work(y, x);
      return { y };
    },
  };
}

function casting(from: string, to: string, bytes: { readonly read: number; readonly written: number }, round: (value: number) => number): Case {
  const [x, y] = [waves(size).map((value) => round(40 * value)), new Float32Array(size)];
  return {
    operands: { x: { type: `${from}[${size}]`, data: x } }, results: { y: `${to}[${size}]` }, main: `y = cast<${to}>(x);`, tolerance: 0,
    limit: { read: bytes.read * size, written: bytes.written * size },
    plain() {
      for (let i = 0; i < size; i++) y[i] = round(x[i]!);
      return { y };
    },
  };
}

const [asFloat, asBits] = [new Float32Array(1), new Uint32Array(1)];
const bitsOf = new Uint32Array(asFloat.buffer);
const floatOf = new Float32Array(asBits.buffer);
function toBrain(value: number): number {
  asFloat[0] = value;
  const bits = bitsOf[0]!;
  asBits[0] = ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) << 16;
  return floatOf[0]!;
}

const vocabulary = 50_000;
const features = 256;
const picks = 4096;

function gathering(): Case {
  const [table, indices, y] = [waves(vocabulary * features), scattered(picks, vocabulary), new Float32Array(picks * features)];
  return {
    operands: { table: { type: `f32[${vocabulary}, ${features}]`, data: table }, indices: { type: `i32[${picks}]`, data: indices } }, results: { y: `f32[${picks}, ${features}]` },
    main: "y = gather(table, indices);", tolerance: 0, limit: { read: 4 * y.length, written: 4 * y.length },
    plain() {
      indices.forEach((from, k) => y.set(table.subarray(from * features, (from + 1) * features), k * features));
      return { y };
    },
  };
}

function scattering(): Case {
  const [table, indices, updates] = [waves(vocabulary * features), scattered(picks, vocabulary), waves(picks * features, 1)];
  const result = table.slice();
  return {
    operands: { table: { type: `f32[${vocabulary}, ${features}]`, data: table }, indices: { type: `i32[${picks}]`, data: indices }, updates: { type: `f32[${picks}, ${features}]`, data: updates } },
    results: { table: `f32[${vocabulary}, ${features}]` }, main: "table = scatter_add(table, indices, updates);", tolerance: 1e-6,
    limit: { read: 8 * updates.length, written: 4 * updates.length },
    plain() {
      indices.forEach((to, k) => {
        for (let j = 0; j < features; j++) result[to * features + j]! += updates[k * features + j]!;
      });
      return { table: result };
    },
  };
}

/** Elements of a vector that indices name, one by one. */
function gatheringElements(): Case {
  const [table, indices, y] = [waves(65_536), scattered(million, 65_536), new Float32Array(million)];
  return {
    operands: { table: line(table), indices: { type: `i32[${million}]`, data: indices } }, results: { y: `f32[${million}]` }, main: "y = 2 * gather(table, indices) + 1;", tolerance: 1e-6,
    limit: { read: 4 * million, written: 4 * million },
    plain() {
      for (let k = 0; k < million; k++) y[k] = 2 * table[indices[k]!]! + 1;
      return { y };
    },
  };
}

function oneHot(): Case {
  const [labels, y] = [scattered(rows, width), new Float32Array(size)];
  return {
    operands: { labels: { type: `i32[${rows}]`, data: labels } }, results: { y: `f32[${rows}, ${width}]` }, main: `y = one_hot<f32>(labels, ${width});`, tolerance: 0, limit: { written: 4 * size },
    plain() {
      y.fill(0);
      labels.forEach((label, row) => (y[row * width + label] = 1));
      return { y };
    },
  };
}

function topK(): Case {
  const [x, k] = [Float32Array.from(scattered(1024 * 1024, 16_000_000), (value) => value / 7), 8];
  const [values, places] = [new Float32Array(1024 * k), new Int32Array(1024 * k)];
  return {
    operands: { x: { type: "f32[1024, 1024]", data: x } }, results: { values: `f32[1024, ${k}]`, places: `i32[1024, ${k}]` },
    main: `let (v, p) = top_k(x, ${k}); values = v; places = p;`, tolerance: 0, limit: { read: 4 * x.length, written: 8 * values.length },
    plain() {
      for (let row = 0; row < 1024; row++) {
        for (let j = 0; j < k; j++) {
          let best = -1;
          for (let i = 0; i < 1024; i++) {
            if (places.subarray(row * k, row * k + j).includes(i)) continue;
            if (best === -1 || x[row * 1024 + i]! > x[row * 1024 + best]!) best = i;
          }
          places[row * k + j] = best;
          values[row * k + j] = x[row * 1024 + best]!;
        }
      }
      return { values, places };
    },
  };
}

/** Each group of `length` elements to mean 0 and variance 1, group g being `spans(g)`: starts of runs of `run` elements. */
function normalised(x: Float32Array, y: Float32Array, starts: readonly (readonly number[])[], run: number): void {
  for (const group of starts) {
    const count = group.length * run;
    let [total, squares] = [0, 0];
    for (const start of group) for (let i = start; i < start + run; i++) total += x[i]!;
    const mean = total / count;
    for (const start of group) for (let i = start; i < start + run; i++) squares += (x[i]! - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / count + 1e-5);
    for (const start of group) for (let i = start; i < start + run; i++) y[i] = (x[i]! - mean) * scale;
  }
}

function normalising(name: "batch_norm_training" | "group_norm"): Case {
  const [images, channels, area] = [32, 64, 1024];
  const [x, y] = [waves(images * channels * area), new Float32Array(images * channels * area)];
  const batches = Array.from({ length: channels }, (_, c) => Array.from({ length: images }, (__, n) => (n * channels + c) * area));
  const groups = Array.from({ length: images * 8 }, (_, g) => [g * 8 * area]);
  const type = `f32[${images}, ${channels}, 32, 32]`;
  const [ones, zeros] = [`ones<f32>(${channels})`, `zeros<f32>(${channels})`];
  return {
    imports: [`import { ${name} } from "std/nn";`], operands: { x: { type, data: x } }, results: { y: type }, tolerance: 1e-4, limit: { read: 4 * x.length, written: 4 * x.length },
    main: name === "group_norm" ? `y = group_norm(x, ${ones}, ${zeros}, 8);` : `let (z, a, v) = batch_norm_training(x, ${ones}, ${zeros}, ${zeros}, ${ones}); y = z;`,
    plain() {
      if (name === "group_norm") normalised(x, y, groups, 8 * area);
      else normalised(x, y, batches, area);
      return { y };
    },
  };
}

function products8(): Case {
  const n = 512;
  const [a, b, y] = [scattered(n * n, 255, 3).map((value) => value - 127), scattered(n * n, 255, 5).map((value) => value - 127), new Int32Array(n * n)];
  return {
    imports: ['import { matmul_i32 } from "std/quantised";'], operands: { a: { type: `i8[${n}, ${n}]`, data: a }, b: { type: `i8[${n}, ${n}]`, data: b } }, results: { y: `i32[${n}, ${n}]` },
    main: "y = matmul_i32(a, b);", tolerance: 1e-6, limit: { operations: 2 * n ** 3 },
    plain() {
      y.fill(0);
      for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) for (let j = 0; j < n; j++) y[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
      return { y };
    },
  };
}

/** A transform by halves, in place, of one row (Cooley and Tukey, 1965). */
function transform(re: Float32Array, im: Float32Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j]!, re[i]!, im[j]!, im[i]!];
  }
  for (let half = 1; half < n; half *= 2) {
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((-Math.PI * k) / half), Math.sin((-Math.PI * k) / half)];
      for (let i = k; i < n; i += 2 * half) {
        const [p, q] = [re[i + half]! * c - im[i + half]! * s, re[i + half]! * s + im[i + half]! * c];
        re[i + half] = re[i]! - p;
        im[i + half] = im[i]! - q;
        re[i]! += p;
        im[i]! += q;
      }
    }
  }
}

function fourier(name: "fft" | "rfft"): Case {
  const [batch, n] = [64, 4096];
  const kept = name === "fft" ? n : n / 2 + 1;
  const [x, z] = [waves(batch * n), waves(batch * n, 1)];
  const [re, im, p, q] = [new Float32Array(n), new Float32Array(n), new Float32Array(batch * kept), new Float32Array(batch * kept)];
  const whole = { type: `f32[${batch}, ${n}]`, data: x };
  return {
    imports: [`import { ${name} } from "std/fft";`], operands: name === "fft" ? { x: whole, z: { ...whole, data: z } } : { x: whole }, results: { p: `f32[${batch}, ${kept}]`, q: `f32[${batch}, ${kept}]` },
    main: `let (a, b) = ${name}(x${name === "fft" ? ", z" : ""}); p = a; q = b;`, tolerance: 1e-5, limit: { operations: (name === "fft" ? 5 : 2.5) * batch * n * Math.log2(n) },
    plain() {
      for (let row = 0; row < batch; row++) {
        re.set(x.subarray(row * n, (row + 1) * n));
        if (name === "fft") im.set(z.subarray(row * n, (row + 1) * n));
        else im.fill(0);
        transform(re, im);
        p.set(re.subarray(0, kept), row * kept);
        q.set(im.subarray(0, kept), row * kept);
      }
      return { p, q };
    },
  };
}

function sparse(columnsOfB: number): Case {
  const [m, each, n] = [8192, 16, columnsOfB];
  const [values, columns, b, y] = [waves(m * each), scattered(m * each, m), waves(m * n), new Float32Array(m * n)];
  const starts = Int32Array.from({ length: m + 1 }, (_, row) => row * each);
  return {
    imports: ['import { sparse_matmul } from "std/sparse";'],
    operands: { values: line(values), columns: { type: `i32[${m * each}]`, data: columns }, starts: { type: `i32[${m + 1}]`, data: starts }, b: { type: `f32[${m}, ${n}]`, data: b } },
    results: { y: `f32[${m}, ${n}]` }, main: "y = sparse_matmul(values, columns, starts, b);", tolerance: 1e-5, limit: { read: 8 * values.length + 4 * b.length, written: 4 * y.length, operations: 2 * values.length * n },
    plain() {
      y.fill(0);
      for (let row = 0; row < m; row++) for (let k = starts[row]!; k < starts[row + 1]!; k++) for (let j = 0; j < n; j++) y[row * n + j]! += values[k]! * b[columns[k]! * n + j]!;
      return { y };
    },
  };
}

/** Of an exponential: the multiple of ln 2, a polynomial of degree 6 and the scale, each a multiplication and an addition. */
const exponentialOperations = 20;

function crossEntropy(): Case {
  const [x, labels, y] = [waves(size), scattered(rows, width), new Float32Array(1)];
  return {
    imports: ['import { cross_entropy } from "std/nn";'], operands: { x: matrix(x), labels: { type: `i32[${rows}]`, data: labels } }, results: { y: "f32" }, main: "y = cross_entropy(x, labels);", tolerance: 1e-4,
    limit: { read: 4 * size, operations: exponentialOperations * size },
    plain() {
      y[0] = 0;
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let i = 0; i < width; i++) sum += Math.exp(x[row * width + i]!);
        y[0] += (Math.log(sum) - x[row * width + labels[row]!]!) / rows;
      }
      return { y };
    },
  };
}

function adamStep(): Case {
  const [w, gradient, first, second] = [waves(million), waves(million, 1), waves(million, 2), waves(million, 3).map(Math.abs)];
  const results = { w: w.slice(), first: first.slice(), second: second.slice() };
  return {
    imports: ['import { adam } from "std/optim";'], operands: { w: line(w), gradient: line(gradient), first: line(first), second: line(second), step: { type: "i32", data: Int32Array.of(3) } },
    results: { w: `f32[${million}]`, first: `f32[${million}]`, second: `f32[${million}]` }, main: "let (a, b, c) = adam(w, gradient, first, second, step, 0.001); w = a; first = b; second = c;", tolerance: 1e-5,
    limit: { read: 16 * million, written: 12 * million },
    plain() {
      const [c1, c2] = [1 - 0.9 ** 3, 1 - 0.999 ** 3];
      for (let i = 0; i < million; i++) {
        const m = (results.first[i] = 0.9 * first[i]! + 0.1 * gradient[i]!);
        const v = (results.second[i] = 0.999 * second[i]! + 0.001 * gradient[i]! ** 2);
        results.w[i] = w[i]! - (0.001 * (m / c1)) / (Math.sqrt(v / c2) + 1e-8);
      }
      return results;
    },
  };
}

function lstmStep(): Case {
  const [b, h] = [32, 256];
  const small = (count: number, seed: number): Float32Array => waves(count, seed).map((value) => value / 48);
  const [x, start, cell, wx, wh, bias] = [small(b * h, 0), small(b * h, 1), small(b * h, 2), small(4 * h * h, 3), small(4 * h * h, 4), small(4 * h, 5)];
  const [all, gates] = [new Float32Array(b * h), new Float32Array(4 * h)];
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
  return {
    imports: ['import { lstm } from "std/nn";'],
    operands: {
      x: { type: `f32[1, ${b}, ${h}]`, data: x }, start: { type: `f32[${b}, ${h}]`, data: start }, cell: { type: `f32[${b}, ${h}]`, data: cell },
      wx: { type: `f32[${h}, ${4 * h}]`, data: wx }, wh: { type: `f32[${h}, ${4 * h}]`, data: wh }, bias: line(bias),
    },
    results: { y: `f32[1, ${b}, ${h}]` }, main: "let (all, end, memory) = lstm(x, start, cell, wx, wh, bias); y = all;", tolerance: 1e-5, limit: { operations: 2 * b * 2 * h * 4 * h },
    plain() {
      for (let row = 0; row < b; row++) {
        gates.set(bias);
        for (let k = 0; k < h; k++) for (let j = 0; j < 4 * h; j++) gates[j]! += x[row * h + k]! * wx[k * 4 * h + j]! + start[row * h + k]! * wh[k * 4 * h + j]!;
        for (let j = 0; j < h; j++) {
          const memory = sigmoid(gates[h + j]!) * cell[row * h + j]! + sigmoid(gates[j]!) * Math.tanh(gates[2 * h + j]!);
          all[row * h + j] = sigmoid(gates[3 * h + j]!) * Math.tanh(memory);
        }
      }
      return { y: all };
    },
  };
}

const shifted = (by: number) => (x: Float32Array, y: Float32Array): void => {
  y.set(x.subarray(x.length - by), 0);
  y.set(x.subarray(0, x.length - by), by);
};

/** Every case by its name, made when it is measured. */
export const cases: { readonly [name: string]: () => Case } = {
  "cum_sum, last axis": () => onMatrix("cum_sum(x)", `f32[${rows}, ${width}]`, size, sums(1, width), 1e-5),
  "cum_sum, first axis": () => onMatrix("cum_sum(x, axis = 0)", `f32[${rows}, ${width}]`, size, sums(width, rows), 1e-5),
  "sort, 1M": () => sorting("sort", [million]),
  "sort, rows of 1024": () => sorting("sort", [1024, 1024]),
  "argsort, 1M": () => sorting("argsort", [million]),
  "argsort, rows of 1024": () => sorting("argsort", [1024, 1024]),
  "top_k, 8 of 1024": topK,
  "gather, rows": gathering,
  "gather, elements": gatheringElements,
  "scatter_add, rows": scattering,
  one_hot: oneHot,
  "transpose, 2-D": () => onMatrix("transpose(x)", `f32[${width}, ${rows}]`, size, permuted([1, 1, rows, width], [0, 1, 3, 2])),
  "permute, heads": () => permutation([8, 512, 16, 64], [0, 2, 1, 3]),
  "permute, channels last": () => permutation([16, 64, 64, 64], [0, 2, 3, 1]),
  "permute, channels first": () => permutation([16, 64, 64, 64], [0, 3, 1, 2]),
  pad: () => onMatrix("pad(x, (1, 3), (1, 3))", `f32[${rows + 2}, ${width + 6}]`, (rows + 2) * (width + 6), (x, y) => {
    for (let row = 0; row < rows; row++) y.set(x.subarray(row * width, (row + 1) * width), (row + 1) * (width + 6) + 3);
  }),
  "concat, columns": () => onMatrix("concat(x, x, axis = 1)", `f32[${rows}, ${2 * width}]`, 2 * size, (x, y) => {
    for (let row = 0; row < 2 * rows; row++) y.set(x.subarray((row >> 1) * width, ((row >> 1) + 1) * width), row * width);
  }),
  roll: () => onMatrix("roll(x, 5, axis = 0)", `f32[${rows}, ${width}]`, size, shifted(5 * width)),
  "max_pool2d, 2": () => pooling("max", 2),
  "avg_pool2d, 2": () => pooling("avg", 2),
  "global max pool": () => pooling("max", 64),
  "global average pool": () => pooling("avg", 64),
  uniform: () => random(`uniform<f32>(7, step, ${2 * million})`, 'import { uniform } from "std/random";', philoxOperations, uniforms, 0),
  normal: () => random(`normal<f32>(7, step, ${2 * million})`, 'import { normal } from "std/random";', philoxOperations + 60, normals, 1e-6),
  dropout: () => random("dropout(x, 0.25, 7, step)", 'import { dropout } from "std/nn";', philoxOperations, (y, x) => {
    uniforms(y);
    for (let i = 0; i < y.length; i++) y[i] = y[i]! < 0.25 ? 0 : x[i]! / 0.75;
  }, 1e-6),
  batch_norm_training: () => normalising("batch_norm_training"),
  group_norm: () => normalising("group_norm"),
  "cast, f32 to f16": () => casting("f32", "f16", { read: 4, written: 2 }, Math.f16round),
  "cast, f16 to f32": () => casting("f16", "f32", { read: 2, written: 4 }, Math.f16round),
  "cast, f32 to bf16": () => casting("f32", "bf16", { read: 4, written: 2 }, toBrain),
  "cast, bf16 to f32": () => casting("bf16", "f32", { read: 2, written: 4 }, toBrain),
  "cast, f32 to i8": () => casting("f32", "i8", { read: 4, written: 1 }, Math.trunc),
  "cast, i8 to f32": () => casting("i8", "f32", { read: 1, written: 4 }, Math.trunc),
  matmul_i32: products8,
  "fft, 64 of 4096": () => fourier("fft"),
  "rfft, 64 of 4096": () => fourier("rfft"),
  "sparse_matmul, 64 columns": () => sparse(64),
  "sparse_matmul, 1 column": () => sparse(1),
  cross_entropy: crossEntropy,
  "adam, 1M weights": adamStep,
  "lstm step": lstmStep,
};
