/** What differs from one iteration of a loop to the next: which locals, by how much an index, and how many of them fit a vector. */
import type { DType } from "../../../runtime/dtype.ts";
import type { Expression, LocalId, Statement } from "../kernel.ts";
import { bodiesOf, expressionsOf, mentionsLocal, visitStatements, type ForStatement, type LocalTable } from "../walk.ts";
import { maximumLanes, operandsOf } from "../vector-support.ts";

/** Locals whose value differs from one iteration to the next, the counter and what reductions collect included. */
export function varyingLocals(loop: ForStatement, reductions: Iterable<LocalId>): Set<LocalId> {
  const varying = new Set([loop.local, ...reductions]);
  const mark = (body: readonly Statement[], masked: boolean): void => {
    for (const statement of body) {
      if (statement.kind === "set" && (masked || mentionsLocal(statement.value, varying))) varying.add(statement.local);
      const branches = (statement.kind === "while" || statement.kind === "if") && mentionsLocal(statement.condition, varying);
      for (const inner of bodiesOf(statement)) mark(inner, masked || branches);
    }
  };
  for (let size = 0; size !== varying.size; ) {
    size = varying.size;
    mark(loop.body, false);
  }
  return varying;
}

/** As many lanes as the widest value that varies allows. */
export function lanesFor(loop: ForStatement, varying: ReadonlySet<LocalId>, locals: LocalTable): number {
  let lanes = 16;
  const hold = (dtype: DType): void => {
    if (dtype !== "bool") lanes = Math.min(lanes, maximumLanes(dtype));
  };
  const visit = (expression: Expression): void => {
    if (!mentionsLocal(expression, varying)) return;
    hold(expression.dtype);
    if (expression.kind === "load") visitIndex(expression.index);
    else operandsOf(expression).forEach(visit);
  };
  // An index that moves evenly stays scalar.
  const visitIndex = (index: readonly Expression[]): void => index.filter((one) => stepOf(one, loop.local, varying) === undefined).forEach(visit);
  visitStatements(loop.body, (statement) => {
    if (statement.kind === "set") {
      if (varying.has(statement.local)) hold(locals.get(statement.local).dtype);
      visit(statement.value);
    } else if (statement.kind === "store") {
      hold(statement.value.dtype);
      visit(statement.value);
      visitIndex(statement.index);
    } else expressionsOf(statement).forEach(visit);
  });
  return lanes;
}

/** By how much an index grows per iteration; undefined where that is no constant. */
export function stepOf(index: Expression, counter: LocalId, varying: ReadonlySet<LocalId>): number | undefined {
  if (!mentionsLocal(index, varying)) return 0;
  if (index.kind === "local") return index.local === counter ? 1 : undefined;
  if (index.kind !== "binary") return undefined;
  const left = stepOf(index.left, counter, varying);
  const right = stepOf(index.right, counter, varying);
  if (left === undefined || right === undefined) return undefined;
  switch (index.op) {
    case "add": return left + right;
    case "sub": return left - right;
    case "mul": return index.right.kind === "constant" ? left * Number(index.right.value) : index.left.kind === "constant" ? right * Number(index.left.value) : undefined;
    default: return undefined;
  }
}
