/** Elementwise arithmetic. Integers wrap; integer division truncates toward zero and by zero ends the run. */
import { isFloat } from "../../../runtime/dtype.ts";
import { RuntimeError } from "../../graph/runtime-error.ts";
import { binary, constant, select, unary } from "../../kernel/build.ts";
import { elementwise } from "./elementwise.ts";
import { byFormulas } from "../gradients.ts";
import type { Op } from "../op.ts";

const nonZero = (divisor: bigint): bigint => {
  if (divisor === 0n) throw new RuntimeError("division-by-zero", "integer division by zero");
  return divisor;
};

const pair = ["a", "b"] as const;

/** Of min and max: the one that is chosen has the gradient; of two equal ones it is the second. */
const chosen = (comparison: "lt" | "gt") =>
  byFormulas((f, { args: [a, b], g }) => {
    const [zero, first] = [f.number(0), f.of(comparison, a!, b!)];
    return [f.select(first, g, zero), f.select(first, zero, g)];
  });

export const arithmetic: readonly Op[] = [
  elementwise({
    name: "add", summary: "Sum of two tensors.", formula: "y = a + b", operands: pair, accepts: "number", signature: null,
    gradient: byFormulas((_, { g }) => [g, g]),
    float: ([a, b]) => a! + b!,
    integer: ([a, b]) => a! + b!,
    scalar: ([a, b]) => binary("add", a!, b!),
    known: { dtype: "i8", inputs: [[100, -100, 3], [100, -100, 4]], result: [-56, 56, 7] },
  }),
  elementwise({
    name: "sub", summary: "Difference of two tensors.", formula: "y = a - b", operands: pair, accepts: "number", signature: null,
    gradient: byFormulas((f, { g }) => [g, f.neg(g)]),
    float: ([a, b]) => a! - b!,
    integer: ([a, b]) => a! - b!,
    scalar: ([a, b]) => binary("sub", a!, b!),
    known: { dtype: "u8", inputs: [[3, 200, 0], [4, 100, 255]], result: [255, 100, 1] },
  }),
  elementwise({
    name: "mul", summary: "Product of two tensors, element by element.", formula: "y = a · b", operands: pair, accepts: "number", signature: null,
    gradient: byFormulas((f, { args: [a, b], g }) => [f.mul(g, b!), f.mul(g, a!)]),
    float: ([a, b]) => a! * b!,
    integer: ([a, b]) => a! * b!,
    scalar: ([a, b]) => binary("mul", a!, b!),
    known: { dtype: "i32", inputs: [[123_456_789, -5, 65_536], [987_654_321, 7, 65_536]], result: [-67_153_019, -35, 0] },
  }),
  elementwise({
    name: "div", summary: "Quotient; of integers truncated toward zero.", formula: "y = a / b", operands: pair, accepts: "number", signature: null, divides: true,
    gradient: byFormulas((f, { args: [, b], y, g }) => [f.div(g, b!), f.neg(f.div(f.mul(g, y), b!))]),
    float: ([a, b]) => a! / b!,
    integer: ([a, b]) => a! / nonZero(b!),
    scalar: ([a, b]) => binary("div", a!, b!),
    known: { dtype: "i32", inputs: [[7, -7, -2_147_483_648], [2, 2, -1]], result: [3, -3, -2_147_483_648] },
  }),
  elementwise({
    name: "rem", summary: "Remainder of the truncated division; it has the sign of a.", formula: "y = a - b · trunc(a / b)", operands: pair, accepts: "number", divides: true,
    gradient: byFormulas((f, { args: [a, b], g }) => [g, f.neg(f.mul(g, f.constant(f.of("trunc", f.div(a!, b!)))))]),
    float: ([a, b]) => a! % b!,
    integer: ([a, b]) => a! % nonZero(b!),
    scalar: ([a, b]) => binary("rem", a!, b!),
    known: { dtype: "f64", inputs: [[7.5, -7.5, 7], [2, 2, -4]], result: [1.5, -1.5, 3] },
  }),
  elementwise({
    name: "min", summary: "The smaller of two; NaN if either is NaN.", formula: "y = min(a, b)", operands: pair, accepts: "number",
    gradient: chosen("lt"),
    float: ([a, b]) => Math.min(a!, b!),
    integer: ([a, b]) => (a! < b! ? a! : b!),
    scalar: ([a, b]) => binary("min", a!, b!),
    known: { dtype: "f32", inputs: [[1, NaN, 2], [2, 0, NaN]], result: [1, NaN, NaN] },
  }),
  elementwise({
    name: "max", summary: "The larger of two; NaN if either is NaN.", formula: "y = max(a, b)", operands: pair, accepts: "number",
    gradient: chosen("gt"),
    float: ([a, b]) => Math.max(a!, b!),
    integer: ([a, b]) => (a! > b! ? a! : b!),
    scalar: ([a, b]) => binary("max", a!, b!),
    known: { dtype: "u8", inputs: [[1, 200], [2, 100]], result: [2, 200] },
  }),
  elementwise({
    name: "neg", summary: "The opposite; wraps for integers.", formula: "y = -x", operands: ["x"], accepts: "number",
    gradient: byFormulas((f, { g }) => [f.neg(g)]),
    float: ([x]) => -x!,
    integer: ([x]) => -x!,
    scalar: ([x]) => unary("neg", x!),
    known: { dtype: "i8", inputs: [[5, -128, 0]], result: [-5, -128, 0] },
  }),
  elementwise({
    name: "abs", summary: "The distance from zero; the smallest integer stays itself.", formula: "y = |x|", operands: ["x"], accepts: "number",
    gradient: byFormulas((f, { args: [x], g }) => [f.mul(g, f.constant(f.of("sign", x!)))]),
    float: ([x]) => Math.abs(x!),
    integer: ([x]) => (x! < 0n ? -x! : x!),
    scalar: ([x]) => (x!.dtype.startsWith("u") ? x! : unary("abs", x!)),
    known: { dtype: "i8", inputs: [[5, -5, -128]], result: [5, 5, -128] },
  }),
  elementwise({
    name: "sign", summary: "-1, 0 or 1; NaN and the sign of zero are kept.", formula: "y = x / |x|, or x where x = 0", operands: ["x"], accepts: "number",
    noGradient: "it is piecewise constant",
    float: ([x]) => Math.sign(x!),
    integer: ([x]) => (x! > 0n ? 1n : x! < 0n ? -1n : 0n),
    scalar: ([x]) => {
      const zero = constant(x!.dtype, x!.dtype === "i64" || x!.dtype === "u64" ? 0n : 0);
      const one = constant(x!.dtype, x!.dtype === "i64" || x!.dtype === "u64" ? 1n : 1);
      const rest = isFloat(x!.dtype) || x!.dtype.startsWith("i") ? select(binary("lt", x!, zero), unary("neg", one), x!) : x!;
      return select(binary("gt", x!, zero), one, rest);
    },
    known: { dtype: "f32", inputs: [[2.5, -0.1, 0, NaN]], result: [1, -1, 0, NaN] },
  }),
  elementwise({
    name: "fma", summary: "Product and sum; rounded after each unless the target may fuse them.", formula: "y = a · b + c", operands: ["a", "b", "c"], accepts: "number",
    gradient: byFormulas((f, { args: [a, b], g }) => [f.mul(g, b!), f.mul(g, a!), g]),
    float: ([a, b, c], round) => round(a! * b!) + c!,
    integer: ([a, b, c]) => a! * b! + c!,
    scalar: ([a, b, c]) => binary("add", binary("mul", a!, b!), c!),
    known: { dtype: "f64", inputs: [[2, 3], [4, 5], [1, -15]], result: [9, 0] },
  }),
  elementwise({
    name: "clamp", summary: "x brought into low … high; NaN stays NaN.", formula: "y = min(max(x, low), high)", operands: ["x", "low", "high"], accepts: "number",
    gradient: byFormulas((f, { args: [x, low, high], g }) => {
      const zero = f.number(0);
      const above = f.of("gt", f.of("max", x!, low!), high!);
      const below = f.of("lt", x!, low!);
      return [f.select(f.of("or", above, below), zero, g), f.select(above, zero, f.select(below, g, zero)), f.select(above, g, zero)];
    }),
    float: ([x, low, high]) => Math.min(Math.max(x!, low!), high!),
    integer: ([x, low, high]) => {
      const raised = x! > low! ? x! : low!;
      return raised < high! ? raised : high!;
    },
    scalar: ([x, low, high]) => binary("min", binary("max", x!, low!), high!),
    known: { dtype: "f32", inputs: [[-1, 0.25, 7], [0, 0, 0], [1, 1, 1]], result: [0, 0.25, 1] },
  }),
];
