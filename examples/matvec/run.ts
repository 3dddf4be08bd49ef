/** A matrix times a vector with the user's own vertex and tile mapping, checked against plain loops. */
import { expect, loadProgram } from "../support.ts";

const [m, n] = [1000, 300];
const a = Float32Array.from({ length: m * n }, (_, at) => Math.sin(at));
const x = Float32Array.from({ length: n }, (_, at) => Math.cos(at));

await using engine = await loadProgram(new URL("matvec.gph", import.meta.url), { parameters: { m, n } });
const y = engine.runSync("main", { a, x }).y!.data as Float32Array;

let error = 0;
for (let row = 0; row < m; row++) {
  let sum = 0;
  for (let column = 0; column < n; column++) sum += a[row * n + column]! * x[column]!;
  error = Math.max(error, Math.abs(sum - y[row]!));
}
expect(error < 1e-3, `y differs from plain loops by ${error}`);
console.log(`y = a · x for a of ${m} × ${n}, one vertex a row on ${engine.manifest.target.tiles} tiles; off by at most ${error.toExponential(1)} from plain loops in doubles.`);
