/**
 * What the program itself takes of each tile's memory on a modelled machine: the code of the kernels its vertices run, once
 * each; a descriptor for each vertex; and for exchanges an entry for each run of bytes that the tile sends or receives.
 * Estimates, made before anything is emitted: the code by `kernel/code-size.ts`, the tables by the figures below, the runs by
 * how many blocks of one tensor a block of the other meets.
 *
 * Where memory is shared there is one code for all, outside of it: nothing is counted.
 */
import { programsOf } from "../graph/graph.ts";
import { kernelKey } from "../kernel/key.ts";
import { codeBytes } from "../kernel/code-size.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { affineRange } from "../support/affine.ts";
import { blockCount } from "../tiled/distribution.ts";
import type { Copy, TiledGraph, TiledTensor } from "../tiled/tiled.ts";
import type { BspGraph } from "./bsp.ts";
import { forEachStep } from "./steps.ts";
import { stretchesOf, type DealtCells, type Stretch } from "./tile-classes.ts";

/** Modelling parameters, in bytes. */
const tableModel = {
  /** A vertex: which code it runs; and where each of its fields is. */
  vertexBytes: 8,
  fieldBytes: 4,
  /** One run of bytes that a tile sends or receives: an instruction. */
  transferBytes: 4,
} as const;

/** Bytes by tile. */
export interface ProgramBytes {
  readonly code: Int32Array;
  readonly tables: Int32Array;
}

export function programBytes(graph: BspGraph): ProgramBytes {
  const counter = new Counter(graph.tiled);
  for (const { steps } of programsOf(graph)) {
    forEachStep(steps, (step) => {
      if (step.kind !== "superstep") return;
      for (const phase of step.phases) {
        if (phase.kind === "exchange") for (const copy of phase.copies) counter.copy(copy);
        else for (const family of phase.set.families) counter.vertices(family, family.kernel);
      }
    });
  }
  return counter.finish();
}

/** The tile that has the most of code and tables together; the first of several. */
export function mostProgramBytes({ code, tables }: ProgramBytes): { tile: number; code: number; tables: number } {
  let tile = 0;
  for (let t = 1; t < code.length; t++) if (code[t]! + tables[t]! > code[tile]! + tables[tile]!) tile = t;
  return { tile, code: code[tile] ?? 0, tables: tables[tile] ?? 0 };
}

class Counter {
  readonly #tiled: TiledGraph;
  readonly #tables: Int32Array;
  readonly #code: Int32Array;
  readonly #keys = new Map<Kernel, string>();
  /** By kernel: its bytes, and on which cells its vertices are, those dealt alike once. */
  readonly #kernels = new Map<string, { readonly bytes: number; readonly cells: Map<string, DealtCells> }>();
  readonly #lists = new Map<object, number>();
  /** Bytes for each of some cells, those dealt alike together. */
  readonly #perCell = new Map<string, { readonly cells: DealtCells; bytes: number }>();

  constructor(tiled: TiledGraph) {
    this.#tiled = tiled;
    this.#tables = new Int32Array(tiled.tiles);
    this.#code = new Int32Array(tiled.tiles);
  }

  vertices(cells: DealtCells, kernel: Kernel): void {
    let key = this.#keys.get(kernel);
    if (key === undefined) this.#keys.set(kernel, (key = kernelKey(kernel)));
    const name = this.#name(cells);
    const known = this.#kernels.get(key);
    if (known) known.cells.set(name, cells);
    else this.#kernels.set(key, { bytes: codeBytes(kernel), cells: new Map([[name, cells]]) });
    this.#add(cells, tableModel.vertexBytes + tableModel.fieldBytes * kernel.buffers.length);
  }

  copy(copy: Copy): void {
    const driver = this.#tiled.tensors[copy.driver]!;
    const other = this.#tiled.tensors[copy.other]!;
    if (driver.storage === "whole") return;
    const blocks = blockCount(copy.range.map(({ count }) => count));
    const { runs, distinct } = other.storage === "whole" ? { runs: 1, distinct: 0 } : runsOf(copy, driver, other);
    const { grid, placement } = driver.distribution;
    this.#add({ grid, range: copy.range, placement }, runs * tableModel.transferBytes);
    if (other.storage === "whole") return;
    const there = blockCount(other.distribution.grid);
    if (there > 0) this.#add({ grid: other.distribution.grid, placement: other.distribution.placement }, Math.ceil((blocks * runs) / distinct / there) * tableModel.transferBytes);
  }

  #add(cells: DealtCells, bytes: number): void {
    const name = this.#name(cells);
    const known = this.#perCell.get(name);
    if (known) known.bytes += bytes;
    else this.#perCell.set(name, { cells, bytes });
  }

  #name({ grid, range, placement }: DealtCells): string {
    if (placement.kind === "list" && !this.#lists.has(placement)) this.#lists.set(placement, this.#lists.size);
    const rule = placement.kind === "list" ? `list ${this.#lists.get(placement)}` : JSON.stringify(placement);
    return `${grid.join()} ${range?.map(({ start, count }) => `${start}+${count}`).join() ?? ""} ${rule}`;
  }

  finish(): ProgramBytes {
    // By tile: how many bytes more it has than the one before.
    for (const { cells, bytes } of this.#perCell.values()) {
      for (const { first, end, count } of stretchesOf(cells)) {
        this.#tables[first]! += count * bytes;
        if (end < this.#tables.length) this.#tables[end]! -= count * bytes;
      }
    }
    for (const { bytes, cells } of this.#kernels.values()) {
      for (const { first, end } of united([...cells.values()].flatMap((one) => stretchesOf(one)))) {
        this.#code[first]! += bytes;
        if (end < this.#code.length) this.#code[end]! -= bytes;
      }
    }
    for (const bytes of [this.#code, this.#tables]) for (let tile = 1; tile < bytes.length; tile++) bytes[tile]! += bytes[tile - 1]!;
    return { code: this.#code, tables: this.#tables };
  }
}

/** The tiles of all stretches, each once. */
function united(stretches: readonly Stretch[]): { first: number; end: number }[] {
  const found: { first: number; end: number }[] = [];
  for (const { first, end } of stretches.toSorted((a, b) => a.first - b.first)) {
    const last = found.at(-1);
    if (last !== undefined && first <= last.end) last.end = Math.max(last.end, end);
    else found.push({ first, end });
  }
  return found;
}

/** How many runs a block of the driver has with other tiles, and how many of its blocks have the same runs. */
function runsOf(copy: Copy, driver: TiledTensor, other: TiledTensor): { runs: number; distinct: number } {
  const { block } = driver.distribution;
  let runs = 1;
  copy.map.forEach((form, t) => {
    const { min, max } = affineRange({ constant: 0, coefficients: form.coefficients }, block);
    runs *= Math.min(other.distribution.grid[t]!, Math.ceil((max - min + 1) / other.distribution.block[t]!));
  });
  const distinct = copy.range.reduce((product, { count }, d) => product * (copy.map.some((form) => form.coefficients[d] !== 0) ? 1 : Math.max(1, count)), 1);
  return { runs, distinct };
}
