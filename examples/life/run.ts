/** Conway's Game of Life on a torus: a glider walks, and a random soup settles. Shown in the terminal and checked against plain loops. */
import { expect, loadProgram } from "../support.ts";

const n = 64;
const steps = 200;

/** One generation by the rules as they are usually told. */
function generation(world: Uint8Array): Uint8Array {
  return world.map((alive, at) => {
    const [row, column] = [Math.floor(at / n), at % n];
    let around = 0;
    for (const down of [-1, 0, 1]) {
      for (const right of [-1, 0, 1]) {
        if (down !== 0 || right !== 0) around += world[((row + down + n) % n) * n + ((column + right + n) % n)]!;
      }
    }
    return around === 3 || (around === 2 && alive === 1) ? 1 : 0;
  });
}

// A soup in the right half, always the same, and a glider at the upper left.
const seed = new Uint8Array(n * n);
let word = 12345;
for (let at = 0; at < seed.length; at++) {
  word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
  if (at % n >= n / 2) seed[at] = word >>> 31;
}
for (const [row, column] of [[1, 2], [2, 3], [3, 1], [3, 2], [3, 3]] as const) seed[row * n + column] = 1;

await using engine = await loadProgram(new URL("life.gph", import.meta.url), { parameters: { n, steps } });
const outputs = engine.runSync("main", { seed });
const world = outputs.world!.data as Uint8Array;
const alive = outputs.alive!.data[0]!;

// Two rows of cells in a line of half blocks.
for (let row = 0; row < n; row += 2) {
  console.log(Array.from({ length: n }, (_, column) => " ▀▄█"[world[row * n + column]! + 2 * world[(row + 1) * n + column]!]).join(""));
}

let expected: Uint8Array = seed;
for (let step = 0; step < steps; step++) expected = generation(expected);
expect(world.every((cell, at) => cell === expected[at]), "the world differs from plain loops");
expect(alive === expected.reduce((sum, cell) => sum + cell, 0), "the count of living cells is wrong");
console.log(`\n${alive} of ${n * n} cells live after ${steps} generations, cell by cell what plain loops give.`);
