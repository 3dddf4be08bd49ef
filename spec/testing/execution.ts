/** Runs a case: on the interpreter, and compiled for several machines; says what differs from what the case wants. */
import { Engine } from "../../runtime/engine.ts";
import { GphError } from "../../runtime/errors.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { formatTensor } from "../../runtime/print.ts";
import { checkFile, compile, type CheckFileOptions } from "../../compiler/compile.ts";
import type { Graph, State } from "../../compiler/graph/graph.ts";
import { Interpreter, RuntimeError } from "../../compiler/graph/interpret.ts";
import type { Tensor } from "../../compiler/graph/tensor.ts";
import type { Diagnostic } from "../../compiler/support/diagnostic.ts";
import { positionAt, type Sources } from "../../compiler/support/span.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import type { Target } from "../../compiler/targets/target.ts";
import type { Expectations, Group, Run, Told } from "./expectations.ts";
import { bitsOf, difference, tensorOf } from "./values.ts";

/** Small grains, so that small tensors are split too. */
const machines: readonly Target[] = [
  withTiles(target("wasm"), 1),
  { ...withTiles(target("wasm"), 3), grain: 1 },
  withTiles(target("wasm"), 16),
  withTiles(target("ipu-mk2"), 5),
];

export type Case = Omit<CheckFileOptions, "target" | "parameters"> & { readonly path: string };

function machinesOf({ target: only, groups }: Expectations): readonly Target[] {
  if (only !== undefined) return [withTiles(target(only.name), only.tiles)];
  return groups.some((group) => group.runs.length > 0) ? machines : [target("wasm")];
}

const lineOf = (sources: Sources, span: { readonly file: string; readonly start: number }): number => positionAt(sources.get(span.file) ?? "", span.start).line;

/** Differences between the diagnostics and those wanted; `toldIn` reads the wishes of an imported file. */
function disagreements(diagnostics: readonly Diagnostic[], sources: Sources, toldIn: (file: string) => readonly Told[]): string[] {
  const actual = diagnostics.map((one) => {
    const span = one.labels[0]?.span;
    return { file: span?.file ?? "", line: span ? lineOf(sources, span) : 0, ...one };
  });
  const left = [...actual];
  const missing: string[] = [];
  for (const file of sources.keys()) {
    for (const want of file.startsWith("std/") ? [] : toldIn(file)) {
      const at = left.findIndex((one) => (one.file === file || one.file === "") && (one.line === want.line || one.line === 0) && one.severity === want.severity && one.problem === want.problem && `${one.message} ${one.help ?? ""}`.includes(want.words));
      if (at >= 0) left.splice(at, 1);
      else missing.push(`not told: ${file}:${want.line} ${want.severity}: ${want.problem}: ${want.words}`);
    }
  }
  return [...missing, ...left.map((one) => `not expected: ${one.file}:${one.line} ${one.severity}: ${one.problem}: ${one.message}${one.help === undefined ? "" : ` (${one.help})`}`)];
}

/** What the case does not hold; empty when all is as wanted. */
export async function run(one: Case, expectations: Expectations, toldIn: (file: string) => readonly Told[]): Promise<string[]> {
  const wrong: string[] = [];
  const groups: readonly Group[] = expectations.groups.length > 0 ? expectations.groups : [{ parameters: {}, runs: [] }];
  for (const group of groups) {
    for (const [k, machine] of machinesOf(expectations).entries()) {
      const name = `${machine.name} ${machine.tiles}`;
      const { path, ...given } = one;
      const options = { ...given, target: machine, parameters: group.parameters };
      const checked = checkFile(path, options);
      if (checked.graph === undefined) {
        wrong.push(...disagreements(checked.diagnostics, checked.sources, toldIn));
        if (group.runs.length > 0) wrong.push("runs are wanted of what does not check");
        break;
      }
      const { diagnostics, sources, executable } = await compile(path, { ...options, checked: expectations.checked });
      wrong.push(...disagreements(diagnostics, sources, toldIn).map((each) => `${name}: ${each}`));
      if (executable === undefined) break;
      const wanted = interpreted(checked.graph, group, expectations, sources);
      wrong.push(...wanted.wrong.map((each) => `interpreter for ${name}: ${each}`));
      const bits = await compiled(executable, checked.graph, group, wanted.outcomes, expectations, 1);
      wrong.push(...bits.wrong.map((each) => `${name}: ${each}`));
      if (k === 1 && expectations.workers) {
        const several = await compiled(executable, checked.graph, group, wanted.outcomes, expectations, 2);
        wrong.push(...several.wrong.map((each) => `${name}, 2 workers: ${each}`));
        if (several.bits !== bits.bits) wrong.push(`${name}: two workers give other bits than one`);
      }
    }
  }
  return wrong;
}

/** What a run left: states by name (of a `stream out`, what was sent), printed lines, or why it stopped. */
interface Outcome {
  readonly states: ReadonlyMap<string, readonly Tensor[]>;
  readonly prints: readonly string[];
  readonly stopped: { readonly line: number; readonly message: string } | undefined;
}

const typeOf = (graph: Graph, name: string, line: number): State => {
  const state = graph.states.find((candidate) => candidate.name === name);
  if (state === undefined) throw new Error(`line ${line}: ${graph.name} has no ${name}`);
  return state;
};

/** The values a run is given for states of a role, by name; of a stream its elements. */
function givenOf(graph: Graph, { given, line }: Run, role: State["role"]): Map<string, readonly Tensor[]> {
  return new Map(given.map(({ name, value }) => ({ state: typeOf(graph, name, line), value })).filter(({ state }) => state.role === role).map(({ state: { name, type }, value }) => {
    if (role !== "stream in") return [name, [tensorOf(name, type, value)]];
    if (typeof value === "string") throw new Error(`line ${line}: ${name} is a stream and takes a list of elements`);
    return [name, value.map((element) => tensorOf(name, type, element))];
  }));
}

const single = (values: ReadonlyMap<string, readonly Tensor[]>): { [name: string]: Tensor } => Object.fromEntries([...values].map(([name, [value]]) => [name, value!]));

/** What a run's outcome lacks of what the case says. */
function judge(outcome: Outcome, run: Run, graph: Graph, traps: Expectations["traps"]): string[] {
  const { stopped, prints, states } = outcome;
  if (stopped !== undefined) {
    if (run.wanted !== "trap") return [`line ${run.line}: stopped on line ${stopped.line}: ${stopped.message}`];
    return traps.some((trap) => trap.line === stopped.line && stopped.message.includes(trap.words)) ? [] : [`line ${run.line}: stopped on line ${stopped.line}, not where a trap is wanted: ${stopped.message}`];
  }
  if (run.wanted === "trap") return [`line ${run.line}: a trap is wanted, and it ran to its end`];
  const wrong: string[] = [];
  for (const { name, value, near } of run.wanted) {
    const { role, type } = typeOf(graph, name, run.line);
    const actual = states.get(name);
    if (actual === undefined) {
      wrong.push(`line ${run.line}: ${name} has no value`);
      continue;
    }
    const values = role === "stream out" ? (value as readonly (typeof value)[]) : [value];
    if (values.length !== actual.length) wrong.push(`line ${run.line}: ${name} was sent ${actual.length} elements, wanted ${values.length}`);
    values.slice(0, actual.length).forEach((each, k) => {
      const differs = difference(actual[k]!, tensorOf(name, type, each), near);
      if (differs !== undefined) wrong.push(`line ${run.line}: ${name}: ${differs}`);
    });
  }
  const printed = prints.join("\n").replaceAll(/^ +/gm, "");
  if (printed !== run.prints.join("\n") && run.prints.length > 0) wrong.push(`line ${run.line}: printed\n${printed}\nwanted\n${run.prints.join("\n")}`);
  return wrong;
}

function interpreted(graph: Graph, group: Group, { traps }: Expectations, sources: Sources): { readonly outcomes: readonly Outcome[]; readonly wrong: readonly string[] } {
  const interpreter = new Interpreter(graph, { params: group.runs[0] ? single(givenOf(graph, group.runs[0], "param")) : {} });
  const wrong: string[] = [];
  const outcomes = group.runs.map((run): Outcome => {
    const sent = new Map<string, Tensor[]>(graph.states.filter((state) => state.role === "stream out").map((state) => [state.name, []]));
    const prints: string[] = [];
    let stopped: Outcome["stopped"];
    try {
      interpreter.run(run.program, single(givenOf(graph, run, "in")), {
        streams: { ...Object.fromEntries(givenOf(graph, run, "stream in")), ...Object.fromEntries([...sent].map(([name, list]) => [name, (element: Tensor) => void list.push(element)])) },
        print: (label, values) => prints.push([...(label === "" ? [] : [label]), ...values.map(({ type, data }) => formatTensor({ ...type, data }))].join(" ")),
        budget: 2_000_000,
      });
    } catch (problem) {
      if (!(problem instanceof RuntimeError) || problem.origin === undefined) throw problem;
      stopped = { line: lineOf(sources, problem.origin), message: problem.message };
    }
    const states = new Map<string, readonly Tensor[]>(sent);
    for (const { name, role } of graph.states) if (role === "out" || role === "var") states.set(name, [interpreter.state(name)!]);
    const outcome = { states, prints, stopped };
    if (run.refusal === undefined) wrong.push(...judge(outcome, run, graph, traps));
    else if (!stopped?.message.includes(run.refusal)) wrong.push(`line ${run.line}: the interpreter should refuse it with ${JSON.stringify(run.refusal)}${stopped ? `, and says ${stopped.message}` : ""}`);
    return outcome;
  });
  return { outcomes, wrong };
}

const hostOf = ({ type, data }: Tensor): HostTensor => ({ ...type, data });
const tensorFrom = ({ dtype, shape, data }: HostTensor): Tensor => ({ type: { dtype, shape }, data });

async function compiled(
  executable: Uint8Array, graph: Graph, group: Group, references: readonly Outcome[], { traps }: Expectations, workers: number,
): Promise<{ readonly wrong: readonly string[]; readonly bits: string }> {
  if (group.runs.length === 0) return { wrong: [], bits: "" };
  const params = Object.fromEntries(Object.entries(single(givenOf(graph, group.runs[0]!, "param"))).map(([name, value]) => [name, hostOf(value)]));
  const engine = await Engine.load(executable, { workers, params });
  const wrong: string[] = [];
  let bits = "";
  for (const [k, run] of group.runs.entries()) {
    const sent = new Map<string, HostTensor[]>(graph.states.filter((state) => state.role === "stream out").map((state) => [state.name, []]));
    const prints: string[] = [];
    const states = new Map<string, readonly Tensor[]>();
    let stopped: Outcome["stopped"];
    try {
      const inputs = Object.fromEntries(Object.entries(single(givenOf(graph, run, "in"))).map(([name, value]) => [name, hostOf(value)]));
      const streams = { ...Object.fromEntries([...givenOf(graph, run, "stream in")].map(([name, list]) => [name, list.map(hostOf)])), ...Object.fromEntries(sent) };
      const outputs = engine.runSync(run.program, inputs, { streams, print: (line) => prints.push(line) });
      for (const [name, value] of Object.entries(outputs)) states.set(name, [tensorFrom(value)]);
      for (const [name, list] of sent) states.set(name, list.map(tensorFrom));
      for (const { name, role } of graph.states) if (role === "var") states.set(name, [tensorFrom(engine.read(name))]);
    } catch (problem) {
      if (!(problem instanceof GphError)) throw problem;
      stopped = { line: problem.position?.line ?? 0, message: problem.message };
    }
    const outcome = { states, prints, stopped };
    wrong.push(...judge(outcome, run, graph, traps));
    if (stopped === undefined && run.refusal === undefined) wrong.push(...deviations(outcome, references[k]!).map((each) => `line ${run.line}: ${each}`));
    bits += [...states].map(([name, list]) => `${name} ${list.map(bitsOf).join()}`).join("\n");
  }
  await engine.close();
  return { wrong, bits };
}

/** Where an engine's outcome is not the interpreter's: whole numbers must be equal, floats near. */
function deviations(outcome: Outcome, reference: Outcome): string[] {
  const wrong: string[] = [];
  for (const [name, list] of outcome.states) {
    const wanted = reference.states.get(name) ?? [];
    if (list.length !== wanted.length) wrong.push(`${name}: ${list.length} elements, the interpreter gives ${wanted.length}`);
    list.slice(0, wanted.length).forEach((value, k) => {
      const differs = difference(value, wanted[k]!, true);
      if (differs !== undefined) wrong.push(`${name}, against the interpreter: ${differs}`);
    });
  }
  if (outcome.prints.length !== reference.prints.length) wrong.push(`${outcome.prints.length} lines printed, the interpreter gives ${reference.prints.length}`);
  return wrong;
}
