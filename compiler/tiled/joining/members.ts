/** Compute sets whose vertices are nests of parallel loops around stores, and which of them may become one. */
import { bytesOf, isFloat, sizeOf } from "../../../runtime/dtype.ts";
import { sameShape } from "../../graph/graph.ts";
import { nestOf, type Nest } from "../../kernel/nest.ts";
import type { Expression, MathFunction } from "../../kernel/kernel.ts";
import { computeDType, isHalfFloat, maximumLanes, vectorFormSupported } from "../../kernel/vector-support.ts";
import { visitExpression, visitValues } from "../../kernel/walk.ts";
import { blockCount, samePlacement } from "../distribution.ts";
import { rootOf, type ComputeSet, type Family, type Field, type TensorId, type TiledTensor } from "../tiled.ts";
import { seenTogether } from "./fields.ts";
import { apart, touchOf, type Touch } from "./touched.ts";

/** A vertex of a family: what it does, and the indices at which it touches each of its fields. */
export interface MemberFamily {
  readonly family: Family;
  readonly nest: Nest;
  readonly touches: readonly Touch[];
  readonly indices: readonly ReadonlySet<string>[];
}

/** A compute set that may be joined with others. */
export interface Member {
  readonly set: ComputeSet;
  readonly families: readonly MemberFamily[];
  /** What decides how its loops become loops over vectors. */
  readonly vectors: string;
  /** Whether an iteration of its largest vertex calls mathematical functions, and such that branch for rare arguments; its operations in all. */
  readonly calls: boolean;
  readonly branches: boolean;
  readonly operations: number;
}

export const indexKey = (index: readonly Expression[]): string => JSON.stringify(index);

/** The compute set as one that may be joined; undefined where a vertex is no nest. What only copies is told of by `explain`, and stays what it is. */
export function memberOf(tensors: readonly TiledTensor[], set: ComputeSet): Member | undefined {
  const families: MemberFamily[] = [];
  for (const family of set.families) {
    const nest = family.name === "copy" || family.fields.some(({ access }) => access === "inout") ? undefined : nestOf(family.kernel);
    if (nest === undefined) return undefined;
    families.push({ family, nest, touches: family.fields.map((field) => touchOf(tensors, family, field)), indices: indicesOf(family, nest) });
  }
  if (families.length === 0) return undefined;
  const largest = families.reduce((most, one) => (iterations(one) > iterations(most) ? one : most));
  return { set, families, ...measured(largest) };
}

export const iterations = ({ family, nest }: MemberFamily): number => sizeOf(nest.extents) * blockCount(family.range.map(({ count }) => count));

function indicesOf({ fields }: Family, { stores }: Nest): ReadonlySet<string>[] {
  const found = fields.map(() => new Set<string>());
  for (const { buffer, index, value } of stores) {
    found[buffer]!.add(indexKey(index));
    visitExpression(value, (one) => {
      if (one.kind === "load") found[one.buffer]!.add(indexKey(one.index));
    });
  }
  return found;
}

function measured({ family: { kernel }, nest }: MemberFamily): Pick<Member, "vectors" | "calls" | "branches" | "operations"> {
  let [calls, branches, operations] = [false, false, 0];
  const values: Expression[] = [];
  for (const { value } of nest.stores) {
    visitValues(value, (one) => {
      values.push(one);
      calls ||= isCall(one);
      branches ||= isCall(one) && (one.kind !== "call" || branching.has(one.function));
      if (one.kind !== "load" && one.kind !== "constant") operations++;
    });
  }
  const widths = new Set([...kernel.buffers, ...values].filter(({ dtype }) => dtype !== "bool").map(({ dtype }) => bytesOf(computeDType(dtype))));
  const lanes = Math.min(...values.map(({ dtype }) => maximumLanes(dtype)));
  const wide = values.every((one) => vectorFormSupported({ ...one, lanes }));
  return { vectors: `${[...widths].sort().join()} ${wide} ${sidewise(kernel, nest)}`, calls, branches, operations };
}

/** Mathematical functions, and the remainder of floats, which is one. */
export const isCall = (one: Expression): boolean => one.kind === "call" || (one.kind === "binary" && one.op === "rem" && isFloat(one.dtype));

const branching: ReadonlySet<MathFunction> = new Set(["sin", "cos", "tan"]);

/** Whether all that an iteration of the innermost loop touches lies beside what the next one does, or is the same. */
function sidewise({ buffers }: Family["kernel"], { extents, stores }: Nest): boolean {
  const inner = extents.length - 1;
  const beside = (buffer: number, index: readonly Expression[]): boolean => {
    const { strides } = buffers[buffer]!;
    const moved = index.reduce((sum, one, d) => sum + coefficient(one, inner) * strides[d]!, 0);
    return moved === 0 || moved === 1;
  };
  return stores.every(({ buffer, index, value }) => {
    let all = beside(buffer, index);
    visitExpression(value, (one) => {
      if (one.kind === "load") all &&= beside(one.buffer, one.index);
    });
    return all;
  });
}

/** How far an index moves with a counter; NaN where it is no affine form of it. */
function coefficient(index: Expression, counter: number): number {
  switch (index.kind) {
    case "constant": return 0;
    case "local": return index.local === counter ? 1 : 0;
    case "binary": {
      const [left, right] = [coefficient(index.left, counter), coefficient(index.right, counter)];
      if (index.op === "add") return left + right;
      if (index.op === "sub") return left - right;
      if (index.op === "mul" && index.right.kind === "constant") return left * Number(index.right.value);
      return left === 0 && right === 0 ? 0 : NaN;
    }
    default: return NaN;
  }
}

/** Whether the same vertices run on the same tiles, in loops of the same extents. */
const alike = (a: Member, b: Member): boolean => a.vectors === b.vectors && a.families.length === b.families.length && a.families.every((one, j) => {
  const other = b.families[j]!;
  const [p, q] = [one.family, other.family];
  return sameShape(p.grid, q.grid) && p.range.every(({ start, count }, d) => start === q.range[d]!.start && count === q.range[d]!.count)
    && sameShape(one.nest.extents, other.nest.extents) && samePlacement(p.placement, q.placement, blockCount(p.grid));
});

/**
 * Whether `later` may be done in the loops of `first`, which comes before it. What one writes and the other touches must be, in each
 * vertex, the same element in the same iteration, so that no other iteration meets it.
 */
export function mayJoin(tensors: readonly TiledTensor[], first: Member, later: Member): boolean {
  return alike(first, later) && meetings(first, later).every((root) => first.families.every((one, j) => meetInPlace(tensors, root, one, later.families[j]!)));
}

/** The tensors of which one may write what the other touches. */
function meetings(first: Member, later: Member): TensorId[] {
  const found = new Set<TensorId>();
  const others = later.families.flatMap(({ touches }) => touches);
  for (const one of first.families.flatMap(({ touches }) => touches)) {
    if (others.some((other) => other.root === one.root && (one.write || other.write) && !apart(one.box, other.box))) found.add(one.root);
  }
  return [...found];
}

function meetInPlace(tensors: readonly TiledTensor[], root: TensorId, first: MemberFamily, later: MemberFamily): boolean {
  const [before, after] = [fieldsOn(tensors, root, first), fieldsOn(tensors, root, later)];
  if (before.length === 0 || after.length === 0) return false;
  const all = [...before, ...after];
  if (all.some(({ key }) => key !== all[0]!.key) || new Set(all.flatMap(({ indices }) => [...indices])).size !== 1) return false;
  if (before.some(({ writes }) => writes) && after.some(({ writes }) => writes)) return false;
  // Floats of 16 bits would be rounded to be handed over, and again to be stored: that costs more than to read them.
  return before.every(({ buffer, writes }) => !writes || !isHalfFloat(first.family.kernel.buffers[buffer]!.dtype));
}

function fieldsOn(tensors: readonly TiledTensor[], root: TensorId, { family, indices }: MemberFamily): { key: string; buffer: number; writes: boolean; indices: ReadonlySet<string> }[] {
  return family.fields.flatMap((field, buffer) => (rootOf(tensors, field.tensor) === root ? [{ key: fieldKey(field), buffer, writes: field.access !== "in", indices: indices[buffer]! }] : []));
}

/** Equal for fields that see the same elements in the same order. */
export const fieldKey = ({ tensor, shape, map }: Field): string => JSON.stringify([tensor, shape, map.map(({ constant, coefficients }) => [constant, coefficients])]);

/** How many elements an iteration need not read again when the two are joined, about: of tensors that both read, or that the first gives the second. */
export function sharedReads(tensors: readonly TiledTensor[], first: Member, later: Member): number {
  const [one, other] = [first, later].map(({ families }) => families.reduce((most, each) => (iterations(each) > iterations(most) ? each : most))) as [MemberFamily, MemberFamily];
  const points = sizeOf(one.nest.extents);
  return other.family.fields.filter((field) => field.access === "in" && 2 * sizeOf(field.shape) >= points && one.family.fields.some((known) => seenTogether(tensors, known, field, one.family.grid.length))).length;
}
