/**
 * Rows of a large table that indices name lie anywhere in memory: each would be waited for when it is come to, since what a machine
 * finishes out of order is less than a row. Here the first element of a row that comes some rows later is loaded into a local that
 * nothing reads. That is what a prefetch instruction does, which WebAssembly has not (Mowry, Lam and Gupta, ASPLOS 1992); the
 * rest of the row then comes by the machine's own foresight. V8 keeps such loads, since they could trap.
 *
 * Needs a loop in whose body locals are set first, from elements at its counter, that then stand in the indices of loops over rows;
 * and accesses that provably stay inside.
 */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import type { Pass } from "../../support/pass.ts";
import { binary, i32 } from "../build.ts";
import { provablyInside } from "../bounds.ts";
import { learn, rewriteLoops } from "../dependence.ts";
import { dividesByPerhapsZero } from "../key.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { printExpression } from "../print.ts";
import { rangesInside, type Ranges } from "../ranges.ts";
import {
  expressionsOf, localsSet, LocalTable, mentionsLocal, rewriteExpression, someExpression, tripCount, visitExpression, withBody, type ForStatement, type SetStatement,
} from "../walk.ts";

/** How many rows later. */
const distance = 8;
/** Tables of fewer bytes are in a cache that is near enough. */
const leastTableBytes = 2 ** 20;
/** Shorter rows are read out of order anyway. */
const leastRowBytes = 256;

export const fetchRows: Pass<Kernel, Kernel> = {
  name: "fetch-rows",
  summary: "of the rows of a table that indices name, the beginning of a later one is loaded, where tiles share a memory",
  run(kernel, { target }) {
    if (target.memory !== "shared") return kernel;
    let { locals } = kernel;
    const body = rewriteLoops(kernel, (loop, known) => {
      const more = new LocalTable(locals);
      const added = fetches(loop, kernel, more, known);
      if (added.length === 0) return loop;
      locals = more.list;
      return { ...loop, body: [...added, ...loop.body] };
    });
    return withBody(kernel, body, locals);
  },
};

/** What is done at the beginning of each round for a later one; nothing where that does not pay, or could read outside. */
function fetches(loop: ForStatement, kernel: Kernel, locals: LocalTable, known: Ranges): readonly SetStatement[] {
  const inside = new Map(rangesInside(loop, known));
  const counters = inside.get(loop.local);
  if (loop.step !== 1 || counters === undefined || counters.max - counters.min < 2 * distance) return [];
  const named = namedPlaces(loop.body);
  const rows = rowsOf(loop, named, kernel);
  const later = new Map<LocalId, Expression>([[loop.local, binary("min", binary("add", locals.get(loop.local), i32(distance)), i32(counters.max))]]);
  const added: SetStatement[] = [];
  /** The same for the later round, in a local; undefined where it may do harm. */
  const add = (name: string, from: Expression, names: ReadonlyMap<LocalId, Expression>): Expression | undefined => {
    const value = rewriteExpression(from, (one) => (one.kind === "local" ? (names.get(one.local) ?? one) : one));
    if (!harmless(value, kernel, inside)) return undefined;
    const local = locals.fresh(name, value.dtype);
    added.push({ kind: "set", local: local.local, value, origin: loop.origin });
    learn(inside, local.local, value);
    return local;
  };
  for (const { local, value } of neededFor(rows, named.sets)) {
    const place = add(kernel.locals[local]!.name, value, later);
    if (place === undefined) return [];
    later.set(local, place);
  }
  const fetched = rows.filter(({ first, starts }) => add("fetched", first, new Map([...later, ...starts])) !== undefined);
  return fetched.length === 0 ? [] : added;
}

/** Neither leaves a buffer nor traps. */
const harmless = (value: Expression, kernel: Kernel, known: Ranges): boolean =>
  !someExpression(value, (one) => dividesByPerhapsZero(one) || (one.kind === "load" && !provablyInside(kernel, one.buffer, one.index, one.lanes, known)));

interface Named {
  /** What a body begins with, and of that what depends on an element. */
  readonly sets: readonly SetStatement[];
  readonly places: ReadonlySet<LocalId>;
}

function namedPlaces(body: readonly Statement[]): Named {
  const end = body.findIndex((statement) => statement.kind !== "set" || statement.value.lanes > 1 || statement.counted !== undefined);
  const sets = body.slice(0, end === -1 ? body.length : end) as readonly SetStatement[];
  const places = new Set<LocalId>();
  for (const { local, value } of sets) if (mentionsLocal(value, places) || someExpression(value, ({ kind }) => kind === "load")) places.add(local);
  return { sets, places };
}

/** Those of the sets that the rows need. */
function neededFor(rows: readonly Row[], sets: readonly SetStatement[]): readonly SetStatement[] {
  const needed = new Set<LocalId>();
  const need = (expression: Expression): void => visitExpression(expression, (one) => void (one.kind === "local" && needed.add(one.local)));
  rows.forEach(({ first }) => need(first));
  return sets.toReversed().filter(({ local, value }) => needed.has(local) && (need(value), true)).toReversed();
}

/** Elements of a table, side by side from the first. */
interface Row {
  /** A load of one element, with counters of the loops over the row. */
  readonly first: Expression;
  readonly starts: ReadonlyMap<LocalId, Expression>;
  /** Of all loads, and of all stores. */
  readonly bytes: { load: number; store: number };
}

/** One row of each table, in each of its dimensions but the last. */
function rowsOf(loop: ForStatement, { sets, places }: Named, { buffers }: Kernel): Row[] {
  if (places.size === 0) return [];
  const rows = new Map<string, Row>();
  const changing = localsSet(loop.body);
  for (const one of [loop.local, ...sets.map(({ local }) => local)]) changing.delete(one);
  const look = (kind: "load" | "store", buffer: BufferId, index: readonly Expression[], lanes: number, loops: readonly ForStatement[]): void => {
    const { dtype, shape } = buffers[buffer]!;
    if (sizeOf(shape) * bytesOf(dtype) < leastTableBytes || !index.some((one) => mentionsLocal(one, places))) return;
    const over = loops.filter(({ local }) => index.some((one) => mentionsLocal(one, new Set([local]))));
    const starts = new Map(over.map(({ local, start }) => [local, start]));
    const others = new Set([...changing].filter((local) => !starts.has(local)));
    if (index.some((one) => mentionsLocal(one, others))) return;
    const key = [buffer, ...index.slice(0, -1).map((one) => printExpression(one))].join();
    const row = rows.get(key) ?? { first: { kind: "load", dtype, lanes: 1, buffer, index }, starts, bytes: { load: 0, store: 0 } };
    row.bytes[kind] += sizeOf(over.map((counted) => tripCount(counted) ?? 0)) * lanes * bytesOf(dtype);
    rows.set(key, row);
  };
  const walk = (body: readonly Statement[], loops: readonly ForStatement[]): void => {
    for (const statement of body) {
      for (const expression of expressionsOf(statement)) visitExpression(expression, (one) => void (one.kind === "load" && look("load", one.buffer, one.index, one.lanes, loops)));
      if (statement.kind === "store") look("store", statement.buffer, statement.index, statement.value.lanes, loops);
      if (statement.kind === "for") walk(statement.body, [...loops, statement]);
    }
  };
  walk(loop.body, []);
  return [...rows.values()].filter(({ bytes }) => Math.max(bytes.load, bytes.store) >= leastRowBytes);
}
