/** States of a graph: inputs, params, outputs, variables, streams; and parts of them. */
import type { DType } from "../../runtime/dtype.ts";
import type { TensorType } from "../graph/graph.ts";
import { place, type Block } from "./scope.ts";
import { expression, itemTokens, one, Tensor, type Item, type Operand } from "./tensor.ts";
import type { TypeOf } from "./types.ts";

/** A part of a state where it lies: to be mapped or connected to a vertex. */
export class Part<D extends DType = DType> {
  readonly whole: Tensor<D>;
  /** As a source writes it: `x[1:-1, 0]`. */
  readonly text: string;

  constructor(whole: Tensor<D>, items: readonly Item[]) {
    this.whole = whole;
    this.text = `${whole.name}${itemTokens(items).map((token) => (token instanceof Tensor ? token.name : typeof token === "object" ? String(token.literal) : String(token))).join("")}`;
  }
}

/** A part that can be assigned too. */
export class VariablePart<D extends DType = DType> extends Part<D> {
  /** Gives the part new values; of its shape, or broadcast to it. */
  set(value: Operand<D>): void { assign(this.whole, this.text, "=", value); }
  add(value: Operand<D>): void { assign(this.whole, this.text, "+=", value); }
  sub(value: Operand<D>): void { assign(this.whole, this.text, "-=", value); }
  mul(value: Operand<D>): void { assign(this.whole, this.text, "*=", value); }
}

/** An `in` or a `param`. */
export class State<D extends DType = DType> extends Tensor<D> {
  part(...items: readonly Item[]): Part<D> { return new Part<D>(this, items); }
}

/**
 * Something that is assigned. Used as a tensor it stands for the value it has at that point of the program; `snapshot`
 * keeps that value under a name.
 */
export class Variable<D extends DType = DType> extends State<D> {
  set(value: Operand<D>): void { assign(this, this.name, "=", value); }

  /** The value now, which later assignments do not change. */
  snapshot(): Tensor<D> { return one(expression([this])); }

  override part(...items: readonly Item[]): VariablePart<D> { return new VariablePart<D>(this, items); }
}

/** An `out` of the graph. */
export class Output<D extends DType = DType> extends Variable<D> {}

function assign(whole: Tensor, target: string, operator: string, value: Operand): void {
  const { text, operands } = expression([value]);
  expression([whole]);
  const { writer, block } = place(target);
  // The right side may be of another shape only where it broadcasts: the checker judges a sum of both.
  if (operands.size > 0) writer.typesOf(`select(true, ${target}, ${text})`, 1, new Map<string, TensorType>([...operands, [whole.name, { dtype: whole.dtype, shape: whole.shape }]]));
  block.lines.push(`${target} ${operator} ${text};`);
}

class Stream<D extends DType> {
  readonly name: string;
  readonly type: TypeOf<D>;

  constructor(name: string, type: TypeOf<D>) {
    this.name = name;
    this.type = type;
  }
}

export class InputStream<D extends DType = DType> extends Stream<D> {
  /** Takes the next element. */
  next(): Tensor<D> {
    const { writer, block } = place(`next(${this.name})`);
    const name = writer.freshName();
    block.lines.push(`let ${name} = next(${this.name});`);
    return new Tensor(writer, block, name, this.type);
  }
}

export class OutputStream<D extends DType = DType> extends Stream<D> {
  /** Sends one element. */
  send(value: Operand<D>): void {
    const { block } = place(`send(${this.name}, …)`);
    block.lines.push(`send(${this.name}, ${expression([value]).text});`);
  }
}

/** A variable of a program, declared where the statement stands. */
export function declareVariable<D extends DType>(name: string, initial: Tensor<D>, text: string): Variable<D> {
  const { writer, block }: { writer: Tensor["writer"]; block: Block } = place(name);
  block.lines.push(`var ${name} = ${text};`);
  return new Variable(writer, block, name, { dtype: initial.dtype, shape: initial.shape });
}
