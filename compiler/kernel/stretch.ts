/** What a stretch costs: statements between which no loop or branch stands. The rules are those of `cycles.ts`. */
import { bytesOf, isFloat, isInteger } from "../../runtime/dtype.ts";
import { unreachable } from "../support/bug.ts";
import { cycleModel, floatInstructions, integerInstructions, mathCycles } from "./cycle-model.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "./kernel.ts";
import { coefficientOf, linearForm } from "./linear.ts";
import { operandsOf } from "./vector-support.ts";
import { mentionsLocal, visitExpression, type LoadExpression } from "./walk.ts";

/** Where a stretch of code runs: the innermost loop around it, and the loop that runs in vectors, if one does. */
export interface Scope {
  readonly loop?: Surroundings;
  readonly vector?: { readonly counter: LocalId; readonly lanes: number };
  /** Middle value of each counter around. */
  readonly counters: ReadonlyMap<LocalId, number>;
}

/** What changes from one iteration of a loop to the next. */
export interface Surroundings {
  readonly locals: ReadonlySet<LocalId>;
  readonly stored: ReadonlySet<BufferId>;
  /** Loads that were found not to change: done once before the loop. */
  readonly hoisted: Set<string>;
}

/** Counts the instructions of statements between which no loop or branch stands. */
export class Stretch {
  readonly #kernel: Kernel;
  readonly #scope: Scope;
  /** Number of each different expression, by what it is made of; and by the object, so that shared parts are looked at once. */
  readonly #numbers = new Map<string, number>();
  readonly #known = new Map<Expression, number>();
  readonly #versions = new Map<LocalId, number>();
  #memory = 0;
  #single = 0;
  #integer = 0;
  #float = 0;

  constructor(kernel: Kernel, scope: Scope) {
    this.#kernel = kernel;
    this.#scope = scope;
  }

  get cycles(): number {
    const main = Math.ceil(this.#memory / cycleModel.streamsPerInstruction) + this.#single + this.#integer;
    return Math.max(main, this.#float);
  }

  add(statement: Extract<Statement, { kind: "set" | "store" }>): void {
    this.value(statement.value);
    if (statement.kind === "store") {
      this.#access(statement.buffer, statement.index);
      return;
    }
    this.#versions.set(statement.local, (this.#versions.get(statement.local) ?? 0) + 1);
    // What was known under the old value of the local is not known any more.
    this.#known.clear();
  }

  /** Counts an expression once; gives its number. */
  value(expression: Expression): number {
    const known = this.#known.get(expression);
    if (known !== undefined) return known;
    const product = fusedProduct(expression);
    const operands = expression.kind === "load" ? expression.index.map((index) => this.#index(index)) : operandsOf(expression).map((operand) => (operand === product ? this.#operands(operand) : `${this.value(operand)}`));
    const key = `${head(expression, (local) => this.#versions.get(local) ?? 0)}(${operands.join()})`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(key, number);
      this.#count(expression, key);
    }
    this.#known.set(expression, number);
    return number;
  }

  /** The factors of a product that is part of a multiply–add. */
  #operands(product: Expression): string {
    return `*${operandsOf(product).map((operand) => this.value(operand)).join()}`;
  }

  /** Linear indices move with the loops, by the addressing of loads and stores; others are computed. */
  #index(index: Expression): string {
    const form = linearForm(index);
    if (form === undefined) return `${this.value(index)}`;
    return `${form.constant}${[...form.terms].map(([local, coefficient]) => `+${coefficient}·${local}.${this.#versions.get(local) ?? 0}`).join("")}`;
  }

  #count(expression: Expression, key: string): void {
    const lanes = this.#scope.vector?.lanes ?? 1;
    const bytes = bytesOf(expression.dtype);
    switch (expression.kind) {
      case "constant": case "argument": case "local": case "splat": case "pack": case "lane": case "iota": case "bitcast": return;
      case "load": return this.#load(expression, key);
      case "reduce": this.#float += Math.log2(expression.operand.lanes); return;
      case "unary": return this.#operation(expression.op, expression.dtype, lanes);
      case "binary": return this.#operation(expression.op, expression.left.dtype, lanes);
      case "multiplyAdd": return this.#operation(expression.op, expression.dtype, lanes);
      case "select":
        if (isFloat(expression.dtype)) this.#operation("max", expression.dtype, lanes);
        else this.#integer += bytes === 8 ? 2 : 1;
        return;
      case "cast":
        if (isConversion(expression)) return;
        if (expression.dtype === "f64" || expression.operand.dtype === "f64") this.#integer += cycleModel.double * lanes;
        else if (isFloat(expression.dtype) || isFloat(expression.operand.dtype)) this.#float += 1;
        else if (isInteger(expression.dtype) && bytes < bytesOf(expression.operand.dtype)) this.#integer += 1;
        return;
      case "call":
        this.#float += mathCycles[expression.function] * lanes * (expression.dtype === "f64" ? cycleModel.double : 1);
        return;
      default: unreachable(expression);
    }
  }

  #operation(op: Extract<Expression, { kind: "unary" | "binary" }>["op"], dtype: Expression["dtype"], lanes: number): void {
    if (dtype === "f64") this.#integer += cycleModel.double * lanes;
    else if (isFloat(dtype)) this.#float += floatInstructions(op, lanes);
    else if (dtype === "bool" && lanes > 1) this.#float += 1;
    else this.#integer += integerInstructions(op, bytesOf(dtype));
  }

  #load(load: LoadExpression, key: string): void {
    const { loop } = this.#scope;
    if (loop !== undefined && !loop.stored.has(load.buffer) && load.index.every((index) => !mentionsLocal(index, loop.locals) && !containsLoad(index))) {
      loop.hoisted.add(key);
      return;
    }
    this.#access(load.buffer, load.index);
  }

  #access(buffer: BufferId, index: readonly Expression[]): void {
    const { strides } = this.#kernel.buffers[buffer]!;
    const { vector } = this.#scope;
    let stride: number | undefined = 0;
    index.forEach((one, dimension) => {
      const form = linearForm(one);
      if (form === undefined) stride = undefined;
      else if (vector !== undefined && stride !== undefined) stride += coefficientOf(form, vector.counter) * strides[dimension]!;
    });
    if (vector === undefined) {
      // One element: a stream where the address moves evenly.
      if (stride === undefined || this.#scope.loop === undefined) this.#single += 1;
      else this.#memory += 1;
    } else if (stride === 1 || stride === 0) this.#memory += 1;
    else this.#single += vector.lanes;
  }
}

/** The operand of a sum or difference that is a product, so that both are one instruction. */
function fusedProduct(expression: Expression): Expression | undefined {
  if (expression.kind !== "binary" || (expression.op !== "add" && expression.op !== "sub") || !isFloat(expression.dtype) || expression.dtype === "f64") return undefined;
  return [expression.right, expression.left].find((operand) => operand.kind === "binary" && operand.op === "mul");
}

function containsLoad(expression: Expression): boolean {
  let found = false;
  visitExpression(expression, (one) => {
    if (one.kind === "load") found = true;
  });
  return found;
}

/** An expression without its operands, as text. */
function head(expression: Expression, version: (local: LocalId) => number): string {
  const { kind, dtype } = expression;
  switch (kind) {
    case "constant": return `${dtype} ${String(expression.value)}`;
    case "argument": return `argument ${expression.index}`;
    case "local": return `local ${expression.local}.${version(expression.local)}`;
    case "load": return `load ${expression.buffer}`;
    case "unary": case "binary": case "reduce": return `${dtype} ${expression.op}`;
    case "multiplyAdd": return `${dtype} ${kind} ${expression.op}`;
    case "call": return expression.function;
    case "lane": return `${dtype} ${kind} ${expression.index}`;
    case "splat": case "pack": case "iota": case "select": case "cast": case "bitcast": return `${dtype} ${kind}`;
    default: return unreachable(expression);
  }
}

/** Between f32 and the 16-bit floats, which memory instructions do on the way. */
export const isConversion = (expression: Expression): boolean =>
  expression.kind === "cast" && isFloat(expression.dtype) && isFloat(expression.operand.dtype) && expression.dtype !== "f64" && expression.operand.dtype !== "f64";
