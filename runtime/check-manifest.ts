/**
 * Checks a manifest: parsed JSON becomes a Manifest only if every field has the type, and every number lies in the range,
 * that the engine relies on. A refusal names the field by its path, as in `states[3].offset`.
 */
import { bytesOf, isDType } from "./dtype.ts";
import { ExecutableError } from "./errors.ts";
import { control, formatVersion, pageBytes, type HostBuffer, type HostEvent, type Manifest, type ManifestProgram, type ManifestState, type Position } from "./manifest.ts";

const maximumPages = 65_536;
const roles = ["in", "out", "param", "var", "stream in", "stream out"] as const satisfies readonly ManifestState["role"][];

/** What is wrong with a field, by its path. */
function refuse(path: string, reason: string): never {
  throw new ExecutableError(`manifest: ${path} ${reason}`);
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

type Fields = { readonly [name: string]: unknown };

function object(value: unknown, path: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(path, `must be an object, not ${describe(value)}`);
  return value as Fields;
}

const field = (fields: Fields, name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);

function array(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) refuse(path, `must be an array, not ${describe(value)}`);
  return value;
}

function text(value: unknown, path: string): string {
  if (typeof value !== "string") refuse(path, `must be a string, not ${describe(value)}`);
  return value;
}

function name(value: unknown, path: string): string {
  const string = text(value, path);
  if (string.length === 0) refuse(path, "must not be empty");
  return string;
}

function integer(value: unknown, path: string, minimum: number, maximum: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) refuse(path, `must be an integer, not ${describe(value)}`);
  if (value < minimum || value > maximum) refuse(path, `must lie in ${minimum} … ${maximum}, but is ${value}`);
  return value;
}

function oneOf<const T extends string>(value: unknown, path: string, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) refuse(path, `must be one of ${allowed.map((option) => JSON.stringify(option)).join(", ")}, not ${describe(value)}`);
  return value as T;
}

function unique(names: readonly string[], path: string): void {
  const seen = new Set<string>();
  for (const each of names) {
    if (seen.has(each)) refuse(path, `has two of the name ${JSON.stringify(each)}`);
    seen.add(each);
  }
}

function position(value: unknown, path: string): Position {
  const fields = object(value, path);
  return {
    file: text(field(fields, "file"), `${path}.file`),
    line: integer(field(fields, "line"), `${path}.line`, 0, 2 ** 31),
    column: integer(field(fields, "column"), `${path}.column`, 0, 2 ** 31),
  };
}

/** A tensor whose every byte lies in memory, behind the control words. */
function hostBuffer(value: unknown, path: string, memoryBytes: number): HostBuffer {
  const fields = object(value, path);
  const dtype = text(field(fields, "dtype"), `${path}.dtype`);
  if (!isDType(dtype)) refuse(`${path}.dtype`, `is not a dtype: ${describe(dtype)}`);
  const shape = array(field(fields, "shape"), `${path}.shape`).map((extent, axis) => integer(extent, `${path}.shape[${axis}]`, 0, 2 ** 32));
  const offset = integer(field(fields, "offset"), `${path}.offset`, control.end, memoryBytes);
  if (offset % 16 !== 0) refuse(`${path}.offset`, `must be a multiple of 16, but is ${offset}`);
  let bytes = bytesOf(dtype);
  for (const extent of shape) {
    bytes *= extent;
    if (bytes > memoryBytes) break;
  }
  if (shape.includes(0)) bytes = 0;
  if (bytes > memoryBytes - offset) refuse(path, `does not fit: ${dtype}[${shape.join(", ")}] at ${offset} goes beyond the ${memoryBytes} bytes of memory`);
  return { dtype, shape, offset };
}

function state(value: unknown, path: string, memoryBytes: number): ManifestState {
  const fields = object(value, path);
  const role = oneOf(field(fields, "role"), `${path}.role`, roles);
  const baked = field(fields, "baked");
  if (baked !== undefined && typeof baked !== "boolean") refuse(`${path}.baked`, `must be true or false, not ${describe(baked)}`);
  if (baked && role !== "param") refuse(`${path}.baked`, `is for params, but the role is ${role}`);
  return {
    ...hostBuffer(value, path, memoryBytes),
    role,
    name: name(field(fields, "name"), `${path}.name`),
    ...(baked === undefined ? {} : { baked }),
  };
}

function indices(value: unknown, path: string, length: number): readonly number[] {
  return array(value, path).map((index, at) => integer(index, `${path}[${at}]`, 0, length - 1));
}

function program(value: unknown, path: string, states: number): ManifestProgram {
  const fields = object(value, path);
  return {
    name: name(field(fields, "name"), `${path}.name`),
    export: name(field(fields, "export"), `${path}.export`),
    reads: indices(field(fields, "reads"), `${path}.reads`, states),
    writes: indices(field(fields, "writes"), `${path}.writes`, states),
    position: position(field(fields, "position"), `${path}.position`),
  };
}

function event(value: unknown, path: string, states: readonly ManifestState[], memoryBytes: number): HostEvent {
  const fields = object(value, path);
  const kind = oneOf(field(fields, "kind"), `${path}.kind`, ["next", "send", "print", "assert", "outside"]);
  const place = position(field(fields, "position"), `${path}.position`);
  switch (kind) {
    case "next":
    case "send": {
      const index = integer(field(fields, "state"), `${path}.state`, 0, states.length - 1);
      const role = kind === "next" ? "stream in" : "stream out";
      if (states[index]!.role !== role) refuse(`${path}.state`, `must be a ${role}, but ${states[index]!.name} is a ${states[index]!.role}`);
      return { kind, state: index, position: place };
    }
    case "print":
      return {
        kind,
        label: text(field(fields, "label"), `${path}.label`),
        values: array(field(fields, "values"), `${path}.values`).map((buffer, at) => hostBuffer(buffer, `${path}.values[${at}]`, memoryBytes)),
        position: place,
      };
    case "assert":
      return { kind, message: text(field(fields, "message"), `${path}.message`), position: place };
    case "outside": {
      const fromEnd = field(fields, "fromEnd");
      if (typeof fromEnd !== "boolean") refuse(`${path}.fromEnd`, `must be true or false, not ${describe(fromEnd)}`);
      return {
        kind,
        op: text(field(fields, "op"), `${path}.op`),
        extent: integer(field(fields, "extent"), `${path}.extent`, 0, Number.MAX_SAFE_INTEGER),
        fromEnd,
        indices: hostBuffer(field(fields, "indices"), `${path}.indices`, memoryBytes),
        position: place,
      };
    }
  }
}

function functions(value: unknown): Manifest["functions"] {
  const places: { [name: string]: Position } = Object.create(null);
  for (const [functionName, place] of Object.entries(object(value, "functions"))) places[functionName] = position(place, `functions[${JSON.stringify(functionName)}]`);
  return places;
}

/** The manifest that a parsed JSON value is, or an ExecutableError. Fields it does not know are left out. */
export function checkManifest(value: unknown): Manifest {
  const fields = object(value, "the whole");
  const format = field(fields, "format");
  if (format !== formatVersion) refuse("format", `is ${describe(format)}, and this runtime reads version ${formatVersion}`);
  const target = object(field(fields, "target"), "target");
  const plan = object(field(object(field(fields, "plan"), "plan"), "tiles"), "plan.tiles");
  const pages = integer(field(fields, "pages"), "pages", 1, maximumPages);
  const memoryBytes = pages * pageBytes;
  const states = array(field(fields, "states"), "states").map((each, index) => state(each, `states[${index}]`, memoryBytes));
  unique(states.map((each) => each.name), "states");
  const programs = array(field(fields, "programs"), "programs").map((each, index) => program(each, `programs[${index}]`, states.length));
  if (programs.length === 0) refuse("programs", "must not be empty");
  unique(programs.map((each) => each.name), "programs");
  const counted = field(fields, "counters");
  const prepare = field(fields, "prepare");
  const strict = field(fields, "strictMath");
  if (strict !== undefined && typeof strict !== "boolean") refuse("strictMath", `must be true or false, not ${describe(strict)}`);
  const manifest: Manifest = {
    format: formatVersion,
    generator: text(field(fields, "generator"), "generator"),
    graph: text(field(fields, "graph"), "graph"),
    target: {
      name: text(field(target, "name"), "target.name"),
      tiles: integer(field(target, "tiles"), "target.tiles", 1, 2 ** 24),
      memory: oneOf(field(target, "memory"), "target.memory", ["shared", "private"]),
    },
    parameters: object(field(fields, "parameters"), "parameters"),
    pages,
    ...(strict === undefined ? {} : { strictMath: strict }),
    states,
    programs,
    initial: name(field(fields, "initial"), "initial"),
    ...(prepare === undefined ? {} : { prepare: name(prepare, "prepare") }),
    events: array(field(fields, "events"), "events").map((each, index) => event(each, `events[${index}]`, states, memoryBytes)),
    functions: functions(field(fields, "functions")),
    plan: {
      tiles: {
        offset: integer(field(plan, "offset"), "plan.tiles.offset", 0, memoryBytes),
        stride: integer(field(plan, "stride"), "plan.tiles.stride", 0, memoryBytes),
        bytes: integer(field(plan, "bytes"), "plan.tiles.bytes", 0, memoryBytes),
      },
    },
    ...(counted === undefined ? {} : { counters: counters(counted, memoryBytes) }),
  };
  checkTiles(manifest, memoryBytes);
  return manifest;
}

function counters(value: unknown, memoryBytes: number): { offset: number; count: number; loops: number } {
  const fields = object(value, "counters");
  const offset = integer(field(fields, "offset"), "counters.offset", control.end, memoryBytes);
  if (offset % 8 !== 0) refuse("counters.offset", `must be a multiple of 8, but is ${offset}`);
  const count = integer(field(fields, "count"), "counters.count", 0, Math.floor((memoryBytes - offset) / 8));
  return { offset, count, loops: integer(field(fields, "loops") ?? 0, "counters.loops", 0, Math.floor((memoryBytes - offset - 8 * count) / 16)) };
}

/** Private tile memories lie in memory and do not overlap. */
function checkTiles(manifest: Manifest, memoryBytes: number): void {
  if (manifest.target.memory === "shared") return;
  const { offset, stride, bytes } = manifest.plan.tiles;
  if (bytes > stride) refuse("plan.tiles.bytes", `must not be more than the stride, but ${bytes} > ${stride}`);
  if (bytes > 0 && offset < control.end) refuse("plan.tiles.offset", `must be at least ${control.end}, but is ${offset}`);
  const end = offset + stride * (manifest.target.tiles - 1) + bytes;
  if (end > memoryBytes) refuse("plan.tiles", `does not fit: ${manifest.target.tiles} tiles end at byte ${end} of ${memoryBytes}`);
}
