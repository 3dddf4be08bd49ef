/** Scatters of whole rows, which are cut along the rows and gone through by a worker's vertices together: as the interpreter has them. */
import { describe, expect, it } from "vitest";
import { checkFile } from "../../compiler/compile.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { differences, engineFor, fillStates, toHost } from "./support.ts";

// Parts of equal length, and a last one that is shorter, by itself: of whole vectors, or of vectors and a rest. Indices come often, from both ends.
const source = `graph g {
  in words: i32[6, 20];
  in x: f32[33, 256];
  in u: f32[6, 20, 256];
  in odd: f32[33, 200];
  in v: f32[120, 200];
  in short: f32[33, 208];
  in w: f32[120, 208];
  in halves: f16[33, 512];
  in h: f16[120, 512];
  in bytes: i8[33, 256];
  in b: i8[6, 20, 256];
  out sums: f32[33, 256];
  out largest: f32[33, 256];
  out last: f32[33, 256];
  out oddSums: f32[33, 200];
  out shortSums: f32[33, 208];
  out halfSums: f16[33, 512];
  out byteSums: i8[33, 256];
  program main {
    let places = words - 2;
    let flat = places.reshape(120);
    sums = scatter_add(x, places, u);
    largest = scatter_max(x, places, sqrt(u));
    last = scatter_update(x, places, u);
    oddSums = scatter_add(odd, flat, v);
    shortSums = scatter_add(short, flat, w);
    halfSums = scatter_add(halves, flat, h);
    byteSums = scatter_add(bytes, places, b);
  }
}
`;
const readFile = (): string => source;

describe("scatters of whole rows", () => {
  const { graph } = checkFile("g.gph", { target: target("wasm"), readFile });
  const inputs = fillStates(graph!, "in");
  const expected = new Interpreter(graph!).run("main", inputs);

  it.each([[1, 1], [3, 1], [3, 2], [16, 1], [16, 2], [1472, 2]])("on %d tiles with %d workers", async (tiles, workers) => {
    const engine = await engineFor(graph!, withTiles(target("wasm"), tiles), workers);
    expect(differences(expected, engine.runSync("main", toHost(inputs)), 0)).toEqual([]);
    await engine.close();
  });
});
