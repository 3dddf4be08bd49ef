/**
 * The host's side of streams: where the elements of a `stream in` come from and those of a `stream out` go to. A source is
 * opened once for each run; one that is an iterator itself goes on where the last run stopped.
 */
import { sizeOf, type TypedArray } from "./dtype.ts";
import { StreamError, InputError } from "./errors.ts";
import { describeType, isHostTensor, isTypedArray, type HostTensor, type HostValue } from "./host.ts";
import type { ManifestState } from "./manifest.ts";

/**
 * Elements one after another: an iterable or iterator; a function called for each, undefined ending the stream; or all at
 * once, as a tensor with one more leading dimension or a typed array of its elements. Asynchronous ones only in `run`.
 */
export type StreamSource =
  | Iterable<HostValue>
  | AsyncIterable<HostValue>
  | Iterator<HostValue, unknown>
  | AsyncIterator<HostValue, unknown>
  | HostTensor
  | TypedArray
  | (() => HostValue | undefined | Promise<HostValue | undefined>);

/** An array that is pushed to, or a function called with each element. The tensors are the receiver's own. */
export type StreamSink = HostTensor[] | ((element: HostTensor) => unknown);

/** By the stream's name. */
export type Streams = { readonly [name: string]: StreamSource | StreamSink };

type Pulled = IteratorResult<HostValue, unknown>;

export interface Source {
  pull(): Pulled | PromiseLike<Pulled>;
  /** Tells an iterator that this run opened that no more is wanted. */
  close(): unknown;
}

export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";

export function openSource(state: ManifestState, source: StreamSource | StreamSink | undefined): Source {
  if (source === undefined || source === null) throw new StreamError("missing-stream", `stream ${state.name} has no source: give streams.${state.name}, elements of ${describeType(state.dtype, state.shape)}`);
  if (isHostTensor(source)) return fromIterator(elementsOf(state, source.data, source));
  if (isTypedArray(source)) return fromIterator(elementsOf(state, source));
  if (typeof source === "function") {
    const give = source as () => HostValue | undefined | Promise<HostValue | undefined>;
    const wrap = (value: HostValue | undefined): Pulled => (value === undefined ? { done: true, value } : { done: false, value });
    return {
      pull: () => {
        const value = give();
        return isPromise(value) ? value.then(wrap) : wrap(value);
      },
      close: () => undefined,
    };
  }
  if (typeof source === "object") {
    const iterable = source as Partial<Iterable<HostValue, unknown> & AsyncIterable<HostValue, unknown>>;
    const iterator = iterable[Symbol.iterator]?.() ?? iterable[Symbol.asyncIterator]?.();
    if (iterator !== undefined) return fromIterator(iterator, (iterator as unknown) !== source);
    if ("next" in source && typeof source.next === "function") return fromIterator(source as Iterator<HostValue, unknown>, false);
  }
  throw new StreamError("missing-stream", `stream ${state.name} has a source that is neither iterable, a tensor nor a function`);
}

function fromIterator(iterator: Iterator<HostValue, unknown> | AsyncIterator<HostValue, unknown>, ours = true): Source {
  let open = true;
  const note = (pulled: Pulled): Pulled => {
    if (pulled.done) open = false;
    return pulled;
  };
  return {
    pull: () => {
      const pulled = iterator.next();
      return isPromise(pulled) ? pulled.then(note) : note(pulled);
    },
    close: () => (ours && open ? iterator.return?.() : undefined),
  };
}

/** The parts of `data` that make an element each. */
function* elementsOf(state: ManifestState, data: TypedArray, tensor?: HostTensor): Generator<HostValue> {
  const size = sizeOf(state.shape);
  const wanted = `${state.dtype}[${["k", ...state.shape].join(", ")}]`;
  if (tensor !== undefined && (tensor.dtype !== state.dtype || tensor.shape.slice(1).join() !== state.shape.join() || tensor.shape.length !== state.shape.length + 1)) {
    throw new InputError(tensor.dtype === state.dtype ? "shape-mismatch" : "dtype-mismatch", `stream ${state.name} takes its elements from a ${wanted}, but a ${describeType(tensor.dtype, tensor.shape)} was given`);
  }
  if (size === 0 || data.length % size !== 0) {
    throw new InputError("shape-mismatch", `stream ${state.name} has elements of ${describeType(state.dtype, state.shape)}, ${size} numbers each; the ${data.length} numbers given are no multiple of that`);
  }
  for (let start = 0; start < data.length; start += size) yield data.subarray(start, start + size);
}

/** Hands one element over; a promise means: wait for it. */
export function deliver(state: ManifestState, sink: StreamSource | StreamSink | undefined, element: HostTensor): unknown {
  if (Array.isArray(sink)) return void (sink as HostTensor[]).push(element);
  if (typeof sink === "function") return (sink as (element: HostTensor) => unknown)(element);
  throw new StreamError("missing-stream", `stream ${state.name} has no sink: give streams.${state.name}, an array or a function`);
}
