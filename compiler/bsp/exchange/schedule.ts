/**
 * The schedule of an exchange: for every tile an order of what it sends and what it receives, with the cycle in which each
 * begins. A tile sends one stream and receives one stream at a time; a multicast reaches several tiles with one send. A
 * message takes whole cycles.
 *
 * No schedule is shorter than the busiest tile's bytes in or out (a multicast counts once for its sender). Without multicast
 * that bound can be reached: see open-shop.ts and, for streams of one length, colour.ts. With multicast, deciding whether it can is hard (it contains the colouring of
 * hypergraphs); the greedy list-schedule.ts comes close, and where it does not, a multicast can be sent to one receiver after
 * the other, if its sender has the time. Cheap ways first; the first that is close enough wins, else the shortest.
 */
import type { Target } from "../../targets/target.ts";
import { scheduleByColours } from "./colour.ts";
import { scheduleByList } from "./list-schedule.ts";
import { loadsOf } from "./loads.ts";
import { lengthOf, type Messages } from "./messages.ts";
import { scheduleOpenShop } from "./open-shop.ts";
import { streamsOf, withoutMulticast, type Streams } from "./streams.ts";
import type { Transfers } from "./transfers.ts";

export interface Schedule {
  /** Cycles from the first byte to the last, without those to start an exchange. */
  readonly cycles: number;
  readonly boundCycles: number;
  readonly streams: Streams;
  readonly messages: Messages;
}

/** A schedule this close to the bound is not improved. */
const closeEnough = 1.01;

/** What list schedules try, in order: streams cut into parts of at most one n-th of the bound, and how equals are ordered. */
const listAttempts = [{ parts: 1, variant: 0 }, { parts: 12, variant: 0 }, { parts: 48, variant: 0 }];
const moreListAttempts = [{ parts: 48, variant: 1 }, { parts: 48, variant: 2 }, { parts: 48, variant: 3 }];

/** An open shop of more streams takes too long: in the worst case its time grows with the square of their number. */
const mostShopStreams = 100_000;

export function schedule(transfers: Transfers, target: Target): Schedule {
  const { bytesPerCycle } = target.exchange;
  const { busiest } = loadsOf(transfers);
  const boundCycles = Math.ceil(Math.max(busiest.bytesIn, busiest.bytesOut) / bytesPerCycle);
  const streams = streamsOf(transfers);
  let best: Schedule | undefined;
  const offer = (messages: Messages | undefined, of: Streams): boolean => {
    if (!messages) return false;
    const cycles = lengthOf(messages, bytesPerCycle);
    if (!best || cycles < best.cycles) best = { cycles, boundCycles, streams: of, messages };
    return best.cycles <= boundCycles * closeEnough;
  };
  const byList = ({ parts, variant }: { parts: number; variant: number }): boolean =>
    offer(scheduleByList(streams, bytesPerCycle, { horizon: boundCycles, mostCycles: Math.max(1, Math.ceil(boundCycles / parts)), variant }), streams);
  const byOpenShop = (of: Streams): boolean => of.count <= mostShopStreams && offer(scheduleOpenShop(of, bytesPerCycle), of);
  if (streams.to.length === streams.count) {
    const uniform = streams.bytes.every((bytes) => bytes === streams.bytes[0]);
    void ((uniform && offer(scheduleByColours(streams, bytesPerCycle), streams)) || byList(listAttempts[0]!) || byOpenShop(streams) || listAttempts.slice(1).some(byList));
  } else {
    void (listAttempts.some(byList) || byOpenShop(withoutMulticast(streams)) || moreListAttempts.some(byList));
  }
  return best!;
}
