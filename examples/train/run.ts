/** Trains a network to read digits; where the data is not at hand, on made-up pictures, to see its loss fall. */
import { existsSync, readFileSync } from "node:fs";
import { readNpy, type Engine } from "../../index.ts";
import { expect, loadProgram } from "../support.ts";
import { batches, type Digits } from "./digits.ts";

const data = new URL("../../../shared/data/mnist/", import.meta.url);
const [batch, steps, lr] = [64, 125, 0.2];

await using engine = await loadProgram(new URL("train.gph", import.meta.url), { parameters: { batch, steps, lr } });
if (existsSync(data)) trainOnDigits(engine);
else trainOnMadeUp(engine);

/** One pass over the examples; gives the loss of each step. */
function epoch(network: Engine, digits: Digits, seed: number): number[] {
  const losses: number[] = [];
  network.runSync("epoch", {}, { streams: { ...batches(digits, batch, steps, seed), losses: ({ data: [loss] }) => void losses.push(Number(loss)) } });
  return losses;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function trainOnDigits(network: Engine): void {
  const array = (name: string): Uint8Array => readNpy(readFileSync(new URL(`${name}.npy`, data))).data as Uint8Array;
  const [training, test] = ["train", "test"].map((part): Digits => ({ images: array(`${part}-images`), labels: array(`${part}-labels`) })) as [Digits, Digits];
  const start = performance.now();
  for (let pass = 0; pass < 12; pass++) {
    const losses = epoch(network, training, pass);
    console.log(`epoch ${String(pass + 1).padStart(2)}: loss ${average(losses).toFixed(4)}`);
  }
  const seconds = (performance.now() - start) / 1000;
  // `evaluate` reads 8,000 digits: the 2,000 of the test four times.
  const { correct } = network.runSync("evaluate", {}, { streams: { ...batches(test, batch, steps) } });
  const right = Number(correct!.data[0]) / 4;
  expect(right >= 0.93 * test.labels.length, `only ${right} of ${test.labels.length} digits are read right`);
  console.log(`\n${12 * steps} steps in ${seconds.toFixed(1)} s; ${right} of ${test.labels.length} digits it has not seen are read right.`);
}

/** No data: each digit is a bar of its own in a picture of noise. */
function trainOnMadeUp(network: Engine): void {
  console.log("The digits are not at hand (../shared/data/mnist beside this checkout), so pictures are made up.");
  const count = batch * steps;
  const labels = Uint8Array.from({ length: count }, (_, i) => (i * 7) % 10);
  const images = Uint8Array.from({ length: count * 784 }, (_, at) => {
    const [image, row] = [Math.floor(at / 784), Math.floor((at % 784) / 28)];
    return Math.floor(row / 2.8) === labels[image] ? 255 : (at * 7919) % 64;
  });
  const [first, second] = [average(epoch(network, { images, labels }, 0)), average(epoch(network, { images, labels }, 1))];
  expect(second < first / 2, `the loss fell from ${first} to ${second} only`);
  console.log(`${2 * steps} steps: the loss fell from ${first.toFixed(4)} to ${second.toFixed(4)}.`);
}
