/** Outputs of the runs of a program: gathered and joined, and made into files. */
import { bf16ToNumber } from "../../runtime/bf16.ts";
import { newArray, type TypedArray } from "../../runtime/dtype.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { writeNpy } from "../../runtime/npy.ts";
import type { Written } from "./files.ts";

/**
 * Gathers the outputs of several runs, which feed a batch in slices, perhaps several times over. One whose first dimension is a batch of the inputs is joined along it; of the others
 * the last run's value stays. What was sent to a stream is stacked, all of it.
 */
export class Gathered {
  readonly #runs: number;
  readonly #batches: ReadonlySet<number>;
  readonly #joined = new Map<string, { readonly first: HostTensor; readonly data: TypedArray; filled: number }>();
  readonly #last = new Map<string, HostTensor>();
  readonly #sent = new Map<string, HostTensor[]>();

  constructor(runs: number, batches: ReadonlySet<number>) {
    this.#runs = runs;
    this.#batches = batches;
  }

  add(outputs: { readonly [name: string]: HostTensor }): void {
    for (const [name, tensor] of Object.entries(outputs)) {
      const batch = tensor.shape[0];
      if (this.#runs === 1 || batch === undefined || !this.#batches.has(batch)) {
        this.#last.set(name, tensor);
        continue;
      }
      let join = this.#joined.get(name);
      if (join === undefined) {
        join = { first: tensor, data: newArray(tensor.dtype, tensor.data.length * this.#runs), filled: 0 };
        this.#joined.set(name, join);
      }
      if (join.filled === join.data.length) join.filled = 0;
      (join.data as { set(source: TypedArray, offset: number): void }).set(tensor.data, join.filled);
      join.filled += tensor.data.length;
    }
  }

  /** One element that the program sent to an output stream. */
  send(name: string, element: HostTensor): void {
    const list = this.#sent.get(name);
    if (list === undefined) this.#sent.set(name, [element]);
    else list.push(element);
  }

  /** Everything by name; streams as one tensor with the elements along a new first dimension. */
  all(): Map<string, HostTensor> {
    const all = new Map(this.#last);
    for (const [name, { first, data }] of this.#joined) {
      all.set(name, { dtype: first.dtype, shape: [first.shape[0]! * this.#runs, ...first.shape.slice(1)], data });
    }
    for (const [name, elements] of this.#sent) all.set(name, stack(elements));
    return all;
  }
}

function stack(elements: readonly HostTensor[]): HostTensor {
  const { dtype, shape, data } = elements[0]!;
  const stacked = newArray(dtype, elements.length * data.length);
  elements.forEach((element, index) => (stacked as { set(source: TypedArray, offset: number): void }).set(element.data, index * data.length));
  return { dtype, shape: [elements.length, ...shape], data: stacked };
}

/** The file of a tensor. A .npy has no bf16: such a tensor is kept as f32, which holds it exactly. */
export function npyFile(path: string, tensor: HostTensor): Written {
  return { path, bytes: writeNpy(tensor.dtype === "bf16" ? { dtype: "f32", shape: tensor.shape, data: Float32Array.from(tensor.data as Uint16Array, bf16ToNumber) } : tensor) };
}
