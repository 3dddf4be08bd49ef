/** The barrier alone, on bare threads: that nobody passes early, and that nobody is left behind when one stops. */
import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import { control } from "../../runtime/executable.ts";
import { stopAll, wordsOf } from "../../runtime/mailbox.ts";
import { buildModule } from "../../runtime/testing/build.ts";

const threads = 3;
const rounds = 500;
/** Where the workers count their rounds, a cache line each. */
const counters = 1024;
/** Where a worker notes that it saw another one more than a round away. */
const early = 4096;

// Each round: count, meet, look at everybody's count (it must be at least mine), meet again.
const functions = `
  (func (export "program main") (local $round i32) (local $i i32)
    (loop $rounds
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (i32.store (i32.add (i32.const ${counters}) (i32.shl (global.get $worker) (i32.const 6))) (local.get $round))
      (call $$barrier)
      (local.set $i (i32.const 0))
      (loop $look
        (if (i32.ne (i32.load (i32.add (i32.const ${counters}) (i32.shl (local.get $i) (i32.const 6)))) (local.get $round))
          (then (i32.store (i32.const ${early}) (i32.const 1))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $look (i32.lt_u (local.get $i) (global.get $$workers))))
      (call $$barrier)
      (br_if $rounds (i32.lt_u (local.get $round) (i32.load (i32.const 5120))))))
  ;; Without end, but the last worker stops in the round that the word at 5120 says.
  (func (export "stopping") (local $round i32)
    (loop $rounds
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (if (i32.and (i32.eq (global.get $worker) (i32.const ${threads - 1})) (i32.eq (local.get $round) (i32.load (i32.const 5120)))) (then (unreachable)))
      (call $$barrier)
      (i32.store (i32.add (i32.const ${counters}) (i32.shl (global.get $worker) (i32.const 6))) (local.get $round))
      (br $rounds)))`;

const body = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { module, memory, worker, workers } = workerData;
  const words = new Int32Array(memory.buffer);
  const { exports } = new WebAssembly.Instance(module, { env: { memory, host() {} }, math: {} });
  parentPort.on("message", ({ name, spin }) => {
    exports.start(worker, workers, spin);
    try { exports[name](); parentPort.postMessage("done"); }
    catch (error) {
      if (Atomics.compareExchange(words, ${control.abort / 4}, 0, worker + 1) === 0) {
        Atomics.add(words, ${control.barrierGeneration / 4}, 1);
        Atomics.notify(words, ${control.barrierGeneration / 4});
      }
      parentPort.postMessage(error.message);
    }
  });`;

const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
const module = new WebAssembly.Module(new Uint8Array(buildModule(functions)));
const workers = Array.from({ length: threads }, (_, worker) => new Worker(body, { eval: true, workerData: { module, memory, worker, workers: threads } }));
const words = wordsOf(memory);
const all = new Int32Array(memory.buffer);
afterAll(() => Promise.all(workers.map((worker) => worker.terminate())));

async function runAll(name: string, spin: number): Promise<string[]> {
  const outcomes = workers.map((worker) => new Promise<string>((resolve) => worker.once("message", resolve)));
  for (const worker of workers) worker.postMessage({ name, spin });
  return Promise.all(outcomes);
}

function reset(): void {
  Atomics.store(words, control.barrierCount / 4, 0);
  Atomics.store(words, control.abort / 4, 0);
}

describe("the barrier", () => {
  for (const spin of [0, 10, 5_000]) {
    it(`holds everybody until all have come, spinning ${spin} turns`, async () => {
      all[5120 / 4] = rounds;
      all[early / 4] = 0;
      expect(await runAll("program main", spin)).toEqual(["done", "done", "done"]);
      expect(all[early / 4]).toBe(0);
      expect(Array.from({ length: threads }, (_, worker) => all[counters / 4 + worker * 16])).toEqual([rounds, rounds, rounds]);
      expect(all[control.barrierCount / 4]).toBe(0);
    });

    it(`lets nobody wait for one that stopped, spinning ${spin} turns`, async () => {
      for (const round of [1, 2, 3, 50, 51]) {
        all[5120 / 4] = round;
        all.fill(0, counters / 4, counters / 4 + threads * 16);
        expect(await runAll("stopping", spin)).toEqual(["unreachable", "unreachable", "unreachable"]);
        expect(Atomics.load(words, control.abort / 4)).toBe(threads);
        // Nobody went past the barrier that one never reached.
        for (let worker = 0; worker < threads; worker++) expect(all[counters / 4 + worker * 16]).toBeLessThan(round);
        reset();
      }
    });

    it(`lets the host stop everybody at any moment, spinning ${spin} turns`, async () => {
      all[5120 / 4] = -1;
      for (let moment = 0; moment < 20; moment++) {
        const outcomes = runAll("stopping", spin);
        await new Promise((resolve) => (moment % 2 ? setImmediate(resolve) : setTimeout(resolve, moment / 4)));
        expect(stopAll(words, -1)).toBe(true);
        expect(await outcomes).toEqual(["unreachable", "unreachable", "unreachable"]);
        reset();
      }
    });
  }
});
