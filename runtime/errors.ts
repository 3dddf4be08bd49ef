/**
 * Everything that can go wrong in the runtime, as typed errors: one base class with a `code` for programs and a message for
 * people that names the thing. An error that comes from a place in the user's source carries its `position`.
 */
import type { Position } from "./manifest.ts";

export type ErrorCode =
  /** The bytes are not an executable, or one that was damaged or asks for what is not allowed. */
  | "bad-executable"
  /** A file of another format (npy, safetensors) is damaged or holds what is not supported. */
  | "bad-format"
  /** An option of the engine has a value it cannot have. */
  | "bad-option"
  /** The memory the executable asks for cannot be had. */
  | "out-of-memory"
  | "unknown-program"
  | "unknown-name"
  | "missing-input"
  | "missing-param"
  | "missing-stream"
  | "dtype-mismatch"
  | "shape-mismatch"
  /** A number that the dtype cannot hold, or something that is not a tensor. */
  | "bad-value"
  /** A state that cannot be read or written this way. */
  | "bad-access"
  | "stream-exhausted"
  /** The host's source or sink of a stream threw. */
  | "stream-failed"
  /** A source or sink that needs waiting for was given to `runSync`. */
  | "async-stream"
  /** The host's `print` threw. */
  | "print-failed"
  | "assertion-failed"
  | "trap"
  /** The run was ended by its AbortSignal. */
  | "aborted"
  | "busy"
  | "closed"
  /** A worker thread died, or could not be stopped. */
  | "worker-lost"
  | "not-supported";

/** Base class of every error of the runtime. */
export class GphError extends Error {
  override readonly name: string = "GphError";
  readonly code: ErrorCode;
  readonly position: Position | undefined;

  constructor(code: ErrorCode, message: string, details: { readonly position?: Position | undefined; readonly cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.position = details.position;
  }
}

/** The executable was refused before anything of it ran. */
export class ExecutableError extends GphError {
  override readonly name: string = "ExecutableError";
  constructor(reason: string, cause?: unknown) {
    super("bad-executable", reason, { cause });
  }
}

/** An npy or safetensors file was refused. */
export class FormatError extends GphError {
  override readonly name: string = "FormatError";
  constructor(reason: string, cause?: unknown) {
    super("bad-format", reason, { cause });
  }
}

/** A value, input, param or name the host gave does not fit the program. */
export class InputError extends GphError {
  override readonly name: string = "InputError";
}

/** A stream has nothing on its host's side, ran dry, or its source or sink failed. */
export class StreamError extends GphError {
  override readonly name: string = "StreamError";
}

/** An `assert` of the program was false. */
export class AssertionFailed extends GphError {
  override readonly name: string = "AssertionFailed";
  constructor(message: string, position: Position) {
    super("assertion-failed", message, { position });
  }
}

/** The program did something the machine refuses: an integer division by zero, an index outside its buffer. */
export class TrapError extends GphError {
  override readonly name: string = "TrapError";
  constructor(message: string, position: Position | undefined, cause: unknown) {
    super("trap", message, { position, cause });
  }
}

/** The engine is in the middle of a run. */
export class EngineBusy extends GphError {
  override readonly name: string = "EngineBusy";
  constructor(what: string) {
    super("busy", `${what}: the engine is in the middle of a run`);
  }
}

/** The engine has been closed, by its owner or because a worker was lost. */
export class EngineClosed extends GphError {
  override readonly name: string = "EngineClosed";
  constructor(what: string, cause?: unknown) {
    super("closed", `${what}: the engine is closed${cause instanceof Error ? ` (${cause.message})` : ""}`, { cause });
  }
}

export const describePosition = (position: Position): string => `${position.file}:${position.line}:${position.column}`;

/** Any value as a text of a message, also one that cannot say itself. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "an object that has no text";
  }
}
