/**
 * Options of an engine, and what callers without types give: everything that is not an object of the kind expected is refused
 * by name, before anything runs.
 */
import { GphError, InputError, textOf } from "./errors.ts";
import type { HostValue } from "./host.ts";

export interface LoadOptions {
  /** Threads that take part, the caller of `runSync` being one; default 1, at most one per processor and tile. */
  readonly workers?: number | undefined;
  /** Values of params, by name, also as `readSafetensors` gives them; the others must be written before the first run. */
  readonly params?: { readonly [name: string]: HostValue } | ReadonlyMap<string, HostValue> | undefined;
  /**
   * Lets V8 pair 128-bit vectors into wider ones. This sets an experimental flag for the whole process, not only for this
   * engine, which is why it is off unless asked for. Node 24 and up, on x64 processors with AVX2, and where a test of it passes,
   * made at the first load; else the load is refused as not-supported. Results do not depend on it.
   */
  readonly wideVectors?: boolean | undefined;
  /** How long (ms) a worker may take to come back after a run was ended early; default 2,000. */
  readonly stopTimeout?: number | undefined;
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

function requireObject(value: unknown, what: string): void {
  if (value !== undefined && !isObject(value)) throw new GphError("bad-option", `${what} must be an object, not ${textOf(value)}`);
}

/** A misspelt option is refused: left out silently it would be looked for elsewhere. */
function requireKnown(options: object, known: readonly string[], what: string): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new GphError("bad-option", `${what} has no option ${JSON.stringify(unknown)}; there is ${known.join(", ")}`);
}

export function checkLoadOptions(options: { readonly params?: unknown; readonly wideVectors?: unknown } | undefined): void {
  requireObject(options, "the options of load");
  if (options) requireKnown(options, ["workers", "params", "wideVectors", "stopTimeout"], "load");
  requireObject(options?.params, "params");
  const { wideVectors } = options ?? {};
  if (wideVectors !== undefined && typeof wideVectors !== "boolean") throw new GphError("bad-option", `wideVectors must be true or false, not ${textOf(wideVectors)}`);
}

export function checkInputs(inputs: unknown): void {
  if (inputs instanceof Map) throw new InputError("bad-value", "the inputs must be an object of tensors by name, not a Map: Object.fromEntries(map) makes one");
  if (inputs !== undefined && !isObject(inputs)) throw new InputError("bad-value", `the inputs must be an object of tensors by name, not ${textOf(inputs)}`);
}

export function checkRunOptions(options: { readonly streams?: unknown; readonly print?: unknown; readonly signal?: unknown; readonly outputs?: unknown } | undefined): void {
  if (options === undefined) return;
  requireObject(options, "the options of a run");
  requireKnown(options, ["streams", "print", "signal", "outputs"], "a run");
  const { streams, print, signal, outputs } = options;
  requireObject(streams, "streams");
  if (print !== undefined && typeof print !== "function") throw new GphError("bad-option", `print must be a function, not ${textOf(print)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new GphError("bad-option", `signal must be an AbortSignal, not ${textOf(signal)}`);
  if (outputs !== undefined && outputs !== "copies" && outputs !== "views") throw new GphError("bad-option", `outputs must be "copies" or "views", not ${typeof outputs === "string" ? JSON.stringify(outputs) : textOf(outputs)}`);
}
