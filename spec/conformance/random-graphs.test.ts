/** Random graphs through every pass and level: the engine gives what the interpreter gives, on both kinds of memory. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Graph } from "../../compiler/graph/graph.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { randomGraph, randomInputs } from "../../compiler/graph/testing/random-graph.ts";
import { RuntimeError } from "../../compiler/graph/runtime-error.ts";
import type { Tensor } from "../../compiler/graph/tensor.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { differences, engineFor, toHost } from "./support.ts";

const sinks = (graph: Graph, keep: (value: number) => void): { [name: string]: (tensor: { data: ArrayLike<number | bigint> }) => void } =>
  Object.fromEntries(graph.states.filter(({ role }) => role === "stream out").map(({ name }) => [name, (tensor) => keep(Number(tensor.data[0]))]));

async function hold(decisions: readonly number[], seed: number, machine: string, tiles: number, workers: number): Promise<void> {
  const graph = randomGraph(decisions);
  const inputs = randomInputs(graph, seed);
  const sent: number[][] = [[], []];
  let expected: { [name: string]: Tensor };
  try {
    expected = new Interpreter(graph).run("main", inputs, { streams: sinks(graph, (value) => sent[0]!.push(value)) as never });
  } catch (error) {
    if (error instanceof RuntimeError) return;
    throw error;
  }
  const engine = await engineFor(graph, { ...withTiles(target(machine), tiles), grain: 1 }, workers);
  try {
    const actual = engine.runSync("main", toHost(inputs), { streams: sinks(graph, (value) => sent[1]!.push(value)) as never });
    expect(differences(expected, actual, 2e-5)).toEqual([]);
    expect(sent[1]!.length).toBe(sent[0]!.length);
  } finally {
    await engine.close();
  }
}

describe("random graphs", () => {
  it.each([["wasm", 1, 1], ["wasm", 5, 1], ["ipu-mk2", 1, 1], ["ipu-mk2", 5, 1], ["ipu-mk2", 40, 1], ["wasm", 16, 2]] as const)("on %s with %i tiles and %i workers", async (machine, tiles, workers) => {
    const runs = Number(process.env["GPH_RUNS"] ?? 25);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { minLength: 20, maxLength: 120 }), fc.nat(), (decisions, seed) => hold(decisions, seed, machine, tiles, workers)),
      { numRuns: workers > 1 ? Math.ceil(runs / 5) : runs },
    );
  });
});
