/**
 * The manifest of an executable, as types: what the compiler writes and the runtime relies on. Part of the contract that
 * `executable.ts` opens with.
 */
import type { DType } from "./dtype.ts";

export const formatVersion = 2;
export const sectionName = "gph";
export const pageBytes = 65_536;

/** Byte addresses of the control words (i32) at the start of memory, each on a cache line of its own. */
export const control = {
  /** How many workers have arrived at the barrier. */
  barrierCount: 0,
  /** Incremented when all have arrived; waited on. */
  barrierGeneration: 64,
  /** Non-zero: a worker has stopped; every worker leaves at the next barrier by a trap. Set before the generation is bumped. */
  abort: 128,
  /** For the runtime: host events of worker 0 when it is a thread. */
  mailbox: 192,
  /** An i64 of checked builds: where an index last left its field, the number of the function called (its name says it) above, the index below. */
  outside: 960,
  /** First byte that is not control. */
  end: 1024,
} as const;

/**
 * Functions whose names begin so are called where a vertex fails, and only trap: where an index leaves its field (checked
 * builds), or an integer is divided by zero. Their position is that of the statement.
 */
export const trapNames = { outside: "index out of range", div: "integer division by zero", rem: "integer remainder by zero" } as const;

export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A dense row-major tensor at a byte address of the memory, for the host to read and write. */
export interface HostBuffer {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Multiple of 16. */
  readonly offset: number;
}

export interface ManifestState extends HostBuffer {
  readonly role: "in" | "out" | "param" | "var" | "stream in" | "stream out";
  readonly name: string;
  /** For params baked into the executable. */
  readonly baked?: boolean;
}

export interface ManifestProgram {
  readonly name: string;
  readonly export: string;
  /** Indices of the states it reads before writing, and of those it writes. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly position: Position;
}

/** What the host does when the program calls `env.host(index)`; worker 0 calls, between two barriers. */
export type HostEvent =
  | { readonly kind: "next"; readonly state: number; readonly position: Position }
  | { readonly kind: "send"; readonly state: number; readonly position: Position }
  | { readonly kind: "print"; readonly label: string; readonly values: readonly HostBuffer[]; readonly position: Position }
  /** Called only when the condition was false. */
  | { readonly kind: "assert"; readonly message: string; readonly position: Position }
  /** Called only when some of the indices lies outside of an axis of `extent`; negative ones count `fromEnd`, or lie outside. */
  | { readonly kind: "outside"; readonly op: string; readonly extent: number; readonly fromEnd: boolean; readonly indices: HostBuffer; readonly position: Position };

export interface Manifest {
  readonly format: typeof formatVersion;
  /** "gph 0.1.0" */
  readonly generator: string;
  readonly graph: string;
  readonly target: { readonly name: string; readonly tiles: number; readonly memory: "shared" | "private" };
  readonly parameters: { readonly [name: string]: unknown };
  /** Pages of `env.memory`; minimum and maximum are equal. */
  readonly pages: number;
  /** Whether results have the same bits on every machine: products and sums are not fused. */
  readonly strictMath?: boolean;
  readonly states: readonly ManifestState[];
  readonly programs: readonly ManifestProgram[];
  readonly initial: string;
  /** Export that derives what only params decide: run before the first run, and again after a param has changed. */
  readonly prepare?: string;
  readonly events: readonly HostEvent[];
  /** Name of a wasm function (from the name section) → where it comes from, for traps. */
  readonly functions: { readonly [name: string]: Position };
  /** Plan of the memory: where each region starts; tile t's private memory is at tiles.offset + t · tiles.stride. */
  readonly plan: { readonly tiles: { readonly offset: number; readonly stride: number; readonly bytes: number } };
  /**
   * When compiled to be profiled: how often each step ran, as u64 side by side; worker 0 counts. After them two u64 for each of
   * `loops`: how often a loop inside a kernel began, and how often its body ran; all workers count.
   */
  readonly counters?: { readonly offset: number; readonly count: number; readonly loops: number };
}
