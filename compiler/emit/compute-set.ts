/**
 * A compute set as a wasm function: for each family a loop over the worker's instances that calls its kernel, which may be another
 * with wide vectors.
 */
import type { Kernel, LocalId } from "../kernel/kernel.ts";
import { invariant } from "../support/bug.ts";
import { blockCount, slotsPerTile } from "../tiled/distribution.ts";
import { blockPosition } from "../tiled/locality.ts";
import type { ComputeSet, Family, Field } from "../tiled/tiled.ts";
import type { Module } from "./binaryen.ts";
import { emitForEach, type ControlFunction, type Int } from "./control.ts";
import { forOwnInstances, ownInstances, type Instance } from "./instances.ts";
import type { Layout } from "./layout.ts";
import { sideBySide } from "./side-by-side.ts";

export interface ComputeSetOptions {
  /** The name of a kernel's function. Of a kernel of several vertices, their number is its last argument. */
  nameOf(kernel: Kernel, count?: LocalId): string;
  /** Whether vertices that lie side by side may be one. */
  readonly together: boolean;
}

/** What is called for an instance, or for several at once: a kernel, and the same for machines that pair vectors. */
interface Called {
  readonly kernel: string;
  readonly wide?: string;
}

export function emitComputeSet(module: Module, layout: Layout, set: ComputeSet, name: string, options: ComputeSetOptions): void {
  emitForEach(module, set.families, name, (f, family) => {
    if (options.together && callTogether(f, layout, family, options)) return;
    const called = { kernel: options.nameOf(family.kernel), ...(family.wide ? { wide: options.nameOf(family.wide) } : {}) };
    forOwnInstances(f, layout, family, (instance) => call(f, called, family.fields.map((field) => fieldAddress(f, layout, family, field, instance))));
  });
}

function call(f: ControlFunction, { kernel, wide }: Called, args: readonly Int[]): void {
  if (wide === undefined) return f.call(kernel, ...args);
  const kept = args.map((arg) => f.keep(arg));
  f.if(f.code(f.global("$wide")), () => f.call(wide, ...kept), () => f.call(kernel, ...kept));
}

/** Calls the kernel once for all of a worker's instances, where it can be one of them all. */
function callTogether(f: ControlFunction, layout: Layout, family: Family, { nameOf }: ComputeSetOptions): boolean {
  const along = family.grid.findIndex((extent) => extent > 1);
  if (along === -1 || family.fields.some(({ tensor, perTile }) => perTile === true || layout.tensor(tensor).storage !== "whole")) return false;
  const distances = family.fields.map((field) => elementsApart(layout, field)[along] ?? 0);
  const [one, wide] = [family.kernel, family.wide].map((kernel) => kernel && sideBySide(kernel, distances));
  const own = one && (family.wide === undefined || wide) ? ownInstances(f, layout, family) : undefined;
  if (one === undefined || own === undefined) return false;
  const { coordinates, count } = own;
  const called = { kernel: nameOf(one.kernel, one.count), ...(wide ? { wide: nameOf(wide.kernel, wide.count) } : {}) };
  f.if(f.module.i32.gt_s(f.code(count), f.module.i32.const(0)), () => call(f, called, [...family.fields.map((field) => wholeAddress(f, layout, field, coordinates)), count]));
  return true;
}

/** By how many elements a field of a tensor that lies whole begins later for the next instance, along each dimension of the grid. */
function elementsApart(layout: Layout, { tensor, map }: Field): number[] {
  const strides = layout.strides(tensor);
  return (map[0]?.coefficients ?? []).map((_, i) => map.reduce((sum, form, t) => sum + form.coefficients[i]! * strides[t]!, 0));
}

function wholeAddress(f: ControlFunction, layout: Layout, field: Field, coordinates: readonly Int[]): Int {
  const { tensor, map } = field;
  const bytes = layout.elementBytes(tensor);
  const constant = map.reduce((sum, form, t) => sum + form.constant * layout.strides(tensor)[t]! * bytes, layout.offset(tensor));
  const apart = elementsApart(layout, field);
  return f.affine(constant, coordinates.map((_, i) => (apart[i] ?? 0) * bytes), coordinates);
}

/** Byte address of a field's first element. */
function fieldAddress(f: ControlFunction, layout: Layout, family: Family, field: Field, { coordinates, tile, slot }: Instance): Int {
  const tensor = layout.tensor(field.tensor);
  const bytes = layout.elementBytes(field.tensor);
  const strides = layout.strides(field.tensor);
  if (tensor.storage === "whole") return wholeAddress(f, layout, field, coordinates);
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
