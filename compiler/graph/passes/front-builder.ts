/** Nodes in front of the one that a pass replaces: their types come from the ops' own rules, their origin is that node's. */
import type { Attributes, Node, TensorType, ValueId } from "../graph.ts";
import type { Rewriting } from "../rewrite.ts";

export class FrontBuilder {
  readonly at: Rewriting;
  readonly #origin: Node["origin"];

  constructor(at: Rewriting, origin: Node["origin"]) {
    this.at = at;
    this.#origin = origin;
  }

  apply(name: string, inputs: readonly ValueId[], attributes: Attributes = {}): ValueId {
    return this.at.apply(name, inputs, attributes, this.#origin);
  }

  type(value: ValueId): TensorType {
    return this.at.type(value);
  }

  shape(value: ValueId): readonly number[] {
    return this.at.type(value).shape;
  }

  reshape(value: ValueId, shape: readonly number[]): ValueId {
    return this.apply("reshape", [value], { shape: [...shape] });
  }

  transpose(value: ValueId, axes: readonly number[]): ValueId {
    return this.apply("transpose", [value], { axes: [...axes] });
  }

  broadcast(value: ValueId, shape: readonly number[]): ValueId {
    return this.apply("broadcast", [value], { shape: [...shape] });
  }

  /** The part of a value from `start` on, of `length` elements `step` apart along each axis. */
  slice(value: ValueId, start: readonly number[], length: readonly number[], step: readonly number[] = start.map(() => 1)): ValueId {
    return this.apply("slice", [value], { start: [...start], length: [...length], step: [...step] });
  }

  /** The elements of an axis from `start` on, `length` of them; the value itself where that is all of it. */
  part(value: ValueId, axis: number, start: number, length: number): ValueId {
    const shape = this.shape(value);
    return start === 0 && length === shape[axis] ? value : this.slice(value, shape.map((_, d) => (d === axis ? start : 0)), shape.with(axis, length));
  }

  /** Zeros around a value; the value itself where there are none. */
  padded(value: ValueId, before: readonly number[], after: readonly number[]): ValueId {
    return [...before, ...after].every((width) => width === 0) ? value : this.apply("pad", [value], { before: [...before], after: [...after], value: 0 });
  }

  /** Every element `value`. */
  filled({ dtype, shape }: TensorType, value: number | bigint): ValueId {
    return this.apply("fill", [], { value, dtype, shape: [...shape] });
  }
}
