/** What runs earlier and more seldom, what stays, and that the engine derives anew when a param changes. */
import { describe, expect, it } from "vitest";
import { Engine } from "../../../runtime/index.ts";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { compile } from "../../compile.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import { target } from "../../targets/targets.ts";
import type { Block, Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { countOpsIn, print } from "../print.ts";
import type { Tensor } from "../tensor.ts";
import { verify } from "../verify.ts";
import { hoistPacking } from "./hoist-packing.ts";
import { hoist } from "./hoist.ts";
import { packProducts } from "./pack-products.ts";

const context = (machine = "wasm") => Object.assign(new Diagnostics(), { target: target(machine) });
const header = `import { softmax } from "std/nn";\n`;

function hoisted(text: string, machine = "wasm"): Graph {
  const graph = hoist.run(graphOf(header + text), context(machine));
  verify(graph);
  return graph;
}

const free = new Set(["read", "write", "slice", "reshape", "transpose", "broadcast", "fill", "constant"]);
const computing = (block: Block): { [op: string]: number } => Object.fromEntries(Object.entries(countOpsIn(block)).filter(([op]) => !free.has(op)));
const loopOf = (graph: Graph, op = "repeat"): Block => graph.programs[0]!.body.nodes.find((node) => node.op === op)!.regions.at(-1)!;
const prepared = (graph: Graph): { [op: string]: number } => (graph.prepare ? computing(graph.prepare.body) : {});

describe("hoist: loops", () => {
  const loop = (body: string, states = "in x: f32[8]; in w: f32[8, 8]; in k: i32; out y: f32[8];"): Graph => hoisted(`graph g { ${states} program main { var u = x; ${body} y = u; } }`);

  it("computes in front of a loop what every round computes the same", () => {
    const graph = loop("repeat k { u = u @ (w * 2 + w.transpose(1, 0)) + sqrt(x); }");
    expect(computing(loopOf(graph))).toEqual({ matmul: 1, add: 1 });
  });

  it("leaves loops of loops as far as it can", () => {
    const graph = loop("repeat 3 { let a = exp(x); repeat 4 { let b = tanh(u); repeat 5 { u = u + a * b; } } }");
    const middle = loopOf(graph).nodes.find(({ op }) => op === "repeat")!.regions[0]!;
    const inner = middle.nodes.find(({ op }) => op === "repeat")!.regions[0]!;
    expect([countOpsIn(loopOf(graph))["exp"], countOpsIn(middle)["tanh"], countOpsIn(inner)["mul"]]).toEqual([undefined, 1, undefined]);
    expect(middle.nodes.findIndex(({ op }) => op === "mul")).toBeLessThan(middle.nodes.findIndex(({ op }) => op === "repeat"));
  });

  it("leaves the condition of a loop too", () => {
    const graph = loop("while sum(u) < sum(x * x) { u = u * 2; }");
    expect(graph.programs[0]!.body.nodes.find(({ op }) => op === "while")!.regions.map((region) => computing(region))).toEqual([{ reduce: 1, lt: 1 }, { mul: 1 }]);
  });

  it.each([
    ["what is spread from little", "repeat k { u = u @ (x.reshape(64, 1) * x); }", { mul: 1, matmul: 1 }, "in x: f32[64]; in k: i32; out y: f32[64];"],
    ["what a branch may not reach", "repeat k { if sum(u) > 0 { u = exp(x); } }", { reduce: 1, gt: 1, exp: 1, if: 1 }, "in x: f32[8]; in k: i32; out y: f32[8];"],
    ["a division that may fail", "repeat k { u = u + 7 / x; }", { div: 1, add: 1 }, "in x: i32[8]; in k: i32; out y: i32[8];"],
    ["what indices lead", "repeat k { u = u + gather(x, i); }", { gather: 1, add: 1 }, "in x: f32[8]; in i: i32[8]; in k: i32; out y: f32[8];"],
  ] as const)("leaves %s", (_, body, expected, states) => {
    const graph = loop(body, states);
    expect(computing(loopOf(graph)), print(graph)).toMatchObject(expected);
  });
});

describe("hoist: params", () => {
  const source = "graph g { in x: f32[4, 8]; param w: f32[8, 6]; param v: f32[8, 6]; out y: f32[4, 6]; out z: f32[4, 6]; program main { y = x @ (w * v + 1) + sqrt(v[0:4, :]); } program other { z = x @ (w * v + 1); } }";

  it("prepares once what several programs compute of the same params", () => {
    const graph = hoisted(source);
    expect(prepared(graph)).toEqual({ mul: 1, add: 1, sqrt: 1 });
    expect(graph.states.filter(({ role }) => role === "derived").map(({ name }) => name)).toEqual(["add w v", "sqrt v"]);
    expect(graph.programs.map(({ body }) => computing(body))).toEqual([{ matmul: 1, add: 1 }, { matmul: 1 }]);
  });

  it("prepares nothing for machines with private memories", () => {
    expect(hoisted(source, "ipu-mk2").prepare).toBeUndefined();
  });

  it("prepares nothing where there is no room for params twice", () => {
    const graph = hoisted("graph g { in x: f32[4]; param w: f32[600000000]; out y: f32[4]; program main { y = x * (w[0:4] * 2); } }");
    expect(graph.prepare).toBeUndefined();
  });

  it("packs weights when they are loaded, also those that were prepared", () => {
    const text = "graph g { in x: f32[32, 512]; param w: f32[512, 512]; param v: f32[512, 512]; out y: f32[32, 512]; out z: f32[32, 512]; program main { y = x @ w; z = x @ (v * 2); } }";
    const graph = [packProducts, hoistPacking].reduce((before, pass) => pass.run(before, context()), hoisted(text));
    verify(graph);
    expect(prepared(graph)).toEqual({ mul: 1, pack_columns: 2 });
    expect(computing(graph.programs[0]!.body)).toEqual({ matmul_packed: 2 });
    expect(graph.states.filter(({ role }) => role === "derived")).toHaveLength(2);
  });

  it("leaves what programs give or the user can see", () => {
    const graph = hoisted("graph g { in x: f32[4]; var s: f32[4] = 2; param w: f32[4]; out y: f32[4]; program main { y = w; s = s * x; } }");
    expect(graph.prepare).toBeUndefined();
  });
});

describe("an engine", () => {
  const source = `graph g { in x: f32[2, 6]; param w: f32[6, 6]; out y: f32[2, 6]; program main { y = x @ (w @ w) + exp(w[0:2, :]); } }`;
  const graph = graphOf(source);
  const x = fillStates(graph, "in");
  const first = fillStates(graph, "param")["w"]!;
  const second: Tensor = { type: first.type, data: Float32Array.from(first.data as Float32Array, (value) => 1 - value) };
  const wanted = (w: Tensor) => new Interpreter(graph, { params: { w } }).run("main", x);
  const host = (w: Tensor) => toHost({ w })["w"]!;

  it.each([1, 2])("derives anew when a param is written, with %i workers", async (workers) => {
    expect(hoisted(source).prepare).toBeDefined();
    await using engine = await engineFor(graph, target("wasm"), workers, { w: first });
    expect(engine.manifest.prepare).toBe("prepare");
    expect(engine.manifest.states.map(({ name }) => name)).toEqual(["x", "w", "y"]);
    expect(differences(wanted(first), engine.runSync(toHost(x)), 1e-5)).toEqual([]);
    engine.write("w", host(second));
    expect(differences(wanted(second), engine.runSync(toHost(x)), 1e-5)).toEqual([]);
    engine.write("w", host(first));
    expect(differences(wanted(first), await engine.run(toHost(x)), 1e-5)).toEqual([]);
    expect(differences(wanted(first), await engine.run(toHost(x)), 1e-5)).toEqual([]);
  });

  it("sees what is written through a view", async () => {
    await using engine = await engineFor(graph, target("wasm"), 1, { w: first });
    const view = engine.view("w");
    for (const w of [first, second, first]) {
      view.set(w.data as never);
      expect(differences(wanted(w), engine.runSync(toHost(x)), 1e-5)).toEqual([]);
    }
  });

  it("derives of baked params, and of what overwrites them", async () => {
    const { executable } = await compile("g.gph", { readFile: () => source, weights: new Map([["w", host(first)]]) });
    await using engine = await Engine.load(executable!);
    expect(differences(wanted(first), engine.runSync(toHost(x)), 1e-5)).toEqual([]);
    engine.write("w", host(second));
    expect(differences(wanted(second), await engine.run(toHost(x)), 1e-5)).toEqual([]);
  });
});
