/**
 * Random expressions of the ops that move, sort and scatter, and of windows over one to three axes; the rest is in
 * expressions.ts, which asks here. Operands come from there.
 */
import { isFloat, sizeOf, type DType } from "../../runtime/dtype.ts";
import type { Decisions } from "../../compiler/support/testing/decisions.ts";
import type { Expressions } from "./expressions.ts";
import { epsilon, exact, finite, fits, known, rounded, worse, type Written } from "./quality.ts";

interface Goal {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly depth: number;
  readonly steady: boolean;
}

/** Elements of an operand, at most. */
const most = 400;

const tuple = (list: readonly (number | string)[]): string => (list.length === 1 ? String(list[0]) : `(${list.join(", ")})`);

export class Operations {
  readonly #decisions: Decisions;
  readonly #expressions: Expressions;

  constructor(decisions: Decisions, expressions: Expressions) {
    this.#decisions = decisions;
    this.#expressions = expressions;
  }

  /** An expression of one of these families; undefined where the goal cannot be one. */
  make(goal: Goal): Written | undefined {
    if (sizeOf(goal.shape) === 0 || sizeOf(goal.shape) > most) return undefined;
    // Images have more dimensions than most goals.
    switch (this.#decisions.below(goal.shape.length < 3 ? 12 : 20)) {
      case 0: return this.#sorted(goal);
      case 1: return this.#takeAlong(goal);
      case 2: case 3: return this.#scatter(goal);
      case 4: return this.#scatterAlong(goal);
      case 5: return this.#dynamicSlice(goal);
      case 6: return this.#dynamicUpdate(goal);
      case 7: return this.#gatherTuples(goal);
      case 8: return this.#border(goal);
      case 9: return this.#spread(goal);
      case 10: return this.#triangle(goal);
      case 11: return this.#einsum(goal);
      default: return this.#windows(goal);
    }
  }

  #below(choices: number): number {
    return this.#decisions.below(choices);
  }

  #value({ dtype, depth, steady }: Goal, shape: readonly number[]): Written {
    return this.#expressions.tensor(dtype, shape, depth, steady);
  }

  /** Whole numbers up to `limit`, of which sums are exact. */
  #whole({ dtype, depth }: Goal, shape: readonly number[], limit: number): Written | undefined {
    return this.#expressions.fit(dtype, this.#expressions.tensor(dtype, shape, depth, true), limit, 1);
  }

  #indices(shape: readonly number[], extent: number, depth: number): string {
    const text = this.#expressions.indices(shape, extent, depth);
    return this.#decisions.rarely(4) ? `cast<i64>(${text})` : text;
  }

  #sorted(goal: Goal): Written | undefined {
    const { dtype, shape, depth } = goal;
    if (shape.length === 0) return undefined;
    const rest = `axis = ${this.#below(shape.length)}, descending = ${this.#decisions.pick(["false", "true"])}`;
    if (dtype === "i32" && this.#below(2) === 1) {
      const from = this.#expressions.dtype();
      return { text: `argsort(${this.#expressions.tensor(from, shape, depth, true).text}, ${rest})`, ...exact };
    }
    const value = this.#value(goal, shape);
    return { ...value, text: `sort(${value.text}, ${rest})` };
  }

  #takeAlong(goal: Goal): Written | undefined {
    const { shape, depth } = goal;
    if (shape.length === 0) return undefined;
    const axis = this.#below(shape.length);
    const extent = Math.max(1, this.#expressions.extent());
    const value = this.#value(goal, shape.with(axis, extent));
    return { ...value, text: `take_along(${value.text}, ${this.#indices(shape, extent, depth)}, axis = ${axis})` };
  }

  #scatter(goal: Goal): Written | undefined {
    const { dtype, shape, depth } = goal;
    if (shape.length === 0) return undefined;
    const axis = this.#below(shape.length);
    const count = 1 + this.#below(6);
    const at = `${this.#indices([count], shape[axis]!, depth)}`;
    const kind = dtype === "bool" ? "update" : this.#decisions.pick(["add", "update", "max"]);
    return this.#into(goal, shape.with(axis, count), kind, count, (base, updates) => `scatter_${kind}(${base}, ${at}, ${updates}, axis = ${axis})`);
  }

  #scatterAlong(goal: Goal): Written | undefined {
    const { dtype, shape, depth } = goal;
    if (shape.length === 0 || dtype === "bool") return undefined;
    const axis = this.#below(shape.length);
    const count = 1 + this.#below(5);
    const places = shape.with(axis, count);
    const at = this.#indices(places, shape[axis]!, depth);
    return this.#into(goal, places, "add", count, (base, updates) => `scatter_add_along(${base}, ${at}, ${updates}, axis = ${axis})`);
  }

  /** A tensor with updates; of sums of floats only those that are exact. */
  #into(goal: Goal, updates: readonly number[], kind: string, count: number, write: (base: string, updates: string) => string): Written | undefined {
    const { dtype, shape } = goal;
    if (kind !== "add" || !isFloat(dtype)) {
      const [base, value] = [this.#value(goal, shape), this.#value(goal, updates)];
      return { ...worse(base, value), text: write(base.text, value.text) };
    }
    const [base, value] = [this.#whole(goal, shape, 4), this.#whole(goal, updates, 4)];
    const total = { bound: 4 * (count + 1), grain: 1 };
    return base && value && fits(dtype, total) ? { text: write(base.text, value.text), ...total, error: 0 } : undefined;
  }

  #dynamicSlice(goal: Goal): Written | undefined {
    const { shape, depth } = goal;
    if (shape.length === 0) return undefined;
    const value = this.#value(goal, shape.map((extent) => extent + this.#below(3)));
    const at = this.#expressions.tensor("i32", [shape.length], depth, true).text;
    return { ...value, text: `dynamic_slice(${value.text}, ${at}, ${tuple(shape)})` };
  }

  #dynamicUpdate(goal: Goal): Written | undefined {
    const { shape, depth } = goal;
    if (shape.length === 0) return undefined;
    const box = shape.map((extent) => 1 + this.#below(extent));
    const [base, value] = [this.#value(goal, shape), this.#value(goal, box)];
    const at = this.#expressions.tensor("i32", [shape.length], depth, true).text;
    return { ...worse(base, value), text: `dynamic_update(${base.text}, ${at}, ${value.text})` };
  }

  #gatherTuples(goal: Goal): Written | undefined {
    const { shape, depth } = goal;
    if (shape.length === 0) return undefined;
    const extents = [1 + this.#below(5), 1 + this.#below(4)];
    const kept = this.#below(shape.length);
    const places = shape.slice(0, shape.length - kept);
    const value = this.#value(goal, [...extents, ...shape.slice(shape.length - kept)]);
    const parts = extents.map((extent) => this.#expressions.indices(places, extent, depth));
    return { ...value, text: `gather_nd(${value.text}, stack((${parts.join(", ")}), axis = ${places.length}))` };
  }

  #border(goal: Goal): Written | undefined {
    const { shape } = goal;
    if (shape.length === 0) return undefined;
    const inner = shape.map((extent) => 1 + this.#below(extent));
    const mode = this.#decisions.pick(["edge", "reflect", "symmetric", "wrap"]);
    const fitted = mode === "edge" ? inner : shape.map((extent, k) => Math.max(inner[k]!, Math.ceil((extent + 2) / 3)));
    const before = shape.map((extent, k) => this.#below(Math.min(extent - fitted[k]!, fitted[k]! - (mode === "edge" ? -9 : 1)) + 1));
    const after = shape.map((extent, k) => extent - fitted[k]! - before[k]!);
    if (mode !== "edge" && after.some((width, k) => width > fitted[k]! - 1)) return undefined;
    const value = this.#value(goal, fitted);
    return { ...value, text: `pad(${value.text}, ${tuple(before)}, ${tuple(after)}, mode = "${mode}")` };
  }

  /** Variance and length along an axis. */
  #spread(goal: Goal): Written | undefined {
    const { dtype, shape, depth, steady } = goal;
    if (!isFloat(dtype) || steady) return undefined;
    const axis = this.#below(shape.length + 1);
    const extent = 2 + this.#below(6);
    const value = this.#expressions.tensor(dtype, shape.toSpliced(axis, 0, extent), depth);
    if (!finite(value) || value.bound > 20) return undefined;
    const { bound, error } = value;
    const squares = extent * bound * bound;
    const rounding = 8 * (extent + 2) * epsilon(dtype) * squares + 1e-30;
    if (this.#below(2) === 1) return { text: `norm(${value.text}, axis = ${axis}, order = 1)`, bound: extent * bound, grain: 0, error: extent * (error + 8 * epsilon(dtype) * extent * bound) };
    const correction = this.#below(2);
    return { text: `var(${value.text}, axis = ${axis}, correction = ${correction})`, ...rounded(dtype, { bound: squares, grain: 0, error: 8 * extent * (bound + error) * error + rounding }) };
  }

  #triangle(goal: Goal): Written | undefined {
    const { dtype, shape } = goal;
    if (shape.length < 2 || dtype === "bool") return undefined;
    const value = this.#value(goal, shape);
    return { ...value, text: `${this.#decisions.pick(["triu", "tril"])}(${value.text}, k = ${this.#below(5) - 2})` };
  }

  #einsum(goal: Goal): Written | undefined {
    const { dtype, shape } = goal;
    if (dtype === "bool" || shape.length === 0 || shape.length > 3) return undefined;
    const names = ["i", "j", "k"].slice(0, shape.length);
    const summed = 1 + this.#below(5);
    const ofA = names.map((name, at) => [name, shape[at]!] as const).filter(() => this.#below(3) !== 1);
    const ofB = names.map((name, at) => [name, shape[at]!] as const).filter(([name]) => !ofA.some(([one]) => one === name) || this.#below(3) === 1);
    const turn = <T>(list: readonly T[]): T[] => (this.#below(2) === 1 ? [...list].reverse() : [...list]);
    const [a, b] = [turn([...ofA, ["s", summed] as const]), turn([...ofB, ["s", summed] as const])];
    const [left, right] = [this.#whole(goal, a.map(([, extent]) => extent), 3), this.#whole(goal, b.map(([, extent]) => extent), 2)];
    if (!left || !right) return undefined;
    const text = `einsum("${a.map(([name]) => name).join("")},${b.map(([name]) => name).join("")}->${names.join("")}", ${left.text}, ${right.text})`;
    const total = { bound: left.bound * right.bound * summed, grain: left.grain * right.grain };
    if (!isFloat(dtype)) return { text, ...exact };
    return fits(dtype, total) ? { text, ...total, error: 0 } : undefined;
  }

  /** Convolutions with groups and dilation, their transposes, and pools, over one to three axes. */
  #windows(goal: Goal): Written | undefined {
    const { dtype, shape } = goal;
    const axes = shape.length - 2;
    if (axes < 1 || axes > 3 || dtype === "bool" || sizeOf(shape) > 150) return undefined;
    const [n, o, ...extents] = shape as [number, number, ...number[]];
    const each = (choices: number, from: number): number[] => extents.map(() => from + this.#below(choices));
    const [window, stride, padding, dilation] = [each(3, 1), each(2, 1), each(2, 0), each(2, 1)];
    if (this.#below(3) === 2) return this.#transposed(goal, { window, stride, dilation });
    const source = extents.map((extent, k) => (extent - 1) * stride[k]! + (window[k]! - 1) * dilation[k]! + 1 - 2 * padding[k]!);
    const rest = `stride = ${tuple(stride)}, padding = ${tuple(padding)}, dilation = ${tuple(dilation)}`;
    if (source.some((extent) => extent < 1) || n * o * sizeOf(source) > most) return undefined;
    if (this.#below(3) === 2) return this.#pool(goal, [n, o, ...source], window, padding, rest);
    const groups = this.#below(2) === 1 ? o : 1;
    const channels = 1 + this.#below(2);
    const image = this.#whole(goal, [n, channels * groups, ...source], 4);
    const filter = this.#whole(goal, [o, channels, ...window], 2);
    const bias = this.#below(2) === 1 ? this.#whole(goal, [o], 4) : undefined;
    if (!image || !filter) return undefined;
    const text = `conv${axes}d(${image.text}, ${filter.text}${bias ? `, ${bias.text}` : ""}, ${rest}, groups = ${groups})`;
    return exactSum(dtype, text, image.bound * filter.bound * channels * sizeOf(window) + (bias?.bound ?? 0));
  }

  #transposed(goal: Goal, { window, stride, dilation }: { readonly [name in "window" | "stride" | "dilation"]: readonly number[] }): Written | undefined {
    const { dtype, shape } = goal;
    const [n, o, ...extents] = shape as [number, number, ...number[]];
    const source = extents.map((extent, k) => Math.floor((extent - (window[k]! - 1) * dilation[k]! - 1) / stride[k]!) + 1);
    const missing = extents.map((extent, k) => extent - ((source[k]! - 1) * stride[k]! + (window[k]! - 1) * dilation[k]! + 1));
    if (source.some((extent) => extent < 1) || missing.some((width, k) => width >= Math.max(stride[k]!, dilation[k]!))) return undefined;
    const channels = 1 + this.#below(3);
    const [image, filter] = [this.#whole(goal, [n, channels, ...source], 4), this.#whole(goal, [channels, o, ...window], 2)];
    if (!image || !filter) return undefined;
    const text = `conv_transpose${extents.length}d(${image.text}, ${filter.text}, stride = ${tuple(stride)}, dilation = ${tuple(dilation)}, output_padding = ${tuple(missing)})`;
    return exactSum(dtype, text, image.bound * filter.bound * channels * sizeOf(window));
  }

  #pool(goal: Goal, source: readonly number[], window: readonly number[], padding: readonly number[], rest: string): Written | undefined {
    if (padding.some((width, k) => width > window[k]! / 2)) return undefined;
    const { dtype } = goal;
    const axes = window.length;
    const image = this.#value(goal, source);
    if (!isFloat(dtype) || this.#below(2) === 1) return { ...image, text: `max_pool${axes}d(${image.text}, ${tuple(window)}, ${rest})` };
    if (goal.steady || !finite(image) || !known(image)) return undefined;
    return { text: `avg_pool${axes}d(${image.text}, ${tuple(window)}, ${rest}, count_padding = ${this.#decisions.pick(["true", "false"])})`, bound: image.bound, grain: 0, error: 8 * sizeOf(window) * epsilon(dtype) * image.bound + 1e-30 };
  }
}

/** Of whole numbers, where no sum is rounded. */
function exactSum(dtype: DType, text: string, bound: number): Written | undefined {
  if (!isFloat(dtype)) return { text, ...exact };
  return fits(dtype, { bound, grain: 1 }) ? { text, bound, grain: 1, error: 0 } : undefined;
}
