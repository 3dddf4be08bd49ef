/**
 * heat.gph, n = 1024, on wasm with 128-bit and with wide vectors, against the plain JavaScript loop of the same formula and
 * against C, where gcc is at hand: -O3 for SSE2 and for the machine itself. Rounds alternate, medians are compared, and the
 * results are compared before anything is timed. A process for each kind of vectors, since pairing is a flag of the process.
 *
 * November 2026, one worker, on a Zen 5 machine, in microseconds a step: 128-bit vectors 207 beside 279 of gcc for SSE2 and 1,588
 * of plain JavaScript; wide vectors 144 beside 145 of gcc for the machine. Some 30 of a step are the plate's way in and out, which
 * C does not go: where it lies in memory, as in `npm run bench`, a step takes 178 and 114.
 *
 *   node spec/bench/heat.ts [narrow|wide] [workers]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { compile } from "../../compiler/index.ts";
import { Engine } from "../../runtime/index.ts";
import { median } from "./rounds.ts";

const n = 1024;
const steps = 50;
const rounds = 15;

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

/** Does the same from an initial state of its own, once to warm up, and prints the milliseconds. */
const inC = `
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
enum { n = ${n}, steps = ${steps} };
static void step(const float *restrict u, float *restrict v) {
  for (int y = 1; y < n - 1; y++)
    for (int x = 1; x < n - 1; x++) {
      int i = y * n + x;
      v[i] = u[i] + 0.1f * (u[i - n] + u[i + n] + u[i - 1] + u[i + 1] - 4.0f * u[i]);
    }
}
int main(void) {
  float *u = malloc(n * n * sizeof *u), *v = malloc(n * n * sizeof *v);
  double milliseconds = 0;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < n * n; i++) u[i] = v[i] = sinf(i);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int at = 0; at < steps; at++) { step(u, v); float *w = u; u = v; v = w; }
    clock_gettime(CLOCK_MONOTONIC, &to);
    milliseconds = (to.tv_sec - from.tv_sec) * 1e3 + (to.tv_nsec - from.tv_nsec) / 1e6;
  }
  printf("%f %f\\n", milliseconds, u[n * n / 2 + n / 2]);
}`;

interface Contender {
  readonly name: string;
  /** Milliseconds of all steps. */
  run(): number;
}

const folder = mkdtempSync(join(tmpdir(), "gph-heat-"));

/** The C program as gcc makes it with these options; nothing where there is no gcc. */
function compiled(name: string, options: readonly string[]): Contender[] {
  const [source, program] = [join(folder, "heat.c"), join(folder, name)];
  writeFileSync(source, inC);
  try {
    execFileSync("gcc", ["-O3", ...options, source, "-o", program, "-lm"], { stdio: "ignore" });
  } catch {
    return [];
  }
  return [{ name: `gcc -O3 ${options.join(" ")}`.trim(), run: () => Number(execFileSync(program, { encoding: "utf8" }).split(" ")[0]) }];
}

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

async function bench(wideVectors: boolean, counts: readonly number[]): Promise<void> {
  const source = new URL("../../examples/heat/heat.gph", import.meta.url);
  const { executable, diagnostics } = await compile("heat.gph", { parameters: { n, steps }, readFile: () => readFileSync(source, "utf8") });
  if (!executable) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const initial = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));
  const expected = plain(initial);
  await using engines = new AsyncDisposableStack();
  const contenders: Contender[] = [];
  for (const workers of new Set(counts)) {
    const engine = engines.use(await Engine.load(executable, { workers, wideVectors }));
    const plate = engine.runSync({ initial })["plate"]!.data as Float32Array;
    const worst = plate.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    if (worst > 1e-5) throw new Error(`the results differ by ${worst}`);
    for (let warm = 0; warm < 5; warm++) engine.runSync({ initial });
    contenders.push({ name: `gph, ${workers} ${workers === 1 ? "worker" : "workers"}`, run: () => timed(() => engine.runSync({ initial })) });
  }
  contenders.push({ name: "plain JS", run: () => timed(() => plain(initial)) }, ...compiled("native", ["-march=native"]), ...compiled("sse2", []));
  const times: number[][] = contenders.map(() => []);
  for (let round = 0; round < rounds; round++) contenders.forEach((contender, at) => times[at]!.push(contender.run()));
  const first = median(times[0]!);
  const shown = contenders.map(({ name }, at) => `${name} ${((median(times[at]!) / steps) * 1000).toFixed(0)} µs (${(median(times[at]!) / first).toFixed(2)})`);
  console.log(`heat ${n}², a step, ${wideVectors ? "wide" : "128-bit"} vectors: ${shown.join(", ")}`);
}

const [mode, workers] = process.argv.slice(2);
try {
  if (mode === "narrow" || mode === "wide") await bench(mode === "wide", workers === undefined ? [1, Math.min(2, availableParallelism())] : [Number(workers)]);
  else for (const one of ["narrow", "wide"]) execFileSync(process.execPath, [fileURLToPath(import.meta.url), one, ...process.argv.slice(2)], { stdio: "inherit" });
} finally {
  rmSync(folder, { recursive: true });
}
