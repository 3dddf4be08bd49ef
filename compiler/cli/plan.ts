/** `gph plan`: what a program would cost, without running it. */
import process from "node:process";
import { jsonOption, type Arguments, type Command } from "./command.ts";
import { exitCodes, SourceErrors } from "./failure.ts";
import { readSource } from "./files.ts";
import { diagnosticsToJson, showDiagnostics, writeJson } from "./report.ts";
import { settingOptions } from "./setting-options.ts";
import { settingsOf, withEntry } from "./settings.ts";

export const plan: Command = {
  name: "plan",
  usage: "FILE.gph [options]",
  summary: "show what a program would cost: supersteps, cycles, memory",
  files: "one",
  options: [...settingOptions, jsonOption],
  details: `
Compiles up to where everything lies and runs nothing, so that it answers "what if" about sizes, tiles and machines.

On a modelled machine (an ipu-* target, or yours with private memory) each superstep has its cycles: compute of the slowest
tile, exchange, and sync; "balance" is the mean over tiles by the slowest. On wasm it shows supersteps, syncs and memory. A
loop that data decides counts once; \`gph run --profile\` counts what really ran.

--json prints the report that spec/profile.md describes, with "diagnostics" beside it.`,
  examples: [
    { line: "gph plan heat.gph --target ipu-mk2 --set n=1024", meaning: "would it fit, and what would a step cost?" },
    { line: "gph plan mlp.gph --target ipu-mk2 --tiles 64", meaning: "the same on few tiles" },
  ],
  run: planCommand,
};

async function planCommand(args: Arguments): Promise<number> {
  const [{ planFile }, { reportOf }, { reportTables }, { version }] = await Promise.all([
    import("../compile.ts"),
    import("../bsp/report/report.ts"),
    import("../bsp/report/tables.ts"),
    import("../version.ts"),
  ]);
  const { diagnostics, sources, plan: made } = planFile(args.file, withEntry(settingsOf(args), args.file, readSource(args.file)));
  if (made === undefined) throw new SourceErrors(diagnostics, sources);
  const report = reportOf(made.bsp, { target: made.target, sources, generator: `gph ${version}`, memory: made.memory });
  if (args.has("json")) writeJson({ ...report, diagnostics: await diagnosticsToJson(diagnostics, sources) });
  else {
    process.stdout.write(reportTables(report));
    await showDiagnostics(diagnostics, sources);
  }
  return diagnostics.some(({ severity }) => severity === "error") ? exitCodes.userMistake : exitCodes.fine;
}
