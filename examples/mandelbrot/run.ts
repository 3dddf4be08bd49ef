/** The Mandelbrot set, a row to a vertex, drawn as a PNG and checked against plain loops. */
import { expect, heatScale, loadProgram, outputPath, scale, terminalPicture, writePicture } from "../support.ts";

const [height, width, limit] = [256, 320, 200];

await using engine = await loadProgram(new URL("mandelbrot.gph", import.meta.url), { parameters: { height, width, limit } });
const counts = engine.runSync("main").counts!.data as Int32Array;

/** Dark inside the set; outside the brighter the longer a point stays. */
const brightness = (count: number): number => (count >= limit ? 0 : Math.log1p(count) / Math.log1p(limit));

console.log(terminalPicture(20, 64, (down, across) => brightness(counts[Math.floor(down * height) * width + Math.floor(across * width)]!)));
const picture = outputPath("mandelbrot.png");
writePicture(picture, height, width, (row, column) => scale(heatScale, brightness(counts[row * width + column]!)));

// In doubles: points at the very edge of the set may leave a few steps earlier or later.
let different = 0;
for (let row = 0; row < height; row++) {
  for (let column = 0; column < width; column++) {
    const re = -2.2 + (3 * column) / (width - 1);
    const im = -1.2 + (2.4 * row) / (height - 1);
    let [x, y, count] = [0, 0, 0];
    while (x * x + y * y <= 4 && count < limit) {
      [x, y] = [x * x - y * y + re, 2 * x * y + im];
      count += 1;
    }
    if (count !== counts[row * width + column]) different += 1;
  }
}
const share = different / counts.length;
expect(share < 0.02, `${different} of ${counts.length} points differ from plain loops`);
console.log(`\n${width} × ${height} points of at most ${limit} steps; ${(100 * (1 - share)).toFixed(2)} % are as plain loops in doubles give them (the rest lie at the edge of the set).\nDrawn in ${picture}.`);
