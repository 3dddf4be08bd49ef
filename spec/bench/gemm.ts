/**
 * Matrix products on wasm: what gph's own executables reach, beside a plain JavaScript loop blocked for the cache, and beside
 * the machine's measured peak: loops of nothing but independent multiplications and additions of 128-bit vectors, and of
 * relaxed fused multiply–adds. Rounds of all alternate, since machines change speed from minute to minute; one thread's time is
 * its processor time, that of several the fastest tenth of the rounds. Results are compared before anything is timed. Operands
 * are params, so that a call copies the result only.
 *
 * November 2026, one worker, strict multiply and add, as parts of the 128-bit peak, on two cores that other work kept busy:
 * figures of different runs differ by up to a quarter, so both of a pair are of one run. `direct` is the product without
 * pack-products: not packed, and cut into rows and then columns as any op.
 *
 * | product          | gph        | direct     |
 * | 64³              | 0.46       |            | not packed; much of a call is outside of the kernel
 * | 256³             | 0.89       |            | not packed: the right operand stays in the cache
 * | 512³             | 0.73, 0.95 | 0.68, 0.83 |
 * | 1000³            | 0.86, 0.93 | 0.67, 0.83 |
 * | 1024³            | 0.79, 0.85 | 0.40, 0.42 | rows a multiple of 4096 bytes apart
 * | 256 × 4096 × 256 | 0.73       | 0.61       |
 * | 100 × 784 × 128  | 0.84       |            | not packed
 * | 128 × 256 × 768  | 0.71, 0.59 | 0.68, 0.55 |
 * | 33 × 65 × 129    | 0.53       |            | not packed; one column fills no vector
 * | 1 × 784 × 128    | 0.76       | 0.35       | not packed, cut into runs of 32 columns
 *
 *   node spec/bench/gemm.ts [mxkxn …]
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import { buildModule, instantiate } from "../../compiler/emit/harness.ts";
import { compile } from "../../compiler/index.ts";
import { binary, constant, i32, KernelBuilder } from "../../compiler/kernel/build.ts";
import { nowhere } from "../../compiler/support/span.ts";
import { Engine } from "../../runtime/index.ts";

interface Shape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

const standard = ["64x64x64", "256x256x256", "512x512x512", "1024x1024x1024", "1x784x128", "100x784x128", "128x256x768", "1000x1000x1000", "33x65x129"];
/** Rounds last about this long together, and are at least `leastRounds`. */
const millisecondsPerShape = 3000;
const leastRounds = 7;
/** The clock of a thread's own time ticks in milliseconds. */
const roundMilliseconds = 40;

const source = `graph gemm(m: int, k: int, n: int) {
  param a: f32[m, k];
  param b: f32[k, n];
  out y: f32[m, n];
  program main { y = a @ b; }
}`;

/** y = a · b, columns of a block of rows of b at a time, so that those stay in the cache. */
function plain({ m, k, n }: Shape, a: Float32Array, b: Float32Array, y: Float32Array): void {
  const [blockK, blockN] = [64, 256];
  y.fill(0);
  for (let firstK = 0; firstK < k; firstK += blockK) {
    const lastK = Math.min(k, firstK + blockK);
    for (let firstN = 0; firstN < n; firstN += blockN) {
      const lastN = Math.min(n, firstN + blockN);
      for (let i = 0; i < m; i++) {
        for (let inner = firstK; inner < lastK; inner++) {
          const factor = a[i * k + inner]!;
          for (let j = firstN; j < lastN; j++) y[i * n + j] = y[i * n + j]! + factor * b[inner * n + j]!;
        }
      }
    }
  }
}

const peakLoops = 20_000;
const peakAccumulators = 12;

/** As many accumulators as hide the latency of both operations, each multiplied and added to in every iteration. */
const peakKernel = (() => {
  const builder = new KernelBuilder("peak", nowhere);
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [4 * peakAccumulators], access: "inout" });
  const scale = builder.let("scale", constant("f32", 0.5, 4));
  const sums = Array.from({ length: peakAccumulators }, (_, at) => builder.let("sum", { ...builder.load(y, [i32(4 * at)]), lanes: 4 }));
  builder.for({ end: i32(peakLoops) }, () => sums.forEach((sum) => builder.set(sum, binary("add", binary("mul", sum, scale), scale))));
  sums.forEach((sum, at) => builder.store(y, [i32(4 * at)], sum));
  return builder.finish();
})();

async function peak(fusedMultiplyAdd: boolean): Promise<Contender> {
  const runner = instantiate(await buildModule([peakKernel], { fusedMultiplyAdd }));
  return { name: fusedMultiplyAdd ? "fused peak" : "peak", operations: peakLoops * peakAccumulators * 8, workers: 1, run: () => runner.run(0, 4096) };
}

interface Contender {
  readonly name: string;
  readonly operations: number;
  readonly workers: number;
  run(): void;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
/** A tenth of the rounds was faster: what other work on the machine disturbs least. */
const decile = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)]!;

/** Seconds the caller's thread has computed, without the time in which other processes had its processor. */
function processorSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}

/** Seconds a call, of the thread's own time where it works alone. */
function time({ run, workers }: Contender, calls: number): number {
  const clock = workers > 1 ? () => performance.now() / 1000 : processorSeconds;
  const start = clock();
  for (let call = 0; call < calls; call++) run();
  return (clock() - start) / calls;
}

/** Operations per second, in rounds of all contenders. */
function compare(contenders: readonly Contender[]): number[] {
  const calls = contenders.map((contender) => {
    const warmUp = performance.now();
    let calls = 0;
    for (; calls < 3 || performance.now() - warmUp < 150; calls++) contender.run();
    return Math.ceil((calls * roundMilliseconds) / (performance.now() - warmUp));
  });
  const times: number[][] = contenders.map(() => []);
  const start = performance.now();
  for (let round = 0; round < leastRounds || performance.now() - start < millisecondsPerShape; round++) {
    contenders.forEach((contender, at) => times[at]!.push(time(contender, calls[at]!)));
  }
  return contenders.map(({ operations, workers }, at) => operations / (workers === 1 ? mean(times[at]!) : decile(times[at]!)));
}

async function bench(shape: Shape): Promise<void> {
  const { m, k, n } = shape;
  const a = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i));
  const b = Float32Array.from({ length: k * n }, (_, i) => Math.cos(3 * i));
  const expected = new Float32Array(m * n);
  plain(shape, a, b, expected);
  const { executable, diagnostics } = await compile("gemm.gph", { parameters: { ...shape }, readFile: () => source });
  if (!executable) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const params = { a: { dtype: "f32", shape: [m, k], data: a }, b: { dtype: "f32", shape: [k, n], data: b } } as const;
  const operations = 2 * m * k * n;
  await using engines = new AsyncDisposableStack();
  const contenders: Contender[] = [await peak(false), await peak(true)];
  for (const workers of new Set([1, Math.min(2, availableParallelism())])) {
    const engine = engines.use(await Engine.load(executable, { workers, params }));
    const got = engine.runSync()["y"]!.data as Float32Array;
    const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    if (!(worst <= 1e-5 * k)) throw new Error(`${m}×${k}×${n}: the results differ by ${worst}`);
    contenders.push({ name: workers === 1 ? "gph" : `gph, ${workers} workers`, workers, operations, run: () => engine.runSync() });
  }
  const y = new Float32Array(m * n);
  contenders.push({ name: "JavaScript", workers: 1, operations, run: () => plain(shape, a, b, y) });
  const speeds = compare(contenders);
  const shown = contenders.map(({ name }, at) => `${name} ${(speeds[at]! / 1e9).toFixed(1)} GF${at < 2 ? "" : ` (${(speeds[at]! / speeds[0]!).toFixed(2)})`}`);
  console.log(`${m}×${k}×${n}: ${shown.join(", ")}`);
}

const asked = process.argv.slice(2);
for (const text of asked.length > 0 ? asked : standard) {
  const [m, k, n] = text.split("x").map(Number);
  if (!m || !k || !n) throw new Error(`not a shape like 64x64x64: ${text}`);
  await bench({ m, k, n });
}
