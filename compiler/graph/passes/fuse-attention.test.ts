/** Fused attention against the interpreter, in the forms in which it is written: random shapes, masks, element types and tiles. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, executableFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { pageBytes, readExecutable } from "../../../runtime/executable.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import type { Pass } from "../../support/pass.ts";
import { target, withTiles } from "../../targets/targets.ts";
import { forEachNode } from "../rewrite.ts";
import type { Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { print } from "../print.ts";
import { get, tensor, type Tensor } from "../tensor.ts";
import { verify } from "../verify.ts";
import { differentiate } from "./differentiate.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuse } from "./fuse.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { mergeEqualNodes } from "./merge-equal-nodes.ts";
import { simplifyAlgebra } from "./simplify-algebra.ts";

const before: readonly Pass<Graph, Graph>[] = [differentiate, foldConstants, simplifyAlgebra, mergeEqualNodes, fuse];

function passed(graph: Graph, { machine = target("wasm"), strictMath = false } = {}): Graph {
  const context = Object.assign(new Diagnostics(), { target: machine, strictMath });
  const result = [...before, fuseAttention].reduce((current, pass) => pass.run(current, context), graph);
  verify(result);
  return result;
}

const attentions = (graph: Graph): number => print(graph).match(/attention\(/g)?.length ?? 0;

const minusInfinity = "-1.0 / 0.0";
const queryAt = "iota<i32>(m).reshape(m, 1)";
const keyAt = "iota<i32>(n).reshape(1, n)";
/** Of the scores, by name: what becomes of them before softmax. */
const forms = {
  plain: "s",
  scaled: "s / sqrt(d)",
  added: "s * 0.5 + z",
  hidden: `select(b, s, ${minusInfinity})`,
  causal: `select(${queryAt} >= ${keyAt}, s * 0.25, ${minusInfinity})`,
  window: `select((${keyAt} <= ${queryAt} + 2) & (${queryAt} - ${keyAt} < 40), s, ${minusInfinity})`,
  fractions: `select(iota<f32>(m).reshape(m, 1) * 0.5 > iota<f32>(n) - 1, s, ${minusInfinity})`,
  late: `s * 0.25 + select(${keyAt} > ${queryAt} + (n - m), ${minusInfinity}, 0)`,
} as const;

interface Case {
  readonly form: keyof typeof forms;
  readonly dtype: "f32" | "f64" | "f16" | "bf16";
  /** 0: none, and matrices alone. */
  readonly heads: number;
  /** Whether all heads share keys and values. */
  readonly shared: boolean;
  readonly m: number;
  readonly n: number;
  readonly d: number;
  readonly c: number;
  readonly tiles: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  form: fc.constantFrom(...(Object.keys(forms) as (keyof typeof forms)[])), dtype: fc.constantFrom("f32", "f32", "f32", "f64", "f16", "bf16"),
  heads: fc.integer({ min: 0, max: 9 }), shared: fc.boolean(), m: fc.integer({ min: 30, max: 200 }), n: fc.integer({ min: 16, max: 100 }),
  d: fc.integer({ min: 1, max: 9 }), c: fc.integer({ min: 1, max: 19 }), tiles: fc.constantFrom(1, 3, 16, 1472),
}).map((one) => ({ ...one, n: one.n + Math.ceil(2 ** 17 / (Math.min(8, Math.max(1, one.heads)) * one.m)) }));

function graphFor({ form, dtype, heads, shared, m, n, d, c }: Case): Graph {
  const all = heads === 0 ? "" : `${heads}, `;
  const own = shared ? "" : all;
  const transposed = own === "" ? "transpose(1, 0)" : "transpose(0, 2, 1)";
  return graphOf(`import { softmax } from "std/nn";
graph g(m: int = ${m}, n: int = ${n}, d: int = ${d}) {
  in q: ${dtype}[${all}m, d]; in k: ${dtype}[${own}n, d]; in v: ${dtype}[${own}n, ${c}]; in z: ${dtype}[m, n]; in b: bool[m, n];
  out y: ${dtype}[${all}m, ${c}];
  program main { let s = q @ k.${transposed}; y = softmax(${forms[form]}) @ v; }
}`);
}

const tolerance = { f32: 1e-5, f64: 1e-13, f16: 4e-3, bf16: 3e-2 } as const;

/** Inputs of which every query sees a key. */
function inputsFor(graph: Graph): { [name: string]: Tensor } {
  const inputs = fillStates(graph, "in", 2);
  const [m, n] = inputs["b"]!.type.shape as [number, number];
  return { ...inputs, b: tensor("bool", [m, n], Array.from({ length: m * n }, (_, flat) => Number(flat % 3 !== 1 || flat % n === 0))) };
}

describe("fuse-attention", () => {
  it("does not change what the interpreter computes", () => {
    fc.assert(fc.property(cases, (one) => {
      const graph = graphFor(one);
      const inputs = inputsFor(graph);
      const fused = passed(graph);
      expect(attentions(fused)).toBe(1);
      const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
      expect(differences(expected, toHost(new Interpreter(fused, { params: {} }).run("main", inputs)), 0)).toEqual([]);
    }), { numRuns: 4 });
  });

  it("runs on any number of tiles as the interpreter says", async () => {
    await fc.assert(fc.asyncProperty(cases, async (one) => {
      const graph = graphFor(one);
      const inputs = inputsFor(graph);
      const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
      await using engine = await engineFor(graph, withTiles(target("wasm"), one.tiles));
      expect(differences(expected, engine.runSync(toHost(inputs)), tolerance[one.dtype])).toEqual([]);
    }), { numRuns: 7 });
  });

  it("takes keys in several blocks where there are many", async () => {
    const graph = graphFor({ form: "added", dtype: "f32", heads: 2, shared: false, m: 33, n: 2090, d: 9, c: 17, tiles: 16 });
    const inputs = inputsFor(graph);
    await using engine = await engineFor(graph, target("wasm"));
    expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), engine.runSync(toHost(inputs)), 1e-5)).toEqual([]);
  });

  it("gives the same bits for any number of workers", async () => {
    const graph = graphFor({ form: "causal", dtype: "f32", heads: 6, shared: false, m: 150, n: 150, d: 16, c: 16, tiles: 16 });
    const inputs = toHost(inputsFor(graph));
    await using one = await engineFor(graph, target("wasm"), 1);
    await using two = await engineFor(graph, target("wasm"), 2);
    expect(two.runSync(inputs)).toEqual(one.runSync(inputs));
  });

  it("finds attention through reshapes of batches, and joins the heads where it stores", () => {
    const graph = graphOf(`import { softmax } from "std/nn";
graph g {
  in x: f32[2, 128, 24]; in mask: f32[2, 1, 1, 128]; out y: f32[2, 128, 24];
  fn split(t: f32[2, 128, 24]) -> f32[8, 128, 6] { return t.reshape(2, 128, 4, 6).transpose(0, 2, 1, 3).reshape(8, 128, 6); }
  program main {
    let scores = split(x) @ split(2 * x).transpose(0, 2, 1);
    let weights = softmax(scores.reshape(2, 4, 128, 128) / 4 + mask, axis = -1).reshape(8, 128, 128);
    y = (weights @ split(3 - x)).reshape(2, 4, 128, 6).transpose(0, 2, 1, 3).reshape(2, 128, 24);
  }
}`);
    const fused = passed(graph);
    expect(attentions(fused)).toBe(1);
    const inputs = fillStates(graph, "in");
    expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), toHost(new Interpreter(fused, { params: {} }).run("main", inputs)), 0)).toEqual([]);
  });

  it("finds that of the library", () => {
    expect(attentions(passed(graphOf(`import { attention } from "std/nn"; graph g { in x: f32[2, 256, 8]; out y: f32[2, 256, 8]; program main { y = attention(x, x * 2, x + 1); } }`)))).toBe(1);
  });

  const withBody = (body: string, outputs = ""): Graph => graphOf(`import { softmax } from "std/nn"; graph g { in x: f32[3, 256, 8]; out y: f32[3, 256, 8]; ${outputs} program main { ${body} } }`);

  it.each([
    ["whose weights are needed elsewhere", "let w = softmax(x @ x.transpose(0, 2, 1)); y = w @ x; z = w;", "out z: f32[3, 256, 256];"],
    ["whose scores are needed elsewhere", "let s = x @ x.transpose(0, 2, 1); y = softmax(s) @ x; z = s;", "out z: f32[3, 256, 256];"],
    ["that is differentiated", "let s = sum(softmax(x @ x.transpose(0, 2, 1)) @ x); y = grad(s, x);", ""],
    ["along the queries", "y = softmax(x @ x.transpose(0, 2, 1), axis = 1) @ x;", ""],
    ["of few scores", "y[:, 0:64] = softmax(x[:, 0:64] @ x[:, 0:64].transpose(0, 2, 1)) @ x[:, 0:64];", ""],
    ["of few queries", "y[:, 0:5] = softmax(x[:, 0:5] @ x.transpose(0, 2, 1)) @ x;", ""],
    ["whose weights several values share", "y = softmax(x[0] @ x[1].transpose(1, 0)) @ x;", ""],
  ])("leaves attention %s", (_, body, outputs) => {
    expect(attentions(passed(withBody(body, outputs)))).toBe(0);
  });

  it("leaves attention on tiles with memories of their own", () => {
    expect(attentions(passed(withBody("y = softmax(x @ x.transpose(0, 2, 1)) @ x;"), { machine: target("ipu-mk2") }))).toBe(0);
  });

  /** The input that says how many keys each query sees. */
  function limitsOf(one: Case, strictMath = false): number[] | undefined {
    const { programs, values } = passed(graphFor(one), { strictMath });
    let found: number[] | undefined;
    const constants = new Map<number, Tensor>();
    forEachNode(programs[0]!.body, (node) => {
      if (node.op === "constant") constants.set(node.outputs[0]!, { type: values[node.outputs[0]!]!.type, data: node.attributes["data"] as Tensor["data"] });
      if (node.op !== "attention" || node.attributes["limits"] !== true) return;
      const limits = constants.get(node.inputs[3]!)!;
      found = Array.from({ length: limits.type.shape[0]! }, (_, row) => Number(get(limits, row)));
    });
    return found;
  }
  const masked = (form: keyof typeof forms): Case => ({ form, dtype: "f32", heads: 6, shared: false, m: 150, n: 160, d: 4, c: 4, tiles: 16 });
  const rows = (limit: (row: number) => number): number[] => Array.from({ length: 150 }, (_, row) => limit(row));

  it("knows how many keys a mask by position shows", () => {
    expect(limitsOf(masked("causal"))).toEqual(rows((row) => row + 1));
    expect(limitsOf(masked("window"))).toEqual(rows((row) => Math.min(160, row + 3)));
    expect(limitsOf(masked("late"))).toEqual(rows((row) => row + 11));
    expect(limitsOf(masked("fractions"))).toEqual(rows((row) => Math.ceil(row / 2 + 1)));
    expect(limitsOf(masked("hidden"))).toBeUndefined();
    expect(limitsOf(masked("causal"), true)).toBeUndefined();
  });

  it("gives NaN for a query that sees no key, as softmax does", async () => {
    for (const [m, n] of [[256, 512], [64, 2100]] as const) {
      const graph = graphOf(`import { softmax } from "std/nn"; graph g { in q: f32[${m}, 4]; in k: f32[${n}, 4]; in b: bool[${m}, ${n}]; out y: f32[${m}, 4]; program main { y = softmax(select(b, q @ k.transpose(1, 0), ${minusInfinity})) @ k; } }`);
      const shown = (row: number, key: number): boolean => row !== 3 && (row !== 5 || key === n - 1);
      const inputs = { ...fillStates(graph, "in"), b: tensor("bool", [m, n], Array.from({ length: m * n }, (_, flat) => Number(shown(Math.floor(flat / n), flat % n)))) };
      const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
      await using engine = await engineFor(graph, target("wasm"));
      const y = engine.runSync(toHost(inputs))["y"]!.data as Float32Array;
      expect(Array.from(y, (value, at) => (Number.isNaN(value) ? Math.floor(at / 4) : -1)).filter((row) => row >= 0)).toEqual([3, 3, 3, 3]);
      expect(differences(expected, { y: { ...toHost(expected)["y"]!, data: y } }, 1e-5)).toEqual([]);
    }
  });

  it("plans memory that grows with the keys, not with their square", async () => {
    const bytes = async (n: number): Promise<number> => {
      const graph = graphOf(`import { softmax } from "std/nn"; graph g(m: int = ${n}, n: int = ${n}) { in x: f32[n, 16]; out y: f32[n, 16]; program main { let s = x @ x.transpose(1, 0); y = softmax(${forms.causal}) @ x; } }`);
      return readExecutable(await executableFor(graph, target("wasm"))).manifest.pages * pageBytes;
    };
    const [short, long] = [await bytes(2048), await bytes(8192)];
    expect(long).toBeLessThan(8192 * 8192);
    expect(long).toBeLessThan(5 * short);
  });
});
