/** A worker thread: instantiates the module, says so, and then runs what the mailbox says until its thread is ended. */
import { parentPort, workerData } from "node:worker_threads";
import { instantiate } from "./instance.ts";
import { answer, awaitChange, message, stopAll, words, wordsOf, type Report, type WorkerData } from "./mailbox.ts";

const { module, memory, worker, workers, spin, wide, exports, report } = workerData as WorkerData;
const mailbox = wordsOf(memory);
const startWord = worker === 0 ? words.startFirst : words.start;

/** Worker 0 as a thread: the host answers while this thread sleeps. */
function host(event: number): void {
  Atomics.store(mailbox, words.answer, answer.none);
  parentPort!.postMessage(event);
  // Who answers stores, then wakes: the waking of the answer before may come this late.
  while (Atomics.load(mailbox, words.answer) === answer.none) Atomics.wait(mailbox, words.answer, answer.none);
  if (Atomics.load(mailbox, words.answer) !== answer.done) throw new Error("the host ended the run");
}

function stop(error: unknown): void {
  if (!stopAll(mailbox, worker + 1)) return;
  const { name, message: text, stack } = error instanceof Error ? error : new Error(String(error));
  report.postMessage({ worker, name, message: text, stack: stack ?? "" } satisfies Report);
  if (Atomics.load(mailbox, words.attended) === 0) parentPort!.postMessage(message.stopping);
}

function finish(): void {
  // Read before being counted: afterwards the caller may already have begun another call.
  const expected = Atomics.load(mailbox, words.expected);
  const attended = Atomics.load(mailbox, words.attended);
  if (Atomics.add(mailbox, words.finished, 1) + 1 < expected) return;
  if (attended === 1) Atomics.notify(mailbox, words.finished);
  else parentPort!.postMessage(message.finished);
}

let seen = Atomics.load(mailbox, startWord);
const { commands } = instantiate(module, memory, exports, { worker, workers, spin, wide }, host);
parentPort!.postMessage(message.ready);
for (;;) {
  awaitChange(mailbox, startWord, seen);
  seen = Atomics.load(mailbox, startWord);
  try {
    commands[Atomics.load(mailbox, words.command)]!();
  } catch (error) {
    stop(error);
  }
  finish();
}
