/**
 * Innermost loops over vectors do several steps per round: fewer branches and counter updates, independent work side by
 * side, and neighbouring stores next to each other. Iterations of parallel loops are interleaved statement by statement;
 * those of others follow each other as they did.
 *
 * A long body gains nothing from a second copy, unless its operations wait for each other in a long chain, as those of
 * mathematical functions do: a machine does not look far enough ahead to begin the next iteration meanwhile. Four copies of a
 * power of f64 take half the time of one (spec/bench/functions.ts). Nor do copies gain that hold more vectors than there are
 * registers: a stage of a transform takes a third more time with two. Machines that pair vectors hold the two as one.
 *
 * What gives several results, none of which is most of it, as what join-loops made, has two copies whatever its length: four sums
 * of products of 20 operations each take 0.9 of the time of four loops so, and 1.1 with one; with paired vectors 0.8 and 1.5.
 */
import type { Pass } from "../../support/pass.ts";
import { binary, i32 } from "../build.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { operandsOf } from "../vector-support.ts";
import { constantOf, LocalTable, rewriteStatements, tripCount, valuesOf, visitStatements, visitValues, withBody, type ForStatement } from "../walk.ts";
import { sizeOf } from "./instructions.ts";
import { canInterleave, interleave } from "./interleave.ts";
import { vectorRegisters, vectorsHeld } from "./register-pressure.ts";
import { withCounter } from "./unroll-small-loops.ts";

/** Bodies of more operations and loads than this gain nothing from a second copy, unless they are chains, or give several results. */
const largestBody = 60;
/** Bodies of at most this many operations are copied four times. */
const smallBody = 10;
/** Operations that wait for each other in a body that is copied though it is long; in one that is copied four times. */
const chain = 16;
const longChain = 32;
/** More operations than this are too much code. */
const mostOperations = 400;

export const unroll: Pass<Kernel, Kernel> = {
  name: "unroll",
  summary: "innermost loops over vectors do two or four steps per round",
  run: (kernel) => unrolled(kernel, vectorRegisters),
};

/** As many registers, of twice the vectors. */
export const unrollForPairs: Pass<Kernel, Kernel> = {
  name: "unroll",
  summary: "the same for machines that pair vectors",
  run: (kernel) => unrolled(kernel, 2 * vectorRegisters),
};

function unrolled(kernel: Kernel, registers: number): Kernel {
  const locals = new LocalTable(kernel.locals);
  const body = rewriteStatements(kernel.body, (statement) => (statement.kind === "for" ? unrollLoop(statement, registers, locals) : [statement]));
  return withBody(kernel, body, locals.list);
}

function unrollLoop(loop: ForStatement, registers: number, locals: LocalTable): readonly Statement[] {
  const trips = tripCount(loop);
  if (trips === undefined || !isInnermostOfVectors(loop)) return [loop];
  const factor = copiesOf(loop, registers);
  if (factor === 1 || trips < 2 * factor) return [loop];
  if (loop.parallel) return canInterleave(loop) ? interleave(loop, factor, locals) : [loop];
  return follow(loop, factor, trips);
}

function copiesOf(loop: ForStatement, registers: number): number {
  const size = lengthOf(loop.body);
  if (!loop.parallel || size > mostOperations) return size <= smallBody ? 4 : size <= largestBody ? 2 : 1;
  const depth = depthOf(loop.body);
  if (size > largestBody) return givesSeveral(loop.body, Math.min(largestBody, size / 2)) ? 2 : depth < chain ? 1 : depth < longChain ? 2 : 4;
  const copies = size <= smallBody ? 4 : 2;
  return depth < chain && vectorsHeld(loop.body, copies) > registers ? 1 : copies;
}

function lengthOf(body: readonly Statement[]): number {
  const { operations, loads } = sizeOf(body);
  return operations + loads;
}

/** Whether a body stores to one buffer after another, and does no more than `most` for each. */
function givesSeveral(body: readonly Statement[], most: number): boolean {
  const stretches: Statement[][] = [[]];
  const buffers = new Set<BufferId>();
  for (const statement of body) {
    stretches.at(-1)!.push(statement);
    if (statement.kind !== "store") continue;
    if (buffers.has(statement.buffer)) return false;
    buffers.add(statement.buffer);
    stretches.push([]);
  }
  return stretches.every((stretch) => lengthOf(stretch) <= most);
}

/** The most operations of a body that wait for each other. */
function depthOf(body: readonly Statement[]): number {
  const depths = new Map<LocalId, number>();
  const below = (expression: Expression): number => {
    if (expression.kind === "local") return depths.get(expression.local) ?? 0;
    if (expression.kind === "constant" || expression.kind === "load") return 0;
    return 1 + Math.max(0, ...operandsOf(expression).map(below));
  };
  let deepest = 0;
  visitStatements(body, (statement) => {
    for (const expression of valuesOf(statement)) {
      const depth = below(expression);
      deepest = Math.max(deepest, depth);
      if (statement.kind === "set") depths.set(statement.local, depth);
    }
  });
  return deepest;
}

/** Whether a loop has vectors in its body, and no other loop. */
function isInnermostOfVectors(loop: ForStatement): boolean {
  let vectors = false;
  let innermost = true;
  visitStatements(loop.body, (statement) => {
    if (statement.kind === "for" || statement.kind === "while") innermost = false;
    for (const value of valuesOf(statement)) visitValues(value, ({ lanes }) => {
      if (lanes > 1) vectors = true;
    });
  });
  return innermost && vectors;
}

/** `factor` iterations after one another; the rest as it was. */
function follow(loop: ForStatement, factor: number, trips: number): readonly Statement[] {
  const start = constantOf(loop.start)!;
  const counter: Expression = { kind: "local", dtype: "i32", lanes: 1, local: loop.local };
  const whole = start + Math.floor(trips / factor) * factor * loop.step;
  const body = Array.from({ length: factor }, (_, copy) => withCounter(loop.body, loop.local, binary("add", counter, i32(copy * loop.step)))).flat();
  const main: ForStatement = { ...loop, end: i32(whole), step: loop.step * factor, body };
  const rest: ForStatement = { ...loop, start: i32(whole) };
  return tripCount(rest) === 0 ? [main] : [main, rest];
}
