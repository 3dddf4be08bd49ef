/**
 * Whether the iterations of a loop are independent: a sound test on affine indices. Two accesses to one buffer, one of them a
 * store, cannot meet in different iterations if in some dimension their indices are c · counter + (a part that stays
 * within |c| · step of the other's), or if they never overlap there at all. Different buffers do not share elements.
 */
import { unreachable } from "../support/bug.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "./kernel.ts";
import { linearForm, type LinearForm } from "./linear.ts";
import { counterRange, rangeOf, rangeOfForm, rangesInside, withoutSet, type Range, type Ranges } from "./ranges.ts";
import { expressionsOf, liveIn, localsSet, visitExpression, type ForStatement, type WhileStatement } from "./walk.ts";

export interface MemoryAccess {
  readonly buffer: BufferId;
  readonly index: readonly Expression[];
  readonly lanes: number;
  readonly store: boolean;
  /** What is known of locals where it happens. */
  readonly known: Ranges;
}

/** All accesses of a body, with the ranges of the loops around them. */
export function accessesOf(body: readonly Statement[], known: Ranges): MemoryAccess[] {
  const accesses: MemoryAccess[] = [];
  collect(body, new Map(known), accesses);
  return accesses;
}

function collect(body: readonly Statement[], known: Map<LocalId, Range>, accesses: MemoryAccess[]): void {
  for (const statement of body) {
    const here = new Map(known);
    for (const expression of expressionsOf(statement))
      visitExpression(expression, (one) => {
        if (one.kind === "load") accesses.push({ buffer: one.buffer, index: one.index, lanes: one.lanes, store: false, known: here });
      });
    switch (statement.kind) {
      case "store":
        accesses.push({ buffer: statement.buffer, index: statement.index, lanes: statement.value.lanes, store: true, known: here });
        break;
      case "set":
        learn(known, statement.local, statement.value);
        break;
      case "for":
        collect(statement.body, rangesInside(statement, known), accesses);
        forget(known, statement.body);
        break;
      case "while":
        collect(statement.body, withoutSet(known, statement.body), accesses);
        forget(known, statement.body);
        break;
      case "if":
        collect(statement.then, new Map(known), accesses);
        collect(statement.otherwise, new Map(known), accesses);
        forget(known, statement.then);
        forget(known, statement.otherwise);
        break;
    }
  }
}

/** Notes the range of a local's new value, or that nothing is known of it any more. */
export function learn(known: Map<LocalId, Range>, local: LocalId, value: Expression): void {
  const range = value.dtype === "i32" ? rangeOf(value, known) : undefined;
  if (range === undefined) known.delete(local);
  else known.set(local, range);
}

export function forget(known: Map<LocalId, Range>, body: readonly Statement[]): void {
  for (const local of localsSet(body)) known.delete(local);
}

/** Locals whose value goes from one iteration to the next. */
export function carriedLocals(loop: ForStatement): Set<LocalId> {
  const set = localsSet(loop.body);
  const carried = new Set<LocalId>();
  for (const local of liveIn(loop.body, new Set([loop.local]))) if (set.has(local)) carried.add(local);
  return carried;
}

/** Whether no iteration touches an element that another one stores to. Locals are not looked at. */
export function memoryIndependent(loop: ForStatement, known: Ranges): boolean {
  const accesses = accessesOf(loop.body, rangesInside(loop, known));
  const counter = counterRange(loop, known);
  if (counter === "empty") return true;
  const varying = new Set([...localsSet(loop.body), loop.local]);
  return accesses.every((store) =>
    !store.store || accesses.every((other) => other.buffer !== store.buffer || neverMeet(store, other, loop, varying)));
}

function neverMeet(one: MemoryAccess, other: MemoryAccess, loop: ForStatement, varying: ReadonlySet<LocalId>): boolean {
  const last = one.index.length - 1;
  const touchedBy = ({ index, lanes, known }: MemoryAccess, dimension: number): Touched => ({ index: index[dimension]!, more: dimension === last ? lanes - 1 : 0, known });
  return one.index.some((_, dimension) => {
    const [a, b] = [touchedBy(one, dimension), touchedBy(other, dimension)];
    return apart(a, b) || distinct(a, b, loop, varying);
  });
}

/** What an access touches along one dimension: an index and so many neighbours after it. */
interface Touched {
  readonly index: Expression;
  readonly more: number;
  readonly known: Ranges;
}

/** Whether the two never overlap, in whichever iterations they are. */
function apart(a: Touched, b: Touched): boolean {
  const [rangeA, rangeB] = [rangeOf(a.index, a.known), rangeOf(b.index, b.known)];
  return rangeA !== undefined && rangeB !== undefined && (rangeA.max + a.more < rangeB.min || rangeB.max + b.more < rangeA.min);
}

/** Whether the two move along with the counter so that those of different iterations do not overlap. */
function distinct(a: Touched, b: Touched, loop: ForStatement, varying: ReadonlySet<LocalId>): boolean {
  const [formA, formB] = [linearForm(a.index), linearForm(b.index)];
  if (formA === undefined || formB === undefined) return false;
  const coefficient = formA.terms.get(loop.local) ?? 0;
  if (coefficient === 0 || formB.terms.get(loop.local) !== coefficient) return false;
  // Wrapping never makes i + c meet i' + c; for other coefficients the range must be known not to wrap.
  if (Math.abs(coefficient) !== 1 && (rangeOf(a.index, a.known) === undefined || rangeOf(b.index, b.known) === undefined)) return false;
  const innerA = innerRange(formA, loop.local, varying, a.known);
  const innerB = innerRange(formB, loop.local, varying, b.known);
  if (innerA === undefined || innerB === undefined || !sameInvariants(formA, formB, varying)) return false;
  const low = innerA.min - innerB.max - b.more;
  const high = innerA.max + a.more - innerB.min;
  const stride = Math.abs(coefficient) * loop.step;
  if (low > -stride && high < stride) return true;
  // A constant distance that no whole number of iterations covers.
  return low === high && low % stride !== 0;
}

/** Range of a form's constant and of its terms that vary within an iteration; undefined where one is unknown. */
function innerRange(form: LinearForm, counter: LocalId, varying: ReadonlySet<LocalId>, known: Ranges): Range | undefined {
  return rangeOfForm(form, known, (local) => local !== counter && varying.has(local));
}

function sameInvariants(a: LinearForm, b: LinearForm, varying: ReadonlySet<LocalId>): boolean {
  const invariant = (form: LinearForm): string =>
    [...form.terms].filter(([local]) => !varying.has(local)).sort(([x], [y]) => x - y).join(";");
  return invariant(a) === invariant(b);
}

/** What stands in place of a loop: itself or another, and what comes before and after it. */
export interface Replaced {
  readonly before: readonly Statement[];
  readonly loop: ForStatement | WhileStatement;
  readonly after: readonly Statement[];
}

/** Walks every loop of a body, outermost first, with what is known of locals where it stands; `replace` may change it. */
export function replaceAround(body: readonly Statement[], replace: (loop: ForStatement | WhileStatement, known: Ranges) => Replaced): readonly Statement[] {
  const go = (statements: readonly Statement[], known: Map<LocalId, Range>): readonly Statement[] =>
    statements.flatMap((statement): readonly Statement[] => {
      switch (statement.kind) {
        case "set":
          learn(known, statement.local, statement.value);
          return [statement];
        case "store": return [statement];
        case "for": case "while": {
          const { before, loop, after } = replace(statement, known);
          const inside = loop.kind === "for" ? rangesInside(loop, known) : withoutSet(known, loop.body);
          const replaced = { ...loop, body: go(loop.body, inside) };
          forget(known, statement.body);
          return [...before, replaced, ...after];
        }
        case "if": {
          const replaced = { ...statement, then: go(statement.then, new Map(known)), otherwise: go(statement.otherwise, new Map(known)) };
          forget(known, statement.then);
          forget(known, statement.otherwise);
          return [replaced];
        }
        default: return unreachable(statement);
      }
    });
  return go(body, new Map());
}

/** The same for loops that count, each of which stays one loop. */
export const rewriteLoops = ({ body }: Kernel, rewrite: (loop: ForStatement, known: Ranges) => ForStatement): readonly Statement[] =>
  replaceAround(body, (loop, known) => ({ before: [], loop: loop.kind === "for" ? rewrite(loop, known) : loop, after: [] }));
