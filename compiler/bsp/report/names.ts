/** What tensors are called for people: a value without a name of its own goes by the text it comes from. */
import type { TensorId, TiledGraph } from "../../tiled/tiled.ts";
import type { Places } from "./places.ts";
import { excerpt } from "./text.ts";

const textWidth = 28;

export class TensorNames {
  readonly #tiled: TiledGraph;
  readonly #places: Places;
  /** Tensors of values without names, by the number that stands for one. */
  readonly #numbered = new Map<string, TensorId>();

  constructor(tiled: TiledGraph, places: Places) {
    this.#tiled = tiled;
    this.#places = places;
    tiled.tensors.forEach(({ name }, id) => {
      if (/^%\d+$/.test(name) && !this.#numbered.has(name)) this.#numbered.set(name, id);
    });
  }

  of(id: TensorId): string {
    return this.#tiled.tensors[id]!.name.replace(/%\d+/, (number) => {
      const value = this.#numbered.get(number);
      const text = value === undefined ? "" : this.#places.textOf(this.#tiled.tensors[value]!.origin);
      return text === "" ? number : `‹${excerpt(text, textWidth)}›`;
    });
  }
}
