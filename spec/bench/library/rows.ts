/** Ops that read or write every element once: reductions, norms and functions of elements. */
import { onMatrix, rows, size, width, type Case, type Cases, type Limit, type Native, type Work } from "./case.ts";
import { errorFunction, exponential, exponentialBelow, plus, power, sigmoid, sine, tangent, times } from "./formulas.ts";

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
const mapped = (formula: string, plain: Work, native: string, tolerance = 1e-6, limit: Limit = {}, sizes: Native["sizes"] = [size]) => (): Case => ({
  ...onMatrix(formula, `f32[${rows}, ${width}]`, size, plain, tolerance, ['import { softmax, layer_norm, rms_norm, sigmoid, gelu } from "std/nn";'], limit), native: { name: native, sizes },
});

export const rowCases: Cases = {
  sum: () => onMatrix("sum(x)", "f32", 1, plainReduction((total, x) => total + x, 0), 1e-3),
  max: () => ({ ...onMatrix("max(x)", "f32", 1, plainReduction(Math.max, -Infinity)), native: { name: "row_largest", sizes: [1, size] } }),
  "sums of columns": () => ({
    ...onMatrix("sum(x, axis = 0)", `f32[${width}]`, width, (x, y) => {
      y.fill(0);
      for (let i = 0; i < x.length; i++) y[i % width]! += x[i]!;
    }, 1e-3),
    native: { name: "column_sums", sizes: [rows, width] },
  }),
  "sums of rows": () => onMatrix("sum(x, axis = 1)", `f32[${rows}]`, rows, (x, y) => {
    for (let row = 0; row < rows; row++) plainReduction((total, one) => total + one, 0)(x.subarray(row * width, (row + 1) * width), y.subarray(row));
  }, 1e-4),
  softmax: mapped("softmax(x)", plainSoftmax, "softmax", 1e-5, times(plus(exponentialBelow, 7), size), [rows, width]),
  layer_norm: mapped(`layer_norm(x, ones<f32>(${width}), zeros<f32>(${width}))`, plainNorm(true), "layer_norm", 1e-5, { steps: 8 * size }, [rows, width]),
  rms_norm: mapped(`rms_norm(x, ones<f32>(${width}))`, plainNorm(false), "rms_norm", 1e-5, { steps: 4 * size }, [rows, width]),
  "axpy chain": mapped("max((x * 0.5 + 1) * x - 0.25, 0)", eachElement((x) => Math.max((x * 0.5 + 1) * x - 0.25, 0)), "axpy_chain"),
  "tanh chain": mapped("tanh(x * 0.5 + 1) * 2 - x", eachElement((x) => Math.tanh(x * 0.5 + 1) * 2 - x), "tanh_chain", 1e-6, times(plus(tangent, 4), size)),
  exp: mapped("exp(x)", eachElement(Math.exp), "exponential", 1e-6, times(exponential, size)),
  sin: mapped("sin(x)", eachElement(Math.sin), "sine", 1e-6, times(sine, size)),
  pow: mapped("pow(abs(x), 2.3)", eachElement((x) => Math.abs(x) ** 2.3), "power", 1e-6, times(power, size)),
  sigmoid: mapped("sigmoid(x)", eachElement((x) => 1 / (1 + Math.exp(-x))), "sigmoid", 1e-6, times(sigmoid, size)),
  gelu: mapped("gelu(x)", eachElement((x) => x / (1 + Math.exp(-1.702 * x))), "gelu", 0.05, times(plus(errorFunction, 4), size)),
};
