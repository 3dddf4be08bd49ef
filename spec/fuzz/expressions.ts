/**
 * Random well-typed tensor expressions of .gph, made from the goal: a dtype and a shape ask for an expression that has them.
 * Every family of the op table can appear. See quality.ts for how comparisons of floats stay meaningful.
 */
import { isFloat, isInteger, sizeOf, type DType } from "../../runtime/dtype.ts";
import type { Decisions } from "../../compiler/support/testing/decisions.ts";
import { Operations } from "./operations.ts";
import { epsilon, exact, finite, fits, known, mantissaBits, rounded, type Quality, type Written } from "./quality.ts";

export interface Variable extends Quality {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly assignable: boolean;
}

export const allDTypes: readonly DType[] = ["f32", "i32", "u8", "f16", "f64", "bf16", "i64", "bool", "i8", "i16", "u16", "u32", "u64"];
const commonDTypes: readonly DType[] = ["f32", "i32", "f32", "f16", "u8", "f64", "i64", "bool"];

const showShape = (shape: readonly number[]): string => shape.join(", ");
const isUnsigned = (dtype: DType): boolean => dtype.startsWith("u") || dtype === "bool";

/** Elements of one tensor, at most: interpreting is slow. */
const mostElements = 900;

interface UnaryFunction {
  readonly call: string;
  /** Of an argument within [-3, 3]. */
  readonly bound: number;
  readonly slope: number;
}

const functions: readonly UnaryFunction[] = [
  { call: "tanh($)", bound: 1, slope: 1 }, { call: "exp($)", bound: 21, slope: 21 }, { call: "sin($)", bound: 1, slope: 1 }, { call: "cos($)", bound: 1, slope: 1 },
  { call: "erf($)", bound: 1, slope: 1.2 }, { call: "atan($)", bound: 2, slope: 1 }, { call: "expm1($)", bound: 20, slope: 21 }, { call: "exp2($)", bound: 8, slope: 6 },
  { call: "sinh($)", bound: 11, slope: 11 }, { call: "cosh($)", bound: 11, slope: 11 }, { call: "asinh($)", bound: 2, slope: 1 }, { call: "log1p(abs($))", bound: 2, slope: 1 },
  { call: "log(abs($) + 1)", bound: 2, slope: 1 }, { call: "log2(abs($) + 1)", bound: 3, slope: 2 }, { call: "log10(abs($) + 1)", bound: 1, slope: 1 }, { call: "rsqrt(abs($) + 1)", bound: 1, slope: 1 },
  { call: "acosh(abs($) + 1.5)", bound: 3, slope: 1 }, { call: "asin($ / 4)", bound: 1, slope: 1 }, { call: "acos($ / 4)", bound: 3, slope: 1 }, { call: "atanh($ / 4)", bound: 1, slope: 1 },
  { call: "tan($ / 4)", bound: 1, slope: 1 }, { call: "cbrt(abs($) + 1)", bound: 2, slope: 1 }, { call: "pow(abs($) + 1, 1.5)", bound: 8, slope: 3 }, { call: "sigmoid($)", bound: 1, slope: 1 },
  { call: "gelu($)", bound: 3, slope: 2 }, { call: "silu($)", bound: 3, slope: 2 }, { call: "softplus($)", bound: 4, slope: 1 }, { call: "elu($)", bound: 3, slope: 1 }, { call: "mish($)", bound: 3, slope: 2 },
];
export const imported = ["sigmoid", "gelu", "silu", "softplus", "elu", "mish", "relu", "softmax", "log_softmax", "layer_norm", "conv2d", "hard_sigmoid",
  ...["conv", "conv_transpose", "max_pool", "avg_pool"].flatMap((name) => [1, 2, 3].map((axes) => `${name}${axes}d`)).filter((name) => name !== "conv2d")];

export class Expressions {
  readonly #decisions: Decisions;
  readonly #scope: () => readonly Variable[];
  readonly #operations: Operations;

  constructor(decisions: Decisions, scope: () => readonly Variable[]) {
    this.#decisions = decisions;
    this.#scope = scope;
    this.#operations = new Operations(decisions, this);
  }

  dtype(): DType {
    return this.#decisions.pick(this.#decisions.rarely(3) ? allDTypes : commonDTypes);
  }

  extent(): number {
    const { below, rarely } = bound(this.#decisions);
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
    const { below, rarely } = bound(this.#decisions);
    const usable = this.#scope().filter((variable) => !steady || known(variable));
    const same = usable.filter((variable) => variable.dtype === dtype && variable.shape.length === shape.length && variable.shape.every((extent, k) => extent === shape[k]));
    if (same.length > 0 && !rarely(3)) {
      const variable = this.#decisions.pick(same.slice(-6));
      return { ...variable, text: variable.name };
    }
    const others = usable.filter((variable) => variable.dtype === dtype && sizeOf(variable.shape) > 0);
    const any = others.length > 0 && !rarely(4) ? others : usable.filter((variable) => sizeOf(variable.shape) > 0 && (known(variable) || (isFloat(dtype) && finite(variable))));
    if (any.length > 0 && !rarely(6)) return this.#adapted(this.#decisions.pick(any.slice(-8)), dtype, shape);
    const literal = this.#literal(dtype);
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

  #literal(dtype: DType): Written {
    const { below } = bound(this.#decisions);
    if (!isFloat(dtype)) return { text: String([1, 2, 3, 0, 5, 7, 100][below(7)]!), ...exact };
    const value = [1, 0.5, 2, 0, -1, 3, -0.25, 4][below(8)]!;
    return { text: String(value), bound: Math.abs(value), grain: 0.25, error: 0 };
  }

  /** A variable's elements in another shape and dtype. */
  #adapted(variable: Variable, dtype: DType, shape: readonly number[]): Written {
    const { below, rarely } = bound(this.#decisions);
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
    const { below } = bound(this.#decisions);
    const inner = depth - 1;
    switch (below(38)) {
      case 0: case 1: case 2: case 3: case 4: case 5: case 6: return this.#elementwise(dtype, shape, inner, steady);
      case 7: return this.#select(dtype, shape, inner, steady);
      case 8: case 9: return this.#cast(dtype, shape, inner, steady);
      case 10: case 11: case 12: return this.#reduction(dtype, shape, inner, steady);
      case 13: case 14: return this.#matmul(dtype, shape, inner, steady);
      case 15: return this.#transpose(dtype, shape, inner, steady);
      case 16: return this.#reshape(dtype, shape, inner, steady);
      case 17: case 18: return this.#slice(dtype, shape, inner, steady);
      case 19: return this.#reverseOrRoll(dtype, shape, inner, steady);
      case 20: return this.#pad(dtype, shape, inner, steady);
      case 21: case 22: return this.#concat(dtype, shape, inner, steady);
      case 23: return this.#gather(dtype, shape, inner, steady);
      case 24: return this.#oneHotOrArg(dtype, shape, inner);
      case 25: return this.#normalised(dtype, shape, inner, steady);
      case 26: return this.#scan(dtype, shape, inner, steady);
      case 27: return this.#images(dtype, shape, inner, steady);
      case 28: return this.#repetition(dtype, shape, inner, steady);
      case 29: return this.#broadcast(dtype, shape, inner, steady);
      case 30: return this.#bits(dtype, shape, inner);
      case 31: case 32: case 33: case 34: case 35: return this.#operations.make({ dtype, shape, depth: inner, steady });
      default: return steady ? this.#elementwise(dtype, shape, inner, steady) : this.#function(dtype, shape, inner);
    }
  }

  /** A shape that broadcasts to this one. */
  #narrower(shape: readonly number[]): number[] {
    const { below, rarely } = bound(this.#decisions);
    if (!rarely(4) || shape.length === 0) return [...shape];
    return shape.slice(below(shape.length)).map((extent) => (rarely(3) ? 1 : extent));
  }

  #elementwise(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = bound(this.#decisions);
    if (dtype === "bool") return this.#logic(shape, depth);
    const a = this.tensor(dtype, shape, depth, steady);
    const literal = rarely(4);
    const b = literal ? this.#literal(dtype) : this.tensor(dtype, this.#narrower(shape), depth, steady);
    if (isFloat(dtype)) {
      const bothFinite = finite(a) && finite(b);
      const both = known(a) && known(b);
      if (!both && !bothFinite) return known(a) ? a : undefined;
      const grain = Math.min(a.grain, b.grain);
      switch (below(14)) {
        case 0: case 1: return { text: `(${a.text} + ${b.text})`, ...rounded(dtype, { bound: a.bound + b.bound, grain, error: a.error + b.error }) };
        case 2: case 3: return { text: `(${a.text} - ${b.text})`, ...rounded(dtype, { bound: a.bound + b.bound, grain, error: a.error + b.error }) };
        case 4: case 5: return { text: `(${a.text} * ${b.text})`, ...rounded(dtype, { bound: bothFinite ? a.bound * b.bound : Infinity, grain: a.grain * b.grain, error: both ? 0 : a.error * (b.bound + b.error) + b.error * a.bound }) };
        case 6: return { text: `${rarely(2) ? "max" : "min"}(${a.text}, ${b.text})`, bound: Math.max(a.bound, b.bound), grain, error: Math.max(a.error, b.error) };
        case 7: return { text: `abs(${a.text})`, ...pickQuality(a) };
        case 8: return { text: `(-${wrap(a.text)})`, ...pickQuality(a) };
        case 9: return both ? { text: `(${a.text} / ${b.text})`, bound: Infinity, grain: 0, error: 0 }
          : { text: `(${a.text} / (abs(${b.text}) + 1))`, ...rounded(dtype, { bound: a.bound, grain: 0, error: a.error + a.bound * b.error }) };
        case 10: return both ? { text: `${["floor", "ceil", "round", "trunc"][below(4)]}(${a.text})`, bound: a.bound + 1, grain: finite(a) && a.bound < 2 ** mantissaBits(dtype) ? 1 : 0, error: 0 } : undefined;
        case 11: return both ? { text: `sqrt(abs(${a.text}))`, ...rounded(dtype, { bound: Math.max(1, a.bound), grain: 0, error: 0 }) } : undefined;
        case 12: return { text: `clamp(${a.text}, -2, 2.5)`, bound: finite(a) ? 2.5 : Infinity, grain: Math.min(a.grain, 0.25), error: a.error };
        default: return both ? (rarely(2) ? { text: `sign(${a.text})`, bound: finite(a) ? 1 : Infinity, grain: finite(a) ? 1 : 0, error: 0 } : { text: `rem(${a.text}, ${b.text})`, bound: Infinity, grain: 0, error: 0 }) : undefined;
      }
    }
    const op = ["+", "-", "*", "&", "|", "^", "min", "max", "<<", ">>", "/", "%", "abs", "~", "neg", "clamp", "popcount"][below(17)]!;
    switch (op) {
      case "min": case "max": return { text: `${op}(${a.text}, ${b.text})`, ...exact };
      case "<<": case ">>": return { text: `(${a.text} ${op} (${b.text} & 7))`, ...exact };
      case "/": case "%": return literal ? { text: `(${a.text} ${op} 3)`, ...exact } : { text: `(${a.text} ${op} (${b.text} | 1))`, ...exact };
      case "abs": case "popcount": case "neg": return { text: `${op}(${a.text})`, ...exact };
      case "~": return { text: `(~${wrap(a.text)})`, ...exact };
      case "clamp": return { text: `clamp(${a.text}, 1, 9)`, ...exact };
      default: return { text: `(${a.text} ${op} ${b.text})`, ...exact };
    }
  }

  #logic(shape: readonly number[], depth: number): Written {
    const { below } = bound(this.#decisions);
    switch (below(5)) {
      case 0: return { text: `(!${wrap(this.tensor("bool", shape, depth).text)})`, ...exact };
      case 1: {
        const op = ["&&", "||", "^", "&", "|"][below(5)]!;
        return { text: `(${this.tensor("bool", shape, depth).text} ${op} ${this.tensor("bool", shape, depth).text})`, ...exact };
      }
      case 2: return { text: `${["is_nan", "is_inf", "is_finite"][below(3)]}(${this.tensor("f32", shape, depth, true).text})`, ...exact };
      default: {
        const dtype = this.#decisions.pick(allDTypes.filter((one) => one !== "bool"));
        const a = this.tensor(dtype, shape, depth, true);
        const b = this.tensor(dtype, this.#narrower(shape), depth, true);
        return { text: `(${a.text} ${["<", "<=", "==", "!=", ">", ">="][below(6)]} ${b.text})`, ...exact };
      }
    }
  }

  #select(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written {
    const condition = this.tensor("bool", this.#narrower(shape), depth);
    const a = this.tensor(dtype, shape, depth, steady);
    const b = this.tensor(dtype, shape, depth, steady);
    return { text: `select(${condition.text}, ${a.text}, ${b.text})`, ...worse(a, b) };
  }

  #cast(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const from = this.#decisions.pick(allDTypes.filter((one) => one !== dtype));
    const value = this.tensor(from, shape, depth, steady || !isFloat(dtype));
    if (!known(value) && !isFloat(dtype)) return undefined;
    return { text: `cast<${dtype}>(${value.text})`, ...castQuality(from, dtype, value) };
  }

  /** A shape that the axes are removed from, the axes, and how they are written. */
  #reduced(shape: readonly number[]): { readonly source: number[]; readonly axis: string; readonly count: number } {
    const { below, rarely } = bound(this.#decisions);
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
    const { below } = bound(this.#decisions);
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
    const { below, rarely } = bound(this.#decisions);
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

  #transpose(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    if (shape.length < 2) return undefined;
    const axes = shape.map((_, k) => k);
    for (let k = axes.length - 1; k > 0; k--) {
      const other = this.#decisions.below(k + 1);
      [axes[k], axes[other]] = [axes[other]!, axes[k]!];
    }
    const source = new Array<number>(shape.length);
    axes.forEach((axis, k) => (source[axis] = shape[k]!));
    const value = this.tensor(dtype, source, depth, steady);
    return { ...value, text: `${wrap(value.text)}.transpose(${axes.join(", ")})` };
  }

  #reshape(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = bound(this.#decisions);
    const source = [...shape];
    const at = below(source.length + 1);
    switch (below(4)) {
      case 0: source.splice(at, 0, 1); break;
      case 1: if (source.length > 1 && at < source.length - 1) source.splice(at, 2, source[at]! * source[at + 1]!); break;
      case 2: {
        const extent = source[at];
        if (extent === undefined) break;
        const divisor = [2, 3, 5, 7].find((one) => extent % one === 0 && extent > 0);
        if (divisor) source.splice(at, 1, ...(rarely(2) ? [divisor, extent / divisor] : [extent / divisor, divisor]));
        break;
      }
      default: source.reverse();
    }
    if (source.length > 6 || shape.length === 0) return undefined;
    const value = this.tensor(dtype, source, depth, steady);
    const dims = shape.map(String);
    if (rarely(3) && sizeOf(shape) > 0) dims[below(dims.length)] = "-1";
    return { ...value, text: `${wrap(value.text)}.reshape(${dims.join(", ")})` };
  }

  #slice(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = bound(this.#decisions);
    const source: number[] = [];
    const items: string[] = [];
    const drop = (): void => {
      const extent = Math.max(1, this.extent());
      source.push(extent);
      items.push(String(below(2 * extent) - extent));
    };
    for (const extent of shape) {
      if (rarely(6) && sizeOf(source) < 40) drop();
      if (extent === 0 || rarely(3)) {
        source.push(extent);
        items.push(":");
        continue;
      }
      const step = rarely(3) ? 2 : rarely(6) ? 3 : 1;
      const [before, after] = [below(3), below(3)];
      const length = before + (extent - 1) * step + 1 + after;
      source.push(length);
      const last = before + (extent - 1) * step;
      if (rarely(3)) items.push(`${last}:${before - step < 0 ? "" : before - step}:${-step}`);
      else if (after > 0 && step === 1) items.push(`${before}:${-after}`);
      else items.push(`${before === 0 ? "" : before}:${last + 1 > length ? "" : last + 1}${step === 1 ? "" : `:${step}`}`);
    }
    if (rarely(4) && sizeOf(source) < 40) drop();
    if (items.length === 0 || sizeOf(source) > mostElements || source.length > 6) return undefined;
    const value = this.tensor(dtype, source, depth, steady);
    return { ...value, text: `${wrap(value.text)}[${items.join(", ")}]` };
  }

  #reverseOrRoll(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = bound(this.#decisions);
    if (shape.length === 0) return undefined;
    const value = this.tensor(dtype, shape, depth, steady);
    const axis = below(shape.length);
    if (rarely(2)) return { ...value, text: rarely(3) ? `reverse(${value.text})` : `reverse(${value.text}, axis = ${axis})` };
    const shifts = shape.map(() => below(9) - 4).join(", ");
    if (rarely(3)) return { ...value, text: `roll(${value.text}, (${shifts}))` };
    return { ...value, text: `roll(${value.text}, ${below(15) - 7}, axis = ${axis})` };
  }

  #pad(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = bound(this.#decisions);
    if (shape.length === 0) return undefined;
    const before = shape.map((extent) => below(Math.min(3, extent + 1)));
    const after = shape.map((extent, k) => below(Math.min(3, extent - before[k]! + 1)));
    const value = this.tensor(dtype, shape.map((extent, k) => extent - before[k]! - after[k]!), depth, steady);
    const tuple = (list: readonly number[]): string => (list.length === 1 ? String(list[0]) : `(${list.join(", ")})`);
    const filler = dtype === "bool" ? undefined : this.#decisions.rarely(3) ? "1" : undefined;
    return { text: `pad(${value.text}, ${tuple(before)}, ${tuple(after)}${filler === undefined ? "" : `, value = ${filler}`})`, bound: Math.max(1, value.bound), grain: Math.min(value.grain, 1), error: value.error };
  }

  #concat(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = bound(this.#decisions);
    if (shape.length === 0) return undefined;
    const axis = below(shape.length);
    const extent = shape[axis]!;
    if (rarely(3) && extent > 0 && extent < 5) {
      const part = shape.filter((_, k) => k !== axis);
      const values = Array.from({ length: extent }, () => this.tensor(dtype, part, depth, steady));
      return { ...values.reduce<Quality>(worse, values[0]!), text: `stack((${values.map(({ text }) => text).join(", ")}${values.length === 1 ? "," : ""}), axis = ${axis})` };
    }
    const cut = below(extent + 1);
    const cuts = rarely(3) ? [cut, Math.floor((extent - cut) / 2), extent - cut - Math.floor((extent - cut) / 2)] : [cut, extent - cut];
    const values = cuts.map((length) => this.tensor(dtype, shape.map((one, k) => (k === axis ? length : one)), depth, steady));
    return { ...values.reduce<Quality>(worse, values[0]!), text: `concat((${values.map(({ text }) => text).join(", ")}), axis = ${rarely(3) ? axis - shape.length : axis})` };
  }

  #gather(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = bound(this.#decisions);
    const n = Math.max(1, this.extent());
    const at = below(shape.length + 1);
    const taken = rarely(4) ? 0 : rarely(4) ? 2 : 1;
    if (at + taken > shape.length) return undefined;
    const source = [...shape.slice(0, at), n, ...shape.slice(at + taken)];
    if (sizeOf(source) > mostElements) return undefined;
    const value = this.tensor(dtype, source, depth, steady);
    const indices = this.indices(shape.slice(at, at + taken), n, depth);
    return { ...value, text: rarely(3) ? `gather(${value.text}, ${indices}, axis = ${at})` : `${wrap(value.text)}[${":, ".repeat(at)}${indices}]` };
  }

  #oneHotOrArg(dtype: DType, shape: readonly number[], depth: number): Written | undefined {
    const { below } = bound(this.#decisions);
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
    const { below } = bound(this.#decisions);
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
    const { below, rarely } = bound(this.#decisions);
    if (dtype === "bool" || shape.length === 0) return undefined;
    const axis = below(shape.length);
    const value = this.tensor(dtype, shape, depth, steady);
    if (!isFloat(dtype)) return { text: `${rarely(3) ? "cum_prod" : "cum_sum"}(${value.text}, axis = ${axis})`, ...exact };
    const sum = this.#sum(dtype, value, shape[axis]!, steady);
    return sum && { ...sum, text: `cum_sum(${sum.text}, axis = ${axis})` };
  }

  #images(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = bound(this.#decisions);
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

  #repetition(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = bound(this.#decisions);
    if (shape.length === 0) return undefined;
    const axis = below(shape.length);
    const extent = shape[axis]!;
    const divisor = [2, 3, 5, 7, 11, 13].find((one) => extent % one === 0) ?? 1;
    if (extent === 0) return undefined;
    const value = this.tensor(dtype, shape.map((one, k) => (k === axis ? one / divisor : one)), depth, steady);
    if (below(2) === 1) return { ...value, text: `repeat_each(${value.text}, ${divisor}, axis = ${axis})` };
    return { ...value, text: `tile(${value.text}, ${shape.length === 1 ? divisor : `(${shape.map((_, k) => (k === axis ? divisor : 1)).join(", ")})`})` };
  }

  #broadcast(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = bound(this.#decisions);
    if (shape.length === 0) return undefined;
    if (shape.includes(1) && rarely(2)) {
      const axis = shape.indexOf(1);
      const value = this.tensor(dtype, shape.filter((_, k) => k !== axis), depth, steady);
      return { ...value, text: `expand(${value.text}, ${axis})` };
    }
    if (rarely(3)) {
      const axis = below(shape.length + 1);
      const value = this.tensor(dtype, [...shape.slice(0, axis), 1, ...shape.slice(axis)], depth, steady);
      return { ...value, text: `squeeze(${value.text}, axis = ${axis})` };
    }
    const source = shape.slice(below(shape.length)).map((extent) => (rarely(2) ? 1 : extent));
    const value = this.tensor(dtype, source, depth, steady);
    return { ...value, text: `broadcast(${value.text}, ${showShape(shape)})` };
  }

  #bits(dtype: DType, shape: readonly number[], depth: number): Written | undefined {
    const pairs: { readonly [to: string]: DType } = { i32: "u32", u32: "f32", i64: "u64", u64: "i64", i16: "u16", u16: "i16", i8: "u8", u8: "i8" };
    const from = pairs[dtype];
    if (!from) return undefined;
    const value = this.tensor(from, shape, depth, true);
    // The bits of NaN are not defined.
    if (isFloat(from) && !finite(value)) return undefined;
    return { text: `bitcast<${dtype}>(${value.text})`, ...exact };
  }

  #function(dtype: DType, shape: readonly number[], depth: number): Written | undefined {
    if (!isFloat(dtype)) return undefined;
    const value = this.tensor(dtype, shape, depth);
    if (!finite(value)) return undefined;
    const { call, bound: most, slope } = this.#decisions.pick(functions);
    const argument = value.bound <= 3 ? value.text : `clamp(${value.text}, -3, 3)`;
    return { text: call.replace("$", argument), bound: most, grain: 0, error: slope * value.error + 8 * epsilon(dtype) * (most + slope) };
  }
}

const pickQuality = ({ bound: most, grain, error }: Quality): Quality => ({ bound: most, grain, error });
const worse = (a: Quality, b: Quality): Quality => ({ bound: Math.max(a.bound, b.bound), grain: Math.min(a.grain, b.grain), error: Math.max(a.error, b.error) });

/** The text as something a postfix can follow. */
export const wrap = (text: string): string => (/^[a-z_]\w*$/i.test(text) || text.startsWith("(") || /^[a-z_][\w<>]*\([^()]*\)$/i.test(text) ? text : `(${text})`);

function castQuality(from: DType, to: DType, quality: Quality): Quality {
  if (!isFloat(to)) return exact;
  if (isFloat(from)) return rounded(to, quality);
  const most = from === "bool" ? 1 : 2 ** (from.startsWith("u") ? Number(from.slice(1)) : Number(from.slice(1)) - 1);
  return rounded(to, { bound: most, grain: 1, error: 0 });
}

function bound(decisions: Decisions): { below(choices: number): number; rarely(out: number): boolean } {
  return { below: (choices) => decisions.below(choices), rarely: (out) => decisions.rarely(out) };
}

export const isWhole = isInteger;
