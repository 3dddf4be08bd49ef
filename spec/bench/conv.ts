/**
 * Convolutions on wasm: what gph's own executables reach, beside a plain JavaScript loop and the machine's measured peak
 * (limits.ts). Operations are those of the plain sums, so that Winograd's products may seem to be faster than the peak. Inputs
 * stay from call to call, and results where they are. Images and results of a layer have their channels second: both reorderings
 * are part of a call where channels come last inside. Rounds of all alternate; results are compared before anything is timed.
 *
 * November 2026, one worker: milliseconds, and parts of the fused peak of the same vectors (65 GF; 130 GF wide). Two workers were
 * 1.98 to 2.02 times one of 3x3-56 and 1x1-56, and 1.78 to 1.86, 1.99, while the two processors were on different chiplets (a line
 * there and back took 530 ns in place of 110; suite/README.md): of 3 × 3, borders of strips and transformed filters are shared.
 *
 * | layer      | 128 bits     | wide       |
 * | first      | 3.84, 0.95   | 2, 0.91    | three channels
 * | 3x3-56     | 1.16, 3.11   | 0.688, 2.57 | Winograd, 4 × 4
 * | 3x3-28     | 1.05, 3.37   | 0.571, 3.08 | Winograd, 4 × 4
 * | 3x3-14     | 1.35, 2.64   | 0.702, 2.52 | Winograd, 4 × 4
 * | 3x3-7      | 2.31, 1.53   | 1.18, 1.50 | Winograd, 2 × 2
 * | 3x3-stride | 4, 0.89      | 2, 0.90    |
 * | 1x1-56     | 1.59, 0.99   | 0.771, 1.02 | 3.2 MB are written
 * | 1x1-14     | 1.65, 0.95   | 0.853, 0.92 |
 * | depthwise  | 0.117, 0.72  | 0.083, 0.49 | channels stay second
 * | resnet     | 106, 1.18    | 57, 1.10   |
 *
 *   node spec/bench/conv.ts [--wide] [name …]
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import { compile } from "../../compiler/index.ts";
import { Engine } from "../../runtime/index.ts";
import { peak, widePeak } from "./limits.ts";
import { compare, type Contender } from "./rounds.ts";
import { resnetSource } from "./resnet.ts";

interface Layer {
  readonly channels: number;
  readonly filters: number;
  readonly size: number;
  readonly window: number;
  readonly stride: number;
  readonly groups: number;
}

const wide = process.argv.includes("--wide");

const layer = (channels: number, filters: number, size: number, window: number, stride = 1, groups = 1): Layer => ({ channels, filters, size, window, stride, groups });

const layers: { readonly [name: string]: Layer } = {
  "first": layer(3, 64, 224, 7, 2),
  "3x3-56": layer(64, 64, 56, 3),
  "3x3-28": layer(128, 128, 28, 3),
  "3x3-14": layer(256, 256, 14, 3),
  "3x3-7": layer(512, 512, 7, 3),
  "3x3-stride": layer(128, 128, 56, 3, 2),
  "1x1-56": layer(64, 256, 56, 1),
  "1x1-14": layer(1024, 256, 14, 1),
  "depthwise": layer(96, 96, 56, 3, 1, 96),
};

const source = ({ channels, filters, size, window, stride, groups }: Layer): string => `import { conv2d } from "std/nn";

graph layer {
  in x: f32[1, ${channels}, ${size}, ${size}];
  param w: f32[${filters}, ${channels / groups}, ${window}, ${window}];
  out y: f32[1, ${filters}, ${extentOf({ size, window, stride })}, ${extentOf({ size, window, stride })}];
  program main { y = conv2d(x, w, stride = ${stride}, padding = ${paddingOf(window)}, groups = ${groups}); }
}`;

const paddingOf = (window: number): number => Math.floor(window / 2);
const extentOf = ({ size, window, stride }: Pick<Layer, "size" | "window" | "stride">): number => Math.floor((size + 2 * paddingOf(window) - window) / stride) + 1;

/** The sums as they are defined, along rows of the result. */
function plain({ channels, filters, size, window, stride, groups }: Layer, x: Float32Array, w: Float32Array, y: Float32Array): void {
  const [extent, padding, inGroup] = [extentOf({ size, window, stride }), paddingOf(window), channels / groups];
  y.fill(0);
  for (let o = 0; o < filters; o++) {
    const firstChannel = Math.floor(o / (filters / groups)) * inGroup;
    for (let c = 0; c < inGroup; c++) {
      for (let u = 0; u < window; u++) {
        for (let v = 0; v < window; v++) {
          const factor = w[((o * inGroup + c) * window + u) * window + v]!;
          const [from, to] = [Math.max(0, Math.ceil((padding - v) / stride)), Math.min(extent, Math.floor((size - 1 + padding - v) / stride) + 1)];
          for (let i = 0; i < extent; i++) {
            const row = i * stride + u - padding;
            if (row < 0 || row >= size) continue;
            const [result, image] = [(o * extent + i) * extent, ((firstChannel + c) * size + row) * size + v - padding];
            for (let j = from; j < to; j++) y[result + j] = y[result + j]! + factor * x[image + j * stride]!;
          }
        }
      }
    }
  }
}

interface Image {
  readonly dtype: "f32";
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

async function engineOf(text: string, params: { readonly [name: string]: Image }, workers: number, x: Image): Promise<Engine> {
  const { executable, diagnostics } = await compile("conv.gph", { readFile: () => text });
  if (!executable) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const engine = await Engine.load(executable, { workers, params, wideVectors: wide });
  engine.write("x", x);
  return engine;
}

const random = (length: number, scale: number, seed: number): Float32Array => {
  let state = seed * 2_654_435_761 + 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return scale * (state / 2 ** 31 - 1);
  });
};

const workersTried = [...new Set([1, Math.min(2, availableParallelism())])];

async function benchLayer(name: string, one: Layer, peaks: readonly Contender[]): Promise<void> {
  const { channels, filters, size, window, groups } = one;
  const extent = extentOf(one);
  const x = { dtype: "f32", shape: [1, channels, size, size], data: random(channels * size * size, 1, 1) } as const;
  const w = { dtype: "f32", shape: [filters, channels / groups, window, window], data: random((filters * channels * window * window) / groups, 1, 2) } as const;
  const expected = new Float32Array(filters * extent * extent);
  plain(one, x.data, w.data, expected);
  const operations = (2 * filters * extent * extent * channels * window * window) / groups;
  await using engines = new AsyncDisposableStack();
  const contenders: Contender[] = [...peaks];
  let error = 0;
  for (const workers of workersTried) {
    const engine = engines.use(await engineOf(source(one), { w }, workers, x));
    const got = engine.runSync()["y"]!.data as Float32Array;
    error = got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    if (!(error <= 1e-5 * (channels / groups) * window)) throw new Error(`${name}: the results differ by ${error}`);
    contenders.push({ name: workers === 1 ? "gph" : `gph, ${workers} workers`, workers, operations, run: () => engine.runSync("main", undefined, { outputs: "views" }) });
  }
  const y = new Float32Array(expected.length);
  contenders.push({ name: "JavaScript", workers: 1, operations, run: () => plain(one, x.data, w.data, y) });
  show(`${name} (error ${error.toExponential(1)})`, contenders, peaks.length);
}

function show(name: string, contenders: readonly Contender[], peaks: number): void {
  const seconds = compare(contenders, { milliseconds: 1500, roundMilliseconds: 40, leastRounds: 5 });
  const best = contenders[peaks - 1]!.operations / seconds[peaks - 1]!;
  const shown = contenders.map((one, at) => {
    const speed = one.operations / seconds[at]!;
    return `${one.name} ${at < peaks ? "" : `${(seconds[at]! * 1000).toFixed(3)} ms, `}${(speed / 1e9).toFixed(1)} GF${at < peaks ? "" : ` (${(speed / best).toFixed(2)})`}`;
  });
  console.log(`${name}: ${shown.join(" · ")}`);
}

/** 53 convolutions of an image of 224 × 224. */
async function benchResnet(peaks: readonly Contender[]): Promise<void> {
  const text = resnetSource();
  const params = Object.fromEntries([...text.matchAll(/param ([\w.]+): f32\[([\d, ]+)\]/g)].map(([, name, list], seed) => {
    const shape = list!.split(",").map(Number);
    const size = shape.reduce((product, extent) => product * extent, 1);
    return [name!, { dtype: "f32", shape, data: random(size, shape.length > 1 ? Math.sqrt(3 / (size / (shape.length === 4 ? shape[0]! : shape[1]!))) : 0.1, seed) } as const];
  }));
  const x = { dtype: "f32", shape: [1, 3, 224, 224], data: random(3 * 224 * 224, 1, 99) } as const;
  await using engines = new AsyncDisposableStack();
  const contenders: Contender[] = [...peaks];
  for (const workers of workersTried) {
    const engine = engines.use(await engineOf(text, params, workers, x));
    contenders.push({ name: workers === 1 ? "gph" : `gph, ${workers} workers`, workers, operations: 8.2e9, run: () => engine.runSync("main", undefined, { outputs: "views" }) });
  }
  show("resnet", contenders, peaks.length);
}

const peaks = [await peak(true), ...(wide ? [await widePeak()] : [])];
const asked = process.argv.slice(2).filter((text) => !text.startsWith("--"));
for (const name of asked.length > 0 ? asked : [...Object.keys(layers), "resnet"]) {
  const one = layers[name];
  if (one) await benchLayer(name, one, peaks);
  else if (name === "resnet") await benchResnet(peaks);
  else throw new Error(`not a layer: ${name}`);
}
