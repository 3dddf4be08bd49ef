/**
 * Copies of a loop's body for several iterations at once. Copy u runs at counter + u · step; locals that the body sets get a
 * fresh name in every copy but the first, so that copies do not share what is theirs.
 */
import { binary, i32 } from "../build.ts";
import type { Expression, LocalId, Statement } from "../kernel.ts";
import { localsSet, mapBodies, mapExpressions, rewriteExpression, type LocalTable } from "../walk.ts";

export interface BodyCopy {
  readonly body: readonly Statement[];
  /** What a local of the body is called in this copy. */
  renamed(local: LocalId): LocalId;
}

/** `carried`: locals to be renamed although the body may not set them first. */
export function replicate(body: readonly Statement[], counter: LocalId, step: number, copies: number, locals: LocalTable, carried: ReadonlySet<LocalId> = new Set()): BodyCopy[] {
  const own = new Set([...localsSet(body), ...carried]);
  return Array.from({ length: copies }, (_, copy) => {
    if (copy === 0) return { body, renamed: (local: LocalId) => local };
    const names = new Map([...own].map((local) => [local, locals.like(local).local]));
    const renamed = (local: LocalId): LocalId => names.get(local) ?? local;
    const rename = (expression: Expression): Expression =>
      rewriteExpression(expression, (one) => {
        if (one.kind !== "local") return one;
        return one.local === counter ? binary("add", one, i32(copy * step)) : { ...one, local: renamed(one.local) };
      });
    return { body: renameBody(body, rename, renamed), renamed };
  });
}

function renameBody(body: readonly Statement[], rename: (expression: Expression) => Expression, renamed: (local: LocalId) => LocalId): readonly Statement[] {
  return body.map((statement) => {
    const inner = mapBodies(mapExpressions(statement, rename), (nested) => renameBody(nested, rename, renamed));
    return inner.kind === "set" || inner.kind === "for" ? { ...inner, local: renamed(inner.local) } : inner;
  });
}
