/**
 * The kernel of attention.ts: blocks of queries, one after the other, each by blocks of keys. The scores of a block lie in
 * scratch memory, small enough for the nearest caches, and become weights in place.
 *
 * Where all keys are one block, softmax is as it is elsewhere, but that the division by the sum comes after the product with
 * the values. Of several blocks the sums are kept relative to the largest score so far and rescaled when a larger one comes:
 * Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018; with the products, Rabe & Staats, "Self-attention does
 * not need O(n²) memory", 2021, and Dao et al., "FlashAttention", 2022. So scratch memory does not grow with the keys.
 *
 * A row of scores that are all -Infinity has the sum 0, and gives NaN, as softmax does.
 */
import type { DType } from "../../../runtime/dtype.ts";
import { binary, call, cast, i32, select, substitute } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { roundUp } from "../../support/parts.ts";
import { number, widened } from "../lowerings.ts";
import { computeDType } from "../rules.ts";

export interface AttentionShape {
  readonly d: number;
  /** Keys. */
  readonly n: number;
  /** Columns of the values. */
  readonly c: number;
  /** Of panels. */
  readonly width: number;
  /** Queries of a block. */
  readonly queries: number;
  /** Keys of a block: whole panels. */
  readonly keys: number;
}

export interface AttentionPlan extends AttentionShape {
  /** Dimensions of batches. */
  readonly outer: number;
  readonly dtype: DType;
  /** Over a score and what else is read for it. */
  readonly body: Expression;
  /** Whether read 3 says how many keys a query sees. */
  readonly limits: boolean;
  /** Reads that the body needs beside the score: the last ones. */
  readonly operands: number;
}

/** Queries, scores, and of each query: the largest score, the sum, the factor of what was summed before; then the sums of values. */
export function scratchOf({ d, n, c, width, queries, keys }: AttentionShape, dtype: DType): NonNullable<Lowering["scratch"]> {
  // A panel more than needed keeps rows from falling on the same cache lines.
  const scores = roundUp(Math.min(n, keys), width) + width;
  const of = (shape: readonly number[]) => ({ dtype, shape });
  return [of([queries, d]), of([queries, scores]), of([3, queries]), ...(n > keys ? [of([queries, roundUp(c, width)])] : [])];
}

export function emitAttention(context: BlockContext, plan: AttentionPlan): void {
  const { block, kernel } = context;
  kernel.forBox(block.slice(0, plan.outer), false, (batch) => new AttentionKernel(context, plan, batch).emit(block[plan.outer]!));
}

/** Indices of the space that are not 0. */
interface Point {
  readonly row: Expression;
  readonly panel?: Expression;
  readonly lane?: Expression;
  readonly inner?: Expression;
  readonly valuePanel?: Expression;
  readonly key?: Expression;
  readonly column?: Expression;
}

const zero = i32(0);
const [largestAt, sumAt, factorAt] = [i32(0), i32(1), i32(2)];
const plus = (a: Expression, b: Expression): Expression => binary("add", a, b);
const times = (a: Expression, b: number): Expression => binary("mul", a, i32(b));

class AttentionKernel {
  readonly #context: BlockContext;
  readonly #plan: AttentionPlan;
  readonly #batch: readonly Expression[];
  /** Of arithmetic. */
  readonly #dtype: DType;

  constructor(context: BlockContext, plan: AttentionPlan, batch: readonly Expression[]) {
    this.#context = context;
    this.#plan = plan;
    this.#batch = batch;
    this.#dtype = computeDType(plan.dtype);
  }

  emit(rows: number): void {
    const { queries } = this.#plan;
    const whole = Math.floor(rows / queries);
    if (whole > 0) this.#context.kernel.forSum([whole], ([block]) => this.#rows(times(block!, queries), queries));
    if (rows % queries > 0) this.#rows(i32(whole * queries), rows % queries);
  }

  /** A block of `count` queries from `first` on. */
  #rows(first: Expression, count: number): void {
    const { kernel, scratch: [queries] } = this.#context;
    const { n, keys, d, width } = this.#plan;
    kernel.forBox([count, d], true, ([row, inner]) => kernel.store(queries!, [row!, inner!], widened(this.#load(0, { row: plus(first, row!), inner: inner! }))));
    if (n <= keys) return this.#allKeys(first, count);
    this.#start(count);
    const visible = this.#visible(first, count);
    const whole = Math.floor(n / keys);
    const step = (block: Expression, keyCount: number): void => {
      const panel = times(block, keys / width);
      if (visible === undefined) this.#someKeys(first, count, panel, keyCount);
      else kernel.if(binary("lt", times(block, keys), visible), () => this.#someKeys(first, count, panel, keyCount));
    };
    kernel.forSum([whole], ([block]) => step(block!, keys));
    if (n % keys > 0) step(i32(whole), n % keys);
    this.#finish(first, count);
  }

  /** One block of all keys: rows of scores become weights, and the result is stored at once. */
  #allKeys(first: Expression, count: number): void {
    const { kernel, scratch } = this.#context;
    const { n, c } = this.#plan;
    this.#scores(first, count, zero, n);
    kernel.forBox([count], true, ([row]) => {
      const { sum } = this.#weights(row!, n, number(this.#dtype, -Infinity));
      kernel.store(scratch[2]!, [factorAt, row!], binary("div", number(this.#dtype, 1), sum));
    });
    this.#valueParts(c, count, (row, panel, lane) => {
      const mean = this.#valueSum(number(this.#dtype, 0), row, zero, n, panel, lane);
      this.#store(first, row, panel, lane, binary("mul", mean, kernel.load(scratch[2]!, [factorAt, row])));
    });
  }

  #start(count: number): void {
    const { kernel, scratch } = this.#context;
    const { c, width } = this.#plan;
    const none = number(this.#dtype, 0);
    kernel.forBox([count], true, ([row]) => kernel.store(scratch[2]!, [largestAt, row!], number(this.#dtype, -Infinity)));
    kernel.forBox([count], true, ([row]) => kernel.store(scratch[2]!, [sumAt, row!], none));
    kernel.forBox([count, roundUp(c, width)], true, (at) => kernel.store(scratch[3]!, at, none));
  }

  /** The most keys that a query of the block sees. */
  #visible(first: Expression, count: number): Expression | undefined {
    if (!this.#plan.limits) return undefined;
    const { kernel } = this.#context;
    const most = kernel.let("visible", zero);
    kernel.forBox([count], false, ([row]) => kernel.set(most, binary("max", most, this.#load(3, { row: plus(first, row!) }))));
    return most;
  }

  /** A block of some keys: what was summed before is made relative to the largest score now, and this block's is added. */
  #someKeys(first: Expression, count: number, firstPanel: Expression, keyCount: number): void {
    const { kernel, scratch } = this.#context;
    const [, , rows, sums] = scratch;
    const { c, width } = this.#plan;
    this.#scores(first, count, firstPanel, keyCount);
    kernel.forBox([count], true, ([row]) => {
      const before = kernel.let("before", kernel.load(rows!, [largestAt, row!]));
      const { largest, shift, sum } = this.#weights(row!, keyCount, before);
      kernel.store(rows!, [largestAt, row!], largest);
      const factor = kernel.let("factor", this.#relative(before, shift));
      kernel.store(rows!, [factorAt, row!], factor);
      kernel.store(rows!, [sumAt, row!], plus(binary("mul", kernel.load(rows!, [sumAt, row!]), factor), sum));
    });
    this.#valueParts(roundUp(c, width), count, (row, panel, lane) => {
      const at = [row, plus(times(panel, width), lane)];
      const earlier = binary("mul", kernel.load(sums!, at), kernel.load(rows!, [factorAt, row]));
      kernel.store(sums!, at, this.#valueSum(earlier, row, times(firstPanel, width), keyCount, panel, lane));
    });
  }

  #finish(first: Expression, count: number): void {
    const { kernel, scratch: [, , rows, sums] } = this.#context;
    const { c } = this.#plan;
    kernel.forBox([count], true, ([row]) => {
      const factor = kernel.let("scale", binary("div", number(this.#dtype, 1), kernel.load(rows!, [sumAt, row!])));
      kernel.forBox([c], true, ([column]) => {
        const point = this.#point({ row: plus(first, row!), column: column! });
        this.#context.store(0, point, cast(this.#plan.dtype, binary("mul", kernel.load(sums!, [row!, column!]), factor)));
      });
    });
  }

  /** Scores of a block of queries with a block of keys, into scratch memory. */
  #scores(first: Expression, count: number, firstPanel: Expression, keyCount: number): void {
    const { kernel, scratch: [queries, scores] } = this.#context;
    const { width, d, dtype, body, limits, operands } = this.#plan;
    
    const part = (from: number, panels: number, lanes: number): void =>
      kernel.forBox([panels, count, lanes], true, ([at, row, lane]) => {
        const panel = plus(i32(from), at!);
        const sum = kernel.let("sum", number(this.#dtype, 0));
        const of = { row: plus(first, row!), lane: lane!, panel: plus(firstPanel, panel) };
        kernel.forSum([d], ([inner]) => kernel.set(sum, plus(sum, binary("mul", kernel.load(queries!, [row!, inner!]), this.#load(1, { ...of, inner: inner! })))));
        const column = plus(times(panel, width), lane!);
        const others = Array.from({ length: operands }, (_, z) => this.#load((limits ? 4 : 3) + z, { row: of.row, key: plus(times(firstPanel, width), column) }));
        kernel.store(scores!, [row!, column], widened(substitute(body, [cast(dtype, sum), ...others])));
      });
    this.#parts(keyCount, part);
  }

  /** Exponentials of a row of scores relative to the largest, which is at least `before`, in their place, and their sum. */
  #weights(row: Expression, keyCount: number, before: Expression): { largest: Expression; shift: Expression; sum: Expression } {
    const { kernel, scratch } = this.#context;
    const score = (key: Expression): Expression => kernel.load(scratch[1]!, [row, key]);
    const largest = kernel.let("largest", before);
    kernel.forBox([keyCount], false, ([key]) => kernel.set(largest, binary("max", largest, score(key!))));
    const none = binary("eq", largest, number(this.#dtype, -Infinity));
    const shift = kernel.let("shift", select(none, number(this.#dtype, 0), largest));
    const sum = kernel.let("sum", number(this.#dtype, 0));
    kernel.forBox([keyCount], false, ([key]) => {
      const weight = kernel.let("weight", this.#relative(score(key!), shift));
      kernel.store(scratch[1]!, [row, key!], weight);
      kernel.set(sum, plus(sum, weight));
    });
    return { largest, shift, sum };
  }

  /** e^(score − shift) for a shift that is not smaller: by powers of two, which take fewer operations. */
  #relative(score: Expression, shift: Expression): Expression {
    const power = binary("mul", binary("sub", score, shift), number(this.#dtype, Math.LOG2E));
    return call("exp2", binary("min", power, number(this.#dtype, 0)));
  }

  /** `start` and the values of some keys by their weights, for one column. */
  #valueSum(start: Expression, row: Expression, firstKey: Expression, keyCount: number, valuePanel: Expression, lane: Expression): Expression {
    const { kernel, scratch } = this.#context;
    const sum = kernel.let("sum", start);
    kernel.forSum([keyCount], ([key]) =>
      kernel.set(sum, plus(sum, binary("mul", kernel.load(scratch[1]!, [row, key!]), this.#load(2, { row: zero, valuePanel, lane, key: plus(firstKey, key!) })))));
    return sum;
  }

  /** Over some columns of values and the queries of a block. */
  #valueParts(columns: number, count: number, body: (row: Expression, panel: Expression, lane: Expression) => void): void {
    const { kernel } = this.#context;
    this.#parts(columns, (from, panels, lanes) => kernel.forBox([panels, count, lanes], true, ([panel, row, lane]) => body(row!, plus(i32(from), panel!), lane!)));
  }

  /** The whole panels of some columns, then what is left. */
  #parts(columns: number, part: (firstPanel: number, panels: number, lanes: number) => void): void {
    const { width } = this.#plan;
    const whole = Math.floor(columns / width);
    if (whole > 0) part(0, whole, width);
    if (columns % width > 0) part(whole, 1, columns % width);
  }

  #store(first: Expression, row: Expression, panel: Expression, lane: Expression, value: Expression): void {
    this.#context.store(0, this.#point({ row: plus(first, row), column: plus(times(panel, this.#plan.width), lane) }), cast(this.#plan.dtype, value));
  }

  #load(read: number, point: Point): Expression {
    return this.#context.load(read, this.#point(point));
  }

  #point({ row, panel = zero, lane = zero, inner = zero, valuePanel = zero, key = zero, column = zero }: Point): Expression[] {
    return [...this.#batch, row, panel, lane, inner, valuePanel, key, column];
  }
}
