/** `gph check`: every mistake in the sources, without compiling them. */
import { jsonOption, type Arguments, type Command } from "./command.ts";
import { exitCodes, UserError } from "./failure.ts";
import { settingOptions } from "./setting-options.ts";

export const check: Command = {
  name: "check",
  usage: "FILE.gph… [options]",
  summary: "report every mistake in sources",
  files: "many",
  options: [...settingOptions, jsonOption],
  details: `
Parses and checks names, types and shapes. --json prints {"diagnostics": [...]}: each with "problem", "severity", "message",
"file", "line", "column", and "help" where there is some. The exit code is 1 when there is an error; warnings alone give 0.`,
  examples: [
    { line: "gph check mlp.gph heat.gph", meaning: "silent when all is well" },
    { line: "gph check solve.gph --set n=7", meaning: "shapes are checked for these parameters" },
  ],
  run: checkCommand,
};

async function checkCommand(args: Arguments): Promise<number> {
  const [{ checkFile }, { readSource }, { settingsOf, withEntry }, report] = await Promise.all([
    import("../compile.ts"),
    import("./files.ts"),
    import("./settings.ts"),
    import("./report.ts"),
  ]);
  const settings = settingsOf(args);
  const all: unknown[] = [];
  let failed = false;
  for (const path of args.files) {
    try {
      const { diagnostics, sources } = checkFile(path, withEntry(settings, path, readSource(path)));
      failed ||= diagnostics.some((diagnostic) => diagnostic.severity === "error");
      if (args.has("json")) all.push(...(await report.diagnosticsToJson(diagnostics, sources)));
      else await report.showDiagnostics(diagnostics, sources);
    } catch (error) {
      // A file that cannot be read does not keep the others from being checked.
      if (!(error instanceof UserError)) throw error;
      failed = true;
      if (args.has("json")) all.push(report.problemToJson(error));
      else report.showProblem(error);
    }
  }
  if (args.has("json")) report.writeJson({ diagnostics: all });
  return failed ? exitCodes.userMistake : exitCodes.fine;
}
