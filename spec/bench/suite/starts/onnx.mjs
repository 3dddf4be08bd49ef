// A cold start of ONNX Runtime: the package's entry, its first argument; a model, its second; its first result.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../peers/package.json", import.meta.url));
const onnx = require(process.argv[2]);
onnx.env.logLevel = "error";
onnx.env.wasm.numThreads = 1;
const session = await onnx.InferenceSession.create(readFileSync(process.argv[3]), { executionProviders: [process.argv[2] === "onnxruntime-web" ? "wasm" : "cpu"], intraOpNumThreads: 1 });
const { y } = await session.run({ x: new onnx.Tensor("float32", new Float32Array(784).fill(0.5), [1, 784]) });
process.stdout.write(`${y.data[0]}\n`, () => process.exit());
