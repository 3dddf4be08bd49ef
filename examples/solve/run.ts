/** Conjugate gradients for Poisson's equation, checked by putting the solution back into the equation. */
import { expect, loadProgram } from "../support.ts";

const n = 64;
const tolerance = 1e-3;

// Two charges on a grid.
const f = new Float32Array(n * n);
f[20 * n + 20] = 1;
f[40 * n + 45] = -1;

await using engine = await loadProgram(new URL("solve.gph", import.meta.url), { parameters: { n, tol: tolerance } });
const outputs = engine.runSync("main", { f });
const u = outputs.u!.data as Float32Array;
const iterations = outputs.iterations!.data[0]!;

// −∇²u must be f again; outside the grid u is zero.
const at = (row: number, column: number): number => (row < 0 || row >= n || column < 0 || column >= n ? 0 : u[row * n + column]!);
let squares = 0;
for (let row = 0; row < n; row++) {
  for (let column = 0; column < n; column++) {
    const laplace = 4 * at(row, column) - at(row - 1, column) - at(row + 1, column) - at(row, column - 1) - at(row, column + 1);
    squares += (f[row * n + column]! - laplace) ** 2;
  }
}
const residual = Math.sqrt(squares);
expect(residual < 2 * tolerance, `‖f + ∇²u‖ is ${residual}`);
console.log(`Conjugate gradients on ${n} × ${n} points: ${iterations} iterations, ‖f + ∇²u‖ = ${residual.toExponential(2)} (asked: below ${tolerance}).`);
