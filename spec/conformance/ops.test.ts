/**
 * Being in the table means being tested, through the whole compiler too: every op on its own examples, on both kinds of memory
 * and few and many tiles. `GPH_OPS=all` takes every machine for every op; else each op is tried on two of them.
 */
import { describe, expect, test } from "vitest";
import { isFloat } from "../../runtime/dtype.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/graph.ts";
import type { Tensor } from "../../compiler/graph/tensor.ts";
import { graphOf } from "../../compiler/graph/testing/test-graph.ts";
import { nodeBuilder } from "../../compiler/ops/compose.ts";
import type { Op } from "../../compiler/ops/op.ts";
import { ops } from "../../compiler/ops/table.ts";
import { nowhere } from "../../compiler/support/span.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { differences, engineFor, toHost } from "./support.ts";

const machines = [["wasm", 3, 1], ["wasm", 1472, 1], ["ipu-mk2", 16, 1], ["wasm", 16, 2], ["ipu-mk2", 1472, 1], ["wasm", 1, 1]] as const;
const all = process.env["GPH_OPS"] === "all";

/** One graph with a node for each example, so that each op is compiled once a machine. */
function examplesOf(op: Op): { readonly graph: Graph; readonly inputs: { readonly [name: string]: Tensor } } {
  const inputs: { [name: string]: Tensor } = {};
  const graph = graphOf((under) => {
    op.examples().forEach((example, k) => {
      const values = example.inputs.map((tensor, position) => {
        const name = `in${k}_${position}`;
        inputs[name] = tensor;
        return under.input(name, tensor.type.dtype, ...tensor.type.shape);
      });
      under.output(`out${k}`, nodeBuilder(under.builder, nowhere).apply(op.name, values, example.attributes));
    });
  });
  return { graph, inputs };
}

describe.each([...ops.values()].map((op, k) => [op.name, op, k] as const))("%s", (_, op, k) => {
  const chosen = all ? machines : [machines[k % machines.length]!, machines[(k + 3) % machines.length]!];
  test.each(chosen)("on %s with %i tiles and %i workers", async (machine, tiles, workers) => {
    const { graph, inputs } = examplesOf(op);
    const expected = new Interpreter(graph).run("main", inputs);
    await using engine = await engineFor(graph, { ...withTiles(target(machine), tiles), grain: 1 }, workers);
    const actual = engine.runSync("main", toHost(inputs));
    for (const [name, tensor] of Object.entries(expected)) {
      const tolerance = isFloat(tensor.type.dtype) ? (tensor.type.dtype === "f16" ? 2e-3 : tensor.type.dtype === "f64" ? 1e-11 : 2e-5) : 0;
      expect(differences({ [name]: tensor }, actual, tolerance), name).toEqual([]);
    }
  });
});
