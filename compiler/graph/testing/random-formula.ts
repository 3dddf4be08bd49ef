/**
 * For tests: random smooth formulas in f64 out of arithmetic, functions, views, reductions, products, assignments of slices, loops
 * and branches. Decisions come from a list of numbers, so that a failing formula shrinks with its list. Values stay small.
 */
import { op as opOf } from "../../ops/table.ts";
import { nowhere } from "../../support/span.ts";
import { Decisions } from "../../support/testing/decisions.ts";
import type { GraphBuilder } from "../build.ts";
import { scalar, type Attributes, type Block, type TensorType, type ValueId } from "../graph.ts";
import { tensor, type Tensor } from "../tensor.ts";
import { weighted, type Formula } from "./gradients.ts";

const origin = nowhere;
const f64 = (...shape: readonly number[]): TensorType => ({ dtype: "f64", shape });

/** x and y: [2, 3], v: [3], and a small count for loops and branches. */
export const formulaInputs = (seed: number): readonly Tensor[] => {
  const elements = (count: number, phase: number): number[] => Array.from({ length: count }, (_, i) => Math.sin(1 + i * 1.7 + phase + seed) * 0.9);
  return [tensor("f64", [2, 3], elements(6, 0)), tensor("f64", [2, 3], elements(6, 2)), tensor("f64", [3], elements(3, 4)), tensor("i32", [], [1 + (seed % 3)])];
};

export const randomFormula = (decisions: readonly number[]): Formula => (builder, inputs) => new RandomFormula(builder, decisions, inputs).build();

class RandomFormula {
  readonly #builder: GraphBuilder;
  readonly #decisions: Decisions;
  /** Values in scope; the last input is the count. */
  #pool: ValueId[];
  readonly #count: ValueId;

  constructor(builder: GraphBuilder, decisions: readonly number[], inputs: readonly ValueId[]) {
    this.#builder = builder;
    this.#decisions = new Decisions(decisions);
    this.#pool = inputs.slice(0, -1);
    this.#count = inputs.at(-1)!;
  }

  /** The last values, weighted and summed. */
  build(): ValueId {
    while (!this.#decisions.exhausted) this.#step(0);
    return this.#pool.slice(-3).map((value) => weighted(this.#builder, value)).reduce((sum, value) => this.#op("add", [sum, value]));
  }

  #op(op: string, inputs: readonly ValueId[], attributes: Attributes = {}): ValueId {
    const type = opOf(op).type(inputs.map((input) => this.#builder.typeOf(input)), attributes);
    return this.#builder.node(op, { inputs, attributes, outputs: [type], origin })[0]!;
  }

  #add(value: ValueId): void {
    this.#pool.push(value);
  }

  #fill(value: number, type: TensorType): ValueId {
    return this.#op("fill", [], { value, dtype: type.dtype, shape: type.shape });
  }

  /** A value of this shape: one of the pool, or one broadcast. */
  #like(shape: readonly number[]): ValueId {
    const same = this.#pool.filter((value) => this.#builder.typeOf(value).shape.join() === shape.join());
    if (same.length > 0 && this.#decisions.below(3) > 0) return this.#decisions.pick(same);
    const smaller = this.#pool.filter((value) => {
      const from = this.#builder.typeOf(value).shape;
      return from.length <= shape.length && from.every((extent, k) => extent === shape[shape.length - from.length + k]);
    });
    const chosen = smaller.length > 0 ? this.#decisions.pick(smaller) : this.#fill(0.5, f64());
    return this.#builder.typeOf(chosen).shape.length === shape.length ? chosen : this.#op("broadcast", [chosen], { shape: [...shape] });
  }

  #step(depth: number): void {
    const value = this.#decisions.pick(this.#pool.slice(-4));
    const { shape } = this.#builder.typeOf(value);
    const kind = this.#decisions.below(depth < 2 ? 12 : 9);
    if (kind <= 2) return this.#arithmetic(value, shape);
    if (kind === 3) return this.#add(this.#op(this.#decisions.pick(["sin", "tanh", "sigmoid", "erf", "gelu", "atan"]), [value]));
    if (kind === 4) return this.#view(value, shape);
    if (kind === 5) return this.#reduction(value, shape);
    if (kind === 6) return this.#assignment(value, shape);
    if (kind === 7) return this.#add(this.#op("tanh", [this.#op("matmul", [this.#like([2, 3]), this.#like([3])])]));
    if (kind === 8) return this.#add(this.#op("softmax", [this.#like([2, 3])], { axis: this.#decisions.below(2) }));
    if (kind === 9) return this.#loop(value, depth);
    if (kind === 10) return this.#whileLoop(value, depth);
    return this.#branch(value, depth);
  }

  #arithmetic(value: ValueId, shape: readonly number[]): void {
    const other = this.#like(shape);
    switch (this.#decisions.below(4)) {
      case 0: return this.#add(this.#op("tanh", [this.#op("add", [value, other])]));
      case 1: return this.#add(this.#op("sub", [this.#op("sin", [value]), other]));
      case 2: return this.#add(this.#op("sin", [this.#op("mul", [value, other])]));
      default: return this.#add(this.#op("div", [value, this.#op("add", [this.#fill(2, f64(...shape)), this.#op("mul", [other, other])])]));
    }
  }

  #view(value: ValueId, shape: readonly number[]): void {
    if (shape.length === 0) return this.#add(this.#op("broadcast", [value], { shape: [3] }));
    const axis = this.#decisions.below(shape.length);
    const flipped = this.#op("reverse", [value], { axes: [axis] });
    if (shape.length < 2) return this.#add(flipped);
    const turned = this.#op("transpose", [flipped], { axes: [1, 0] });
    this.#add(this.#op("reshape", [turned], { shape: [...shape] }));
  }

  #reduction(value: ValueId, shape: readonly number[]): void {
    if (shape.length === 0) return this.#add(this.#op("cos", [value]));
    const axes = this.#decisions.below(2) === 0 ? [0] : shape.map((_, axis) => axis);
    const op = this.#decisions.pick(["reduce", "mean", "log_sum_exp", "product"]);
    const scaled = this.#op("sin", [value]);
    if (op === "reduce" || op === "product") this.#add(this.#op("reduce", [scaled], { op: op === "reduce" ? "add" : "mul", axes, keepdims: false }));
    else this.#add(this.#op(op, [scaled], { axes, keepdims: false }));
  }

  /** Part of a tensor replaced, by a part of another. */
  #assignment(value: ValueId, shape: readonly number[]): void {
    if (shape.at(-1) !== 3) return this.#add(this.#op("sin", [value]));
    const backwards = this.#decisions.below(2) === 1;
    const last = shape.length - 1;
    const box = { start: shape.map((_, d) => (d === last && backwards ? 2 : 0)), length: shape.with(last, 2), step: shape.map((_, d) => (d === last ? (backwards ? -2 : 2) : 1)) };
    const part = this.#op("slice", [this.#like(shape)], { start: shape.map((_, d) => (d === last ? 1 : 0)), length: box.length, step: shape.map(() => 1) });
    this.#add(this.#op("update", [value, this.#op("sin", [part])], box));
  }

  /** A few steps in a region; gives a value of the shape, made of them. */
  #inside(depth: number, shape: readonly number[], ...first: readonly ValueId[]): ValueId {
    const before = this.#pool;
    this.#pool = [...before, ...first];
    const steps = 1 + this.#decisions.below(3);
    for (let k = 0; k < steps; k++) this.#step(depth + 1);
    const made = this.#op("sin", [this.#op("add", [this.#like(shape), this.#like(shape)])]);
    this.#pool = before;
    return made;
  }

  #body(value: ValueId, depth: number, parameters: readonly ValueId[], rest: () => readonly ValueId[]): Block {
    return this.#builder.block(parameters, () => [this.#inside(depth, this.#builder.typeOf(value).shape, parameters[0]!), ...rest()]);
  }

  #loop(value: ValueId, depth: number): void {
    const type = this.#builder.typeOf(value);
    const rounds = this.#op("fill", [], { value: 1 + this.#decisions.below(3), dtype: "i32", shape: [] });
    const body = this.#body(value, depth, [this.#builder.value(type, origin)], () => []);
    this.#add(this.#builder.node("repeat", { inputs: [rounds, value], regions: [body], outputs: [type], origin })[0]!);
  }

  #whileLoop(value: ValueId, depth: number): void {
    const type = this.#builder.typeOf(value);
    const [tested, count] = [this.#builder.value(scalar("i32"), origin), this.#builder.value(scalar("i32"), origin)];
    const one = this.#op("fill", [], { value: 1, dtype: "i32", shape: [] });
    const condition = this.#builder.block([this.#builder.value(type, origin), tested], () => [this.#op("lt", [tested, this.#count])]);
    const body = this.#body(value, depth, [this.#builder.value(type, origin), count], () => [this.#op("add", [count, one])]);
    const zero = this.#op("fill", [], { value: 0, dtype: "i32", shape: [] });
    this.#add(this.#builder.node("while", { inputs: [value, zero], attributes: { limit: 4 }, regions: [condition, body], outputs: [type, scalar("i32")], origin })[0]!);
  }

  #branch(value: ValueId, depth: number): void {
    const type = this.#builder.typeOf(value);
    const ofThree = this.#decisions.below(2) === 0;
    const sides = [0, 1, ...(ofThree ? [2] : [])].map(() => this.#builder.block([], () => [this.#decisions.below(4) === 0 ? value : this.#inside(depth, type.shape)]));
    if (ofThree) this.#add(this.#builder.node("switch", { inputs: [this.#count], attributes: { cases: [1, 2] }, regions: sides, outputs: [type], origin })[0]!);
    else {
      const two = this.#op("fill", [], { value: 2, dtype: "i32", shape: [] });
      const condition = this.#op("lt", [this.#count, two]);
      this.#add(this.#builder.node("if", { inputs: [condition], regions: sides, outputs: [type], origin })[0]!);
    }
  }
}

