/** The ways a command ends without having done what it was asked, and the exit code of each. */
import type { Diagnostic } from "../support/diagnostic.ts";
import type { Sources } from "../support/span.ts";

export const exitCodes = { fine: 0, userMistake: 1, usage: 2, bug: 70 } as const;

/** The user's mistake outside any source: a file that does not exist, an input that is missing. */
export class UserError extends Error {
  /** Kebab-case, as a diagnostic's problem; tools read it from `--json`. */
  readonly problem: string;
  readonly help: string | undefined;
  constructor(problem: string, message: string, help?: string) {
    super(message);
    this.problem = problem;
    this.help = help;
  }
}

/** The command line itself is wrong. */
export class UsageError extends Error {
  readonly help: string | undefined;
  constructor(message: string, help?: string) {
    super(message);
    this.help = help;
  }
}

/** The sources have errors; `diagnostics` holds warnings too. */
export class SourceErrors extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: Sources;
  constructor(diagnostics: readonly Diagnostic[], sources: Sources) {
    super(diagnostics.map((diagnostic) => diagnostic.message).join("; "));
    this.diagnostics = diagnostics;
    this.sources = sources;
  }
}
