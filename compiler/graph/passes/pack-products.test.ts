/** Packed products against the interpreter and, to the bit, against unpacked ones: random shapes, views, batches and tiles. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import { target, withTiles } from "../../targets/targets.ts";
import { wantedPartition, type Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { countOps } from "../print.ts";
import { verify } from "../verify.ts";
import { fuseResults } from "./fuse-results.ts";
import { packProducts } from "./pack-products.ts";

const passed = (graph: Graph, machine = target("wasm")): Graph => {
  const result = packProducts.run(graph, Object.assign(new Diagnostics(), { target: machine }));
  verify(result);
  return result;
};

const product = (a: string, b: string, y: string, expression: string): Graph =>
  graphOf(`graph g { in a: ${a}; in b: ${b}; out y: ${y}; program main { y = ${expression}; } }`);

interface Case {
  readonly dtype: "f32" | "f64" | "f16";
  readonly batch: number;
  /** Whether the right operand has the batch too. */
  readonly both: boolean;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposed: boolean;
  readonly tiles: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  dtype: fc.constantFrom("f32", "f64", "f16"), batch: fc.integer({ min: 0, max: 3 }), both: fc.boolean(),
  m: fc.integer({ min: 14, max: 41 }), k: fc.integer({ min: 7, max: 33 }), n: fc.integer({ min: 2, max: 41 }),
  transposed: fc.boolean(), tiles: fc.constantFrom(1, 3, 16, 1472),
});

/** a @ bᵀ, and aᵀ @ bᵀ: a right operand that lies the wrong way round is packed whatever its size. */
function graphFor({ dtype, batch, both, m, k, n, transposed }: Case): Graph {
  const leading = batch === 0 ? "" : `${batch}, `;
  const [left, right] = [leading, both ? leading : ""];
  const swap = (prefix: string): string => (prefix === "" ? "transpose(1, 0)" : "transpose(0, 2, 1)");
  const a = transposed ? `${dtype}[${left}${k}, ${m}]` : `${dtype}[${left}${m}, ${k}]`;
  return product(a, `${dtype}[${right}${n}, ${k}]`, `${dtype}[${left}${m}, ${n}]`, `${transposed ? `a.${swap(left)}` : "a"} @ b.${swap(right)}`);
}

describe("pack-products", () => {
  it("does not change what the interpreter computes", () => {
    fc.assert(fc.property(cases, (one) => {
      const graph = graphFor(one);
      const inputs = fillStates(graph, "in");
      const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
      // Packed, sums of 16-bit floats are rounded to f32 before they are stored.
      expect(differences(expected, toHost(new Interpreter(passed(graph), { params: {} }).run("main", inputs)), one.dtype === "f16" ? 2 ** -10 : 0)).toEqual([]);
    }), { numRuns: 30 });
  });

  it("runs on any number of tiles as the interpreter says", async () => {
    await fc.assert(fc.asyncProperty(cases, async (one) => {
      const graph = graphFor(one);
      const inputs = fillStates(graph, "in");
      const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
      await using engine = await engineFor(graph, withTiles(target("wasm"), one.tiles));
      expect(differences(expected, engine.runSync(toHost(inputs)), one.dtype === "f64" ? 1e-14 : one.dtype === "f16" ? 2e-3 : 1e-5)).toEqual([]);
    }), { numRuns: 25 });
  });

  it("cuts products of few rows into runs of whole vectors", async () => {
    const shapes = fc.record({ m: fc.integer({ min: 1, max: 5 }), k: fc.integer({ min: 8, max: 70 }), n: fc.integer({ min: 8, max: 300 }), tiles: fc.constantFrom(1, 3, 16, 1472) });
    await fc.assert(fc.asyncProperty(shapes, async ({ m, k, n, tiles }) => {
      const machine = withTiles(target("wasm"), tiles);
      const graph = product(`f32[${m}, ${k}]`, `f32[${k}, ${n}]`, `f32[${m}, ${n}]`, "a @ b");
      const [rows, columns] = passed(graph, machine).programs[0]!.body.nodes.flatMap((node) => wantedPartition(node) ?? []) as [number, number];
      expect(rows * columns).toBeLessThanOrEqual(tiles);
      expect(columns === 1 || Math.ceil(n / columns) >= 32).toBe(true);
      const inputs = fillStates(graph, "in");
      await using engine = await engineFor(graph, machine);
      expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), engine.runSync(toHost(inputs)), 1e-5)).toEqual([]);
    }), { numRuns: 15 });
  });

  it("gives the bits of the direct product", async () => {
    const [m, k, n] = [21, 70, 1024];
    const graph = (expression: string): Graph => product(`f32[${m}, ${k}]`, `f32[${k}, ${n}]`, `f32[${m}, ${n}]`, expression);
    const packed = graph("a @ b");
    expect(countOps(passed(packed))).toMatchObject({ pack_columns: 1, matmul_packed: 1 });
    const inputs = fillStates(packed, "in");
    await using one = await engineFor(packed, target("wasm"));
    await using other = await engineFor(graph("partition(a @ b, (4, 1))"), target("wasm"));
    expect(one.runSync(toHost(inputs))["y"]!.data).toEqual(other.runSync(toHost(inputs))["y"]!.data);
  });

  const square = (dtype: string, n: number, expression = "a @ b"): Graph => product(`${dtype}[${n}, ${n}]`, `${dtype}[${n}, ${n}]`, `${dtype}[${n}, ${n}]`, expression);

  it.each([
    ["small products", square("f32", 64)],
    ["integers", square("i32", 512)],
    ["few rows", product("f32[4, 1024]", "f32[1024, 1024]", "f32[4, 1024]", "a @ b")],
    ["vectors", product("f32[1024]", "f32[1024, 1024]", "f32[1024]", "a @ b")],
    ["what the user has cut", square("f32", 512, "partition(a @ b, (2, 2))")],
  ])("leaves %s as they are", (_, graph) => {
    expect(countOps(passed(graph))).not.toHaveProperty("matmul_packed");
  });

  it("cuts what lies well as it is so that little is read, between register blocks", () => {
    const products = passed(product("f32[256, 64]", "f32[64, 3136]", "f32[256, 3136]", "a @ b")).programs[0]!.body.nodes.filter(({ op }) => op === "matmul");
    // 8 × 400 columns, the last 336.
    expect(products.map(({ attributes }) => attributes)).toEqual([{ partition: [2, 8], unit: 16 }]);
  });

  it("leaves machines with private memories alone", () => {
    const graph = square("f32", 512);
    expect(passed(graph, target("ipu-mk2"))).toBe(graph);
    expect(countOps(passed(graph))).toHaveProperty("matmul_packed");
  });

  it.each([
    ["transposed left operands", square("f32", 512, "a.transpose(1, 0) @ b")],
    ["left operands whose rows collide", square("f32", 1024)],
  ])("packs both sides of %s", (_, graph) => {
    expect(countOps(passed(graph))).toMatchObject({ pack_columns: 2, matmul_packed: 1 });
  });

  it("rounds sums of 16-bit floats in a pass of their own, also where they are finished behind the product", () => {
    const graph = passed(square("f16", 512, "max(a @ b, 0)"));
    expect(countOps(graph)).toMatchObject({ matmul_packed: 1 });
    const [sums] = graph.programs[0]!.body.nodes.filter(({ op }) => op === "matmul_packed");
    expect(graph.values[sums!.outputs[0]!]).toMatchObject({ type: { dtype: "f32" } });
    const finished = fuseResults.run(graph, Object.assign(new Diagnostics(), { target: target("wasm") }));
    expect(countOps(finished)).toMatchObject({ matmul_packed: 1 });
  });

  it("packs only the right side where rows of the left one lie well", () => {
    expect(countOps(passed(square("f32", 510)))).toMatchObject({ pack_columns: 1, matmul_packed: 1 });
  });

  it.each(["f32", "f64"] as const)("takes few columns as dot products, and others as whole blocks: %s", async (dtype) => {
    const classifier = (n: number): Graph => product(`${dtype}[100, 40]`, `${dtype}[40, ${n}]`, `${dtype}[100, ${n}]`, "max(a @ b, 0)");
    const dots = dtype === "f32" ? 3 : 1;
    if (dots > 1) expect(countOps(passed(classifier(dots)))).toMatchObject({ pack_columns: 1, matmul: 1 });
    expect(countOps(passed(classifier(dots + 2)))).toMatchObject({ pack_columns: 1, matmul_packed: 1 });
    for (const n of [2, 3, 5, 10, 15, 19]) {
      const graph = classifier(n);
      const inputs = fillStates(graph, "in");
      await using engine = await engineFor(graph, withTiles(target("wasm"), 3));
      expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), engine.runSync(toHost(inputs)), dtype === "f64" ? 1e-14 : 1e-5)).toEqual([]);
    }
  });
});
