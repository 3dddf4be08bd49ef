/**
 * Four or two rows of a parallel nest at once, where they load the same elements: of a stencil's column of three, two serve the
 * next row too. "Unroll and jam" (Allen & Kennedy, "Optimizing Compilers for Modern Architectures", 2002, § 8.4) of the loop around
 * an innermost one; what is loaded more than once becomes a local.
 */
import type { Pass } from "../../support/pass.ts";
import type { Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { linearForm, termsKey } from "../linear.ts";
import {
  buffersStored, indexMentions, localsSet, LocalTable, mapExpressions, mentionsLocal, rewriteExpression, rewriteStatements, tripCount, visitExpressions, withBody, type ForStatement, type LoadExpression, type SetStatement,
} from "../walk.ts";
import { sizeOf } from "./instructions.ts";
import { canInterleave, interleave } from "./interleave.ts";

/** So many rows at once, where that is not too much. */
const rows = [4, 2];
/** More loads and operations at once would not stay in registers, nor leave room for `unroll`. */
const largestBody = 60;
/** Shorter rows are not worth a second loop. */
const leastTrips = 16;

export const jamRows: Pass<Kernel, Kernel> = {
  name: "jam-rows",
  summary: "rows of a parallel nest that load the same elements are computed four or two at a time",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const body = rewriteStatements(kernel.body, (statement) => (statement.kind === "for" ? jam(statement, locals) : [statement]));
    return withBody(kernel, body, locals.list);
  },
};

function jam(outer: ForStatement, locals: LocalTable): readonly Statement[] {
  const [inner, ...more] = outer.body;
  if (inner?.kind !== "for" || more.length > 0 || !isRow(outer, inner)) return [outer];
  const together = rows.find((count) => count <= tripCount(outer)! && gains(outer, inner, count));
  if (together === undefined || !canInterleave(outer)) return [outer];
  return interleave(outer, together, locals).map((group) => ({ ...group, body: group.body.map((row) => (row.kind === "for" ? { ...row, body: shareLoads(row.body, locals) } : row)) }));
}

/** Whether some rows at once load less than one after the other, and are not too much. */
function gains(outer: ForStatement, inner: ForStatement, count: number): boolean {
  const one = keysOfLoads(inner.body, new Map());
  const all = new Set(one);
  for (let at = 1; at < count; at++) for (const key of keysOfLoads(inner.body, new Map([[outer.local, at * outer.step]]))) all.add(key);
  return all.size < one.size * count && all.size + repeatedLoads(inner) + count * sizeOf(inner.body).operations <= largestBody;
}

/** Loads that are the same for all of a row: vectors of one element repeated, which is an operation more. */
function repeatedLoads(inner: ForStatement): number {
  const own = new Set([inner.local]);
  let count = 0;
  visitExpressions(inner.body, (one) => {
    if (one.kind === "load" && !indexMentions(one, own)) count += 1;
  });
  return count;
}

/** A loop over neighbouring elements, with nothing in it but sets and stores, whose bounds are the same in every row. */
function isRow(outer: ForStatement, inner: ForStatement): boolean {
  const own = new Set([outer.local]);
  return outer.parallel && inner.parallel && (tripCount(outer) ?? 0) > 1 && (tripCount(inner) ?? 0) >= leastTrips
    && !mentionsLocal(inner.start, own) && !mentionsLocal(inner.end, own) && inner.body.every(({ kind }) => kind === "set" || kind === "store");
}

/** What is loaded, with some counters further on. */
function keysOfLoads(body: readonly Statement[], ahead: ReadonlyMap<LocalId, number>): Set<string> {
  const keys = new Set<string>();
  visitExpressions(body, (one) => {
    const key = one.kind === "load" ? keyOf(one, ahead) : undefined;
    if (key !== undefined) keys.add(key);
  });
  return keys;
}

/** Equal for loads of the same element; undefined where an index is not linear. */
function keyOf({ buffer, index, lanes }: LoadExpression, ahead: ReadonlyMap<LocalId, number>): string | undefined {
  const parts: string[] = [];
  for (const one of index) {
    const form = linearForm(one);
    if (form === undefined) return undefined;
    let { constant } = form;
    for (const [local, coefficient] of form.terms) constant += coefficient * (ahead.get(local) ?? 0);
    parts.push(`${constant}${termsKey(form)}`);
  }
  return `${buffer}*${lanes}[${parts.join("; ")}]`;
}

/** What a body of sets and stores loads more than once is loaded first, into locals; but for what it stores to itself. */
function shareLoads(body: readonly Statement[], locals: LocalTable): readonly Statement[] {
  const stored = buffersStored(body);
  const set = localsSet(body);
  const shareable = (one: Expression): string | undefined =>
    one.kind === "load" && !stored.has(one.buffer) && !indexMentions(one, set) ? keyOf(one, new Map()) : undefined;
  const uses = new Map<string, number>();
  visitExpressions(body, (one) => {
    const key = shareable(one);
    if (key !== undefined) uses.set(key, (uses.get(key) ?? 0) + 1);
  });
  const before: SetStatement[] = [];
  const taken = new Map<string, Expression>();
  const replaced = body.map((statement) => mapExpressions(statement, (expression) => rewriteExpression(expression, (one) => {
    const key = shareable(one);
    if (key === undefined || uses.get(key)! < 2) return one;
    const known = taken.get(key);
    if (known !== undefined) return known;
    const local = locals.fresh("shared", one.dtype, one.lanes);
    before.push({ kind: "set", local: local.local, value: one, origin: statement.origin });
    taken.set(key, local);
    return local;
  })));
  return [...before, ...replaced];
}
