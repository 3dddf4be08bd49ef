/**
 * A map of which some inputs are seen rolled: what `fuse-rolls` makes of stencils on a torus. The result is cut where an input
 * goes around its end; in each piece all are read at fixed distances, so that nothing rolled is ever stored. It may be cut at more
 * places (`cuts`, a list for each axis), where others are that it is computed with: `align-rolls`.
 */
import type { Attributes } from "../../graph/graph.ts";
import { tensor } from "../../graph/tensor.ts";
import { argument, binary, constant, substitute } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex, type Affine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { choices, dimensions } from "../lowerings.ts";
import { bodyAttribute, bodyOf, map, operationsOf } from "./map.ts";
import type { Op } from "../op.ts";
import { roll } from "../data/roll.ts";

/** The shift of each dimension of each input, as those of `roll`. */
export const rollsOf = (attributes: Attributes): readonly (readonly number[])[] => attributes["shifts"] as readonly (readonly number[])[];

/** Where each axis is cut: its ends, the positions at which some input begins again, and those that are asked for. */
export const cutsOf = (shape: readonly number[], rolls: readonly (readonly number[])[], more: readonly (readonly number[])[] = []): number[][] =>
  shape.map((extent, axis) => [...new Set([0, ...rolls.map((shift) => shift[axis]!), ...(more[axis] ?? []), extent])].sort((a, b) => a - b));

/** Into how many pieces cuts divide a result. */
export const piecesOf = (cuts: readonly (readonly number[])[]): number => cuts.reduce((pieces, { length }) => pieces * (length - 1), 1);

const laplace = binary("sub", binary("add", argument("f32", 0), argument("f32", 1)), binary("mul", constant("f32", 2), argument("f32", 2)));
const sum = binary("add", binary("add", argument("i32", 0), argument("i32", 1)), argument("i32", 2));

export const mapRolled: Op = {
  name: "map_rolled",
  kind: "compute",
  summary: "A scalar function of elements at distances, around the ends: of inputs that are seen rolled.",
  formula: "y = body(roll(x₀, s₀), roll(x₁, s₁), …)",
  noGradient: "it is made when gradients are there",
  type(inputs, attributes) {
    invariant(rollsOf(attributes).length === inputs.length, "map_rolled has a shift for each input");
    return map.type(inputs, attributes);
  },
  evaluate(inputs, attributes, type) {
    const rolled = inputs.map((input, k) => roll.evaluate([input], { shift: rollsOf(attributes)[k]! }, input.type));
    return map.evaluate(rolled, attributes, type);
  },
  lower(_inputs, attributes, type): Lowering[] {
    const rolls = rollsOf(attributes);
    const body = bodyOf(attributes);
    const rank = type.shape.length;
    const cuts = cutsOf(type.shape, rolls, attributes["cuts"] as readonly (readonly number[])[] | undefined);
    const pieces = cuts.map((at) => at.slice(1).map((end, k) => ({ start: at[k]!, end })));
    return choices(pieces).map((piece): Lowering => {
      const reads = rolls.map((shift, operand) => ({
        operand,
        index: piece.map(({ start }, axis): Affine => affineIndex(axis, rank, 1, start - shift[axis]! + (start < shift[axis]! ? type.shape[axis]! : 0))),
      }));
      return {
        name: "map",
        space: dimensions("parallel", piece.map(({ start, end }) => end - start)),
        reads,
        writes: [{ operand: 0, index: piece.map(({ start }, axis) => affineIndex(axis, rank, 1, start)) }],
        operations: operationsOf(body),
        emit: ({ kernel, block, load, store }) => kernel.forBox(block, true, (at) => store(0, at, substitute(body, reads.map((_, read) => load(read, at))))),
      };
    });
  },
  examples: () => [
    { inputs: [tensor("f32", [4], [1, 2, 4, 8]), tensor("f32", [4], [1, 2, 4, 8]), tensor("f32", [4], [1, 2, 4, 8])], attributes: { body: bodyAttribute(laplace), shifts: [[1], [3], [0]] }, expected: tensor("f32", [4], [8, 1, 2, -11]) },
    { inputs: [samples("f32", [5, 7]), samples("f32", [5, 7], 1), samples("f32", [5, 7])], attributes: { body: bodyAttribute(laplace), shifts: [[1, 6], [4, 0], [0, 0]] } },
    { inputs: [samples("f32", [5, 7]), samples("f32", [5, 7], 1), samples("f32", [5, 7])], attributes: { body: bodyAttribute(laplace), shifts: [[0, 2], [0, 0], [0, 0]], cuts: [[4], [2, 6]] } },
    { inputs: [samples("i32", [3, 2, 4]), samples("i32", [3, 2, 4]), samples("i32", [3, 2, 4], 2)], attributes: { body: bodyAttribute(sum), shifts: [[2, 1, 3], [1, 1, 0], [0, 0, 2]] } },
    { inputs: [samples("i32", [0, 3]), samples("i32", [0, 3]), samples("i32", [0, 3])], attributes: { body: bodyAttribute(sum), shifts: [[0, 2], [0, 0], [0, 1]] } },
    { inputs: [samples("f32", []), samples("f32", []), samples("f32", [])], attributes: { body: bodyAttribute(laplace), shifts: [[], [], []] } },
  ],
};
