/** Addresses: where a tensor's block, element or field lies, as control code. */
import { bytesOf, sizeOf } from "../../runtime/dtype.ts";
import { rowMajor } from "../kernel/kernel.ts";
import type { PlannedGraph } from "../bsp/bsp.ts";
import { invariant, unreachable } from "../support/bug.ts";
import { blockCount } from "../tiled/distribution.ts";
import { rootOf, type Placement, type TensorId, type TiledTensor } from "../tiled/tiled.ts";
import type { ControlFunction, Int } from "./control.ts";

/** Tables of list placements, in the module's data: where they are. */
export interface Tables {
  /** Address of an i32 table with this content. */
  table(values: readonly number[]): number;
}

export class Layout {
  readonly graph: PlannedGraph;
  readonly tables: Tables;

  constructor(graph: PlannedGraph, tables: Tables) {
    this.graph = graph;
    this.tables = tables;
  }

  tensor(id: TensorId): TiledTensor {
    return this.graph.tiled.tensors[id]!;
  }

  offset(id: TensorId): number {
    const offset = this.graph.plan.offsets[rootOf(this.graph.tiled.tensors, id)];
    invariant(offset !== undefined, () => `tensor ${id} (${this.tensor(id).name}) has no address`);
    return offset;
  }

  elementBytes(id: TensorId): number {
    return bytesOf(this.tensor(id).type.dtype);
  }

  /** Strides in elements inside the whole tensor, or inside one block. */
  strides(id: TensorId): number[] {
    const { type, storage, distribution } = this.tensor(id);
    return rowMajor(storage === "whole" ? type.shape : distribution.block);
  }

  blockBytes(id: TensorId): number {
    return sizeOf(this.tensor(id).distribution.block) * this.elementBytes(id);
  }

  /** First byte of a tile's region. */
  region(f: ControlFunction, tile: Int): Int {
    const { start, stride } = this.graph.plan.tiles;
    return f.add(f.mul(tile, stride), start);
  }

  /** First byte of a block of a tensor in blocks. */
  block(f: ControlFunction, id: TensorId, tile: Int, slot: Int): Int {
    return f.add(f.add(this.region(f, tile), this.offset(id)), f.mul(slot, this.blockBytes(id)));
  }

  /** The byte address of a scalar. */
  scalar(f: ControlFunction, id: TensorId): Int {
    const { storage, distribution } = this.tensor(id);
    if (storage === "whole") return this.offset(id);
    const { tile, slot } = this.place(f, distribution.placement, blockCount(distribution.grid), 0);
    return this.block(f, id, tile, slot);
  }

  /** Tile and slot of block k. */
  place(f: ControlFunction, placement: Placement, blocks: number, k: Int): { tile: Int; slot: Int } {
    switch (placement.kind) {
      case "blocked": {
        if (placement.perTile >= blocks) return { tile: placement.first, slot: k };
        return { tile: f.add(f.div(k, placement.perTile), placement.first), slot: f.rem(k, placement.perTile) };
      }
      case "scaled": {
        invariant(blocks * placement.tiles < 2 ** 31, "a scaled placement overflows");
        const tile = f.keep(f.div(f.mul(k, placement.tiles), blocks));
        return { tile, slot: f.sub(k, this.firstScaled(f, placement.tiles, blocks, tile)) };
      }
      case "cyclic": return { tile: f.rem(k, placement.tiles), slot: f.div(k, placement.tiles) };
      case "list": {
        const at = (values: readonly number[]): Int => {
          if (typeof k === "number") return values[k]!;
          const address = this.tables.table(values);
          return () => f.module.i32.load(address, 4, f.module.i32.mul(f.code(k), f.module.i32.const(4)));
        };
        return { tile: at(placement.tiles), slot: at(slotsOf(placement.tiles)) };
      }
      default: return unreachable(placement);
    }
  }

  /** First block k on `tile` under ⌊k · tiles / blocks⌋: ⌈tile · blocks / tiles⌉. */
  firstScaled(f: ControlFunction, tiles: number, blocks: number, tile: Int): Int {
    return f.div(f.add(f.mul(tile, blocks), tiles - 1), tiles);
  }
}

/** Slot of each block: how many before it are on its tile. */
export function slotsOf(tiles: readonly number[]): number[] {
  const counts = new Map<number, number>();
  return tiles.map((tile) => {
    const slot = counts.get(tile) ?? 0;
    counts.set(tile, slot + 1);
    return slot;
  });
}
