/**
 * The factory of elementwise ops: every element of the result from the same elements of the inputs, which have one shape
 * and one dtype. A rule gives the formula twice, on JavaScript numbers (the meaning) and on kernel expressions; the table's
 * test holds them against each other, bit for bit. f16 and bf16 are computed in f32 and rounded once at the end.
 */
import { isBig, isFloat, kindOf, sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { TensorType } from "../../graph/graph.ts";
import { convert, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import type { Expression } from "../../kernel/kernel.ts";
import { unreachable } from "../../support/bug.ts";
import type { Example, Op, Signature } from "../op.ts";
import { computeDType, requireClass, requireInputs, requireSameDType, requireSameShape, type DTypeClass } from "../rules.ts";

/** Rounds to the dtype of computation: for formulas of more than one step. */
export type Round = (value: number) => number;

export interface ElementwiseRule {
  readonly name: string;
  readonly summary: string;
  readonly formula: string;
  /** Names of the operands. */
  readonly operands: readonly string[];
  readonly accepts: DTypeClass;
  /** Comparisons and tests give bool; all others the dtype of their operands. */
  readonly gives?: "bool";
  readonly float?: (args: readonly number[], round: Round) => number | boolean;
  /** For integers and bool (as 0n and 1n); the result is wrapped to the dtype. */
  readonly integer?: (args: readonly bigint[], dtype: DType) => bigint | boolean;
  readonly scalar: (args: readonly Expression[]) => Expression;
  /** Absent: called by its name in every file. null: only through an operator. */
  readonly signature?: Pick<Signature, "call" | "module"> | null;
  /** A divisor is never 0 in examples. */
  readonly divides?: boolean;
  /** Values known from elsewhere (NumPy, in f64): one list per operand, then the result. */
  readonly known?: { readonly dtype: DType; readonly inputs: readonly (readonly (number | bigint)[])[]; readonly result: readonly (number | bigint)[] };
  readonly gradient?: Op["gradient"];
  readonly noGradient?: string;
}

export function elementwise(rule: ElementwiseRule): Op {
  const resultOf = (type: TensorType): TensorType => ({ dtype: rule.gives ?? type.dtype, shape: type.shape });
  const place = rule.signature === undefined ? { call: rule.name, module: "core" as const } : rule.signature;
  return {
    name: rule.name,
    kind: "elementwise",
    summary: rule.summary,
    formula: rule.formula,
    ...(place === null ? {} : { signature: { ...place, parameters: rule.operands.map((name) => ({ name, kind: "tensor" as const })) } }),
    ...(rule.gradient === undefined ? {} : { gradient: rule.gradient }),
    ...(rule.noGradient === undefined ? {} : { noGradient: rule.noGradient }),

    type(inputs) {
      requireInputs(rule.name, inputs, rule.operands.length);
      const first = inputs[0]!;
      requireClass(rule.name, rule.accepts, first);
      inputs.forEach((other, k) => {
        const names = [rule.operands[0]!, rule.operands[k]!] as const;
        requireSameDType(rule.name, first, other, names);
        requireSameShape(rule.name, first, other, names);
      });
      return resultOf(first);
    },

    evaluate(inputs, _attributes, type) {
      const { dtype } = inputs[0]!.type;
      const inner = computeDType(dtype);
      const round: Round = (value) => Number(convert(inner, value));
      return pointwise(inputs, type, (args) => {
        if (isFloat(dtype)) {
          const value = rule.float!(args.map(Number), round);
          return typeof value === "boolean" ? Number(value) : round(value);
        }
        const value = rule.integer!(args.map(BigInt), dtype);
        return typeof value === "boolean" ? Number(value) : value;
      });
    },

    scalar: (args) => rule.scalar(args),

    examples: () => [...knownExamples(rule), ...dtypesOf(rule.accepts).flatMap((dtype) => sampleExamples(rule, dtype))],
  };
}

/** Applies a function to corresponding elements. */
export function pointwise(inputs: readonly Tensor[], type: TensorType, compute: (args: readonly (number | bigint)[]) => number | bigint): Tensor {
  const result = zeros(type);
  for (let flat = 0; flat < result.data.length; flat++) put(result, flat, compute(inputs.map((input) => get(input, flat))));
  return result;
}

function dtypesOf(accepts: DTypeClass): readonly DType[] {
  switch (accepts) {
    case "any": return ["f32", "bf16", "i64", "u8", "bool"];
    case "number": return ["f32", "f16", "f64", "i8", "i32", "i64", "u8", "u32"];
    case "float": return ["f32", "f16", "bf16", "f64"];
    case "integer": return ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"];
    case "bits": return ["i8", "i32", "u16", "u64", "bool"];
    case "bool": return ["bool"];
    default: return unreachable(accepts);
  }
}

const floatSamples = [0.5, -1.25, 3, -0, 0, 1, -1, 2.5, 1e-3, -7.75, 0.1, Infinity, -Infinity, NaN, 100, -2.5, 12.34];
const integerSamples = [3, -7, 0, 1, -1, 100, 12, -128, 127, 255, 5, 32767, -32768, 2147483647, -2147483648, 77, 9];

/** Deterministic elements with the corner cases of the dtype; operands differ by a rotation of the list. */
export function samples(dtype: DType, shape: readonly number[], rotation = 0, nonZero = false): Tensor {
  const kind = kindOf(dtype);
  const list = (kind === "float" ? floatSamples : kind === "bool" ? [1, 0, 0, 1, 1] : integerSamples).filter((value) => !nonZero || Number(convert(dtype, value)) !== 0);
  return tensor(dtype, shape, Array.from({ length: sizeOf(shape) }, (_, flat) => list[(flat * (rotation + 1) + 5 * rotation) % list.length]!));
}

/** Numbers of both signs, where NaN or an infinity would say less: sums of products with zeros that need not be taken. */
export const finiteSamples = (dtype: DType, shape: readonly number[]): Tensor => tensor(dtype, shape, Array.from({ length: sizeOf(shape) }, (_, k) => (((k * 37) % 23) - 11) / 4));

function sampleExamples(rule: ElementwiseRule, dtype: DType): Example[] {
  return [[], [7, 5], [0, 3]].map((shape) => ({
    inputs: rule.operands.map((_, k) => samples(dtype, shape, k, k > 0 && rule.divides === true && !isFloat(dtype))),
    attributes: {},
  }));
}

function knownExamples(rule: ElementwiseRule): Example[] {
  if (!rule.known) return [];
  const { dtype, inputs, result } = rule.known;
  const make = (of: DType, values: readonly (number | bigint)[]): Tensor => tensor(of, [values.length], isBig(of) ? values.map(BigInt) : values);
  return [{ inputs: inputs.map((values) => make(dtype, values)), attributes: {}, expected: make(rule.gives ?? dtype, result) }];
}
