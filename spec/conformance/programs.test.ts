/**
 * The canonical programs on every kind of machine: each result equals the interpreter's, on wasm and on a modelled machine,
 * on 1, 3, 16 and 1,472 tiles, and to the bit for any number of workers.
 */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { checkFile } from "../../compiler/compile.ts";
import type { Graph } from "../../compiler/graph/graph.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import type { Engine } from "../../runtime/index.ts";
import { differences, engineFor, fillStates, toHost } from "./support.ts";

/** Sizes are odd and small; `tolerance` is 0 where no sum is reordered. */
const programs: readonly { name: string; parameters: { [name: string]: number }; tolerance: number; limit?: number }[] = [
  { name: "heat", parameters: { n: 37, steps: 9 }, tolerance: 0 },
  { name: "life", parameters: { n: 21, steps: 7 }, tolerance: 0, limit: 2 },
  { name: "mandelbrot", parameters: { height: 19, width: 23, limit: 40 }, tolerance: 0 },
  { name: "matvec", parameters: { m: 45, n: 31 }, tolerance: 1e-6 },
  { name: "mlp", parameters: { batch: 5, hidden: 17 }, tolerance: 1e-5, limit: 256 },
  { name: "solve", parameters: { n: 13, limit: 25 }, tolerance: 1e-4 },
  { name: "encoder", parameters: { seq: 11, d: 24, heads: 3, ffn: 40 }, tolerance: 1e-5 },
];

function graphOf(name: string, parameters: { [name: string]: number }, tiles: number): Graph {
  const path = new URL(`../../examples/${name}/${name}.gph`, import.meta.url);
  const { graph, diagnostics } = checkFile(`${name}.gph`, { parameters, target: withTiles(target("wasm"), tiles), readFile: () => readFileSync(path, "utf8") });
  if (!graph) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return graph;
}

describe.each(programs)("$name", ({ name, parameters, tolerance, limit }) => {
  const engines: Engine[] = [];
  afterAll(() => Promise.all(engines.map((engine) => engine.close())));

  it.each([["wasm", 1], ["wasm", 3], ["wasm", 16], ["wasm", 1472], ["ipu-mk2", 1], ["ipu-mk2", 3], ["ipu-mk2", 16], ["ipu-mk2", 1472]] as const)("on %s with %i tiles", async (machine, tiles) => {
    const graph = graphOf(name, parameters, tiles);
    const [inputs, params] = [fillStates(graph, "in", limit), fillStates(graph, "param")];
    const expected = new Interpreter(graph, { params }).run("main", inputs);
    // Small work is split all the same, so that tiles meet.
    const engine = await engineFor(graph, { ...withTiles(target(machine), tiles), grain: 1 }, 1, params);
    engines.push(engine);
    const first = engine.runSync("main", toHost(inputs));
    expect(differences(expected, first, tolerance)).toEqual([]);
    // A second run begins from the same state.
    expect(differences(expected, engine.runSync("main", toHost(inputs)), tolerance)).toEqual([]);
  });

  it.each(["wasm", "ipu-mk2"])("has the same bits with two workers on %s", async (machine) => {
    const graph = graphOf(name, parameters, 16);
    const [inputs, params] = [fillStates(graph, "in", limit), fillStates(graph, "param")];
    const [one, two] = await Promise.all([1, 2].map((workers) => engineFor(graph, { ...withTiles(target(machine), 16), grain: 1 }, workers, params)));
    engines.push(one!, two!);
    const expected = one!.runSync("main", toHost(inputs));
    const tensors = Object.fromEntries(Object.entries(expected).map(([key, { dtype, shape, data }]) => [key, { type: { dtype, shape }, data }]));
    expect(differences(tensors, await two!.run("main", toHost(inputs)), 0)).toEqual([]);
  });
});
