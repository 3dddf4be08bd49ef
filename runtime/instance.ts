/** One instance of an executable's module, as the caller and each worker thread have it. */
import { mathFunctions } from "./math.ts";

export interface Instance {
  /** The exports asked for, in their order. */
  readonly commands: readonly (() => void)[];
  /** For private tile memory. */
  readonly upload: ((state: number) => void) | undefined;
  readonly download: ((state: number) => void) | undefined;
}

export interface Place {
  readonly worker: number;
  readonly workers: number;
  /** Turns to spin at a barrier before sleeping. */
  readonly spin: number;
  /** Whether the engine pairs vectors: kernels that have blocks for that use them. */
  readonly wide: boolean;
}

/** Instantiates and calls `start`. The module's imports and exports have been checked by `readExecutable`. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, exports: readonly string[], place: Place, host: (event: number) => void): Instance {
  const instance = new WebAssembly.Instance(module, { env: { memory, host }, math: mathFunctions });
  const find = <F>(name: string): F => instance.exports[name] as F;
  find<(worker: number, workers: number, spin: number, wide: number) => void>("start")(place.worker, place.workers, place.spin, place.wide ? 1 : 0);
  return {
    commands: exports.map((name) => find<() => void>(name)),
    upload: find<Instance["upload"]>("upload"),
    download: find<Instance["download"]>("download"),
  };
}
