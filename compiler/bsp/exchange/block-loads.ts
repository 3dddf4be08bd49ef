/**
 * What tiles have to receive and to send, worked out from blocks without looking at every piece: for exchanges in which nearly
 * every tile wants something of nearly every other, where pieces are as many as the square of the tiles.
 *
 * The groups of a copy's dimensions do not depend on each other (`cells.ts`), so what a block receives is a product over the
 * groups, and so is what a block sends. What stays on its tile is taken off, by comparing a block with those of the other
 * tensor on the same tile. The work is proportional to tiles, blocks and the cells of each group alone.
 *
 * What is received is exact. What is sent is never more than the truth: of several copies of one tensor only the one that
 * sends most counts, since their pieces may be the same, and what a tile wants in several places counts once.
 */
import { bytesOf } from "../../../runtime/dtype.ts";
import { rowMajor } from "../../kernel/kernel.ts";
import { unreachable } from "../../support/bug.ts";
import { blockCount, tileOf } from "../../tiled/distribution.ts";
import type { Copy, Placement, TensorId, TiledTensor } from "../../tiled/tiled.ts";
import { cellsOf, groupsOf, originOf, type Cells, type Group } from "./cells.ts";
import { PairNumbers } from "./numbers.ts";
import { elementsOf, sourceOf, type Tensors } from "./transfers.ts";

export interface BlockLoads {
  /** By tile. */
  readonly bytesIn: Float64Array;
  readonly bytesOut: Float64Array;
  /** Between the host and the tiles. */
  readonly hostBytes: number;
  /** Pieces, counted once for each receiver, with those that stay on their tile. */
  readonly receipts: number;
}

/** One group of dimensions, seen from the receiving block and from the sending one. */
interface Side {
  readonly receiver: ReadonlyMap<number, { readonly elements: number; readonly from: ReadonlyMap<number, readonly Shared[]> }>;
  /** By what a group adds to the row-major index of the sending block: different elements that it sends. */
  readonly sender: ReadonlyMap<number, number>;
  /** What the group says of a sending block: its own part of the block's row-major index. */
  partOf(senderBlock: number): number;
}

/** A cell: what it has, and how many receivers want the same. */
interface Shared {
  readonly elements: number;
  readonly receivers: number;
}

interface CutCopy {
  readonly copy: Copy;
  readonly bytes: number;
  readonly groups: readonly Group[];
  readonly cells: readonly Cells[];
  readonly still: number;
}

/** How many receipts the copies have at most, with those that stay on their tile. */
export function mostReceipts(tiled: Tensors, copies: readonly Copy[]): number {
  return copies.reduce((sum, copy) => sum + (isOfHost(tiled, copy) ? 0 : receiptsOf(cut(tiled, copy))), 0);
}

export function blockLoads(tiled: Tensors, copies: readonly Copy[]): BlockLoads {
  const bytesIn = new Float64Array(tiled.tiles);
  const sent = new Map<TensorId, Float64Array>();
  let [hostBytes, receipts] = [0, 0];
  for (const copy of copies) {
    const driver = tiled.tensors[copy.driver]!;
    if (isOfHost(tiled, copy)) {
      if (driver.storage !== "whole" || tiled.tensors[copy.other]!.storage !== "whole") hostBytes += bytesOf(driver.type.dtype) * elementsOf(copy, driver);
      continue;
    }
    const pieces = cut(tiled, copy);
    receipts += receiptsOf(pieces);
    const bytesOut = new Float64Array(tiled.tiles);
    addLoads(tiled, pieces, bytesIn, bytesOut);
    const before = sent.get(sourceOf(copy));
    if (before) bytesOut.forEach((bytes, tile) => (before[tile] = Math.max(before[tile]!, bytes)));
    else sent.set(sourceOf(copy), bytesOut);
  }
  const bytesOut = new Float64Array(tiled.tiles);
  for (const one of sent.values()) one.forEach((bytes, tile) => (bytesOut[tile]! += bytes));
  return { bytesIn, bytesOut, hostBytes, receipts };
}

const isOfHost = ({ tensors }: Tensors, { driver, other }: Copy): boolean => tensors[driver]!.storage === "whole" || tensors[other]!.storage === "whole";

const receiptsOf = ({ cells }: CutCopy): number => cells.reduce((product, { count }) => product * count, 1);

function cut({ tensors }: Tensors, copy: Copy): CutCopy {
  const driver = tensors[copy.driver]!;
  const other = tensors[copy.other]!;
  const groups = groupsOf(copy, driver);
  const [starts, classes] = [new PairNumbers(), new PairNumbers()];
  const cells = groups.map((group, g) => cellsOf(copy, driver, other, group, g, starts, classes));
  return { copy, bytes: bytesOf(driver.type.dtype), groups, cells, still: originOf(copy, driver, other).block };
}

function addLoads(tiled: Tensors, { copy, bytes, groups, cells, still }: CutCopy, bytesIn: Float64Array, bytesOut: Float64Array): void {
  const pull = copy.direction === "pull";
  const [receiving, sending] = pull ? [copy.driver, copy.other] : [copy.other, copy.driver];
  const [firstReceiver, firstSender] = pull ? [0, still] : [still, 0];
  const receiver = tiled.tensors[receiving]!.distribution;
  const sender = tiled.tensors[sending]!.distribution;
  const receivers = blockCount(receiver.grid);
  const senders = blockCount(sender.grid);
  const sides = groups.map((group, g) => sideOf(cells[g]!, pull, pull ? group.other : group.driver, tiled.tensors[sending]!));
  everyChoice(sides.map((side) => side.sender), firstSender, (block, elements) => {
    bytesOut[tileOf(sender.placement, block, senders)]! += elements * bytes;
  });
  const here = blocksOn(sender.placement, senders);
  const local = (block: number, parts: readonly number[]): number => {
    const tile = tileOf(receiver.placement, block, receivers);
    let stays = 0;
    here(tile, (own) => forEachShared(sides, parts, own - firstSender, (elements, wanting) => {
      stays += elements;
      bytesOut[tile]! -= (elements * bytes) / wanting;
    }));
    return stays;
  };
  const totals = sides.map((side) => new Map([...side.receiver].map(([part, { elements }]) => [part, elements] as const)));
  everyChoice(totals, firstReceiver, (block, elements, parts) => {
    bytesIn[tileOf(receiver.placement, block, receivers)]! += (elements - local(block, parts)) * bytes;
  });
}

/** Every choice of one entry of each map: the sum of the keys, from `first` on, the product of the values, and the keys. */
function everyChoice(maps: readonly ReadonlyMap<number, number>[], first: number, found: (sum: number, product: number, keys: readonly number[]) => void): void {
  const keys: number[] = maps.map(() => 0);
  const visit = (at: number, sum: number, product: number): void => {
    const map = maps[at];
    if (!map) {
      found(sum, product, keys);
      return;
    }
    for (const [key, value] of map) {
      keys[at] = key;
      visit(at + 1, sum + key, product * value);
    }
  };
  visit(0, first, 1);
}

/** What the receiving block of these parts wants of a sending block: in every choice of one cell of each group. */
function forEachShared(sides: readonly Side[], parts: readonly number[], senderBlock: number, found: (elements: number, receivers: number) => void): void {
  let left = senderBlock;
  const lists: (readonly Shared[])[] = [];
  for (const [g, side] of sides.entries()) {
    const part = side.partOf(senderBlock);
    left -= part;
    const list = side.receiver.get(parts[g]!)!.from.get(part);
    if (list === undefined) return;
    lists.push(list);
  }
  // Dimensions that are in no group do not move: there the block is another.
  if (left !== 0) return;
  const visit = (at: number, elements: number, receivers: number): void => {
    if (at === lists.length) return found(elements, receivers);
    for (const shared of lists[at]!) visit(at + 1, elements * shared.elements, receivers * shared.receivers);
  };
  visit(0, 1, 1);
}

function sideOf(cells: Cells, pull: boolean, dimensions: readonly number[], sending: TiledTensor): Side {
  const [receiverPart, senderPart] = pull ? [cells.driverBlock, cells.otherBlock] : [cells.otherBlock, cells.driverBlock];
  const named = new PairNumbers();
  const names: number[] = [];
  const wanted: number[] = [];
  const sender = new Map<number, number>();
  for (let i = 0; i < cells.count; i++) {
    const name = named.of(named.of(-2 - senderPart.at(i), cells.class.at(i)), cells.elements.at(i));
    names.push(name);
    if (wanted[name] === undefined) sender.set(senderPart.at(i), (sender.get(senderPart.at(i)) ?? 0) + cells.elements.at(i));
    wanted[name] = (wanted[name] ?? 0) + 1;
  }
  const receiver = new Map<number, { elements: number; readonly from: Map<number, Shared[]> }>();
  for (let i = 0; i < cells.count; i++) {
    const block = receiver.get(receiverPart.at(i)) ?? { elements: 0, from: new Map<number, Shared[]>() };
    receiver.set(receiverPart.at(i), block);
    block.elements += cells.elements.at(i);
    const shared = { elements: cells.elements.at(i), receivers: wanted[names[i]!]! };
    const known = block.from.get(senderPart.at(i));
    if (known) known.push(shared);
    else block.from.set(senderPart.at(i), [shared]);
  }
  const { grid } = sending.distribution;
  const strides = rowMajor(grid);
  return { receiver, sender, partOf: (block) => dimensions.reduce((sum, d) => sum + (Math.floor(block / strides[d]!) % grid[d]!) * strides[d]!, 0) };
}

/** Visits the blocks on a tile. */
function blocksOn(placement: Placement, blocks: number): (tile: number, visit: (block: number) => void) => void {
  const run = (from: number, to: number, visit: (block: number) => void): void => {
    for (let block = Math.max(0, from); block < Math.min(to, blocks); block++) visit(block);
  };
  switch (placement.kind) {
    case "blocked": return (tile, visit) => run((tile - placement.first) * placement.perTile, (tile - placement.first + 1) * placement.perTile, visit);
    case "scaled": return (tile, visit) => run(Math.ceil((tile * blocks) / placement.tiles), Math.ceil(((tile + 1) * blocks) / placement.tiles), visit);
    case "cyclic": return (tile, visit) => {
      if (tile < placement.tiles) for (let block = tile; block < blocks; block += placement.tiles) visit(block);
    };
    case "list": {
      const lists = new Map<number, number[]>();
      placement.tiles.forEach((tile, block) => {
        const known = lists.get(tile);
        if (known) known.push(block);
        else lists.set(tile, [block]);
      });
      return (tile, visit) => lists.get(tile)?.forEach((block) => visit(block));
    }
    default: return unreachable(placement);
  }
}
