/**
 * Greedy schedules of any exchange: whenever a tile becomes free to receive or to send, it takes the work of the partner that
 * has the most left to do (list scheduling, Graham 1969, with largest remaining work first). Long streams are cut into parts,
 * so that a tile is never held long by one partner.
 *
 * A multicast goes to those of its receivers that are free; the others get it later, in a second send. Each further send costs
 * the sender time, so it is allowed only while the sender would still be ready by `horizon`; after that it waits until all
 * that want a part are free.
 */
import { MessageList, type Messages } from "./messages.ts";
import { NumberList } from "./numbers.ts";
import { Calendar, Groups } from "./queues.ts";
import type { Streams } from "./streams.ts";

export interface ListOptions {
  /** The cycle by which everything should be over. */
  readonly horizon: number;
  /** Streams longer than this are cut into parts. */
  readonly mostCycles: number;
  /** Chooses between equals. */
  readonly variant: number;
}

export function scheduleByList(streams: Streams, bytesPerCycle: number, options: ListOptions): Messages {
  return new ListScheduler(streams, bytesPerCycle, options).run();
}

class ListScheduler {
  readonly #tiles: number;
  readonly #streams: Streams;
  readonly #bytesPerCycle: number;
  readonly #horizon: number;
  readonly #variant: number;
  /** By part. */
  readonly #stream: Int32Array;
  readonly #offset: Float64Array;
  readonly #bytes: Float64Array;
  readonly #cycles: Float64Array;
  /** The wishes of part p are firstWish[p] to firstWish[p + 1] - 1: one for each receiver. */
  readonly #firstWish: Int32Array;
  readonly #waiting: Int32Array;
  readonly #partOf: Int32Array;
  readonly #receiver: Int32Array;
  /** 1 where a wish is not fulfilled. */
  readonly #open: Uint8Array;
  readonly #wishesOf: Groups;
  readonly #partsOf: Groups;
  readonly #leftIn: Float64Array;
  readonly #leftOut: Float64Array;
  readonly #receiving: Uint8Array;
  readonly #sending: Uint8Array;
  readonly #ends = new Calendar();
  readonly #messages = new MessageList();
  #now = 0;

  constructor(streams: Streams, bytesPerCycle: number, { horizon, mostCycles, variant }: ListOptions) {
    this.#tiles = streams.tiles;
    this.#streams = streams;
    this.#bytesPerCycle = bytesPerCycle;
    this.#horizon = horizon;
    this.#variant = variant;
    const parts = { stream: new NumberList(), offset: new NumberList(), bytes: new NumberList() };
    for (let stream = 0; stream < streams.count; stream++) {
      const total = streams.bytes[stream]!;
      const pieces = Math.ceil(total / (mostCycles * bytesPerCycle));
      const size = Math.ceil(total / pieces / bytesPerCycle) * bytesPerCycle;
      for (let offset = 0; offset < total; offset += size) {
        parts.stream.push(stream);
        parts.offset.push(offset);
        parts.bytes.push(Math.min(size, total - offset));
      }
    }
    const count = parts.stream.length;
    this.#stream = parts.stream.toInt32();
    this.#offset = Float64Array.from({ length: count }, (_, part) => parts.offset.at(part));
    this.#bytes = Float64Array.from({ length: count }, (_, part) => parts.bytes.at(part));
    this.#cycles = this.#bytes.map((bytes) => Math.ceil(bytes / bytesPerCycle));
    this.#firstWish = new Int32Array(count + 1);
    for (let part = 0; part < count; part++) {
      const stream = this.#stream[part]!;
      this.#firstWish[part + 1] = this.#firstWish[part]! + streams.start[stream + 1]! - streams.start[stream]!;
    }
    const wishes = this.#firstWish[count]!;
    this.#waiting = new Int32Array(count);
    this.#partOf = new Int32Array(wishes);
    this.#receiver = new Int32Array(wishes);
    this.#open = new Uint8Array(wishes).fill(1);
    this.#leftIn = new Float64Array(streams.tiles);
    this.#leftOut = new Float64Array(streams.tiles);
    for (let part = 0; part < count; part++) {
      const stream = this.#stream[part]!;
      const first = this.#firstWish[part]!;
      this.#waiting[part] = this.#firstWish[part + 1]! - first;
      this.#leftOut[streams.from[stream]!]! += this.#cycles[part]!;
      for (let i = 0; i < this.#waiting[part]!; i++) {
        const to = streams.to[streams.start[stream]! + i]!;
        this.#partOf[first + i] = part;
        this.#receiver[first + i] = to;
        this.#leftIn[to]! += this.#cycles[part]!;
      }
    }
    this.#wishesOf = new Groups(this.#receiver, streams.tiles);
    this.#partsOf = new Groups(this.#stream.map((stream) => streams.from[stream]!), streams.tiles);
    this.#receiving = new Uint8Array(streams.tiles);
    this.#sending = new Uint8Array(streams.tiles);
  }

  run(): Messages {
    let free = new Float64Array(2 * this.#tiles).map((_, role) => role);
    while (true) {
      for (const role of this.#byUrgency(free)) {
        if (role < this.#tiles) this.#receive(role);
        else this.#send(role - this.#tiles);
      }
      if (this.#ends.size === 0) break;
      free = this.#advance();
    }
    return this.#messages.finish(this.#bytesPerCycle);
  }

  /** Those with the most left to do first. A role is a tile that receives, or `tiles` more for one that sends. */
  #byUrgency(roles: Float64Array<ArrayBuffer>): Float64Array {
    const count = 2 * this.#tiles;
    const keys = roles.map((role) => {
      const left = role < this.#tiles ? this.#leftIn[role]! : this.#leftOut[role - this.#tiles]!;
      return -left * count + this.#shuffled(role, count);
    });
    return keys.sort().map((key) => this.#unshuffled(((key % count) + count) % count, count));
  }

  /** Another order of equals for each variant. */
  #shuffled(role: number, count: number): number {
    return (role + this.#variant * 7919) % count;
  }

  #unshuffled(place: number, count: number): number {
    return (((place - this.#variant * 7919) % count) + count) % count;
  }

  /** Goes on to the next cycle in which something ends; gives the roles that become free. */
  #advance(): Float64Array<ArrayBuffer> {
    const free = new NumberList();
    this.#now = this.#ends.next;
    while (this.#ends.size > 0 && this.#ends.next === this.#now) {
      const role = this.#ends.take();
      if (role < this.#tiles) this.#receiving[role] = 0;
      else this.#sending[role - this.#tiles] = 0;
      free.push(role);
    }
    return Float64Array.from({ length: free.length }, (_, i) => free.at(i));
  }

  #receive(tile: number): void {
    if (this.#receiving[tile] === 1) return;
    let best = -1;
    let most = -1;
    const { items, start, end } = this.#wishesOf;
    for (let i = start[tile]!; i < end[tile]!; i++) {
      const part = this.#partOf[items[i]!]!;
      const from = this.#streams.from[this.#stream[part]!]!;
      if (this.#sending[from] === 1) continue;
      const left = this.#leftOut[from]!;
      if (left < most || (left === most && part > best) || !this.#maySend(part)) continue;
      best = part;
      most = left;
    }
    if (best !== -1) this.#start(best);
  }

  #send(tile: number): void {
    if (this.#sending[tile] === 1) return;
    let best = -1;
    let most = 0;
    const { items, start, end } = this.#partsOf;
    for (let i = start[tile]!; i < end[tile]!; i++) {
      const part = items[i]!;
      let left = 0;
      for (let wish = this.#firstWish[part]!; wish < this.#firstWish[part + 1]!; wish++) {
        const to = this.#receiver[wish]!;
        if (this.#open[wish] === 1 && this.#receiving[to] === 0) left = Math.max(left, this.#leftIn[to]!);
      }
      if (left < most || (left === most && part > best) || left === 0 || !this.#maySend(part)) continue;
      best = part;
      most = left;
    }
    if (best !== -1) this.#start(best);
  }

  /** Whether the sender can afford to send the part now to those who are free, and once more to the others. */
  #maySend(part: number): boolean {
    if (this.#waiting[part] === 1) return true;
    const from = this.#streams.from[this.#stream[part]!]!;
    if (this.#now + this.#leftOut[from]! + this.#cycles[part]! <= this.#horizon) return true;
    for (let wish = this.#firstWish[part]!; wish < this.#firstWish[part + 1]!; wish++) {
      if (this.#open[wish] === 1 && this.#receiving[this.#receiver[wish]!] === 1) return false;
    }
    return true;
  }

  /** Sends a part to all that want it and are free. */
  #start(part: number): void {
    const stream = this.#stream[part]!;
    const from = this.#streams.from[stream]!;
    const cycles = this.#cycles[part]!;
    const end = this.#now + cycles;
    for (let wish = this.#firstWish[part]!; wish < this.#firstWish[part + 1]!; wish++) {
      const to = this.#receiver[wish]!;
      if (this.#open[wish] === 0 || this.#receiving[to] === 1) continue;
      this.#open[wish] = 0;
      this.#waiting[part]!--;
      this.#wishesOf.remove(wish, to);
      this.#receiving[to] = 1;
      this.#leftIn[to]! -= cycles;
      this.#ends.add(end, to);
      this.#messages.receiver(to);
    }
    this.#messages.message(stream, this.#offset[part]!, this.#bytes[part]!, this.#now);
    this.#sending[from] = 1;
    this.#ends.add(end, this.#tiles + from);
    if (this.#waiting[part] === 0) {
      this.#leftOut[from]! -= cycles;
      this.#partsOf.remove(part, from);
    }
  }
}
