/** Products of small integers in words of pairs and as exact floats: the numbers of the products of i32 they replace. */
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
import { narrowProducts } from "./narrow-products.ts";

const [shared, private_] = [target("wasm"), target("ipu-mk2")];

const passed = (graph: Graph, machine = shared): Graph => {
  const result = narrowProducts.run(graph, Object.assign(new Diagnostics(), { target: machine }));
  verify(result);
  return result;
};

const graphFor = (a: string, b: string, y: string, expression: string): Graph =>
  graphOf(`import { conv2d } from "std/nn"; graph g { in a: ${a}; in b: ${b}; out y: ${y}; program main { y = ${expression}; } }`);

/** How a product is multiplied. */
function formOf(graph: Graph, machine = shared): "pairs" | "floats" | "integers" {
  const products = passed(graph, machine).programs[0]!.body.nodes.filter(({ op }) => op === "matmul" || op === "conv");
  if (products.some(({ attributes }) => attributes["pairs"] === true)) return "pairs";
  return products.every(({ outputs }) => passed(graph, machine).values[outputs[0]!]!.type.dtype === "f32") ? "floats" : "integers";
}

/** The interpreter's result is that of the graph after the pass, and of what is compiled. */
async function expectSame(graph: Graph, tiles: number): Promise<void> {
  const inputs = fillStates(graph, "in", 2 ** 16);
  const expected = new Interpreter(graph, { params: {} }).run("main", inputs);
  for (const machine of [shared, private_]) expect(differences(expected, toHost(new Interpreter(passed(graph, machine), { params: {} }).run("main", inputs)), 0)).toEqual([]);
  for (const machine of [withTiles(shared, tiles), withTiles(private_, Math.min(tiles, 16))]) {
    await using engine = await engineFor(graph, machine);
    expect(differences(expected, engine.runSync(toHost(inputs)), 0)).toEqual([]);
  }
}

const dtypes = fc.constantFrom(["i8", "i8"], ["u8", "i8"], ["u8", "u8"], ["i16", "i8"], ["i16", "i16"]);
const products = fc.record({
  dtypes, batch: fc.integer({ min: 0, max: 2 }), m: fc.integer({ min: 1, max: 41 }), k: fc.integer({ min: 2, max: 67 }), n: fc.integer({ min: 1, max: 41 }), tiles: fc.constantFrom(1, 3, 16, 1472),
});
const convolutions = fc.record({
  dtypes, images: fc.integer({ min: 1, max: 3 }), channels: fc.integer({ min: 1, max: 9 }), filters: fc.integer({ min: 1, max: 12 }), groups: fc.integer({ min: 1, max: 3 }),
  extent: fc.integer({ min: 3, max: 9 }), stride: fc.integer({ min: 1, max: 2 }), padding: fc.integer({ min: 0, max: 1 }), tiles: fc.constantFrom(1, 3, 16),
});

describe("narrow-products", () => {
  it("does not change matrix products, of any extents on any tiles", async () => {
    await fc.assert(fc.asyncProperty(products, async ({ dtypes: [first, second], batch, m, k, n, tiles }) => {
      const leading = batch === 0 ? "" : `${batch}, `;
      await expectSame(graphFor(`${first}[${leading}${m}, ${k}]`, `${second}[${n}, ${k}]`, `i32[${leading}${m}, ${n}]`, "cast<i32>(a) @ cast<i32>(b).transpose(1, 0)"), tiles);
    }), { numRuns: 25 });
  });

  it("does not change convolutions, in any groups", async () => {
    await fc.assert(fc.asyncProperty(convolutions, async ({ dtypes: [first, second], images, channels, filters, groups, extent, stride, padding, tiles }) => {
      const positions = Math.floor((extent + 2 * padding - 3) / stride) + 1;
      const options = `stride = ${stride}, padding = ${padding}, groups = ${groups}`;
      await expectSame(graphFor(`${first}[${images}, ${groups * channels}, ${extent}, ${extent}]`, `${second}[${groups * filters}, ${channels}, 3, 3]`, `i32[${images}, ${groups * filters}, ${positions}, ${positions}]`, `conv2d(cast<i32>(a), cast<i32>(b), ${options})`), tiles);
    }), { numRuns: 25 });
  });

  it.each([["i8", 2049], ["u8", 700]] as const)("holds the sums of the largest %s", async (dtype, k) => {
    const graph = graphFor(`${dtype}[20, ${k}]`, `${dtype}[${k}, 20]`, "i32[20, 20]", "cast<i32>(a) @ cast<i32>(b)");
    const data = dtype === "i8" ? new Int8Array(20 * k).fill(-128) : new Uint8Array(20 * k).fill(255);
    for (const machine of [shared, withTiles(private_, 16)]) {
      await using engine = await engineFor(graph, machine);
      const { y } = engine.runSync({ a: { dtype, shape: [20, k], data }, b: { dtype, shape: [k, 20], data } });
      expect(new Set(Array.from(y!.data as Int32Array))).toEqual(new Set([k * data[0]! ** 2]));
    }
  });

  const square = (a: string, b: string, expression: string): Graph => graphFor(`${a}[32, 32]`, `${b}[32, 32]`, "i32[32, 32]", expression);
  const convolved = (channels: number, expression: string): Graph => graphFor(`i32[2, ${channels}, 8, 8]`, `i8[8, ${channels}, 3, 3]`, "i32[2, 8, 6, 6]", expression);

  it.each([
    ["bytes", square("i8", "u8", "cast<i32>(a) @ cast<i32>(b)"), "pairs", "floats"],
    ["16 bits", square("i16", "i16", "cast<i32>(a) @ cast<i32>(b)"), "pairs", "integers"],
    ["16 bits, and limits of few", square("i16", "i32", "cast<i32>(a) @ clamp(b, -9, 9)"), "pairs", "floats"],
    ["17 bits, and signs", square("u16", "i32", "cast<i32>(a) @ clamp(b, -1, 1)"), "floats", "floats"],
    ["any integers", square("i32", "i8", "a @ cast<i32>(b)"), "integers", "integers"],
    ["what the user has cut", square("i8", "i8", "partition(cast<i32>(a) @ cast<i32>(b), (2, 2))"), "integers", "integers"],
    ["images", convolved(3, "conv2d(clamp(a, -255, 255), cast<i32>(b))"), "pairs", "floats"],
    ["images of few channels", convolved(1, "conv2d(clamp(a, -255, 255), cast<i32>(b))"), "floats", "floats"],
    ["any images", convolved(4, "conv2d(a, cast<i32>(b))"), "integers", "integers"],
  ] as const)("multiplies %s as fits the machine", (_, graph, withShared, withPrivate) => {
    expect(formOf(graph)).toBe(withShared);
    expect(formOf(graph, private_)).toBe(withPrivate);
  });

  it("adds up so many terms at a time as floats that every sum is exact", () => {
    const graph = graphFor("i8[4, 2049]", "i8[2049, 4]", "i32[4, 4]", "cast<i32>(a) @ cast<i32>(b)");
    expect(countOps(passed(graph, private_))).toMatchObject({ matmul: 3, add: 2 });
  });
});
