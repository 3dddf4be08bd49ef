/**
 * Work on rows and whole tensors that the memory or the arithmetic of one core limits: sums, softmax, layer norm, chains of
 * elementwise functions. Beside each the limit of the machine, measured in the same rounds: a loop that reads, and one that
 * copies, as many bytes of memory as the program must; and a plain JavaScript loop. Rounds of all alternate, since machines
 * change speed from minute to minute; one thread's time is its processor time, that of several the fastest tenth of the
 * rounds. Results are compared before anything is timed. Operand and result are states, so that a call copies nothing
 * to or from the host, and nothing can be computed beforehand.
 *
 * November 2026, one worker, as parts of the speed of the loop that reads (where the result is small) or copies; and
 * nanoseconds an element, where arithmetic binds. V8's pairing of vectors was off.
 *
 * | work         | of the limit |      |
 * | sum, max     | 0.92, 0.84   |      |
 * | row sums     | 0.93         |      |
 * | column sums  | 0.37         |      | 16 tiles, each with 64 of 1,024 columns
 * | axpy chain   | 0.91         |      |
 * | rms norm     | 0.6          |      | reads its operand twice
 * | layer norm   | 0.4          | 0.24 | three passes over a row in the cache
 * | softmax      |              | 1.2  | one exponential an element
 * | exp, sigmoid |              | 0.77, 1.1 |
 * | sin          |              | 1.3  |
 * | tanh chain   |              | 1.4  |
 * | gelu         |              | 2.2  |
 * | pow          |              | 5.7  | in f64; called, it was 10
 *
 *   node spec/bench/rows.ts [name …]
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import { buildModule, instantiate } from "../../compiler/emit/harness.ts";
import { compile } from "../../compiler/index.ts";
import { binary, constant, i32, KernelBuilder } from "../../compiler/kernel/build.ts";
import type { Expression, Kernel } from "../../compiler/kernel/kernel.ts";
import { nowhere } from "../../compiler/support/span.ts";
import { Engine } from "../../runtime/index.ts";

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  /** Of the result y. */
  readonly result: readonly number[];
  /** What y is of x, in .gph. */
  readonly formula: string;
  plain(x: Float32Array, y: Float32Array): void;
  /** Largest difference allowed, relative to the largest element. */
  readonly tolerance: number;
}

const rows = 4096;
const width = 1024;
const many = 16 * 1024 * 1024;
/** Rounds last about this long together, and are at least `leastRounds`. */
const millisecondsPerCase = 4000;
const leastRounds = 7;

const eachRow = (work: (x: Float32Array, y: Float32Array) => void) => (x: Float32Array, y: Float32Array): void => {
  for (let row = 0; row < rows; row++) work(x.subarray(row * width, (row + 1) * width), y.subarray(row * width, (row + 1) * width));
};
const eachElement = (f: (x: number) => number) => (x: Float32Array, y: Float32Array): void => {
  for (let i = 0; i < x.length; i++) y[i] = f(x[i]!);
};

const plainSoftmax = eachRow((x, y) => {
  let largest = -Infinity;
  for (let i = 0; i < width; i++) largest = Math.max(largest, x[i]!);
  let sum = 0;
  for (let i = 0; i < width; i++) sum += y[i] = Math.exp(x[i]! - largest);
  for (let i = 0; i < width; i++) y[i] = y[i]! / sum;
});

function plainNorm(centre: boolean): Case["plain"] {
  return eachRow((x, y) => {
    let mean = 0;
    if (centre) for (let i = 0; i < width; i++) mean += x[i]! / width;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (x[i]! - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / width + 1e-5);
    for (let i = 0; i < width; i++) y[i] = (x[i]! - mean) * scale;
  });
}

const plainReduction = (combine: (total: number, x: number) => number, start: number) => (x: Float32Array, y: Float32Array): void => {
  let total = start;
  for (let i = 0; i < x.length; i++) total = combine(total, x[i]!);
  y[0] = total;
};

const cases: readonly Case[] = [
  { name: "sum", shape: [many], result: [], formula: "sum(x)", plain: plainReduction((total, x) => total + x, 0), tolerance: 1e-3 },
  { name: "max", shape: [many], result: [], formula: "max(x)", plain: plainReduction(Math.max, -Infinity), tolerance: 0 },
  {
    name: "column sums", shape: [rows, width], result: [width], formula: "sum(x, axis = 0)", tolerance: 1e-3,
    plain(x, y) {
      y.fill(0);
      for (let i = 0; i < x.length; i++) y[i % width]! += x[i]!;
    },
  },
  {
    name: "row sums", shape: [rows, width], result: [rows], formula: "sum(x, axis = 1)", tolerance: 1e-4,
    plain(x, y) {
      for (let row = 0; row < rows; row++) plainReduction((total, one) => total + one, 0)(x.subarray(row * width, (row + 1) * width), y.subarray(row));
    },
  },
  { name: "softmax", shape: [rows, width], result: [rows, width], formula: "softmax(x)", plain: plainSoftmax, tolerance: 1e-5 },
  { name: "layer norm", shape: [rows, width], result: [rows, width], formula: "layer_norm(x, ones<f32>(1024), zeros<f32>(1024))", plain: plainNorm(true), tolerance: 1e-5 },
  { name: "rms norm", shape: [rows, width], result: [rows, width], formula: "rms_norm(x, ones<f32>(1024))", plain: plainNorm(false), tolerance: 1e-5 },
  { name: "axpy chain", shape: [many], result: [many], formula: "max((x * 0.5 + 1) * x - 0.25, 0)", plain: eachElement((x) => Math.max((x * 0.5 + 1) * x - 0.25, 0)), tolerance: 1e-6 },
  { name: "tanh chain", shape: [many], result: [many], formula: "tanh(x * 0.5 + 1) * 2 - x", plain: eachElement((x) => Math.tanh(x * 0.5 + 1) * 2 - x), tolerance: 1e-6 },
  { name: "exp", shape: [many], result: [many], formula: "exp(x)", plain: eachElement(Math.exp), tolerance: 1e-6 },
  { name: "sin", shape: [many], result: [many], formula: "sin(x)", plain: eachElement(Math.sin), tolerance: 1e-6 },
  { name: "pow", shape: [many], result: [many], formula: "pow(abs(x), 2.3)", plain: eachElement((x) => Math.abs(x) ** 2.3), tolerance: 1e-6 },
  { name: "sigmoid", shape: [many], result: [many], formula: "sigmoid(x)", plain: eachElement((x) => 1 / (1 + Math.exp(-x))), tolerance: 1e-6 },
  { name: "gelu", shape: [many], result: [many], formula: "gelu(x)", plain: eachElement((x) => x / (1 + Math.exp(-1.702 * x))), tolerance: 0.05 },
];

/** Reads `count` floats, and writes as many when `writes`: what the memory allows. */
function limitKernel(count: number, writes: boolean): Kernel {
  const builder = new KernelBuilder("limit", nowhere);
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [count], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [writes ? count : 32], access: "out" });
  const sums = Array.from({ length: 8 }, () => builder.let("sum", constant("f32", 0, 4)));
  const at = (i: Expression, part: number): readonly Expression[] => [binary("add", i, i32(4 * part))];
  builder.for({ end: i32(count), step: 32 }, (i) =>
    sums.forEach((sum, part) => {
      const value: Expression = { ...builder.load(x, at(i, part)), lanes: 4 };
      if (writes) builder.store(y, at(i, part), value);
      else builder.set(sum, binary("add", sum, value));
    }));
  if (!writes) sums.forEach((sum, part) => builder.store(y, [i32(4 * part)], sum));
  return builder.finish();
}

interface Contender {
  readonly name: string;
  readonly workers: number;
  run(): void;
}

async function limit(count: number, writes: boolean): Promise<Contender> {
  const runner = instantiate(await buildModule([limitKernel(count, writes)], { pages: Math.ceil((2 * count * 4 + 16_384) / 65_536) }));
  // Pages that nothing was written to are one page of zeros, which the nearest cache holds.
  new Float32Array(runner.memory.buffer).fill(1);
  return { name: writes ? "copying" : "reading", workers: 1, run: () => runner.run(0, 4096, 4096 + 4 * count + 4160) };
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
/** A tenth of the rounds was faster: what other work on the machine disturbs least. */
const decile = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)]!;

/** Milliseconds of one call, of the thread's own time where it works alone. */
function time({ run, workers }: Contender, calls: number): number {
  const clock = (): number => {
    if (workers > 1) return performance.now();
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  const start = clock();
  for (let call = 0; call < calls; call++) run();
  return (clock() - start) / calls;
}

/** Milliseconds a call, in rounds of all contenders. */
function compare(contenders: readonly Contender[]): number[] {
  const calls = contenders.map((contender) => {
    for (let warmUp = 0; warmUp < 4; warmUp++) contender.run();
    return Math.max(1, Math.ceil(40 / time({ ...contender, workers: 2 }, 1)));
  });
  const times: number[][] = contenders.map(() => []);
  const start = performance.now();
  for (let round = 0; round < leastRounds || performance.now() - start < millisecondsPerCase; round++) {
    contenders.forEach((contender, at) => times[at]!.push(time(contender, calls[at]!)));
  }
  return contenders.map(({ workers }, at) => (workers === 1 ? median(times[at]!) : decile(times[at]!)));
}

const typeOf = (shape: readonly number[]): string => (shape.length === 0 ? "f32" : `f32[${shape.join(", ")}]`);

async function bench(one: Case): Promise<void> {
  const { shape, result, formula } = one;
  const source = `import { softmax, layer_norm, rms_norm, sigmoid, gelu } from "std/nn";
graph rows {
  in given: ${typeOf(shape)};
  var x: ${typeOf(shape)} = 0;
  var y: ${typeOf(result)} = 0;
  out copy: ${typeOf(result)};
  program load { x = given; }
  program main { y = ${formula}; }
  program show { copy = y; }
}`;
  const { executable, diagnostics } = await compile("rows.gph", { readFile: () => source });
  if (!executable) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const x = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i) * 3);
  const y = new Float32Array(Math.max(1, sizeOf(result)));
  one.plain(x, y);
  await using engines = new AsyncDisposableStack();
  const contenders: Contender[] = [await limit(sizeOf(shape), sizeOf(result) === sizeOf(shape))];
  for (const workers of new Set([1, Math.min(2, availableParallelism())])) {
    const engine = engines.use(await Engine.load(executable, { workers }));
    engine.runSync("load", { given: x });
    engine.runSync("main");
    const got = engine.runSync("show")["copy"]!.data as Float32Array;
    const largest = y.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0) / largest;
    if (!(worst <= one.tolerance)) throw new Error(`${one.name}: the results differ by ${worst}`);
    contenders.push({ name: workers === 1 ? "gph" : `gph, ${workers} workers`, workers, run: () => void engine.runSync("main") });
  }
  contenders.push({ name: "JavaScript", workers: 1, run: () => one.plain(x, y) });
  const times = compare(contenders);
  const shown = contenders.map(({ name }, at) => `${name} ${times[at]!.toFixed(2)} ms${at === 0 ? "" : ` (${(times[0]! / times[at]!).toFixed(2)})`}`);
  console.log(`${one.name} ${typeOf(shape)}: ${shown.join(", ")}, ${((times[1]! * 1e6) / sizeOf(shape)).toFixed(2)} ns an element`);
}

const asked = process.argv.slice(2);
for (const one of cases) if (asked.length === 0 || asked.includes(one.name)) await bench(one);
