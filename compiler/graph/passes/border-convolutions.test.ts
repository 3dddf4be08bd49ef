/** Convolutions with their borders in memory: the same sums, on machines whose tiles have memories of their own. */
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
import { borderConvolutions } from "./border-convolutions.ts";

const machine = target("ipu-mk2");

const passed = (graph: Graph, on = machine): Graph => {
  const result = borderConvolutions.run(graph, Object.assign(new Diagnostics(), { target: on }));
  verify(result);
  return result;
};

interface Case {
  readonly dtype: "f32" | "i32";
  readonly images: number;
  readonly channels: number;
  readonly filters: number;
  readonly size: number;
  readonly window: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: number;
  readonly bias: boolean;
}

const cases: fc.Arbitrary<Case> = fc.record({
  dtype: fc.constantFrom("f32", "i32"), images: fc.integer({ min: 1, max: 2 }), channels: fc.integer({ min: 1, max: 3 }), filters: fc.integer({ min: 1, max: 4 }),
  size: fc.integer({ min: 7, max: 10 }), window: fc.integer({ min: 1, max: 3 }), stride: fc.integer({ min: 1, max: 2 }), dilation: fc.integer({ min: 1, max: 2 }), padding: fc.integer({ min: 0, max: 2 }), bias: fc.boolean(),
});

function convolutions({ dtype, images, channels, filters, size, window, stride, dilation, padding, bias }: Case): Graph {
  const options = `stride = ${stride}, padding = ${padding}, dilation = ${dilation}`;
  const reach = dilation * (window - 1) + 1;
  const positions = Math.floor((size + 2 * padding - reach) / stride) + 1;
  const back = (size - 1) * stride + reach - 2 * padding;
  return graphOf(`import { conv2d, conv_transpose2d } from "std/nn";
    graph g {
      in x: ${dtype}[${images}, ${channels}, ${size}, ${size}]; in w: ${dtype}[${filters}, ${channels}, ${window}, ${window}]; in b: ${dtype}[${filters}];
      in u: ${dtype}[${channels}, ${filters}, ${window}, ${window}];
      out y: ${dtype}[${images}, ${filters}, ${positions}, ${positions}]; out z: ${dtype}[${images}, ${filters}, ${back}, ${back}];
      program main { y = conv2d(x, w, ${bias ? "b, " : ""}${options}); z = conv_transpose2d(x, u, ${bias ? "b, " : ""}${options}); }
    }`);
}

const training = graphOf(`import { conv2d } from "std/nn";
  graph g {
    in x: f32[2, 3, 8, 7]; in w: f32[4, 3, 3, 3]; out dw: f32[4, 3, 3, 3]; out dx: f32[2, 3, 8, 7];
    program main { let y = conv2d(x, w, padding = 1, stride = (2, 1)); let (by_w, by_x) = grad(sum(y * y), (w, x)); dw = by_w; dx = by_x; }
  }`);

describe("border-convolutions", () => {
  it("does not change what the interpreter computes", () => {
    fc.assert(fc.property(cases, (one) => {
      const graph = convolutions(one);
      const inputs = fillStates(graph, "in");
      expect(differences(new Interpreter(graph, { params: {} }).run("main", inputs), toHost(new Interpreter(passed(graph), { params: {} }).run("main", inputs)), one.dtype === "f32" ? 1e-6 : 0)).toEqual([]);
    }), { numRuns: 40 });
  });

  it("runs on any number of tiles as the interpreter says, gradients too", async () => {
    const inputs = fillStates(training, "in");
    const expected = new Interpreter(training, { params: {} }).run("main", inputs);
    for (const tiles of [1, 3, 16, 1472]) {
      await using engine = await engineFor(training, withTiles(machine, tiles));
      expect(differences(expected, engine.runSync(toHost(inputs)), 1e-5)).toEqual([]);
    }
  });

  it("adds a bias behind the sums, but of halves, which are rounded once", () => {
    const biased = (dtype: string): Graph => graphOf(`import { conv2d } from "std/nn"; graph g { in x: ${dtype}[1, 2, 8, 8]; in w: ${dtype}[4, 2, 3, 3]; in b: ${dtype}[4]; out y: ${dtype}[1, 4, 6, 6]; program main { y = conv2d(x, w, b); } }`);
    const inputs = (graph: Graph): readonly number[] => passed(graph).programs[0]!.body.nodes.filter(({ op }) => op === "conv").map((node) => node.inputs.length);
    expect(inputs(biased("f32"))).toEqual([2]);
    expect(inputs(biased("f16"))).toEqual([3]);
  });

  it("leaves no border, and of transposes only those with gaps between their windows", () => {
    const one = { dtype: "f32", images: 1, channels: 2, filters: 2, size: 8, window: 3, stride: 1, dilation: 1, padding: 1, bias: true } as const;
    const cut = passed(convolutions(one));
    expect(countOps(cut)).toMatchObject({ conv: 2, pad: 2 });
    expect(countOps(cut)).not.toHaveProperty("conv_transpose");
    expect(cut.programs[0]!.body.nodes.filter(({ op }) => op === "conv").map(({ attributes }) => attributes["padding"])).toEqual([[0, 0], [0, 0]]);
    // One for each of two phases of two axes.
    expect(countOps(passed(convolutions({ ...one, stride: 2 })))).toMatchObject({ conv: 1 + 4, stack: 1 });
    expect(countOps(passed(convolutions({ ...one, stride: 2, window: 1, padding: 0 })))).toMatchObject({ conv: 1, conv_transpose: 1 });
  });

  it("leaves machines with a shared memory, and what the user has cut, alone", () => {
    const graph = convolutions({ dtype: "f32", images: 1, channels: 2, filters: 2, size: 8, window: 3, stride: 1, dilation: 1, padding: 1, bias: false });
    expect(passed(graph, target("wasm"))).toBe(graph);
    const asked = graphOf('import { conv2d } from "std/nn"; graph g { in x: f32[1, 2, 8, 8]; in w: f32[4, 2, 3, 3]; out y: f32[1, 4, 8, 8]; program main { y = partition(conv2d(x, w, padding = 1), (1, 2, 1, 1)); } }');
    expect(countOps(passed(asked))).not.toHaveProperty("pad");
  });
});
