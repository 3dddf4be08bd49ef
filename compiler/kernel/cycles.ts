/**
 * Cycles of one vertex on one thread of a modelled machine, derived from its kernel as it is before vectorisation. The
 * figures are in `cycle-model.ts`; the rules are these.
 *
 * - A stretch of statements without a loop costs the larger of two sums: its memory and integer instructions, and its
 *   floating-point instructions. A product that is added to something is one instruction; equal subexpressions are
 *   computed once; a load that does not change in its loop is done before the loop.
 * - A loop costs its trips. Trips are exact where bounds are constants, and the mean where they follow outer counters;
 *   anything else is a guess, and the estimate says so. A `while` that counts up to a constant is taken to get there.
 * - A loop whose iterations are independent, or that reduces, may run in vectors: two f32 or four f16 at a time, and copies
 *   in whole vectors of bytes. It does where that is cheaper. So a dot product takes a vector per cycle.
 * - Sums of products of two operands over independent loops that each move one operand go to the matrix unit where both
 *   sides are large enough for it and that is cheaper (`matrix-unit.ts`).
 * - Of a branch the dearer side counts.
 *
 * A tile's threads take turns: a cycle of a thread is `threadsPerTile` cycles of its tile.
 */
import { bytesOf, isFloat } from "../../runtime/dtype.ts";
import { unreachable } from "../support/bug.ts";
import type { Target } from "../targets/target.ts";
import { cycleModel } from "./cycle-model.ts";
import { carriedLocals, memoryIndependent, rewriteLoops } from "./dependence.ts";
import type { Expression, Kernel, Statement } from "./kernel.ts";
import { linearForm } from "./linear.ts";
import { matrixCycles, matrixNest } from "./matrix-unit.ts";
import { reductionStep } from "./reduction.ts";
import { isConversion, Stretch, type Scope, type Surroundings } from "./stretch.ts";
import { buffersStored, constantOf, expressionsOf, localsSet, mentionsLocal, tripCount, visitExpression, visitStatements, type ForStatement, type WhileStatement } from "./walk.ts";
import { operandsOf } from "./vector-support.ts";

/** Trips of loops of one kernel. */
export type MeasuredTrips = ReadonlyMap<Statement, number>;

export interface CycleEstimate {
  readonly cycles: number;
  /** Some loop's trips could not be told from the kernel. */
  readonly guessed: boolean;
}

/** Cycles one vertex takes on one thread: the user's `cycles =`, or what the kernel says. */
export function kernelCycles(kernel: Kernel, target: Target): number {
  return estimateKernel(kernel, target).cycles;
}

/** `measured`: mean trips of loops that the kernel does not tell, instead of guesses. */
export function estimateKernel(kernel: Kernel, target: Target, measured?: MeasuredTrips): CycleEstimate {
  if (kernel.cycles !== undefined) return { cycles: Math.ceil(kernel.cycles), guessed: false };
  return new Estimator(kernel, target, measured).vertex(kernel.body);
}

/**
 * Cycles of each thread when a library vertex is shared by `threads` of them, in the way that makes it soonest. Either each
 * takes a part of one of the parallel loops that are nested in each other from the outside; or, where what is inside of
 * these is several loops after one another (softmax and layer_norm of a row), each takes a part of every one of those, and
 * they meet after each. Undefined where a vertex runs whole: its user said what it costs, or no loop is parallel.
 */
export function sharedKernelCycles(kernel: Kernel, target: Target, threads: number, measured?: MeasuredTrips): CycleEstimate | undefined {
  if (kernel.cycles !== undefined || threads < 2) return undefined;
  const { loops, inside } = outerParallelLoops(kernel.body);
  const estimator = new Estimator(kernel, target, measured);
  const shares = loops.map((loop) => estimator.vertex(withFewerTrips(kernel.body, new Set([loop]), threads)));
  const stages = estimator.stages(inside);
  if (stages.length > 0) {
    const { cycles, guessed } = estimator.vertex(withFewerTrips(kernel.body, new Set(stages), threads));
    const rounds = loops.reduce((product, loop) => product * tripCount(loop)!, 1);
    const meetings = stages.reduce((sum, stage) => sum + cycleModel.threadsMeet + (stage.parallel ? 0 : cycleModel.laneCombine * threads), 0);
    shares.push({ cycles: cycles + rounds * meetings, guessed });
  }
  return shares.length === 0 ? undefined : shares.reduce((best, share) => (share.cycles < best.cycles ? share : best));
}

/** Parallel loops of constant bounds around everything: each is the whole body of the one before. And what is inside the last. */
function outerParallelLoops(body: readonly Statement[]): { loops: ForStatement[]; inside: readonly Statement[] } {
  const loops: ForStatement[] = [];
  for (let inside = body; ; ) {
    const only = inside[0];
    if (inside.length !== 1 || only?.kind !== "for" || !only.parallel || tripCount(only) === undefined) return { loops, inside };
    loops.push(only);
    inside = only.body;
  }
}

/** Each thread's part of some loops with constant bounds. */
function withFewerTrips(body: readonly Statement[], shared: ReadonlySet<Statement>, threads: number): readonly Statement[] {
  return body.map((statement): Statement => {
    if (statement.kind !== "for") return statement;
    // A loop without a constant number of trips has none of the shared loops inside: it stays itself, and what was measured of it.
    if (!shared.has(statement)) return tripCount(statement) === undefined ? statement : { ...statement, body: withFewerTrips(statement.body, shared, threads) };
    const end: Expression = { kind: "constant", dtype: "i32", lanes: 1, value: constantOf(statement.start)! + Math.ceil(tripCount(statement)! / threads) * statement.step };
    return { ...statement, end };
  });
}

class Estimator {
  readonly #kernel: Kernel;
  readonly #target: Target;
  /** Loops with independent iterations, by their bodies. */
  readonly #independent = new Set<readonly Statement[]>();
  /** Loops whose iterations store nothing that others load or store. */
  readonly #apart = new Set<readonly Statement[]>();
  readonly #measured: MeasuredTrips;
  #guessed = false;

  constructor(kernel: Kernel, target: Target, measured: MeasuredTrips = new Map()) {
    this.#kernel = kernel;
    this.#target = target;
    this.#measured = measured;
    rewriteLoops(kernel, (loop, known) => {
      const apart = loop.parallel || memoryIndependent(loop, known);
      if (apart) this.#apart.add(loop.body);
      if (loop.parallel || (apart && carriedLocals(loop).size === 0)) this.#independent.add(loop.body);
      return loop;
    });
  }

  vertex(body: readonly Statement[]): CycleEstimate {
    this.#guessed = false;
    const cycles = Math.ceil(cycleModel.vertexStart + this.#body(body, { counters: new Map() }));
    return { cycles, guessed: this.#guessed };
  }

  /** Loops after one another that threads can share: parallel ones and reductions, at least one parallel and two in all. */
  stages(body: readonly Statement[]): ForStatement[] {
    const loops = body.filter((statement): statement is ForStatement => statement.kind === "for" && tripCount(statement) !== undefined && (statement.parallel || this.#reduces(statement)));
    return loops.length > 1 && loops.some(({ parallel }) => parallel) ? loops : [];
  }

  #body(body: readonly Statement[], scope: Scope): number {
    let cycles = 0;
    let stretch = new Stretch(this.#kernel, scope);
    const flush = (): void => {
      cycles += stretch.cycles;
      stretch = new Stretch(this.#kernel, scope);
    };
    for (const statement of body) {
      switch (statement.kind) {
        case "set":
        case "store":
          stretch.add(statement);
          break;
        case "for":
          for (const bound of [statement.start, statement.end]) stretch.value(bound);
          flush();
          cycles += this.#for(statement, scope);
          break;
        case "while":
          flush();
          cycles += this.#while(statement, scope);
          break;
        case "if": {
          stretch.value(statement.condition);
          flush();
          cycles += cycleModel.branch + Math.max(this.#body(statement.then, scope), this.#body(statement.otherwise, scope));
          break;
        }
        default: unreachable(statement);
      }
    }
    flush();
    return cycles;
  }

  #for(loop: ForStatement, scope: Scope): number {
    const trips = this.#trips(loop, scope);
    if (trips === 0) return 0;
    const plain = this.#loop(loop.body, trips, loop, scope);
    if (scope.vector !== undefined) return plain;
    const independent = loop.parallel || this.#independent.has(loop.body);
    const lanes = this.#lanes(loop, independent);
    const vectors = lanes === 1 ? Infinity
      : this.#loop(loop.body, Math.ceil(trips / lanes), loop, { ...scope, vector: { counter: loop.local, lanes } }) + (independent ? 0 : cycleModel.laneCombine * Math.log2(lanes));
    return Math.min(plain, vectors, this.#matrix(loop, scope));
  }

  #matrix(loop: ForStatement, scope: Scope): number {
    if (!loop.parallel && !this.#independent.has(loop.body)) return Infinity;
    const nest = matrixNest(loop);
    if (nest === undefined) return Infinity;
    const epilogue = this.#body(nest.outside, { ...scope, loop: { locals: localsSet([loop]), stored: buffersStored([loop]), hoisted: new Set() } });
    return cycleModel.loopStart + matrixCycles(nest, this.#target) + Math.ceil((nest.batch * nest.rows * nest.columns * epilogue) / (cycleModel.vectorBytes / nest.bytes));
  }

  #loop(body: readonly Statement[], trips: number, loop: ForStatement | WhileStatement, scope: Scope): number {
    const surroundings: Surroundings = { locals: localsSet([loop]), stored: buffersStored(body), hoisted: new Set() };
    const counters = new Map(scope.counters);
    if (loop.kind === "for") {
      const start = this.#middle(loop.start, scope);
      if (start !== undefined) counters.set(loop.local, start + ((trips - 1) * loop.step) / 2);
    }
    const inside: Scope = { ...scope, loop: surroundings, counters };
    const condition = loop.kind === "while" ? this.#condition(loop.condition, inside) : 0;
    const once = condition + this.#body(body, inside);
    const innermost = body.every((statement) => statement.kind === "set" || statement.kind === "store");
    const step = innermost && loop.kind === "for" ? 0 : cycleModel.loopStep;
    return cycleModel.loopStart + surroundings.hoisted.size + trips * (Math.max(once, 1) + step);
  }

  #condition(condition: Expression, scope: Scope): number {
    const stretch = new Stretch(this.#kernel, scope);
    stretch.value(condition);
    return stretch.cycles + cycleModel.branch;
  }

  #while(loop: WhileStatement, scope: Scope): number {
    const measured = this.#measured.get(loop);
    if (measured === undefined) this.#guessed = true;
    return this.#loop(loop.body, measured ?? countedTo(loop) ?? cycleModel.unknownTrips, loop, scope);
  }

  #trips(loop: ForStatement, scope: Scope): number {
    const start = this.#middle(loop.start, scope);
    const end = this.#middle(loop.end, scope);
    if (start !== undefined && end !== undefined) return Math.max(0, Math.ceil((end - start) / loop.step));
    const measured = this.#measured.get(loop);
    if (measured !== undefined) return measured;
    this.#guessed = true;
    return cycleModel.unknownTrips;
  }

  /** A bound with the counters around it at their middle values. */
  #middle(bound: Expression, scope: Scope): number | undefined {
    const form = linearForm(bound);
    if (form === undefined) return undefined;
    let value = form.constant;
    for (const [local, coefficient] of form.terms) {
      const middle = scope.counters.get(local);
      if (middle === undefined) return undefined;
      value += coefficient * middle;
    }
    return value;
  }

  /** How many iterations of a loop one instruction can do; 1 where it has to go one by one. */
  #lanes(loop: ForStatement, independent: boolean): number {
    if (loop.step !== 1 || (!independent && !this.#reduces(loop))) return 1;
    let widest = 1;
    let floats = true;
    let arithmetic = false;
    let straight = true;
    const note = (expression: Expression): void => {
      widest = Math.max(widest, expression.kind === "load" ? bytesOf(expression.dtype) : 1);
      if (expression.kind === "load" || expression.kind === "constant" || expression.kind === "local" || isConversion(expression)) return;
      arithmetic = true;
      const about = expression.kind === "binary" ? expression.left.dtype : expression.dtype;
      if (about === "f64" || !(isFloat(about) || about === "bool")) floats = false;
    };
    visitStatements(loop.body, (statement) => {
      if (statement.kind === "if" || statement.kind === "while") straight = false;
      // Lanes of one vector make equally many iterations.
      if (statement.kind === "for" && expressionsOf(statement).some((bound) => mentionsLocal(bound, new Set([loop.local])))) straight = false;
      if (statement.kind === "store") widest = Math.max(widest, bytesOf(this.#kernel.buffers[statement.buffer]!.dtype));
      for (const expression of statement.kind === "store" ? [statement.value] : statement.kind === "set" ? expressionsOf(statement) : []) visitData(expression, note);
    });
    return !straight || (arithmetic && !floats) ? 1 : cycleModel.vectorBytes / widest;
  }

  /** Whether all a loop carries from one iteration to the next are sums, products, minima or maxima of its own. */
  #reduces(loop: ForStatement): boolean {
    if (loop.body.some((statement) => statement.kind !== "set" && (statement.kind !== "store" || !this.#apart.has(loop.body)))) return false;
    const carried = carriedLocals(loop);
    if (carried.size === 0) return false;
    return loop.body.every((statement) => {
      if (statement.kind !== "set" || !carried.has(statement.local)) return true;
      const op = reductionStep(statement.value, statement.local)?.op;
      return op !== undefined && ["add", "mul", "min", "max"].includes(op);
    });
  }
}

/** An expression and what it is computed from, without the indices of its loads. */
function visitData(expression: Expression, visit: (expression: Expression) => void, seen = new Set<Expression>()): void {
  if (seen.has(expression)) return;
  seen.add(expression);
  visit(expression);
  if (expression.kind !== "load") for (const operand of operandsOf(expression)) visitData(operand, visit, seen);
}

/** The constant a `while` counts up to by ones, if its condition has one. */
function countedTo(loop: WhileStatement): number | undefined {
  let limit: number | undefined;
  const counted = (local: Expression): boolean => local.kind === "local" && loop.body.some((statement) =>
    statement.kind === "set" && statement.local === local.local && statement.value.kind === "binary" && statement.value.op === "add" && constantOf(statement.value.right) === 1);
  visitExpression(loop.condition, (one) => {
    if (one.kind !== "binary" || (one.op !== "lt" && one.op !== "le" && one.op !== "ne") || !counted(one.left)) return;
    const bound = constantOf(one.right);
    if (bound !== undefined && bound > 0) limit = Math.min(limit ?? Infinity, bound);
  });
  return limit;
}
