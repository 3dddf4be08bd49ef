/**
 * Names for index arithmetic, `let j = 2 * i + 1`, are replaced in indices by what they stand for, so that later passes see how an
 * access moves with its loops. A name that nothing else uses goes away. Addresses cost no more: the emitter folds them.
 *
 * A name is a local that is set once, to sums and products of constants and counters (or other names), and used only after
 * that in the same block or inside of it, where these have the same values. It is short: names made of names could double in
 * length each time.
 */
import type { Pass } from "../../support/pass.ts";
import type { Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { operandsOf } from "../vector-support.ts";
import { bodiesOf, countStatements, expressionsOf, mapOperands, rewriteExpression, rewriteStatements, visitExpression, visitExpressions, visitStatements } from "../walk.ts";

/** Operations and operands of what a name stands for. */
const longest = 64;

export const inlineIndices: Pass<Kernel, Kernel> = {
  name: "inline-indices",
  summary: "names for index arithmetic are replaced by it in indices",
  run(kernel) {
    const names = findNames(kernel.body);
    if (names.size === 0) return kernel;
    const inIndex = (index: readonly Expression[]): Expression[] => index.map((one) => rewriteExpression(one, (part) => (part.kind === "local" ? (names.get(part.local) ?? part) : part)));
    const inValue = (expression: Expression): Expression => (expression.kind === "load" ? { ...expression, index: inIndex(expression.index) } : mapOperands(expression, inValue));
    const body = rewriteStatements(kernel.body, (statement) => [replaced(statement, inIndex, inValue)]);
    return { ...kernel, body: withoutUnused(body, names) };
  },
};

function replaced(statement: Statement, inIndex: (index: readonly Expression[]) => Expression[], inValue: (expression: Expression) => Expression): Statement {
  switch (statement.kind) {
    case "set": return { ...statement, value: inValue(statement.value) };
    case "store": return { ...statement, index: inIndex(statement.index), value: inValue(statement.value) };
    case "for": return { ...statement, start: inValue(statement.start), end: inValue(statement.end) };
    case "while": case "if": return { ...statement, condition: inValue(statement.condition) };
  }
}

/** The names of a body, with what they stand for in terms of counters alone. */
function findNames(body: readonly Statement[]): Map<LocalId, Expression> {
  const timesSet = new Map<LocalId, number>();
  const counters = new Set<LocalId>();
  visitStatements(body, (statement) => {
    if (statement.kind === "set") timesSet.set(statement.local, (timesSet.get(statement.local) ?? 0) + 1);
    if (statement.kind === "for") counters.add(statement.local);
  });
  const names = new Map<LocalId, Expression>();
  const visible = new Set<LocalId>();
  /** The expression without names; undefined where it is no index arithmetic. */
  const resolved = (expression: Expression): Expression | undefined => {
    if (expression.dtype !== "i32" || expression.lanes !== 1) return undefined;
    if (expression.kind === "constant") return expression;
    if (expression.kind === "local") return counters.has(expression.local) && !timesSet.has(expression.local) ? expression : names.get(expression.local);
    if (expression.kind !== "binary" || !["add", "sub", "mul"].includes(expression.op)) return undefined;
    const [left, right] = [resolved(expression.left), resolved(expression.right)];
    return left === undefined || right === undefined ? undefined : { ...expression, left, right };
  };
  const refuseUnseen = (expression: Expression): void => {
    if (expression.kind === "local" && !visible.has(expression.local)) names.delete(expression.local);
    operandsOf(expression).forEach(refuseUnseen);
  };
  const walk = (statements: readonly Statement[]): void => {
    const here: LocalId[] = [];
    for (const statement of statements) {
      expressionsOf(statement).forEach(refuseUnseen);
      if (statement.kind === "set" && timesSet.get(statement.local) === 1 && !counters.has(statement.local)) {
        const value = statement.counted === undefined ? resolved(statement.value) : undefined;
        if (value !== undefined && isShort(value)) names.set(statement.local, value);
        visible.add(statement.local);
        here.push(statement.local);
      }
      for (const inner of bodiesOf(statement)) walk(inner);
    }
    for (const local of here) visible.delete(local);
  };
  walk(body);
  return names;
}

function isShort(expression: Expression): boolean {
  let length = 0;
  visitExpression(expression, () => length++);
  return length <= longest;
}

/** The body without the sets of names that are read no more. */
function withoutUnused(body: readonly Statement[], names: ReadonlyMap<LocalId, Expression>): readonly Statement[] {
  const read = new Set<LocalId>();
  visitExpressions(body, (one) => {
    if (one.kind === "local") read.add(one.local);
  });
  const kept = rewriteStatements(body, (statement) => (statement.kind === "set" && names.has(statement.local) && !read.has(statement.local) ? [] : [statement]));
  // A name may have been read by another that is gone now.
  return countStatements(kept) === countStatements(body) ? kept : withoutUnused(kept, names);
}
