/**
 * Bytes of a kernel's code in the memory of a modelled tile, estimated before anything is emitted. The figures are modelling
 * parameters: an instruction is 4 bytes; an operation is one of them, a function that is not one instruction takes its
 * instructions in line (`mathCycles`). An innermost loop stands there several times: in vectors, unrolled, and for what is left
 * over; one that sums up into several sums at once, which are combined at its end, oftener; and a sum of products over
 * independent loops, which is computed in blocks of rows and columns, with smaller ones for the edges, oftenest. How often is
 * calibrated by the code that is emitted: for the kernels of a program together the estimate is between a fifth of it and three
 * times as much (`spec/code-size.test.ts`).
 */
import { mathCycles } from "./cycle-model.ts";
import type { Expression, Kernel, Statement } from "./kernel.ts";
import { matrixNest } from "./matrix-unit.ts";
import { operandsOf } from "./vector-support.ts";
import { bodiesOf, expressionsOf, mentionsLocal, type ForStatement, type WhileStatement } from "./walk.ts";

const codeModel = {
  instructionBytes: 4,
  /** To enter a vertex and leave it, and per field to read where it is. */
  vertexInstructions: 4,
  fieldInstructions: 1,
  /** To set up a loop, count and jump back. */
  loopInstructions: 3,
  /** To test and jump. */
  branchInstructions: 2,
  /** How often the body of an innermost loop stands in the code: of independent iterations, of sums, of blocked sums of products. */
  copies: { independent: 3, sum: 9, contraction: 90 },
} as const;

export function codeBytes(kernel: Kernel): number {
  const { instructionBytes, vertexInstructions, fieldInstructions } = codeModel;
  return instructionBytes * (vertexInstructions + fieldInstructions * kernel.buffers.length + ofBody(kernel.body));
}

const ofBody = (body: readonly Statement[], blocked = false): number => body.reduce((sum, statement) => sum + ofStatement(statement, blocked), 0);

/** How often the body of a loop stands there. `blocked`: it is part of a sum of products over independent loops. */
function copiesOf({ body }: ForStatement | WhileStatement, blocked: boolean): number {
  if (body.some((inner) => bodiesOf(inner).length > 0)) return 1;
  const { independent, sum, contraction } = codeModel.copies;
  const sums = body.some((inner) => inner.kind === "set" && mentionsLocal(inner.value, new Set([inner.local])));
  return blocked ? contraction : sums ? sum : independent;
}

function ofStatement(statement: Statement, blocked: boolean): number {
  const own = expressionsOf(statement).reduce((sum, expression) => sum + ofExpression(expression), 0);
  const parts = blocked || (statement.kind === "for" && matrixNest(statement) !== undefined);
  const inside = bodiesOf(statement).reduce((sum, body) => sum + ofBody(body, parts), 0);
  switch (statement.kind) {
    case "set": return Math.max(1, own);
    case "store": return own + 1;
    case "for": return own + codeModel.loopInstructions + inside * copiesOf(statement, parts);
    case "while": return own + codeModel.branchInstructions + inside * copiesOf(statement, parts);
    case "if": return own + codeModel.branchInstructions + inside;
  }
}

function ofExpression(expression: Expression): number {
  const operands = operandsOf(expression).reduce((sum, operand) => sum + ofExpression(operand), 0);
  switch (expression.kind) {
    case "constant": case "argument": case "local": case "iota": return 0;
    case "call": return operands + mathCycles[expression.function];
    default: return operands + 1;
  }
}
