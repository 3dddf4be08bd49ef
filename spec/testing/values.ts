/** Values in the comments of cases: written, made into tensors, compared. */
import { dtypes, isBig, isFloat, sizeOf, type DType } from "../../runtime/dtype.ts";
import { randomTensor } from "../../compiler/cli/random.ts";
import type { TensorType } from "../../compiler/graph/graph.ts";
import { get, put, zeros, type Tensor } from "../../compiler/graph/tensor.ts";

/** A number (exact as its text), a list of values, or seeded random elements. */
export type Value = string | readonly Value[];

export interface Given {
  readonly name: string;
  readonly value: Value;
}

export interface Want extends Given {
  /** Written with `~`. */
  readonly near: boolean;
}

/** `a = [1, 2], b ~ 3` */
export function parseAssignments(text: string, line: number): Want[] {
  const tokens = text.match(/[[\],]|[=~]|[^\s[\],=~]+/g) ?? [];
  let at = 0;
  const expect = (...texts: string[]): string => {
    const token = tokens[at++];
    if (token === undefined || !texts.includes(token)) throw new Error(`line ${line}: ${texts.join(" or ")} is missing in ${text}`);
    return token;
  };
  const value = (): Value => {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`line ${line}: a value is missing in ${text}`);
    if (token !== "[") return token;
    const list: Value[] = [];
    while (tokens[at] !== "]") {
      list.push(value());
      if (tokens[at] !== "]") expect(",");
    }
    at += 1;
    return list;
  };
  const result: Want[] = [];
  while (at < tokens.length) {
    if (result.length > 0) expect(",");
    const name = tokens[at++]!;
    const near = expect("=", "~") === "~";
    result.push({ name, near, value: value() });
  }
  return result;
}

function numberOf(text: string, dtype: DType): number | bigint {
  const named: { readonly [text: string]: number } = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity, true: 1, false: 0, "-0": -0 };
  if (Object.hasOwn(named, text)) return named[text]!;
  if (isBig(dtype)) return BigInt(text);
  const number = Number(text);
  if (Number.isNaN(number)) throw new Error(`${text} is not a number`);
  return number;
}

/** A tensor of this type; a number fills one of any shape. */
export function tensorOf(name: string, type: TensorType, value: Value): Tensor {
  if (typeof value === "string" && value.startsWith("random:")) {
    const [, seed, low, high] = value.split(":");
    const range = low === undefined ? undefined : { low: Number(low), high: Number(high) };
    return { type, data: randomTensor({ name, ...type }, Number(seed), range).data };
  }
  const tensor = zeros(type);
  if (typeof value === "string") {
    for (let flat = 0; flat < tensor.data.length; flat++) put(tensor, flat, numberOf(value, type.dtype));
    return tensor;
  }
  const shape: number[] = [];
  for (let part: Value | undefined = value; part !== undefined && typeof part !== "string"; part = part[0]) shape.push(part.length);
  const leaves = value.flat(16) as string[];
  // [] is any tensor without elements.
  if (leaves.length !== sizeOf(type.shape) || (leaves.length > 0 && shape.join() !== type.shape.join())) throw new Error(`${name} is ${type.dtype}[${type.shape.join(", ")}], and the value has shape [${shape.join(", ")}]`);
  leaves.forEach((leaf, flat) => put(tensor, flat, numberOf(leaf, type.dtype)));
  return tensor;
}

/** How far apart two results may be that should be near: parts of the larger of the value and 1. */
const nearness: { readonly [dtype in DType]?: number } = { f64: 1e-12, f32: 1e-5, f16: 4e-3, bf16: 3e-2 };

function same(a: number | bigint, b: number | bigint, dtype: DType, near: boolean): boolean {
  if (Object.is(a, b)) return true;
  if (!near || !isFloat(dtype)) return false;
  const [x, y] = [Number(a), Number(b)];
  return Math.abs(x - y) <= nearness[dtype]! * Math.max(1, Math.abs(x), Math.abs(y));
}

export const show = (tensor: Tensor): string => {
  const elements = Array.from({ length: Math.min(24, tensor.data.length) }, (_, flat) => {
    const value = get(tensor, flat);
    return Object.is(value, -0) ? "-0" : String(value);
  });
  return `${tensor.type.dtype}[${tensor.type.shape.join(", ")}] ${elements.join(" ")}${tensor.data.length > 24 ? " …" : ""}`;
};

/** Where two tensors differ first; undefined when they agree, exactly or nearly. NaN agrees with NaN. */
export function difference(actual: Tensor, wanted: Tensor, near: boolean): string | undefined {
  const { dtype } = actual.type;
  if (dtype !== wanted.type.dtype || actual.type.shape.join() !== wanted.type.shape.join()) return `${show(actual)}, wanted ${show(wanted)}`;
  for (let flat = 0; flat < actual.data.length; flat++) {
    const [a, b] = [get(actual, flat), get(wanted, flat)];
    if (!same(a, b, dtype, near)) return `element ${flat} is ${a}, wanted ${b}: ${show(actual)}, wanted ${show(wanted)}`;
  }
  return undefined;
}

/** Every dtype's elements as bits, to say that two results are the same to the last. */
export const bitsOf = (tensor: Tensor): string => Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length * dtypes[tensor.type.dtype].bytes).toString("hex");
