/**
 * Cases of `library.ts` that read or write every element once: reductions, norms and functions of elements.
 *
 * November 2026, one worker, 128-bit vectors, on a machine that other work kept busy: parts of the limit of memory for sums (1.00;
 * of columns 0.44), max (0.84), axpy chain (0.76), rms norm (0.59, reads its operand twice), layer norm (0.38, three passes over a row in
 * the cache). Where arithmetic binds, nanoseconds an element: exp 0.75, sigmoid 1.0, softmax 1.2, sin 1.3, tanh chain 1.4,
 * gelu 2.3, pow 5.7 (in f64).
 */
import { onMatrix, rows, width, type Case, type Work } from "./library-cases.ts";

const eachRow = (work: Work): Work => (x, y) => {
  for (let row = 0; row < rows; row++) work(x.subarray(row * width, (row + 1) * width), y.subarray(row * width, (row + 1) * width));
};
const eachElement = (f: (x: number) => number): Work => (x, y) => {
  for (let i = 0; i < x.length; i++) y[i] = f(x[i]!);
};

const plainSoftmax = eachRow((x, y) => {
  let largest = -Infinity;
  for (let i = 0; i < width; i++) largest = Math.max(largest, x[i]!);
  let sum = 0;
  for (let i = 0; i < width; i++) sum += y[i] = Math.exp(x[i]! - largest);
  for (let i = 0; i < width; i++) y[i] = y[i]! / sum;
});

function plainNorm(centre: boolean): Work {
  return eachRow((x, y) => {
    let mean = 0;
    if (centre) for (let i = 0; i < width; i++) mean += x[i]! / width;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (x[i]! - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / width + 1e-5);
    for (let i = 0; i < width; i++) y[i] = (x[i]! - mean) * scale;
  });
}

const plainReduction = (combine: (total: number, x: number) => number, start: number): Work => (x, y) => {
  let total = start;
  for (let i = 0; i < x.length; i++) total = combine(total, x[i]!);
  y[0] = total;
};

/** A result of the operand's shape, of functions of std/nn or of the language. */
const mapped = (formula: string, plain: Work, tolerance = 1e-6) => (): Case =>
  onMatrix(formula, `f32[${rows}, ${width}]`, rows * width, plain, tolerance, ['import { softmax, layer_norm, rms_norm, sigmoid, gelu } from "std/nn";']);

export const rowCases: { readonly [name: string]: () => Case } = {
  sum: () => onMatrix("sum(x)", "f32", 1, plainReduction((total, x) => total + x, 0), 1e-3),
  max: () => onMatrix("max(x)", "f32", 1, plainReduction(Math.max, -Infinity)),
  "sums of columns": () => onMatrix("sum(x, axis = 0)", `f32[${width}]`, width, (x, y) => {
    y.fill(0);
    for (let i = 0; i < x.length; i++) y[i % width]! += x[i]!;
  }, 1e-3),
  "sums of rows": () => onMatrix("sum(x, axis = 1)", `f32[${rows}]`, rows, (x, y) => {
    for (let row = 0; row < rows; row++) plainReduction((total, one) => total + one, 0)(x.subarray(row * width, (row + 1) * width), y.subarray(row));
  }, 1e-4),
  softmax: mapped("softmax(x)", plainSoftmax, 1e-5),
  layer_norm: mapped(`layer_norm(x, ones<f32>(${width}), zeros<f32>(${width}))`, plainNorm(true), 1e-5),
  rms_norm: mapped(`rms_norm(x, ones<f32>(${width}))`, plainNorm(false), 1e-5),
  "axpy chain": mapped("max((x * 0.5 + 1) * x - 0.25, 0)", eachElement((x) => Math.max((x * 0.5 + 1) * x - 0.25, 0))),
  "tanh chain": mapped("tanh(x * 0.5 + 1) * 2 - x", eachElement((x) => Math.tanh(x * 0.5 + 1) * 2 - x)),
  exp: mapped("exp(x)", eachElement(Math.exp)),
  sin: mapped("sin(x)", eachElement(Math.sin)),
  pow: mapped("pow(abs(x), 2.3)", eachElement((x) => Math.abs(x) ** 2.3)),
  sigmoid: mapped("sigmoid(x)", eachElement((x) => 1 / (1 + Math.exp(-x)))),
  gelu: mapped("gelu(x)", eachElement((x) => x / (1 + Math.exp(-1.702 * x))), 0.05),
};
