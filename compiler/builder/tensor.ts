/**
 * Tensors of a graph under construction. A tensor is a name of the source being written and its type; every operation
 * writes one `let` and is checked at once, so that a mistake throws where it is made.
 */
import { dtypes, type DType } from "../../runtime/dtype.ts";
import { formatType, type TensorType } from "../graph/graph.ts";
import { BuildError } from "./errors.ts";
import { place, writeBlock, type Block, type Writer } from "./scope.ts";
import type { TypeOf } from "./types.ts";

/** Where a tensor is wanted, a number (or bool) stands for a scalar of the neighbour's dtype. */
export type Operand<D extends DType = DType> = Tensor<D> | number | bigint | boolean;

/** `3`, `"1:-1"`, `"..."`: items of a slice as a source writes them; an i32 tensor gathers. */
export type Item = number | string | Tensor<"i32">;

export class Tensor<D extends DType = DType> implements TensorType {
  readonly dtype: D;
  /** Extents, outermost first. */
  readonly shape: readonly number[];
  /** The name it has in the source. */
  readonly name: string;
  readonly writer: Writer;
  /** The block it was made in; undefined for what the whole graph sees. */
  readonly block: Block | undefined;

  constructor(writer: Writer, block: Block | undefined, name: string, type: TypeOf<D>) {
    this.writer = writer;
    this.block = block;
    this.name = name;
    this.dtype = type.dtype;
    this.shape = type.shape;
  }

  /** Element by element; shapes broadcast as in NumPy. */
  add(other: Operand<D>): Tensor<D> { return this.#with("+", other); }
  sub(other: Operand<D>): Tensor<D> { return this.#with("-", other); }
  mul(other: Operand<D>): Tensor<D> { return this.#with("*", other); }
  div(other: Operand<D>): Tensor<D> { return this.#with("/", other); }
  rem(other: Operand<D>): Tensor<D> { return this.#with("%", other); }
  /** Matrix product: [..., m, k] · [..., k, n] → [..., m, n]. */
  matmul(other: Tensor<D>): Tensor<D> { return this.#with("@", other); }
  neg(): Tensor<D> { return one(expression(["-", this])); }

  eq(other: Operand<D>): Tensor<"bool"> { return this.#with("==", other); }
  ne(other: Operand<D>): Tensor<"bool"> { return this.#with("!=", other); }
  lt(other: Operand<D>): Tensor<"bool"> { return this.#with("<", other); }
  le(other: Operand<D>): Tensor<"bool"> { return this.#with("<=", other); }
  gt(other: Operand<D>): Tensor<"bool"> { return this.#with(">", other); }
  ge(other: Operand<D>): Tensor<"bool"> { return this.#with(">=", other); }

  /** On bool, and bit by bit on integers. */
  and(other: Operand<D>): Tensor<D> { return this.#with("&", other); }
  or(other: Operand<D>): Tensor<D> { return this.#with("|", other); }
  xor(other: Operand<D>): Tensor<D> { return this.#with("^", other); }
  not(): Tensor<D> { return one(expression([this.dtype === "bool" ? "!" : "~", this])); }
  shl(other: Operand<D>): Tensor<D> { return this.#with("<<", other); }
  shr(other: Operand<D>): Tensor<D> { return this.#with(">>", other); }

  /** A slice: `x.at(0)`, `x.at("1:-1", ":")`, `x.at("...", 0)`; indices as in NumPy. */
  at(...items: readonly Item[]): Tensor<D> { return one(expression([this, ...itemTokens(items)])); }

  cast<To extends DType>(dtype: To): Tensor<To> { return one(expression([`cast<${dtype}>(`, this, ")"])); }

  /** The same value under a name of its own, for whoever reads the source. */
  named(name: string): Tensor<D> { return one(expression([this]), checkedName(name)); }

  #with<To extends DType>(operator: string, other: Operand): Tensor<To> {
    const known = other instanceof Tensor || ["number", "bigint", "boolean"].includes(typeof other);
    if (!known) throw new BuildError(`beside ${this.name} ${operator} a tensor, a number or a bool is wanted, not ${other === null ? "null" : typeof other}`);
    return one(expression([this, ` ${operator} `, other]));
  }
}

/** An expression as text and operands, in the order of writing. */
export type Token = string | Operand | { readonly literal: number | bigint };

export interface Expression {
  readonly text: string;
  readonly operands: ReadonlyMap<string, TensorType>;
}

/** Writes tokens as one expression of the current block; every operand must be seen from there. */
export function expression(tokens: readonly Token[]): Expression {
  const operands = new Map<string, TensorType>();
  const text = tokens.map((token) => {
    if (token instanceof Tensor) {
      reachable(token);
      operands.set(token.name, { dtype: token.dtype, shape: token.shape });
      return token.name;
    }
    if (typeof token === "string") return token;
    return typeof token === "object" ? numberText(token.literal) : literal(token);
  }).join("");
  return { text, operands };
}

function reachable({ name, writer, block }: Tensor): void {
  const here = place(name);
  if (here.writer !== writer) throw new BuildError(`${name} is a tensor of ${writer.graphName} and is used in ${here.writer.graphName}`);
  if (block !== undefined && !here.block.sees(block)) throw new BuildError(`${name} was made in a block that has ended; carry it out with a variable`);
}

export const literal = (value: number | bigint | boolean): string => (typeof value === "boolean" ? String(value) : numberText(value));

/** A negative number stands in parentheses, so that it may follow an operator; so does what only a division gives. */
function numberText(value: number | bigint): string {
  if (typeof value === "number" && !Number.isFinite(value)) return Number.isNaN(value) ? "(0.0 / 0.0)" : `(${value < 0 ? "-" : ""}1.0 / 0.0)`;
  const text = String(Object.is(value, -0) ? "-0.0" : value);
  return text.startsWith("-") ? `(${text})` : text;
}

/** Lists of tokens with commas between them. */
export const separated = (lists: readonly (readonly Token[])[]): Token[] => lists.flatMap((tokens, position) => (position === 0 ? [...tokens] : [", ", ...tokens]));

/** `[0, 1:-1, ...]` as tokens. */
export function itemTokens(items: readonly Item[]): Token[] {
  return ["[", ...separated(items.map((item) => [typeof item === "number" ? { literal: item } : item])), "]"];
}

interface LetOptions {
  readonly name?: string;
  /** Written out, where the expression alone does not say it. */
  readonly type?: TensorType;
}

/** Writes `let NAME = expression;` and gives its tensors: one, or those of a tuple. */
export function results(written: Expression, count: number, { name, type }: LetOptions = {}): Tensor[] {
  const { writer, block } = place(written.text);
  const annotation = type === undefined ? "" : `: ${formatType(type)}`;
  const types = writer.typesOf(written.text, count, written.operands, annotation);
  const names = types.map(() => name ?? writer.freshName());
  block.lines.push(`let ${count === 1 ? names[0] : `(${names.join(", ")})`}${annotation} = ${written.text};`);
  return types.map((type, position) => new Tensor(writer, block, names[position]!, type as TypeOf<DType>));
}

/** The one tensor of an expression. The checker has judged its dtype; the type parameter is what the signature says of it. */
export function one<D extends DType>(written: Expression, name?: string): Tensor<D> {
  return results(written, 1, name === undefined ? {} : { name })[0] as Tensor as Tensor<D>;
}

/** What `body` does as a function of no parameters, and what it gives. */
export function writeFunction<T extends Operand>(writer: Writer, name: string, body: () => T): { readonly result: T; readonly text: string; readonly lines: readonly string[] } {
  let result: T | undefined;
  let text = "";
  const lines = writeBlock(writer, () => {
    result = body();
    text = expression([result]).text;
  });
  const given = result as T;
  return { result: given, text, lines: given instanceof Tensor ? [`fn ${name}() -> ${formatType(given)} {`, ...lines, `return ${text};`, "}"] : lines };
}

const reserved = new Set([...Object.keys(dtypes), "import", "export", "const", "fn", "vertex", "graph", "let", "var", "for", "if", "else", "while", "switch", "return", "true", "false", "in", "tiles"]);

/** A name that the source can have; dots only where `dotted`. */
export function checkedName(name: string, dotted = false): string {
  const pattern = dotted ? /^[A-Za-z_]\w*(\.\w+)*$/ : /^[A-Za-z_]\w*$/;
  if (!pattern.test(name)) throw new BuildError(`${JSON.stringify(name)} is no name: letters, digits and _, a letter first`);
  if (reserved.has(name)) throw new BuildError(`${name} is a word of the language and cannot be a name`);
  if (/^t\d+$/.test(name)) throw new BuildError(`${name} is a name the builder gives itself; take another`);
  return name;
}
