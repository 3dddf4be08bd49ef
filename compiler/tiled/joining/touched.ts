/** What steps touch, and whether the order of two of them matters. */
import { affineRange } from "../../support/affine.ts";
import { rootOf, type ComputeSet, type Family, type Field, type Step, type TensorId, type TiledTensor } from "../tiled.ts";

/** Part of a tensor, by dimension, both ends included; undefined: anywhere in it. */
export type Box = readonly { readonly min: number; readonly max: number }[] | undefined;

export interface Touch {
  /** Whose bytes these are. */
  readonly root: TensorId;
  readonly write: boolean;
  readonly box: Box;
}

export const apart = (a: Box, b: Box): boolean => a !== undefined && b !== undefined && a.some(({ min, max }, d) => max < b[d]!.min || b[d]!.max < min);

/** What all vertices of a family touch by a field. */
export function touchOf(tensors: readonly TiledTensor[], family: Family, field: Field): Touch {
  const root = rootOf(tensors, field.tensor);
  return { root, write: field.access !== "in", box: root === field.tensor ? boxOf(family, field) : undefined };
}

function boxOf({ range }: Family, { shape, map }: Field): Box {
  const extents = [...range.map(({ count }) => count), ...shape];
  if (extents.includes(0)) return undefined;
  return map.map((form) => {
    const start = range.reduce((sum, each, k) => sum + form.coefficients[k]! * each.start, 0);
    const { min, max } = affineRange(form, extents);
    return { min: min + start, max: max + start };
  });
}

export const touchedBySet = (tensors: readonly TiledTensor[], { families }: ComputeSet): Touch[] => families.flatMap((family) => family.fields.map((field) => touchOf(tensors, family, field)));

/** Undefined of a step that nothing moves past: control, and what the host sees. */
export function touchedBy(tensors: readonly TiledTensor[], step: Step): readonly Touch[] | undefined {
  if (step.kind === "compute") return touchedBySet(tensors, step.set);
  if (step.kind !== "copy") return undefined;
  return step.copies.flatMap(({ direction, driver, other }): Touch[] => [
    { root: rootOf(tensors, driver), write: direction === "pull", box: undefined }, { root: rootOf(tensors, other), write: direction === "push", box: undefined },
  ]);
}

/** Whether one writes what the other touches. */
export const conflict = (a: readonly Touch[], b: readonly Touch[]): boolean =>
  a.some((one) => b.some((other) => (one.write || other.write) && one.root === other.root && !apart(one.box, other.box)));
