/** Kernels that are one nest of parallel loops around stores, as those of elementwise ops are. */
import { i32 } from "./build.ts";
import { dividesByPerhapsZero } from "./key.ts";
import type { Expression, Kernel, LocalId, Statement } from "./kernel.ts";
import { constantOf, rewriteExpression, someExpression, type ForStatement, type StoreStatement } from "./walk.ts";

/** The loops start at 0 and count up by 1; counter k, outermost first, is local k. */
export interface Nest {
  readonly loops: readonly Pick<ForStatement, "repeatable" | "origin">[];
  readonly extents: readonly number[];
  /** What an iteration does. */
  readonly stores: readonly StoreStatement[];
}

/**
 * The kernel as a nest; undefined where it is none, where an index depends on data, or where it may trap: two that trap must do so
 * in the order of the program.
 */
export function nestOf(kernel: Kernel): Nest | undefined {
  if (kernel.cycles !== undefined) return undefined;
  const loops: ForStatement[] = [];
  let body = kernel.body;
  for (let inner = body[0]; body.length === 1 && inner?.kind === "for"; inner = body[0]) {
    if (!inner.parallel || inner.rolled || constantOf(inner.start) !== 0 || inner.step !== 1 || constantOf(inner.end) === undefined) return undefined;
    loops.push(inner);
    body = inner.body;
  }
  if (body.length === 0 || !body.every(isPlainStore)) return undefined;
  const depths = new Map<LocalId, number>(loops.map(({ local }, depth) => [local, depth]));
  const renamed = (expression: Expression): Expression => rewriteExpression(expression, (one) => (one.kind === "local" ? { ...one, local: depths.get(one.local)! } : one));
  return {
    loops: loops.map(({ origin, repeatable }) => ({ origin, ...(repeatable ? { repeatable } : {}) })), extents: loops.map(({ end }) => constantOf(end)!),
    stores: body.map((store) => ({ ...store, index: store.index.map(renamed), value: renamed(store.value) })),
  };
}

function isPlainStore(statement: Statement): statement is StoreStatement {
  return statement.kind === "store" && statement.value.lanes === 1 && !statement.index.some(dependsOnData)
    && !someExpression(statement.value, (one) => dividesByPerhapsZero(one) || (one.kind === "load" && one.index.some(dependsOnData)));
}

const dependsOnData = (index: Expression): boolean => someExpression(index, ({ kind }) => kind === "load");

/** Statements in the loops of a nest. */
export function loopsAround({ loops, extents }: Nest, body: readonly Statement[]): readonly Statement[] {
  return loops.reduceRight<readonly Statement[]>((inner, loop, depth) => [{ kind: "for", local: depth, start: i32(0), end: i32(extents[depth]!), step: 1, parallel: true, body: inner, ...loop }], body);
}
