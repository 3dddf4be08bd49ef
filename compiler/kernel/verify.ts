/**
 * What must hold of every kernel, checked after every pass:
 *
 *  1. Every buffer has one stride per dimension, and no negative extent.
 *  2. Every local and buffer that is named exists; its dtype and lanes are those written where it is used.
 *  3. Operands of a binary operation agree in dtype and lanes; a comparison gives bool, all else the operands' dtype.
 *     `and or xor` take integers and bool, shifts integers, mulhi u32, sqrt floats; a select's sides are its own type and its condition
 *     is bool of as many lanes; a cast keeps the lanes; a bitcast keeps the size, and scalars scalars; functions take floats of their own type.
 *  4. A splat's operand is a scalar; a reduce and a lane make a scalar of a vector; a pack has one scalar for each lane, or
 *     vectors of equal lanes that make up its own; an iota is a vector of integers. Lanes are powers of two.
 *  5. A local has a value on every path before it is read, and is set to a value of its type; a loop's counter is an i32
 *     scalar that nothing in the loop sets.
 *  6. Conditions are scalar bool; loop bounds are i32 scalars; steps are positive integers.
 *  7. An access has one i32 scalar index per dimension; with lanes, the last stride is 1.
 *  8. No access certainly leaves its buffer (bounds.ts).
 *  9. An `in` buffer is never stored to. A store's value has the buffer's dtype.
 * 10. In a `parallel` loop no iteration uses a local that another has set, and none certainly stores to an element that
 *     another stores to: an unconditional store's index depends on the counter or on what the body computes.
 * 11. There is no `argument`: those belong to the scalar functions of the graph level.
 */
import { bytesOf, isFloat, isInteger, type DType } from "../../runtime/dtype.ts";
import { CompilerBug, unreachable } from "../support/bug.ts";
import { findOutside } from "./bounds.ts";
import type { BinaryOp, BufferId, Expression, Kernel, LocalId, Statement } from "./kernel.ts";
import { printExpression, printKernel, kernelNames } from "./print.ts";
import { liveIn, localsSet, mentionsLocal, someExpression, tripCount, type ForStatement } from "./walk.ts";

/** Throws a CompilerBug that names the first broken invariant and shows the kernel. */
export function verifyKernel(kernel: Kernel): void {
  new Verifier(kernel).run();
}

const comparisons: ReadonlySet<BinaryOp> = new Set(["eq", "ne", "lt", "le", "gt", "ge"]);
const bitwise: ReadonlySet<BinaryOp> = new Set(["and", "or", "xor"]);
const shifts: ReadonlySet<BinaryOp> = new Set(["shl", "shr"]);

class Verifier {
  readonly #kernel: Kernel;
  readonly #counters = new Set<LocalId>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  run(): void {
    for (const buffer of this.#kernel.buffers) {
      this.#require(buffer.shape.length === buffer.strides.length, () => `buffer ${buffer.name} has ${buffer.shape.length} dimensions and ${buffer.strides.length} strides`);
      this.#require(buffer.shape.every((extent) => Number.isInteger(extent) && extent >= 0), () => `buffer ${buffer.name} has shape [${buffer.shape.join(", ")}]`);
    }
    this.#body(this.#kernel.body, new Set());
    const [outside] = findOutside(this.#kernel);
    this.#require(outside === undefined, () => {
      const { buffer, dimension, reached, extent } = outside!;
      return `dimension ${dimension} of ${this.#kernel.buffers[buffer]!.name} has extent ${extent}, reached are ${reached.min} to ${reached.max}`;
    });
  }

  #require(holds: boolean, message: () => string): void {
    if (!holds) throw new CompilerBug(`kernel ${this.#kernel.name}: ${message()}\n${printKernel(this.#kernel)}`);
  }

  #show(expression: Expression): string {
    return printExpression(expression, kernelNames(this.#kernel));
  }

  #body(body: readonly Statement[], defined: Set<LocalId>): void {
    for (const statement of body) this.#statement(statement, defined);
  }

  #statement(statement: Statement, defined: Set<LocalId>): void {
    switch (statement.kind) {
      case "set": {
        this.#expression(statement.value, defined);
        this.#isOfLocal(statement.local, statement.value);
        this.#require(!this.#counters.has(statement.local), () => `the counter ${this.#nameOf(statement.local)} is set inside its loop`);
        defined.add(statement.local);
        return;
      }
      case "store": {
        this.#expression(statement.value, defined);
        this.#access(statement.buffer, statement.index, statement.value, defined);
        const buffer = this.#kernel.buffers[statement.buffer]!;
        this.#require(buffer.access !== "in", () => `the in buffer ${buffer.name} is stored to`);
        return;
      }
      case "for": {
        this.#scalar(statement.start, "i32", defined, "a loop's start");
        this.#scalar(statement.end, "i32", defined, "a loop's end");
        this.#require(Number.isInteger(statement.step) && statement.step > 0, () => `a loop's step is ${statement.step}`);
        const counter = this.#kernel.locals[statement.local];
        this.#require(counter !== undefined && counter.dtype === "i32" && counter.lanes === 1, () => `the counter ${this.#nameOf(statement.local)} is no i32 scalar`);
        this.#require(!this.#counters.has(statement.local), () => `two nested loops count in ${this.#nameOf(statement.local)}`);
        if (statement.parallel) this.#parallel(statement);
        this.#counters.add(statement.local);
        this.#body(statement.body, new Set([...defined, statement.local]));
        this.#counters.delete(statement.local);
        return;
      }
      case "while":
        this.#scalar(statement.condition, "bool", defined, "a condition");
        this.#body(statement.body, new Set(defined));
        return;
      case "if": {
        this.#scalar(statement.condition, "bool", defined, "a condition");
        const then = new Set(defined);
        const otherwise = new Set(defined);
        this.#body(statement.then, then);
        this.#body(statement.otherwise, otherwise);
        for (const local of then) if (otherwise.has(local)) defined.add(local);
        return;
      }
      default: unreachable(statement);
    }
  }

  #nameOf(local: LocalId): string {
    return kernelNames(this.#kernel).local(local);
  }

  #isOfLocal(id: LocalId, value: Expression): void {
    const local = this.#kernel.locals[id];
    this.#require(local !== undefined, () => `local ${id} does not exist`);
    this.#require(local!.dtype === value.dtype && local!.lanes === value.lanes, () =>
      `${this.#nameOf(id)} is ${local!.dtype}×${local!.lanes}, not ${value.dtype}×${value.lanes} as in ${this.#show(value)}`);
  }

  #scalar(expression: Expression, dtype: DType, defined: ReadonlySet<LocalId>, what: string): void {
    this.#expression(expression, defined);
    this.#require(expression.dtype === dtype && expression.lanes === 1, () => `${what} is ${expression.dtype}×${expression.lanes}, not ${dtype}: ${this.#show(expression)}`);
  }

  #access(id: BufferId, index: readonly Expression[], value: Expression, defined: ReadonlySet<LocalId>): void {
    const buffer = this.#kernel.buffers[id];
    this.#require(buffer !== undefined, () => `buffer ${id} does not exist`);
    this.#require(buffer!.shape.length === index.length, () => `${buffer!.name} has ${buffer!.shape.length} dimensions, indexed by ${index.length}`);
    this.#require(buffer!.dtype === value.dtype, () => `${buffer!.name} holds ${buffer!.dtype}, accessed as ${value.dtype}`);
    this.#require(value.lanes === 1 || buffer!.strides.at(-1) === 1, () => `${value.lanes} lanes of ${buffer!.name}, whose last stride is ${buffer!.strides.at(-1)}`);
    for (const one of index) this.#scalar(one, "i32", defined, "an index");
  }

  #expression(expression: Expression, defined: ReadonlySet<LocalId>): void {
    const { dtype, lanes } = expression;
    const typed = (holds: boolean): void => this.#require(holds, () => `wrongly typed, as ${dtype}×${lanes}: ${this.#show(expression)}`);
    typed(Number.isInteger(lanes) && lanes >= 1 && (lanes & (lanes - 1)) === 0);
    switch (expression.kind) {
      case "constant":
        typed((typeof expression.value === "bigint") === (dtype === "i64" || dtype === "u64"));
        return;
      case "argument":
        this.#require(false, () => "an argument of a scalar function");
        return;
      case "local":
        this.#isOfLocal(expression.local, expression);
        this.#require(defined.has(expression.local), () => `${this.#nameOf(expression.local)} is read before it has a value`);
        return;
      case "iota":
        typed(lanes > 1 && isInteger(dtype));
        return;
      case "load":
        this.#access(expression.buffer, expression.index, expression, defined);
        return;
      case "splat":
        this.#expression(expression.operand, defined);
        typed(lanes > 1 && expression.operand.lanes === 1 && expression.operand.dtype === dtype);
        return;
      case "pack": {
        const { operands } = expression;
        for (const operand of operands) this.#expression(operand, defined);
        typed(operands.length > 1 && operands.every((operand) => operand.dtype === dtype && operand.lanes * operands.length === lanes));
        return;
      }
      case "lane":
        this.#expression(expression.operand, defined);
        typed(lanes === 1 && expression.operand.dtype === dtype && expression.operand.lanes > 1 && expression.index >= 0 && expression.index < expression.operand.lanes);
        return;
      case "reduce":
        this.#expression(expression.operand, defined);
        typed(lanes === 1 && expression.operand.lanes > 1 && expression.operand.dtype === dtype);
        return;
      case "unary":
        this.#expression(expression.operand, defined);
        typed(expression.operand.dtype === dtype && expression.operand.lanes === lanes);
        typed(expression.op !== "sqrt" || isFloat(dtype));
        return;
      case "binary": {
        const { op, left, right } = expression;
        this.#expression(left, defined);
        this.#expression(right, defined);
        typed(left.dtype === right.dtype && left.lanes === lanes && right.lanes === lanes);
        typed(dtype === (comparisons.has(op) ? "bool" : left.dtype));
        typed(!bitwise.has(op) || !isFloat(dtype));
        typed(!shifts.has(op) || isInteger(dtype));
        typed(op !== "mulhi" || dtype === "u32");
        typed(op !== "dot" || dtype === "i32");
        return;
      }
      case "multiplyAdd": {
        const operands = [expression.left, expression.right, expression.sum];
        for (const operand of operands) this.#expression(operand, defined);
        typed(isFloat(dtype) && operands.every((operand) => operand.dtype === dtype && operand.lanes === lanes));
        return;
      }
      case "select": {
        const { condition, then, otherwise } = expression;
        for (const operand of [condition, then, otherwise]) this.#expression(operand, defined);
        typed(condition.dtype === "bool" && [condition, then, otherwise].every((operand) => operand.lanes === lanes));
        typed(then.dtype === dtype && otherwise.dtype === dtype);
        return;
      }
      case "cast":
        this.#expression(expression.operand, defined);
        typed(expression.operand.lanes === lanes);
        return;
      case "bitcast":
        this.#expression(expression.operand, defined);
        typed((expression.operand.lanes === 1) === (lanes === 1) && expression.operand.lanes * bytesOf(expression.operand.dtype) === lanes * bytesOf(dtype));
        return;
      case "call":
        for (const operand of expression.args) this.#expression(operand, defined);
        typed(isFloat(dtype) && expression.args.every((operand) => operand.dtype === dtype && operand.lanes === lanes));
        typed(expression.args.length === (expression.function === "pow" || expression.function === "atan2" ? 2 : 1));
        return;
      default: unreachable(expression);
    }
  }

  #parallel(loop: ForStatement): void {
    if ((tripCount(loop) ?? 2) < 2) return;
    const set = localsSet(loop.body);
    for (const local of liveIn(loop.body, new Set([loop.local])))
      this.#require(!set.has(local), () => `${this.#nameOf(local)} goes from one iteration of a parallel loop to the next`);
    // Inner counters take the same values in every iteration, so that an index of them alone repeats.
    if (tripCount(loop) === undefined) return;
    const varying = new Set([...set, loop.local]);
    this.#repeatedStores(loop, loop.body, varying);
  }

  #repeatedStores(loop: ForStatement, body: readonly Statement[], varying: ReadonlySet<LocalId>): void {
    for (const statement of body) {
      if (statement.kind === "store") {
        const changes = statement.index.some((index) => mentionsLocal(index, varying) || someExpression(index, (one) => one.kind === "load"));
        this.#require(changes, () => `iterations of the parallel loop over ${this.#nameOf(loop.local)} store to the same element of ${this.#kernel.buffers[statement.buffer]!.name}`);
      } else if (statement.kind === "for" && (tripCount(statement) ?? 0) > 0) {
        const inner = new Set(varying);
        inner.delete(statement.local);
        this.#repeatedStores(loop, statement.body, inner);
      }
    }
  }
}
