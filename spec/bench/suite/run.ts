/**
 * `npm run bench`: gph beside its peers, plain JavaScript, C and the machine's measured limits, in one run.
 *
 * Every contender lives in a process of its kind. For each workload all of them are loaded, what they compute is compared,
 * and then they are timed by turns: in every round each runs for some ten milliseconds, and the median of the rounds'
 * medians counts. Times of different runs do not compare, ratios of one do. See README.md beside this file.
 *
 *   npm run bench -- [--seconds N] [--json FILE] [WORKLOAD …]
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Request } from "./contender.ts";
import type { Answer, Message } from "./host.ts";
import { measureOverheads } from "./overheads.ts";
import { formatResult, formatSummary, resultOf, type Result } from "./report.ts";
import { names } from "./targets.ts";
import { tensorsOf, type Workload } from "./workload.ts";
import { workloads } from "./workloads.ts";
import { median } from "../rounds.ts";

const turnMilliseconds = 40;
const leastRounds = 5;
const mostRounds = 25;

/** A process, by what distinguishes its kind. */
class Host {
  readonly #child: ChildProcess;

  constructor(wide: boolean) {
    this.#child = fork(fileURLToPath(new URL("host.ts", import.meta.url)), wide ? ["--wide"] : [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  }

  async ask(message: Message): Promise<Answer> {
    this.#child.send(message);
    const exit = new AbortController();
    const answered = once(this.#child, "message", { signal: exit.signal }) as Promise<[Answer]>;
    const died = once(this.#child, "exit", { signal: exit.signal }).then(([code]) => [{ error: `its process ended with ${code}` }] as [Answer]);
    try {
      return (await Promise.race([answered, died]))[0];
    } finally {
      exit.abort();
      answered.catch(() => undefined);
      died.catch(() => undefined);
    }
  }

  end(): void {
    this.#child.kill();
  }
}

interface Entry {
  readonly name: string;
  readonly request: Request;
  readonly wide: boolean;
}

/** Who takes part in a workload. */
function entriesOf(workload: Workload): Entry[] {
  const entry = (name: string, request: Request, wide = false): Entry => ({ name, request, wide });
  const one = { threads: 1 } as const;
  const { limit } = workload;
  const machine = limit === "fma"
    ? [entry(names.peak128, { kind: "machine", ...one, variant: "fma" }), entry(names.peak256, { kind: "machine", ...one, variant: "fma" }, true)]
    : limit === undefined ? [] : [entry(names.memory, { kind: "machine", ...one, variant: limit })];
  const peakOfTwo = limit === "fma" ? [entry(names.peakOfTwo, { kind: "machine", threads: 2, variant: "fma" }, true)] : [];
  const line = entry(names.line, { kind: "machine", threads: 2, variant: "line" });
  const two = workload.twoWorkers && availableParallelism() > 1 ? [entry(names.two, { kind: "gph", threads: 2 }, true), ...peakOfTwo, line] : [];
  const cached = workload.cached === undefined ? [] : [entry(names.cachedNarrow, { kind: "gph", ...one, cached: true }), entry(names.cachedWide, { kind: "gph", ...one, cached: true }, true)];
  const c = workload.native === undefined ? [] : [entry(names.gccNative, { kind: "gcc", ...one, variant: "-march=native" }), entry(names.gccSse2, { kind: "gcc", ...one, variant: "-msse2" })];
  return [
    entry(names.javascript, { kind: "JavaScript", ...one }),
    entry(names.onnxNode, { kind: "onnxruntime-node", ...one }),
    entry(names.onnxWeb, { kind: "onnxruntime-web", ...one }),
    entry(names.tfjs, { kind: "tfjs-wasm", ...one }),
    ...c,
    ...machine,
    entry(names.narrow, { kind: "gph", ...one }),
    entry(names.wide, { kind: "gph", ...one }, true),
    ...two,
    ...cached,
  ];
}

const hosts = new Map<string, Host>();

function hostOf({ request: { kind }, wide }: Entry): Host {
  const key = `${kind} ${wide}`;
  let host = hosts.get(key);
  if (host === undefined) {
    host = new Host(wide);
    hosts.set(key, host);
  }
  return host;
}

const floatsOf = (path: string): Float32Array => new Float32Array(Uint8Array.from(readFileSync(path)).buffer);

/** Whether two outputs agree; why not, if they do not. */
function difference(got: Float32Array, expected: Float32Array, tolerance: number): string | undefined {
  if (got.length !== expected.length) return `it gives ${got.length} numbers, not ${expected.length}`;
  let largest = 1e-30;
  let worst = 0;
  for (let at = 0; at < got.length; at++) {
    largest = Math.max(largest, Math.abs(expected[at]!));
    const apart = Math.abs(got[at]! - expected[at]!);
    if (!(apart <= worst)) worst = apart;
  }
  return worst <= tolerance * largest ? undefined : `its output differs by ${(worst / largest).toExponential(1)} of the largest element`;
}

let nextId = 0;
const failures: string[] = [];

interface Loaded {
  readonly entry: Entry;
  readonly id: number;
}

/** Loads all and compares what they give with what the first of them gives. */
async function loadAll(workload: Workload, folder: string): Promise<{ loaded: Loaded[]; missing: { [name: string]: string } }> {
  const loaded: Loaded[] = [];
  const missing: { [name: string]: string } = {};
  /** By steps of a call. */
  const expected = new Map<number, Float32Array>();
  if (workload.oneStep !== undefined) expected.set(1, workload.oneStep(tensorsOf(workload)));
  for (const entry of entriesOf(workload)) {
    const id = nextId++;
    const output = join(folder, `${id}`);
    const { request: { kind, cached } } = entry;
    const answer = await hostOf(entry).ask({ do: "load", id, workload: workload.name, request: entry.request, output });
    if (answer.missing !== undefined) missing[entry.name] = answer.missing;
    if (answer.error !== undefined) failures.push(`${workload.name}, ${entry.name}: ${answer.error}`);
    if (answer.missing !== undefined || answer.error !== undefined) continue;
    loaded.push({ entry, id });
    if (kind === "machine" || cached) continue;
    const steps = kind === "gph" || kind === "JavaScript" || kind === "gcc" ? (workload.steps ?? 1) : 1;
    const got = floatsOf(output);
    rmSync(output);
    const reference = expected.get(steps);
    if (reference === undefined) {
      expected.set(steps, got);
      continue;
    }
    const why = difference(got, reference, workload.tolerance);
    if (why !== undefined) failures.push(`${workload.name}, ${entry.name}: ${why}`);
  }
  return { loaded, missing };
}

async function bench(workload: Workload, seconds: number, folder: string): Promise<Result> {
  const { loaded, missing } = await loadAll(workload, folder);
  const times = new Map(loaded.map(({ entry }) => [entry.name, [] as number[]]));
  const start = performance.now();
  let rounds = 0;
  for (; rounds < leastRounds || (rounds < mostRounds && performance.now() - start < seconds * 1000); rounds++) {
    for (const { entry, id } of loaded) {
      const answer = await hostOf(entry).ask({ do: "measure", id, milliseconds: turnMilliseconds });
      if (answer.seconds === undefined) throw new Error(`${workload.name}, ${entry.name}: ${answer.error}`);
      times.get(entry.name)!.push(answer.seconds);
    }
  }
  for (const { entry, id } of loaded) await hostOf(entry).ask({ do: "close", id });
  return resultOf(workload, Object.fromEntries([...times].map(([name, values]) => [name, median(values)])), missing, rounds);
}

const { values: options, positionals: asked } = parseArgs({ allowPositionals: true, options: { seconds: { type: "string", default: "6" }, json: { type: "string", default: "out/bench.json" } } });
const chosen = workloads.filter(({ name }) => asked.length === 0 || asked.includes(name));
const unknown = asked.find((name) => name !== "overheads" && !workloads.some((workload) => workload.name === name));
if (unknown !== undefined) throw new Error(`no workload is named ${unknown}; there are ${workloads.map(({ name }) => name).join(", ")}, overheads`);

const folder = mkdtempSync(join(tmpdir(), "gph-bench-"));
const machine = { processor: cpus()[0]?.model.trim(), processors: availableParallelism(), node: process.version, loadBefore: loadavg()[0], date: new Date().toISOString() };
console.log(`${machine.processor}, ${machine.processors} processors, Node ${machine.node}; load ${machine.loadBefore!.toFixed(1)} before the run`);
const results: Result[] = [];
try {
  for (const workload of chosen) {
    const result = await bench(workload, Number(options.seconds), folder);
    results.push(result);
    console.log(`\n${formatResult(workload, result)}`);
  }
} finally {
  for (const host of hosts.values()) host.end();
  rmSync(folder, { recursive: true });
}
if (asked.length === 0 || asked.includes("overheads")) results.push(...(await measureOverheads()));
console.log(`\n${formatSummary(results)}`);
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(options.json, `${JSON.stringify({ machine: { ...machine, loadAfter: loadavg()[0] }, results }, undefined, 1)}\n`);
console.log(`${options.json}`);
for (const failure of failures) console.error(`FAILED ${failure}`);
if (failures.length > 0) process.exitCode = 1;
