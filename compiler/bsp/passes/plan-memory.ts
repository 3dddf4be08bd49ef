/**
 * plan-memory: gives every tensor its address. Tensors that live from run to run come first; the others share what is left:
 * two whose lives (`lifetimes.ts`) do not overlap may have the same bytes, so that a tile that is ahead never overwrites what
 * another one still reads. Largest first, at the lowest offset that is free during its life.
 *
 * Where the memories of all tiles are more than one executable can hold, and the user has placed nothing, the program is split
 * again over fewer of the tiles (`useFewerTiles`).
 *
 * What does not fit is split again with less room for each op, whose operands then come in smaller parts or one after the other
 * (`useLessRoom`).
 *
 * On a modelled machine the program itself is in the tiles' memories too: code and tables count when it is asked whether
 * everything fits. They have no addresses here, as the emitted program has none of them.
 *
 * With private memory an offset is the same on every tile, so that nothing here grows with the number of tiles; tensors on
 * different tiles may have the same offset.
 */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import { control, pageBytes } from "../../../runtime/executable.ts";
import type { Pass, PassContext } from "../../support/pass.ts";
import type { Target } from "../../targets/target.ts";
import { blockCount, slotsPerTile, tileSpan } from "../../tiled/distribution.ts";
import type { TensorId, TiledGraph } from "../../tiled/tiled.ts";
import { aligned, alignment } from "../alignment.ts";
import type { BspGraph, BspStep, MemoryPlan, PlannedGraph } from "../bsp.ts";
import { formatType, type Graph } from "../../graph/graph.ts";
import { lifetimes, type Lifetime } from "../lifetimes.ts";
import { memoryUse, type MemoryUse } from "../memory-use.ts";
import { mostProgramBytes, programBytes, type ProgramBytes } from "../program-bytes.ts";

/** Added to large tensors, so that equally aligned ones do not fall on the same cache sets and store buffers. */
const stagger = 320;
/** Addresses a multiple of this apart look alike to a load that asks whether a store before it has what it wants. */
const page = 4096;
/**
 * So far apart in their pages large tensors begin. A load up to some 700 bytes ahead of a store to another, and not aligned as that is,
 * would wait for it: copies of a row from its second element on took 1.3 times as long, a depthwise convolution 1.15 times.
 */
const apart = 832;
/** Smaller ones are not worth what lies between. */
const largeBytes = 2 ** 16;
/** The memories of all tiles lie in one WebAssembly memory. */
const addressable = 65_536 * pageBytes;
/** Of the tiles whose memories would fit, so many are tried: on fewer tiles, each holds a little more. */
const roomForLess = 0.75;
/** More are not looked at when it is asked how many would do. */
const mostTiles = 2 ** 17;

export const planMemory: Pass<BspGraph, PlannedGraph> = {
  name: "plan-memory",
  summary: "gives every tensor an address, by liveness",
  run: (graph, context) => ({ ...graph, plan: plan(graph, context) }),
};

/** Bytes a tensor takes: in all where it is whole, on the fullest tile where it is in blocks. */
export function tensorBytes(tiled: TiledGraph, id: TensorId): number {
  const { type, storage, distribution } = tiled.tensors[id]!;
  if (storage === "whole") return sizeOf(type.shape) * bytesOf(type.dtype);
  return slotsPerTile(distribution.placement, blockCount(distribution.grid)) * sizeOf(distribution.block) * bytesOf(type.dtype);
}

const rounded = (bytes: number): number => aligned(Math.max(bytes, 1)) + (bytes >= page ? stagger : 0);

/** The first address from one on that has a place in its page, if any is asked for. */
const inPage = (address: number, place: number | undefined): number => (place === undefined ? address : address + ((((place - address) % page) + page) % page));

/** Where the large tensors of a shared memory begin in their pages, each some way after the one before. */
function placesInPages({ tensors }: TiledGraph, bytes: (id: TensorId) => number): (number | undefined)[] {
  let large = 0;
  return tensors.map(({ aliasOf, storage }, id) => (aliasOf === undefined && storage === "whole" && bytes(id) >= largeBytes ? (large++ * apart) % page : undefined));
}

/** Where everything lies. */
interface Layout {
  readonly offsets: readonly (number | undefined)[];
  /** Of the tiles' own memories: the first address, the distance between them, what each holds, and what of that for good. */
  readonly tiles: { readonly start: number; readonly stride: number; readonly bytes: number; readonly keptBytes: number };
  /** All of it. */
  readonly bytes: number;
  /** On the fullest tile, with its part of the program; where memory is shared, all of it. */
  readonly fullest: number;
  readonly program?: { readonly code: number; readonly tables: number };
}

function layoutOf(graph: BspGraph, { memory, bytesPerTile }: Target): Layout {
  const { tiled } = graph;
  const offsets: (number | undefined)[] = tiled.tensors.map(() => undefined);
  const shared = memory === "shared";
  let wholeEnd: number = control.end;
  let temporariesEnd = 0;
  let blocksEnd = 0;
  const kept = new Occupied();
  const places = shared ? placesInPages(tiled, (id) => tensorBytes(tiled, id)) : [];
  tiled.tensors.forEach((tensor, id) => {
    if (tensor.aliasOf !== undefined || !tensor.persistent) return;
    if (tensor.storage === "whole") {
      offsets[id] = inPage(wholeEnd, places[id]);
      wholeEnd = offsets[id] + rounded(tensorBytes(tiled, id));
      return;
    }
    const { start, end } = place(tiled, id, always, 0, kept);
    offsets[id] = start;
    blocksEnd = Math.max(blocksEnd, end);
  });
  const keptBytes = blocksEnd;
  for (const program of [graph.initial, ...graph.programs, ...(graph.prepare ? [graph.prepare] : [])]) {
    const end = placeTemporaries(tiled, program.steps, shared ? wholeEnd : 0, kept, offsets, places);
    if (shared) temporariesEnd = Math.max(temporariesEnd, end);
    else blocksEnd = Math.max(blocksEnd, end);
  }
  wholeEnd = Math.max(wholeEnd, temporariesEnd);
  const start = shared ? 0 : Math.ceil(wholeEnd / 4096) * 4096 + alignment;
  const stride = shared ? 0 : staggered(blocksEnd);
  const own = shared ? undefined : programBytes(graph);
  const program = own && mostProgramBytes(own);
  let fullest = program ? blocksEnd + aligned(program.code + program.tables) : wholeEnd;
  if (own && fullest > bytesPerTile) fullest = fullestTile(tiled, offsets, own);
  return {
    offsets, tiles: { start, stride, bytes: shared ? 0 : blocksEnd, keptBytes }, bytes: shared ? wholeEnd : start + stride * tiled.tiles, fullest,
    ...(program ? { program: { code: program.code, tables: program.tables } } : {}),
  };
}

function plan(graph: BspGraph, context: PassContext): MemoryPlan {
  const { tiled } = graph;
  const { target: { memory, bytesPerTile } } = context;
  const { offsets, tiles: { keptBytes, ...tiles }, bytes, fullest, program } = layoutOf(graph, context.target);
  const isPrivate = memory === "private";
  const made = { offsets, tiles, bytes };
  const fewer = Math.floor(((addressable - tiles.start) / tiles.stride) * roomForLess);
  if (isPrivate && bytes > addressable && fewer >= 1 && context.useFewerTiles && tiles.bytes <= bytesPerTile && !isPlacedByHand(tiled.graph)) {
    context.report({ problem: "tile-memory-full", severity: "warning", labels: [{ span: tiled.graph.origin, text: "" }], message: `${beyond(tiled.tiles, tiles.stride, bytes)}: ${fewer.toLocaleString("en")} tiles are used` });
    context.useFewerTiles(fewer);
    return made;
  }
  // Less room for the tensors of an op makes a program no smaller.
  const fixedBytes = Math.max(keptBytes, program ? program.code + program.tables : 0);
  if (fullest > bytesPerTile && !(isPrivate && fixedBytes < bytesPerTile && context.useLessRoom?.(fullest))) reportFull(graph, context, fullest);
  if (bytes > addressable && fullest <= bytesPerTile) {
    context.report({ problem: "tile-memory-full", severity: "error", labels: [{ span: tiled.graph.origin, text: "" }], message: beyond(tiled.tiles, tiles.stride, bytes) });
  }
  return { ...made, ...(program ? { program } : {}) };
}

const beyond = (tiles: number, stride: number, bytes: number): string => `${tiles.toLocaleString("en")} tiles of ${stride.toLocaleString("en")} bytes are ${bytes.toLocaleString("en")} bytes; WebAssembly memory ends at 4,294,967,296`;

/** Bytes up to the end of the last tensor that a tile may have, and its own part of the program, on the tile where that is most. */
function fullestTile(tiled: TiledGraph, offsets: readonly (number | undefined)[], { code, tables }: ProgramBytes): number {
  const ends = new Float64Array(tiled.tiles);
  offsets.forEach((offset, id) => {
    if (offset === undefined || tiled.tensors[id]!.storage === "whole") return;
    const { first, end } = tilesOf(tiled, id);
    const bytes = offset + aligned(tensorBytes(tiled, id));
    for (let tile = first; tile < end; tile++) if (bytes > ends[tile]!) ends[tile] = bytes;
  });
  return ends.reduce((most, bytes, tile) => Math.max(most, bytes + code[tile]! + tables[tile]!), 0);
}

/** Whether the source names tiles: then all it may name must be there. */
export const isPlacedByHand = (graph: Graph): boolean => graph.computeSets.length > 0 || graph.states.some(({ mapping }) => mapping !== undefined);

/** A distance between tiles that is no multiple of 4096, at which caches would alias. */
function staggered(bytes: number): number {
  const stride = aligned(Math.max(bytes, 1));
  return stride % 4096 === 0 ? stride + alignment : stride;
}

/** Position of the first that starts after `at`. */
function firstAfter(placed: readonly { readonly start: number }[], at: number): number {
  let low = 0;
  let high = placed.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (placed[middle]!.start <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A tensor that has its address: what it takes, when, and on which tiles. */
interface Placed {
  readonly start: number;
  readonly end: number;
  readonly life: Lifetime;
  readonly tiles: { readonly first: number; readonly end: number };
}

const always: Lifetime = { first: -Infinity, last: Infinity };

/** Gives a tensor, and so many bytes more, the lowest address, from `base` on, that is free on its tiles while it lives; notes it in `placed`. */
function place(tiled: TiledGraph, id: TensorId, life: Lifetime, base: number, placed: Occupied, more = 0): Placed {
  const bytes = rounded(tensorBytes(tiled, id)) + more;
  const tiles = tilesOf(tiled, id);
  let at = base;
  for (const other of placed.near(life)) {
    if (at + bytes <= other.start) break;
    if (other.end > at && overlap(other.life, life) && other.tiles.first < tiles.end && tiles.first < other.tiles.end) at = other.end;
  }
  const made = { start: at, end: at + bytes, life, tiles };
  placed.add(made);
  return made;
}

/** Lives that span more moments than this are long. */
const shortLife = 64;

const isLong = ({ first, last }: Lifetime): boolean => last - first > shortLife;

/** A short life lies in one or two stretches of so many moments. */
const chunksOf = ({ first, last }: Lifetime): number[] => [...new Set([Math.floor(first / shortLife), Math.floor(last / shortLife)])];

const insert = (list: Placed[], placed: Placed): void => void list.splice(firstAfter(list, placed.start), 0, placed);

/** What is placed, by start; short lives are also found by when they are, so that a long program is not compared with itself. */
class Occupied {
  readonly #all: Placed[] = [];
  readonly #long: Placed[] = [];
  readonly #short = new Map<number, Placed[]>();

  constructor(kept: Iterable<Placed> = []) {
    for (const placed of kept) this.add(placed);
  }

  [Symbol.iterator](): Iterator<Placed> {
    return this.#all[Symbol.iterator]();
  }

  add(placed: Placed): void {
    insert(this.#all, placed);
    if (isLong(placed.life)) insert(this.#long, placed);
    else {
      for (const chunk of chunksOf(placed.life)) {
        const known = this.#short.get(chunk);
        if (known) insert(known, placed);
        else this.#short.set(chunk, [placed]);
      }
    }
  }

  /** All that could be alive at some time of this life, and perhaps others, by start. */
  near(life: Lifetime): readonly Placed[] {
    if (isLong(life)) return this.#all;
    const short = chunksOf(life).flatMap((chunk) => this.#short.get(chunk) ?? []);
    return short.length === 0 ? this.#long : [...this.#long, ...short].sort((a, b) => a.start - b.start);
  }
}

const overlap = (a: Lifetime, b: Lifetime): boolean => a.first <= b.last && b.first <= a.last;

/** The tiles a tensor may have bytes on, half-open; all of them where it is whole. */
export function tilesOf(tiled: TiledGraph, id: TensorId): { first: number; end: number } {
  const { storage, distribution } = tiled.tensors[id]!;
  const blocks = blockCount(distribution.grid);
  return storage === "whole" || blocks === 0 ? { first: 0, end: tiled.tiles } : tileSpan(distribution.placement, blocks);
}

/** The temporaries of a program among what is kept, the largest first; gives the end of all. */
function placeTemporaries(tiled: TiledGraph, steps: readonly BspStep[], base: number, kept: Occupied, offsets: (number | undefined)[], places: readonly (number | undefined)[]): number {
  const lives = [...lifetimes(tiled, steps)].filter(([id]) => !tiled.tensors[id]!.persistent).map(([id, life]) => ({ id, life, bytes: tensorBytes(tiled, id) }));
  lives.sort((a, b) => b.bytes - a.bytes || a.id - b.id);
  const placed = new Occupied(kept);
  let top = base;
  for (const { id, life } of lives) {
    const { start, end } = place(tiled, id, life, base, placed, places[id] === undefined ? 0 : page);
    offsets[id] = inPage(start, places[id]);
    top = Math.max(top, end);
  }
  return top;
}

/**
 * Names the fullest tile and what fills it at its fullest moment. Addresses are the same on all tiles, so a plan may need
 * more than any one tile holds; then it says that too.
 */
function reportFull(graph: BspGraph, context: PassContext, planned: number): void {
  const { tiled } = graph;
  const { target } = context;
  const use = memoryUse(graph, target.memory);
  const number = (value: number): string => value.toLocaleString("en");
  const where = target.memory === "shared" ? `the memory of ${target.name}` : `tile ${use.tile} of ${target.name}`;
  const fits = use.bytes <= target.bytesPerTile;
  const message = fits
    ? `tensors are at the same address on every tile of ${target.name}, and so they would need ${number(planned)} bytes of ${number(target.bytesPerTile)}; the fullest tile, ${use.tile}, holds ${number(use.bytes)} at once`
    : `${where} would hold ${number(use.bytes)} bytes at once and has ${number(target.bytesPerTile)}`;
  const shown = use.tensors.filter(({ tensor }) => tiled.tensors[tensor]!.origin.file !== "").slice(0, 5);
  const labels = shown.map(({ tensor, pieces, bytes }) => {
    const { name, type, origin } = tiled.tensors[tensor]!;
    return { span: origin, text: `${name}, ${formatType(type)}${pieces > 1 ? ` and ${pieces - 1} more such` : ""}: ${number(bytes)} bytes${target.memory === "private" ? " here" : ""}` };
  });
  const beside = use.codeBytes + use.tableBytes === 0 ? "" : ` (${number(use.codeBytes)} of them code, ${number(use.tableBytes)} tables of vertices and exchanges)`;
  context.report({ problem: "tile-memory-full", severity: "error", message: message + beside, labels, help: whatHelps(tiled, use, context) });
}

/** By what the largest tensors are. Of other machines and dtypes only what was tried and fits. */
function whatHelps(tiled: TiledGraph, use: MemoryUse, context: PassContext): string {
  const { target } = context;
  if (use.codeBytes + use.tableBytes > use.bytes / 2) return "fewer steps or vertices: a `repeat` is in memory once, a `for` as often as it unfolds";
  const largest = use.tensors.slice(0, 3).map(({ tensor }) => tiled.tensors[tensor]!);
  const first = largest[0];
  const fullest = use.classes[0]!;
  const help: string[] = [];
  if (target.memory === "private" && first !== undefined) {
    const blocks = blockCount(first.distribution.grid);
    const few = use.classes.length > 1 && fullest.tiles * 2 < target.tiles;
    if (few && first.persistent) help.push(`mapping ${first.name} over more tiles (only ${fullest.tiles === 1 ? "this one is" : `${fullest.tiles.toLocaleString("en")} are`} so full)`);
    else if (blocks === 1) help.push(`less in ${first.name}, which one tile holds whole`);
    else if (blocks < target.tiles) help.push(`a smaller split of ${first.name}, which lies in ${blocks.toLocaleString("en")} blocks`);
    const enough = enoughTiles(use, context);
    if (enough !== undefined) help.push(`more tiles: on ${enough.toLocaleString("en")} it fits`);
  }
  const temporary = use.bytes - use.keptBytes;
  if (temporary * 4 > use.bytes) help.push("keeping less at a time: parts one after the other, or computing a value again where it is needed");
  const wide = largest.find(({ type }) => type.dtype === "f64") ?? largest.find(({ type }) => type.dtype === "f32");
  if (wide && context.fitsWith?.({ halves: true })) help.push(`f16 instead of ${wide.type.dtype}: it fits then`);
  if (help.length === 0) help.push("smaller sizes");
  return help.join("; ");
}

/** A number of tiles on which the program fits; undefined where none was found. */
function enoughTiles(use: MemoryUse, { target: { tiles, bytesPerTile, chips }, fitsWith }: PassContext): number | undefined {
  if (!fitsWith || chips) return undefined;
  // As if all of it were spread; what each tile has of its own needs more.
  const least = tiles * 2 ** Math.max(1, Math.ceil(Math.log2(use.bytes / bytesPerTile)));
  return [least, 2 * least, 4 * least].find((count) => count <= mostTiles && fitsWith({ tiles: count }));
}
