/**
 * Elements of 32 bits that lie in pairs, two vectors of them at once: of four pairs the first elements, and the second ones. Each
 * vector alone would take four loads; so it is two for both where the pairs are neighbours, of which words are moved within each, and
 * else four, and shifts and masks of whole pairs. (Shuffles of two vectors are not used: some engines get them wrong when they pair
 * vectors.)
 */
import { bytesOf, type DType } from "../../../runtime/dtype.ts";
import { binary, bitcast, constant, lane, pack } from "../build.ts";
import type { BufferId, Expression } from "../kernel.ts";
import { linearForm, termsKey } from "../linear.ts";
import { computeDType } from "../vector-support.ts";
import type { LoadExpression } from "../walk.ts";

export const pairLanes = 4;

/** Whether elements can be taken in pairs: they are held as they are stored, in 32 bits. */
export const inPairs = (dtype: DType): boolean => dtype !== "bool" && bytesOf(dtype) === 4 && computeDType(dtype) === dtype;

/**
 * The first elements of four pairs and the second ones. `firsts` are loads of the first of each pair, whose second is its
 * neighbour along the last dimension; `name` gives an expression a local.
 */
export function fromPairs(firsts: readonly LoadExpression[], name: (value: Expression) => Expression): readonly [Expression, Expression] {
  const { dtype } = firsts[0]!;
  if (areTogether(firsts)) {
    const halves = [0, pairLanes / 2].map((pair) => name({ ...firsts[pair]!, lanes: pairLanes }));
    const every = (first: number): Expression => pack(halves.flatMap((half) => [lane(first, half), lane(first + 2, half)]));
    return [every(0), every(1)];
  }
  const pairs = (...at: number[]): Expression => name(bitcast("u64", pack(at.map((pair) => ({ ...firsts[pair]!, lanes: 2 }))), 2));
  const bits = (value: bigint): Expression => constant("u64", value, 2);
  const [above, below] = [pairs(0, 2), pairs(1, 3)];
  return [
    bitcast(dtype, binary("or", binary("and", above, bits(0xffff_ffffn)), binary("shl", below, bits(32n))), pairLanes),
    bitcast(dtype, binary("or", binary("shr", above, bits(32n)), binary("and", below, bits(0xffff_ffff_0000_0000n))), pairLanes),
  ];
}

/** Whether pairs are neighbours: each begins two elements after the one before. */
function areTogether(firsts: readonly LoadExpression[]): boolean {
  const places = firsts.map(placeOf);
  return places.every((place, k) => place !== undefined && place.key === places[0]!.key && place.constant === places[0]!.constant + 2 * k);
}

/** All of an access's place but the last index's constant, as text, and that; undefined where it is not linear. */
export function placeOf({ buffer, index }: { readonly buffer: BufferId; readonly index: readonly Expression[] }): { key: string; constant: number } | undefined {
  const forms = index.map(linearForm);
  const last = forms.at(-1);
  if (last === undefined || forms.includes(undefined)) return undefined;
  const key = `${buffer}:${forms.map((form, dimension) => `${dimension === forms.length - 1 ? "" : form!.constant}${termsKey(form!)}`).join()}`;
  return { key, constant: last.constant };
}
