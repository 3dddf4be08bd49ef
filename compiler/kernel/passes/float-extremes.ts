/**
 * The largest or smallest of many floats by integers. `max` and `min` of floats tell NaN and the two zeros apart, for which
 * machines need eight instructions on vectors; integers need one. As i32, the bits of floats without a sign are in their
 * order, those of floats with one in the opposite order, below all others. So three running values tell all:
 *
 *   most   largest i32: the largest float, if one is without a sign
 *   least  smallest i32: the largest float, if all have a sign; the smallest, if none has one
 *   top    largest u32: the smallest float, if one has a sign
 *
 * A NaN is above the bits of ∞ in `most`, or above those of −∞ in `top`. The result is that of `max` and `min`, to the bit,
 * but that every NaN is the same one.
 */
import { binary, bitcast, constant, select } from "../build.ts";
import type { Expression, LocalId, Statement } from "../kernel.ts";
import { type ForStatement, type LocalTable, type SetStatement } from "../walk.ts";
import type { Reduction } from "./widen.ts";

type LocalExpression = Extract<Expression, { kind: "local" }>;

export interface IntegerExtremes {
  readonly before: readonly Statement[];
  readonly loop: ForStatement;
  readonly reductions: ReadonlyMap<LocalId, Reduction>;
  readonly after: readonly Statement[];
}

/** Fewer iterations than this are not worth the end, which puts the three together. */
const leastTrips = 128;

/** The loop, which runs `trips` times in all, with its reductions to a largest or smallest f32 done by integers; undefined where there are none, or few iterations. */
export function integerExtremes(loop: ForStatement, trips: number, reductions: ReadonlyMap<LocalId, Reduction>, locals: LocalTable): IntegerExtremes | undefined {
  if (trips < leastTrips) return undefined;
  const extremes = [...reductions].flatMap(([local, { op }]) =>
    (op === "max" || op === "min") && locals.get(local).dtype === "f32" && onlyOutermost(loop.body, local) && seesAll(loop.body, local) ? [new Extreme(local, op, locals)] : []);
  if (extremes.length === 0) return undefined;
  const byLocal = new Map(extremes.map((extreme) => [extreme.local, extreme]));
  const body = loop.body.flatMap((statement) => {
    const extreme = statement.kind === "set" ? byLocal.get(statement.local) : undefined;
    return extreme === undefined ? [statement] : extreme.step(statement as SetStatement);
  });
  return {
    before: extremes.flatMap((extreme) => extreme.start(loop)),
    loop: { ...loop, body },
    reductions: new Map([...reductions].flatMap(([local, reduction]) => byLocal.get(local)?.reductions() ?? [[local, reduction]])),
    after: extremes.flatMap((extreme) => extreme.finish(loop)),
  };
}

/** Whether it is a `max` or `min`, which sees NaN and the signs of zeros. */
const seesAll = (body: readonly Statement[], local: LocalId): boolean => body.every((statement) => statement.kind !== "set" || statement.local !== local || statement.value.kind === "binary");

/** Whether a local is set by statements of the body itself alone. */
function onlyOutermost(body: readonly Statement[], local: LocalId): boolean {
  const sets = (statements: readonly Statement[]): boolean =>
    statements.some((statement) => {
      if (statement.kind === "set") return statement.local === local;
      if (statement.kind === "if") return sets(statement.then) || sets(statement.otherwise);
      return statement.kind !== "store" && sets(statement.body);
    });
  return !sets(body.filter((statement) => statement.kind !== "set"));
}

class Extreme {
  readonly local: LocalId;
  readonly #op: "min" | "max";
  readonly #value: Expression;
  readonly #item: LocalExpression;
  readonly #most: LocalExpression;
  readonly #least: LocalExpression;
  readonly #top: LocalExpression;

  constructor(local: LocalId, op: "min" | "max", locals: LocalTable) {
    this.local = local;
    this.#op = op;
    this.#value = locals.get(local);
    this.#item = locals.fresh("item", "f32");
    this.#most = locals.fresh("most", "i32");
    this.#least = locals.fresh("least", "i32");
    this.#top = locals.fresh("top", "u32");
  }

  reductions(): readonly (readonly [LocalId, Reduction])[] {
    return [[this.#most.local, { op: "max" }], [this.#least.local, { op: "min" }], [this.#top.local, { op: "max" }]];
  }

  /** From the value before the loop. */
  start({ origin }: ForStatement): readonly Statement[] {
    const set = (local: LocalExpression): Statement => ({ kind: "set", local: local.local, value: bitcast(local.dtype, this.#value), origin });
    return [set(this.#most), set(this.#least), set(this.#top)];
  }

  /** In place of `value = op(value, item)`, either way round. */
  step({ value, origin }: SetStatement): readonly Statement[] {
    if (value.kind !== "binary") return [];
    const isSelf = (expression: Expression): boolean => expression.kind === "local" && expression.local === this.local;
    const item = isSelf(value.left) ? value.right : value.left;
    const running = (local: LocalExpression, op: "min" | "max"): Statement => ({ kind: "set", local: local.local, value: binary(op, local, bitcast(local.dtype, this.#item)), origin });
    return [{ kind: "set", local: this.#item.local, value: item, origin }, running(this.#most, "max"), running(this.#least, "min"), running(this.#top, "max")];
  }

  finish({ origin }: ForStatement): readonly Statement[] {
    const float = (bits: Expression): Expression => bitcast("f32", bits);
    const zero = constant("i32", 0);
    const value = this.#op === "max"
      ? float(select(binary("ge", this.#most, zero), this.#most, this.#least))
      : select(binary("lt", this.#least, zero), float(this.#top), float(this.#least));
    const isNaN = binary("or", binary("gt", this.#most, constant("i32", 0x7f800000)), binary("gt", this.#top, constant("u32", 0xff800000)));
    return [{ kind: "set", local: this.local, value: select(isNaN, constant("f32", NaN), value), origin }];
  }
}
