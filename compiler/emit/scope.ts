/**
 * One wasm function under construction: its locals, the loops around the place where code is being made, and the hoisting of
 * what those loops do not change. V8 moves no loop-invariant code of wasm, and rebuilds a vector constant wherever it
 * stands, so both are put in locals before the loop here.
 *
 * Every value knows its level: the number of the innermost enclosing loop that may change it (1 is the outermost loop), or 0.
 * When a value is needed by something of a higher level, it is computed once before the loop just inside its level.
 */
import { invariant } from "../support/bug.ts";
import type { LocalId } from "../kernel/kernel.ts";
import type { Span } from "../support/span.ts";
import { loadedBinaryen, type Binaryen, type Code, type Module, type WasmType } from "./binaryen.ts";

/** What an index counts in. */
export interface FieldDimension {
  readonly name: string;
  readonly dimension: number;
  readonly extent: number;
}

export interface EmitOptions {
  /** Let a multiplication feeding an addition become one instruction, whose rounding differs between machines. */
  readonly fusedMultiplyAdd: boolean;
  /** Checked builds: the function to call with the index, which traps, where one of the statement at `origin` leaves its field. */
  outside?(origin: Span, field: FieldDimension): string;
  /** The function to call, which traps, where the statement at `origin` divides an integer by zero; without it the division traps. */
  divides?(op: "div" | "rem", origin: Span): string;
  /** Builds to be profiled: the address of a counter, two u64: how often something was added, and the sum. */
  counter?(number: number): number;
}

export interface Value {
  readonly code: Code;
  readonly type: WasmType;
  readonly level: number;
  /** A constant or a local: never worth another local. */
  readonly cheap: boolean;
}

/** A loop whose body is being emitted. */
interface Loop {
  /** Kernel locals some statement of the loop gives a value, its index included. */
  readonly assigned: ReadonlySet<LocalId>;
  /** Runs once before the loop, where the loop runs at all. */
  readonly preheader: Code[];
  /** What the preheader has computed already, by key: the wasm local that holds it. */
  readonly computed: Map<string, number>;
}

/** Deeper expressions would overflow the stack of binaryen's passes. */
const deepestExpression = 1_000;

export class FunctionScope {
  readonly binaryen: Binaryen = loadedBinaryen();
  readonly module: Module;
  readonly options: EmitOptions;
  readonly #parameters: number;
  readonly #types: WasmType[] = [];
  readonly #loops: Loop[] = [];
  #expressionDepth = 0;
  #labels = 0;

  /** `parameters` i32 parameters come first among the function's locals. */
  constructor(module: Module, parameters: number, options: EmitOptions) {
    this.module = module;
    this.#parameters = parameters;
    this.options = options;
  }

  /** How many loops are around the current place. */
  get level(): number {
    return this.#loops.length;
  }

  /** Types of the function's locals after its parameters. */
  get localTypes(): readonly WasmType[] {
    return this.#types;
  }

  newLocal(type: WasmType): number {
    this.#types.push(type);
    return this.#parameters + this.#types.length - 1;
  }

  newLabel(what: string): string {
    return `${what}${this.#labels++}`;
  }

  /** The level of a kernel local: which loop around here changes it. */
  levelOf(local: LocalId): number {
    let level = this.#loops.length;
    while (level > 0 && !this.#loops[level - 1]!.assigned.has(local)) level--;
    return level;
  }

  /** Emits the body of a loop; gives it and what must run before it. */
  inLoop(assigned: ReadonlySet<LocalId>, body: () => Code): { body: Code; preheader: readonly Code[] } {
    const loop: Loop = { assigned, preheader: [], computed: new Map() };
    this.#loops.push(loop);
    const code = body();
    this.#loops.pop();
    return { body: code, preheader: loop.preheader };
  }

  /** The code of a value for a place of the given level: moved before the loops that do not change it, where that pays. */
  at(level: number, value: Value, key?: string): Code {
    if (value.cheap || value.level >= level) return value.code;
    return this.module.local.get(this.#hoist(value.level, value.type, value.code, key), value.type);
  }

  /** The same for where the value is used: inside all the loops around. */
  here(value: Value, key?: string): Code {
    return this.at(this.level, value, key);
  }

  /** A value made of others by one operation; `pinned` to its place when it may trap or reads memory. */
  operation(type: WasmType, operands: readonly Value[], make: (...codes: Code[]) => Code, pinned = false): Value {
    const level = pinned ? this.level : operands.reduce((highest, operand) => Math.max(highest, operand.level), 0);
    return { code: make(...operands.map((operand) => this.at(level, operand))), type, level, cheap: false };
  }

  #hoist(level: number, type: WasmType, code: Code, key: string | undefined): number {
    const loop = this.#loops[level];
    invariant(loop !== undefined, () => `hoisting to level ${level} of ${this.#loops.length}`);
    const before = key === undefined ? undefined : loop.computed.get(key);
    if (before !== undefined) return before;
    const local = this.newLocal(type);
    loop.preheader.push(this.module.local.set(local, code));
    if (key !== undefined) loop.computed.set(key, local);
    return local;
  }

  /** A vector constant: in a local set before the outermost loop, when there is one. */
  vectorConstant(bytes: Uint8Array): Code {
    const { v128 } = this.module;
    const type = this.binaryen.v128;
    const uniform = bytes.every((byte) => byte === bytes[0]) && (bytes[0] === 0 || bytes[0] === 0xff);
    // V8 makes all zeros and all ones by one instruction without a load.
    if (uniform || this.#loops.length === 0) return v128.const([...bytes]);
    const key = `constant ${bytes.join()}`;
    const before = this.#loops[0]!.computed.get(key);
    return this.module.local.get(before ?? this.#hoist(0, type, v128.const([...bytes]), key), type);
  }

  /** A value needed more than once: `first` must be evaluated before any `again()`. */
  shared(code: Code, type: WasmType): { first: Code; again: () => Code } {
    const local = this.newLocal(type);
    return { first: this.module.local.tee(local, code, type), again: () => this.module.local.get(local, type) };
  }

  /** Guards the recursion over an expression. */
  nested<T>(emit: () => T): T {
    this.#expressionDepth += 1;
    invariant(this.#expressionDepth <= deepestExpression, () => `an expression is nested more than ${deepestExpression} deep`);
    const result = emit();
    this.#expressionDepth -= 1;
    return result;
  }
}
