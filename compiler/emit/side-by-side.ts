/**
 * Vertices side by side, as one. Where a kernel goes over rows in a sequential loop, and in each over a run of elements that is
 * followed by the next vertex's, a worker's vertices may go over the rows together: what all of them share is done once, and
 * loops over runs are as long as all of them. So work that is cut along rows, for workers to share, costs one of them no more
 * than whole rows. Vertices of a compute set are independent, so their order is free; each element comes out of the same operations.
 *
 * Needs fields whose parts are equally far apart, and loops over whole runs whose counters stand in nothing but indices.
 */
import { binary } from "../kernel/build.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "../kernel/kernel.ts";
import { linearForm } from "../kernel/linear.ts";
import { constantOf, expressionsOf, localsSet, LocalTable, mentionsLocal, someExpression, valuesOf, visitExpression, visitExpressions, visitStatements, visitValues, withBody, type ForStatement, type SetStatement } from "../kernel/walk.ts";

/** A kernel of as many vertices as a local says; whoever calls it gives that its value. */
export interface SideBySide {
  readonly kernel: Kernel;
  readonly count: LocalId;
}

/** `distances`: of each buffer, how many elements later it begins for the next vertex. Undefined where vertices cannot be one, or share nothing. */
export function sideBySide(kernel: Kernel, distances: readonly number[]): SideBySide | undefined {
  const runs = runsOf(kernel, distances);
  if (runs === undefined) return undefined;
  const locals = new LocalTable(kernel.locals);
  const count = locals.fresh("count", "i32");
  const lengthened = (body: readonly Statement[]): readonly Statement[] =>
    body.map((statement) => {
      if (statement.kind !== "for") return statement;
      return runs.has(statement) ? { ...statement, end: binary("mul", count, statement.end) } : { ...statement, body: lengthened(statement.body) };
    });
  return { kernel: withBody(kernel, lengthened(kernel.body), locals.list), count: count.local };
}

/** The loops over runs, all of them within others; undefined where anything around them is not the same for all vertices. */
function runsOf(kernel: Kernel, distances: readonly number[]): ReadonlySet<ForStatement> | undefined {
  const runs = new Set<ForStatement>();
  const around: Expression[] = [];
  const read = localsRead(kernel.body);
  /** What nothing reads was only fetched. */
  const isShared = (statement: SetStatement): boolean => statement.counted === undefined && (!read.has(statement.local) || !someExpression(statement.value, (one) => one.kind === "load" && distances[one.buffer] !== 0));
  const fits = (body: readonly Statement[], level: number): boolean =>
    body.every((statement) => {
      if (statement.kind === "set") {
        around.push(statement.value);
        return isShared(statement);
      }
      if (statement.kind !== "for") return false;
      if (level > 0 && isRun(statement, kernel, distances)) {
        runs.add(statement);
        return true;
      }
      around.push(statement.start, statement.end);
      return !statement.parallel && fits(statement.body, level + 1);
    });
  if (!fits(kernel.body, 0) || runs.size === 0) return undefined;
  const inside = localsSet([...runs]);
  return around.some((expression) => mentionsLocal(expression, inside)) ? undefined : runs;
}

function localsRead(body: readonly Statement[]): ReadonlySet<LocalId> {
  const read = new Set<LocalId>();
  visitExpressions(body, (one) => {
    if (one.kind === "local") read.add(one.local);
  });
  return read;
}

/** Whether another vertex's elements follow those that the loop goes over, in every buffer that it touches. */
function isRun(loop: ForStatement, kernel: Kernel, distances: readonly number[]): boolean {
  const end = constantOf(loop.end);
  if (!loop.parallel || constantOf(loop.start) !== 0 || end === undefined || end % loop.step !== 0) return false;
  const follows = (buffer: BufferId, index: readonly Expression[]): boolean => {
    const moved = distanceMoved(index, kernel.buffers[buffer]!.strides, loop.local);
    return moved !== undefined && moved * end === distances[buffer];
  };
  let run = true;
  visitStatements(loop.body, (statement) => {
    if (statement.kind === "store" && (distances[statement.buffer] === 0 || !follows(statement.buffer, statement.index))) run = false;
    if (statement.kind === "set" && statement.counted !== undefined) run = false;
    for (const expression of expressionsOf(statement)) visitExpression(expression, (one) => void (one.kind === "load" && !follows(one.buffer, one.index) && (run = false)));
    for (const value of valuesOf(statement)) visitValues(value, (one) => void (one.kind === "local" && one.local === loop.local && (run = false)));
  });
  return run;
}

/** By how many elements an access moves with a counter; undefined where not evenly. */
function distanceMoved(index: readonly Expression[], strides: readonly number[], counter: LocalId): number | undefined {
  let moved = 0;
  for (const [dimension, one] of index.entries()) {
    if (!mentionsLocal(one, new Set([counter]))) continue;
    const form = linearForm(one);
    if (form === undefined) return undefined;
    moved += form.terms.get(counter)! * strides[dimension]!;
  }
  return moved;
}
