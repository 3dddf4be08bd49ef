/**
 * Control code: functions of i32 arithmetic, loops and calls, in which supersteps, exchanges and programs are written. A thin
 * layer over binaryen that folds constants and lets an expression be used twice.
 */
import { loadedBinaryen, type Code, type Module } from "./binaryen.ts";

/** An i32: a constant, or something that makes its code anew at each use. */
export type Int = number | (() => Code);

/** Where a function has so many locals it is continued in another: V8 takes 50,000, and an item may need hundreds. */
const localsAtOnce = 16_384;

/** A function that does something for each item; of very many it calls several that do parts of it. */
export function emitForEach<Item>(module: Module, items: readonly Item[], name: string, emit: (f: ControlFunction, item: Item) => void): void {
  const parts: string[] = [];
  let f = new ControlFunction(module);
  const finish = (): void => {
    const part = `${name}, part ${parts.length}`;
    f.finish(part);
    parts.push(part);
  };
  for (const item of items) {
    if (f.locals >= localsAtOnce) {
      finish();
      f = new ControlFunction(module);
    }
    emit(f, item);
  }
  if (parts.length === 0) return f.finish(name);
  finish();
  const all = new ControlFunction(module);
  for (const part of parts) all.call(part);
  all.finish(name);
}

export class ControlFunction {
  readonly module: Module;
  readonly #parameters: number;
  #locals = 0;
  #labels = 0;
  #body: Code[] = [];

  constructor(module: Module, parameters = 0) {
    this.module = module;
    this.#parameters = parameters;
  }

  /** How many locals it has, without its parameters. */
  get locals(): number {
    return this.#locals;
  }

  parameter(index: number): Int {
    return () => this.module.local.get(index, loadedBinaryen().i32);
  }

  code(value: Int): Code {
    return typeof value === "number" ? this.module.i32.const(value | 0) : value();
  }

  add(a: Int, b: Int): Int {
    if (typeof a === "number" && typeof b === "number") return a + b;
    if (a === 0) return b;
    if (b === 0) return a;
    return () => this.module.i32.add(this.code(a), this.code(b));
  }

  sub(a: Int, b: Int): Int {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (b === 0) return a;
    return () => this.module.i32.sub(this.code(a), this.code(b));
  }

  mul(a: Int, b: Int): Int {
    if (typeof a === "number" && typeof b === "number") return Math.imul(a, b);
    if (a === 0 || b === 0) return 0;
    if (a === 1) return b;
    if (b === 1) return a;
    return () => this.module.i32.mul(this.code(a), this.code(b));
  }

  /** Of non-negative values. */
  div(a: Int, b: number): Int {
    if (b === 1) return a;
    if (typeof a === "number") return Math.floor(a / b);
    return () => this.module.i32.div_u(this.code(a), this.module.i32.const(b));
  }

  /** Of non-negative values. */
  rem(a: Int, b: number): Int {
    if (b === 1) return 0;
    if (typeof a === "number") return a % b;
    return () => this.module.i32.rem_u(this.code(a), this.module.i32.const(b));
  }

  min(a: Int, b: Int): Int {
    if (typeof a === "number" && typeof b === "number") return Math.min(a, b);
    return () => this.module.select(this.module.i32.lt_s(this.code(a), this.code(b)), this.code(a), this.code(b));
  }

  max(a: Int, b: Int): Int {
    if (typeof a === "number" && typeof b === "number") return Math.max(a, b);
    return () => this.module.select(this.module.i32.gt_s(this.code(a), this.code(b)), this.code(a), this.code(b));
  }

  /** Σ coefficients · indices + constant. */
  affine(constant: number, coefficients: readonly number[], indices: readonly Int[]): Int {
    return coefficients.reduce<Int>((sum, coefficient, k) => (coefficient === 0 ? sum : this.add(sum, this.mul(indices[k]!, coefficient))), constant);
  }

  global(name: string): Int {
    return () => this.module.global.get(name, loadedBinaryen().i32);
  }

  /** A new local that holds the value from here on; a constant stays one. */
  keep(value: Int): Int {
    if (typeof value === "number") return value;
    const local = this.variable();
    this.set(local, value);
    return local.value;
  }

  variable(): { readonly index: number; readonly value: Int } {
    const index = this.#parameters + this.#locals++;
    return { index, value: () => this.module.local.get(index, loadedBinaryen().i32) };
  }

  set(local: { readonly index: number }, value: Int): void {
    this.emit(this.module.local.set(local.index, this.code(value)));
  }

  emit(code: Code): void {
    this.#body.push(code);
  }

  call(name: string, ...args: Int[]): void {
    this.emit(this.module.call(name, args.map((arg) => this.code(arg)), loadedBinaryen().none));
  }

  /** `index` from `start` while < `end`, by `step`. */
  loop(start: Int, end: Int, step: number, body: (index: Int) => void): void {
    if (typeof start === "number" && typeof end === "number") {
      if (start >= end) return;
      if (start + step >= end) {
        body(start);
        return;
      }
    }
    const index = this.variable();
    const last = this.keep(end);
    this.set(index, start);
    this.while(() => this.module.i32.lt_s(this.code(index.value), this.code(last)), () => {
      body(index.value);
      this.set(index, this.add(index.value, step));
    });
  }

  while(condition: () => Code, body: () => void): void {
    const label = `l${this.#labels++}`;
    const inner = this.nested(body);
    this.emit(this.module.loop(label, this.module.if(condition(), this.module.block(null, [...inner, this.module.br(label)]))));
  }

  if(condition: Code, then: () => void, otherwise?: () => void): void {
    const yes = this.module.block(null, this.nested(then));
    this.emit(otherwise ? this.module.if(condition, yes, this.module.block(null, this.nested(otherwise))) : this.module.if(condition, yes));
  }

  nested(build: () => void): Code[] {
    const outer = this.#body;
    this.#body = [];
    build();
    const inner = this.#body;
    this.#body = outer;
    return inner;
  }

  /** Adds the function to the module. */
  finish(name: string): void {
    const { i32, none, createType } = loadedBinaryen();
    const parameters = new Array<typeof i32>(this.#parameters).fill(i32);
    this.module.addFunction(name, createType(parameters), none, new Array<typeof i32>(this.#locals).fill(i32), this.module.block(null, this.#body));
  }
}
