/**
 * A user's own machine from a JSON file: the fields of `Target`, checked one by one. `"base": "ipu-mk2"` takes what is
 * not given from a machine that gph knows. Every mistake is reported, each naming the field and the value.
 */
import type { Reporter } from "../support/diagnostic.ts";
import { machines } from "./machines.ts";
import type { Target } from "./target.ts";

/** More tiles than any machine that exists; bounds the tables of a compiled program. */
export const maximumTiles = 1_000_000;

interface Rule {
  /** What is allowed, as the message says it. Worked out when asked: the first `toLocaleString` costs 20 ms and more. */
  readonly expected: string;
  allows(value: unknown): boolean;
}

const integer = (least: number, most: number): Rule => ({
  get expected() { return `an integer from ${least.toLocaleString("en")} to ${most.toLocaleString("en")}`; },
  allows: (value) => typeof value === "number" && Number.isInteger(value) && value >= least && value <= most,
});
const positive = (most: number): Rule => ({
  get expected() { return `a number above 0, at most ${most.toLocaleString("en")}`; },
  allows: (value) => typeof value === "number" && Number.isFinite(value) && value > 0 && value <= most,
});
const oneOf = (...choices: string[]): Rule => ({
  expected: choices.map((choice) => `"${choice}"`).join(" or "),
  allows: (value) => typeof value === "string" && choices.includes(value),
});

const rules: { readonly [path: string]: Rule } = {
  "name": { expected: "1 to 64 letters, digits, - or _", allows: (value) => typeof value === "string" && /^[\w-]{1,64}$/.test(value) },
  "summary": { expected: "a text of at most 200 characters", allows: (value) => typeof value === "string" && value.length <= 200 },
  "tiles": integer(1, maximumTiles),
  "memory": oneOf("shared", "private"),
  "bytesPerTile": integer(1024, 2 ** 32),
  "clockGHz": positive(1000),
  "threadsPerTile": integer(1, 1024),
  "macsPerCycle.f16": positive(1e6),
  "macsPerCycle.f32": positive(1e6),
  "exchange.bytesPerCycle": positive(1e6),
  "exchange.startCycles": integer(0, 1e9),
  "syncCycles": integer(0, 1e9),
  "grain": integer(1, 2 ** 31),
};
/** All of them or none. */
const chipRules: { readonly [path: string]: Rule } = {
  "chips.count": integer(1, 65_536),
  "chips.bytesPerCycle": positive(1e6),
  "chips.startCycles": integer(0, 1e9),
};
const allRules: { readonly [path: string]: Rule } = { ...rules, ...chipRules };
const groups = new Set(Object.keys(allRules).filter((path) => path.includes(".")).map((path) => path.split(".")[0]!));

type Fields = { readonly [name: string]: unknown };
const isRecord = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/** `json` is what JSON.parse gave. Undefined when anything was reported. */
export function parseTarget(json: unknown, reporter: Reporter): Target | undefined {
  let sound = true;
  const refuse = (message: string, help?: string): void => {
    sound = false;
    reporter.report({ problem: "bad-target", severity: "error", message, labels: [], ...(help === undefined ? {} : { help }) });
  };
  if (!isRecord(json)) {
    refuse(`a target is an object, not ${show(json)}`, `the least one is { "name": "mine", "base": "${machines[0]!.name}" }`);
    return undefined;
  }

  const base = machines.find((machine) => machine.name === json["base"]);
  if (Object.hasOwn(json, "base") && base === undefined) {
    refuse(`field "base" is ${show(json["base"])}; it must be ${oneOf(...machines.map((machine) => machine.name)).expected}`);
  }
  const given = flatten(json, refuse);
  const values = new Map<string, unknown>(base === undefined ? [["summary", "a user's machine"]] : flatten(base as unknown as Fields, refuse));
  for (const [path, value] of given) {
    const rule = Object.hasOwn(allRules, path) ? allRules[path] : undefined;
    if (rule === undefined) refuse(`a target has no field "${path}"`, `the fields are ${Object.keys(allRules).join(", ")}, and base`);
    else if (!rule.allows(value)) refuse(`field "${path}" is ${show(value)}; it must be ${rule.expected}`);
    else values.set(path, value);
  }
  if (base !== undefined && !given.has("name")) values.delete("name");
  const chips = Object.keys(chipRules).some((path) => values.has(path));
  for (const [path, rule] of Object.entries(chips ? allRules : rules)) {
    if (!values.has(path) && !given.has(path)) refuse(`field "${path}" is missing; it must be ${rule.expected}`, base === undefined ? '"base" takes what is not given from a known machine' : undefined);
  }
  return sound ? assemble(values) : undefined;
}

/** Fields by path: `exchange.startCycles`. A group that is no object is refused here. */
function flatten(record: Fields, refuse: (message: string) => void): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [name, value] of Object.entries(record)) {
    if (name === "base") continue;
    if (!groups.has(name)) flat.set(name, value);
    else if (isRecord(value)) for (const [inner, of] of Object.entries(value)) flat.set(`${name}.${inner}`, of);
    else refuse(`field "${name}" is ${show(value)}; it must be an object`);
  }
  return flat;
}

function assemble(values: ReadonlyMap<string, unknown>): Target {
  const text = (path: string): string => values.get(path) as string;
  const number = (path: string): number => values.get(path) as number;
  return {
    name: text("name"),
    summary: text("summary"),
    tiles: number("tiles"),
    memory: text("memory") as Target["memory"],
    bytesPerTile: number("bytesPerTile"),
    clockGHz: number("clockGHz"),
    threadsPerTile: number("threadsPerTile"),
    macsPerCycle: { f16: number("macsPerCycle.f16"), f32: number("macsPerCycle.f32") },
    exchange: { bytesPerCycle: number("exchange.bytesPerCycle"), startCycles: number("exchange.startCycles") },
    syncCycles: number("syncCycles"),
    grain: number("grain"),
    ...(values.has("chips.count") ? { chips: { count: number("chips.count"), bytesPerCycle: number("chips.bytesPerCycle"), startCycles: number("chips.startCycles") } } : {}),
  };
}

/** A value as it stands in the file, cut when long. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
