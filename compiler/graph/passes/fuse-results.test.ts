/** Results finished where they are stored: what is fused, and that executables compute what the interpreter does. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import { target, withTiles } from "../../targets/targets.ts";
import type { Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { countOps } from "../print.ts";
import { verify } from "../verify.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuse } from "./fuse.ts";
import { fuseResults } from "./fuse-results.ts";
import { fuseUpdates } from "./fuse-updates.ts";
import { mergeEqualNodes } from "./merge-equal-nodes.ts";
import { packProducts } from "./pack-products.ts";
import { simplifyAlgebra } from "./simplify-algebra.ts";

const context = Object.assign(new Diagnostics(), { target: target("wasm") });

/** Checked text after the graph level's passes. */
function passed(source: string): Graph {
  let graph = graphOf(`import { conv2d, relu, softmax } from "std/nn";\n${source}`);
  for (const pass of [foldConstants, simplifyAlgebra, mergeEqualNodes, fuse, fuseUpdates, packProducts, fuseResults]) {
    graph = pass.run(graph, context);
    verify(graph);
  }
  return graph;
}

const counts = (source: string): { [op: string]: number } => {
  const free = ["read", "write", "slice", "reshape", "transpose", "broadcast", "repeat", "fill"];
  return Object.fromEntries(Object.entries(countOps(passed(source))).filter(([op]) => !free.includes(op)));
};

describe("fuse-results", () => {
  it.each([
    ["a bias, an activation and a residual behind a product", "in x: f32[4, 8]; in w: f32[8, 6]; in b: f32[6]; in r: f32[4, 6]; out y: f32[4, 6];", "y = relu(x @ w + b) * 2 + r;", { compute_map: 1 }],
    ["what is behind a convolution", "in x: f32[1, 2, 5, 5]; in k: f32[3, 2, 3, 3]; in r: f32[1, 3, 3, 3]; out y: f32[1, 3, 3, 3];", "y = relu(conv2d(x, k) + r);", { compute_map: 1 }],
    ["what is behind a reduction", "in x: f32[4, 8]; out y: f32[4];", "y = sqrt(sum(x * x, axis = 1));", { compute_map: 1 }],
    ["a comparison, whose dtype is another", "in x: f32[4, 8]; in w: f32[8, 6]; out y: bool[4, 6];", "y = x @ w > 0;", { compute_map: 1 }],
    ["a product in the product made last", "in x: f32[4, 8]; in w: f32[8, 6]; in v: f32[8, 6]; out y: f32[4, 6];", "y = tanh(x @ w + x @ v);", { matmul: 1, compute_map: 1 }],
    ["heads that are joined again", "in a: f32[2, 4, 4]; in v: f32[2, 4, 3]; out y: f32[4, 6];", "y = (a @ v).transpose(1, 0, 2).reshape(4, 6);", { compute_map: 1 }],
    ["an output whose axes are in another order", "in a: f32[2, 4, 4]; in v: f32[2, 4, 3]; out y: f32[4, 2, 3];", "y = (a @ v).transpose(1, 0, 2);", { compute_map: 1 }],
    ["a cheap map that two others want", "in x: f32[4, 8]; in w: f32[8, 6]; in b: f32[6]; out y: f32[4, 6]; out z: bool[4, 6];", "let p = x @ w + b; y = relu(p); z = p > 1;", { compute_map: 1, map: 2 }],
    ["a result seen with its axes in another order", "in a: f32[2, 4, 4]; in v: f32[2, 4, 3]; in r: f32[4, 2, 3]; out y: f32[4, 2, 3];", "y = (a @ v).transpose(1, 0, 2) + r;", { compute_map: 1 }],
  ] as const)("takes in %s", (_, states, body, expected) => {
    expect(counts(`graph g { ${states} program main { ${body} } }`)).toEqual(expected);
  });

  it.each([
    ["what has another use", "in x: f32[4, 8]; in w: f32[8, 6]; out y: f32[4, 6]; out z: f32[4, 6];", "let p = x @ w; y = tanh(p); z = p;", { matmul: 1, map: 1 }],
    ["a result that is spread", "in x: f32[4, 8]; out y: f32[4, 8];", "y = x / sum(x, axis = 1, keepdims = true);", { reduce: 1, map: 1 }],
    ["a result from outside of a loop", "in x: f32[4, 8]; in w: f32[8, 6]; out y: f32[4, 6];", "let p = x @ w; var s = x @ w; repeat 3 { s = tanh(s) + p; } y = s;", { matmul: 1, map: 1 }],
    ["an op that reads what it has stored", "in x: f32[4, 8]; out y: f32[4, 8];", "y = softmax(x, axis = 1) * 2;", { softmax: 1, map: 1 }],
    ["columns stored a row apart", "in x: f32[4, 8]; in w: f32[8, 6]; out y: f32[6, 4];", "y = (x @ w).transpose(1, 0);", { matmul: 1 }],
    ["sums of i32 that are stored in less", "in x: i32[4, 8]; in w: i32[8, 6]; out y: u8[4, 6];", "y = cast<u8>(x @ w);", { matmul: 1, map: 1 }],
    ["maps that the user cuts", "in x: f32[4, 8]; in w: f32[8, 6]; out y: f32[4, 6];", "y = partition(tanh(x @ w), (2, 1));", { matmul: 1, map: 1 }],
    ["a product whose operand changes in between", "in x: f32[4, 8]; in w: f32[8, 6]; out y: f32[4, 6]; out z: f32[4, 8];", "var u = x; let p = u @ w; u[0, :] = u[1, :] * 2; z = u; y = tanh(p) + sum(u);", { map: 2, update: 1, matmul: 1, reduce: 1 }],
  ] as const)("leaves %s", (_, states, body, expected) => {
    expect(counts(`graph g { ${states} program main { ${body} } }`)).toEqual(expected);
  });

  const bodies = ["p + b", "relu(p + b) + r", "select(p > r, p, r * b)", "tanh(p) * r", "cast<f32>(cast<f16>(p * b))", "(p + b) * (1 + erf((p + b) * 0.7))"];
  const shape = fc.record({
    m: fc.integer({ min: 1, max: 37 }), k: fc.integer({ min: 1, max: 70 }), n: fc.integer({ min: 1, max: 41 }),
    body: fc.constantFrom(...bodies), tiles: fc.constantFrom(1, 3, 16, 64), machine: fc.constantFrom("wasm", "ipu-mk2"),
  });

  it("gives executables that compute what the interpreter does, whatever is split", async () => {
    await fc.assert(fc.asyncProperty(shape, fc.constantFrom("x @ w.transpose(1, 0)", "x @ v", "sum(x.reshape(m, 1, k) * w, axis = 2)"), async ({ m, k, n, body, tiles, machine }, product) => {
      const graph = graphOf(`import { relu } from "std/nn"; graph g(m: int = ${m}, k: int = ${k}, n: int = ${n}) { in x: f32[m, k]; in w: f32[n, k]; in v: f32[k, n]; in b: f32[n]; in r: f32[m, n]; out y: f32[m, n]; program main { let p = ${product}; y = ${body}; } }`);
      const inputs = fillStates(graph, "in");
      const expected = new Interpreter(graph, {}).run("main", inputs);
      await using engine = await engineFor(graph, withTiles(target(machine), tiles));
      expect(differences(expected, engine.runSync(toHost(inputs)), body.includes("f16") ? 1e-3 : 2e-5)).toEqual([]);
    }), { numRuns: 40 });
  });

  it("splits long sums and finishes them where their parts are combined", async () => {
    const graph = graphOf(`graph g { in x: f32[200000]; in b: f32; out y: f32; program main { y = sqrt(sum(x * x)) + b; } }`);
    const inputs = fillStates(graph, "in");
    for (const machine of ["wasm", "ipu-mk2"]) {
      await using engine = await engineFor(graph, withTiles(target(machine), 16));
      expect(differences(new Interpreter(graph, {}).run("main", inputs), engine.runSync(toHost(inputs)), 1e-5)).toEqual([]);
    }
  });

  it("overwrites a residual that is dead, and nothing else", async () => {
    const graph = graphOf(`graph g { in w: f32[24, 24]; var h: f32[24, 24] = 1; out y: f32[24, 24]; program main { repeat 3 { h = h + (h.transpose(1, 0) @ w) * 0.1; h = h * 0.5 + w @ w; } y = h; } }`);
    const inputs = fillStates(graph, "in");
    await using engine = await engineFor(graph, withTiles(target("wasm"), 4));
    expect(differences(new Interpreter(graph, {}).run("main", inputs), engine.runSync(toHost(inputs)), 1e-5)).toEqual([]);
  });
});
