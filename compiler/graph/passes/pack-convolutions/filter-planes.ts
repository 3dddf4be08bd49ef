/**
 * The gradient of a convolution by its filters of images that both come with channels second, where bringing the channels to the end
 * would take a good part of the time: `conv_filters_planes`, and how filters and images are cut.
 */
import { bytesOf, sizeOf } from "../../../../runtime/dtype.ts";
import { stretchOf } from "../../../ops/networks/convolution-filters-planes.ts";
import type { Window } from "../../../ops/networks/windows.ts";
import { cheapestParts, roundUp } from "../../../support/parts.ts";
import type { Target } from "../../../targets/target.ts";
import type { ValueId } from "../../graph.ts";
import type { Builder } from "./builder.ts";
import { movedElement } from "./filter-gradient.ts";
import { isPoint, windowAttributes } from "./sums.ts";

/** Products for each element of both images from which reordering these is little beside them. */
const mostProducts = 50;
/** Of a pair of vectors, whose lanes have sums of their own. */
const laneBytes = 32;
/** Filters of a register block. */
const blockFilters = 2;

const lanesOf = (build: Builder, image: ValueId): number => laneBytes / bytesOf(build.at.type(image).dtype);
const windowSize = (windows: readonly Window[]): number => sizeOf(windows.map(({ size }) => size));

/** Whether the gradient is summed up of x: [n, c, h, w] and y: [n, o, rows, columns] as they are. */
export function takesPlanes(build: Builder, x: ValueId, y: ValueId, windows: readonly Window[]): boolean {
  if ([x, y].some((image) => build.behind(image) !== undefined)) return false;
  const [channels, [, filters, rows, columns]] = [build.shape(x)[1]!, build.shape(y) as [number, number, number, number]];
  const run = windows.every(isPoint) ? rows * columns : columns;
  return windows[1]!.stride === 1 && run % lanesOf(build, x) === 0 && filters >= blockFilters && windowSize(windows) * channels * filters <= mostProducts * (channels + filters);
}

/** x: [n, c, h, w], y: [n, o, rows, columns] → [o, c, kh, kw]. */
export function byPlanes(build: Builder, x: ValueId, y: ValueId, windows: readonly Window[], target: Target): ValueId {
  const lanes = lanesOf(build, x);
  const partition = cutPlanes({ channels: build.shape(x)[1]!, y: build.shape(y), window: windowSize(windows), lanes }, target);
  const images = windows.every(isPoint) ? [x, y].map((image) => asRows(build, image)) : [build.padded(x, [0, 0, ...windows.map(({ before }) => before)], [0, 0, ...windows.map(({ after }) => after)]), y];
  const sums = build.apply("conv_filters_planes", images, { ...windowAttributes(windows), lanes, partition });
  return build.apply("reduce", [sums], { op: "add", axes: [4], keepdims: false });
}

/** Planes as rows, where positions need not be told apart. */
function asRows(build: Builder, image: ValueId): ValueId {
  const [images, channels, ...positions] = build.shape(image) as [number, number, ...number[]];
  return build.reshape(image, [images, channels, 1, sizeOf(positions)]);
}

interface Planes {
  readonly channels: number;
  /** [n, o, rows, columns]. */
  readonly y: readonly number[];
  /** Elements of a window. */
  readonly window: number;
  readonly lanes: number;
}

/**
 * Into how many parts filters and images are cut. A part reads its own planes of y, and all planes of its images of x; it reads and
 * writes its sums in every stretch. Parts of the images have sums of their own, which are added up.
 */
function cutPlanes({ channels, y, window, lanes }: Planes, { tiles, grain }: Target): number[] {
  const [images, filters, ...rest] = y as [number, number, ...number[]];
  const positions = sizeOf(rest);
  const most = Math.max(1, Math.min(tiles, Math.floor((images * positions * filters * channels * window) / grain)));
  const [filterParts, imageParts] = cheapestParts([filters, images], [Math.ceil(filters / blockFilters), images], most, (parts) => {
    const [own, seen] = [roundUp(Math.ceil(filters / parts[0]!), blockFilters), Math.ceil(images / parts[1]!) * positions];
    const sums = own * channels * window * lanes;
    // In multiply–adds of one tile.
    const moved = seen * (own + channels) + sums * (Math.ceil(seen / stretchOf(channels)) + (parts[1]! > 1 ? 2 : 0));
    return [seen * own * channels * window + movedElement * moved];
  }) as [number, number];
  return [filterParts, 1, 1, 1, 1, imageParts];
}
