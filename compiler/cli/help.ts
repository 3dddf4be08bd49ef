/** What `gph --help` and `gph help COMMAND` say. The first teaches; the second is the reference of one command, laid out by yargs. */
import process from "node:process";
import yargs from "yargs";
import type { Command, Option } from "./command.ts";
import { commands } from "./commands.ts";
import { styleFor } from "./terminal.ts";

export function overview(): string {
  const { bold, dim } = styleFor(process.stdout);
  const width = Math.max(...commands.map((command) => command.name.length)) + 3;
  return `
${bold("gph")} compiles programs written as graphs of tensors. It splits them over the tiles of a machine,
orders them in supersteps (compute, sync, exchange), and writes one WebAssembly file that runs anywhere.

A program, double.gph:

  ${dim("graph double(n: int = 4) {          // a parameter: gph run double.gph --set n=8")}
  ${dim("  in  x: f32[n];                    // from the host before each run")}
  ${dim("  out y: f32[n];                    // to the host after it")}
  ${dim("  program main { y = 2 * x; }")}
  ${dim("}")}

Try:

  gph run double.gph --in x=random:1                    ${dim("show the result")}
  gph run double.gph --in x=3 --out y=y.npy             ${dim("keep it as a NumPy file")}
  gph compile double.gph -o double.wasm && gph run double.wasm --in x=3
  gph plan double.gph --target ipu-mk2                  ${dim("what would it cost on a machine of 1,472 tiles?")}

Commands:

${commands.map((command) => `  ${command.name.padEnd(width)}${command.summary}`).join("\n")}

  gph help COMMAND  its options, with examples
  gph --version     the version

Read on: README.md, examples/ (programs with data, one command each), spec/language.md (the whole language).
`.slice(1);
}

export function commandHelp(command: Command): string {
  let page = yargs([])
    .scriptName("gph")
    .usage(`gph ${command.name} ${command.usage}\n\n${capital(command.summary)}.`)
    .help(false)
    .version(false)
    .wrap(Math.min(110, process.stdout.columns ?? 110));
  const valueWidth = Math.max(0, ...command.options.map((option) => valueText(option).length)) + 2;
  for (const option of command.options) {
    page = page.option(option.name, { describe: `${valueText(option).padEnd(valueWidth)}${option.summary}`, ...(option.letter === undefined ? {} : { alias: option.letter }) });
  }
  let text = "";
  page.showHelp((help) => {
    text = help;
  });
  const examples = command.examples.map(({ line, meaning }) => `  ${line}\n      ${meaning}`).join("\n");
  return [text.trimEnd(), command.details.trim(), ...(examples === "" ? [] : [`Examples:\n${examples}`])].join("\n\n").concat("\n");
}

const valueText = (option: Option): string => `${option.value ?? ""}${option.repeated === true ? " …" : ""}`;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
