/** What a host process loads and times. */
export interface Contender {
  /** One call. What is asynchronous may be awaited. */
  run(): unknown;
  /** Steps in a call. */
  readonly steps: number;
  /** The output of one call. */
  output(): Promise<Float32Array> | Float32Array;
  close(): Promise<void> | void;
}

export type Kind = "gph" | "onnxruntime-node" | "onnxruntime-web" | "tfjs-wasm" | "JavaScript" | "gcc" | "machine";

export interface Request {
  readonly kind: Kind;
  readonly threads: number;
  /** Of gph: tensors that fit the nearest cache. */
  readonly cached?: boolean;
  /** Of the machine: which limit, and how many bytes where that matters. Of gcc: its options. */
  readonly variant?: string;
}

/** It is not installed, or the machine has it not: told and left out. */
export class Missing extends Error {}
