/** The networks of ../shared/models: real models with trained weights, and what onnxruntime computes with them. */
import { existsSync, readFileSync } from "node:fs";
import type { Target } from "../../compiler/targets/target.ts";
import { target } from "../../compiler/targets/targets.ts";
import { Engine, readNpy, type HostTensor } from "../../runtime/index.ts";
import type { Tensor } from "../../compiler/builder/index.ts";
import { peak } from "../bench/limits.ts";
import { compare } from "../bench/rounds.ts";
import type { Call } from "./call.ts";
import { difference } from "./cases.ts";
import { importModel, type Imported, type Operators } from "./import.ts";
import { readModel, type OnnxNode } from "./model.ts";
import { operators } from "./operators/index.ts";

const folder = new URL("../../../shared/models/", import.meta.url);
const digits = new URL("../../../shared/data/mnist/test-images.npy", import.meta.url);

export const present = existsSync(folder) && existsSync(digits);

const array = (name: string): HostTensor => readNpy(readFileSync(new URL(name, folder)));

export interface Network {
  readonly name: string;
  readonly imported: Imported;
  /** What it is given, run by run. */
  readonly inputs: readonly HostTensor[];
  /** What it should give: each output of each run. */
  readonly expected: readonly (readonly HostTensor[])[];
  /** Floating-point operations of its products and convolutions, in one run. */
  readonly operations: number;
}

/** The operators, those of products and convolutions writing down by node how many operations they are. */
function counting(counts: Map<OnnxNode, number>): Operators {
  const size = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);
  const products: { readonly [op: string]: (call: Call) => number } = { Conv: (call) => size(call.x(1).shape.slice(1)), MatMul: (call) => call.x(0).shape.at(-1)! };
  return new Map([...operators].map(([name, operator]) => {
    const each = products[name];
    if (each === undefined) return [name, operator];
    return [name, (call) => {
      const y = operator(call) as Tensor;
      counts.set(call.node, 2 * each(call) * size(y.shape));
      return y;
    }];
  }));
}

function network(name: string, inputs: readonly HostTensor[], expected: readonly (readonly HostTensor[])[]): Network {
  const model = readModel(readFileSync(new URL(`${name}.onnx`, folder)));
  const [input] = model.graph.inputs.filter((each) => !model.graph.initialisers.has(each));
  const counts = new Map<OnnxNode, number>();
  const imported = importModel(model, counting(counts), new Map([[input!, inputs[0]!]]));
  return { name, imported, inputs, expected, operations: [...counts.values()].reduce((sum, count) => sum + count, 0) };
}

/** The first 200 digits, one by one. */
export function digitNetwork(): Network {
  const images = readNpy(readFileSync(digits)).data as Uint8Array;
  const logits = array("mnist-cnn.expected-200.npy").data as Float32Array;
  const inputs = Array.from({ length: 200 }, (_, k): HostTensor => ({ dtype: "f32", shape: [1, 1, 28, 28], data: Float32Array.from(images.subarray(k * 784, (k + 1) * 784)) }));
  return network("mnist-cnn", inputs, inputs.map((_, k) => [{ dtype: "f32", shape: [1, 10], data: logits.slice(k * 10, (k + 1) * 10) }]));
}

/** One photograph. */
export function faceDetector(): Network {
  return network("face-detector", [array("face-detector.input.npy")], [[array("face-detector.scores.npy"), array("face-detector.boxes.npy")]]);
}

/** The first output that differs from what is expected, by the rule of the models' README. */
export async function wrongOutput(which: Network, machine: Target): Promise<string | undefined> {
  return withEngine(which, machine, (run) => {
    for (const [k, input] of which.inputs.entries()) {
      const wrong = difference(run(input), which.expected[k]!, { rtol: 1e-3, atol: 1e-5 });
      if (wrong !== undefined) return `run ${k}: ${wrong}`;
    }
    return undefined;
  });
}

async function withEngine<T>({ imported }: Network, machine: Target, use: (run: (input: HostTensor) => HostTensor[]) => T | Promise<T>): Promise<T> {
  const { executable, diagnostics } = await imported.builder.compile({ target: machine });
  if (executable === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  await using engine = await Engine.load(executable, { workers: 1, params: imported.params });
  return await use((input) => {
    const results = engine.runSync("main", { input_0: input });
    return imported.outputs.map((_, k) => results[`output_${k}`]!);
  });
}

/** Whether each network is right, and its time beside that of the machine's fused multiply–adds, one worker, without wide vectors. */
export async function measureModels(): Promise<string[]> {
  const fastest = await peak(true);
  const lines: string[] = [];
  for (const which of [digitNetwork(), faceDetector()]) {
    const wrong = await wrongOutput(which, target("wasm"));
    const [own, limit] = await withEngine(which, target("wasm"), (run) => compare([{ name: which.name, operations: which.operations, workers: 1, run: () => void run(which.inputs[0]!) }, fastest], { milliseconds: 3000, roundMilliseconds: 50, leastRounds: 10 }));
    const [speed, most] = [which.operations / own!, fastest.operations / limit!];
    lines.push(`${which.name}: ${wrong ?? "right"}; ${(own! * 1e3).toPrecision(3)} ms for ${(which.operations / 1e6).toPrecision(3)} million operations, ${Math.round((100 * speed) / most)} % of the machine's peak`);
  }
  return lines;
}
