/**
 * Executes a schedule on a ledger of bytes and refuses what no machine could do: a tile that sends or receives two streams at
 * once, sends what it does not have, or sends to itself; bytes that are missing at the end, or come twice, or to a tile that
 * did not ask. Knows nothing of how schedules are made: only what was to be transferred, and what the messages say.
 */
import type { Target } from "../../targets/target.ts";
import { linksOf, type Links } from "./links.ts";
import type { Schedule } from "./schedule.ts";
import type { Transfers } from "./transfers.ts";

export type Simulation = { readonly legal: true; readonly cycles: number } | { readonly legal: false; readonly problem: string };

export function simulate(transfers: Transfers, schedule: Schedule, target: Target): Simulation {
  const run = new Run(transfers, schedule, target);
  const problem = run.execute() ?? run.settle();
  return problem === undefined ? { legal: true, cycles: run.cycles } : { legal: false, problem };
}

class Run {
  readonly #transfers: Transfers;
  readonly #schedule: Schedule;
  readonly #bytesPerCycle: number;
  readonly #sendsUntil: Float64Array;
  readonly #receivesUntil: Float64Array;
  /** For each receiver of each piece, in the order of `transfers.to`: from and to which of its bytes have come. */
  readonly #arrived = new Map<number, number[]>();
  readonly #links: Links | undefined;
  /** By chip, for what it sends to other chips and then for what it receives: when each message on its links ends. */
  readonly #crossings: number[][];
  cycles = 0;

  constructor(transfers: Transfers, schedule: Schedule, target: Target) {
    this.#transfers = transfers;
    this.#schedule = schedule;
    this.#bytesPerCycle = target.exchange.bytesPerCycle;
    this.#links = linksOf(target);
    this.#crossings = Array.from({ length: 2 * (this.#links?.chips ?? 0) }, () => []);
    this.#sendsUntil = new Float64Array(transfers.tiles);
    this.#receivesUntil = new Float64Array(transfers.tiles);
  }

  /** Goes through the messages in the order of their starts; gives the first problem. */
  execute(): string | undefined {
    const { messages } = this.#schedule;
    let before = 0;
    for (let m = 0; m < messages.count; m++) {
      const start = messages.start[m]!;
      if (!Number.isInteger(start) || start < before) return `message ${m} starts at ${start}, after one at ${before}`;
      before = start;
      const problem = this.#message(m);
      if (problem !== undefined) return problem;
    }
    if (this.cycles !== this.#schedule.cycles) return `it says ${this.#schedule.cycles} cycles and takes ${this.cycles}`;
    return undefined;
  }

  #message(m: number): string | undefined {
    const { messages, streams } = this.#schedule;
    const stream = messages.stream[m]!;
    const from = streams.from[stream]!;
    const start = messages.start[m]!;
    const end = start + Math.ceil(messages.bytes[m]! / this.#bytesPerCycle);
    if (!(messages.bytes[m]! > 0)) return `message ${m} is empty`;
    if (this.#sendsUntil[from]! > start) return `tile ${from} sends two streams in cycle ${start}`;
    this.#sendsUntil[from] = end;
    this.cycles = Math.max(this.cycles, end);
    if (messages.toStart[m] === messages.toStart[m + 1]) return `message ${m} goes to nobody`;
    for (let i = messages.toStart[m]!; i < messages.toStart[m + 1]!; i++) {
      const to = messages.to[i]!;
      if (to === from) return `tile ${to} sends to itself`;
      if (this.#receivesUntil[to]! > start) return `tile ${to} receives two streams in cycle ${start}`;
      this.#receivesUntil[to] = end;
      const problem = this.#deliver(stream, from, to, messages.offset[m]!, messages.offset[m]! + messages.bytes[m]!);
      if (problem !== undefined) return problem;
    }
    return this.#cross(from, start, end, m);
  }

  /** Whether the links of the chips that a message goes from and to have room for it. */
  #cross(from: number, start: number, end: number, m: number): string | undefined {
    const links = this.#links;
    if (!links) return undefined;
    const { toStart, to } = this.#schedule.messages;
    const home = links.chipOf(from);
    const chips = new Set(Array.from(to.subarray(toStart[m], toStart[m + 1]), (tile) => links.chipOf(tile)).filter((chip) => chip !== home));
    for (const chip of chips) {
      if (start < links.startCycles) return `message ${m} crosses chips in cycle ${start}, before the links have started`;
      for (const [side, what] of [[home, `chip ${home} sends`], [links.chips + chip, `chip ${chip} receives`]] as const) {
        const running = this.#crossings[side]!.filter((until) => until > start);
        running.push(end);
        this.#crossings[side] = running;
        if (running.length > links.slots) return `${what} ${running.length} messages over links for ${links.slots} in cycle ${start}`;
      }
    }
    return undefined;
  }

  /** Books bytes `first` to `end` of a stream, which is its pieces one after the other. */
  #deliver(stream: number, from: number, to: number, first: number, end: number): string | undefined {
    const { streams } = this.#schedule;
    let at = 0;
    for (let i = streams.pieceStart[stream]!; i < streams.pieceStart[stream + 1]! && at < end; i++) {
      const piece = streams.pieces[i]!;
      const bytes = this.#transfers.bytes[piece]!;
      const [low, high] = [Math.max(first - at, 0), Math.min(end - at, bytes)];
      at += bytes;
      if (low >= high) continue;
      if (this.#transfers.from[piece] !== from) return `tile ${from} sends piece ${piece}, which tile ${this.#transfers.from[piece]} has`;
      const wish = this.#wish(piece, to);
      if (wish === undefined) return `tile ${to} receives piece ${piece} and did not ask for it`;
      const arrived = this.#arrived.get(wish);
      if (arrived) arrived.push(low, high);
      else this.#arrived.set(wish, [low, high]);
    }
    return at < end ? `stream ${stream} has ${at} bytes, and byte ${end - 1} is sent` : undefined;
  }

  #wish(piece: number, tile: number): number | undefined {
    const { start, to } = this.#transfers;
    let low = start[piece]!;
    let high = start[piece + 1]!;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (to[middle]! < tile) low = middle + 1;
      else high = middle;
    }
    return low < start[piece + 1]! && to[low] === tile ? low : undefined;
  }

  /** Whether everybody has all bytes, each once. */
  settle(): string | undefined {
    const { pieces, start, to, bytes } = this.#transfers;
    for (let piece = 0; piece < pieces; piece++) {
      for (let wish = start[piece]!; wish < start[piece + 1]!; wish++) {
        const runs = pairsOf(this.#arrived.get(wish) ?? []).sort(([a], [b]) => a - b);
        let next = 0;
        for (const [low, high] of runs) {
          if (low < next) return `byte ${low} of piece ${piece} comes to tile ${to[wish]} twice`;
          if (low > next) break;
          next = high;
        }
        if (next < bytes[piece]!) return `byte ${next} of piece ${piece} does not come to tile ${to[wish]}`;
      }
    }
    return undefined;
  }
}

function pairsOf(list: readonly number[]): [number, number][] {
  return Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i]!, list[2 * i + 1]!]);
}
