/** The largest elements of a long row: they are among the largest of its blocks. */
import type { ValueId } from "../../graph.ts";
import type { Rows } from "./rows.ts";

/** The largest elements of rows: those of their blocks, and where in these they are. */
export interface Found {
  readonly rows: ValueId;
  readonly candidates: ValueId;
  readonly best: ValueId;
}

/** The places of each block's largest, and of what is behind the last block, are searched for the largest of all. */
export function largest(build: Rows, found: Map<ValueId, Found>): ValueId | undefined {
  const { inputs: [x], attributes } = build.node;
  const { shape } = build.type(x!);
  const k = attributes["k"] as number;
  const axis = shape.length - 1;
  const [outer, n] = [shape.slice(0, axis), shape[axis]!];
  const count = build.count(shape, axis, Math.sqrt(n / Math.max(1, k)));
  if (count === undefined) return undefined;
  const length = Math.floor(n / count);
  if (length <= 2 * k) return undefined;
  const [whole, rest] = [count * length, n - count * length];
  const blocks = build.reshape(build.part(x!, axis, 0, whole), [...outer, count, length]);
  const inBlocks = build.apply("top_places", [blocks], { k });
  const candidates = [build.reshape(build.apply("take_along", [blocks, inBlocks], { axis: axis + 1 }), [...outer, count * k])];
  const places = [build.reshape(build.apply("add", [inBlocks, build.counted([...outer, count, k], axis, length, 0)]), [...outer, count * k])];
  if (rest > 0) {
    candidates.push(build.part(x!, axis, whole, rest));
    places.push(build.counted([...outer, rest], axis, 1, whole));
  }
  // What is equal stands in the order of its places, block after block: the first of equals stays the first.
  const all = build.joined(candidates, axis);
  const best = build.apply("top_places", [all], { k });
  const result = build.apply("take_along", [build.joined(places, axis), best], { axis });
  found.set(result, { rows: x!, candidates: all, best });
  return result;
}

/** The largest elements themselves are among those of the blocks. */
export function elements(build: Rows, found: ReadonlyMap<ValueId, Found>): ValueId | undefined {
  const { inputs: [x, places], attributes } = build.node;
  const known = found.get(places!);
  if (known?.rows !== x || attributes["axis"] !== build.shape(x!).length - 1) return undefined;
  return build.apply("take_along", [known!.candidates, known!.best], attributes);
}
