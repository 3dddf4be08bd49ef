/**
 * Which loop nests a modelled machine's matrix unit can do, and in how many cycles of a thread. The unit holds a block of
 * one operand (`matrixColumns` outputs by as many steps of the sum as its multiply–adds allow), and takes a row of the
 * other per instruction. So it pays when many rows meet the same block; sides that do not fill a block are left to vectors.
 */
import { bytesOf, type DType } from "../../runtime/dtype.ts";
import type { Target } from "../targets/target.ts";
import { cycleModel } from "./cycle-model.ts";
import type { Expression, LocalId, Statement } from "./kernel.ts";
import { mentionsLocal, tripCount, type ForStatement } from "./walk.ts";

export interface MatrixNest {
  /** Iterations of independent loops that move the first operand only, the second only, both or none. */
  readonly rows: number;
  readonly columns: number;
  readonly batch: number;
  /** Steps of the sum. */
  readonly depth: number;
  /** Bytes of an element of the operands. */
  readonly bytes: number;
  /** What is done once per output beside the sum. */
  readonly outside: readonly Statement[];
}

/** The nest under a parallel loop as products of matrices, where it has that form. */
export function matrixNest(loop: ForStatement): MatrixNest | undefined {
  const around: ForStatement[] = [];
  let inside: readonly Statement[] = [loop];
  for (let next = onlyLoop(inside); next?.parallel; next = onlyLoop(inside)) {
    around.push(next);
    inside = next.body;
  }
  const sums = inside.filter((statement) => statement.kind === "for");
  const outside = inside.filter((statement) => statement.kind !== "for");
  if (sums.length !== 1 || outside.some((statement) => statement.kind !== "set" && statement.kind !== "store")) return undefined;
  let depth = 1;
  let body: readonly Statement[] = sums;
  for (let next = onlyLoop(body); next !== undefined; next = onlyLoop(body)) {
    const trips = tripCount(next);
    if (trips === undefined) return undefined;
    depth *= trips;
    body = next.body;
  }
  const factors = productSum(body);
  if (factors === undefined) return undefined;
  const [left, right] = factors;
  const dtype = operandDType(left);
  if (dtype === undefined || dtype !== operandDType(right)) return undefined;
  let [rows, columns, batch] = [1, 1, 1];
  for (const one of around) {
    const trips = tripCount(one);
    if (trips === undefined) return undefined;
    const counter = new Set<LocalId>([one.local]);
    const [movesLeft, movesRight] = [mentionsLocal(left, counter), mentionsLocal(right, counter)];
    if (movesLeft === movesRight) batch *= trips;
    else if (movesLeft) rows *= trips;
    else columns *= trips;
  }
  return Math.min(rows, columns) < cycleModel.matrixColumns ? undefined : { rows, columns, batch, depth, bytes: bytesOf(dtype), outside };
}

function onlyLoop(body: readonly Statement[]): ForStatement | undefined {
  const only = body[0];
  return body.length === 1 && only?.kind === "for" ? only : undefined;
}

/** The factors of `sum = sum + left · right`, if that is all the body does. */
function productSum(body: readonly Statement[]): readonly [Expression, Expression] | undefined {
  const only = body[0];
  if (body.length !== 1 || only?.kind !== "set" || only.value.kind !== "binary" || only.value.op !== "add") return undefined;
  const { left, right } = only.value;
  if (left.kind !== "local" || left.local !== only.local || right.kind !== "binary" || right.op !== "mul") return undefined;
  return [right.left, right.right];
}

/** Of a factor that is loaded, directly or widened on the way. */
function operandDType(factor: Expression): DType | undefined {
  const load = factor.kind === "cast" ? factor.operand : factor;
  return load.kind === "load" && (load.dtype === "f16" || load.dtype === "f32") && (factor.dtype === "f32" || factor.dtype === "f16") ? load.dtype : undefined;
}

/** Cycles of a thread; the side that makes it cheaper is held in the unit. */
export function matrixCycles({ rows, columns, batch, depth, bytes }: MatrixNest, target: Target): number {
  const macs = bytes === 2 ? target.macsPerCycle.f16 : target.macsPerCycle.f32;
  const width = Math.min(cycleModel.matrixColumns, macs);
  const steps = Math.max(1, Math.floor(macs / width));
  const fill = Math.ceil((width * steps * bytes) / cycleModel.vectorBytes);
  const held = (side: number, other: number): number => Math.ceil(depth / steps) * Math.ceil(side / width) * (fill + other);
  return batch * Math.min(held(columns, rows), held(rows, columns));
}
