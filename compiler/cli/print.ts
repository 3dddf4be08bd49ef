/** `gph print`: the program as text, as it is after one of the compiler's passes. */
import process from "node:process";
import { closest } from "../support/suggest.ts";
import type { Arguments, Command } from "./command.ts";
import { exitCodes, SourceErrors, UsageError } from "./failure.ts";
import { readSource } from "./files.ts";
import { showDiagnostics } from "./report.ts";
import { settingOptions } from "./setting-options.ts";
import { settingsOf, withEntry } from "./settings.ts";

export const print: Command = {
  name: "print",
  usage: "FILE.gph --after PASS [options]",
  summary: "show the program as it is after a pass",
  files: "one",
  options: [{ name: "after", letter: "a", value: "PASS", summary: "the pass; `gph print FILE` without it lists them" }, ...settingOptions],
  details: "The program goes through the passes in order, each of which gives a program of the same or the next lower level.",
  examples: [
    { line: "gph print heat.gph --after fuse --set n=8", meaning: "the tensor ops, fused" },
    { line: "gph print heat.gph --after check", meaning: "the graph as it was written" },
  ],
  run: printCommand,
};

async function printCommand(args: Arguments): Promise<number> {
  const { compile, passNames } = await import("../compile.ts");
  const after = args.value("after");
  const list = passNames.map(({ name, summary }) => `${name.padEnd(Math.max(...passNames.map((pass) => pass.name.length)) + 2)}${summary}`).join("\n");
  if (after === undefined) throw new UsageError("gph print needs to know after which pass: --after PASS", `the passes in order:\n${list}`);
  if (!passNames.some(({ name }) => name === after)) {
    const near = closest(after, passNames.map(({ name }) => name));
    throw new UsageError(`there is no pass \`${after}\``, `${near === undefined ? "" : `did you mean \`${near}\`? `}the passes in order:\n${list}`);
  }
  const settings = withEntry(settingsOf(args), args.file, readSource(args.file));
  const { diagnostics, sources, printed } = await compile(args.file, { ...settings, after });
  if (printed === undefined) throw new SourceErrors(diagnostics, sources);
  await showDiagnostics(diagnostics, sources);
  process.stdout.write(printed.endsWith("\n") ? printed : `${printed}\n`);
  return diagnostics.some(({ severity }) => severity === "error") ? exitCodes.userMistake : exitCodes.fine;
}
