/** Calls of the library: what the functions in `library/` are made of. */
import type { DType } from "../../runtime/dtype.ts";
import type { TensorType } from "../graph/graph.ts";
import { BuildError } from "./errors.ts";
import { place } from "./scope.ts";
import { expression, literal, results, separated, Tensor, type Operand, type Token } from "./tensor.ts";

/** What a call takes: operands, tuples of them, compile-time values; the last may be options by name. */
export type Argument = Operand | string | readonly Argument[] | { readonly [name: string]: Argument | undefined };

export interface Shape {
  /** The call takes a dtype: as its first argument, or as the option `dtype`. */
  readonly dtype?: "first" | "option";
  /** The type of the result is not known from the arguments: the option `type` says it. */
  readonly typed?: boolean;
  /** How many tensors it gives; 1 where absent. */
  readonly results?: number;
}

/** A function that writes a call of `name`. Its TypeScript type is what the table says of it. */
export function define<F>(module: string, name: string, shape: Shape = {}): F {
  return ((...given: readonly Argument[]) => {
    const list = [...given];
    const options = isOptions(list.at(-1)) ? { ...(list.pop() as { [name: string]: Argument | undefined }) } : {};
    let dtype: Argument | undefined;
    if (shape.dtype === "first") dtype = list.shift();
    else if (shape.dtype === "option") {
      dtype = options["dtype"];
      delete options["dtype"];
    }
    let type: TensorType | undefined;
    if (shape.typed) {
      type = options["type"] as unknown as TensorType;
      delete options["type"];
      if (!Array.isArray(type?.shape)) throw new BuildError(`${name} takes { type: f32(…) }: nothing else says what it gives`);
    }
    const named = Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [[`${key} = `, ...tokensOf(value, `${key} of ${name}`)]]));
    const all = [...list.map((value, position): Token[] => tokensOf(value, `argument ${position + 1} of ${name}`)), ...named];
    const { writer } = place(name);
    writer.use(module, name);
    const tensors = results(expression([`${name}${dtype === undefined ? "" : `<${dtypeText(dtype, name)}>`}(`, ...separated(all), ")"]), shape.results ?? 1, type === undefined ? {} : { type });
    return shape.results === undefined ? tensors[0] : tensors;
  }) as F;
}

/** A function that was declared in source given to the builder: `results` tensors come back. */
export function callDeclared(name: string, count: number, args: readonly Argument[]): Tensor[] {
  const tensors = define<(...args: readonly Argument[]) => Tensor[] | Tensor>("", name, count === 1 ? {} : { results: count })(...args);
  return Array.isArray(tensors) ? tensors : [tensors];
}

/** Tensors multiplied, and summed over the dimensions that the equation's result does not name: `einsum("ij,jk->ik", a, b)`. */
export function einsum<D extends DType>(equation: string, ...operands: readonly Tensor<D>[]): Tensor<D> {
  return callDeclared("einsum", 1, [equation, ...operands])[0] as Tensor as Tensor<D>;
}

const isOptions = (value: Argument | undefined): boolean => typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Tensor);

function dtypeText(value: Argument, name: string): DType {
  if (typeof value === "string") return value as DType;
  throw new BuildError(`${name} takes a dtype: "f32", "i32", …`);
}

function tokensOf(value: Argument, what: string): Token[] {
  if (value instanceof Tensor) return [value];
  if (typeof value === "string") return [JSON.stringify(value)];
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return [literal(value)];
  if (Array.isArray(value)) {
    const elements = value.map((element: Argument, position) => tokensOf(element, `element ${position} of ${what}`));
    return ["(", ...separated(elements), elements.length === 1 ? ",)" : ")"];
  }
  throw new BuildError(`${what} is ${value === null ? "null" : typeof value === "object" ? "an object" : typeof value}: a tensor, a number, a bool, a string or a list of them is wanted`);
}
