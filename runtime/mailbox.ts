/**
 * How the caller and the worker threads talk: control words (i32) in the shared memory, between `control.mailbox` and
 * `control.end`, each on a cache line of its own. Threads are parked in `Atomics.wait`, so that a call costs no message.
 *
 * A call: the caller zeroes `finished`, says in `command` what to run and in `attended` who waits for it, then bumps the word
 * its threads are parked on and wakes them. Each runs the command and adds one to `finished`; the last one wakes the caller
 * (attended: it sleeps on `finished`) or posts it a message (unattended). Only then may anything else begin.
 *
 * A stop: whoever cannot go on puts its number + 1 into `control.abort` if that is zero — the one who succeeds is the culprit
 * and tells why — and then bumps the barrier's generation and wakes its sleepers, who see `abort` and leave by a trap.
 */
import type { MessagePort } from "node:worker_threads";
import { control } from "./manifest.ts";

const cacheLine = 64;
const address = (line: number): number => (control.mailbox + line * cacheLine) / 4;

/** Indices of the words in an Int32Array over the memory. */
export const words = {
  barrierCount: control.barrierCount / 4,
  barrierGeneration: control.barrierGeneration / 4,
  abort: control.abort / 4,
  /** Bumped to start workers 1 and up. */
  start: address(0),
  /** Bumped to start worker 0, when it is a thread. */
  startFirst: address(1),
  /** What to run: an index into the list of exports each worker was given, or `quit`. */
  command: address(2),
  /** 1: the caller sleeps until `finished` is `expected`; 0: it awaits a message. */
  attended: address(3),
  /** How many threads take part in this call. */
  expected: address(4),
  /** How many of them have ended it. */
  finished: address(5),
  /** The host's answer to an event of worker 0 as a thread. */
  answer: address(6),
} as const;

/** Values of `answer`. */
export const answer = { none: 0, done: 1, refused: 2 } as const;

/** Value of `control.abort` when the host ends a run, rather than a worker. */
export const hostAborts = -1;

/** From a thread to the host. A host event is its index ≥ 0. */
export const message = { finished: -1, stopping: -2, ready: -3 } as const;

/** Why a worker could not go on; posted on its report port before it is counted as finished. */
export interface Report {
  readonly worker: number;
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export interface WorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly worker: number;
  readonly workers: number;
  readonly spin: number;
  readonly wide: boolean;
  /** Names of exports; a command is an index into it. */
  readonly exports: readonly string[];
  readonly report: MessagePort;
}

export const wordsOf = (memory: WebAssembly.Memory): Int32Array<SharedArrayBuffer> =>
  new Int32Array(memory.buffer as SharedArrayBuffer, 0, control.end / 4);

/** Makes every worker leave at its next barrier. True if `culprit` (a worker + 1, or hostAborts) is the first to stop. */
export function stopAll(memory: Int32Array<SharedArrayBuffer>, culprit: number): boolean {
  const first = Atomics.compareExchange(memory, words.abort, 0, culprit) === 0;
  Atomics.add(memory, words.barrierGeneration, 1);
  Atomics.notify(memory, words.barrierGeneration);
  return first;
}

/** Spins a little, then sleeps, until the word is no longer `value`, whatever else may wake it. False if the time limit (ms) has passed. */
export function awaitChange(memory: Int32Array<SharedArrayBuffer>, word: number, value: number, limit = Number.POSITIVE_INFINITY): boolean {
  for (let turn = 0; turn < spins; turn++) if (Atomics.load(memory, word) !== value) return true;
  while (Atomics.load(memory, word) === value) if (Atomics.wait(memory, word, value, limit) === "timed-out") return false;
  return true;
}

const spins = 20_000;
