/**
 * The shortest schedule of streams that are all of one length and have one receiver each: a bipartite edge colouring of
 * senders × receivers with as many colours as the busiest tile has streams. A colour is a time slot: no tile sends or receives
 * twice in it. No stream is cut.
 *
 * König (1916): a bipartite graph has an edge colouring with as many colours as its largest degree. An edge whose ends have
 * no free colour in common is coloured after swapping two colours along an alternating path.
 */
import { MessageList, type Messages } from "./messages.ts";
import type { Streams } from "./streams.ts";

/** Entries of the tables of colours by tile that are affordable. */
const mostEntries = 1 << 24;

/** For streams of equal length. Undefined where the tables would be too large. */
export function scheduleByColours(streams: Streams, bytesPerCycle: number): Messages | undefined {
  const outDegree = new Int32Array(streams.tiles);
  const inDegree = new Int32Array(streams.tiles);
  for (let stream = 0; stream < streams.count; stream++) {
    outDegree[streams.from[stream]!]!++;
    inDegree[streams.to[stream]!]!++;
  }
  const senders = numbered(outDegree);
  const receivers = numbered(inDegree);
  const colours = Math.max(senders.most, receivers.most);
  if ((senders.count + receivers.count) * colours > mostEntries) return undefined;

  const colouring = new Colouring(senders.count, receivers.count, colours, streams.count);
  for (let stream = 0; stream < streams.count; stream++) colouring.add(stream, senders.of[streams.from[stream]!]!, receivers.of[streams.to[stream]!]!);
  const messages = new MessageList();
  const cycles = Math.ceil((streams.bytes[0] ?? 0) / bytesPerCycle);
  for (let stream = 0; stream < streams.count; stream++) {
    messages.receiver(streams.to[stream]!);
    messages.message(stream, 0, streams.bytes[stream]!, colouring.colour[stream]! * cycles);
  }
  return messages.finish(bytesPerCycle);
}

/** Tiles that have anything, numbered without gaps; `most` is what the busiest has. */
function numbered(degree: Int32Array): { of: Int32Array; count: number; most: number } {
  let count = 0;
  let most = 0;
  const of = degree.map((streams) => {
    most = Math.max(most, streams);
    return streams > 0 ? count++ : -1;
  });
  return { of, count, most };
}

/** Edges are added one by one; each keeps a colour that neither of its ends has twice. */
class Colouring {
  readonly colour: Int32Array;
  readonly #senders: number;
  readonly #colours: number;
  readonly #words: number;
  /** By end (senders, then receivers) and colour: the edge, or -1. */
  readonly #edgeAt: Int32Array;
  /** By end: a bit for each free colour. */
  readonly #free: Uint32Array;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #path: number[] = [];

  constructor(senders: number, receivers: number, colours: number, edges: number) {
    this.#senders = senders;
    this.#colours = colours;
    this.#words = Math.ceil(colours / 32);
    this.#edgeAt = new Int32Array((senders + receivers) * colours).fill(-1);
    this.#free = new Uint32Array((senders + receivers) * this.#words);
    for (let end = 0; end < senders + receivers; end++) {
      for (let c = 0; c < colours; c++) this.#free[end * this.#words + (c >> 5)]! |= 1 << (c & 31);
    }
    this.#from = new Int32Array(edges);
    this.#to = new Int32Array(edges);
    this.colour = new Int32Array(edges).fill(-1);
  }

  add(edge: number, sender: number, receiver: number): void {
    const u = sender;
    const v = this.#senders + receiver;
    this.#from[edge] = u;
    this.#to[edge] = v;
    const both = this.#freeAtBoth(u, v);
    if (both !== -1) {
      this.#set(edge, both);
      return;
    }
    const a = this.#freeAt(u, u);
    this.#swap(v, a, this.#freeAt(v, v));
    this.#set(edge, a);
  }

  /**
   * A colour that is free at both. The one that is right for all pairs of consecutive tiles, where every tile sends to the
   * one after it in the first slot, to the one after that in the second, and so on; otherwise the first.
   */
  #freeAtBoth(u: number, v: number): number {
    const distance = (v - this.#senders - u + this.#senders * (this.#colours + 1)) % (this.#colours + 1);
    const likely = (distance + this.#colours - 1) % this.#colours;
    if (this.#edgeAt[u * this.#colours + likely] === -1 && this.#edgeAt[v * this.#colours + likely] === -1) return likely;
    return this.#freeAt(u, v);
  }

  #freeAt(u: number, v: number): number {
    for (let word = 0; word < this.#words; word++) {
      const bits = this.#free[u * this.#words + word]! & this.#free[v * this.#words + word]!;
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }

  /** Swaps colours a and b along the path of edges of these colours that begins at `end` with a; then a is free there. */
  #swap(end: number, a: number, b: number): void {
    this.#path.length = 0;
    let at = end;
    let colour = a;
    for (let edge = this.#edgeAt[at * this.#colours + colour]!; edge !== -1; edge = this.#edgeAt[at * this.#colours + colour]!) {
      this.#path.push(edge);
      at = this.#from[edge] === at ? this.#to[edge]! : this.#from[edge]!;
      colour = colour === a ? b : a;
    }
    for (const edge of this.#path) this.#clear(edge);
    this.#path.forEach((edge, i) => this.#set(edge, i % 2 === 0 ? b : a));
  }

  #set(edge: number, colour: number): void {
    this.colour[edge] = colour;
    for (const end of [this.#from[edge]!, this.#to[edge]!]) {
      this.#edgeAt[end * this.#colours + colour] = edge;
      this.#free[end * this.#words + (colour >> 5)]! &= ~(1 << (colour & 31));
    }
  }

  #clear(edge: number): void {
    const colour = this.colour[edge]!;
    for (const end of [this.#from[edge]!, this.#to[edge]!]) {
      this.#edgeAt[end * this.#colours + colour] = -1;
      this.#free[end * this.#words + (colour >> 5)]! |= 1 << (colour & 31);
    }
  }
}
