/** `gph bench`: how long a call of a program takes, on inputs that are given or drawn. */
import process from "node:process";
import { bytesOf, isFloat, sizeOf } from "../../runtime/dtype.ts";
import type { Engine } from "../../runtime/engine.ts";
import type { ManifestProgram, ManifestState } from "../../runtime/executable.ts";
import type { Outputs, RunSyncOptions } from "../../runtime/index.ts";
import { duration } from "../bsp/report/text.ts";
import { jsonOption, narrowOption, programOption, weightsOption, type Arguments, type Command } from "./command.ts";
import { readSignedNumber } from "../syntax/literals.ts";
import { UsageError } from "./failure.ts";
import type { InputSource } from "./inputs.ts";
import type { Selection } from "./selection.ts";
import { settingOptions } from "./setting-options.ts";

export const bench: Command = {
  name: "bench",
  usage: "FILE.gph|FILE.wasm [options]",
  summary: "time a program",
  files: "one",
  options: [
    programOption,
    { name: "in", letter: "i", value: "NAME=VALUE", repeated: true, summary: "an input, a stream, a param or a var, as for `gph run`" },
    weightsOption,
    { name: "workers", value: "N", summary: "threads (default 1)" },
    { name: "seconds", value: "N", summary: "how long to measure (default 2), after the code is hot" },
    narrowOption,
    ...settingOptions,
    jsonOption,
  ],
  details: `
Calls the program again and again on the same inputs. What is not given is drawn: inputs and streams as random:1 does, params
between -0.1 and 0.1. A call is from the host's request to its outputs, which stay where they are; inputs lie in place before.
Vars change from call to call as the program says. What it prints is not shown.

Shown are the median, the fastest and the 90th percentile of the calls. Calls of a few microseconds are timed many at a time.
The speed counts floating-point operations of a source as it was planned: additions, multiplications, divisions, minima,
maxima, and functions such as exp, one each. Where data decides how many there are, and for compiled files, none is given.
Bytes are those of the states that the program reads and writes, each once.

Times of a machine that does other work wander: compare those of runs close together, several times.

--json prints {"graph", "program", "target", "workers", "wideVectors", "calls", "seconds": {"median", "fastest", "p90"},
"operations" (null where not known), "bytes", "diagnostics"}; the seconds are of one call.`,
  examples: [
    { line: "gph bench heat.gph --set n=1024 --workers 2", meaning: "the time of a run on two threads" },
    { line: "gph bench mlp.gph --narrow", meaning: "without wide vectors" },
    { line: "gph bench train.wasm --program epoch --in images=train-images.npy --in labels=train-labels.npy", meaning: "an executable, on data" },
  ],
  run: benchCommand,
};

const leastCalls = 5;
/** Code is hot some milliseconds after its first calls, once it has been compiled again; shorter measurements warm up for less. */
const warmUpSeconds = 0.5;
/** Calls that are shorter are timed several at a time: the clock itself takes part of a microsecond. */
const shortestTimed = 50e-6;

async function benchCommand(args: Arguments): Promise<number> {
  const seconds = secondsOf(args.value("seconds") ?? "2");
  const workers = args.count("workers");
  const [{ Engine }, { executableOf }, { select }, { wideVectors }] = await Promise.all([
    import("../../runtime/engine.ts"),
    import("./executable.ts"),
    import("./selection.ts"),
    import("./wide-vectors.ts"),
  ]);
  const { bytes, warnings, text } = await executableOf(args);
  const wide = await wideVectors(args);
  await using engine = await Engine.load(bytes, { workers, wideVectors: wide });
  const selection = select(engine.manifest, args);
  const { program } = selection;
  const options = await feed(engine, selection, args.value("weights"));
  const { calls, samples } = measure(() => engine.runSync(program.name, undefined, options()), seconds);
  const times = { median: quantile(samples, 0.5), fastest: samples[0]!, p90: quantile(samples, 0.9) };
  const operations = text === undefined ? undefined : await operationsOf(args, text, program.name);
  const report = { engine, program, wide, calls, times, operations, bytes: touchedBytes(engine, program) };
  if (args.has("json")) await writeReport(report, warnings);
  else process.stdout.write(reportText(report));
  return 0;
}

function secondsOf(text: string): number {
  const seconds = Number(readSignedNumber(text));
  if (!(seconds > 0) || !Number.isFinite(seconds)) throw new UsageError(`--seconds takes a number above 0, not \`${text}\``);
  return seconds;
}

/** Gives the engine all that it needs before a call; the options of a call have its streams, from their start. */
async function feed(engine: Engine, { states, sources }: Selection, weights: string | undefined): Promise<() => RunSyncOptions> {
  const [{ paramValues, writeGiven }, { streamElements, tensorFor }] = await Promise.all([import("./selection.ts"), import("./inputs.ts")]);
  const sourceOf = (state: ManifestState): InputSource => sources.get(state.name) ?? { kind: "random", seed: 1, range: undefined };
  const params = paramValues(engine.manifest, sources, weights);
  for (const state of states.params) if (!params.has(state.name)) params.set(state.name, tensorFor(state, drawnParam(state)));
  writeGiven(engine, params, states.vars, sources);
  for (const state of states.inputs) engine.write(state.name, tensorFor(state, sourceOf(state)));
  const outputs = engine.manifest.target.memory === "shared" ? ("views" as const) : ("copies" as const);
  const sinks = Object.fromEntries(states.streamsOut.map(({ name }) => [name, () => undefined]));
  const print = (): undefined => undefined;
  return () => ({ outputs, print, streams: { ...Object.fromEntries(states.streamsIn.map((state) => [state.name, streamElements(state, sourceOf(state))])), ...sinks } });
}

/** Small on both sides of zero, so that deep networks neither overflow nor die. */
function drawnParam({ dtype }: ManifestState): InputSource {
  return { kind: "random", seed: 1, range: isFloat(dtype) ? { low: -0.1, high: 0.1 } : undefined };
}

/** Seconds of a call, ascending, of as many as fit. */
function measure(call: () => Outputs, seconds: number): { calls: number; samples: number[] } {
  const timed = (count: number): number => {
    const start = performance.now();
    for (let done = 0; done < count; done++) call();
    return (performance.now() - start) / 1000;
  };
  const warmUp = Math.min(warmUpSeconds, seconds);
  let last = timed(1);
  for (let spent = last; spent < warmUp; spent += last) last = timed(1);
  const batch = Math.max(1, Math.ceil(shortestTimed / last));
  const samples: number[] = [];
  let calls = 0;
  for (let spent = 0; calls < leastCalls || spent < seconds; calls += batch) {
    const taken = timed(batch);
    spent += taken;
    samples.push(taken / batch);
  }
  return { calls, samples: samples.toSorted((a, b) => a - b) };
}

const quantile = (ascending: readonly number[], part: number): number => ascending[Math.floor(part * (ascending.length - 1))]!;

/** Of the program as its source plans it. */
async function operationsOf(args: Arguments, text: string, program: string): Promise<number | undefined> {
  const [{ planFile }, { programOperations }, { settingsOf, withEntry }] = await Promise.all([import("../compile.ts"), import("../bsp/operations.ts"), import("./settings.ts")]);
  const { plan } = planFile(args.file, withEntry(settingsOf(args), args.file, text));
  const planned = plan?.bsp.programs.find(({ name }) => name === program);
  return planned === undefined ? undefined : programOperations(planned);
}

function touchedBytes({ manifest }: Engine, { reads, writes }: ManifestProgram): number {
  const bytes = (index: number): number => {
    const { dtype, shape } = manifest.states[index]!;
    return sizeOf(shape) * bytesOf(dtype);
  };
  return [...reads, ...writes].reduce((sum, index) => sum + bytes(index), 0);
}

interface Report {
  readonly engine: Engine;
  readonly program: ManifestProgram;
  readonly wide: boolean;
  readonly calls: number;
  readonly times: { readonly median: number; readonly fastest: number; readonly p90: number };
  readonly operations: number | undefined;
  readonly bytes: number;
}

async function writeReport({ engine, program, wide, calls, times, operations, bytes }: Report, warnings: readonly unknown[]): Promise<void> {
  const { writeJson } = await import("./report.ts");
  const { graph, target } = engine.manifest;
  writeJson({
    graph, program: program.name, target: { name: target.name, tiles: target.tiles }, workers: engine.workers, wideVectors: wide,
    calls, seconds: times, operations: operations ?? null, bytes, diagnostics: warnings,
  });
}

function reportText({ engine, program, wide, calls, times, operations, bytes }: Report): string {
  const { graph, target } = engine.manifest;
  const perSecond = (amount: number, unit: string): string => `${(amount / times.median / 1e9).toPrecision(3)} G${unit}/s`;
  const rows = [
    ["median", duration(times.median), `of ${calls.toLocaleString("en")} calls`],
    ["fastest", duration(times.fastest), ""],
    ["90 %", duration(times.p90), "or less"],
    ...(operations === undefined || operations === 0 ? [] : [["speed", perSecond(operations, "F"), `${operations.toLocaleString("en")} floating-point operations`]]),
    ...(bytes === 0 ? [] : [["states", perSecond(bytes, "B"), `${bytes.toLocaleString("en")} bytes read and written`]]),
  ] as const;
  const lines = rows.map(([name, value, note]) => `  ${name!.padEnd(8)}${value!.padStart(12)}  ${note}`.trimEnd());
  const threads = `${engine.workers} ${engine.workers === 1 ? "worker" : "workers"}`;
  return `${[`${graph}, program ${program.name}: ${target.name} with ${target.tiles.toLocaleString("en")} ${target.tiles === 1 ? "tile" : "tiles"}, ${threads}${wide ? ", wide vectors" : ""}`, ...lines].join("\n")}\n`;
}
