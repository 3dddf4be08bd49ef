/** Seconds that the caller's thread has computed, without the time in which other processes had its processor. */
import process from "node:process";

export interface ThreadClock {
  seconds(): number;
  /** Whether it ticks so finely that a round is measured exactly; else in milliseconds. */
  readonly exact: boolean;
}

/** CLOCK_THREAD_CPUTIME_ID of Linux. */
const threadTime = 3;

/** By `clock_gettime`, where `node:ffi`, which newer versions of Node have, can call it; else by what Node tells. */
async function exactClock(): Promise<ThreadClock | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const ffi = await import("node:ffi");
    const read = new ffi.DynamicLibrary("libc.so.6").getFunction("clock_gettime", { arguments: ["i32", "pointer"], return: "i32" });
    const time = new BigInt64Array(2);
    const address = ffi.getRawPointer(time);
    if (read(threadTime, address) !== 0) return undefined;
    return {
      seconds() {
        read(threadTime, address);
        return Number(time[0]) + Number(time[1]) / 1e9;
      },
      exact: true,
    };
  } catch {
    return undefined;
  }
}

const coarseClock: ThreadClock = {
  seconds() {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1e6;
  },
  exact: false,
};

export const threadClock: ThreadClock = (await exactClock()) ?? coarseClock;
