/**
 * Bytes of a kernel's code in the memory of a modelled tile, estimated before anything is emitted. The figures are modelling
 * parameters: an instruction is 4 bytes; an operation is one of them, a function that is not one instruction takes its
 * instructions in line (`mathCycles`), and an innermost loop stands there twice, in vectors and for what is left over.
 */
import { mathCycles } from "./cycle-model.ts";
import type { Expression, Kernel, Statement } from "./kernel.ts";
import { operandsOf } from "./vector-support.ts";
import { bodiesOf, expressionsOf } from "./walk.ts";

export const codeModel = {
  instructionBytes: 4,
  /** To enter a vertex and leave it, and per field to read where it is. */
  vertexInstructions: 4,
  fieldInstructions: 1,
  /** To set up a loop, count and jump back. */
  loopInstructions: 3,
  /** To test and jump. */
  branchInstructions: 2,
} as const;

export function codeBytes(kernel: Kernel): number {
  const { instructionBytes, vertexInstructions, fieldInstructions } = codeModel;
  return instructionBytes * (vertexInstructions + fieldInstructions * kernel.buffers.length + ofBody(kernel.body));
}

const ofBody = (body: readonly Statement[]): number => body.reduce((sum, statement) => sum + ofStatement(statement), 0);

function ofStatement(statement: Statement): number {
  const own = expressionsOf(statement).reduce((sum, expression) => sum + ofExpression(expression), 0);
  const inside = bodiesOf(statement).reduce((sum, body) => sum + ofBody(body), 0);
  switch (statement.kind) {
    case "set": return Math.max(1, own);
    case "store": return own + 1;
    case "for": {
      const innermost = !statement.body.some((inner) => bodiesOf(inner).length > 0);
      return own + codeModel.loopInstructions + inside * (innermost ? 2 : 1);
    }
    case "while": case "if": return own + codeModel.branchInstructions + inside;
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
