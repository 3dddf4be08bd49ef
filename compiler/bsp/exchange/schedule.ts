/**
 * The schedule of an exchange: for every tile an order of what it sends and what it receives, with the cycle in which each
 * begins. A tile sends one stream and receives one stream at a time; a multicast reaches several tiles with one send. A
 * message takes whole cycles.
 *
 * No schedule is shorter than the busiest tile's bytes in or out (a multicast counts once for its sender). Without multicast
 * that bound can be reached: see colour.ts. With multicast, deciding whether it can is hard (it contains the colouring of
 * hypergraphs); the greedy list-schedule.ts comes close, and where it does not, a multicast can be sent to one receiver after
 * the other, if its sender has the time. Cheap ways first; the first that is close enough wins, else the shortest.
 */
import type { Target } from "../../targets/target.ts";
import { unitOf, scheduleByColours } from "./colour.ts";
import { scheduleByList } from "./list-schedule.ts";
import { loadsOf } from "./loads.ts";
import { lengthOf, type Messages } from "./messages.ts";
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

/** What a list schedule may try, in order: streams cut into parts of at most one n-th of the bound, and how equals are ordered. */
const attempts = [{ parts: 1, variant: 0 }, { parts: 12, variant: 0 }, { parts: 48, variant: 0 }];
const lateAttempts = [{ parts: 48, variant: 1 }, { parts: 48, variant: 2 }, { parts: 48, variant: 3 }];

const mostUnits = 1 << 22;

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
  const byColours = (of: Streams, loss: number): boolean => {
    const unit = unitOf(of, bytesPerCycle, boundCycles * loss);
    return unit !== undefined && offer(scheduleByColours(of, bytesPerCycle, unit, mostUnits), of);
  };
  const multicast = streams.to.length > streams.count;
  const uniform = !multicast && streams.bytes.every((bytes) => bytes === streams.bytes[0]);
  const done = (uniform && byColours(streams, 1)) || attempts.some(byList) || byColours(multicast ? withoutMulticast(streams) : streams, closeEnough) || lateAttempts.some(byList);
  void done;
  return best!;
}
