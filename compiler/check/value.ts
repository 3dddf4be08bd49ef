/**
 * What a name or an expression can stand for while a program is elaborated: compile-time values, which live only in the
 * checker, and tensors, which are values of the graph. `poison` stands where a mistake was reported: whatever meets it is
 * silent.
 */
import type { DType } from "../../runtime/dtype.ts";
import { formatType, type TensorType, type ValueId } from "../graph/graph.ts";
import { unreachable } from "../support/bug.ts";

export type Value =
  | { readonly kind: "poison" }
  | { readonly kind: "int"; readonly value: number }
  /** An int of more than 53 bits, at least -2^63 and below 2^64: for i64 and u64, and no count of anything. */
  | { readonly kind: "wide"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "dtype"; readonly value: DType }
  | { readonly kind: "range"; readonly start: number; readonly end: number }
  | { readonly kind: "tuple"; readonly elements: readonly Value[] }
  | TensorValue;

export interface TensorValue {
  readonly kind: "tensor";
  readonly id: ValueId;
  readonly type: TensorType;
}

/** A compile-time number, which takes the dtype of its neighbour. */
export type NumberValue = Extract<Value, { kind: "int" | "wide" | "float" }>;

/** What to write where a tuple stands in the place of a tensor; undefined for other values. */
export function helpForTuple(value: Value): string | undefined {
  if (value.kind !== "tuple" || value.elements.length === 0) return undefined;
  const { elements } = value;
  if (elements.every((element) => element.kind === "tuple")) return "stack(stack(a, b), stack(c, d)) is the tensor of a tuple's rows";
  if (!elements.every((element) => element.kind === "tensor" || isScalarConstant(element))) return undefined;
  const types = new Set(elements.flatMap((element) => (element.kind === "tensor" ? [formatType(element.type)] : [])));
  return types.size > 1 ? "`let (a, b) = …;` gives each part of a tuple a name" : "stack((a, b, c)) is the tensor of a tuple's elements";
}

/** What the surroundings of an expression would like it to be. A wish: who asks checks the answer. */
export interface Expected {
  readonly dtype?: DType;
  readonly shape?: readonly number[];
}

export const poison: Value = { kind: "poison" };
export const int = (value: number): Value => ({ kind: "int", value });
/** An int of any size that can be one; undefined beyond 64 bits. */
export function intOf(value: bigint): Value | undefined {
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) return int(Number(value));
  return value >= -(2n ** 63n) && value < 2n ** 64n ? { kind: "wide", value } : undefined;
}
export const float = (value: number): Value => ({ kind: "float", value });
export const bool = (value: boolean): Value => ({ kind: "bool", value });
export const tuple = (elements: readonly Value[]): Value => ({ kind: "tuple", elements });

export const isNumber = (value: Value): value is NumberValue => value.kind === "int" || value.kind === "wide" || value.kind === "float";
/** A number or bool that can become a scalar tensor. */
export type ScalarConstant = Extract<Value, { kind: "int" | "wide" | "float" | "bool" }>;
export const isScalarConstant = (value: Value): value is ScalarConstant => isNumber(value) || value.kind === "bool";

export function hasPoison(value: Value): boolean {
  return value.kind === "poison" || (value.kind === "tuple" && value.elements.some(hasPoison));
}

export function isCompileTime(value: Value): boolean {
  return value.kind === "tuple" ? value.elements.every(isCompileTime) : value.kind !== "tensor";
}

/** For messages: "the int 3", "f32[4, 5]", "a tuple of 2". */
export function describe(value: Value): string {
  switch (value.kind) {
    case "poison": return "an erroneous value";
    case "int": return `the int ${value.value}`;
    case "wide": return `the int ${value.value}, of more than 53 bits`;
    case "float": return `the float ${value.value}`;
    case "bool": return `the bool ${value.value}`;
    case "string": return `the string ${JSON.stringify(value.value)}`;
    case "dtype": return `the dtype ${value.value}`;
    case "range": return `the range ${value.start}..${value.end}`;
    case "tuple": return `a tuple of ${value.elements.length}`;
    case "tensor": return formatType(value.type);
    default: return unreachable(value);
  }
}

/** A compile-time value as text, the same for equal values: keys of caches. */
export function keyOf(value: Value): string {
  switch (value.kind) {
    case "poison": return "?";
    case "int": case "wide": return `${value.value}`;
    case "float": return `${Object.is(value.value, -0) ? "-0" : value.value}f`;
    case "bool": return value.value ? "true" : "false";
    case "string": return JSON.stringify(value.value);
    case "dtype": return value.value;
    case "range": return `${value.start}..${value.end}`;
    case "tuple": return `(${value.elements.map(keyOf).join(",")})`;
    case "tensor": return `%${value.id}`;
    default: return unreachable(value);
  }
}
