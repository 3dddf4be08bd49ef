/** Elementwise tests of floats for NaN and infinity. */
import { binary, constant, unary } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import { elementwise } from "./elementwise.ts";
import type { Op } from "../op.ts";

const noGradient = "a test is piecewise constant";
const infinity = (x: Expression): Expression => constant(x.dtype, Infinity);

export const classification: readonly Op[] = [
  elementwise({
    name: "is_nan", summary: "Where x is not a number.", formula: "y = (x ≠ x)", operands: ["x"], accepts: "float", gives: "bool", noGradient,
    float: ([x]) => Number.isNaN(x!),
    scalar: ([x]) => binary("ne", x!, x!),
    known: { dtype: "f32", inputs: [[1, NaN, Infinity, -Infinity]], result: [0, 1, 0, 0] },
  }),
  elementwise({
    name: "is_inf", summary: "Where x is infinite, with either sign.", formula: "y = (|x| = ∞)", operands: ["x"], accepts: "float", gives: "bool", noGradient,
    float: ([x]) => Math.abs(x!) === Infinity,
    scalar: ([x]) => binary("eq", unary("abs", x!), infinity(x!)),
    known: { dtype: "f32", inputs: [[1, NaN, Infinity, -Infinity]], result: [0, 0, 1, 1] },
  }),
  elementwise({
    name: "is_finite", summary: "Where x is neither infinite nor NaN.", formula: "y = (|x| < ∞)", operands: ["x"], accepts: "float", gives: "bool", noGradient,
    float: ([x]) => Number.isFinite(x!),
    scalar: ([x]) => binary("lt", unary("abs", x!), infinity(x!)),
    known: { dtype: "f32", inputs: [[1, NaN, Infinity, -Infinity]], result: [1, 0, 0, 0] },
  }),
];
