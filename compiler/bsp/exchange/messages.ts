/** Messages: the parts of streams, each with the cycle in which it begins and those who receive it then. */
import { NumberList } from "./numbers.ts";

/** In parallel lists, ordered by start. */
export interface Messages {
  readonly count: number;
  readonly stream: Int32Array;
  /** Where in the stream it begins, and how much of it it is. */
  readonly offset: Float64Array;
  readonly bytes: Float64Array;
  /** The cycle in which it begins. It takes ⌈bytes / bytes per cycle⌉ of them. */
  readonly start: Float64Array;
  /** The receivers of message m: `to[toStart[m]]` to `to[toStart[m + 1] - 1]`. */
  readonly toStart: Int32Array;
  readonly to: Int32Array;
}

/** Collects messages in any order. */
export class MessageList {
  readonly #stream = new NumberList();
  readonly #offset = new NumberList();
  readonly #bytes = new NumberList();
  readonly #start = new NumberList();
  readonly #toEnd = new NumberList();
  readonly #to = new NumberList();

  /** The receivers are given one by one before it. */
  receiver(tile: number): void {
    this.#to.push(tile);
  }

  /** Gives the message's number. */
  message(stream: number, offset: number, bytes: number, start: number): number {
    this.#stream.push(stream);
    this.#offset.push(offset);
    this.#bytes.push(bytes);
    this.#start.push(start);
    this.#toEnd.push(this.#to.length);
    return this.#toEnd.length - 1;
  }

  shorten(message: number, bytes: number): void {
    this.#bytes.set(message, bytes);
  }

  /** Ordered by start, then by stream; messages that go on where the one before ended are one. */
  finish(bytesPerCycle: number): Messages {
    const { first, bytes } = this.#merged(bytesPerCycle);
    const order = sortedBy(first.length, (i) => this.#start.at(first.at(i)));
    const count = order.length;
    const made = { count, stream: new Int32Array(count), offset: new Float64Array(count), bytes: new Float64Array(count), start: new Float64Array(count), toStart: new Int32Array(count + 1), to: new Int32Array(0) };
    const to = new NumberList();
    for (let at = 0; at < count; at++) {
      const message = first.at(order[at]!);
      made.stream[at] = this.#stream.at(message);
      made.offset[at] = this.#offset.at(message);
      made.bytes[at] = bytes.at(order[at]!);
      made.start[at] = this.#start.at(message);
      for (let i = this.#firstReceiver(message); i < this.#toEnd.at(message); i++) to.push(this.#to.at(i));
      made.toStart[at + 1] = to.length;
    }
    return { ...made, to: to.toInt32() };
  }

  #firstReceiver(message: number): number {
    return message === 0 ? 0 : this.#toEnd.at(message - 1);
  }

  /** By stream, and in each by start: the first message of each run that has no gap, and the bytes of the run. */
  #merged(bytesPerCycle: number): { first: NumberList; bytes: NumberList } {
    const byStart = sortedBy(this.#stream.length, (message) => this.#start.at(message));
    const byStream = sortedBy(byStart.length, (i) => this.#stream.at(byStart[i]!));
    const first = new NumberList();
    const bytes = new NumberList();
    let run = 0;
    let runBytes = 0;
    byStream.forEach((place, i) => {
      const message = byStart[place]!;
      if (i > 0 && this.#continues(run, runBytes, message, bytesPerCycle)) {
        runBytes += this.#bytes.at(message);
        return;
      }
      if (i > 0) bytes.push(runBytes);
      first.push(message);
      run = message;
      runBytes = this.#bytes.at(message);
    });
    if (first.length > 0) bytes.push(runBytes);
    return { first, bytes };
  }

  #continues(message: number, bytes: number, next: number, bytesPerCycle: number): boolean {
    if (this.#stream.at(message) !== this.#stream.at(next) || this.#offset.at(message) + bytes !== this.#offset.at(next)) return false;
    if (bytes % bytesPerCycle !== 0 || this.#start.at(message) + bytes / bytesPerCycle !== this.#start.at(next)) return false;
    const [a, b] = [this.#firstReceiver(message), this.#firstReceiver(next)];
    const receivers = this.#toEnd.at(message) - a;
    if (receivers !== this.#toEnd.at(next) - b) return false;
    for (let i = 0; i < receivers; i++) if (this.#to.at(a + i) !== this.#to.at(b + i)) return false;
    return true;
  }
}

/** 0 … count - 1 by ascending whole numbers; equals stay in order. */
function sortedBy(count: number, keyOf: (i: number) => number): Float64Array {
  const keys = Float64Array.from({ length: count }, (_, i) => keyOf(i));
  const most = keys.reduce((a, b) => Math.max(a, b), 0);
  if (most > 4 * count) return keys.map((key, i) => key * count + i).sort().map((key) => key % count);
  const next = new Int32Array(most + 2);
  for (const key of keys) next[key + 1]!++;
  for (let key = 0; key < most; key++) next[key + 1]! += next[key]!;
  const sorted = new Float64Array(count);
  keys.forEach((key, i) => { sorted[next[key]!++] = i; });
  return sorted;
}

export function lengthOf(messages: Messages, bytesPerCycle: number): number {
  let end = 0;
  for (let m = 0; m < messages.count; m++) end = Math.max(end, messages.start[m]! + Math.ceil(messages.bytes[m]! / bytesPerCycle));
  return end;
}

