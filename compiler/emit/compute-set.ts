/**
 * A compute set as a wasm function: for each family a loop over the worker's instances that calls its kernel, which may be another
 * with wide vectors.
 */
import { invariant } from "../support/bug.ts";
import { blockCount, slotsPerTile } from "../tiled/distribution.ts";
import { blockPosition } from "../tiled/locality.ts";
import type { ComputeSet, Family, Field } from "../tiled/tiled.ts";
import { emitForEach, type ControlFunction, type Int } from "./control.ts";
import { forOwnInstances, type Instance } from "./instances.ts";
import type { Layout } from "./layout.ts";
import type { Module } from "./binaryen.ts";

type KernelNames = (family: Family) => { readonly kernel: string; readonly wide?: string };

export function emitComputeSet(module: Module, layout: Layout, set: ComputeSet, name: string, kernelNames: KernelNames): void {
  emitForEach(module, set.families, name, (f, family) => {
    const { kernel, wide } = kernelNames(family);
    forOwnInstances(f, layout, family, (instance) => {
      const addresses = family.fields.map((field) => fieldAddress(f, layout, family, field, instance));
      if (wide === undefined) return f.call(kernel, ...addresses);
      const kept = addresses.map((address) => f.keep(address));
      f.if(f.code(f.global("$wide")), () => f.call(wide, ...kept), () => f.call(kernel, ...kept));
    });
  });
}

/** Byte address of a field's first element. */
function fieldAddress(f: ControlFunction, layout: Layout, family: Family, field: Field, { coordinates, tile, slot }: Instance): Int {
  const tensor = layout.tensor(field.tensor);
  const bytes = layout.elementBytes(field.tensor);
  const strides = layout.strides(field.tensor);
  if (tensor.storage === "whole") {
    const constant = field.map.reduce((sum, form, t) => sum + form.constant * strides[t]! * bytes, layout.offset(field.tensor));
    const coefficients = family.grid.map((_, i) => field.map.reduce((sum, form, t) => sum + form.coefficients[i]! * strides[t]! * bytes, 0));
    return f.affine(constant, coefficients, coordinates);
  }
  if (field.perTile) return layout.block(f, field.tensor, tile, 0);
  const { distribution } = tensor;
  const position = blockPosition(field.map, field.shape, family.range, distribution);
  invariant(position !== undefined && field.local, () => `${tensor.name} is not local to ${family.name}`);
  const within = position.within.reduce((sum, start, t) => sum + start * strides[t]! * bytes, 0);
  const blocks = blockCount(distribution.grid);
  let blockSlot: Int = 0;
  if (slotsPerTile(distribution.placement, blocks) > 1) {
    const own = blocks === blockCount(family.grid) && position.block.constant === 0 && distribution.placement === family.placement && isRowMajor(position.block.coefficients, family.grid);
    blockSlot = own ? slot : layout.place(f, distribution.placement, blocks, f.keep(f.affine(position.block.constant, position.block.coefficients, coordinates))).slot;
  }
  return f.add(layout.block(f, field.tensor, tile, blockSlot), within);
}

function isRowMajor(coefficients: readonly number[], grid: readonly number[]): boolean {
  let stride = 1;
  for (let d = grid.length - 1; d >= 0; d--) {
    if (grid[d]! > 1 && coefficients[d] !== stride) return false;
    stride *= grid[d]!;
  }
  return true;
}
