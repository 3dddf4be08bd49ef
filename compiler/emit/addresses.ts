/**
 * Where in memory a kernel's loads and stores go, as linear forms over its locals, and which pointers an innermost loop
 * keeps. This decides the speed of small kernels: an access should cost an addition at most, with everything constant in the
 * instruction's own offset. Pure data; `memory.ts` turns it into code.
 *
 * An address is `base of the buffer + Σ coefficient · atom + constant`, all in bytes. Atoms are i32 locals and whatever index
 * arithmetic is not linear. i32 arithmetic wraps, and so do forms: as sums modulo 2³² both are equal. Only the offset of an
 * instruction does not wrap: what it is added to must not have gone below zero. That holds where the sum without the
 * constant is itself the address of an element, and everywhere within `lowestAddress` of one.
 */
import { control } from "../../runtime/executable.ts";
import { bytesOf } from "../../runtime/dtype.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "../kernel/kernel.ts";
import { carriedLocals } from "../kernel/dependence.ts";
import { partKey } from "../kernel/key.ts";
import { operandsOf } from "../kernel/vector-support.ts";
import { bodiesOf, expressionsOf, localsSet, visitExpressions, type ForStatement } from "../kernel/walk.ts";
import { invariant } from "../support/bug.ts";

/** No buffer has an element below this address: the start of memory belongs to the barrier. */
export const lowestAddress = control.end;

export interface Term {
  readonly atom: Expression;
  /** Equal for equal atoms. */
  readonly key: string;
  readonly coefficient: number;
}

export interface LinearForm {
  /** Ordered by key, without zero coefficients. */
  readonly terms: readonly Term[];
  readonly constant: number;
}

export interface Address {
  readonly buffer: BufferId;
  /** In bytes from the buffer's base. */
  readonly form: LinearForm;
}

const constantForm = (value: number): LinearForm => ({ terms: [], constant: value | 0 });

export const scaleForm = (form: LinearForm, factor: number): LinearForm => ({
  terms: form.terms.map((term) => ({ ...term, coefficient: Math.imul(term.coefficient, factor) })).filter((term) => term.coefficient !== 0),
  constant: Math.imul(form.constant, factor),
});

export function addForms(a: LinearForm, b: LinearForm): LinearForm {
  const terms: Term[] = [];
  let i = 0;
  let j = 0;
  while (i < a.terms.length || j < b.terms.length) {
    const left = a.terms[i];
    const right = b.terms[j];
    if (right === undefined || (left !== undefined && left.key < right.key)) {
      terms.push(left!);
      i++;
    } else if (left === undefined || right.key < left.key) {
      terms.push(right);
      j++;
    } else {
      const coefficient = (left.coefficient + right.coefficient) | 0;
      if (coefficient !== 0) terms.push({ ...left, coefficient });
      i++;
      j++;
    }
  }
  return { terms, constant: (a.constant + b.constant) | 0 };
}

const atomForm = (atom: Expression): LinearForm => ({ terms: [{ atom, key: keyOf(atom), coefficient: 1 }], constant: 0 });

/** An i32 scalar as a linear form. */
export function linearise(expression: Expression): LinearForm {
  switch (expression.kind) {
    case "constant": return constantForm(Number(expression.value));
    case "unary": return expression.op === "neg" ? scaleForm(linearise(expression.operand), -1) : atomForm(expression);
    case "binary": {
      const { op } = expression;
      if (op !== "add" && op !== "sub" && op !== "mul" && op !== "shl") return atomForm(expression);
      const left = linearise(expression.left);
      const right = linearise(expression.right);
      if (op === "add") return addForms(left, right);
      if (op === "sub") return addForms(left, scaleForm(right, -1));
      if (op === "shl") return right.terms.length === 0 ? scaleForm(left, 1 << right.constant) : atomForm(expression);
      if (left.terms.length === 0) return scaleForm(right, left.constant);
      if (right.terms.length === 0) return scaleForm(left, right.constant);
      return atomForm(expression);
    }
    default: return atomForm(expression);
  }
}

/** The address of an element of one of the kernel's buffers. */
export function addressOf(kernel: Kernel, buffer: BufferId, index: readonly Expression[]): Address {
  const { dtype, strides, name } = kernel.buffers[buffer]!;
  invariant(index.length === strides.length, () => `${name} has ${strides.length} dimensions, indexed by ${index.length}`);
  const bytes = bytesOf(dtype);
  const form = index.reduce((sum, one, dimension) => addForms(sum, scaleForm(linearise(one), strides[dimension]! * bytes)), constantForm(0));
  return { buffer, form };
}

/** Text that is equal for expressions of equal structure; short for locals, which most atoms are. */
export const keyOf = (expression: Expression): string => (expression.kind === "local" ? `%${expression.local}` : `${partKey(expression)}(${operandsOf(expression).map(keyOf).join()})`);

/** A pointer that a loop moves along: the address, at each iteration, of the accesses that share it, less their offsets. */
export interface Pointer {
  readonly buffer: BufferId;
  /** Its value at the first iteration, but for the loop's start, in terms the loop does not change. */
  readonly form: LinearForm;
  /** Bytes per unit of the loop's index. */
  readonly coefficient: number;
}

export interface PointerPlan {
  readonly pointers: readonly Pointer[];
  /** Which pointer an access of the loop's body goes through, and with which offset. `index`: the access's own, as it is in the body. */
  find(address: Address, index: readonly Expression[]): { readonly pointer: number; readonly offset: number } | undefined;
}

export const noPointers: PointerPlan = { pointers: [], find: () => undefined };

const containsLoop = (body: readonly Statement[]): boolean =>
  body.some((statement) => statement.kind === "for" || statement.kind === "while" || bodiesOf(statement).some(containsLoop));

const formKey = (address: Address): string => `${address.buffer}+${address.form.terms.map((term) => `${term.coefficient}${term.key}`).join("+")}`;

interface Sharing {
  readonly address: Address;
  readonly coefficient: number;
  /** Constants of accesses that every iteration makes, and of those it may make. */
  readonly always: Set<number>;
  readonly sometimes: Set<number>;
}

/**
 * The pointers of an innermost loop: one for all accesses that differ only by a constant, but for elements that would be kept
 * (`repeatedSplats`). Other loops get none.
 */
export function planPointers(loop: ForStatement, kernel: Kernel): PointerPlan {
  if (containsLoop(loop.body)) return noPointers;
  const assigned = localsSet([loop]);
  const sharings = new Map<string, Sharing>();
  const known = new Map<readonly Expression[], Address>();
  const addressAt = (buffer: BufferId, index: readonly Expression[]): Address => {
    const found = known.get(index);
    if (found?.buffer === buffer) return found;
    const address = addressOf(kernel, buffer, index);
    known.set(index, address);
    return address;
  };
  const again = repeatedSplats(loop, kernel, addressAt);
  const keyOfAccess = (address: Address, index: readonly Expression[]): string => `${formKey(address)}#${again.get(index) ?? 0}`;
  const note = (buffer: BufferId, index: readonly Expression[], always: boolean): void => {
    const address = addressAt(buffer, index);
    const moving = address.form.terms.filter((term) => !isInvariant(term.atom, assigned));
    const [term] = moving;
    if (term === undefined || moving.length > 1 || term.atom.kind !== "local" || term.atom.local !== loop.local) return;
    const key = keyOfAccess(address, index);
    const sharing = sharings.get(key) ?? { address, coefficient: term.coefficient, always: new Set(), sometimes: new Set() };
    sharings.set(key, sharing);
    (always ? sharing.always : sharing.sometimes).add(address.form.constant);
  };
  forEachAccess(loop.body, true, note);

  const pointers: Pointer[] = [];
  const found = new Map<string, { pointer: number; offset: number }>();
  for (const [key, sharing] of sharings) {
    for (const window of splitConstants(sharing)) {
      const terms = sharing.address.form.terms.filter((term) => !(term.atom.kind === "local" && term.atom.local === loop.local));
      pointers.push({ buffer: sharing.address.buffer, form: { terms, constant: window.base }, coefficient: sharing.coefficient });
      for (const constant of window.constants) found.set(`${key}+${constant}`, { pointer: pointers.length - 1, offset: constant - window.base });
    }
  }
  return { pointers, find: (address, index) => found.get(`${keyOfAccess(address, index)}+${address.form.constant}`) };
}

/** Vector registers of every machine that has no more. */
const vectorRegisters = 16;

/**
 * For elements that a loop loads into all lanes again and again: how often each was loaded before, by its index. V8 computes an
 * address it has seen but once, and keeps what was loaded there until its last use. Where the loop's own vectors leave no
 * registers for that, it is kept in memory, as a whole vector, which takes longer than loading the element again. Through
 * pointers of their own these are loads of other addresses.
 *
 * So it is with convolutions whose windows overlap: with 12 sums in registers they take half of the time.
 */
function repeatedSplats(loop: ForStatement, kernel: Kernel, addressAt: (buffer: BufferId, index: readonly Expression[]) => Address): ReadonlyMap<readonly Expression[], number> {
  const before = new Map<string, number>();
  const again = new Map<readonly Expression[], number>();
  visitExpressions(loop.body, (expression) => {
    if (expression.kind !== "splat" || expression.operand.kind !== "load") return;
    const { buffer, index } = expression.operand;
    const address = addressAt(buffer, index);
    const key = `${formKey(address)}+${address.form.constant}`;
    const times = before.get(key) ?? 0;
    before.set(key, times + 1);
    again.set(index, times);
  });
  const sums = [...carriedLocals(loop)].filter((local) => kernel.locals[local]!.lanes > 1).length;
  const kept = [...before.values()].filter((times) => times > 1).length;
  return sums + kept < vectorRegisters ? new Map() : again;
}

/** Whether an atom has one value during a loop that assigns these locals. Loads never count: another store may change them. */
function isInvariant(atom: Expression, assigned: ReadonlySet<LocalId>): boolean {
  if (atom.kind === "load") return false;
  if (atom.kind === "local") return !assigned.has(atom.local);
  return operandsOf(atom).every((operand) => isInvariant(operand, assigned));
}

/**
 * Which constants share a pointer. Offsets must not be negative, and a pointer must not be below zero when it is used: it
 * stands at an access that every iteration makes, or at most `lowestAddress` below one that it may make.
 */
function splitConstants({ always, sometimes }: Sharing): { base: number; constants: number[] }[] {
  const windows: { base: number; constants: number[] }[] = [];
  const rest: number[] = [];
  if (always.size > 0) {
    const base = Math.min(...always);
    const constants = [...always];
    for (const constant of sometimes) if (!always.has(constant)) (constant >= base ? constants : rest).push(constant);
    windows.push({ base, constants });
  } else {
    rest.push(...sometimes);
  }
  let window: { base: number; constants: number[] } | undefined;
  for (const constant of rest.sort((a, b) => a - b)) {
    if (window === undefined || constant - window.base > lowestAddress) windows.push((window = { base: constant, constants: [] }));
    window.constants.push(constant);
  }
  return windows;
}

function forEachAccess(body: readonly Statement[], always: boolean, visit: (buffer: BufferId, index: readonly Expression[], always: boolean) => void): void {
  const inExpression = (expression: Expression, evaluated: boolean): void => {
    if (expression.kind === "load") visit(expression.buffer, expression.index, evaluated);
    // The arm of a select that is not chosen may be loaded from nowhere in particular.
    for (const operand of operandsOf(expression)) inExpression(operand, evaluated && (expression.kind !== "select" || operand === expression.condition));
  };
  for (const statement of body) {
    for (const expression of expressionsOf(statement)) inExpression(expression, always);
    if (statement.kind === "store") visit(statement.buffer, statement.index, always);
    for (const inner of bodiesOf(statement)) forEachAccess(inner, false, visit);
  }
}
