/**
 * Long lists and sets of numbers in typed arrays: an exchange may have millions of transfers, and an object for each would
 * cost more than the work done on it.
 */

/** The same numbers, with room for as many again. */
function twice(items: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(items.length * 2);
  grown.set(items);
  return grown;
}

/** A list of integers below 2^53 that grows. */
export class NumberList {
  #items = new Float64Array(64);
  length = 0;

  push(item: number): void {
    if (this.length === this.#items.length) this.#items = twice(this.#items);
    this.#items[this.length++] = item;
  }

  at(index: number): number {
    return this.#items[index]!;
  }

  set(index: number, item: number): void {
    this.#items[index] = item;
  }

  toFloat64(): Float64Array {
    return this.#items.slice(0, this.length);
  }

  toInt32(): Int32Array {
    return Int32Array.from(this.#items.subarray(0, this.length));
  }
}

/** Gives pairs of integers numbers 0, 1, 2 … in the order they are first seen. Longer tuples are pairs of pairs. Exact: no two pairs share a number. */
export class PairNumbers {
  /** Pair n is at 2n and 2n + 1. */
  #pairs = new Float64Array(128);
  #slots = new Int32Array(128).fill(-1);
  size = 0;

  of(first: number, second: number): number {
    let slot = this.#slotOf(first, second);
    const known = this.#slots[slot]!;
    if (known !== -1) return known;
    if (2 * this.size === this.#pairs.length) {
      this.#grow();
      slot = this.#slotOf(first, second);
    }
    this.#pairs[2 * this.size] = first;
    this.#pairs[2 * this.size + 1] = second;
    this.#slots[slot] = this.size;
    return this.size++;
  }

  /** The slot that holds the pair, or the free one where it belongs (open addressing, linear probing). */
  #slotOf(first: number, second: number): number {
    const mask = this.#slots.length - 1;
    let slot = mix(first, second) & mask;
    for (let at = this.#slots[slot]!; at !== -1 && (this.#pairs[2 * at] !== first || this.#pairs[2 * at + 1] !== second); at = this.#slots[slot]!) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    this.#pairs = twice(this.#pairs);
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let at = 0; at < this.size; at++) this.#slots[this.#slotOf(this.#pairs[2 * at]!, this.#pairs[2 * at + 1]!)] = at;
  }
}

function mix(first: number, second: number): number {
  let hash = Math.imul(first | 0, 0x9e3779b1) ^ Math.imul((first / 2 ** 32) | 0, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35) ^ Math.imul(second | 0, 0x27d4eb2f) ^ Math.imul((second / 2 ** 32) | 0, 0x165667b1);
  hash = Math.imul(hash ^ (hash >>> 13), 0x9e3779b1);
  return (hash ^ (hash >>> 16)) >>> 1;
}
