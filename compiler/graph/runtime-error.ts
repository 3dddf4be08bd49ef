/** What can go wrong while a program runs: one class for all of it, with the place in the source. */
import type { Span } from "../support/span.ts";

export type RuntimeProblem =
  | "assertion-failed"
  | "division-by-zero"
  | "index-out-of-range"
  | "stream-exhausted"
  | "missing-input"
  | "wrong-input"
  | "vertex-failed"
  | "budget-exceeded"
  | "not-supported";

export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly problem: RuntimeProblem;
  /** The node's place. Rules of ops throw without one; the interpreter adds it. */
  readonly origin: Span | undefined;

  constructor(problem: RuntimeProblem, message: string, origin?: Span) {
    super(message);
    this.problem = problem;
    this.origin = origin;
  }
}
