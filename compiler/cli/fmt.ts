/** `gph fmt`: sources in the one layout. A source with syntax errors is reported and left as it is. */
import { readFileSync } from "node:fs";
import process from "node:process";
import type { Arguments, Command } from "./command.ts";
import { exitCodes, SourceErrors, UsageError, UserError } from "./failure.ts";
import { largestSource, readSource, sourceText, writeWhole, type Written } from "./files.ts";
import { showDiagnostics, showProblem } from "./report.ts";

export const fmt: Command = {
  name: "fmt",
  usage: "FILE.gph… [--check]",
  summary: "lay out sources in the one style",
  files: "many",
  options: [{ name: "check", summary: "change nothing; list the files that would change, and exit with 1 if there are any" }],
  details: "Files are written in place, and listed when they changed. The file `-` means: from stdin to stdout.",
  examples: [
    { line: "gph fmt *.gph", meaning: "in place" },
    { line: "gph fmt --check *.gph", meaning: "for a build: fails when a file is not in layout" },
    { line: "gph fmt - < old.gph > new.gph", meaning: "as a filter, for editors" },
  ],
  run: formatCommand,
};

async function formatCommand(args: Arguments): Promise<number> {
  if (args.files.includes("-")) return formatStdin(args);
  const changed: Written[] = [];
  let failed = false;
  for (const path of args.files) {
    try {
      const text = readSource(path);
      const formatted = await format(path, text);
      if (formatted !== text) changed.push({ path, bytes: formatted });
    } catch (error) {
      // One bad file does not keep the others from being laid out.
      if (error instanceof SourceErrors) await showDiagnostics(error.diagnostics, error.sources);
      else if (error instanceof UserError) showProblem(error);
      else throw error;
      failed = true;
    }
  }
  if (!args.has("check")) await writeWhole(changed);
  process.stdout.write(changed.map(({ path }) => `${path}\n`).join(""));
  return failed || (args.has("check") && changed.length > 0) ? exitCodes.userMistake : exitCodes.fine;
}

async function formatStdin(args: Arguments): Promise<number> {
  if (args.files.length > 1) throw new UsageError("gph fmt takes either `-` or files, not both");
  const bytes = readFileSync(0);
  if (bytes.length > largestSource) throw new UserError("file-too-large", `stdin has ${bytes.length.toLocaleString("en")} bytes; at most ${largestSource.toLocaleString("en")} are read here`);
  const text = sourceText("stdin", bytes);
  const formatted = await format("stdin", text);
  if (args.has("check")) return formatted === text ? exitCodes.fine : exitCodes.userMistake;
  process.stdout.write(formatted);
  return exitCodes.fine;
}

async function format(path: string, text: string): Promise<string> {
  const [{ parse }, { print }, { Diagnostics }] = await Promise.all([import("../syntax/parse.ts"), import("../syntax/print.ts"), import("../support/diagnostic.ts")]);
  const diagnostics = new Diagnostics();
  const file = parse(path, text, diagnostics);
  if (diagnostics.failed) throw new SourceErrors(diagnostics.list, new Map([[path, text]]));
  return print(file);
}

