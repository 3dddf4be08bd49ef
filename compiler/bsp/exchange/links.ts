/** What an exchange sends over the links between chips. A piece crosses to a chip once, however many tiles there receive it. */
import { chipOf, type Target } from "../../targets/target.ts";
import type { Transfers } from "./transfers.ts";

/** What a schedule has to know of the links. */
export interface Links {
  readonly chips: number;
  chipOf(tile: number): number;
  /** Messages that a chip can send to other chips at one time, and receive from them: each takes a tile's bytes a cycle. */
  readonly slots: number;
  /** Nothing crosses before this cycle of an exchange. */
  readonly startCycles: number;
}

/** Undefined on one chip. */
export function linksOf(target: Target): Links | undefined {
  const { chips, exchange } = target;
  if (!chips || chips.count < 2) return undefined;
  return { chips: chips.count, chipOf: (tile) => chipOf(target, tile), slots: Math.max(1, Math.floor(chips.bytesPerCycle / exchange.bytesPerCycle)), startCycles: chips.startCycles };
}

/** Which messages are on the links of which chips. A message takes a slot of its sender's chip and one of the receivers' chip for each chip it crosses to. */
export class LinkSlots {
  readonly #links: Links;
  readonly #out: Int32Array;
  readonly #in: Int32Array;

  constructor(links: Links) {
    this.#links = links;
    this.#out = new Int32Array(links.chips).fill(links.slots);
    this.#in = new Int32Array(links.chips).fill(links.slots);
  }

  free(from: number, to: number): boolean {
    return this.#out[from]! > 0 && this.#in[to]! > 0;
  }

  take(from: number, to: number): void {
    this.#out[from]!--;
    this.#in[to]!--;
  }

  give(from: number, to: number): void {
    this.#out[from]!++;
    this.#in[to]!++;
  }

  get idle(): boolean {
    return this.#out.every((free) => free === this.#links.slots);
  }
}

export interface LinkLoads {
  /** Bytes received from other chips, by all chips. */
  readonly bytes: number;
  /** Cycles until the busiest chip, and the busiest tile, have sent or received what crosses; 0 where nothing does. */
  readonly cycles: number;
}

export function linkLoads(transfers: Transfers, target: Target): LinkLoads {
  const { chips } = target;
  if (!chips || chips.count < 2) return { bytes: 0, cycles: 0 };
  const bytesIn = new Float64Array(chips.count);
  const bytesOut = new Float64Array(chips.count);
  const tileIn = new Float64Array(transfers.tiles);
  const tileOut = new Float64Array(transfers.tiles);
  let bytes = 0;
  for (let piece = 0; piece < transfers.pieces; piece++) {
    const home = chipOf(target, transfers.from[piece]!);
    const size = transfers.bytes[piece]!;
    let last = -1;
    let crosses = false;
    // Receivers ascend, so those of one chip stand together.
    for (let i = transfers.start[piece]!; i < transfers.start[piece + 1]!; i++) {
      const chip = chipOf(target, transfers.to[i]!);
      if (chip !== home) tileIn[transfers.to[i]!]! += size;
      if (chip === last) continue;
      last = chip;
      if (chip === home) continue;
      crosses = true;
      bytesIn[chip]! += size;
      bytesOut[home]! += size;
      bytes += size;
    }
    if (crosses) tileOut[transfers.from[piece]!]! += size;
  }
  if (bytes === 0) return { bytes, cycles: 0 };
  const busiest = bytesIn.reduce((most, received, chip) => Math.max(most, received, bytesOut[chip]!), 0);
  const tile = [tileIn, tileOut].reduce((most, all) => all.reduce((a, b) => Math.max(a, b), most), 0);
  return { bytes, cycles: chips.startCycles + Math.max(Math.ceil(busiest / chips.bytesPerCycle), Math.ceil(tile / target.exchange.bytesPerCycle)) };
}

/**
 * Cycles of the busiest chip's links where it is known only what each tile receives and sends, and nearly every tile wants
 * something of every other: of what a chip's tiles receive, the part of other chips crosses, but none of what those send twice.
 */
export function linkCyclesByTile(bytesIn: Float64Array, bytesOut: Float64Array, target: Target): number {
  const { chips } = target;
  if (!chips || chips.count < 2) return 0;
  const received = new Float64Array(chips.count);
  const sent = new Float64Array(chips.count);
  bytesIn.forEach((bytes, tile) => (received[chipOf(target, tile)]! += bytes));
  bytesOut.forEach((bytes, tile) => (sent[chipOf(target, tile)]! += bytes));
  const all = sent.reduce((sum, bytes) => sum + bytes, 0);
  if (all === 0) return 0;
  const crossing = received.reduce((most, bytes, chip) => Math.max(most, Math.min((bytes * (all - sent[chip]!)) / all, all - sent[chip]!)), 0);
  return crossing === 0 ? 0 : chips.startCycles + Math.ceil(crossing / chips.bytesPerCycle);
}
