/** What training makes of convolutions and pools: filters that change from call to call, gradients by images and by filters. */
import { largestOfFour, largestOfNine, times } from "./formulas.ts";
import { waves, type Case, type Cases } from "./case.ts";

interface Layer {
  readonly images: number;
  readonly channels: number;
  readonly filters: number;
  readonly size: number;
  readonly window: number;
  readonly stride: number;
}

const middle: Layer = { images: 16, channels: 32, filters: 32, size: 28, window: 3, stride: 1 };
const narrowing: Layer = { ...middle, filters: 64, stride: 2 };
const point: Layer = { ...middle, channels: 64, filters: 64, window: 1 };
const first: Layer = { images: 32, channels: 3, filters: 32, size: 32, window: 3, stride: 1 };

const paddingOf = ({ window }: Layer): number => Math.floor(window / 2);
const extentOf = (layer: Layer): number => Math.floor((layer.size + 2 * paddingOf(layer) - layer.window) / layer.stride) + 1;
const filterSize = ({ channels, filters, window }: Layer): number => channels * filters * window ** 2;
const operationsOf = (layer: Layer): number => 2 * layer.images * extentOf(layer) ** 2 * filterSize(layer);

/** Calls `visit` for each run along a row of the result: an element of the filters, where the run begins in the result and in the image, and its length. */
function forRuns(layer: Layer, visit: (w: number, y: number, x: number, length: number) => void): void {
  const { images, channels, filters, size, window, stride } = layer;
  const [extent, padding] = [extentOf(layer), paddingOf(layer)];
  for (let n = 0; n < images; n++) for (let o = 0; o < filters; o++) for (let c = 0; c < channels; c++) for (let u = 0; u < window; u++) for (let v = 0; v < window; v++) {
    const [from, to] = [Math.max(0, Math.ceil((padding - v) / stride)), Math.min(extent, Math.floor((size - 1 + padding - v) / stride) + 1)];
    for (let i = 0; i < extent; i++) {
      const row = i * stride + u - padding;
      if (row < 0 || row >= size) continue;
      visit(((o * channels + c) * window + u) * window + v, ((n * filters + o) * extent + i) * extent + from, ((n * channels + c) * size + row) * size + from * stride + v - padding, to - from);
    }
  }
}

const noise = (count: number, seed: number): Float32Array => Float32Array.from(waves(count), (_, k) => Math.sin(k * 12.9898 + seed));

interface Operands {
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly y: Float32Array;
}

/** y = conv2d(x, w), or the gradients of its product with y by x or w. */
function convolution(layer: Layer, by: "y" | "x" | "w", native?: string): Case {
  const { images, channels, filters, size, window, stride } = layer;
  const extent = extentOf(layer);
  const shapes = { x: [images, channels, size, size], w: [filters, channels, window, window], y: [images, filters, extent, extent] };
  const data: Operands = { x: noise(images * channels * size ** 2, 1), w: noise(filterSize(layer), 2), y: noise(images * filters * extent ** 2, 3) };
  const result = new Float32Array(data[by].length);
  const call = `conv2d(x, w, stride = ${stride}, padding = ${paddingOf(layer)})`;
  const [x, w, y] = (["x", "w", "y"] as const).map((name) => (name === by ? result : data[name])) as [Float32Array, Float32Array, Float32Array];
  const typeOf = (name: keyof Operands): string => `f32[${shapes[name].join(", ")}]`;
  return {
    imports: ['import { conv2d } from "std/nn";'],
    operands: Object.fromEntries((["x", "w", "y"] as const).map((name) => [name, { type: typeOf(name), data: data[name] }])), results: { result: typeOf(by) },
    main: by === "y" ? `result = ${call};` : `result = grad(sum(${call} * y), ${by});`, tolerance: 1e-4, limit: { operations: operationsOf(layer) }, ...(native === undefined ? {} : { native: { name: native, sizes: [images] } }),
    plain() {
      result.fill(0);
      if (by === "y") forRuns(layer, (k, to, from, length) => {
        for (let j = 0; j < length; j++) y[to + j]! += w[k]! * x[from + j * stride]!;
      });
      else if (by === "x") forRuns(layer, (k, from, to, length) => {
        for (let j = 0; j < length; j++) x[to + j * stride]! += w[k]! * y[from + j]!;
      });
      else forRuns(layer, (k, first, second, length) => {
        let sum = 0;
        for (let j = 0; j < length; j++) sum += y[first + j]! * x[second + j * stride]!;
        w[k]! += sum;
      });
      return { result };
    },
  };
}

/** The gradient of a pool by its image: what belongs to a window goes to its largest element, or to all in equal parts. */
function pooling(name: "max" | "avg", window: number, stride: number): Case {
  const [planes, size] = [512, 64];
  const padding = window === stride ? 0 : Math.floor(window / 2);
  const extent = Math.floor((size + 2 * padding - window) / stride) + 1;
  const [x, y, result] = [noise(planes * size ** 2, 1), noise(planes * extent ** 2, 2), new Float32Array(planes * size ** 2)];
  const type = `f32[16, 32, ${size}, ${size}]`;
  return {
    imports: [`import { ${name}_pool2d } from "std/nn";`], operands: { x: { type, data: x }, y: { type: `f32[16, 32, ${extent}, ${extent}]`, data: y } }, results: { result: type },
    main: `result = grad(sum(${name}_pool2d(x, ${window}, ${stride}, ${padding}) * y), x);`, tolerance: 1e-5,
    limit: { read: 4 * (name === "max" ? x.length + y.length : y.length), written: 4 * x.length, ...(name === "max" ? times(window === 2 ? largestOfFour : largestOfNine, y.length) : {}) },
    native: window === 2 ? { name: `${name}_pool_back`, sizes: [planes * extent, extent] } : { name: "max_pool_back_3", sizes: [planes] },
    plain() {
      result.fill(0);
      for (let at = 0; at < y.length; at++) {
        const [plane, i, j] = [Math.floor(at / extent ** 2), Math.floor(at / extent) % extent, at % extent];
        let [best, place] = [-Infinity, -1];
        for (let u = 0; u < window; u++) for (let v = 0; v < window; v++) {
          const [row, column] = [i * stride + u - padding, j * stride + v - padding];
          if (row < 0 || row >= size || column < 0 || column >= size) continue;
          const here = (plane * size + row) * size + column;
          if (name === "avg") result[here]! += y[at]! / window ** 2;
          else if (x[here]! > best) [best, place] = [x[here]!, here];
        }
        if (name === "max") result[place]! += y[at]!;
      }
      return { result };
    },
  };
}

export const trainingCases: Cases = {
  "conv2d, its filters change": () => convolution(middle, "y"),
  "conv2d by its image": () => convolution(middle, "x"),
  "conv2d by its filters": () => convolution(middle, "w", "conv_by_filters"),
  "conv2d, stride 2, changing": () => convolution(narrowing, "y", "conv_stride"),
  "conv2d, stride 2, by image": () => convolution(narrowing, "x", "conv_stride_by_image"),
  "conv2d, stride 2, by filters": () => convolution(narrowing, "w", "conv_stride_by_filters"),
  "conv2d, 1 × 1, by its image": () => convolution(point, "x", "conv_point_by_image"),
  "conv2d, 1 × 1, by filters": () => convolution(point, "w", "conv_point_by_filters"),
  "conv2d, 3 channels, changing": () => convolution(first, "y", "conv_first"),
  "conv2d, 3 channels, filters": () => convolution(first, "w", "conv_first_by_filters"),
  "max_pool2d 2, gradient": () => pooling("max", 2, 2),
  "max_pool2d 3 by 2, gradient": () => pooling("max", 3, 2),
  "avg_pool2d 2, gradient": () => pooling("avg", 2, 2),
};
