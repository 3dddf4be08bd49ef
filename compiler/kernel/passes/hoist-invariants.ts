/**
 * Values that do not change in a loop are computed before it, outermost loops first: splats of scalars, arithmetic on them,
 * loads of buffers the loop does not store to and that provably stay inside. (Machines do not do this for WebAssembly.)
 * Index arithmetic stays where it is: the emitter has its own way with addresses.
 */
import { isInteger } from "../../../runtime/dtype.ts";
import type { Pass } from "../../support/pass.ts";
import { provablyInside } from "../bounds.ts";
import { replaceAround, type Replaced } from "../dependence.ts";
import { printExpression } from "../print.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import type { Ranges } from "../ranges.ts";
import {
  buffersStored, LocalTable, localsSet, mapBodies, mapExpressions, mapOperands, someExpression, withBody, type ForStatement, type SetStatement, type WhileStatement,
} from "../walk.ts";

/** More values than this held through a loop would push others out of the registers. */
const maximumHeld = 8;

export const hoistInvariants: Pass<Kernel, Kernel> = {
  name: "hoist-invariants",
  summary: "values that do not change in a loop are computed before it",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const body = replaceAround(kernel.body, (loop, known) => hoistLoop(loop, kernel, locals, known));
    return withBody(kernel, body, locals.list);
  },
};

function hoistLoop(loop: ForStatement | WhileStatement, kernel: Kernel, locals: LocalTable, known: Ranges): Replaced {
  const before: SetStatement[] = [];
  const named = new Map<string, Expression>();
  const changing = localsSet(loop.body);
  if (loop.kind === "for") changing.add(loop.local);
  const stored = buffersStored(loop.body);

  const hoist = (expression: Expression): Expression => {
    if (worthHolding(expression) && isFixed(expression, changing, stored) && cannotTrap(expression, kernel, known)) {
      const key = `${expression.dtype} ${printExpression(expression)}`;
      const same = named.get(key);
      if (same !== undefined) return same;
      if (named.size >= maximumHeld) return expression;
      const local = locals.fresh("fixed", expression.dtype, expression.lanes);
      before.push({ kind: "set", local: local.local, value: expression, origin: loop.origin });
      named.set(key, local);
      return local;
    }
    return expression.kind === "load" ? expression : mapOperands(expression, hoist);
  };
  const inside = (body: readonly Statement[]): readonly Statement[] =>
    body.map((statement) => {
      const hoisted = statement.kind === "store" ? { ...statement, value: hoist(statement.value) } : statement.kind === "for" ? statement : mapExpressions(statement, hoist);
      return mapBodies(hoisted, inside);
    });
  const condition = loop.kind === "while" ? { condition: hoist(loop.condition) } : {};
  return { before, loop: { ...loop, ...condition, body: inside(loop.body) }, after: [] };
}

/** Locals and constants are held already; an iota is a constant. */
function worthHolding(expression: Expression): boolean {
  return expression.kind !== "local" && expression.kind !== "constant" && expression.kind !== "iota" && expression.kind !== "argument";
}

function isFixed(expression: Expression, changing: ReadonlySet<LocalId>, stored: ReadonlySet<BufferId>): boolean {
  return !someExpression(expression, (one) => (one.kind === "local" && changing.has(one.local)) || (one.kind === "load" && stored.has(one.buffer)));
}

/** The loop may run no time, or not reach the expression. */
function cannotTrap(expression: Expression, kernel: Kernel, known: Ranges): boolean {
  return !someExpression(expression, (one) => {
    if (one.kind === "load") return !provablyInside(kernel, one.buffer, one.index, one.lanes, known);
    return one.kind === "binary" && (one.op === "div" || one.op === "rem") && isInteger(one.left.dtype);
  });
}
