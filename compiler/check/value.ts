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
export type NumberValue = Extract<Value, { kind: "int" | "float" }>;

/** What the surroundings of an expression would like it to be. A wish: who asks checks the answer. */
export interface Expected {
  readonly dtype?: DType;
  readonly shape?: readonly number[];
}

export const poison: Value = { kind: "poison" };
export const int = (value: number): Value => ({ kind: "int", value });
export const float = (value: number): Value => ({ kind: "float", value });
export const bool = (value: boolean): Value => ({ kind: "bool", value });
export const tuple = (elements: readonly Value[]): Value => ({ kind: "tuple", elements });

export const isNumber = (value: Value): value is NumberValue => value.kind === "int" || value.kind === "float";
/** A number or bool that can become a scalar tensor. */
export type ScalarConstant = Extract<Value, { kind: "int" | "float" | "bool" }>;
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
    case "int": return `${value.value}`;
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
