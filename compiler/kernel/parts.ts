/** Equal parts of expressions, and statements that compute each of them once. */
import type { Expression } from "./kernel.ts";
import { partKey } from "./key.ts";
import { operandsOf } from "./vector-support.ts";
import { mapOperands, type LocalTable, type SetStatement, type StoreStatement } from "./walk.ts";

/**
 * The statements, with what stands in their values more than once in locals, each set just before the first statement that uses
 * it. Equality is structural. Of several statements none may change what a later one reads.
 */
export function shareAmong(statements: readonly (SetStatement | StoreStatement)[], locals: LocalTable): readonly (SetStatement | StoreStatement)[] {
  const parts = new PartTable();
  for (const { value } of statements) parts.count(value);
  if (!parts.hasRepeated()) return statements;

  const shared: (SetStatement | StoreStatement)[] = [];
  const taken = new Map<number, Expression>();
  for (const statement of statements) {
    const rebuild = (expression: Expression): Expression => {
      const part = parts.partOf(expression);
      const known = taken.get(part);
      if (known !== undefined) return known;
      const rebuilt = expression.kind === "load" ? expression : mapOperands(expression, rebuild);
      if (!parts.isRepeated(part) || isLeaf(expression)) return rebuilt;
      const local = locals.fresh("part", rebuilt.dtype, rebuilt.lanes);
      shared.push({ kind: "set", local: local.local, value: rebuilt, origin: statement.origin });
      taken.set(part, local);
      return local;
    };
    const value = rebuild(statement.value);
    shared.push({ ...statement, value });
  }
  return shared;
}

const isLeaf = (expression: Expression): boolean => !isWhole(expression) && operandsOf(expression).length === 0;

/** Whether it is shared as a whole or not at all. */
const isWhole = (expression: Expression): boolean => expression.kind === "load";

/** Numbers the parts of expressions, equal ones alike, and counts from how many places each is used. */
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
