/** What a command of `gph` is, and how its options are read from the command line. */
import parse from "yargs-parser";
import { closest } from "../support/suggest.ts";
import { readSignedNumber } from "../syntax/literals.ts";
import { UsageError } from "./failure.ts";

export interface Option {
  readonly name: string;
  readonly letter?: string;
  /** Name of the value in help: "NAME=FILE.npy". Absent for a switch. */
  readonly value?: string;
  /** May be given several times. */
  readonly repeated?: boolean;
  readonly summary: string;
}

export interface Command {
  readonly name: string;
  /** What stands after the name: "FILE [options]". */
  readonly usage: string;
  readonly summary: string;
  /** How many files (or names, where it takes any number of those) it takes. */
  readonly files: "none" | "one" | "many" | "any";
  readonly options: readonly Option[];
  /** Paragraphs shown by `gph help NAME`. */
  readonly details: string;
  readonly examples: readonly { readonly line: string; readonly meaning: string }[];
  /** Gives the exit code. Loads what is heavy only now. */
  run(args: Arguments): Promise<number>;
}

export const programOption: Option = { name: "program", letter: "p", value: "NAME", summary: "which program of the graph (default: the only one, else main)" };
export const weightsOption: Option = { name: "weights", letter: "w", value: "FILE|random:SEED", summary: "values of the params, from a .safetensors file" };
export const jsonOption: Option = { name: "json", summary: "print one JSON object on stdout and nothing else" };
/** Of commands that run programs. */
export const narrowOption: Option = { name: "narrow", summary: "128-bit vectors only: leave the pairing of vectors, an experimental flag of V8, off" };

/** The options of a command line, by name; every accessor is for an option the command declares. */
export class Arguments {
  readonly files: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #switches: ReadonlySet<string>;

  constructor(files: readonly string[], values: ReadonlyMap<string, readonly string[]>, switches: ReadonlySet<string>) {
    this.files = files;
    this.#values = values;
    this.#switches = switches;
  }

  get file(): string {
    return this.files[0]!;
  }

  has(name: string): boolean {
    return this.#switches.has(name);
  }

  value(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  values(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** A whole number from 1. */
  count(name: string): number | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    const whole = readSignedNumber(text);
    const count = Number(whole);
    if (typeof whole !== "bigint" || !Number.isSafeInteger(count) || count < 1) throw new UsageError(`--${name} takes a whole number from 1, not \`${text}\``);
    return count;
  }

  /** `name=value` pairs of a repeated option. */
  pairs(name: string): Map<string, string> {
    const pairs = new Map<string, string>();
    for (const text of this.values(name)) {
      const at = text.indexOf("=");
      if (at < 1 || at === text.length - 1) throw new UsageError(`--${name} takes name=value, not \`${text}\``);
      const key = text.slice(0, at);
      if (pairs.has(key)) throw new UsageError(`--${name} gives \`${key}\` twice`);
      pairs.set(key, text.slice(at + 1));
    }
    return pairs;
  }
}

/** Reads a command line by the options a command declares; what it does not declare is a usage error with a suggestion. */
export function parseArguments(command: Command, argv: readonly string[]): Arguments {
  const valued = command.options.filter((option) => option.value !== undefined);
  const switches = command.options.filter((option) => option.value === undefined);
  const parsed = parse([...argv], {
    string: [...valued.map((option) => option.name), "_"],
    boolean: switches.map((option) => option.name),
    alias: Object.fromEntries(command.options.flatMap((option) => (option.letter === undefined ? [] : [[option.name, option.letter]]))),
    configuration: {
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "greedy-arrays": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "strip-aliased": true,
    },
  });
  const given = new Map(Object.entries(parsed).filter(([name]) => name !== "_"));

  const known = new Set(command.options.map((option) => option.name));
  for (const name of given.keys()) {
    if (!known.has(name)) throw unknownOption(command, name);
  }

  const values = new Map<string, readonly string[]>();
  for (const option of valued) {
    const value: unknown = given.get(option.name);
    if (value === undefined) continue;
    const all = (Array.isArray(value) ? value : [value]).map(String);
    if (all.includes("")) throw new UsageError(`--${option.name} needs a value: --${option.name} ${option.value}`);
    if (all.length > 1 && option.repeated !== true) throw new UsageError(`--${option.name} is given ${all.length} times`);
    values.set(option.name, all);
  }
  const on = new Set<string>();
  for (const option of switches) {
    const value: unknown = given.get(option.name);
    if (value === true || (Array.isArray(value) && value.includes(true))) on.add(option.name);
  }
  return new Arguments(filesOf(command, parsed._.map(String)), values, on);
}

function filesOf(command: Command, files: readonly string[]): readonly string[] {
  if (command.files === "none" && files.length > 0) throw new UsageError(`gph ${command.name} takes no file, but got \`${files[0]}\``);
  if ((command.files === "one" || command.files === "many") && files.length === 0) throw new UsageError(`gph ${command.name} needs a file: gph ${command.name} ${command.usage}`);
  if (command.files === "one" && files.length > 1) {
    const value = files.find((file) => file.includes("="));
    throw new UsageError(`gph ${command.name} takes one file, but got ${files.length}: ${files.join(", ")}`, value === undefined ? undefined : `an option is written before each of its values: --in ${value}`);
  }
  return files;
}

function unknownOption(command: Command, name: string): UsageError {
  const written = name.length === 1 ? `-${name}` : `--${name}`;
  const near = closest(name, command.options.map((option) => option.name));
  return new UsageError(`gph ${command.name} has no option ${written}`, near === undefined ? undefined : `did you mean --${near}?`);
}
