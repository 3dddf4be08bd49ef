/**
 * A diagnostic is data: made anywhere, rendered in one place (`render.ts`). It is how the user's mistakes, and what
 * gph does not support yet, are told. A mistake of ours is `invariant` (see `bug.ts`), never a diagnostic.
 */
import type { ProblemName } from "./problems.ts";
import type { Span } from "./span.ts";

export type Severity = "error" | "warning";

export interface Label {
  readonly span: Span;
  /** A few words shown under the span; may be empty. */
  readonly text: string;
}

export interface Diagnostic {
  readonly problem: ProblemName;
  readonly severity: Severity;
  /** One sentence, no full stop, that names the thing and both values: "inner extents differ, 64 (a) and 32 (b)". */
  readonly message: string;
  /** The first label is the place; the others are related places. Empty only when no source is concerned. */
  readonly labels: readonly Label[];
  /** What to do about it, or what was probably meant. */
  readonly help?: string;
}

/** Where diagnostics go. Reporting never throws: work goes on to find more. */
export interface Reporter {
  report(diagnostic: Diagnostic): void;
}

/** A reporter that keeps what it is told. */
export class Diagnostics implements Reporter {
  readonly list: Diagnostic[] = [];
  report(diagnostic: Diagnostic): void {
    this.list.push(diagnostic);
  }
  get failed(): boolean {
    return this.list.some((diagnostic) => diagnostic.severity === "error");
  }
}

/** The commonest form: one place, one sentence. */
export function error(problem: ProblemName, span: Span, message: string, help?: string, label = ""): Diagnostic {
  return { problem, severity: "error", message, labels: [{ span, text: label }], ...(help === undefined ? {} : { help }) };
}
