/**
 * Expressions are trees: what stands in one twice would be computed twice. Here such parts of the value a statement sets or
 * stores become locals, set just before the statement. Fused bodies repeat themselves (`around == 3 | around == 2 & …`), and
 * neither expand-math nor a wasm engine finds the equal loads and calls again.
 *
 * Equality is structural. Indices of loads are left as they are, since later passes read them as affine forms. Both sides of
 * a `select` may be evaluated anyway, so taking a part out of one changes nothing; conditions of loops are left alone.
 */
import type { Pass } from "../../support/pass.ts";
import type { Expression, Kernel, Statement } from "../kernel.ts";
import { partKey } from "../key.ts";
import { operandsOf } from "../vector-support.ts";
import { LocalTable, mapOperands, rewriteStatements, withBody, type SetStatement } from "../walk.ts";

export const shareParts: Pass<Kernel, Kernel> = {
  name: "share-parts",
  summary: "equal parts of one value are computed once, into locals",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const body = rewriteStatements(kernel.body, (statement) => shareInStatement(statement, locals));
    return withBody(kernel, body, locals.list);
  },
};

function shareInStatement(statement: Statement, locals: LocalTable): readonly Statement[] {
  if (statement.kind !== "set" && statement.kind !== "store") return [statement];
  const parts = new PartTable();
  parts.count(statement.value);
  if (!parts.hasRepeated()) return [statement];

  const before: SetStatement[] = [];
  const taken = new Map<number, Expression>();
  const rebuild = (expression: Expression): Expression => {
    const part = parts.partOf(expression);
    const known = taken.get(part);
    if (known !== undefined) return known;
    const rebuilt = expression.kind === "load" ? expression : mapOperands(expression, rebuild);
    if (!parts.isRepeated(part) || isLeaf(expression)) return rebuilt;
    const local = locals.fresh("part", rebuilt.dtype, rebuilt.lanes);
    before.push({ kind: "set", local: local.local, value: rebuilt, origin: statement.origin });
    taken.set(part, local);
    return local;
  };
  const value = rebuild(statement.value);
  return [...before, { ...statement, value }];
}

const isLeaf = (expression: Expression): boolean => !isWhole(expression) && operandsOf(expression).length === 0;

/** Whether it is shared as a whole or not at all. */
const isWhole = (expression: Expression): boolean => expression.kind === "load";

/** Numbers the parts of an expression, equal ones alike, and counts from how many places each is used. */
class PartTable {
  readonly #numbers = new Map<string, number>();
  readonly #partOf = new Map<Expression, number>();
  readonly #uses: number[] = [];
  #repeated = false;

  /** What lies inside of a part seen before is computed with it, so it is not used once more. */
  count(expression: Expression): void {
    if (isLeaf(expression)) return;
    const part = this.partOf(expression);
    this.#uses[part] = (this.#uses[part] ?? 0) + 1;
    if (this.#uses[part] > 1) this.#repeated = true;
    else if (!isWhole(expression)) operandsOf(expression).forEach((operand) => this.count(operand));
  }

  hasRepeated(): boolean {
    return this.#repeated;
  }

  isRepeated(part: number): boolean {
    return (this.#uses[part] ?? 0) > 1;
  }

  partOf(expression: Expression): number {
    let part = this.#partOf.get(expression);
    if (part !== undefined) return part;
    const key = `${partKey(expression)}(${operandsOf(expression).map((operand) => this.partOf(operand)).join()})`;
    part = this.#numbers.get(key);
    if (part === undefined) this.#numbers.set(key, (part = this.#numbers.size));
    this.#partOf.set(expression, part);
    return part;
  }
}
