/** The tensors of a tiled program under construction: names, distributions chosen when first needed, aliases in other shapes. */
import { sizeOf } from "../../runtime/dtype.ts";
import type { TensorType } from "../graph/graph.ts";
import { invariant } from "../support/bug.ts";
import { identityMap, type Affine } from "../support/affine.ts";
import type { Span } from "../support/span.ts";
import type { Target } from "../targets/target.ts";
import { evenDistribution, onOneTile, reshapeDistribution } from "./distribution.ts";
import type { Distribution, TensorId, TiledTensor } from "./tiled.ts";

/** A tensor seen through an affine map: index of the tensor for each index of the view. */
export interface TensorView {
  readonly tensor: TensorId;
  readonly map: readonly Affine[];
}

interface Draft extends Omit<TiledTensor, "distribution"> {
  distribution: Distribution | undefined;
  /** An alias whose blocks do not line up with those of the tensor behind it: nothing may be taken to be local. */
  scattered: boolean;
}

export interface NewTensor {
  readonly name: string;
  readonly type: TensorType;
  readonly origin: Span;
  readonly persistent?: boolean;
  readonly storage?: "whole" | "blocks";
  readonly distribution?: Distribution | undefined;
  /** A tensor on no tile of which both have elements: this one lies where that one would. */
  readonly inPlaceOf?: TensorId | undefined;
}

export class Tensors {
  readonly #target: Target;
  readonly #drafts: Draft[] = [];
  readonly #aliases = new Map<string, TensorId>();

  constructor(target: Target) {
    this.#target = target;
  }

  /** Storage of tensors that tiles compute with. */
  get deviceStorage(): "whole" | "blocks" {
    return this.#target.memory === "shared" ? "whole" : "blocks";
  }

  add(tensor: NewTensor): TensorId {
    this.#drafts.push({
      name: tensor.name, type: tensor.type, origin: tensor.origin, persistent: tensor.persistent ?? false,
      storage: tensor.storage ?? this.deviceStorage, distribution: tensor.distribution, scattered: false,
      ...(tensor.inPlaceOf === undefined ? {} : { aliasOf: this.root(tensor.inPlaceOf) }),
    });
    return this.#drafts.length - 1;
  }

  type(id: TensorId): TensorType {
    return this.#drafts[id]!.type;
  }

  name(id: TensorId): string {
    return this.#drafts[id]!.name;
  }

  origin(id: TensorId): Span {
    return this.#drafts[id]!.origin;
  }

  root(id: TensorId): TensorId {
    return this.#drafts[id]!.aliasOf ?? id;
  }

  isScattered(id: TensorId): boolean {
    return this.#drafts[id]!.scattered;
  }

  /** Whether what is in it outlives a program: states, constants, what the host writes and reads. */
  isPersistent(id: TensorId): boolean {
    return this.#drafts[this.root(id)]!.persistent;
  }

  hasDistribution(id: TensorId): boolean {
    return this.#drafts[this.root(id)]!.distribution !== undefined;
  }

  setDistribution(id: TensorId, distribution: Distribution): void {
    invariant(!this.hasDistribution(id), () => `${this.name(id)} already has a distribution`);
    this.#drafts[this.root(id)]!.distribution = distribution;
  }

  /** The tensor's distribution; chosen now by its size alone if nothing chose it before. */
  distribution(id: TensorId): Distribution {
    const draft = this.#drafts[id]!;
    if (draft.distribution) return draft.distribution;
    if (draft.aliasOf !== undefined) {
      const root = this.#drafts[draft.aliasOf]!;
      const seen = reshapeDistribution(root.type.shape, this.distribution(draft.aliasOf), draft.type.shape);
      draft.scattered = seen === undefined;
      draft.distribution = seen ?? onOneTile(draft.type.shape);
    } else {
      draft.distribution = evenDistribution(draft.type.shape, sizeOf(draft.type.shape), this.#target.tiles, this.#target.grain);
    }
    return draft.distribution;
  }

  /** The same bytes in another shape. */
  alias(id: TensorId, shape: readonly number[]): TensorId {
    const root = this.root(id);
    if (this.#drafts[root]!.type.shape.join() === shape.join()) return root;
    const key = `${root}:${shape.join()}`;
    const known = this.#aliases.get(key);
    if (known !== undefined) return known;
    const behind = this.#drafts[root]!;
    this.#drafts.push({ name: behind.name, type: { dtype: behind.type.dtype, shape }, origin: behind.origin, persistent: behind.persistent, storage: behind.storage, aliasOf: root, distribution: undefined, scattered: false });
    const made = this.#drafts.length - 1;
    this.#aliases.set(key, made);
    return made;
  }

  /** All of a tensor. */
  whole(id: TensorId): TensorView {
    return { tensor: id, map: identityMap(this.type(id).shape.length) };
  }

  #finished(id: TensorId): TiledTensor {
    const { scattered: _, distribution: __, ...tensor } = this.#drafts[id]!;
    return { ...tensor, distribution: this.distribution(id) };
  }

  finish(): TiledTensor[] {
    return this.#drafts.map((_, id) => this.#finished(id));
  }
}
