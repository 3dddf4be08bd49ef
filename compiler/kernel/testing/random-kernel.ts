/** For tests of the kernel level: random kernels. */
import { isBig, isFloat, type DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { randomNumbers } from "../../support/testing/random-numbers.ts";
import { binary, cast, constant, i32, KernelBuilder, select, unary } from "../build.ts";
import { rowMajor, type BufferId, type Expression, type Kernel } from "../kernel.ts";

/**
 * A random kernel: a nest of loops over i and j whose body computes with locals, branches, short loops and loads of several
 * shapes of index, by other indices among them, and stores to y[i, j] (and sometimes back to an inout buffer, or to every
 * second element of another). `parallel` says how the loops are marked.
 */
export function randomKernel(seed: number, dtype: DType, parallel: boolean): Kernel {
  return new RandomKernel(seed, dtype).build(parallel);
}

interface Buffers {
  /** [m + 2, n + 2], its rows one element apart. */
  readonly a: BufferId;
  /** [n] */
  readonly row: BufferId;
  /** [m, k] */
  readonly column: BufferId;
  /** [m, n], the result. */
  readonly y: BufferId;
  /** [m, n], read and written. */
  readonly z: BufferId;
  /** [m, 3n] */
  readonly spread: BufferId;
  /** [n], indices. */
  readonly order: BufferId;
  /** [m, 2n], of which every second element is written. */
  readonly apart: BufferId;
}

class RandomKernel {
  readonly #random: () => number;
  readonly #dtype: DType;
  readonly #kernel: KernelBuilder;
  /** Extents of the loops: over rows, over columns, and inside of them. */
  readonly #m: number;
  readonly #n: number;
  readonly #k: number;
  readonly #buffers: Buffers;
  readonly #one: Expression;
  /** Counters of the loops; 0 where there is none. */
  #i: Expression = i32(0);
  #j: Expression = i32(0);
  #inner: Expression = i32(0);
  /** Locals in scope. */
  readonly #locals: Expression[] = [];

  constructor(seed: number, dtype: DType) {
    this.#random = randomNumbers(seed);
    this.#dtype = dtype;
    const [m, n, k] = [1 + this.#upTo(3), 1 + this.#upTo(40), 1 + this.#upTo(3)];
    [this.#m, this.#n, this.#k] = [m, n, k];
    const kernel = new KernelBuilder(`random${seed}`, nowhere);
    this.#kernel = kernel;
    this.#buffers = {
      a: kernel.buffer({ name: "a", dtype, shape: [m + 2, n + 2], strides: rowMajor([m + 2, n + 3]), access: "in" }),
      row: kernel.buffer({ name: "row", dtype, shape: [n], access: "in" }),
      column: kernel.buffer({ name: "column", dtype, shape: [m, k], access: "in" }),
      y: kernel.buffer({ name: "y", dtype, shape: [m, n], access: "out" }),
      z: kernel.buffer({ name: "z", dtype, shape: [m, n], access: "inout" }),
      spread: kernel.buffer({ name: "spread", dtype, shape: [m, 3 * n], access: "in" }),
      order: kernel.buffer({ name: "order", dtype: "i32", shape: [n], access: "in" }),
      apart: kernel.buffer({ name: "apart", dtype, shape: [m, 2 * n], access: "out" }),
    };
    this.#one = this.#number(1);
  }

  build(parallel: boolean): Kernel {
    const { y, z } = this.#buffers;
    this.#kernel.forBox([this.#m, this.#n], parallel, (at) => {
      [this.#i, this.#j] = at as [Expression, Expression];
      this.#locals.push(this.#kernel.let("first", this.#kernel.load(z, [this.#i, this.#j])));
      this.#statements(2);
      this.#kernel.store(y, [this.#i, this.#j], this.#value(2));
    });
    return this.#kernel.finish();
  }

  #upTo(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#upTo(list.length)]!;
  }

  #number(value: number): Expression {
    return constant(this.#dtype, isBig(this.#dtype) ? BigInt(value) : value);
  }

  #leaf(): Expression {
    const [i, j, n] = [this.#i, this.#j, this.#n];
    const { a, row, column, spread, order } = this.#buffers;
    const load = (buffer: BufferId, ...index: readonly Expression[]): Expression => this.#kernel.load(buffer, index);
    switch (this.#upTo(9)) {
      case 0: return load(a, binary("add", i, i32(this.#upTo(3))), binary("add", j, i32(this.#upTo(3))));
      case 1: return load(row, j);
      case 2: return load(column, i, this.#inner);
      case 3: return this.#number(1 + this.#upTo(3));
      case 4: return isFloat(this.#dtype) || this.#dtype === "i32" ? cast(this.#dtype, this.#pick([i, j, this.#inner])) : this.#one;
      case 6: return load(spread, i, binary("min", binary("add", binary("mul", j, i32(2 + this.#upTo(2))), i32(this.#upTo(3) === 0 ? n - 1 : 0)), i32(3 * n - 1)));
      case 7: return load(spread, i, this.#upTo(2) === 0 ? binary("mul", j, i32(2 + this.#upTo(2))) : binary("sub", i32(n - 1 + this.#upTo(3)), j));
      case 8: return load(row, binary("max", binary("min", load(order, j), i32(n - 1)), i32(0)));
      default: return this.#pick(this.#locals);
    }
  }

  #value(depth: number): Expression {
    if (depth === 0) return this.#leaf();
    const part = (): Expression => this.#value(depth - 1);
    const float = isFloat(this.#dtype);
    switch (this.#upTo(7)) {
      case 0: return unary(this.#pick(float ? ["neg", "abs", "floor"] as const : ["neg", "abs", "not"] as const), part());
      case 1: return select(this.#condition(depth - 1), part(), part());
      case 2: return binary(this.#pick(["min", "max"] as const), part(), part());
      case 3: return float ? binary("div", part(), binary("add", unary("abs", part()), this.#one)) : binary("xor", part(), part());
      default: return binary(this.#pick(["add", "sub", "mul"] as const), part(), part());
    }
  }

  #condition(depth: number): Expression {
    return binary(this.#pick(["lt", "le", "eq", "ne", "gt"] as const), this.#value(depth), this.#value(depth));
  }

  #statements(depth: number): void {
    for (let count = 1 + this.#upTo(3); count > 0; count--) this.#statement(depth);
  }

  /** Statements whose locals go out of scope after them. */
  #block(depth: number): void {
    const visible = this.#locals.length;
    this.#statements(depth - 1);
    this.#locals.length = visible;
  }

  #statement(depth: number): void {
    switch (depth === 0 ? this.#upTo(3) : this.#upTo(7)) {
      case 0: case 1: this.#locals.push(this.#kernel.let("t", this.#value(2))); return;
      case 2: this.#kernel.set(this.#pick(this.#locals), this.#value(2)); return;
      case 3: this.#kernel.if(this.#condition(1), () => this.#block(depth), this.#upTo(2) === 0 ? () => this.#block(depth) : () => {}); return;
      case 4: return this.#for(depth);
      case 5: return this.#while(depth);
      default: return this.#store();
    }
  }

  #for(depth: number): void {
    const outer = this.#inner;
    this.#kernel.for({ end: i32(this.#k), name: "k" }, (index) => {
      this.#inner = index;
      this.#block(depth);
    });
    this.#inner = outer;
  }

  #while(depth: number): void {
    const rounds = this.#kernel.let("rounds", i32(0));
    this.#kernel.while(binary("and", binary("lt", rounds, i32(1 + this.#upTo(4))), this.#condition(1)), () => {
      this.#block(depth);
      this.#kernel.set(rounds, binary("add", rounds, i32(1)));
    });
  }

  #store(): void {
    const { apart, z } = this.#buffers;
    if (this.#upTo(3) === 0) this.#kernel.store(apart, [this.#i, binary("mul", this.#j, i32(2))], this.#value(2));
    else this.#kernel.store(z, [this.#i, this.#j], this.#value(2));
  }
}
