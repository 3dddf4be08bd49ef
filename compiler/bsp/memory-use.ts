/**
 * What tiles hold, and when: tensors exactly for each tile, whatever the addresses, and the program itself as estimated. A tensor on one tile counts on that tile alone.
 * Moments are counted as `lifetimes` counts them; those between two waits of all tiles are shown as one, by the fullest.
 */
import { bytesOf, sizeOf } from "../../runtime/dtype.ts";
import { programsOf } from "../graph/graph.ts";
import { unreachable } from "../support/bug.ts";
import { blockCount } from "../tiled/distribution.ts";
import type { TensorId, TiledGraph } from "../tiled/tiled.ts";
import { aligned } from "./alignment.ts";
import type { BspGraph, BspStep } from "./bsp.ts";
import { lifetimes, type Lifetime } from "./lifetimes.ts";
import { Moments } from "./moments.ts";
import { programBytes, type ProgramBytes } from "./program-bytes.ts";
import { tileClasses, type DealtCells, type Tally } from "./tile-classes.ts";

/** A tensor, or pieces of one purpose: edge blocks have tensors of their own. */
export interface HeldTensor {
  /** The largest of the pieces. */
  readonly tensor: TensorId;
  readonly pieces: number;
  /** All of it on the fullest tile. */
  readonly bytes: number;
}

/** From one wait of all tiles to the next. */
export interface Interval {
  /** The most bytes alive at once on the fullest tile. */
  readonly bytes: number;
  /** The steps that run in it. */
  readonly steps: readonly BspStep[];
}

export interface MemoryUse {
  /** The tile that holds most at one moment; 0 where memory is shared. */
  readonly tile: number;
  /** What it holds at that moment. */
  readonly bytes: number;
  /** The program whose moment it is. */
  readonly program: string;
  readonly moment: number;
  /** Alive on the tile at that moment, the largest first. */
  readonly tensors: readonly HeldTensor[];
  /** Bytes of the tile that live from run to run. */
  readonly keptBytes: number;
  /** Of these, the program's own: code, and tables of vertices and exchanges. 0 where memory is shared. */
  readonly codeBytes: number;
  readonly tableBytes: number;
  /** Lost at that moment because tensors begin at multiples of `alignment`. */
  readonly alignmentBytes: number;
  /** Tiles that hold equally much of everything, the fullest first. */
  readonly classes: readonly { readonly tile: number; readonly tiles: number; readonly bytes: number }[];
  /** The fullest tile over time. */
  readonly programs: readonly { readonly name: string; readonly intervals: readonly Interval[] }[];
}

interface ProgramLives {
  readonly name: string;
  readonly intervals: readonly PlainInterval[];
  readonly lives: readonly { readonly tensor: TensorId; readonly life: Lifetime }[];
}

export function memoryUse(graph: BspGraph, memory: "shared" | "private", tally: Tally = { visits: 0 }): MemoryUse {
  const { tiled } = graph;
  const roots = tiled.tensors.flatMap((tensor, id) => (tensor.aliasOf === undefined && (memory === "shared" || tensor.storage === "blocks") ? [id] : []));
  const counted = new Set(roots);
  const kept = roots.filter((id) => tiled.tensors[id]!.persistent);
  const programs = programsOf(graph).map(({ name, steps }): ProgramLives => ({
    name, intervals: intervalsOf(steps),
    lives: [...lifetimes(tiled, steps)].flatMap(([tensor, life]) => (counted.has(tensor) && !tiled.tensors[tensor]!.persistent ? [{ tensor, life }] : [])),
  }));
  const classes = memory === "shared" ? [{ tile: 0, tiles: tiled.tiles, codeBytes: 0, tableBytes: 0, bytesOf: (id: TensorId) => wholeBytes(tiled, id) }] : heldByClass(tiled, roots, programBytes(graph), tally);

  const measured = classes.map(({ tile, tiles, codeBytes, tableBytes, bytesOf }) => {
    const takes = (id: TensorId): number => aligned(bytesOf(id));
    const keptBytes = kept.reduce((sum, id) => sum + takes(id), codeBytes + tableBytes);
    const overTime = programs.map((program) => bytesOverTime(program, keptBytes, takes));
    let [bytes, program, moment] = [keptBytes, 0, 0];
    overTime.forEach((moments, p) => moments.forEach((value, m) => {
      if (value > bytes) [bytes, program, moment] = [value, p, m];
    }));
    return { tile, tiles, bytes, bytesOf, codeBytes, tableBytes, keptBytes, overTime, program, moment };
  });
  measured.sort((a, b) => b.bytes - a.bytes || a.tile - b.tile);
  const fullest = measured[0]!;
  const alive = programs[fullest.program]!.lives.filter(({ life }) => life.first <= fullest.moment && fullest.moment <= life.last).map(({ tensor }) => tensor);
  const tensors = heldTensors(tiled, [...kept, ...alive], fullest.bytesOf);
  return {
    tile: fullest.tile, bytes: fullest.bytes, program: programs[fullest.program]!.name, moment: fullest.moment,
    tensors,
    keptBytes: fullest.keptBytes, codeBytes: fullest.codeBytes, tableBytes: fullest.tableBytes,
    alignmentBytes: fullest.bytes - fullest.codeBytes - fullest.tableBytes - tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    classes: measured.map(({ tile, tiles, bytes }) => ({ tile, tiles, bytes })),
    programs: programs.map(({ name, intervals }, p) => ({ name, intervals: intervals.map(({ steps, first, last }) => ({ steps, bytes: Math.max(...fullest.overTime[p]!.slice(first, last + 1)) })) })),
  };
}

/** Pieces of one name and place together, the largest first. */
function heldTensors(tiled: TiledGraph, ids: readonly TensorId[], bytesOf: (id: TensorId) => number): HeldTensor[] {
  const groups = new Map<string, { tensor: TensorId; pieces: number; bytes: number }>();
  for (const tensor of ids.toSorted((a, b) => bytesOf(b) - bytesOf(a) || a - b)) {
    const bytes = bytesOf(tensor);
    if (bytes === 0) continue;
    const { name, origin } = tiled.tensors[tensor]!;
    const key = `${origin.file}:${origin.start}:${origin.end}:${name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { tensor, pieces: 1, bytes });
    else {
      group.pieces++;
      group.bytes += bytes;
    }
  }
  return [...groups.values()].sort((a, b) => b.bytes - a.bytes || a.tensor - b.tensor);
}

const wholeBytes = (tiled: TiledGraph, id: TensorId): number => sizeOf(tiled.tensors[id]!.type.shape) * bytesOf(tiled.tensors[id]!.type.dtype);

/** Classes of tiles that hold equally many blocks of every tensor, and equally much of the program. Tensors dealt alike are counted once. */
function heldByClass(tiled: TiledGraph, roots: readonly TensorId[], program: ProgramBytes, tally: Tally): { tile: number; tiles: number; codeBytes: number; tableBytes: number; bytesOf(id: TensorId): number }[] {
  const dealt: DealtCells[] = [];
  const numberOf = new Map<string, number>();
  const lists = new Map<object, number>();
  const column = new Map<TensorId, number>();
  for (const id of roots) {
    const { grid, placement } = tiled.tensors[id]!.distribution;
    if (placement.kind === "list" && !lists.has(placement)) lists.set(placement, lists.size);
    const key = `${blockCount(grid)} ${placement.kind === "list" ? `list ${lists.get(placement)}` : JSON.stringify(placement)}`;
    let number = numberOf.get(key);
    if (number === undefined) {
      number = dealt.push({ grid, placement }) - 1;
      numberOf.set(key, number);
    }
    column.set(id, number);
  }
  const blockBytes = (id: TensorId): number => sizeOf(tiled.tensors[id]!.distribution.block) * bytesOf(tiled.tensors[id]!.type.dtype);
  return tileClasses(dealt, tiled.tiles, tally, [program.code, program.tables]).map(({ tile, tiles, counts }) => ({ tile, tiles, codeBytes: program.code[tile]!, tableBytes: program.tables[tile]!, bytesOf: (id) => counts[column.get(id)!]! * blockBytes(id) }));
}

/** Bytes alive at each moment. */
function bytesOverTime({ intervals, lives }: ProgramLives, keptBytes: number, bytesOf: (id: TensorId) => number): number[] {
  const changes = new Array<number>(intervals.at(-1)!.last + 1).fill(0);
  for (const { tensor, life } of lives) {
    const bytes = bytesOf(tensor);
    changes[life.first]! += bytes;
    if (life.last + 1 < changes.length) changes[life.last + 1]! -= bytes;
  }
  let bytes = keptBytes;
  return changes.map((change) => (bytes += change));
}

interface PlainInterval {
  readonly steps: readonly BspStep[];
  /** Its moments, inclusive. */
  readonly first: number;
  readonly last: number;
}

/** The intervals between syncs of these steps, and the moments of each, as `lifetimes` counts them. */
function intervalsOf(steps: readonly BspStep[]): PlainInterval[] {
  const moments = new Moments();
  const list: BspStep[][] = [[]];
  const sync = (): void => {
    moments.sync();
    list.push([]);
  };
  const visit = (inner: readonly BspStep[]): void => {
    for (const step of inner) {
      switch (step.kind) {
        case "superstep":
          list.at(-1)!.push(step);
          moments.separate();
          for (const { kind } of step.phases) moments.phase(kind);
          if (step.sync) sync();
          break;
        case "repeat": loop(step.body); break;
        case "while": loop([...step.before, ...step.body]); break;
        case "if": visit(step.then); visit(step.otherwise); break;
        case "switch": for (const body of [...step.bodies, step.otherwise]) visit(body); break;
        case "host":
          sync();
          list.at(-1)!.push(step);
          sync();
          break;
        default: unreachable(step);
      }
    }
  };
  const loop = (body: readonly BspStep[]): void => {
    moments.separate();
    visit(body);
    moments.separate();
  };
  visit(steps);
  return list.map((inner, interval) => ({ steps: inner, first: moments.firstOf(interval), last: moments.lastOf(interval) }));
}
