/**
 * What can be called, described for people: `gph ops` and spec/ops.md both come from here, and so from the op table. The
 * dtypes are not written down anywhere: the shape rule of an op is asked about each, on the op's own examples.
 */
import { dtypes as allDTypes, isFloat, isInteger, type DType } from "../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../graph/graph.ts";
import { constantText, exampleOf } from "./describe-example.ts";
import { RuleError, type Op, type OpParameter, type Signature } from "./op.ts";
import { calls, ops } from "./table.ts";

const dtypes = Object.keys(allDTypes) as DType[];

export interface DescribedCall {
  /** As it is written: `softmax(x, axis = -1)`. */
  readonly text: string;
  readonly name: string;
  readonly op: string;
  readonly module: Signature["module"];
  readonly parameters: readonly OpParameter[];
  /** What each tensor parameter takes, or all of them: "floats"; undefined for a call without tensors. */
  readonly takes: string | undefined;
  readonly formula: string;
  readonly summary: string;
  /** Why there is no gradient; undefined where there is one. */
  readonly noGradient: string | undefined;
  /** A call with its result: `sum([[1, 2], [3, 4]], axis = 1) = [3, 7]`. */
  readonly example: string | undefined;
}

/** Every call, in the order of the table. */
export function describeCalls(): readonly DescribedCall[] {
  return [...calls.values()].flat().map(({ op, signature }) => ({
    text: callText(signature), name: signature.call, op: op.name, module: signature.module, parameters: signature.parameters,
    takes: takes(op, signature), formula: op.formula, summary: op.summary, noGradient: op.noGradient, example: exampleOf(op, signature),
  }));
}

/** Ops that no call names: operators, slices, and what the compiler makes itself. */
export const opsWithoutCall = (): readonly Op[] => [...ops.values()].filter((op) => op.signature === undefined && op.otherSignatures === undefined);

/** As it is called: `sum(x, axis?, keepdims = false)`. */
export function callText(signature: Signature): string {
  const dtype = { required: "<dtype>", optional: "<dtype?>", none: "" }[signature.dtypeArgument ?? "none"];
  return `${signature.call}${dtype}(${signature.parameters.map(parameterText).join(", ")})`;
}

/** `axis = -1`; a question mark where leaving it out means more than a value: `axis?`. */
function parameterText({ name, kind, default: value }: OpParameter): string {
  const named = kind === "tensors" || kind === "shape" ? `${name}…` : name;
  if (value === undefined) return named;
  return value === null ? `${name}?` : `${name} = ${constantText(value)}`;
}

/** "floats", or by parameter where they differ: "condition: bool; a, b: any". */
function takes(op: Op, signature: Signature): string | undefined {
  const tensors = signature.parameters.filter(({ kind }) => kind === "tensor" || kind === "tensors");
  if (tensors.length === 0) return undefined;
  const groups = new Map<string, string[]>();
  tensors.forEach(({ name }, position) => {
    const words = dtypeWords(dtypes.filter((dtype) => accepts(op, signature, position, dtype)));
    groups.set(words, [...(groups.get(words) ?? []), name]);
  });
  if (groups.size === 1) return [...groups.keys()][0];
  return [...groups].map(([words, names]) => `${names.join(", ")}: ${words}`).join("; ");
}

/** Whether some example still has a type when the input at `position`, and those of its dtype, are of `dtype`. */
function accepts(op: Op, signature: Signature, position: number, dtype: DType): boolean {
  return op.examples().some(({ inputs, attributes }) => {
    const before = inputs[position]?.type.dtype;
    if (before === undefined) return false;
    const types = inputs.map(({ type }): TensorType => (type.dtype === before ? { ...type, dtype } : type));
    try {
      op.type(types, attributesOf(signature, types, attributes));
      return true;
    } catch (refusal) {
      if (refusal instanceof RuleError) return false;
      throw refusal;
    }
  });
}

/** The attributes of the call with every default; those of the example where the call needs more than tensors. */
function attributesOf(signature: Signature, types: readonly TensorType[], example: Attributes): Attributes {
  const others = signature.parameters.filter(({ kind }) => kind !== "tensor" && kind !== "tensors");
  if (signature.attributes === undefined || others.some((parameter) => parameter.default === undefined)) return example;
  return signature.attributes(Object.fromEntries(others.map((parameter) => [parameter.name, parameter.default!])), types, example["dtype"] as DType | undefined);
}

const classes: readonly (readonly [words: string, has: (dtype: DType) => boolean])[] = [
  ["any", () => true],
  ["numbers", (dtype) => dtype !== "bool"],
  ["floats", isFloat],
  ["integers", isInteger],
  ["integers, bool", (dtype) => isInteger(dtype) || dtype === "bool"],
];

function dtypeWords(accepted: readonly DType[]): string {
  const known = classes.find(([, has]) => dtypes.every((dtype) => has(dtype) === accepted.includes(dtype)));
  return known?.[0] ?? accepted.join(", ");
}
