/** Elementwise comparisons: two tensors of one dtype to bool. With NaN only `ne` holds. */
import { binary } from "../../kernel/build.ts";
import type { ComparisonOp } from "../../kernel/kernel.ts";
import { elementwise } from "./elementwise.ts";
import type { Op } from "../op.ts";
import type { DTypeClass } from "../rules.ts";

interface Comparison {
  readonly name: ComparisonOp;
  readonly words: string;
  readonly symbol: string;
  readonly accepts: DTypeClass;
  readonly holds: <T extends number | bigint>(a: T, b: T) => boolean;
  /** For 1 2 NaN 3 against 2 2 NaN 1. */
  readonly known: readonly number[];
}

const list: readonly Comparison[] = [
  { name: "eq", words: "equal to", symbol: "=", accepts: "any", holds: (a, b) => a === b, known: [0, 1, 0, 0] },
  { name: "ne", words: "different from", symbol: "≠", accepts: "any", holds: (a, b) => a !== b, known: [1, 0, 1, 1] },
  { name: "lt", words: "less than", symbol: "<", accepts: "number", holds: (a, b) => a < b, known: [1, 0, 0, 0] },
  { name: "le", words: "less than or equal to", symbol: "≤", accepts: "number", holds: (a, b) => a <= b, known: [1, 1, 0, 0] },
  { name: "gt", words: "greater than", symbol: ">", accepts: "number", holds: (a, b) => a > b, known: [0, 0, 0, 1] },
  { name: "ge", words: "greater than or equal to", symbol: "≥", accepts: "number", holds: (a, b) => a >= b, known: [0, 1, 0, 1] },
];

export const comparison: readonly Op[] = list.map(({ name, words, symbol, accepts, holds, known }) =>
  elementwise({
    name, summary: `Where a is ${words} b.`,
    formula: `y = (a ${symbol} b)`, operands: ["a", "b"], accepts, gives: "bool", signature: null,
    float: ([a, b]) => holds(a!, b!),
    integer: ([a, b]) => holds(a!, b!),
    scalar: ([a, b]) => binary(name, a!, b!),
    known: { dtype: "f32", inputs: [[1, 2, NaN, 3], [2, 2, NaN, 1]], result: known },
    noGradient: "a comparison is piecewise constant",
  }),
);
