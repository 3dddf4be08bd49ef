/**
 * What the rules of pack-convolutions build with. An image is a value [n, c, …] with channels second. Where it is a
 * `transpose` of a stored one [n, …, c], that is what rules work on: `behind` finds it.
 */
import { isFloat, bytesOf, sizeOf } from "../../../../runtime/dtype.ts";
import { argument, binary } from "../../../kernel/build.ts";
import { bodyAttribute } from "../../../ops/fused/map.ts";
import { isOfPairs } from "../../../ops/linalg/terms.ts";
import type { Target } from "../../../targets/target.ts";
import type { Attributes, Graph, TensorType, ValueId } from "../../graph.ts";
import { FrontBuilder } from "../front-builder.ts";

/** What the rules know of the program and the machine. */
export interface Setting {
  readonly graph: Graph;
  readonly target: Target;
  readonly strictMath: boolean;
  /** Whether what params decide is kept (invariance.ts): then packing them costs nothing. */
  readonly keepsWeights: boolean;
  /** Values that are better made with channels last. */
  readonly wanted: ReadonlySet<ValueId>;
}

/** Axes of [n, c, …] in the order [n, …, c], and back. */
export const toLast = (rank: number): number[] => [0, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1];
const toSecond = (rank: number): number[] => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 1)];

/** Images are packed in floats that vectors hold as they are stored, and in words of pairs (`terms` of their products). */
export const isPackable = ({ dtype, shape }: TensorType, terms: Attributes = {}): boolean => ((isFloat(dtype) && bytesOf(dtype) >= 4) || isOfPairs(terms)) && sizeOf(shape) > 0;

/** What products of packed images add up. */
export const termsOf = ({ dtype }: TensorType): Attributes => (isFloat(dtype) ? {} : { pairs: true });

/** Builds in front of one node. */
export class Builder extends FrontBuilder {
  /** The image with channels last that a value is a view of. */
  behind(value: ValueId): ValueId | undefined {
    const node = this.at.definition(value);
    if (node?.op !== "transpose") return undefined;
    const axes = node.attributes["axes"] as readonly number[];
    return axes.length > 2 && toSecond(axes.length).every((axis, k) => axes[k] === axis) ? node.inputs[0]! : undefined;
  }

  /** The image with channels last; of one from outside a view. */
  channelsLast(value: ValueId): ValueId {
    return this.behind(value) ?? this.transpose(value, toLast(this.shape(value).length));
  }

  /** An image with channels last, in memory in that order. */
  stored(image: ValueId): ValueId {
    // Rows of a matrix lie one after the other.
    return this.at.definition(image)?.op === "transpose" ? this.reshape(this.reshape(image, matrixShape(this.shape(image))), this.shape(image)) : image;
  }

  channelsSecond(image: ValueId): ValueId {
    return this.transpose(image, toSecond(this.shape(image).length));
  }

  /** The matrix [n · h · w, c] that an image with channels last is. */
  matrix(image: ValueId): ValueId {
    return this.#matrixOf(image) ?? this.reshape(image, matrixShape(this.shape(image)));
  }

  /** Where an image was made as a matrix. */
  #matrixOf(image: ValueId): ValueId | undefined {
    const node = this.at.definition(image);
    return node?.op === "reshape" && this.shape(node.inputs[0]!).length === 2 && this.shape(node.inputs[0]!)[1] === this.shape(image).at(-1) ? node.inputs[0] : undefined;
  }

  isMatrix(image: ValueId): boolean {
    return this.#matrixOf(image) !== undefined;
  }

  /** With the bias of each channel added, which broadcasts to the sums. */
  biased(sums: ValueId, bias: ValueId | undefined): ValueId {
    if (bias === undefined) return sums;
    const { dtype, shape } = this.at.type(sums);
    return this.apply("map", [sums, this.broadcast(bias, shape)], { body: bodyAttribute(binary("add", argument(dtype, 0), argument(dtype, 1))) });
  }
}

const matrixShape = (shape: readonly number[]): number[] => [sizeOf(shape.slice(0, -1)), shape.at(-1)!];
