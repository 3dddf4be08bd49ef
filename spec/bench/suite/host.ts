/**
 * A process of the suite: it loads contenders and times one when it is told to. Each kind has processes of its own, since
 * threads, flags of V8 and what was compiled for which calls belong to a process.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { measure } from "mitata";
import { Missing, type Contender, type Request } from "./contender.ts";
import type { NativeContender } from "./native.ts";
import { tensorsOf, type Workload } from "./workload.ts";
import { workloads } from "./workloads.ts";

export type Message =
  | { readonly do: "load"; readonly id: number; readonly workload: string; readonly request: Request; readonly output: string }
  | { readonly do: "measure"; readonly id: number; readonly milliseconds: number }
  | { readonly do: "close"; readonly id: number };

export interface Answer {
  /** Seconds a step, the median of a round. */
  readonly seconds?: number;
  readonly missing?: string;
  readonly error?: string;
}

interface Loaded {
  readonly contender: Contender;
  /** Nanoseconds: what calls of this contender are timed by. */
  readonly clock: () => number;
}

const contenders = new Map<number, Loaded>();

const wallClock = (): number => performance.now() * 1e6;

/** What this process has computed, without the time in which others had the processor. */
function processorClock(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** A call that takes longer is timed by what its one thread computes, which other work on the machine disturbs less. */
const longCallMilliseconds = 0.2;

async function prepare(workload: Workload, request: Request): Promise<Contender> {
  switch (request.kind) {
    case "gph": return (await import("./gph.ts")).prepare(workload, request);
    case "onnxruntime-node":
    case "onnxruntime-web": return (await import("./peers.ts")).prepareOnnx(workload, request);
    case "tfjs-wasm": return (await import("./peers.ts")).prepareTf(workload, request);
    case "gcc": return (await import("./native.ts")).prepare(workload, request);
    case "machine": return (await import("./machine.ts")).prepare(workload, request);
    case "JavaScript": {
      if (workload.plain === undefined) throw new Missing("not written in plain JavaScript");
      const run = workload.plain(tensorsOf(workload));
      return { run, steps: workload.steps ?? 1, output: run, close: () => undefined };
    }
  }
}

/** As long as code takes to become hot, at least. */
const warmUpMilliseconds = 200;

async function load({ id, workload: name, request, output }: Message & { readonly do: "load" }): Promise<Answer> {
  if (narrow !== undefined) throw new Missing(narrow);
  const workload = workloads.find((each) => each.name === name)!;
  const contender = await prepare(workload, request);
  const result = await contender.output();
  writeFileSync(output, new Uint8Array(result.buffer, result.byteOffset, result.byteLength));
  const start = performance.now();
  let calls = 0;
  for (; calls < 2 || performance.now() - start < warmUpMilliseconds; calls++) {
    const running = contender.run();
    if (running instanceof Promise) await running;
  }
  const long = (performance.now() - start) / calls > longCallMilliseconds;
  contenders.set(id, { contender, clock: long && request.threads === 1 ? processorClock : wallClock });
  return {};
}

async function time({ id, milliseconds }: Message & { readonly do: "measure" }): Promise<Answer> {
  const { contender, clock } = contenders.get(id)!;
  if ("measure" in contender) return { seconds: await (contender as NativeContender).measure(milliseconds) };
  // Short calls are timed by the hundred, so that the clock costs nothing.
  const { p50 } = await measure(() => contender.run(), { now: clock, gc: () => undefined, min_cpu_time: milliseconds * 1e6, min_samples: 1, warmup_samples: 1, batch_samples: 128, batch_threshold: 20_000 });
  return { seconds: p50 / 1e9 / contender.steps };
}

async function perform(message: Message): Promise<Answer> {
  switch (message.do) {
    case "load": return load(message);
    case "measure": return time(message);
    case "close": {
      const loaded = contenders.get(message.id);
      contenders.delete(message.id);
      await loaded?.contender.close();
      return {};
    }
  }
}

/** Before anything of this process is hot; why vectors are not paired here, if they were to be. */
const narrow = process.argv.includes("--wide") ? (await import("../../../runtime/wide-vectors.ts")).pairVectors() : undefined;

process.on("message", async (message: Message) => {
  try {
    process.send!(await perform(message));
  } catch (error) {
    process.send!(error instanceof Missing ? { missing: error.message } : { error: error instanceof Error ? error.stack : String(error) });
  }
});
