/** Which locals are still needed after a loop or a branch: what a pass that changes their last value must keep. */
import { unreachable } from "../support/bug.ts";
import type { Expression, LocalId, Statement } from "./kernel.ts";
import { expressionsOf, visitExpression } from "./walk.ts";

export type LiveAfter = ReadonlyMap<Statement, ReadonlySet<LocalId>>;

/** For every `for`, `while` and `if`: the locals whose value is read after it, in a later round of an outer loop included. */
export function liveAfter(body: readonly Statement[]): LiveAfter {
  const liveness = new Liveness();
  liveness.before(body, new Set(), true);
  return liveness.after;
}

class Liveness {
  readonly after = new Map<Statement, ReadonlySet<LocalId>>();
  /** By loop: the locals its body reads before it sets them. Kept, since every loop around asks for it. */
  readonly #exposed = new Map<Statement, ReadonlySet<LocalId>>();

  /** Backwards through a body: what is live before it, given what is live after it. `note`: also fill `after`. */
  before(body: readonly Statement[], out: ReadonlySet<LocalId>, note: boolean): Set<LocalId> {
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
          if (note) this.after.set(statement, new Set(live));
          const otherwise = this.before(statement.otherwise, live, note);
          live = this.before(statement.then, live, note);
          for (const local of otherwise) live.add(local);
          break;
        }
        case "for": case "while": {
          if (note) this.after.set(statement, new Set(live));
          if (statement.kind === "while") read(statement.condition);
          // What the body needs from before, it may also need from its previous round; a loop may have no round at all.
          for (const local of this.#exposedBy(statement)) live.add(local);
          if (note) this.before(statement.body, live, true);
          break;
        }
        default: unreachable(statement);
      }
      expressionsOf(statement).forEach(read);
    }
    return live;
  }

  #exposedBy(loop: Extract<Statement, { kind: "for" | "while" }>): ReadonlySet<LocalId> {
    const known = this.#exposed.get(loop);
    if (known) return known;
    const exposed = this.before(loop.body, new Set(), false);
    if (loop.kind === "for") exposed.delete(loop.local);
    this.#exposed.set(loop, exposed);
    return exposed;
  }
}
