/** Unary and binary operators: on compile-time values at compile time, on tensors as ops, with literals taking the dtype of their neighbour. */
import { isFloat, type DType } from "../../runtime/dtype.ts";
import { formatType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import { chainOf, isComparison, isLogic } from "../syntax/chain.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { report, type Frame } from "./frame.ts";
import * as numbers from "./numbers.ts";
import { asTensor, broadcastTo, broadcastTogether, commonShape, defaultDType, emit, reportDTypes, shown, type Written } from "./tensors.ts";
import { bool, hasPoison, isScalarConstant, poison, type Expected, type TensorValue, type Value } from "./value.ts";

export const opNames: { readonly [op in Exclude<ast.BinaryOperator, "@">]: string } = {
  "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "rem",
  "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
  "&&": "and", "||": "or", "&": "and", "|": "or", "^": "xor", "<<": "shl", ">>": "shr",
};

/** A name an operand can be called by in a message, when it is written as a plain or dotted name. */
export function nameOf(expression: ast.Expression): string | undefined {
  if (expression.kind === "identifier") return expression.name;
  if (expression.kind !== "member") return undefined;
  const object = nameOf(expression.object);
  return object === undefined ? undefined : `${object}.${expression.name.name}`;
}

export function written(expression: ast.Expression, value: Value): Written {
  const name = nameOf(expression);
  return { value, span: expression.span, ...(name === undefined ? {} : { name }) };
}

export function binaryExpression(frame: Frame, expression: ast.BinaryExpression, expected: Expected | undefined): Value {
  const { first, links } = chainOf(expression);
  // What is wished from the whole is wished from its parts, unless an operator between changes the kind.
  let wish = expected;
  for (const link of links.toReversed()) wish = leftWish(link.op, wish);
  let left = written(first, frame.session.rules.expression(frame, first, wish));
  for (const link of links) {
    if (isLogic(link.op) && left.value.kind === "bool" && left.value.value === (link.op === "||")) {
      left = { value: bool(link.op === "||"), span: link.span };
      continue;
    }
    const right = written(link.right, frame.session.rules.expression(frame, link.right, rightWish(link.op, left.value, wish)));
    warnOfTruncation(frame, link, left.value, right.value);
    left = { value: operate(frame, link.op, left, right, link.span), span: link.span };
  }
  return left.value;
}

/**
 * Warns where a number over an int is the whole part of a fraction: of two numbers as they are written, 1 / 2, and where nothing
 * is left of one, 2 / n. Quotients of other ints are often meant so, as places and sizes of blocks.
 */
export function warnOfTruncation(frame: Frame, { op, left, right, span }: ast.BinaryExpression, dividend: { readonly kind: string }, divisor: { readonly kind: string }): void {
  if (op !== "/" || !isWritten(left) || dividend.kind !== "int" || divisor.kind !== "int") return;
  const [a, b] = [dividend, divisor].map((value) => (value as Extract<Value, { kind: "int" }>).value) as [number, number];
  if (b === 0 || a % b === 0 || (!isWritten(right) && Math.abs(a) > Math.abs(b))) return;
  report(frame, "truncated-division", span, `${a} / ${b} is ${Math.trunc(a / b)}: of ints the fraction is dropped`, { severity: "warning", help: `${a}.0 / ${b} is ${Number((a / b).toPrecision(6))}` });
}

/** Whether an expression is a number, perhaps with a sign. */
const isWritten = (expression: ast.Expression): boolean => expression.kind === "number" || (expression.kind === "unary" && expression.operand.kind === "number");

function leftWish(op: ast.BinaryOperator, expected: Expected | undefined): Expected | undefined {
  if (isComparison(op)) return undefined;
  if (isLogic(op)) return { dtype: "bool" };
  if (op === "@") return expected?.dtype ? { dtype: expected.dtype } : undefined;
  return expected;
}

function rightWish(op: ast.BinaryOperator, left: Value, expected: Expected | undefined): Expected | undefined {
  if (isLogic(op)) return { dtype: "bool" };
  if (left.kind !== "tensor") return isComparison(op) ? undefined : expected;
  return op === "@" ? { dtype: left.type.dtype } : { dtype: left.type.dtype, shape: left.type.shape };
}

/** `left op right` with both sides elaborated. */
export function operate(frame: Frame, op: ast.BinaryOperator, left: Written, right: Written, span: Span): Value {
  if (hasPoison(left.value) || hasPoison(right.value)) return poison;
  if (left.value.kind !== "tensor" && right.value.kind !== "tensor") {
    const result = numbers.binary(op, left.value, right.value);
    return numbers.isRefused(result) ? report(frame, result.refused, span, result.message) : result;
  }
  const sides = neighbours(frame, [left, right], undefined);
  if (!sides) return poison;
  const [a, b] = sides as [Written<TensorValue>, Written<TensorValue>];
  if (isLogic(op)) {
    const wrong = [a, b].find((side) => side.value.type.dtype !== "bool");
    if (wrong) return report(frame, "dtype-mismatch", wrong.span, `\`${op}\` takes bool, and this is ${shown(wrong)}`, { help: "compare to get a bool: x != 0; `&` and `|` work on the bits of integers" });
  }
  if (a.value.type.dtype !== b.value.type.dtype) return reportDTypes(frame, a, b, span, `\`${op}\``);
  if (op === "@") return matmul(frame, a, b, span);
  const noBits = withoutBits(op, a.value.type.dtype);
  if (noBits) return report(frame, "dtype-mismatch", span, noBits.message, noBits.help === undefined ? {} : { help: noBits.help });
  const inputs = broadcastTogether(frame, [a, b], span);
  return inputs ? emit(frame, opNames[op], inputs, {}, span) : poison;
}

/** What is wrong with an operator on bits between floats, and what was meant. */
export function withoutBits(op: ast.BinaryOperator, dtype: DType): { readonly message: string; readonly help?: string } | undefined {
  if (!isFloat(dtype)) return undefined;
  switch (op) {
    case "^": return { message: `\`^\` combines the bits of integers, and these are ${dtype}`, help: "a power is `pow(x, y)`" };
    case "&": case "|": return { message: `\`${op}\` combines the bits of integers, and these are ${dtype}`, help: `\`${op}${op}\` joins comparisons, as in \`x > 0 ${op}${op} x < 1\`` };
    case "<<": case ">>": return { message: `\`${op}\` shifts the bits of integers, and these are ${dtype}` };
    default: return undefined;
  }
}

/** Operands as tensors: constants among them take the dtype of the first tensor, else `dtype`, else their own default. Undefined once reported. */
export function neighbours(frame: Frame, operands: readonly Written[], dtype: Expected["dtype"]): Written<TensorValue>[] | undefined {
  const tensor = operands.find((operand) => operand.value.kind === "tensor")?.value as TensorValue | undefined;
  const constants = operands.filter((operand) => isScalarConstant(operand.value));
  const common = tensor?.type.dtype ?? dtype ?? (constants.some((constant) => constant.value.kind === "float") ? "f32" : constants[0] ? defaultDType(constants[0].value) : undefined);
  const results: Written<TensorValue>[] = [];
  for (const operand of operands) {
    const value = asTensor(frame, operand, common);
    if (value.kind === "tensor") results.push({ ...operand, value });
  }
  return results.length === operands.length ? results : undefined;
}

/** `a @ b` as NumPy means it: the dimensions before the last two broadcast. */
function matmul(frame: Frame, a: Written<TensorValue>, b: Written<TensorValue>, span: Span): Value {
  const [x, y] = [a.value.type.shape, b.value.type.shape];
  const scalar = x.length === 0 ? a : y.length === 0 ? b : undefined;
  if (scalar) return report(frame, "shape-mismatch", scalar.span, `\`@\` takes vectors and matrices, and this is ${shown(scalar)}`, { help: "`*` multiplies by a scalar" });
  const inner = [x.at(-1)!, y.length === 1 ? y[0]! : y.at(-2)!] as const;
  if (inner[0] !== inner[1]) {
    const name = (side: Written<TensorValue>): string => (side.name === undefined ? formatType(side.value.type) : side.name);
    return report(frame, "shape-mismatch", span, `inner extents differ, ${inner[0]} (${name(a)}) and ${inner[1]} (${name(b)})`, {
      help: howToMultiply(a, b), related: [{ span: a.span, text: formatType(a.value.type) }, { span: b.span, text: formatType(b.value.type) }],
    });
  }
  let [left, right]: [Value, Value] = [a.value, b.value];
  if (x.length > 2 || y.length > 2) {
    const batch = commonShape(x.slice(0, -2), y.length === 1 ? [] : y.slice(0, -2));
    if (!batch) {
      return report(frame, "shape-mismatch", span, `batch dimensions do not broadcast, ${shown(a)} and ${shown(b)}`, {
        related: [{ span: a.span, text: formatType(a.value.type) }, { span: b.span, text: formatType(b.value.type) }],
      });
    }
    if (x.length > 1) left = broadcastTo(frame, a.value, [...batch, ...x.slice(-2)], a.span);
    if (y.length > 1) right = broadcastTo(frame, b.value, [...batch, ...y.slice(-2)], b.span);
  }
  if (left.kind !== "tensor" || right.kind !== "tensor") return poison;
  return emit(frame, "matmul", [left, right], {}, span);
}

/** What would fit where inner extents differ, else which extents must agree. */
function howToMultiply(a: Written<TensorValue>, b: Written<TensorValue>): string {
  const [x, y] = [a.value.type.shape, b.value.type.shape];
  const [left, right] = [a.name ?? "(…)", b.name ?? "(…)"];
  const inner = (shape: readonly number[]): number => shape.at(shape.length === 1 ? -1 : -2)!;
  const ways = a.name === undefined && b.name === undefined ? [] : [
    ...(y.length === 2 && x.at(-1) === y[1] ? [`${left} @ ${right}.transpose()`] : []),
    ...(x.length === 2 && x[0] === inner(y) ? [`${left}.transpose() @ ${right}`] : []),
    ...(y.at(-1) === inner(x) ? [`${right} @ ${left}`] : []),
  ];
  if (ways.length > 0) return `the shapes fit in ${ways.length === 1 ? ways[0]! : `${ways.slice(0, -1).join(", ")} or ${ways.at(-1)!}`}`;
  const [first, second] = [x.length === 1 ? "extent" : "last extent", y.length === 1 ? "extent" : y.length === 2 ? "first extent" : "last but one"];
  return `the ${first} of ${a.name ?? "the left side"} must be the ${second} of ${b.name ?? "the right side"}: [m, k] @ [k, n] is [m, n]`;
}

export function unaryExpression(frame: Frame, expression: Extract<ast.Expression, { kind: "unary" }>, expected: Expected | undefined): Value {
  const { op } = expression;
  const operand = written(expression.operand, frame.session.rules.expression(frame, expression.operand, op === "!" ? { dtype: "bool" } : expected));
  if (operand.value.kind === "poison") return poison;
  if (operand.value.kind !== "tensor") {
    const result = numbers.unary(op, operand.value);
    return numbers.isRefused(result) ? report(frame, result.refused, expression.span, result.message) : result;
  }
  const tensor = operand.value;
  switch (op) {
    case "+": return tensor;
    case "-": return emit(frame, "neg", [tensor], {}, expression.span);
    case "!":
      if (tensor.type.dtype !== "bool") return report(frame, "dtype-mismatch", expression.span, `\`!\` takes bool, and this is ${shown(operand)}`, { help: isFloat(tensor.type.dtype) ? "compare to get a bool: x == 0" : "compare to get a bool, x == 0; `~` inverts the bits of an integer" });
      return emit(frame, "not", [tensor], {}, expression.span);
    case "~":
      if (tensor.type.dtype === "bool") return report(frame, "dtype-mismatch", expression.span, `\`~\` takes integers, and this is ${shown(operand)}`, { help: "`!` negates a bool" });
      return emit(frame, "not", [tensor], {}, expression.span);
    default: return unreachable(op);
  }
}

/** The operator of `x op= e`. */
export function operatorOf(op: Exclude<ast.AssignOp, "=">): ast.BinaryOperator {
  return op.slice(0, -1) as ast.BinaryOperator;
}

