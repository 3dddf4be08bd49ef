/**
 * Schedules of exchanges without multicast that are as short as any can be: streams cut into equal units, and a bipartite
 * edge colouring of senders × receivers with as many colours as the busiest tile has units. A colour is a time slot: no tile
 * sends or receives twice in it.
 *
 * König (1916): a bipartite graph has an edge colouring with as many colours as its largest degree; an edge whose ends have
 * no free colour in common is coloured after swapping two colours along an alternating path. That preemption makes open
 * shops this easy is due to Gonzalez and Sahni (1976).
 */
import { MessageList, type Messages } from "./messages.ts";
import type { Streams } from "./streams.ts";

/** Entries of the tables of colours by tile that are affordable. */
const mostEntries = 1 << 24;

/**
 * The largest unit, in cycles, with which the busiest tile is over by `horizon` although the last unit of a stream may not be
 * full. Undefined where none is: a tile has too many streams that do not fill their cycles.
 */
export function unitOf(streams: Streams, bytesPerCycle: number, horizon: number): number | undefined {
  let longest = 1;
  let common = 0;
  for (const bytes of streams.bytes) {
    const cycles = Math.ceil(bytes / bytesPerCycle);
    longest = Math.max(longest, cycles);
    common = gcd(common, cycles);
  }
  // Beyond the longest stream every unit wastes more than the one before; below, try halves, and what divides all streams.
  const candidates = [common, 1];
  for (let cycles = longest; cycles > 1; cycles = Math.ceil(cycles / 2)) candidates.push(cycles, ...(common > 1 ? [Math.floor(cycles / common) * common] : []));
  return candidates.filter((cycles) => cycles > 0).sort((a, b) => b - a).find((cycles) => degreesOf(streams, cycles * bytesPerCycle).colours * cycles <= horizon);
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Units by sender and by receiver, all of them, and as many colours as the busiest of either has. */
function degreesOf(streams: Streams, unitBytes: number): { outDegree: Float64Array; inDegree: Float64Array; units: number; colours: number } {
  const outDegree = new Float64Array(streams.tiles);
  const inDegree = new Float64Array(streams.tiles);
  let units = 0;
  let colours = 0;
  for (let stream = 0; stream < streams.count; stream++) {
    const own = Math.ceil(streams.bytes[stream]! / unitBytes);
    const from = streams.from[stream]!;
    const to = streams.to[streams.start[stream]!]!;
    units += own;
    outDegree[from]! += own;
    inDegree[to]! += own;
    colours = Math.max(colours, outDegree[from]!, inDegree[to]!);
  }
  return { outDegree, inDegree, units, colours };
}

/** Units of `cycles` cycles each (the last of a stream may be shorter). Undefined when there are too many. */
export function scheduleByColours(streams: Streams, bytesPerCycle: number, cycles: number, mostUnits: number): Messages | undefined {
  const unitBytes = cycles * bytesPerCycle;
  const { outDegree, inDegree, units, colours } = degreesOf(streams, unitBytes);
  const senders = numbered(outDegree);
  const receivers = numbered(inDegree);
  if (units > mostUnits || (senders.count + receivers.count) * colours > mostEntries) return undefined;

  const colouring = new Colouring(senders.count, receivers.count, colours, units);
  const streamOf = new Int32Array(units);
  let unit = 0;
  for (let stream = 0; stream < streams.count; stream++) {
    const own = Math.ceil(streams.bytes[stream]! / unitBytes);
    const from = senders.of[streams.from[stream]!]!;
    const to = receivers.of[streams.to[streams.start[stream]!]!]!;
    for (let i = 0; i < own; i++) {
      streamOf[unit] = stream;
      colouring.add(unit++, from, to);
    }
  }
  return messagesOf(streams, streamOf, colouring.colour, colours, unitBytes, bytesPerCycle);
}

/** Tiles that have anything, numbered without gaps. */
function numbered(degree: Float64Array): { of: Int32Array; count: number } {
  let count = 0;
  const of = Int32Array.from(degree, (units) => (units > 0 ? count++ : -1));
  return { of, count };
}

function messagesOf(streams: Streams, streamOf: Int32Array, colour: Int32Array, colours: number, unitBytes: number, bytesPerCycle: number): Messages {
  const next = new Int32Array(colours + 1);
  for (const slot of colour) next[slot + 1]!++;
  for (let slot = 0; slot < colours; slot++) next[slot + 1]! += next[slot]!;
  const bySlot = new Int32Array(colour.length);
  colour.forEach((slot, unit) => { bySlot[next[slot]!++] = unit; });
  const sent = new Float64Array(streams.count);
  const messages = new MessageList();
  for (const unit of bySlot) {
    const stream = streamOf[unit]!;
    const bytes = Math.min(unitBytes, streams.bytes[stream]! - sent[stream]!);
    messages.receiver(streams.to[streams.start[stream]!]!);
    messages.message(stream, sent[stream]!, bytes, (colour[unit]! * unitBytes) / bytesPerCycle);
    sent[stream]! += bytes;
  }
  return messages.finish(bytesPerCycle);
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
    const both = this.#freeAt(u, v);
    if (both !== -1) {
      this.#set(edge, both);
      return;
    }
    const a = this.#freeAt(u, u);
    this.#swap(v, a, this.#freeAt(v, v));
    this.#set(edge, a);
  }

  /** The first colour that is free at both. */
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
