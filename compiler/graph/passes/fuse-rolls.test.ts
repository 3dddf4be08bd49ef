/** Maps of rolled tensors: what is fused, and random ones against the interpreter, in executables too. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { target, withTiles } from "../../targets/targets.ts";
import type { Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { countOps } from "../print.ts";
import { testContext } from "../testing/test-graph.ts";
import { verify } from "../verify.ts";
import { fuseRolls } from "./fuse-rolls.ts";
import { fuse } from "./fuse.ts";
import { simplifyAlgebra } from "./simplify-algebra.ts";

function passed(graph: Graph): Graph {
  const after = [simplifyAlgebra, fuse, fuseRolls].reduce((before, pass) => pass.run(before, testContext), graph);
  verify(after);
  return after;
}

const program = (body: string): Graph => graphOf(`graph g { in x: f32[5, 7]; in z: f32[5, 7]; out y: f32[5, 7]; program main { ${body} } }`);

describe("fuse-rolls", () => {
  it.each([
    ["rolls of maps", "y = roll(x, 1) + roll(x, (0, -1)) - 2 * z;", { map_rolled: 1 }],
    ["a roll of a roll", "y = roll(roll(x, 2), (-2, 1)) * 2;", { map_rolled: 1 }],
    ["several sources", "y = roll(x, 1) * roll(z, -1);", { map_rolled: 1 }],
  ] as const)("takes in %s", (_, body, expected) => {
    const { read: _reads, write: _writes, fill: _fills, broadcast: _spread, ...counts } = countOps(passed(program(body)));
    expect(counts).toEqual(expected);
  });

  it.each([
    ["a roll that goes round", "y = roll(roll(x, 2), -2) * 2;", "map"],
    ["what would be cut into many pieces", `y = ${Array.from({ length: 6 }, (_, k) => `roll(x, (${k % 5}, ${k}))`).join(" + ")};`, "roll"],
    ["what the user cuts", "y = partition(roll(x, 1) * 2, (2, 1));", "roll"],
    ["a roll that is no part of a map", "y = roll(x, 1);", "roll"],
  ])("leaves %s", (_, body, kept) => {
    const counts = countOps(passed(program(body)));
    expect(counts).not.toHaveProperty("map_rolled");
    expect(counts).toHaveProperty(kept);
  });

  it("gives the interpreter's bits, also in loops and on any number of tiles", async () => {
    const shifts = fc.tuple(fc.integer({ min: -6, max: 6 }), fc.integer({ min: -9, max: 9 }));
    const cases = fc.record({ m: fc.integer({ min: 1, max: 40 }), n: fc.integer({ min: 1, max: 70 }), rolls: fc.array(shifts, { minLength: 1, maxLength: 3 }), dtype: fc.constantFrom("f32", "u8", "i32"), tiles: fc.constantFrom(1, 3, 16), machine: fc.constantFrom("wasm", "ipu-mk2") });
    await fc.assert(fc.asyncProperty(cases, async ({ m, n, rolls, dtype, tiles, machine }) => {
      const terms = rolls.map(([down, right]) => `roll(u, (${down}, ${right}))`).join(" + ");
      const graph = graphOf(`graph g { in x: ${dtype}[${m}, ${n}]; in k: i32; out y: ${dtype}[${m}, ${n}]; program main { var u = x; repeat k { u = ${terms} + x; } y = u; } }`);
      const inputs = fillStates(graph, "in");
      await using engine = await engineFor(graph, withTiles(target(machine), tiles));
      expect(differences(new Interpreter(graph, {}).run("main", inputs), engine.runSync(toHost(inputs)), 0)).toEqual([]);
    }), { numRuns: 40 });
  });
});
