/** The second thread of the peak of two: does what the first does whenever that asks, and says when it is done. */
import { parentPort, workerData } from "node:worker_threads";
import { peakRunner, type Peak } from "../limits.ts";

const { peak, turns } = workerData as { readonly peak: Peak; readonly turns: Int32Array<SharedArrayBuffer> };
const run = await peakRunner(peak);
parentPort!.postMessage("ready");
for (let done = 0; ; done++) {
  Atomics.wait(turns, 0, done);
  run();
  Atomics.store(turns, 1, done + 1);
}
