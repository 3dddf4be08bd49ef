/** Ways through a kernel's statements and expressions that every pass needs: visiting, rebuilding, which locals and buffers are touched. */
import { unreachable } from "../support/bug.ts";
import type { DType } from "../../runtime/dtype.ts";
import type { BufferId, Expression, Kernel, Local, LocalId, Statement } from "./kernel.ts";
import { operandsOf } from "./vector-support.ts";

export type LoadExpression = Extract<Expression, { kind: "load" }>;
export type LocalExpression = Extract<Expression, { kind: "local" }>;
export type StoreStatement = Extract<Statement, { kind: "store" }>;
export type SetStatement = Extract<Statement, { kind: "set" }>;
export type ForStatement = Extract<Statement, { kind: "for" }>;
export type WhileStatement = Extract<Statement, { kind: "while" }>;
export type IfStatement = Extract<Statement, { kind: "if" }>;

/** The same expression with each direct operand replaced; the very same object when none changed. */
export function mapOperands(expression: Expression, replace: (operand: Expression) => Expression): Expression {
  switch (expression.kind) {
    case "constant": case "argument": case "local": case "iota": return expression;
    case "load": {
      const index = mapList(expression.index, replace);
      return index === expression.index ? expression : { ...expression, index };
    }
    case "pack": {
      const operands = mapList(expression.operands, replace);
      return operands === expression.operands ? expression : { ...expression, operands };
    }
    case "splat": case "reduce": case "lane": case "unary": case "cast": case "bitcast": {
      const operand = replace(expression.operand);
      return operand === expression.operand ? expression : { ...expression, operand };
    }
    case "binary": {
      const left = replace(expression.left);
      const right = replace(expression.right);
      return left === expression.left && right === expression.right ? expression : { ...expression, left, right };
    }
    case "multiplyAdd": {
      const [left, right, sum] = [replace(expression.left), replace(expression.right), replace(expression.sum)];
      return left === expression.left && right === expression.right && sum === expression.sum ? expression : { ...expression, left, right, sum };
    }
    case "select": {
      const condition = replace(expression.condition);
      const then = replace(expression.then);
      const otherwise = replace(expression.otherwise);
      const same = condition === expression.condition && then === expression.then && otherwise === expression.otherwise;
      return same ? expression : { ...expression, condition, then, otherwise };
    }
    case "call": {
      const args = mapList(expression.args, replace);
      return args === expression.args ? expression : { ...expression, args };
    }
    default: return unreachable(expression);
  }
}

function mapList<T>(list: readonly T[], replace: (one: T) => T): readonly T[] {
  const mapped = list.map(replace);
  return mapped.every((one, at) => one === list[at]) ? list : mapped;
}

/** The expressions a statement evaluates itself: not those of the statements inside it. */
export function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case "set": return [statement.value];
    case "store": return [...statement.index, statement.value];
    case "for": return [statement.start, statement.end];
    case "while": case "if": return [statement.condition];
    default: return unreachable(statement);
  }
}

/** The same statement with each expression it evaluates itself replaced. */
export function mapExpressions(statement: Statement, replace: (expression: Expression) => Expression): Statement {
  switch (statement.kind) {
    case "set": return { ...statement, value: replace(statement.value) };
    case "store": return { ...statement, index: statement.index.map(replace), value: replace(statement.value) };
    case "for": return { ...statement, start: replace(statement.start), end: replace(statement.end) };
    case "while": case "if": return { ...statement, condition: replace(statement.condition) };
    default: return unreachable(statement);
  }
}

/** The bodies inside a statement. */
export function bodiesOf(statement: Statement): readonly (readonly Statement[])[] {
  switch (statement.kind) {
    case "set": case "store": return [];
    case "for": case "while": return [statement.body];
    case "if": return [statement.then, statement.otherwise];
    default: return unreachable(statement);
  }
}

/** The same statement with each body inside it replaced. */
export function mapBodies(statement: Statement, replace: (body: readonly Statement[]) => readonly Statement[]): Statement {
  switch (statement.kind) {
    case "set": case "store": return statement;
    case "for": case "while": return { ...statement, body: replace(statement.body) };
    case "if": return { ...statement, then: replace(statement.then), otherwise: replace(statement.otherwise) };
    default: return unreachable(statement);
  }
}

/** Every statement, outer before inner. */
export function visitStatements(body: readonly Statement[], visit: (statement: Statement) => void): void {
  for (const statement of body) {
    visit(statement);
    for (const inner of bodiesOf(statement)) visitStatements(inner, visit);
  }
}

/** An expression and everything in it, outer before inner. */
export function visitExpression(expression: Expression, visit: (expression: Expression) => void): void {
  visit(expression);
  for (const operand of operandsOf(expression)) visitExpression(operand, visit);
}

/** An expression and what it is computed from: not the indices of its loads. */
export function visitValues(expression: Expression, visit: (expression: Expression) => void): void {
  visit(expression);
  if (expression.kind !== "load") for (const operand of operandsOf(expression)) visitValues(operand, visit);
}

/** The expressions of a statement that are no indices of a store. */
export const valuesOf = (statement: Statement): readonly Expression[] => (statement.kind === "store" ? [statement.value] : expressionsOf(statement));

/** Every expression of a body, nested ones included. */
export function visitExpressions(body: readonly Statement[], visit: (expression: Expression) => void): void {
  visitStatements(body, (statement) => expressionsOf(statement).forEach((expression) => visitExpression(expression, visit)));
}

export function someExpression(expression: Expression, holds: (expression: Expression) => boolean): boolean {
  return holds(expression) || operandsOf(expression).some((operand) => someExpression(operand, holds));
}

/** Rebuilds an expression from its leaves up. */
export function rewriteExpression(expression: Expression, rewrite: (expression: Expression) => Expression): Expression {
  return rewrite(mapOperands(expression, (operand) => rewriteExpression(operand, rewrite)));
}

/** Rebuilds every expression of a body from its leaves up. */
export function rewriteExpressions(body: readonly Statement[], rewrite: (expression: Expression) => Expression): readonly Statement[] {
  return body.map((statement) =>
    mapBodies(mapExpressions(statement, (expression) => rewriteExpression(expression, rewrite)), (inner) => rewriteExpressions(inner, rewrite)));
}

/** Rebuilds a body from its innermost statements up; one statement may become several or none. */
export function rewriteStatements(body: readonly Statement[], rewrite: (statement: Statement) => readonly Statement[]): readonly Statement[] {
  return body.flatMap((statement) => rewrite(mapBodies(statement, (inner) => rewriteStatements(inner, rewrite))));
}

/** Rebuilds a body from its outermost loops down: what `replace` gives stands for a loop; where it gives nothing, it goes on inside. */
export function replaceLoops(body: readonly Statement[], replace: (loop: ForStatement) => readonly Statement[] | undefined): readonly Statement[] {
  return body.flatMap((statement) => (statement.kind === "for" ? replace(statement) : undefined) ?? [mapBodies(statement, (inner) => replaceLoops(inner, replace))]);
}

export const mentionsLocal = (expression: Expression, locals: ReadonlySet<LocalId>): boolean =>
  someExpression(expression, (one) => one.kind === "local" && locals.has(one.local));

/** Whether where an access goes depends on one of the locals. */
export const indexMentions = ({ index }: { readonly index: readonly Expression[] }, locals: ReadonlySet<LocalId>): boolean => index.some((one) => mentionsLocal(one, locals));

/** Locals that statements give a value, loop counters included. */
export function localsSet(body: readonly Statement[]): Set<LocalId> {
  const found = new Set<LocalId>();
  visitStatements(body, (statement) => {
    if (statement.kind === "set" || statement.kind === "for") found.add(statement.local);
  });
  return found;
}

export function buffersStored(body: readonly Statement[]): Set<BufferId> {
  const found = new Set<BufferId>();
  visitStatements(body, (statement) => {
    if (statement.kind === "store") found.add(statement.buffer);
  });
  return found;
}

export const countStatements = (body: readonly Statement[]): number => {
  let count = 0;
  visitStatements(body, () => count++);
  return count;
};

/**
 * Locals whose value from before the body may be used in it: read on some path before the body gives them one.
 * `defined` are the locals already given a value on the way; it is not changed.
 */
export function liveIn(body: readonly Statement[], defined: ReadonlySet<LocalId> = new Set()): Set<LocalId> {
  const live = new Set<LocalId>();
  collectLiveIn(body, new Set(defined), live);
  return live;
}

function collectLiveIn(body: readonly Statement[], defined: Set<LocalId>, live: Set<LocalId>): void {
  const read = (expression: Expression): void =>
    visitExpression(expression, (one) => {
      if (one.kind === "local" && !defined.has(one.local)) live.add(one.local);
    });
  for (const statement of body) {
    expressionsOf(statement).forEach(read);
    switch (statement.kind) {
      case "set":
        defined.add(statement.local);
        break;
      case "store":
        break;
      case "for":
        // The body may run no time: what it defines is not defined after it.
        collectLiveIn(statement.body, new Set([...defined, statement.local]), live);
        break;
      case "while":
        collectLiveIn(statement.body, new Set(defined), live);
        break;
      case "if": {
        const then = new Set(defined);
        const otherwise = new Set(defined);
        collectLiveIn(statement.then, then, live);
        collectLiveIn(statement.otherwise, otherwise, live);
        for (const local of then) if (otherwise.has(local)) defined.add(local);
        break;
      }
      default: unreachable(statement);
    }
  }
}

/** The locals of a kernel while a pass adds to them. */
export class LocalTable {
  readonly list: Local[];
  constructor(locals: readonly Local[]) {
    this.list = [...locals];
  }
  fresh(name: string, dtype: DType, lanes = 1): LocalExpression {
    this.list.push({ name, dtype, lanes });
    return { kind: "local", dtype, lanes, local: this.list.length - 1 };
  }
  /** A new local like another, with as many lanes as asked. */
  like(local: LocalId, lanes?: number): LocalExpression {
    const { name, dtype, lanes: same } = this.list[local]!;
    return this.fresh(name, dtype, lanes ?? same);
  }
  get(local: LocalId): LocalExpression {
    const { dtype, lanes } = this.list[local]!;
    return { kind: "local", dtype, lanes, local };
  }
}

/** A kernel with another body and more locals. */
export const withBody = (kernel: Kernel, body: readonly Statement[], locals: readonly Local[]): Kernel => ({ ...kernel, body, locals });

/** Constant value of an i32 expression, if it is one. */
export const constantOf = (expression: Expression): number | undefined => (expression.kind === "constant" ? Number(expression.value) : undefined);

/** How often a loop runs, when its bounds are constants. */
export function tripCount(loop: ForStatement): number | undefined {
  const start = constantOf(loop.start);
  const end = constantOf(loop.end);
  if (start === undefined || end === undefined) return undefined;
  return Math.max(0, Math.ceil((end - start) / loop.step));
}

/** The loads of vectors in a body. */
export function vectorLoads(body: readonly Statement[]): readonly LoadExpression[] {
  const loads: LoadExpression[] = [];
  visitExpressions(body, (expression) => {
    if (expression.kind === "load" && expression.lanes > 1) loads.push(expression);
  });
  return loads;
}
