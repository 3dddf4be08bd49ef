/**
 * "Did you mean": the candidate nearest to a name that was not found.
 *
 * Distance counts insertions, deletions, replacements and swaps of neighbours, each letter touched once (optimal string
 * alignment: Boytsov, "Indexing methods for approximate dictionary searching", ACM JEA 16, 2011, section 2.1).
 */

/** Longer names are not compared: the work grows with the product of the lengths. */
const longestName = 64;

/** How many edits lead from one name to the other, or more than `limit` when it takes more. */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let best = i;
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) distance = Math.min(distance, beforeLast[j - 2]! + 1);
      row.push(distance);
      best = Math.min(best, distance);
    }
    if (best > limit) return limit + 1;
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/**
 * The candidate a person most likely meant by `name`: at most a third of its letters away, the nearest first, then the
 * first given. A different case or missing underscores count as a single edit.
 */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length === 0 || name.length > longestName) return undefined;
  const limit = Math.max(1, Math.floor(name.length / 3));
  const plainName = plain(name);
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (candidate === name || candidate.length === 0 || candidate.length > longestName) continue;
    // One letter has nothing in common with another.
    if (candidate.length === 1 && name.length === 1) continue;
    const distance = plain(candidate) === plainName ? 1 : editDistance(name, candidate, limit);
    if (distance < bestDistance && distance < Math.max(name.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

const plain = (name: string): string => name.toLowerCase().replaceAll("_", "");
