/**
 * The checker: a parsed file becomes a graph. Names, dtypes and shapes are resolved, generics bound, compile-time values
 * computed, compile-time loops unfolded, functions inlined; what remains is SSA with regions for run-time control.
 * Mistakes are reported and work goes on; a graph is given only when there were none.
 */
import type { Graph } from "../graph/graph.ts";
import { calls } from "../ops/table.ts";
import type * as ast from "../syntax/ast.ts";
import type { Diagnostic, Reporter } from "../support/diagnostic.ts";
import { error } from "../support/diagnostic.ts";
import { expression } from "./expression.ts";
import type { CheckReporter, Session } from "./frame.ts";
import { elaborateGraph } from "./members.ts";
import { coreScope, fileFrame, Modules } from "./modules.ts";
import { checkNames } from "./names.ts";
import type { GivenParameters } from "./parameters.ts";
import { iterate, statements } from "./statements.ts";
import { checkUnwritten } from "./unwritten.ts";

/** The module whose exports are in scope everywhere. */
const preludeModule = "std/core";

export interface CheckOptions {
  /** Which graph, when the file has several. */
  readonly graph?: string;
  readonly parameters: GivenParameters;
  readonly tiles: number;
  /** The entry has mistakes of syntax, so that what is not in its tree may yet be in its text. */
  readonly incomplete?: boolean;
  /** The modules of the library that are written in .gph: "std/nn", … */
  readonly libraryModules: readonly string[];
  /** The file an import means: `from` is the path of the importing file. */
  resolve(from: string, specifier: string): ast.File | undefined;
}

/** Functions are elaborated at every call, so a mistake in one is found again and again: each place tells each problem once. */
class OncePerPlace implements CheckReporter {
  readonly #inner: Reporter;
  readonly #told = new Set<string>();
  errors = 0;

  constructor(inner: Reporter) {
    this.#inner = inner;
  }

  report(diagnostic: Diagnostic): void {
    if (diagnostic.severity === "error") this.errors += 1;
    const span = diagnostic.labels[0]?.span;
    const key = span ? `${diagnostic.problem} ${span.file} ${span.start} ${span.end}` : `${diagnostic.problem} ${diagnostic.message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#inner.report(diagnostic);
  }
}

export function check(entry: ast.File, options: CheckOptions, outer: Reporter): Graph | undefined {
  const reporter = new OncePerPlace(outer);
  const session: Session = {
    reporter, rules: { expression, statements, iterate }, tiles: options.tiles, calls, moduleOf: (name) => library(options, entry).get(name), libraryNames: () => [...library(options, entry).keys()],
    states: [], mappings: new Map(), vertices: [], vertexKeys: new Map(), computeSets: [], unknown: new Set(), spent: { statements: 0, nesting: 0, exhausted: false },
  };
  const core = coreScope(calls, options.tiles);
  const modules = new Modules(session, core, options.resolve);
  const prelude = options.resolve(entry.path, preludeModule);
  // What the library writes in .gph for all files joins the ops that are in scope everywhere.
  for (const [name, binding] of (prelude && modules.load(prelude))?.exports ?? []) core.define(name, binding);
  const module = modules.load(entry);
  if (!module) return undefined;
  for (const one of modules.all()) if (!one.file.path.startsWith("std/")) checkNames(session, one);
  const declaration = chooseGraph(entry, options, reporter);
  if (!declaration) return undefined;
  const graph = elaborateGraph(module, fileFrame(session, module.scope), declaration, options.parameters);
  if (reporter.errors === 0 && !options.incomplete) checkUnwritten(graph, reporter);
  return reporter.errors > 0 ? undefined : graph;
}

function chooseGraph(entry: ast.File, { graph: name, incomplete }: CheckOptions, reporter: Reporter): ast.GraphDeclaration | undefined {
  const graphs = entry.items.filter((item) => item.kind === "graph");
  const names = graphs.map((graph) => graph.name.name);
  const chosen = name === undefined ? graphs : graphs.filter((graph) => graph.name.name === name);
  if (chosen[0] && (chosen.length === 1 || name !== undefined)) return chosen[0];
  if (incomplete && chosen.length === 0) return undefined;
  const start = { ...entry.span, end: entry.span.start };
  if (graphs.length === 0) reporter.report(error("unknown-name", start, `${entry.path} has no graph`, "graph NAME { … } declares one"));
  else if (name === undefined) reporter.report(error("bad-argument", chosen[1]!.name.span, `${entry.path} has several graphs: ${names.join(", ")}`, "say which one: --graph NAME"));
  else reporter.report(error("unknown-name", start, `${entry.path} has no graph ${name}`, `it has ${names.join(", ")}`));
  return undefined;
}

/** The library module of each name that has to be imported, for "did you forget to import it". */
function library(options: CheckOptions, entry: ast.File): ReadonlyMap<string, string> {
  const modules = new Map<string, string>();
  for (const module of options.libraryModules.filter((name) => name !== preludeModule)) {
    for (const item of options.resolve(entry.path, module)?.items ?? []) {
      if (item.kind === "import" || item.kind === "graph" || !item.exported) continue;
      for (const { name } of item.kind === "const" ? item.names : [item.name]) modules.set(name, modules.get(name) ?? module);
    }
  }
  for (const [name, candidates] of calls) {
    const op = candidates.find(({ signature }) => signature.module !== "core");
    if (op) modules.set(name, op.signature.module);
  }
  return modules;
}
