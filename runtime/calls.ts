/**
 * One call of a command after another: with the caller as worker 0, or on threads alone. Both end when every worker has, or,
 * once one has stopped, when the others have come back; a worker that does not come back within the limit loses the engine.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { GphError, textOf } from "./errors.ts";
import type { Instance } from "./instance.ts";
import { hostAborts, message } from "./mailbox.ts";
import type { Session } from "./session.ts";
import type { Team } from "./team.ts";

/** The call on threads whose source, sink or print is at work: a run it waits for would wait for it. */
const callbackOf = new AsyncLocalStorage<object>();

export interface CallerParts {
  readonly instance: Instance;
  readonly team: Team;
  readonly workers: number;
  /** How long a worker may take to stop, in ms. */
  readonly stopTimeout: number;
  /** What an error that ended a command tells the user. */
  explain(thrown: unknown, command: number): unknown;
  /** A worker did not come back. */
  lost(error: GphError): void;
}

export class Caller {
  readonly #parts: CallerParts;
  /** The current call on threads. */
  #current: object | undefined;
  /** Ends it when the engine is closed beneath it. */
  #reject: ((error: unknown) => void) | undefined;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** Whether the code that asks is a callback of the current call. */
  get insideCallback(): boolean {
    return this.#current !== undefined && callbackOf.getStore() === this.#current;
  }

  /** Ends the current call on threads, if there is one, with this error. */
  reject(error: unknown): void {
    this.#reject?.(error);
  }

  /** A command with the caller as worker 0. */
  call(command: number): void {
    const { instance, team, workers, stopTimeout } = this.#parts;
    if (workers === 1) {
      try {
        instance.commands[command]!();
      } catch (error) {
        throw this.#parts.explain(error, command);
      }
      return;
    }
    let thrown: unknown;
    let culprit = false;
    team.begin(command, true);
    try {
      instance.commands[command]!();
    } catch (error) {
      culprit = team.stop(1);
      thrown = error;
    }
    const allBack = team.awaitFinished(stopTimeout);
    if (!team.stopped) return;
    const error = this.#parts.explain(culprit ? thrown : team.takeReport(), command);
    if (!allBack) throw this.#loseWorker(error);
    team.reset();
    throw error;
  }

  /** A command with every worker a thread. */
  async callOnThreads(command: number, program: string, session: Session, signal: AbortSignal | undefined): Promise<void> {
    const { team, stopTimeout } = this.#parts;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let failure: unknown;
    let timer: NodeJS.Timeout | undefined;
    /** The host event that worker 0 waits for. */
    let waiting: object | undefined;

    const limitStop = (): void => {
      timer ??= setTimeout(() => reject(this.#loseWorker(failure ?? this.#parts.explain(team.takeReport(), command))), stopTimeout);
    };
    const answer = (event: object, done: boolean): void => {
      if (waiting !== event) return;
      waiting = undefined;
      team.answer(done);
    };
    const fail = (error: unknown): void => {
      failure ??= error;
      team.stop(hostAborts);
      limitStop();
      if (waiting !== undefined) answer(waiting, false);
    };
    const perform = async (index: number): Promise<void> => {
      const event = {};
      waiting = event;
      if (failure !== undefined) return answer(event, false);
      try {
        await session.perform(index);
        answer(event, true);
      } catch (error) {
        if (waiting === event) fail(error);
      }
    };
    const abort = (): void => fail(aborted(program, signal!));

    const current = {};
    team.listener = (received) => {
      if (received === message.finished) resolve();
      else if (received === message.stopping) {
        // One that comes late belongs to a call that has ended since.
        if (team.stopped) limitStop();
      }
      else void callbackOf.run(current, () => perform(received));
    };
    this.#current = current;
    this.#reject = reject;
    signal?.addEventListener("abort", abort, { once: true });
    team.keepAlive(true);
    try {
      if (signal?.aborted) throw aborted(program, signal);
      team.begin(command, false);
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#reject = undefined;
      this.#current = undefined;
      team.keepAlive(false);
    }
    if (!team.stopped) return;
    const error = failure ?? this.#parts.explain(team.takeReport(), command);
    team.reset();
    throw error;
  }

  /** A worker did not come back: the error says so, and why the run had ended. */
  #loseWorker(why: unknown): GphError {
    const reason = why instanceof Error ? why.message : textOf(why);
    const error = new GphError("worker-lost", `${reason}; then a worker did not stop within ${this.#parts.stopTimeout} ms, and the engine was closed`, { cause: why });
    this.#parts.lost(error);
    return error;
  }
}

export function aborted(program: string, signal: AbortSignal): GphError {
  return new GphError("aborted", `the run of ${program} was aborted`, { cause: signal.reason });
}
