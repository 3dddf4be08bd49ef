/**
 * Arithmetic on compile-time values. Ints are exact, from -2^63 to 2^64 - 1; floats are f64; a mix gives a float. `/` of ints
 * truncates toward zero, `%` has the sign of the dividend.
 */
import { erf } from "../../runtime/math.ts";
import type * as ast from "../syntax/ast.ts";
import type { ProblemName } from "../support/problems.ts";
import { bool, describe, float, intOf, isNumber, keyOf, tuple, type NumberValue, type Value } from "./value.ts";

export type Refused = { readonly refused: ProblemName; readonly message: string };
export const isRefused = (result: Value | Refused): result is Refused => "refused" in result;

const isInt = (value: Value): value is Extract<Value, { kind: "int" | "wide" }> => value.kind === "int" || value.kind === "wide";

const refuse = (problem: ProblemName, message: string): Refused => ({ refused: problem, message });

const exact = (value: bigint, shown: () => string): Value | Refused => intOf(value) ?? refuse("out-of-range", `${shown()} goes beyond 64 bits, in which compile-time ints are held`);

function onInts(op: ast.BinaryOperator, a: bigint, b: bigint): Value | Refused {
  const shown = (): string => `${a} ${op} ${b}`;
  switch (op) {
    case "+": return exact(a + b, shown);
    case "-": return exact(a - b, shown);
    case "*": return exact(a * b, shown);
    case "/": return b === 0n ? refuse("out-of-range", `${shown()} divides by zero`) : exact(a / b, shown);
    case "%": return b === 0n ? refuse("out-of-range", `${shown()} divides by zero`) : exact(a % b, shown);
    case "&": return exact(a & b, shown);
    case "|": return exact(a | b, shown);
    case "^": return exact(a ^ b, shown);
    case "<<": case ">>":
      if (b < 0n || b > 63n) return refuse("out-of-range", `${shown()} shifts by ${b} bits; 0 to 63 are possible`);
      return exact(op === "<<" ? a << b : a >> b, shown);
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
    // Ints and floats compare by their values.
    case "==": return bool(left.value == right.value);
    case "!=": return bool(left.value != right.value);
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
    return compare(op, left, right) ?? (isInt(left) && isInt(right) ? onInts(op, BigInt(left.value), BigInt(right.value)) : onFloats(op, Number(left.value), Number(right.value)));
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
  if (op === "-" && isInt(operand)) return exact(-BigInt(operand.value), () => `-${operand.value}`);
  if (op === "-" && operand.kind === "float") return float(-operand.value);
  if (op === "+" && isNumber(operand)) return operand;
  if (op === "~" && isInt(operand)) return exact(~BigInt(operand.value), () => `~${operand.value}`);
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

/** Functions that keep ints ints: of floats, and of ints. */
const keepingFunctions: { readonly [name: string]: readonly [of: (x: number) => number, ofInts: (x: bigint) => bigint] } = {
  abs: [Math.abs, (x) => (x < 0n ? -x : x)], floor: [Math.floor, (x) => x], ceil: [Math.ceil, (x) => x], trunc: [Math.trunc, (x) => x], round: [half, (x) => x],
  sign: [Math.sign, (x) => (x < 0n ? -1n : x > 0n ? 1n : 0n)],
};

/** A call of a mathematical function on compile-time numbers; undefined when `name` is none, or not for so many. */
export function callOnNumbers(name: string, args: readonly NumberValue[]): Value | Refused | undefined {
  const shown = (): string => `${name}(${args.map((arg) => arg.value).join(", ")})`;
  const floats = args.map((arg) => Number(arg.value));
  const ints = args.every(isInt) ? args.map((arg) => BigInt(arg.value)) : undefined;
  const [first, second] = floats;
  if (args.length === 1) {
    if (Object.hasOwn(floatFunctions, name)) return float(floatFunctions[name]!(first!));
    if (!Object.hasOwn(keepingFunctions, name)) return undefined;
    const [of, ofInts] = keepingFunctions[name]!;
    return ints ? exact(ofInts(ints[0]!), shown) : float(of(first!));
  }
  if (args.length < 2) return undefined;
  if (name === "min" || name === "max") return ints ? exact(ints.reduce((a, b) => ((name === "min") === a < b ? a : b)), shown) : float(Math[name](...floats));
  if (args.length !== 2) return undefined;
  if (name === "pow") return ints && ints[1]! >= 0n ? power(ints[0]!, ints[1]!, shown) : float(first! ** second!);
  if (name === "atan2") return float(Math.atan2(first!, second!));
  if (name === "rem") return binary("%", args[0]!, args[1]!);
  return undefined;
}

/** A whole power; of bases that grow, no power above 64 fits. */
function power(base: bigint, exponent: bigint, shown: () => string): Value | Refused {
  if (base >= -1n && base <= 1n) return exact(base === -1n && exponent % 2n === 0n ? 1n : exponent === 0n ? 1n : base, shown);
  return exact(base ** (exponent > 65n ? 65n : exponent), shown);
}
