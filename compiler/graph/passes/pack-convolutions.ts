/**
 * Prepares convolutions of images with params for machines whose tiles share one memory. Images are stored with their channels
 * last: then the results of one position are vectors, filters lie in panels of columns as the right operands of products do
 * (pack-products.ts), and what is multiplied by them is one element after another. A convolution becomes
 *
 * - a product of matrices, where its windows have one element and lie next to each other; also for an image from outside,
 *   whose channels then stay where they are;
 * - products of transformed tiles (ops/winograd.ts), where windows are 3 × 3 and one apart and that is less work;
 * - `depthwise_packed`, along the channels, where each channel has a filter of its own and channels are last already;
 * - else `conv_packed`: products whose left operand is the image itself.
 *
 * The order of axes is carried on: what a convolution gives is seen through a `transpose`, a view, and where maps, pools and
 * joins of channels read such views, they work on what is behind them. So only what comes from outside or goes there is
 * reordered. A bias becomes a map behind the sums, which `fuse-results` puts into the kernel; borders become a `pad`.
 *
 * Sums keep their order, but the bias is added last, and Winograd's products round otherwise: with `strictMath` there are none.
 * Convolutions whose filters change from run to run stay as they are, and so do those of other axes, dtypes or groups, and
 * those with a filter for each channel of an image that comes from outside.
 */
import { bytesOf, isFloat, sizeOf } from "../../../runtime/dtype.ts";
import { argument, binary } from "../../kernel/build.ts";
import { bodyAttribute } from "../../ops/fused/map.ts";
import { ops } from "../../ops/table.ts";
import { windowsOf, type Window } from "../../ops/networks/windows.ts";
import type { Pass } from "../../support/pass.ts";
import type { Target } from "../../targets/target.ts";
import { prepares } from "../invariance.ts";
import { wantedPartition, type Attributes, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { isWeights } from "./pack-products.ts";

/** Bytes of a panel's row, as in pack-products. */
const panelBytes = 64;
/** Fewer results, or shorter sums, leave the registers' blocks too little to do. */
const leastExtent = 8;
/** Channels from which Winograd's transforms are little beside the products. */
const leastWinogradChannels = 32;
/** Tiles from which reading the transformed filters, which are more than the filters, pays. */
const leastTiles = 16;
/** What a product of transformed tiles costs beside one of a plain sum: tiles are written and read. */
const winogradCost = 1.6;

export const packConvolutions: Pass<Graph, Graph> = {
  name: "pack-convolutions",
  summary: "convolutions with params become products of images with channels last, which maps and pools between them keep",
  run(graph, { target, strictMath }) {
    if (!prepares(graph, target)) return graph;
    const packing = new Packing(graph, target, strictMath === true);
    return rewrite(graph, (node, at) => packing.node(node, at));
  },
};

/** From [n, c, h, w] to [n, h, w, c], and back. */
const toLastAxes = [0, 2, 3, 1] as const;
const toSecondAxes = [0, 3, 1, 2] as const;

/** What a rule builds with, in front of a node. */
class Builder {
  readonly at: Rewriting;
  readonly #origin: Node["origin"];

  constructor(at: Rewriting, origin: Node["origin"]) {
    this.at = at;
    this.#origin = origin;
  }

  apply(name: string, inputs: readonly ValueId[], attributes: Attributes = {}): ValueId {
    const type = ops.get(name)!.type(inputs.map((input) => this.at.type(input)), attributes);
    return this.at.add(name, inputs, attributes, type, this.#origin);
  }

  shape(value: ValueId): readonly number[] {
    return this.at.type(value).shape;
  }

  reshape(value: ValueId, shape: readonly number[]): ValueId {
    return this.apply("reshape", [value], { shape: [...shape] });
  }

  /** The image with channels last that a value is a view of. */
  behind(value: ValueId): ValueId | undefined {
    const node = this.at.definition(value);
    const axes = node?.op === "transpose" ? (node.attributes["axes"] as readonly number[]) : [];
    return axes.length === 4 && axes.every((axis, k) => axis === toSecondAxes[k]) ? node!.inputs[0]! : undefined;
  }

  channelsLast(value: ValueId): ValueId {
    return this.behind(value) ?? this.apply("transpose", [value], { axes: [...toLastAxes] });
  }

  channelsSecond(value: ValueId): ValueId {
    return this.apply("transpose", [value], { axes: [...toSecondAxes] });
  }

  /** The matrix [n · h · w, c] that an image with channels last is. */
  matrix(image: ValueId): ValueId {
    const shape = this.shape(image);
    return this.#matrixOf(image) ?? this.reshape(image, [sizeOf(shape.slice(0, 3)), shape[3]!]);
  }

  /** Where an image was made as a matrix. */
  #matrixOf(image: ValueId): ValueId | undefined {
    const node = this.at.definition(image);
    return node?.op === "reshape" && this.shape(node.inputs[0]!).length === 2 && this.shape(node.inputs[0]!)[1] === this.shape(image)[3] ? node.inputs[0] : undefined;
  }

  isMatrix(image: ValueId): boolean {
    return this.#matrixOf(image) !== undefined;
  }
}

class Packing {
  readonly #graph: Graph;
  readonly #target: Target;
  readonly #strictMath: boolean;

  constructor(graph: Graph, target: Target, strictMath: boolean) {
    this.#graph = graph;
    this.#target = target;
    this.#strictMath = strictMath;
  }

  node(node: Node, at: Rewriting): Node | readonly ValueId[] {
    const [output] = node.outputs;
    if (output === undefined || wantedPartition(node) !== undefined || at.type(output).shape.length !== 4 || sizeOf(at.type(output).shape) === 0) return node;
    const build = new Builder(at, node.origin);
    const packed = node.op === "conv" ? this.#convolution(node, build) : node.op === "map" ? mapped(node, build) : node.op === "pool" ? pooled(node, build) : node.op === "concat" ? joined(node, build) : undefined;
    if (packed !== undefined) return [build.channelsSecond(packed)];
    const product = node.op === "conv" ? this.#product(node, build) : undefined;
    return product === undefined ? node : [product];
  }

  /** Of an image that comes from outside, and windows that are points: one product, in which channels stay where they are. */
  #product({ inputs: [x, filters, bias], attributes, outputs }: Node, build: Builder): ValueId | undefined {
    const { dtype, shape } = build.at.type(outputs[0]!);
    const [count, channels, ...window] = build.shape(filters!) as [number, number, ...number[]];
    if (!isFloat(dtype) || bytesOf(dtype) < 4 || groupsOf(attributes) > 1 || channels < leastExtent || !windowsOf(window, attributes).every(isPoint)) return undefined;
    const pixels = build.reshape(x!, [shape[0]!, channels, sizeOf(shape.slice(2))]);
    const sums = build.apply("matmul", [build.reshape(filters!, [count, channels]), pixels]);
    const biases = bias === undefined ? undefined : build.reshape(bias, [count, 1]);
    return build.reshape(biased(build, sums, biases), shape);
  }

  /** The result with channels last. */
  #convolution({ inputs: [x, filters, bias], attributes, outputs }: Node, build: Builder): ValueId | undefined {
    const { dtype, shape } = build.at.type(outputs[0]!);
    if (!isFloat(dtype) || bytesOf(dtype) < 4 || !isWeights(filters!, build.at, this.#graph)) return undefined;
    const [count, channels, height, width] = build.shape(filters!) as [number, number, number, number];
    const groups = groupsOf(attributes);
    const windows = windowsOf([height, width], attributes);
    if (count < leastExtent || (groups > 1 && !(channels === 1 && groups === count))) return undefined;
    if (groups === 1 && channels * height * width < leastExtent) return undefined;
    // What little is computed for each element does not pay for reordering an image that comes from outside.
    if (build.behind(x!) === undefined && (groups > 1 || windows.every(isPoint))) return undefined;
    const image = build.channelsLast(x!);
    const [images, , rows, columns] = shape as [number, number, number, number];
    let sums: ValueId;
    if (groups > 1) sums = depthwise(build, image, filters!, windows);
    else if (windows.every(isPoint)) {
      const product = build.apply("matmul", [build.matrix(image), build.apply("transpose", [build.reshape(filters!, [count, channels])], { axes: [1, 0] })]);
      return build.reshape(biased(build, product, bias), [images, rows, columns, count]);
    } else {
      const size = this.#winogradSize(windows, shape, channels);
      sums = size === undefined ? this.#direct(build, image, filters!, windows, shape) : winograd(build, image, filters!, windows, size, [images, rows, columns]);
    }
    return biased(build, sums, bias);
  }

  #direct(build: Builder, image: ValueId, filters: ValueId, windows: readonly Window[], shape: readonly number[]): ValueId {
    const [count, ...rest] = build.shape(filters) as [number, ...number[]];
    const width = panelBytes / bytesOf(build.at.type(image).dtype);
    const columns = build.apply("transpose", [build.reshape(filters, [count, sizeOf(rest)])], { axes: [1, 0] });
    const panels = build.apply("pack_columns", [columns], { width, along: "columns" });
    const [images, , rows, across] = shape as [number, number, number, number];
    const partition = cut(images, rows, Math.floor(count / width), sizeOf(shape) * sizeOf(rest), this.#target);
    return build.apply("conv_packed", [bordered(build, image, windows), panels], { ...windowAttributes(windows), filters: count, ...(across > 0 && count >= width ? { partition } : {}) });
  }

  /** Results of a tile in each direction, where transforming tiles is less work. */
  #winogradSize(windows: readonly Window[], [images, filters, rows, columns]: readonly number[], channels: number): number | undefined {
    if (this.#strictMath || !windows.every(({ size, stride, dilation }) => size === 3 && stride === 1 && dilation === 1)) return undefined;
    if (Math.min(channels, filters!) < leastWinogradChannels) return undefined;
    let best = { cost: 9 * images! * rows! * columns!, size: undefined as number | undefined };
    for (const size of [4, 2]) {
      const tiles = images! * Math.ceil(rows! / size) * Math.ceil(columns! / size);
      const cost = winogradCost * (size + 2) ** 2 * tiles;
      if (tiles >= leastTiles && cost < best.cost) best = { cost, size };
    }
    return best.size;
  }
}

const groupsOf = (attributes: Attributes): number => (attributes["groups"] as number | undefined) ?? 1;

/** A window of one element, next to its neighbours, over an image without a border. */
const isPoint = ({ size, stride, before, after }: Window): boolean => size === 1 && stride === 1 && before === 0 && after === 0;

const windowAttributes = (windows: readonly Window[]): Attributes => ({
  window: windows.map(({ size }) => size), stride: windows.map(({ stride }) => stride), dilation: windows.map(({ dilation }) => dilation),
});

/** The image with its border, and more at its end. */
function bordered(build: Builder, image: ValueId, windows: readonly Window[], more: readonly number[] = [0, 0]): ValueId {
  const [before, after] = [windows.map((window) => window.before), windows.map((window, axis) => window.after + more[axis]!)];
  if ([...before, ...after].every((width) => width === 0)) return image;
  return build.apply("pad", [image], { before: [0, ...before, 0], after: [0, ...after, 0], value: 0 });
}

function depthwise(build: Builder, image: ValueId, filters: ValueId, windows: readonly Window[]): ValueId {
  const [channels, , height, width] = build.shape(filters) as [number, number, number, number];
  const columns = build.apply("transpose", [build.reshape(filters, [channels, height * width])], { axes: [1, 0] });
  const packed = build.apply("pack_columns", [columns], { width: channels, along: "columns" });
  return build.apply("depthwise_packed", [bordered(build, image, windows), packed], windowAttributes(windows));
}

function winograd(build: Builder, image: ValueId, filters: ValueId, windows: readonly Window[], size: number, images: readonly [number, number, number]): ValueId {
  const more = images.slice(1).map((extent) => Math.ceil(extent / size) * size - extent);
  const tiles = build.apply("winograd_image", [bordered(build, image, windows, more)], { size });
  const products = build.apply("matmul", [tiles, build.apply("winograd_filters", [filters], { size })]);
  return build.apply("winograd_result", [products], { size, images: [...images] });
}

/** With the bias of each channel added, which broadcasts to the sums. */
function biased(build: Builder, sums: ValueId, bias: ValueId | undefined): ValueId {
  if (bias === undefined) return sums;
  const { dtype, shape } = build.at.type(sums);
  return build.apply("map", [sums, build.apply("broadcast", [bias], { shape: [...shape] })], { body: bodyAttribute(binary("add", argument(dtype, 0), argument(dtype, 1))) });
}

/** A map of views of images with channels last, and of what is the same at all positions: of the images themselves. */
function mapped({ inputs, attributes }: Node, build: Builder): ValueId | undefined {
  const images = inputs.map((input) => build.behind(input));
  const first = images.find((image) => image !== undefined);
  if (first === undefined) return undefined;
  const spread = inputs.map((input, k) => (images[k] === undefined ? spreadOf(build, input) : undefined));
  if (inputs.some((_, k) => images[k] === undefined && spread[k] === undefined)) return undefined;
  const shape = build.shape(first);
  // The one made last takes the map in (fuse-results.ts), so its form is the result's.
  const last = images.reduce<ValueId>((most, image) => Math.max(most, image ?? 0), first);
  const asMatrix = build.isMatrix(last) && spread.every((one) => one === undefined || build.shape(one)[0] === 1);
  const target = asMatrix ? [sizeOf(shape.slice(0, 3)), shape[3]!] : shape;
  const operands = images.map((image, k) => {
    if (image !== undefined) return asMatrix ? build.matrix(image) : image;
    const source = asMatrix ? build.reshape(spread[k]!, [1, build.shape(spread[k]!)[3]!]) : spread[k]!;
    return build.apply("broadcast", [source], { shape: [...target] });
  });
  const result = build.apply("map", operands, attributes);
  return asMatrix ? build.reshape(result, shape) : result;
}

/** What a broadcast that is the same at all positions is made of, as [n or 1, 1, 1, c or 1]. */
function spreadOf(build: Builder, value: ValueId): ValueId | undefined {
  const node = build.at.definition(value);
  if (node?.op !== "broadcast") return undefined;
  const own = build.shape(node.inputs[0]!);
  const [n, c, h, w] = [...Array.from({ length: 4 - own.length }, () => 1), ...own] as [number, number, number, number];
  return h === 1 && w === 1 ? build.reshape(node.inputs[0]!, [n, 1, 1, c]) : undefined;
}

function pooled({ inputs, attributes }: Node, build: Builder): ValueId | undefined {
  const image = inputs.length === 1 ? build.behind(inputs[0]!) : undefined;
  return image === undefined ? undefined : build.apply("pool", [image], { ...attributes, last: true });
}

/** Channels of several images behind each other. */
function joined({ inputs, attributes }: Node, build: Builder): ValueId | undefined {
  const images = inputs.map((input) => build.behind(input));
  if (attributes["axis"] !== 1 || images.includes(undefined)) return undefined;
  return build.apply("concat", images as ValueId[], { axis: 3 });
}

/** Into how many parts [n, rows, columns, panels] are cut: images first, then rows and panels so that the tile with the most work has the least. */
function cut(images: number, rows: number, panels: number, work: number, { tiles, grain }: Target): number[] {
  const partsOf = (extent: number, parts: number): number => Math.ceil(extent / Math.ceil(extent / parts));
  const most = Math.max(1, Math.min(tiles, Math.floor(work / grain)));
  const imageParts = partsOf(images, Math.min(images, most));
  const left = Math.max(1, Math.floor(most / imageParts));
  let best = { cost: Infinity, rows: 1, panels: 1 };
  for (let wanted = 1; wanted <= Math.min(left, rows); wanted++) {
    const down = partsOf(rows, wanted);
    const across = Math.max(1, partsOf(panels, Math.max(1, Math.min(panels, Math.floor(left / down)))));
    const cost = Math.ceil(rows / down) * Math.ceil(panels / across);
    if (cost < best.cost) best = { cost, rows: down, panels: across };
  }
  return [imageParts, best.rows, 1, best.panels];
}
