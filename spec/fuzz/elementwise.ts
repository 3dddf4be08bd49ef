/** Random expressions that are computed element by element; operands come from expressions.ts, which asks here. */
import { isFloat, type DType } from "../../runtime/dtype.ts";
import type { Decisions } from "../../compiler/support/testing/decisions.ts";
import type { Expressions } from "./expressions.ts";
import { castQuality, epsilon, exact, finite, known, mantissaBits, pickQuality, rounded, worse, type Written } from "./quality.ts";
import { allDTypes, wrap } from "./writing.ts";

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

/** Each method gives an expression of the goal, or nothing where it cannot be one. */
export class Elementwise {
  readonly #decisions: Decisions;
  readonly #expressions: Expressions;

  constructor(decisions: Decisions, expressions: Expressions) {
    this.#decisions = decisions;
    this.#expressions = expressions;
  }

  /** A shape that broadcasts to this one. */
  #narrower(shape: readonly number[]): number[] {
    const { below, rarely } = this.#decisions;
    if (!rarely(4) || shape.length === 0) return [...shape];
    return shape.slice(below(shape.length)).map((extent) => (rarely(3) ? 1 : extent));
  }

  elementwise(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    if (dtype === "bool") return this.#logic(shape, depth);
    const a = this.#expressions.tensor(dtype, shape, depth, steady);
    const literal = rarely(4);
    const b = literal ? this.#expressions.literal(dtype) : this.#expressions.tensor(dtype, this.#narrower(shape), depth, steady);
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
    const { below } = this.#decisions;
    switch (below(5)) {
      case 0: return { text: `(!${wrap(this.#expressions.tensor("bool", shape, depth).text)})`, ...exact };
      case 1: {
        const op = ["&&", "||", "^", "&", "|"][below(5)]!;
        return { text: `(${this.#expressions.tensor("bool", shape, depth).text} ${op} ${this.#expressions.tensor("bool", shape, depth).text})`, ...exact };
      }
      case 2: return { text: `${["is_nan", "is_inf", "is_finite"][below(3)]}(${this.#expressions.tensor("f32", shape, depth, true).text})`, ...exact };
      default: {
        const dtype = this.#decisions.pick(allDTypes.filter((one) => one !== "bool"));
        const a = this.#expressions.tensor(dtype, shape, depth, true);
        const b = this.#expressions.tensor(dtype, this.#narrower(shape), depth, true);
        return { text: `(${a.text} ${["<", "<=", "==", "!=", ">", ">="][below(6)]} ${b.text})`, ...exact };
      }
    }
  }

  select(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written {
    const condition = this.#expressions.tensor("bool", this.#narrower(shape), depth);
    const a = this.#expressions.tensor(dtype, shape, depth, steady);
    const b = this.#expressions.tensor(dtype, shape, depth, steady);
    return { text: `select(${condition.text}, ${a.text}, ${b.text})`, ...worse(a, b) };
  }

  cast(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const from = this.#decisions.pick(allDTypes.filter((one) => one !== dtype));
    const value = this.#expressions.tensor(from, shape, depth, steady || !isFloat(dtype));
    if (!known(value) && !isFloat(dtype)) return undefined;
    return { text: `cast<${dtype}>(${value.text})`, ...castQuality(from, dtype, value) };
  }

  bits(dtype: DType, shape: readonly number[], depth: number): Written | undefined {
    const pairs: { readonly [to: string]: DType } = { i32: "u32", u32: "f32", i64: "u64", u64: "i64", i16: "u16", u16: "i16", i8: "u8", u8: "i8" };
    const from = pairs[dtype];
    if (!from) return undefined;
    const value = this.#expressions.tensor(from, shape, depth, true);
    // The bits of NaN are not defined.
    if (isFloat(from) && !finite(value)) return undefined;
    return { text: `bitcast<${dtype}>(${value.text})`, ...exact };
  }

  function(dtype: DType, shape: readonly number[], depth: number): Written | undefined {
    if (!isFloat(dtype)) return undefined;
    const value = this.#expressions.tensor(dtype, shape, depth);
    if (!finite(value)) return undefined;
    const { call, bound: most, slope } = this.#decisions.pick(functions);
    const argument = value.bound <= 3 ? value.text : `clamp(${value.text}, -3, 3)`;
    return { text: call.replace("$", argument), bound: most, grain: 0, error: slope * value.error + 8 * epsilon(dtype) * (most + slope) };
  }
}
