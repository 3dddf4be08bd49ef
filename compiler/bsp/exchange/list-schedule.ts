/**
 * Schedules of exchanges with multicast: greedy, with an optimal end.
 *
 * Greedy: whenever a tile becomes free to receive or to send, it takes the work of the partner that
 * has the most left to do (list scheduling, Graham 1969, with largest remaining work first). Long streams are cut into parts,
 * so that a tile is never held long by one partner.
 *
 * A multicast goes to those of its receivers that are free; the others get it later, in a second send. Each further send costs
 * the sender time, so it is allowed only while the sender would still be ready by `horizon`; after that it waits until all
 * that want a part are free.
 *
 * The end: as soon as no sender would hold up the rest even if it sent to every receiver by itself, the rest is an open shop,
 * whose schedule is as short as the busiest receiver allows. Greed does well while there is much to choose from, and badly
 * when there is little left.
 */
import { LinkSlots, type Links } from "./links.ts";
import { MessageList, type Messages } from "./messages.ts";
import { NumberList } from "./numbers.ts";
import { scheduleOpenShop } from "./open-shop.ts";
import { Calendar, Groups } from "./queues.ts";
import type { Streams } from "./streams.ts";

export interface ListOptions {
  /** The cycle by which everything should be over. */
  readonly horizon: number;
  /** Streams longer than this are cut into parts. */
  readonly mostCycles: number;
  /** Whether the rest is an open shop as soon as it can be. */
  readonly end: boolean;
  /** What makes a sender urgent: the cycles it has left to send, or those of everyone who waits for it. */
  readonly urgency: "sends" | "receipts";
  /** Between chips: what crosses waits for a slot of the links, and goes first. */
  readonly links?: Links | undefined;
  /** 0: just that. Others: each tile's urgency is a little more or less, differently for each variant. */
  readonly variant: number;
}

export function scheduleByList(streams: Streams, bytesPerCycle: number, options: ListOptions): Messages {
  return new ListScheduler(streams, bytesPerCycle, options).run();
}

/** More than the urgency of anything: what crosses chips goes before what does not. */
const crossingFirst = 2 ** 40;

/** How often in the time of an exchange it is asked whether the rest is an open shop. */
const looks = 64;

/** All 1 for variant 0; else between 0.75 and 1.25, always the same for one variant (a multiplicative hash). */
function weights(roles: number, variant: number): Float64Array {
  return Float64Array.from({ length: roles }, (_, role) => (variant === 0 ? 1 : 0.75 + (Math.imul((role + 1) * (2 * variant + 1), 0x9e3779b1) >>> 0) / 2 ** 33));
}

interface Parts {
  readonly stream: Int32Array;
  readonly offset: Float64Array;
  readonly bytes: Float64Array;
}

/** Streams in parts of nearly equal size, each but the last of whole cycles. */
function cut(streams: Streams, bytesPerCycle: number, mostCycles: number): Parts {
  const [stream, offset, bytes] = [new NumberList(), new NumberList(), new NumberList()];
  for (let s = 0; s < streams.count; s++) {
    const total = streams.bytes[s]!;
    const size = Math.ceil(total / Math.ceil(total / (mostCycles * bytesPerCycle)) / bytesPerCycle) * bytesPerCycle;
    for (let at = 0; at < total; at += size) {
      stream.push(s);
      offset.push(at);
      bytes.push(Math.min(size, total - at));
    }
  }
  return { stream: stream.toInt32(), offset: offset.toFloat64(), bytes: bytes.toFloat64() };
}

class ListScheduler {
  readonly #tiles: number;
  readonly #streams: Streams;
  readonly #bytesPerCycle: number;
  readonly #horizon: number;
  readonly #end: boolean;
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
  /** Cycles that a tile would still need to send to its receivers one by one. */
  readonly #owed: Float64Array;
  /** Which of the two makes a sender urgent. */
  readonly #senderLeft: Float64Array;
  readonly #receiving: Uint8Array;
  readonly #sending: Uint8Array;
  /** By receiver: the part on its way. */
  readonly #incoming: Int32Array;
  /** By sender: the message on its way, and when it began. */
  readonly #message: Int32Array;
  readonly #since: Float64Array;
  /** By role: what its urgency is multiplied by. */
  readonly #weight: Float64Array;
  readonly #links: Links | undefined;
  readonly #slots: LinkSlots | undefined;
  /** Pairs of chips whose slots a message holds; in the calendar after the roles, the first of all for the cycle in which crossing begins. */
  readonly #held: (readonly [from: number, to: number])[] = [[-1, -1]];
  /** Roles that wait for a link, those that have waited longest first. */
  readonly #linkQueue = new Set<number>();
  /** Wishes that cross chips and are not fulfilled. */
  #crossing = 0;
  readonly #ends = new Calendar();
  readonly #messages = new MessageList();
  #now = 0;

  constructor(streams: Streams, bytesPerCycle: number, { horizon, mostCycles, end, urgency, variant, links }: ListOptions) {
    this.#links = links;
    this.#slots = links && new LinkSlots(links);
    this.#tiles = streams.tiles;
    this.#streams = streams;
    this.#bytesPerCycle = bytesPerCycle;
    this.#horizon = horizon;
    this.#end = end;
    this.#weight = weights(2 * streams.tiles, variant);
    const parts = cut(streams, bytesPerCycle, mostCycles);
    const count = parts.stream.length;
    this.#stream = parts.stream;
    this.#offset = parts.offset;
    this.#bytes = parts.bytes;
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
    this.#owed = new Float64Array(streams.tiles);
    for (let part = 0; part < count; part++) {
      const stream = this.#stream[part]!;
      const first = this.#firstWish[part]!;
      this.#waiting[part] = this.#firstWish[part + 1]! - first;
      this.#leftOut[streams.from[stream]!]! += this.#cycles[part]!;
      this.#owed[streams.from[stream]!]! += this.#cycles[part]! * this.#waiting[part]!;
      for (let i = 0; i < this.#waiting[part]!; i++) {
        const to = streams.to[streams.start[stream]! + i]!;
        this.#partOf[first + i] = part;
        this.#receiver[first + i] = to;
        this.#leftIn[to]! += this.#cycles[part]!;
        if (this.#crosses(streams.from[stream]!, to)) this.#crossing++;
      }
    }
    if (links && this.#crossing > 0) this.#ends.add(links.startCycles, 2 * streams.tiles);
    this.#senderLeft = urgency === "sends" ? this.#leftOut : this.#owed;
    this.#wishesOf = new Groups(this.#receiver, streams.tiles);
    this.#partsOf = new Groups(this.#stream.map((stream) => streams.from[stream]!), streams.tiles);
    this.#receiving = new Uint8Array(streams.tiles);
    this.#sending = new Uint8Array(streams.tiles);
    this.#incoming = new Int32Array(streams.tiles);
    this.#message = new Int32Array(streams.tiles);
    this.#since = new Float64Array(streams.tiles);
  }

  run(): Messages {
    let free = Array.from({ length: 2 * this.#tiles }, (_, role) => role);
    let look = 0;
    while (true) {
      if (this.#end && this.#now >= look) {
        if (this.#receiversDecide()) {
          this.#finishSeparately();
          break;
        }
        look = this.#now + this.#horizon / looks;
      }
      for (const role of this.#byUrgency(free)) {
        if (role < this.#tiles) this.#receive(role);
        else this.#send(role - this.#tiles);
      }
      if (this.#ends.size > 0) free = this.#advance();
      else {
        if (this.#linkQueue.size === 0) break;
        free = this.#takeLinkQueue(Infinity);
      }
    }
    return this.#messages.finish(this.#bytesPerCycle);
  }

  #crosses(from: number, to: number): boolean {
    return this.#links !== undefined && this.#links.chipOf(from) !== this.#links.chipOf(to);
  }

  /** Whether something can go from one tile to another now, as far as links decide. */
  #reaches(from: number, to: number): boolean {
    return !this.#crosses(from, to) || (this.#now >= this.#links!.startCycles && this.#slots!.free(this.#links!.chipOf(from), this.#links!.chipOf(to)));
  }

  /** Whether no sender has longer to send, to one receiver after the other, than the busiest receiver has to receive. */
  #receiversDecide(): boolean {
    if (this.#crossing > 0 || this.#slots?.idle === false) return false;
    const owed = this.#owed.slice();
    const leftIn = this.#leftIn.slice();
    this.#forEachOnItsWay((part, from, to) => {
      const cycles = this.#since[from]! + this.#cycles[part]! - this.#now;
      owed[from]! += cycles;
      leftIn[to]! += cycles;
    });
    const most = leftIn.reduce((a, b) => Math.max(a, b), 0);
    return owed.every((cycles) => cycles <= most);
  }

  #forEachOnItsWay(visit: (part: number, from: number, to: number) => void): void {
    for (let to = 0; to < this.#tiles; to++) {
      if (this.#receiving[to] === 0) continue;
      const part = this.#incoming[to]!;
      visit(part, this.#streams.from[this.#stream[part]!]!, to);
    }
  }

  /** Cuts off what is on its way, and schedules all that is left as an open shop, without multicast. */
  #finishSeparately(): void {
    const rest = { part: new NumberList(), offset: new NumberList(), bytes: new NumberList(), to: new NumberList() };
    const add = (part: number, to: number, sent: number): void => {
      rest.part.push(part);
      rest.offset.push(this.#offset[part]! + sent);
      rest.bytes.push(this.#bytes[part]! - sent);
      rest.to.push(to);
    };
    this.#forEachOnItsWay((part, from, to) => {
      const sent = (this.#now - this.#since[from]!) * this.#bytesPerCycle;
      this.#messages.shorten(this.#message[from]!, sent);
      add(part, to, sent);
    });
    this.#open.forEach((open, wish) => { if (open === 1) add(this.#partOf[wish]!, this.#receiver[wish]!, 0); });
    const count = rest.part.length;
    const streamOf = (i: number): number => this.#stream[rest.part.at(i)]!;
    const numbered = Int32Array.from({ length: count + 1 }, (_, i) => i);
    const messages = scheduleOpenShop({
      tiles: this.#tiles, count, from: Int32Array.from({ length: count }, (_, i) => this.#streams.from[streamOf(i)]!), bytes: rest.bytes.toFloat64(),
      start: numbered, to: rest.to.toInt32(), pieceStart: numbered, pieces: numbered.subarray(0, count),
    }, this.#bytesPerCycle);
    for (let m = 0; m < messages.count; m++) {
      const i = messages.stream[m]!;
      this.#messages.receiver(messages.to[m]!);
      this.#messages.message(streamOf(i), rest.offset.at(i) + messages.offset[m]!, messages.bytes[m]!, this.#now + messages.start[m]!);
    }
  }

  /** Those with the most left to do first. A role is a tile that receives, or `tiles` more for one that sends. */
  #byUrgency(roles: number[]): number[] {
    return roles.sort((a, b) => this.#urgency(b) - this.#urgency(a) || a - b);
  }

  #urgency(role: number): number {
    return (role < this.#tiles ? this.#leftIn[role]! : this.#senderLeft[role - this.#tiles]!) * this.#weight[role]!;
  }

  /** Goes on to the next cycle in which something ends; gives the roles that become free. */
  #advance(): number[] {
    const free: number[] = [];
    let linksFree = false;
    this.#now = this.#ends.next;
    while (this.#ends.size > 0 && this.#ends.next === this.#now) {
      const role = this.#ends.take();
      if (role >= 2 * this.#tiles) {
        const [from, to] = this.#held[role - 2 * this.#tiles]!;
        if (from >= 0) this.#slots!.give(from, to);
        linksFree = true;
        continue;
      }
      if (role < this.#tiles) this.#receiving[role] = 0;
      else this.#sending[role - this.#tiles] = 0;
      free.push(role);
    }
    // Whoever waits for a link may go on.
    if (linksFree) free.push(...this.#takeLinkQueue(2 * this.#links!.slots * this.#links!.chips));
    return free;
  }

  #takeLinkQueue(most: number): number[] {
    const taken: number[] = [];
    for (const role of this.#linkQueue) {
      if (taken.length >= most) break;
      taken.push(role);
      this.#linkQueue.delete(role);
    }
    return taken;
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
      if (!this.#reaches(from, tile)) {
        this.#linkQueue.add(tile);
        continue;
      }
      const left = this.#urgency(this.#tiles + from) + (this.#crosses(from, tile) ? crossingFirst : 0);
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
        if (this.#open[wish] === 0 || this.#receiving[to] === 1) continue;
        if (!this.#reaches(tile, to)) this.#linkQueue.add(this.#tiles + tile);
        else left = Math.max(left, this.#urgency(to) + (this.#crosses(tile, to) ? crossingFirst : 0));
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
      if (this.#open[wish] === 1 && (this.#receiving[this.#receiver[wish]!] === 1 || !this.#reaches(from, this.#receiver[wish]!))) return false;
    }
    return true;
  }

  /** Sends a part to all that want it and are free. */
  #start(part: number): void {
    const stream = this.#stream[part]!;
    const from = this.#streams.from[stream]!;
    const cycles = this.#cycles[part]!;
    const end = this.#now + cycles;
    let served = 0;
    const taken = new Set<number>();
    for (let wish = this.#firstWish[part]!; wish < this.#firstWish[part + 1]!; wish++) {
      const to = this.#receiver[wish]!;
      if (this.#open[wish] === 0 || this.#receiving[to] === 1) continue;
      if (this.#crosses(from, to)) {
        const [home, chip] = [this.#links!.chipOf(from), this.#links!.chipOf(to)];
        if (!taken.has(chip)) {
          if (!this.#reaches(from, to)) continue;
          taken.add(chip);
          this.#slots!.take(home, chip);
          this.#ends.add(end, 2 * this.#tiles + this.#held.push([home, chip]) - 1);
        }
        this.#crossing--;
      }
      served++;
      this.#open[wish] = 0;
      this.#waiting[part]!--;
      this.#wishesOf.remove(wish, to);
      this.#receiving[to] = 1;
      this.#incoming[to] = part;
      this.#leftIn[to]! -= cycles;
      this.#owed[from]! -= cycles;
      this.#ends.add(end, to);
      this.#messages.receiver(to);
    }
    if (served === 0) return;
    this.#message[from] = this.#messages.message(stream, this.#offset[part]!, this.#bytes[part]!, this.#now);
    this.#since[from] = this.#now;
    this.#sending[from] = 1;
    this.#ends.add(end, this.#tiles + from);
    if (this.#waiting[part] === 0) {
      this.#leftOut[from]! -= cycles;
      this.#partsOf.remove(part, from);
    }
  }
}
