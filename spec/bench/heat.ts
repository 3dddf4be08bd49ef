/**
 * heat.gph, n = 1024, on wasm against the plain JavaScript loop of the same formula, in one run: rounds of the two alternate,
 * medians are compared, and the results are compared before anything is timed.
 *
 *   node spec/bench/heat.ts [workers]
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { compile } from "../../compiler/index.ts";
import { Engine } from "../../runtime/index.ts";

const n = 1024;
const steps = 50;
const rounds = 11;

/** `steps` steps from `initial`, in single precision like the program. */
function plain(initial: Float32Array): Float32Array {
  let u = initial.slice();
  let v = initial.slice();
  const alpha = Math.fround(0.1);
  for (let step = 0; step < steps; step++) {
    for (let y = 1; y < n - 1; y++) {
      for (let x = 1; x < n - 1; x++) {
        const i = y * n + x;
        v[i] = u[i]! + alpha * (u[i - n]! + u[i + n]! + u[i - 1]! + u[i + 1]! - 4 * u[i]!);
      }
    }
    [u, v] = [v, u];
  }
  return u;
}

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1]!;

function timed<T>(times: number[], run: () => T): T {
  const start = performance.now();
  const result = run();
  times.push(performance.now() - start);
  return result;
}

const source = new URL("../../examples/heat/heat.gph", import.meta.url);
const { executable, diagnostics } = await compile("heat.gph", { parameters: { n, steps }, readFile: () => readFileSync(source, "utf8") });
if (!executable) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
const initial = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));

const counts = process.argv[2] === undefined ? [1, Math.min(2, availableParallelism())] : [Number(process.argv[2])];
for (const workers of new Set(counts)) {
  await using engine = await Engine.load(executable, { workers });
  const expected = plain(initial);
  const plate = engine.runSync({ initial })["plate"]!.data as Float32Array;
  const worst = plate.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  if (worst > 1e-5) throw new Error(`the results differ by ${worst}`);
  const [gph, js]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    timed(gph, () => engine.runSync({ initial }));
    timed(js, () => plain(initial));
  }
  const perStep = (times: readonly number[]): string => `${((median(times) / steps) * 1000).toFixed(0)} µs a step`;
  console.log(`heat ${n}², ${workers} ${workers === 1 ? "worker" : "workers"}: gph ${perStep(gph)}, plain JS ${perStep(js)}, ${(median(js) / median(gph)).toFixed(2)} times as fast (largest difference ${worst.toExponential(1)})`);
}
