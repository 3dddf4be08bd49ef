/** `gph ops`: the ops by name, each with its formula, from the table the compiler works with. */
import process from "node:process";
import type { Op } from "../ops/op.ts";
import { jsonOption, type Arguments, type Command } from "./command.ts";
import { writeJson } from "./report.ts";

export const ops: Command = {
  name: "ops",
  usage: "[--json]",
  summary: "list the ops, with their formulas",
  files: "none",
  options: [jsonOption],
  details: "Each line: how the op is called in a program, the module to import it from when it is not in scope everywhere, and what it gives.",
  examples: [{ line: "gph ops | grep std/nn", meaning: "the ops of a module" }],
  run: opsCommand,
};

async function opsCommand(args: Arguments): Promise<number> {
  const table = await import("../ops/table.ts");
  const all = [...table.ops.values()];
  if (args.has("json")) {
    writeJson(all.map((op) => ({ name: op.name, kind: op.kind, call: callOf(op), module: op.signature?.module, summary: op.summary, formula: op.formula })));
    return 0;
  }
  const rows = all.map((op) => [callOf(op) ?? `(${op.name})`, op.signature === undefined || op.signature.module === "core" ? "" : op.signature.module, `${op.formula}   ${op.summary}`] as const);
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  process.stdout.write(rows.map(([call, module, text]) => `${call.padEnd(widths[0]!)}  ${module.padEnd(widths[1]!)}  ${text}\n`).join(""));
  return 0;
}

function callOf({ signature }: Op): string | undefined {
  if (signature === undefined) return undefined;
  const dtype = { required: "<dtype>", optional: "<dtype?>" }[signature.dtypeArgument as "required"] ?? "";
  return `${signature.call}${dtype}(${signature.parameters.map(({ name, default: value }) => (value === undefined ? name : `${name}?`)).join(", ")})`;
}
