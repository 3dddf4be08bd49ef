/** Ops that compute little: what moves, picks or adds up elements. */
import { line, million, onMatrix, rows, scattered, size, waves, width, type Case, type Cases, type Limit } from "./case.ts";

function running(stride: number, length: number, combine: (total: number, x: number) => number, first: number): (x: Float32Array, y: Float32Array) => void {
  return (x, y) => {
    for (let row = 0; row < x.length / length; row++) {
      const start = stride === 1 ? row * length : row;
      for (let k = 0, total = first; k < length; k++) y[start + k * stride] = total = combine(total, x[start + k * stride]!);
    }
  };
}

const sums = (stride: number, length: number): ((x: Float32Array, y: Float32Array) => void) => running(stride, length, (total, x) => total + x, 0);

/** Images of 56 × 56 and what windows of 3 × 3 meet, with a border of 1, or `back` from that. */
function unfolding(back: boolean): Case {
  const [n, c, extent] = [8, 64, 56];
  const positions = extent * extent;
  const [images, columns] = [n * c * positions, n * c * 9 * positions];
  const [image, folded, column, unfolded] = [waves(images), new Float32Array(images), waves(columns), new Float32Array(columns)];
  const forEachElement = (visit: (at: number, column: number) => void): void => {
    for (let plane = 0; plane < n * c; plane++) for (let u = 0; u < 9; u++) for (let i = 0; i < positions; i++) {
      const [row, place] = [Math.floor(i / extent) + Math.floor(u / 3) - 1, (i % extent) + (u % 3) - 1];
      visit(row >= 0 && row < extent && place >= 0 && place < extent ? (plane * extent + row) * extent + place : -1, (plane * 9 + u) * positions + i);
    }
  };
  const [imageType, columnsType] = [`f32[${n}, ${c}, ${extent}, ${extent}]`, `f32[${n}, ${9 * c}, ${positions}]`];
  const [read, written] = back ? [columns, images] : [images, columns];
  return {
    imports: ['import { fold, unfold } from "std/nn";'], tolerance: back ? 1e-6 : 0, limit: { read: 4 * read, written: 4 * written },
    native: { name: back ? "fold_windows" : "unfold_windows", sizes: [n * c, extent] },
    operands: { x: back ? { type: columnsType, data: column } : { type: imageType, data: image } }, results: { y: back ? imageType : columnsType },
    main: back ? `y = fold(x, (${extent}, ${extent}), 3, padding = 1);` : "y = unfold(x, 3, padding = 1);",
    plain() {
      folded.fill(0);
      forEachElement(back ? (at, from) => at >= 0 && (folded[at]! += column[from]!) : (at, to) => (unfolded[to] = at >= 0 ? image[at]! : 0));
      return { y: back ? folded : unfolded };
    },
  };
}

/** y[k] = x[index], over a box whose last dimension is innermost. */
function permuted(shape: readonly number[], order: readonly number[]): (x: Float32Array, y: Float32Array) => void {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const [[a, b, c, d], [sa, sb, sc, sd]] = [order.map((axis) => shape[axis]!), order.map((axis) => strides[axis]!)] as unknown as [[number, number, number, number], [number, number, number, number]];
  return (x, y) => {
    let to = 0;
    for (let i = 0; i < a; i++) for (let j = 0; j < b; j++) for (let k = 0; k < c; k++) for (let l = 0; l < d; l++) y[to++] = x[i * sa + j * sb + k * sc + l * sd]!;
  };
}

function permutation(shape: readonly number[], order: readonly number[], limit: Limit = {}): Case {
  const count = shape.reduce((a, b) => a * b, 1);
  const [x, y] = [waves(count), new Float32Array(count)];
  const work = permuted(shape, order);
  return {
    operands: { x: { type: `f32[${shape.join(", ")}]`, data: x } }, results: { y: `f32[${order.map((axis) => shape[axis]).join(", ")}]` },
    main: `y = transpose(x, (${order.join(", ")}));`, tolerance: 0, limit: { read: 4 * count, written: 4 * count, ...limit },
    plain: () => {
      work(x, y);
      return { y };
    },
  };
}

const vocabulary = 50_000;
const features = 256;
const picks = 4096;

function gathering(): Case {
  const [table, indices, y] = [waves(vocabulary * features), scattered(picks, vocabulary), new Float32Array(picks * features)];
  return {
    operands: { table: { type: `f32[${vocabulary}, ${features}]`, data: table }, indices: { type: `i32[${picks}]`, data: indices } }, results: { y: `f32[${picks}, ${features}]` },
    main: "y = gather(table, indices);", tolerance: 0, limit: { lookups: { places: indices, extent: vocabulary, each: features, purpose: "copied" } },
    plain() {
      indices.forEach((from, k) => y.set(table.subarray(from * features, (from + 1) * features), k * features));
      return { y };
    },
  };
}

function scattering(): Case {
  const [table, indices, updates] = [waves(vocabulary * features), scattered(picks, vocabulary), waves(picks * features, 1)];
  const result = table.slice();
  return {
    operands: { table: { type: `f32[${vocabulary}, ${features}]`, data: table }, indices: { type: `i32[${picks}]`, data: indices }, updates: { type: `f32[${picks}, ${features}]`, data: updates } },
    results: { table: `f32[${vocabulary}, ${features}]` }, main: "table = scatter_add(table, indices, updates);", tolerance: 1e-6,
    limit: { lookups: { places: indices, extent: vocabulary, each: features, purpose: "added" } },
    plain() {
      indices.forEach((to, k) => {
        for (let j = 0; j < features; j++) result[to * features + j]! += updates[k * features + j]!;
      });
      return { table: result };
    },
  };
}

/** Elements of a vector that indices name, one by one. */
function gatheringElements(): Case {
  const [table, indices, y] = [waves(65_536), scattered(million, 65_536), new Float32Array(million)];
  return {
    operands: { table: line(table), indices: { type: `i32[${million}]`, data: indices } }, results: { y: `f32[${million}]` }, main: "y = 2 * gather(table, indices) + 1;", tolerance: 1e-6,
    limit: { read: 4 * million, written: 4 * million, lookups: { places: indices, extent: table.length, each: 1, purpose: "copied" } },
    plain() {
      for (let k = 0; k < million; k++) y[k] = 2 * table[indices[k]!]! + 1;
      return { y };
    },
  };
}

function oneHot(): Case {
  const [labels, y] = [scattered(rows, width), new Float32Array(size)];
  return {
    operands: { labels: { type: `i32[${rows}]`, data: labels } }, results: { y: `f32[${rows}, ${width}]` }, main: `y = one_hot<f32>(labels, ${width});`, tolerance: 0, limit: { written: 4 * size },
    plain() {
      y.fill(0);
      labels.forEach((label, row) => (y[row * width + label] = 1));
      return { y };
    },
  };
}

/** Two matrices side by side. */
function concatenating(): Case {
  const half = width / 2;
  const [left, right, y] = [waves(rows * half), waves(rows * half, 1), new Float32Array(size)];
  const type = `f32[${rows}, ${half}]`;
  return {
    operands: { left: { type, data: left }, right: { type, data: right } }, results: { y: `f32[${rows}, ${width}]` }, main: "y = concat(left, right, axis = 1);", tolerance: 0, limit: { read: 4 * size, written: 4 * size },
    native: { name: "concat_columns", sizes: [rows, half] },
    plain() {
      for (let row = 0; row < rows; row++) [left, right].forEach((part, at) => y.set(part.subarray(row * half, (row + 1) * half), row * width + at * half));
      return { y };
    },
  };
}

const shifted = (by: number) => (x: Float32Array, y: Float32Array): void => {
  y.set(x.subarray(x.length - by), 0);
  y.set(x.subarray(0, x.length - by), by);
};

export const dataCases: Cases = {
  "cum_sum, last axis": () => ({ ...onMatrix("cum_sum(x)", `f32[${rows}, ${width}]`, size, sums(1, width), 1e-5), native: { name: "cum_sum_rows", sizes: [rows, width] } }),
  "cum_sum, first axis": () => ({ ...onMatrix("cum_sum(x, axis = 0)", `f32[${rows}, ${width}]`, size, sums(width, rows), 1e-5), native: { name: "cum_sum_columns", sizes: [rows, width] } }),
  "cum_max, last axis": () => ({ ...onMatrix("cum_max(x)", `f32[${rows}, ${width}]`, size, running(1, width, Math.max, -Infinity)), native: { name: "cum_max_rows", sizes: [rows, width] } }),
  "cum_max, first axis": () => ({ ...onMatrix("cum_max(x, axis = 0)", `f32[${rows}, ${width}]`, size, running(width, rows, Math.max, -Infinity)), native: { name: "cum_max_columns", sizes: [rows, width] } }),
  unfold: () => unfolding(false),
  fold: () => unfolding(true),
  "gather, rows": gathering,
  "gather, elements": gatheringElements,
  "scatter_add, rows": scattering,
  one_hot: oneHot,
  "transpose, 2-D": () => onMatrix("transpose(x)", `f32[${width}, ${rows}]`, size, permuted([1, 1, rows, width], [0, 1, 3, 2]), 0, [], { turned: [1, rows, width] }),
  "permute, heads": () => ({ ...permutation([8, 512, 16, 64], [0, 2, 1, 3]), native: { name: "permute_heads", sizes: [8, 512, 16, 64] } }),
  "permute, channels last": () => permutation([16, 64, 64, 64], [0, 2, 3, 1], { turned: [16, 64, 4096] }),
  "permute, channels first": () => permutation([16, 64, 64, 64], [0, 3, 1, 2], { turned: [16, 4096, 64] }),
  "permute, one image": () => permutation([1, 112, 112, 32], [0, 3, 1, 2], { turned: [1, 12_544, 32] }),
  pad: () => onMatrix("pad(x, (1, 3), (1, 3))", `f32[${rows + 2}, ${width + 6}]`, (rows + 2) * (width + 6), (x, y) => {
    for (let row = 0; row < rows; row++) y.set(x.subarray(row * width, (row + 1) * width), (row + 1) * (width + 6) + 3);
  }),
  "concat, columns": concatenating,
  roll: () => onMatrix("roll(x, 5, axis = 0)", `f32[${rows}, ${width}]`, size, shifted(5 * width)),
};
