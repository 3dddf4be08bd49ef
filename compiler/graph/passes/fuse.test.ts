import { describe, expect, it } from "vitest";
import { countOps, countOpsIn, print } from "../print.ts";
import { bodyOfMain, graphOf, onlyNode, testContext, type TestGraph } from "../testing/test-graph.ts";
import type { Graph, ValueId } from "../graph.ts";
import { verify } from "../verify.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuse } from "./fuse.ts";
import { mergeEqualNodes } from "./merge-equal-nodes.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";
import { simplifyAlgebra } from "./simplify-algebra.ts";

function fused(fill: (graph: TestGraph) => void): Graph {
  let graph = graphOf(fill);
  verify(graph);
  for (const pass of [foldConstants, simplifyAlgebra, mergeEqualNodes, removeDeadNodes, fuse]) {
    graph = pass.run(graph, testContext);
    verify(graph);
  }
  return graph;
}

/** Nodes that compute: no state, views or control. */
function computing(graph: Graph): { [op: string]: number } {
  const free = ["read", "write", "slice", "reshape", "transpose", "broadcast", "reverse", "repeat"];
  return Object.fromEntries(Object.entries(countOps(graph)).filter(([op]) => !free.includes(op)));
}

describe("fuse", () => {
  it("makes one map and one update of a step of the heat equation", () => {
    const graph = fused((g) => {
      const initial = g.input("initial", "f32", 8, 8);
      const [plate] = g.repeat(5, [initial], (u) => {
        const middle = g.slice(u, [1, 7], [1, 7]);
        const neighbours = [g.slice(u, [0, 6], [1, 7]), g.slice(u, [2, 8], [1, 7]), g.slice(u, [1, 7], [0, 6]), g.slice(u, [1, 7], [2, 8])];
        const sum = neighbours.reduce((a, b) => g.op("add", [a, b]));
        const change = g.op("sub", [sum, g.op("mul", [g.spread("f32", 4, 6, 6), g.slice(u, [1, 7], [1, 7])])]);
        const next = g.op("add", [middle, g.op("mul", [g.spread("f32", 0.1, 6, 6), change])]);
        return [g.op("update", [u, next], { start: [1, 1], length: [6, 6], step: [1, 1] })];
      });
      g.output("plate", plate!);
    });
    expect(countOpsIn(onlyNode(graph, "repeat").regions[0]!)).toEqual({ map: 1, slice: 5, update: 1 });
    const names = new Map<string, string>();
    const map = /map .*/.exec(print(graph))![0].replace(/%\d+/g, (id) => names.get(id) ?? (names.set(id, "abcde"[names.size]!), names.get(id)!));
    expect(map).toBe("map { a + 0.1 * (b + c + d + e - 4 * a) }");
  });

  it("computes an elementwise producer over the views its consumer sees it through", () => {
    const graph = fused((g) => {
      const u = g.input("u", "f32", 6, 4);
      const doubled = g.op("mul", [u, g.spread("f32", 2, 6, 4)]);
      g.output("y", g.op("add", [g.op("transpose", [g.slice(doubled, [1, 5], [0, 4])], { axes: [1, 0] }), g.input("v", "f32", 4, 4)]));
    });
    expect(computing(graph)).toEqual({ map: 1 });
    expect(countOps(graph)).toMatchObject({ slice: 1, transpose: 1 });
  });

  it("gives a reduction its map", () => {
    const graph = fused((g) => {
      const r = g.input("r", "f32", 5, 7);
      g.output("rr", g.op("reduce", [g.op("mul", [r, r])], { op: "add", axes: [0, 1], keepdims: false }));
      g.output("s", g.op("reduce", [r], { op: "max", axes: [1], keepdims: true }));
    });
    expect(computing(graph)).toEqual({ map_reduce: 1, reduce: 1 });
    expect(onlyNode(graph, "map_reduce").inputs).toHaveLength(1);
  });

  it("takes the map before a mean", () => {
    const graph = fused((g) => {
      const x = g.input("x", "f32", 4, 6);
      g.output("y", g.op("mean", [g.op("mul", [x, x])], { axes: [1], keepdims: true }));
    });
    expect(computing(graph)).toEqual({ map_reduce: 1 });
    expect(onlyNode(graph, "map_reduce").attributes).toMatchObject({ op: "add", mean: true, axes: [1] });
  });

  it("recomputes what is cheap, and stores what is not", () => {
    const twice = (op: string) =>
      computing(
        fused((g) => {
          const t = g.op(op, [g.input("x", "f32", 5, 7)]);
          g.output("a", g.op("add", [t, g.input("y", "f32", 5, 7)]));
          g.output("b", g.op("reduce", [t], { op: "add", axes: [0, 1], keepdims: false }));
        }),
      );
    expect(twice("neg")).toEqual({ map: 1, map_reduce: 1 });
    expect(twice("exp")).toEqual({ map: 2, reduce: 1 });
  });

  it("keeps an expensive value in one group that uses it twice, but not behind two different views", () => {
    const graph = fused((g) => {
      const e = g.op("exp", [g.input("x", "f32", 5)]);
      g.output("y", g.op("add", [g.op("mul", [e, e]), e]));
    });
    expect(computing(graph)).toEqual({ map: 1 });
    const shifted = fused((g) => {
      const e = g.op("exp", [g.input("x", "f32", 5)]);
      g.output("y", g.op("add", [g.slice(e, [0, 4]), g.slice(e, [1, 5])]));
    });
    expect(computing(shifted)).toEqual({ map: 2 });
  });

  it("does not move work into a loop, nor spread a small value over a large one", () => {
    const loop = fused((g) => {
      const t = g.op("abs", [g.input("x", "f32", 5)]);
      g.output("y", g.repeat(3, [g.input("z", "f32", 5)], (z) => [g.op("add", [z, t])])[0]!);
    });
    expect(countOpsIn(onlyNode(loop, "repeat").regions[0]!)).toEqual({ map: 1 });
    expect(computing(loop)).toEqual({ fill: 1, map: 2 });
    const spread = fused((g) => {
      const a = g.op("div", [g.input("rr", "f32"), g.input("pp", "f32")]);
      g.output("y", g.op("mul", [g.op("broadcast", [a], { shape: [4, 4] }), g.input("p", "f32", 4, 4)]));
    });
    expect(computing(spread)).toEqual({ map: 2 });
  });

  it("pulls a cast through a reshape that merges dimensions only when its input lies in order", () => {
    const graph = fused((g) => {
      const images = g.op("cast", [g.input("images", "u8", 3, 4, 4)], { dtype: "f32" });
      g.output("x", g.op("div", [g.op("reshape", [images], { shape: [3, 16] }), g.spread("f32", 255, 3, 16)]));
    });
    expect(computing(graph)).toEqual({ map: 1 });
    const turned = fused((g) => {
      const images = g.op("cast", [g.op("transpose", [g.input("images", "u8", 3, 4, 4)], { axes: [0, 2, 1] })], { dtype: "f32" });
      g.output("x", g.op("div", [g.op("reshape", [images], { shape: [3, 16] }), g.spread("f32", 255, 3, 16)]));
    });
    expect(computing(turned)).toEqual({ map: 2 });
  });

  it("bounds inputs, size and depth of a body", () => {
    const sum = fused((g) => {
      const inputs = Array.from({ length: 100 }, (_, k) => g.input(`x${k}`, "f32", 3));
      g.output("y", inputs.reduce((a, b) => g.op("add", [a, b])));
    });
    const maps = bodyOfMain(sum).nodes.filter((node) => node.op === "map");
    expect(maps.length).toBeLessThanOrEqual(8);
    expect(Math.max(...maps.map((node) => node.inputs.length))).toBeLessThanOrEqual(16);

    const chain = fused((g) => {
      let x = g.input("x", "f32", 3);
      const y = g.input("y", "f32", 3);
      for (let k = 0; k < 1000; k++) x = g.op("mul", [g.op("add", [x, y]), x]);
      g.output("z", x);
    });
    // Written as a tree each step doubles the body.
    expect(computing(chain)["map"]).toBeLessThan(400);
    expect(computing(chain)["map"]).toBeGreaterThan(100);
  });

  it("leaves no elementwise op and stays near-linear on a hundred thousand nodes", () => {
    const graph = graphOf((g) => {
      let x: ValueId = g.input("x", "f32", 8);
      const y = g.input("y", "f32", 8);
      for (let k = 0; k < 50_000; k++) x = k % 3 === 0 ? g.op("reverse", [x], { axes: [0] }) : g.op(k % 2 === 0 ? "add" : "sub", [x, y]);
      g.output("z", x);
    });
    let current = graph;
    for (const pass of [foldConstants, simplifyAlgebra, mergeEqualNodes, removeDeadNodes, fuse, simplifyAlgebra, mergeEqualNodes, removeDeadNodes]) current = pass.run(current, testContext);
    verify(current);
    expect(Object.keys(countOps(current)).sort()).toEqual(["map", "read", "reverse", "write"]);
  });
});
