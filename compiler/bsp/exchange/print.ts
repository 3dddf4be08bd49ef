/** Prints the schedule of an exchange for some tiles: what each sends and receives, cycle by cycle. */
import type { Target } from "../../targets/target.ts";
import type { Schedule } from "./schedule.ts";

/** Receivers of a multicast that are named; of more, the number is told. */
const mostNamed = 8;

export function printSchedule(schedule: Schedule, target: Target, tiles: readonly number[]): string {
  const { streams, messages, cycles, boundCycles } = schedule;
  const wanted = new Map(tiles.map((tile) => [tile, [] as string[]]));
  for (let m = 0; m < messages.count; m++) {
    const stream = messages.stream[m]!;
    const from = streams.from[stream]!;
    const start = messages.start[m]!;
    const bytes = messages.bytes[m]!;
    const receivers = messages.to.subarray(messages.toStart[m], messages.toStart[m + 1]);
    const when = `${start} to ${start + Math.ceil(bytes / target.exchange.bytesPerCycle)}`;
    const what = `${bytes} bytes of stream ${stream}${messages.offset[m] === 0 ? "" : ` from byte ${messages.offset[m]} on`}`;
    wanted.get(from)?.push(`cycles ${when}: sends ${what} to ${named(receivers)}`);
    for (const tile of receivers) wanted.get(tile)?.push(`cycles ${when}: receives ${what} from ${from}`);
  }
  const lines = [`exchange of ${cycles} cycles, no schedule is shorter than ${boundCycles}; ${messages.count} messages`];
  for (const [tile, work] of wanted) lines.push(`tile ${tile}${work.length === 0 ? " has nothing to do" : ""}`, ...work.map((line) => `  ${line}`));
  return `${lines.join("\n")}\n`;
}

function named(tiles: Int32Array): string {
  return tiles.length <= mostNamed ? tiles.join(", ") : `${tiles.length} tiles (${tiles.subarray(0, mostNamed - 1).join(", ")}, …)`;
}
