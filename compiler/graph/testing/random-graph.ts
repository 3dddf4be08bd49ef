/**
 * Random well-typed graphs for tests of this level: elementwise chains, views, reductions, updates, control, streams.
 * Decisions come from a list of numbers, so that a failing graph shrinks with its list.
 */
import { isFloat, isInteger, sizeOf, type DType } from "../../../runtime/dtype.ts";
import { ops } from "../../ops/table.ts";
import { nowhere } from "../../support/span.ts";
import { Decisions } from "../../support/testing/decisions.ts";
import { randomNumbers } from "../../support/testing/random-numbers.ts";
import { GraphBuilder } from "../build.ts";
import { formatType, sameShape, scalar, type Attributes, type Graph, type State, type TensorType, type ValueId } from "../graph.ts";
import { put, zeros, type Tensor } from "../tensor.ts";

const origin = nowhere;
const shape = [4, 6];
const inputTypes: readonly TensorType[] = [
  { dtype: "f32", shape }, { dtype: "f32", shape }, { dtype: "i32", shape }, { dtype: "u8", shape: [6] }, { dtype: "f16", shape }, { dtype: "f32", shape: [6] }, scalar("i32"), scalar("f32"),
];
const dtypes: readonly DType[] = ["f32", "i32", "u8", "f16", "f64", "bf16", "i64", "bool"];

const unaryFloat = ["neg", "abs", "sqrt", "floor", "exp", "tanh", "ceil"];
const binaryFloat = ["add", "sub", "mul", "div", "min", "max"];
const binaryInteger = ["add", "sub", "mul", "and", "or", "xor", "min", "max"];
const comparisons = ["eq", "ne", "lt", "le", "gt", "ge"];

export function randomGraph(decisions: readonly number[]): Graph {
  return new RandomGraph(decisions).build();
}

/** Inputs for such a graph, with special values among them; integers stay small, since some are loop counts. */
export function randomInputs(graph: Graph, seed: number): { [name: string]: Tensor } {
  const next = randomNumbers(seed);
  const special = [0, -0, 1, -1, Infinity, NaN, 1e-40];
  return Object.fromEntries(
    graph.states.filter((each) => each.role === "in").map((each) => {
      const tensor = zeros(each.type);
      for (let flat = 0; flat < tensor.data.length; flat++) {
        const integer = Math.floor(next() * 4);
        put(tensor, flat, isFloat(each.type.dtype) ? (next() < 0.1 ? special[Math.floor(next() * special.length)]! : next() * 8 - 4) : integer);
      }
      return [each.name, tensor];
    }),
  );
}

class RandomGraph {
  readonly #decisions: Decisions;
  readonly #builder = new GraphBuilder();
  readonly #states: State[] = [];
  /** Values in scope. */
  #pool: ValueId[] = [];

  constructor(decisions: readonly number[]) {
    this.#decisions = new Decisions(decisions);
  }

  build(): Graph {
    const body = this.#builder.block([], () => {
      inputTypes.forEach((type, k) => this.#pool.push(...this.#builder.node("read", { attributes: { state: this.#state("in", `in${k}`, type) }, outputs: [type], origin })));
      const sink = this.#state("stream out", "sink", scalar("f32"));
      while (!this.#decisions.exhausted) this.#step(0, sink);
      // The last values, and some others, are what the graph is for.
      const results = [...this.#pool.slice(-4), this.#pick(), this.#pick()];
      results.forEach((value, k) => {
        const type = this.#builder.typeOf(value);
        this.#builder.node("write", { inputs: [value], attributes: { state: this.#state("out", `out${k}`, type) }, outputs: [], origin });
      });
      return [];
    });
    const initial = { name: "initial", body: { parameters: [], nodes: [], results: [] }, origin };
    return { name: "random", parameters: [], values: this.#builder.values, states: this.#states, vertices: [], computeSets: [], programs: [{ name: "main", body, origin }], initial, origin };
  }

  #state(role: State["role"], name: string, type: TensorType): number {
    return this.#states.push({ role, name, type, origin }) - 1;
  }

  /** Recent values are likelier: chains grow. */
  #pick(fits: (type: TensorType) => boolean = () => true): ValueId {
    const fitting = this.#pool.filter((value) => fits(this.#builder.typeOf(value)));
    const recent = fitting.slice(-4);
    return this.#decisions.below(3) > 0 ? this.#decisions.pick(recent) : this.#decisions.pick(fitting);
  }

  #type(value: ValueId): TensorType {
    return this.#builder.typeOf(value);
  }

  #op(op: string, inputs: readonly ValueId[], attributes: Attributes = {}): ValueId {
    const type = ops.get(op)!.type(inputs.map((input) => this.#type(input)), attributes);
    const [output] = this.#builder.node(op, { inputs, attributes, outputs: [type], origin });
    this.#pool.push(output!);
    return output!;
  }

  #fill(value: number, type: TensorType): ValueId {
    const known = type.dtype === "i64" ? BigInt(value) : type.dtype === "bool" ? Number(value !== 0) : value;
    const one = this.#op("fill", [], { value: known, dtype: type.dtype, shape: [] });
    return type.shape.length === 0 ? one : this.#op("broadcast", [one], { shape: type.shape });
  }

  /** Another value of this type: one there is, or a constant. */
  #partner(type: TensorType): ValueId {
    const same = this.#pool.filter((value) => formatType(this.#type(value)) === formatType(type));
    if (same.length > 0 && this.#decisions.below(3) > 0) return this.#decisions.pick(same);
    const vector = this.#pool.filter((value) => this.#type(value).dtype === type.dtype && sameShape(this.#type(value).shape, type.shape.slice(-1)));
    if (vector.length > 0 && type.shape.length === 2 && this.#decisions.below(2) === 0) return this.#op("broadcast", [this.#decisions.pick(vector)], { shape: type.shape });
    const unsigned = type.dtype.startsWith("u");
    return this.#fill(this.#decisions.pick(unsigned ? [0, 1, 2, 5] : isFloat(type.dtype) ? [0, -0, 1, 2, -1, 0.1, 0.25] : [0, 1, 2, -1]), type);
  }

  #step(depth: number, sink: number): void {
    const kind = this.#decisions.below(depth < 2 ? 18 : 14);
    const value = this.#pick();
    const type = this.#type(value);
    if (kind <= 4) this.#arithmetic(value, type);
    else if (kind === 5) this.#op("cast", [value], { dtype: this.#decisions.pick(dtypes) });
    else if (kind === 6) this.#op("select", [this.#op(this.#decisions.pick(type.dtype === "bool" ? comparisons.slice(0, 2) : comparisons), [value, this.#partner(type)]), value, this.#partner(type)]);
    else if (kind <= 9) this.#view(value, type);
    else if (kind === 10) this.#reduce(value, type);
    else if (kind === 11) this.#update(value, type);
    else if (kind <= 13) this.#move(value, type);
    else if (kind === 14) this.#builder.node("send", { inputs: [this.#scalarOf("f32")], attributes: { state: sink }, outputs: [], origin });
    else if (kind === 15) this.#conditional(depth, sink);
    else if (kind === 16) this.#repeat(depth, sink);
    else this.#while(depth, sink);
  }

  #arithmetic(value: ValueId, { dtype, shape }: TensorType): void {
    const type = { dtype, shape };
    if (isFloat(dtype)) {
      if (this.#decisions.below(3) === 0) this.#op(this.#decisions.pick(unaryFloat), [value]);
      else this.#op(this.#decisions.pick(binaryFloat), this.#decisions.below(2) === 0 ? [value, this.#partner(type)] : [this.#partner(type), value]);
    } else if (isInteger(dtype)) {
      if (this.#decisions.below(6) === 0) this.#op(this.#decisions.pick(["div", "rem"]), [value, this.#fill(this.#decisions.pick([1, 2, 3]), type)]);
      else this.#op(this.#decisions.pick(binaryInteger), this.#decisions.below(2) === 0 ? [value, this.#partner(type)] : [this.#partner(type), value]);
    } else if (this.#decisions.below(3) === 0) this.#op("not", [value]);
    else this.#op(this.#decisions.pick(["and", "or", "xor"]), [value, this.#partner(type)]);
  }

  #box(shape: readonly number[]): { start: number[]; length: number[]; step: number[] } {
    const start: number[] = [];
    const length: number[] = [];
    const step: number[] = [];
    for (const extent of shape) {
      const many = extent === 0 ? 0 : this.#decisions.pick([extent, extent, Math.max(1, extent - 2), Math.ceil(extent / 2)]);
      const by = many <= 1 ? 1 : this.#decisions.pick([1, 1, Math.floor((extent - 1) / (many - 1)), -1]);
      const reach = (many - 1) * by;
      const first = many === 0 ? 0 : this.#decisions.below(extent - Math.abs(reach));
      start.push(by < 0 ? first - reach : first);
      length.push(many);
      step.push(by);
    }
    return { start, length, step };
  }

  #view(value: ValueId, { shape }: TensorType): void {
    const axes = shape.map((_, axis) => axis);
    const kind = this.#decisions.below(6);
    if (kind === 5) this.#windows(value, shape);
    else if (kind === 0) this.#op("slice", [value], this.#box(shape));
    else if (kind === 1) this.#op("transpose", [value], { axes: axes.toReversed() });
    else if (kind === 2) this.#op("reshape", [value], { shape: this.#decisions.pick([[sizeOf(shape)], [1, ...shape], shape.toReversed(), shape]) });
    else if (kind === 3) this.#op("reverse", [value], { axes: axes.slice(0, 1 + this.#decisions.below(2)) });
    else this.#op("broadcast", [value], { shape: shape.length < 2 ? [this.#decisions.pick([1, 3]), ...shape] : shape });
  }

  #windows(value: ValueId, shape: readonly number[]): void {
    const axis = shape.findIndex((extent) => extent > 1);
    if (axis < 0 || sizeOf(shape) > 100 || shape.length > 4) return;
    this.#op("windows", [value], { axis, size: 2, step: this.#decisions.pick([1, 2]), dilation: this.#decisions.pick([1, Math.max(1, shape[axis]! - 2)]) });
  }

  #reduce(value: ValueId, { dtype, shape }: TensorType): void {
    const axes = this.#decisions.pick([shape.map((_, axis) => axis), shape.length > 0 ? [shape.length - 1] : [], shape.length > 0 ? [0] : []]);
    const op = dtype === "bool" ? this.#decisions.pick(["and", "or"]) : this.#decisions.pick(["add", "max", "min", "mul"]);
    this.#op("reduce", [sizeOf(shape) > 0 ? value : this.#fill(1, { dtype, shape: [] })], { op, axes: sizeOf(shape) > 0 ? axes : [], keepdims: this.#decisions.below(2) === 0 });
  }

  #update(value: ValueId, type: TensorType): void {
    const box = this.#box(type.shape);
    this.#op("update", [value, this.#partner({ dtype: type.dtype, shape: box.length })], box);
  }

  /** What orders elements, or takes and changes them where integers say. */
  #move(value: ValueId, { dtype, shape }: TensorType): void {
    if (shape.length === 0 || sizeOf(shape) === 0) return;
    const axis = this.#decisions.below(shape.length);
    const along = { axis, descending: this.#decisions.below(2) === 0 };
    switch (this.#decisions.below(7)) {
      case 0: this.#op("sort", [value], along); return;
      case 1: this.#op("take_along", [this.#partner({ dtype, shape }), this.#op("argsort", [value], along)], { axis }); return;
      case 2: this.#scatter(value, { dtype, shape }, axis); return;
      case 3: this.#op("gather", [value, this.#places(shape[axis]!)], { axis }); return;
      case 4: this.#op("dynamic_slice", [value, this.#start(shape)], { length: this.#box(shape).length }); return;
      case 5: this.#op("dynamic_update", [value, this.#start(shape), this.#partner({ dtype, shape: this.#box(shape).length })]); return;
      default: this.#op("pad", [value], { before: shape.map(() => 0), after: shape.map((extent) => Math.min(1, extent - 1)), value: 0, mode: this.#decisions.pick(["edge", "reflect", "symmetric", "wrap"]) });
    }
  }

  #scatter(value: ValueId, { dtype, shape }: TensorType, axis: number): void {
    const indices = this.#places(shape[axis]!);
    const updates = this.#partner({ dtype, shape: shape.with(axis, this.#type(indices).shape[0]!) });
    this.#op(dtype === "bool" ? "scatter_update" : this.#decisions.pick(["scatter_add", "scatter_max", "scatter_min", "scatter_update"]), [value, indices, updates], { axis });
  }

  /** Indices within an axis, in order and in parts the same. */
  #places(extent: number): ValueId {
    const counted = this.#op("iota_block", [], { length: this.#decisions.pick([1, extent, extent + 1]), dtype: "i32" });
    return this.#op("min", [counted, this.#fill(this.#decisions.pick([extent - 1, extent >> 1]), this.#type(counted))]);
  }

  /** Where a box begins: whatever numbers there are. */
  #start(shape: readonly number[]): ValueId {
    return this.#op("stack", shape.map(() => this.#scalarOf("i32")), { axis: 0 });
  }

  #scalarOf(dtype: DType): ValueId {
    return this.#pick((type) => type.dtype === dtype && type.shape.length === 0);
  }

  /** A block's content: some steps, then values of the wanted types; what was made inside goes out of scope. */
  #region(parameters: readonly ValueId[], depth: number, sink: number, results: () => readonly ValueId[]) {
    const outer = this.#pool;
    this.#pool = [...outer, ...parameters];
    const block = this.#builder.block(parameters, () => {
      for (let steps = 1 + this.#decisions.below(5); steps > 0; steps--) this.#step(depth + 1, sink);
      return results();
    });
    this.#pool = outer;
    return block;
  }

  #conditional(depth: number, sink: number): void {
    const types = [this.#type(this.#pick()), this.#type(this.#pick())];
    const results = () => types.map((type) => this.#partner(type));
    const isSwitch = this.#decisions.below(2) === 0;
    const selector = this.#decisions.below(3) === 0 ? this.#fill(this.#decisions.below(2), scalar(isSwitch ? "i32" : "bool")) : isSwitch ? this.#scalarOf("i32") : this.#op("lt", [this.#scalarOf("f32"), this.#scalarOf("f32")]);
    const regions = Array.from({ length: isSwitch ? 3 : 2 }, () => this.#region([], depth, sink, results));
    this.#pool.push(...this.#builder.node(isSwitch ? "switch" : "if", { inputs: [selector], attributes: isSwitch ? { cases: [0, 2] } : {}, regions, outputs: types, origin }));
  }

  #repeat(depth: number, sink: number): void {
    const carried = [this.#pick(), this.#pick(), this.#pick()];
    const types = carried.map((value) => this.#type(value));
    const count = this.#decisions.below(2) === 0 ? this.#fill(this.#decisions.below(4), scalar("i32")) : this.#pool[6]!;
    const parameters = types.map((type) => this.#builder.value(type, origin));
    // One of them is now and then passed on as it is.
    const body = this.#region(parameters, depth, sink, () => types.map((type, k) => (this.#decisions.below(4) === 0 ? parameters[k]! : this.#partner(type))));
    this.#pool.push(...this.#builder.node("repeat", { inputs: [count, ...carried], regions: [body], outputs: types, origin }));
  }

  /** Counts to a small number, carrying values along. */
  #while(depth: number, sink: number): void {
    const carried = [this.#fill(0, scalar("i32")), this.#pick(), this.#pick()];
    const types = carried.map((value) => this.#type(value));
    const parameters = (): ValueId[] => types.map((type) => this.#builder.value(type, origin));
    const [before, during] = [parameters(), parameters()];
    const limit = this.#decisions.below(4);
    const outer = this.#pool;
    this.#pool = [...outer];
    const condition = this.#builder.block(before, () => [this.#op("lt", [before[0]!, this.#fill(limit, scalar("i32"))])]);
    this.#pool = outer;
    const body = this.#region(during, depth, sink, () => [
      this.#op("add", [during[0]!, this.#fill(1, scalar("i32"))]),
      ...types.slice(1).map((type, k) => (this.#decisions.below(4) === 0 ? during[k + 1]! : this.#partner(type))),
    ]);
    this.#pool.push(...this.#builder.node("while", { inputs: carried, regions: [condition, body], outputs: types, origin }));
  }
}
