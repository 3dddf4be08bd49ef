/** What the suite times: a .gph source, what goes in, and the same computation as each of the others write it. */
import type { OnnxModel } from "./onnx.ts";

/** f32, uniform in [low, high), the same numbers in every process. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
}

export type Tensors = { readonly [name: string]: Float32Array };

/** The part of tfjs that workloads use; its tensors are opaque to them. */
export interface Tf {
  // oxlint-disable-next-line typescript/no-explicit-any -- the peer is not installed where types are checked
  readonly [name: string]: any;
}

export interface TfWorkload {
  /** Called once: gives the function to be timed, which gives the output as a tensor of tfjs. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  prepare(tf: Tf, tensors: Tensors): () => any;
  /** Order of dimensions of the output, where it is not that of the others: how to transpose it back. */
  readonly back?: readonly number[];
}

/** What of the machine a workload cannot be faster than. */
export type Limit = "fma" | "read" | "copy";

export interface Workload {
  readonly name: string;
  readonly source: string;
  readonly parameters?: { readonly [name: string]: number };
  readonly inputs: readonly TensorSpec[];
  /** Known before the first call: params of gph, initializers of ONNX. */
  readonly weights?: readonly TensorSpec[];
  readonly output: string;
  /** Steps in a call of gph, plain JavaScript and C; the others' calls are one step. */
  readonly steps?: number;
  /** Multiplications and additions of a step, counted one each; 0 where they are not what counts. */
  readonly operations: number;
  readonly limit?: Limit;
  /** Bytes that a step must read or write in memory. */
  readonly bytes?: number;
  /** Inputs are given and outputs copied at every call; otherwise both stay where they are, as large tensors do. */
  readonly passed?: boolean;
  /** The same source with tensors that fit the nearest cache, and how many times less work: what arithmetic alone takes. */
  readonly cached?: { readonly parameters: { readonly [name: string]: number }; readonly inputs: readonly TensorSpec[]; readonly fraction: number };
  /** What the host draws the states of a training step from; a call changes them. */
  readonly states?: readonly TensorSpec[];
  onnx?(model: OnnxModel): void;
  readonly tfjs?: TfWorkload;
  /** Gives the output of a call; may keep buffers. */
  readonly plain?: (tensors: Tensors) => () => Float32Array;
  /** Where a call of the others is one step of several: what one gives. */
  readonly oneStep?: (tensors: Tensors) => Float32Array;
  /** Name of a function in native.c. */
  readonly native?: string;
  /** Largest difference, relative to the largest element of the output. */
  readonly tolerance: number;
  readonly twoWorkers?: boolean;
}

export const tensor = (name: string, shape: readonly number[], low = -1, high = 1): TensorSpec => ({ name, shape, low, high });

export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);

/** Numbers by a generator of 32 bits (xorshift, Marsaglia 2003), seeded by the name. */
export function numbers({ name, shape, low, high }: TensorSpec): Float32Array {
  let state = 2_463_534_242;
  for (const letter of name) state = (Math.imul(state, 31) + letter.charCodeAt(0)) | 0;
  if (state === 0) state = 1;
  const data = new Float32Array(sizeOf(shape));
  const scale = (high - low) / 2 ** 32;
  for (let at = 0; at < data.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[at] = low + (state >>> 0) * scale;
  }
  return data;
}

/** The weights alone. */
export const weightsOf = ({ weights }: Workload): Tensors => Object.fromEntries((weights ?? []).map((spec) => [spec.name, numbers(spec)]));

export const tensorsOf = (workload: Workload): Tensors =>
  Object.fromEntries([...workload.inputs, ...(workload.weights ?? []), ...(workload.states ?? [])].map((spec) => [spec.name, numbers(spec)]));
