/**
 * Test-only: a machine that runs planned programs byte by byte, each tile at its own speed. Tiles wait for each other only at
 * syncs; between two of them any order of their work may happen, and the schedule picks one. Where each element lies is found
 * by counting blocks one by one, and kernels are interpreted, so that nothing of the code generator is believed.
 */
import { bytesOf, sizeOf, viewArray, type DType, type TypedArray } from "../../../runtime/dtype.ts";
import { control } from "../../../runtime/executable.ts";
import { forEachIndex, type Tensor } from "../../graph/tensor.ts";
import { rowMajor } from "../../kernel/kernel.ts";
import { runKernel } from "../../kernel/interpret.ts";
import { evaluateAffine } from "../../support/affine.ts";
import { unreachable } from "../../support/bug.ts";
import { tileOf } from "../../tiled/distribution.ts";
import { rootOf, type Copy, type Family, type HostAction, type Placement, type TensorId } from "../../tiled/tiled.ts";
import type { BspGraph, BspStep, PlannedGraph } from "../bsp.ts";

/** Picks the tile that goes on: an index into those that can. Called again after each piece of its work. */
export type Schedule = (ready: readonly number[]) => number;

/** Every tile finishes a phase before any begins the next: the meaning of a program in which syncs are everywhere. */
export const lockstep = "lockstep";

interface Place {
  readonly tile: number;
  readonly slot: number;
}

export class Machine {
  readonly #graph: PlannedGraph;
  readonly #memory: ArrayBuffer;
  readonly #views = new Map<DType, TypedArray>();
  readonly #places = new Map<Placement, Place[]>();
  readonly #instances = new Map<object, { coordinates: number[]; tile: number }[]>();
  /** What the program sent or printed. */
  readonly told: { readonly action: HostAction; readonly values: readonly (number | bigint)[] }[] = [];
  /** What `next` gives. */
  readonly supply: (state: number) => Tensor;

  constructor(graph: PlannedGraph, supply: (state: number) => Tensor = () => { throw new Error("nothing is supplied"); }) {
    this.#graph = graph;
    this.#memory = new ArrayBuffer(Math.ceil(graph.plan.bytes / 8) * 8);
    new Uint8Array(this.#memory).fill(0xa5);
    this.supply = supply;
    for (const { tensor, data } of graph.tiled.constants) this.write(tensor, data);
  }

  #view(dtype: DType): TypedArray {
    const known = this.#views.get(dtype);
    if (known) return known;
    const made = viewArray(dtype, this.#memory, 0, Math.floor(this.#memory.byteLength / bytesOf(dtype)));
    this.#views.set(dtype, made);
    return made;
  }

  #placesOf(placement: Placement, blocks: number): Place[] {
    const known = this.#places.get(placement);
    if (known && known.length >= blocks) return known;
    const counts = new Map<number, number>();
    const made = Array.from({ length: blocks }, (_, k) => {
      const tile = tileOf(placement, k, blocks);
      const slot = counts.get(tile) ?? 0;
      counts.set(tile, slot + 1);
      return { tile, slot };
    });
    this.#places.set(placement, made);
    return made;
  }

  /** Position of an element in a memory of elements of its dtype. */
  #position(id: TensorId, index: readonly number[]): number {
    const { tiled, plan } = this.#graph;
    const { type, storage, distribution } = tiled.tensors[id]!;
    const size = bytesOf(type.dtype);
    const offset = plan.offsets[rootOf(tiled.tensors, id)]!;
    const { block, grid, placement } = distribution;
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);
    if (storage === "whole") return offset / size + dot(index, rowMajor(type.shape));
    const { tile, slot } = this.#placesOf(placement, sizeOf(grid))[dot(index.map((i, d) => Math.floor(i / block[d]!)), rowMajor(grid))]!;
    const within = dot(index.map((i, d) => i % block[d]!), rowMajor(block));
    return (plan.tiles.start + plan.tiles.stride * tile + offset) / size + slot * sizeOf(block) + within;
  }

  read(id: TensorId): Tensor {
    const { type } = this.#graph.tiled.tensors[id]!;
    const values = this.#view(type.dtype);
    const data = new (values.constructor as new (length: number) => TypedArray)(sizeOf(type.shape));
    forEachIndex(type.shape, (index, flat) => (data[flat] = values[this.#position(id, index)]! as never));
    return { type, data };
  }

  write(id: TensorId, { data }: Tensor): void {
    const { type } = this.#graph.tiled.tensors[id]!;
    const values = this.#view(type.dtype);
    forEachIndex(type.shape, (index, flat) => (values[this.#position(id, index)] = data[flat]! as never));
  }

  run(steps: readonly BspStep[], schedule: Schedule | typeof lockstep): void {
    const { tiles } = this.#graph.tiled;
    const all = Array.from({ length: tiles }, (_, tile) => this.#steps(steps, tile, schedule === lockstep));
    let waiting = 0;
    let ready = all.map((_, tile) => tile);
    let done = 0;
    while (done < tiles) {
      if (ready.length === 0) {
        if (done > 0) throw new Error("some tiles ended while others wait for them");
        ready = all.map((_, tile) => tile);
        waiting = 0;
      }
      const at = schedule === lockstep ? 0 : schedule(ready);
      const { done: ended, value } = all[ready[at]!]!.next();
      if (!ended && value === "work") continue;
      ready.splice(at, 1);
      if (ended) done++;
      else waiting++;
      if (ended && waiting > 0 && ready.length === 0) throw new Error("some tiles ended while others wait for them");
    }
  }

  *#steps(steps: readonly BspStep[], tile: number, everywhere: boolean): Generator<"work" | "sync", void> {
    const scalar = (id: TensorId): number => Number(this.#view(this.#graph.tiled.tensors[id]!.type.dtype)[this.#position(id, [])]);
    for (const step of steps) {
      switch (step.kind) {
        case "superstep":
          for (const phase of step.phases) {
            const work = phase.kind === "compute"
              ? phase.set.families.flatMap((family) => this.#own(family, tile).map((coordinates) => () => this.#vertex(family, tile, coordinates)))
              : phase.copies.flatMap((copy) => this.#moves(copy, tile));
            for (const piece of work) {
              piece();
              yield "work";
            }
            if (everywhere) yield "sync";
          }
          if (step.sync && !everywhere) yield "sync";
          break;
        case "repeat": {
          const count = step.counted === "tensor" ? scalar(step.count) : step.count;
          yield everywhere ? "sync" : "work";
          for (let i = 0; i < count; i++) yield* this.#steps(step.body, tile, everywhere);
          break;
        }
        case "while":
          for (;;) {
            yield* this.#steps(step.before, tile, everywhere);
            const going = scalar(step.condition) !== 0;
            yield everywhere ? "sync" : "work";
            if (!going) break;
            yield* this.#steps(step.body, tile, everywhere);
          }
          break;
        case "if": {
          const taken = scalar(step.condition) !== 0 ? step.then : step.otherwise;
          yield everywhere ? "sync" : "work";
          yield* this.#steps(taken, tile, everywhere);
          break;
        }
        case "switch": {
          const subject = scalar(step.subject);
          yield everywhere ? "sync" : "work";
          yield* this.#steps(step.bodies[step.cases.indexOf(subject)] ?? step.otherwise, tile, everywhere);
          break;
        }
        case "host":
          yield "sync";
          if (tile === 0) this.#host(step.event);
          yield "sync";
          break;
        default: unreachable(step);
      }
    }
  }

  #host(action: HostAction): void {
    switch (action.kind) {
      case "next": this.write(action.buffer, this.supply(action.state)); break;
      case "send": this.told.push({ action, values: [...this.read(action.buffer).data] }); break;
      case "print": for (const buffer of action.buffers) this.told.push({ action, values: [...this.read(buffer).data] }); break;
      case "assert": case "outside": this.told.push({ action, values: [...this.read(action.condition).data] }); break;
      default: unreachable(action);
    }
  }

  #own(family: Family, tile: number): number[][] {
    let known = this.#instances.get(family);
    if (!known) {
      const places = this.#placesOf(family.placement, sizeOf(family.grid));
      const made: { coordinates: number[]; tile: number }[] = [];
      forEachIndex(family.grid, (coordinates, k) => {
        if (coordinates.every((at, d) => at >= family.range[d]!.start && at < family.range[d]!.start + family.range[d]!.count)) made.push({ coordinates: [...coordinates], tile: places[k]!.tile });
      });
      this.#instances.set(family, (known = made));
    }
    return known.filter((instance) => instance.tile === tile).map(({ coordinates }) => coordinates);
  }

  #vertex({ kernel, fields }: Family, tile: number, coordinates: readonly number[]): void {
    const offsets = fields.map((field) => {
      if (sizeOf(field.shape) === 0) return 0;
      const start = field.map.map((form) => evaluateAffine(form, coordinates));
      if (field.perTile) {
        const { placement } = this.#graph.tiled.tensors[field.tensor]!.distribution;
        start[0] = this.#placesOf(placement, this.#graph.tiled.tensors[field.tensor]!.distribution.grid[0]!).findIndex((place) => place.tile === tile);
      }
      return this.#position(field.tensor, start);
    });
    runKernel(kernel, kernel.buffers.map(({ dtype }) => ({ type: { dtype, shape: [] }, data: this.#view(dtype) })), { offsets });
  }

  /** One piece of work for each row of the driver's blocks on this tile. */
  #moves(copy: Copy, tile: number): (() => void)[] {
    const driver = this.#graph.tiled.tensors[copy.driver]!;
    const { shape, dtype } = driver.type;
    const { grid, block, placement } = driver.distribution;
    const places = this.#placesOf(placement, sizeOf(grid));
    const values = this.#view(dtype);
    const rows = new Map<string, number[][]>();
    forEachIndex(shape, (index) => {
      const at = index.map((i, d) => Math.floor(i / block[d]!));
      if (at.some((b, d) => b < copy.range[d]!.start || b >= copy.range[d]!.start + copy.range[d]!.count)) return;
      if (places[at.reduce((k, b, d) => k * grid[d]! + b, 0)]!.tile !== tile) return;
      const key = `${index.slice(0, -1).join()}|${at.at(-1)}`;
      const row = rows.get(key);
      if (row) row.push([...index]);
      else rows.set(key, [[...index]]);
    });
    return [...rows.values()].map((row) => () => {
      for (const index of row) {
        const own = this.#position(copy.driver, index);
        const other = this.#position(copy.other, copy.map.map((form) => evaluateAffine(form, index)));
        if (copy.direction === "pull") values[own] = values[other]! as never;
        else values[other] = values[own]! as never;
      }
    });
  }
}

/** A plan under which no two tensors share a byte. */
export function separatePlan(graph: BspGraph, shared: boolean): PlannedGraph {
  const { tiled } = graph;
  let whole: number = control.end;
  let blocks = 0;
  const offsets = tiled.tensors.map((tensor) => {
    if (tensor.aliasOf !== undefined) return undefined;
    const size = bytesOf(tensor.type.dtype);
    if (tensor.storage === "whole") {
      const at = whole;
      whole = Math.ceil((whole + sizeOf(tensor.type.shape) * size) / 64) * 64;
      return at;
    }
    const at = blocks;
    // As if one tile held every block.
    blocks = Math.ceil((blocks + sizeOf(tensor.distribution.grid) * sizeOf(tensor.distribution.block) * size) / 64) * 64;
    return at;
  });
  return { ...graph, plan: { offsets, tiles: { start: whole, stride: shared ? 0 : blocks, bytes: blocks }, bytes: whole + (shared ? 0 : blocks * tiled.tiles) } };
}
