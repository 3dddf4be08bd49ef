/**
 * Widens loops by SIMD, innermost parallel loops first:
 *
 * a. A parallel loop whose stores move by one element becomes a loop over vectors and a scalar loop over the rest. Sequential
 *    loops inside it keep running, with vectors in their bodies (matmul: over columns, with k inside). Of narrow elements the
 *    rest is done by shorter vectors first; where iterations may run twice, by a last vector that overlaps the one before.
 * b. An innermost loop that reduces, `acc = acc ∘ f(i)`, becomes up to four vector accumulators. The order of combination is
 *    part of the executable's meaning: with L lanes and A accumulators, iteration n of the main loop goes to lane n mod L of
 *    accumulator ⌊n / L⌋ mod A; accumulators are combined as ((0 ∘ 1) ∘ (2 ∘ 3)); whole vectors that are left go to the
 *    result, one after the other; its lanes are combined pairwise (`reduce`), then with the value from before the loop;
 *    the rest follows one by one. Where loops around have nothing else in them, the accumulators go on from row to row: the
 *    whole vectors of every row go to them by turns, beginning with the first, and the rests of all rows follow at the end.
 *    Rows of 8,192 floats or more are added up in stretches of 4,096, each as if it were a row of its own.
 *    Integer results do not depend on it; those of floats differ in their last bits. The largest and the smallest of f32 are
 *    found by integers: see float-extremes.ts.
 *
 *    Dot products that run for several iterations of loops around at once (block-contraction.ts) have fewer accumulators each.
 *
 * c. An innermost loop with a running sum or extreme, each of whose values is used: scans.ts.
 *
 * What moves by other than one element is loaded and stored lane by lane. That is tried on loops that nothing else widened, so
 * that a loop around whose accesses are neighbours comes first, and done where it pays: instructions.ts. What has no vector form
 * stays scalar: widen.ts says why.
 */
import type { Pass } from "../../support/pass.ts";
import { i32, reduce } from "../build.ts";
import { carriedLocals, forget, learn, memoryIndependent } from "../dependence.ts";
import type { BinaryOp, Kernel, LocalId, Statement } from "../kernel.ts";
import { liveAfter, type LiveAfter } from "../liveness.ts";
import { rangesInside, withoutSet, type Range, type Ranges } from "../ranges.ts";
import { bodiesOf, constantOf, expressionsOf, indexMentions, localsSet, LocalTable, mentionsLocal, tripCount, vectorLoads, visitStatements, withBody, type ForStatement, type SetStatement } from "../walk.ts";
import { vectorFormSupported } from "../vector-support.ts";
import { integerExtremes } from "./float-extremes.ts";
import { lanesPay } from "./instructions.ts";
import { reductionLoops, reductionNest, tripsOf } from "./reduction-loops.ts";
import { runningTotal, scanIn } from "./scans.ts";
import { reductionStep } from "../reduction.ts";
import { restOf, splitTrip } from "./trips.ts";
import { Refusal, widenBody, type Reduction, type WidenedBody } from "./widen.ts";

export const vectorise: Pass<Kernel, Kernel> = {
  name: "vectorise",
  summary: "parallel loops and reductions over neighbouring elements become loops over vectors, with a scalar rest",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const done = new Set<Statement>();
    const body = new Vectoriser(kernel, locals, kernel.body, done, false).run();
    return withBody(kernel, new Vectoriser(kernel, locals, body, done, true).run(), locals.list);
  },
};

/** Shorter vectors than this, but of 64-bit elements, are not worth their code. */
const leastLanes = 4;

interface Outcome {
  readonly statements: readonly Statement[];
  /** Whether a parallel loop in it was widened. */
  readonly widened: boolean;
}

class Vectoriser {
  readonly #kernel: Kernel;
  readonly #locals: LocalTable;
  readonly #content: readonly Statement[];
  readonly #after: LiveAfter;
  /** Loops that vectorising made: over vectors, and over what is left. */
  readonly #done: Set<Statement>;
  readonly #byLanes: boolean;
  /** Parallel loops around what is being widened, outermost first. */
  readonly #around: ForStatement[] = [];

  constructor(kernel: Kernel, locals: LocalTable, body: readonly Statement[], done: Set<Statement>, byLanes: boolean) {
    this.#kernel = kernel;
    this.#locals = locals;
    this.#content = body;
    this.#after = liveAfter(body);
    this.#done = done;
    this.#byLanes = byLanes;
  }

  run(): readonly Statement[] {
    return this.#body(this.#content, new Map()).statements;
  }

  #body(body: readonly Statement[], known: Map<LocalId, Range>): Outcome {
    const outcomes = body.map((statement) => this.#statement(statement, known));
    return { statements: outcomes.flatMap((outcome) => outcome.statements), widened: outcomes.some((outcome) => outcome.widened) };
  }

  #statement(statement: Statement, known: Map<LocalId, Range>): Outcome {
    switch (statement.kind) {
      case "set":
        learn(known, statement.local, statement.value);
        return { statements: [statement], widened: false };
      case "store":
        return { statements: [statement], widened: false };
      case "for": {
        const outcome = this.#loop(statement, known);
        forget(known, statement.body);
        return outcome;
      }
      case "while": {
        const { statements, widened } = this.#body(statement.body, withoutSet(known, statement.body));
        forget(known, statement.body);
        return { statements: [{ ...statement, body: statements }], widened };
      }
      case "if": {
        const then = this.#body(statement.then, new Map(known));
        const otherwise = this.#body(statement.otherwise, new Map(known));
        forget(known, statement.then);
        forget(known, statement.otherwise);
        return { statements: [{ ...statement, then: then.statements, otherwise: otherwise.statements }], widened: then.widened || otherwise.widened };
      }
    }
  }

  #loop(loop: ForStatement, known: Ranges): Outcome {
    if (this.#done.has(loop)) return { statements: [loop], widened: true };
    const nest = loop.parallel ? [loop] : reductionNest(loop);
    const whole = nest.length > 1 ? this.#widenReduction(nest, known) : undefined;
    if (whole !== undefined) {
      for (const made of whole) this.#done.add(made);
      return { statements: whole, widened: false };
    }
    if (loop.parallel) this.#around.push(loop);
    const inner = this.#body(loop.body, rangesInside(loop, known));
    if (loop.parallel) this.#around.pop();
    const kept: Statement = { ...loop, body: inner.statements };
    if (inner.widened) return { statements: [kept], widened: true };
    const statements = (loop.parallel ? this.#widenParallel(loop, known) : undefined) ?? this.#widenReduction([loop], known) ?? this.#widenScan(loop, known);
    statements?.forEach((made) => this.#done.add(made));
    if (statements !== undefined) return { statements, widened: loop.parallel };
    return { statements: [kept], widened: false };
  }

  #widenParallel(loop: ForStatement, known: Ranges): readonly Statement[] | undefined {
    return this.#valuesNeededAfter(loop, new Map()) ? undefined : this.#vectors(loop, known);
  }

  /** Vectors, then shorter ones for what is left of a known number of iterations, then single elements. */
  #vectors(loop: ForStatement, known: Ranges): readonly Statement[] | undefined {
    const trips = tripCount(loop) ?? Infinity;
    const widened = trips < leastLanes ? undefined : this.#tryWiden(loop, new Map(), known, 2 ** Math.floor(Math.log2(trips)));
    if (widened === undefined) return undefined;
    const { before, end, whole } = splitTrip(loop, widened.lanes, this.#locals);
    const main: Statement = { ...loop, end: whole, step: widened.lanes, body: widened.body };
    const rest = restOf(loop, whole, end);
    if (loop.repeatable === true && trips !== Infinity && rest.length > 0) return [main, this.#lastVector(loop, widened)];
    const shorter = rest.flatMap((left) => (left.kind === "for" && tripCount(left) !== undefined ? this.#vectors(left, known) : undefined) ?? [left]);
    return [...before, main, ...shorter];
  }

  /** The last iterations that fill a vector, of which some have run before. */
  #lastVector(loop: ForStatement, { lanes, body }: WidenedBody): Statement {
    return { ...loop, start: i32(constantOf(loop.end)! - lanes), step: lanes, body };
  }

  /** Of loops in each other, the innermost last, of which that alone has anything else in its body. */
  #widenReduction(nest: readonly ForStatement[], known: Ranges): readonly Statement[] | undefined {
    const loop = nest.at(-1)!;
    if (hasLoops(loop.body)) return undefined;
    const reductions = findReductions(loop);
    if (reductions === undefined || reductions.size === 0) return undefined;
    const inside = nest.slice(0, -1).reduce((ranges, outer) => rangesInside(outer, ranges), known);
    if (this.#valuesNeededAfter(nest[0]!, reductions) || !memoryIndependent(loop, inside)) return undefined;
    const mark = this.#locals.list.length;
    const extremes = integerExtremes(loop, tripsOf(nest), reductions, this.#locals);
    if (extremes !== undefined) {
      const statements = this.#widenReductions([...nest.slice(0, -1), extremes.loop], extremes.reductions, inside);
      if (statements !== undefined) return [...extremes.before, ...statements, ...extremes.after];
      this.#locals.list.length = mark;
    }
    return this.#widenReductions(nest, reductions, inside);
  }

  #widenReductions(nest: readonly ForStatement[], reductions: ReadonlyMap<LocalId, Reduction>, known: Ranges): readonly Statement[] | undefined {
    const widened = this.#tryWiden(nest.at(-1)!, reductions, known);
    if (widened === undefined) return undefined;
    for (const [local, { op }] of reductions) if (!vectorFormSupported(reduce(op, this.#locals.get(widened.accumulators.get(local)!)))) return undefined;
    return reductionLoops({ nest, reductions, widened, shared: this.#sharedLoops(widened.body) }, this.#locals);
  }

  /** A running total whose every value is used. */
  #widenScan(loop: ForStatement, known: Ranges): readonly Statement[] | undefined {
    const total = this.#byLanes ? undefined : runningTotal(loop, this.#locals);
    if (total === undefined) return undefined;
    const reductions = new Map([[total.local, { op: total.op }]]);
    if (this.#valuesNeededAfter(loop, reductions) || !memoryIndependent(loop, known)) return undefined;
    const mark = this.#locals.list.length;
    const widened = this.#tryWiden(loop, reductions, known);
    const scan = widened === undefined ? undefined : scanIn(loop, total, widened, this.#locals);
    if (scan === undefined) {
      this.#locals.list.length = mark;
      return undefined;
    }
    const { before, end, whole } = splitTrip(loop, widened!.lanes, this.#locals);
    const main: Statement = { ...loop, end: whole, step: widened!.lanes, parallel: false, body: scan.body };
    return [...before, ...scan.before, main, ...scan.after, ...restOf(loop, whole, end)];
  }

  /** Parallel loops around, two at most, in each of which a vector that the body loads stays the same. */
  #sharedLoops(body: readonly Statement[]): number {
    const loads = vectorLoads(body);
    const sharing = this.#around.filter((loop) => (tripCount(loop) ?? 0) > 1 && loads.some((load) => !indexMentions(load, new Set([loop.local]))) && loads.some((load) => indexMentions(load, new Set([loop.local]))));
    return Math.min(2, sharing.length);
  }

  /** Whether a local that the body sets is read after the loop, beside the reductions. */
  #valuesNeededAfter(loop: ForStatement, reductions: ReadonlyMap<LocalId, Reduction>): boolean {
    const needed = this.#after.get(loop);
    return [...localsSet(loop.body)].some((local) => !reductions.has(local) && (needed === undefined || needed.has(local)));
  }

  #tryWiden(loop: ForStatement, reductions: ReadonlyMap<LocalId, Reduction>, known: Ranges, most = Infinity): WidenedBody | undefined {
    if (loop.step !== 1) return undefined;
    const mark = this.#locals.list.length;
    try {
      const widened = widenBody({ kernel: this.#kernel, loop, locals: this.#locals, reductions, after: this.#after, known, most, byLanes: this.#byLanes });
      const pays = !this.#byLanes || lanesPay(loop.body, widened.body, widened.lanes);
      if (pays && (tripCount(loop) ?? Infinity) >= widened.lanes) return widened;
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
    }
    this.#locals.list.length = mark;
    return undefined;
  }

}

function hasLoops(body: readonly Statement[]): boolean {
  let found = false;
  visitStatements(body, (statement) => {
    if (statement.kind === "for" || statement.kind === "while") found = true;
  });
  return found;
}

const associative: ReadonlySet<BinaryOp> = new Set(["add", "mul", "min", "max", "and", "or", "xor"]);

/**
 * Locals that go from one iteration to the next only as `acc = acc ∘ f`, `acc = f ∘ acc`, `acc = acc − f` or
 * `acc = acc < f ? f : acc`, always with the same ∘. Undefined if some local is carried in another way.
 */
function findReductions(loop: ForStatement): Map<LocalId, Reduction> | undefined {
  const reductions = new Map<LocalId, Reduction>();
  for (const local of carriedLocals(loop)) {
    const op = reductionOp(loop.body, local);
    if (op === undefined) return undefined;
    reductions.set(local, { op });
  }
  return reductions;
}

function reductionOp(body: readonly Statement[], local: LocalId): BinaryOp | undefined {
  const ops = new Set<BinaryOp | undefined>();
  const self = new Set([local]);
  const visit = (statement: Statement): void => {
    if (statement.kind === "set" && statement.local === local) ops.add(stepOp(statement, local));
    else if (expressionsOf(statement).some((expression) => mentionsLocal(expression, self))) ops.add(undefined);
    for (const inner of bodiesOf(statement)) inner.forEach(visit);
  };
  body.forEach(visit);
  return ops.size === 1 ? [...ops][0] : undefined;
}

function stepOp({ value }: SetStatement, local: LocalId): BinaryOp | undefined {
  const op = reductionStep(value, local)?.op;
  if (op === "sub") return "add";
  return op !== undefined && associative.has(op) ? op : undefined;
}
