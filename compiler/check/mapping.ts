/** `map SLICE on TILE` and `tile_of(SLICE)`. */
import type { Mapping, Slice } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import type { Span } from "../support/span.ts";
import { findClash, overlaps, sliceKey } from "./clash.ts";
import { report, type Frame } from "./frame.ts";
import { reference, showSlice } from "./reference.ts";
import { describe, int, poison, type Value } from "./value.ts";

type Pieces = Mapping["pieces"];

/** A tile number; undefined once reported. */
export function tileNumber(frame: Frame, expression: ast.Expression): number | undefined {
  const value = frame.session.rules.expression(frame, expression);
  if (value.kind === "poison") return undefined;
  if (value.kind !== "int") return void report(frame, value.kind === "tensor" ? "not-compile-time" : "type-mismatch", expression.span, `a tile is an int, and this is ${describe(value)}`);
  const { tiles } = frame.session;
  if (value.value < 0 || value.value >= tiles) {
    return void report(frame, "unknown-tile", expression.span, `there is no tile ${value.value}; the target has tiles 0 to ${tiles - 1}`, { help: `\`% tiles\` deals to the tiles in turn` });
  }
  return value.value;
}

export function mapMember(frame: Frame, member: ast.MapMember): void {
  const target = reference(frame, member.target, "map");
  const tile = tileNumber(frame, member.tile);
  if (!target || tile === undefined) return;
  if (target.source.kind !== "state") {
    report(frame, "not-supported", member.target.span, `${target.name} is a let; only states can be mapped`, { help: `var ${target.name}: … = …; is a state` });
    return;
  }
  const { mappings } = frame.session;
  const pieces = mappings.get(target.source.state) ?? [];
  pieces.push({ slice: target.slice, tile, origin: member.span });
  mappings.set(target.source.state, pieces);
}

/** Looks tiles up by slice: exact slices of a mapping without overlaps in constant time, all else element by element. */
class MappingIndex {
  readonly #pieces: Pieces;
  readonly #exact = new Map<string, number>();
  readonly #disjoint: boolean;
  readonly length: number;

  constructor(pieces: Pieces) {
    this.#pieces = [...pieces];
    this.length = pieces.length;
    pieces.forEach((piece) => this.#exact.set(sliceKey(piece.slice), piece.tile));
    this.#disjoint = findClash(pieces.map((piece, owner) => ({ slice: piece.slice, writes: true, owner }))) === undefined;
  }

  tileOf(slice: Slice): { readonly tile: number } | { readonly problem: "unmapped" | "several"; readonly tiles: readonly number[] } {
    const exact = this.#disjoint ? this.#exact.get(sliceKey(slice)) : undefined;
    if (exact !== undefined) return { tile: exact };
    const touching = this.#pieces.filter((piece) => overlaps(piece.slice, slice));
    const last = touching.at(-1);
    if (!last) return { problem: "unmapped", tiles: [] };
    if (covers(last.slice, slice)) return { tile: last.tile };
    return judge(touching, slice);
  }
}

/** Whether every element of `inner` is one of `outer`. */
function covers(outer: Slice, inner: Slice): boolean {
  return inner.every((dimension, k) => {
    const whole = outer[k]!;
    const has = (element: number): boolean => {
      const at = (element - whole.start) / whole.step;
      return Number.isInteger(at) && at >= 0 && at < whole.length;
    };
    return dimension.length === 0 || (has(dimension.start) && has(dimension.start + (dimension.length - 1) * dimension.step) && (dimension.length < 3 || Math.abs(dimension.step) % Math.abs(whole.step) === 0));
  });
}

/** Elements a `tile_of` looks at one by one, at most. */
const maxLooks = 1_000_000;

/** Element by element, later pieces first. */
function judge(touching: Pieces, slice: Slice): { readonly tile: number } | { readonly problem: "unmapped" | "several"; readonly tiles: readonly number[] } {
  const tiles = new Set<number>();
  let unmapped = false;
  let looks = 0;
  const visit = (dimension: number, candidates: Pieces): void => {
    if (unmapped || looks > maxLooks) return;
    if (dimension === slice.length) {
      tiles.add(candidates.at(-1)!.tile);
      return;
    }
    const { start, length, step } = slice[dimension]!;
    for (let k = 0; k < length; k++) {
      looks += candidates.length;
      const element = start + k * step;
      const here = candidates.filter((piece) => {
        const whole = piece.slice[dimension]!;
        const at = (element - whole.start) / whole.step;
        return Number.isInteger(at) && at >= 0 && at < whole.length;
      });
      if (here.length === 0) unmapped = true;
      else visit(dimension + 1, here);
    }
  };
  visit(0, touching);
  if (unmapped) return { problem: "unmapped", tiles: [...tiles] };
  if (tiles.size !== 1 || looks > maxLooks) return { problem: "several", tiles: [...tiles] };
  return { tile: [...tiles][0]! };
}

const indices = new WeakMap<Pieces, MappingIndex>();

export function tileOf(frame: Frame, expression: ast.Expression, span: Span): Value {
  const target = reference(frame, expression, "tile_of");
  if (!target) return poison;
  const shown = showSlice(target.name, target.slice);
  if (target.source.kind !== "state") return report(frame, "not-supported", span, `${target.name} is a let; only states are mapped`);
  const pieces = frame.session.mappings.get(target.source.state);
  if (!pieces) return report(frame, "unknown-tile", span, `${target.name} is not mapped`, { help: `map ${target.name}[…] on …; says where it lives`, related: [{ span: target.source.span, text: "declared here" }] });
  let index = indices.get(pieces);
  if (!index || index.length !== pieces.length) {
    index = new MappingIndex(pieces);
    indices.set(pieces, index);
  }
  const found = index.tileOf(target.slice);
  if ("tile" in found) return int(found.tile);
  if (found.problem === "unmapped") return report(frame, "unknown-tile", span, `${shown} is not wholly mapped`, { help: "map every element before tile_of asks for it" });
  return report(frame, "unknown-tile", span, `${shown} lies on several tiles: ${found.tiles.slice(0, 5).join(", ")}${found.tiles.length > 5 ? ", …" : ""}`, { help: "take tile_of a slice that lies on one tile" });
}
