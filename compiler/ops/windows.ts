/**
 * Sliding windows along an axis, for convolution and pooling. The border is not in memory, so an axis is cut into runs of
 * output positions whose window meets the same part of the axis; in a run every access is affine and in bounds.
 */
import { refuse } from "./rules.ts";

export interface Window {
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
}

/** Output positions `start … start + length - 1`, whose windows use only their elements `from … to - 1`. */
export interface WindowRun {
  readonly start: number;
  readonly length: number;
  readonly from: number;
  readonly to: number;
}

/** How many window positions an axis has. */
export function outputExtent(what: string, axis: string, extent: number, { size, stride, padding }: Window): number {
  if (size < 1 || stride < 1) refuse("out-of-range", `the window and stride of ${what} must be at least 1, they are ${size} and ${stride}`);
  if (padding < 0) refuse("out-of-range", `the padding of ${what} is negative: ${padding}`);
  if (extent + 2 * padding < size) refuse("shape-mismatch", `the window of ${what} is ${size} ${axis}, but the padded image has only ${extent + 2 * padding}`);
  return Math.floor((extent + 2 * padding - size) / stride) + 1;
}

export function windowRuns(extent: number, count: number, { size, stride, padding }: Window): WindowRun[] {
  const runs: WindowRun[] = [];
  for (let position = 0; position < count; position++) {
    const first = position * stride - padding;
    const from = Math.min(size, Math.max(0, -first));
    const to = Math.max(from, Math.min(size, extent - first));
    const last = runs.at(-1);
    if (last && last.from === from && last.to === to) runs[runs.length - 1] = { ...last, length: last.length + 1 };
    else runs.push({ start: position, length: 1, from, to });
  }
  return runs;
}
