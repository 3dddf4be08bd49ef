/**
 * Where the values of a program are while it is lowered: each in a tensor of its own or of several values that share storage, in a
 * state, as part of a larger result, or as a view of another value. Tensors are made when they are first asked for; what has to
 * be copied for a value to lie where it is wanted becomes steps.
 */
import type { Graph, Node, Program, TensorType, ValueId } from "../graph/graph.ts";
import { op as opOf } from "../ops/table.ts";
import type { Region } from "../ops/lowerings.ts";
import { composeMap } from "../support/affine.ts";
import type { Span } from "../support/span.ts";
import { assignStorage, type Storage } from "./assign-storage.ts";
import { copyLowering } from "./lowerings.ts";
import { neededFills } from "./needed-fills.ts";
import { placeResults, type Place } from "./results-in-place.ts";
import type { StepBuilder } from "./step-builder.ts";
import type { Tensors, TensorView } from "./tensors.ts";
import type { TensorId, TiledState } from "./tiled.ts";
import { Views } from "./views.ts";

/** What the programs of a graph are lowered with. */
export interface Surroundings {
  readonly graph: Graph;
  readonly tensors: Tensors;
  readonly states: readonly TiledState[];
  /** How often each value is used. */
  readonly uses: ReadonlyMap<ValueId, number>;
}

export class ValuePlaces {
  readonly #graph: Graph;
  readonly #tensors: Tensors;
  readonly #states: readonly TiledState[];
  readonly #build: StepBuilder;
  readonly #views: Views;
  readonly #storage: ReadonlyMap<ValueId, Storage>;
  /** Results that are made as parts of others. */
  readonly #parts: ReadonlyMap<ValueId, Place> = new Map();
  /** What is left to fill of tensors that are overwritten in parts. */
  readonly #fills: ReadonlyMap<ValueId, readonly Region[]> = new Map();
  readonly #tensorOf = new Map<Storage, TensorId>();
  readonly #bindings = new Map<ValueId, TensorView>();

  constructor({ graph, tensors, states, uses }: Surroundings, program: Program, build: StepBuilder) {
    this.#graph = graph;
    this.#tensors = tensors;
    this.#states = states;
    this.#build = build;
    this.#views = new Views(graph);
    const whole = tensors.deviceStorage === "whole";
    this.#storage = assignStorage(graph, program, whole);
    if (whole) {
      this.#parts = placeResults(graph, program, this.#storage, uses);
      this.#fills = neededFills(graph, program, this.#storage, uses);
    }
  }

  type(value: ValueId): TensorType {
    return this.#graph.values[value]!.type;
  }

  /** The tensor that the value is to be written to, of its shape. */
  tensorFor(value: ValueId): TensorId {
    const storage = this.#storage.get(value)!;
    if (storage.state !== undefined) return this.#tensors.alias(this.#states[storage.state]!.device, this.type(value).shape);
    const known = this.#tensorOf.get(storage);
    if (known !== undefined) return known;
    const { type, origin, name } = this.#graph.values[value]!;
    const named = name ?? storage.members.map((member) => this.#graph.values[member]!.name).find((candidate) => candidate !== undefined);
    const tensor = this.#tensors.add({ name: named ?? `%${value}`, type, origin });
    this.#tensorOf.set(storage, tensor);
    return tensor;
  }

  /** Where the value is, or is to be written. */
  view(value: ValueId): TensorView {
    const known = this.#bindings.get(value);
    if (known) return known;
    const part = this.#parts.get(value);
    const made = part ? this.#partOf(part, this.type(value)) : this.#tensors.whole(this.tensorFor(value));
    this.#bindings.set(value, made);
    return made;
  }

  #partOf({ within, map }: Place, { shape }: TensorType): TensorView {
    const { tensor, map: outer } = this.view(within);
    return { tensor, map: composeMap(outer, map, shape.length) };
  }

  /** Whether the value is made as a part of another one. */
  isMadeWithin(value: ValueId, whole: ValueId): boolean {
    return this.#parts.get(value)?.within === whole;
  }

  /** What has to be filled of a filled value, where that is not all of it. */
  fillsOf(value: ValueId): readonly Region[] | undefined {
    return this.#fills.get(value);
  }

  /** The value in a tensor of its own shape: where it is, or copied into a new one. */
  materialise(value: ValueId, origin: Span): TensorId {
    const type = this.type(value);
    const view = this.view(value);
    return this.#build.isWhole(view, type.shape) ? view.tensor : this.#build.copyToNew(view, type, origin);
  }

  /** A copy of the value, for where it is needed as it was while its storage is overwritten. */
  aside(value: ValueId, origin: Span): TensorView {
    return this.#tensors.whole(this.#build.copyToNew(this.view(value), this.type(value), origin));
  }

  /** Makes a tensor the value's: as it is where nothing else shares the value's storage, by a copy where something does. */
  give(value: ValueId, tensor: TensorId, origin: Span): void {
    const storage = this.#storage.get(value)!;
    if (storage.members.length === 1 && storage.state === undefined) this.#bindings.set(value, this.#tensors.whole(tensor));
    else this.#build.assign([{ to: this.tensorFor(value), from: this.#tensors.whole(tensor), origin }]);
  }

  /** The result of a node that is a view of its input. */
  define(node: Node): void {
    if (this.#views.define(node)) this.#bindView(node);
    else this.#storeReshape(node);
  }

  #bindView(node: Node): void {
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    const [{ tensor, map: outer }, type] = [this.view(input), this.type(output)];
    const map = opOf(node.op).view?.(this.type(input), node.attributes, type);
    if (map) this.#bindings.set(output, { tensor, map: composeMap(outer, map, type.shape.length) });
    else this.#bindings.set(output, this.#tensors.whole(this.#tensors.alias(this.#build.reshapable(tensor, type.shape, node.origin), type.shape)));
  }

  /** A reshape of what does not lie in row-major order: its elements are put in order first. */
  #storeReshape(node: Node): void {
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    const [inputType, { shape }] = [this.type(input), this.type(output)];
    if (this.#tensors.deviceStorage === "whole") {
      this.#build.compute([copyLowering(inputType.shape)], [this.view(input)], this.#tensors.alias(this.tensorFor(output), inputType.shape), node.origin);
      return;
    }
    const ordered = this.#build.reshapable(this.#build.copyToNew(this.view(input), inputType, node.origin), shape, node.origin);
    this.give(output, this.#tensors.alias(ordered, shape), node.origin);
  }
}
