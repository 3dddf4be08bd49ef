/** A transformer encoder block with made-up weights, checked against plain loops in doubles. */
import type { HostValue } from "../../index.ts";
import { expect, loadProgram } from "../support.ts";
import { encoder, type Weights } from "./reference.ts";

const sizes = { seq: 32, d: 64, heads: 4, ffn: 128 };
const { seq, d, ffn } = sizes;

// Always the same: a sine of the element's number, of a different frequency for each tensor.
let frequency = 1;
function made(length: number, size: number): Float32Array {
  frequency += 0.37;
  return Float32Array.from({ length }, (_, index) => size * Math.sin(frequency * (index + 1) ** 1.1));
}

const weights: Weights = {
  ln1_g: made(d, 0.1).map((value) => 1 + value), ln1_b: made(d, 0.1),
  wqkv: made(d * 3 * d, 0.2), bqkv: made(3 * d, 0.1),
  wo: made(d * d, 0.2), bo: made(d, 0.1),
  ln2_g: made(d, 0.1).map((value) => 1 + value), ln2_b: made(d, 0.1),
  w1: made(d * ffn, 0.2), b1: made(ffn, 0.1),
  w2: made(ffn * d, 0.2), b2: made(d, 0.1),
};
const x = made(seq * d, 1);

await using engine = await loadProgram(new URL("encoder.gph", import.meta.url), { parameters: sizes });
for (const [name, value] of Object.entries(weights)) engine.write(name, value as HostValue);
const y = engine.runSync("main", { x }).y!.data as Float32Array;

const expected = encoder(sizes, x, weights);
const error = y.reduce((worst, value, index) => Math.max(worst, Math.abs(value - expected[index]!)), 0);
expect(error < 1e-3, `y differs from plain loops by ${error}`);
console.log(`A transformer block over ${seq} × ${d} with ${sizes.heads} heads: off by at most ${error.toExponential(1)} from plain loops in doubles.`);
