/**
 * Type expressions: `f32[m, ...s, 2 * n]`, `T[n]`, `int`, tuples. A type is either resolved, when all its names are known,
 * or unified with the type of an argument, which binds generics.
 */
import { isDType, isFloat, isInteger, type DType } from "../../runtime/dtype.ts";
import { formatType, type TensorType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import { chainOf } from "../syntax/chain.ts";
import { closest } from "../support/suggest.ts";
import type { Span } from "../support/span.ts";
import { report, type Frame } from "./frame.ts";
import { maxTuple } from "./limits.ts";
import { binary, isRefused } from "./numbers.ts";
import { checkedShape } from "./tensors.ts";
import { describe, int, tuple, type Value } from "./value.ts";

export const compileTimeTypes = ["int", "float", "bool", "string", "dtype"] as const;
export type CompileTimeType = (typeof compileTimeTypes)[number];

/** `int`, `float`, `string`, `dtype`, and `bool` without dimensions (which may also be a scalar tensor). */
export function compileTimeTypeOf(type: ast.TypeExpression): CompileTimeType | undefined {
  if (type.kind !== "named-type" || type.dimensions) return undefined;
  return (compileTimeTypes as readonly string[]).includes(type.name.name) ? (type.name.name as CompileTimeType) : undefined;
}

/** Whether values of the type exist only while a program is compiled: of `int`, …, and of tuples of such. */
export const isCompileTimeType = (type: ast.TypeExpression): boolean => (type.kind === "tuple-type" ? type.elements.every(isCompileTimeType) : compileTimeTypeOf(type) !== undefined);

/** The types of a tuple's elements, where it has `count` of them; undefined where it must have another number. */
export function elementTypes(type: Extract<ast.TypeExpression, { kind: "tuple-type" }>, count: number): readonly ast.TypeExpression[] | undefined {
  if (type.any) return new Array<ast.TypeExpression>(count).fill(type.elements[0]!);
  return count === type.elements.length ? type.elements : undefined;
}

/** For messages: "a tuple of 2". */
export const describeTupleType = (type: Extract<ast.TypeExpression, { kind: "tuple-type" }>): string => (type.any ? "a tuple" : `a tuple of ${type.elements.length}`);

/** The elements of a tuple, or the ints of a range; undefined of what is neither, and of a range longer than a tuple can be. */
export function elementsOf(value: Value): readonly Value[] | undefined {
  if (value.kind === "tuple") return value.elements;
  if (value.kind !== "range" || value.end - value.start > maxTuple) return undefined;
  return Array.from({ length: Math.max(0, value.end - value.start) }, (_, k) => int(value.start + k));
}

/** What has been found to fit a type, as that type has it: ints are floats where those are wanted, in tuples too, and a range is a tuple. */
export function converted(value: Value, type: ast.TypeExpression): Value {
  const compileTime = compileTimeTypeOf(type);
  if (compileTime) return asCompileTime(value, compileTime) ?? value;
  if (type.kind !== "tuple-type") return value;
  const elements = elementsOf(value);
  const types = elements && elementTypes(type, elements.length);
  return types ? tuple(elements.map((element, k) => converted(element, types[k]!))) : value;
}

/** The value as a compile-time type wants it (an int is a float where one is wanted); undefined when it is another kind. */
export function asCompileTime(value: Value, type: CompileTimeType): Value | undefined {
  if (type === "float" && (value.kind === "int" || value.kind === "wide")) return { kind: "float", value: Number(value.value) };
  if (type === "int" && value.kind === "wide") return value;
  return value.kind === type ? value : undefined;
}

/** What other languages and libraries call the dtypes. */
const otherDTypes: { readonly [name: string]: string } = {
  half: "f16", float: "f32", single: "f32", double: "f64", int: "i32", long: "i64", short: "i16", byte: "u8", char: "i8", uint: "u32", ulong: "u64", ushort: "u16", boolean: "bool", bfloat16: "bf16", brain: "bf16",
};

/** "did you mean f32?" for what is meant by `float32` or `double`, as far as it is known. */
function dtypeMeant(name: string): string | undefined {
  const plain = name.toLowerCase().replace(/_t$/, "");
  const sized = /^(float|int|uint)(8|16|32|64)$/.exec(plain);
  const meant = Object.hasOwn(otherDTypes, plain) ? otherDTypes[plain] : sized ? `${sized[1]![0]}${sized[2]}` : undefined;
  if (meant !== undefined && isDType(meant)) return `did you mean ${meant}?`;
  if (/^(c64|c128|cfloat|cdouble|complex(64|128)?)$/.test(plain)) return "there is no complex dtype: real and imaginary parts are two tensors";
  return plain === "tensor" || plain === "array" ? "a tensor type is its dtype and shape, as in f32[4, 8]" : undefined;
}

export function unknownType(frame: Frame, name: ast.Identifier): void {
  // Where no type stands, the parser has said so.
  if (name.name === "") return;
  const meant = closest(name.name, ["f16", "bf16", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", ...compileTimeTypes]);
  const help = dtypeMeant(name.name) ?? (meant === undefined ? undefined : `did you mean ${meant}?`);
  report(frame, "unknown-name", name.span, `no type is called ${name.name}`, help === undefined ? {} : { help });
}

/** The dtype a type's name stands for, when it is one; the name itself when it is a generic not yet bound. */
function dtypeOf(frame: Frame, name: ast.Identifier, open: ReadonlyMap<string, unknown>): DType | "open" | undefined {
  if (isDType(name.name)) return name.name;
  const binding = frame.scope.lookup(name.name);
  if (binding?.kind === "value" && binding.value.kind === "dtype") return binding.value.value;
  if (binding?.kind === "lazy") {
    const value = binding.force();
    if (value.kind === "dtype") return value.value;
  }
  if (!binding && open.has(name.name)) return "open";
  if (binding?.kind === "poison" || (binding?.kind === "value" && binding.value.kind === "poison")) return undefined;
  if (name.name === "") return undefined;
  if ((compileTimeTypes as readonly string[]).includes(name.name)) {
    const help = dtypeMeant(name.name);
    report(frame, "type-mismatch", name.span, `${name.name} is a compile-time type; the elements of a tensor have a dtype`, help === undefined ? {} : { help });
  } else if (binding) report(frame, "type-mismatch", name.span, `${name.name} is no type`);
  else unknownType(frame, name);
  return undefined;
}

/** Names in an expression that are generics without a value yet. */
function openNames(expression: ast.Expression, frame: Frame, open: ReadonlyMap<string, unknown>): boolean {
  switch (expression.kind) {
    case "identifier": return open.has(expression.name) && !frame.scope.lookup(expression.name);
    case "unary": return openNames(expression.operand, frame, open);
    case "binary": return openNames(expression.left, frame, open) || openNames(expression.right, frame, open);
    case "conditional": return [expression.condition, expression.then, expression.otherwise].some((part) => openNames(part, frame, open));
    case "call": return expression.args.some((arg) => openNames(arg.value, frame, open));
    case "index": return openNames(expression.base, frame, open) || expression.items.some((item) => item.kind === "at" && openNames(item.value, frame, open));
    default: return false;
  }
}

/** A dimension's value. `/` must divide exactly here. Undefined once reported. */
function dimension(frame: Frame, expression: ast.Expression): number | undefined {
  const value = dimensionValue(frame, expression);
  if (value.kind === "int") return value.value;
  if (value.kind !== "poison") report(frame, value.kind === "tensor" ? "not-compile-time" : "type-mismatch", expression.span, `a dimension must be an int, and this is ${describe(value)}`);
  return undefined;
}

function dimensionValue(frame: Frame, expression: ast.Expression): Value {
  if (expression.kind !== "binary" || !["+", "-", "*", "/", "%"].includes(expression.op)) return frame.session.rules.expression({ ...frame, build: undefined }, expression);
  const { first, links } = chainOf(expression);
  let value = dimensionValue(frame, first);
  for (const link of links) {
    const right = dimensionValue(frame, link.right);
    if (value.kind === "poison" || right.kind === "poison") return { kind: "poison" };
    if (link.op === "/" && value.kind === "int" && right.kind === "int" && right.value !== 0 && value.value % right.value !== 0) {
      return report(frame, "indivisible", link.span, `${value.value} does not divide by ${right.value} without remainder`, { label: "this dimension" });
    }
    const result = binary(link.op, value, right);
    if (isRefused(result)) return report(frame, result.refused, link.span, result.message);
    value = result;
  }
  return value;
}

/** The dimensions of `...s`; undefined once reported. */
function spreadOf(frame: Frame, name: ast.Identifier): readonly number[] | undefined {
  const binding = frame.scope.lookup(name.name);
  const value = binding?.kind === "value" ? binding.value : binding?.kind === "lazy" ? binding.force() : undefined;
  if (value?.kind === "poison" || binding?.kind === "poison") return undefined;
  if (value?.kind === "tuple" && value.elements.every((element) => element.kind === "int")) return value.elements.map((element) => (element as { value: number }).value);
  report(frame, binding ? "type-mismatch" : "unknown-name", name.span, binding ? `...${name.name} needs a tuple of ints` : `nothing is called ${name.name} here`);
  return undefined;
}

const none: ReadonlyMap<string, unknown> = new Map();

/** A tensor type all of whose names are known; undefined once reported. */
export function resolveType(frame: Frame, type: ast.TypeExpression): TensorType | undefined {
  if (type.kind === "tuple-type") return void report(frame, "type-mismatch", type.span, "a tensor type is needed here, and this is a tuple");
  if (type.name.name !== "bool" && compileTimeTypeOf(type)) {
    return void report(frame, "type-mismatch", type.span, `a tensor type is needed here, and ${type.name.name} is a compile-time type`, { help: type.name.name === "int" ? "i32 is an integer tensor" : "f32 is a float tensor" });
  }
  const dtype = dtypeOf(frame, type.name, none);
  const shape: number[] = [];
  let failed = dtype === undefined || dtype === "open";
  for (const written of type.dimensions ?? []) {
    if (written.kind === "spread") {
      const spread = spreadOf(frame, written.name);
      if (spread) shape.push(...spread);
      else failed = true;
      continue;
    }
    const extent = dimension(frame, written);
    if (extent === undefined) failed = true;
    else if (extent < 0) {
      report(frame, "out-of-range", written.span, `a dimension is ${extent}; it must be 0 or more`);
      failed = true;
    } else shape.push(extent);
  }
  if (failed || !checkedShape(frame, shape, type.span)) return undefined;
  return { dtype: dtype as DType, shape };
}

/** `float`, `int`, `number`, `any`: the dtypes a bound of a generic lets in. */
function inBound(dtype: DType, bound: string): boolean {
  switch (bound) {
    case "float": return isFloat(dtype);
    case "int": return isInteger(dtype);
    case "number": return isFloat(dtype) || isInteger(dtype);
    default: return true;
  }
}
export const bounds = ["float", "int", "number", "any"];

/** Generics on their way to values: bound ones are defined in the frame's scope. */
export class Unification {
  /** Its scope sees the declaration's surroundings; bound generics are defined in it. */
  readonly frame: Frame;
  readonly generics: ReadonlyMap<string, ast.Generic>;
  readonly #by = new Map<string, { readonly span: Span; readonly subject: string }>();
  /** Checks that wait for generics to be bound. */
  #waiting: (() => boolean)[] = [];
  /** Why the type that the surroundings expect said nothing. */
  #misfit: string | undefined;

  constructor(frame: Frame, generics: readonly ast.Generic[]) {
    this.frame = frame;
    this.generics = new Map(generics.map((generic) => [generic.name.name, generic]));
  }

  isBound(name: string): boolean {
    return this.frame.scope.own(name) !== undefined;
  }

  bind(name: string, value: Value, span: Span, subject: string): void {
    this.frame.scope.define(name, { kind: "value", value, span, what: "generic" });
    this.#by.set(name, { span, subject });
  }

  /** Binds a dtype to a generic if its bound lets it in; false once reported. */
  bindDType(name: string, dtype: DType, span: Span, subject: string): boolean {
    const bound = this.generics.get(name)?.bound;
    if (bound && !inBound(dtype, bound.name)) {
      report(this.frame, "dtype-mismatch", span, `${subject} is ${dtype}, and ${name} takes only ${bound.name === "number" ? "numbers" : `${bound.name}s`}`, {
        related: [{ span: bound.span, text: `${name}: ${bound.name}` }], help: `cast<${bound.name === "float" ? "f32" : "i32"}>(…) converts`,
      });
      return false;
    }
    this.bind(name, { kind: "dtype", value: dtype }, span, subject);
    return true;
  }

  /** Fits an argument's type to a parameter's, binding generics. False once reported (or, if `quiet`, just false). */
  unify(type: ast.TypeExpression, actual: TensorType, span: Span, subject: string, quiet = false): boolean {
    const { frame } = this;
    const complain = (problem: "dtype-mismatch" | "shape-mismatch", message: string, help?: string, other?: string): false => {
      if (quiet) return false;
      const by = other === undefined ? undefined : this.#by.get(other);
      report(frame, problem, span, message, {
        label: formatType(actual),
        related: [{ span: type.span, text: "declared here" }, ...(by && by.span !== span ? [{ span: by.span, text: `${other} comes from ${by.subject}` }] : [])],
        ...(help === undefined ? {} : { help }),
      });
      return false;
    };
    if (type.kind === "tuple-type") return complain("shape-mismatch", `${subject} is ${formatType(actual)}, and a tuple is needed`);
    const dtype = dtypeOf(frame, type.name, this.generics);
    if (dtype === undefined) return false;
    if (dtype === "open") {
      if (quiet && !inBound(actual.dtype, this.generics.get(type.name.name)?.bound?.name ?? "any")) return false;
      if (!this.bindDType(type.name.name, actual.dtype, span, subject)) return false;
    } else if (dtype !== actual.dtype) {
      return complain("dtype-mismatch", `${subject} is ${formatType(actual)}, and ${dtype} is needed`, `cast<${dtype}>(…) converts`, type.name.name);
    }
    const dimensions = type.dimensions ?? [];
    const spreadAt = dimensions.findIndex((written) => written.kind === "spread");
    const wanted = spreadAt < 0 ? dimensions.length : dimensions.length - 1;
    if (spreadAt < 0 ? actual.shape.length !== wanted : actual.shape.length < wanted) {
      return complain("shape-mismatch", `${subject} is ${formatType(actual)} of rank ${actual.shape.length}, and rank ${wanted}${spreadAt < 0 ? "" : " or more"} is needed`);
    }
    const after = spreadAt < 0 ? 0 : dimensions.length - spreadAt - 1;
    let fits = true;
    dimensions.forEach((written, k) => {
      if (written.kind === "spread") {
        const middle = actual.shape.slice(k, actual.shape.length - after);
        const name = written.name.name;
        if (this.generics.has(name) && !this.isBound(name)) return this.bind(name, tuple(middle.map(int)), span, subject);
        const bound = spreadOf(frame, written.name);
        if (!bound) fits = false;
        else if (bound.length !== middle.length || bound.some((extent, j) => extent !== middle[j])) {
          fits = complain("shape-mismatch", `...${name} is [${bound.join(", ")}]${this.#from(name)}, and ${subject} has [${middle.join(", ")}] there`, undefined, name);
        }
        return;
      }
      const extent = actual.shape[spreadAt >= 0 && k > spreadAt ? actual.shape.length - (dimensions.length - k) : k]!;
      if (written.kind === "identifier" && this.generics.has(written.name) && !this.isBound(written.name)) {
        return this.bind(written.name, int(extent), span, subject);
      }
      const check = (): boolean => {
        const value = dimension(frame, written);
        if (value === undefined) return false;
        if (value === extent) return true;
        const name = written.kind === "identifier" ? written.name : undefined;
        const what = name === undefined ? "the dimension" : name;
        return complain("shape-mismatch", `${what} is ${value}${name === undefined ? "" : this.#from(name)}, and ${subject} has ${extent} there`, undefined, name);
      };
      if (openNames(written, frame, this.generics)) this.#waiting.push(check);
      else if (!check()) fits = false;
      return;
    });
    return fits;
  }

  #from(name: string): string {
    const by = this.#by.get(name);
    return by ? ` (${by.subject})` : "";
  }

  /** Learns unbound generics from the type the surroundings expect; says nothing when it does not fit. */
  hint(type: ast.TypeExpression, dtype: DType | undefined, shape: readonly number[] | undefined): void {
    if (type.kind !== "named-type") return;
    const { name } = type;
    if (dtype && this.generics.has(name.name) && !this.isBound(name.name) && inBound(dtype, this.generics.get(name.name)?.bound?.name ?? "any")) {
      this.bind(name.name, { kind: "dtype", value: dtype }, type.span, "the expected type");
    }
    const dimensions = type.dimensions ?? [];
    const spreadAt = dimensions.findIndex((written) => written.kind === "spread");
    if (!shape) return;
    if (spreadAt < 0 ? shape.length !== dimensions.length : shape.length < dimensions.length - 1) {
      const given = spreadAt < 0 ? `[${dimensions.map((each) => (each.kind === "identifier" ? each.name : "…")).join(", ")}]` : `at least ${dimensions.length - 1} dimensions`;
      this.#misfit = `its result is ${given}, and [${shape.join(", ")}] is wanted`;
      return;
    }
    dimensions.forEach((written, k) => {
      const name = written.kind === "identifier" ? written.name : written.kind === "spread" ? written.name.name : undefined;
      if (name === undefined || !this.generics.has(name) || this.isBound(name)) return;
      const fromEnd = dimensions.length - k - 1;
      const value = written.kind === "spread" ? tuple(shape.slice(k, shape.length - fromEnd).map(int)) : int(shape[spreadAt >= 0 && k > spreadAt ? shape.length - 1 - fromEnd : k]!);
      this.bind(name, value, type.span, "the expected type");
    });
  }

  /** Runs the checks that waited and reports generics nothing has bound; false once reported. */
  finish(span: Span, callee: string): boolean {
    let fits = true;
    for (const generic of this.generics.values()) {
      if (this.isBound(generic.name.name)) continue;
      report(this.frame, "bad-argument", span, `nothing says what ${generic.name.name} of ${callee} is`, {
        help: this.#misfit ?? "give the result a type, as in `let y: f32[4, 8] = …`", related: [{ span: generic.span, text: `${generic.name.name} is declared here` }],
      });
      this.bind(generic.name.name, { kind: "poison" }, span, callee);
      fits = false;
    }
    if (!fits) return false;
    for (const check of this.#waiting) if (!check()) fits = false;
    return fits;
  }
}
