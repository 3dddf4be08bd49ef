/** Which locals are still needed after a loop or a branch: what a pass that changes their last value must keep. */
import { unreachable } from "../support/bug.ts";
import type { Expression, LocalId, Statement } from "./kernel.ts";
import { expressionsOf, visitExpression } from "./walk.ts";

export type LiveAfter = ReadonlyMap<Statement, ReadonlySet<LocalId>>;

/** For every `for`, `while` and `if`: the locals whose value is read after it, in a later round of an outer loop included. */
export function liveAfter(body: readonly Statement[]): LiveAfter {
  const after = new Map<Statement, ReadonlySet<LocalId>>();
  liveBefore(body, new Set(), after);
  return after;
}

/** Backwards through a body: what is live before it, given what is live after it. */
function liveBefore(body: readonly Statement[], out: ReadonlySet<LocalId>, after: Map<Statement, ReadonlySet<LocalId>>): Set<LocalId> {
  let live = new Set(out);
  const read = (expression: Expression): void =>
    visitExpression(expression, (one) => {
      if (one.kind === "local") live.add(one.local);
    });
  for (const statement of body.toReversed()) {
    switch (statement.kind) {
      case "set":
        live.delete(statement.local);
        break;
      case "store":
        break;
      case "if": {
        after.set(statement, new Set(live));
        const otherwise = liveBefore(statement.otherwise, live, after);
        live = liveBefore(statement.then, live, after);
        for (const local of otherwise) live.add(local);
        break;
      }
      case "for": case "while": {
        after.set(statement, new Set(live));
        if (statement.kind === "while") read(statement.condition);
        // What the body needs from before, it may also need from its previous round.
        const needed = liveBefore(statement.body, live, new Map());
        if (statement.kind === "for") needed.delete(statement.local);
        for (const local of needed) live.add(local);
        for (const local of liveBefore(statement.body, live, after)) if (statement.kind === "while" || local !== statement.local) live.add(local);
        break;
      }
      default: unreachable(statement);
    }
    expressionsOf(statement).forEach(read);
  }
  return live;
}
