/**
 * Widens the body of one loop: what one iteration does to scalars becomes what `lanes` neighbouring iterations do to vectors.
 * The counter stays a scalar, the first of its lanes. What does not depend on the iteration stays scalar and is splat
 * where a vector needs it.
 *
 * Branches and inner `while` loops that depend on the iteration run for all lanes under a mask: a local keeps its old value
 * in the lanes that are off, a store writes back what was there. What runs for lanes that are off must not trap: its loads
 * must provably stay inside their buffers, or else load element 0 there, lane by lane; and integers are not divided.
 *
 * Elements that are no neighbours are loaded into their lanes one by one, and stored from them, where the caller allows it: by
 * an index for each lane, which is the scalar one and some steps more, or else one lane of the index as a vector.
 */
import { isInteger } from "../../../runtime/dtype.ts";
import { CompilerBug, invariant, unreachable } from "../../support/bug.ts";
import type { Span } from "../../support/span.ts";
import { provablyInside } from "../bounds.ts";
import { binary, i32, iota, lane, pack, reduce, splat, unary } from "../build.ts";
import { forget, learn } from "../dependence.ts";
import type { BinaryOp, Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import type { LiveAfter } from "../liveness.ts";
import { rangesInside, withoutSet, type Range, type Ranges } from "../ranges.ts";
import {
  liveIn, localsSet, mapOperands, mentionsLocal, type ForStatement, type IfStatement, type LoadExpression, type LocalTable, type SetStatement, type StoreStatement, type WhileStatement,
} from "../walk.ts";
import { isHalfFloat, operandsOf, vectorFormSupported } from "../vector-support.ts";
import { instructionsOf } from "./instructions.ts";
import { lanesFor, stepOf, varyingLocals } from "./varying.ts";

/** Why a loop stays scalar. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** How a local combines the values of all iterations. */
export interface Reduction {
  readonly op: BinaryOp;
}

export interface WidenedBody {
  readonly lanes: number;
  readonly body: readonly Statement[];
  /** The vector that each reduction's local became. */
  readonly accumulators: ReadonlyMap<LocalId, LocalId>;
}

/** A loop whose body is to be widened, and where it stands. */
export interface Widening {
  readonly kernel: Kernel;
  readonly loop: ForStatement;
  /** Of the kernel; the vectors are added. */
  readonly locals: LocalTable;
  readonly reductions: ReadonlyMap<LocalId, Reduction>;
  readonly after: LiveAfter;
  /** What is known of locals at the loop. */
  readonly known: Ranges;
  /** Lanes at most. */
  readonly most: number;
  /** Whether elements that are no neighbours are loaded and stored lane by lane; else they are a reason to refuse. */
  readonly byLanes: boolean;
}

/** Throws a Refusal where the body has no vector form. */
export function widenBody(widening: Widening): WidenedBody {
  const { loop, locals, reductions, known, most } = widening;
  const varying = varyingLocals(loop, reductions.keys());
  const lanes = Math.min(most, lanesFor(loop, varying, locals));
  const widener = new Widener(widening, varying, lanes);
  const body = widener.run(known);
  return { lanes, body, accumulators: widener.accumulators };
}

/** Where a side of a branch has more instructions than this, it costs less to ask whether any lane is on. */
const leastSkipped = 24;

class Widener {
  readonly accumulators = new Map<LocalId, LocalId>();
  readonly #kernel: Kernel;
  readonly #loop: ForStatement;
  readonly #locals: LocalTable;
  readonly #after: LiveAfter;
  readonly #varying: ReadonlySet<LocalId>;
  readonly #lanes: number;
  readonly #byLanes: boolean;
  /** What the statement being widened needs to have been computed before it. */
  #before: Statement[] = [];
  /** The vector of each varying local. */
  readonly #vectors = new Map<LocalId, LocalId>();
  /** Varying locals whose vector has a value already. */
  readonly #defined = new Set<LocalId>();
  /** Lanes that are on; undefined: all. */
  #mask: Expression | undefined;
  /** Locals that nothing outside the masked region reads: the lanes that are off do not matter. */
  #private: ReadonlySet<LocalId> = new Set();

  constructor({ kernel, loop, locals, reductions, after, byLanes }: Widening, varying: ReadonlySet<LocalId>, lanes: number) {
    this.#kernel = kernel;
    this.#loop = loop;
    this.#locals = locals;
    this.#after = after;
    this.#varying = varying;
    this.#lanes = lanes;
    this.#byLanes = byLanes;
    for (const local of reductions.keys()) {
      this.accumulators.set(local, this.#vectorOf(local));
      this.#defined.add(local);
    }
  }

  run(known: Ranges): readonly Statement[] {
    return this.#body(this.#loop.body, rangesInside(this.#loop, known));
  }

  #body(body: readonly Statement[], known: Map<LocalId, Range>): Statement[] {
    return body.flatMap((statement) => {
      const outer = this.#before;
      this.#before = [];
      const widened = this.#statement(statement, known);
      const result = [...this.#before, ...widened];
      this.#before = outer;
      return result;
    });
  }

  #statement(statement: Statement, known: Map<LocalId, Range>): Statement[] {
    switch (statement.kind) {
      case "set": {
        const widened = this.#set(statement, known);
        learn(known, statement.local, statement.value);
        return [widened];
      }
      case "store": return this.#store(statement, known);
      case "for": return [this.#for(statement, known)];
      case "while": return this.#while(statement, known);
      case "if": return this.#if(statement, known);
      default: return unreachable(statement);
    }
  }

  #set(statement: SetStatement, known: Ranges): Statement {
    if (!this.#varying.has(statement.local)) {
      invariant(this.#mask === undefined, "a local set under a mask varies");
      return statement;
    }
    if (statement.counted !== undefined && this.#mask !== undefined) throw new Refusal("counts in some lanes only");
    const vector = this.#locals.get(this.#vectorOf(statement.local));
    const value = this.#widen(statement.value, known);
    const keepsOld = this.#mask !== undefined && this.#defined.has(statement.local) && !this.#private.has(statement.local);
    this.#defined.add(statement.local);
    const merged = keepsOld ? this.#select(this.#mask!, value, vector) : value;
    return { ...statement, local: vector.local, value: merged };
  }

  #store(statement: StoreStatement, known: Ranges): Statement[] {
    const inside = this.#mask === undefined || this.#isInside(statement, known);
    if (!this.#unitStride(statement.buffer, statement.index) || (this.#byLanes && !inside)) return this.#storeLanes(statement, known);
    const value = this.#widen(statement.value, known);
    if (this.#mask === undefined) return [{ ...statement, value }];
    this.#mustBeInside(statement.buffer, statement.index, known);
    const old: Expression = { kind: "load", dtype: value.dtype, lanes: this.#lanes, buffer: statement.buffer, index: statement.index };
    return [{ ...statement, value: this.#select(this.#mask, value, old) }];
  }

  #storeLanes(statement: StoreStatement, known: Ranges): Statement[] {
    const { buffer, index, value, origin } = statement;
    const { name, dtype } = this.#kernel.buffers[buffer]!;
    if (!this.#byLanes || isHalfFloat(dtype) || dtype === "bool") throw new Refusal(`stores to ${name} do not move by one element`);
    const whole = mentionsLocal(value, this.#varying) ? this.#widen(value, known) : value;
    const { local, set } = whole.kind === "local" ? { local: whole, set: undefined } : this.#define("value", whole, origin);
    if (set) this.#before.push(set);
    const stores = this.#indexOfLanes(index, known, origin).map((one, at): Statement => ({ ...statement, index: one, value: local.lanes === 1 ? local : lane(at, local) }));
    const mask = this.#mask;
    return mask === undefined ? stores : stores.map((store, at) => ({ kind: "if", condition: lane(at, mask), then: [store], otherwise: [], origin }));
  }

  /** Elements that are no neighbours. */
  #loadLanes(load: LoadExpression, known: Ranges): Expression {
    const { name } = this.#kernel.buffers[load.buffer]!;
    if (!this.#byLanes) throw new Refusal(`loads of ${name} do not move by one element`);
    const guard = this.#mask === undefined || this.#isInside(load, this.#knownInEveryLane(known)) ? undefined : this.#mask;
    if (guard !== undefined && this.#kernel.buffers[load.buffer]!.shape.includes(0)) throw new Refusal(`${name} is empty`);
    return this.#checked(pack(this.#indexOfLanes(load.index, known, this.#loop.origin, guard).map((index) => ({ ...load, index }))));
  }

  /**
   * The index of each lane: what moves evenly stays a scalar, else it is taken from a vector. `guard`: lanes that are off get 0,
   * which is inside of everything.
   */
  #indexOfLanes(index: readonly Expression[], known: Ranges, origin: Span, guard?: Expression): (readonly Expression[])[] {
    const dimensions = index.map((one): ((at: number) => Expression) => {
      const step = guard === undefined ? this.#stepOf(one) : undefined;
      if (step !== undefined) return (at) => binary("add", one, i32(at * step));
      const vector = this.#widen(one, known);
      const safe = guard === undefined ? vector : this.#select(guard, vector, this.#checked(splat(this.#lanes, i32(0))));
      const { local, set } = this.#define("at", safe, origin);
      this.#before.push(set);
      return (at) => lane(at, local);
    });
    return Array.from({ length: this.#lanes }, (_, at) => dimensions.map((indexOf) => indexOf(at)));
  }

  /** Lanes that are off may hold what a local was before. */
  #knownInEveryLane(known: Ranges): Ranges {
    return new Map([...known].filter(([local]) => local === this.#loop.local || !this.#varying.has(local)));
  }

  #for(statement: ForStatement, known: Map<LocalId, Range>): Statement {
    this.#mustBeInvariant(statement.start, "the start of an inner loop", known);
    this.#mustBeInvariant(statement.end, "the end of an inner loop", known);
    const body = this.#rounds(statement.body, rangesInside(statement, known));
    forget(known, statement.body);
    // Under a mask, what an iteration sets first also keeps what was there before.
    return { ...statement, parallel: statement.parallel && this.#mask === undefined, body };
  }

  #while(statement: WhileStatement, known: Map<LocalId, Range>): Statement[] {
    const inside = withoutSet(known, statement.body);
    forget(known, statement.body);
    if (this.#mask === undefined && !mentionsLocal(statement.condition, this.#varying)) return [{ ...statement, body: this.#rounds(statement.body, inside) }];
    const { origin } = statement;
    const active = this.#locals.fresh("active", "bool", this.#lanes);
    const outer = this.#mask;
    // Later rounds evaluate the condition for lanes that have left already.
    this.#mask = outer ?? active;
    const needed = this.#before.length;
    const condition = this.#widen(statement.condition, inside);
    if (this.#before.length > needed) throw new Refusal("the condition of a loop indexes by a vector");
    const before = new Set(this.#defined);
    const start: Statement = { kind: "set", local: active.local, value: outer === undefined ? condition : this.#binary("and", outer, condition), origin };
    const body = this.#masked(active, statement, statement.body, inside);
    const next: Statement = { kind: "set", local: active.local, value: this.#binary("and", active, condition), origin };
    this.#restrict(before);
    this.#mask = outer;
    return [start, { ...statement, condition: this.#any(active), body: [...body, next] }];
  }

  #if(statement: IfStatement, known: Map<LocalId, Range>): Statement[] {
    const { origin } = statement;
    if (!mentionsLocal(statement.condition, this.#varying)) {
      this.#mustNotTrap(statement.condition, known);
      const before = new Set(this.#defined);
      const then = this.#body(statement.then, new Map(known));
      const afterThen = new Set(this.#defined);
      this.#restrict(before);
      const otherwise = this.#body(statement.otherwise, new Map(known));
      this.#restrict(before, afterThen);
      forget(known, statement.then);
      forget(known, statement.otherwise);
      return [{ ...statement, then, otherwise }];
    }
    const outer = this.#mask;
    const condition = this.#define("condition", this.#widen(statement.condition, known), origin);
    const yes = outer === undefined ? condition : this.#define("then", this.#binary("and", outer, condition.local), origin);
    const result: Statement[] = outer === undefined ? [condition.set] : [condition.set, yes.set];
    result.push(...this.#branch(yes.local, statement, statement.then, known));
    if (statement.otherwise.length > 0) {
      const not = this.#checked(unary("not", condition.local));
      const no = this.#define("otherwise", outer === undefined ? not : this.#binary("and", outer, not), origin);
      result.push(no.set, ...this.#branch(no.local, statement, statement.otherwise, known));
    }
    forget(known, statement.then);
    forget(known, statement.otherwise);
    return result;
  }

  /** The body of a loop that may run no time: what it defines is not defined after it. */
  #rounds(body: readonly Statement[], known: Map<LocalId, Range>): Statement[] {
    const before = new Set(this.#defined);
    const result = this.#body(body, known);
    this.#restrict(before);
    return result;
  }

  /** After a branch: what both sides defined, of what may be more than before. */
  #restrict(before: ReadonlySet<LocalId>, other?: ReadonlySet<LocalId>): void {
    for (const local of this.#defined) if (!before.has(local) && other?.has(local) !== true) this.#defined.delete(local);
  }

  /** One side of a branch, for the lanes of a mask. Where it is long, it is left out if no lane is on. */
  #branch(mask: Expression, region: IfStatement, side: readonly Statement[], known: Ranges): Statement[] {
    const before = new Set(this.#defined);
    const body = this.#masked(mask, region, side, new Map(known));
    const needed = this.#after.get(region)!;
    const given = [...localsSet(side)].every((local) => before.has(local) || !needed.has(local));
    if (!given || instructionsOf(side) < leastSkipped) return body;
    this.#restrict(before);
    return [{ kind: "if", condition: this.#any(mask), then: body, otherwise: [], origin: region.origin }];
  }

  /** A body for the lanes of a mask. `region` is the statement it belongs to. */
  #masked(mask: Expression, region: Statement, body: readonly Statement[], known: Map<LocalId, Range>): Statement[] {
    const outer = { mask: this.#mask, private: this.#private };
    const needed = this.#after.get(region);
    if (needed === undefined) throw new CompilerBug("a branch or loop that liveness does not know");
    // The other branch runs later, for the lanes that are off now.
    const entering = liveIn([region]);
    this.#mask = mask;
    this.#private = new Set([...localsSet(body)].filter((local) => !needed.has(local) && !entering.has(local)));
    const result = this.#body(body, known);
    this.#mask = outer.mask;
    this.#private = outer.private;
    return result;
  }

  #define(name: string, value: Expression, origin: Span): { local: Extract<Expression, { kind: "local" }>; set: Statement } {
    const local = this.#locals.fresh(name, value.dtype, value.lanes);
    return { local, set: { kind: "set", local: local.local, value, origin } };
  }

  #vectorOf(local: LocalId): LocalId {
    let vector = this.#vectors.get(local);
    if (vector === undefined) this.#vectors.set(local, (vector = this.#locals.like(local, this.#lanes).local));
    return vector;
  }

  /** The value in every lane. */
  #widen(expression: Expression, known: Ranges): Expression {
    if (!mentionsLocal(expression, this.#varying)) {
      if (expression.lanes !== 1) throw new Refusal("the loop has vectors already");
      this.#mustNotTrap(expression, known);
      return this.#checked(splat(this.#lanes, expression));
    }
    switch (expression.kind) {
      case "local":
        if (expression.local === this.#loop.local) return this.#binary("add", splat(this.#lanes, expression), this.#checked(iota(expression.dtype, this.#lanes)));
        return this.#checked(this.#locals.get(this.#vectorOf(expression.local)));
      case "load": {
        const inside = this.#mask === undefined || this.#isInside(expression, known);
        if (!this.#unitStride(expression.buffer, expression.index) || (this.#byLanes && !inside)) return this.#loadLanes(expression, known);
        if (!inside) throw new Refusal(`under a condition, ${this.#kernel.buffers[expression.buffer]!.name} may be indexed outside`);
        return this.#checked({ ...expression, lanes: this.#lanes });
      }
      case "unary": case "binary": case "multiplyAdd": case "select": case "cast": case "bitcast": case "call":
        return this.#checked({ ...mapOperands(expression, (operand) => this.#widen(operand, known)), lanes: this.#lanes });
      case "splat": case "reduce": case "pack": case "lane": case "iota": throw new Refusal("the loop has vectors already");
      case "constant": case "argument": throw new CompilerBug(`a varying ${expression.kind}`);
      default: return unreachable(expression);
    }
  }

  #binary(op: BinaryOp, left: Expression, right: Expression): Expression {
    return this.#checked(binary(op, left, right));
  }

  #select(condition: Expression, then: Expression, otherwise: Expression): Expression {
    return this.#checked({ kind: "select", dtype: then.dtype, lanes: this.#lanes, condition, then, otherwise });
  }

  #any(mask: Expression): Expression {
    return this.#checked(reduce("or", mask));
  }

  #checked(expression: Expression): Expression {
    if (vectorFormSupported(expression)) return expression;
    const what = "op" in expression ? expression.op : expression.kind;
    throw new Refusal(`${what} of ${expression.dtype} has no form with ${this.#lanes} lanes`);
  }

  /** Whether an access moves by one element per iteration, along a last dimension of stride 1. */
  #unitStride(buffer: number, index: readonly Expression[]): boolean {
    const last = index.length - 1;
    if (last < 0 || this.#kernel.buffers[buffer]!.strides[last] !== 1) return false;
    return index.every((one, dimension) => this.#stepOf(one) === (dimension === last ? 1 : 0));
  }

  #stepOf(index: Expression): number | undefined {
    return stepOf(index, this.#loop.local, this.#varying);
  }

  #mustBeInvariant(expression: Expression, what: string, known: Ranges): void {
    if (mentionsLocal(expression, this.#varying)) throw new Refusal(`${what} differs between iterations`);
    this.#mustNotTrap(expression, known);
  }

  #isInside({ buffer, index }: Pick<LoadExpression, "buffer" | "index">, known: Ranges): boolean {
    return provablyInside(this.#kernel, buffer, index, 1, known);
  }

  #mustBeInside(buffer: number, index: readonly Expression[], known: Ranges): void {
    if (!this.#isInside({ buffer, index }, known)) throw new Refusal(`under a condition, ${this.#kernel.buffers[buffer]!.name} may be indexed outside`);
  }

  /** Under a mask, what stays scalar is evaluated although perhaps no lane is on. */
  #mustNotTrap(expression: Expression, known: Ranges): void {
    if (this.#mask === undefined) return;
    if (expression.kind === "load") this.#mustBeInside(expression.buffer, expression.index, known);
    if (expression.kind === "binary" && (expression.op === "div" || expression.op === "rem") && isInteger(expression.left.dtype)) {
      const { right } = expression;
      if (right.kind !== "constant" || Number(right.value) === 0) throw new Refusal("under a condition, integers are divided");
    }
    for (const operand of operandsOf(expression)) this.#mustNotTrap(operand, known);
  }
}
