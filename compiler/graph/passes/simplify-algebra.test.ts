/** Each identity by example; that they keep the meaning on all values is the property test of `passes.test.ts`. */
import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { countOps, formatCounts } from "../print.ts";
import type { ValueId } from "../graph.ts";
import { bodyOfMain, graphOf, onlyNode, testContext, type TestGraph } from "../testing/test-graph.ts";
import { verify } from "../verify.ts";
import { foldConstants } from "./fold-constants.ts";
import { mergeEqualNodes } from "./merge-equal-nodes.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";
import { simplifyAlgebra } from "./simplify-algebra.ts";

/** What is left of the graph, without reads and writes: "fill 1, mul 1". */
function left(fill: (graph: TestGraph) => void): string {
  let graph = graphOf(fill);
  verify(graph);
  for (const pass of [foldConstants, simplifyAlgebra, foldConstants, mergeEqualNodes, removeDeadNodes]) {
    graph = pass.run(graph, testContext);
    verify(graph);
  }
  return formatCounts(Object.fromEntries(Object.entries(countOps(graph)).filter(([op]) => op !== "read" && op !== "write")));
}

const withScalar = (dtype: DType, op: string, value: number, flipped = false): string =>
  left((g) => {
    const [x, c] = [g.input("x", dtype, 3), g.spread(dtype, value, 3)];
    g.output("y", g.op(op, flipped ? [c, x] : [x, c]));
  });

describe("arithmetic", () => {
  it("drops neutral elements", () => {
    for (const [op, value] of [["mul", 1], ["div", 1], ["sub", 0], ["add", -0], ["pow", 1]] as const) expect(withScalar("f32", op, value), op).toBe("");
    for (const [op, value] of [["mul", 1], ["div", 1], ["sub", 0], ["add", 0], ["or", 0], ["xor", 0], ["and", -1], ["shl", 0]] as const) expect(withScalar("i32", op, value), op).toBe("");
    expect(withScalar("u8", "and", 255)).toBe("");
    expect(withScalar("f32", "mul", 1, true)).toBe("");
  });

  it("leaves floats alone where -0, NaN or infinity would show", () => {
    expect(withScalar("f32", "add", 0)).toBe("add 1, fill 1");
    expect(withScalar("f32", "mul", 0)).toBe("fill 1, mul 1");
    expect(withScalar("f32", "sub", -0)).toBe("fill 1, sub 1");
    expect(left((g) => {
      const x = g.input("x", "f32", 3);
      g.output("y", g.op("sub", [x, x]));
    })).toBe("sub 1");
  });

  it("folds what is zero for every integer", () => {
    expect(withScalar("i32", "mul", 0)).toBe("fill 1");
    expect(withScalar("i32", "rem", 1)).toBe("fill 1");
    expect(left((g) => {
      const x = g.input("x", "i32", 3);
      g.output("y", g.op("xor", [x, x]));
    })).toBe("fill 1");
  });

  it("multiplies instead of dividing by a power of two, and only then", () => {
    expect(withScalar("f32", "div", 4)).toBe("fill 1, mul 1");
    expect(withScalar("f32", "div", -0.125)).toBe("fill 1, mul 1");
    expect(withScalar("f16", "div", 2)).toBe("fill 1, mul 1");
    expect(withScalar("f32", "div", 3)).toBe("div 1, fill 1");
    expect(withScalar("f32", "div", 2 ** 127)).toBe("div 1, fill 1");
    expect(withScalar("f16", "div", 2 ** 15)).toBe("div 1, fill 1");
    expect(withScalar("i32", "div", 4)).toBe("div 1, fill 1");
  });

  it("undoes what is done twice", () => {
    expect(left((g) => g.output("y", g.op("neg", [g.op("neg", [g.input("x", "f32", 3)])])))).toBe("");
    expect(left((g) => g.output("y", g.op("abs", [g.op("abs", [g.input("x", "f32", 3)])])))).toBe("abs 1");
    expect(left((g) => g.output("y", g.op("add", [g.input("x", "f32", 3), g.op("neg", [g.input("z", "f32", 3)])])))).toBe("sub 1");
  });

  it("joins casts where nothing is lost between", () => {
    const through = (from: DType, middle: DType, to: DType): string =>
      left((g) => g.output("y", g.op("cast", [g.op("cast", [g.input("x", from, 3)], { dtype: middle })], { dtype: to })));
    expect(through("f16", "f32", "f64")).toBe("cast 1");
    expect(through("u8", "f32", "u8")).toBe("");
    expect(through("i16", "i32", "u8")).toBe("cast 1");
    // Saturates through a float, wraps directly.
    expect(through("u16", "f32", "u8")).toBe("cast 2");
    expect(through("i32", "f32", "f64")).toBe("cast 2");
    expect(through("f32", "i32", "f32")).toBe("cast 2");
  });
});

describe("views", () => {
  const box = (start: number[], length: number[], step: number[]) => ({ start, length, step });

  it("joins views of one kind and drops those that change nothing", () => {
    expect(left((g) => g.output("y", g.op("transpose", [g.op("transpose", [g.input("x", "f32", 2, 3, 4)], { axes: [1, 2, 0] })], { axes: [2, 0, 1] })))).toBe("");
    expect(left((g) => g.output("y", g.op("reshape", [g.op("reshape", [g.input("x", "f32", 2, 3)], { shape: [6] })], { shape: [2, 3] })))).toBe("");
    expect(left((g) => g.output("y", g.op("broadcast", [g.op("broadcast", [g.input("x", "f32", 3)], { shape: [2, 3] })], { shape: [4, 2, 3] })))).toBe("broadcast 1");
    expect(left((g) => g.output("y", g.op("reverse", [g.op("reverse", [g.input("x", "f32", 2, 3)], { axes: [0, 1] })], { axes: [1, 0] })))).toBe("");
    expect(left((g) => g.output("y", g.slice(g.input("x", "f32", 4), [0, 4])))).toBe("");
  });

  it("joins slices with steps", () => {
    const graph = simplifyAlgebra.run(
      graphOf((g) => g.output("y", g.op("slice", [g.op("slice", [g.input("x", "f32", 20)], box([2], [6], [3]))], box([5], [3], [-2])))),
      testContext,
    );
    expect(onlyNode(removeDeadNodes.run(graph, testContext), "slice").attributes).toEqual(box([17], [3], [-6]));
  });

  it("takes the value of an update of everything", () => {
    expect(left((g) => g.output("y", g.op("update", [g.input("x", "f32", 4), g.input("z", "f32", 4)], box([0], [4], [1]))))).toBe("");
    expect(left((g) => g.output("y", g.op("update", [g.input("x", "f32", 4), g.input("z", "f32", 4)], box([3], [4], [-1]))))).toBe("update 1");
  });
});

describe("control", () => {
  it("takes the branch of a known condition", () => {
    const choose = (condition: (g: TestGraph) => ValueId): string =>
      left((g) => {
        const x = g.input("x", "f32", 3);
        g.output("y", g.if(condition(g), () => [g.op("exp", [x])], () => [g.op("log", [x])])[0]!);
      });
    expect(choose((g) => g.op("lt", [g.fill("i32", 1), g.fill("i32", 2)]))).toBe("exp 1");
    expect(choose((g) => g.fill("bool", 0))).toBe("log 1");
    expect(choose((g) => g.input("c", "bool"))).toBe("exp 1, if 1, log 1");
  });

  it("unfolds loops that run never or once, and keeps others", () => {
    const times = (count: number): string => left((g) => g.output("y", g.repeat(count, [g.input("x", "f32", 3)], (x) => [g.op("exp", [x])])[0]!));
    expect(times(-1)).toBe("");
    expect(times(0)).toBe("");
    expect(times(1)).toBe("exp 1");
    expect(times(2)).toBe("exp 1, fill 1, repeat 1");
  });

  it("drops carried values that a loop only passes on", () => {
    const graph = graphOf((g) => {
      const [x, y] = [g.input("x", "f32", 3), g.input("y", "f32", 3)];
      g.repeat(4, [x, y], (a, b) => [g.op("add", [a!, b!]), b!]).forEach((value, k) => g.output(`z${k}`, value));
    });
    const simple = simplifyAlgebra.run(graph, testContext);
    verify(simple);
    expect(onlyNode(simple, "repeat").outputs).toHaveLength(1);
  });
});

describe("fold-constants", () => {
  it("computes what is known, and keeps splats as fills", () => {
    expect(left((g) => g.output("y", g.op("mul", [g.op("add", [g.spread("f32", 1, 300, 300), g.spread("f32", 2, 300, 300)]), g.spread("f32", 3, 300, 300)])))).toBe("fill 1");
    expect(left((g) => g.output("y", g.op("exp", [g.op("iota_block", [], { dtype: "f32", length: 5 })])))).toBe("constant 1");
  });

  it("leaves what is large, and what would fail", () => {
    expect(left((g) => g.output("y", g.op("iota_block", [], { dtype: "f32", length: 100_000 })))).toBe("iota_block 1");
    expect(left((g) => g.output("y", g.op("div", [g.fill("i32", 1, 3), g.fill("i32", 0, 3)])))).toBe("div 1, fill 2");
  });
});

describe("merge-equal-nodes", () => {
  it("merges along dominance only", () => {
    expect(left((g) => {
      const [x, c] = [g.input("x", "f32", 3), g.input("c", "bool")];
      g.output("y", g.if(c, () => [g.op("exp", [x])], () => [g.op("neg", [g.op("exp", [x])])])[0]!);
    })).toBe("exp 2, if 1, neg 1");
    expect(left((g) => {
      const [x, y, c] = [g.input("x", "f32", 3), g.input("y", "f32", 3), g.input("c", "bool")];
      const z = g.op("mul", [x, y]);
      g.output("z", g.op("sub", [z, g.if(c, () => [g.op("mul", [y, x])], () => [x])[0]!]));
    })).toBe("if 1, mul 1, sub 1");
  });

  it("tells attributes apart by value", () => {
    const constant = (g: TestGraph, ...data: number[]): ValueId => g.op("constant", [], { dtype: "f32", shape: [data.length], data: Float32Array.from(data) });
    const merged = (a: number, b: number) =>
      mergeEqualNodes.run(graphOf((g) => {
        g.output("y", constant(g, 1, a));
        g.output("z", constant(g, 1, b));
      }), testContext);
    expect(countOps(merged(2, 2))).toMatchObject({ constant: 1 });
    expect(countOps(merged(0, -0))).toMatchObject({ constant: 2 });
  });
});

describe("remove-dead-nodes", () => {
  it("removes carried values nobody reads, and keeps effects", () => {
    const graph = graphOf((g) => {
      const [x, s] = [g.input("x", "f32"), g.state("stream out", "s", "f32")];
      const [y] = g.repeat(3, [x, x, x], (a, b, c) => {
        g.structural("send", [c!], { state: s }, []);
        return [g.op("exp", [a!]), g.op("log", [b!]), g.op("neg", [c!])];
      });
      g.output("y", y!);
      g.repeat(3, [x], (a) => [g.op("sin", [a!])]);
    });
    const swept = removeDeadNodes.run(graph, testContext);
    verify(swept);
    expect(countOps(swept)).toEqual({ exp: 1, fill: 1, neg: 1, read: 1, repeat: 1, send: 1, write: 1 });
    expect(bodyOfMain(swept).nodes.find((node) => node.op === "repeat")!.outputs).toHaveLength(2);
  });
});

describe("places", () => {
  const places = (op: "gather" | "scatter_update", indices: readonly number[]): string =>
    left((g) => {
      const [x, at] = [g.input("x", "f32", 7, 3), g.op("constant", [], { dtype: "i32", shape: [indices.length], data: Int32Array.from(indices) })];
      g.output("y", op === "gather" ? g.op(op, [x, at], { axis: 0 }) : g.op(op, [x, at, g.input("v", "f32", indices.length, 3)], { axis: 0 }));
    });

  it("at equal distances are a slice", () => {
    for (const indices of [[0, 2, 4], [6, 5, 4, 3], [-1, -3], [3], [-7, 3, -1]]) {
      expect(places("gather", indices), String(indices)).toBe("slice 1");
      expect(places("scatter_update", indices), String(indices)).toBe("update 1");
    }
  });

  /** Of x: [4, 5, 2] or transposed to it. */
  const tuples = (indices: readonly number[], count: number, axes = [0, 1, 2], shape: readonly number[] = []): string =>
    left((g) => {
      const [x, at] = [g.input("x", "f32", ...[4, 5, 2].map((_, k) => [4, 5, 2][axes.indexOf(k)]!)), g.op("constant", [], { dtype: "i32", shape: [...(shape.length > 0 ? shape : [indices.length / count]), count], data: Int32Array.from(indices) })];
      g.output("y", g.op("gather_nd", [axes.every((axis, k) => axis === k) ? x : g.op("transpose", [x], { axes }), at]));
    });

  it("of several dimensions at equal distances are a slice of them joined", () => {
    expect(tuples([0, 0, 1, 1, 2, 2, 3, 3], 2)).toBe("reshape 1, slice 1");
    expect(tuples([0, 4, 1, 3, 2, 2, 3, 1], 2)).toBe("reshape 1, slice 1");
    expect(tuples([-1, -1, -2, -2], 2)).toBe("reshape 1, slice 1");
    expect(tuples([2, 3], 1)).toBe("slice 1");
    expect(tuples([1, 2, 0, 3, 2, 0], 3)).toBe("reshape 1, slice 1");
    // From the end of a row to the begin of the next.
    expect(tuples([0, 4, 1, 0, 1, 1], 2)).toBe("reshape 1, slice 1");
    expect(tuples([0, 0, 0, 2, 0, 4, 1, 1], 2, [0, 1, 2], [2, 2])).toBe("reshape 2, slice 1");
  });

  it("are joined where they lie side by side, behind a transposition too", () => {
    expect(tuples([0, 0, 1, 1, 2, 2], 2, [1, 2, 0])).toBe("reshape 1, slice 1, transpose 1");
    expect(tuples([0, 0, 1, 1, 2, 2], 2, [1, 0, 2])).toBe("constant 1, gather_nd 1, transpose 1");
    expect(tuples([0, 0, 1, 1, 2, 2], 2, [0, 2, 1])).toBe("constant 1, gather_nd 1, transpose 1");
  });

  it("of several dimensions at others, equal or outside, are looked up", () => {
    for (const indices of [[0, 0, 1, 1, 2, 3], [1, 1, 1, 1], [0, 0, 4, 0], [0, 5, 1, 0], [0, 4, 0, 5], [-5, 0, -4, 0]]) expect(tuples(indices, 2), String(indices)).toMatch(/gather_nd 1$/);
  });

  it("at others, equal or outside, are looked up", () => {
    for (const indices of [[0, 2, 3], [1, 1], [5, 7], [-8, -7], [2, 0, -2]]) expect(places("scatter_update", indices), String(indices)).toMatch(/scatter_update 1$/);
    expect(places("gather", [5, 7])).toMatch(/gather 1$/);
  });
});
