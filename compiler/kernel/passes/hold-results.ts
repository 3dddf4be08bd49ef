/**
 * A result that a loop loads and stores again in every round, `y[i] = y[i] + …`, is held in a local while the loop runs ("scalar
 * replacement", Callahan, Carr & Kennedy, PLDI 1990). Then it is a running value like any other, and the loop may be one
 * over vectors.
 *
 * Needs that all a loop does with the buffer is at that one element, whose index does not change in it and is surely inside.
 * 16-bit floats, which are rounded where they are stored, stay in memory.
 */
import type { Pass } from "../../support/pass.ts";
import { provablyInside } from "../bounds.ts";
import { replaceAround, type Replaced } from "../dependence.ts";
import type { BufferId, Expression, Kernel } from "../kernel.ts";
import { printExpression } from "../print.ts";
import type { Ranges } from "../ranges.ts";
import { isHalfFloat } from "../vector-support.ts";
import {
  buffersStored, LocalTable, localsSet, mentionsLocal, rewriteExpressions, rewriteStatements, someExpression, visitExpressions, visitStatements, withBody, type ForStatement, type WhileStatement,
} from "../walk.ts";

export const holdResults: Pass<Kernel, Kernel> = {
  name: "hold-results",
  summary: "an element that a loop loads and stores in every round is held in a local",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const body = replaceAround(kernel.body, (loop, known) =>
      [...buffersStored(loop.body)].reduce<Replaced>((all, buffer) => hold(buffer, all, kernel, locals, known), { before: [], loop, after: [] }));
    return withBody(kernel, body, locals.list);
  },
};

/** The loop with an element of a buffer in a local, loaded before it and stored after it; the same where that cannot be. */
function hold(buffer: BufferId, held: Replaced, kernel: Kernel, locals: LocalTable, known: Ranges): Replaced {
  const { loop } = held;
  const { name, dtype } = kernel.buffers[buffer]!;
  const index = isHalfFloat(dtype) ? undefined : onlyIndex(buffer, loop);
  if (index === undefined || !provablyInside(kernel, buffer, index, 1, known)) return held;
  const local = locals.fresh(name, dtype);
  const { origin } = loop;
  const loads = rewriteExpressions([loop], (one) => (one.kind === "load" && one.buffer === buffer ? local : one));
  const [changed] = rewriteStatements(loads, (one) => (one.kind === "store" && one.buffer === buffer ? [{ kind: "set", local: local.local, value: one.value, origin: one.origin }] : [one]));
  return {
    before: [...held.before, { kind: "set", local: local.local, value: { kind: "load", dtype, lanes: 1, buffer, index }, origin }],
    loop: changed as ForStatement | WhileStatement,
    after: [{ kind: "store", buffer, index, value: local, origin }, ...held.after],
  };
}

/** The index of all accesses of a loop to a buffer, if it is one that does not change, and it both loads and stores. */
function onlyIndex(buffer: BufferId, loop: ForStatement | WhileStatement): readonly Expression[] | undefined {
  const found = new Map<string, readonly Expression[]>();
  let [loads, scalar] = [false, true];
  const note = (index: readonly Expression[], lanes: number): void => {
    found.set(index.map((one) => printExpression(one)).join(), index);
    scalar &&= lanes === 1;
  };
  visitExpressions([loop], (one) => {
    if (one.kind !== "load" || one.buffer !== buffer) return;
    note(one.index, one.lanes);
    loads = true;
  });
  visitStatements(loop.body, (one) => {
    if (one.kind === "store" && one.buffer === buffer) note(one.index, one.value.lanes);
  });
  const [index] = found.values();
  const changing = localsSet([loop]);
  if (!loads || !scalar || found.size !== 1 || index === undefined) return undefined;
  return index.some((one) => mentionsLocal(one, changing) || someExpression(one, ({ kind }) => kind === "load")) ? undefined : index;
}
