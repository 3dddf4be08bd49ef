/** Random expressions that put elements elsewhere, or repeat them; operands come from expressions.ts, which asks here. */
import { sizeOf, type DType } from "../../runtime/dtype.ts";
import type { Decisions } from "../../compiler/support/testing/decisions.ts";
import type { Expressions } from "./expressions.ts";
import { worse, type Quality, type Written } from "./quality.ts";
import { mostElements, showShape, wrap } from "./writing.ts";

/** Each method gives an expression of the goal, or nothing where it cannot be one. */
export class Movements {
  readonly #decisions: Decisions;
  readonly #expressions: Expressions;

  constructor(decisions: Decisions, expressions: Expressions) {
    this.#decisions = decisions;
    this.#expressions = expressions;
  }

  transpose(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    if (shape.length < 2) return undefined;
    const axes = shape.map((_, k) => k);
    for (let k = axes.length - 1; k > 0; k--) {
      const other = this.#decisions.below(k + 1);
      [axes[k], axes[other]] = [axes[other]!, axes[k]!];
    }
    const source = new Array<number>(shape.length);
    axes.forEach((axis, k) => (source[axis] = shape[k]!));
    const value = this.#expressions.tensor(dtype, source, depth, steady);
    return { ...value, text: `${wrap(value.text)}.transpose(${axes.join(", ")})` };
  }

  reshape(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
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
    const value = this.#expressions.tensor(dtype, source, depth, steady);
    const dims = shape.map(String);
    if (rarely(3) && sizeOf(shape) > 0) dims[below(dims.length)] = "-1";
    return { ...value, text: `${wrap(value.text)}.reshape(${dims.join(", ")})` };
  }

  slice(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    const source: number[] = [];
    const items: string[] = [];
    const drop = (): void => {
      const extent = Math.max(1, this.#expressions.extent());
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
    const value = this.#expressions.tensor(dtype, source, depth, steady);
    return { ...value, text: `${wrap(value.text)}[${items.join(", ")}]` };
  }

  windows(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    const [size, axis] = [shape.at(-1), below(Math.max(1, shape.length - 1))];
    if (shape.length < 2 || shape.includes(0)) return undefined;
    const [step, dilation] = [1 + below(3), rarely(3) ? 2 : 1];
    const source = shape.slice(0, -1).with(axis, (shape[axis]! - 1) * step + (size! - 1) * dilation + 1 + below(step));
    if (sizeOf(source) > mostElements) return undefined;
    const value = this.#expressions.tensor(dtype, source, depth, steady);
    return { ...value, text: `windows(${value.text}, ${size}, step = ${step}, axis = ${axis}${dilation === 1 ? "" : `, dilation = ${dilation}`})` };
  }

  reverseOrRoll(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    if (shape.length === 0) return undefined;
    const value = this.#expressions.tensor(dtype, shape, depth, steady);
    const axis = below(shape.length);
    if (rarely(2)) return { ...value, text: rarely(3) ? `reverse(${value.text})` : `reverse(${value.text}, axis = ${axis})` };
    const shifts = shape.map(() => below(9) - 4).join(", ");
    if (rarely(3)) return { ...value, text: `roll(${value.text}, (${shifts}))` };
    return { ...value, text: `roll(${value.text}, ${below(15) - 7}, axis = ${axis})` };
  }

  pad(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = this.#decisions;
    if (shape.length === 0) return undefined;
    const before = shape.map((extent) => below(Math.min(3, extent + 1)));
    const after = shape.map((extent, k) => below(Math.min(3, extent - before[k]! + 1)));
    const value = this.#expressions.tensor(dtype, shape.map((extent, k) => extent - before[k]! - after[k]!), depth, steady);
    const tuple = (list: readonly number[]): string => (list.length === 1 ? String(list[0]) : `(${list.join(", ")})`);
    const filler = dtype === "bool" ? undefined : this.#decisions.rarely(3) ? "1" : undefined;
    return { text: `pad(${value.text}, ${tuple(before)}, ${tuple(after)}${filler === undefined ? "" : `, value = ${filler}`})`, bound: Math.max(1, value.bound), grain: Math.min(value.grain, 1), error: value.error };
  }

  concat(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    if (shape.length === 0) return undefined;
    const axis = below(shape.length);
    const extent = shape[axis]!;
    if (rarely(3) && extent > 0 && extent < 5) {
      const part = shape.filter((_, k) => k !== axis);
      const values = Array.from({ length: extent }, () => this.#expressions.tensor(dtype, part, depth, steady));
      return { ...values.reduce<Quality>(worse, values[0]!), text: `stack((${values.map(({ text }) => text).join(", ")}${values.length === 1 ? "," : ""}), axis = ${axis})` };
    }
    const cut = below(extent + 1);
    const cuts = rarely(3) ? [cut, Math.floor((extent - cut) / 2), extent - cut - Math.floor((extent - cut) / 2)] : [cut, extent - cut];
    const values = cuts.map((length) => this.#expressions.tensor(dtype, shape.map((one, k) => (k === axis ? length : one)), depth, steady));
    return { ...values.reduce<Quality>(worse, values[0]!), text: `concat((${values.map(({ text }) => text).join(", ")}), axis = ${rarely(3) ? axis - shape.length : axis})` };
  }

  gather(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    const n = Math.max(1, this.#expressions.extent());
    const at = below(shape.length + 1);
    const taken = rarely(4) ? 0 : rarely(4) ? 2 : 1;
    if (at + taken > shape.length) return undefined;
    const source = [...shape.slice(0, at), n, ...shape.slice(at + taken)];
    if (sizeOf(source) > mostElements) return undefined;
    const value = this.#expressions.tensor(dtype, source, depth, steady);
    const indices = this.#expressions.indices(shape.slice(at, at + taken), n, depth);
    return { ...value, text: rarely(3) ? `gather(${value.text}, ${indices}, axis = ${at})` : `${wrap(value.text)}[${":, ".repeat(at)}${indices}]` };
  }

  repetition(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below } = this.#decisions;
    if (shape.length === 0) return undefined;
    const axis = below(shape.length);
    const extent = shape[axis]!;
    const divisor = [2, 3, 5, 7, 11, 13].find((one) => extent % one === 0) ?? 1;
    if (extent === 0) return undefined;
    const value = this.#expressions.tensor(dtype, shape.map((one, k) => (k === axis ? one / divisor : one)), depth, steady);
    if (below(2) === 1) return { ...value, text: `repeat_each(${value.text}, ${divisor}, axis = ${axis})` };
    return { ...value, text: `tile(${value.text}, ${shape.length === 1 ? divisor : `(${shape.map((_, k) => (k === axis ? divisor : 1)).join(", ")})`})` };
  }

  broadcast(dtype: DType, shape: readonly number[], depth: number, steady: boolean): Written | undefined {
    const { below, rarely } = this.#decisions;
    if (shape.length === 0) return undefined;
    if (shape.includes(1) && rarely(2)) {
      const axis = shape.indexOf(1);
      const value = this.#expressions.tensor(dtype, shape.filter((_, k) => k !== axis), depth, steady);
      return { ...value, text: `expand(${value.text}, ${axis})` };
    }
    if (rarely(3)) {
      const axis = below(shape.length + 1);
      const value = this.#expressions.tensor(dtype, [...shape.slice(0, axis), 1, ...shape.slice(axis)], depth, steady);
      return { ...value, text: `squeeze(${value.text}, axis = ${axis})` };
    }
    const source = shape.slice(below(shape.length)).map((extent) => (rarely(2) ? 1 : extent));
    const value = this.#expressions.tensor(dtype, source, depth, steady);
    return { ...value, text: `broadcast(${value.text}, ${showShape(shape)})` };
  }
}
