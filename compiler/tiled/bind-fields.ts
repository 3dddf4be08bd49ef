/**
 * Binds a family's fields to where data lies. With shared memory a field is addressed inside its tensor; whether it is local
 * decides only about syncs. With private memory a field that is not on the vertex's own tile gets a block of its own there,
 * filled by a copy before the vertex runs, or emptied by one after it.
 */
import { sizeOf } from "../../runtime/dtype.ts";
import { rowMajor } from "../kernel/kernel.ts";
import type { Affine } from "../support/affine.ts";
import { invariant } from "../support/bug.ts";
import { blockCount, distribute, samePlacement, slotsPerTile, tileSpan } from "./distribution.ts";
import { fieldStrides, type DraftFamily, type DraftField } from "./families.ts";
import { blockPosition, sameTiles } from "./locality.ts";
import type { Tensors } from "./tensors.ts";
import type { Copy, Family, Field, TensorId } from "./tiled.ts";

export interface BoundFamily {
  readonly family: Family;
  readonly before: readonly Copy[];
  readonly after: readonly Copy[];
}

/** Families of one op: the whole blocks first, then those at edges. */
export function bindFamilies(tensors: Tensors, drafts: readonly DraftFamily[]): BoundFamily[] {
  const places: Place[] = [];
  return drafts.map((draft) => bindFamily(tensors, draft, places));
}

/** Where a field of some families has its blocks. Instances of other families, on other tiles, may have theirs there too. */
interface Place {
  readonly tensor: TensorId;
  readonly field: number;
  readonly family: DraftFamily;
  readonly ranges: (readonly { readonly start: number; readonly count: number }[])[];
}

function bindFamily(tensors: Tensors, draft: DraftFamily, places: Place[]): BoundFamily {
  const before: Copy[] = [];
  const after: Copy[] = [];
  const strides: number[][] = [];
  const fields = draft.fields.map((field, i): Field => {
    const local = isLocal(tensors, draft, field);
    if (tensors.deviceStorage === "whole") {
      strides.push(fieldStrides(field, rowMajor(tensors.type(field.tensor).shape)));
      return { ...field, local };
    }
    invariant(!tensors.isScattered(field.tensor), () => `${tensors.name(field.tensor)} is addressed in a shape its blocks do not have`);
    if (local) {
      strides.push(fieldStrides(field, rowMajor(tensors.distribution(field.tensor).block)));
      return { ...field, local };
    }
    strides.push(rowMajor(field.shape));
    return stage(tensors, draft, i, places, before, after);
  });
  const kernel = { ...draft.kernel, buffers: draft.kernel.buffers.map((buffer, i) => ({ ...buffer, strides: strides[i]! })) };
  return { family: { ...draft, kernel, fields }, before, after };
}

function isLocal(tensors: Tensors, draft: DraftFamily, field: DraftField): boolean {
  const distribution = tensors.distribution(field.tensor);
  if (tensors.isScattered(field.tensor)) return false;
  const position = blockPosition(field.map, field.shape, draft.range, distribution);
  return position !== undefined && sameTiles(position.block, distribution, draft);
}

const blockOf = (field: DraftField): number[] => field.shape.map((extent) => Math.max(1, extent));

/** A place for the field's blocks that another family has on other tiles; it is noted that this one has it too. */
function placeFor(tensors: Tensors, draft: DraftFamily, at: number, places: Place[]): Place | undefined {
  const { grid, placement, range } = draft;
  const blocks = blockCount(grid);
  if (slotsPerTile(placement, blocks) > 1) return undefined;
  const field = draft.fields[at]!;
  const apart = (other: DraftFamily["range"]): boolean => range.some(({ start, count }, d) => start >= other[d]!.start + other[d]!.count || other[d]!.start >= start + count);
  const found = places.find(({ tensor, field: other, family, ranges }) => other === at && tensors.type(tensor).dtype === tensors.type(field.tensor).dtype
    && family.grid.join() === grid.join() && samePlacement(family.placement, placement, blocks)
    && sizeOf(blockOf(field)) <= sizeOf(blockOf(family.fields[at]!)) && ranges.every(apart));
  found?.ranges.push(range);
  return found;
}

function stage(tensors: Tensors, draft: DraftFamily, at: number, places: Place[], before: Copy[], after: Copy[]): Field {
  const { grid, placement } = draft;
  const field = draft.fields[at]!;
  const { dtype } = tensors.type(field.tensor);
  const name = `${tensors.name(field.tensor)} for ${draft.name}`;
  const block = blockOf(field);
  const whole = field.shape.map((extent) => ({ start: 0, count: extent === 0 ? 0 : 1 }));
  const zeros = (count: number): number[] => new Array<number>(count).fill(0);
  const indices = (leading: number): Affine[] => field.shape.map((_, f) => ({ constant: 0, coefficients: [...zeros(leading), ...field.shape.map((__, g) => (g === f ? 1 : 0))] }));

  const shared = field.access === "in" && field.map.every((form) => form.coefficients.slice(0, grid.length).every((growth) => growth === 0));
  const sharedCause = `every vertex of ${draft.name} reads it`;
  if (shared && slotsPerTile(placement, blockCount(grid)) > 1) {
    // The same for every instance: once per tile, however many instances it has.
    const span = tileSpan(placement, blockCount(grid));
    const shape = [span.end - span.first, ...field.shape];
    const tensor = tensors.add({ name, type: { dtype, shape }, origin: draft.origin, distribution: distribute(shape, [1, ...block], { kind: "blocked", first: span.first, perTile: 1 }) });
    before.push({
      direction: "pull", driver: tensor, other: field.tensor, range: [{ start: 0, count: shape[0]! }, ...whole],
      map: field.map.map((form) => ({ constant: form.constant, coefficients: [0, ...form.coefficients.slice(grid.length)] })),
      cause: sharedCause, origin: draft.origin,
    });
    return { tensor, shape: field.shape, access: "in", local: true, perTile: true, map: [{ constant: 0, coefficients: zeros(grid.length + field.shape.length) }, ...indices(grid.length)] };
  }

  const shape = [...grid, ...field.shape];
  const place = placeFor(tensors, draft, at, places);
  const tensor = tensors.add({ name, type: { dtype, shape }, origin: draft.origin, distribution: distribute(shape, [...grid.map(() => 1), ...block], placement), inPlaceOf: place?.tensor });
  if (!place) places.push({ tensor, field: at, family: draft, ranges: [draft.range] });
  const copy = { driver: tensor, other: field.tensor, range: [...draft.range, ...whole], map: field.map, origin: draft.origin };
  const several = sizeOf(draft.range.map(({ count }) => count)) > 1;
  if (field.access !== "out") before.push({ ...copy, direction: "pull", cause: shared && several ? sharedCause : `${draft.name} reads what is on other tiles` });
  if (field.access !== "in") after.push({ ...copy, direction: "push", cause: `${draft.name} writes what is on other tiles` });
  // A dimension with a single instance does not move.
  const coordinates = grid.map((_, i): Affine => ({ constant: 0, coefficients: [...grid.map((extent, j) => (i === j && extent > 1 ? 1 : 0)), ...zeros(field.shape.length)] }));
  return { tensor, shape: field.shape, access: field.access, local: true, map: [...coordinates, ...indices(grid.length)] };
}
