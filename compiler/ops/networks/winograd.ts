/**
 * Winograd's minimal filtering for convolutions with windows of 3 × 3, one apart: image and filters are transformed, multiplied
 * as so many matrices (`matmul`), and the products transformed back. F(m × m, 3 × 3) gives m × m results of a tile with
 * (m + 2)² multiplications for each pair of channels instead of 9 · m². After Lavin & Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2016, whose matrices these are. Results differ from plain sums in their last bits; spec/graph.md says by
 * how much.
 *
 * Channels come last: images are [n, h, w, c] with their border. What belongs to a tile lies together, [n, i, j, (m + 2)², c]: it
 * is written and read in one run, and products see it as one matrix [n · i · j, c] for each of the (m + 2)².
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { binary, i32, unary } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex, sumOfAffine, type Affine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { finiteSamples } from "../elementwise/elementwise.ts";
import { dimensions, number } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { intAttribute, intsAttribute, requireInputs, showShape } from "../rules.ts";

type Matrix = readonly (readonly number[])[];

interface Transforms {
  /** Bᵀ: of a tile of the image. */
  readonly image: Matrix;
  /** G: of a filter. */
  readonly filters: Matrix;
  /** Aᵀ: back to results. */
  readonly result: Matrix;
}

const transforms: { readonly [size: number]: Transforms } = {
  2: {
    image: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    filters: [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
    result: [[1, 1, 1, 0], [0, 1, -1, -1]],
  },
  4: {
    image: [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]],
    filters: [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]],
    result: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
  },
};

/** Results of a tile in each direction: the attribute `size`. */
function sizeAttribute(attributes: Attributes): number {
  const size = intAttribute(attributes, "size");
  invariant(transforms[size], () => `winograd with tiles of ${size}`);
  return size;
}

/** m · x · mᵀ */
function evaluateTransform(matrix: Matrix, x: readonly (readonly number[])[]): number[][] {
  return matrix.map((left) => matrix.map((right) => left.reduce((sum, a, i) => sum + a * right.reduce((inner, b, j) => inner + b * x[i]![j]!, 0), 0)));
}

/** m · x · mᵀ in a kernel: columns first; every intermediate is a local. */
function emitTransform({ kernel }: BlockContext, matrix: Matrix, x: readonly (readonly Expression[])[]): Expression[][] {
  const columns = x[0]!.map((_, j) => matrix.map((left) => kernel.let("t", combination(left, x.map((row) => row[j]!)))));
  return matrix.map((_, i) => matrix.map((right) => combination(right, columns.map((column) => column[i]!))));
}

/** A sum of multiples, of which those of 0 are left out. */
function combination(factors: readonly number[], values: readonly Expression[]): Expression {
  let sum: Expression | undefined;
  factors.forEach((factor, k) => {
    if (factor === 0) return;
    const value = values[k]!;
    const part = Math.abs(factor) === 1 ? value : binary("mul", value, number(value.dtype, Math.abs(factor)));
    if (sum === undefined) sum = factor < 0 ? unary("neg", part) : part;
    else sum = binary(factor < 0 ? "sub" : "add", sum, part);
  });
  return sum!;
}

const box = <T>(rows: number, columns: number, element: (i: number, j: number) => T): T[][] => Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (__, j) => element(i, j)));

const noGradient = "it is made when gradients are there";

export const winogradImage: Op = {
  name: "winograd_image",
  kind: "compute",
  summary: "Overlapping tiles of an image with channels last, transformed for Winograd's convolution.",
  formula: "y[n, i, j, ·, c] = Bᵀ · x[n, m·i : m·i + m + 2, m·j : m·j + m + 2, c] · B",
  noGradient,
  type(inputs, attributes) {
    requireInputs("winograd_image", inputs, 1);
    const { dtype, shape } = inputs[0]!;
    const size = sizeAttribute(attributes);
    const [images, height, width, channels] = shape as [number, number, number, number];
    invariant((height - 2) % size === 0 && (width - 2) % size === 0, () => `winograd_image of ${showShape(shape)}`);
    return { dtype, shape: [images, (height - 2) / size, (width - 2) / size, (size + 2) ** 2, channels] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result, size] = [inputs[0]!, zeros(type), sizeAttribute(attributes)];
    const [images, height, width, channels] = x.type.shape as [number, number, number, number];
    const side = size + 2;
    forEachIndex([images, (height - 2) / size, (width - 2) / size, channels], ([n, i, j, c]) => {
      const values = box(side, side, (a, b) => Number(get(x, flatIndex(x.type.shape, [n!, i! * size + a, j! * size + b, c!]))));
      putTile(result, evaluateTransform(transforms[size]!.image, values), (k) => [n!, i!, j!, k, c!]);
    });
    return result;
  },
  lower(inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const size = sizeAttribute(attributes);
    const side = size + 2;
    const [images, height, width, channels] = inputs[0]!.shape as [number, number, number, number];
    const [down, across] = [(height - 2) / size, (width - 2) / size];
    const rank = 6;
    const at = (dimension: number, scale = 1): Affine => affineIndex(dimension, rank, scale);
    return [
      {
        name: "winograd",
        space: [...dimensions("parallel", [images, down, across, channels]), ...dimensions("serial", [side, side])],
        reads: [{ operand: 0, index: [at(0), sumOfAffine(at(1, size), at(4)), sumOfAffine(at(2, size), at(5)), at(3)] }],
        writes: [{ operand: 0, index: [at(0), at(1), at(2), sumOfAffine(at(4, side), at(5)), at(3)] }],
        operations: 4,
        emit: (context) => emitTile(context, 4, side, transforms[size]!.image),
      },
    ];
  },
  examples: () => [
    { inputs: [tensor("f32", [1, 4, 4, 1], [0, 1, 4, 9, 5, 3, 3, 5, 9, 4, 1, 0, 1, 4, 9, 5])], attributes: { size: 2 }, expected: tensor("f32", [1, 1, 1, 16, 1], [-12, 0, 6, -12, 10, 11, -3, 2, 6, -1, -3, 6, 10, -7, -5, -1]) },
    { inputs: [finiteSamples("f32", [1, 6, 6, 3])], attributes: { size: 4 } },
    { inputs: [finiteSamples("f32", [2, 10, 6, 5])], attributes: { size: 4 } },
    { inputs: [finiteSamples("f64", [1, 6, 4, 2])], attributes: { size: 2 } },
  ],
};

/** `index`: where the k-th element of the tile belongs, row by row. */
function putTile(result: Tensor, tile: readonly (readonly number[])[], index: (k: number) => readonly number[]): void {
  tile.forEach((row, i) => row.forEach((value, j) => put(result, flatIndex(result.type.shape, index(i * row.length + j)), value)));
}

/** Loads, transforms and stores one tile for each point of the first dimensions; the last two are those of the tile. */
function emitTile(context: BlockContext, outer: number, side: number, matrix: Matrix): void {
  const { kernel, block, load, store } = context;
  kernel.forBox(block.slice(0, outer), true, (point) => {
    const values = box(side, matrix[0]!.length, (a, b) => kernel.let("x", load(0, [...point, i32(a), i32(b)])));
    emitTransform(context, matrix, values).forEach((row, a) => row.forEach((value, b) => store(0, [...point, i32(a), i32(b)], value)));
  });
}

export const winogradFilters: Op = {
  name: "winograd_filters",
  kind: "compute",
  summary: "Filters [o, c, 3, 3] transformed for Winograd's convolution.",
  formula: "y[·, c, o] = G · w[o, c] · Gᵀ",
  noGradient,
  type(inputs, attributes) {
    requireInputs("winograd_filters", inputs, 1);
    const { dtype, shape } = inputs[0]!;
    return { dtype, shape: [(sizeAttribute(attributes) + 2) ** 2, shape[1]!, shape[0]!] };
  },
  evaluate(inputs, attributes, type) {
    const [filters, result, size] = [inputs[0]!, zeros(type), sizeAttribute(attributes)];
    forEachIndex(filters.type.shape.slice(0, 2), ([o, c]) => {
      const values = box(3, 3, (a, b) => Number(get(filters, flatIndex(filters.type.shape, [o!, c!, a, b]))));
      putTile(result, evaluateTransform(transforms[size]!.filters, values), (k) => [k, c!, o!]);
    });
    return result;
  },
  lower(inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const size = sizeAttribute(attributes);
    const side = size + 2;
    const [filters, channels] = inputs[0]!.shape as [number, number];
    const rank = 6;
    const at = (dimension: number, scale = 1): Affine => affineIndex(dimension, rank, scale);
    const { filters: matrix } = transforms[size]!;
    return [
      {
        name: "winograd",
        space: [...dimensions("parallel", [channels, filters]), ...dimensions("serial", [side, side, 3, 3])],
        reads: [{ operand: 0, index: [at(1), at(0), at(4), at(5)] }],
        writes: [{ operand: 0, index: [sumOfAffine(at(2, side), at(3)), at(0), at(1)] }],
        emit(context) {
          const { kernel, block, load, store } = context;
          const zero = i32(0);
          kernel.forBox(block.slice(0, 2), true, (point) => {
            const values = box(3, 3, (a, b) => kernel.let("w", load(0, [...point, zero, zero, i32(a), i32(b)])));
            emitTransform(context, matrix, values).forEach((row, a) => row.forEach((value, b) => store(0, [...point, i32(a), i32(b), zero, zero], value)));
          });
        },
      },
    ];
  },
  examples: () => [
    { inputs: [tensor("f32", [1, 1, 3, 3], [1, 2, 0, 0, -1, 4, 2, 0, 1])], attributes: { size: 2 }, expected: tensor("f32", [16, 1, 1], [1, 1.5, -0.5, 0, 1.5, 2.25, 1.75, 2.5, 1.5, 0.75, -0.75, -1.5, 2, 1.5, 1.5, 1]) },
    { inputs: [finiteSamples("f32", [3, 5, 3, 3])], attributes: { size: 4 } },
    { inputs: [finiteSamples("f64", [5, 2, 3, 3])], attributes: { size: 2 } },
  ],
};

/** Neighbouring tiles of an axis, and how many results of each there are: the last tile may have fewer. */
interface Run {
  readonly first: number;
  readonly tiles: number;
  readonly results: number;
}

function runsOf(extent: number, size: number): Run[] {
  const whole = Math.floor(extent / size);
  return [{ first: 0, tiles: whole, results: size }, { first: whole, tiles: 1, results: extent - whole * size }].filter(({ tiles, results }) => tiles * results > 0);
}

export const winogradResult: Op = {
  name: "winograd_result",
  kind: "compute",
  stores: "once",
  summary: "What Winograd's convolution gives, from the products [n · tiles, (m + 2)² · o]: images [n, h, w, o].",
  formula: "y[n, m·i : m·i + m, m·j : m·j + m, o] = Aᵀ · x[(n, i, j), (·, o)] · A",
  noGradient,
  type(inputs, attributes) {
    requireInputs("winograd_result", inputs, 1);
    const { dtype, shape } = inputs[0]!;
    const size = sizeAttribute(attributes);
    const [images, height, width] = intsAttribute(attributes, "images") as [number, number, number];
    const planes = (size + 2) ** 2;
    invariant(shape[1]! % planes === 0 && shape[0] === images * Math.ceil(height / size) * Math.ceil(width / size), () => `winograd_result of ${showShape(shape)}`);
    return { dtype, shape: [images, height, width, shape[1]! / planes] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result, size] = [inputs[0]!, zeros(type), sizeAttribute(attributes)];
    const [images, height, width, channels] = type.shape as [number, number, number, number];
    const side = size + 2;
    forEachIndex([images, Math.ceil(height / size), Math.ceil(width / size), channels], ([n, i, j, c], flat) => {
      const tile = (flat - c!) / channels;
      const values = box(side, side, (a, b) => Number(get(x, flatIndex(x.type.shape, [tile, (a * side + b) * channels + c!]))));
      evaluateTransform(transforms[size]!.result, values).forEach((row, a) => row.forEach((value, b) => {
        if (i! * size + a < height && j! * size + b < width) put(result, flatIndex(type.shape, [n!, i! * size + a, j! * size + b, c!]), value);
      }));
    });
    return result;
  },
  /** Whole tiles, and those of which only a part is in the image. */
  lower(_, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const size = sizeAttribute(attributes);
    const side = size + 2;
    const [images, height, width, channels] = type.shape as [number, number, number, number];
    const [down, across] = [Math.ceil(height / size), Math.ceil(width / size)];
    const rank = 8;
    const at = (dimension: number, scale = 1, constant = 0): Affine => affineIndex(dimension, rank, scale, constant);
    const { result: matrix } = transforms[size]!;
    return runsOf(height, size).flatMap((rows) => runsOf(width, size).map((columns): Lowering => ({
      name: "winograd",
      space: [...dimensions("parallel", [images, rows.tiles, columns.tiles, channels]), ...dimensions("serial", [rows.results, columns.results, side, side])],
      reads: [{ operand: 0, index: [sumOfAffine(at(0, down * across), at(1, across, rows.first * across), at(2, 1, columns.first)), sumOfAffine(at(6, side * channels), at(7, channels), at(3))] }],
      writes: [{ operand: 0, index: [at(0), sumOfAffine(at(1, size, rows.first * size), at(4)), sumOfAffine(at(2, size, columns.first * size), at(5)), at(3)] }],
      operations: 4,
      ...(rows.first > 0 || columns.first > 0 ? { edge: true } : {}),
      emit(context) {
        const { kernel, block, load, store } = context;
        const zero = i32(0);
        kernel.forBox(block.slice(0, 4), true, (point) => {
          const values = box(side, side, (a, b) => kernel.let("x", load(0, [...point, zero, zero, i32(a), i32(b)])));
          emitTransform(context, matrix, values).forEach((row, a) => row.forEach((value, b) => {
            if (a < rows.results && b < columns.results) store(0, [...point, i32(a), i32(b), zero, zero], value);
          }));
        });
      },
    })));
  },
  examples: () => [
    { inputs: [tensor("f32", [1, 16], [-12, 0, -3, -0, 15, 24.75, -5.25, 5, 9, -0.75, 2.25, -9, 20, -10.5, -7.5, -1])], attributes: { size: 2, images: [1, 2, 2] }, expected: tensor("f32", [1, 2, 2, 1], [30, 34, 22, 21]) },
    { inputs: [finiteSamples("f32", [4, 108])], attributes: { size: 4, images: [1, 8, 8] } },
    { inputs: [finiteSamples("f32", [4, 180])], attributes: { size: 4, images: [2, 3, 5] } },
    { inputs: [finiteSamples("f64", [6, 32])], attributes: { size: 2, images: [1, 5, 3] } },
  ],
};
