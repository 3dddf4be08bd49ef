/** What a run is about: which program of an executable, which states it needs from the command line, and whether all are there. */
import { extname } from "node:path";
import type { Engine } from "../../runtime/engine.ts";
import type { Manifest, ManifestProgram, ManifestState } from "../../runtime/executable.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { closest } from "../support/suggest.ts";
import type { Arguments } from "./command.ts";
import { UserError } from "./failure.ts";
import { readWeights } from "./files.ts";
import { parseInputSource, tensorFor, typeText, type InputSource } from "./inputs.ts";

export interface Selection {
  readonly program: ManifestProgram;
  readonly states: ProgramStates;
  /** Of `--in`, by state. */
  readonly sources: ReadonlyMap<string, InputSource>;
  /** Of `--out`: path by state. */
  readonly kept: ReadonlyMap<string, string>;
}

/** The states that a program touches, by how the command line serves them. */
export interface ProgramStates {
  readonly inputs: readonly ManifestState[];
  readonly params: readonly ManifestState[];
  readonly vars: readonly ManifestState[];
  readonly streamsIn: readonly ManifestState[];
  readonly streamsOut: readonly ManifestState[];
}

export function select(manifest: Manifest, args: Arguments): Selection {
  const program = programOf(manifest, args.value("program"));
  const sources = new Map([...args.pairs("in")].map(([name, text]) => [name, parseInputSource(name, text)] as const));
  const states = statesOf(manifest, program);
  for (const name of sources.keys()) checkGivable(manifest, name);
  const kept = args.pairs("out");
  for (const name of kept.keys()) checkKeepable(manifest, program, name);
  const paths = [...kept.values()];
  for (const [name, path] of kept) if (path !== args.file) checkNumpyName(name, path);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw new UserError("bad-output", `--out writes ${twice} twice`);
  return { program, states, sources, kept };
}

function programOf(manifest: Manifest, name: string | undefined): ManifestProgram {
  const { programs } = manifest;
  const names = programs.map((program) => program.name);
  if (name === undefined) {
    const chosen = programs.length === 1 ? programs[0] : programs.find((program) => program.name === "main");
    if (chosen === undefined) throw new UserError("which-program", `graph ${manifest.graph} has ${programs.length} programs: ${names.join(", ")}`, "choose one with --program NAME");
    return chosen;
  }
  const chosen = programs.find((program) => program.name === name);
  if (chosen === undefined) throw new UserError("unknown-program", `graph ${manifest.graph} has no program \`${name}\``, suggestion(name, names));
  return chosen;
}

function statesOf(manifest: Manifest, program: ManifestProgram): ProgramStates {
  const reads = new Set(program.reads);
  const touches = new Set([...program.reads, ...program.writes]);
  const of = (role: ManifestState["role"], indices?: ReadonlySet<number>): ManifestState[] =>
    manifest.states.filter((state, index) => state.role === role && (indices === undefined || indices.has(index)));
  return {
    inputs: of("in", reads),
    params: of("param").filter((state) => state.baked !== true),
    vars: of("var"),
    streamsIn: of("stream in", touches),
    streamsOut: of("stream out", touches),
  };
}

/** A name with another ending promises what would not be in the file; one without any, such as a device, promises nothing. */
function checkNumpyName(name: string, path: string): void {
  const ending = extname(path);
  if (ending === "" || ending === ".npy") return;
  throw new UserError("bad-output", `--out ${name}=${path}: outputs are kept as NumPy files, not as ${ending}`, `--out ${name}=${path.slice(0, -ending.length)}.npy`);
}

const givable: ReadonlySet<string> = new Set(["in", "param", "var", "stream in"]);

function checkGivable(manifest: Manifest, name: string): void {
  const state = manifest.states.find((candidate) => candidate.name === name);
  const names = manifest.states.filter(({ role }) => givable.has(role)).map((candidate) => candidate.name);
  if (state === undefined) throw new UserError("unknown-input", `graph ${manifest.graph} has no input \`${name}\``, suggestion(name, names));
  if (!givable.has(state.role)) throw new UserError("unknown-input", `\`${name}\` is ${articled(state.role)}, not an input`, `keep it in a file with --out ${name}=FILE.npy`);
}

const articled = (role: string): string => (role === "in" || role === "out" ? `an ${role}put` : `a ${role}`);

function checkKeepable(manifest: Manifest, program: ManifestProgram, name: string): void {
  const index = manifest.states.findIndex((candidate) => candidate.name === name);
  const state = manifest.states[index];
  if (state === undefined) {
    const names = manifest.states.filter(({ role }) => role !== "in" && role !== "stream in").map((candidate) => candidate.name);
    throw new UserError("unknown-output", `graph ${manifest.graph} has no output \`${name}\``, suggestion(name, names));
  }
  if (state.role === "in" || state.role === "stream in") throw new UserError("unknown-output", `\`${name}\` is an input, not an output`);
  if ((state.role === "out" || state.role === "stream out") && !program.writes.includes(index)) {
    throw new UserError("unknown-output", `program ${program.name} does not write \`${name}\``);
  }
}

function suggestion(name: string, names: readonly string[]): string {
  const near = closest(name, names);
  if (near !== undefined) return `did you mean \`${near}\`?`;
  return names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
}

/** Values of params, from `--weights` and `--in`; the second wins. */
export function paramValues(manifest: Manifest, sources: ReadonlyMap<string, InputSource>, weights: string | undefined): Map<string, HostTensor> {
  const params = manifest.states.filter((state) => state.role === "param");
  const values = weights === undefined ? new Map<string, HostTensor>() : weightValues(params, weights);
  for (const state of params) {
    const source = sources.get(state.name);
    if (source !== undefined) values.set(state.name, tensorFor(state, source));
  }
  return values;
}

function weightValues(params: readonly ManifestState[], weights: string): Map<string, HostTensor> {
  if (weights.startsWith("random")) {
    const source = parseInputSource("weights", weights, `--weights ${weights}`);
    return new Map(params.filter((state) => state.baked !== true).map((state) => [state.name, tensorFor(state, source)]));
  }
  const stored = readWeights(weights);
  const used = params.filter((state) => stored.has(state.name));
  if (used.length === 0 && params.length > 0) {
    throw new UserError("missing-weights", `${weights} holds no param of the graph: it has ${[...stored.keys()].join(", ") || "nothing"}`, `the params are ${params.map((state) => state.name).join(", ")}`);
  }
  return new Map(used.map((state) => [state.name, stored.get(state.name)!]));
}

/** Gives an engine these values, and the vars theirs of `--in`, which win. */
export function writeGiven(engine: Pick<Engine, "write">, values: ReadonlyMap<string, HostTensor>, vars: readonly ManifestState[], sources: ReadonlyMap<string, InputSource>): void {
  for (const [name, value] of values) engine.write(name, value);
  for (const state of vars) {
    const source = sources.get(state.name);
    if (source !== undefined) engine.write(state.name, tensorFor(state, source));
  }
}

/** Every input, stream and param that no option gives, in one error that says how to give each. */
export function checkNothingMissing(states: ProgramStates, params: ReadonlyMap<string, HostTensor>, sources: ReadonlyMap<string, InputSource>): void {
  const missing = [
    ...[...states.inputs, ...states.streamsIn].filter((state) => !sources.has(state.name)),
    ...states.params.filter((state) => !params.has(state.name)),
  ];
  if (missing.length === 0) return;
  const width = Math.max(...missing.map((state) => `${state.role} ${state.name}: ${typeText(state)}`.length));
  const lines = missing.map((state) => `${`${state.role} ${state.name}: ${typeText(state)}`.padEnd(width)}   ${howToGive(state)}`);
  throw new UserError(
    "missing-input",
    missing.length === 1 ? `${missing[0]!.role} \`${missing[0]!.name}\` is not given` : `${missing.length} inputs are not given: ${missing.map((state) => state.name).join(", ")}`,
    ["give", ...lines, "or random:1 in place of a file, to try the program without data"].join("\n"),
  );
}

function howToGive(state: ManifestState): string {
  const direct = `--in ${state.name}=${state.shape.length === 0 && state.role !== "stream in" ? "NUMBER" : "FILE.npy"}`;
  return state.role === "param" ? `--weights FILE.safetensors, or ${direct}` : direct;
}
