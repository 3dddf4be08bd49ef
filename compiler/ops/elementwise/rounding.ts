/** Elementwise rounding of floats to whole numbers. */
import { unary } from "../../kernel/build.ts";
import { elementwise } from "./elementwise.ts";
import type { Op } from "../op.ts";

const noGradient = "rounding is piecewise constant";

/** To the nearest whole number, halves to the even one; keeps the sign of zero. */
function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  const rounded = rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

export const rounding: readonly Op[] = [
  elementwise({
    name: "floor", summary: "The whole number at or below.", formula: "y = ⌊x⌋", operands: ["x"], accepts: "float", noGradient,
    float: ([x]) => Math.floor(x!),
    scalar: ([x]) => unary("floor", x!),
    known: { dtype: "f32", inputs: [[1.5, -1.5, 2]], result: [1, -2, 2] },
  }),
  elementwise({
    name: "ceil", summary: "The whole number at or above.", formula: "y = ⌈x⌉", operands: ["x"], accepts: "float", noGradient,
    float: ([x]) => Math.ceil(x!),
    scalar: ([x]) => unary("ceil", x!),
    known: { dtype: "f32", inputs: [[1.5, -1.5, 2]], result: [2, -1, 2] },
  }),
  elementwise({
    name: "round", summary: "The nearest whole number; halves go to the even one.", formula: "y = nearest whole number", operands: ["x"], accepts: "float", noGradient,
    float: ([x]) => roundHalfEven(x!),
    scalar: ([x]) => unary("nearest", x!),
    known: { dtype: "f32", inputs: [[0.5, 1.5, 2.5, -0.5, -1.5, 2.4]], result: [0, 2, 2, -0, -2, 2] },
  }),
  elementwise({
    name: "trunc", summary: "The whole number toward zero.", formula: "y = whole part of x", operands: ["x"], accepts: "float", noGradient,
    float: ([x]) => Math.trunc(x!),
    scalar: ([x]) => unary("trunc", x!),
    known: { dtype: "f32", inputs: [[1.5, -1.5, 2]], result: [1, -1, 2] },
  }),
];
