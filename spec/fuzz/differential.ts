/**
 * One source through the interpreter and through the whole compiler, on several machines; what differs is a bug. What an
 * executable gives must be the same, to the bit, for other numbers of workers and kinds of vectors, and whichever way the host
 * gives params new values between runs.
 */
import { bytesOf, isBig, isFloat, sizeOf } from "../../runtime/dtype.ts";
import { Engine, GphError, type HostTensor } from "../../runtime/index.ts";
import { whyNarrow } from "../../runtime/wide-vectors.ts";
import { formatTensor } from "../../runtime/print.ts";
import { checkFile } from "../../compiler/compile.ts";
import type { Graph, TensorType } from "../../compiler/graph/graph.ts";
import { Interpreter, RuntimeError } from "../../compiler/graph/interpret.ts";
import { put, zeros, type Tensor } from "../../compiler/graph/tensor.ts";
import { bf16ToNumber } from "../../runtime/bf16.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import type { Target } from "../../compiler/targets/target.ts";
import { executableFor, Refused, toHost } from "../conformance/support.ts";
import type { RandomSource } from "./sources.ts";

export interface Machine {
  /** Of `targets`, or of the machines described in JSON below. */
  readonly name: string;
  readonly tiles: number;
  readonly workers: number;
  readonly strictMath?: boolean;
  /** Another way to run the same executable, which must give the same bits. */
  readonly again?: Way;
}

/** A way to run an executable. */
export interface Way {
  readonly workers: number;
  readonly wideVectors: boolean;
  /** Whether params are changed where they lie. */
  readonly views: boolean;
  /** Whether all workers are threads of their own, and the caller waits (`run`); else it is one of them (`runSync`). */
  readonly threads?: boolean;
}

/** A user's machines: few tiles with little memory, on one chip and on three. */
const described: ReadonlyMap<string, Target> = new Map([
  ["small", { ...target("ipu-mk2"), name: "small", bytesPerTile: 262_144, exchange: { bytesPerCycle: 1, startCycles: 9 } }],
  ["three-chips", { ...target("ipu-mk2"), name: "three-chips", bytesPerTile: 400_000, chips: { count: 3, bytesPerCycle: 2, startCycles: 40 } }],
]);

export const machines: readonly Machine[] = (["wasm", "ipu-mk2"] as const).flatMap((name) => [1, 2, 3, 5, 16, 40, 1472].map((tiles) => ({ name, tiles, workers: 1 })));

/** A machine by number, all ways to compile for it and to run what was compiled taking turns. */
export function machineOf(number: number): Machine {
  const modelled = [["ipu-m2000", 8], ["small", 5], ["three-chips", 6], ["three-chips", 48], ["wasm", 3], ["wasm", 16]] as const;
  const [name, tiles] = modelled[number % modelled.length]!;
  const machine = number % 5 < 3 ? machines[number % machines.length]! : { name, tiles, workers: 1 };
  const again = { workers: number % 19 === 0 ? 2 : 1, wideVectors: number % 4 < 2, views: number % 8 < 4, threads: number % 11 < 2 };
  return { ...machine, workers: number % 23 === 0 ? 2 : 1, strictMath: number % 7 === 0, ...(number % 2 === 0 ? { again } : {}) };
}

/** Small work is split all the same, so that tiles meet. */
const targetOf = ({ name, tiles }: Machine): Target => ({ ...withTiles(described.get(name) ?? target(name), tiles), grain: 1 });

function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** Floats are multiples of 1/4 up to 8, integers small, sometimes the extremes of their dtype. */
function valueOf(tensor: Tensor, next: () => number): Tensor {
  const { dtype } = tensor.type;
  for (let k = 0; k < tensor.data.length; k++) {
    if (isFloat(dtype)) put(tensor, k, Math.round((next() * 16 - 8) * 4) / 4 + 0);
    else if (dtype === "bool") put(tensor, k, next() < 0.5 ? 0 : 1);
    else {
      const signed = !dtype.startsWith("u");
      const whole = next() < 0.05 ? 2 ** 31 + k : Math.floor(next() * 10) - (signed ? 3 : 0);
      put(tensor, k, isBig(dtype) ? BigInt(whole) : whole);
    }
  }
  return tensor;
}

function statesOf(graph: Graph, role: string, next: () => number): { [name: string]: Tensor } {
  return Object.fromEntries(graph.states.filter((state) => state.role === role).map((state) => [state.name, valueOf(zeros(state.type), next)]));
}

export interface Trace {
  /** Outs and variables, by run and name. */
  readonly outs: { readonly [name: string]: Tensor }[];
  /** Elements of streams, in order. */
  readonly sent: { [name: string]: Tensor[] };
  readonly prints: string[];
  /** Why a run stopped; later runs are not made. */
  stopped?: string;
}

const variablesOf = (graph: Graph): string[] => graph.states.filter(({ role }) => role === "var").map(({ name }) => name);
const fresh = (): Trace => ({ outs: [], sent: { sink: [], floats: [] }, prints: [] });

/** What the host does with a source: its programs in turn, and then once more with other params. */
const scriptOf = (graph: Graph): readonly string[] => ["main", ...graph.programs.flatMap(({ name }) => (name === "other" ? [name] : [])), "write", "main"];

/** Programs of a script as they are run, until one stops. */
async function follow(script: readonly string[], trace: Trace, write: () => void, run: (program: string) => void | Promise<void>): Promise<void> {
  for (const step of script) {
    if (step === "write") write();
    else await run(step);
    if (trace.stopped !== undefined) return;
  }
}

interface Given {
  readonly params: { readonly [name: string]: Tensor };
  /** The params' values later. */
  readonly changed: { readonly [name: string]: Tensor };
  readonly inputs: { readonly [name: string]: Tensor };
  readonly elements: { readonly [name: string]: readonly Tensor[] };
}

async function interpretSource(graph: Graph, { params, changed, inputs, elements }: Given): Promise<Trace> {
  const trace = fresh();
  const interpreter = new Interpreter(graph, { params });
  await follow(scriptOf(graph), trace, () => interpreter.writeParams(changed), (program) => {
    try {
      const outs = interpreter.run(program, inputs, {
        streams: { ...elements, ...Object.fromEntries(Object.entries(trace.sent).map(([name, list]) => [name, (element: Tensor) => void list.push(element)])) },
        print: (label, values) => trace.prints.push([...(label === "" ? [] : [label]), ...values.map(({ type, data }) => formatTensor({ ...type, data }))].join(" ")),
        budget: 200_000,
      });
      trace.outs.push({ ...outs, ...Object.fromEntries(variablesOf(graph).map((name) => [name, interpreter.state(name)!])) });
    } catch (problem) {
      if (!(problem instanceof RuntimeError)) throw problem;
      trace.stopped = problem.problem;
    }
  });
  return trace;
}

const tensorOf = ({ dtype, shape, data }: HostTensor): Tensor => ({ type: { dtype, shape }, data });

async function runSource(graph: Graph, executable: Uint8Array, { workers, wideVectors, views, threads = false }: Way, { params, changed, inputs, elements }: Given): Promise<Trace> {
  const trace = fresh();
  const engine = await Engine.load(executable, { workers, wideVectors, params: toHost(params) });
  const inPlace = views && engine.manifest.target.memory === "shared";
  const write = (): void => {
    for (const [name, value] of Object.entries(toHost(changed))) {
      if (inPlace) engine.view(name).set(value.data as never);
      else engine.write(name, value);
    }
  };
  try {
    await follow(scriptOf(graph), trace, write, async (program) => {
      try {
        const options = {
          streams: {
            ...Object.fromEntries(Object.entries(elements).map(([name, list]) => [name, list.map(({ type, data }) => ({ ...type, data }))])),
            ...Object.fromEntries(Object.entries(trace.sent).map(([name, list]) => [name, (element: HostTensor) => void list.push(tensorOf(element))])),
          },
          print: (line: string) => trace.prints.push(line),
        };
        const outs = threads ? await engine.run(program, toHost(inputs), options) : engine.runSync(program, toHost(inputs), options);
        // What a program does not write is not among its outputs.
        const variables = Object.fromEntries(variablesOf(graph).map((name) => [name, engine.read(name)]));
        trace.outs.push(Object.fromEntries(Object.entries({ ...outs, ...variables }).map(([name, value]) => [name, tensorOf(value)])));
      } catch (problem) {
        if (!(problem instanceof GphError)) throw problem;
        trace.stopped = `${problem.code}: ${problem.message}`;
      }
    });
  } finally {
    await engine.close();
  }
  return trace;
}

function elementsDiffer(where: string, wanted: Tensor, actual: Tensor | undefined, error: number): string[] {
  if (!actual) return [`${where} is missing`];
  const { dtype } = wanted.type;
  for (let k = 0; k < wanted.data.length; k++) {
    const [a, b] = [wanted.data[k]!, actual.data[k]!];
    if (Object.is(a, b)) continue;
    const [x, y] = dtype === "bf16" ? [bf16ToNumber(Number(a)), bf16ToNumber(Number(b))] : [Number(a), Number(b)];
    if (Number.isNaN(x) && Number.isNaN(y)) continue;
    // A rounded zero may have either sign.
    if (isFloat(dtype) && error > 0 && Math.abs(x - y) <= error) continue;
    return [`${where}[${k}] should be ${x}, is ${y}${error > 0 ? ` (may differ by ${error})` : ""}`];
  }
  return [];
}

export function traceDifferences(wanted: Trace, actual: Trace, errors: ReadonlyMap<string, number>): string[] {
  if (wanted.stopped !== undefined || actual.stopped !== undefined) {
    return (wanted.stopped === undefined) === (actual.stopped === undefined) ? [] : [`the interpreter stopped: ${wanted.stopped ?? "no"}; the engine: ${actual.stopped ?? "no"}`];
  }
  const wrong: string[] = [];
  wanted.outs.forEach((outs, run) => {
    // Each program writes outs of its own; `main` all that are named y.
    const { [run]: got } = actual.outs;
    const partial = got !== undefined && !Object.keys(got).some((name) => /^y\d/.test(name));
    for (const [name, value] of Object.entries(outs)) wrong.push(...(actual.outs[run]?.[name] === undefined && (partial || /^[ore]\d/.test(name)) ? [] : elementsDiffer(`run ${run}: ${name}`, value, actual.outs[run]?.[name], errors.get(name) ?? 0)));
  });
  for (const [name, list] of Object.entries(wanted.sent)) {
    if (list.length !== actual.sent[name]!.length) wrong.push(`${name} was sent ${actual.sent[name]!.length} elements, not ${list.length}`);
    else list.forEach((value, k) => wrong.push(...elementsDiffer(`${name}, element ${k}`, value, actual.sent[name]![k], errors.get(name) ?? 0)));
  }
  if (wanted.prints.join("\n") !== actual.prints.join("\n")) wrong.push(`printed ${actual.prints.join(" / ")}, not ${wanted.prints.join(" / ")}`);
  return wrong;
}

/**
 * Whether a program may be too large for a machine: states, and what an op reads and writes in a network's backward pass, are
 * more than half of all tiles' memory. Whatever takes less must be given a plan.
 */
export function mayBeTooLarge({ states, values }: Pick<Graph, "states" | "values">, { tiles, bytesPerTile }: Pick<Target, "tiles" | "bytesPerTile">): boolean {
  const bytes = ({ type }: { readonly type: TensorType }): number => sizeOf(type.shape) * bytesOf(type.dtype);
  const kept = states.reduce((sum, state) => sum + bytes(state), 0);
  const largest = values.reduce((most, value) => Math.max(most, bytes(value)), 0);
  return kept + 3 * largest > (tiles * bytesPerTile) / 2;
}

const isFull = (problem: unknown): boolean => problem instanceof Refused && problem.diagnostics.every(({ problem: name, severity }) => name === "tile-memory-full" || severity === "warning");

export interface Outcome {
  readonly wrong: readonly string[];
  /** Why nothing could be compared. */
  readonly skipped?: string;
}

/** What differs on one machine. Throws where the compiler or the engine fails by its own mistake. */
export async function holds({ text, errors }: RandomSource, machine: Machine, seed: number): Promise<Outcome> {
  const { graph, diagnostics } = checkFile("fuzz.gph", { target: targetOf(machine), readFile: () => text });
  if (!graph) {
    const told = diagnostics.filter(({ severity }) => severity === "error");
    if (told.every(({ problem }) => problem === "not-supported")) return { wrong: [], skipped: told[0]!.message };
    return { wrong: told.map(({ problem, message, labels }) => `does not check: ${problem}: ${message} at ${text.slice(labels[0]?.span.start ?? 0, (labels[0]?.span.start ?? 0) + 80)}`) };
  }
  const next = numbers(seed);
  const [inputs, params] = [statesOf(graph, "in", next), statesOf(graph, "param", next)];
  const streams = graph.states.filter(({ role }) => role === "stream in");
  const elements = Object.fromEntries(streams.map(({ name, type }) => [name, Array.from({ length: 200 }, () => valueOf(zeros(type), next))]));
  const given = { inputs, params, elements, changed: statesOf(graph, "param", next) };
  const wanted = await interpretSource(graph, given);
  if (wanted.stopped === "budget-exceeded") return { wrong: [], skipped: "too long to interpret" };
  let executable: Uint8Array;
  try {
    executable = await executableFor(graph, targetOf(machine), { strictMath: machine.strictMath ?? false });
  } catch (problem) {
    if (isFull(problem) && mayBeTooLarge(graph, targetOf(machine))) return { wrong: [], skipped: "too large for its machine" };
    throw problem;
  }
  const actual = await runSource(graph, executable, { workers: machine.workers, wideVectors: false, views: false }, given);
  const wrong = traceDifferences(wanted, actual, errors);
  if (wrong.length > 0 || !machine.again) return { wrong };
  const wideVectors = machine.again.wideVectors && whyNarrow() === undefined;
  const other = await runSource(graph, executable, { ...machine.again, wideVectors }, given);
  return { wrong: traceDifferences(actual, other, new Map()).map((difference) => `run again (${JSON.stringify(machine.again)}): ${difference}`) };
}
