/** spec/ops.md: everything a program can call and what it means, from the op table and the library written in .gph. */
import { builtinCalls } from "../../compiler/check/builtin-calls.ts";
import { describeCalls, opsWithoutCall, type DescribedCall } from "../../compiler/ops/describe.ts";
import { libraryFunctions, type LibraryFunction } from "../../compiler/std/functions.ts";

/** How the ops that no call names are written. The others the compiler makes itself. */
const notations: { readonly [op: string]: string } = {
  add: "a + b", sub: "a - b", mul: "a * b", div: "a / b",
  eq: "a == b", ne: "a != b", lt: "a < b", le: "a <= b", gt: "a > b", ge: "a >= b",
  and: "a && b, a & b", or: "a || b, a | b", xor: "a ^ b", not: "!x, ~x", shl: "a << b", shr: "a >> b",
  slice: "x[a:b:s]", update: "x[a:b:s] = value",
};

export function opsDocument(): string {
  const calls = describeCalls();
  const library = libraryFunctions();
  const modules = [...new Set([...calls.map(({ module }) => module as string), ...library.map(({ module }) => module)])];
  return `# Ops

What a program can call. *Takes* says which dtypes an op accepts; where parameters differ, for each. \`axis?\` may be left
out, \`axis = -1\` has that value then; \`shape…\` is the rest of the arguments, or one tuple. Any call can be written as a
method of its first argument: \`x.softmax(axis = 0)\`. *Gradient* says whether \`grad\` goes through an op, and if not, why;
functions written in .gph have the gradients of what they are made of. In examples a list in brackets stands for a tensor.

The same list is \`gph ops\`; \`gph ops NAME\` shows one.

${modules.map((module) => moduleSection(module, calls.filter((call) => call.module === module), library.filter((entry) => entry.module === module))).join("\n")}
## Part of the language

In scope everywhere, and described by [the language](language.md).

${table(["call", "what it gives", "example"], Object.values(builtinCalls).map(({ text, summary, example }) => [code(text), summary, code(example)]))}
## Without a call

${table(["written", "op", "formula", "what it gives"], opsWithoutCall().map(({ name, formula, summary }) => [code(notations[name] ?? ""), name, code(formula), notations[name] === undefined ? `${summary} Made by the compiler.` : summary]))}`;
}

function moduleSection(module: string, calls: readonly DescribedCall[], library: readonly LibraryFunction[]): string {
  const title = module === "core" ? "In scope everywhere" : `\`${module}\``;
  const parts = [`## ${title}\n`];
  if (calls.length > 0) {
    parts.push(table(["call", "takes", "formula", "what it gives", "gradient", "example"], calls.map(({ text, takes, formula, summary, noGradient, example }) => [code(text), takes ?? "", code(formula), summary, noGradient === undefined ? "yes" : `no: ${noGradient}`, code(example ?? "")])));
  }
  if (library.length > 0) {
    const file = module === "core" ? "core" : module.slice(4);
    parts.push(`Written in .gph, in [compiler/std/${file}.gph](../compiler/std/${file}.gph):\n`);
    parts.push(table(["function", "what it gives"], library.map(({ header, doc }) => [code(header), doc.replaceAll("\n", " ")])));
  }
  return parts.join("\n");
}

const code = (text: string): string => (text === "" ? "" : `\`${text}\``);

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("");
}
