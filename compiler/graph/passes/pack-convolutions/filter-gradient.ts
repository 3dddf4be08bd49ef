/** The gradient of a convolution by its filters: `conv_filters_packed`, and how its sums and positions are cut. */
import { sizeOf } from "../../../../runtime/dtype.ts";
import { leastColumns } from "../../../ops/networks/convolution-filters.ts";
import { windowsOf, type Window } from "../../../ops/networks/windows.ts";
import { cheapestParts, roundUp } from "../../../support/parts.ts";
import type { Target } from "../../../targets/target.ts";
import type { Node, ValueId } from "../../graph.ts";
import type { Builder } from "./builder.ts";
import type { Around } from "./convolutions.ts";
import { bordered, isPoint, windowAttributes } from "./sums.ts";

/** Fewer elements of a side at a position leave the registers' blocks too little to do. */
const leastExtent = 8;
/** Fewer positions do not pay for images with channels last. */
const leastPositions = 64;
/** Elements of a register block's widest row. */
const blockWidth = 16;
/** Rows of a register block. */
const blockHeight = 6;

export function packsFilters(node: Node, at: Around): boolean {
  const [x, y] = [at.type(node.inputs[0]!), at.type(node.inputs[1]!)];
  const windows = windowsOf(node.attributes["window"] as number[], node.attributes);
  const positions = sizeOf(y.shape) / y.shape[1]!;
  const [groups, channels, filters] = [node.attributes["groups"], x.shape[1]!, y.shape[1]!];
  if (sizeOf(x.shape) === 0 || positions < leastPositions) return false;
  return groups === 1 ? Math.max(filters, windows[1]!.size * channels) >= leastExtent : groups === channels && groups === filters && channels >= leastExtent;
}

/** x: [n, h, w, c], y: [n, rows, columns, o] → [o, c, kh, kw]. */
export function byFilters(build: Builder, x: ValueId, y: ValueId, windows: readonly Window[], target: Target): ValueId {
  if (windows.every(isPoint) && build.shape(x)[1]! > 1) {
    // Positions need not be told apart by row and column.
    const [flatX, flatY] = [x, y].map((image) => build.reshape(build.matrix(image), [build.shape(image)[0]!, 1, build.shape(image)[1]! * build.shape(image)[2]!, build.shape(image)[3]!])) as [ValueId, ValueId];
    return byFilters(build, flatX, flatY, windows, target);
  }
  const image = bordered(build, x, windows);
  const [images, height, width, channels] = build.shape(image) as [number, number, number, number];
  const [, rows, columns, filters] = build.shape(y) as [number, number, number, number];
  const [high, wide] = [windows[0]!, windows[1]!];
  const [apart, run] = wide.dilation === 1 ? [1, wide.size * channels] : [wide.size, channels];
  const alongFilters = waste(filters) <= waste(run);
  const lines = build.reshape(image, [images, height, width * channels]);
  const [left, right] = alongFilters ? [run, filters] : [filters, run];
  const partition = cutSums({ images, leastImages: columns < leastColumns ? leastColumns : 1, positions: rows * columns, outer: high.size, left: { extent: left, read: left }, right }, high.size * apart * left * right * images * rows * columns, target);
  const attributes = { ...windowAttributes(windows), channels, along: alongFilters ? "filters" : "channels", partition: [partition.outer, 1, partition.left, 1, ...(partition.images > 1 ? [partition.images] : [])] };
  const sums = build.apply("conv_filters_packed", [lines, y], attributes);
  const split = build.reshape(sums, alongFilters ? [high.size, wide.size, channels, filters] : [high.size, ...(apart === 1 ? [filters, wide.size, channels] : [wide.size, filters, channels])]);
  return build.transpose(split, alongFilters ? [3, 2, 0, 1] : apart === 1 ? [1, 3, 0, 2] : [2, 3, 0, 1]);
}

/** Where each channel has a filter of its own: [c, 1, kh, kw]. */
export function byOwnFilters(build: Builder, x: ValueId, y: ValueId, windows: readonly Window[], { tiles }: Target): ValueId {
  const image = bordered(build, x, windows);
  const [images, height, width, channels] = build.shape(image) as [number, number, number, number];
  const parts = Math.min(images, tiles);
  const attributes = { ...windowAttributes(windows), channels, along: "each", ...(parts > 1 ? { partition: [1, 1, 1, 1, parts] } : {}) };
  return build.transpose(build.apply("conv_filters_packed", [build.reshape(image, [images, height, width * channels]), y], attributes), [2, 3, 0, 1]);
}

/** What vectors along an extent compute for nothing, as a share. */
const waste = (extent: number): number => roundUp(extent, blockWidth) / extent;

interface Sums {
  readonly images: number;
  /** Of a part. */
  readonly leastImages: number;
  /** Of one image. */
  readonly positions: number;
  readonly outer: number;
  readonly left: { readonly extent: number; readonly read: number };
  readonly right: number;
}

/**
 * Into how many parts images, rows of the window and the left side are cut. Parts of the images read their own images only, but
 * each part has sums of its own, which are written and added up; parts of the sums read all images.
 */
function cutSums({ images, leastImages, positions, outer, left, right }: Sums, work: number, { tiles, grain }: Target): { readonly images: number; readonly outer: number; readonly left: number } {
  const most = Math.max(1, Math.min(tiles, Math.floor(work / grain)));
  const limits = [Math.max(1, Math.floor(images / leastImages)), outer, Math.ceil(left.extent / blockHeight)];
  const [imageParts, outerParts, leftParts] = cheapestParts([images, outer, left.extent], limits, most, (parts) => {
    const [own, rows, sides] = [Math.ceil(images / parts[0]!), Math.ceil(outer / parts[1]!), Math.ceil(left.extent / parts[2]!)];
    const share = own * rows * roundUp(sides, blockHeight) * positions * right;
    // In multiply–adds of one tile.
    const sums = parts[0]! > 1 ? 2 * parts[0]! * outer * left.extent * right : 0;
    const reads = sizeOf(parts) * own * positions * (right + left.read / parts[2]!);
    return [share + (movedElement * (sums + reads)) / tiles];
  }) as [number, number, number];
  return { images: imageParts, outer: outerParts, left: leftParts };
}

/** Multiply–adds that take as long as moving an element. */
export const movedElement = 4;
