/**
 * The sums of a convolution, of an image with channels last and filters [o, c / groups, kh, kw]: which way they are computed,
 * and what that needs. A bias is added behind.
 */
import { bytesOf, isFloat, sizeOf } from "../../../../runtime/dtype.ts";
import type { Window } from "../../../ops/networks/windows.ts";
import { cheapestParts, equalParts, roundUp } from "../../../support/parts.ts";
import type { Target } from "../../../targets/target.ts";
import type { Attributes, ValueId } from "../../graph.ts";
import { panelBytes } from "../pack-products/operands.ts";
import { termsOf, type Builder, type Setting } from "./builder.ts";

/** Channels from which Winograd's transforms are little beside the products. */
const leastWinogradChannels = 32;
/** Tiles from which reading the transformed filters, which are more than the filters, pays. */
const leastTiles = 16;
/** What a product of transformed tiles costs beside one of a plain sum: tiles are written and read. */
const winogradCost = 1.6;

/** A window of one element, next to its neighbours, over an image without a border. */
export const isPoint = ({ size, stride, before, after }: Window): boolean => size === 1 && stride === 1 && before === 0 && after === 0;

/** Positions of a window along an axis. */
const positionsOf = ({ size, stride, dilation, before, after }: Window, extent: number): number => Math.floor((extent + before + after - dilation * (size - 1) - 1) / stride) + 1;

/** Images [n, rows, columns, o]. Each channel has its own filter, or every filter all channels. */
export function sumsOf(build: Builder, image: ValueId, filters: ValueId, windows: readonly Window[], setting: Setting): ValueId {
  const [images, height, width, channels] = build.shape(image) as [number, number, number, number];
  const [count, inGroup] = build.shape(filters) as [number, number];
  const [rows, columns] = [positionsOf(windows[0]!, height), positionsOf(windows[1]!, width)];
  if (inGroup < channels) return depthwise(build, image, filters, windows);
  if (windows.every(isPoint)) {
    const product = build.apply("matmul", [build.matrix(image), build.transpose(build.reshape(filters, [count, channels]), [1, 0])], termsOf(build.type(image)));
    return build.reshape(product, [images, rows, columns, count]);
  }
  const size = isFloat(build.type(image).dtype) ? winogradSize(windows, [images, count, rows, columns], channels, setting) : undefined;
  return size === undefined ? direct(build, image, filters, windows, [images, rows, columns], setting.target) : winograd(build, image, filters, windows, size, [images, rows, columns], setting.target);
}

export const windowAttributes = (windows: readonly Window[]): Attributes => ({
  window: windows.map(({ size }) => size), stride: windows.map(({ stride }) => stride), dilation: windows.map(({ dilation }) => dilation),
});

/** The image with its border, and more at its end, in memory. */
export function bordered(build: Builder, image: ValueId, windows: readonly Window[], more: readonly number[] = [0, 0]): ValueId {
  const [before, after] = [windows.map((window) => window.before), windows.map((window, axis) => window.after + more[axis]!)];
  if ([...before, ...after].every((width) => width === 0)) return build.stored(image);
  return build.apply("pad", [image], { before: [0, ...before, 0], after: [0, ...after, 0], value: 0 });
}

function direct(build: Builder, image: ValueId, filters: ValueId, windows: readonly Window[], [images, rows, columns]: readonly [number, number, number], target: Target): ValueId {
  const [count, ...rest] = build.shape(filters) as [number, ...number[]];
  const width = panelBytes / bytesOf(build.type(image).dtype);
  const matrix = build.transpose(build.reshape(filters, [count, sizeOf(rest)]), [1, 0]);
  const panels = build.apply("pack_columns", [matrix], { width, along: "columns" });
  const partition = cutImages(images, rows, Math.floor(count / width), images * rows * columns * count * sizeOf(rest), target);
  return build.apply("conv_packed", [bordered(build, image, windows), panels], { ...windowAttributes(windows), ...termsOf(build.type(image)), filters: count, ...(columns > 0 && count >= width ? { partition } : {}) });
}

/** Results of a tile in each direction, where transforming tiles is less work. */
function winogradSize(windows: readonly Window[], [images, filters, rows, columns]: readonly [number, number, number, number], channels: number, { strictMath }: Setting): number | undefined {
  if (strictMath || !windows.every(({ size, stride, dilation }) => size === 3 && stride === 1 && dilation === 1)) return undefined;
  if (Math.min(channels, filters) < leastWinogradChannels) return undefined;
  let best = { cost: 9 * images * rows * columns, size: undefined as number | undefined };
  for (const size of [4, 2]) {
    const tiles = images * Math.ceil(rows / size) * Math.ceil(columns / size);
    const cost = winogradCost * (size + 2) ** 2 * tiles;
    if (tiles >= leastTiles && cost < best.cost) best = { cost, size };
  }
  return best.size;
}

function depthwise(build: Builder, image: ValueId, filters: ValueId, windows: readonly Window[]): ValueId {
  const [channels, , height, width] = build.shape(filters) as [number, number, number, number];
  const matrix = build.transpose(build.reshape(filters, [channels, height * width]), [1, 0]);
  const packed = build.apply("pack_columns", [matrix], { width: channels, along: "columns" });
  return build.apply("depthwise_packed", [bordered(build, image, windows), packed], windowAttributes(windows));
}

/** Some images after the others, so that their transformed tiles and the products of these stay in the caches. */
function winograd(build: Builder, image: ValueId, filters: ValueId, windows: readonly Window[], size: number, [images, rows, columns]: readonly [number, number, number], target: Target): ValueId {
  const more = [rows, columns].map((extent) => roundUp(extent, size) - extent);
  const whole = bordered(build, image, windows, more);
  const matrices = build.apply("winograd_filters", [filters], { size });
  const [, height, width, channels] = build.shape(whole) as [number, number, number, number];
  const [count] = build.shape(filters) as [number];
  const tileBytes = (size + 2) ** 2 * Math.ceil(rows / size) * Math.ceil(columns / size) * (channels + count) * bytesOf(build.type(image).dtype);
  const atOnce = Math.ceil(images / Math.min(mostParts, Math.ceil((images * tileBytes) / transformedBytes)));
  const parts: ValueId[] = [];
  for (let first = 0; first < images; first += atOnce) {
    const length = Math.min(atOnce, images - first);
    const part = length === images ? whole : build.slice(whole, [first, 0, 0, 0], [length, height, width, channels]);
    const [imageParts, rowParts] = cutImages(length, Math.floor(rows / size), 1, length * rows * columns * count * transformWork, target) as [number, number, ...number[]];
    const strips = rows >= size && columns >= size;
    const staysInCaches = sizeOf(build.shape(matrices)) * bytesOf(build.type(image).dtype) <= filterBytes;
    const tiles = build.apply("winograd_image", [part], { size, ...(strips ? { partition: [imageParts, rowParts, 1, 1, 1] } : {}) });
    const matrix = build.reshape(tiles, [sizeOf(build.shape(tiles).slice(0, 3)), (size + 2) ** 2, channels]);
    const sums = build.apply("matmul", [build.transpose(matrix, [1, 0, 2]), matrices], strips && staysInCaches ? { partition: [1, imageParts * rowParts, 1] } : {});
    const products = build.transpose(sums, [1, 0, 2]);
    parts.push(build.apply("winograd_result", [build.reshape(products, [build.shape(products)[0]!, (size + 2) ** 2 * count])], { size, images: [length, rows, columns], ...(strips ? { partition: [imageParts, rowParts, 1, 1] } : {}) }));
  }
  return parts.length === 1 ? parts[0]! : build.apply("concat", parts, { axis: 0 });
}

/** Transformed tiles and products that stay in the caches, and into how many parts images are cut at most for that. */
const transformedBytes = 2 ** 21;
const mostParts = 16;
/** Transformed filters that stay in the second-level cache while a tile goes through all of them. */
const filterBytes = 3 * 2 ** 18;
/** Operations for each result of a transform. */
const transformWork = 8;

/** Into how many parts [n, rows, columns, panels] are cut: images first, then rows and panels so that the tile with the most work has the least. */
function cutImages(images: number, rows: number, panels: number, work: number, { tiles, grain }: Target): number[] {
  const most = Math.max(1, Math.min(tiles, Math.floor(work / grain)));
  const imageParts = equalParts(images, Math.min(images, most));
  const left = Math.max(1, Math.floor(most / imageParts));
  const extents = [Math.max(1, rows), Math.max(1, panels)];
  const [down, across] = cheapestParts(extents, extents, left, (parts) => [Math.ceil(rows / parts[0]!) * Math.ceil(panels / parts[1]!)]) as [number, number];
  return [imageParts, down, 1, across];
}
