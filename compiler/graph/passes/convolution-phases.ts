/**
 * The transpose of a convolution as convolutions. With stride 1 it is one, of filters turned around, over an image with another
 * border. With a larger stride every s-th result meets the same elements of the filters: each of these phases is a
 * convolution with stride 1 of its own, and the phases are put between each other.
 */
import type { Window } from "../../ops/networks/windows.ts";

/** Results of an axis that meet the same elements of the filters. */
export interface Phase {
  /** The first element of the filters, and how many there are, as far apart as the stride. */
  readonly first: number;
  readonly taps: number;
  /** The convolution of the elements in the opposite order. A negative border leaves out elements of the image. */
  readonly window: Window;
}

/** Phases of an axis, of as many results each: the last ones may be more than the image has. */
export function phasesOf({ size, stride, dilation, before }: Window, extent: number, results: number): Phase[] {
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
export function haveConvolutions(windows: readonly Window[], extents: readonly number[], results: readonly number[]): boolean {
  return windows.every((window, axis) => {
    if ((window.stride > 1 && window.dilation > 1) || window.size < window.stride) return false;
    return phasesOf(window, extents[axis]!, results[axis]!).every((one) => extents[axis]! + Math.min(0, one.window.before) + Math.min(0, one.window.after) > 0);
  });
}
