/** Random exchanges, and the truth about them element by element, to test against. */
import fc from "fast-check";
import { bytesOf, sizeOf, type DType } from "../../../runtime/dtype.ts";
import { rowMajor } from "../../kernel/kernel.ts";
import { affineConstant, affineIndex, evaluateAffine, type Affine } from "../../support/affine.ts";
import { nowhere } from "../../support/span.ts";
import { blockCount, distribute, tileOf } from "../../tiled/distribution.ts";
import type { Copy, Distribution, Placement, TiledTensor } from "../../tiled/tiled.ts";
import type { Tensors } from "../exchange/transfers.ts";

export interface Exchange {
  readonly tiled: Tensors;
  readonly copies: readonly Copy[];
}

export function tensor(name: string, shape: readonly number[], distribution: Distribution, dtype: DType = "f32", storage: "blocks" | "whole" = "blocks"): TiledTensor {
  return { name, type: { dtype, shape }, origin: nowhere, storage, distribution, persistent: false };
}

/** All of the driver, through `map`. */
export function copyOf(tensors: readonly TiledTensor[], driver: number, other: number, map: readonly Affine[], direction: Copy["direction"] = "pull"): Copy {
  return { direction, driver, other, map, range: tensors[driver]!.distribution.grid.map((count) => ({ start: 0, count })), cause: "test", origin: nowhere };
}

function placements(blocks: number, tiles: number): fc.Arbitrary<Placement> {
  return fc.oneof(
    fc.integer({ min: 0, max: tiles - 1 }).chain((first) => fc.integer({ min: Math.ceil(blocks / (tiles - first)), max: blocks + 2 }).map((perTile): Placement => ({ kind: "blocked", first, perTile: Math.max(1, perTile) }))),
    fc.constant<Placement>({ kind: "scaled", tiles }),
    fc.constant<Placement>({ kind: "cyclic", tiles }),
    fc.array(fc.integer({ min: 0, max: tiles - 1 }), { minLength: blocks, maxLength: blocks }).map((list): Placement => ({ kind: "list", tiles: list })),
  );
}

export function distributions(shape: readonly number[], tiles: number): fc.Arbitrary<Distribution> {
  return fc.tuple(...shape.map((extent) => fc.integer({ min: 1, max: extent + 1 }))).chain((block) => {
    const plain = distribute(shape, block, { kind: "cyclic", tiles });
    return placements(blockCount(plain.grid), tiles).map((placement) => ({ ...plain, placement }));
  });
}

/** How one dimension of the other tensor follows the driver's. Several of the driver's make a window or a reshape. */
interface Follow {
  readonly constant: number;
  readonly terms: readonly { readonly dimension: number; readonly coefficient: number }[];
}

function follows(rank: number, mixing: boolean): fc.Arbitrary<Follow> {
  const term = fc.record({ dimension: fc.nat({ max: Math.max(0, rank - 1) }), coefficient: fc.constantFrom(1, 1, 1, -1, 2, -2, 3) });
  const one = term.map((only): Follow["terms"] => [only]);
  const several: fc.Arbitrary<Follow["terms"]> = fc.array(term, { minLength: 2, maxLength: 3 });
  const none = fc.constant<Follow["terms"]>([]);
  const terms = rank === 0 ? none : fc.oneof({ weight: 1, arbitrary: none }, { weight: 5, arbitrary: one }, { weight: mixing ? 3 : 0, arbitrary: several });
  return fc.record({ constant: fc.nat({ max: 3 }), terms });
}

/** The form, moved so that it is nowhere negative, and how far it reaches. */
function formOf(follow: Follow, shape: readonly number[]): { form: Affine; extent: number } {
  let form = affineConstant(follow.constant, shape.length);
  for (const { dimension, coefficient } of follow.terms) {
    const more = affineIndex(dimension, shape.length, coefficient);
    form = { constant: form.constant, coefficients: form.coefficients.map((own, d) => own + more.coefficients[d]!) };
  }
  let low = 0;
  let high = 0;
  form.coefficients.forEach((coefficient, d) => {
    const reach = coefficient * (shape[d]! - 1);
    if (reach < 0) low += reach;
    else high += reach;
  });
  return { form: { ...form, constant: form.constant - low }, extent: form.constant + high - low + 1 };
}

function oneCopy(tiles: number, mixing: boolean): fc.Arbitrary<{ tensors: TiledTensor[]; copy: Copy }> {
  return fc.record({
    shape: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 3 }),
    otherRank: fc.nat({ max: 3 }),
    direction: fc.constantFrom<Copy["direction"]>("pull", "push"),
    dtype: fc.constantFrom<DType>("f32", "u8", "f16"),
    slack: fc.nat({ max: 2 }),
  }).chain(({ shape, otherRank, direction, dtype, slack }) => fc.array(follows(shape.length, mixing), { minLength: otherRank, maxLength: otherRank }).chain((list) => {
    const forms = list.map((follow) => formOf(follow, shape));
    const otherShape = forms.map(({ extent }) => extent + slack);
    return fc.tuple(distributions(shape, tiles), distributions(otherShape, tiles)).chain(([own, there]) => fc.tuple(...own.grid.map((count) => fc.tuple(fc.nat({ max: count - 1 }), fc.nat({ max: count - 1 })))).map((ranges) => {
      const range = ranges.map(([a, b]) => ({ start: Math.min(a, b), count: Math.abs(a - b) + 1 }));
      const tensors = [tensor("driver", shape, own, dtype), tensor("other", otherShape, there, dtype)];
      return { tensors, copy: { direction, driver: 0, other: 1, map: forms.map(({ form }) => form), range, cause: "test", origin: nowhere } };
    }));
  }));
}

/** One to three copies, of tensors of their own. `mixing`: with maps in which dimensions depend on several others. */
export function exchanges(mixing: boolean): fc.Arbitrary<Exchange> {
  return fc.integer({ min: 1, max: 9 }).chain((tiles) => fc.array(oneCopy(tiles, mixing), { minLength: 1, maxLength: 3 }).map((list) => ({
    tiled: { tiles, tensors: list.flatMap(({ tensors }) => tensors) },
    copies: list.map(({ copy }, at) => ({ ...copy, driver: 2 * at, other: 2 * at + 1 })),
  })));
}

/** One moved element: what, from which tile, and to which. */
export interface Move {
  readonly from: number;
  readonly to: number;
  /** The sender's tensor and the element's row-major index in it. */
  readonly element: string;
  readonly bytes: number;
}

/** Every element that goes from one tile to another, found one by one. */
export function movesOf({ tiled, copies }: Exchange): Move[] {
  const owner = (id: number, index: readonly number[]): number => {
    const { distribution } = tiled.tensors[id]!;
    const strides = rowMajor(distribution.grid);
    const k = index.reduce((sum, i, d) => sum + Math.floor(i / distribution.block[d]!) * strides[d]!, 0);
    return tileOf(distribution.placement, k, blockCount(distribution.grid));
  };
  return copies.flatMap((copy) => {
    const { shape, dtype } = tiled.tensors[copy.driver]!.type;
    const { block } = tiled.tensors[copy.driver]!.distribution;
    const strides = rowMajor(shape);
    return Array.from({ length: sizeOf(shape) }, (_, flat): Move[] => {
      const index = shape.map((extent, d) => Math.floor(flat / strides[d]!) % extent);
      if (index.some((i, d) => Math.floor(i / block[d]!) < copy.range[d]!.start || Math.floor(i / block[d]!) >= copy.range[d]!.start + copy.range[d]!.count)) return [];
      const there = copy.map.map((form) => evaluateAffine(form, index));
      const [own, other] = [owner(copy.driver, index), owner(copy.other, there)];
      if (own === other) return [];
      const otherStrides = rowMajor(tiled.tensors[copy.other]!.type.shape);
      const pull = copy.direction === "pull";
      const element = pull ? `${copy.other}:${there.reduce((sum, i, t) => sum + i * otherStrides[t]!, 0)}` : `${copy.driver}:${flat}`;
      return [{ from: pull ? other : own, to: pull ? own : other, element, bytes: bytesOf(dtype) }];
    }).flat();
  });
}
