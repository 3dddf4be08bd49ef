/** The second thread between which a cache line goes there and back: answers whenever the first asks, and sleeps in between. */
import { parentPort, workerData } from "node:worker_threads";
import type { LineWords } from "./machine.ts";

const { words, trips } = workerData as { readonly words: LineWords; readonly trips: number };
parentPort!.postMessage("ready");
for (let trip = 1; ; ) {
  Atomics.wait(words.asked, 0, (trip - 1) / trips);
  for (const end = trip + trips; trip < end; trip++) {
    while (Atomics.load(words.there, 0) !== trip);
    Atomics.store(words.back, 0, trip);
  }
}
