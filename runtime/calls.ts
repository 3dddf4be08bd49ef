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
  #current: CallOnThreads | undefined;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** Whether the code that asks is a callback of the current call. */
  get insideCallback(): boolean {
    return this.#current !== undefined && callbackOf.getStore() === this.#current;
  }

  /** Ends the current call on threads, if there is one, with this error: the engine is closed beneath it. */
  reject(error: unknown): void {
    this.#current?.reject(error);
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
    if (!allBack) throw loseWorker(this.#parts, error);
    team.reset();
    throw error;
  }

  /** A command with every worker a thread. */
  async callOnThreads(command: number, program: string, session: Session, signal: AbortSignal | undefined): Promise<void> {
    const { team } = this.#parts;
    const call = new CallOnThreads(this.#parts, command, session);
    const abort = (): void => call.fail(aborted(program, signal!));
    team.listener = (received) => call.hear(received);
    this.#current = call;
    signal?.addEventListener("abort", abort, { once: true });
    team.keepAlive(true);
    try {
      if (signal?.aborted) throw aborted(program, signal);
      team.begin(command, false);
      await call.end;
    } finally {
      call.waitNoLonger();
      signal?.removeEventListener("abort", abort);
      this.#current = undefined;
      team.keepAlive(false);
    }
    if (!team.stopped) return;
    const error = call.failure ?? this.#parts.explain(team.takeReport(), command);
    team.reset();
    throw error;
  }
}

/** The call on threads whose source, sink or print is at work: a run it waits for would wait for it. */
const callbackOf = new AsyncLocalStorage<CallOnThreads>();

/** One command with every worker a thread: what they tell the host, what it answers them, and how it ends. */
class CallOnThreads {
  readonly #parts: CallerParts;
  readonly #command: number;
  readonly #session: Session;
  readonly #end = Promise.withResolvers<void>();
  #failure: unknown;
  #timer: NodeJS.Timeout | undefined;
  /** The host event that worker 0 waits for. */
  #waiting: object | undefined;

  constructor(parts: CallerParts, command: number, session: Session) {
    this.#parts = parts;
    this.#command = command;
    this.#session = session;
  }

  /** Every worker has ended; an error where one is lost, or the call was rejected. */
  get end(): Promise<void> {
    return this.#end.promise;
  }

  /** What went wrong first at the host. */
  get failure(): unknown {
    return this.#failure;
  }

  reject(error: unknown): void {
    this.#end.reject(error);
  }

  /** A message of a thread: all have ended, one has stopped, or the number of a host event. */
  hear(received: number): void {
    if (received === message.finished) this.#end.resolve();
    else if (received === message.stopping) {
      // One that comes late belongs to a call that has ended since.
      if (this.#parts.team.stopped) this.#limitStop();
    }
    else void callbackOf.run(this, () => this.#perform(received));
  }

  /** Has all workers stop. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#parts.team.stop(hostAborts);
    this.#limitStop();
    if (this.#waiting !== undefined) this.#answer(this.#waiting, false);
  }

  waitNoLonger(): void {
    clearTimeout(this.#timer);
  }

  #limitStop(): void {
    const { team, stopTimeout } = this.#parts;
    this.#timer ??= setTimeout(() => this.reject(loseWorker(this.#parts, this.#failure ?? this.#parts.explain(team.takeReport(), this.#command))), stopTimeout);
  }

  async #perform(index: number): Promise<void> {
    const event = {};
    this.#waiting = event;
    if (this.#failure !== undefined) return this.#answer(event, false);
    try {
      await this.#session.perform(index);
      this.#answer(event, true);
    } catch (error) {
      if (this.#waiting === event) this.fail(error);
    }
  }

  #answer(event: object, done: boolean): void {
    if (this.#waiting !== event) return;
    this.#waiting = undefined;
    this.#parts.team.answer(done);
  }
}

/** A worker did not come back: the error says so, and why the run had ended. */
function loseWorker(parts: CallerParts, why: unknown): GphError {
  const reason = why instanceof Error ? why.message : textOf(why);
  const error = new GphError("worker-lost", `${reason}; then a worker did not stop within ${parts.stopTimeout} ms, and the engine was closed`, { cause: why });
  parts.lost(error);
  return error;
}

export function aborted(program: string, signal: AbortSignal): GphError {
  return new GphError("aborted", `the run of ${program} was aborted`, { cause: signal.reason });
}
