/**
 * Gradients in compiled programs. The training program on both kinds of memory and several numbers of tiles: its losses and weights are
 * those of a reimplementation of the network here, step by step. Random formulas: what is compiled is what is interpreted.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkFile, compile, planFile } from "../../compiler/compile.ts";
import type { Graph } from "../../compiler/graph/graph.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { formulaInputs, randomFormula } from "../../compiler/graph/testing/random-formula.ts";
import { graphOf } from "../../compiler/graph/testing/gradients.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { isFloat } from "../../runtime/dtype.ts";
import { Engine } from "../../runtime/index.ts";
import { nowhere } from "../../compiler/support/span.ts";
import { differences, engineFor, toHost } from "./support.ts";
import { Perceptron } from "./perceptron.ts";

const path = new URL("../../examples/train/train.gph", import.meta.url);
const sizes = { batch: 5, steps: 4, hidden: 9, lr: 0.1, seed: 3 };

function trainingGraph(tiles: number): Graph {
  const { graph, diagnostics } = checkFile("train.gph", { parameters: sizes, target: withTiles(target("wasm"), tiles), readFile: () => readFileSync(path, "utf8") });
  if (!graph) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return graph;
}

/** Deterministic images and labels, one batch for each step. */
const images = Array.from({ length: sizes.steps }, (_, step) => Uint8Array.from({ length: sizes.batch * 784 }, (__, i) => ((i * 31 + step * 17) % 97) * 2));
const labels = Array.from({ length: sizes.steps }, (_, step) => Uint8Array.from({ length: sizes.batch }, (__, i) => (i * 3 + step) % 10));

describe("the training program", () => {
  it.each([["wasm", 1], ["wasm", 3], ["wasm", 16], ["wasm", 1472], ["ipu-mk2", 3], ["ipu-mk2", 16], ["ipu-mk2", 1472]] as const)("on %s with %i tiles has the losses of its formulas", async (machine, tiles) => {
    const graph = trainingGraph(tiles);
    await using engine = await engineFor(graph, { ...withTiles(target(machine), tiles), grain: 64 });
    const weights = (): { [name: string]: Float32Array } => Object.fromEntries(["w1", "b1", "w2", "b2"].map((name) => [name, engine.read(name).data as Float32Array]));
    // A program that changes nothing gives the vars their first values.
    engine.runSync("evaluate", {}, { streams: { images, labels } });
    const expected = new Perceptron(weights(), sizes.lr);
    const losses: number[] = [];
    engine.runSync("epoch", {}, { streams: { images, labels, losses: ({ data }: { readonly data: ArrayLike<number | bigint> }) => void losses.push(Number(data[0])) } });
    const wanted = images.map((batch, step) => expected.step(batch, labels[step]!));
    losses.forEach((loss, step) => expect(Math.abs(loss - wanted[step]!)).toBeLessThan(1e-5));
    expect(losses.length).toBe(sizes.steps);
    for (const [name, values] of Object.entries(weights())) {
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.weights[name]![i]!)), 0);
      expect(worst, name).toBeLessThan(1e-5);
    }
  });
});

/** Blocks of three layers each; with `again` they are computed again for the gradient. */
const deep = `
fn block<n>(x: f32[n, n], w: f32[n, n]) -> f32[n, n] {
  return tanh(tanh(tanh(x @ w) @ w) @ w);
}
graph deep(n: int = 64, again: bool = false) {
  in x: f32[n, n];
  var w: f32[n, n] = 0.01;
  program main {
    let a = again ? recompute(block(x, w)) : block(x, w);
    let b = again ? recompute(block(a, w)) : block(a, w);
    let c = again ? recompute(block(b, w)) : block(b, w);
    let d = again ? recompute(block(c, w)) : block(c, w);
    w -= 0.01 * grad(sum(d * d), w);
  }
}`;

describe("what is computed again", () => {
  it("takes less memory and gives the same bits", async () => {
    const planned = await Promise.all([false, true].map(async (again) => {
      const options = { parameters: { again }, readFile: () => deep };
      const { plan } = planFile("deep.gph", options);
      const { executable } = await compile("deep.gph", options);
      await using engine = await Engine.load(executable!);
      engine.runSync("main", { x: Float32Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i)) });
      return { bytes: plan!.memory!.bytes, weights: engine.read("w").data as Float32Array };
    }));
    const [kept, again] = planned as [(typeof planned)[0], (typeof planned)[0]];
    expect(again.bytes).toBeLessThan(0.8 * kept.bytes);
    expect(Buffer.from(again.weights.buffer).equals(Buffer.from(kept.weights.buffer))).toBe(true);
  });
});

describe("random formulas", () => {
  it.each([["wasm", 1], ["wasm", 3], ["ipu-mk2", 5]] as const)("have the interpreter's gradients on %s with %i tiles", async (machine, tiles) => {
    await fc.assert(fc.asyncProperty(fc.array(fc.nat(997), { minLength: 4, maxLength: 40 }), fc.nat(5), async (list, seed) => {
      const [formula, inputs] = [randomFormula(list), formulaInputs(seed)];
      const types = inputs.map(({ type }) => type);
      const floats = types.flatMap(({ dtype }, k) => (isFloat(dtype) ? [k] : []));
      const graph = graphOf(types, (builder, values) => {
        const loss = formula(builder, values);
        return [loss, ...builder.node("grad", { inputs: [loss, ...floats.map((k) => values[k]!)], attributes: { wrt: floats.length }, outputs: floats.map((k) => types[k]!), origin: nowhere })];
      });
      const given = Object.fromEntries(inputs.map((input, k) => [`in${k}`, input]));
      await using engine = await engineFor(graph, { ...withTiles(target(machine), tiles), grain: 1 });
      expect(differences(new Interpreter(graph).run("main", given), engine.runSync("main", toHost(given)), 1e-10)).toEqual([]);
    }), { numRuns: 12 });
  });
});
