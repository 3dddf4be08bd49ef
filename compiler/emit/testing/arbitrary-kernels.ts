/**
 * For tests: random kernels over the whole kernel level, every dtype and vector width, with loops, branches and bounded whiles,
 * that stay inside their buffers and never divide by zero. Made step by step from a fast-check generator, so that failing
 * ones shrink.
 */
import fc from "fast-check";
import { bytesOf, dtypes, isBig, isFloat, isInteger, newArray, type DType } from "../../../runtime/dtype.ts";
import { limitsOf, put, type Tensor } from "../../graph/tensor.ts";
import { binary, bitcast, call, cast, constant, i32, iota, KernelBuilder, lane, pack, reduce, select, splat, unary } from "../../kernel/build.ts";
import type { BinaryOp, BufferId, Expression, Kernel, MathFunction, UnaryOp } from "../../kernel/kernel.ts";
import { vectorFits, vectorSupported } from "../../kernel/vector-support.ts";
import { nowhere } from "../../support/span.ts";

export type Choose = fc.GeneratorValue;

const allDTypes = Object.keys(dtypes) as DType[];
const unaryOps: readonly UnaryOp[] = ["neg", "abs", "not", "sqrt", "floor", "ceil", "trunc", "nearest", "popcount"];
const arithmetic: readonly BinaryOp[] = ["add", "sub", "mul", "div", "rem", "min", "max", "and", "or", "xor", "shl", "shr", "mulhi", "dot"];
const comparisons: readonly BinaryOp[] = ["eq", "ne", "lt", "le", "gt", "ge"];
const mathNames: readonly MathFunction[] = ["exp", "log", "sin", "tanh", "erf", "cbrt", "pow", "atan2"];

const rows = 5;
const columns = 40;

/** A loop index or a name for index arithmetic, with the values it can have. */
interface Index {
  readonly expression: Expression;
  readonly min: number;
  readonly max: number;
}

class KernelMaker {
  readonly #choose: Choose;
  readonly #builder = new KernelBuilder("random", nowhere);
  readonly #buffers: { readonly id: BufferId; readonly dtype: DType; readonly contiguous: boolean }[] = [];
  readonly #lanes: number;
  readonly #dtypes: readonly DType[];
  readonly #locals: Expression[] = [];
  #indices: Index[] = [];

  constructor(choose: Choose) {
    this.#choose = choose;
    this.#lanes = this.#oneOf([1, 1, 2, 4, 8, 16]);
    const fitting = allDTypes.filter((dtype) => this.#lanes === 1 || vectorFits(dtype, this.#lanes));
    this.#dtypes = choose(fc.subarray, fitting, { minLength: 1, maxLength: Math.min(4, fitting.length) });
  }

  make(): { kernel: Kernel; buffers: Tensor[]; offsets: number[] } {
    const buffers: Tensor[] = [];
    const offsets: number[] = [];
    for (let at = 0; at < 4; at++) {
      const dtype = this.#oneOf(this.#dtypes);
      const [strides, offset] = this.#oneOf<[number[], number]>([[[columns, 1], 0], [[columns + 3, 1], 2], [[-columns, 1], (rows - 1) * columns], [[0, 1], 0], [[1, rows], 0]]);
      const id = this.#builder.buffer({ name: `b${at}`, dtype, shape: [rows, columns], strides, access: "inout" });
      this.#buffers.push({ id, dtype, contiguous: strides[1] === 1 });
      buffers.push(this.#data(dtype, rows * (columns + 3) + 2));
      offsets.push(offset);
    }
    for (const dtype of this.#dtypes) {
      this.#locals.push(this.#builder.local(`s_${dtype}`, dtype));
      if (this.#lanes > 1) this.#locals.push(this.#builder.local(`v_${dtype}`, dtype, this.#lanes));
    }
    this.#block(3);
    return { kernel: this.#builder.finish(), buffers, offsets };
  }

  #oneOf<T>(choices: readonly T[]): T {
    return choices[this.#int(0, choices.length - 1)]!;
  }

  #int(min: number, max: number): number {
    return this.#choose(fc.integer, { min, max });
  }

  #value(dtype: DType): number | bigint {
    if (dtype === "bool") return this.#int(0, 1);
    if (isFloat(dtype)) {
      const value = this.#oneOf([0, -0, 1, -1, 0.5, 2.5, -3.5, Infinity, -Infinity, NaN, 255.5, 65504, 1e-7, -6e-8, 3e9, this.#int(-1000, 1000) / 8]);
      return dtype === "f16" ? Math.f16round(value) : dtype === "bf16" ? Math.trunc(value) % 128 || 0 : dtype === "f32" ? Math.fround(value) : value;
    }
    const { min, max } = limitsOf(dtype);
    const value = this.#oneOf([0n, 1n, 2n, min, max, min + 1n, BigInt(this.#int(0, 100))]);
    return isBig(dtype) ? value : Number(value);
  }

  #data(dtype: DType, length: number): Tensor {
    const tensor: Tensor = { type: { dtype, shape: [length] }, data: newArray(dtype, length) };
    const pool = Array.from({ length: 7 }, () => this.#value(dtype));
    for (let at = 0; at < length; at++) put(tensor, at, pool[(at * at + 3 * at) % pool.length]!);
    return tensor;
  }

  #block(depth: number): void {
    const outer = this.#indices;
    for (let left = this.#int(1, 3); left > 0; left--) this.#statement(depth);
    this.#indices = outer;
  }

  #statement(depth: number): void {
    const kind = depth === 0 ? this.#int(0, 5) : this.#int(0, 10);
    if (kind <= 3) this.#store();
    else if (kind === 4) this.#set();
    else if (kind === 5) this.#nameIndex();
    else if (kind <= 8) this.#for(depth);
    else if (kind === 9) this.#while(depth);
    else this.#builder.if(this.#expression("bool", 1, 2), () => this.#block(depth - 1), () => this.#block(depth - 1));
  }

  #store(): void {
    const { id, dtype, contiguous } = this.#oneOf(this.#buffers);
    const lanes = contiguous ? this.#oneOf([1, this.#lanes]) : 1;
    this.#builder.store(id, this.#index(lanes), this.#expression(dtype, lanes, 3));
  }

  #set(): void {
    const local = this.#oneOf(this.#locals);
    this.#builder.set(local, this.#expression(local.dtype, local.lanes, 3));
  }

  #nameIndex(): void {
    const from = this.#indices.at(-1);
    const masked = this.#oneOf([true, false, false]);
    if (masked) {
      // Not index arithmetic: what it was made of may change while the name is in use.
      const expression = this.#builder.let("k", binary("and", this.#expression("i32", 1, 1), i32(3)));
      this.#indices = [...this.#indices, { expression, min: 0, max: 3 }];
    }
    if (from === undefined || masked) return;
    const factor = this.#int(1, 2);
    const shift = this.#int(0, 2);
    const expression = this.#builder.let("k", binary("add", binary("mul", from.expression, i32(factor)), i32(shift)));
    this.#indices = [...this.#indices, { expression, min: from.min * factor + shift, max: from.max * factor + shift }];
  }

  #for(depth: number): void {
    const start = this.#int(0, 3);
    const end = start + this.#int(0, 5);
    const step = this.#int(1, 3);
    const outer = this.#indices;
    const known = this.#oneOf([true, true, false]);
    const bound = (value: number): Expression => (known ? i32(value) : this.#builder.let("bound", i32(value)));
    this.#builder.for({ start: bound(start), end: bound(end), step }, (index) => {
      this.#indices = [...outer, { expression: index, min: start, max: end }];
      this.#block(depth - 1);
      this.#indices = outer;
    });
  }

  #while(depth: number): void {
    const count = this.#builder.local("count", "i32");
    this.#builder.set(count, i32(0));
    const goesOn = binary("and", binary("lt", count, i32(this.#int(0, 4))), this.#expression("bool", 1, 2));
    this.#builder.while(goesOn, () => {
      this.#block(depth - 1);
      this.#builder.set(count, binary("add", count, i32(1)));
    });
  }

  #index(lanes: number): Expression[] {
    return [this.#indexBelow(rows), this.#indexBelow(columns - lanes + 1)];
  }

  /** An i32 in 0 … extent − 1. */
  #indexBelow(extent: number): Expression {
    const fitting = this.#indices.filter(({ max }) => max < extent);
    const kind = this.#int(0, 5);
    if (fitting.length === 0 || kind === 0) return i32(this.#int(0, extent - 1));
    const first = this.#oneOf(fitting);
    if (kind === 1) return binary("and", this.#expression("i32", 1, 1), i32(extent > 16 ? 15 : 3));
    if (kind === 2 && extent - 1 - first.max >= 0) return binary("sub", i32(extent - 1 - this.#int(0, extent - 1 - first.max)), first.expression);
    const fittingToo = fitting.filter(({ max }) => first.max + 2 * max < extent);
    if (kind === 3 && fittingToo.length > 0) {
      const second = this.#oneOf(fittingToo);
      const shift = this.#int(0, extent - 1 - first.max - 2 * second.max);
      return binary("add", binary("add", first.expression, binary("mul", second.expression, i32(2))), i32(shift));
    }
    const shift = this.#int(-first.min, extent - 1 - first.max);
    return shift < 0 ? binary("sub", first.expression, i32(-shift)) : binary("add", first.expression, i32(shift));
  }

  #leaf(dtype: DType, lanes: number): Expression {
    const kind = this.#int(0, 4);
    const locals = this.#locals.filter((local) => local.dtype === dtype && local.lanes === lanes);
    if (kind === 0 && locals.length > 0) return this.#oneOf(locals);
    if (kind === 1 && dtype === "i32" && lanes === 1 && this.#indices.length > 0) return this.#oneOf(this.#indices).expression;
    if (kind === 2 && isInteger(dtype) && lanes > 1) return iota(dtype, lanes);
    const buffers = this.#buffers.filter((buffer) => buffer.dtype === dtype && (lanes === 1 || buffer.contiguous));
    if (kind >= 3 && buffers.length > 0) return { ...this.#builder.load(this.#oneOf(buffers).id, this.#index(lanes)), lanes };
    return constant(dtype, this.#value(dtype), lanes);
  }

  #expression(dtype: DType, lanes: number, depth: number): Expression {
    if (depth > 0) {
      const made = this.#operation(dtype, lanes, depth - 1);
      if (made !== undefined && vectorSupported(made)) return made;
    }
    return this.#leaf(dtype, lanes);
  }

  #operation(dtype: DType, lanes: number, depth: number): Expression | undefined {
    const same = (): Expression => this.#expression(dtype, lanes, depth);
    const kind = this.#int(0, 9);
    if (kind <= 2) return dtype === "bool" && kind === 0 ? this.#comparison(lanes, depth) : this.#arithmetic(dtype, lanes, depth);
    switch (kind) {
      case 3: return this.#unary(dtype, same());
      case 4: return select(this.#expression("bool", this.#oneOf([1, lanes]), depth), same(), same());
      case 5: {
        const from = this.#oneOf(this.#dtypes);
        return from === dtype ? undefined : cast(dtype, this.#expression(from, lanes, depth));
      }
      case 6: return this.#bitcast(dtype, lanes, depth);
      case 7: return lanes > 1 ? this.#together(dtype, lanes, depth) : this.#lanes > 1 && this.#dtypes.includes(dtype) ? this.#apart(this.#expression(dtype, this.#lanes, depth)) : undefined;
      case 8: {
        if (!isFloat(dtype) || lanes > 1) return undefined;
        const name = this.#oneOf(mathNames);
        return name === "pow" || name === "atan2" ? call(name, same(), same()) : call(name, same());
      }
      default: return dtype === "bool" ? this.#comparison(lanes, depth) : this.#arithmetic(dtype, lanes, depth);
    }
  }

  /** A vector of scalars. */
  #together(dtype: DType, lanes: number, depth: number): Expression {
    if (this.#oneOf([true, false])) return splat(lanes, this.#expression(dtype, 1, depth));
    const buffers = this.#buffers.filter((buffer) => buffer.dtype === dtype);
    const halves = buffers.filter(({ contiguous }) => contiguous && lanes > 2 && bytesOf(dtype) * lanes === 16);
    const elements = (from: typeof buffers, parts: number): Expression => {
      const { id } = this.#oneOf(from);
      return pack(Array.from({ length: parts }, () => ({ ...this.#builder.load(id, this.#index(lanes / parts)), lanes: lanes / parts })));
    };
    if (halves.length > 0 && this.#oneOf([true, false])) return elements(halves, 2);
    if (buffers.length > 0 && this.#oneOf([true, false])) return elements(buffers, lanes);
    return pack(Array.from({ length: lanes }, () => this.#expression(dtype, 1, lanes > 4 ? 0 : depth)));
  }

  /** A scalar of a vector. */
  #apart(vector: Expression): Expression {
    return this.#oneOf([true, false]) ? lane(this.#int(0, vector.lanes - 1), vector) : reduce(this.#oneOf(arithmetic), vector);
  }

  #unary(dtype: DType, operand: Expression): Expression | undefined {
    const op = this.#oneOf(unaryOps);
    if (dtype === "bool" && op !== "not") return undefined;
    if (isFloat(dtype) && (op === "not" || op === "popcount")) return undefined;
    if (isInteger(dtype) && op === "sqrt") return undefined;
    return unary(op, operand);
  }

  #comparison(lanes: number, depth: number): Expression {
    const dtype = this.#oneOf(this.#dtypes);
    return binary(this.#oneOf(comparisons), this.#expression(dtype, lanes, depth), this.#expression(dtype, lanes, depth));
  }

  #arithmetic(dtype: DType, lanes: number, depth: number): Expression | undefined {
    const op = this.#oneOf(arithmetic);
    const bits = op === "and" || op === "or" || op === "xor";
    const shift = op === "shl" || op === "shr";
    if (dtype === "bool" && !bits && op !== "min" && op !== "max") return undefined;
    if (isFloat(dtype) && (bits || shift)) return undefined;
    if ((op === "mulhi" && dtype !== "u32") || (op === "dot" && dtype !== "i32")) return undefined;
    const left = this.#expression(dtype, lanes, depth);
    const right = shift && lanes > 1 ? splat(lanes, this.#expression(dtype, 1, depth)) : this.#expression(dtype, lanes, depth);
    const divides = isInteger(dtype) && (op === "div" || op === "rem");
    return binary(op, left, divides ? binary("or", right, constant(dtype, isBig(dtype) ? 1n : 1, lanes)) : right);
  }

  #bitcast(dtype: DType, lanes: number, depth: number): Expression | undefined {
    const lanesOf = (from: DType): number => (dtypes[dtype].bytes * lanes) / dtypes[from].bytes;
    const froms = this.#dtypes.filter((from) => from !== dtype && from !== "bool" && dtype !== "bool" && (lanes === 1 ? lanesOf(from) === 1 : vectorFits(from, lanesOf(from))));
    if (froms.length === 0) return undefined;
    const from = this.#oneOf(froms);
    const operand = this.#expression(from, lanesOf(from), depth);
    // The bits of a NaN are not part of the meaning.
    return bitcast(dtype, isFloat(from) ? select(binary("eq", operand, operand), operand, constant(from, 0, lanesOf(from))) : operand);
  }
}

export const makeKernel = (choose: Choose): { kernel: Kernel; buffers: Tensor[]; offsets: number[] } => new KernelMaker(choose).make();
