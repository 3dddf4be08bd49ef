/**
 * From checked values to nodes of the graph: ops are emitted with the type their rule gives, literals become `fill`,
 * shapes are made equal by explicit `broadcast`.
 */
import { isBig, isFloat, isInteger, kindOf, type DType } from "../../runtime/dtype.ts";
import { formatType, sameShape, type Attributes, type TensorType } from "../graph/graph.ts";
import { castValue, convert, limitsOf } from "../graph/tensor.ts";
import { nodeBuilder } from "../ops/compose.ts";
import { RuleError } from "../ops/op.ts";
import { op as opOf } from "../ops/table.ts";
import type { Span } from "../support/span.ts";
import { originOf, report, type Build, type Frame } from "./frame.ts";
import { maxElements, maxRank } from "./limits.ts";
import { describe, helpForTuple, isScalarConstant, type ScalarConstant, type TensorValue, type Value } from "./value.ts";

/** A value that stands in the source, with the place and, when it is a plain name, the name. */
export interface Written<V extends Value = Value> {
  readonly value: V;
  readonly span: Span;
  readonly name?: string;
}

/** The program under construction; where there is none, an error. */
export function buildOf(frame: Frame, span: Span, what: string): Build | undefined {
  if (!frame.build) report(frame, "not-compile-time", span, `${what} is known only at run time; a compile-time value is needed here`);
  return frame.build;
}

/** Checks that a shape is one a tensor can have; undefined once reported. */
export function checkedShape(frame: Frame, shape: readonly number[], span: Span): readonly number[] | undefined {
  if (shape.length > maxRank) return void report(frame, "tensor-too-large", span, `a tensor of ${shape.length} dimensions; at most ${maxRank} are possible`);
  let elements = 1;
  for (const extent of shape) {
    if (extent < 0) return void report(frame, "shape-mismatch", span, `an extent of ${extent} in [${shape.join(", ")}] is negative`);
    elements *= extent;
  }
  if (elements <= maxElements) return shape;
  return void report(frame, "tensor-too-large", span, `[${shape.join(", ")}] has ${elements > Number.MAX_SAFE_INTEGER ? "more than 2^53" : elements} elements; a tensor has at most 2^40`);
}

export interface EmitOptions {
  readonly related?: readonly { readonly span: Span; readonly text: string }[];
}

/** Appends an op of the table; its type rule decides the result. Poison once reported. */
export function emit(frame: Frame, name: string, inputs: readonly TensorValue[], attributes: Attributes, span: Span, options: EmitOptions = {}): Value {
  const build = buildOf(frame, span, "a tensor");
  if (!build) return { kind: "poison" };
  let type: TensorType;
  try {
    type = opOf(name).type(inputs.map((input) => input.type), attributes);
  } catch (problem) {
    if (!(problem instanceof RuleError)) throw problem;
    return report(frame, problem.problem, span, problem.message, { ...(problem.help === undefined ? {} : { help: problem.help }), ...(options.related ? { related: options.related } : {}) });
  }
  if (!checkedShape(frame, type.shape, span)) return { kind: "poison" };
  const ids = inputs.map((input) => input.id);
  const composed = opOf(name).compose?.(nodeBuilder(build.builder, originOf(frame, span)), ids, attributes);
  if (composed !== undefined) return { kind: "tensor", id: composed, type: build.builder.typeOf(composed) };
  const [id] = build.builder.node(name, { inputs: ids, attributes, outputs: [type], origin: originOf(frame, span) });
  return { kind: "tensor", id: id!, type };
}

/** Why a constant cannot be of a dtype; undefined when it can. */
export function misfit(value: number | bigint | boolean, isFloatLiteral: boolean, dtype: DType): { readonly problem: "out-of-range" | "type-mismatch"; readonly message: string; readonly help?: string } | undefined {
  if (typeof value === "boolean") {
    return dtype === "bool" ? undefined : { problem: "type-mismatch", message: `${value} is a bool, and ${dtype} is needed`, help: `cast<${dtype}>(…) of a bool tensor gives 0 and 1` };
  }
  if (dtype === "bool") return { problem: "type-mismatch", message: `${value} is a number, and bool is needed`, help: "write true or false, or compare" };
  if (isInteger(dtype)) {
    if (isFloatLiteral) return { problem: "type-mismatch", message: `${value} is a float, and the neighbour is ${dtype}`, help: "write an integer, or convert the tensor with cast<f32>(…)" };
    const { min, max } = limitsOf(dtype);
    const exact = BigInt(value);
    return exact < min || exact > max ? { problem: "out-of-range", message: `${value} does not fit ${dtype}, which holds ${min} to ${max}` } : undefined;
  }
  if (Number.isFinite(Number(value)) && !Number.isFinite(Number(convert(dtype, Number(value))))) return { problem: "out-of-range", message: `${value} does not fit ${dtype}` };
  return undefined;
}

/** A compile-time number or bool as a scalar tensor of a dtype. */
export function materialise(frame: Frame, written: Written, dtype: DType): Value {
  const { value, span } = written;
  if (!isScalarConstant(value)) return value;
  const wrong = misfit(value.value, value.kind === "float", dtype);
  if (wrong) return report(frame, wrong.problem, span, wrong.message, wrong.help === undefined ? {} : { help: wrong.help });
  const stored = typeof value.value === "boolean" ? value.value : isBig(dtype) ? BigInt(value.value) : Number(convert(dtype, Number(value.value)));
  return emit(frame, "fill", [], { value: stored, dtype, shape: [] }, span);
}

/** A cast of a constant: it becomes the dtype at once, without being rounded to a default dtype before. */
export const castOfConstant = (constant: ScalarConstant, dtype: DType): number | bigint =>
  constant.kind === "float" ? castValue("f64", dtype, constant.value) : castValue(constant.kind === "wide" && constant.value > 0n ? "u64" : "i64", dtype, BigInt(constant.value));

/** The dtype of a constant that has no neighbour. */
export const defaultDType = (value: Value): DType => (value.kind === "float" ? "f32" : value.kind === "bool" ? "bool" : "i32");

/** Any value as a tensor: constants take `dtype`, else the default of their kind. Poison once reported. */
export function asTensor(frame: Frame, written: Written, dtype?: DType): Value {
  const { value, span } = written;
  if (value.kind === "tensor" || value.kind === "poison") return value;
  if (isScalarConstant(value)) return materialise(frame, written, dtype ?? defaultDType(value));
  const help = helpForTuple(value);
  return report(frame, "type-mismatch", span, `a tensor or number is needed here, and this is ${describe(value)}`, help === undefined ? {} : { help });
}

/** NumPy's common shape; undefined when there is none. */
export function commonShape(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let k = 0; k < rank; k++) {
    const x = a[a.length - rank + k] ?? 1;
    const y = b[b.length - rank + k] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

export function broadcastTo(frame: Frame, value: TensorValue, shape: readonly number[], span: Span): Value {
  return sameShape(value.type.shape, shape) ? value : emit(frame, "broadcast", [value], { shape }, span);
}

/** "f32[3] (a)", or without the name. */
export const shown = (written: Written): string => {
  const text = written.value.kind === "tensor" ? formatType(written.value.type) : describe(written.value);
  return written.name === undefined ? text : `${text} (${written.name})`;
};

/** The operands broadcast to their common shape; undefined once reported. */
export function broadcastTogether(frame: Frame, operands: readonly Written<TensorValue>[], span: Span): TensorValue[] | undefined {
  let shape: readonly number[] = [];
  for (const [k, operand] of operands.entries()) {
    const next = commonShape(shape, operand.value.type.shape);
    if (!next) {
      const before = operands.slice(0, k).findLast((other) => !commonShape(other.value.type.shape, operand.value.type.shape)) ?? operands[k - 1]!;
      report(frame, "shape-mismatch", span, `shapes do not broadcast, ${shown(before)} and ${shown(operand)}`, {
        related: [{ span: before.span, text: formatType(before.value.type) }, { span: operand.span, text: formatType(operand.value.type) }],
      });
      return undefined;
    }
    shape = next;
  }
  const results: TensorValue[] = [];
  for (const operand of operands) {
    const result = broadcastTo(frame, operand.value, shape, operand.span);
    if (result.kind !== "tensor") return undefined;
    results.push(result);
  }
  return results;
}

/** Reports tensors whose dtypes differ; true when all agree. */
export function sameDTypes(frame: Frame, operands: readonly Written<TensorValue>[], span: Span, what: string): boolean {
  const first = operands[0];
  const other = operands.find((operand) => operand.value.type.dtype !== first!.value.type.dtype);
  if (!first || !other) return true;
  reportDTypes(frame, first, other, span, what);
  return false;
}

export function reportDTypes(frame: Frame, a: Written<TensorValue>, b: Written<TensorValue>, span: Span, what: string): Value {
  const from = a.value.type.dtype;
  const to = b.value.type.dtype;
  const wider = isFloat(from) && !isFloat(to) ? from : to;
  const converted = wider === from ? b : a;
  return report(frame, "dtype-mismatch", span, `${what} needs one dtype, and these are ${from}${a.name ? ` (${a.name})` : ""} and ${to}${b.name ? ` (${b.name})` : ""}`, {
    help: `cast<${wider}>(${converted.name ?? "x"}) converts`,
    related: [{ span: a.span, text: formatType(a.value.type) }, { span: b.span, text: formatType(b.value.type) }],
  });
}

/** A value as a tensor of exactly this type: constants convert, smaller shapes broadcast. `what` says what needs it: "y". */
export function coerce(frame: Frame, written: Written, type: TensorType, what: string, related: readonly { span: Span; text: string }[] = []): Value {
  const tensor = asTensor(frame, written, type.dtype);
  if (tensor.kind !== "tensor") return tensor;
  if (tensor.type.dtype !== type.dtype) {
    return report(frame, "dtype-mismatch", written.span, `${what} is ${formatType(type)}, and this is ${formatType(tensor.type)}`, {
      help: kindOf(type.dtype) === "bool" ? "compare to get a bool: x != 0" : `cast<${type.dtype}>(${written.name ?? "x"}) converts`, related,
    });
  }
  const common = commonShape(tensor.type.shape, type.shape);
  if (!common || !sameShape(common, type.shape)) {
    return report(frame, "shape-mismatch", written.span, `${what} is ${formatType(type)}, and this is ${formatType(tensor.type)}`, { related });
  }
  return broadcastTo(frame, tensor, type.shape, written.span);
}
