/** Passes keep the meaning: on random graphs, the interpreter gives the same bits before and after each of them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Diagnostics } from "../../support/diagnostic.ts";
import type { Pass, PassContext } from "../../support/pass.ts";
import { target } from "../../targets/targets.ts";
import type { Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { print } from "../print.ts";
import { randomGraph, randomInputs } from "../testing/random-graph.ts";
import { get, type Tensor } from "../tensor.ts";
import { verify } from "../verify.ts";
import { doubleBuffer } from "./double-buffer.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuse } from "./fuse.ts";
import { fuseResults } from "./fuse-results.ts";
import { fuseUpdates } from "./fuse-updates.ts";
import { hoist } from "./hoist.ts";
import { mergeEqualNodes } from "./merge-equal-nodes.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";
import { simplifyAlgebra } from "./simplify-algebra.ts";

const context: PassContext = Object.assign(new Diagnostics(), { target: target("wasm") });

/** The elements as text: bits of floats but for NaNs, which are all one. */
const show = (tensor: Tensor): string => `${tensor.type.dtype}[${tensor.type.shape.join()}] ${[...tensor.data.keys()].map((index) => get(tensor, index)).map((value) => (Object.is(value, -0) ? "-0" : String(value))).join(" ")}`;

/** Everything the world sees of a run. */
function observe(graph: Graph, seed: number): string[] {
  const sent: string[] = [];
  const interpreter = new Interpreter(graph, {});
  const outputs = interpreter.run("main", randomInputs(graph, seed), { streams: { sink: (tensor: Tensor) => sent.push(show(tensor)) } });
  return [...sent, ...Object.entries(outputs).map(([name, tensor]) => `${name}: ${show(tensor)}`)];
}

const pipelines: { readonly [title: string]: readonly Pass<Graph, Graph>[] } = {
  "fold-constants": [foldConstants],
  "simplify-algebra": [simplifyAlgebra],
  "merge-equal-nodes": [mergeEqualNodes],
  "remove-dead-nodes": [removeDeadNodes],
  "fuse": [fuse],
  "all of them": [foldConstants, mergeEqualNodes, removeDeadNodes, simplifyAlgebra, foldConstants, fuse, simplifyAlgebra, mergeEqualNodes, removeDeadNodes],
  "hoist": [hoist],
  "hoist, then all": [foldConstants, simplifyAlgebra, mergeEqualNodes, hoist, fuse, fuseUpdates, hoist, fuseResults],
  "double-buffer": [fuse, doubleBuffer, fuseUpdates],
  "fuse-results": [fuse, fuseUpdates, fuseResults],
  "fuse twice": [simplifyAlgebra, fuse, foldConstants, fuse, removeDeadNodes],
};

const decisions = fc.array(fc.nat({ max: 5039 }), { minLength: 20, maxLength: 250, size: "max" });

describe("passes keep the meaning", () => {
  for (const [title, passes] of Object.entries(pipelines)) {
    it(title, () => {
      fc.assert(
        fc.property(decisions, fc.nat({ max: 1000 }), (list, seed) => {
          const graph = randomGraph(list);
          verify(graph);
          let current = graph;
          for (const pass of passes) {
            current = pass.run(current, context);
            verify(current);
          }
          expect(observe(current, seed), `${print(graph)}\n---\n${print(current)}`).toEqual(observe(graph, seed));
        }),
        { numRuns: 120 },
      );
    });
  }
});
