/** Indices that lie outside of the axis they count in: which one it is, in words. */
import type { TypedArray } from "./dtype.ts";

export interface Axis {
  /** The op that takes elements of the axis. */
  readonly op: string;
  readonly extent: number;
  /** Negative indices count from the end; else they lie outside. */
  readonly fromEnd: boolean;
}

/** "index 7, at [2, 0], is outside of an axis of extent 5, in gather", of the first that is outside. */
export function describeOutside({ op, extent, fromEnd }: Axis, shape: readonly number[], indices: TypedArray): string {
  const least = fromEnd ? -extent : 0;
  const flat = Array.from(indices, Number).findIndex((index) => index < least || index >= extent);
  const what = flat === -1 ? "an index" : `index ${String(indices[flat])}${shape.length === 0 ? "" : `, at [${indexAt(shape, flat).join(", ")}],`}`;
  return `${what} is outside of an axis of extent ${extent}, in ${op}`;
}

function indexAt(shape: readonly number[], flat: number): number[] {
  const index = shape.map(() => 0);
  for (let [axis, rest] = [shape.length - 1, flat]; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}
