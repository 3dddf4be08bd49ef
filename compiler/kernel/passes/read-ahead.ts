/**
 * Rows that are gone through several times, as those of softmax and layer_norm are: the first time waits for the memory, the
 * others for arithmetic. Here the first reduction of the next row runs along with a later loop over this row, so that memory
 * and arithmetic work at once. It is a form of software pipelining by hand (Lam, PLDI 1988): what takes part are whole loops.
 *
 * Needs a parallel loop over rows whose body begins with a reduction, of loads and arithmetic alone, into a local that is set in
 * front of it, and has another sequential reduction with the same bounds behind it; and rows so many that they are not in the
 * caches. Rows then follow one another. Each value is computed in the same order as before, the first row's like the others'.
 */
import { bytesOf } from "../../../runtime/dtype.ts";
import type { Pass } from "../../support/pass.ts";
import { i32 } from "../build.ts";
import { carriedLocals } from "../dependence.ts";
import type { Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import {
  constantOf, indexMentions, localsSet, LocalTable, mentionsLocal, replaceLoops, rewriteExpressions, tripCount, visitExpressions, withBody, type ForStatement, type SetStatement,
} from "../walk.ts";
import { withCounter } from "./unroll-small-loops.ts";

/** Rows of fewer bytes in all stay in the second-level cache from the op before. */
const leastBytes = 2 ** 19;
/** Shorter rows take longer to begin than to read. */
const leastTrips = 128;

export const readAhead: Pass<Kernel, Kernel> = {
  name: "read-ahead",
  summary: "the first reduction of the next row runs along with a later loop over this one, where tiles share a memory",
  run(kernel, { target }) {
    if (target.memory !== "shared") return kernel;
    const locals = new LocalTable(kernel.locals);
    const body = replaceLoops(kernel.body, (loop) => {
      const rows = findRows(loop, kernel);
      return rows && pipelined(rows, locals);
    });
    return withBody(kernel, body, locals.list);
  },
};

interface Rows {
  readonly loop: ForStatement;
  /** Gives the reduction's local its first value. */
  readonly start: SetStatement;
  readonly first: ForStatement;
  readonly step: SetStatement;
  /** Where in the body, in front of which the reduction's statements stand, the loop is that it joins. */
  readonly joined: number;
}

function findRows(loop: ForStatement, kernel: Kernel): Rows | undefined {
  const [start, first, ...rest] = loop.body;
  if (!loop.parallel || loop.step !== 1 || (tripCount(loop) ?? 0) < 2 || start?.kind !== "set" || first?.kind !== "for") return undefined;
  const step = first.body[0];
  if (start.value.kind !== "constant" || first.parallel || first.body.length !== 1 || step?.kind !== "set" || step.local !== start.local || (tripCount(first) ?? 0) < leastTrips) return undefined;
  const outside = new Set([...localsSet(loop.body), ...rest.flatMap((statement) => (statement.kind === "for" ? [statement.local] : []))]);
  for (const own of [loop.local, first.local, step.local]) outside.delete(own);
  if (mentionsLocal(step.value, outside) || rowBytes(loop, step, kernel) < leastBytes) return undefined;
  const joined = rest.findIndex((statement) => statement.kind === "for" && canJoin(statement, first));
  return joined === -1 ? undefined : { loop, start, first, step, joined };
}

/** A loop over the same positions that reduces, too. */
function canJoin(loop: ForStatement, first: ForStatement): boolean {
  const same = !loop.parallel && loop.step === first.step && constantOf(loop.start) === constantOf(first.start) && constantOf(loop.end) === constantOf(first.end);
  return same && loop.body.every(({ kind }) => kind === "set" || kind === "store") && carriedLocals(loop).size > 0;
}

/** Of what the reduction reads in all rows. */
function rowBytes(rows: ForStatement, step: SetStatement, { buffers }: Kernel): number {
  let bytes = 0;
  visitExpressions([step], (one) => {
    if (one.kind === "load" && indexMentions(one, new Set([rows.local]))) bytes += buffers[one.buffer]!.shape.reduce((size, extent) => size * extent, bytesOf(one.dtype));
  });
  return bytes;
}

function pipelined({ loop, start, first, step, joined }: Rows, locals: LocalTable): readonly Statement[] {
  const next = locals.like(start.local);
  const rest = loop.body.slice(2);
  const [from, last] = [constantOf(loop.start)!, constantOf(loop.start)! + tripCount(loop)! - 1];
  /** The reduction's step for another row and another counter. */
  const stepOf = (row: Expression, counter: Expression): SetStatement => {
    const names = new Map<LocalId, Expression>([[loop.local, row], [first.local, counter], [start.local, next]]);
    const [renamed] = rewriteExpressions([step], (one) => (one.kind === "local" ? (names.get(one.local) ?? one) : one)) as [SetStatement];
    return { ...renamed, local: next.local };
  };
  const restart: SetStatement = { ...start, local: next.local };
  const take: SetStatement = { kind: "set", local: start.local, value: next, origin: start.origin };
  const row = locals.get(loop.local);
  const following: Expression = { kind: "binary", op: "add", dtype: "i32", lanes: 1, left: row, right: i32(1) };
  const together = rest.map((statement, at): Statement => {
    if (at !== joined || statement.kind !== "for") return statement;
    return { ...statement, body: [...statement.body, stepOf(following, locals.get(statement.local))] };
  });
  return [
    restart,
    { ...first, body: [stepOf(i32(from), locals.get(first.local))] },
    { ...loop, end: i32(last), parallel: false, body: [take, ...together.slice(0, joined), restart, ...together.slice(joined)] },
    take,
    ...withCounter(rest, loop.local, i32(last)),
  ];
}
