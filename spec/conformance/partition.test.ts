/** `partition(e, parts)`: the user's split of one op wins, on both kinds of memory, and changes no result. */
import { describe, expect, it } from "vitest";
import { checkFile, compile } from "../../compiler/compile.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { differences, engineFor, fillStates, toHost } from "./support.ts";

const source = `graph g(m: int = 40, n: int = 30) {
  in a: f32[m, n];
  in x: f32[n];
  out y: f32[m];
  out z: f32[m, n];
  program main {
    y = partition(a @ x, (5, 3));
    z = partition(a * 2, (4, 2)) + 1;
  }
}
`;
const readFile = (): string => source;

describe.each(["wasm", "ipu-mk2"])("on %s", (machine) => {
  const tiled = withTiles(target(machine), 16);

  it("cuts as asked", async () => {
    const { printed } = await compile("g.gph", { target: tiled, readFile, after: "lower-to-tiled" });
    expect(printed).toMatch(/^ *5×3 × matmul /m);
    expect(printed).toMatch(/^ *4×2 × map /m);
  });

  it("keeps the results", async () => {
    const { graph } = checkFile("g.gph", { target: tiled, readFile });
    const inputs = fillStates(graph!, "in");
    const expected = new Interpreter(graph!).run("main", inputs);
    const engine = await engineFor(graph!, tiled);
    expect(differences(expected, engine.runSync("main", toHost(inputs)), 1e-6)).toEqual([]);
    await engine.close();
  });

  it("says which dimension must stay whole", async () => {
    const text = `import { softmax } from "std/nn";\ngraph g { in a: f32[4, 6]; out y: f32[4, 6]; program main { y = partition(softmax(a), (1, 2)); } }`;
    const { diagnostics } = await compile("g.gph", { target: tiled, readFile: () => text });
    expect(diagnostics.map(({ problem, message }) => `${problem}: ${message}`)).toEqual(["not-supported: softmax cannot be cut into 1 × 2 parts: one of these dimensions must stay whole"]);
  });
});
