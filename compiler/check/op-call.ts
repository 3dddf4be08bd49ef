/**
 * Calls of ops by their signatures. Several ops may share a call name (`max(a, b)` and `max(x, axis = 1)`): the first
 * whose parameters take the arguments is meant; when none does, the nearest explains why.
 */
import { isDType, type DType } from "../../runtime/dtype.ts";
import type { Attributes } from "../graph/graph.ts";
import { callText } from "../ops/describe.ts";
import { RuleError, type ConstantValue, type Op, type OpParameter, type ParameterKind, type Signature } from "../ops/op.ts";
import type * as ast from "../syntax/ast.ts";
import { invariant, unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { helpForParameter } from "./arguments.ts";
import type { CallSite } from "./call.ts";
import { report, type Callable, type Frame } from "./frame.ts";
import { maxTuple } from "./limits.ts";
import type { ModuleName } from "./modules.ts";
import * as numbers from "./numbers.ts";
import { neighbours, written } from "./operators.ts";
import { broadcastTogether, castOfConstant, emit, materialise, reportDTypes, sameDTypes, type Written } from "./tensors.ts";
import { describe, hasPoison, helpForTuple, isNumber, isScalarConstant, poison, type Expected, type NumberValue, type TensorValue, type Value } from "./value.ts";

interface Given extends Written {
  readonly label: ast.Identifier | undefined;
}

/** What a parameter got: several for `tensors` and for ints in a row, nothing when it is absent. */
type Bound = ReadonlyMap<OpParameter, readonly Written[] | "absent">;
interface Mismatch {
  readonly span: Span;
  readonly message: string;
  readonly help?: string;
  readonly problem: "bad-argument" | "not-compile-time" | "type-mismatch";
  /** How far the binding came: the nearest candidate explains. */
  readonly reached: number;
}

export function callOp(frame: Frame, name: string, module: ModuleName, site: CallSite, expected: Expected | undefined): Value {
  const candidates = (frame.session.calls.get(name) ?? []).filter(({ signature }) => signature.module === module);
  invariant(candidates.length > 0, () => `no op is called ${name}`);
  const args = evaluateArguments(frame, candidates[0]!, site, expected);
  if (args.some((arg) => hasPoison(arg.value))) return poison;
  const atCompileTime = onNumbers(frame, name, site, args);
  if (atCompileTime) return atCompileTime;

  let nearest: Mismatch | undefined;
  for (const candidate of candidates) {
    const bound = bind(candidate.signature, args, site);
    if ("reached" in bound) {
      if (!nearest || bound.reached > nearest.reached) nearest = bound;
    } else return build(frame, candidate, bound, site, expected);
  }
  return report(frame, nearest!.problem, nearest!.span, nearest!.message, nearest!.help === undefined ? {} : { help: nearest!.help });
}

/** Elaborates the arguments once, for all candidates; an elementwise op wishes of each what its neighbours are. */
function evaluateArguments(frame: Frame, { op, signature }: Callable, site: CallSite, expected: Expected | undefined): Given[] {
  let wish = wishForOperands(op, signature, expected);
  return site.args.map((arg, k) => {
    const parameter = arg.name ? signature.parameters.find((candidate) => candidate.name === arg.name!.name) : signature.parameters[k];
    const apart = parameter && standsApart(parameter);
    const value = frame.session.rules.expression(frame, arg.value, apart ? { dtype: apart } : wish);
    if (!apart && op.kind === "elementwise" && value.kind === "tensor") wish = { dtype: value.type.dtype, shape: value.type.shape };
    return { ...written(arg.value, value), label: arg.name };
  });
}

/** What is wished of the result is wished of the operands where both have one dtype. */
function wishForOperands(op: Op, signature: Signature, expected: Expected | undefined): Expected | undefined {
  if (!expected || signature.dtypeArgument || (expected.dtype === "bool" && !["select", "and", "or", "xor", "not"].includes(op.name))) return undefined;
  if (op.kind === "elementwise") return expected;
  const sameDType = op.kind === "view" || signature.parameters.some(({ kind }) => kind === "tensors");
  return sameDType && expected.dtype ? { dtype: expected.dtype } : undefined;
}

/** Parameters whose dtype is not that of the op's other tensors: constants for them have a dtype of their own. */
function standsApart(parameter: OpParameter): DType | undefined {
  if (parameter.kind !== "tensor") return undefined;
  switch (parameter.name) {
    case "condition": case "mask": return "bool";
    case "indices": case "index": case "labels": return "i32";
    default: return undefined;
  }
}

/** A mathematical function of compile-time numbers is computed when compiling. */
function onNumbers(frame: Frame, name: string, site: CallSite, args: readonly Given[]): Value | undefined {
  if (site.typeArgs.length > 0 || args.length === 0 || args.some((arg) => arg.label || !isNumber(arg.value))) return undefined;
  const result = numbers.callOnNumbers(name, args.map((arg) => arg.value as NumberValue));
  return result && numbers.isRefused(result) ? report(frame, result.refused, site.span, result.message) : result;
}

/** Whether a value can be given for a parameter of this kind. */
function accepts(kind: ParameterKind, value: Value): boolean {
  const isInts = (): boolean => value.kind === "int" || (value.kind === "range" && value.end - value.start <= maxTuple) || (value.kind === "tuple" && value.elements.every((element) => element.kind === "int"));
  switch (kind) {
    case "tensor": return value.kind === "tensor" || isScalarConstant(value);
    case "tensors": return value.kind === "tuple" && value.elements.every((element) => element.kind === "tensor" || isScalarConstant(element));
    case "int": case "axis": return value.kind === "int";
    case "float": return isNumber(value);
    case "bool": return value.kind === "bool";
    case "string": return value.kind === "string";
    case "padding": return value.kind === "string" || isInts();
    case "axes": case "ints": case "shape": return isInts();
    default: return unreachable(kind);
  }
}

const kindNames: { readonly [kind in ParameterKind]: string } = {
  tensor: "a tensor", tensors: "a tuple of tensors", int: "an int", float: "a number", bool: "a bool", string: "a string",
  axis: "an axis (an int)", axes: "an axis or a tuple of axes", ints: "an int or a tuple of ints", padding: "an int, a tuple of ints or a string", shape: "ints",
};

/** Kinds that take all remaining arguments by position when they are the last. */
const takesRest = (kind: ParameterKind): boolean => kind === "tensors" || kind === "shape" || kind === "ints" || kind === "axes";

function bind(signature: Signature, args: readonly Given[], site: CallSite): Bound | Mismatch {
  const { parameters, call } = signature;
  const bound = new Map<OpParameter, readonly Written[] | "absent">();
  let reached = 0;
  const mismatch = (span: Span, message: string, problem: Mismatch["problem"] = "bad-argument", help?: string): Mismatch => ({ span, message, problem, reached, help: help ?? `it is called as ${callText(signature)}` });
  const refuse = (parameter: OpParameter, given: Given): Mismatch => given.value.kind === "tensor"
    ? mismatch(given.span, `${parameter.name} of ${call} must be known when compiling, and this is ${describe(given.value)}`, "not-compile-time", parameter.atRunTime)
    : mismatch(given.span, `${parameter.name} of ${call} is ${kindNames[parameter.kind]}, and this is ${describe(given.value)}`, "type-mismatch", parameter.kind === "tensor" ? helpForTuple(given.value) : undefined);

  const positional = args.filter((arg) => !arg.label);
  const named = args.findIndex((arg) => arg.label);
  const late = named < 0 ? undefined : args.slice(named).find((arg) => !arg.label);
  if (late) return mismatch(late.span, "an argument by position cannot follow one by name");
  let next = 0;
  for (const parameter of parameters) {
    if (next >= positional.length) break;
    const rest = positional.slice(next);
    const first = rest[0]!;
    const elementKind = parameter.kind === "tensors" ? "tensor" : "int";
    if (takesRest(parameter.kind) && (rest.length > 1 || parameter.kind === "tensors") && accepts(elementKind, first.value)) {
      // `reshape(x, a, b)`: as many as are of the kind, if what stays over can be given to later parameters. `stack(x)`: one tensor
      // is a list of one.
      const count = rest.findIndex((given) => !accepts(elementKind, given.value));
      const all = count < 0 ? rest.length : count;
      const others = parameters.length - parameters.indexOf(parameter) - 1;
      const taken = parameter.kind === "shape" || parameter.kind === "tensors" || others === 0 ? all : 1;
      bound.set(parameter, rest.slice(0, taken));
      next += taken;
    } else if (accepts(parameter.kind, first.value)) {
      bound.set(parameter, [first]);
      next += 1;
    } else return refuse(parameter, first);
    reached += 1;
  }
  if (next < positional.length) return mismatch(positional[next]!.span, `${call} takes ${parameters.length} argument${parameters.length === 1 ? "" : "s"}, and ${args.length} are given`);
  for (const given of args) {
    if (!given.label) continue;
    const { name, span } = given.label;
    const parameter = parameters.find((candidate) => candidate.name === name);
    if (!parameter) return mismatch(span, `${call} has no parameter ${name}`, "bad-argument", helpForParameter(name, parameters.map((candidate) => candidate.name)));
    if (bound.has(parameter)) return mismatch(span, `${name} is given twice to ${call}`);
    if (!accepts(parameter.kind, given.value)) return refuse(parameter, given);
    bound.set(parameter, [given]);
    reached += 1;
  }
  for (const parameter of parameters) {
    if (bound.has(parameter)) continue;
    if (parameter.default === undefined && parameter.kind === "shape") bound.set(parameter, []);
    else if (parameter.default === undefined) return mismatch(site.span, `${call} needs ${parameter.name}`);
    else bound.set(parameter, "absent");
  }
  return bound;
}

/** A compile-time value as a rule sees it. */
function constantOf(value: Value): ConstantValue {
  switch (value.kind) {
    case "int": case "wide": case "float": case "bool": case "string": case "dtype": return value.value;
    case "tuple": return value.elements.map(constantOf);
    case "range": return Array.from({ length: Math.max(0, value.end - value.start) }, (_, k) => value.start + k);
    case "tensor": case "poison": return invariant(false, "a constant made of tensors") as never;
    default: return unreachable(value);
  }
}

/** The compile-time arguments as `Signature.attributes` takes them. */
function constantsOf(bound: Bound): { [name: string]: ConstantValue } {
  const constants: { [name: string]: ConstantValue } = {};
  for (const [parameter, given] of bound) {
    if (parameter.kind === "tensor" || parameter.kind === "tensors") continue;
    if (given === "absent") {
      if (parameter.default !== null && parameter.default !== undefined) constants[parameter.name] = parameter.default;
      continue;
    }
    const severalInts = given.length !== 1 || (parameter.kind === "shape" && given[0]!.value.kind === "int");
    constants[parameter.name] = severalInts ? given.map((one) => constantOf(one.value)) : constantOf(given[0]!.value);
  }
  return constants;
}

/** The dtype between `<` and `>`; undefined when there is none, poison once reported. */
function dtypeArgument(frame: Frame, signature: Signature, site: CallSite): DType | undefined | "poison" {
  const [type, second] = site.typeArgs;
  if (!type) {
    if (signature.dtypeArgument !== "required") return undefined;
    report(frame, "bad-argument", site.callee.span, `${signature.call} needs a dtype`, { help: `write ${signature.call}<f32>(…)` });
    return "poison";
  }
  if (!signature.dtypeArgument || second) {
    report(frame, "bad-argument", (second ?? type).span, signature.dtypeArgument ? `${signature.call} takes one dtype` : `${signature.call} takes no dtype`);
    return "poison";
  }
  if (type.kind === "named-type" && !type.dimensions) {
    const { name } = type.name;
    if (isDType(name)) return name;
    const value = frame.session.rules.expression({ ...frame, build: undefined }, type.name);
    if (value.kind === "dtype") return value.value;
    if (value.kind === "poison") return "poison";
  }
  report(frame, "bad-argument", type.span, `${signature.call} takes a dtype here`, { help: `write ${signature.call}<f32>(…)` });
  return "poison";
}

function build(frame: Frame, callable: Callable, bound: Bound, site: CallSite, expected: Expected | undefined): Value {
  const { op, signature } = callable;
  const typed = dtypeArgument(frame, signature, site);
  if (typed === "poison") return poison;
  const dtype = typed ?? (signature.dtypeArgument === "optional" ? expected?.dtype : undefined);
  const constant = op.name === "cast" && typed ? castConstant(frame, bound.get(signature.parameters[0]!), typed, site.span) : undefined;
  if (constant) return constant;
  const inputs = tensorsOf(frame, callable, bound, site, wishForOperands(op, signature, expected));
  if (!inputs) return poison;
  const constants = constantsOf(bound);
  const shape = signature.shapeOfContext ? signature.parameters.find(({ kind }) => kind === "shape") : undefined;
  if (shape && bound.get(shape)?.length === 0) {
    if (!expected?.shape) return report(frame, "bad-argument", site.span, `nothing says what shape ${signature.call} gives`, { help: `write the shape behind its other arguments: an int for each dimension, or () for a scalar` });
    constants[shape.name] = expected.shape;
  }
  let attributes: Attributes;
  try {
    attributes = signature.attributes
      ? signature.attributes(constants, inputs.map((input) => input.type), dtype)
      : { ...constants, ...(signature.dtypeArgument ? { dtype: dtype ?? "f32" } : {}) };
  } catch (problem) {
    if (!(problem instanceof RuleError)) throw problem;
    return report(frame, problem.problem, site.span, problem.message, problem.help === undefined ? {} : { help: problem.help });
  }
  const filler = bound.get(signature.parameters[0]!);
  if (op.name === "fill" && filler && filler !== "absent" && signature.parameters[0]!.kind === "float") {
    // `full(value, …)`: the value is a literal with a neighbour, the dtype.
    const scalar = materialise(frame, filler[0]!, attributes["dtype"] as DType);
    if (scalar.kind === "poison") return poison;
  }
  return emit(frame, op.name, inputs, attributes, site.span);
}

/** A cast of a number or bool that is known now. */
function castConstant(frame: Frame, given: readonly Written[] | "absent" | undefined, dtype: DType, span: Span): Value | undefined {
  const value = given && given !== "absent" ? given[0]!.value : undefined;
  if (!value || !isScalarConstant(value)) return undefined;
  const cast = castOfConstant(value, dtype);
  return emit(frame, "fill", [], { value: dtype === "bool" ? cast !== 0 : cast, dtype, shape: [] }, span);
}

/** The tensor operands in the order of the parameters; constants have taken the dtype of their neighbours, elementwise operands one shape. */
function tensorsOf(frame: Frame, { op, signature }: Callable, bound: Bound, site: CallSite, expected: Expected | undefined): TensorValue[] | undefined {
  const operands: { readonly operand: Written; readonly apart: DType | undefined }[] = [];
  for (const parameter of signature.parameters) {
    const given = bound.get(parameter);
    if ((parameter.kind !== "tensor" && parameter.kind !== "tensors") || !given || given === "absent") continue;
    const apart = standsApart(parameter);
    for (const one of given) {
      const parts: readonly Written[] = one.value.kind === "tuple" ? one.value.elements.map((value) => ({ value, span: one.span })) : [one];
      for (const operand of parts) operands.push({ operand, apart });
    }
  }
  const peers = neighbours(frame, operands.filter(({ apart }) => !apart).map(({ operand }) => operand), expected?.dtype);
  if (!peers) return undefined;
  if (op.kind === "elementwise" && !sameDTypes(frame, peers, site.span, signature.call)) return undefined;
  let next = 0;
  const tensors: Written<TensorValue>[] = [];
  for (const { operand, apart } of operands) {
    if (!apart) {
      tensors.push(peers[next++]!);
      continue;
    }
    const value = materialise(frame, operand, apart);
    if (value.kind !== "tensor") return undefined;
    tensors.push({ ...operand, value });
  }
  const mixed = signature.parameters.some((parameter) => parameter.kind === "tensors") && tensors.find((other) => other.value.type.dtype !== tensors[0]!.value.type.dtype);
  if (mixed) return void reportDTypes(frame, tensors[0]!, mixed, site.span, signature.call);
  if (op.kind === "elementwise") return broadcastTogether(frame, tensors, site.span);
  return tensors.map((operand) => operand.value);
}
