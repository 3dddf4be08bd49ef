/**
 * Several iterations of a parallel loop at once, statement by statement: "unroll and jam" (Allen & Kennedy, "Optimizing
 * Compilers for Modern Architectures", 2002, § 8.4). Inner loops run once for all copies; what does not depend on the
 * copy is computed once, so that a value loaded serves every copy. Each copy computes what it computed before, in the
 * same order.
 */
import { bytesOf, isBig } from "../../../runtime/dtype.ts";
import { binary, cast, constant, i32, reduce } from "../build.ts";
import { CompilerBug, invariant, unreachable } from "../../support/bug.ts";
import type { Expression, LocalId, Statement } from "../kernel.ts";
import {
  constantOf, mapExpressions, mapOperands, mentionsLocal, rewriteExpression, tripCount, visitStatements, type ForStatement, type IfStatement, type LocalTable, type StoreStatement,
} from "../walk.ts";

/**
 * What a branch asks that is only left out where no lane is on: its body does nothing in lanes that are off (widen.ts), so that
 * several can be asked at once. Undefined for other branches.
 */
function skippedWithout({ condition, otherwise }: IfStatement): Expression | undefined {
  return condition.kind === "reduce" && condition.op === "or" && otherwise.length === 0 ? condition.operand : undefined;
}

/** Whether `interleave` takes this body: sets, stores, branches of lanes, and loops whose bounds do not depend on the counter. */
export function canInterleave(loop: ForStatement): boolean {
  const own = splitLocals(loop.body, loop.local);
  let possible = true;
  visitStatements(loop.body, (statement) => {
    if (statement.kind === "while" || (statement.kind === "if" && skippedWithout(statement) === undefined)) possible = false;
    if (statement.kind === "for" && (mentionsLocal(statement.start, own) || mentionsLocal(statement.end, own))) possible = false;
  });
  return possible;
}

/** A parallel loop with `factor` iterations at once, and what is left over, also at once. Bounds must be constants. */
export function interleave(loop: ForStatement, factor: number, locals: LocalTable): readonly ForStatement[] {
  const trips = tripCount(loop)!;
  const start = constantOf(loop.start)!;
  const group = (from: number, copies: number, count: number): ForStatement => ({
    ...loop,
    start: i32(start + from * loop.step),
    end: i32(Math.min(start + (from + copies * count) * loop.step, constantOf(loop.end)!)),
    step: loop.step * copies,
    body: copies === 1 ? loop.body : new Interleaver(loop, copies, locals).body(loop.body),
  });
  const groups = Math.floor(trips / factor);
  const left = trips - groups * factor;
  const result: ForStatement[] = [];
  if (groups > 0) result.push(group(0, factor, groups));
  if (left > 0) result.push(group(groups * factor, left, 1));
  return result;
}

/** Locals of a body whose value depends on the counter: every copy needs its own. The counter is among them. */
function splitLocals(body: readonly Statement[], counter: LocalId): Set<LocalId> {
  const split = new Set([counter]);
  for (let size = 0; size !== split.size; ) {
    size = split.size;
    visitStatements(body, (statement) => {
      if (statement.kind === "set" && mentionsLocal(statement.value, split)) split.add(statement.local);
    });
  }
  return split;
}

/**
 * x − 0, which is x. Where a loop begins with a pair of the same vector twice, V8 takes half of it for the whole if that vector
 * is also used by what is not paired (as of version 14.6): so what is paired has a value of its own.
 */
const sameOfItsOwn = (value: Expression): Expression => binary("sub", value, constant(value.dtype, isBig(value.dtype) ? 0n : 0, value.lanes));

class Interleaver {
  readonly #locals: LocalTable;
  readonly #counter: LocalId;
  readonly #step: number;
  readonly #copies: number;
  /** Copies before this one may be paired, where they are neighbouring vectors. */
  readonly #paired: number;
  readonly #split: Set<LocalId>;
  /** Names of the split locals in each copy after the first. */
  readonly #names: readonly Map<LocalId, LocalId>[];

  constructor(loop: ForStatement, copies: number, locals: LocalTable) {
    this.#locals = locals;
    this.#counter = loop.local;
    this.#step = loop.step;
    this.#copies = copies;
    this.#paired = loop.step > 1 ? copies - (copies % 2) : 0;
    this.#split = splitLocals(loop.body, loop.local);
    this.#names = Array.from({ length: copies }, () => new Map());
    for (const local of this.#split) if (local !== loop.local) this.#own(local);
  }

  /** Gives a local a name in each copy. */
  #own(local: LocalId): void {
    this.#split.add(local);
    this.#names.forEach((names, copy) => names.set(local, copy === 0 ? local : this.#locals.like(local).local));
  }

  body(body: readonly Statement[]): readonly Statement[] {
    return body.flatMap((statement) => this.#statement(statement));
  }

  #statement(statement: Statement): readonly Statement[] {
    switch (statement.kind) {
      case "for": return [{ ...statement, body: this.body(statement.body) }];
      case "set":
        if (!this.#split.has(statement.local)) return [statement];
        return this.#copied(statement);
      case "store": return this.#stores(statement);
      case "if": return [this.#branch(statement)];
      case "while": throw new CompilerBug("cannot interleave while");
      default: return unreachable(statement);
    }
  }

  /** The branches of all copies as one, which is taken where a lane of any is on: so vectors that are set in it are set at one place. */
  #branch(statement: IfStatement): Statement {
    const lanes = skippedWithout(statement);
    invariant(lanes !== undefined, () => "only branches of lanes are interleaved");
    const copies = mentionsLocal(lanes, this.#split) ? this.#copies : 1;
    const any = Array.from({ length: copies }, (_, copy) => this.#renamed(lanes, copy)).reduce((one, other) => binary("or", one, other));
    return { ...statement, condition: reduce("or", any), then: this.body(statement.then) };
  }

  /** All values first, then the stores next to each other. */
  #stores(statement: StoreStatement): readonly Statement[] {
    const { origin } = statement;
    // Storing rounds to a 16-bit float, and neighbouring vectors are narrowed together: what waits for its store is as wide as before.
    const value = statement.value.kind === "cast" && statement.value.operand.dtype === "f32" && bytesOf(statement.value.dtype) < 4 && statement.value.dtype !== "bool" ? statement.value.operand : statement.value;
    if (value.kind === "local" || value.kind === "constant") return this.#copied(statement);
    const local = this.#locals.fresh("value", value.dtype, value.lanes);
    this.#own(local.local);
    return [...this.#copied({ kind: "set", local: local.local, value, origin }), ...this.#copied({ ...statement, value: cast(statement.value.dtype, local) })];
  }

  #copied(statement: Statement): readonly Statement[] {
    const shared: Statement[] = [];
    const common = mapExpressions(statement, (expression) => (statement.kind === "store" && statement.index.includes(expression) ? expression : this.#share(expression, shared, statement)));
    return [...shared, ...Array.from({ length: this.#copies }, (_, copy) => this.#copy(common, copy))];
  }

  /** Gives loads and splats that are the same in every copy a name. */
  #share(expression: Expression, shared: Statement[], of: Statement): Expression {
    if (mentionsLocal(expression, this.#split)) return expression.kind === "load" ? expression : mapOperands(expression, (operand) => this.#share(operand, shared, of));
    if (expression.kind === "local" || expression.kind === "constant" || expression.kind === "iota") return expression;
    const local = this.#locals.fresh("shared", expression.dtype, expression.lanes);
    shared.push({ kind: "set", local: local.local, value: expression, origin: of.origin });
    return local;
  }

  #copy(statement: Statement, copy: number): Statement {
    const renamed = mapExpressions(statement, (expression) => this.#renamed(expression, copy));
    if (renamed.kind !== "set") return renamed;
    const { value } = renamed;
    const own = copy < this.#paired && value.kind === "local" && value.lanes > 1 && value.dtype !== "bool" && !mentionsLocal(value, this.#split);
    return { ...renamed, local: this.#names[copy]!.get(renamed.local)!, value: own ? sameOfItsOwn(value) : value };
  }

  #renamed(expression: Expression, copy: number): Expression {
    const names = this.#names[copy]!;
    return rewriteExpression(expression, (one) => {
      if (one.kind !== "local") return one;
      if (one.local === this.#counter) return binary("add", one, i32(copy * this.#step));
      return { ...one, local: names.get(one.local) ?? one.local };
    });
  }
}

