/**
 * The schedule of an exchange: for every tile an order of what it sends and what it receives, with the cycle in which each
 * begins. A tile sends one stream and receives one stream at a time; a multicast reaches several tiles with one send. A
 * message takes whole cycles.
 *
 * No schedule is shorter than the busiest tile's bytes in or out (a multicast counts once for its sender). Without multicast
 * that bound is reached always, but for streams that do not fill their last cycle: colour.ts for streams of one length,
 * open-shop.ts for others. With multicast, finding the shortest is hard (it contains the colouring of hypergraphs):
 * list-schedule.ts is greedy and mostly comes close. Several ways of being greedy are tried; the first that is close enough
 * wins, else the shortest.
 *
 * Between chips, what crosses waits until the links have started and one has room, and then goes before everything else; such
 * exchanges are left to the lists.
 */
import type { Target } from "../../targets/target.ts";
import { scheduleByColours } from "./colour.ts";
import { scheduleByList, type ListOptions } from "./list-schedule.ts";
import { loadsOf } from "./loads.ts";
import { linkLoads, linksOf } from "./links.ts";
import { lengthOf, type Messages } from "./messages.ts";
import { scheduleOpenShop } from "./open-shop.ts";
import { streamsOf, type Streams } from "./streams.ts";
import type { Transfers } from "./transfers.ts";

export interface Schedule {
  /** Cycles from the first byte to the last, without those to start an exchange. */
  readonly cycles: number;
  readonly boundCycles: number;
  /** What is sent to whom; messages are parts of it. */
  readonly streams: Streams;
  readonly messages: Messages;
}

/** A schedule this close to the bound is not improved. */
const closeEnough = 1.02;

/** What list schedules try, in order: streams cut into parts of at most one n-th of the bound, and how. */
const attempts: readonly ({ readonly parts: number } & Omit<ListOptions, "horizon" | "mostCycles">)[] = [
  { parts: 1, end: false, urgency: "sends", variant: 0 },
  { parts: 1, end: true, urgency: "sends", variant: 0 },
  { parts: 48, end: true, urgency: "receipts", variant: 0 },
  ...Array.from({ length: 24 }, (_, i) => ({ parts: [12, 48, 4, 1][(i >> 1) & 3]!, end: true, urgency: i % 2 === 0 ? "sends" as const : "receipts" as const, variant: i })),
];
/** How many receipts all attempts together may go through. */
const attemptWork = 200_000;

/** Always the same for the same transfers. */
export function schedule(transfers: Transfers, target: Target): Schedule {
  const { bytesPerCycle } = target.exchange;
  const crossing = linkLoads(transfers, target).cycles;
  const boundCycles = Math.max(loadsOf(transfers).boundCycles(bytesPerCycle), crossing);
  const links = crossing > 0 ? linksOf(target) : undefined;
  const streams = streamsOf(transfers);
  const made = (of: Streams, messages: Messages): Schedule => ({ cycles: lengthOf(messages, bytesPerCycle), boundCycles, streams: of, messages });
  if (streams.to.length === streams.count && !links) {
    const uniform = streams.bytes.every((bytes) => bytes === streams.bytes[0]);
    return made(streams, (uniform ? scheduleByColours(streams, bytesPerCycle) : undefined) ?? scheduleOpenShop(streams, bytesPerCycle));
  }
  // There is time until the bound at first; then until halfway between the bound and the best so far.
  const ways = attempts.map(({ parts, ...options }) => (best: number): Schedule => {
    const horizon = options.variant === 0 ? boundCycles : (boundCycles + best) / 2;
    return made(streams, scheduleByList(streams, bytesPerCycle, { ...options, links, horizon, mostCycles: Math.ceil(boundCycles / parts) }));
  });
  return firstCloseEnough(ways.slice(0, Math.max(2, Math.floor(attemptWork / streams.to.length / (links ? 8 : 1)))));
}

/** The first that is close to the bound, else the shortest; the earlier of equals. Each way is told the length of the best before it. */
function firstCloseEnough(ways: readonly ((best: number) => Schedule)[]): Schedule {
  let best: Schedule | undefined;
  for (const way of ways) {
    const made = way(best?.cycles ?? Infinity);
    if (!best || made.cycles < best.cycles) best = made;
    if (best.cycles <= best.boundCycles * closeEnough) break;
  }
  return best!;
}
