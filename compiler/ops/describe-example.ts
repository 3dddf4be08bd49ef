/**
 * An example of a call as it would be written, with its result: `sum([[1, 2], [3, 4]], axis = 1) = [3, 7]`. Made from the op's
 * own examples; the result is what the reference computes, so that nothing shown can be wrong.
 */
import { sizeOf, type DType } from "../../runtime/dtype.ts";
import { formatNumber } from "../../runtime/print.ts";
import { get, type Tensor } from "../graph/tensor.ts";
import { RuleError, type ConstantValue, type Example, type Op, type OpParameter, type Signature } from "./op.ts";

/** Attributes that hold what a parameter of another name was given. */
const attributeOf: { readonly [parameter: string]: string } = { axis: "axes", repeats: "repeats", shape: "shape" };

/** What is given for a parameter that the example says nothing of. */
function madeUp({ kind, name }: OpParameter): ConstantValue | undefined {
  if (name === "axis") return 0;
  switch (kind) {
    case "int": case "float": return 2;
    case "ints": case "shape": return [2, 2];
    case "padding": return 0;
    default: return undefined;
  }
}

/** Compile-time arguments as an example's attributes have them. Undefined where one is not known. */
function argumentsOf(signature: Signature, example: Example): Map<OpParameter, ConstantValue> | undefined {
  const given = new Map<OpParameter, ConstantValue>();
  for (const parameter of signature.parameters) {
    if (parameter.kind === "tensor" || parameter.kind === "tensors") continue;
    const { name } = parameter;
    const known = (example.attributes[name] ?? example.attributes[attributeOf[name] ?? name] ?? parameter.default ?? (parameter.default === null ? null : madeUp(parameter))) as ConstantValue | undefined;
    if (known === undefined) return undefined;
    if (known !== null) given.set(parameter, known);
  }
  return given;
}

/** Whether the example has as many inputs as the call has tensors: an op may be called in several ways. */
function fits({ parameters }: Signature, { inputs }: Example): boolean {
  if (parameters.some(({ kind }) => kind === "tensors")) return true;
  const tensors = parameters.filter(({ kind }) => kind === "tensor");
  return inputs.length <= tensors.length && inputs.length >= tensors.filter((parameter) => parameter.default === undefined).length;
}

interface Shown {
  readonly text: string;
  /** Several numbers, and none that is not finite. */
  readonly plain: boolean;
}

function show(op: Op, signature: Signature, example: Example): Shown | undefined {
  const given = fits(signature, example) ? argumentsOf(signature, example) : undefined;
  if (!given) return undefined;
  const types = example.inputs.map(({ type }) => type);
  const dtype = signature.dtypeArgument === undefined ? undefined : (example.attributes["dtype"] as DType | undefined) ?? "f32";
  const args = Object.fromEntries([...given].map(([{ name }, value]) => [name, value]));
  try {
    const attributes = signature.attributes ? signature.attributes(args, types, dtype) : { ...args, ...(dtype === undefined ? {} : { dtype }) };
    const result = op.evaluate(example.inputs, attributes, op.type(types, attributes));
    const size = [...example.inputs, result].reduce((sum, tensor) => sum + sizeOf(tensor.type.shape), 0);
    if (result.data.length === 0 || size > mostNumbers) return undefined;
    const written = [...tensorsOf(signature, example), ...[...given].filter(([parameter, value]) => !isDefault(parameter, value)).map(([parameter, value]) => argumentText(signature, parameter, value))];
    const shown = tensorText(result);
    return { text: `${signature.call}${dtype === undefined ? "" : `<${dtype}>`}(${written.join(", ")}) = ${shown}`, plain: result.data.length > 1 && !/nan|inf/.test(shown) };
  } catch (refusal) {
    if (refusal instanceof RuleError) return undefined;
    throw refusal;
  }
}

/** More make no example that can be read. */
const mostNumbers = 40;

function tensorsOf(signature: Signature, { inputs }: Example): string[] {
  const several = signature.parameters[0]?.kind === "tensors";
  const texts = inputs.map(tensorText);
  return several ? [`(${texts.join(", ")})`] : texts;
}

const isDefault = ({ default: value }: OpParameter, given: ConstantValue): boolean => value !== undefined && constantText(value) === constantText(given);

/** A constant as it is written in a call. */
export const constantText = (value: ConstantValue): string => {
  if (Array.isArray(value)) return value.length === 1 ? constantText(value[0]!) : `(${value.map(constantText).join(", ")})`;
  return typeof value === "string" ? JSON.stringify(value) : value === Infinity ? "1.0 / 0.0" : String(value);
};

/** By position where everything before it stands so too: required ones. */
const argumentText = (signature: Signature, parameter: OpParameter, value: ConstantValue): string =>
  parameter.default === undefined && signature.parameters.slice(0, signature.parameters.indexOf(parameter)).every((before) => before.default === undefined) ? constantText(value) : `${parameter.name} = ${constantText(value)}`;

function tensorText(tensor: Tensor): string {
  const { dtype, shape } = tensor.type;
  const strings = Array.from({ length: tensor.data.length }, (_, flat) => numberText(dtype, get(tensor, flat)));
  const nested = (axis: number, from: number): string => {
    if (axis === shape.length) return strings[from]!;
    const stride = sizeOf(shape.slice(axis + 1));
    return `[${Array.from({ length: shape[axis]! }, (_, k) => nested(axis + 1, from + k * stride)).join(", ")}]`;
  };
  return nested(0, 0);
}

function numberText(dtype: DType, value: number | bigint): string {
  if (dtype === "bool") return value ? "true" : "false";
  return formatNumber(dtype, typeof value === "number" && Number.isFinite(value) && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value);
}

/** The shortest example, one that was computed elsewhere and is plain before others. Undefined where none can be shown. */
export function exampleOf(op: Op, signature: Signature): string | undefined {
  const shown = op.examples().flatMap((example) => {
    const one = show(op, signature, example);
    return one === undefined ? [] : [{ ...one, known: example.expected !== undefined }];
  });
  shown.sort((a, b) => Number(b.known) - Number(a.known) || Number(b.plain) - Number(a.plain) || a.text.length - b.text.length);
  return shown[0]?.text;
}
