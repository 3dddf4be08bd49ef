/** How many equal parts an extent falls into where `wanted` are asked for: as many as parts of ⌈extent / wanted⌉ fill it. */
export const equalParts = (extent: number, wanted: number): number => Math.ceil(extent / Math.ceil(extent / wanted));

/** The least multiple of a unit that is no less than a value. */
export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/**
 * Into how many equal parts each of some extents is cut, no more than `limits` of one and `most` in all, so that `costs` are least:
 * the first, and where that is equal the next. Of equals, fewer parts of the first extent. Undefined where none has a cost.
 */
export function cheapestParts(extents: readonly number[], limits: readonly number[], most: number, costs: (parts: readonly number[]) => readonly number[] | undefined): number[] | undefined {
  let best: { readonly parts: number[]; readonly costs: readonly number[] } | undefined;
  const parts: number[] = [];
  choose(0, most);
  return best?.parts;

  function choose(at: number, left: number): void {
    if (at < extents.length) {
      let before = 0;
      for (let wanted = 1; wanted <= Math.min(left, limits[at]!); wanted++) {
        const count = equalParts(extents[at]!, wanted);
        if (count === before) continue;
        before = parts[at] = count;
        choose(at + 1, Math.floor(left / count));
      }
      return;
    }
    const own = costs(parts);
    if (own && (!best || isLess(own, best.costs))) best = { parts: [...parts], costs: own };
  }
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const first = a.findIndex((cost, i) => cost !== b[i]);
  return first !== -1 && a[first]! < b[first]!;
}
