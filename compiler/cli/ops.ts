/** `gph ops`: everything a program can call, from the table the compiler works with and the library written in .gph. */
import process from "node:process";
import type { BuiltinCall } from "../check/builtin-calls.ts";
import { otherName, reasonWithout } from "../check/other-names.ts";
import type { DescribedCall } from "../ops/describe.ts";
import type { Op } from "../ops/op.ts";
import type { LibraryFunction } from "../std/functions.ts";
import { closest } from "../support/suggest.ts";
import { jsonOption, type Arguments, type Command } from "./command.ts";
import { UserError } from "./failure.ts";
import { writeJson } from "./report.ts";

export const ops: Command = {
  name: "ops",
  usage: "[NAME|MODULE…] [--json]",
  summary: "list what a program can call, with formulas",
  files: "any",
  options: [jsonOption],
  details: `
Each line: how it is called, the module to import it from when it is not in scope everywhere, and what it gives. Ops that have
no call, such as operators, stand in parentheses. With names, only what is called so, and more about each; with a module, what
it has.`,
  examples: [
    { line: "gph ops softmax", meaning: "one of them: what it takes and gives" },
    { line: "gph ops std/nn", meaning: "all of a module" },
  ],
  run: opsCommand,
};

/** One line of the list, and what is told of it alone. */
interface Entry {
  readonly name: string;
  readonly text: string;
  readonly module: string;
  readonly says: string;
  readonly details: readonly (readonly [what: string, is: string | undefined])[];
  readonly json: { readonly [field: string]: unknown };
}

async function opsCommand(args: Arguments): Promise<number> {
  const [{ describeCalls, opsWithoutCall }, { libraryFunctions }, { builtinCalls }] = await Promise.all([import("../ops/describe.ts"), import("../std/functions.ts"), import("../check/builtin-calls.ts")]);
  const all = [...describeCalls().map(callEntry), ...libraryFunctions().map(libraryEntry), ...Object.entries(builtinCalls).map(builtinEntry), ...opsWithoutCall().map(opEntry)];
  const [names, modules] = [new Set(all.map((entry) => entry.name)), new Set(all.map((entry) => entry.module))];
  for (const wanted of args.files) {
    if (!names.has(wanted) && !modules.has(wanted)) throw new UserError("unknown-name", `nothing that can be called is named ${wanted}`, helpForName(wanted, [...names, ...modules]));
  }
  const listed = all.filter(({ module }) => args.files.length === 0 || args.files.includes(module));
  const named = all.filter(({ name }) => args.files.includes(name));
  if (args.has("json")) writeJson([...listed, ...named].map(({ json }) => json));
  else process.stdout.write([...(listed.length > 0 ? [list(listed)] : []), ...unlike(named.map(page))].join("\n"));
  return 0;
}

/** What does here what another library calls so, or why nothing does; else the nearest name. */
function helpForName(wanted: string, names: readonly string[]): string {
  const [known, reason] = [otherName(wanted), reasonWithout(wanted)];
  const near = names.find((name) => name === `std/${wanted}`) ?? closest(wanted, names);
  if (known !== undefined) return `${known} does it`;
  return reason ?? (near === undefined ? "gph ops lists all" : `did you mean ${near}?`);
}

function callEntry(call: DescribedCall): Entry {
  const { name, text, module, takes, formula, summary, noGradient, op, parameters, example } = call;
  return {
    name, text, module, says: `${formula}   ${summary}`,
    details: [["formula", formula], ["takes", takes], ["gradient", noGradient === undefined ? "yes" : `none: ${noGradient}`], ["example", example]],
    json: { name, op, call: text, module, parameters, takes, formula, summary, noGradient, example },
  };
}

const libraryEntry = ({ name, call, header, module, doc }: LibraryFunction): Entry => ({
  name, text: call, module, says: doc, details: [["declared", header]], json: { name, call, module, declared: header, summary: doc },
});

/** What is part of the language: it has no op and no module. */
const builtinEntry = ([name, { text, summary, example }]: [string, BuiltinCall]): Entry => ({
  name, text, module: "core", says: summary, details: [["example", example]], json: { name, call: text, module: "core", summary, example },
});

const opEntry = ({ name, formula, summary, kind }: Op): Entry => ({
  name, text: `(${name})`, module: "core", says: `${formula}   ${summary}`, details: [["formula", formula]], json: { name, op: name, kind, formula, summary },
});

/** Calls wider than this do not push the column after them. */
const callWidth = 44;

function list(entries: readonly Entry[]): string {
  const moduleWidth = Math.max(...entries.map(({ module }) => imported(module).length));
  return unlike(entries.map(({ text, module, says }) => `${text.padEnd(callWidth)}  ${imported(module).padEnd(moduleWidth)}  ${says.replaceAll("\n", " ")}\n`)).join("");
}

/** Ops that one call stands for, by what it is given, may have nothing to tell them apart by. */
const unlike = (texts: readonly string[]): string[] => [...new Set(texts)];

const imported = (module: string): string => (module === "core" ? "" : module);

function page({ name, text, module, says, details }: Entry): string {
  const lines: (readonly [string, string | undefined])[] = [...details, ["import", module === "core" ? undefined : `import { ${name} } from "${module}";`]];
  return `${text}\n  ${says.split("   ").at(-1)!.replaceAll("\n", "\n  ")}\n${lines.flatMap(([what, is]) => (is === undefined ? [] : [`  ${what.padEnd(8)}  ${is}\n`])).join("")}`;
}
