/** `gph run`: compiles when given a source, loads, feeds the inputs, runs, and shows or keeps the outputs. */
import process from "node:process";
import type { Engine } from "../../runtime/engine.ts";
import type { HostTensor } from "../../runtime/host.ts";
import type { RunReport } from "../bsp/report/report.ts";
import { jsonOption, narrowOption, programOption, weightsOption, type Arguments, type Command } from "./command.ts";
import type { Executable } from "./executable.ts";
import { UserError } from "./failure.ts";
import type { Feed } from "./inputs.ts";
import type { Gathered } from "./outputs.ts";
import { settingOptions } from "./setting-options.ts";
import { Progress } from "./terminal.ts";

export const run: Command = {
  name: "run",
  usage: "FILE.gph|FILE.wasm [options]",
  summary: "run a program, from source or compiled",
  files: "one",
  options: [
    programOption,
    { name: "in", letter: "i", value: "NAME=VALUE", repeated: true, summary: "an input, a stream, a param or a var; see below" },
    weightsOption,
    { name: "out", letter: "o", value: "NAME=FILE.npy", repeated: true, summary: "keep an output, a stream or a var as a NumPy file" },
    { name: "out-dir", value: "FOLDER", summary: "keep every output as FOLDER/NAME.npy" },
    { name: "load", letter: "l", value: "FILE.safetensors", summary: "go on from a checkpoint: values of the vars and params" },
    { name: "save", value: "FILE.safetensors", summary: "keep the vars and params as they are at the end, and after each of --runs" },
    { name: "runs", value: "N", summary: "run the program N times (default 1), each with its streams from their start" },
    { name: "workers", value: "N", summary: "threads (default 1); results do not depend on it" },
    { name: "profile", value: "FILE.json", summary: "keep what each superstep did and cost, and show it; see spec/profile.md" },
    narrowOption,
    ...settingOptions,
    jsonOption,
  ],
  details: `
Inputs: --in NAME=VALUE, where VALUE is
  FILE.npy              a NumPy array of the input's dtype and shape
  3, -1e-3, 0xff, inf   that number in every element, as a literal is written in .gph; or true, false, nan
  random:SEED           floats in [0, 1), 8-bit integers over their range, other integers in [0, 1000)
  random:SEED:LOW:HIGH  floats in [LOW, HIGH), integers from LOW up to but not including HIGH

A batched input is fed in slices: when the first dimension of a file is k times that of the input, the program runs k
times, once for each slice. Outputs whose first dimension is that of the input are joined; of others the last run's value
is kept. Inputs that are cut must have the same k. Vars keep their values from run to run.

Streams: --in NAME=FILE.npy feeds a \`stream in\` the elements of the file in turn; a number or random:SEED never ends.
What goes into a \`stream out\` is stacked along a new first dimension.

Checkpoints: --save keeps every var and param in a .safetensors file, --load takes them from one. A run that goes on from a
checkpoint gives the bits that the uninterrupted run would give. --in and --weights win over --load.

With --runs each run is told on stderr, with the mean of every stream of scalars: the loss while training.

Vectors: on x64 processors with AVX2, V8 is told to pair 128-bit vectors into wider ones. The first run tests that this Node does
it right, says so on stderr, and notes it in the user's cache folder. Results do not depend on it; --narrow leaves it off.

Without --out and --out-dir the outputs are shown: small ones in full, large ones as min, mean and max. bf16 tensors are
f32 in .npy files.

--json prints {"graph", "program", "target", "workers", "wideVectors", "runs", "seconds", "outputs": {NAME: {"dtype", "shape", and "data"
(flat, row-major) or for more than 4,096 elements "summary"}}, "files", "printed", "diagnostics"}, or only
{"diagnostics": [...]} when something was wrong. NaN, infinities and integers beyond 2^53 are strings.

Exit codes: 0 fine, 1 a mistake in the program or its inputs, 2 a wrong command line, 70 a bug in gph.`,
  examples: [
    { line: "gph run heat.gph --target ipu-mk2 --in initial=random:1 --profile heat.json", meaning: "what each superstep costs on a modelled machine" },
    { line: "gph run heat.gph --set n=512 --in initial=random:1", meaning: "try a program without data" },
    { line: "gph run mlp.gph --weights mlp.safetensors --in images=test-images.npy --out-dir results", meaning: "a batch of 100 on 2,000 images: runs 20 times and joins the outputs" },
    { line: "gph run heat.gph --target ipu-mk2 --in initial=random:1 --json", meaning: "the same bits on a modelled machine, for a tool to read" },
    { line: "gph run train.gph --program epoch --runs 12 --in images=train-images.npy --in labels=train-labels.npy --save trained.safetensors", meaning: "train for 12 epochs and keep what was learned" },
  ],
  run: runCommand,
};

async function runCommand(args: Arguments): Promise<number> {
  const [{ Engine }, { executableOf }, selection, inputs, { Gathered }] = await Promise.all([
    import("../../runtime/engine.ts"),
    import("./executable.ts"),
    import("./selection.ts"),
    import("./inputs.ts"),
    import("./outputs.ts"),
  ]);
  const workers = args.count("workers");
  const { bytes, warnings, profiled } = await executableOf(args);
  const { wideVectors } = await import("./wide-vectors.ts");
  const wide = await wideVectors(args);
  await using engine = await Engine.load(bytes, { workers, wideVectors: wide });

  const { program, states, sources, kept } = selection.select(engine.manifest, args);
  const params = selection.paramValues(engine.manifest, sources, args.value("weights"));
  const checkpoint = await loaded(args.value("load"), engine.manifest, (name) => sources.has(name) || params.has(name));
  selection.checkNothingMissing(states, new Map([...checkpoint, ...params]), sources);
  selection.writeGiven(engine, new Map([...checkpoint, ...params]), states.vars, sources);

  const saved = args.value("save");
  const { checkWritable } = await import("./files.ts");
  await checkWritable([...kept.values(), saved, args.value("profile")].filter((path) => path !== undefined), [args.file]);

  const feed = inputs.planFeed(states.inputs, sources);
  const rounds = args.count("runs") ?? 1;
  const gathered = new Gathered(feed.runs, feed.batches);
  const { seconds, printed } = await runAll({
    engine,
    program: program.name,
    feed,
    rounds,
    streamsIn: () => Object.fromEntries(states.streamsIn.map((state) => [state.name, inputs.streamElements(state, sources.get(state.name)!)])),
    streamsOut: states.streamsOut.map((state) => state.name),
    gathered,
    quiet: args.has("json"),
    between: async () => void (saved !== undefined && (await save(saved, engine, args.file))),
  });

  const tables = profiled === undefined ? undefined : await writeProfile(args.value("profile")!, engine, profiled, { program: program.name, runs: rounds * feed.runs, workers: engine.workers, seconds });
  const outputs = gathered.all();
  for (const name of kept.keys()) if (!outputs.has(name)) outputs.set(name, engine.read(name));
  const files = await keep(outputs, kept, args.value("out-dir"), args.file);
  if (saved !== undefined) await save(saved, engine, args.file);

  const ran: Ran = { engine, program: program.name, wideVectors: wide, rounds, slices: feed.runs, seconds, outputs, files, saved, printed, warnings };
  if (args.has("json")) await writeRun(ran);
  else await showRun(ran, tables);
  return 0;
}

/** What there is to tell of the runs. */
interface Ran {
  readonly engine: Engine;
  readonly program: string;
  readonly wideVectors: boolean;
  readonly rounds: number;
  /** How often the program ran in each round, once for each slice of its inputs. */
  readonly slices: number;
  readonly seconds: number;
  readonly outputs: ReadonlyMap<string, HostTensor>;
  /** What was kept of the outputs, and the checkpoint. */
  readonly files: readonly string[];
  readonly saved: string | undefined;
  readonly printed: readonly string[];
  readonly warnings: readonly unknown[];
}

async function writeRun({ engine, program, wideVectors, rounds, slices, seconds, outputs, files, saved, printed, warnings }: Ran): Promise<void> {
  const [{ writeJson }, { outputJson }] = await Promise.all([import("./report.ts"), import("./show.ts")]);
  const { graph, target } = engine.manifest;
  writeJson({
    graph, program, target: { name: target.name, tiles: target.tiles }, workers: engine.workers, wideVectors, runs: rounds * slices, seconds,
    outputs: Object.fromEntries([...outputs].map(([name, tensor]) => [name, outputJson(tensor)])),
    files: [...files, ...(saved === undefined ? [] : [saved])],
    printed, diagnostics: warnings,
  });
}

async function showRun({ program, slices, outputs, files, saved }: Ran, profile: string | undefined): Promise<void> {
  tellRuns(slices);
  const { outputTable } = await import("./show.ts");
  if (files.length > 0) process.stdout.write(files.map((path) => `${path}\n`).join(""));
  else process.stdout.write(outputs.size > 0 ? outputTable(outputs) : `program ${program} ran; it has no outputs\n`);
  if (saved !== undefined) process.stdout.write(`${saved}\n`);
  if (profile !== undefined) process.stdout.write(`\n${profile}`);
}

/** Slicing is never silent: a weight given as a batched input by mistake would be sliced as well. */
function tellRuns(runs: number): void {
  if (runs > 1) process.stderr.write(`ran ${runs} times, with the batched inputs in slices and the outputs joined\n`);
}

/** Keeps the profile of everything that ran on the engine; gives it as tables. */
async function writeProfile(path: string, engine: Engine, { plan, sources }: NonNullable<Executable["profiled"]>, run: RunReport): Promise<string> {
  const [{ reportOf }, { reportTables }, { version }, { writeWhole }] = await Promise.all([
    import("../bsp/report/report.ts"),
    import("../bsp/report/tables.ts"),
    import("../version.ts"),
    import("./files.ts"),
  ]);
  const report = reportOf(plan.bsp, { target: plan.target, sources, generator: `gph ${version}`, memory: plan.memory, counts: engine.stepCounts() ?? [], loops: engine.loopCounts() ?? [], run });
  await writeWhole([{ path, bytes: new TextEncoder().encode(`${JSON.stringify(report, undefined, 1)}\n`) }]);
  return reportTables(report);
}

interface Job {
  readonly engine: Engine;
  readonly program: string;
  readonly feed: Feed;
  /** How often all of the feed is run. */
  readonly rounds: number;
  /** Anew for each of `--runs`, so that every one of them reads its files from their start. */
  readonly streamsIn: () => { readonly [name: string]: Iterator<HostTensor> };
  readonly streamsOut: readonly string[];
  readonly gathered: Gathered;
  /** Whether what the program prints is collected instead of shown. */
  readonly quiet: boolean;
  /** What is done after a round, when another one follows. */
  readonly between: () => Promise<void>;
}

/** Runs the program once for each slice of the feed, and all of that `rounds` times. */
async function runAll({ engine, program, feed, rounds, streamsIn, streamsOut, gathered, quiet, between }: Job): Promise<{ seconds: number; printed: string[] }> {
  const { elementAt, elementNote } = await import("./show.ts");
  const printed: string[] = [];
  const progress = new Progress(`running ${program}`, rounds * feed.runs);
  const means = new Map<string, Mean>();
  const sinks = streamsOut.map((name) => {
    let count = 0;
    const sink = (element: HostTensor): void => {
      count += 1;
      gathered.send(name, element);
      if (rounds > 1 && element.shape.length === 0) means.set(name, (means.get(name) ?? new Mean()).add(Number(elementAt(element, 0))));
      progress.note(() => elementNote(name, count, element));
    };
    return [name, sink] as const;
  });
  const print = (line: string): void => {
    if (quiet) printed.push(line);
    else progress.around(() => process.stdout.write(`${line}\n`));
  };
  const started = performance.now();
  try {
    for (let round = 0; round < rounds; round++) {
      const options = { streams: { ...streamsIn(), ...Object.fromEntries(sinks) }, print };
      for (let run = 0; run < feed.runs; run++) {
        // At a terminal the caller stays free, so that the progress line moves; elsewhere it takes the shorter way.
        gathered.add(progress.visible ? await engine.run(program, feed.at(run), options) : engine.runSync(program, feed.at(run), options));
        progress.advance(round * feed.runs + run + 1);
      }
      if (rounds > 1 && !quiet) progress.around(() => process.stderr.write(`run ${round + 1} of ${rounds}${[...means].map(([name, mean]) => `  ${name} ${mean.value.toPrecision(4)}`).join("")}\n`));
      means.clear();
      if (round + 1 < rounds) await between();
    }
  } finally {
    progress.end();
  }
  return { seconds: (performance.now() - started) / 1000, printed };
}

/** The mean of what was added. */
class Mean {
  #sum = 0;
  #count = 0;

  add(value: number): this {
    this.#sum += value;
    this.#count += 1;
    return this;
  }

  get value(): number {
    return this.#sum / this.#count;
  }
}

async function loaded(path: string | undefined, manifest: Engine["manifest"], given: (name: string) => boolean): Promise<ReadonlyMap<string, HostTensor>> {
  if (path === undefined) return new Map();
  const { readCheckpoint } = await import("./checkpoint.ts");
  return readCheckpoint(path, manifest, given);
}

async function save(path: string, engine: Engine, program: string): Promise<void> {
  const [{ checkpointFile }, { checkKeepsSources, writeWhole }, { version }] = await Promise.all([import("./checkpoint.ts"), import("./files.ts"), import("../version.ts")]);
  checkKeepsSources(path, [program]);
  await writeWhole([checkpointFile(path, engine, `gph ${version}`)]);
}

/** Writes what is to be kept, all of it or nothing; gives the paths. */
async function keep(outputs: ReadonlyMap<string, HostTensor>, kept: ReadonlyMap<string, string>, folder: string | undefined, program: string): Promise<string[]> {
  if (kept.size === 0 && folder === undefined) return [];
  const [{ join }, { checkKeepsSources, makeFolder, writeWhole }, { npyFile }] = await Promise.all([import("node:path"), import("./files.ts"), import("./outputs.ts")]);
  const paths = new Map([...outputs].flatMap(([name, tensor]) => {
    const path = kept.get(name) ?? (folder === undefined ? undefined : join(folder, `${fileNameOf(name)}.npy`));
    return path === undefined ? [] : [[path, tensor] as const];
  }));
  for (const path of paths.keys()) checkKeepsSources(path, [program]);
  if (folder !== undefined) await makeFolder(folder);
  await writeWhole([...paths].map(([path, tensor]) => npyFile(path, tensor)));
  return [...paths.keys()];
}

/** A state's name as a file's: the names in a compiled file are whatever its maker wrote there. */
function fileNameOf(name: string): string {
  if (/^[\w][\w.]*$/.test(name)) return name;
  throw new UserError("bad-output", `the output ${JSON.stringify(name)} cannot be the name of a file`, "give it one with --out");
}
