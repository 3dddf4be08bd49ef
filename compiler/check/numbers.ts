/**
 * Arithmetic on compile-time values. Ints are exact up to 2^53, floats are f64; a mix gives a float. `/` of ints
 * truncates toward zero, `%` has the sign of the dividend.
 */
import { isDType } from "../../runtime/dtype.ts";
import { erf } from "../../runtime/math.ts";
import type * as ast from "../syntax/ast.ts";
import type { ProblemName } from "../support/problems.ts";
import { bool, describe, float, int, isNumber, keyOf, tuple, type NumberValue, type Value } from "./value.ts";

export type Refused = { readonly refused: ProblemName; readonly message: string };
export const isRefused = (result: Value | Refused): result is Refused => "refused" in result;

const refuse = (problem: ProblemName, message: string): Refused => ({ refused: problem, message });

function exact(value: number, shown: () => string): Value | Refused {
  if (Number.isSafeInteger(value)) return int(value === 0 ? 0 : value);
  return refuse("out-of-range", `${shown()} goes beyond 2^53, the largest compile-time int`);
}

function onInts(op: ast.BinaryOperator, a: number, b: number): Value | Refused {
  const shown = (): string => `${a} ${op} ${b}`;
  switch (op) {
    case "+": return exact(a + b, shown);
    case "-": return exact(a - b, shown);
    case "*": return exact(a * b, shown);
    case "/": return b === 0 ? refuse("out-of-range", `${shown()} divides by zero`) : exact(Math.trunc(a / b), shown);
    case "%": return b === 0 ? refuse("out-of-range", `${shown()} divides by zero`) : exact(a % b, shown);
    case "&": case "|": case "^": {
      const [x, y] = [BigInt(a), BigInt(b)];
      return exact(Number(op === "&" ? x & y : op === "|" ? x | y : x ^ y), shown);
    }
    case "<<": case ">>":
      if (b < 0 || b > 63) return refuse("out-of-range", `${shown()} shifts by ${b} bits; 0 to 63 are possible`);
      return exact(Number(op === "<<" ? BigInt(a) << BigInt(b) : BigInt(a) >> BigInt(b)), shown);
    default: return refuse("type-mismatch", `\`${op}\` does not take ${a} and ${b}`);
  }
}

function onFloats(op: ast.BinaryOperator, a: number, b: number): Value | Refused {
  switch (op) {
    case "+": return float(a + b);
    case "-": return float(a - b);
    case "*": return float(a * b);
    case "/": return float(a / b);
    case "%": return float(a % b);
    default: return refuse("type-mismatch", `\`${op}\` does not take the floats ${a} and ${b}`);
  }
}

function compare(op: ast.BinaryOperator, left: NumberValue, right: NumberValue): Value | undefined {
  switch (op) {
    case "==": return bool(left.value === right.value);
    case "!=": return bool(left.value !== right.value);
    case "<": return bool(left.value < right.value);
    case "<=": return bool(left.value <= right.value);
    case ">": return bool(left.value > right.value);
    case ">=": return bool(left.value >= right.value);
    default: return undefined;
  }
}

/** `left op right` on compile-time values (no tensors, no poison). */
export function binary(op: ast.BinaryOperator, left: Value, right: Value): Value | Refused {
  if (isNumber(left) && isNumber(right)) {
    return compare(op, left, right) ?? (left.kind === "int" && right.kind === "int" ? onInts(op, left.value, right.value) : onFloats(op, left.value, right.value));
  }
  if (left.kind === "bool" && right.kind === "bool") {
    switch (op) {
      case "&&": case "&": return bool(left.value && right.value);
      case "||": case "|": return bool(left.value || right.value);
      case "^": return bool(left.value !== right.value);
      default: break;
    }
  }
  if (op === "==" || op === "!=") {
    if (left.kind === right.kind) return bool((keyOf(left) === keyOf(right)) === (op === "=="));
  }
  if (op === "+" && left.kind === "string" && right.kind === "string") return { kind: "string", value: left.value + right.value };
  if (op === "+" && left.kind === "tuple" && right.kind === "tuple") return tuple([...left.elements, ...right.elements]);
  return refuse("type-mismatch", `\`${op}\` does not take ${describe(left)} and ${describe(right)}`);
}

export function unary(op: "-" | "!" | "~" | "+", operand: Value): Value | Refused {
  if (op === "!" && operand.kind === "bool") return bool(!operand.value);
  if (op === "-" && operand.kind === "int") return int(operand.value === 0 ? 0 : -operand.value);
  if (op === "-" && operand.kind === "float") return float(-operand.value);
  if (op === "+" && isNumber(operand)) return operand;
  if (op === "~" && operand.kind === "int") return int(Number(~BigInt(operand.value)));
  return refuse("type-mismatch", `\`${op}\` does not take ${describe(operand)}`);
}

/** Functions of f64 that compile-time numbers can be given to. */
const floatFunctions: { readonly [name: string]: (x: number) => number } = {
  sqrt: Math.sqrt, cbrt: Math.cbrt, exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p, log2: Math.log2, log10: Math.log10,
  sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos, atan: Math.atan,
  sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh, asinh: Math.asinh, acosh: Math.acosh, atanh: Math.atanh,
  erf, rsqrt: (x) => 1 / Math.sqrt(x), exp2: (x) => 2 ** x,
};

const half = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
};

/** Functions that keep ints ints. */
const keepingFunctions: { readonly [name: string]: (x: number) => number } = {
  abs: Math.abs, floor: Math.floor, ceil: Math.ceil, trunc: Math.trunc, round: half, sign: Math.sign,
};

/** A call of a mathematical function on compile-time numbers; undefined when `name` is none, or not for so many. */
export function callOnNumbers(name: string, args: readonly NumberValue[]): Value | Refused | undefined {
  const allInts = args.every((arg) => arg.kind === "int");
  const give = (value: number): Value | Refused => (allInts ? exact(value, () => `${name}(${args.map((arg) => arg.value).join(", ")})`) : float(value));
  const [first, second] = args;
  if (args.length === 1) {
    if (Object.hasOwn(floatFunctions, name)) return float(floatFunctions[name]!(first!.value));
    if (Object.hasOwn(keepingFunctions, name)) return give(keepingFunctions[name]!(first!.value));
    return undefined;
  }
  if (args.length < 2) return undefined;
  if (name === "min" || name === "max") return give(Math[name](...args.map((arg) => arg.value)));
  if (args.length !== 2) return undefined;
  if (name === "pow") return allInts && second!.value >= 0 ? give(first!.value ** second!.value) : float(first!.value ** second!.value);
  if (name === "atan2") return float(Math.atan2(first!.value, second!.value));
  if (name === "rem") return onNumbers("%", first!, second!);
  return undefined;
}

const onNumbers = (op: ast.BinaryOperator, a: NumberValue, b: NumberValue): Value | Refused => binary(op, a, b);

/** A graph parameter from a command line, as its declared type reads it; undefined when it is none. */
export function parseParameter(type: string, given: number | boolean | string): Value | undefined {
  if (type === "string") return { kind: "string", value: String(given) };
  if (type === "dtype") return typeof given === "string" && isDType(given) ? { kind: "dtype", value: given } : undefined;
  const text = typeof given === "string" ? given.trim().replaceAll("_", "") : given;
  switch (type) {
    case "bool": return text === true || text === "true" ? bool(true) : text === false || text === "false" ? bool(false) : undefined;
    case "int": case "float": {
      if (typeof text === "boolean" || text === "") return undefined;
      const number = typeof text === "string" && /^-0[xb]/i.test(text) ? -Number(text.slice(1)) : Number(text);
      if (!Number.isFinite(number)) return undefined;
      return type === "float" ? float(number) : Number.isSafeInteger(number) ? int(number) : undefined;
    }
    default: return undefined;
  }
}
