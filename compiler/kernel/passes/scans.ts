/**
 * Running sums in vectors: loops that carry `total = total + f(k)` and use every total, as `cum_sum` does. Four elements at a
 * time are summed in the register, in two steps, and what came before them is added last ("scan", after Hillis & Steele,
 * "Data parallel algorithms", CACM 1986). That fixes another order of the sums: of elements a, b, c, d after a total t the
 * results are t + a, t + (a + b), t + ((a + b) + c), t + ((a + b) + (c + d)). Integers wrap, so that theirs do not depend on it.
 * Running extremes are made likewise; they have no order.
 */
import { binary, bitcast, constant, iota, lane, select, splat, unary } from "../build.ts";
import { carriedLocals } from "../dependence.ts";
import type { Expression, LocalId, Statement } from "../kernel.ts";
import { expressionsOf, mentionsLocal, tripCount, type ForStatement, type LocalExpression, type LocalTable, type SetStatement } from "../walk.ts";
import type { WidenedBody } from "./widen.ts";

/** Elements of 32 bits that fill a register. */
const lanes = 4;
/** Fewer iterations are not worth the start. */
const leastTrips = 16;

type Combination = "add" | "max" | "min";
type Word = "f32" | "i32" | "u32";

/** The bits of what changes no result; those of floats are not asked for, of which extremes are made by integers. */
const neutral: { readonly [op in Combination]: { readonly [dtype in Word]: bigint } } = {
  add: { f32: 0n, i32: 0n, u32: 0n },
  max: { f32: 0xff80_0000n, i32: 0x8000_0000n, u32: 0n },
  min: { f32: 0x7f80_0000n, i32: 0x7fff_ffffn, u32: 0xffff_ffffn },
};

export interface Running {
  readonly local: LocalId;
  readonly op: Combination;
}

/** The local that a loop sums up in, or keeps an extreme in, if that is all it carries, and reads only once it is set. */
export function runningTotal(loop: ForStatement, locals: LocalTable): Running | undefined {
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
  const combined = combinedWith(sums[0] as SetStatement, local);
  return combined === undefined ? undefined : { local, op: combined.op };
}

/** What a statement combines a local with. */
function combinedWith({ value }: SetStatement, local: LocalId): { readonly op: Combination; readonly other: Expression } | undefined {
  if (value.kind !== "binary" || (value.op !== "add" && value.op !== "max" && value.op !== "min")) return undefined;
  const isOwn = (side: Expression): boolean => side.kind === "local" && side.local === local;
  const other = isOwn(value.left) ? value.right : isOwn(value.right) ? value.left : undefined;
  return other === undefined || mentionsLocal(other, new Set([local])) ? undefined : { op: value.op, other };
}

export interface Scan {
  readonly before: readonly Statement[];
  readonly body: readonly Statement[];
  readonly after: readonly Statement[];
}

const constantLike = (like: Expression, value: number): Expression => constant(like.dtype, value, like.lanes);

/**
 * The bits of a float as an i32 in the order of floats, -0 below 0, and back: those with a sign are turned round. Integers have a
 * `max` of one instruction, which floats have not for NaN and zeros (float-extremes.ts).
 */
function turned(bits: Expression): Expression {
  const sign = binary("shr", bits, constantLike(bits, 31));
  const unsigned = bitcast("u32", sign);
  return binary("xor", bits, bitcast("i32", binary("shr", unsigned, constantLike(unsigned, 1))));
}

/** The bits of a float, of which a NaN is above all others for `max`, below them for `min`, when they are turned. */
function ordered(value: Expression, op: Combination): Expression {
  const nan = bitcast("f32", constant("i32", op === "max" ? 0x7fc0_0000 : -0x40_0000, value.lanes));
  return bitcast("i32", select(binary("ne", value, value), nan, value));
}

/** The widened body of a loop with a running total, in which that is the total of all elements up to each lane's. */
export function scanIn(loop: ForStatement, { local, op }: Running, widened: WidenedBody, locals: LocalTable): Scan | undefined {
  if (widened.lanes !== lanes) return undefined;
  const { origin } = loop;
  const total = locals.get(local);
  const totals = locals.get(widened.accumulators.get(local)!);
  /** Extremes of floats are made by integers. */
  const turns = total.dtype === "f32" && op !== "add";
  const dtype: Word = turns ? "i32" : (total.dtype as Word);
  const fresh = (name: string): LocalExpression => locals.fresh(name, dtype, lanes);
  const [carry, mask] = [fresh("carry"), locals.fresh("upper", "u64", 2)];
  const set = (to: LocalExpression, value: Expression): Statement => ({ kind: "set", local: to.local, value, origin });
  const bits = (value: Expression): Expression => bitcast("u64", value, 2);
  const words = (value: bigint): Expression => constant("u64", value, 2);
  const none = neutral[op][dtype];
  const below = none === 0n ? undefined : locals.fresh("below", "u64", 2);
  /** Elements moved up, with what changes nothing where none came from. */
  const filled = (moved: Expression, rest: Expression | undefined): Expression => bitcast(dtype, rest === undefined ? moved : binary("or", moved, rest), lanes);
  const [steps, pairs, fours, upTo] = [fresh("step"), fresh("pairs"), fresh("fours"), fresh("upTo")];
  const item = locals.fresh("item", total.dtype, lanes);
  const taken = (value: Expression): readonly Statement[] => (turns ? [set(item, value), set(steps, ordered(item, op)), set(steps, turned(steps))] : [set(steps, value)]);
  const back = (made: LocalExpression): Expression => (turns ? bitcast("f32", turned(made)) : made);
  const totalled = (added: Expression): readonly Statement[] => [
    ...taken(added),
    // Each second one with the one before it.
    set(pairs, binary(op, steps, filled(binary("shl", bits(steps), words(32n)), none === 0n ? undefined : words(none)))),
    // The upper two with the total of the lower two.
    set(fours, binary(op, pairs, filled(binary("and", bits(splat(lanes, lane(1, pairs))), mask), below))),
    set(upTo, binary(op, carry, fours)),
    set(totals, back(upTo)),
    set(carry, binary(op, carry, splat(lanes, lane(lanes - 1, fours)))),
  ];
  const body = widened.body.flatMap((statement): readonly Statement[] => {
    const added = statement.kind === "set" && statement.local === totals.local ? combinedWith(statement, totals.local)?.other : undefined;
    return added === undefined ? [statement] : totalled(added);
  });
  return {
    before: [
      ...taken(splat(lanes, total)), set(carry, steps), set(mask, unary("neg", iota("u64", 2))),
      ...(below === undefined ? [] : [set(below, binary("and", unary("not", mask), words(none << 32n | none)))]),
    ],
    body,
    after: [set(item, back(carry)), set(total, lane(0, item))],
  };
}
