/** Rows that are gone through in blocks: what the pass makes means the same, and executables on any tiles compute it. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import { target, withTiles } from "../../targets/targets.ts";
import type { Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { countOps } from "../print.ts";
import type { Tensor } from "../tensor.ts";
import { verify } from "../verify.ts";
import { cutLongRows } from "./cut-long-rows.ts";

const machine = target("ipu-mk2");

const passed = (graph: Graph, on = machine): Graph => {
  const result = cutLongRows.run(graph, Object.assign(new Diagnostics(), { target: on }));
  verify(result);
  return result;
};

const sums = (dtype: string, shape: string, axis: number): Graph => graphOf(`graph g { in x: ${dtype}[${shape}]; out y: ${dtype}[${shape}]; program main { y = cum_sum(x, axis = ${axis}); } }`);
const largest = (dtype: string, rows: number, n: number, k: number): Graph =>
  graphOf(`graph g { in x: ${dtype}[${rows}, ${n}]; out y: ${dtype}[${rows}, ${k}]; out at: i32[${rows}, ${k}]; program main { let (values, places) = top_k(x, ${k}); y = values; at = places; } }`);

/** Few different elements, so that many are equal; of floats NaN and infinities among them. */
function crowded(graph: Graph, seed: number): { [name: string]: Tensor } {
  const inputs = fillStates(graph, "in");
  for (const { data, type } of Object.values(inputs)) {
    for (let i = 0; i < data.length; i++) data[i] = (typeof data[0] === "bigint" ? BigInt((i * seed) % 23) : (i * seed) % 23) as never;
    if (type.dtype === "f32") [NaN, Infinity, -Infinity, NaN].forEach((value, k) => (data[(k * 1009 + seed) % data.length] = value as never));
  }
  return inputs;
}

/** What the pass has made by the interpreter, and the executable of it all. */
async function computesTheSame(graph: Graph, cut: Graph, tolerance: number): Promise<void> {
  const inputs = fillStates(graph, "in");
  const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
  expect(differences(expected, toHost(new Interpreter(cut, { params: {} }).run("main", inputs)), tolerance)).toEqual([]);
  await using engine = await engineFor(graph, machine);
  expect(differences(expected, engine.runSync(toHost(inputs)), tolerance)).toEqual([]);
}

describe("running sums of long rows", () => {
  it.each([
    ["of a length that has good divisors", "i32", "10000", 0], ["of any length", "i32", "4099", 0], ["of small integers, which wrap", "i8", "5000", 0],
    ["of some rows", "i64", "3, 6007", 1], ["down columns", "i32", "8192, 2", 0],
  ])("%s are those of the interpreter", (_, dtype, shape, axis) => {
    const graph = sums(dtype, shape, axis);
    const cut = passed(graph);
    expect(countOps(cut)).toMatchObject({ cum_sum: 2 });
    const inputs = fillStates(graph, "in");
    expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), toHost(new Interpreter(cut, { params: {} }).run("main", inputs)), 0)).toEqual([]);
  });

  it.each(["max", "min"])("the largest and the smallest so far, NaN among them: cum_%s", async (op) => {
    for (const [dtype, shape, axis] of [["f32", "9001", 0], ["i64", "5000, 2", 0], ["bf16", "2, 4500", 1]] as const) {
      const graph = graphOf(`graph g { in x: ${dtype}[${shape}]; out y: ${dtype}[${shape}]; program main { y = cum_${op}(x, axis = ${axis}); } }`);
      const cut = passed(graph);
      expect(countOps(cut)).toMatchObject({ [`cum_${op}`]: 2 });
      const inputs = crowded(graph, 31);
      const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
      expect(differences(expected, toHost(new Interpreter(cut, { params: {} }).run("main", inputs)), 0)).toEqual([]);
      await using engine = await engineFor(graph, machine);
      expect(differences(expected, engine.runSync(toHost(inputs)), 0)).toEqual([]);
    }
  });

  it.each([["f32", "160, 512", 0], ["u64", "2, 128, 600", 1]] as const)("the largest and the smallest so far of columns, in a shared memory: %s[%s]", (dtype, shape, axis) => {
    const graph = graphOf(`graph g { in x: ${dtype}[${shape}]; out y: ${dtype}[${shape}]; out z: ${dtype}[${shape}]; program main { y = cum_max(x, axis = ${axis}); z = cum_min(x, axis = ${axis}); } }`);
    const cut = passed(graph, target("wasm"));
    expect(countOps(cut)).toMatchObject({ cum_max: 2, cum_min: 2 });
    const inputs = crowded(graph, 7);
    expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), toHost(new Interpreter(cut, { params: {} }).run("main", inputs)), 0)).toEqual([]);
  });

  it("of floats differ in rounding only, and halves are rounded once", () => {
    for (const [dtype, tolerance] of [["f32", 1e-6], ["f64", 1e-15], ["f16", 0], ["bf16", 0]] as const) {
      const graph = sums(dtype, "4500", 0);
      const inputs = fillStates(graph, "in");
      // Halves of numbers whose sums f32 holds exactly.
      if (tolerance === 0) for (const { data } of Object.values(inputs)) for (let i = 0; i < data.length; i++) data[i] = 0x3c00;
      expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), toHost(new Interpreter(passed(graph), { params: {} }).run("main", inputs)), tolerance)).toEqual([]);
    }
  });

  it("run on tiles with memories of their own, also where one of them could not hold the row", async () => {
    for (const [tiles, n] of [[16, 5003], [1472, 200_000]] as const) {
      const graph = sums("i32", `${n}`, 0);
      const inputs = fillStates(graph, "in");
      await using engine = await engineFor(graph, withTiles(machine, tiles));
      expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), engine.runSync(toHost(inputs)), 0)).toEqual([]);
    }
  });

  it.each([["short rows", sums("f32", "4000", 0), machine], ["rows for all tiles", sums("f32", "800, 5000", 1), machine], ["rows in a shared memory", sums("f32", "100000", 0), target("wasm")]])("leaves %s as they are", (_, graph, on) => {
    expect(countOps(passed(graph, on))).toMatchObject({ cum_sum: 1 });
  });
});

describe("reductions of long rows", () => {
  const reduction = (dtype: string, shape: string, result: string, expression: string): Graph => graphOf(`graph g { in x: ${dtype}[${shape}]; out y: ${result}; program main { y = ${expression}; } }`);
  const cases: readonly (readonly [string, Graph, number])[] = [
    ["all of a matrix", reduction("i32", "96, 100", "i32", "sum(x)"), 0], ["a vector", reduction("i64", "10000", "i64", "sum(x)"), 0], ["a vector of a prime length", reduction("i32", "10007", "i32", "max(x)"), 0],
    ["axes that are apart", reduction("i32", "70, 3, 90", "i32[3]", "sum(x, axis = (0, 2))"), 0], ["with dimensions that are kept", reduction("i32", "3, 5, 60, 40", "i32[1, 5, 1, 1]", "min(x, axis = (0, 3, 2), keepdims = true)"), 0],
    ["products", reduction("i32", "2, 5000", "i32[2]", "prod(x, axis = 1)"), 0], ["floats", reduction("f32", "300, 40", "f32", "sum(x * x)"), 1e-6], ["the largest of floats", reduction("f32", "300, 40", "f32", "max(x)"), 0],
    ["halves, rounded once", reduction("f16", "120, 40", "f16", "sum(x)"), 2 ** -11], ["means", reduction("f32", "2, 9000", "f32[2, 1]", "mean(x, axis = 1, keepdims = true)"), 1e-6], ["means of halves", reduction("f16", "10000", "f16", "mean(x)"), 2 ** -11], ["truth", reduction("i32", "120, 40", "bool", "any(x == 7)"), 0],
  ];

  it.each(cases)("%s", async (_, graph, tolerance) => {
    await computesTheSame(graph, passed(graph), tolerance);
  });

  it("are two where the row has divisors, and are left where there are results for the tiles", () => {
    for (const [name, graph] of cases) expect([name, countOps(passed(graph))]).toMatchObject([name, { reduce: name.includes("prime") ? 1 : 2 }]);
    expect(countOps(passed(reduction("f32", "64, 5000", "f32[64]", "sum(x, axis = 1)")))).toMatchObject({ reduce: 1 });
    expect(countOps(passed(reduction("f32", "10000", "f32", "sum(x)"), target("wasm")))).toMatchObject({ reduce: 1 });
  });
});

describe("exponentials of long rows", () => {
  const rows = (dtype: string, shape: string, expression: string, result = shape): Graph =>
    graphOf(`import { softmax, log_softmax } from "std/nn"; graph g { in x: ${dtype}[${shape}]; out y: ${dtype}[${result}]; program main { y = ${expression}; } }`);

  it.each([
    ["softmax", rows("f32", "3, 5000", "softmax(x)"), 1e-6], ["down columns", rows("f64", "4100, 2", "softmax(x, axis = 0)"), 1e-14], ["logarithms", rows("f32", "2, 4096", "log_softmax(x)"), 1e-6],
    ["logarithms of sums", rows("f32", "2, 70, 70", "log_sum_exp(x, axis = (1, 2))", "2"), 1e-6], ["with dimensions that are kept", rows("f32", "2, 5000", "log_sum_exp(x, axis = 1, keepdims = true)", "2, 1"), 1e-6],
    ["of halves", rows("f16", "2, 4200", "softmax(x)"), 2 ** -10],
  ])("%s", async (_, graph, tolerance) => {
    const cut = passed(graph);
    expect(countOps(cut)).toMatchObject({ exp: 1 });
    await computesTheSame(graph, cut, tolerance);
  });

  it("with infinities and NaN are what they are of short ones", () => {
    for (const [expression, result] of [["softmax(x)", "4, 4096"], ["log_sum_exp(x, axis = 1)", "4"]] as const) {
      const graph = rows("f32", "4, 4096", expression, result);
      const inputs = fillStates(graph, "in");
      const { data } = inputs["x"]!;
      data.fill(-Infinity as never, 0, 4096);
      data[4096 + 7] = Infinity as never;
      data[2 * 4096 + 9] = NaN as never;
      data[3 * 4096] = -Infinity as never;
      expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), toHost(new Interpreter(passed(graph), { params: {} }).run("main", inputs)), 1e-6)).toEqual([]);
    }
  });

  it("are left where there are rows for the tiles, and where they are short", () => {
    expect(countOps(passed(rows("f32", "800, 5000", "softmax(x)")))).toMatchObject({ softmax: 1 });
    expect(countOps(passed(rows("f32", "3, 4000", "softmax(x)")))).toMatchObject({ softmax: 1 });
  });
});

describe("the largest elements of long rows", () => {
  const cases = fc.record({ dtype: fc.constantFrom("f32", "i32", "u8", "i64"), rows: fc.integer({ min: 1, max: 3 }), n: fc.integer({ min: 4096, max: 7000 }), k: fc.integer({ min: 1, max: 9 }), seed: fc.integer({ min: 1, max: 10_000 }) });

  it("are found block by block, the first of equals first", () => {
    fc.assert(fc.property(cases, ({ dtype, rows, n, k, seed }) => {
      const graph = largest(dtype, rows, n, k);
      const cut = passed(graph);
      expect(countOps(cut)).toMatchObject({ top_places: 2 });
      const inputs = crowded(graph, seed);
      expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), toHost(new Interpreter(cut, { params: {} }).run("main", inputs)), 0)).toEqual([]);
    }), { numRuns: 12 });
  });

  it.each([["wasm", 16], ["ipu-mk2", 16], ["ipu-mk2", 1472]] as const)("run on %s of %i tiles", async (name, tiles) => {
    const graph = largest("f32", 1, tiles === 1472 ? 200_003 : 9001, 5);
    const inputs = crowded(graph, 7919);
    await using engine = await engineFor(graph, withTiles(target(name), tiles));
    expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), engine.runSync(toHost(inputs)), 0)).toEqual([]);
  });
});

describe("rows in order", () => {
  const ordered = (call: string, dtype: string, shape: string, result = dtype): Graph => graphOf(`graph g { in x: ${dtype}[${shape}]; out y: ${result}[${shape}]; program main { y = ${call}; } }`);
  /** Zeros of both signs, and all that `crowded` has. */
  const inputsOf = (graph: Graph, seed: number): { [name: string]: Tensor } => {
    const inputs = crowded(graph, seed);
    for (const { data, type } of Object.values(inputs)) if (type.dtype === "f32") for (let i = 0; i < data.length; i += 5) data[i] = (i % 2 === 0 ? -0 : 0) as never;
    return inputs;
  };

  it.each([
    ["sort(x)", "f32", "20000", "f32"], ["sort(x, descending = true)", "f32", "2, 5003", "f32"], ["sort(x)", "i8", "4099", "i8"], ["sort(x, axis = 0)", "u64", "5000, 1", "u64"], ["sort(x, descending = true)", "bf16", "3, 4096", "bf16"],
    ["argsort(x)", "f32", "20000", "i32"], ["argsort(x)", "f32", "66001", "i32"], ["argsort(x, descending = true)", "f32", "2, 5003", "i32"], ["argsort(x)", "i16", "4099", "i32"], ["argsort(x, descending = true)", "u32", "5000", "i32"], ["argsort(x)", "bool", "4500", "i32"], ["argsort(x)", "f16", "4500", "i32"],
  ])("%s of %s[%s] is that of merged stretches", async (call, dtype, shape, result) => {
    const graph = ordered(call, dtype, shape, result);
    const cut = passed(graph);
    expect(countOps(cut)["merge_runs"]).toBeGreaterThan(3);
    const inputs = inputsOf(graph, 7919);
    if (dtype === "bool") for (const { data } of Object.values(inputs)) for (let i = 0; i < data.length; i++) data[i] = (Number(data[i]) & 1) as never;
    const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
    expect(differences(expected, toHost(new Interpreter(cut, { params: {} }).run("main", inputs)), 0)).toEqual([]);
    await using engine = await engineFor(graph, machine);
    expect(differences(expected, engine.runSync(toHost(inputs)), 0)).toEqual([]);
  });

  it.each([["short rows", ordered("sort(x)", "f32", "4000"), machine], ["rows for all tiles", ordered("sort(x)", "f32", "800, 5000"), machine], ["rows that no tile could hold", ordered("argsort(x)", "f32", "90000", "i32"), machine], ["rows in a shared memory", ordered("argsort(x)", "f32", "20000", "i32"), target("wasm")]])("leaves %s as they are", (_, graph, on) => {
    expect(countOps(passed(graph, on))).not.toHaveProperty("merge_runs");
  });
});

describe("rows brought to mean 0 and variance 1", () => {
  it.each([["f32", "9000", 1e-5], ["f64", "3, 5001", 1e-13], ["f16", "8192", 2e-3]] as const)("are those of the interpreter: %s[%s]", async (dtype, shape, tolerance) => {
    const n = shape.split(", ").at(-1)!;
    const graph = graphOf(`import { layer_norm } from "std/nn"; graph g { in x: ${dtype}[${shape}]; in a: ${dtype}[${n}]; in b: ${dtype}[${n}]; out y: ${dtype}[${shape}]; program main { y = layer_norm(x, a, b); } }`);
    const cut = passed(graph);
    expect(countOps(cut)).not.toHaveProperty("layer_norm");
    await computesTheSame(graph, cut, tolerance);
  });
});

describe("rows of random numbers", () => {
  const random = (call: string, dtype: string, n: number): Graph => graphOf(`import { normal, uniform } from "std/random"; graph g { var step: i32 = 0; out y: ${dtype}[${n}]; program main { y = ${call}; step += 1; } }`);
  /** The longest rows of a graph. */
  const longest = (graph: Graph): number => Math.max(...graph.programs[0]!.body.nodes.flatMap(({ op, attributes }) => (op.endsWith("_rows") ? [attributes["length"] as number] : [])));

  it.each([
    ["uniform(1, 2, 20_000)", "f32", 20_000, 32], ["normal(1, step, 3001)", "f32", 3001, 32], ["uniform<f64>(7, 3, 90_001)", "f64", 90_001, 64], ["normal<f16>(1, 2, 1000)", "f16", 1000, 32],
  ])("%s are those of shorter rows, on any machine", async (call, dtype, n, length) => {
    const graph = random(call, dtype, n);
    const cut = passed(graph);
    expect(longest(cut)).toBe(length);
    const expected = new Interpreter(graph, { params: {} }).run("main", {});
    expect(differences(expected, toHost(new Interpreter(cut, { params: {} }).run("main", {})), 0)).toEqual([]);
    await using engine = await engineFor(graph, machine);
    expect(differences(expected, engine.runSync({}), dtype === "f32" ? 1e-6 : dtype === "f16" ? 1e-3 : 1e-15)).toEqual([]);
  });

  it.each([["rows for all tiles", random("uniform(1, 2, 2_000_000)", "f32", 2_000_000), machine], ["few numbers", random("uniform(1, 2, 30)", "f32", 30), machine], ["rows in a shared memory", random("uniform(1, 2, 20_000)", "f32", 20_000), target("wasm")]])("leaves %s as they are", (_, graph, on) => {
    expect(longest(passed(graph, on))).toBe(longest(graph));
  });
});

describe("updates of few places", () => {
  const histogram = (dtype: string, updates: number, places: number, x = `zeros<${dtype}>(${places})`): Graph =>
    graphOf(`graph g { in i: i32[${updates}]; in v: ${dtype}[${updates}]; in x: ${dtype}[${places}]; out y: ${dtype}[${places}]; program main { y = scatter_add(${x}, i, v); } }`);
  const blocks = (graph: Graph): number => Math.max(...graph.programs[0]!.body.nodes.flatMap(({ op, outputs }) => (op.endsWith("_along") && op.startsWith("scatter") ? [graph.values[outputs[0]!]!.type.shape[0]!] : [])));

  it.each([["i32", 20_000, 300], ["f32", 30_011 * 3, 100], ["f16", 17_000, 5], ["i64", 18_000, 1], ["u8", 64_000, 256]])("are added up in blocks: %s, %i updates of %i places", async (dtype, updates, places) => {
    // A prime number of updates is one stretch in the op, and so is what begins with something.
    const graph = histogram(dtype, updates, places, updates % 2 === 0 ? "x" : undefined);
    const cut = passed(graph);
    expect(blocks(cut)).toBeGreaterThan(100);
    const inputs = fillStates(graph, "in", 60);
    for (let i = 0; i < updates; i++) inputs["i"]!.data[i] = (i * 7919) % places as never;
    if (dtype === "f16" || dtype === "f32") for (let i = 0; i < updates; i++) inputs["v"]!.data[i] = (dtype === "f16" ? 0x3c00 : 1) as never;
    const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
    expect(differences(expected, toHost(new Interpreter(cut, { params: {} }).run("main", inputs)), 0)).toEqual([]);
    await using engine = await engineFor(graph, machine);
    expect(differences(expected, engine.runSync(toHost(inputs)), 0)).toEqual([]);
  });

  it.each([
    ["scatter_add", "f32", 9000], ["scatter_max", "f32", 9000], ["scatter_min", "i32", 500], ["scatter_max", "u8", 40_000], ["scatter_update", "f32", 9000], ["scatter_update", "i64", 700],
  ])("%s of %s: those for %i places, which hold something", async (call, dtype, places) => {
    const graph = graphOf(`graph g { in i: i32[30000]; in v: ${dtype}[30000]; in x: ${dtype}[${places}]; out y: ${dtype}[${places}]; program main { y = ${call}(x, i, v); } }`);
    const cut = passed(graph);
    expect(blocks(cut)).toBeGreaterThan(50);
    const inputs = fillStates(graph, "in", 100);
    // Some places have no update, and one names them from the end.
    for (let i = 0; i < 30_000; i++) inputs["i"]!.data[i] = (((i * 7919) % places) & ~7) - (i % 3 === 0 ? places : 0) as never;
    if (dtype === "f32") for (let i = 0; i < 30_000; i++) inputs["v"]!.data[i] = (i % 257 === 0 && call !== "scatter_add" ? NaN : i % 100) as never;
    const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
    const tolerance = call === "scatter_add" ? 1e-6 : 0;
    expect(differences(expected, toHost(new Interpreter(cut, { params: {} }).run("main", inputs)), tolerance)).toEqual([]);
    await using engine = await engineFor(graph, machine);
    expect(differences(expected, engine.runSync(toHost(inputs)), tolerance)).toEqual([]);
  });

  it("many updates, of which the last for a place stays", async () => {
    const [updates, places] = [70_001, 500];
    const graph = graphOf(`graph g { in i: i32[${updates}]; in v: f32[${updates}]; in x: f32[${places}]; out y: f32[${places}]; program main { y = scatter_update(x, i, v); } }`);
    const inputs = fillStates(graph, "in");
    for (let i = 0; i < updates; i++) inputs["i"]!.data[i] = ((i * 7919) % places) as never;
    await using engine = await engineFor(graph, machine);
    expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), engine.runSync(toHost(inputs)), 0)).toEqual([]);
  });

  it.each([["few updates", histogram("f32", 30, 100), machine], ["many places", histogram("f32", 20_000, 90_000), machine], ["those in a shared memory", histogram("f32", 100_000, 10), target("wasm")]])("leaves %s as they are", (_, graph, on) => {
    expect(blocks(passed(graph, on))).toBe(blocks(graph));
  });
});
