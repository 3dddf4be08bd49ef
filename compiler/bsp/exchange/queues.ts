/** What schedulers keep: work in groups that shrink, and a calendar. */

/** Numbers 0, 1, 2 … in groups, from which they are removed. */
export class Groups {
  readonly items: Int32Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly #at: Int32Array;

  constructor(groupOf: Int32Array, groups: number) {
    this.start = new Int32Array(groups + 1);
    for (const group of groupOf) this.start[group + 1]!++;
    for (let group = 0; group < groups; group++) this.start[group + 1]! += this.start[group]!;
    this.end = this.start.slice(0, groups);
    this.items = new Int32Array(groupOf.length);
    this.#at = new Int32Array(groupOf.length);
    groupOf.forEach((group, item) => {
      const at = this.end[group]!++;
      this.items[at] = item;
      this.#at[item] = at;
    });
  }

  remove(item: number, group: number): void {
    const at = this.#at[item]!;
    const last = this.items[--this.end[group]!]!;
    this.items[at] = last;
    this.#at[last] = at;
  }
}

/** What happens when: numbers by cycle, the earliest first. A binary heap. */
export class Calendar {
  readonly #cycle: number[] = [];
  readonly #what: number[] = [];

  get size(): number {
    return this.#cycle.length;
  }

  get next(): number {
    return this.#cycle[0]!;
  }

  /** Of several with the same cycle, which comes first depends only on the order of the calls. */
  add(cycle: number, what: number): void {
    let at = this.#cycle.length;
    for (let parent = (at - 1) >> 1; at > 0 && this.#cycle[parent]! > cycle; parent = (at - 1) >> 1) {
      this.#put(at, this.#cycle[parent]!, this.#what[parent]!);
      at = parent;
    }
    this.#put(at, cycle, what);
  }

  take(): number {
    const what = this.#what[0]!;
    const cycle = this.#cycle.pop()!;
    const moved = this.#what.pop()!;
    const size = this.#cycle.length;
    if (size === 0) return what;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.#cycle[child + 1]! < this.#cycle[child]!) child++;
      if (this.#cycle[child]! >= cycle) break;
      this.#put(at, this.#cycle[child]!, this.#what[child]!);
      at = child;
    }
    this.#put(at, cycle, moved);
    return what;
  }

  #put(at: number, cycle: number, what: number): void {
    this.#cycle[at] = cycle;
    this.#what[at] = what;
  }
}
