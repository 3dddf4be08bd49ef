/** Supersteps whose phases share much are run tile by tile: no result depends on it, nor on who drives the tiles. */
import { describe, expect, it } from "vitest";
import { checkFile } from "../../compiler/compile.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { differences, engineFor, fillStates, toHost } from "./support.ts";

// Three phases without a sync over 320 KB, inside a loop and outside; then one that reads across tiles.
const source = `fn centred(x: f32[40, 2048]) -> f32[40, 2048] {
  let d = x - mean(x, axis = 1, keepdims = true);
  return d * rsqrt(mean(d * d, axis = 1, keepdims = true) + 0.5);
}
graph g {
  in x: f32[40, 2048];
  var v: f32[40, 2048] = 0.5;
  out y: f32[40, 2048];
  out z: f32[2048, 40];
  program main {
    repeat 3 { v = centred(v + x); }
    y = centred(2 * x) + v;
    z = transpose(y);
  }
}
`;
const readFile = (): string => source;

describe("phases tile by tile", () => {
  const { graph } = checkFile("g.gph", { target: target("wasm"), readFile });
  const inputs = fillStates(graph!, "in");
  const expected = new Interpreter(graph!).run("main", inputs);

  it.each([[3, 1], [3, 2], [16, 1], [16, 2]])("on %d tiles with %d workers", async (tiles, workers) => {
    const engine = await engineFor(graph!, withTiles(target("wasm"), tiles), workers);
    expect(differences(expected, engine.runSync("main", toHost(inputs)), 1e-5)).toEqual([]);
    await engine.close();
  });

  it("run on all tiles again after a run that a trap has ended among them", async () => {
    // The last row's division by zero comes when most tiles have had their turn.
    const dividing = `graph g { in x: i32[40, 2048]; in d: i32[40, 2048]; out y: i32[40, 2048]; program main { let q = x / d; y = q - max(q, axis = 1, keepdims = true); } }`;
    const { graph: built } = checkFile("g.gph", { target: target("wasm"), readFile: () => dividing });
    const [x, changed, d] = [Int32Array.from({ length: 40 * 2048 }, (_, at) => (at * 37) % 1001), Int32Array.from({ length: 40 * 2048 }, (_, at) => (at * 53) % 907), new Int32Array(40 * 2048).fill(3)];
    for (const workers of [1, 2]) {
      const engine = await engineFor(built!, target("wasm"), workers);
      const expected = engine.runSync("main", { x: changed, d })["y"]!.data;
      engine.runSync("main", { x, d });
      expect(() => engine.runSync("main", { x, d: d.with(39 * 2048, 0) })).toThrow("divi");
      const after = engine.runSync("main", { x: changed, d })["y"]!.data;
      expect(expected.findIndex((one, at) => one !== after[at])).toBe(-1);
      await engine.close();
    }
  });
});
