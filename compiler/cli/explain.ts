/** `gph explain`: every copy the compiler put into a program, with its cause and what would avoid it. */
import process from "node:process";
import { jsonOption, type Arguments, type Command } from "./command.ts";
import { exitCodes, SourceErrors } from "./failure.ts";
import { readSource } from "./files.ts";
import { diagnosticsToJson, showDiagnostics, writeJson } from "./report.ts";
import { settingOptions } from "./setting-options.ts";
import { settingsOf, withEntry } from "./settings.ts";

export const explain: Command = {
  name: "explain",
  usage: "FILE.gph [options]",
  summary: "list every copy the compiler inserted, why, and what would avoid it; and what gradients recompute",
  files: "one",
  options: [...settingOptions, jsonOption],
  details: `
Four kinds: an exchange brings to a tile what its vertices need from other tiles; a host transfer moves inputs and outputs; a
move puts data elsewhere on its own tile; an assignment copies a value that could not share the storage of another. The dearest come first: cycles and bytes are of one
time, "times" is how often it is planned. Cycles are those of the copy alone; in a superstep copies move together.

After them comes what gradients compute again instead of keeping, by \`@recompute\` and \`recompute(e)\`: the memory that saves.

--json prints {"copies": [{"kind", "program", "step", "from", "type", "to", "cause", "place", "copies", "times", "bytes",
"cycles", "avoid"}], "recomputed": [{"place", "tensors", "bytes"}], "diagnostics"}.`,
  examples: [{ line: "gph explain heat.gph --target ipu-mk2", meaning: "why each exchange is there" }],
  run: explainCommand,
};

async function explainCommand(args: Arguments): Promise<number> {
  const [{ planFile }, { explain: explainCopies, explanationTable, placeRecomputed, recomputedTable }] = await Promise.all([import("../compile.ts"), import("../bsp/report/explain.ts")]);
  const { diagnostics, sources, plan } = planFile(args.file, withEntry(settingsOf(args), args.file, readSource(args.file)));
  if (plan === undefined) throw new SourceErrors(diagnostics, sources);
  const copies = explainCopies(plan.bsp, plan.target, sources);
  const recomputed = placeRecomputed(plan.recomputed, sources);
  if (args.has("json")) writeJson({ copies, recomputed, diagnostics: await diagnosticsToJson(diagnostics, sources) });
  else {
    process.stdout.write(explanationTable(copies, plan.target) + recomputedTable(recomputed));
    await showDiagnostics(diagnostics, sources);
  }
  return diagnostics.some(({ severity }) => severity === "error") ? exitCodes.userMistake : exitCodes.fine;
}
