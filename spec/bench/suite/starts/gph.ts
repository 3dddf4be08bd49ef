/** A cold start of gph: the runtime, a compiled network, its first result. The file is the first argument. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { Engine } from "../../../../runtime/index.ts";

const engine = await Engine.load(readFileSync(process.argv[2]!));
const { y } = engine.runSync({ x: new Float32Array(784).fill(0.5) });
process.stdout.write(`${y!.data[0]}\n`);
