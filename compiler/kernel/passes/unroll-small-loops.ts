/**
 * Replaces sequential loops of a few constant iterations (the window of a convolution) by their iterations: indices become
 * constants, and the loop around becomes the innermost. Loops of one iteration go away whatever they are.
 */
import type { Pass } from "../../support/pass.ts";
import { binary, i32 } from "../build.ts";
import type { Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { constantOf, countStatements, rewriteExpressions, rewriteStatements, tripCount, type ForStatement } from "../walk.ts";

const maximumTrips = 7;
/** After unrolling; nested windows multiply. */
const maximumStatements = 64;

export const unrollSmallLoops: Pass<Kernel, Kernel> = {
  name: "unroll-small-loops",
  summary: "sequential loops of a few constant iterations become straight code",
  run(kernel) {
    return { ...kernel, body: rewriteStatements(kernel.body, (statement) => (statement.kind === "for" && isSmall(statement) ? iterationsOf(statement) : [statement])) };
  },
};

function isSmall(loop: ForStatement): boolean {
  const trips = tripCount(loop);
  if (trips === undefined) return false;
  if (trips <= 1) return true;
  return !loop.parallel && loop.rolled !== true && trips <= maximumTrips && trips * countStatements(loop.body) <= maximumStatements;
}

function iterationsOf(loop: ForStatement): readonly Statement[] {
  const start = constantOf(loop.start)!;
  return Array.from({ length: tripCount(loop)! }, (_, trip) => withCounter(loop.body, loop.local, i32(start + trip * loop.step))).flat();
}

/** The body for one value of the counter; arithmetic on it is folded. */
export function withCounter(body: readonly Statement[], counter: LocalId, value: Expression): readonly Statement[] {
  return rewriteExpressions(body, (one) => {
    if (one.kind === "local" && one.local === counter) return value;
    return one.kind === "binary" && one.dtype === "i32" && one.lanes === 1 ? binary(one.op, one.left, one.right) : one;
  });
}

