/** The peers as contenders. They are installed by `npm run bench:install`, into a folder of their own. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Missing, type Contender, type Request } from "./contender.ts";
import { OnnxModel } from "./onnx.ts";
import { numbers, tensorsOf, type Tf, type Workload } from "./workload.ts";

const folder = new URL("../peers/", import.meta.url);
const require = createRequire(new URL("package.json", folder));

function load(name: string): unknown {
  if (!existsSync(new URL(`node_modules/${name}/package.json`, folder))) throw new Missing(`${name} is not installed: npm run bench:install`);
  return require(name);
}

// The peers' own types are not there where ours are checked.
interface OnnxTensor {
  readonly data: Float32Array;
}
interface OnnxSession {
  run(feeds: { readonly [name: string]: OnnxTensor }): Promise<{ readonly [name: string]: OnnxTensor }>;
  release(): Promise<void>;
}
interface Onnx {
  readonly env: { logLevel: string; readonly wasm: { numThreads: number } };
  readonly Tensor: new (dtype: "float32", data: Float32Array, shape: readonly number[]) => OnnxTensor;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
}

/** Both builds of ONNX Runtime; of the one for the web its WebAssembly backend, with as many threads for the whole process. */
export async function prepareOnnx(workload: Workload, { kind, threads }: Request): Promise<Contender> {
  if (workload.onnx === undefined) throw new Missing("no ONNX operators for it");
  const onnx = load(kind) as Onnx;
  onnx.env.logLevel = "error";
  if (kind === "onnxruntime-web") onnx.env.wasm.numThreads = threads;
  const model = new OnnxModel();
  workload.onnx(model);
  const session = await onnx.InferenceSession.create(model.finish(), {
    executionProviders: [kind === "onnxruntime-web" ? "wasm" : "cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
  });
  const given = [...workload.inputs, ...(workload.weights ?? []).filter(({ name }) => name === "gain" || name === "bias").filter(() => workload.name === "layer-norm")];
  const feeds = Object.fromEntries(given.map((spec) => [spec.name, new onnx.Tensor("float32", numbers(spec), spec.shape)]));
  return {
    run: () => session.run(feeds),
    steps: 1,
    output: async () => Float32Array.from((await session.run(feeds))[workload.output]!.data),
    close: () => session.release(),
  };
}

let tf: Tf | undefined;

async function loadTf(threads: number): Promise<Tf> {
  if (tf !== undefined) return tf;
  const loaded = load("@tensorflow/tfjs-core") as Tf;
  const backend = load("@tensorflow/tfjs-backend-wasm") as Tf;
  backend["setWasmPaths"](fileURLToPath(new URL("node_modules/@tensorflow/tfjs-backend-wasm/dist/", folder)));
  backend["setThreadsCount"](threads);
  loaded["env"]()["set"]("PROD", true);
  if (!(await loaded["setBackend"]("wasm"))) throw new Missing("its WebAssembly backend does not start");
  await loaded["ready"]();
  tf = loaded;
  return tf;
}

/** Kernels of its WebAssembly backend run at once, so a call ends with its result in memory. */
export async function prepareTf(workload: Workload, { threads }: Request): Promise<Contender> {
  if (workload.tfjs === undefined) throw new Missing("not written for it");
  const tf = await loadTf(threads);
  // Gradients are registered by the package that joins all of tfjs, which shares its core with the backend.
  if (workload.states !== undefined) load("@tensorflow/tfjs");
  const { back } = workload.tfjs;
  tf["engine"]()["startScope"]();
  const call = workload.tfjs.prepare(tf, tensorsOf(workload));
  return {
    run: () => call()["dispose"](),
    steps: 1,
    output() {
      const result = call();
      return Float32Array.from((back === undefined ? result : tf["transpose"](result, back))["dataSync"]());
    },
    close: () => tf["engine"]()["endScope"](),
  };
}
