/**
 * An exchange as a wasm function: each worker walks the blocks of the driving tensors that its tiles own, row by row, and
 * moves runs that are contiguous on both sides. Nothing per tile is tabulated; who holds an element is computed from the
 * other tensor's distribution.
 */
import { blockCount } from "../tiled/distribution.ts";
import type { Copy } from "../tiled/tiled.ts";
import { rowMajor } from "../kernel/kernel.ts";
import { ControlFunction, emitForEach, type Int } from "./control.ts";
import { forOwnInstances } from "./instances.ts";
import type { Layout } from "./layout.ts";
import type { Module } from "./binaryen.ts";

export function emitExchange(module: Module, layout: Layout, copies: readonly Copy[], name: string): void {
  emitForEach(module, copies, name, (f, copy) => emitCopy(f, layout, copy));
}

function emitCopy(f: ControlFunction, layout: Layout, copy: Copy): void {
  const driver = layout.tensor(copy.driver);
  const { shape } = driver.type;
  const { distribution } = driver;
  const bytes = layout.elementBytes(copy.driver);
  const blockStrides = rowMajor(distribution.block);
  const rank = shape.length;
  forOwnInstances(f, layout, { grid: distribution.grid, range: copy.range, placement: distribution.placement }, ({ coordinates, tile, slot }) => {
    const base = f.keep(layout.block(f, copy.driver, tile, slot));
    const first = coordinates.map((coordinate, d) => f.keep(f.mul(coordinate, distribution.block[d]!)));
    const extent = shape.map((size, d) => f.keep(f.min(distribution.block[d]!, f.sub(size, first[d]!))));
    const rows = (d: number, local: Int[]): void => {
      if (d < rank - 1) {
        f.loop(0, extent[d]!, 1, (i) => rows(d + 1, [...local, i]));
        return;
      }
      const own = f.keep(local.reduce<Int>((sum, i, k) => f.add(sum, f.mul(i, blockStrides[k]! * bytes)), base));
      const index = local.map((i, k) => f.keep(f.add(first[k]!, i)));
      new RunCopier(f, layout, copy, rank === 0 ? { outer: [], start: 0, count: 1, own } : { outer: index, start: first[rank - 1]!, count: extent[rank - 1]!, own }).run();
    };
    rows(0, []);
  });
}

/** A row of the driver: elements whose last index moves, with the other indices fixed. */
interface Row {
  readonly outer: readonly Int[];
  /** Where its last index begins. */
  readonly start: Int;
  readonly count: Int;
  /** Its address. */
  readonly own: Int;
}

/** Copies one row of the driver. */
class RunCopier {
  readonly #f: ControlFunction;
  readonly #layout: Layout;
  readonly #copy: Copy;
  readonly #row: Row;
  /** Of an element. */
  readonly #bytes: number;

  constructor(f: ControlFunction, layout: Layout, copy: Copy, row: Row) {
    this.#f = f;
    this.#layout = layout;
    this.#copy = copy;
    this.#row = row;
    this.#bytes = layout.elementBytes(copy.driver);
  }

  /** Growth of the other tensor's index along the row, per dimension. */
  get #moves(): number[] {
    const { shape } = this.#layout.tensor(this.#copy.driver).type;
    return this.#copy.map.map((form) => (shape.length === 0 ? 0 : form.coefficients[shape.length - 1]!));
  }

  run(): void {
    const other = this.#layout.tensor(this.#copy.other);
    if (other.storage === "whole") return this.#fromWhole();
    const f = this.#f;
    if (typeof this.#row.count === "number" && this.#row.count === 1) return void this.#piece(0, 1);
    const at = f.variable();
    f.set(at, 0);
    f.while(() => f.module.i32.lt_s(f.code(at.value), f.code(this.#row.count)), () => {
      const length = this.#piece(at.value, f.sub(this.#row.count, at.value));
      f.set(at, f.add(at.value, length));
    });
  }

  #indices(at: Int): Int[] {
    const f = this.#f;
    const { shape } = this.#layout.tensor(this.#copy.driver).type;
    const driverIndex = shape.length === 0 ? [] : [...this.#row.outer, f.add(this.#row.start, at)];
    return this.#copy.map.map((form) => f.keep(f.affine(form.constant, form.coefficients, driverIndex)));
  }

  #fromWhole(): void {
    const f = this.#f;
    const strides = this.#layout.strides(this.#copy.other);
    const indices = this.#indices(0);
    const address = indices.reduce<Int>((sum, i, t) => f.add(sum, f.mul(i, strides[t]! * this.#bytes)), this.#layout.offset(this.#copy.other));
    const stride = this.#moves.reduce((sum, move, t) => sum + move * strides[t]!, 0) * this.#bytes;
    this.#move(this.#row.own, this.#bytes, f.keep(address), stride, this.#row.count);
  }

  /** Copies from position `at` of the row up to where the other side's block ends; gives the number of elements. */
  #piece(at: Int, left: Int): Int {
    const f = this.#f;
    const { distribution } = this.#layout.tensor(this.#copy.other);
    const strides = rowMajor(distribution.block);
    const gridStrides = rowMajor(distribution.grid);
    const indices = this.#indices(at);
    const block = indices.map((i, t) => (distribution.grid[t] === 1 ? 0 : f.keep(f.div(i, distribution.block[t]!))));
    const within = indices.map((i, t) => (distribution.grid[t] === 1 ? i : f.keep(f.sub(i, f.mul(block[t]!, distribution.block[t]!)))));
    let length = left;
    this.#moves.forEach((move, t) => {
      if (move === 0 || distribution.grid[t] === 1) return;
      const room = move > 0 ? f.sub(distribution.block[t]! - 1, within[t]!) : within[t]!;
      length = f.min(f.keep(length), f.keep(f.add(f.div(room, Math.abs(move)), 1)));
    });
    length = f.keep(length);
    const k = f.keep(block.reduce<Int>((sum, b, t) => f.add(sum, f.mul(b, gridStrides[t]!)), 0));
    const { tile, slot } = this.#layout.place(f, distribution.placement, blockCount(distribution.grid), k);
    const address = within.reduce<Int>((sum, i, t) => f.add(sum, f.mul(i, strides[t]! * this.#bytes)), this.#layout.block(f, this.#copy.other, tile, slot));
    const stride = this.#moves.reduce((sum, move, t) => sum + move * strides[t]!, 0) * this.#bytes;
    this.#move(f.keep(f.add(this.#row.own, f.mul(at, this.#bytes))), this.#bytes, f.keep(address), stride, length);
    return length;
  }

  #move(own: Int, ownStride: number, other: Int, otherStride: number, count: Int): void {
    const f = this.#f;
    const pull = this.#copy.direction === "pull";
    const [to, toStride, from, fromStride] = pull ? [own, ownStride, other, otherStride] : [other, otherStride, own, ownStride];
    if (toStride === this.#bytes && fromStride === this.#bytes) {
      f.call("copyBytes", to, from, f.mul(count, this.#bytes));
      return;
    }
    const { i32 } = f.module;
    const step = (i: Int): void => {
      const source = f.code(f.add(from, f.mul(i, fromStride)));
      const target = f.code(f.add(to, f.mul(i, toStride)));
      switch (this.#bytes) {
        case 1: return f.emit(i32.store8(0, 1, target, i32.load8_u(0, 1, source)));
        case 2: return f.emit(i32.store16(0, 2, target, i32.load16_u(0, 2, source)));
        case 4: return f.emit(i32.store(0, 4, target, i32.load(0, 4, source)));
        default: return f.emit(f.module.i64.store(0, 8, target, f.module.i64.load(0, 8, source)));
      }
    };
    f.loop(0, count, 1, step);
  }
}

/** `copyBytes(to, from, bytes)`: 16 bytes at a time, then one by one. Ranges do not overlap. */
export function emitCopyBytes(module: Module): void {
  const f = new ControlFunction(module, 3);
  const [to, from, bytes] = [f.parameter(0), f.parameter(1), f.parameter(2)];
  const i = f.variable();
  const vectors = f.keep(() => module.i32.and(f.code(bytes), module.i32.const(~15)));
  f.set(i, 0);
  f.while(() => module.i32.lt_s(f.code(i.value), f.code(vectors)), () => {
    f.emit(module.v128.store(0, 1, f.code(f.add(to, i.value)), module.v128.load(0, 1, f.code(f.add(from, i.value)))));
    f.set(i, f.add(i.value, 16));
  });
  f.while(() => module.i32.lt_s(f.code(i.value), f.code(bytes)), () => {
    f.emit(module.i32.store8(0, 1, f.code(f.add(to, i.value)), module.i32.load8_u(0, 1, f.code(f.add(from, i.value)))));
    f.set(i, f.add(i.value, 1));
  });
  f.finish("copyBytes");
}

