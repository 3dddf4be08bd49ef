/**
 * Matrix products on wasm: what gph's own executables reach, as parts of the machine's measured peak (limits.ts): that of fused
 * multiply–adds of 128-bit vectors, with wide vectors of pairs of them, with strict math of products and sums. Rounds of all
 * alternate, since machines change speed from minute to minute. Results are compared before anything is timed. Operands are
 * vars, so that a call copies the result only, and nothing is packed before; with `weights` the right one is a param.
 *
 * November 2026, one worker, 128-bit vectors and wide ones, each as a part of its peak, on two cores of a Zen 5 machine (66 and
 * 132 GF). Other work on the machine takes up to a fifth of the larger figures.
 *
 * | product          | narrow | wide | strict | strict, wide |
 * | 512³             | 0.95   | 0.95 | 0.89   | 0.87         |
 * | 1024³            | 0.95   | 0.92 |        |              |
 * | 1000³            | 0.95   | 0.96 |        |              |
 * | 256³             | 0.92   | 0.90 |        |              | the right operand is not packed
 * | 256 × 4096 × 256 | 0.95   | 0.88 |        |              |
 * | 128 × 256 × 768  | 0.93   | 0.89 |        |              |
 * | 100 × 784 × 128  | 0.91   | 0.93 |        |              | not packed
 * | 64³              | 0.82   | 0.68 |        |              | two of ten microseconds are outside of the kernel
 * | 33 × 65 × 129    | 0.78   | 0.64 |        |              | one column fills no vector
 * | 8 × 1024 × 1024  | 0.60   | 0.46 |        |              | weights, packed when loaded: 0.81, 0.79
 * | 1 × 784 × 128    | 0.72   | 0.42 |        |              | 93 and 112 GB/s
 *
 * Two workers: 1.77 times one of 512³, 1.93 of 1024³ with wide vectors; copying the result is one thread's work.
 *
 *   node spec/bench/gemm.ts [narrow|wide|strict|strict-wide] [weights] [mxkxn …]
 */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { compile } from "../../compiler/index.ts";
import { Engine } from "../../runtime/index.ts";
import { pairVectors } from "../../runtime/wide-vectors.ts";
import { peak, widePeak } from "./limits.ts";
import { compare, type Contender } from "./rounds.ts";
import { product } from "./suite/plain.ts";

interface Shape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

const modes = ["narrow", "wide", "strict", "strict-wide"] as const;
type Mode = (typeof modes)[number];

const standard = ["512x512x512", "1024x1024x1024", "1000x1000x1000", "256x256x256", "64x64x64", "33x65x129", "100x784x128", "128x256x768", "256x4096x256", "8x1024x1024", "1x784x128", "1x4096x4096"];

const options = { milliseconds: 2000, roundMilliseconds: 40, leastRounds: 7 };

const source = (weights: boolean): string => `graph gemm(m: int, k: int, n: int) {
  var a: f32[m, k];
  ${weights ? "param" : "var"} b: f32[k, n];
  out y: f32[m, n];
  program main { y = a @ b; }
}`;

async function bench(shape: Shape, mode: Mode, weights: boolean): Promise<void> {
  const { m, k, n } = shape;
  const a = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i));
  const b = Float32Array.from({ length: k * n }, (_, i) => Math.cos(3 * i));
  const expected = new Float32Array(m * n);
  product(a, b, expected, [shape.m, shape.k, shape.n]);
  const strictMath = mode.startsWith("strict");
  const wideVectors = mode.endsWith("wide");
  const { executable, diagnostics } = await compile("gemm.gph", { parameters: { ...shape }, readFile: () => source(weights), strictMath });
  if (!executable) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const operations = 2 * m * k * n;
  await using engines = new AsyncDisposableStack();
  const contenders: Contender[] = [await (wideVectors ? widePeak(!strictMath) : peak(!strictMath))];
  for (const workers of new Set([1, Math.min(2, availableParallelism())])) {
    const engine = engines.use(await Engine.load(executable, { workers, wideVectors }));
    engine.write("b", { dtype: "f32", shape: [k, n], data: b });
    engine.write("a", { dtype: "f32", shape: [m, k], data: a });
    const got = engine.runSync()["y"]!.data as Float32Array;
    const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    if (!(worst <= 1e-5 * k)) throw new Error(`${m}×${k}×${n}: the results differ by ${worst}`);
    contenders.push({ name: workers === 1 ? "gph" : `${workers} workers`, workers, operations, run: () => engine.runSync() });
  }
  const seconds = compare(contenders, options);
  const speeds = contenders.map(({ operations: count }, at) => count / seconds[at]!);
  const shown = contenders.map(({ name }, at) => `${name} ${(speeds[at]! / 1e9).toFixed(1)} GF${at === 0 ? "" : ` (${(speeds[at]! / speeds[0]!).toFixed(2)})`}`);
  const bytes = 4 * (m * k + k * n + m * n);
  console.log(`${m}×${k}×${n} ${mode}: ${shown.join(", ")}${m < 8 ? `, ${(bytes / seconds[1]! / 1e9).toFixed(0)} GB/s` : ""}`);
}

const asked = process.argv.slice(2);
const asksFor = modes.find((one) => one === asked[0]);
if (asksFor === undefined) {
  // Pairing is a flag of the whole process.
  for (const one of modes) execFileSync(process.execPath, [fileURLToPath(import.meta.url), one, ...asked], { stdio: "inherit" });
} else {
  if (asksFor.endsWith("wide")) {
    const reason = pairVectors();
    if (reason !== undefined) throw new Error(reason);
  }
  const weights = asked[1] === "weights";
  const shapes = asked.slice(weights ? 2 : 1);
  for (const text of shapes.length > 0 ? shapes : standard) {
    const [m, k, n] = text.split("x").map(Number);
    if (!m || !k || !n) throw new Error(`not a shape like 64x64x64: ${text}`);
    await bench({ m, k, n }, asksFor, weights);
  }
}
