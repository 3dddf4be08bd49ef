/**
 * The mathematical functions, one row each: nanoseconds an element as the arithmetic that `expand-math` makes of it, as the call
 * it replaces (a scalar loop that imports the function), and as a loop of JavaScript over `Math`; and how far the arithmetic
 * is from `Math`, in units in the last place (of f32 after rounding once; for f64 `Math` errs by one itself). One kernel over
 * 4,096 elements that stay in the nearest cache, in rounds of all three, since machines change speed from minute to minute.
 * Arguments are spread over the range named, evenly or by their logarithms.
 *
 * Products and sums inside of formulas are one operation, as in what is compiled without strict math.
 *
 * November 2026, nanoseconds an element: functions of f32 0.5–2.0 (pow 3.2), 3–35 times as fast as the calls; those of f64 1.4–5.0
 * (pow 7.7), 1.3–12 times; erf, whose call is a series, 480 and 145 times. Where V8 pairs vectors
 * (`node --experimental-wasm-revectorize`) between half of that and two thirds.
 *
 *   node spec/bench/functions.ts [f32|f64] [name …]
 */
import process from "node:process";
import { call, i32, KernelBuilder } from "../../compiler/kernel/build.ts";
import type { Kernel, MathFunction } from "../../compiler/kernel/kernel.ts";
import { optimiseKernel } from "../../compiler/kernel/passes/index.ts";
import { testContext } from "../../compiler/kernel/testing/run-both.ts";
import { buildModule, instantiate } from "../../compiler/emit/testing/kernel-module.ts";
import { nowhere } from "../../compiler/support/span.ts";
import { mathArity, mathFunctions } from "../../runtime/math.ts";

type Float = "f32" | "f64";
type Numbers = Float32Array | Float64Array;

const count = 4096;
/** Bytes between buffers: not a multiple of 4,096, so that they do not fall on the same cache lines. */
const distance = count * 8 + 192;
/** Rounds of all, and milliseconds of one's part in a round: so short that most are not interrupted. */
const rounds = 200;
const partMilliseconds = 0.2;

/** From, to; `true`: spread by the logarithm. */
const domains: { readonly [name in MathFunction]: readonly (readonly [from: number, to: number, logarithmic?: true])[] } = {
  exp: [[-80, 80]], exp2: [[-120, 120]], expm1: [[-3, 3]], log: [[1e-30, 1e30, true]], log1p: [[-0.9, 10]], log2: [[1e-30, 1e30, true]], log10: [[1e-30, 1e30, true]],
  sin: [[-100, 100]], cos: [[-100, 100]], tan: [[-100, 100]], asin: [[-1, 1]], acos: [[-1, 1]], atan: [[-10, 10]], atan2: [[-10, 10], [-10, 10]],
  sinh: [[-20, 20]], cosh: [[-20, 20]], tanh: [[-4, 4]], asinh: [[-20, 20]], acosh: [[1, 100]], atanh: [[-1, 1]],
  cbrt: [[1e-30, 1e30, true]], erf: [[-4, 4]], pow: [[1e-3, 1e3, true], [-8, 8]],
};

function kernelOf(name: MathFunction, dtype: Float): Kernel {
  const built = new KernelBuilder(name, nowhere);
  const [x, y, z] = ["x", "y", "z"].map((buffer) => built.buffer({ name: buffer, dtype, shape: [count], access: buffer === "z" ? "out" : "in" }));
  const operands = mathArity(name) === 2 ? [x!, y!] : [x!];
  built.for({ end: i32(count), parallel: true }, (i) => built.store(z!, [i], call(name, ...operands.map((operand) => built.load(operand, [i])))));
  return built.finish();
}

function argumentsOf(name: MathFunction, dtype: Float): Numbers[] {
  return domains[name].map(([from, to, logarithmic], which) => {
    // Multiples of an irrational number, less their whole part, lie evenly and in no order.
    const part = (at: number): number => (at * [Math.SQRT2, Math.E][which]!) % 1;
    const data = Array.from({ length: count }, (_, at) => (logarithmic ? from * (to / from) ** part(at) : from + (to - from) * part(at)));
    return dtype === "f32" ? Float32Array.from(data) : Float64Array.from(data);
  });
}

/** Runs a kernel on memory of its own. */
async function runnerOf(kernel: Kernel, dtype: Float, operands: readonly Numbers[]): Promise<{ run: () => void; result: Numbers }> {
  const runner = instantiate(await buildModule([kernel], { pages: 4, fusedMultiplyAdd: true }));
  const addresses = kernel.buffers.map((_, at) => 2048 + at * distance);
  const view = (at: number): Numbers => (dtype === "f32" ? new Float32Array(runner.memory.buffer, addresses[at], count) : new Float64Array(runner.memory.buffer, addresses[at], count));
  operands.forEach((data, at) => view(at).set(data));
  return { run: () => runner.run(0, ...addresses), result: view(2) };
}

/** Bits of a float's fraction, and the exponent of the smallest normal one. */
const precision: { readonly [dtype in Float]: readonly [fraction: number, smallest: number] } = { f32: [23, -126], f64: [52, -1022] };

function farthest(results: Numbers, exact: readonly number[], dtype: Float): number {
  const [fraction, smallest] = precision[dtype];
  return exact.reduce((worst, value, at) => {
    if (Object.is(value, results[at])) return worst;
    const ulp = 2 ** (Math.max(smallest, Math.floor(Math.log2(Math.abs(value)))) - fraction);
    return Math.max(worst, Math.abs(results[at]! - value) / ulp);
  }, 0);
}

/** Nanoseconds an element of each, in rounds of all: a tenth of the rounds was faster, what other work on the machine disturbs least. */
function nanoseconds(runs: readonly (() => void)[]): number[] {
  const time = (run: () => void, calls: number): number => {
    const start = performance.now();
    for (let call = 0; call < calls; call++) run();
    return performance.now() - start;
  };
  const calls = runs.map((run) => {
    time(run, 100);
    return Math.max(1, Math.ceil(partMilliseconds / (time(run, 5) / 5)));
  });
  const times: number[][] = runs.map(() => []);
  for (let round = 0; round < rounds; round++) runs.forEach((run, at) => times[at]!.push(time(run, calls[at]!) / calls[at]!));
  return times.map((list) => (list.toSorted((one, other) => one - other)[Math.floor(list.length / 10)]! * 1e6) / count);
}

async function bench(name: MathFunction, dtype: Float): Promise<void> {
  const kernel = kernelOf(name, dtype);
  const operands = argumentsOf(name, dtype);
  const plain = mathFunctions[name] as (x: number, y?: number) => number;
  const expanded = await runnerOf(optimiseKernel(kernel, testContext).kernel, dtype, operands);
  const called = await runnerOf(kernel, dtype, operands);
  const [x, y] = operands as [Numbers, Numbers?];
  const result = x.slice();
  const loop = y === undefined
    ? () => { for (let i = 0; i < count; i++) result[i] = plain(x[i]!); }
    : () => { for (let i = 0; i < count; i++) result[i] = plain(x[i]!, y[i]); };
  const [arithmetic, calls, javaScript] = nanoseconds([expanded.run, called.run, loop]) as [number, number, number];
  const ulps = farthest(expanded.result, [...x].map((one, at) => plain(one, y?.[at])), dtype);
  const shown = (value: number): string => value.toFixed(2).padStart(6);
  console.log(`${name.padEnd(6)} ${dtype}  ${shown(arithmetic)} ns  call ${shown(calls)} ns, JavaScript ${shown(javaScript)} ns  ${(calls / arithmetic).toFixed(1).padStart(5)} × the call  ${ulps.toFixed(2)} ulp`);
}

const asked = process.argv.slice(2);
const dtypes = (["f32", "f64"] as const).filter((dtype) => asked.includes(dtype) || !asked.some((one) => one === "f32" || one === "f64"));
const names = asked.filter((one) => one !== "f32" && one !== "f64");
for (const dtype of dtypes) for (const name of Object.keys(domains) as MathFunction[]) if (names.length === 0 || names.includes(name)) await bench(name, dtype);
