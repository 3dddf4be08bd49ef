/**
 * One kernel to one WebAssembly function. Its parameters are the byte addresses of the kernel's buffers (of element 0 in every
 * dimension), i32 each, in their order, and then the value of a local, where one is given; it has no result. Every element of a
 * buffer must lie at `control.end` or above.
 */
import type { Expression, Kernel, LocalId, Statement } from "../kernel/kernel.ts";
import { carriedLocals } from "../kernel/dependence.ts";
import { liveAfter, type LiveAfter } from "../kernel/liveness.ts";
import { registerBytes } from "../kernel/vector-support.ts";
import { bodiesOf, localsSet, type StoreStatement } from "../kernel/walk.ts";
import { invariant, unreachable } from "../support/bug.ts";
import { linearise, planPointers, type LinearForm } from "./addresses.ts";
import type { Code, Module } from "./binaryen.ts";
import { emitAccumulation, emitExpression, withoutRounding, type ExpressionContext } from "./expression.ts";
import { Memory, type StartedPointer } from "./memory.ts";
import { storesTogether } from "./narrow-stores.ts";
import { isHalf, machineType } from "./scalar.ts";
import { FunctionScope, type EmitOptions, type Value } from "./scope.ts";

type Of<Kind extends Statement["kind"]> = Extract<Statement, { kind: Kind }>;

/** Adds a function of this name to the module. The module must have a memory; `loadBinaryen` must have been awaited. */
export function emitKernel(module: Module, kernel: Kernel, name: string, options: EmitOptions, given?: LocalId): void {
  invariant(module.getFunction(name) === 0, () => `the module already has a function ${name}`);
  const emitter = new KernelEmitter(module, kernel, options, given);
  const body = emitter.block(kernel.body);
  const { binaryen, localTypes } = emitter.scope;
  const parameters = binaryen.createType([...kernel.buffers, ...(given === undefined ? [] : [given])].map(() => binaryen.i32));
  module.addFunction(name, parameters, binaryen.none, localTypes, body);
}

class KernelEmitter implements ExpressionContext {
  readonly scope: FunctionScope;
  readonly memory: Memory;
  readonly uniformLocals: ReadonlySet<LocalId>;
  readonly #kernel: Kernel;
  readonly #liveAfter: LiveAfter;
  /** The wasm local of each kernel local. */
  readonly #locals: readonly number[];
  /** Locals that go from one iteration of the innermost `for` around to the next. */
  #carried: ReadonlySet<LocalId> = new Set();
  /** Kernel locals read by code since they were last taken from here. */
  readonly #read = new Set<LocalId>();

  constructor(module: Module, kernel: Kernel, options: EmitOptions, given: LocalId | undefined) {
    this.scope = new FunctionScope(module, kernel.buffers.length + (given === undefined ? 0 : 1), options);
    this.#kernel = kernel;
    this.#liveAfter = liveAfter(kernel.body);
    this.uniformLocals = findUniformLocals(kernel);
    this.#locals = kernel.locals.map(({ dtype, lanes }, local) => (local === given ? kernel.buffers.length : this.scope.newLocal(machineType(this.scope, dtype, lanes))));
    this.memory = new Memory(this.scope, kernel, (expression) => emitExpression(this, expression));
  }

  readLocal(local: LocalId): Value {
    const { dtype, lanes } = this.#kernel.locals[local]!;
    const type = machineType(this.scope, dtype, lanes);
    this.#read.add(local);
    return { code: this.scope.module.local.get(this.#locals[local]!, type), type, level: this.scope.levelOf(local), cheap: true };
  }

  divides(op: "div" | "rem"): string | undefined {
    const { origin } = this.memory;
    const own = this.#kernel.origin;
    const within = origin.file !== own.file || origin.start !== own.start || origin.end !== own.end;
    return within ? this.scope.options.divides?.(op, origin) : undefined;
  }

  block(statements: readonly Statement[]): Code {
    const codes = this.memory.withAddresses(() => storesTogether(statements, this.#kernel).map((group) => (group.length === 1 ? this.#statement(group[0]!) : this.#narrowed(group as readonly StoreStatement[]))));
    return this.scope.module.block(null, codes, this.scope.binaryen.none);
  }

  #statement(statement: Statement): Code {
    if (statement.kind === "set") return this.memory.straight(() => this.#emit(statement), statement.local);
    return statement.kind === "store" ? this.memory.straight(() => this.#emit(statement)) : this.memory.withoutAddresses(() => this.#emit(statement));
  }

  /** Casts of neighbouring vectors that are stored together. */
  #narrowed(stores: readonly StoreStatement[]): Code {
    const [{ buffer, index, origin }] = stores as [StoreStatement];
    return this.memory.straight(() => {
      this.memory.origin = origin;
      return this.memory.storeNarrowed(buffer, index, stores.map(({ value }) => emitExpression(this, (value as Extract<Expression, { kind: "cast" }>).operand)));
    });
  }

  #emit(statement: Statement): Code {
    const { scope } = this;
    const { module } = scope;
    this.memory.origin = statement.origin;
    switch (statement.kind) {
      case "set": {
        const sum = this.#carried.has(statement.local) ? emitAccumulation(this, statement.local, statement.value) : undefined;
        const set = module.local.set(this.#locals[statement.local]!, scope.here(sum ?? emitExpression(this, statement.value)));
        const address = statement.counted === undefined ? undefined : scope.options.counter?.(statement.counted);
        return address === undefined ? set : module.block(null, [set, ...this.#count(statement.local, address)], scope.binaryen.none);
      }
      case "store": {
        const { dtype, name } = this.#kernel.buffers[statement.buffer]!;
        invariant(dtype === statement.value.dtype, () => `${name} holds ${dtype}, stored is ${statement.value.dtype}`);
        const value = withoutRounding(statement.value);
        if (value.kind === "lane" && dtype !== "bool" && !isHalf(dtype)) return this.memory.storeLane(statement.buffer, statement.index, value.index, emitExpression(this, value.operand));
        return this.memory.store(statement.buffer, statement.index, value.lanes, emitExpression(this, value));
      }
      case "for": return this.#for(statement);
      case "while": return this.#while(statement);
      case "if": {
        const condition = scope.here(emitExpression(this, statement.condition));
        const then = this.block(statement.then);
        return statement.otherwise.length === 0 ? module.if(condition, then) : module.if(condition, then, this.block(statement.otherwise));
      }
      default: return unreachable(statement);
    }
  }

  /** Adds a local to a counter, each lane for itself. Workers share counters, so it is done at once. */
  #count(local: LocalId, address: number): Code[] {
    const { i32, i32x4, i64, drop } = this.scope.module;
    const { lanes } = this.#kernel.locals[local]!;
    const value = (): Code => this.readLocal(local).code;
    const each = Array.from({ length: lanes }, (_, lane) => i64.extend_s(lanes === 1 ? value() : i32x4.extract_lane(value(), lane)));
    const add = (offset: number, what: Code): Code => drop(i64.atomic.rmw.add(0, i32.const((address + offset) | 0), what));
    return [add(0, i64.const(BigInt(lanes))), add(8, each.reduce((sum, one) => i64.add(sum, one)))];
  }

  #while(statement: Of<"while">): Code {
    const { scope } = this;
    const { module } = scope;
    const label = scope.newLabel("while");
    const { body, preheader } = scope.inLoop(localsSet(statement.body), () => {
      const condition = scope.here(emitExpression(this, statement.condition));
      return module.if(condition, module.block(null, [this.block(statement.body), module.br(label)], scope.binaryen.none));
    });
    return module.block(null, [...preheader, module.loop(label, body)], scope.binaryen.none);
  }

  /** The loop tests at its end; a test before it is left out where it is known to run. */
  #for(statement: Of<"for">): Code {
    const { scope } = this;
    const { module, binaryen } = scope;
    const trips = tripCount(statement);
    if (trips === 0) return module.nop();

    const index = this.#locals[statement.local]!;
    const assigned = localsSet([statement]);
    const before: Code[] = [];
    const end = this.#loopEnd(statement, assigned, before);
    const setIndex = module.local.set(index, scope.here(emitExpression(this, statement.start)));
    const plan = planPointers(statement, this.#kernel);
    const pointers = this.memory.startPointers(plan, this.#startForm(statement));

    this.#read.delete(statement.local);
    const startsNonNegative = statement.start.kind === "constant" && Number(statement.start.value) >= 0;
    const outer = this.#carried;
    this.#carried = carriedLocals(statement);
    const { body, preheader } = scope.inLoop(assigned, () =>
      this.memory.withPointers(plan, pointers, statement.local, startsNonNegative, () => this.block(statement.body)));
    const cleared = this.#clear(statement, assigned, this.#carried);
    this.#carried = outer;

    const entry = [...pointers.map((pointer) => module.local.set(pointer.local, pointer.start)), ...preheader];
    if (trips === 1) return module.block(null, [setIndex, ...entry, body], binaryen.none);
    const counted = !this.#read.has(statement.local) && (trips !== undefined || endsExactly(statement));
    const lead = counted ? leadingPointer(pointers, statement.step, trips ?? 1) : undefined;
    if (lead === undefined || trips === undefined) before.push(setIndex);
    const again = lead === undefined ? this.#nextIndex(statement, trips, index, end) : this.#nextPointer(lead, statement, trips, end, entry);
    const others = pointers.filter((pointer) => pointer !== lead).map((pointer) => module.local.set(pointer.local, this.#moved(pointer, statement.step)));
    const label = scope.newLabel("for");
    const loop = module.loop(label, module.block(null, [body, ...cleared, ...others, module.br(label, again)], binaryen.none));
    const run = [...entry, loop];
    if (trips !== undefined) return module.block(null, [...before, ...run], binaryen.none);
    const runs = module.i32.lt_s(module.local.get(index, binaryen.i32), end());
    return module.block(null, [...before, module.if(runs, module.block(null, run, binaryen.none))], binaryen.none);
  }

  /**
   * Forgets the vectors that no iteration hands to the next. A local keeps its value, so to V8 each would be a value that goes
   * around the loop; it pairs vectors only where few are used by anything that is not paired too.
   */
  #clear(loop: Of<"for">, assigned: ReadonlySet<LocalId>, carried: ReadonlySet<LocalId>): Code[] {
    const { v128, local } = this.scope.module;
    const after = this.#liveAfter.get(loop);
    const dead = [...assigned].filter((one) => this.#kernel.locals[one]!.lanes > 1 && !carried.has(one) && after?.has(one) === false);
    return dead.map((one) => local.set(this.#locals[one]!, v128.const(new Array<number>(registerBytes).fill(0))));
  }

  /** Steps the index; whether the loop goes on. */
  #nextIndex({ start, step }: Of<"for">, trips: number | undefined, index: number, end: () => Code): Code {
    const { i32, local } = this.scope.module;
    const type = this.scope.binaryen.i32;
    const next = local.tee(index, i32.add(local.get(index, type), i32.const(step)), type);
    if (trips !== undefined && start.kind === "constant") return i32.ne(next, i32.const((Number(start.value) + trips * step) | 0));
    if (step === 1) return i32.lt_s(next, end());
    // Whether more than a step was left: the index itself may have gone beyond the largest i32.
    return i32.gt_u(i32.add(i32.sub(end(), next), i32.const(step)), i32.const(step));
  }

  /** Steps the pointer that counts the loop; whether it goes on. */
  #nextPointer(lead: StartedPointer, { step }: Of<"for">, trips: number | undefined, end: () => Code, entry: Code[]): Code {
    const { i32, local } = this.scope.module;
    const type = this.scope.binaryen.i32;
    const stop = this.scope.newLocal(type);
    const distance = trips === undefined ? i32.mul(end(), i32.const(lead.coefficient)) : i32.const((lead.coefficient * step * trips) | 0);
    entry.push(local.set(stop, i32.add(local.get(lead.local, type), distance)));
    return i32.ne(local.tee(lead.local, this.#moved(lead, step), type), local.get(stop, type));
  }

  #moved(pointer: StartedPointer, step: number): Code {
    const { i32, local } = this.scope.module;
    return i32.add(local.get(pointer.local, this.scope.binaryen.i32), i32.const((pointer.coefficient * step) | 0));
  }

  /** Code for the loop's end, which is evaluated once. */
  #loopEnd(statement: Of<"for">, assigned: ReadonlySet<LocalId>, before: Code[]): () => Code {
    const { scope } = this;
    const { local } = scope.module;
    const { i32 } = scope.binaryen;
    const { end } = statement;
    if (end.kind === "constant") return () => scope.module.i32.const(Number(end.value));
    if (end.kind === "local" && !assigned.has(end.local)) return () => local.get(this.#locals[end.local]!, i32);
    const limit = scope.newLocal(i32);
    before.push(local.set(limit, scope.here(emitExpression(this, end))));
    return () => local.get(limit, i32);
  }

  /** What the pointers start from: the literal, or the index once it is set. */
  #startForm({ start, local }: Of<"for">): LinearForm {
    if (start.kind === "constant") return linearise(start);
    return linearise({ kind: "local", dtype: "i32", lanes: 1, local });
  }
}

/** How often a loop with literal bounds runs. */
function tripCount({ start, end, step }: Of<"for">): number | undefined {
  if (start.kind !== "constant" || end.kind !== "constant") return undefined;
  return Math.max(0, Math.ceil((Number(end.value) - Number(start.value)) / step));
}

/** Whether a loop from 0 whose end is not literal comes to it and not beyond: one of so many whole runs of steps, also where their product wraps. */
function endsExactly({ start, end, step }: Of<"for">): boolean {
  if (start.kind !== "constant" || Number(start.value) !== 0 || end.kind !== "binary" || end.op !== "mul" || !Number.isInteger(Math.log2(step))) return false;
  return [end.left, end.right].some((factor) => factor.kind === "constant" && Number(factor.value) % step === 0);
}

/** A pointer that can count the loop in place of its index: one whose values are all different. */
function leadingPointer(pointers: readonly StartedPointer[], step: number, trips: number): StartedPointer | undefined {
  return pointers.find(({ coefficient }) => Math.abs(coefficient) * step * trips < 2 ** 32);
}

/** Vector locals that are only ever given splats and constants. */
function findUniformLocals(kernel: Kernel): Set<LocalId> {
  const uniform = new Set<LocalId>(kernel.locals.keys());
  const walk = (body: readonly Statement[]): void => {
    for (const statement of body) {
      if (statement.kind === "set" && statement.value.kind !== "splat" && statement.value.kind !== "constant") uniform.delete(statement.local);
      for (const inner of bodiesOf(statement)) walk(inner);
    }
  };
  walk(kernel.body);
  return uniform;
}
