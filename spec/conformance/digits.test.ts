/**
 * Real digits with trained weights: what the networks read, against PyTorch's logits on the same images. The data lies
 * beside the project, in ../shared/data; without it these tests are skipped.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile } from "../../compiler/compile.ts";
import { target } from "../../compiler/targets/targets.ts";
import { Engine, readNpy, readSafetensors } from "../../runtime/index.ts";

const data = new URL("../../../shared/data/mnist/", import.meta.url);
const programs = new URL("../../../shared/programs/", import.meta.url);
const present = existsSync(data) && existsSync(programs);
if (!present) console.warn("skipped: the digits are not in ../shared/data/mnist");

const array = (name: string) => readNpy(readFileSync(new URL(name, data)));

/** The digits read and all logits, batch by batch. */
async function read(name: string, machine: string, workers: number): Promise<{ right: number; logits: Float32Array }> {
  const { executable } = await compile(`${name}.gph`, { target: target(machine), readFile: () => readFileSync(new URL(`${name}.gph`, programs), "utf8") });
  const params = Object.fromEntries(readSafetensors(readFileSync(new URL(`${name}.safetensors`, data))));
  await using engine = await Engine.load(executable!, { workers, params });
  const images = array("test-images.npy").data as Uint8Array;
  const labels = array("test-labels.npy").data as Uint8Array;
  const logits = new Float32Array(labels.length * 10);
  const batch = 100;
  for (let first = 0; first < labels.length; first += batch) {
    const outputs = engine.runSync({ images: images.slice(first * 784, (first + batch) * 784) });
    logits.set(outputs["logits"]!.data as Float32Array, first * 10);
  }
  let right = 0;
  labels.forEach((label, i) => {
    const row = logits.subarray(i * 10, i * 10 + 10);
    if (row.indexOf(Math.max(...row)) === label) right++;
  });
  return { right, logits };
}

function worst(name: string, logits: Float32Array): number {
  const expected = array(`${name}-test-logits.npy`).data as Float32Array;
  return logits.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}

describe.skipIf(!present)("digits", () => {
  it("mlp reads 1,868 of 2,000 on wasm, with the same bits for one and two workers", async () => {
    const [one, two] = [await read("mlp", "wasm", 1), await read("mlp", "wasm", 2)];
    expect(Math.abs(one.right - 1868)).toBeLessThanOrEqual(1);
    expect(worst("mlp", one.logits)).toBeLessThan(1e-4);
    expect(Buffer.from(two.logits.buffer).equals(Buffer.from(one.logits.buffer))).toBe(true);
  });

  it("mlp reads the same on a modelled machine", async () => {
    const { right, logits } = await read("mlp", "ipu-mk2", 1);
    expect(Math.abs(right - 1868)).toBeLessThanOrEqual(1);
    expect(worst("mlp", logits)).toBeLessThan(1e-4);
  });

  it("cnn reads 1,947 of 2,000", async () => {
    const { right, logits } = await read("cnn", "wasm", 1);
    expect(Math.abs(right - 1947)).toBeLessThanOrEqual(1);
    expect(worst("cnn", logits)).toBeLessThan(1e-3);
  });
});
