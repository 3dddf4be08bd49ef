/** Maps of rolled tensors that are cut alike: which are, and random ones against the interpreter, in executables too. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { target, withTiles } from "../../targets/targets.ts";
import type { Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { forEachNode } from "../rewrite.ts";
import { testContext } from "../testing/test-graph.ts";
import { verify } from "../verify.ts";
import { alignRolls } from "./align-rolls.ts";
import { fuseRolls } from "./fuse-rolls.ts";
import { fuse } from "./fuse.ts";
import { simplifyAlgebra } from "./simplify-algebra.ts";

const wasm = { ...testContext, target: target("wasm") };

/** Where each map of rolled tensors is cut. */
function cuts(body: string, context = wasm): unknown[] {
  const graph: Graph = graphOf(`graph g { in x: f32[5, 7]; in z: f32[5, 7]; out p: f32[5, 7]; out q: f32[5, 7]; out r: f32[5, 7]; program main { ${body} } }`);
  const after = [simplifyAlgebra, fuse, fuseRolls, alignRolls].reduce((before, pass) => pass.run(before, context), graph);
  verify(after);
  const found: unknown[] = [];
  for (const { body: block } of after.programs) forEachNode(block, ({ op, attributes }) => {
    if (op === "map_rolled") found.push(attributes["cuts"]);
  });
  return found;
}

describe("align-rolls", () => {
  it.each([
    ["maps of the same tensor", "p = roll(x, 1) + 1; q = roll(x, (0, 2)) * 2;", [[0, 1, 5], [0, 2, 7]], 2],
    ["a map that one of them reads", "let s = sqrt(x) / z; p = s * roll(x, (0, 1)); q = s - roll(z, (0, -1));", [[0, 5], [0, 1, 6, 7]], 3],
    ["one that is next to another", "p = roll(x, 1) + x; q = roll(x, 2) + z; r = roll(z, 3) - 1;", [[0, 1, 2, 3, 5], [0, 7]], 3],
  ])("cuts alike %s", (_, body, expected, times) => {
    expect(cuts(body)).toEqual(Array.from({ length: times }, () => expected));
  });

  it.each([
    ["a map alone", "p = roll(x, 1) + 1;"],
    ["what reads nothing in common", "p = roll(x, 1) + 1; q = roll(z, 2) + 1;"],
    ["what reads a result at other elements", "let s = roll(x, 1) + 1; p = s; q = roll(s, 2) * 2;"],
  ])("leaves %s", (_, body) => {
    expect(cuts(body).filter((one) => one !== undefined)).toEqual([]);
  });

  it("leaves all where each piece would be on a tile of its own", () => {
    expect(cuts("p = roll(x, 1) + 1; q = roll(x, (0, 2)) * 2;", { ...testContext, target: target("ipu-mk2") })).toEqual([undefined, undefined]);
  });

  it("gives the interpreter's bits, also in loops and on any number of tiles", async () => {
    const shift = fc.tuple(fc.integer({ min: -6, max: 6 }), fc.integer({ min: -9, max: 9 }));
    const field = fc.record({ rolls: fc.array(shift, { minLength: 1, maxLength: 2 }), reads: fc.nat(2) });
    const cases = fc.record({ m: fc.integer({ min: 1, max: 40 }), n: fc.integer({ min: 1, max: 70 }), fields: fc.array(field, { minLength: 2, maxLength: 3 }), dtype: fc.constantFrom("f32", "u8", "i32"), tiles: fc.constantFrom(1, 3, 16), workers: fc.constantFrom(1, 2) });
    await fc.assert(fc.asyncProperty(cases, async ({ m, n, fields, dtype, tiles, workers }) => {
      const names = fields.map((_, k) => `f${k}`);
      const lines = fields.map(({ rolls, reads }, k) => `let n${k} = ${rolls.map(([down, right]) => `roll(${names[reads % names.length]}, (${down}, ${right}))`).join(" + ")} + common * ${names[k]};`);
      const graph = graphOf(`graph g { in x: ${dtype}[${m}, ${n}]; in k: i32; ${names.map((name) => `out y${name}: ${dtype}[${m}, ${n}];`).join(" ")} program main {
        ${names.map((name, j) => `var ${name} = x * ${j + 1};`).join(" ")} repeat k { let common = max(${names.join(", ").replace(/^([^,]*, [^,]*).*/, "$1")}) * x; ${lines.join(" ")} ${names.map((name, j) => `${name} = n${j};`).join(" ")} }
        ${names.map((name) => `y${name} = ${name};`).join(" ")} } }`);
      const inputs = fillStates(graph, "in");
      await using engine = await engineFor(graph, withTiles(target("wasm"), tiles), workers);
      expect(differences(new Interpreter(graph, {}).run("main", inputs), engine.runSync(toHost(inputs)), 0)).toEqual([]);
    }), { numRuns: 40 });
  });
});
