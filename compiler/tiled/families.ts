/**
 * From an op's index space to vertex families: the space is cut into blocks, each field of a block becomes a slice that is
 * affine in the block's coordinates, and blocks of equal shape share one kernel.
 */
import { sizeOf, type DType } from "../../runtime/dtype.ts";
import { affineExpression, KernelBuilder } from "../kernel/build.ts";
import type { Expression, Kernel } from "../kernel/kernel.ts";
import type { Access, Lowering } from "../kernel/lowering.ts";
import { affineConstant, affineIndex, affineRange, composeMap, gcd, type Affine } from "../support/affine.ts";
import type { Span } from "../support/span.ts";
import { distribute } from "./distribution.ts";
import type { Tensors, TensorView } from "./tensors.ts";
import type { Placement, TensorId } from "./tiled.ts";

/**
 * How an index space is cut: dimension i of the instance grid cuts space dimension `dimensions[i]` into blocks. A space may be a part
 * of the grid only: it begins `from[i]` points behind the grid's first, and where it does not move with a dimension of the grid, −1 in
 * `dimensions`, it is in block `from[i]` of that.
 */
export interface Split {
  readonly grid: readonly number[];
  readonly dimensions: readonly number[];
  readonly block: readonly number[];
  readonly placement: Placement;
  /** Zeros where absent. */
  readonly from?: readonly number[];
}

export interface DraftField {
  readonly tensor: TensorId;
  readonly shape: readonly number[];
  /** Over instance coordinates, then field indices. */
  readonly map: readonly Affine[];
  readonly access: "in" | "out" | "inout";
}

/** A family whose fields are not yet bound to where data lies: kernel buffers are dense. */
export interface DraftFamily {
  readonly name: string;
  readonly kernel: Kernel;
  readonly grid: readonly number[];
  readonly range: readonly { readonly start: number; readonly count: number }[];
  readonly placement: Placement;
  readonly fields: readonly DraftField[];
  readonly origin: Span;
}

interface Box {
  readonly tensor: TensorId;
  /** Per tensor dimension: first element at instance 0, growth per instance coordinate, step between field elements, extent. */
  readonly start: number[];
  readonly perInstance: number[][];
  readonly step: number[];
  readonly shape: number[];
}

/** An access as it was asked for, a form over the space for each dimension of the tensor, and the buffer that holds what it needs. */
interface BoxedAccess {
  readonly buffer: number;
  readonly map: readonly Affine[];
}

export interface SplitOptions {
  readonly lowering: Lowering;
  readonly split: Split;
  readonly reads: readonly TensorView[];
  readonly writes: readonly TensorView[];
  /** When a reduction was split: this dimension of the result is the coordinate of that dimension of the grid. */
  readonly partial?: { readonly gridDimension: number; readonly tensorDimension: number };
  readonly tensors: Tensors;
  /** Whether separate accesses to one tensor become one field even when their hull is much larger than they are. */
  readonly mergeAlways: boolean;
  readonly origin: Span;
}

export function draftFamilies(options: SplitOptions): DraftFamily[] {
  const { lowering, split } = options;
  if (sizeOf(lowering.space.map((dimension) => dimension.extent)) === 0) return [];
  return blockShapes(lowering, split).map((shape) => draftFamily(options, shape));
}

/** Blocks of equal shape that lie side by side: where in the grid, and how far point 0 of the space is before the grid's, along each of its dimensions. */
interface BlockShape {
  readonly range: readonly { readonly start: number; readonly count: number }[];
  readonly block: readonly number[];
  readonly before: readonly number[];
}

/** The different block shapes of a split: the full one, and those at the edges. */
function blockShapes(lowering: Lowering, split: Split): BlockShape[] {
  let shapes: BlockShape[] = [{ range: [], block: lowering.space.map((dimension) => dimension.extent), before: [] }];
  split.grid.forEach((_, i) => {
    const dimension = split.dimensions[i]!;
    const from = split.from?.[i] ?? 0;
    const pieces = dimension === -1 ? [{ start: from, count: 1, size: 0, before: 0 }] : piecesOf(lowering.space[dimension]!.extent, split.block[i]!, from);
    shapes = shapes.flatMap((shape) =>
      pieces.map(({ start, count, size, before }) => ({
        range: [...shape.range, { start, count }],
        block: shape.block.map((extent, d) => (d === dimension ? size : extent)),
        before: [...shape.before, before],
      })));
  });
  return shapes;
}

/** Runs of blocks of one size along a dimension that begins `from` points into the grid: a first that is cut short, whole ones, a shorter last. */
function piecesOf(extent: number, full: number, from: number): { readonly start: number; readonly count: number; readonly size: number; readonly before: number }[] {
  const first = Math.floor(from / full);
  const lead = from % full === 0 ? 0 : Math.min(extent, full - (from % full));
  const start = lead === 0 ? first : first + 1;
  const count = Math.floor((extent - lead) / full);
  const rest = extent - lead - count * full;
  return [
    { start: first, count: 1, size: lead, before: first * full },
    { start, count, size: full, before: from },
    { start: start + count, count: 1, size: rest, before: from },
  ].filter((piece) => piece.count > 0 && piece.size > 0);
}

function draftFamily(options: SplitOptions, { range, block, before }: BlockShape): DraftFamily {
  const { lowering, split, origin } = options;
  const boxes = new Boxes(options, block, before);
  const scratch = (lowering.scratch ?? []).map(({ dtype, shape }) => scratchField(options, dtype, shape));
  const fields = boxes.list.map((_, buffer) => boxes.field(buffer));
  return { name: lowering.name, kernel: kernelOf(options, boxes, block), grid: split.grid, range, placement: split.placement, fields: [...fields, ...scratch], origin };
}

/** The kernel of one block of a space, as it would be if that were cut so; nothing is placed. */
export function kernelOfBlock(options: Omit<SplitOptions, "split" | "mergeAlways">, block: readonly number[]): Kernel {
  const whole: SplitOptions = { ...options, mergeAlways: false, split: { grid: [], dimensions: [], block: [], placement: { kind: "blocked", first: 0, perTile: 1 } } };
  return kernelOf(whole, new Boxes(whole, block, []), block);
}

function kernelOf({ lowering, tensors, origin }: SplitOptions, boxes: Boxes, block: readonly number[]): Kernel {
  const builder = new KernelBuilder(lowering.name, origin);
  for (const { tensor, shape, access } of boxes.list) {
    builder.buffer({ name: tensors.name(tensor), dtype: tensors.type(tensor).dtype, shape, access, origin: tensors.origin(tensor) });
  }
  const scratch = (lowering.scratch ?? []).map(({ dtype, shape }) => builder.buffer({ name: "scratch", dtype, shape, access: "out" }));
  const reads = boxes.reads.map((access) => boxes.indexIn(access));
  const writes = boxes.writes.map((access) => boxes.indexIn(access));
  const at = (forms: readonly Affine[], indices: readonly Expression[]): Expression[] => forms.map((form) => affineExpression(form, indices));
  lowering.emit({
    kernel: builder,
    block,
    load: (read, indices) => builder.load(boxes.reads[read]!.buffer, at(reads[read]!, indices)),
    store: (write, indices, value) => builder.store(boxes.writes[write]!.buffer, at(writes[write]!, indices), value, origin),
    scratch,
    reload: (write, indices) => builder.load(boxes.writes[write]!.buffer, at(writes[write]!, indices)),
  });
  return builder.finish();
}

/** What an instance reads and writes, as boxes of tensors: a buffer of its kernel each. */
class Boxes {
  readonly list: (Box & { readonly access: "in" | "out" | "inout" })[] = [];
  readonly reads: readonly BoxedAccess[];
  readonly writes: readonly BoxedAccess[];
  readonly #options: SplitOptions;
  readonly #block: readonly number[];
  readonly #before: readonly number[];
  /** Of buffers with a dimension for each moving dimension of the space: which those are. */
  readonly #sparse = new Map<number, readonly number[]>();

  constructor(options: SplitOptions, block: readonly number[], before: readonly number[]) {
    this.#options = options;
    this.#block = block;
    this.#before = before;
    // Reads first: accesses of one tensor that move together share a box.
    this.reads = options.lowering.reads.map((access, r) => this.#read(options.reads[r]!, access));
    this.writes = options.lowering.writes.map((access, w) => this.#write(options.writes[w]!, access));
  }

  #read(view: TensorView, access: Access): BoxedAccess {
    const { box, map } = this.#boxOf(view, access);
    const known = this.list.findIndex((other) => mergeable(other, box, this.#options.mergeAlways));
    if (known === -1) return { buffer: this.list.push({ ...box, access: "in" }) - 1, map };
    this.list[known] = { ...hull(this.list[known]!, box), access: "in" };
    return { buffer: known, map };
  }

  #write(view: TensorView, access: Access): BoxedAccess {
    const block = this.#block;
    const { box, map } = this.#boxOf(view, access);
    const buffer = this.list.push({ ...box, access: this.#options.lowering.keeps ? "inout" : "out" }) - 1;
    if (!map.every((form) => isDense(form, block))) {
      // The elements between belong to other vertices: the field has one dimension for each of the space instead.
      const moving = block.flatMap((extent, d) => (extent > 1 && map.some((form) => form.coefficients[d] !== 0) ? [d] : []));
      this.list[buffer]!.shape.splice(0, Infinity, ...moving.map((d) => block[d]!));
      this.#sparse.set(buffer, moving);
    }
    return { buffer, map };
  }

  #boxOf(view: TensorView, access: Access): { box: Box; map: readonly Affine[] } {
    const { lowering, split } = this.#options;
    const map = this.#fromGrid(composeMap(view.map, access.index, lowering.space.length));
    const box: Box = { tensor: view.tensor, start: [], perInstance: [], step: [], shape: [] };
    for (const form of map) {
      const reach = affineRange({ constant: 0, coefficients: form.coefficients }, this.#block);
      const step = form.coefficients.reduce((common, coefficient, d) => (this.#block[d]! > 1 ? gcd(common, Math.abs(coefficient)) : common), 0) || 1;
      box.start.push(form.constant + reach.min);
      box.perInstance.push(split.grid.map((_, i) => (form.coefficients[split.dimensions[i]!] ?? 0) * split.block[i]!));
      box.step.push(step);
      box.shape.push((reach.max - reach.min) / step + 1);
    }
    return { box, map };
  }

  /** Forms over the space as forms that are right where the grid begins, by which instances move. */
  #fromGrid(map: readonly Affine[]): readonly Affine[] {
    const { dimensions } = this.#options.split;
    if (this.#before.every((points) => points === 0)) return map;
    return map.map(({ constant, coefficients }) => ({ coefficients, constant: this.#before.reduce((sum, points, i) => sum - points * (coefficients[dimensions[i]!] ?? 0), constant) }));
  }

  /** Where in its buffer an access lands: an affine form over the space for each of the buffer's dimensions. */
  indexIn({ buffer, map }: BoxedAccess): readonly Affine[] {
    const box = this.list[buffer]!;
    const moving = this.#sparse.get(buffer);
    if (moving) return moving.map((d) => affineIndex(d, this.#block.length));
    return map.map((form, t) => ({ constant: (form.constant - box.start[t]!) / box.step[t]!, coefficients: form.coefficients.map((c, d) => (this.#block[d]! > 1 ? c / box.step[t]! : 0)) }));
  }

  /** The field that a buffer is connected to. */
  field(buffer: number): DraftField {
    const { tensor, shape, access, start, step, perInstance } = this.list[buffer]!;
    const moving = this.#sparse.get(buffer);
    const written = moving && this.writes.find((write) => write.buffer === buffer)!.map;
    const map = start.map((first, t): Affine => {
      if (moving) return { constant: written![t]!.constant, coefficients: [...perInstance[t]!, ...moving.map((d) => written![t]!.coefficients[d]!)] };
      return { constant: first, coefficients: [...perInstance[t]!, ...shape.map((_, f) => (f === t ? step[t]! : 0))] };
    });
    return { tensor, shape, access, map: access === "in" ? map : this.#mapOfPartial(map) };
  }

  /** Of a split reduction each instance writes a result of its own. */
  #mapOfPartial(map: readonly Affine[]): readonly Affine[] {
    const { partial, split } = this.#options;
    if (partial === undefined) return map;
    const own = (form: Affine): Affine => ({ constant: 0, coefficients: form.coefficients.map((c, i) => (i === partial.gridDimension ? 1 : i >= split.grid.length ? c : 0)) });
    return map.map((form, t) => (t === partial.tensorDimension ? own(form) : form));
  }
}

/** A field that each instance has for itself, on its own tile. */
function scratchField({ lowering, split, tensors, origin }: SplitOptions, dtype: DType, own: readonly number[]): DraftField {
  const { grid, placement } = split;
  const shape = [...grid, ...own];
  const tensor = tensors.add({ name: `scratch of ${lowering.name}`, type: { dtype, shape }, origin, distribution: distribute(shape, [...grid.map(() => 1), ...own], placement) });
  // A dimension with a single instance does not move.
  const map = shape.map((extent, t): Affine => (t < grid.length && extent === 1 ? affineConstant(0, shape.length) : affineIndex(t, shape.length)));
  return { tensor, shape: own, map, access: "out" };
}

/** Whether a form takes every value between its least and its greatest, in steps of its common divisor, over a block. */
function isDense(form: Affine, block: readonly number[]): boolean {
  const moving = form.coefficients.flatMap((coefficient, d) => (coefficient !== 0 && block[d]! > 1 ? [{ stride: Math.abs(coefficient), extent: block[d]! }] : []));
  moving.sort((a, b) => a.stride - b.stride);
  let next = moving.reduce((common, { stride }) => gcd(common, stride), 0);
  return moving.every(({ stride, extent }) => {
    if (stride > next) return false;
    next += stride * (extent - 1);
    return true;
  });
}

function mergeable(a: Box & { access: "in" | "out" | "inout" }, b: Box, always: boolean): boolean {
  if (a.access !== "in" || a.tensor !== b.tensor) return false;
  for (let t = 0; t < a.start.length; t++) {
    if (a.step[t] !== b.step[t] || (b.start[t]! - a.start[t]!) % a.step[t]! !== 0) return false;
    if (a.perInstance[t]!.some((growth, i) => growth !== b.perInstance[t]![i])) return false;
  }
  return always || sizeOf(hull(a, b).shape) <= 1.25 * (sizeOf(a.shape) + sizeOf(b.shape));
}

function hull(a: Box, b: Box): Box {
  const start = a.start.map((first, t) => Math.min(first, b.start[t]!));
  const shape = start.map((first, t) => {
    const last = Math.max(a.start[t]! + (a.shape[t]! - 1) * a.step[t]!, b.start[t]! + (b.shape[t]! - 1) * b.step[t]!);
    return (last - first) / a.step[t]! + 1;
  });
  return { tensor: a.tensor, start, perInstance: a.perInstance, step: a.step, shape };
}

/** Strides a kernel buffer has when its field is addressed inside a tensor with these strides. */
export function fieldStrides(field: DraftField, tensorStrides: readonly number[]): number[] {
  const grid = field.map[0] ? field.map[0].coefficients.length - field.shape.length : 0;
  return field.shape.map((_, f) => field.map.reduce((stride, form, t) => stride + form.coefficients[grid + f]! * tensorStrides[t]!, 0));
}
