/** What gph is to reach in each workload, as ratios of one run. */
import { operationsOfPeak } from "./machine.ts";
import type { Workload } from "./workload.ts";

/** Median seconds a step, by contender. */
export type Times = { readonly [contender: string]: number };

export interface Target {
  readonly what: string;
  /** What was reached, of which 1 may be the best possible (a limit) or a tie (a peer); undefined when something was not measured. */
  value(workload: Workload, times: Times): number | undefined;
  readonly least: number;
  /** What would be reached at the speed of the measured limit, where there is one: 128 or 256 bits, memory, the cache. */
  bound?(workload: Workload, times: Times): number | undefined;
}

export const names = {
  narrow: "gph",
  wide: "gph wide",
  two: "gph wide, 2 workers",
  cachedNarrow: "gph in cache",
  cachedWide: "gph wide in cache",
  peak128: "peak 128-bit",
  peak256: "peak 256-bit",
  peakOfTwo: "peak of 2 threads",
  line: "line there and back",
  memory: "memory",
  onnxNode: "onnxruntime-node",
  onnxWeb: "onnxruntime-web",
  tfjs: "tfjs-wasm",
  javascript: "JavaScript",
  gccNative: "gcc -march=native",
  gccSse2: "gcc SSE2",
} as const;

const quotient = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? undefined : a / b);

const isWide = (gph: string): boolean => gph !== names.narrow;

/** How many times as fast as another. */
const faster = (gph: string, than: string, least: number): Target => fasterThanAll(gph, than, [than], least);

/** Than the fastest of those that were measured. */
const fasterThanAll = (gph: string, what: string, others: readonly string[], least: number): Target => {
  const fastest = (times: Times): number | undefined => {
    const measured = others.flatMap((other) => times[other] ?? []);
    return measured.length === 0 ? undefined : Math.min(...measured);
  };
  return {
    what: `${gph} vs ${what}`,
    least,
    value: (_, times) => quotient(fastest(times), times[gph]),
    bound: (workload, times) => quotient(fastest(times), leastSeconds(workload, times, isWide(gph))),
  };
};

/** Floating-point operations a second of the peak that was measured. */
export function peakSpeed(times: Times, wide: boolean): number | undefined {
  return quotient(operationsOfPeak(wide), times[wide ? names.peak256 : names.peak128]);
}

const ofPeak = (gph: string, wide: boolean): Target => ({
  what: `${gph}, of the ${wide ? 256 : 128}-bit peak`,
  least: 0.85,
  value: (workload, times) => quotient(quotient(workload.operations, times[gph]), peakSpeed(times, wide)),
});

/** Seconds that the memory, or the same kernels on what the cache holds, need at least. */
export function limitSeconds(workload: Workload, times: Times, cached: string): number | undefined {
  const memory = times[names.memory];
  const inCache = times[cached];
  if (memory === undefined) return undefined;
  return Math.max(memory, inCache === undefined ? 0 : inCache / workload.cached!.fraction);
}

/** What a step takes at the speed of the limit that binds it, with vectors of this width; undefined where none was measured. */
function leastSeconds(workload: Workload, times: Times, wide: boolean): number | undefined {
  if (workload.limit === undefined) return undefined;
  if (workload.limit === "fma") return quotient(workload.operations, peakSpeed(times, wide));
  return limitSeconds(workload, times, wide ? names.cachedWide : names.cachedNarrow);
}

const ofLimit = (gph: string, cached: string): Target => ({
  what: `${gph}, of the limit`,
  least: 0.8,
  value: (workload, times) => quotient(limitSeconds(workload, times, cached), times[gph]),
});

const wasmPeers = [names.onnxWeb, names.tfjs];
const everyPeer = [names.onnxNode, ...wasmPeers];

const gemm = [ofPeak(names.wide, true), ofPeak(names.narrow, false), fasterThanAll(names.narrow, "wasm peers", wasmPeers, 2), fasterThanAll(names.wide, "wasm peers", wasmPeers, 4)];
const network = [faster(names.wide, names.onnxNode, 1), faster(names.narrow, names.onnxWeb, 2)];
const call = [faster(names.narrow, names.onnxNode, 2), faster(names.wide, names.onnxNode, 2)];
const rows = [ofLimit(names.narrow, names.cachedNarrow), ofLimit(names.wide, names.cachedWide), fasterThanAll(names.narrow, "every peer", everyPeer, 1), fasterThanAll(names.wide, "every peer", everyPeer, 1)];
const bothCores: Target = {
  what: "2 workers vs 1",
  least: 1.85,
  value: (_, times) => quotient(times[names.wide], times[names.two]),
  // What two threads do at once that share nothing: less than twice as much where others work on the machine.
  bound: (_, times) => quotient(2 * (times[names.peak256] ?? NaN), times[names.peakOfTwo]),
};

/** PyTorch 2's CPU build on the class of machine of a Zen 4 at 2.8 GHz; it cannot be installed by npm. */
const pytorchStepSeconds = 2.05e-3;

const byWorkload: { readonly [workload: string]: readonly Target[] } = {
  "gemm-512": gemm,
  "gemm-1024": gemm,
  "conv-3x3": network,
  "conv-1x1": network,
  depthwise: network,
  "mlp-1": call,
  "mlp-256": network,
  "training-step": [{ what: "gph vs PyTorch's 2.05 ms", least: 1, value: (_, times) => quotient(pytorchStepSeconds, times[names.narrow]) }],
  "transformer-block": network,
  "resnet-50": network,
  attention: network,
  "attention-causal": network,
  softmax: rows,
  "layer-norm": rows,
  "tanh-chain": rows,
  sum: rows,
  heat: [faster(names.narrow, names.javascript, 8), faster(names.wide, names.javascript, 8), faster(names.wide, names.gccNative, 1), faster(names.narrow, names.gccSse2, 1)],
  "empty-call": [...call, { what: "gph, of 2 µs", least: 1, value: (_, times) => quotient(2e-6, times[names.narrow]) }],
};

export const targetsOf = (workload: Workload): readonly Target[] => [...(byWorkload[workload.name] ?? []), ...(workload.twoWorkers ? [bothCores] : [])];
