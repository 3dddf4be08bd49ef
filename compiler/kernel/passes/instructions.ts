/**
 * How large a body is: what passes ask before they copy it, widen it or leave it out. Estimates of the machine that runs the
 * executable; a modelled machine's are in `cycle-model.ts` and `code-size.ts`.
 */
import { isFloat, isInteger } from "../../../runtime/dtype.ts";
import type { Expression, Statement } from "../kernel.ts";
import { isHalfFloat, operandsOf } from "../vector-support.ts";
import { bodiesOf, tripCount, valuesOf, visitStatements, visitValues } from "../walk.ts";
import { inPairs } from "./pairs.ts";

/** To count a loop and jump back. */
const loopInstructions = 2;
/** Trips of an inner loop whose number nothing tells. */
const unknownTrips = 16;
/** A function that is called, lane by lane where there are several. */
const callInstructions = 40;
/** The smaller or larger of floats: either may be NaN, or zeros of two signs. */
const extremeInstructions = { scalar: 6, vector: 5 } as const;
/** A 16-bit float to f32 or from it. */
const halfInstructions = { scalar: 8, vector: 12 } as const;

/** Operations and loads that stand in a body. Arithmetic of indices is part of addresses: it counts as nothing. */
export function sizeOf(body: readonly Statement[]): { readonly operations: number; readonly loads: number } {
  let [operations, loads] = [0, 0];
  visitStatements(body, (statement) => {
    for (const value of valuesOf(statement)) visitValues(value, ({ kind }) => {
      if (kind === "load") loads += 1;
      else if (kind !== "local" && kind !== "constant") operations += 1;
    });
  });
  return { operations, loads };
}

/**
 * Whether a body whose lanes are loaded or stored one by one is worth its vectors. What arithmetic gains, moving elements into
 * their lanes may cost: a copy that leaves out every second element gains nothing by vectors, a maximum of four such does.
 * `scalar` is done once for each lane, in a loop of its own; `vectors` once.
 */
export function lanesPay(scalar: readonly Statement[], vectors: readonly Statement[], lanes: number): boolean {
  return instructionsOf(vectors) + loopInstructions < lanes * (instructionsOf(scalar) + loopInstructions);
}

/** Instructions that a body runs, as x64 engines make them. */
export const instructionsOf = (body: readonly Statement[]): number => body.reduce((sum, statement) => sum + ofStatement(statement), 0);

/** Lanes that are stored as they are; of 32 bits, with those that come between them, they are two vectors (paired-stores.ts). */
const isStored = (value: Expression): value is Extract<Expression, { kind: "lane" }> => value.kind === "lane" && inPairs(value.dtype);

function ofStatement(statement: Statement): number {
  const inside = bodiesOf(statement).reduce((sum, body) => sum + instructionsOf(body), 0);
  switch (statement.kind) {
    case "set": return ofExpression(statement.value);
    case "store": return ofExpression(isStored(statement.value) ? statement.value.operand : statement.value) + ofIndex(statement.index) + 1 + ofHalf(statement.value);
    case "for": return (tripCount(statement) ?? unknownTrips) * (inside + loopInstructions);
    case "while": return unknownTrips * (inside + ofExpression(statement.condition) + loopInstructions);
    case "if": return inside + ofExpression(statement.condition) + 1;
  }
}

function ofExpression(expression: Expression): number {
  if (expression.kind === "load") return ofIndex(expression.index) + 1 + ofHalf(expression);
  const operands = operandsOf(expression).reduce((sum, operand) => sum + ofExpression(operand), 0);
  return operands + ofKind(expression);
}

function ofKind(expression: Expression): number {
  const { kind, lanes } = expression;
  switch (kind) {
    case "constant": case "local": case "argument": case "iota": case "bitcast": return 0;
    // The first element is loaded, every other one moved to its lane.
    case "pack": return expression.operands.length - 1;
    case "lane": case "splat": case "load": return 1;
    case "reduce": return 2 * expression.operand.lanes;
    case "unary": return expression.op === "sqrt" ? 4 : 1;
    case "binary": return ofBinary(expression);
    case "multiplyAdd": return 1;
    case "select": return lanes === 1 ? 1 : 3;
    case "cast": return isHalfFloat(expression.dtype) ? ofHalf(expression) : 1;
    case "call": return callInstructions * lanes;
  }
}

function ofBinary({ op, lanes, left }: Extract<Expression, { kind: "binary" }>): number {
  if ((op === "min" || op === "max") && isFloat(left.dtype)) return lanes === 1 ? extremeInstructions.scalar : extremeInstructions.vector;
  if (op === "rem" && isFloat(left.dtype)) return callInstructions * lanes;
  if (op === "rem" || (op === "div" && isInteger(left.dtype))) return 20;
  return op === "div" ? 4 : 1;
}

const ofHalf = ({ dtype, lanes }: Expression): number => (isHalfFloat(dtype) ? (lanes === 1 ? halfInstructions.scalar : halfInstructions.vector) : 0);

/** Sums and multiples are part of an address. */
function ofIndex(index: readonly Expression[]): number {
  const own = (expression: Expression): number => {
    if (expression.kind === "binary" && (expression.op === "add" || expression.op === "sub" || expression.op === "mul")) return own(expression.left) + own(expression.right);
    return ofExpression(expression);
  };
  return index.reduce((sum, one) => sum + own(one), 0);
}
