/**
 * Runs a kernel on tensors: its meaning, and what passes and generated code are tested against. Expressions become closures
 * once per kernel, so that loops cost calls and not a walk over the tree; nothing else is clever here.
 */
import { bytesOf, isBig, isInteger, kindOf, newArray, viewArray } from "../../runtime/dtype.ts";
import { convert, get, put, type Tensor } from "../graph/tensor.ts";
import { CompilerBug, invariant, unreachable } from "../support/bug.ts";
import { nowhere, type Span } from "../support/span.ts";
import { binaryFunction, bitcastFunction, castFunction, DivisionByZero, mathFunction, unaryFunction, type Scalar } from "./arithmetic.ts";
import type { Expression, Kernel, Statement } from "./kernel.ts";

/** The kernel, run on these values, does what a kernel must not: leaves a buffer, divides by zero, never ends. */
export class KernelError extends Error {
  override readonly name = "KernelError";
  readonly origin: Span;
  constructor(message: string, origin: Span) {
    super(message);
    this.origin = origin;
  }
}

export interface RunOptions {
  /** Statements executed before the run counts as endless. */
  readonly budget?: number;
  /** Per buffer, the position in its tensor's data of element (0, 0, …). Default 0. */
  readonly offsets?: readonly number[];
}

const defaultBudget = 2 ** 31;

/** A scalar, or one value per lane. */
type Value = Scalar | readonly Scalar[];
type Evaluate = (machine: Machine) => Value;
type Execute = (machine: Machine) => void;

/** What a kernel runs on. */
interface Machine {
  readonly buffers: readonly Tensor[];
  readonly offsets: readonly number[];
  readonly locals: Value[];
  readonly args: readonly Scalar[];
  /** Of the statement being executed. */
  origin: Span;
  budget: number;
}

/**
 * Element (i, j) of a buffer is at offset + Σ index · strides in the data of its tensor, whose own shape does not matter. A
 * kernel that copies floats as integers of their size (`copy-bits`) may be given the floats.
 */
export function runKernel(kernel: Kernel, tensors: readonly Tensor[], options: RunOptions = {}): void {
  invariant(tensors.length === kernel.buffers.length, () => `${kernel.name} has ${kernel.buffers.length} buffers, given ${tensors.length}`);
  const buffers = kernel.buffers.map(({ name, dtype }, index): Tensor => {
    const { type, data } = tensors[index]!;
    if (type.dtype === dtype) return tensors[index]!;
    invariant(isInteger(dtype) && bytesOf(type.dtype) === bytesOf(dtype), () => `buffer ${name} of ${kernel.name} holds ${dtype}, given ${type.dtype}`);
    return { type: { ...type, dtype }, data: viewArray(dtype, data.buffer, data.byteOffset, data.length) };
  });
  let execute = compiledKernels.get(kernel);
  if (execute === undefined) compiledKernels.set(kernel, (execute = compileBody(kernel.body, kernel)));
  const machine: Machine = {
    buffers,
    offsets: options.offsets ?? buffers.map(() => 0),
    locals: kernel.locals.map(({ dtype, lanes }) => {
      const zero = isBig(dtype) ? 0n : 0;
      return lanes === 1 ? zero : new Array<Scalar>(lanes).fill(zero);
    }),
    args: [],
    origin: kernel.origin,
    budget: options.budget ?? defaultBudget,
  };
  guarded(machine, execute);
}

/** Value of a scalar function's body; throws KernelError where it divides an integer by zero. */
export function evaluateScalar(body: Expression, args: readonly Scalar[]): Scalar {
  let evaluate = compiledScalars.get(body);
  if (evaluate === undefined) compiledScalars.set(body, (evaluate = compileExpression(body)));
  const machine: Machine = { buffers: [], offsets: [], locals: [], args, origin: nowhere, budget: Infinity };
  const value = guarded(machine, evaluate);
  invariant(typeof value !== "object", "the body of a scalar function is a vector");
  return value;
}

const compiledKernels = new WeakMap<Kernel, Execute>();
const compiledScalars = new WeakMap<Expression, Evaluate>();

function guarded<T>(machine: Machine, run: (machine: Machine) => T): T {
  try {
    return run(machine);
  } catch (problem) {
    if (problem instanceof DivisionByZero) throw new KernelError("integer division by zero", machine.origin);
    throw problem;
  }
}

function compileBody(body: readonly Statement[], kernel: Kernel): Execute {
  const statements = body.map((statement) => compileStatement(statement, kernel));
  const origins = body.map((statement) => statement.origin);
  return (machine) => {
    for (let at = 0; at < statements.length; at++) {
      machine.origin = origins[at]!;
      spend(machine);
      statements[at]!(machine);
    }
  };
}

function spend(machine: Machine): void {
  machine.budget -= 1;
  if (machine.budget < 0) throw new KernelError("the kernel does not end within its budget of steps", machine.origin);
}

function compileStatement(statement: Statement, kernel: Kernel): Execute {
  switch (statement.kind) {
    case "set": {
      const { local } = statement;
      const value = compileExpression(statement.value, kernel);
      return (machine) => {
        machine.locals[local] = value(machine);
      };
    }
    case "store": {
      const { buffer } = statement;
      const value = compileExpression(statement.value, kernel);
      const position = compilePosition(buffer, statement.index, statement.value.lanes, kernel);
      return (machine) => {
        const stored = value(machine);
        const start = position(machine);
        const tensor = machine.buffers[buffer]!;
        if (typeof stored === "object") stored.forEach((lane, at) => put(tensor, start + at, lane));
        else put(tensor, start, stored);
      };
    }
    case "for": {
      const { local, step } = statement;
      const start = compileExpression(statement.start, kernel);
      const end = compileExpression(statement.end, kernel);
      const body = compileBody(statement.body, kernel);
      return (machine) => {
        const last = end(machine) as number;
        for (let index = start(machine) as number; index < last; index += step) {
          machine.locals[local] = index;
          spend(machine);
          body(machine);
        }
      };
    }
    case "while": {
      const condition = compileExpression(statement.condition, kernel);
      const body = compileBody(statement.body, kernel);
      return (machine) => {
        while (condition(machine)) {
          spend(machine);
          body(machine);
          machine.origin = statement.origin;
        }
      };
    }
    case "if": {
      const condition = compileExpression(statement.condition, kernel);
      const then = compileBody(statement.then, kernel);
      const otherwise = compileBody(statement.otherwise, kernel);
      return (machine) => (condition(machine) ? then(machine) : otherwise(machine));
    }
    default: return unreachable(statement);
  }
}

/** Position of an element in the data of its buffer's tensor, checked against the buffer's shape. */
function compilePosition(id: number, index: readonly Expression[], lanes: number, kernel: Kernel): (machine: Machine) => number {
  const buffer = kernel.buffers[id];
  invariant(buffer !== undefined, () => `${kernel.name} has no buffer ${id}`);
  invariant(index.length === buffer.shape.length, () => `${buffer.name} has ${buffer.shape.length} dimensions, indexed by ${index.length}`);
  const rank = index.length;
  invariant(lanes === 1 || (rank > 0 && buffer.strides[rank - 1] === 1), () => `${lanes} lanes of ${buffer.name}, whose last stride is not 1`);
  const evaluate = index.map((one) => compileExpression(one, kernel));
  return (machine) => {
    let position = machine.offsets[id]!;
    for (let dimension = 0; dimension < rank; dimension++) {
      const at = evaluate[dimension]!(machine) as number;
      const last = dimension === rank - 1 ? at + lanes - 1 : at;
      if (at < 0 || last >= buffer.shape[dimension]!) throw outOfBounds(machine, buffer.name, at, last, dimension, buffer.shape[dimension]!);
      position += at * buffer.strides[dimension]!;
    }
    return position;
  };
}

function outOfBounds(machine: Machine, name: string, at: number, last: number, dimension: number, extent: number): KernelError {
  const range = at === last ? `index ${at}` : `indices ${at} to ${last}`;
  return new KernelError(`${range} outside dimension ${dimension} of ${name}, whose extent is ${extent}`, machine.origin);
}

function compileExpression(expression: Expression, kernel?: Kernel): Evaluate {
  const { lanes } = expression;
  switch (expression.kind) {
    case "constant": {
      const { value } = expression;
      const vector = new Array<Scalar>(lanes).fill(value);
      return lanes === 1 ? () => value : () => vector;
    }
    case "iota": {
      const vector = Array.from({ length: lanes }, (_, lane) => convert(expression.dtype, lane));
      return () => vector;
    }
    case "argument": {
      const { index } = expression;
      return (machine) => {
        const value = machine.args[index];
        invariant(value !== undefined, () => `argument ${index} of ${machine.args.length}`);
        return value;
      };
    }
    case "local": {
      const { local } = expression;
      return (machine) => machine.locals[local]!;
    }
    case "load": {
      invariant(kernel !== undefined, "a load in the body of a scalar function");
      const { buffer } = expression;
      const position = compilePosition(buffer, expression.index, lanes, kernel);
      if (lanes === 1) return (machine) => get(machine.buffers[buffer]!, position(machine));
      return (machine) => {
        const start = position(machine);
        return Array.from({ length: lanes }, (_, lane) => get(machine.buffers[buffer]!, start + lane));
      };
    }
    case "splat": {
      const operand = compileExpression(expression.operand, kernel);
      return (machine) => new Array<Scalar>(lanes).fill(operand(machine) as Scalar);
    }
    case "pack": {
      const operands = expression.operands.map((operand) => compileExpression(operand, kernel));
      return (machine) => operands.flatMap((operand) => operand(machine) as Scalar | Scalar[]);
    }
    case "lane": {
      const { index } = expression;
      const operand = compileExpression(expression.operand, kernel);
      return (machine) => (operand(machine) as readonly Scalar[])[index]!;
    }
    case "reduce": {
      const combine = binaryFunction(expression.op, expression.operand.dtype);
      const operand = compileExpression(expression.operand, kernel);
      return (machine) => reducePairs(operand(machine) as readonly Scalar[], combine);
    }
    case "unary": return lanewise(lanes, unaryFunction(expression.op, expression.dtype), [compileExpression(expression.operand, kernel)]);
    case "binary":
      return lanewise(lanes, binaryFunction(expression.op, expression.left.dtype), [compileExpression(expression.left, kernel), compileExpression(expression.right, kernel)]);
    case "multiplyAdd": {
      const [multiply, add] = [binaryFunction("mul", expression.dtype), binaryFunction(expression.op, expression.dtype)];
      const operands = [expression.sum, expression.left, expression.right].map((operand) => compileExpression(operand, kernel));
      return lanewise(lanes, (sum, left, right) => add(sum, multiply(left, right)), operands);
    }
    case "select": {
      const condition = compileExpression(expression.condition, kernel);
      const then = compileExpression(expression.then, kernel);
      const otherwise = compileExpression(expression.otherwise, kernel);
      if (lanes === 1) return (machine) => (condition(machine) ? then(machine) : otherwise(machine));
      return lanewise(lanes, (flag, yes, no) => (flag ? yes : no), [condition, then, otherwise]);
    }
    case "cast": return lanewise(lanes, castFunction(expression.operand.dtype, expression.dtype), [compileExpression(expression.operand, kernel)]);
    case "bitcast": if (expression.operand.lanes !== lanes) return regroup(expression.operand, expression, compileExpression(expression.operand, kernel));
      return lanewise(lanes, bitcastFunction(expression.operand.dtype, expression.dtype), [compileExpression(expression.operand, kernel)]);
    case "call": {
      invariant(kindOf(expression.dtype) === "float", () => `${expression.function} of ${expression.dtype}`);
      return lanewise(lanes, mathFunction(expression.function, expression.dtype), expression.args.map((argument) => compileExpression(argument, kernel)));
    }
    default: return unreachable(expression);
  }
}

/** A scalar function on each lane; a scalar operand beside vectors stands for the same value in each. */
function lanewise(lanes: number, apply: (a: Scalar, b: Scalar, c: Scalar) => Scalar, operands: readonly Evaluate[]): Evaluate {
  const [first, second, third] = operands;
  if (first === undefined) throw new CompilerBug("an operation without operands");
  if (lanes === 1) {
    if (second === undefined) return (machine) => apply(first(machine) as Scalar, 0, 0);
    if (third === undefined) return (machine) => apply(first(machine) as Scalar, second(machine) as Scalar, 0);
    return (machine) => apply(first(machine) as Scalar, second(machine) as Scalar, third(machine) as Scalar);
  }
  return (machine) => {
    const a = first(machine);
    const b = second?.(machine) ?? 0;
    const c = third?.(machine) ?? 0;
    const result = new Array<Scalar>(lanes);
    for (let lane = 0; lane < lanes; lane++) result[lane] = apply(laneOf(a, lane), laneOf(b, lane), laneOf(c, lane));
    return result;
  };
}

/** The bits of a vector as lanes of another size. */
function regroup(from: Expression, to: Expression, operand: Evaluate): Evaluate {
  return (machine) => {
    const bits = newArray(from.dtype, from.lanes);
    (operand(machine) as readonly Scalar[]).forEach((value, at) => (bits[at] = value));
    return [...viewArray(to.dtype, bits.buffer as ArrayBuffer, 0, to.lanes)] as Scalar[];
  };
}

const laneOf = (value: Value, lane: number): Scalar => (typeof value === "object" ? value[lane]! : value);

/** ((l0 ∘ l1) ∘ (l2 ∘ l3)) …: neighbours first. Lanes are a power of two. */
function reducePairs(lanes: readonly Scalar[], combine: (a: Scalar, b: Scalar) => Scalar): Scalar {
  let level = lanes;
  while (level.length > 1) level = Array.from({ length: level.length / 2 }, (_, pair) => combine(level[2 * pair]!, level[2 * pair + 1]!));
  return level[0]!;
}
