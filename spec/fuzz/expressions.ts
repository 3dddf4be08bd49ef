/**
 * Random well-typed tensor expressions of .gph, made from the goal: a dtype and a shape ask for an expression that has them.
 * Every family of the op table can appear; most are in files beside this one. See quality.ts for how comparisons of floats stay
 * meaningful.
 */
import { isFloat, sizeOf, type DType } from "../../runtime/dtype.ts";
import type { Decisions } from "../../compiler/support/testing/decisions.ts";
import { Elementwise } from "./elementwise.ts";
import { Movements } from "./movements.ts";
import { Operations } from "./operations.ts";
import { castQuality, epsilon, exact, finite, fits, known, mantissaBits, pickQuality, rounded, type Quality, type Written } from "./quality.ts";
import { allDTypes, mostElements, showShape, wrap } from "./writing.ts";

export interface Variable extends Quality {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly assignable: boolean;
}

const commonDTypes: readonly DType[] = ["f32", "i32", "f32", "f16", "u8", "f64", "i64", "bool"];

const isUnsigned = (dtype: DType): boolean => dtype.startsWith("u") || dtype === "bool";

export const imported = ["sigmoid", "gelu", "silu", "softplus", "elu", "mish", "relu", "softmax", "log_softmax", "layer_norm", "conv2d", "hard_sigmoid",
  ...["conv", "conv_transpose", "max_pool", "avg_pool"].flatMap((name) => [1, 2, 3].map((axes) => `${name}${axes}d`)).filter((name) => name !== "conv2d")];

export class Expressions {
  readonly #decisions: Decisions;
  readonly #scope: () => readonly Variable[];
  readonly #elementwise: Elementwise;
  readonly #movements: Movements;
  readonly #operations: Operations;

  constructor(decisions: Decisions, scope: () => readonly Variable[]) {
    this.#decisions = decisions;
    this.#scope = scope;
    this.#elementwise = new Elementwise(decisions, this);
    this.#movements = new Movements(decisions, this);
    this.#operations = new Operations(decisions, this);
  }

  dtype(): DType {
    return this.#decisions.pick(this.#decisions.rarely(3) ? allDTypes : commonDTypes);
  }

  extent(): number {
    const { below, rarely } = this.#decisions;
    if (rarely(60)) return 0;
    return rarely(4) ? 1 : [3, 2, 4, 5, 7, 13, 8, 6, 11, 9, 12][below(11)]!;
  }

  shape(): number[] {
    const rank = [1, 2, 2, 1, 0, 3, 3, 4][this.#decisions.below(8)]!;
    const shape: number[] = [];
    for (let k = 0; k < rank; k++) shape.push(sizeOf(shape) > 60 ? 2 : this.extent());
    return shape;
  }

  /** An expression of exactly this type; `steady`: with the same bits everywhere. */
  tensor(dtype: DType, shape: readonly number[], depth: number, steady = false): Written {
    if (depth <= 0 || this.#decisions.exhausted) return this.#leaf(dtype, shape, steady);
    const made = this.#producer(dtype, shape, depth, steady);
    const longest = 2_500;
    return made && made.text.length < longest && (!steady || known(made)) ? made : this.#leaf(dtype, shape, steady);
  }

  /** An i32 in 0 to n - 1 for every element. */
  indices(shape: readonly number[], n: number, depth: number): string {
    const { text } = this.tensor("i32", shape, depth, true);
    return this.#decisions.rarely(3) ? `clamp(${text}, ${-n}, ${n - 1})` : `clamp(${text}, 0, ${n - 1})`;
  }

  /** The value limited to multiples of `grain` up to `most`; undefined where it is not the same everywhere. */
  fit(dtype: DType, value: Written, most: number, grain: number): Written | undefined {
    if (!isFloat(dtype)) return value;
    if (!known(value) || value.text.length > 1200) return undefined;
    if (value.bound <= most && value.grain >= grain) return value;
    const limited = finite(value) ? value.text : `select(is_finite(${value.text}), ${value.text}, 1)`;
    const clamped = `clamp(${limited}, ${-most}, ${most})`;
    if (value.grain >= grain && finite(value)) return { text: clamped, bound: most, grain, error: 0 };
    // Scaled after clamping, so that nothing overflows.
    return { text: grain === 1 ? `round(${clamped})` : `(round(${clamped} * ${1 / grain}) * ${grain})`, bound: most, grain, error: 0 };
  }

  // Leaves

  #leaf(dtype: DType, shape: readonly number[], steady: boolean): Written {
    const { below, rarely } = this.#decisions;
    const usable = this.#scope().filter((variable) => !steady || known(variable));
    const same = usable.filter((variable) => variable.dtype === dtype && variable.shape.length === shape.length && variable.shape.every((extent, k) => extent === shape[k]));
    if (same.length > 0 && !rarely(3)) {
      const variable = this.#decisions.pick(same.slice(-6));
      return { ...variable, text: variable.name };
    }
    const others = usable.filter((variable) => variable.dtype === dtype && sizeOf(variable.shape) > 0);
    const any = others.length > 0 && !rarely(4) ? others : usable.filter((variable) => sizeOf(variable.shape) > 0 && (known(variable) || (isFloat(dtype) && finite(variable))));
    if (any.length > 0 && !rarely(6)) return this.#adapted(this.#decisions.pick(any.slice(-8)), dtype, shape);
    const literal = this.literal(dtype);
    switch (below(4)) {
      case 1:
        if (shape.length === 1 && dtype !== "bool" && shape[0]! < 100) return { text: `iota<${dtype}>(${shape[0]})`, ...rounded(dtype, { bound: shape[0]!, grain: 1, error: 0 }) };
        break;
      case 2:
        if (shape.length === 1 && shape[0]! > 1 && isFloat(dtype)) return { text: `linspace<${dtype}>(0, ${shape[0]! - 1}, ${shape[0]})`, ...rounded(dtype, { bound: shape[0]!, grain: 0, error: 0 }) };
        if (shape.length === 2) return { text: `eye<${dtype}>(${showShape(shape)})`, ...rounded(dtype, { bound: 1, grain: 1, error: 0 }) };
        break;
      default:
    }
    if (dtype === "bool") return { text: `${rarely(2) ? "ones" : "zeros"}<bool>(${showShape(shape)})`, ...exact };
    return { text: shape.length === 0 ? `full<${dtype}>(${literal.text})` : `full<${dtype}>(${literal.text}, ${showShape(shape)})`, ...rounded(dtype, literal) };
  }

  /** A number as it is written. */
  literal(dtype: DType): Written {
    const { below } = this.#decisions;
    if (!isFloat(dtype)) return { text: String([1, 2, 3, 0, 5, 7, 100][below(7)]!), ...exact };
    const value = [1, 0.5, 2, 0, -1, 3, -0.25, 4][below(8)]!;
    return { text: String(value), bound: Math.abs(value), grain: 0.25, error: 0 };
  }

  /** A variable's elements in another shape and dtype. */
  #adapted(variable: Variable, dtype: DType, shape: readonly number[]): Written {
    const { below, rarely } = this.#decisions;
    let text = variable.name;
    let quality: Quality = variable;
    if (variable.dtype !== dtype) {
      text = dtype === "bool" ? (variable.dtype === "bool" ? text : `(${text} > ${isUnsigned(variable.dtype) ? 3 : 0})`) : `cast<${dtype}>(${text})`;
      quality = castQuality(variable.dtype, dtype, variable);
    }
    const have = sizeOf(variable.shape);
    const want = sizeOf(shape);
    const smaller = variable.shape.length <= shape.length && variable.shape.every((extent, k) => extent === shape[shape.length - variable.shape.length + k] || extent === 1);
    if (smaller && shape.length > 0 && rarely(2)) return { ...quality, text: `broadcast(${text}, ${showShape(shape)})` };
    const flat = variable.shape.length === 1 ? text : `${wrap(text)}.reshape(${have})`;
    if (shape.length === 0) return { ...quality, text: `${wrap(flat)}[${rarely(2) ? -1 : below(have)}]` };
    if (have === want) return { ...quality, text: `${wrap(text)}.reshape(${showShape(shape)})` };
    if (want === 0) return { ...quality, text: `${wrap(flat)}[:0].reshape(${showShape(shape)})` };
    const source = have > want ? flat : `tile(${flat}, ${Math.ceil(want / have)})`;
    const length = have > want ? have : have * Math.ceil(want / have);
    const start = below(length - want + 1);
    const part = length === want ? wrap(source) : rarely(3) ? `${wrap(source)}[${start + want - 1}:${start === 0 ? "" : start - 1}:-1]` : `${wrap(source)}[${start}:${start + want}]`;
    return { ...quality, text: shape.length === 1 ? part : `${part}.reshape(${showShape(shape)})` };
  }

  // Producers

  #producer(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = this.#decisions;
    const inner = depth - 1;
    switch (below(38)) {
      case 0: case 1: case 2: case 3: case 4: case 5: case 6: return this.#elementwise.elementwise(dtype, shape, inner, steady);
      case 7: return this.#elementwise.select(dtype, shape, inner, steady);
      case 8: case 9: return this.#elementwise.cast(dtype, shape, inner, steady);
      case 10: case 11: case 12: return this.#reduction(dtype, shape, inner, steady);
      case 13: case 14: return this.#matmul(dtype, shape, inner, steady);
      case 15: return this.#movements.transpose(dtype, shape, inner, steady);
      case 16: return this.#movements.reshape(dtype, shape, inner, steady);
      case 17: case 18: return this.#movements.slice(dtype, shape, inner, steady);
      case 19: return this.#movements[this.#decisions.rarely(3) ? "windows" : "reverseOrRoll"](dtype, shape, inner, steady);
      case 20: return this.#movements.pad(dtype, shape, inner, steady);
      case 21: case 22: return this.#movements.concat(dtype, shape, inner, steady);
      case 23: return this.#movements.gather(dtype, shape, inner, steady);
      case 24: return this.#oneHotOrArg(dtype, shape, inner);
      case 25: return this.#normalised(dtype, shape, inner, steady);
      case 26: return this.#scan(dtype, shape, inner, steady);
      case 27: return this.#images(dtype, shape, inner, steady);
      case 28: return this.#movements.repetition(dtype, shape, inner, steady);
      case 29: return this.#movements.broadcast(dtype, shape, inner, steady);
      case 30: return this.#elementwise.bits(dtype, shape, inner);
      case 31: case 32: case 33: case 34: case 35: return this.#operations.make({ dtype, shape, depth: inner, steady });
      default: return steady ? this.#elementwise.elementwise(dtype, shape, inner, steady) : this.#elementwise.function(dtype, shape, inner);
    }
  }

  /** A shape that the axes are removed from, the axes, and how they are written. */
  #reduced(shape: readonly number[]): { readonly source: number[]; readonly axis: string; readonly count: number } {
    const { below, rarely } = this.#decisions;
    const keepdims = shape.length > 0 && shape.includes(1) && rarely(2);
    if (keepdims) {
      const ones = shape.flatMap((extent, k) => (extent === 1 ? [k] : []));
      const chosen = ones.filter((_, k) => k === 0 || rarely(2));
      const source = shape.map((extent, k) => (chosen.includes(k) ? Math.max(1, this.extent()) : extent));
      return { source, axis: `axis = ${chosen.length === 1 ? chosen[0]! : `(${chosen.join(", ")})`}, keepdims = true`, count: chosen.reduce((all, k) => all * source[k]!, 1) };
    }
    if (shape.length === 0 && rarely(3)) {
      const source = this.shape().map((extent) => Math.max(1, extent));
      return { source, axis: "", count: sizeOf(source) };
    }
    const source = [...shape];
    const axes: number[] = [];
    let count = 1;
    for (let k = 0; k < (rarely(3) ? 2 : 1); k++) {
      if (sizeOf(source) > 150) break;
      const at = below(source.length + 1);
      const extent = Math.max(1, this.extent());
      source.splice(at, 0, extent);
      axes.forEach((axis, i) => {
        if (axis >= at) axes[i] = axis + 1;
      });
      axes.push(at);
      count *= extent;
    }
    if (axes.length === 0) return { source: [1, ...shape], axis: "axis = 0", count: 1 };
    const shown = axes.map((axis) => (rarely(4) ? axis - source.length : axis));
    return { source, axis: `axis = ${shown.length === 1 ? shown[0]! : `(${shown.join(", ")})`}`, count };
  }

  #reduction(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = this.#decisions;
    const { source, axis, count } = this.#reduced(shape);
    if (sizeOf(source) > mostElements) return undefined;
    const written = (call: string, value: string): string => `${call}(${value}${axis === "" ? "" : `, ${axis}`})`;
    if (dtype === "bool") return { text: written(["all", "any"][below(2)]!, this.tensor("bool", source, depth).text), ...exact };
    const value = this.tensor(dtype, source, depth, steady);
    if (!isFloat(dtype)) return { text: written(["sum", "max", "min", "prod", "all", "any"][below(6)]!, value.text), ...exact };
    switch (below(6)) {
      case 0: return { text: written("max", value.text), ...pickQuality(value) };
      case 1: return { text: written("min", value.text), ...pickQuality(value) };
      case 2: {
        const mean = this.#sum(dtype, value, count, steady);
        return mean && { text: written("mean", mean.text), ...rounded(dtype, { bound: mean.bound / count, grain: 0, error: Math.max(mean.error, epsilon(dtype) * mean.bound) }) };
      }
      case 3: {
        if (steady || !finite(value) || value.bound > 20) return undefined;
        return { text: written("log_sum_exp", value.text), bound: value.bound + 7, grain: 0, error: value.error * 2 + 8 * epsilon(dtype) * (value.bound + 7) };
      }
      default: {
        const sum = this.#sum(dtype, value, count, steady);
        return sum && { ...sum, text: written("sum", sum.text) };
      }
    }
  }

  /** Operands of a sum of `count`, with the quality of the sum: exact when it must be, else with the error of any order. */
  #sum(dtype: DType, value: Written, count: number, steady: boolean): Written | undefined {
    const total = { bound: value.bound * count, grain: value.grain };
    if (known(value) && fits(dtype, total)) return { text: value.text, ...total, error: 0 };
    if (known(value) && (steady || !finite(value) || this.#decisions.rarely(2))) {
      const most = Math.min(8, 2 ** (mantissaBits(dtype) - 1) / Math.max(1, count));
      if (most < 1) return undefined;
      const limited = this.fit(dtype, value, Math.floor(most), most > 4 ? 0.5 : 1);
      if (!limited || !fits(dtype, { bound: limited.bound * count, grain: limited.grain })) return undefined;
      return { text: limited.text, bound: limited.bound * count, grain: limited.grain, error: 0 };
    }
    if (!finite(value) || total.bound > 1e4) return undefined;
    return { text: value.text, bound: total.bound, grain: 0, error: value.error * count + 4 * count * epsilon(dtype) * total.bound };
  }

  #matmul(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    if (dtype === "bool" || shape.length > 3) return undefined;
    const k = Math.max(rarely(30) ? 0 : 1, this.extent());
    let left: number[];
    let right: number[];
    switch (shape.length) {
      case 0: [left, right] = [[k], [k]]; break;
      case 1: [left, right] = rarely(2) ? [[k], [k, shape[0]!]] : [[shape[0]!, k], [k]]; break;
      case 2: [left, right] = [[shape[0]!, k], [k, shape[1]!]]; break;
      default: [left, right] = rarely(3) ? [[shape[1]!, k], [shape[0]!, k, shape[2]!]] : rarely(2) ? [[shape[0]!, shape[1]!, k], [k, shape[2]!]] : [[shape[0]!, shape[1]!, k], [shape[0]!, k, shape[2]!]];
    }
    if (sizeOf(left) + sizeOf(right) > mostElements || sizeOf(shape) * k > 6000) return undefined;
    const operand = (of: readonly number[]): Written | undefined => {
      const turned = of.length >= 2 && rarely(3);
      const swapped = turned ? [...of.slice(0, -2), of.at(-1)!, of.at(-2)!] : of;
      const value = this.tensor(dtype, swapped, depth, steady);
      const limited = isFloat(dtype) && (steady || !finite(value) || value.bound > 30) ? this.fit(dtype, value, 2, 1) : value;
      if (!limited || !turned) return limited;
      const axes = of.length === 2 ? "1, 0" : "0, 2, 1";
      return { ...limited, text: `${wrap(limited.text)}.transpose(${axes})` };
    };
    const [a, b] = [operand(left), operand(right)];
    if (!a || !b) return undefined;
    const text = rarely(5) && below(2) === 1 ? `matmul(${a.text}, ${b.text})` : `(${wrap(a.text)} @ ${wrap(b.text)})`;
    if (!isFloat(dtype)) return { text, ...exact };
    const total = { bound: a.bound * b.bound * Math.max(k, 1), grain: a.grain * b.grain };
    if (known(a) && known(b) && fits(dtype, total)) return { text, ...total, error: 0 };
    if (steady) return undefined;
    return { text, bound: total.bound, grain: 0, error: k * (a.error * (b.bound + b.error) + b.error * a.bound) + 4 * (k + 1) * epsilon(dtype) * total.bound };
  }

  #oneHotOrArg(dtype: DType, shape: readonly number[], depth: number): Written | undefined {
    const { below } = this.#decisions;
    if (dtype === "i32") {
      const extent = Math.max(1, this.extent());
      const at = below(shape.length + 1);
      const from = this.#decisions.pick(allDTypes.filter((one) => one !== "bool"));
      const value = this.tensor(from, [...shape.slice(0, at), extent, ...shape.slice(at)], depth, true);
      return { text: `${["argmax", "argmin"][below(2)]}(${value.text}, axis = ${at})`, ...exact };
    }
    if (shape.length === 0 || shape.at(-1) === 0) return undefined;
    const indices = this.tensor("i32", shape.slice(0, -1), depth, true);
    return { text: `one_hot<${dtype}>(${indices.text}, ${shape.at(-1)})`, ...rounded(dtype, { bound: 1, grain: 1, error: 0 }) };
  }

  #normalised(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = this.#decisions;
    if (!isFloat(dtype) || steady || shape.length === 0 || shape.includes(0)) return undefined;
    const value = this.tensor(dtype, shape, depth);
    if (!finite(value) || value.bound > 50) return undefined;
    const rounding = 16 * epsilon(dtype) * (1 + value.bound);
    if (below(3) === 2) {
      const d = [shape.at(-1)!];
      const [gain, bias] = [this.tensor(dtype, d, depth), this.tensor(dtype, d, depth)];
      if (!finite(gain) || !finite(bias)) return undefined;
      // With epsilon = 1 the slope is at most about 1 for each element of the row.
      const error = (2 * (1 + d[0]!) * value.error + rounding * (1 + value.bound)) * gain.bound + gain.error * Math.sqrt(d[0]!) + bias.error + epsilon(dtype) * 16 * (bias.bound + gain.bound * d[0]!);
      return { text: `layer_norm(${value.text}, ${gain.text}, ${bias.text}, epsilon = 1)`, bound: gain.bound * Math.sqrt(d[0]!) + bias.bound, grain: 0, error };
    }
    const axis = below(shape.length);
    if (below(2) === 1) return { text: `log_softmax(${value.text}, axis = ${axis})`, bound: 2 * value.bound + 7, grain: 0, error: 3 * value.error + 2 * rounding };
    return { text: `softmax(${value.text}, axis = ${axis})`, bound: 1, grain: 0, error: 2 * value.error + rounding };
  }

  #scan(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    if (dtype === "bool" || shape.length === 0) return undefined;
    const axis = below(shape.length);
    const value = this.tensor(dtype, shape, depth, steady);
    if (below(4) === 0) return { ...value, text: `${this.#decisions.pick(["cum_max", "cum_min"])}(${value.text}, axis = ${axis})` };
    if (!isFloat(dtype)) return { text: `${rarely(3) ? "cum_prod" : "cum_sum"}(${value.text}, axis = ${axis})`, ...exact };
    const sum = this.#sum(dtype, value, shape[axis]!, steady);
    return sum && { ...sum, text: `cum_sum(${sum.text}, axis = ${axis})` };
  }

  #images(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = this.#decisions;
    if (shape.length !== 4 || dtype === "bool" || shape.includes(0)) return undefined;
    const [n, o, h, w] = shape as [number, number, number, number];
    if (sizeOf(shape) > 200) return undefined;
    const [kh, kw] = [1 + below(3), 1 + below(2)];
    const stride = 1 + below(2);
    const padding = below(2);
    const [height, width] = [(h - 1) * stride + kh - 2 * padding, (w - 1) * stride + kw - 2 * padding];
    if (height < 1 || width < 1) return undefined;
    const limited = (of: readonly number[], most: number): Written | undefined => this.fit(dtype, this.tensor(dtype, of, depth, true), most, 1);
    if (below(2) === 1) {
      const size = Math.min(kh, kw);
      const [tall, wide] = [(h - 1) * stride + size - 2 * padding, (w - 1) * stride + size - 2 * padding];
      if (tall < 1 || wide < 1 || padding > size / 2) return undefined;
      const image = this.tensor(dtype, [n, o, tall, wide], depth, steady);
      return { ...image, text: `max_pool2d(${image.text}, window = ${size}, stride = ${stride}, padding = ${padding})` };
    }
    const c = 1 + below(3);
    const [image, filter, bias] = [limited([n, c, height, width], 4), limited([o, c, kh, kw], 2), limited([o], 4)];
    if (!image || !filter || !bias) return undefined;
    const text = `conv2d(${image.text}, ${filter.text}${below(2) === 1 ? "" : `, ${bias.text}`}, stride = ${stride}, padding = ${padding})`;
    if (!isFloat(dtype)) return { text, ...exact };
    const total = { bound: image.bound * filter.bound * c * kh * kw + bias.bound, grain: image.grain * filter.grain };
    return fits(dtype, total) ? { text, ...total, error: 0 } : undefined;
  }

}
