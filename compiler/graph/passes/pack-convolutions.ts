/**
 * Prepares convolutions, and what training makes of them, for machines whose tiles share one memory. Images are stored with
 * their channels last: then the results of one position are vectors, filters lie in panels of columns as the right operands of
 * products do (pack-products.ts), and what is multiplied by them is one element after another. A convolution becomes
 *
 * - a product of matrices, where its windows have one element and lie next to each other; also for an image from outside,
 *   whose channels then stay where they are;
 * - products of transformed tiles (ops/networks/winograd.ts), where windows are 3 × 3 and one apart and that is less work;
 * - `depthwise_packed`, along the channels, where each channel has a filter of its own and channels are last already;
 * - else `conv_packed`: products whose left operand is the image itself.
 *
 * The transpose of a convolution, which is also its gradient by the image, becomes one convolution or several (convolution-phases.ts),
 * and the gradient by the filters sums of products of whole rows of channels (filter-gradient.ts), or of rows of positions where both
 * images come from elsewhere and reordering them would take too long (filter-planes.ts). Filters that are params are packed when
 * these are loaded; those that change from run to run where there are enough positions for each of their elements.
 *
 * The order of axes is carried on (order.ts): what a convolution gives is seen through a `transpose`, a view, and where maps,
 * pools, reductions, slices and joins of channels read such views, they work on what is behind them. So only what comes from outside
 * or goes there is reordered, where it is least. A bias becomes a map behind the sums, which `fuse-results` puts into the kernel;
 * borders become a `pad`.
 *
 * Sums keep their order, but the bias is added last, rows of positions are summed up lane by lane, and Winograd's products round
 * otherwise: with `strictMath` there are none.
 * A convolution over one axis is one over two, of which the first has extent 1 (planes.ts). Convolutions over three axes, of other
 * dtypes (but for words of pairs, narrow-products.ts) or groups stay as they are, and so do those with a filter for each channel of an image that comes from outside.
 */
import type { Pass } from "../../support/pass.ts";
import { prepares } from "../invariance.ts";
import { programsOf, wantedPartition, type Graph, type Node, type ValueId } from "../graph.ts";
import { forEachNode, rewrite, type Rewriting } from "../rewrite.ts";
import { mergeEqualNodes } from "./merge-equal-nodes.ts";
import { Builder, type Setting } from "./pack-convolutions/builder.ts";
import { convolved, filterGradient, product } from "./pack-convolutions/convolutions.ts";
import { carried, reduced } from "./pack-convolutions/order.ts";
import { wantedLast } from "./pack-convolutions/wanted.ts";

export const packConvolutions: Pass<Graph, Graph> = {
  name: "pack-convolutions",
  summary: "convolutions and their gradients become products of images with channels last, which maps and pools between them keep",
  run(graph, context) {
    const { target, strictMath } = context;
    if (target.memory !== "shared" || !hasConvolutions(graph)) return graph;
    const known = { graph, target, strictMath: strictMath === true, keepsWeights: prepares(graph, target) };
    const setting: Setting = { ...known, wanted: wantedLast(graph, known) };
    // The same image is wanted with the same border forwards and backwards.
    return mergeEqualNodes.run(rewrite(graph, (node, at) => pack(node, at, setting)), context);
  },
};

function hasConvolutions(graph: Graph): boolean {
  let found = false;
  for (const { body } of programsOf(graph)) forEachNode(body, ({ op }) => (found ||= op === "conv" || op === "conv_transpose" || op === "conv_filters"));
  return found;
}

function pack(node: Node, at: Rewriting, setting: Setting): Node | readonly ValueId[] {
  const [output] = node.outputs;
  if (output === undefined || node.regions.length > 0 || wantedPartition(node) !== undefined) return node;
  const build = new Builder(at, node.origin);
  const image = node.op === "conv" || node.op === "conv_transpose" ? convolved(node, build, setting) : carried(node, build, setting);
  if (image !== undefined) return [build.channelsSecond(image)];
  const other = node.op === "conv" ? product(node, build) : node.op === "conv_filters" ? filterGradient(node, build, setting) : reduced(node, build, setting);
  return other === undefined ? node : [other];
}
