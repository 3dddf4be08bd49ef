/** For conformance tests: one program through the interpreter and through the whole compiler, and how their results differ. */
import { bf16ToNumber } from "../../runtime/bf16.ts";
import { isFloat, type TypedArray } from "../../runtime/dtype.ts";
import { Engine, writeExecutable, type HostTensor, type RunSyncOptions } from "../../runtime/index.ts";
import { loadBinaryen } from "../../compiler/emit/binaryen.ts";
import { emitModule } from "../../compiler/emit/module.ts";
import type { Graph } from "../../compiler/graph/graph.ts";
import { put, zeros, type Tensor } from "../../compiler/graph/tensor.ts";
import { runPipeline } from "../../compiler/pipeline.ts";
import { Diagnostics, type Diagnostic } from "../../compiler/support/diagnostic.ts";
import { randomNumbers } from "../../compiler/support/testing/random-numbers.ts";
import type { Target } from "../../compiler/targets/target.ts";

/** Compiles a checked graph and loads it; throws with the diagnostics when it does not compile. */
export async function engineFor(graph: Graph, target: Target, workers = 1, params: { readonly [name: string]: Tensor } = {}): Promise<Engine> {
  return Engine.load(await executableFor(graph, target), { workers, params: toHost(params) });
}

/** A program was refused. */
export class Refused extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(({ message }) => message).join("\n"));
    this.diagnostics = diagnostics;
  }
}

export async function executableFor(graph: Graph, target: Target, { strictMath = false } = {}): Promise<Uint8Array> {
  const reporter = new Diagnostics();
  const planned = runPipeline(graph, { target, reporter, strictMath });
  if (!planned) throw new Refused(reporter.list);
  await loadBinaryen();
  const { wasm, manifest } = emitModule(planned, { target, sources: new Map(), version: "test", strictMath });
  return writeExecutable(wasm, manifest);
}

export function toHost(tensors: { readonly [name: string]: Tensor }): { [name: string]: HostTensor } {
  return Object.fromEntries(Object.entries(tensors).map(([name, { type, data }]) => [name, { dtype: type.dtype, shape: type.shape, data }]));
}

/** Deterministic values for every state of a role: floats in [-1, 1), integers 0 to 4. */
export function fillStates(graph: Graph, role: "in" | "param", limit = 5): { [name: string]: Tensor } {
  const next = randomNumbers(12345);
  return Object.fromEntries(graph.states.filter((state) => state.role === role).map((state) => {
    const tensor = zeros(state.type);
    for (let i = 0; i < tensor.data.length; i++) {
      const value = next();
      put(tensor, i, isFloat(state.type.dtype) ? value * 2 - 1 : state.type.dtype.endsWith("64") ? BigInt(Math.floor(value * limit)) : Math.floor(value * limit));
    }
    return [state.name, tensor];
  }));
}

/** What a tolerance is for elements of bf16 and f16: of their own precision at least. */
const coarsest: { readonly [dtype: string]: number } = { bf16: 2 ** -7, f16: 2 ** -10 };

/** Where the results differ by more than `tolerance` relative to the largest element (0: not a bit, NaN payloads aside). */
export function differences(expected: { readonly [name: string]: Tensor }, actual: { readonly [name: string]: HostTensor }, tolerance: number): string[] {
  return Object.entries(expected).flatMap(([name, { type, data }]) => {
    const got = actual[name];
    if (!got) return [`${name} is missing`];
    const numbers = type.dtype === "bf16" ? [data, got.data].map((list) => Float32Array.from(list as Uint16Array, bf16ToNumber)) : [data, got.data];
    const allowed = tolerance === 0 || !isFloat(type.dtype) ? 0 : Math.max(tolerance, coarsest[type.dtype] ?? 0) * largest(numbers[0]!);
    for (let i = 0; i < data.length; i++) {
      const [a, b] = [numbers[0]![i]!, numbers[1]![i]!];
      if (Object.is(a, b) || Math.abs(Number(a) - Number(b)) <= allowed && allowed > 0) continue;
      return [`${name}[${i}] should be ${a}, is ${b}`];
    }
    return [];
  });
}

const largest = (data: TypedArray): number => {
  let most = 1e-30;
  for (const value of data) if (Number.isFinite(Number(value))) most = Math.max(most, Math.abs(Number(value)));
  return most;
};

export type { RunSyncOptions };
