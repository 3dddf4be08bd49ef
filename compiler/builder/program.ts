/** Statements of a program: control, effects, variables, gradients. What a callback does becomes the block. */
import { isFloat, type DType } from "../../runtime/dtype.ts";
import { BuildError } from "./errors.ts";
import { place, writeBlock, type Writer } from "./scope.ts";
import { declareVariable, Variable } from "./states.ts";
import { checkedName, expression, one, Tensor, writeFunction, type Operand } from "./tensor.ts";

export class Program {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /** A variable of this block, with its first value. */
  variable<D extends DType>(name: string, initial: Tensor<D>): Variable<D> {
    return declareVariable(checkedName(name), initial, expression([initial]).text);
  }

  /** Runs `body` `count` times: a number, or an i32 scalar known at run time, which a gradient needs a `limit` for. */
  repeat(count: number | Tensor<"i32">, body: () => void, { limit }: LoopOptions = {}): void {
    this.#block(`repeat ${expression([count]).text}${limitText(limit)} {`, body);
  }

  /** Runs `body` while `condition`, which is worked out before each round, holds; at most `limit` times, where that is given. */
  while(condition: () => Tensor<"bool">, body: () => void, { limit }: LoopOptions = {}): void {
    const going = new Variable<"bool">(this.#writer, place("while").block, this.#writer.freshName(), { dtype: "bool", shape: [] });
    const judge = (line: (text: string) => string): void => {
      const text = expression([scalarBool(condition(), "while")]).text;
      place("while").block.lines.push(line(text));
    };
    judge((text) => `var ${going.name} = ${text};`);
    this.#block(`while ${going.name}${limitText(limit)} {`, () => {
      body();
      judge((text) => `${going.name} = ${text};`);
    });
  }

  /** One of two blocks, by a bool scalar known at run time. */
  if(condition: Tensor<"bool">, then: () => void, otherwise?: () => void): void {
    this.#block(`if ${expression([scalarBool(condition, "if")]).text} {`, then, otherwise && { head: "} else {", body: otherwise });
  }

  /** One block by number. */
  switch(subject: Tensor<"i32">, cases: { readonly [value: number]: () => void }, otherwise: () => void = () => {}): void {
    const { block } = place("switch");
    const lines = Object.entries(cases).flatMap(([value, body]) => [`${value} => {`, ...writeBlock(this.#writer, body), "}"]);
    block.lines.push(`switch ${expression([subject]).text} {`, ...lines, "default => {", ...writeBlock(this.#writer, otherwise), "}", "}");
  }

  /** Runs a compute set. */
  execute(computeSet: string): void {
    place("execute").block.lines.push(`execute ${computeSet};`);
  }

  /** Runs the statements of another program here. */
  call(program: string): void {
    place("call").block.lines.push(`call ${program};`);
  }

  /** Shows values when the program gets here. */
  print(label: string, ...values: readonly Operand[]): void {
    place("print").block.lines.push(`print(${[JSON.stringify(label), ...values.map((value) => expression([value]).text)].join(", ")});`);
  }

  /** Ends the run with an error where the condition does not hold. */
  assert(condition: Tensor<"bool">, why: string): void {
    place("assert").block.lines.push(`assert(${expression([condition]).text}, ${JSON.stringify(why)});`);
  }

  /** Gradient of a float scalar by each of the tensors; of their types. */
  grad<const T extends readonly Tensor[]>(loss: Tensor, by: T): { readonly [K in keyof T]: T[K] extends Tensor<infer D> ? Tensor<D> : never } {
    if (!isFloat(loss.dtype) || loss.shape.length > 0) throw new BuildError(`grad needs a float scalar as the loss, and ${loss.name} is ${loss.dtype}[${loss.shape.join(", ")}]`);
    const wrong = by.find(({ dtype }) => !isFloat(dtype));
    if (wrong) throw new BuildError(`grad needs float tensors to differentiate by, and ${wrong.name} is ${wrong.dtype}`);
    const { writer, block } = place("grad");
    const names = by.map(() => writer.freshName());
    const arguments_ = by.map((tensor) => expression([tensor]).text).join(", ");
    const [left, right] = by.length === 1 ? [names[0], arguments_] : [`(${names.join(", ")})`, `(${arguments_})`];
    block.lines.push(`let ${left} = grad(${expression([loss]).text}, ${right});`);
    return by.map(({ dtype, shape }, position) => new Tensor(writer, block, names[position]!, { dtype, shape })) as never;
  }

  /** What `body` gives; a gradient computes again what is made in it, instead of keeping it. */
  recompute<D extends DType>(body: () => Tensor<D>): Tensor<D> {
    const { writer, block } = place("recompute");
    const [fn, name] = [`again_${writer.freshName()}`, writer.freshName()];
    const { result, lines } = writeFunction(writer, fn, body);
    block.lines.push(...lines, `let ${name} = recompute(${fn}());`);
    return new Tensor(writer, block, name, { dtype: result.dtype, shape: result.shape });
  }

  /** Into how many parts each dimension of the result of an op is cut; the user's word before the cost model's. */
  partition<D extends DType>(value: Tensor<D>, parts: readonly number[]): Tensor<D> {
    return one(expression(["partition(", value, `, (${parts.join(", ")}${parts.length === 1 ? "," : ""}))`]));
  }

  #block(head: string, body: () => void, second?: { readonly head: string; readonly body: () => void }): void {
    const { block } = place(head);
    const lines = [head, ...writeBlock(this.#writer, body)];
    if (second) lines.push(second.head, ...writeBlock(this.#writer, second.body));
    block.lines.push(...lines, "}");
  }
}

export interface LoopOptions {
  /** The most rounds there can be: what a gradient keeps is made for so many. */
  readonly limit?: number;
}

function limitText(limit: number | undefined): string {
  if (limit === undefined) return "";
  if (!Number.isInteger(limit) || limit < 0) throw new BuildError(`the limit of a loop is a whole number from 0, not ${limit}`);
  return ` limit ${limit}`;
}

function scalarBool(condition: Tensor<"bool">, what: string): Tensor<"bool"> {
  if (condition.dtype === "bool" && condition.shape.length === 0) return condition;
  throw new BuildError(`${what} needs a bool scalar, and ${condition.name} is ${condition.dtype as string}[${condition.shape.join(", ")}]`);
}
