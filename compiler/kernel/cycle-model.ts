/**
 * The figures of the cycle model (`cycles.ts`): modelling parameters in one table, of the right order of magnitude for a
 * processor that issues one memory or integer instruction and one floating-point instruction per cycle of a thread. None
 * of them is a claim about any machine. Together they give 5 + ⌈n / 2⌉ for a dot product of n f32 elements, the estimate
 * that Poplar's own examples use for such a vertex.
 */
import type { BinaryOp, MathFunction, UnaryOp } from "./kernel.ts";

export const cycleModel = {
  /** To enter a vertex, read where its fields are, and leave it. */
  vertexStart: 2,
  /** To set up a loop. */
  loopStart: 1,
  /** Per iteration of a loop that has loops or branches inside; an innermost loop repeats at no cost. */
  loopStep: 1,
  /** To test and jump. */
  branch: 2,
  /** Bytes of a vector: two f32 or four f16 are loaded, computed and stored by one instruction. */
  vectorBytes: 8,
  /** Loads and stores that move by unit stride (or not at all) and that one instruction does. */
  streamsPerInstruction: 2,
  /** To fold one half of a vector onto the other at the end of a reduction. */
  laneCombine: 1,
  /** For the threads of a tile to wait for each other, between the parts of a vertex that they share. */
  threadsMeet: 6,
  /** Outputs that one instruction of the matrix unit accumulates into; the rest of its multiply–adds go along the sum. */
  matrixColumns: 4,
  /** Floating-point division of one element. */
  divide: 8,
  squareRoot: 8,
  integerDivide: 20,
  /** 64-bit integers are done in halves. */
  longInteger: 3,
  /** f64 is done in software: instructions of one operation. */
  double: 30,
  /** Iterations assumed of a loop whose number nothing tells. */
  unknownTrips: 16,
} as const;

/**
 * The same model in closed form, for whoever must compare thousands of kernels that do not exist yet (`tiled/partition`): what
 * `estimateKernel` gives for the plainest kernel of a form, on one thread.
 */
export const closedForms = {
  /** To enter and leave a vertex, set up its loop, fold the last vector and store. */
  overhead: cycleModel.vertexStart + cycleModel.loopStart + cycleModel.laneCombine + 1,
  /** A sum of products along `elements`, each of `bytes`. */
  dot: (elements: number, bytes: number): number => closedForms.overhead + Math.ceil((elements * bytes) / cycleModel.vectorBytes),
  /** `operations` instructions on each of some independent elements of `bytes`. */
  map: (elements: number, operations: number, bytes: number): number => closedForms.overhead + Math.ceil((elements * bytes) / cycleModel.vectorBytes) * Math.max(1, operations),
  /** The same on so many rows of elements one after the other. */
  maps: (rows: number, elements: number, operations: number, bytes: number): number =>
    (rows === 1 ? closedForms.map(elements, operations, bytes)
      : closedForms.overhead + rows * (cycleModel.loopStart + cycleModel.loopStep + Math.ceil((elements * bytes) / cycleModel.vectorBytes) * Math.max(1, operations))),
  /** A row that is passed over several times, with a function that is not one instruction (softmax, norms). */
  passes: (elements: number): number => closedForms.overhead + elements * mathCycles.exp,
} as const;

/**
 * Instructions of one element of a function that is not one instruction. What goes by e^x and the logarithm has help of the
 * machine; those of all others are to each other as the instructions of the formulas that `expand-math` has for f32.
 */
export const mathCycles: Readonly<Record<MathFunction, number>> = {
  exp: 8, expm1: 12, exp2: 6, log: 10, log1p: 14, log2: 8, log10: 10,
  sin: 20, cos: 20, tan: 30, asin: 22, acos: 28, atan: 24, atan2: 34,
  sinh: 20, cosh: 20, tanh: 8, asinh: 54, acosh: 48, atanh: 44,
  cbrt: 36, erf: 20, pow: 24,
};

/** Floating-point instructions of an operation on one vector, or on one element where it is slower than one instruction. */
export function floatInstructions(op: UnaryOp | BinaryOp, lanes: number): number {
  switch (op) {
    case "div": return cycleModel.divide * lanes;
    case "rem": return (cycleModel.divide + 3) * lanes;
    case "sqrt": return cycleModel.squareRoot * lanes;
    case "floor": case "ceil": case "trunc": case "nearest": return 2 * lanes;
    default: return 1;
  }
}

/** Integer instructions of an operation on one element. */
export function integerInstructions(op: UnaryOp | BinaryOp, bytes: number): number {
  const one = op === "div" || op === "rem" ? cycleModel.integerDivide : op === "popcount" ? 4 : 1;
  return bytes === 8 ? one * cycleModel.longInteger : one;
}
