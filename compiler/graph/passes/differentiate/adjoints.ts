/**
 * Gradients of the loss by values, as they come together: each use of a value gives a part, which is added to the sum of those
 * before at once, so that it need not be kept. A part that is zero outside of a box, as the gradient of a slice is, is added
 * to the box alone, and in place.
 */
import { ops } from "../../../ops/table.ts";
import { invariant } from "../../../support/bug.ts";
import { formatType, type Attributes, type Node, type ValueId } from "../../graph.ts";
import { fillValue } from "../../constants.ts";
import type { Construction } from "./construction.ts";

export class Adjoints {
  readonly #sums = new Map<ValueId, ValueId>();
  readonly #construction: Construction;

  constructor(construction: Construction) {
    this.#construction = construction;
  }

  /** Adds a part, in the current block. */
  add(value: ValueId, part: ValueId): void {
    const [type, given] = [value, part].map((each) => formatType(this.#construction.typeOf(each)));
    invariant(type === given, () => `a gradient of type ${given} for %${value}, which is ${type}`);
    const sum = this.total(value);
    this.#sums.set(this.#original(value), sum === undefined ? part : this.#sum(sum, part));
  }

  /** The sum of the parts so far; undefined when there is none. */
  total(value: ValueId): ValueId | undefined {
    return this.#sums.get(this.#original(value));
  }

  /** A value that is computed again is still the same value. */
  #original(value: ValueId): ValueId {
    return this.#construction.originals.get(value) ?? value;
  }

  #sum(sum: ValueId, part: ValueId): ValueId {
    const { origin } = this.#construction.builder.values[part]!;
    const box = this.#box(part);
    // What is whole takes the boxes.
    if (box === undefined && this.#box(sum) !== undefined) return this.#sum(part, sum);
    if (box === undefined) return this.#construction.apply("add", [sum, part], this.#isMade(part) ? { stored: true } : {}, origin);
    const inside = this.#construction.apply("slice", [sum], box.attributes, origin);
    const added = this.#construction.apply("add", [inside, box.value], {}, origin);
    return this.#construction.apply("update", [sum, added], box.attributes, origin);
  }

  /** Whether a part is a tensor of its own, as that of a product: it is not to be kept until the last part is there. */
  #isMade(part: ValueId): boolean {
    let node = this.#construction.definition(part);
    while (node !== undefined && ops.get(node.op)?.kind === "view") node = this.#construction.definition(node.inputs[0]!);
    return node !== undefined && ops.get(node.op)?.kind === "compute" && node.op !== "fill";
  }

  /** What a value that is zero outside of a box holds there. */
  #box(value: ValueId): { readonly value: ValueId; readonly attributes: Attributes } | undefined {
    const node = this.#construction.definition(value);
    if (node?.op === "pad" && Number(node.attributes["value"]) === 0) {
      const { shape } = this.#construction.typeOf(node.inputs[0]!);
      return { value: node.inputs[0]!, attributes: { start: node.attributes["before"], length: shape, step: shape.map(() => 1) } };
    }
    return node?.op === "update" && this.#isZero(this.#construction.definition(node.inputs[0]!)) ? { value: node.inputs[1]!, attributes: node.attributes } : undefined;
  }

  #isZero(node: Node | undefined): boolean {
    const value = fillValue(node);
    return value !== undefined && Object.is(Number(value), 0);
  }
}
