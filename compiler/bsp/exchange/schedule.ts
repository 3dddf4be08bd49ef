/**
 * The schedule of an exchange: for every tile an order of what it sends and what it receives, with the cycle in which each
 * begins. A tile sends one stream and receives one stream at a time; a multicast reaches several tiles with one send. A
 * message takes whole cycles.
 *
 * No schedule is shorter than the busiest tile's bytes in or out (a multicast counts once for its sender). Without multicast
 * that bound is reached always, but for streams that do not fill their last cycle: colour.ts for streams of one length,
 * open-shop.ts for others. With multicast, finding the shortest is hard (it contains the colouring of hypergraphs):
 * list-schedule.ts is greedy and comes close; where it does not, a multicast can be sent to one receiver after the other,
 * which is an open shop again, if its sender has the time. Cheap ways first; the first that is close enough wins, else the
 * shortest.
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
  /** What is sent to whom; messages are parts of it. */
  readonly streams: Streams;
  readonly messages: Messages;
}

/** A schedule this close to the bound is not improved. */
const closeEnough = 1.01;

/** What list schedules try, in order: streams cut into parts of at most one n-th of the bound, and how equals are ordered. */
const listAttempts = [{ parts: 1, variant: 0 }, { parts: 12, variant: 0 }, { parts: 48, variant: 0 }];
const moreListAttempts = [{ parts: 48, variant: 1 }, { parts: 48, variant: 2 }, { parts: 48, variant: 3 }];

/** Sending every multicast to one receiver after the other is tried for at most so many streams. */
const mostSeparateStreams = 65_536;

/** Always the same for the same transfers. */
export function schedule(transfers: Transfers, target: Target): Schedule {
  const { bytesPerCycle } = target.exchange;
  const boundCycles = loadsOf(transfers).boundCycles(bytesPerCycle);
  const streams = streamsOf(transfers);
  const made = (of: Streams, messages: Messages): Schedule => ({ cycles: lengthOf(messages, bytesPerCycle), boundCycles, streams: of, messages });
  if (streams.to.length === streams.count) {
    const uniform = streams.bytes.every((bytes) => bytes === streams.bytes[0]);
    return made(streams, (uniform ? scheduleByColours(streams, bytesPerCycle) : undefined) ?? scheduleOpenShop(streams, bytesPerCycle));
  }
  const byList = ({ parts, variant }: { parts: number; variant: number }) => (): Schedule =>
    made(streams, scheduleByList(streams, bytesPerCycle, { horizon: boundCycles, mostCycles: Math.ceil(boundCycles / parts), variant }));
  const separately = (): Schedule => {
    const separate = withoutMulticast(streams);
    return made(separate, scheduleOpenShop(separate, bytesPerCycle));
  };
  return firstCloseEnough([...listAttempts.map(byList), ...(streams.to.length <= mostSeparateStreams ? [separately] : []), ...moreListAttempts.map(byList)]);
}

/** The first that is close to the bound, else the shortest; the earlier of equals. */
function firstCloseEnough(ways: readonly (() => Schedule)[]): Schedule {
  let best: Schedule | undefined;
  for (const way of ways) {
    const made = way();
    if (!best || made.cycles < best.cycles) best = made;
    if (best.cycles <= best.boundCycles * closeEnough) break;
  }
  return best!;
}
