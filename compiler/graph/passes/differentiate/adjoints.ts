/**
 * Gradients of the loss by values, as they come together: each use of a value gives a part, and the parts are added when the
 * node that made the value is reached. A part that is zero outside of a box, as the gradient of a slice is, is added to the
 * box alone, and in place.
 */
import type { Span } from "../../../support/span.ts";
import { invariant } from "../../../support/bug.ts";
import { formatType, type Attributes, type Node, type ValueId } from "../../graph.ts";
import { fillValue } from "../../constants.ts";
import type { Construction } from "./construction.ts";

export class Adjoints {
  readonly #parts = new Map<ValueId, ValueId[]>();
  readonly #construction: Construction;

  constructor(construction: Construction) {
    this.#construction = construction;
  }

  add(value: ValueId, part: ValueId): void {
    const [type, given] = [value, part].map((each) => formatType(this.#construction.typeOf(each)));
    invariant(type === given, () => `a gradient of type ${given} for %${value}, which is ${type}`);
    const parts = this.#parts.get(this.#original(value));
    if (parts) parts.push(part);
    else this.#parts.set(this.#original(value), [part]);
  }

  has(value: ValueId): boolean {
    return this.#parts.has(this.#original(value));
  }

  /** The sum of the parts so far, in the current block; undefined when there is none. */
  total(value: ValueId, origin: Span): ValueId | undefined {
    const parts = this.#parts.get(this.#original(value));
    if (parts === undefined) return undefined;
    // What is whole comes first, so that boxes are added to it.
    const [whole, boxes] = [parts.filter((part) => !this.#box(part)), parts.filter((part) => this.#box(part))];
    const total = [...whole, ...boxes].reduce((sum, part) => this.#sum(sum, part, origin));
    this.#parts.set(this.#original(value), [total]);
    return total;
  }

  /** A value that is computed again is still the same value. */
  #original(value: ValueId): ValueId {
    return this.#construction.originals.get(value) ?? value;
  }

  #sum(sum: ValueId, part: ValueId, origin: Span): ValueId {
    const box = this.#box(part);
    if (box === undefined) return this.#construction.apply("add", [sum, part], {}, origin);
    const inside = this.#construction.apply("slice", [sum], box.attributes, origin);
    const added = this.#construction.apply("add", [inside, box.value], {}, origin);
    return this.#construction.apply("update", [sum, added], box.attributes, origin);
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
