// A cold start of gph: the runtime as it is published, a compiled network, its first result. The file is the first argument.
import { readFileSync } from "node:fs";
import { Engine } from "../../../../dist/runtime/index.js";

const engine = await Engine.load(readFileSync(process.argv[2]));
const { y } = engine.runSync({ x: new Float32Array(784).fill(0.5) });
process.stdout.write(`${y.data[0]}\n`);
