/** What the builder throws: the caller's mistake, at the call that made it. */
import type { Diagnostic } from "../support/diagnostic.ts";

/** A call that makes no sense; `diagnostics` is what the checker says of it, empty where the builder found out itself. */
export class BuildError extends Error {
  override readonly name = "BuildError";
  readonly diagnostics: readonly Diagnostic[];

  constructor(message: string, diagnostics: readonly Diagnostic[] = []) {
    super(message);
    this.diagnostics = diagnostics;
  }
}
