/** What a phase touches, and when two phases need a sync between them. */
import { sizeOf } from "../../runtime/dtype.ts";
import { blockCount, tileOf } from "../tiled/distribution.ts";
import { affineRange } from "../support/affine.ts";
import { rootOf, type Family, type Field, type TensorId, type TiledGraph } from "../tiled/tiled.ts";
import type { Phase } from "./bsp.ts";

export interface Use {
  /** 0: no such access; 1: only to what the tile owns; 2: perhaps to what another tile owns. */
  read: 0 | 1 | 2;
  write: 0 | 1 | 2;
  /** The only tile whose vertices do this, where there is one and memory is shared: no sync parts a tile's phases from each other. */
  tile: number | undefined;
  /** A box of the tensor outside of which nothing is touched, by dimension, both ends included; undefined: anywhere. */
  box: Box | undefined;
}

type Box = readonly { readonly min: number; readonly max: number }[];

/** Accesses since the last sync, by the tensor whose bytes they touch. */
export class Pending {
  readonly uses = new Map<TensorId, Use>();

  add(tensor: TensorId, use: Use): void {
    const known = this.uses.get(tensor);
    if (!known) this.uses.set(tensor, { ...use });
    else {
      known.read = Math.max(known.read, use.read) as Use["read"];
      known.write = Math.max(known.write, use.write) as Use["write"];
      if (known.tile !== use.tile) known.tile = undefined;
      known.box = known.box && use.box && around(known.box, use.box);
    }
  }

  addAll(other: Pending): void {
    for (const [tensor, use] of other.uses) this.add(tensor, use);
  }

  conflicts(other: Pending): boolean {
    for (const [tensor, b] of other.uses) {
      const a = this.uses.get(tensor);
      if (a && (a.tile === undefined || a.tile !== b.tile) && !apart(a.box, b.box) && (clash(a.write, b.read) || clash(a.read, b.write) || clash(a.write, b.write))) return true;
    }
    return false;
  }
}

const around = (a: Box, b: Box): Box => a.map(({ min, max }, d) => ({ min: Math.min(min, b[d]!.min), max: Math.max(max, b[d]!.max) }));

const apart = (a: Box | undefined, b: Box | undefined): boolean => a !== undefined && b !== undefined && a.some(({ min, max }, d) => max < b[d]!.min || b[d]!.max < min);

const clash = (a: number, b: number): boolean => a > 0 && b > 0 && a + b > 2;

export function accessesOf(tiled: TiledGraph, phase: Phase): Pending {
  const pending = new Pending();
  const root = (id: TensorId): TensorId => rootOf(tiled.tensors, id);
  if (phase.kind === "compute") {
    for (const family of phase.set.families) {
      const tile = onlyTile(family);
      for (const field of family.fields) {
        const reach = field.local ? 1 : 2;
        const id = root(field.tensor);
        const whole = tiled.tensors[id]!.storage === "whole";
        pending.add(id, {
          read: field.access === "out" ? 0 : reach, write: field.access === "in" ? 0 : reach,
          tile: whole ? tile : undefined, box: whole && id === field.tensor ? boxOf(family, field) : undefined,
        });
      }
    }
    return pending;
  }
  for (const copy of phase.copies) {
    const pull = copy.direction === "pull";
    pending.add(root(copy.driver), { read: pull ? 0 : 1, write: pull ? 1 : 0, tile: undefined, box: undefined });
    pending.add(root(copy.other), { read: pull ? 2 : 0, write: pull ? 0 : 2, tile: undefined, box: undefined });
  }
  return pending;
}

/** What a family's vertices together touch of the tensor of a field; undefined where they touch nothing. */
function boxOf({ range }: Family, { shape, map }: Field): Box | undefined {
  const extents = [...range.map(({ count }) => count), ...shape];
  if (extents.includes(0)) return undefined;
  return map.map((form) => {
    const atStart = range.reduce((sum, { start }, k) => sum + form.coefficients[k]! * start, 0);
    const { min, max } = affineRange(form, extents);
    return { min: min + atStart, max: max + atStart };
  });
}

/** The tile of a family of one vertex. */
function onlyTile({ grid, range, placement }: Family): number | undefined {
  if (sizeOf(range.map(({ count }) => count)) !== 1) return undefined;
  const at = range.reduce((index, { start }, d) => index * grid[d]! + start, 0);
  return tileOf(placement, at, blockCount(grid));
}
