/** States of a graph: inputs, params, outputs, variables, streams; and parts of them. */
import type { DType } from "../../runtime/dtype.ts";
import { formatType, sameShape, type TensorType } from "../graph/graph.ts";
import type { Diagnostic } from "../support/diagnostic.ts";
import { BuildError } from "./errors.ts";
import { place, type Block } from "./scope.ts";
import { expression, itemTokens, one, Tensor, type Item, type Operand, type Token } from "./tensor.ts";
import type { TypeOf } from "./types.ts";

/** A part of a state where it lies: to be mapped or connected to a vertex. */
export class Part<D extends DType = DType> {
  readonly whole: Tensor<D>;
  /** As a source writes it: `x[1:-1, 0]`. */
  readonly text: string;
  readonly tokens: readonly Token[];

  constructor(whole: Tensor<D>, items: readonly Item[]) {
    this.whole = whole;
    this.tokens = [whole, ...itemTokens(items)];
    this.text = `${this.tokens.map((token) => (token instanceof Tensor ? token.name : typeof token === "object" ? String(token.literal) : String(token))).join("")}`;
  }
}

/** A part that can be assigned too. */
export class VariablePart<D extends DType = DType> extends Part<D> {
  /** Gives the part new values; of its shape, or broadcast to it. */
  set(value: Operand<D>): void { assign(this.tokens, "=", value); }
  add(value: Operand<D>): void { assign(this.tokens, "+=", value); }
  sub(value: Operand<D>): void { assign(this.tokens, "-=", value); }
  mul(value: Operand<D>): void { assign(this.tokens, "*=", value); }
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
  set(value: Operand<D>): void { assign([this], "=", value); }

  /** The value now, which later assignments do not change. */
  snapshot(): Tensor<D> { return one(expression([this])); }

  override part(...items: readonly Item[]): VariablePart<D> { return new VariablePart<D>(this, items); }
}

/** An `out` of the graph. */
export class Output<D extends DType = DType> extends Variable<D> {}

/** `target`: a variable, or a part of one. */
function assign(target: readonly Token[], operator: string, value: Operand): void {
  const right = expression([value]);
  const left = expression(target);
  const { writer, block } = place(left.text);
  if (right.operands.size > 0) {
    // The right side may be of another shape only where it broadcasts to the left: the checker judges a choice of both.
    const [type] = writer.typesOf(left.text, 1, left.operands);
    const known = right.operands.get(right.text);
    const misfit = (given: TensorType, diagnostics: readonly Diagnostic[] = []): BuildError =>
      new BuildError(`${left.text} is ${formatType(type!)}, and ${right.text} is ${formatType(given)}`, diagnostics);
    let both: TensorType | undefined;
    try {
      [both] = writer.typesOf(`select(true, ${left.text}, ${right.text})`, 1, new Map([...right.operands, ...left.operands]));
    } catch (error) {
      throw error instanceof BuildError && known !== undefined ? misfit(known, error.diagnostics) : error;
    }
    if (!sameShape(type!.shape, both!.shape)) throw misfit(known ?? both!);
  }
  block.lines.push(`${left.text} ${operator} ${right.text};`);
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
