/**
 * Rows of random tensors by their numbers, what `uniform` and `normal` are made of. Element j of row r is element
 * r · apart + j of the whole, so that rows may be computed on any tile and give the same bits.
 *
 * A vertex computes all counters of a row in vectors, four words each, and then puts what they give side by side.
 */
import { sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { convert, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { binary, bitcast, call, cast, constant, i32, select, unary, type KernelBuilder } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { logarithmOf, splitNormal } from "../../kernel/passes/math-formulas-logarithm.ts";
import { addProduct, lessProduct, polynomial } from "../../kernel/passes/math-formulas-parts.ts";
import { affineIndex, identityMap } from "../../support/affine.ts";
import { dimensions, number } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { halves, philox, philoxInKernel, type Key } from "./philox.ts";
import { computeDType, dtypeAttribute, intAttribute, refuse, requireInputs, showShape } from "../rules.ts";

/** Elements of a row: few enough that a large tensor has rows for all tiles, many beside the work of starting one. */
export const rowElements = 1024;
/** A counter gives so many: rows are a multiple of this apart. */
export const wordsPerBlock = 4;

export interface Source {
  readonly key: Key;
  readonly stream: Key;
}

/** From the attributes, or where there is one from a tensor that holds the stream. */
export const sourceOf = (stream: Tensor | undefined, attributes: Attributes): Source => ({
  key: halves(intAttribute(attributes, "seed")),
  stream: halves(stream ? Number(get(stream, 0)) : intAttribute(attributes, "stream")),
});

function wordOf({ key, stream }: Source, element: number): number {
  const block = Math.floor(element / wordsPerBlock);
  return philox([block % 2 ** 32, Math.floor(block / 2 ** 32), ...stream], key)[element % wordsPerBlock]!;
}

/** Random bits of a uniform number: what the dtype's fraction holds, so that 1 is never reached. */
const uniformBits = (dtype: DType): number => (dtype === "f16" ? 11 : dtype === "bf16" ? 8 : dtype === "f32" ? 24 : 32);

export function uniformAt(source: Source, element: number, dtype: DType): number {
  const digits = uniformBits(dtype);
  return (wordOf(source, element) >>> (32 - digits)) / 2 ** digits;
}

/** (0, 1] from a word, so that its logarithm exists. */
const toUnit = (word: number): number => (word + 1) / 2 ** 32;

/** Box–Muller: elements 2j and 2j + 1 share two words. G. Box, M. Muller, Ann. Math. Statist. 29 (1958). */
export function normalAt(source: Source, element: number, dtype: DType): number {
  const even = element - (element % 2);
  const radius = Math.sqrt(-2 * Math.log(toUnit(wordOf(source, even))));
  const angle = 2 * Math.PI * toUnit(wordOf(source, even + 1));
  return convert(computeDType(dtype), radius * (element % 2 === 0 ? Math.cos(angle) : Math.sin(angle))) as number;
}

/** The numbers that words of a counter give, one of each or two of two. */
interface Numbers {
  of(kernel: KernelBuilder, words: readonly Expression[]): readonly Expression[];
  /** Long formulas have a loop of their own, over two words: it is short enough for several steps at once, which fill each other's time. */
  readonly isLong: boolean;
}

function uniformNumbers(dtype: DType): Numbers {
  const [digits, inner] = [uniformBits(dtype), computeDType(dtype)];
  // With fewer than 32 bits it is not negative as a signed number either, which converts by one instruction.
  const signed = (word: Expression): Expression => (digits < 32 ? bitcast("i32", binary("shr", word, constant("u32", 32 - digits))) : word);
  return { of: (_, words) => words.map((word) => binary("mul", cast(inner, signed(word)), number(inner, 2 ** -digits))), isLong: false };
}

/** Two words to two normal numbers. */
type Pair = (kernel: KernelBuilder, first: Expression, second: Expression) => readonly [Expression, Expression];

const doublePair: Pair = (kernel, first, second) => {
  const f64 = (value: number): Expression => constant("f64", value);
  const unit = (word: Expression): Expression => binary("div", binary("add", cast("f64", word), f64(1)), f64(2 ** 32));
  const radius = kernel.let("radius", unary("sqrt", binary("mul", f64(-2), call("log", unit(first)))));
  const angle = kernel.let("angle", binary("mul", f64(2 * Math.PI), unit(second)));
  return [binary("mul", radius, call("cos", angle)), binary("mul", radius, call("sin", angle))];
};

/** sin r = r + r³ · p(r²) and cos r = 1 − r²/2 + r⁴ · p(r²) for |r| ≤ π/4, each to 24 bits; the tails of `math-formulas-trigonometric.ts`. */
const sinTail = [-0.16666655242443085, 0.008332176133990288, -0.00019516977772582322];
const cosTail = [0.04166664555668831, -0.0013887364184483886, 2.443809171381872e-5];

/** ln((word + 1) / 2³²). Of a word from 2³¹ on, negative as a signed number, word + 1 is how far the unit lies below 1, which keeps its digits. */
function logarithmOfUnit(kernel: KernelBuilder, word: Expression): Expression {
  const f32 = (value: number): Expression => constant("f32", value);
  const define = (name: string, value: Expression): Expression => kernel.let(name, value);
  const upper = define("upper", binary("lt", word, i32(0)));
  const below = define("below", binary("mul", cast("f32", binary("add", word, i32(1))), f32(2 ** -32)));
  const unit = define("unit", select(upper, binary("add", below, f32(1)), binary("mul", binary("add", cast("f32", word), f32(1)), f32(2 ** -32))));
  const { f, e } = splitNormal(unit, define);
  const exponent = define("e", e);
  const isDistance = binary("and", upper, binary("eq", exponent, f32(0)));
  return logarithmOf({ f: define("f", select(isDistance, below, f)), e: exponent }, define);
}

/**
 * The same in f32, which vectorises. What would lose digits is done in integers: the logarithm of numbers above a half takes
 * their distance from 1, and the angle is split into quarter turns and a rest of at most an eighth.
 */
const singlePair: Pair = (kernel, first, second) => {
  const f32 = (value: number): Expression => constant("f32", value);
  const integer = (value: number): Expression => constant("i32", value);
  const signed = (word: Expression): Expression => bitcast("i32", word);
  const [sum, product] = [(a: Expression, b: Expression): Expression => binary("add", a, b), (a: Expression, b: Expression): Expression => binary("mul", a, b)];
  const scaled = (whole: Expression, by: number): Expression => product(cast("f32", whole), f32(by));
  const [word, turn] = [kernel.let("first", signed(first)), kernel.let("second", sum(signed(second), integer(1)))];
  const radius = kernel.let("radius", unary("sqrt", product(f32(-2), logarithmOfUnit(kernel, word))));
  const quarter = kernel.let("quarter", binary("shr", bitcast("u32", sum(turn, integer(2 ** 29))), constant("u32", 30)));
  const rest = kernel.let("rest", scaled(binary("sub", turn, binary("shl", signed(quarter), integer(30))), (2 * Math.PI) / 2 ** 32));
  const square = kernel.let("square", product(rest, rest));
  const sine = kernel.let("sine", addProduct(rest, product(rest, square), polynomial(square, sinTail)));
  const cosine = kernel.let("cosine", addProduct(lessProduct(f32(1), f32(0.5), square), product(square, square), polynomial(square, cosTail)));
  const even = kernel.let("even", binary("eq", binary("and", signed(quarter), integer(1)), integer(0)));
  const negated = (value: Expression, bits: Expression): Expression => bitcast("f32", binary("xor", bitcast("i32", value), binary("shl", binary("and", bits, integer(2)), integer(30))));
  const [x, y] = [negated(select(even, cosine, sine), sum(signed(quarter), integer(1))), negated(select(even, sine, cosine), signed(quarter))];
  return [product(radius, x), product(radius, y)];
};

function normalNumbers(dtype: DType): Numbers {
  const pair = dtype === "f64" ? doublePair : singlePair;
  return { of: (kernel, words) => words.flatMap((word, at) => (at % 2 === 0 ? pair(kernel, word, words[at + 1]!) : [])), isLong: true };
}

/** The words of a stream in a counter, from the attribute or the value in `reads[1]`. */
function streamWords({ kernel, load }: BlockContext, rank: number, attributes: Attributes, isDynamic: boolean): readonly [Expression, Expression] {
  if (!isDynamic) return halves(intAttribute(attributes, "stream")).map((half) => constant("u32", half)) as unknown as readonly [Expression, Expression];
  const stream = kernel.let("stream", load(1, Array.from({ length: rank }, () => i32(0))));
  return [cast("u32", stream), cast("u32", binary("shr", stream, i32(31)))];
}

function lowerRows(name: string, inputs: readonly TensorType[], attributes: Attributes, type: TensorType, numbers: Numbers, operations: number): Lowering[] {
  const [count, length] = type.shape as [number, number];
  if (sizeOf(type.shape) === 0) return [];
  const [key, isDynamic] = [halves(intAttribute(attributes, "seed")), inputs.length > 1];
  const blocks = Math.ceil(length / wordsPerBlock);
  // f64 has half as many lanes as the words, so its numbers are made of words where they are stored.
  const early = type.dtype !== "f64";
  const apart = early && numbers.isLong;
  const held = early && !apart ? computeDType(type.dtype) : "u32";
  return [
    {
      name,
      space: [{ extent: count, kind: "parallel" }, ...dimensions("serial", [length])],
      reads: [{ operand: 0, index: [affineIndex(0, 2)] }, ...(isDynamic ? [{ operand: 1, index: [] }] : [])],
      writes: [{ operand: 0, index: identityMap(2) }],
      operations,
      scratch: Array.from({ length: wordsPerBlock }, () => ({ dtype: held, shape: [blocks] })),
      emit(context) {
        const { kernel, block, load, store, scratch } = context;
        const stream = streamWords(context, block.length, attributes, isDynamic);
        // Rows take turns with the scratch.
        kernel.forBox(block.slice(0, 1), false, ([row]) => {
          const first = kernel.let("first", cast("u32", binary("mul", load(0, [row!, i32(0)]), i32(intAttribute(attributes, "apart") / wordsPerBlock))));
          // Two counters at once where there is an even number of them.
          const half = Math.floor(blocks / 2);
          const counters = (from: number, count: number, places: readonly number[]): void =>
            kernel.for({ start: i32(from), end: i32(from + count), parallel: true, name: "k" }, (k) => {
              const at = places.map((offset) => binary("add", k, i32(offset)));
              const words = philoxInKernel(kernel, at.map((place) => [binary("add", first, cast("u32", place)), constant("u32", 0), ...stream]), key);
              words.forEach((one, which) => (held === "u32" ? one : numbers.of(kernel, one)).forEach((value, part) => kernel.store(scratch[part]!, [at[which]!], value)));
            });
          counters(0, half, [0, half]);
          if (blocks % 2 === 1) counters(blocks - 1, 1, [0]);
          const pairs = (count: number): void => [0, 2].forEach((part) => kernel.for({ end: i32(count), parallel: true, name: "k" }, (k) => {
            const words = [part, part + 1].map((one) => kernel.load(scratch[one]!, [k]));
            numbers.of(kernel, words).forEach((value, one) => kernel.store(scratch[part + one]!, [k], bitcast("u32", value)));
          }));
          if (apart) pairs(blocks);
          const put = (k: Expression, parts: number): void => {
            const values = scratch.map((buffer) => kernel.load(buffer, [k]));
            const made = !early ? numbers.of(kernel, values) : apart ? values.map((value) => bitcast(computeDType(type.dtype), value)) : values;
            made.slice(0, parts).forEach((value, part) => store(0, [row!, binary("add", binary("mul", k, i32(wordsPerBlock)), i32(part))], cast(type.dtype, value)));
          };
          const whole = Math.floor(length / wordsPerBlock);
          kernel.for({ end: i32(whole), parallel: true, name: "k" }, (k) => put(k, wordsPerBlock));
          if (whole < blocks) put(i32(whole), length % wordsPerBlock);
        });
      },
    },
  ];
}

interface Distribution {
  readonly name: "uniform_rows" | "normal_rows";
  readonly summary: string;
  readonly formula: string;
  readonly operations: number;
  readonly at: (source: Source, element: number, dtype: DType) => number;
  readonly numbers: (dtype: DType) => Numbers;
  readonly known: readonly number[];
}

function rowsOp({ name, summary, formula, operations, at, numbers, known }: Distribution): Op {
  return {
    name,
    kind: "compute",
    summary,
    formula,
    noGradient: "it depends on nothing",
    type(inputs, attributes) {
      requireInputs(name, inputs, attributes["stream"] === undefined ? 2 : 1);
      const [rows, length, apart] = [inputs[0]!, intAttribute(attributes, "length"), intAttribute(attributes, "apart")];
      if (rows.dtype !== "i32" || rows.shape.length !== 1) refuse("shape-mismatch", `the rows of ${name} are an i32 vector, not ${rows.dtype}${showShape(rows.shape)}`);
      if (apart % wordsPerBlock !== 0 || length < 0 || length > apart) refuse("out-of-range", `rows of ${name} are ${apart} elements apart, and have ${length}`);
      return { dtype: dtypeAttribute(attributes), shape: [rows.shape[0]!, length] };
    },
    evaluate(inputs, attributes, type) {
      const [source, result, length, apart] = [sourceOf(inputs[1], attributes), zeros(type), type.shape[1]!, intAttribute(attributes, "apart")];
      for (let flat = 0; flat < result.data.length; flat++) {
        const row = Number(get(inputs[0]!, Math.floor(flat / length)));
        put(result, flat, at(source, row * apart + (flat % length), type.dtype));
      }
      return result;
    },
    lower: (inputs, attributes, type) => lowerRows(name, inputs, attributes, type, numbers(type.dtype), operations),
    examples: () => [
      { inputs: [tensor("i32", [1], [0])], attributes: { seed: 0, stream: 0, dtype: "f64", length: 4, apart: 1024 }, expected: tensor("f64", [1, 4], known) },
      { inputs: [tensor("i32", [3], [2, 0, 70_000])], attributes: { seed: 7, stream: 1, dtype: "f32", length: 37, apart: 64 } },
      { inputs: [tensor("i32", [2], [1, 0]), tensor("i32", [], [-3])], attributes: { seed: 2 ** 52, dtype: "f32", length: 1024, apart: 1024 } },
      { inputs: [tensor("i32", [1], [1])], attributes: { seed: -1, stream: 2 ** 40, dtype: "f16", length: 9, apart: 12 } },
      { inputs: [tensor("i32", [2], [0, 1])], attributes: { seed: 3, stream: 0, dtype: "bf16", length: 18, apart: 1024 } },
      { inputs: [tensor("i32", [2], [4, 1])], attributes: { seed: 3, stream: 0, dtype: "f64", length: 7, apart: 8 } },
      { inputs: [tensor("i32", [0], [])], attributes: { seed: 3, stream: 0, dtype: "f32", length: 7, apart: 8 } },
    ],
  };
}

/** Words of Philox at counter 0 and key 0, as published with Random123. */
const knownWords = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8];

export const uniformRows = rowsOp({
  name: "uniform_rows", summary: "Rows of uniform random numbers, by their numbers.", formula: "y[r, j] = u[apart · rows[r] + j]", operations: 60,
  at: uniformAt, numbers: uniformNumbers, known: knownWords.map((word) => word / 2 ** 32),
});

export const normalRows = rowsOp({
  name: "normal_rows", summary: "Rows of normal random numbers, by their numbers.", formula: "y[r, j] = n[apart · rows[r] + j]", operations: 90,
  at: normalAt, numbers: normalNumbers, known: [0.9911376804493666, -0.9246625867937412, -0.6176089589473684, -0.48206858781466655],
});
