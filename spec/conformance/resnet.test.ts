/** A small residual network in every form of convolution that pack-convolutions makes, against the interpreter. */
import { expect, test } from "vitest";
import { graphOf } from "../../compiler/check/testing/check-text.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { tensor } from "../../compiler/graph/tensor.ts";
import { target } from "../../compiler/targets/targets.ts";
import { resnetSource } from "../bench/resnet.ts";
import { differences, engineFor, fillStates, toHost } from "./support.ts";

test("a residual network gives what the interpreter does, on one worker and on two", async () => {
  const graph = graphOf(resnetSource({ width: 32, size: 34, blocks: [1, 1] }));
  const inputs = fillStates(graph, "in");
  // Scaled by the number of terms, so that no layer makes its numbers much larger or smaller.
  const params = Object.fromEntries(Object.entries(fillStates(graph, "param")).map(([name, { type, data }]) => {
    const terms = type.shape.slice(1).reduce((product, extent) => product * extent, 1);
    return [name, tensor("f32", type.shape, Array.from(data as Float32Array, (value) => value * Math.sqrt(3 / terms)))];
  }));
  const expected = new Interpreter(graph, { params }).run("main", inputs);
  await using one = await engineFor(graph, target("wasm"), 1, params);
  await using two = await engineFor(graph, target("wasm"), 2, params);
  const got = one.runSync(toHost(inputs));
  expect(differences(expected, got, 1e-4)).toEqual([]);
  expect(two.runSync(toHost(inputs))).toEqual(got);
});
