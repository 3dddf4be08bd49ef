/** Where the iterations of a loop that fill whole vectors end, and what is left of them. */
import { binary, i32 } from "../build.ts";
import type { Expression, Statement } from "../kernel.ts";
import { constantOf, tripCount, type ForStatement, type LocalTable } from "../walk.ts";

export interface SplitTrip {
  readonly before: readonly Statement[];
  readonly end: Expression;
  readonly whole: Expression;
}

/** Where the last whole group of iterations ends. Bounds that are no constants are evaluated once, before. */
export function splitTrip(loop: ForStatement, group: number, locals: LocalTable): SplitTrip {
  const start = constantOf(loop.start);
  const constantEnd = constantOf(loop.end);
  if (start !== undefined && constantEnd !== undefined) {
    const groups = Math.max(0, Math.floor((constantEnd - start) / group));
    return { before: [], end: loop.end, whole: i32(start + groups * group) };
  }
  const before: Statement[] = [];
  const define = (name: string, value: Expression): Expression => {
    if (value.kind === "constant") return value;
    const local = locals.fresh(name, "i32");
    before.push({ kind: "set", local: local.local, value, origin: loop.origin });
    return local;
  };
  const first = define("first", loop.start);
  const end = define("end", loop.end);
  const count = binary("max", binary("sub", end, first), i32(0));
  const whole = define("whole", binary("add", first, binary("and", count, i32(-group))));
  return { before, end, whole };
}

/** The iterations from one counter to another, as they were. */
export function restOf(loop: ForStatement, start: Expression, end: Expression): readonly Statement[] {
  const rest: ForStatement = { ...loop, start, end };
  return tripCount(rest) === 0 ? [] : [rest];
}
