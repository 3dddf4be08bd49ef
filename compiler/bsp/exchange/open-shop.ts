/**
 * The shortest schedule of streams with one receiver each, of any lengths: an open shop with preemption, whose machines are
 * the senders and whose jobs are the receivers. Gonzalez and Sahni (1976): it need not take longer than the busiest of either.
 *
 * At every moment the running streams are a matching of senders and receivers. A tile is critical when it has no time left
 * to be idle: from then on it has to be in the matching until it is done. Where every tile's work is at most the time that is
 * left, a matching that holds all critical tiles exists (König; Mendelsohn and Dulmage 1958), and is found from the one before
 * along an alternating path. The matching changes only when a stream ends or a tile becomes critical, which each happens once:
 * streams are rarely cut.
 */
import { invariant } from "../../support/bug.ts";
import { MessageList, type Messages } from "./messages.ts";
import { Calendar, Groups } from "./queues.ts";
import type { Streams } from "./streams.ts";

export function scheduleOpenShop(streams: Streams, bytesPerCycle: number): Messages {
  return new OpenShop(streams, bytesPerCycle).run();
}

const none = -1;

class OpenShop {
  readonly #streams: Streams;
  readonly #bytesPerCycle: number;
  readonly #tiles: number;
  /** The ends of streams: tile t as a sender is t, as a receiver tiles + t. */
  readonly #sender: Int32Array;
  readonly #receiver: Int32Array;
  /** Cycles left by stream, and by end over all its streams: as they were when what runs now began. */
  readonly #left: Float64Array;
  readonly #work: Float64Array;
  readonly #sentBytes: Float64Array;
  /** By end: the stream that runs there. */
  readonly #running: Int32Array;
  /** By stream that runs: since when. */
  readonly #since: Float64Array;
  /** The unfinished streams of each end. */
  readonly #ofSender: Groups;
  readonly #ofReceiver: Groups;
  /** Streams that end, and ends that become critical (numbered after the streams). An entry that no longer holds is ignored. */
  readonly #calendar = new Calendar();
  readonly #messages = new MessageList();
  readonly #length: number;
  /** Of the search for an alternating path: by end, the stream by which it was reached, and in which search. */
  readonly #reachedBy: Int32Array;
  readonly #reachedIn: Int32Array;
  #search = 0;
  #now = 0;

  constructor(streams: Streams, bytesPerCycle: number) {
    this.#streams = streams;
    this.#bytesPerCycle = bytesPerCycle;
    this.#tiles = streams.tiles;
    this.#sender = streams.from;
    this.#receiver = streams.to.map((tile) => tile + streams.tiles);
    this.#left = streams.bytes.map((bytes) => Math.ceil(bytes / bytesPerCycle));
    this.#work = new Float64Array(2 * streams.tiles);
    for (let stream = 0; stream < streams.count; stream++) {
      this.#work[this.#sender[stream]!]! += this.#left[stream]!;
      this.#work[this.#receiver[stream]!]! += this.#left[stream]!;
    }
    this.#length = this.#work.reduce((most, work) => Math.max(most, work), 0);
    this.#sentBytes = new Float64Array(streams.count);
    this.#running = new Int32Array(2 * streams.tiles).fill(none);
    this.#since = new Float64Array(streams.count);
    this.#ofSender = new Groups(this.#sender, 2 * streams.tiles);
    this.#ofReceiver = new Groups(this.#receiver, 2 * streams.tiles);
    this.#reachedBy = new Int32Array(2 * streams.tiles);
    this.#reachedIn = new Int32Array(2 * streams.tiles);
  }

  run(): Messages {
    // The busiest ends first; of two equal ones the one with the smaller number.
    let idle = Array.from(this.#work.keys()).filter((end) => this.#work[end]! > 0).sort((a, b) => this.#work[b]! - this.#work[a]! || a - b);
    for (;;) {
      for (const end of idle) if (this.#isCritical(end)) this.#mustRun(end);
      for (const end of idle) if (this.#running[end] === none && this.#work[end]! > 0) this.#mayRun(end);
      if (this.#calendar.size === 0) return this.#messages.finish(this.#bytesPerCycle);
      idle = this.#advance();
    }
  }

  /** Goes on to the next cycle in which something changes; gives the ends that are idle then and were not before, or have become critical. */
  #advance(): number[] {
    this.#now = this.#calendar.next;
    const idle: number[] = [];
    while (this.#calendar.size > 0 && this.#calendar.next === this.#now) {
      const what = this.#calendar.take();
      if (what < this.#streams.count) {
        if (this.#running[this.#sender[what]!] !== what || this.#since[what]! + this.#left[what]! !== this.#now) continue;
        this.#stop(what);
        idle.push(this.#sender[what]!, this.#receiver[what]!);
      } else {
        const end = what - this.#streams.count;
        if (this.#running[end] === none && this.#isCritical(end)) idle.push(end);
      }
    }
    return idle;
  }

  #workNow(end: number): number {
    const stream = this.#running[end]!;
    return stream === none ? this.#work[end]! : this.#work[end]! - (this.#now - this.#since[stream]!);
  }

  #isCritical(end: number): boolean {
    const work = this.#workNow(end);
    return work > 0 && work >= this.#length - this.#now;
  }

  /** Starts something at an idle end if it has a partner that is idle too: the one with the most work. */
  #mayRun(end: number): void {
    const { items, start, end: last } = end < this.#tiles ? this.#ofSender : this.#ofReceiver;
    let best = none;
    let most = 0;
    for (let i = start[end]!; i < last[end]!; i++) {
      const stream = items[i]!;
      const partner = this.#partner(stream, end);
      const work = this.#work[partner]!;
      if (this.#running[partner] !== none || work < most || (work === most && stream > best)) continue;
      best = stream;
      most = work;
    }
    if (best !== none) this.#begin(best);
    else this.#calendar.add(this.#length - this.#work[end]!, this.#streams.count + end);
  }

  /** Starts something at an idle critical end; may stop others that have time, or move them to other partners. */
  #mustRun(end: number): void {
    if (this.#running[end] !== none) return;
    const search = ++this.#search;
    const { items, start, end: last } = end < this.#tiles ? this.#ofSender : this.#ofReceiver;
    const queue = [end];
    this.#reachedIn[end] = search;
    for (let at = 0; at < queue.length; at++) {
      const from = queue[at]!;
      for (let i = start[from]!; i < last[from]!; i++) {
        const stream = items[i]!;
        const partner = this.#partner(stream, from);
        const held = this.#running[partner]!;
        if (held === none) {
          this.#shift(stream, from, end);
          return;
        }
        const rival = this.#partner(held, partner);
        if (this.#reachedIn[rival] === search) continue;
        this.#reachedIn[rival] = search;
        this.#reachedBy[rival] = stream;
        if (this.#isCritical(rival)) {
          queue.push(rival);
          continue;
        }
        this.#stop(held);
        this.#shift(stream, from, end);
        this.#calendar.add(this.#length - this.#work[rival]!, this.#streams.count + rival);
        return;
      }
    }
    invariant(false, "an open shop without a matching of its critical tiles");
  }

  /** `stream`, whose partner is idle, runs at `from`; what ran there goes to the one from whose side `from` was reached, up to `end`. */
  #shift(stream: number, from: number, end: number): void {
    while (from !== end) {
      const held = this.#running[from]!;
      const by = this.#reachedBy[from]!;
      this.#stop(held);
      this.#begin(stream);
      stream = by;
      from = this.#reachedFrom(by, held, from);
    }
    this.#begin(stream);
  }

  /** The end that wanted `by`, whose partner ran `held` with `rival`. */
  #reachedFrom(by: number, held: number, rival: number): number {
    return this.#partner(by, this.#partner(held, rival));
  }

  #partner(stream: number, end: number): number {
    return end < this.#tiles ? this.#receiver[stream]! : this.#sender[stream]!;
  }

  #begin(stream: number): void {
    this.#running[this.#sender[stream]!] = stream;
    this.#running[this.#receiver[stream]!] = stream;
    this.#since[stream] = this.#now;
    this.#calendar.add(this.#now + this.#left[stream]!, stream);
  }

  #stop(stream: number): void {
    const [sender, receiver] = [this.#sender[stream]!, this.#receiver[stream]!];
    const cycles = this.#now - this.#since[stream]!;
    this.#running[sender] = none;
    this.#running[receiver] = none;
    if (cycles === 0) return;
    this.#left[stream]! -= cycles;
    this.#work[sender]! -= cycles;
    this.#work[receiver]! -= cycles;
    const sent = this.#sentBytes[stream]!;
    const bytes = Math.min(cycles * this.#bytesPerCycle, this.#streams.bytes[stream]! - sent);
    this.#messages.receiver(receiver - this.#tiles);
    this.#messages.message(stream, sent, bytes, this.#since[stream]!);
    this.#sentBytes[stream] = sent + bytes;
    if (this.#left[stream] === 0) {
      this.#ofSender.remove(stream, sender);
      this.#ofReceiver.remove(stream, receiver);
    }
  }
}
