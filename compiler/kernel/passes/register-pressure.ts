/** How many vectors a body holds at once: what passes ask before they put several copies of it beside each other. */
import type { Expression, LocalId, Statement } from "../kernel.ts";
import { operandsOf } from "../vector-support.ts";
import { localsSet, valuesOf, visitStatements, visitValues } from "../walk.ts";

/** Vector registers of an x64 machine without AVX-512, which is what engines use. */
export const vectorRegisters = 16;

/**
 * The most vectors held at once where so many copies of a body run statement by statement beside each other: those that each copy
 * has of its own, those from outside, which all share, and what one statement needs while it is computed.
 */
export function vectorsHeld(body: readonly Statement[], copies: number): number {
  const own = localsSet(body);
  const [first, last] = [new Map<LocalId, number>(), new Map<LocalId, number>()];
  const outside = new Set<LocalId>();
  const needs: number[] = [];
  visitStatements(body, (statement) => {
    const at = needs.length;
    const values = valuesOf(statement);
    for (const value of values) visitValues(value, (one) => {
      if (one.kind !== "local" || one.lanes === 1) return;
      if (own.has(one.local)) last.set(one.local, at);
      else outside.add(one.local);
    });
    if (statement.kind === "set" && !first.has(statement.local)) first.set(statement.local, at);
    needs.push(Math.max(0, ...values.map(needed)));
  });
  const most = needs.reduce((largest, need, at) => {
    const through = [...last].filter(([local, end]) => (first.get(local) ?? 0) < at && end > at).length;
    return Math.max(largest, copies * through + need);
  }, 0);
  return outside.size + most;
}

/** Vectors that are held while an expression is computed, by the operand first that needs most (Sethi and Ullman, 1970). */
function needed(expression: Expression): number {
  if (expression.lanes === 1 || expression.kind === "constant") return 0;
  const operands = operandsOf(expression).map(needed).filter((count) => count > 0).toSorted((a, b) => b - a);
  return Math.max(1, ...operands.map((count, before) => count + before));
}
