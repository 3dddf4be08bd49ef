/** Contenders of a benchmark, and rounds in which they alternate, since machines change speed from minute to minute. */
import { threadClock } from "./thread-clock.ts";

export interface Contender {
  readonly name: string;
  /** Floating-point operations of a run. */
  readonly operations: number;
  readonly workers: number;
  run(): void;
}

/** The middle of some times, or the upper of the two. */
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
/** A tenth of the rounds was faster: what other work on the machine disturbs least. */
const decile = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)]!;

/** Seconds a call, of the thread's own time where it works alone. */
function time({ run, workers }: Contender, calls: number): number {
  const clock = workers > 1 ? () => performance.now() / 1000 : threadClock.seconds;
  const start = clock();
  for (let call = 0; call < calls; call++) run();
  return (clock() - start) / calls;
}

export interface CompareOptions {
  /** All rounds together last about this long. */
  readonly milliseconds: number;
  /** One contender's part of a round; the clock of a thread's own time may tick in milliseconds (thread-clock.ts). */
  readonly roundMilliseconds: number;
  readonly leastRounds: number;
}

/** Seconds of a run of each contender, in rounds of all: the middle of one thread's own time, or the mean where its clock ticks coarsely; the fastest tenth of several's. */
export function compare(contenders: readonly Contender[], { milliseconds, roundMilliseconds, leastRounds }: CompareOptions): number[] {
  const calls = contenders.map((contender) => {
    const warmUp = performance.now();
    let count = 0;
    for (; count < 3 || performance.now() - warmUp < 150; count++) contender.run();
    return Math.ceil((count * roundMilliseconds) / (performance.now() - warmUp));
  });
  const times: number[][] = contenders.map(() => []);
  const start = performance.now();
  for (let round = 0; round < leastRounds || performance.now() - start < milliseconds; round++) {
    contenders.forEach((contender, at) => times[at]!.push(time(contender, calls[at]!)));
  }
  const own = threadClock.exact ? median : mean;
  return contenders.map(({ workers }, at) => (workers === 1 ? own(times[at]!) : decile(times[at]!)));
}
