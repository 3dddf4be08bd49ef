/**
 * narrow-products: matrix products and convolutions of i32 whose operands are known to be small, such as bytes that are cast,
 * multiplied in the way that is fastest.
 *
 * - Where tiles share a memory, operands of 16 bits become words of two, whose products machines add up eight at once, and four
 *   of f32 (pairs.ts).
 * - Elsewhere, and of few channels, they are products of f32 with so few terms that every sum is exact (floats.ts).
 *
 * Needs: no gradients left to make. Gives: the same results.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Range } from "../../kernel/ranges.ts";
import type { Pass } from "../../support/pass.ts";
import type { Target } from "../../targets/target.ts";
import { wantedPartition, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { FrontBuilder } from "./front-builder.ts";
import { asFloats } from "./narrow-products/floats.ts";
import { inPairs } from "./narrow-products/pairs.ts";
import { largestIn, rangeOf } from "../value-ranges.ts";

/** Of fewer terms, other forms take longer than they save. */
const leastTerms = 8;
/** In words of two the channels of one, or the third of three, leave halves empty. */
const leastChannels = 3;
/** f32 holds all whole numbers up to this. */
const mostExact = 2 ** 24;

export const narrowProducts: Pass<Graph, Graph> = {
  name: "narrow-products",
  summary: "products of i32 that are known to be small become sums of pairs of 16 bits, or exact ones of f32",
  run: (graph, { target }) => rewrite(graph, (node, at) => (isProduct(node, at) ? narrowed(node, at, target) : node)),
};

function isProduct(node: Node, at: Rewriting): boolean {
  if ((node.op !== "matmul" && node.op !== "conv") || node.inputs.length > 2 || wantedPartition(node) !== undefined) return false;
  const { dtype, shape } = at.type(node.outputs[0]!);
  return dtype === "i32" && sizeOf(shape) > 0 && node.inputs.every((input) => at.type(input).shape.length >= 2);
}

function narrowed(node: Node, at: Rewriting, { memory }: Target): Node | readonly ValueId[] {
  const ranges = node.inputs.map((input) => rangeOf(input, at)!);
  const { channels, each } = termsOf(node, at);
  if (channels * each < leastTerms) return node;
  const build = new FrontBuilder(at, node.origin);
  if (memory === "shared" && ranges.every(fits16Bits) && channels >= leastChannels) return inPairs(node, build);
  const largest = ranges.map(largestIn).reduce((product, one) => product * Math.max(1, one), 1);
  const most = Math.floor(mostExact / (each * largest));
  return most >= Math.min(channels, leastTerms) ? [asFloats(node, channels, most, build)] : node;
}

const fits16Bits = ({ min, max }: Range): boolean => min >= -(2 ** 15) && max < 2 ** 15;

/** Terms of a sum: so many channels, or elements of a row, and so many elements of a window of each. */
function termsOf({ op, inputs: [a, b] }: Node, at: Rewriting): { readonly channels: number; readonly each: number } {
  if (op === "matmul") return { channels: at.type(a!).shape.at(-1)!, each: 1 };
  const [, channels, ...window] = at.type(b!).shape as [number, number, ...number[]];
  return { channels, each: sizeOf(window) };
}
