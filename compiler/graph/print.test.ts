import { describe, expect, it } from "vitest";
import { argument, binary, cast, constant, select, unary } from "../kernel/build.ts";
import { nowhere } from "../support/span.ts";
import { printBody, printNumber } from "./print-body.ts";
import { countOps, formatCounts, print } from "./print.ts";
import type { Graph } from "./graph.ts";
import { graphOf } from "./testing/test-graph.ts";

describe("print", () => {
  it("writes one node a line, regions indented, states by name", () => {
    const graph = graphOf((g) => {
      const [x, c] = [g.input("x", "f32", 3), g.input("c", "bool")];
      const [y] = g.repeat(3, [x], (u) => [g.op("reduce", [g.op("update", [u!, g.slice(u!, [0, 1])], { start: [2], length: [1], step: [1] })], { op: "add", axes: [0], keepdims: true })].map((r) => g.op("broadcast", [r], { shape: [3] })));
      const k = g.op("constant", [], { dtype: "f32", shape: [20], data: Float32Array.from({ length: 20 }, (_, i) => i / 2) });
      g.structural("send", [k], { state: g.state("stream out", "s", "f32", 20) }, []);
      g.output("z", g.if(c, () => [y!], () => [g.spread("f32", 0.1, 3)])[0]!);
    });
    expect(print(graph)).toMatchInlineSnapshot(`
      "graph test()

      in x: f32[3]
      in c: bool
      stream out s: f32[20]
      out z: f32[3]

      program main {
        %0: f32[3] = read x
        %1: bool = read c
        %2: i32 = fill 3
        %8: f32[3] = repeat %2, %0 (%3: f32[3]) {
          %4: f32[1] = slice %3 start=[0] length=[1] step=[1]
          %5: f32[3] = update %3, %4 start=[2] length=[1] step=[1]
          %6: f32[1] = reduce %5 op="add" axes=[0] keepdims=true
          %7: f32[3] = broadcast %6
          give %7
        }
        %9: f32[20] = constant [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, … 20 in all]
        send s, %9
        %12: f32[3] = if %1 then {
          give %8
        } else {
          %10: f32 = fill 0.1
          %11: f32[3] = broadcast %10
          give %11
        }
        write z, %12
      }
      "
    `);
    expect(formatCounts(countOps(graph))).toBe("broadcast 2, constant 1, fill 2, if 1, read 2, reduce 1, repeat 1, send 1, slice 1, update 1, write 1");
  });

  it("sums up compute sets and mappings", () => {
    const piece = (tile: number) => ({ slice: [{ start: tile, length: 1, step: 1, drop: true }], tile, origin: nowhere });
    const kernel = { name: "V", buffers: [{ name: "x", dtype: "f32", shape: [], strides: [], access: "in", origin: nowhere }], locals: [], body: [], origin: nowhere } as const;
    const graph: Graph = {
      ...graphOf((g) => void g.input("a", "f32", 9)),
      vertices: [{ name: "V", kernel, origin: nowhere }],
      computeSets: [{
        name: "rows", operands: [{ name: "a", type: { dtype: "f32", shape: [9] } }], written: [], origin: nowhere,
        placements: Array.from({ length: 9 }, (_, k) => ({ vertex: 0, tile: k % 2, origin: nowhere, fields: [{ operand: 0, slice: [{ start: k, length: 1, step: 1, drop: true }], origin: nowhere }] })),
      }],
    };
    const mapped = { ...graph, states: [{ ...graph.states[0]!, mapping: { pieces: [piece(0), piece(1), piece(1)] } }] };
    expect(print(mapped).split("program")[0]).toMatchInlineSnapshot(`
      "graph test()

      in a: f32[9]  // mapped in 3 pieces to 2 tiles

      compute set rows: 9 vertices on 2 tiles {
        in a: f32[9]
        V { x = a[0] } on 0
        V { x = a[1] } on 1
        V { x = a[2] } on 0
        … and 6 more
      }

      "
    `);
  });
});

describe("printBody", () => {
  const [a, b] = [argument("f32", 0), argument("f32", 1)];

  it("uses as few parentheses as it can", () => {
    expect(printBody(binary("sub", a, binary("sub", a, b)), ["x", "y"])).toBe("x - (x - y)");
    expect(printBody(binary("sub", binary("sub", a, b), b), ["x", "y"])).toBe("x - y - y");
    expect(printBody(binary("mul", unary("neg", binary("add", a, b)), constant("f32", Math.fround(0.1))), ["x", "y"])).toBe("-(x + y) * 0.1");
    expect(printBody(select(binary("lt", a, b), cast("f32", cast("i32", a)), unary("sqrt", b)), ["x", "y"])).toBe("select(x < y, cast<f32>(cast<i32>(x)), sqrt(y))");
  });

  it("writes numbers as short as their dtype allows", () => {
    expect(printNumber("f32", Math.fround(1 / 3))).toBe("0.33333334");
    expect(printNumber("f64", 1 / 3)).toBe("0.3333333333333333");
    expect([printNumber("f32", -0), printNumber("f32", Infinity), printNumber("bool", 1), printNumber("i64", 5n)]).toEqual(["-0", "Infinity", "true", "5"]);
  });
});
