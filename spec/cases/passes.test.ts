/**
 * The graph level's passes on programs of the language: each case says how many nodes of some ops are left after a pass,
 * `// after fuse: map 1, update 1`, and every pass keeps what the interpreter computes, bit for bit.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isFloat } from "../../runtime/dtype.ts";
import { graphOf } from "../../compiler/check/testing/check-text.ts";
import type { Graph } from "../../compiler/graph/graph.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { foldConstants } from "../../compiler/graph/passes/fold-constants.ts";
import { fuse } from "../../compiler/graph/passes/fuse.ts";
import { mergeEqualNodes } from "../../compiler/graph/passes/merge-equal-nodes.ts";
import { removeDeadNodes } from "../../compiler/graph/passes/remove-dead-nodes.ts";
import { simplifyAlgebra } from "../../compiler/graph/passes/simplify-algebra.ts";
import { countOps, formatCounts, print } from "../../compiler/graph/print.ts";
import { put, zeros, type Tensor } from "../../compiler/graph/tensor.ts";
import { verify } from "../../compiler/graph/verify.ts";
import { Diagnostics } from "../../compiler/support/diagnostic.ts";
import { target } from "../../compiler/targets/targets.ts";

const passes = [foldConstants, simplifyAlgebra, mergeEqualNodes, removeDeadNodes, fuse];
const context = Object.assign(new Diagnostics(), { target: target("wasm") });
const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

/** The counts a case wants: ops and numbers, by pass. */
function wanted(source: string): Map<string, { [op: string]: number }> {
  return new Map(
    [...source.matchAll(/^\/\/ after ([a-z-]+): (.*)$/gm)].map(([, pass, counts]) => [
      pass!,
      Object.fromEntries(counts!.split(", ").map((item) => [item.split(" ")[0]!, Number(item.split(" ")[1])])),
    ]),
  );
}

/** Deterministic elements, with zeros of both signs among the floats. */
function elements(graph: Graph, role: "in" | "param"): { [name: string]: Tensor } {
  const states = graph.states.filter((state) => state.role === role);
  return Object.fromEntries(
    states.map((state, k) => {
      const tensor = zeros(state.type);
      for (let flat = 0; flat < tensor.data.length; flat++) {
        const integer = (flat * 7 + 3 * k) % 5;
        put(tensor, flat, isFloat(state.type.dtype) ? (flat % 11 === 10 ? -0 : Math.sin(flat * 12.9898 + k) * 3) : state.type.dtype.endsWith("64") ? BigInt(integer) : integer);
      }
      return [state.name, tensor];
    }),
  );
}

const show = (tensor: Tensor): string => [...tensor.data].map((value) => (Object.is(value, -0) ? "-0" : String(value))).join(" ");

function outputs(graph: Graph): { [name: string]: string } {
  const interpreter = new Interpreter(graph, { params: elements(graph, "param") });
  const given = interpreter.run(graph.programs[0]!.name, elements(graph, "in"));
  return Object.fromEntries(Object.entries(given).map(([name, tensor]) => [name, show(tensor)]));
}

/** Runs the passes on a program; checks the counts it wants and that nothing it gives has changed. */
function hold(source: string, parameters: { readonly [name: string]: number } = {}, counts = wanted(source)): void {
  const checked = graphOf(source, { parameters });
  const expected = outputs(checked);
  let graph = checked;
  for (const pass of passes) {
    graph = pass.run(graph, context);
    verify(graph);
    const left = countOps(graph);
    for (const [op, times] of Object.entries(counts.get(pass.name) ?? {})) {
      expect(left[op] ?? 0, `${op} after ${pass.name}: ${formatCounts(left)}\n${print(graph)}`).toBe(times);
    }
    expect(outputs(graph), `after ${pass.name}`).toEqual(expected);
  }
}

describe("passes on small programs", () => {
  for (const name of readdirSync(new URL("passes/", import.meta.url))) {
    it(name, () => {
      const source = read(`passes/${name}`);
      expect(wanted(source).size).toBeGreaterThan(0);
      hold(source);
    });
  }
});

describe("passes on the examples", () => {
  const examples: { readonly [name: string]: readonly [counts: { [op: string]: number }, parameters: { [name: string]: number }] } = {
    heat: [{ map: 1, update: 1, slice: 5 }, { n: 9, steps: 4 }],
    life: [{ map: 1, map_reduce: 1, roll: 8 }, { n: 7, steps: 3 }],
    mandelbrot: [{ constant: 2, execute: 1 }, { height: 4, width: 5, limit: 9 }],
    matvec: [{ execute: 1, map: 0 }, { m: 6, n: 5 }],
    mlp: [{ map: 3, matmul: 2, softmax: 1 }, { batch: 3, hidden: 4 }],
    solve: [{ map_reduce: 3 }, { n: 6, limit: 5 }],
    encoder: [{ map: 5, matmul: 6, layer_norm: 2, softmax: 1 }, { seq: 4, d: 8, heads: 2, ffn: 6 }],
  };
  for (const [name, [counts, parameters]] of Object.entries(examples)) {
    it(name, () => hold(read(`../../examples/${name}/${name}.gph`), parameters, new Map([["fuse", counts]])));
  }
});
