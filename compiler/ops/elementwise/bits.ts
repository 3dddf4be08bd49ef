/** Elementwise logic on bool and on the bits of integers. Shifts take their amount modulo the width. */
import { dtypes, type DType } from "../../../runtime/dtype.ts";
import { binary, unary } from "../../kernel/build.ts";
import { elementwise } from "./elementwise.ts";
import type { Op } from "../op.ts";

const noGradient = "bits have no derivative";
const amount = (shift: bigint, dtype: DType): bigint => BigInt.asUintN(64, shift) % BigInt(dtypes[dtype].bits);

export const bits: readonly Op[] = [
  elementwise({
    name: "and", summary: "Both: of bool, or of each bit.", formula: "y = a ∧ b", operands: ["a", "b"], accepts: "bits", signature: null, noGradient,
    integer: ([a, b]) => a! & b!,
    scalar: ([a, b]) => binary("and", a!, b!),
    known: { dtype: "i32", inputs: [[12, -1], [10, 7]], result: [8, 7] },
  }),
  elementwise({
    name: "or", summary: "Either: of bool, or of each bit.", formula: "y = a ∨ b", operands: ["a", "b"], accepts: "bits", signature: null, noGradient,
    integer: ([a, b]) => a! | b!,
    scalar: ([a, b]) => binary("or", a!, b!),
    known: { dtype: "u8", inputs: [[12, 128], [10, 1]], result: [14, 129] },
  }),
  elementwise({
    name: "xor", summary: "One of both: of bool, or of each bit.", formula: "y = a ⊕ b", operands: ["a", "b"], accepts: "bits", signature: null, noGradient,
    integer: ([a, b]) => a! ^ b!,
    scalar: ([a, b]) => binary("xor", a!, b!),
    known: { dtype: "bool", inputs: [[0, 0, 1, 1], [0, 1, 0, 1]], result: [0, 1, 1, 0] },
  }),
  elementwise({
    name: "not", summary: "The opposite of bool, or of each bit.", formula: "y = ¬x", operands: ["x"], accepts: "bits", signature: null, noGradient,
    integer: ([x], dtype) => (dtype === "bool" ? x! ^ 1n : ~x!),
    scalar: ([x]) => unary("not", x!),
    known: { dtype: "u8", inputs: [[0, 255, 12]], result: [255, 0, 243] },
  }),
  elementwise({
    name: "shl", summary: "Bits moved up, zeros from below.", formula: "y = a · 2^b", operands: ["a", "b"], accepts: "integer", signature: null, noGradient,
    integer: ([a, b], dtype) => a! << amount(b!, dtype),
    scalar: ([a, b]) => binary("shl", a!, b!),
    known: { dtype: "i32", inputs: [[1, 3, 1], [4, 31, 33]], result: [16, -2_147_483_648, 2] },
  }),
  elementwise({
    name: "shr", summary: "Bits moved down; signed integers keep their sign.", formula: "y = floor(a / 2^b)", operands: ["a", "b"], accepts: "integer", signature: null, noGradient,
    integer: ([a, b], dtype) => a! >> amount(b!, dtype),
    scalar: ([a, b]) => binary("shr", a!, b!),
    known: { dtype: "i8", inputs: [[-128, 127, 64], [1, 3, 8]], result: [-64, 15, 64] },
  }),
  elementwise({
    name: "popcount", summary: "How many bits are 1.", formula: "y = number of ones in x", operands: ["x"], accepts: "integer", noGradient,
    integer: ([x], dtype) => BigInt(BigInt.asUintN(dtypes[dtype].bits, x!).toString(2).replaceAll("0", "").length),
    scalar: ([x]) => unary("popcount", x!),
    known: { dtype: "i8", inputs: [[-1, 0, 5, -128]], result: [8, 0, 2, 1] },
  }),
];
