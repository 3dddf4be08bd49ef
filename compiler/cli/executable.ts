/** The executable that `gph run FILE` means: compiled from a source, or the file itself. Told apart by content, not by name. */
import { looksLikeWasm, readExecutable } from "../../runtime/executable.ts";
import type { Plan } from "../compile.ts";
import type { Sources } from "../support/span.ts";
import type { Arguments } from "./command.ts";
import { SourceErrors, UsageError } from "./failure.ts";
import { naming, readBytes, sourceText } from "./files.ts";
import { settingOptions } from "./setting-options.ts";

export interface Executable {
  /** Of one that was compiled to be profiled. */
  readonly profiled?: { readonly plan: Plan; readonly sources: Sources };
  readonly bytes: Uint8Array;
  /** The source, of one that was compiled here. */
  readonly text?: string;
  /** As `--json` gives them; without it they are shown already. */
  readonly warnings: readonly unknown[];
}

export async function executableOf(args: Arguments): Promise<Executable> {
  const bytes = readBytes(args.file);
  if (!looksLikeWasm(bytes)) return compileText(args, sourceText(args.file, bytes));
  for (const { name } of settingOptions) {
    if (args.values(name).length > 0) throw new UsageError(`--${name} is for sources; ${args.file} is compiled already`, `gph compile decides it: gph compile FILE.gph --${name} … -o ${args.file}`);
  }
  if (args.value("profile") !== undefined) throw new UsageError(`--profile is for sources; ${args.file} is compiled already`, "its plan is not in the file: run the source");
  naming(args.file, () => readExecutable(bytes));
  return { bytes, warnings: [] };
}

async function compileText(args: Arguments, text: string): Promise<Executable> {
  const [{ compile }, { diagnosticsToJson, showDiagnostics }, { settingsOf, withEntry }] = await Promise.all([import("../compile.ts"), import("./report.ts"), import("./settings.ts")]);
  const profile = args.value("profile") !== undefined;
  const { diagnostics, sources, executable, plan } = await compile(args.file, { ...withEntry(settingsOf(args), args.file, text), profile });
  if (executable === undefined) throw new SourceErrors(diagnostics, sources);
  const profiled = plan === undefined ? {} : { profiled: { plan, sources } };
  if (args.has("json")) return { bytes: executable, text, warnings: await diagnosticsToJson(diagnostics, sources), ...profiled };
  await showDiagnostics(diagnostics, sources);
  return { bytes: executable, text, warnings: [], ...profiled };
}
