/** From .gph source to an executable: the whole compiler as one function. Pure: files are read by the caller's `readFile`. */
import { bytesOf, sizeOf } from "../runtime/dtype.ts";
import { writeExecutable } from "../runtime/executable.ts";
import type { HostTensor } from "../runtime/host.ts";
import type { BspGraph, MemoryPlan, PlannedGraph } from "./bsp/bsp.ts";
import { formSupersteps } from "./bsp/passes/form-supersteps.ts";
import { planMemory } from "./bsp/passes/plan-memory.ts";
import { check } from "./check/check.ts";
import type { GivenParameters } from "./check/parameters.ts";
import { loadBinaryen } from "./emit/binaryen.ts";
import { emitModule } from "./emit/module.ts";
import { formatType, type Graph } from "./graph/graph.ts";
import { differentiate, withoutGradients } from "./graph/passes/differentiate.ts";
import { print as printGraph } from "./graph/print.ts";
import { recomputedIn, type Recomputed } from "./graph/recomputed.ts";
import { runPipeline, stages } from "./pipeline.ts";
import { libraryModules, librarySource } from "./std/library.ts";
import { isStackOverflow } from "./support/bug.ts";
import { Diagnostics, error, type Diagnostic, type Reporter } from "./support/diagnostic.ts";
import type { Change, PassOptions } from "./support/pass.ts";
import type { Sources } from "./support/span.ts";
import { closest } from "./support/suggest.ts";
import { watched, type Watch } from "./support/watch.ts";
import type { File } from "./syntax/ast.ts";
import { parse } from "./syntax/parse.ts";
import { print as printSource } from "./syntax/print.ts";
import type { Target } from "./targets/target.ts";
import { targets, withTiles } from "./targets/targets.ts";
import { version } from "./version.ts";

export interface CompileOptions {
  /** A machine, or the name of one of `targets`. Default: `wasm`. */
  readonly target?: Target | string;
  /** Which graph of the file; needed only when it has several. */
  readonly graph?: string;
  /** Values of graph parameters; tuples are arrays, strings are read by the parameter's type. */
  readonly parameters?: GivenParameters;
  /** Text of the entry or of a file it imports; undefined when there is no such file. */
  readonly readFile: (path: string) => string | undefined;
  /** Baked into the executable when given. */
  readonly weights?: ReadonlyMap<string, HostTensor>;
  /** Indices that are not known to stay inside their field or axis are checked at run time, and trap with their line. */
  readonly checked?: boolean;
  /**
   * Every operation is rounded for itself, so that results have the same bits on every machine. Otherwise sums of products,
   * and those inside of mathematical functions, are fused, rounded once where the machine has an instruction for that.
   */
  readonly strictMath?: boolean;
  /** Also print the program as it is after this pass. */
  readonly after?: string;
  /** Told as each part of the compiler begins and ends. */
  readonly watch?: Watch;
  /** The executable counts how often each step runs, and the result has the plan those counts belong to. */
  readonly profile?: boolean;
}

export interface CompileResult {
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: Sources;
  /** Absent when there were errors. */
  readonly executable?: Uint8Array;
  /** What `after` asked for. */
  readonly printed?: string;
  /** What `profile` asked for. */
  readonly plan?: Plan;
}

/** A program as it is planned, before its kernels are made fast: what costs are worked out from. */
export interface Plan {
  readonly bsp: BspGraph;
  /** Absent where the tensors do not fit into memory. */
  readonly memory?: MemoryPlan;
  /** What gradients compute again instead of keeping. */
  readonly recomputed: readonly Recomputed[];
  readonly target: Target;
}

export interface PlanResult {
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: Sources;
  /** Absent when there were errors; but there is one when memory alone does not suffice. */
  readonly plan?: Plan;
}

export type CheckFileOptions = Omit<CompileOptions, "weights" | "after" | "profile">;

export interface CheckResult {
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: Sources;
  /** Absent when there were errors. */
  readonly graph?: Graph;
}

const optionNames: readonly string[] = [
  "target", "graph", "parameters", "readFile", "weights", "checked", "strictMath", "after", "watch", "profile",
] satisfies readonly (keyof CompileOptions)[];

/** `there is a, b, c`, or what was probably meant. */
function thereIs(given: string, names: readonly string[]): string {
  const near = closest(given, names);
  return near === undefined ? `there is ${names.join(", ")}` : `did you mean ${near}?`;
}

/** The options with their machine looked up. Throws a TypeError for what callers without types give. */
function resolved<Options extends CompileOptions>(options: Options, caller: string): Options & { readonly target: Target } {
  if (typeof (options as CompileOptions | undefined)?.readFile !== "function") throw new TypeError(`${caller} needs the option readFile, a function that gives the text of a file`);
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name));
  if (unknown !== undefined) throw new TypeError(`${caller} has no option ${JSON.stringify(unknown)}; ${thereIs(unknown, optionNames)}`);
  const { target: given = "wasm", after } = options;
  const target = typeof given === "string" ? targets.get(given) : given;
  if (target === undefined) throw new TypeError(`no target is called ${JSON.stringify(given)}; ${thereIs(String(given), [...targets.keys()])}`);
  if (typeof target !== "object" || target === null || !Number.isInteger(target.tiles)) throw new TypeError("the option target is a machine or the name of one; `parseTarget` makes one of a description");
  if (after !== undefined && !passNames.some(({ name }) => name === after)) throw new TypeError(`no pass is called ${JSON.stringify(after)}; ${thereIs(after, passNames.map(({ name }) => name))}`);
  return { ...options, target };
}

/** The passes in order, for `gph print --after`. */
export const passNames: readonly { readonly name: string; readonly summary: string }[] = [
  { name: "parse", summary: "reads the source; printed, it is what `gph fmt` gives" },
  { name: "check", summary: "names, types and shapes; generics, functions and compile-time loops unfold" },
  ...stages.map(({ pass: { name, summary } }) => ({ name, summary })),
];

export async function compile(path: string, given: CompileOptions): Promise<CompileResult> {
  const options = resolved(given, "compile");
  const { target } = options;
  const reporter = new Diagnostics();
  let printed: string | undefined;
  const seen = (name: string, show: () => string): void => {
    if (name === options.after) printed = show();
  };
  const { graph, sources } = checkSource(path, options, reporter, seen);
  const finish = (executable?: Uint8Array): CompileResult => ({
    diagnostics: reporter.list, sources,
    ...(executable ? { executable } : {}),
    ...(printed === undefined ? {} : { printed }),
  });
  if (!graph || reporter.failed) return finish();
  if (options.weights) checkWeights(graph, options.weights, reporter);
  checkStates(graph, target, reporter);
  const plans = new PlanCollector(target);
  const asked = passOptions(options);
  const watching = options.watch ? { watch: options.watch } : {};
  const fitsWith = (change: Change): boolean => isPlanned(path, options, change);
  const planned = reporter.failed ? undefined : runPipeline(graph, {
    ...asked, ...watching, target, reporter, fitsWith,
    seen(name, show, program) {
      seen(name, show);
      plans.see(name, program);
    },
  });
  if (!planned) return finish();
  options.watch?.begin("load-binaryen", "run");
  await loadBinaryen();
  options.watch?.end("load-binaryen", "run");
  const { wasm, manifest } = watched(options.watch, "emit", () => emitModule(planned, { ...asked, ...watching, target, sources, version, ...(options.weights ? { weights: options.weights } : {}) }));
  return { ...finish(watched(options.watch, "write-executable", () => writeExecutable(wasm, manifest))), ...(options.profile && plans.plan ? { plan: plans.plan } : {}) };
}

const passOptions = ({ checked = false, strictMath = false, profile = false }: CompileOptions): Required<PassOptions> => ({ checked, strictMath, counters: profile });

/** Takes what a plan is made of from the passes as they run. */
class PlanCollector {
  readonly #target: Target;
  #recomputed: readonly Recomputed[] = [];
  plan: Plan | undefined;

  constructor(target: Target) {
    this.#target = target;
  }

  see(name: string, program: unknown): void {
    const rest = { recomputed: this.#recomputed, target: this.#target };
    if (name === differentiate.name) this.#recomputed = recomputedIn(program as Graph);
    if (name === formSupersteps.name) this.plan = { bsp: program as BspGraph, ...rest };
    if (name === planMemory.name) this.plan = { bsp: program as PlannedGraph, memory: (program as PlannedGraph).plan, ...rest };
  }
}

/** Everything up to where each tensor lies, and nothing that is only needed to run. */
export function planFile(path: string, given: CheckFileOptions): PlanResult {
  const options = resolved(given, "planFile");
  const { target } = options;
  const reporter = new Diagnostics();
  const { graph, sources } = checkSource(path, options, reporter);
  const plans = new PlanCollector(target);
  if (graph && !reporter.failed) checkStates(graph, target, reporter);
  if (graph && !reporter.failed) runPipeline(graph, { ...passOptions(options), ...(options.watch ? { watch: options.watch } : {}), target, reporter, fitsWith: (change) => isPlanned(path, options, change), seen: (name, _, program) => plans.see(name, program), last: planMemory.name });
  return { diagnostics: reporter.list, sources, ...(plans.plan ? { plan: plans.plan } : {}) };
}

/** Whether a source, changed so, is planned without errors. */
function isPlanned(path: string, options: CheckFileOptions & { readonly target: Target }, { tiles, halves = false }: Change): boolean {
  const reporter = new Diagnostics();
  const target = tiles === undefined ? options.target : withTiles(options.target, tiles);
  const { watch: _, ...asked } = halves ? inHalves(options) : options;
  const { graph } = checkSource(path, { ...asked, target }, reporter);
  if (graph && !reporter.failed) runPipeline(graph, { ...passOptions(options), target, reporter, last: planMemory.name });
  return !reporter.failed;
}

/** The same sources, with f16 where they have wider floats. */
function inHalves<T extends CheckFileOptions>(options: T): T {
  const halved = (text: string): string => text.replaceAll(/\b(f32|f64)\b/g, "f16");
  const parameters = Object.fromEntries(Object.entries(options.parameters ?? {}).map(([name, value]) => [name, typeof value === "string" ? halved(value) : value]));
  return { ...options, parameters, readFile: (name) => {
    const text = options.readFile(name);
    return text === undefined ? undefined : halved(text);
  } };
}

/** What a memory of WebAssembly can have. */
const largestMemory = 2 ** 32;

/**
 * Tells of states that neither an executable nor the machine could hold, not even in 16 bits and on more tiles: before anything is
 * planned, since that takes minutes for what such tensors unfold to.
 */
function checkStates(graph: Graph, target: Target, reporter: Reporter): void {
  const capacity = Math.max(largestMemory, target.bytesPerTile * (target.memory === "shared" ? 1 : target.tiles));
  for (const { name, type, origin } of graph.states) {
    const size = sizeOf(type.shape);
    if (size * Math.min(2, bytesOf(type.dtype)) <= capacity) continue;
    reporter.report(error("tensor-too-large", origin, `${name} is ${formatType(type)}, ${(size * bytesOf(type.dtype)).toLocaleString("en")} bytes, and a memory has at most ${capacity.toLocaleString("en")}`));
  }
}

function checkWeights(graph: Graph, weights: ReadonlyMap<string, HostTensor>, reporter: Reporter): void {
  const params = graph.states.filter((state) => state.role === "param");
  for (const { name, type, origin } of params) {
    const value = weights.get(name);
    if (value && formatType(value) !== formatType(type)) {
      reporter.report({ problem: value.dtype === type.dtype ? "shape-mismatch" : "dtype-mismatch", severity: "error", message: `the weights have ${name} as ${formatType(value)}, but it is declared ${formatType(type)}`, labels: [{ span: origin, text: "" }] });
    }
  }
  for (const name of weights.keys()) {
    if (params.some((param) => param.name === name)) continue;
    const near = closest(name, params.map((param) => param.name));
    reporter.report({ problem: "unknown-parameter", severity: "warning", message: `the weights have ${name}, but ${graph.name} has no param of that name`, labels: [], ...(near === undefined ? {} : { help: `did you mean ${near}?` }) });
  }
}

/** Parses and checks only. */
export function checkFile(path: string, options: CheckFileOptions): CheckResult {
  const reporter = new Diagnostics();
  const { graph, sources } = checkSource(path, resolved(options, "checkFile"), reporter);
  // What has no gradient is told here too; the graph is given as it was written.
  if (graph && !reporter.failed) withoutGradients(graph, reporter);
  return { diagnostics: reporter.list, sources, ...(graph && !reporter.failed ? { graph } : {}) };
}

function checkSource(path: string, options: CheckFileOptions & { readonly target: Target }, reporter: Diagnostics, seen?: (name: string, show: () => string) => void): { graph: Graph | undefined; sources: Sources } {
  const sources = new Map<string, string>();
  const files = new Map<string, File>();
  const load = (name: string, read: (name: string) => string | undefined): File | undefined => {
    const known = files.get(name);
    if (known) return known;
    const text = read(name);
    if (text === undefined) return undefined;
    sources.set(name, text);
    const file = watched(options.watch, "parse", () => (name.startsWith("std/") ? parseLibrary(name, text) : parse(name, text, reporter)));
    files.set(name, file);
    return file;
  };
  // A `readFile` may throw where there is no file, as Node's own does.
  const read = (name: string): string | undefined => {
    try {
      return options.readFile(name);
    } catch (problem) {
      if ((problem as { code?: unknown }).code === "ENOENT") return undefined;
      throw problem;
    }
  };
  const entry = load(path, read);
  if (!entry) {
    reporter.report({ problem: "unknown-module", severity: "error", message: `there is no file ${path}`, labels: [] });
    return { graph: undefined, sources };
  }
  seen?.("parse", () => printSource(entry));
  const graph = watched(options.watch, "check", () => withinStack(entry, reporter, () => check(entry, {
    ...(options.graph === undefined ? {} : { graph: options.graph }),
    parameters: options.parameters ?? {},
    tiles: options.target.tiles,
    incomplete: reporter.failed,
    libraryModules: libraryModules(),
    resolve: (from, specifier) => (specifier.startsWith("std/") ? load(specifier, librarySource) : load(relativePath(from, specifier), read)),
  }, reporter)));
  if (graph && !reporter.failed && graph.programs.length === 0) {
    reporter.report(error("unknown-name", graph.origin, `the graph ${graph.name} has no program, so there is nothing to run`, "program main { … } in it says what is computed"));
  }
  if (graph && !reporter.failed) seen?.("check", () => printGraph(graph));
  return { graph, sources };
}

const libraryFiles = new Map<string, File>();

/** Files of the library are read once: they do not change, and have no mistakes. */
function parseLibrary(name: string, text: string): File {
  const file = libraryFiles.get(name) ?? parse(name, text, new Diagnostics());
  libraryFiles.set(name, file);
  return file;
}

/** The last net: what the limits on nesting let through and the stack does not bear is a diagnostic still. */
function withinStack<Result>({ span }: File, reporter: Reporter, work: () => Result): Result | undefined {
  try {
    return work();
  } catch (thrown) {
    if (!isStackOverflow(thrown)) throw thrown;
    reporter.report(error("nesting-too-deep", { ...span, end: span.start }, "blocks, expressions and calls are nested deeper than the stack bears", "name the inner parts with `let` or move them into a `fn`"));
    return undefined;
  }
}

/** The path of `specifier` as written in the file `from`, with `.` and `..` resolved. */
function relativePath(from: string, specifier: string): string {
  const parts = [...from.split("/").slice(0, -1), ...specifier.split("/")];
  const path: string[] = [];
  for (const part of parts) {
    if (part === "." || (part === "" && path.length > 0)) continue;
    if (part === ".." && path.length > 0 && path.at(-1) !== ".." && path.at(-1) !== "") path.pop();
    else path.push(part);
  }
  return path.join("/");
}
