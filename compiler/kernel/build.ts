/** Builds kernels: expressions by small functions that fold what is constant, statements by a builder with nested scopes. */
import type { DType } from "../../runtime/dtype.ts";
import { invariant } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { rowMajor, type BinaryOp, type Buffer, type BufferId, type Expression, type Kernel, type Local, type MathFunction, type Statement, type UnaryOp } from "./kernel.ts";

const comparisons = new Set<BinaryOp>(["eq", "ne", "lt", "le", "gt", "ge"]);

export const constant = (dtype: DType, value: number | bigint, lanes = 1): Expression => ({ kind: "constant", dtype, lanes, value });
export const i32 = (value: number): Expression => constant("i32", value);
export const argument = (dtype: DType, index: number): Expression => ({ kind: "argument", dtype, lanes: 1, index });
/** The same value in each lane. */
export function splat(lanes: number, operand: Expression): Expression {
  if (operand.kind === "constant") return { ...operand, lanes };
  return { kind: "splat", dtype: operand.dtype, lanes, operand };
}
/** Scalars of one dtype, one a lane; their number is a power of two. Or two vectors, one after the other. */
export function pack(operands: readonly Expression[]): Expression {
  const [first] = operands;
  invariant(first !== undefined && operands.every(({ dtype, lanes }) => dtype === first.dtype && lanes === first.lanes), "a pack of operands that differ");
  return { kind: "pack", dtype: first.dtype, lanes: operands.length * first.lanes, operands };
}
export const lane = (index: number, operand: Expression): Expression => ({ kind: "lane", dtype: operand.dtype, lanes: 1, index, operand });
export const iota = (dtype: DType, lanes: number): Expression => ({ kind: "iota", dtype, lanes });
export const reduce = (op: BinaryOp, operand: Expression): Expression => ({ kind: "reduce", op, dtype: operand.dtype, lanes: 1, operand });
export const unary = (op: UnaryOp, operand: Expression): Expression => ({ kind: "unary", op, dtype: operand.dtype, lanes: operand.lanes, operand });
export const cast = (dtype: DType, operand: Expression): Expression => (operand.dtype === dtype ? operand : { kind: "cast", dtype, lanes: operand.lanes, operand });
/** `lanes`: of the result, where its elements are of another size. */
export const bitcast = (dtype: DType, operand: Expression, lanes = operand.lanes): Expression => ({ kind: "bitcast", dtype, lanes, operand });
export const call = (fn: MathFunction, ...args: Expression[]): Expression => ({ kind: "call", function: fn, dtype: args[0]!.dtype, lanes: args[0]!.lanes, args });
export const select = (condition: Expression, then: Expression, otherwise: Expression): Expression => ({ kind: "select", dtype: then.dtype, lanes: then.lanes, condition, then, otherwise });

/** Operands must have equal dtype and lanes. Index arithmetic (i32 constants, + 0, × 1, × 0) is folded. */
export function binary(op: BinaryOp, left: Expression, right: Expression): Expression {
  invariant(left.dtype === right.dtype && left.lanes === right.lanes, () => `${op} of ${left.dtype}×${left.lanes} and ${right.dtype}×${right.lanes}`);
  if (left.dtype === "i32" && left.lanes === 1) {
    const a = left.kind === "constant" ? Number(left.value) : undefined;
    const b = right.kind === "constant" ? Number(right.value) : undefined;
    if (a !== undefined && b !== undefined) {
      if (op === "add") return i32((a + b) | 0);
      if (op === "sub") return i32((a - b) | 0);
      if (op === "mul") return i32(Math.imul(a, b));
    }
    if (op === "add" && a === 0) return right;
    if ((op === "add" || op === "sub") && b === 0) return left;
    if (op === "mul" && (a === 1 || b === 1)) return a === 1 ? right : left;
    if (op === "mul" && (a === 0 || b === 0)) return i32(0);
  }
  return { kind: "binary", op, dtype: comparisons.has(op) ? "bool" : left.dtype, lanes: left.lanes, left, right };
}

/** sum + left · right, or sum − left · right, of floats: a machine may round it once. */
export const multiplyAdd = (op: "add" | "sub", sum: Expression, left: Expression, right: Expression): Expression => ({ kind: "multiplyAdd", op, dtype: sum.dtype, lanes: sum.lanes, left, right, sum });

/** The larger of two floats where NaN and the signs of zeros do not matter: `other` only where it is larger. One instruction, where `max` takes several. */
export const largerOf = (value: Expression, other: Expression): Expression => select(binary("lt", value, other), other, value);

/** `constant + Σ coefficient · index`, as an i32 expression. */
export function affineExpression(form: { readonly constant: number; readonly coefficients: readonly number[] }, indices: readonly Expression[]): Expression {
  let sum: Expression = i32(0);
  form.coefficients.forEach((coefficient, k) => {
    if (coefficient !== 0) sum = binary("add", sum, binary("mul", indices[k]!, i32(coefficient)));
  });
  return binary("add", sum, i32(form.constant));
}

/** Replaces every `argument` of a scalar function. */
export function substitute(body: Expression, args: readonly Expression[]): Expression {
  const go = (e: Expression): Expression => {
    switch (e.kind) {
      case "argument": return args[e.index]!;
      case "constant": case "local": case "iota": return e;
      case "load": return { ...e, index: e.index.map(go) };
      case "unary": case "cast": case "bitcast": case "splat": case "reduce": case "lane": return { ...e, operand: go(e.operand) };
      case "pack": return { ...e, operands: e.operands.map(go) };
      case "binary": return { ...e, left: go(e.left), right: go(e.right) };
      case "multiplyAdd": return { ...e, left: go(e.left), right: go(e.right), sum: go(e.sum) };
      case "select": return { ...e, condition: go(e.condition), then: go(e.then), otherwise: go(e.otherwise) };
      case "call": return { ...e, args: e.args.map(go) };
    }
  };
  return go(body);
}

export interface LoopOptions {
  readonly start?: Expression;
  readonly end: Expression;
  readonly step?: number;
  readonly parallel?: boolean;
  readonly rolled?: boolean;
  readonly repeatable?: boolean;
  readonly name?: string;
}

export class KernelBuilder {
  readonly #name: string;
  readonly #origin: Span;
  readonly #buffers: Buffer[] = [];
  readonly #locals: Local[] = [];
  #body: Statement[] = [];

  constructor(name: string, origin: Span) {
    this.#name = name;
    this.#origin = origin;
  }

  buffer(buffer: Omit<Buffer, "strides" | "origin"> & { readonly strides?: readonly number[]; readonly origin?: Span }): BufferId {
    this.#buffers.push({ ...buffer, strides: buffer.strides ?? rowMajor(buffer.shape), origin: buffer.origin ?? this.#origin });
    return this.#buffers.length - 1;
  }

  load(buffer: BufferId, index: readonly Expression[]): Expression {
    return { kind: "load", dtype: this.#buffers[buffer]!.dtype, lanes: 1, buffer, index };
  }

  store(buffer: BufferId, index: readonly Expression[], value: Expression, origin = this.#origin): void {
    this.#body.push({ kind: "store", buffer, index, value, origin });
  }

  /** A new local without a value yet; as an expression. */
  local(name: string, dtype: DType, lanes = 1): Extract<Expression, { kind: "local" }> {
    this.#locals.push({ name, dtype, lanes });
    return { kind: "local", dtype, lanes, local: this.#locals.length - 1 };
  }

  set(local: Expression, value: Expression, origin = this.#origin): void {
    invariant(local.kind === "local" && local.dtype === value.dtype, "set of what is no local, or of another dtype");
    this.#body.push({ kind: "set", local: local.local, value, origin });
  }

  /** A new local with a value. */
  let(name: string, value: Expression, origin = this.#origin): Expression {
    const local = this.local(name, value.dtype, value.lanes);
    this.set(local, value, origin);
    return local;
  }

  for(options: LoopOptions, body: (index: Expression) => void, origin = this.#origin): void {
    const index = this.local(options.name ?? "i", "i32");
    this.#body.push({
      kind: "for", local: index.local, start: options.start ?? i32(0), end: options.end, step: options.step ?? 1,
      parallel: options.parallel ?? false, ...(options.rolled ? { rolled: true } : {}), ...(options.repeatable ? { repeatable: true } : {}), body: this.#nested(() => body(index)), origin,
    });
  }

  /** Nested loops over a box of constant extents, outermost first. Extents of 1 make no loop. */
  forBox(extents: readonly number[], parallel: boolean, body: (indices: Expression[]) => void, repeatable = false): void {
    const go = (dimension: number, indices: Expression[]): void => {
      if (dimension === extents.length) body(indices);
      else if (extents[dimension] === 1) go(dimension + 1, [...indices, i32(0)]);
      else this.for({ end: i32(extents[dimension]!), parallel, repeatable, name: `i${dimension}` }, (index) => go(dimension + 1, [...indices, index]));
    };
    go(0, []);
  }

  /** Sequential loops over a box, of which the outermost stays a loop. */
  forSum(extents: readonly number[], body: (indices: Expression[]) => void): void {
    const outermost = extents.findIndex((extent) => extent > 1);
    if (outermost === -1) return this.forBox(extents, false, body);
    const before = extents.slice(0, outermost).map(() => i32(0));
    this.for({ end: i32(extents[outermost]!), rolled: true, name: `i${outermost}` }, (index) => this.forBox(extents.slice(outermost + 1), false, (rest) => body([...before, index, ...rest])));
  }

  while(condition: Expression, body: () => void, origin = this.#origin): void {
    this.#body.push({ kind: "while", condition, body: this.#nested(body), origin });
  }

  /** `then` may give back work for the end of its block that can only be done once `otherwise` is built. */
  if(condition: Expression, then: () => void | (() => void), otherwise: () => void = () => {}, origin = this.#origin): void {
    let later = undefined as void | (() => void);
    const first = this.#nested(() => (later = then()));
    const second = this.#nested(otherwise);
    this.#body.push({ kind: "if", condition, then: later ? [...first, ...this.#nested(later)] : first, otherwise: second, origin });
  }

  #nested(fill: () => void): Statement[] {
    const outer = this.#body;
    this.#body = [];
    fill();
    const inner = this.#body;
    this.#body = outer;
    return inner;
  }

  finish(cycles?: number): Kernel {
    return { name: this.#name, buffers: this.#buffers, locals: this.#locals, body: this.#body, ...(cycles === undefined ? {} : { cycles }), origin: this.#origin };
  }
}
