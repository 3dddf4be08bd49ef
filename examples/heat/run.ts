/** Heat spreads over a plate whose left edge is hot: runs heat.gph, checks it against the same formula in JavaScript, and draws the plate. */
import { expect, heatScale, loadProgram, outputPath, scale, terminalPicture, writePicture } from "../support.ts";

const n = 256;
const steps = 2000;
const alpha = 0.2;

// A cold plate with a hot left edge, a warm bottom and a hot spot in the middle.
const initial = new Float32Array(n * n);
for (let row = 0; row < n; row++) {
  for (let column = 0; column < n; column++) {
    const spot = Math.hypot(row - n / 3, column - (2 * n) / 3) < n / 8;
    if (column === 0 || spot) initial[row * n + column] = 100;
    else if (row === n - 1) initial[row * n + column] = 50;
  }
}

await using engine = await loadProgram(new URL("heat.gph", import.meta.url), { parameters: { n, steps, alpha } });
const started = performance.now();
const plate = engine.runSync("main", { initial }).plate!.data as Float32Array;
const milliseconds = performance.now() - started;

console.log(terminalPicture(20, 64, (down, across) => plate[Math.floor(down * n) * n + Math.floor(across * n)]! / 100));

const picture = outputPath("heat.png");
writePicture(picture, n, n, (row, column) => scale(heatScale, plate[row * n + column]! / 100));

// The same formula, plainly, in doubles.
let now = Float64Array.from(initial);
let next = Float64Array.from(initial);
for (let step = 0; step < steps; step++) {
  for (let row = 1; row < n - 1; row++) {
    for (let at = row * n + 1; at < row * n + n - 1; at++) {
      next[at] = now[at]! + alpha * (now[at - n]! + now[at + n]! + now[at - 1]! + now[at + 1]! - 4 * now[at]!);
    }
  }
  [now, next] = [next, now];
}
const error = plate.reduce((worst, value, at) => Math.max(worst, Math.abs(value - now[at]!)), 0);
expect(error < 0.01, `the plate differs from the plain loop by ${error} degrees`);

const { tiles, name } = engine.manifest.target;
console.log(`
examples/heat/heat.gph: ${steps} steps over ${n} × ${n} points, on ${tiles} tiles of the target ${name}, took ${milliseconds.toFixed(0)} ms.
The left edge is at 100 degrees, the bottom at 50; the hot spot has spread. Off by at most ${error.toExponential(1)} degrees from a plain loop in doubles.
The plate is drawn in ${picture}.`);
