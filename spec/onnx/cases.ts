/** The cases of ../shared/onnx: read, imported, run, and compared with the expected outputs. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { BuildError } from "../../compiler/builder/index.ts";
import type { Target } from "../../compiler/targets/target.ts";
import { bf16ToNumber } from "../../runtime/bf16.ts";
import { isFloat } from "../../runtime/dtype.ts";
import { Engine } from "../../runtime/engine.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { upTo } from "./call.ts";
import { importModel, type Imported } from "./import.ts";
import { readModel, readTensor, type OnnxModel } from "./model.ts";
import { NotCovered } from "./not-covered.ts";
import { operators } from "./operators/index.ts";

const root = new URL("../../../shared/onnx/", import.meta.url);

/** Whether the data, which lies beside the project, is there. */
export const present = existsSync(root);

/** A row of the manifest. */
export interface Case {
  readonly name: string;
  readonly group: string;
  readonly ops: readonly string[];
  readonly category: string;
  readonly rtol: number;
  readonly atol: number;
}

export function cases(): readonly Case[] {
  const manifest = JSON.parse(readFileSync(new URL("manifest.json", root), "utf8")) as readonly Case[] | { readonly cases: readonly Case[] };
  return Array.isArray(manifest) ? (manifest as readonly Case[]) : (manifest as { readonly cases: readonly Case[] }).cases;
}

/** A case with its data: what the graph inputs that are no initialisers are given, and what the outputs must be. */
export interface Loaded {
  readonly model: OnnxModel;
  readonly given: ReadonlyMap<string, HostTensor>;
  readonly expected: readonly HostTensor[];
}

export function load({ group, name }: Case): Loaded {
  const folder = new URL(`${group}/${name}/`, root);
  const data = new URL("test_data_set_0/", folder);
  const model = readModel(readFileSync(new URL("model.onnx", folder)));
  const files = readdirSync(data);
  const tensors = (kind: string): HostTensor[] => files.filter((file) => file.startsWith(`${kind}_`)).map((_, k) => readTensor(readFileSync(new URL(`${kind}_${k}.pb`, data))));
  const inputs = tensors("input");
  const names = model.graph.inputs.filter((input) => !model.graph.initialisers.has(input));
  if (inputs.length > names.length) throw new Error(`${name} has ${inputs.length} inputs in files and ${names.length} in the model`);
  return { model, given: new Map(inputs.map((tensor, k) => [names[k]!, tensor])), expected: tensors("output") };
}

export type Outcome = { readonly status: "passes" } | { readonly status: "not covered" | "wrong"; readonly reason: string };

/** How a graph is run: by the interpreter, or compiled for a machine. */
export type Runner = (imported: Imported) => readonly HostTensor[] | Promise<readonly HostTensor[]>;

export const compiledFor = (target: Target): Runner => async ({ builder, inputs, params, outputs }) => {
  const { executable, diagnostics } = await builder.compile({ target });
  if (executable === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  await using engine = await Engine.load(executable, { workers: 1, params });
  const results = engine.runSync("main", inputs);
  return outputs.map((_, k) => results[`output_${k}`]!);
};

/** Imports and runs one case. What is thrown besides a refusal is a mistake of ours, and the case is wrong. */
export async function runCase(one: Case, ...runners: readonly Runner[]): Promise<Outcome> {
  try {
    const { model, given, expected } = load(one);
    const imported = importModel(model, operators, given);
    for (const runner of runners) {
      const wrong = difference(await runner(imported), expected, toleranceOf(one));
      if (wrong !== undefined) return { status: "wrong", reason: wrong };
    }
    return { status: "passes" };
  } catch (problem) {
    if (problem instanceof NotCovered) return { status: "not covered", reason: problem.message };
    const reason = problem instanceof BuildError ? problem.message : problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
    return { status: "wrong", reason };
  }
}

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** That of the manifest; zeros of Fourier transforms have the rounding errors of another algorithm in the expected outputs, up to 2e-7. */
const toleranceOf = ({ ops, rtol, atol }: Case): Tolerance => (ops.includes("DFT") ? { rtol, atol: Math.max(atol, 1e-6) } : { rtol, atol });

/** By the rule of the cases: |actual − expected| ≤ atol + rtol · |expected|; whole numbers and bools exactly. */
export function difference(actual: readonly HostTensor[], expected: readonly HostTensor[], { rtol, atol }: Tolerance): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} outputs, expected ${expected.length}`;
  for (const [k, wanted] of expected.entries()) {
    const given = actual[k]!;
    const types = [given, wanted].map(({ dtype, shape }) => `${dtype}[${shape.join(", ")}]`) as [string, string];
    if (types[0] !== types[1]) return `output ${k} is ${types[0]}, expected ${types[1]}`;
    const wrong = upTo(wanted.data.length).filter((at) => !near(elementOf(given, at), elementOf(wanted, at), isFloat(wanted.dtype), rtol, atol));
    if (wrong.length > 0) return `output ${k}, ${wrong.length} of ${wanted.data.length} elements: element ${wrong[0]} is ${elementOf(given, wrong[0]!)}, expected ${elementOf(wanted, wrong[0]!)}`;
  }
  return undefined;
}

const elementOf = ({ dtype, data }: HostTensor, at: number): number | bigint => (dtype === "bf16" ? bf16ToNumber(data[at] as number) : data[at]!);

function near(actual: number | bigint, expected: number | bigint, float: boolean, rtol: number, atol: number): boolean {
  if (actual === expected) return true;
  if (!float || typeof actual === "bigint" || typeof expected === "bigint") return false;
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  return Number.isFinite(expected) && Math.abs(actual - expected) <= atol + rtol * Math.abs(expected);
}
