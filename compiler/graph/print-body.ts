/** A scalar body as an infix expression, its arguments by the names given. For people and goldens; it is not read back. */
import type { DType } from "../../runtime/dtype.ts";
import type { BinaryOp, Expression, UnaryOp } from "../kernel/kernel.ts";
import { invariant, unreachable } from "../support/bug.ts";

/** Symbol and strength of those that have one; others are written as calls. */
const infix: { readonly [op in BinaryOp]?: readonly [string, number] } = {
  or: ["|", 1], xor: ["^", 2], and: ["&", 3],
  eq: ["==", 4], ne: ["!=", 4], lt: ["<", 5], le: ["<=", 5], gt: [">", 5], ge: [">=", 5],
  shl: ["<<", 6], shr: [">>", 6],
  add: ["+", 7], sub: ["-", 7], mul: ["*", 8], div: ["/", 8], rem: ["%", 8],
};
const prefix: { readonly [op in UnaryOp]?: string } = { neg: "-", not: "!" };
const strongest = 9;

export function printBody(body: Expression, names: readonly string[]): string {
  /** In parentheses when it binds weaker than its place needs. */
  const go = (e: Expression, needed: number): string => {
    const call = (name: string, ...args: Expression[]): string => `${name}(${args.map((argument) => go(argument, 0)).join(", ")})`;
    switch (e.kind) {
      case "argument": return names[e.index] ?? `$${e.index}`;
      case "constant": return printNumber(e.dtype, e.value);
      case "unary": {
        const sign = prefix[e.op];
        return sign === undefined ? call(e.op, e.operand) : `${sign}${go(e.operand, strongest)}`;
      }
      case "binary": {
        const symbol = infix[e.op];
        if (symbol === undefined) return call(e.op, e.left, e.right);
        const [sign, strength] = symbol;
        const text = `${go(e.left, strength)} ${sign} ${go(e.right, strength + 1)}`;
        return strength < needed ? `(${text})` : text;
      }
      case "select": return call("select", e.condition, e.then, e.otherwise);
      case "cast": return call(`cast<${e.dtype}>`, e.operand);
      case "bitcast": return call(`bitcast<${e.dtype}>`, e.operand);
      case "call": return call(e.function, ...e.args);
      case "local": case "load": case "iota": case "splat": case "pack": case "lane": case "reduce": case "multiplyAdd":
        invariant(false, () => `${e.kind} in a scalar body`);
        return "";
      default: return unreachable(e);
    }
  };
  return go(body, 0);
}

/** The shortest decimal that rounds to the value in its dtype: 0.1, not 0.10000000149011612. */
export function printNumber(dtype: DType, value: number | bigint): string {
  if (dtype === "bool") return Number(value) === 0 ? "false" : "true";
  if (typeof value === "bigint") return String(value);
  if (Object.is(value, -0)) return "-0";
  if (dtype !== "f32" || !Number.isFinite(value) || Number.isInteger(value)) return String(value);
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return String(short);
  }
  return String(value);
}
