/** Fields of vertices that become one: those that see parts of one tensor at fixed distances are one field around them. */
import { sameShape } from "../../graph/graph.ts";
import { binary, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { Affine } from "../../support/affine.ts";
import type { Field, TiledTensor } from "../tiled.ts";

/** Steps between elements of a field along each dimension of its tensor; undefined where these are not the field's own dimensions. */
function stepsOf({ shape, map }: Field, grid: number): number[] | undefined {
  if (shape.length !== map.length) return undefined;
  const steps = map.map(({ coefficients }, t) => coefficients[grid + t]!);
  const own = map.every(({ coefficients }, t) => coefficients.every((c, i) => i < grid || i === grid + t || c === 0));
  return own && steps.every((step) => step > 0) ? steps : undefined;
}

const sameForm = (a: Affine, b: Affine): boolean => a.constant === b.constant && sameShape(a.coefficients, b.coefficients);

const isMultiple = (distance: number, step: number): boolean => distance % step === 0;

/** Whether two fields of a vertex see the same elements, or, where a tensor lies whole, parts of it at a fixed distance. */
export function seenTogether(tensors: readonly TiledTensor[], a: Field, b: Field, grid: number): boolean {
  if (a.tensor !== b.tensor || a.perTile !== b.perTile) return false;
  if (sameShape(a.shape, b.shape) && a.map.every((form, t) => sameForm(form, b.map[t]!))) return true;
  if (tensors[a.tensor]!.storage !== "whole") return false;
  const [steps, others] = [stepsOf(a, grid), stepsOf(b, grid)];
  return steps !== undefined && others !== undefined && sameShape(steps, others)
    && a.map.every(({ constant, coefficients }, t) => isMultiple(b.map[t]!.constant - constant, steps[t]!) && sameShape(coefficients.slice(0, grid), b.map[t]!.coefficients.slice(0, grid)));
}

/** The field around two that are seen together. */
export function around(a: Field, b: Field, grid: number): Field {
  const steps = stepsOf(a, grid);
  if (steps === undefined) return a;
  const start = a.map.map(({ constant }, t) => Math.min(constant, b.map[t]!.constant));
  const end = (field: Field, t: number): number => (field.map[t]!.constant - start[t]!) / steps[t]! + field.shape[t]!;
  return {
    ...a, local: a.local && b.local, shape: a.shape.map((_, t) => Math.max(end(a, t), end(b, t))),
    map: a.map.map(({ coefficients }, t) => ({ constant: start[t]!, coefficients })),
  };
}

/** An index of a field, in one around it. */
export function indexWithin(outer: Field, field: Field, grid: number, index: readonly Expression[]): readonly Expression[] {
  return index.map((one, t) => {
    const distance = field.map[t] === undefined ? 0 : field.map[t].constant - outer.map[t]!.constant;
    return distance === 0 ? one : moved(one, distance / outer.map[t]!.coefficients[grid + t]!);
  });
}

function moved(index: Expression, by: number): Expression {
  if (index.kind === "binary" && index.op === "add" && index.right.kind === "constant") return binary("add", index.left, i32(Number(index.right.value) + by));
  return binary("add", index, i32(by));
}
