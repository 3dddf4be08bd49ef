/**
 * The stretches of a linear order of nodes in which a value is alive. A value defined outside of a loop and used in it is
 * alive to the loop's end; in an arm of a branch it is alive up to its last use there, if nothing after the branch needs it.
 */
import type { ValueId } from "../graph/graph.ts";

/** What surrounds a node: a loop, or one arm of the branch at position `at`. */
export type Scope = { readonly kind: "loop"; readonly end: number } | { readonly kind: "arm"; readonly at: number; readonly start: number };

export interface Use {
  readonly at: number;
  /** The loop at whose end the value must still be there. */
  readonly loop: Extract<Scope, { kind: "loop" }> | undefined;
  /** Outermost first; without the loop and what is in it. */
  readonly scopes: readonly Scope[];
}

/** From start to end, both included. */
export interface Segment {
  readonly value: ValueId;
  readonly start: number;
  readonly end: number;
}

/** A use at a position, of a value that is defined within the first `defined` of these scopes. */
export function place(at: number, scopes: readonly Scope[], defined: number): Use {
  for (let depth = defined; depth < scopes.length; depth++) {
    const scope = scopes[depth]!;
    if (scope.kind === "loop") return { at, loop: scope, scopes: scopes.slice(0, depth) };
  }
  return { at, loop: undefined, scopes };
}

const endOf = (use: Use): number => (use.loop ? use.loop.end : use.at);

/** The segments of a value that is alive from `start`, within the first `depth` scopes of each use. */
export function coveredPart(value: ValueId, start: number, depth: number, uses: readonly Use[]): Segment[] {
  const last = uses.reduce<Use | undefined>((latest, use) => (latest && endOf(latest) >= endOf(use) ? latest : use), undefined);
  const branch = last?.scopes[depth];
  if (!last || branch?.kind !== "arm") return [{ value, start, end: last ? endOf(last) : start }];
  const arms = new Map<Scope, Use[]>();
  for (const use of uses) {
    const arm = use.scopes[depth];
    if (arm?.kind !== "arm" || arm.at !== branch.at) continue;
    const known = arms.get(arm);
    if (known) known.push(use);
    else arms.set(arm, [use]);
  }
  return [{ value, start, end: branch.at }, ...[...arms].flatMap(([arm, inside]) => coveredPart(value, arm.kind === "arm" ? arm.start : start, depth + 1, inside))];
}
