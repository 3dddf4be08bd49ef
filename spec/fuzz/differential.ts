/** One source through the interpreter and through the whole compiler, on several machines; what differs is a bug. */
import { isBig, isFloat } from "../../runtime/dtype.ts";
import { GphError, type HostTensor } from "../../runtime/index.ts";
import { formatTensor } from "../../runtime/print.ts";
import { checkFile } from "../../compiler/compile.ts";
import type { Graph } from "../../compiler/graph/graph.ts";
import { Interpreter, RuntimeError } from "../../compiler/graph/interpret.ts";
import { put, zeros, type Tensor } from "../../compiler/graph/tensor.ts";
import { bf16ToNumber } from "../../runtime/bf16.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import type { Target } from "../../compiler/targets/target.ts";
import { engineFor, toHost } from "../conformance/support.ts";
import type { RandomSource } from "./sources.ts";

export interface Machine {
  readonly name: "wasm" | "ipu-mk2";
  readonly tiles: number;
  readonly workers: number;
}

export const machines: readonly Machine[] = (["wasm", "ipu-mk2"] as const).flatMap((name) => [1, 2, 3, 5, 16, 40, 1472].map((tiles) => ({ name, tiles, workers: 1 })));

/** Small work is split all the same, so that tiles meet. */
const targetOf = ({ name, tiles }: Machine): Target => ({ ...withTiles(target(name), tiles), grain: 1 });

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
const runs = 2;

interface Given {
  readonly inputs: { [name: string]: Tensor };
  readonly elements: { readonly [name: string]: readonly Tensor[] };
}

export function interpretSource(graph: Graph, params: { [name: string]: Tensor }, given: Given): Trace {
  const trace = fresh();
  const interpreter = new Interpreter(graph, { params });
  for (let run = 0; run < runs; run++) {
    try {
      const outs = interpreter.run("main", given.inputs, {
        streams: { ...given.elements, ...Object.fromEntries(Object.entries(trace.sent).map(([name, list]) => [name, (element: Tensor) => void list.push(element)])) },
        print: (label, values) => trace.prints.push([...(label === "" ? [] : [label]), ...values.map(({ type, data }) => formatTensor({ ...type, data }))].join(" ")),
        budget: 200_000,
      });
      trace.outs.push({ ...outs, ...Object.fromEntries(variablesOf(graph).map((name) => [name, interpreter.state(name)!])) });
    } catch (problem) {
      if (!(problem instanceof RuntimeError)) throw problem;
      trace.stopped = problem.problem;
      break;
    }
  }
  return trace;
}

const tensorOf = ({ dtype, shape, data }: HostTensor): Tensor => ({ type: { dtype, shape }, data });

async function runSource(graph: Graph, machine: Machine, params: { [name: string]: Tensor }, given: Given): Promise<Trace> {
  const trace = fresh();
  const engine = await engineFor(graph, targetOf(machine), machine.workers, params);
  try {
    for (let run = 0; run < runs; run++) {
      try {
        const outs = engine.runSync("main", toHost(given.inputs), {
          streams: {
            ...Object.fromEntries(Object.entries(given.elements).map(([name, list]) => [name, list.map(({ type, data }) => ({ ...type, data }))])),
            ...Object.fromEntries(Object.entries(trace.sent).map(([name, list]) => [name, (element: HostTensor) => void list.push(tensorOf(element))])),
          },
          print: (line) => trace.prints.push(line),
        });
        // What main does not write is not among its outputs.
        const variables = Object.fromEntries(variablesOf(graph).map((name) => [name, engine.read(name)]));
        trace.outs.push(Object.fromEntries(Object.entries({ ...outs, ...variables }).map(([name, value]) => [name, tensorOf(value)])));
      } catch (problem) {
        if (!(problem instanceof GphError)) throw problem;
        trace.stopped = `${problem.code}: ${problem.message}`;
        break;
      }
    }
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
    for (const [name, value] of Object.entries(outs)) wrong.push(...(actual.outs[run]?.[name] === undefined && /^[ore]\d/.test(name) ? [] : elementsDiffer(`run ${run}: ${name}`, value, actual.outs[run]?.[name], errors.get(name) ?? 0)));
  });
  for (const [name, list] of Object.entries(wanted.sent)) {
    if (list.length !== actual.sent[name]!.length) wrong.push(`${name} was sent ${actual.sent[name]!.length} elements, not ${list.length}`);
    else list.forEach((value, k) => wrong.push(...elementsDiffer(`${name}, element ${k}`, value, actual.sent[name]![k], errors.get(name) ?? 0)));
  }
  if (wanted.prints.join("\n") !== actual.prints.join("\n")) wrong.push(`printed ${actual.prints.join(" / ")}, not ${wanted.prints.join(" / ")}`);
  return wrong;
}

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
  const wanted = interpretSource(graph, params, { inputs, elements });
  if (wanted.stopped === "budget-exceeded") return { wrong: [], skipped: "too long to interpret" };
  return { wrong: traceDifferences(wanted, await runSource(graph, machine, params, { inputs, elements }), errors) };
}
