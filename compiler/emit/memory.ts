/**
 * Loads, stores and their addresses: the linear forms of `addresses.ts` as code. What the loops around do not change is added
 * up before them; in an innermost loop an access goes through a pointer that moves along.
 */
import { bytesOf, type DType } from "../../runtime/dtype.ts";
import { allInside } from "../kernel/bounds.ts";
import type { BufferId, Expression, Kernel, LocalId } from "../kernel/kernel.ts";
import { linearForm, termsKey } from "../kernel/linear.ts";
import { registerBytes } from "../kernel/vector-support.ts";
import type { LoadExpression } from "../kernel/walk.ts";
import { CompilerBug, invariant } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { addForms, addressOf, lowestAddress, noPointers, scaleForm, type Address, type LinearForm, type Pointer, type PointerPlan } from "./addresses.ts";
import type { Code } from "./binaryen.ts";
import { decodeHalf, decodeHalfLanes, encodeHalf, encodeHalfLanes } from "./half-floats.ts";
import { isHalf, machineName, machineType } from "./scalar.ts";
import type { FunctionScope, Value } from "./scope.ts";
import { narrowed, resizeMask } from "./vector.ts";

/** A machine address and the constant an instruction adds to it. */
interface Place {
  readonly pointer: Code;
  readonly offset: number;
}

/** The pointers of the loop being emitted, in wasm locals. */
interface ActivePointers {
  readonly plan: PointerPlan;
  readonly locals: readonly number[];
}

/** A pointer of a loop about to be emitted: its local, its value at the loop's start, and its bytes per unit of the index. */
export interface StartedPointer {
  readonly local: number;
  readonly start: Code;
  readonly coefficient: number;
}

export class Memory {
  readonly #scope: FunctionScope;
  readonly #kernel: Kernel;
  readonly #emit: (expression: Expression) => Value;
  /** Indices of loops around that start at zero or above. */
  readonly #nonNegative = new Set<LocalId>();
  /** Whether indices are checked: in checked builds, where the kernel is not known to stay inside its fields. */
  readonly #checked: boolean;
  /** Addresses that the statements before have computed, while straight code is being emitted. */
  #addresses: Map<string, { readonly local: number; readonly atoms: ReadonlySet<LocalId> }> | undefined;
  /** What computes the addresses that the current statement adds to those. */
  #computing: Code[] = [];
  /** Of the statement being emitted. */
  origin: Span;
  #pointers: ActivePointers = { plan: noPointers, locals: [] };

  /** `emit` is for the atoms of addresses: locals, and index arithmetic that is not linear. */
  constructor(scope: FunctionScope, kernel: Kernel, emit: (expression: Expression) => Value) {
    this.#scope = scope;
    this.#kernel = kernel;
    this.#emit = emit;
    this.#checked = scope.options.outside !== undefined && !allInside(kernel);
    this.origin = kernel.origin;
  }

  /** Values of a loop's pointers before its first iteration, for the place just before the loop. */
  startPointers(plan: PointerPlan, start: LinearForm): StartedPointer[] {
    return plan.pointers.map(({ buffer, form, coefficient }: Pointer) => {
      const value = this.#sum(buffer, addForms(form, scaleForm(start, coefficient)));
      return { local: this.#scope.newLocal(this.#scope.binaryen.i32), start: this.#scope.here(value), coefficient };
    });
  }

  /** Emits the body of a loop whose accesses go through these pointers. */
  withPointers<T>(plan: PointerPlan, started: readonly StartedPointer[], index: LocalId, indexStartsNonNegative: boolean, body: () => T): T {
    const outer = this.#pointers;
    this.#pointers = { plan, locals: started.map(({ local }) => local) };
    if (indexStartsNonNegative) this.#nonNegative.add(index);
    const result = body();
    this.#nonNegative.delete(index);
    this.#pointers = outer;
    return result;
  }

  /**
   * Emits statements one after another, between which addresses are shared: engines that pair vectors do so only where the
   * two addresses are one value and two offsets. `body` calls `straight` and `forgetAddresses` of this scope alone.
   */
  withAddresses<T>(body: () => T): T {
    const outer = { addresses: this.#addresses, computing: this.#computing };
    this.#addresses = new Map();
    this.#computing = [];
    const result = body();
    this.#addresses = outer.addresses;
    this.#computing = outer.computing;
    return result;
  }

  /** One statement without others inside it, which sets a local at most. */
  straight(code: () => Code, sets?: LocalId): Code {
    const emitted = code();
    const computing = this.#computing;
    this.#computing = [];
    for (const [key, { atoms }] of this.#addresses ?? []) if (sets !== undefined && atoms.has(sets)) this.#addresses!.delete(key);
    return computing.length === 0 ? emitted : this.#scope.module.block(null, [...computing, emitted], this.#scope.binaryen.none);
  }

  /** A statement with others inside it: it knows nothing of the addresses before it, and they are forgotten after it. */
  withoutAddresses<T>(body: () => T): T {
    const computing = this.#computing;
    this.#addresses = undefined;
    const result = body();
    this.#addresses = new Map();
    this.#computing = computing;
    return result;
  }

  loadScalar(buffer: BufferId, index: readonly Expression[]): Value {
    const { module, binaryen } = this.#scope;
    const { dtype } = this.#kernel.buffers[buffer]!;
    const { pointer, offset } = this.#place(buffer, index);
    const loaded = (code: Code): Value => this.#here(code, dtype, 1);
    switch (dtype) {
      case "f32": case "f64": case "i64": case "i32": return loaded(module[dtype].load(offset, 1, pointer));
      case "u32": return loaded(module.i32.load(offset, 1, pointer));
      case "u64": return loaded(module.i64.load(offset, 1, pointer));
      case "i8": return loaded(module.i32.load8_s(offset, 1, pointer));
      case "u8": case "bool": return loaded(module.i32.load8_u(offset, 1, pointer));
      case "i16": return loaded(module.i32.load16_s(offset, 1, pointer));
      case "u16": return loaded(module.i32.load16_u(offset, 1, pointer));
      case "f16": case "bf16": return { code: decodeHalf(module, dtype, module.i32.load16_u(offset, 1, pointer)), type: binaryen.f32, level: this.#scope.level, cheap: false };
    }
  }

  /** Neighbours along the last index, as vectors are held. */
  loadVector(buffer: BufferId, index: readonly Expression[], lanes: number): Value {
    const { module } = this.#scope;
    const { dtype } = this.#kernel.buffers[buffer]!;
    const { pointer, offset } = this.#vectorPlace(buffer, index);
    const loaded = (code: Code): Value => this.#here(code, dtype, lanes);
    if (isHalf(dtype)) {
      const bits = lanes === 4 ? module.v128.load16x4_s(offset, 1, pointer) : module.i32x4.extend_low_i16x8_s(this.#loadBytes(2 * lanes, offset, pointer));
      return loaded(decodeHalfLanes(this.#scope, dtype, bits));
    }
    const bytes = this.#loadBytes(lanes * bytesOf(dtype), offset, pointer);
    return loaded(dtype === "bool" ? this.#maskOfBytes(bytes, lanes) : bytes);
  }

  /** Bytes that are 0 or 1 as a mask. */
  #maskOfBytes(bytes: Code, lanes: number): Code {
    return resizeMask(this.#scope, this.#scope.module.i8x16.ne(bytes, this.#scope.vectorConstant(new Uint8Array(registerBytes))), 1, registerBytes / lanes);
  }

  /** Elements that are no neighbours: one for each lane, or two pairs of eight bytes. Those that go backwards are loaded at once, and turned round. */
  loadLanes(dtype: DType, loads: readonly LoadExpression[], lanes: number): Value {
    const { module } = this.#scope;
    const bytes = (bytesOf(dtype) * lanes) / loads.length;
    if (dtype !== "bool" && !isHalf(dtype) && loads.length === lanes && bytes * lanes === registerBytes && goBackwards(this.#kernel, loads)) return this.#loadBackwards(dtype, loads.at(-1)!, lanes);
    const [first, ...others] = loads.map(({ buffer, index }) => this.#place(buffer, index));
    const together = others.reduce((vector, { pointer, offset }, at) => this.#loadLane(bytes, at + 1, offset, pointer, vector), this.#loadFirst(bytes, first!));
    if (isHalf(dtype)) return this.#here(decodeHalfLanes(this.#scope, dtype, module.i32x4.extend_low_i16x8_s(together)), dtype, lanes);
    return this.#here(dtype === "bool" ? this.#maskOfBytes(together, lanes) : together, dtype, lanes);
  }

  #loadBackwards(dtype: DType, last: LoadExpression, lanes: number): Value {
    const { pointer, offset } = this.#place(last.buffer, last.index);
    const bytes = registerBytes / lanes;
    const turned = Uint8Array.from({ length: registerBytes }, (_, at) => (lanes - 1 - Math.floor(at / bytes)) * bytes + (at % bytes));
    return this.#here(this.#scope.module.i8x16.swizzle(this.#loadBytes(registerBytes, offset, pointer), this.#scope.vectorConstant(turned)), dtype, lanes);
  }

  /** Eight bytes of integers loaded and extended to twice their width by one instruction. */
  loadExtended(buffer: BufferId, index: readonly Expression[], lanes: number): Value {
    const { v128 } = this.#scope.module;
    const { dtype } = this.#kernel.buffers[buffer]!;
    const { pointer, offset } = this.#vectorPlace(buffer, index);
    switch (dtype) {
      case "i8": return this.#here(v128.load8x8_s(offset, 1, pointer), "i16", lanes);
      case "u8": return this.#here(v128.load8x8_u(offset, 1, pointer), "u16", lanes);
      case "i16": return this.#here(v128.load16x4_s(offset, 1, pointer), "i32", lanes);
      case "u16": return this.#here(v128.load16x4_u(offset, 1, pointer), "u32", lanes);
      case "i32": return this.#here(v128.load32x2_s(offset, 1, pointer), "i64", lanes);
      case "u32": return this.#here(v128.load32x2_u(offset, 1, pointer), "u64", lanes);
      default: throw new CompilerBug(`no load extends ${dtype}`);
    }
  }

  /** One element in every lane. Not for bool and halves, whose lanes are not what memory holds. */
  loadSplat(buffer: BufferId, index: readonly Expression[], lanes: number): Value {
    const { v128 } = this.#scope.module;
    const { dtype } = this.#kernel.buffers[buffer]!;
    const { pointer, offset } = this.#place(buffer, index);
    switch (bytesOf(dtype)) {
      case 1: return this.#here(v128.load8_splat(offset, 1, pointer), dtype, lanes);
      case 2: return this.#here(v128.load16_splat(offset, 1, pointer), dtype, lanes);
      case 4: return this.#here(v128.load32_splat(offset, 1, pointer), dtype, lanes);
      default: return this.#here(v128.load64_splat(offset, 1, pointer), dtype, lanes);
    }
  }

  /** `value` is held as values of the buffer's dtype and so many lanes are; of a half it need not be rounded. */
  store(buffer: BufferId, index: readonly Expression[], lanes: number, value: Value): Code {
    const { dtype } = this.#kernel.buffers[buffer]!;
    const code = this.#scope.here(value);
    return lanes === 1 ? this.#storeScalar(dtype, this.#place(buffer, index), code) : this.#storeVector(dtype, lanes, this.#vectorPlace(buffer, index), code);
  }

  /** Several vectors of f32 to neighbours of a buffer of narrower elements, which fill one vector. */
  storeNarrowed(buffer: BufferId, index: readonly Expression[], values: readonly Value[]): Code {
    const codes = values.map((value) => this.#scope.here(value));
    const { pointer, offset } = this.#vectorPlace(buffer, index);
    return this.#storeBytes(registerBytes, offset, pointer, narrowed(this.#scope, this.#kernel.buffers[buffer]!.dtype, codes));
  }

  /** One lane of a vector of the buffer's dtype, which is no half and no bool. */
  storeLane(buffer: BufferId, index: readonly Expression[], lane: number, vector: Value): Code {
    const { v128 } = this.#scope.module;
    const { pointer, offset } = this.#place(buffer, index);
    const code = this.#scope.here(vector);
    switch (bytesOf(this.#kernel.buffers[buffer]!.dtype)) {
      case 1: return v128.store8_lane(offset, 1, lane, pointer, code);
      case 2: return v128.store16_lane(offset, 1, lane, pointer, code);
      case 4: return v128.store32_lane(offset, 1, lane, pointer, code);
      default: return v128.store64_lane(offset, 1, lane, pointer, code);
    }
  }

  #storeScalar(dtype: DType, { pointer, offset }: Place, value: Code): Code {
    const { module } = this.#scope;
    if (isHalf(dtype)) return module.i32.store16(offset, 1, pointer, encodeHalf(module, dtype, value));
    const machine = machineName(dtype);
    if (machine !== "i32" || bytesOf(dtype) === 4) return module[machine].store(offset, 1, pointer, value);
    return bytesOf(dtype) === 1 ? module.i32.store8(offset, 1, pointer, value) : module.i32.store16(offset, 1, pointer, value);
  }

  #storeVector(dtype: DType, lanes: number, { pointer, offset }: Place, value: Code): Code {
    const { module } = this.#scope;
    if (isHalf(dtype)) {
      // Sign-extended, so that nothing saturates.
      const bits = encodeHalfLanes(this.#scope, dtype, value);
      return this.#storeBytes(2 * lanes, offset, pointer, module.i16x8.narrow_i32x4_s(bits, this.#scope.vectorConstant(new Uint8Array(registerBytes))));
    }
    const stored = dtype === "bool" ? module.i8x16.neg(resizeMask(this.#scope, value, registerBytes / lanes, 1)) : value;
    return this.#storeBytes(lanes * bytesOf(dtype), offset, pointer, stored);
  }

  #loadBytes(bytes: number, offset: number, pointer: Code): Code {
    const { v128 } = this.#scope.module;
    switch (bytes) {
      case 16: return v128.load(offset, 1, pointer);
      case 8: return v128.load64_zero(offset, 1, pointer);
      case 4: return v128.load32_zero(offset, 1, pointer);
      case 2: return v128.load16_splat(offset, 1, pointer);
      default: throw new CompilerBug(`no vector has ${bytes} bytes`);
    }
  }

  /** What lies above the element is unspecified. */
  #loadFirst(bytes: number, { pointer, offset }: Place): Code {
    const { v128 } = this.#scope.module;
    switch (bytes) {
      case 1: return v128.load8_splat(offset, 1, pointer);
      case 2: return v128.load16_splat(offset, 1, pointer);
      case 4: return v128.load32_zero(offset, 1, pointer);
      default: return v128.load64_zero(offset, 1, pointer);
    }
  }

  #loadLane(bytes: number, lane: number, offset: number, pointer: Code, vector: Code): Code {
    const { v128 } = this.#scope.module;
    switch (bytes) {
      case 1: return v128.load8_lane(offset, 1, lane, pointer, vector);
      case 2: return v128.load16_lane(offset, 1, lane, pointer, vector);
      case 4: return v128.load32_lane(offset, 1, lane, pointer, vector);
      default: return v128.load64_lane(offset, 1, lane, pointer, vector);
    }
  }

  #storeBytes(bytes: number, offset: number, pointer: Code, value: Code): Code {
    const { v128 } = this.#scope.module;
    switch (bytes) {
      case 16: return v128.store(offset, 1, pointer, value);
      case 8: return v128.store64_lane(offset, 1, 0, pointer, value);
      case 4: return v128.store32_lane(offset, 1, 0, pointer, value);
      case 2: return v128.store16_lane(offset, 1, 0, pointer, value);
      default: throw new CompilerBug(`no vector has ${bytes} bytes`);
    }
  }

  #here(code: Code, dtype: DType, lanes: number): Value {
    return { code, type: machineType(this.#scope, dtype, lanes), level: this.#scope.level, cheap: false };
  }

  #vectorPlace(buffer: BufferId, index: readonly Expression[]): Place {
    const { name, strides } = this.#kernel.buffers[buffer]!;
    invariant(strides.at(-1) === 1, () => `a vector of ${name}, whose last stride is not 1`);
    return this.#place(buffer, index);
  }

  #place(buffer: BufferId, index: readonly Expression[]): Place {
    const place = this.#uncheckedPlace(buffer, index);
    return this.#checked ? { ...place, pointer: this.#afterChecks(buffer, index, place.pointer) } : place;
  }

  /** The pointer, once every index has been seen to lie inside; a negative one is very large without its sign. */
  #afterChecks(buffer: BufferId, index: readonly Expression[], pointer: Code): Code {
    const { module, binaryen, options } = this.#scope;
    const { name, shape } = this.#kernel.buffers[buffer]!;
    const checks = index.map((one, dimension) => {
      const extent = shape[dimension]!;
      const { first, again } = this.#scope.shared(this.#scope.here(this.#emit(one)), binaryen.i32);
      return module.if(module.i32.ge_u(first, module.i32.const(extent)), module.call(options.outside!(this.origin, { name, dimension, extent }), [again()], binaryen.none));
    });
    return module.block(null, [...checks, pointer], binaryen.i32);
  }

  #uncheckedPlace(buffer: BufferId, index: readonly Expression[]): Place {
    const address = addressOf(this.#kernel, buffer, index);
    const found = this.#pointers.plan.find(address, index);
    if (found !== undefined) return { pointer: this.#scope.module.local.get(this.#pointers.locals[found.pointer]!, this.#scope.binaryen.i32), offset: found.offset };
    const offset = this.#fitsOffset(address) ? address.form.constant : 0;
    const form = { terms: address.form.terms, constant: address.form.constant - offset };
    return { pointer: this.#sharedSum(buffer, form) ?? this.#scope.here(this.#sum(buffer, form)), offset };
  }

  /** The sum in a local that the next statements may use too. Not of sums that read memory, which the next may change. */
  #sharedSum(buffer: BufferId, form: LinearForm): Code | undefined {
    if (this.#addresses === undefined || form.terms.length === 0 || form.terms.some(({ atom }) => atom.kind !== "local")) return undefined;
    const { module, binaryen } = this.#scope;
    const key = `${buffer}+${form.constant}${form.terms.map((term) => `+${term.coefficient}*${term.key}`).join("")}`;
    let known = this.#addresses.get(key);
    if (known === undefined) {
      const value = this.#sum(buffer, form);
      if (value.cheap) return value.code;
      known = { local: this.#scope.newLocal(binaryen.i32), atoms: new Set(form.terms.map(({ atom }) => (atom as { local: LocalId }).local)) };
      this.#computing.push(module.local.set(known.local, this.#scope.here(value)));
      this.#addresses.set(key, known);
    }
    return module.local.get(known.local, binaryen.i32);
  }

  /** Whether the address without its constant is surely not below zero. */
  #fitsOffset({ form: { constant, terms } }: Address): boolean {
    if (constant < 0) return false;
    return constant <= lowestAddress || terms.every(({ atom, coefficient }) => coefficient >= 0 && atom.kind === "local" && this.#nonNegative.has(atom.local));
  }

  /** Base of the buffer plus a form: the terms that change least often are added first, each sum before the loops that keep it. */
  #sum(buffer: BufferId, form: LinearForm): Value {
    const scope = this.#scope;
    const { i32, local } = scope.module;
    const type = scope.binaryen.i32;
    let sum: Value = { code: local.get(buffer, type), type, level: 0, cheap: true };
    let key = `${buffer}`;
    const add = (part: Value, partKey: string): void => {
      const level = Math.max(sum.level, part.level);
      const code = i32.add(scope.at(level, sum, key), scope.at(level, part, partKey));
      key = `${key}+${partKey}`;
      sum = { code, type, level, cheap: false };
    };
    if (form.constant !== 0) add({ code: i32.const(form.constant), type, level: 0, cheap: true }, `${form.constant}`);
    const parts = form.terms.map((term) => ({ term, value: this.#emit(term.atom) })).sort((a, b) => a.value.level - b.value.level);
    for (const { term, value } of parts) {
      const scaled = term.coefficient === 1 ? value : scope.operation(type, [value], (atom) => this.#scale(atom, term.coefficient));
      add(scaled, `${term.coefficient}*${term.key}`);
    }
    return sum;
  }

  #scale(atom: Code, coefficient: number): Code {
    const { i32 } = this.#scope.module;
    const shift = Math.log2(coefficient);
    return Number.isInteger(shift) ? i32.shl(atom, i32.const(shift)) : i32.mul(atom, i32.const(coefficient));
  }
}

/** Whether each element lies just before the one that is loaded before it. */
function goBackwards(kernel: Kernel, loads: readonly LoadExpression[]): boolean {
  const places = loads.map(({ buffer, index }) => {
    const { strides } = kernel.buffers[buffer]!;
    const forms = index.map(linearForm);
    const place = forms.includes(undefined) ? undefined : forms.reduce((sum, form, dimension) => sum + form!.constant * strides[dimension]!, 0);
    return { key: `${buffer}:${forms.map((form) => (form === undefined ? "" : termsKey(form))).join()}`, place };
  });
  return places.every(({ key, place }, at) => place !== undefined && key === places[0]!.key && place === places[0]!.place! - at);
}
