/** Reads handwritten digits with a trained network; where the data is not at hand, checks the network on made-up weights and pictures. */
import { existsSync, readFileSync } from "node:fs";
import { readNpy, readSafetensors, type Engine } from "../../index.ts";
import { expect, loadProgram } from "../support.ts";

const data = new URL("../../../shared/data/mnist/", import.meta.url);
const batch = 100;

await using engine = await loadProgram(new URL("mlp.gph", import.meta.url), { parameters: { batch } });
if (existsSync(data)) readDigits(engine);
else checkOnMadeUp(engine);

/** The trained weights and 2,000 pictures they have not seen. */
function readDigits(network: Engine): void {
  for (const [name, tensor] of readSafetensors(readFileSync(new URL("mlp.safetensors", data)))) network.write(name, tensor);
  const images = readNpy(readFileSync(new URL("test-images.npy", data)));
  const labels = readNpy(readFileSync(new URL("test-labels.npy", data))).data;
  const count = images.shape[0]!;

  const read: number[] = [];
  for (let start = 0; start < count; start += batch) {
    const slice = images.data.subarray(start * 784, (start + batch) * 784) as Uint8Array;
    read.push(...(network.runSync("main", { images: slice }).digits!.data as Int32Array));
  }

  // The first few as they look, with what was read.
  for (let row = 0; row < 28; row += 2) {
    console.log([0, 1, 2].map((image) => Array.from({ length: 28 }, (_, column) => shade(images.data as Uint8Array, image, row, column)).join("")).join("  "));
  }
  console.log(read.slice(0, 3).map((digit) => `read as ${digit}`.padEnd(30)).join(""));

  const right = read.filter((digit, index) => digit === labels[index]).length;
  expect(right > 0.9 * count, `only ${right} of ${count} digits are read right`);
  console.log(`\n${right} of ${count} digits are read right.`);
}

function shade(images: Uint8Array, image: number, row: number, column: number): string {
  const pixel = (at: number): number => images[image * 784 + at * 28 + column]!;
  return " .:-=+*#%@"[Math.floor((pixel(row) + pixel(row + 1)) / 51.2)]!;
}

/** No data: weights and pictures from a formula, compared with plain loops in doubles. */
function checkOnMadeUp(network: Engine): void {
  console.log("The digits are not at hand (../shared/data/mnist beside this checkout), so weights and pictures are made up;\nthis checks the arithmetic, and reads nothing.");
  const hidden = 128;
  const made = (length: number, frequency: number, size: number): Float32Array => Float32Array.from({ length }, (_, index) => size * Math.sin(frequency * (index + 1)));
  const [w1, b1, w2, b2] = [made(784 * hidden, 1.3, 0.1), made(hidden, 0.7, 0.1), made(hidden * 10, 2.1, 0.3), made(10, 0.4, 0.1)];
  for (const [name, value] of Object.entries({ w1, b1, w2, b2 })) network.write(name, value);
  const images = Uint8Array.from({ length: batch * 784 }, (_, index) => (index * 7919) % 256);
  const logits = network.runSync("main", { images }).logits!.data as Float32Array;

  let error = 0;
  for (let image = 0; image < batch; image++) {
    const middle = Array.from({ length: hidden }, (_, unit) => {
      let sum = b1[unit]!;
      for (let pixel = 0; pixel < 784; pixel++) sum += (images[image * 784 + pixel]! / 255) * w1[pixel * hidden + unit]!;
      return Math.max(0, sum);
    });
    for (let digit = 0; digit < 10; digit++) {
      const sum = middle.reduce((total, value, unit) => total + value * w2[unit * 10 + digit]!, b2[digit]!);
      error = Math.max(error, Math.abs(sum - logits[image * 10 + digit]!));
    }
  }
  expect(error < 1e-3, `logits differ from plain loops by ${error}`);
  console.log(`${batch} pictures, 10 logits each; off by at most ${error.toExponential(1)} from plain loops in doubles.`);
}
