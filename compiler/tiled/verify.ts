/**
 * The verifier of the tiled level. It holds that
 * - an alias has as many elements as the tensor behind it, and the same dtype; in blocks it has them in the same bytes;
 * - a distribution's grid covers its tensor, and every block is on a tile that exists;
 * - a family's kernel is well formed and has one buffer per field, of the field's shape and access;
 * - every slice of every instance lies inside its tensor;
 * - no two instances of a family write the same element;
 * - with private memory, every field is local;
 * - both sides of a copy stay inside their tensors.
 */
import { sizeOf } from "../../runtime/dtype.ts";
import { programsOf, sameShape } from "../graph/graph.ts";
import { verifyKernel } from "../kernel/verify.ts";
import { affineRange, type Affine } from "../support/affine.ts";
import { invariant } from "../support/bug.ts";
import { blockCount, samePlacement, slotsPerTile, tileSpan } from "./distribution.ts";
import { everyInstance } from "./locality.ts";
import { printFamily } from "./print.ts";
import { stepsInside, type Copy, type Family, type Field, type Step, type TiledGraph, type TiledTensor } from "./tiled.ts";

/** Above this many instances, writes that are not separate dimension by dimension are not compared one by one. */
const comparisonLimit = 512;

export function verify(tiled: TiledGraph): void {
  tiled.tensors.forEach((tensor, id) => verifyTensor(tiled, tensor, id));
  for (const program of programsOf(tiled)) verifySteps(tiled, program.steps);
}

function verifyTensor(tiled: TiledGraph, tensor: TiledTensor, id: number): void {
  const { distribution, type } = tensor;
  const named = `tensor ${id} (${tensor.name})`;
  if (tensor.aliasOf !== undefined) {
    const root = tiled.tensors[tensor.aliasOf];
    invariant(root && root.aliasOf === undefined, `${named} is an alias of an alias, or of nothing`);
    invariant(root.type.dtype === type.dtype, `${named} differs in dtype from what it is an alias of`);
    invariant(sizeOf(root.type.shape) === sizeOf(type.shape) || fitsInPlace(tensor, root), `${named} differs in size from what it is an alias of`);
  }
  invariant(distribution.grid.length === type.shape.length, `${named}: rank of the grid`);
  invariant(type.shape.every((extent, d) => distribution.grid[d] === Math.ceil(extent / distribution.block[d]!)), `${named}: the grid does not cover the shape`);
  const blocks = blockCount(distribution.grid);
  if (blocks === 0) return;
  const span = tileSpan(distribution.placement, blocks);
  invariant(span.first >= 0 && span.end <= tiled.tiles, `${named} is on tiles ${span.first} to ${span.end - 1} of ${tiled.tiles}`);
}

/** Whether a tensor can lie where another one does on other tiles: each in one block a tile, dealt alike, and this one's no larger. */
function fitsInPlace({ distribution }: TiledTensor, { distribution: root }: TiledTensor): boolean {
  const blocks = blockCount(root.grid);
  return blockCount(distribution.grid) === blocks && samePlacement(distribution.placement, root.placement, blocks)
    && slotsPerTile(root.placement, blocks) <= 1 && sizeOf(distribution.block) <= sizeOf(root.block);
}

function verifySteps(tiled: TiledGraph, steps: readonly Step[]): void {
  for (const step of steps) {
    switch (step.kind) {
      case "compute": for (const family of step.set.families) verifyFamily(tiled, family); break;
      case "copy": for (const copy of step.copies) verifyCopy(tiled, copy); break;
      case "host": break;
      default: for (const body of stepsInside(step)) verifySteps(tiled, body);
    }
  }
}

function verifyFamily(tiled: TiledGraph, family: Family): void {
  const { kernel, fields, grid, range } = family;
  const shown = (what: string) => (): string => `${what} in\n${printFamily(family)}`;
  verifyKernel(kernel);
  invariant(kernel.buffers.length === fields.length, shown("fields and buffers differ in number"));
  invariant(range.length === grid.length && range.every(({ start, count }, i) => start >= 0 && start + count <= grid[i]!), shown("the range leaves the grid"));
  const span = tileSpan(family.placement, blockCount(grid));
  invariant(span.first >= 0 && span.end <= tiled.tiles, shown(`instances on tiles ${span.first} to ${span.end - 1} of ${tiled.tiles}`));
  fields.forEach((field, i) => {
    const buffer = kernel.buffers[i]!;
    const tensor = tiled.tensors[field.tensor]!;
    invariant(sameShape(buffer.shape, field.shape) && buffer.access === field.access && buffer.dtype === tensor.type.dtype, shown(`field ${i} and its buffer differ`));
    invariant(field.map.length === tensor.type.shape.length, shown(`field ${i} has another rank than its tensor`));
    invariant(field.local || tensor.storage === "whole", shown(`field ${i} is not on its vertex's tile`));
    if (!field.perTile) verifyInside(field.map, [...range, ...field.shape.map((count) => ({ start: 0, count }))], tensor.type.shape, shown(`field ${i} leaves ${tensor.name}`));
    if (field.access !== "in") invariant(writesApart(family, field), shown(`two instances write the same element of field ${i}`));
  });
}

function verifyInside(map: readonly Affine[], box: readonly { readonly start: number; readonly count: number }[], shape: readonly number[], message: () => string): void {
  if (box.some(({ count }) => count === 0)) return;
  map.forEach((form, t) => {
    const atStart = form.coefficients.reduce((sum, coefficient, i) => sum + coefficient * box[i]!.start, form.constant);
    const { min, max } = affineRange({ constant: atStart, coefficients: form.coefficients }, box.map(({ count }) => count));
    invariant(min >= 0 && max < shape[t]!, message);
  });
}

/** Separate in some dimension of the tensor for each coordinate that varies, or shown to be separate one by one. */
function writesApart(family: Family, field: Field): boolean {
  const rank = family.grid.length;
  const moving = family.range.flatMap(({ count }, i) => (count > 1 ? [i] : []));
  const separate = moving.every((i) => field.map.some((form) => {
    const reach = affineRange({ constant: 0, coefficients: form.coefficients.slice(rank) }, field.shape);
    return Math.abs(form.coefficients[i]!) > reach.max - reach.min && moving.every((other) => other === i || form.coefficients[other] === 0);
  }));
  if (separate || sizeOf(field.shape) === 0) return true;
  const instances = family.range.reduce((product, { count }) => product * count, 1);
  if (instances > comparisonLimit || sizeOf(field.shape) * instances > 65_536) return true;
  const seen = new Set<string>();
  return everyInstance(family, (coordinates) => {
    const visit = (d: number, indices: readonly number[]): boolean => {
      if (d === field.shape.length) {
        const at = field.map.map((form) => form.coefficients.reduce((sum, coefficient, i) => sum + coefficient * indices[i]!, form.constant)).join();
        if (seen.has(at)) return false;
        seen.add(at);
        return true;
      }
      for (let i = 0; i < field.shape[d]!; i++) if (!visit(d + 1, [...indices, i])) return false;
      return true;
    };
    return visit(0, coordinates);
  });
}

function verifyCopy(tiled: TiledGraph, copy: Copy): void {
  const driver = tiled.tensors[copy.driver]!;
  const other = tiled.tensors[copy.other]!;
  const named = `copy of ${driver.name} and ${other.name}`;
  invariant(driver.storage === "blocks", `${named}: the driver is not in blocks`);
  invariant(driver.type.dtype === other.type.dtype, `${named}: dtypes differ`);
  invariant(copy.range.length === driver.distribution.grid.length, `${named}: rank of the range`);
  invariant(copy.map.length === other.type.shape.length && copy.map.every((form) => form.coefficients.length === driver.type.shape.length), `${named}: rank of the map`);
  const box = copy.range.map(({ start, count }, d) => {
    const first = start * driver.distribution.block[d]!;
    return { start: first, count: Math.max(0, Math.min(count * driver.distribution.block[d]!, driver.type.shape[d]! - first)) };
  });
  verifyInside(copy.map, box, other.type.shape, () => `${named} leaves ${other.name}`);
}
