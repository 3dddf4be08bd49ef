/**
 * Loops whose trips the kernel itself does not tell, and counting them: in a build to be profiled every such loop is followed, or
 * preceded, by a `set` that is `counted`, of how often it ran. Counting is made of ordinary statements, so that the passes
 * keep it right where they copy a loop or run several of its iterations at once.
 */
import { unreachable } from "../support/bug.ts";
import { binary, i32 } from "./build.ts";
import type { Kernel, Statement } from "./kernel.ts";
import { LocalTable, tripCount, visitStatements, withBody, type ForStatement, type WhileStatement } from "./walk.ts";

export type CountedLoop = ForStatement | WhileStatement;

const isCounted = (statement: Statement): statement is CountedLoop => statement.kind === "while" || (statement.kind === "for" && tripCount(statement) === undefined);

/** Every loop without a constant number of trips, outer ones first: the order of their counters. */
export function countedLoops(kernel: Kernel): CountedLoop[] {
  const found: CountedLoop[] = [];
  visitStatements(kernel.body, (statement) => {
    if (isCounted(statement)) found.push(statement);
  });
  return found;
}

/** The same kernel, counting: the loops get counters from `first` on. */
export function withLoopCounts(kernel: Kernel, first: number): Kernel {
  let next = first;
  const locals = new LocalTable(kernel.locals);
  const count = (body: readonly Statement[]): readonly Statement[] => body.flatMap((statement): readonly Statement[] => {
    switch (statement.kind) {
      case "set": case "store": return [statement];
      case "if": return [{ ...statement, then: count(statement.then), otherwise: count(statement.otherwise) }];
      case "for": {
        const before = isCounted(statement) ? [tripsBefore(statement, locals, next++)] : [];
        return [...before, { ...statement, body: count(statement.body) }];
      }
      case "while": {
        const number = next++;
        return countedWhile({ ...statement, body: count(statement.body) }, locals, number);
      }
      default: return unreachable(statement);
    }
  });
  return withBody(kernel, count(kernel.body), locals.list);
}

function tripsBefore({ start, end, step, origin }: ForStatement, locals: LocalTable, counted: number): Statement {
  const length = binary("max", binary("sub", end, start), i32(0));
  const trips = step === 1 ? length : binary("div", binary("add", length, i32(step - 1)), i32(step));
  return { kind: "set", local: locals.fresh("trips", "i32").local, value: trips, origin, counted };
}

function countedWhile(loop: WhileStatement, locals: LocalTable, counted: number): Statement[] {
  const { origin } = loop;
  const round = locals.fresh("round", "i32");
  return [
    { kind: "set", local: round.local, value: i32(0), origin },
    { ...loop, body: [...loop.body, { kind: "set", local: round.local, value: binary("add", round, i32(1)), origin }] },
    { kind: "set", local: locals.fresh("trips", "i32").local, value: round, origin, counted },
  ];
}

/** One more than the highest counter of the kernel; 0 where it counts nothing. */
export function countersOf(kernel: Kernel): number {
  let counters = 0;
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "set" && statement.counted !== undefined) counters = Math.max(counters, statement.counted + 1);
  });
  return counters;
}
