/** For tests: checks a text, and holds diagnostics against the `// error: PROBLEM: words` comments on the lines they belong to. */
import { libraryModules, librarySource } from "../../std/library.ts";
import { parse } from "../../syntax/parse.ts";
import type * as ast from "../../syntax/ast.ts";
import type { Graph } from "../../graph/graph.ts";
import { verify } from "../../graph/verify.ts";
import { Diagnostics, type Diagnostic } from "../../support/diagnostic.ts";
import { positionAt } from "../../support/span.ts";
import { check, type CheckOptions } from "../check.ts";

export interface TextOptions {
  readonly parameters?: CheckOptions["parameters"];
  readonly tiles?: number;
  readonly graph?: string;
  /** Other files, by the specifier that imports them. */
  readonly files?: { readonly [specifier: string]: string };
}

export interface Checked {
  readonly graph: Graph | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

const library = new Map<string, ast.File>();

function libraryFile(module: string): ast.File | undefined {
  let file = library.get(module);
  const source = file ? undefined : librarySource(module);
  if (source !== undefined) {
    const problems = new Diagnostics();
    file = parse(module, source, problems);
    if (problems.failed) throw new Error(`${module}: ${problems.list.map((one) => one.message).join("; ")}`);
    library.set(module, file);
  }
  return file;
}

export function checkText(text: string, options: TextOptions = {}): Checked {
  const diagnostics = new Diagnostics();
  const files = new Map<string, ast.File>();
  const resolve = (_from: string, specifier: string): ast.File | undefined => {
    const source = options.files?.[specifier];
    if (source === undefined) return libraryFile(specifier);
    let file = files.get(specifier);
    if (!file) files.set(specifier, (file = parse(specifier, source, diagnostics)));
    return file;
  };
  const file = parse("main.gph", text, diagnostics);
  const graph = check(file, { parameters: options.parameters ?? {}, tiles: options.tiles ?? 4, libraryModules: libraryModules(), resolve, ...(options.graph === undefined ? {} : { graph: options.graph }) }, diagnostics);
  if (graph) verify(graph);
  return { graph, diagnostics: diagnostics.list };
}

/** A graph that must check. */
export function graphOf(text: string, options: TextOptions = {}): Graph {
  const { graph, diagnostics } = checkText(text, options);
  if (!graph || diagnostics.some(({ severity }) => severity === "error")) throw new Error(`does not check: ${diagnostics.map((one) => `${one.problem}: ${one.message}`).join("; ")}`);
  return graph;
}

/** "3 shape-mismatch: …" for every diagnostic, in order of lines. */
export function told(text: string, options: TextOptions = {}): string[] {
  return checkText(text, options).diagnostics
    .map((one) => ({ line: one.labels[0] ? positionAt(text, one.labels[0].span.start).line : 0, problem: one.problem, severity: one.severity, message: one.message, help: one.help }))
    .sort((a, b) => a.line - b.line)
    .map((one) => `${one.line} ${one.severity}: ${one.problem}: ${one.message}${one.help === undefined ? "" : ` [${one.help}]`}`);
}

/** What the comments of a text say must be told: "3 error: shape-mismatch: words", one or several on a line. */
export function expected(text: string): string[] {
  return text.split("\n").flatMap((line, k) => [...line.matchAll(/\/\/ (error|warning): (.*?)(?= \/\/ |$)/g)].map(([, severity, words]) => `${k + 1} ${severity}: ${words!.trim()}`));
}

/** Differences between what is told and what the comments say; empty when they agree. Words need only occur in the message or help. */
export function disagreements(text: string, options: TextOptions = {}): string[] {
  const actual = told(text, options);
  const wanted = expected(text);
  const left = [...actual];
  const missing = wanted.filter((want) => {
    const [head, problem, ...words] = want.split(": ");
    const at = left.findIndex((one) => one.startsWith(`${head}: ${problem}: `) && one.includes(words.join(": ")));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [...missing.map((one) => `not told: ${one}`), ...left.map((one) => `not expected: ${one}`)];
}
