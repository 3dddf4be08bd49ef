/** The worker threads of an engine: starting them, giving them a call, hearing how it went, ending them. */
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from "node:worker_threads";
import { GphError } from "./errors.ts";
import { answer, awaitChange, message, stopAll, words, wordsOf, type Report, type WorkerData } from "./mailbox.ts";

interface Thread {
  readonly worker: Worker;
  readonly report: MessagePort;
}

/** What every thread is given. */
export type Setup = Omit<WorkerData, "worker" | "report">;

// The same module beside this one: a source when this is a source, compiled when this is compiled.
const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** How often a sleeping caller looks whether a worker has stopped, in ms. */
const lookInterval = 50;

export class Team {
  readonly #setup: Setup;
  readonly #mailbox: Int32Array<SharedArrayBuffer>;
  readonly #threads = new Map<number, Thread>();
  readonly #lost: (error: GphError) => void;
  #ending = false;
  /** Receives the threads' messages during an unattended call. */
  listener: (message: number) => void = () => undefined;

  constructor(setup: Setup, lost: (error: GphError) => void) {
    this.#setup = setup;
    this.#mailbox = wordsOf(setup.memory);
    this.#lost = lost;
  }

  /** Starts the threads of workers `first` to `end` − 1 that are not there yet. */
  async start(first: number, end: number): Promise<void> {
    const missing = Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index).filter((worker) => !this.#threads.has(worker));
    await Promise.all(missing.map((worker) => this.#startOne(worker)));
  }

  has(worker: number): boolean {
    return this.#threads.has(worker);
  }

  #startOne(index: number): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(workerFile, {
      name: `gph worker ${index}`,
      workerData: { ...this.#setup, worker: index, report: port2 } satisfies WorkerData,
      transferList: [port2],
      execArgv: [],
    });
    port1.unref();
    this.#threads.set(index, { worker, report: port1 });
    const ready = Promise.withResolvers<void>();
    worker.on("message", (received: number) => {
      if (received === message.ready) ready.resolve();
      else this.listener(received);
    });
    const lose = (cause: unknown): void => {
      this.#threads.delete(index);
      const error = new GphError("worker-lost", `worker ${index} ended unexpectedly: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      ready.reject(error);
      if (!this.#ending) this.#lost(error);
    };
    worker.on("error", lose);
    worker.on("exit", (code) => lose(`its thread exited with ${code}`));
    return ready.promise.then(() => worker.unref());
  }

  /** Gives the threads a command. Attended: the caller takes part as worker 0 and calls `awaitFinished` afterwards. */
  begin(command: number, attended: boolean): void {
    const { workers } = this.#setup;
    Atomics.store(this.#mailbox, words.finished, 0);
    Atomics.store(this.#mailbox, words.command, command);
    Atomics.store(this.#mailbox, words.attended, attended ? 1 : 0);
    Atomics.store(this.#mailbox, words.expected, attended ? workers - 1 : workers);
    if (workers > 1) this.#wake(words.start);
    if (!attended) this.#wake(words.startFirst);
  }

  #wake(word: number): void {
    Atomics.add(this.#mailbox, word, 1);
    Atomics.notify(this.#mailbox, word);
  }

  /** Sleeps until all have ended an attended call. False: a worker has stopped, and another did not within `limit` ms. */
  awaitFinished(limit: number): boolean {
    const expected = this.#setup.workers - 1;
    let deadline = Number.POSITIVE_INFINITY;
    for (;;) {
      const finished = Atomics.load(this.#mailbox, words.finished);
      if (finished === expected) return true;
      awaitChange(this.#mailbox, words.finished, finished, lookInterval);
      if (this.stopped && deadline === Number.POSITIVE_INFINITY) deadline = performance.now() + limit;
      if (performance.now() > deadline && Atomics.load(this.#mailbox, words.finished) !== expected) return false;
    }
  }

  /** Whether a worker, or the host, has asked all to stop. */
  get stopped(): boolean {
    return Atomics.load(this.#mailbox, words.abort) !== 0;
  }

  /** Asks all to stop; true if nobody has before. `culprit` is a worker + 1, or hostAborts. */
  stop(culprit: number): boolean {
    return stopAll(this.#mailbox, culprit);
  }

  /** What the thread that stopped first has to say. */
  takeReport(): Report | undefined {
    for (const { report } of this.#threads.values()) {
      const received = receiveMessageOnPort(report) as { readonly message: Report } | undefined;
      if (received !== undefined) return received.message;
    }
    return undefined;
  }

  /** After a stopped call that everybody has ended: as if nothing had been. */
  reset(): void {
    Atomics.store(this.#mailbox, words.barrierCount, 0);
    Atomics.store(this.#mailbox, words.abort, 0);
    while (this.takeReport() !== undefined);
  }

  /** Lets worker 0's thread go on after a host event. */
  answer(done: boolean): void {
    Atomics.store(this.#mailbox, words.answer, done ? answer.done : answer.refused);
    Atomics.notify(this.#mailbox, words.answer);
  }

  /** During an unattended call the process must not end for lack of work; nor while threads are being ended, which nothing takes back. */
  keepAlive(yes: boolean): void {
    if (this.#ending) return;
    const first = this.#threads.get(0)?.worker;
    if (yes) first?.ref();
    else first?.unref();
  }

  async terminate(): Promise<void> {
    this.#ending = true;
    const threads = [...this.#threads.values()];
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
    for (const { report } of threads) report.close();
  }
}
