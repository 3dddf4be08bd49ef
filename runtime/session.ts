/** The host's part in one run: what happens when the program calls `env.host(event)`. */
import { sizeOf, viewArray } from "./dtype.ts";
import { AssertionFailed, describePosition, GphError, StreamError, textOf, TrapError } from "./errors.ts";
import { copyInto, type HostTensor, type HostValue } from "./host.ts";
import type { HostBuffer, HostEvent, Manifest, Position } from "./manifest.ts";
import { describeOutside } from "./outside.ts";
import type { ProgramPlan } from "./ports.ts";
import { formatTensor } from "./print.ts";
import { deliver, isPromise, openSource, type Source, type Streams } from "./streams.ts";

export interface SessionOptions {
  readonly streams?: Streams | undefined;
  /** Receives each line of `print`; the console if absent. */
  readonly print?: ((line: string) => unknown) | undefined;
}

/** A copy of what lies in memory, the host's own. */
function readBuffer(memory: ArrayBufferLike, buffer: HostBuffer): HostTensor {
  return { dtype: buffer.dtype, shape: [...buffer.shape], data: viewArray(buffer.dtype, memory, buffer.offset, sizeOf(buffer.shape)).slice() };
}

export class Session {
  readonly #manifest: Manifest;
  readonly #memory: ArrayBufferLike;
  readonly #options: SessionOptions;
  readonly #mayWait: boolean;
  /** By state; with how many elements were taken. */
  readonly #sources = new Map<number, { readonly source: Source; taken: number }>();

  constructor(manifest: Manifest, memory: ArrayBufferLike, options: SessionOptions, mayWait: boolean) {
    this.#manifest = manifest;
    this.#memory = memory;
    this.#options = options;
    this.#mayWait = mayWait;
  }

  /** Does what the event asks; a promise, if the run may wait, when the host's side takes time. */
  perform(index: number): void | PromiseLike<void> {
    const event = this.#manifest.events[index];
    if (event === undefined) throw new GphError("bad-executable", `the program called host event ${index} of ${this.#manifest.events.length}`);
    switch (event.kind) {
      case "next": return this.#next(event.state, event.position);
      case "send": return this.#send(event.state, event.position);
      case "print": return this.#print(event);
      case "assert": throw new AssertionFailed(`assertion failed: ${event.message}, ${describePosition(event.position)}`, event.position);
      case "outside": throw new TrapError(`${describeOutside(event, event.indices.shape, readBuffer(this.#memory, event.indices).data)}, ${describePosition(event.position)}`, event.position, undefined);
    }
  }

  /** Ends the sources that this session opened. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#sources.values()].map(async ({ source }) => source.close()));
  }

  /** The same, without waiting. */
  closeNow(): void {
    for (const { source } of this.#sources.values()) {
      try {
        source.close();
      } catch {
        // The run is over, and its outcome stands.
      }
    }
  }

  #next(index: number, position: Position): void | PromiseLike<void> {
    const state = this.#manifest.states[index]!;
    let opened = this.#sources.get(index);
    if (opened === undefined) {
      const given = streamOf(this.#options.streams, state.name);
      opened = { source: this.#guard(state.name, position, () => openSource(state, given)), taken: 0 };
      this.#sources.set(index, opened);
    }
    const stream = opened;
    const accept = (pulled: IteratorResult<HostValue, unknown>): void => {
      if (pulled.done) {
        throw new StreamError("stream-exhausted", `stream ${state.name} is exhausted: after ${stream.taken} elements the program wants another, ${describePosition(position)}`, { position });
      }
      stream.taken++;
      const memory = viewArray(state.dtype, this.#memory, state.offset, sizeOf(state.shape));
      copyInto(memory, state.dtype, state.shape, pulled.value, `stream ${state.name}`);
    };
    return this.#then(state.name, position, () => stream.source.pull(), (pulled) => accept(pulled as IteratorResult<HostValue, unknown>));
  }

  #send(index: number, position: Position): void | PromiseLike<void> {
    const state = this.#manifest.states[index]!;
    const element = readBuffer(this.#memory, state);
    return this.#then(state.name, position, () => deliver(state, streamOf(this.#options.streams, state.name), element), () => undefined);
  }

  #print(event: HostEvent & { readonly kind: "print" }): void {
    const parts = event.label === "" ? [] : [event.label];
    for (const value of event.values) parts.push(formatTensor(readBuffer(this.#memory, value), parts.join(" ").length + 1));
    const line = parts.join(" ");
    try {
      (this.#options.print ?? console.log)(line);
    } catch (error) {
      throw new GphError("print-failed", `the host's print threw: ${messageOf(error)}, ${describePosition(event.position)}`, { position: event.position, cause: error });
    }
  }

  /** Runs the host's code, whose errors become ours, and goes on with its result, now or later. */
  #then(name: string, position: Position, work: () => unknown, finish: (result: unknown) => void): void | PromiseLike<void> {
    const result = this.#guard(name, position, work);
    if (!isPromise(result)) return finish(result);
    if (this.#mayWait) return result.then(finish, (error: unknown) => { throw failed(name, position, error); });
    result.then(undefined, () => undefined);
    throw new StreamError("async-stream", `stream ${name} is asynchronous on the host's side, which runSync cannot wait for: use run`, { position });
  }

  #guard<T>(name: string, position: Position, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw failed(name, position, error);
    }
  }
}

const streamOf = (streams: Streams | undefined, name: string): Streams[string] | undefined =>
  streams !== undefined && Object.hasOwn(streams, name) ? streams[name] : undefined;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : textOf(error));

function failed(name: string, position: Position, error: unknown): GphError {
  if (error instanceof GphError) return error;
  return new StreamError("stream-failed", `the host's side of stream ${name} threw: ${messageOf(error)}, ${describePosition(position)}`, { position, cause: error });
}

/** Every stream the program is known to use has something on the host's side. */
export function checkStreams(plan: ProgramPlan, options: SessionOptions | undefined): void {
  if (plan.streams.length === 0) return;
  for (const port of plan.streams) {
    const given = options?.streams !== undefined && Object.hasOwn(options.streams, port.name) ? options.streams[port.name] : undefined;
    if (given === undefined || given === null) {
      const what = port.state.role === "stream in" ? "a source" : "a sink";
      throw new StreamError("missing-stream", `${port.state.role} ${port.name}: ${port.type} has no ${what.slice(2)}: give ${what} as streams.${port.name}`);
    }
  }
}
