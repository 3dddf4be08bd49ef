/**
 * Vectors of a transposition, of elements of 32 bits: two at a time, along what is stored, of elements that are read side by
 * side from four rows. All of a line are made before any is stored, so that it is stored at once.
 */
import { splat } from "../build.ts";
import type { Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { coefficientOf, linearForm } from "../linear.ts";
import { vectorFits, vectorFormSupported } from "../vector-support.ts";
import { buffersStored, indexMentions, mapOperands, rewriteExpression, visitValues, type LoadExpression, type LocalTable } from "../walk.ts";
import type { Transposition } from "./block-transposes.ts";
import { fromPairs, inPairs, pairLanes as vectorLanes } from "./pairs.ts";

/** Values of the counters of both loops. */
export interface Place {
  readonly stored: Expression;
  readonly read: Expression;
}

/** Statements for so many elements along what is stored, in whole vectors, by two along what is read, from the places of each. */
export type Vectors = (length: number, place: (stored: number, read: number) => Place) => readonly Statement[];

/** Undefined where the elements are not of 32 bits, or the body has no vector form. */
export function vectorsOf(found: Transposition, kernel: Kernel, locals: LocalTable): Vectors | undefined {
  const { body, stored, read } = found;
  const turned: LoadExpression[] = [];
  const written = buffersStored(body);
  let possible = true;
  for (const { buffer, index, value } of body) {
    if (!isNeighbours(kernel, buffer, index, stored.local)) possible = false;
    visitValues(value, (one) => {
      if (one.kind !== "load") possible &&= isSimple(one, stored.local);
      else if (isNeighbours(kernel, one.buffer, one.index, read.local) && mentions(one, stored.local) && !written.has(one.buffer)) turned.push(one);
      else if (mentions(one, stored.local) && !isNeighbours(kernel, one.buffer, one.index, stored.local)) possible = false;
    });
  }
  if (!possible || turned.length === 0) return undefined;
  return (length, place) => {
    const counters = new Map([[stored.local, 0], [read.local, 0]]);
    const moved = (expression: Expression, p: number, q: number): Expression => {
      const at = place(p, q);
      return rewriteExpression(expression, (one) => (one.kind === "local" && counters.has(one.local) ? (one.local === stored.local ? at.stored : at.read) : one));
    };
    const statements: Statement[] = [];
    const named = (name: string, value: Expression): Expression => {
      const local = locals.fresh(name, value.dtype, value.lanes);
      statements.push({ kind: "set", local: local.local, value, origin: body[0]!.origin });
      return local;
    };
    const starts = Array.from({ length: length / vectorLanes }, (_, k) => k * vectorLanes);
    const results = starts.map((start) => turned.map((load) => {
      const rows = [0, 1, 2, 3].map((row) => moved(load, start + row, 0) as LoadExpression);
      return fromPairs(rows, (value) => named("pairs", value)).map((value) => named("turned", value));
    }));
    // What lies in one line is stored together: caches then need not keep it.
    for (const q of [0, 1]) for (const store of body) for (const [at, start] of starts.entries()) {
      const value = widened(store.value, (load) => results[at]![turned.indexOf(load)]?.[q], stored.local);
      statements.push({ ...store, index: store.index.map((one) => moved(one, start, q)), value: moved(value, start, q) });
    }
    return statements;
  };
}

/** Whether an access moves from an element to its neighbour along the last dimension, and along no other. */
function isNeighbours(kernel: Kernel, buffer: number, index: readonly Expression[], local: LocalId): boolean {
  const { dtype, strides } = kernel.buffers[buffer]!;
  if (!inPairs(dtype) || strides.at(-1) !== 1) return false;
  return index.every((one, dimension) => {
    const form = linearForm(one);
    return form !== undefined && coefficientOf(form, local) === (dimension === index.length - 1 ? 1 : 0);
  });
}

const mentions = (load: LoadExpression, local: LocalId): boolean => indexMentions(load, new Set([local]));

/** Whether an operation has a vector form, and is not of the counter. */
function isSimple(one: Expression, counter: LocalId): boolean {
  switch (one.kind) {
    case "constant": return vectorFits(one.dtype, vectorLanes);
    case "local": return one.local !== counter && vectorFits(one.dtype, vectorLanes);
    case "unary": case "binary": case "multiplyAdd": case "select": case "bitcast": return vectorFormSupported({ ...mapOperands(one, (operand) => ({ ...operand, lanes: vectorLanes })), lanes: vectorLanes });
    default: return false;
  }
}

/** A value for four neighbours along what is stored; `turnedLoad` gives the loads that were turned. */
function widened(expression: Expression, turnedLoad: (load: LoadExpression) => Expression | undefined, counter: LocalId): Expression {
  switch (expression.kind) {
    case "load": return turnedLoad(expression) ?? (mentions(expression, counter) ? { ...expression, lanes: vectorLanes } : splat(vectorLanes, expression));
    case "local": return splat(vectorLanes, expression);
    default: return { ...mapOperands(expression, (operand) => widened(operand, turnedLoad, counter)), lanes: vectorLanes };
  }
}
