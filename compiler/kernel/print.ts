/** Kernels as readable pseudo-code. Deterministic: equal kernels print alike. */
import { isFloat } from "../../runtime/dtype.ts";
import { unreachable } from "../support/bug.ts";
import { rowMajor, type BinaryOp, type Buffer, type BufferId, type Expression, type Kernel, type LocalId, type Statement } from "./kernel.ts";

/** How what an expression refers to is called; arguments of scalar functions print as `$0`, `$1` unless named. */
export interface ExpressionNames {
  local?(local: LocalId): string;
  buffer?(buffer: BufferId): string;
  argument?(index: number): string;
}

/** The kernel as text of several lines, without a line break at the end. */
export function printKernel(kernel: Kernel): string {
  const names = kernelNames(kernel);
  const lines = [`kernel ${kernel.name}(${kernel.buffers.map(printBuffer).join(", ")})`];
  printBody(kernel.body, names, "  ", lines);
  if (kernel.cycles !== undefined) lines.push(`  cycles = ${kernel.cycles}`);
  return lines.join("\n");
}

/** An expression in infix form, with as few parentheses as its meaning needs. */
export function printExpression(expression: Expression, names: ExpressionNames = {}): string {
  return print(expression, names, 0);
}

/** Names of a kernel's locals and buffers; two of one name are told apart by their number. */
export function kernelNames(kernel: Kernel): Required<ExpressionNames> {
  const locals = distinctNames(kernel.locals.map((local) => local.name));
  const buffers = distinctNames(kernel.buffers.map((buffer) => buffer.name));
  return {
    local: (local) => locals[local] ?? `local${local}`,
    buffer: (buffer) => buffers[buffer] ?? `buffer${buffer}`,
    argument: (index) => `$${index}`,
  };
}

function distinctNames(names: readonly string[]): string[] {
  const count = new Map<string, number>();
  for (const name of names) count.set(name, (count.get(name) ?? 0) + 1);
  return names.map((name, id) => (count.get(name) === 1 ? name : `${name}.${id}`));
}

function printBuffer(buffer: Buffer): string {
  const shape = buffer.shape.length === 0 ? "" : `[${buffer.shape.join(", ")}]`;
  const dense = rowMajor(buffer.shape).every((stride, dimension) => stride === buffer.strides[dimension] || buffer.shape[dimension] === 1);
  return `${buffer.access} ${buffer.name}: ${buffer.dtype}${shape}${dense ? "" : ` strides [${buffer.strides.join(", ")}]`}`;
}

function printBody(body: readonly Statement[], names: ExpressionNames, indent: string, lines: string[]): void {
  for (const statement of body) printStatement(statement, names, indent, lines);
}

function printStatement(statement: Statement, names: ExpressionNames, indent: string, lines: string[]): void {
  const show = (expression: Expression): string => printExpression(expression, names);
  const local = (id: LocalId): string => names.local?.(id) ?? `local${id}`;
  const inner = indent + "  ";
  switch (statement.kind) {
    case "set":
      lines.push(`${indent}${local(statement.local)}${lanesSuffix(statement.value.lanes)} = ${show(statement.value)}`);
      return;
    case "store":
      lines.push(`${indent}${printElement(statement.buffer, statement.index, statement.value.lanes, names)} = ${show(statement.value)}`);
      return;
    case "for": {
      const step = statement.step === 1 ? "" : ` step ${statement.step}`;
      lines.push(`${indent}${statement.repeatable ? "repeatable " : ""}${statement.parallel ? "parallel " : statement.rolled ? "rolled " : ""}for ${local(statement.local)} in ${show(statement.start)} .. ${show(statement.end)}${step}`);
      printBody(statement.body, names, inner, lines);
      return;
    }
    case "while":
      lines.push(`${indent}while ${show(statement.condition)}`);
      printBody(statement.body, names, inner, lines);
      return;
    case "if":
      lines.push(`${indent}if ${show(statement.condition)}`);
      printBody(statement.then, names, inner, lines);
      if (statement.otherwise.length > 0) {
        lines.push(`${indent}else`);
        printBody(statement.otherwise, names, inner, lines);
      }
      return;
    default: return unreachable(statement);
  }
}

const lanesSuffix = (lanes: number): string => (lanes === 1 ? "" : `×${lanes}`);

function printElement(buffer: BufferId, index: readonly Expression[], lanes: number, names: ExpressionNames): string {
  const indices = index.map((one) => print(one, names, 0)).join(", ");
  return `${names.buffer?.(buffer) ?? `buffer${buffer}`}[${indices}]${lanesSuffix(lanes)}`;
}

/** Symbol and precedence of what is written between its operands; min and max are written as functions. */
const infix: Partial<Record<BinaryOp, readonly [symbol: string, precedence: number]>> = {
  or: ["|", 1], xor: ["^", 2], and: ["&", 3],
  eq: ["==", 4], ne: ["!=", 4], lt: ["<", 5], le: ["<=", 5], gt: [">", 5], ge: [">=", 5],
  shl: ["<<", 6], shr: [">>", 6], add: ["+", 7], sub: ["-", 7], mul: ["*", 8], div: ["/", 8], rem: ["%", 8],
};
const prefixPrecedence = 9;

function print(expression: Expression, names: ExpressionNames, outer: number): string {
  const inside = (operand: Expression): string => print(operand, names, 0);
  switch (expression.kind) {
    case "constant": return printConstant(expression);
    case "argument": return names.argument?.(expression.index) ?? `$${expression.index}`;
    case "local": return names.local?.(expression.local) ?? `local${expression.local}`;
    case "iota": return `iota${lanesSuffix(expression.lanes)}`;
    case "load": return printElement(expression.buffer, expression.index, expression.lanes, names);
    case "splat": return `splat${lanesSuffix(expression.lanes)}(${inside(expression.operand)})`;
    case "pack": return `pack(${expression.operands.map(inside).join(", ")})`;
    case "lane": return `lane ${expression.index}(${inside(expression.operand)})`;
    case "reduce": return `reduce ${expression.op}(${inside(expression.operand)})`;
    case "unary": {
      const prefix = { neg: "-", not: expression.dtype === "bool" ? "!" : "~" }[expression.op as string];
      if (prefix === undefined) return `${expression.op}(${inside(expression.operand)})`;
      return parenthesise(`${prefix}${print(expression.operand, names, prefixPrecedence)}`, prefixPrecedence <= outer);
    }
    case "binary": {
      const written = infix[expression.op];
      if (written === undefined) return `${expression.op}(${inside(expression.left)}, ${inside(expression.right)})`;
      const [symbol, precedence] = written;
      const text = `${print(expression.left, names, precedence - 1)} ${symbol} ${print(expression.right, names, precedence)}`;
      return parenthesise(text, precedence <= outer);
    }
    case "multiplyAdd": return `${expression.op === "add" ? "fma" : "fnma"}(${inside(expression.left)}, ${inside(expression.right)}, ${inside(expression.sum)})`;
    case "select": return `select(${inside(expression.condition)}, ${inside(expression.then)}, ${inside(expression.otherwise)})`;
    case "cast": return `cast<${expression.dtype}>(${inside(expression.operand)})`;
    case "bitcast": return `bitcast<${expression.dtype}${expression.lanes === expression.operand.lanes ? "" : lanesSuffix(expression.lanes)}>(${inside(expression.operand)})`;
    case "call": return `${expression.function}(${expression.args.map(inside).join(", ")})`;
    default: return unreachable(expression);
  }
}

const parenthesise = (text: string, needed: boolean): string => (needed ? `(${text})` : text);

function printConstant(constant: Extract<Expression, { kind: "constant" }>): string {
  const { value, dtype } = constant;
  if (dtype === "bool") return value ? "true" : "false";
  const text = Object.is(value, -0) ? "-0" : String(value);
  const point = isFloat(dtype) && /^-?\d+$/.test(text) ? ".0" : "";
  return `${text}${point}${lanesSuffix(constant.lanes)}`;
}
