/**
 * Indices that provably leave their buffer: linear in the counters of loops whose bounds are constants, and reached on
 * every run. The checker reports them as the user's mistakes; in any later kernel they are ours.
 */
import type { Span } from "../support/span.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "./kernel.ts";
import { linearForm } from "./linear.ts";
import { rangeOf, rangeOfForm, rangesInside, withoutSet, type Range, type Ranges } from "./ranges.ts";
import { bodiesOf, expressionsOf, tripCount, visitExpression } from "./walk.ts";

export interface OutsideAccess {
  readonly buffer: BufferId;
  readonly dimension: number;
  /** Smallest and largest index reached, inclusive; both are reached. */
  readonly reached: Range;
  readonly extent: number;
  readonly origin: Span;
}

/** Every access of a kernel that certainly leaves its buffer, in the order of the text. */
export function findOutside(kernel: Kernel): OutsideAccess[] {
  const found: OutsideAccess[] = [];
  const counters = new Map<LocalId, Range>();

  const check = (buffer: BufferId, index: readonly Expression[], lanes: number, origin: Span): void => {
    const shape = kernel.buffers[buffer]?.shape ?? [];
    index.forEach((one, dimension) => {
      const reached = reachedBy(one, counters);
      const extent = shape[dimension];
      if (reached === undefined || extent === undefined) return;
      const last = dimension === index.length - 1 ? reached.max + lanes - 1 : reached.max;
      if (reached.min < 0 || last >= extent) found.push({ buffer, dimension, reached: { min: reached.min, max: last }, extent, origin });
    });
  };
  // One side of a select may stay unevaluated in the meaning of the source.
  const checkLoads = (expression: Expression, origin: Span): void =>
    visitExpression(expression, (one) => {
      if (one.kind === "load") check(one.buffer, one.index, one.lanes, origin);
    });

  const checkBody = (body: readonly Statement[]): void => {
    for (const statement of body) {
      for (const expression of expressionsOf(statement)) if (!hasSelect(expression)) checkLoads(expression, statement.origin);
      if (statement.kind === "store") check(statement.buffer, statement.index, statement.value.lanes, statement.origin);
      if (statement.kind !== "for" || !tripCount(statement)) continue;
      const range = rangeOf(statement.start, counters)!;
      counters.set(statement.local, { min: range.min, max: range.min + (tripCount(statement)! - 1) * statement.step });
      checkBody(statement.body);
      counters.delete(statement.local);
    }
  };
  checkBody(kernel.body);
  return found;
}

function hasSelect(expression: Expression): boolean {
  let found = false;
  visitExpression(expression, (one) => {
    if (one.kind === "select") found = true;
  });
  return found;
}

function reachedBy(index: Expression, counters: Ranges): Range | undefined {
  const form = linearForm(index);
  return form && rangeOfForm(form, counters);
}

/** Whether every access of a kernel certainly stays inside its buffer. */
export function allInside(kernel: Kernel): boolean {
  const loadsInside = (expression: Expression, known: Ranges): boolean => {
    let inside = true;
    visitExpression(expression, (one) => {
      if (one.kind === "load" && !provablyInside(kernel, one.buffer, one.index, one.lanes, known)) inside = false;
    });
    return inside;
  };
  const bodyInside = (body: readonly Statement[], before: Ranges): boolean => {
    let known = before;
    for (const statement of body) {
      const repeated = statement.kind === "while" ? withoutSet(known, statement.body) : known;
      if (!expressionsOf(statement).every((expression) => loadsInside(expression, repeated))) return false;
      if (statement.kind === "store" && !provablyInside(kernel, statement.buffer, statement.index, statement.value.lanes, known)) return false;
      if (statement.kind === "for") {
        if (!bodyInside(statement.body, rangesInside(statement, known))) return false;
      } else if (!bodiesOf(statement).every((inner) => bodyInside(inner, repeated))) return false;
      known = withoutSet(known, [statement]);
    }
    return true;
  };
  return bodyInside(kernel.body, new Map());
}

/** Whether an access certainly stays inside its buffer, given what is known of locals. */
export function provablyInside(kernel: Pick<Kernel, "buffers">, buffer: BufferId, index: readonly Expression[], lanes: number, known: Ranges): boolean {
  const { shape } = kernel.buffers[buffer]!;
  return index.every((one, dimension) => {
    const range = rangeOf(one, known);
    const reach = dimension === index.length - 1 ? lanes - 1 : 0;
    return range !== undefined && range.min >= 0 && range.max + reach < shape[dimension]!;
  });
}

