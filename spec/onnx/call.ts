/** A node of a model as its operator sees it: inputs as tensors or as known elements, attributes by kind. */
import type { GraphBuilder, Program, Tensor, TypeOf } from "../../compiler/builder/index.ts";
import { bf16ToNumber } from "../../runtime/bf16.ts";
import type { DType } from "../../runtime/dtype.ts";
import type { HostTensor } from "../../runtime/host.ts";
import type { Attribute, OnnxGraph, OnnxNode } from "./model.ts";
import { NotCovered } from "./not-covered.ts";

/** A value of a model. */
export interface Value {
  /** It in the graph that is being built; written there when first asked for. */
  tensor(): Tensor;
  /** Its elements, where they are needed to build the graph: shapes, axes, numbers of rounds. */
  known(): HostTensor;
  /** It is the same for every input. */
  readonly fixed: boolean;
}

/** What gives the results of a node. Results that are wanted by nobody may be missing. */
export type Operator = (call: Call) => Tensor | readonly (Tensor | undefined)[];

/** Operators by name. */
export type Family = { readonly [op: string]: Operator };

/** Subgraphs of a node, and the program they are written into. */
export interface Surroundings {
  readonly program: Program;
  readonly builder: GraphBuilder;
  /** Writes what all values are that a subgraph takes from around it, so that they are known in its blocks and behind them. */
  prepare(graph: OnnxGraph): void;
  /** The outputs of a subgraph, its inputs being given. */
  inline(graph: OnnxGraph, inputs: readonly Tensor[]): readonly Tensor[];
  /** A value of the model by its name. */
  find(name: string): Tensor;
  /** A name that nothing in the graph has. */
  freshName(): string;
  /** A tensor with these elements. */
  constant(value: HostTensor): Tensor;
  /** The elements of a tensor that the operator has made, for the inputs that are given: what decides the shape of a result. */
  elements(tensor: Tensor): HostTensor;
  /** Types of what the node's subgraphs give, once `found` was told them. */
  types(): readonly TypeOf<DType>[] | undefined;
  /** Keeps the types and begins again. */
  found(types: readonly TypeOf<DType>[]): never;
}

export class Call {
  readonly node: OnnxNode;
  /** Version of the operator set. */
  readonly opset: number;
  readonly around: Surroundings;
  readonly #inputs: readonly (Value | undefined)[];

  constructor(node: OnnxNode, opset: number, inputs: readonly (Value | undefined)[], around: Surroundings) {
    this.node = node;
    this.opset = opset;
    this.around = around;
    this.#inputs = inputs;
  }

  get inputs(): number {
    return this.#inputs.length;
  }

  has(input: number): boolean {
    return this.#inputs[input] !== undefined;
  }

  /** Whether a result has a name that may be used. */
  wants(output: number): boolean {
    return (this.node.outputs[output] ?? "") !== "";
  }

  x(input: number): Tensor {
    return this.#value(input).tensor();
  }

  maybe(input: number): Tensor | undefined {
    return this.#inputs[input]?.tensor();
  }

  all(): Tensor[] {
    return this.#inputs.flatMap((value) => (value ? [value.tensor()] : []));
  }

  known(input: number): HostTensor {
    return this.#value(input).known();
  }

  fixed(input: number): boolean {
    return this.#value(input).fixed;
  }

  /** Known elements of an input as numbers. */
  numbers(input: number): number[] {
    return numbersOf(this.known(input));
  }

  number(input: number, absent: number): number {
    return this.has(input) ? this.numbers(input)[0]! : absent;
  }

  attribute(name: string): Attribute | undefined {
    return this.node.attributes.get(name);
  }

  int(name: string, absent: number): number {
    return this.attribute(name)?.int ?? absent;
  }

  float(name: string, absent: number): number {
    return this.attribute(name)?.float ?? absent;
  }

  text(name: string, absent: string): string {
    return this.attribute(name)?.text ?? absent;
  }

  ints(name: string): readonly number[] | undefined {
    return this.attribute(name)?.ints;
  }

  graph(name: string): OnnxGraph {
    return this.attribute(name)!.graph!;
  }

  /** Refuses what the operator here does not do. */
  requires(holds: boolean, otherwise: string): void {
    if (!holds) throw new NotCovered(otherwise);
  }

  #value(input: number): Value {
    const value = this.#inputs[input];
    if (value === undefined) throw new NotCovered(`${this.node.op} without its input ${input}`);
    return value;
  }
}

const numbersOf = ({ dtype, data }: HostTensor): number[] => Array.from(data as ArrayLike<number | bigint>, (value) => (dtype === "bf16" ? bf16ToNumber(value as number) : Number(value)));

/** An axis counted from the front. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Whole numbers 0 … count − 1. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, k) => k);

/** The tensor in another dtype, or itself where it has that already. */
export const as = <D extends DType>(dtype: D, x: Tensor): Tensor<D> => (x.dtype === dtype ? (x as Tensor as Tensor<D>) : x.cast(dtype));

export const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((extent, k) => extent === b[k]);

/** The shape of elementwise results. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return upTo(rank).map((k) => {
    const [left, right] = [a[a.length - rank + k] ?? 1, b[b.length - rank + k] ?? 1];
    return left === 1 ? right : left;
  });
}
