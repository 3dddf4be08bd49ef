/**
 * Running sums in vectors: loops that carry `total = total + f(k)` and use every total, as `cum_sum` does. Four elements at a
 * time are summed in the register, in two steps, and what came before them is added last ("scan", after Hillis & Steele,
 * "Data parallel algorithms", CACM 1986). That fixes another order of the sums: of elements a, b, c, d after a total t the
 * results are t + a, t + (a + b), t + ((a + b) + c), t + ((a + b) + (c + d)). Integers wrap, so that theirs do not depend on it.
 */
import { binary, bitcast, iota, lane, splat, unary } from "../build.ts";
import { carriedLocals } from "../dependence.ts";
import type { Expression, LocalId, Statement } from "../kernel.ts";
import { expressionsOf, mentionsLocal, tripCount, type ForStatement, type LocalExpression, type LocalTable, type SetStatement } from "../walk.ts";
import type { WidenedBody } from "./widen.ts";

/** Elements of 32 bits that fill a register. */
const lanes = 4;
/** Fewer iterations are not worth the start. */
const leastTrips = 16;

/** The local that a loop sums up in, if that is all it carries, and reads only once it is summed. */
export function runningSum(loop: ForStatement, locals: LocalTable): LocalId | undefined {
  const [local, ...others] = carriedLocals(loop);
  if (local === undefined || others.length > 0 || (tripCount(loop) ?? leastTrips) < leastTrips) return undefined;
  const { dtype } = locals.get(local);
  if (dtype !== "f32" && dtype !== "i32" && dtype !== "u32") return undefined;
  const own = new Set([local]);
  const mentions = (statement: Statement): boolean => expressionsOf(statement).some((one) => mentionsLocal(one, own));
  const at = loop.body.findIndex((statement) => statement.kind === "set" && statement.local === local);
  const sums = loop.body.filter((statement) => statement.kind === "set" && statement.local === local);
  const straight = loop.body.every(({ kind }) => kind === "set" || kind === "store");
  if (!straight || sums.length !== 1 || loop.body.slice(0, at).some(mentions)) return undefined;
  return addedTo(sums[0] as SetStatement, local) === undefined ? undefined : local;
}

/** What a statement adds to a local. */
function addedTo({ value }: SetStatement, local: LocalId): Expression | undefined {
  if (value.kind !== "binary" || value.op !== "add") return undefined;
  const isOwn = (side: Expression): boolean => side.kind === "local" && side.local === local;
  const other = isOwn(value.left) ? value.right : isOwn(value.right) ? value.left : undefined;
  return other === undefined || mentionsLocal(other, new Set([local])) ? undefined : other;
}

export interface Scan {
  readonly before: readonly Statement[];
  readonly body: readonly Statement[];
  readonly after: readonly Statement[];
}

/** The widened body of a loop with a running sum, in which that is the sum of all elements up to each lane's. */
export function scanIn(loop: ForStatement, local: LocalId, widened: WidenedBody, locals: LocalTable): Scan | undefined {
  if (widened.lanes !== lanes) return undefined;
  const { origin } = loop;
  const total = locals.get(local);
  const totals = locals.get(widened.accumulators.get(local)!);
  const fresh = (name: string): LocalExpression => locals.fresh(name, total.dtype, lanes);
  const [carry, mask] = [fresh("carry"), locals.fresh("upper", "u64", 2)];
  const set = (to: LocalExpression, value: Expression): Statement => ({ kind: "set", local: to.local, value, origin });
  const bits = (value: Expression): Expression => bitcast("u64", value, 2);
  const elements = (value: Expression): Expression => bitcast(total.dtype, value, lanes);
  const [steps, pairs, fours] = [fresh("step"), fresh("pairs"), fresh("fours")];
  const summed = (added: Expression): readonly Statement[] => [
    set(steps, added),
    // Each second one with the one before it.
    set(pairs, binary("add", steps, elements(binary("shl", bits(steps), { kind: "constant", dtype: "u64", lanes: 2, value: 32n })))),
    // The upper two with the sum of the lower two.
    set(fours, binary("add", pairs, elements(binary("and", bits(splat(lanes, lane(1, pairs))), mask)))),
    set(totals, binary("add", carry, fours)),
    set(carry, binary("add", carry, splat(lanes, lane(lanes - 1, fours)))),
  ];
  const body = widened.body.flatMap((statement): readonly Statement[] => {
    const added = statement.kind === "set" && statement.local === totals.local ? addedTo(statement, totals.local) : undefined;
    return added === undefined ? [statement] : summed(added);
  });
  return {
    before: [set(carry, splat(lanes, total)), set(mask, unary("neg", iota("u64", 2)))],
    body,
    after: [set(total, lane(0, carry))],
  };
}
