/** What networks are made of beside their products: pools, norms, a loss, an optimiser, a step of an LSTM. */
import { line, matrix, million, rows, scattered, size, waves, width, type Case, type Cases } from "./case.ts";
import { exponentialBelow, largestOfWindow, plus, times } from "./formulas.ts";

/** 32 images with 32 channels of 64 × 64. */
function pooling(name: "max" | "avg", step: number): Case {
  const [planes, side] = [1024, 64];
  const out = side / step;
  const [x, y] = [waves(planes * side * side), new Float32Array(planes * out * out)];
  const global = step === side;
  return {
    imports: [`import { ${global ? `global_${name}_pool2d` : `${name}_pool2d`} } from "std/nn";`.replace("global_max_pool2d", "global_max_pool")],
    operands: { x: { type: `f32[32, 32, ${side}, ${side}]`, data: x } }, results: { y: global ? "f32[32, 32]" : `f32[32, 32, ${out}, ${out}]` },
    main: global ? `y = global_${name}_pool${name === "max" ? "" : "2d"}(x);` : `y = ${name}_pool2d(x, ${step}, ${step});`, tolerance: 1e-5,
    limit: { read: 4 * x.length, written: 4 * y.length, ...(name === "max" && step === 2 ? times(largestOfWindow, y.length) : {}) },
    ...(step === 2 ? { native: { name: `${name}_pool`, sizes: [planes * out, out] } } : { native: { name: name === "max" ? "row_largest" : "row_means", sizes: [planes, side * side] } }),
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

/** A sum; the sum of the squares of what is left without the mean; that, scaled and shifted. */
const normSteps = 1 + 3 + 3;

function normalising(name: "batch_norm_training" | "group_norm"): Case {
  const [images, channels, area] = [32, 64, 1024];
  const [x, y] = [waves(images * channels * area), new Float32Array(images * channels * area)];
  const batches = Array.from({ length: channels }, (_, c) => Array.from({ length: images }, (__, n) => (n * channels + c) * area));
  const groups = Array.from({ length: images * 8 }, (_, g) => [g * 8 * area]);
  const type = `f32[${images}, ${channels}, 32, 32]`;
  const [ones, zeros] = [`ones<f32>(${channels})`, `zeros<f32>(${channels})`];
  return {
    imports: [`import { ${name} } from "std/nn";`], operands: { x: { type, data: x } }, results: { y: type }, tolerance: 1e-4, limit: { read: 4 * x.length, written: 4 * x.length, steps: normSteps * x.length },
    native: name === "group_norm" ? { name, sizes: [images * 8, 8 * area] } : { name: "batch_norm", sizes: [images, channels, area] },
    main: name === "group_norm" ? `y = group_norm(x, ${ones}, ${zeros}, 8);` : `let (z, a, v) = batch_norm_training(x, ${ones}, ${zeros}, ${zeros}, ${ones}); y = z;`,
    plain() {
      if (name === "group_norm") normalised(x, y, groups, 8 * area);
      else normalised(x, y, batches, area);
      return { y };
    },
  };
}

function crossEntropy(): Case {
  const [x, labels, y] = [waves(size), scattered(rows, width), new Float32Array(1)];
  return {
    imports: ['import { cross_entropy } from "std/nn";'], operands: { x: matrix(x), labels: { type: `i32[${rows}]`, data: labels } }, results: { y: "f32" }, main: "y = cross_entropy(x, labels);", tolerance: 1e-4,
    limit: { read: 4 * size, ...times(plus(exponentialBelow, 6), size) }, native: { name: "cross_entropy", sizes: [rows, width] },
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
    limit: { read: 16 * million, written: 12 * million, steps: 9 * million, quotients: 2 * million }, native: { name: "adam", sizes: [million] },
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
    results: { y: `f32[1, ${b}, ${h}]` }, main: "let (all, end, memory) = lstm(x, start, cell, wx, wh, bias); y = all;", tolerance: 1e-5, limit: { operations: 2 * b * 2 * h * 4 * h }, native: { name: "lstm_step", sizes: [b] },
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

export const networkCases: Cases = {
  "max_pool2d, 2": () => pooling("max", 2),
  "avg_pool2d, 2": () => pooling("avg", 2),
  "global max pool": () => pooling("max", 64),
  "global average pool": () => pooling("avg", 64),
  batch_norm_training: () => normalising("batch_norm_training"),
  group_norm: () => normalising("group_norm"),
  cross_entropy: crossEntropy,
  "adam, 1M weights": adamStep,
  "lstm step": lstmStep,
};
