/**
 * A copy cut into cells, one group of dimensions at a time. A group is a set of the driver's dimensions and of the other
 * tensor's that depend on each other through the copy's map and on nothing else; usually one and one. A cell is what one
 * block of the driver and one block of the other tensor share, in the group's dimensions.
 *
 * In a group where only one dimension moves within a block, cells come from dividing: the cost is the number of cells. In
 * one where several move together (a reshape: i·n + j), rows are walked along the innermost and summed up by block: the
 * cost is the number of rows.
 */
import { rowMajor } from "../../kernel/kernel.ts";
import { evaluateAffine } from "../../support/affine.ts";
import type { Copy, TiledTensor } from "../../tiled/tiled.ts";
import { NumberList, type PairNumbers } from "./numbers.ts";

export interface Group {
  /** Dimensions of the driver. */
  readonly driver: readonly number[];
  /** Dimensions of the other tensor, and how each moves with the driver's. */
  readonly other: readonly number[];
  /** Those of the driver's dimensions along which a block has more than one element. */
  readonly moving: readonly number[];
  /** Two copies from one tensor with equal keys name equal pieces equally. Empty where it says nothing about what is sent. */
  readonly key: string;
}

/** In parallel lists. */
export interface Cells {
  readonly count: number;
  /** What the cell adds to the row-major index of the driver's block, and of the other tensor's. */
  readonly driverBlock: NumberList;
  readonly otherBlock: NumberList;
  readonly elements: NumberList;
  /** Equal for cells that send the same elements in the same order; -1 where the group has no say in what is sent. */
  readonly class: NumberList;
  /** No two cells send the same. */
  readonly unlike: boolean;
}

export function groupsOf(copy: Copy, driver: TiledTensor): Group[] {
  const { shape } = driver.type;
  const group = shape.map((_, d) => d);
  const dependsOn = copy.map.map((form) => shape.flatMap((extent, d) => (extent > 1 && form.coefficients[d] !== 0 ? [d] : [])));
  for (const dimensions of dependsOn) {
    for (const d of dimensions) {
      const [into, gone] = [group[dimensions[0]!]!, group[d]!];
      if (into !== gone) group.forEach((g, k) => { if (g === gone) group[k] = into; });
    }
  }
  return [...new Set(group)].map((id) => {
    const own = shape.flatMap((_, d) => (group[d] === id ? [d] : []));
    const other = dependsOn.flatMap((dimensions, t) => (dimensions.some((d) => group[d] === id) ? [t] : []));
    const moving = own.filter((d) => shape[d]! > 1 && driver.distribution.block[d]! > 1);
    return { driver: own, other, moving, key: keyOf(copy, own, other, moving) };
  });
}

function keyOf(copy: Copy, driver: readonly number[], other: readonly number[], moving: readonly number[]): string {
  if (copy.direction === "push") return `${driver.join()}/${moving.join()}`;
  if (other.length === 0) return "";
  return `${other.join()}/${moving.map((d) => other.map((t) => copy.map[t]!.coefficients[d]).join()).join(" ")}`;
}

/** The dimensions of the other tensor that do not move: their row-major index, and that of their block. */
export function originOf(copy: Copy, driver: TiledTensor, other: TiledTensor): { index: number; block: number } {
  const strides = rowMajor(other.type.shape);
  const grid = rowMajor(other.distribution.grid);
  let index = 0;
  let block = 0;
  copy.map.forEach((form, t) => {
    if (form.coefficients.some((coefficient, d) => coefficient !== 0 && driver.type.shape[d]! > 1)) return;
    index += form.constant * strides[t]!;
    block += Math.floor(form.constant / other.distribution.block[t]!) * grid[t]!;
  });
  return { index, block };
}

/** `scope` separates the classes of this group from those of others. */
export function cellsOf(copy: Copy, driver: TiledTensor, other: TiledTensor, group: Group, scope: number, starts: PairNumbers, classes: PairNumbers): Cells {
  return new Cutter(copy, driver, other, group, scope, starts, classes).run();
}

class Cutter {
  readonly #copy: Copy;
  readonly #driver: TiledTensor;
  readonly #other: TiledTensor;
  readonly #group: Group;
  readonly #scope: number;
  readonly #starts: PairNumbers;
  readonly #classes: PairNumbers;
  readonly #pull: boolean;
  readonly #driverStrides: readonly number[];
  readonly #driverGrid: readonly number[];
  readonly #otherStrides: readonly number[];
  readonly #otherGrid: readonly number[];
  readonly #cells = { driverBlock: new NumberList(), otherBlock: new NumberList(), elements: new NumberList(), class: new NumberList() };

  constructor(copy: Copy, driver: TiledTensor, other: TiledTensor, group: Group, scope: number, starts: PairNumbers, classes: PairNumbers) {
    this.#copy = copy;
    this.#driver = driver;
    this.#other = other;
    this.#group = group;
    this.#scope = scope;
    this.#starts = starts;
    this.#classes = classes;
    this.#pull = copy.direction === "pull";
    this.#driverStrides = rowMajor(driver.type.shape);
    this.#driverGrid = rowMajor(driver.distribution.grid);
    this.#otherStrides = rowMajor(other.type.shape);
    this.#otherGrid = rowMajor(other.distribution.grid);
  }

  run(): Cells {
    const index = new Array<number>(this.#driver.type.shape.length).fill(0);
    this.#blocks(0, 0, index);
    const { elements: { length: count }, class: classes } = this.#cells;
    const seen = new Set<number>();
    for (let i = 0; i < count; i++) seen.add(classes.at(i));
    return { count, unlike: count <= 1 || (seen.size === count && !seen.has(-1)), ...this.#cells };
  }

  /** Visits the driver's blocks in the group's dimensions; `index` is where the block begins. */
  #blocks(at: number, block: number, index: number[]): void {
    const d = this.#group.driver[at];
    if (d === undefined) {
      this.#block(block, index);
      return;
    }
    const { start, count } = this.#copy.range[d]!;
    for (let coordinate = start; coordinate < start + count; coordinate++) {
      index[d] = coordinate * this.#driver.distribution.block[d]!;
      this.#blocks(at + 1, block + coordinate * this.#driverGrid[d]!, index);
    }
  }

  #extent(d: number, index: readonly number[]): number {
    return Math.min(this.#driver.distribution.block[d]!, this.#driver.type.shape[d]! - index[d]!);
  }

  #block(block: number, index: number[]): void {
    const { moving, other } = this.#group;
    if (other.length === 0) {
      const elements = moving.reduce((product, d) => product * this.#extent(d, index), 1);
      this.#add(block, 0, elements, this.#pull ? -1 : this.#classes.of(this.#starts.of(this.#scope, this.#ownIndex(index)), elements));
      return;
    }
    if (moving.length <= 1) this.#runs(moving[0], index, (otherBlock, elements, first) => this.#add(block, otherBlock, elements, this.#classes.of(this.#starts.of(this.#scope, first), elements)));
    else this.#rows(block, index);
  }

  #add(driverBlock: number, otherBlock: number, elements: number, classNumber: number): void {
    this.#cells.driverBlock.push(driverBlock);
    this.#cells.otherBlock.push(otherBlock);
    this.#cells.elements.push(elements);
    this.#cells.class.push(classNumber);
  }

  /** Walks all rows of a block, and adds one cell for each block of the other tensor that they meet. */
  #rows(block: number, index: number[]): void {
    const { moving, driver } = this.#group;
    const outer = moving.slice(0, -1);
    const met = new Map<number, number>();
    const origin = [...index];
    const walk = (at: number): void => {
      const d = outer[at];
      if (d === undefined) {
        this.#runs(moving.at(-1), index, (otherBlock, elements) => met.set(otherBlock, (met.get(otherBlock) ?? 0) + elements));
        return;
      }
      const extent = this.#extent(d, origin);
      for (let i = 0; i < extent; i++) {
        index[d] = origin[d]! + i;
        walk(at + 1);
      }
      index[d] = origin[d]!;
    };
    walk(0);
    // What a block asks for is told by where it begins in the sender's tensor and by how large it is.
    let asked = this.#starts.of(this.#scope, this.#pull ? this.#otherIndex(index) : this.#ownIndex(index));
    for (const d of driver) asked = this.#starts.of(-1 - asked, this.#extent(d, index));
    for (const [otherBlock, elements] of met) this.#add(block, otherBlock, elements, this.#classes.of(-1 - asked, otherBlock));
  }

  #ownIndex(index: readonly number[]): number {
    return this.#group.driver.reduce((sum, d) => sum + index[d]! * this.#driverStrides[d]!, 0);
  }

  #otherIndex(index: readonly number[]): number {
    return this.#group.other.reduce((sum, t) => sum + evaluateAffine(this.#copy.map[t]!, index) * this.#otherStrides[t]!, 0);
  }

  /** Cuts the row along `d` that begins at `index` where the other tensor's blocks end. `first`: where a run begins in the sender's tensor. */
  #runs(d: number | undefined, index: number[], found: (otherBlock: number, elements: number, first: number) => void): void {
    const { other } = this.#group;
    const { block: size, grid } = this.#other.distribution;
    const total = d === undefined ? 1 : this.#extent(d, index);
    const from = d === undefined ? 0 : index[d]!;
    for (let at = 0; at < total;) {
      if (d !== undefined) index[d] = from + at;
      let run = total - at;
      let otherBlock = 0;
      let first = 0;
      for (const t of other) {
        const form = this.#copy.map[t]!;
        const position = evaluateAffine(form, index);
        const k = Math.floor(position / size[t]!);
        otherBlock += k * this.#otherGrid[t]!;
        first += position * this.#otherStrides[t]!;
        const move = d === undefined ? 0 : form.coefficients[d]!;
        if (move === 0 || grid[t] === 1) continue;
        const room = move > 0 ? (k + 1) * size[t]! - 1 - position : position - k * size[t]!;
        run = Math.min(run, Math.floor(room / Math.abs(move)) + 1);
      }
      found(otherBlock, run, this.#pull ? first : this.#ownIndex(index));
      at += run;
    }
    if (d !== undefined) index[d] = from;
  }
}
