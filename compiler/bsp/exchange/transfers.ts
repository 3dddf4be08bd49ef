/**
 * Who sends what to whom in an exchange: the difference of two distributions, found block by block and never element by
 * element. A copy says which element of one tensor each element of another is; here that becomes pieces (runs of elements
 * that one tile holds) and the tiles that want each.
 *
 * The dimensions of a copy fall into groups that do not depend on each other (`cells.ts` cuts each alone); a piece is one
 * cell of every group, so the work is proportional to the number of pieces.
 *
 * Equal pieces to several tiles are one piece: the sender multicasts it. A tile that wants a piece twice, in two places, gets
 * it twice. What stays on its tile is no transfer. Tensors in one memory that everyone reaches (`whole`) are the host's:
 * what crosses between it and the tiles is only counted.
 */
import { bytesOf } from "../../../runtime/dtype.ts";
import { blockCount, tileOf } from "../../tiled/distribution.ts";
import type { Copy, TensorId, TiledTensor } from "../../tiled/tiled.ts";
import { cellsOf, groupsOf, originOf, type Cells } from "./cells.ts";
import { NumberList, PairNumbers } from "./numbers.ts";

/** Pieces, each with its sender, its size and its receivers. No piece goes to its own sender, or twice to one tile. */
export interface Transfers {
  readonly tiles: number;
  readonly pieces: number;
  /** By piece: the tile that sends it. */
  readonly from: Int32Array;
  /** By piece. */
  readonly bytes: Uint32Array;
  /** The receivers of piece p, ascending: `to[start[p]]` to `to[start[p + 1] - 1]`. */
  readonly start: Int32Array;
  readonly to: Int32Array;
  /** Bytes between the host and the tiles. */
  readonly hostBytes: number;
}

/** What this needs of a tiled graph. */
export interface Tensors {
  readonly tiles: number;
  readonly tensors: readonly TiledTensor[];
}

export function transfersOf(tiled: Tensors, copies: readonly Copy[]): Transfers {
  const copiesFrom = new Map<TensorId, number>();
  for (const copy of copies) copiesFrom.set(sourceOf(copy), (copiesFrom.get(sourceOf(copy)) ?? 0) + 1);
  const collector = new Collector(tiled);
  for (const copy of copies) collector.add(copy, copiesFrom.get(sourceOf(copy)) === 1);
  return collector.finish();
}

/** The tensor whose elements are sent. */
export const sourceOf = (copy: Copy): TensorId => (copy.direction === "pull" ? copy.other : copy.driver);

/** More groups than any copy has: a copy's driver has fewer dimensions. */
const mostGroups = 1024;

/** The name of pieces that nothing else can equal. */
const nameless = Infinity;

class Collector {
  readonly #tiled: Tensors;
  /** Names of pieces: a chain from what is sent (negative) through one class per group of dimensions. */
  readonly #sources = new Map<string, number>();
  readonly #constants = new PairNumbers();
  readonly #starts = new PairNumbers();
  readonly #classes = new PairNumbers();
  readonly #chain = new PairNumbers();
  readonly #named = new PairNumbers();
  readonly #pieceOfName = new NumberList();
  readonly #from = new NumberList();
  readonly #bytes = new NumberList();
  readonly #wanted = new NumberList();
  readonly #wantedBy = new NumberList();
  #hostBytes = 0;

  constructor(tiled: Tensors) {
    this.#tiled = tiled;
  }

  /** `alone`: no other copy sends anything of the same tensor. */
  add(copy: Copy, alone: boolean): void {
    const driver = this.#tiled.tensors[copy.driver]!;
    const other = this.#tiled.tensors[copy.other]!;
    if (driver.storage === "whole" && other.storage === "whole") return;
    const bytes = bytesOf(driver.type.dtype);
    if (driver.storage === "whole" || other.storage === "whole") {
      this.#hostBytes += bytes * elementsOf(copy, driver);
      return;
    }
    const groups = groupsOf(copy, driver);
    const pull = copy.direction === "pull";
    const telling = groups.filter(({ key }) => key !== "");
    const source = this.#source(sourceOf(copy), `${copy.direction} ${telling.map(({ key }) => key).join("; ")}`);
    const still = originOf(copy, driver, other);
    const head = -1 - this.#constants.of(source, pull ? still.index : 0);
    const cells = groups.map((group) => cellsOf(copy, driver, other, group, source * mostGroups + telling.indexOf(group), this.#starts, this.#classes));
    const unlike = alone && cells.every((one) => one.unlike);
    this.#addPieces(copy, cells, still.block, unlike ? nameless : head, bytes);
  }

  #source(tensor: TensorId, structure: string): number {
    const key = `${tensor} ${structure}`;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    this.#sources.set(key, this.#sources.size);
    return this.#sources.size - 1;
  }

  /** Every choice of one cell per group is a piece. Those of a nameless copy are all different. */
  #addPieces(copy: Copy, groups: readonly Cells[], firstOther: number, head: number, elementBytes: number): void {
    const owners = (id: TensorId): ((block: number) => number) => {
      const { placement, grid } = this.#tiled.tensors[id]!.distribution;
      const blocks = blockCount(grid);
      return (block) => tileOf(placement, block, blocks);
    };
    const driverTile = owners(copy.driver);
    const otherTile = owners(copy.other);
    const pull = copy.direction === "pull";
    const emit = (driverBlock: number, otherBlock: number, elements: number, name: number, lastClass: number): void => {
      const own = driverTile(driverBlock);
      const there = otherTile(otherBlock);
      if (own === there) return;
      const named = lastClass === -1 || name === nameless ? name : this.#chain.of(name, lastClass);
      this.#want(named, pull ? there : own, pull ? own : there, elements * elementBytes);
    };
    const visit = (at: number, driverBlock: number, otherBlock: number, elements: number, name: number): void => {
      const cells = groups[at];
      if (!cells) {
        emit(driverBlock, otherBlock, elements, name, -1);
        return;
      }
      const last = at === groups.length - 1;
      for (let i = 0; i < cells.count; i++) {
        const nextDriver = driverBlock + cells.driverBlock.at(i);
        const nextOther = otherBlock + cells.otherBlock.at(i);
        const nextElements = elements * cells.elements.at(i);
        const nextClass = cells.class.at(i);
        if (last) emit(nextDriver, nextOther, nextElements, name, nextClass);
        else visit(at + 1, nextDriver, nextOther, nextElements, nextClass === -1 || name === nameless ? name : this.#chain.of(name, nextClass));
      }
    };
    visit(0, 0, firstOther, 1, head);
  }

  #want(name: number, from: number, to: number, bytes: number): void {
    const piece = this.#pieceOf(name, bytes);
    if (piece === this.#from.length) {
      this.#from.push(from);
      this.#bytes.push(bytes);
    }
    this.#wanted.push(piece);
    this.#wantedBy.push(to);
  }

  #pieceOf(name: number, bytes: number): number {
    if (name === nameless) return this.#from.length;
    const known = this.#named.size;
    const named = this.#named.of(name, bytes);
    if (named === known) this.#pieceOfName.push(this.#from.length);
    return this.#pieceOfName.at(named);
  }

  finish(): Transfers {
    let grouped = groupBy(this.#wanted, this.#wantedBy, this.#from.length);
    sortGroups(grouped);
    const separated = this.#separateRepeats(grouped);
    if (separated) {
      grouped = groupBy(separated.pieces, separated.to, this.#from.length);
      sortGroups(grouped);
    }
    const pieces = this.#from.length;
    const bytes = Uint32Array.from(this.#bytes.toFloat64());
    return { tiles: this.#tiled.tiles, pieces, from: this.#from.toInt32(), bytes, start: grouped.start, to: grouped.items, hostBytes: this.#hostBytes };
  }

  /** A tile that wants a piece again gets the n-th copy of it, a piece of its own. Undefined where nobody does. */
  #separateRepeats({ start, items }: Grouped): { pieces: NumberList; to: NumberList } | undefined {
    const pieces = new NumberList();
    const to = new NumberList();
    const copies = new PairNumbers();
    const originals = this.#from.length;
    if (!hasRepeats({ start, items })) return undefined;
    for (let piece = 0; piece < originals; piece++) {
      let times = 0;
      for (let i = start[piece]!; i < start[piece + 1]!; i++) {
        times = i > start[piece]! && items[i] === items[i - 1] ? times + 1 : 0;
        const known = copies.size;
        const copy = times === 0 ? piece : originals + copies.of(piece, times);
        if (copies.size > known) {
          this.#from.push(this.#from.at(piece));
          this.#bytes.push(this.#bytes.at(piece));
        }
        pieces.push(copy);
        to.push(items[i]!);
      }
    }
    return { pieces, to };
  }
}

export function elementsOf(copy: Copy, driver: TiledTensor): number {
  const { block } = driver.distribution;
  return copy.range.reduce((product, { start, count }, d) => product * Math.max(0, Math.min((start + count) * block[d]!, driver.type.shape[d]!) - start * block[d]!), 1);
}

/** Those of group g are `items[start[g]]` to `items[start[g + 1] - 1]`. */
interface Grouped {
  readonly start: Int32Array;
  readonly items: Int32Array;
}

function sortGroups({ start, items }: Grouped): void {
  for (let group = 0; group + 1 < start.length; group++) {
    if (start[group + 1]! - start[group]! > 1) items.subarray(start[group], start[group + 1]).sort();
  }
}

/** Whether a group has an item twice; groups are sorted. */
function hasRepeats({ start, items }: Grouped): boolean {
  for (let group = 0; group + 1 < start.length; group++) {
    for (let i = start[group]! + 1; i < start[group + 1]!; i++) if (items[i] === items[i - 1]) return true;
  }
  return false;
}

/** Items by group, in the order they came. */
function groupBy(groups: NumberList, items: NumberList, count: number): Grouped {
  const start = new Int32Array(count + 1);
  for (let i = 0; i < groups.length; i++) start[groups.at(i) + 1]!++;
  for (let group = 0; group < count; group++) start[group + 1]! += start[group]!;
  const next = start.slice(0, count);
  const grouped = new Int32Array(items.length);
  for (let i = 0; i < groups.length; i++) grouped[next[groups.at(i)]!++] = items.at(i);
  return { start, items: grouped };
}
