/** Trains a convolutional network to read digits with Adam and dropout; where the data is not at hand, on made-up pictures. */
import { existsSync, readFileSync } from "node:fs";
import { readNpy } from "../../index.ts";
import { expect, loadProgram } from "../support.ts";
import { batches, type Digits } from "../train/digits.ts";

const data = new URL("../../../shared/data/mnist/", import.meta.url);
const [batch, steps, epochs] = [50, 160, 3];
const isHere = existsSync(data);

/** `part` of the digits; or, where there are none, a bar of its own for each digit, in noise. */
function digits(part: "train" | "test"): Digits {
  if (isHere) {
    const array = (name: string): Uint8Array => readNpy(readFileSync(new URL(`${part}-${name}.npy`, data))).data as Uint8Array;
    return { images: array("images"), labels: array("labels") };
  }
  const labels = Uint8Array.from({ length: part === "train" ? 8_000 : 2_000 }, (_, i) => (i * 7 + (part === "train" ? 0 : 3)) % 10);
  const images = Uint8Array.from({ length: labels.length * 784 }, (_, at) => {
    const [image, row] = [Math.floor(at / 784), Math.floor((at % 784) / 28)];
    return Math.floor(row / 2.8) === labels[image] ? 255 : (at * 7919) % 64;
  });
  return { images, labels };
}

if (!isHere) console.log("The digits are not at hand (../shared/data/mnist beside this checkout), so pictures are made up.");
await using engine = await loadProgram(new URL("convnet.gph", import.meta.url), { parameters: { batch, steps } });
const [training, test] = [digits("train"), digits("test")];
const start = performance.now();
for (let epoch = 0; epoch < epochs; epoch++) {
  const losses: number[] = [];
  engine.runSync("epoch", {}, { streams: { ...batches(training, batch, steps, epoch), losses: ({ data: [loss] }) => void losses.push(Number(loss)) } });
  console.log(`epoch ${epoch + 1}: loss ${(losses.reduce((sum, loss) => sum + loss, 0) / losses.length).toFixed(4)}`);
}
const seconds = (performance.now() - start) / 1000;

// `evaluate` reads 8,000 digits: the 2,000 of the test four times.
const { correct } = engine.runSync("evaluate", {}, { streams: { ...batches(test, batch, steps) } });
const right = Number(correct!.data[0]) / 4;
expect(right >= 0.95 * test.labels.length, `only ${right} of ${test.labels.length} digits are read right`);
console.log(`\n${epochs * steps} steps in ${seconds.toFixed(1)} s; ${right} of ${test.labels.length} digits it has not seen are read right.`);
