/**
 * The transpose of a convolution as convolutions. With stride 1 it is one, of filters turned around, over an image with another
 * border. With a larger stride every s-th result meets the same elements of the filters: each of these phases is a
 * convolution with stride 1 of its own, and the phases are put between each other.
 */
import type { Window } from "../../../ops/networks/windows.ts";
import type { ValueId } from "../../graph.ts";
import type { Builder, Setting } from "./builder.ts";
import { sumsOf } from "./sums.ts";

/** Results of an axis that meet the same elements of the filters. */
interface Phase {
  /** The first element of the filters, and how many there are, as far apart as the stride. */
  readonly first: number;
  readonly taps: number;
  /** The convolution of the elements in the opposite order. */
  readonly window: Window;
}

/** Phases of an axis, of as many results each: the last ones may be more than the image has. */
function phasesOf({ size, stride, dilation, before }: Window, extent: number, results: number): Phase[] {
  const count = Math.ceil(results / stride);
  return Array.from({ length: stride }, (_, phase) => {
    const first = (phase + before) % stride;
    const taps = Math.max(0, Math.ceil((size - first) / stride));
    const reach = dilation * Math.max(0, taps - 1);
    const ahead = reach - (phase + before - first) / stride;
    return { first, taps, window: { size: taps, stride: 1, dilation, before: ahead, after: count + reach - extent - ahead } };
  });
}

/** Whether phases are convolutions, of which each has something of the image: neighbours in a phase are neighbours in the image. */
export function packsTransposed(windows: readonly Window[], extents: readonly number[], results: readonly number[]): boolean {
  return windows.every((window, axis) => {
    if ((window.stride > 1 && window.dilation > 1) || window.size < window.stride) return false;
    return phasesOf(window, extents[axis]!, results[axis]!).every((one) => extents[axis]! + Math.min(0, one.window.before) + Math.min(0, one.window.after) > 0);
  });
}

/** x: [n, rows, columns, c], filters: [c, o / groups, kh, kw] → [n, h, w, o]; `shape`: [n, o, h, w]. */
export function transposed(build: Builder, x: ValueId, filters: ValueId, windows: readonly Window[], shape: readonly number[], setting: Setting): ValueId {
  const [images, channels, height, width] = shape as [number, number, number, number];
  const [, rows, columns] = build.shape(x) as [number, number, number];
  const [down, across] = [phasesOf(windows[0]!, rows, height), phasesOf(windows[1]!, columns, width)];
  const parts = down.map((high) => across.map((wide) => phase(build, x, turned(build, filters, [high, wide], windows), [high.window, wide.window], setting)));
  if (parts.length === 1 && parts[0]!.length === 1) return parts[0]![0]!;
  const between = build.apply("stack", parts.map((row) => build.apply("stack", row, { axis: 3 })), { axis: 2 });
  const [, tall, , wide] = build.shape(between) as [number, number, number, number];
  const whole = build.reshape(between, [images, tall * down.length, wide * across.length, channels]);
  return tall * down.length === height && wide * across.length === width ? whole : build.slice(whole, [0, 0, 0, 0], [images, height, width, channels]);
}

/** The elements of the filters that a phase meets, last ones first, as filters [o, c / groups, …] of a convolution. */
function turned(build: Builder, filters: ValueId, phases: readonly [Phase, Phase], windows: readonly Window[]): ValueId {
  const [channels, inGroup] = build.shape(filters) as [number, number];
  const part = build.slice(filters, [0, 0, ...phases.map(({ first }) => first)], [channels, inGroup, ...phases.map(({ taps }) => taps)], [1, 1, ...windows.map(({ stride }) => stride)]);
  const reversed = build.apply("reverse", [part], { axes: [2, 3] });
  return inGroup === 1 && channels > 1 ? reversed : build.transpose(reversed, [1, 0, 2, 3]);
}

/** A convolution whose border may be negative: then the image is cut. */
function phase(build: Builder, x: ValueId, filters: ValueId, windows: readonly [Window, Window], setting: Setting): ValueId {
  const [images, rows, columns, channels] = build.shape(x) as [number, number, number, number];
  const cut = windows.map(({ before, after }) => [Math.max(0, -before), Math.max(0, -after)] as const);
  const start = cut.map(([first]) => first);
  const length = [rows, columns].map((extent, axis) => extent - cut[axis]![0] - cut[axis]![1]);
  const image = cut.flat().every((many) => many === 0) ? x : build.slice(x, [0, ...start, 0], [images, ...length, channels]);
  const left = windows.map((window) => ({ ...window, before: Math.max(0, window.before), after: Math.max(0, window.after) }));
  return sumsOf(build, image, filters, left, setting);
}
