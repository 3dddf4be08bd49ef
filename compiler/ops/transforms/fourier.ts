/**
 * Discrete Fourier transforms of whole rows, whose lengths have no prime factors but 2, 3 and 5: what `fft` of std/fft is made of.
 *
 * A vertex transforms its rows in stages that put the elements in order as they go (Stockham, 1966; as in C. Van Loan,
 * "Computational Frameworks for the Fast Fourier Transform", 1992, §1.7): stage after stage of radix r takes elements a whole
 * part of the row apart and leaves them side by side, s of them in a run, s being the product of the radices before. All
 * loads are of neighbours, and all stores but those of the first stage; so loops run over vectors. Real and imaginary parts
 * are tensors of their own.
 */
import { sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { binary, cast, i32, type KernelBuilder } from "../../kernel/build.ts";
import type { BufferId, Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex, type Affine } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { dimensions, widened } from "../lowerings.ts";
import type { GradientBuilder, Op } from "../op.ts";
import { computeDType, refuse, requireClass, requireInputs, requireSameDType, requireSameShape, showShape } from "../rules.ts";
import { butterfly, product, type Complex } from "./butterflies.ts";

const name = "fft_rows";

/** The radices of a length, of which `first` is that of the first stage. */
function radicesOf(length: number, first: number): number[] {
  const radices = [first];
  let rest = length / first;
  for (const radix of [4, 2, 3, 5]) for (; rest % radix === 0 && rest > 1; rest /= radix) radices.push(radix);
  if (rest !== 1) refuse("bad-argument", `a row of ${name} has ${length} elements, which is no product of 2, 3 and 5`);
  return radices;
}

function checked(inputs: readonly TensorType[]): TensorType {
  requireInputs(name, inputs, 4);
  const [re, im, roots, first] = [inputs[0]!, inputs[1]!, inputs[2]!, inputs[3]!];
  requireClass(name, "float", re);
  requireSameDType(name, re, im, ["re", "im"]);
  requireSameShape(name, re, im, ["re", "im"]);
  const length = re.shape.at(-1) ?? refuse("shape-mismatch", `${name} needs rows, not a scalar`);
  const radix = first.shape[1] ?? 0;
  for (const [what, table, shape] of [["roots", roots, [2, length]], ["first", first, [2, radix, length / radix]]] as const) {
    if (table.dtype !== computeDType(re.dtype) || table.shape.join() !== shape.join()) refuse("shape-mismatch", `${what} of ${name} must be ${computeDType(re.dtype)}${showShape(shape)}, not ${table.dtype}${showShape(table.shape)}`);
  }
  if (![2, 3, 4, 5].includes(radix)) refuse("bad-argument", `the first radix of ${name} is ${radix}; it must be 2, 3, 4 or 5`);
  radicesOf(length, radix);
  return { dtype: re.dtype, shape: [2, ...re.shape] };
}

/** The sums themselves, in f64. */
function evaluate([re, im]: readonly Tensor[], type: TensorType): Tensor {
  const [result, length] = [zeros(type), type.shape.at(-1)!];
  const all = sizeOf(type.shape) / 2;
  const angles = Array.from({ length }, (_, k) => (-2 * Math.PI * k) / length);
  const [cosines, sines] = [angles.map(Math.cos), angles.map(Math.sin)];
  for (let start = 0; start < all; start += length) {
    const [x, y] = [re!, im!].map((part) => Array.from({ length }, (_, j) => Number(get(part, start + j)))) as [number[], number[]];
    for (let k = 0; k < length; k++) {
      let [p, q] = [0, 0];
      for (let j = 0; j < length; j++) {
        const [c, s] = [cosines[(j * k) % length]!, sines[(j * k) % length]!];
        p += x[j]! * c - y[j]! * s;
        q += x[j]! * s + y[j]! * c;
      }
      put(result, start + k, p);
      put(result, all + start + k, q);
    }
  }
  return result;
}

/** Where a row lies between two stages. */
interface Row {
  load(k: Expression): Complex;
  store(k: Expression, value: Complex): void;
}

interface Stage {
  readonly radix: number;
  /** Elements of a run: the product of the radices before. */
  readonly run: number;
  /** Runs of each of the parts that are combined. */
  readonly runs: number;
  readonly from: Row;
  readonly to: Row;
}

const plus = (a: Expression, b: Expression): Expression => binary("add", a, b);
const times = (a: Expression, by: number): Expression => binary("mul", a, i32(by));

/** to[q + run · (radix · p + j)] = ω^(j p) · (the j-th element of the transform of from[q + run · (p + runs · i)], i < radix). */
function emitStage(kernel: KernelBuilder, { radix, run, runs, from, to }: Stage, rootOf: (p: Expression, j: number) => Complex): void {
  const parts = Array.from({ length: radix }, (_, j) => j);
  const combine = (p: Expression, q: Expression, roots: readonly Complex[]): void => {
    const named = ([x, y]: Complex): Complex => [kernel.let("re", x), kernel.let("im", y)];
    const values = parts.map((i) => named(from.load(plus(plus(times(p, run), q), i32(run * runs * i)))));
    const combined = butterfly(values, named).map(named);
    const turned = combined.map((value, j) => (j === 0 || runs === 1 ? value : named(product(value, roots[j - 1]!))));
    turned.forEach((value, j) => to.store(plus(plus(times(p, run * radix), q), i32(run * j)), value));
  };
  const rootsOf = (p: Expression): Complex[] => parts.slice(1).map((j) => rootOf(p, j).map((part) => kernel.let("root", part)) as unknown as Complex);
  kernel.for({ end: i32(runs), parallel: true, name: "p" }, (p) => {
    const roots = runs === 1 ? [] : rootsOf(p);
    if (run === 1) combine(p, i32(0), roots);
    else kernel.for({ end: i32(run), parallel: true, name: "q" }, (q) => combine(p, q, roots));
  });
}

function emitRow({ kernel, load, store, scratch }: BlockContext, point: readonly Expression[], length: number, radices: readonly number[], dtype: DType): void {
  const two = (k: Expression, part: number): readonly Expression[] => [...point, k, i32(part), i32(0), i32(0)];
  const operand: Row = { load: (k) => [widened(load(0, two(k, 0))), widened(load(1, two(k, 0)))], store: () => undefined };
  const result: Row = {
    load: () => [i32(0), i32(0)],
    store: (k, value) => value.forEach((one, part) => store(0, two(k, part), cast(dtype, one))),
  };
  const between = ([re, im]: readonly BufferId[]): Row => ({
    load: (k) => [kernel.load(re!, [k]), kernel.load(im!, [k])],
    store: (k, value) => [re!, im!].forEach((buffer, part) => kernel.store(buffer, [k], value[part]!)),
  });
  const [even, odd] = [between(scratch.slice(0, 2)), between(scratch.slice(2))];
  let run = 1;
  radices.forEach((radix, stage) => {
    const from = stage === 0 ? operand : stage % 2 === 1 ? even : odd;
    const to = stage === radices.length - 1 ? result : stage % 2 === 0 ? even : odd;
    const roots = (p: Expression, j: number): Complex =>
      [0, 1].map((part) => (stage === 0 ? load(3, [...point, i32(0), i32(part), i32(j), p]) : load(2, two(times(p, run * j), part)))) as unknown as Complex;
    emitStage(kernel, { radix, run, runs: length / radix / run, from, to }, roots);
    run *= radix;
  });
}

/** Space: the rows (parallel); the elements of one, the two parts, the radix of the first stage and its runs (serial). */
function lower(inputs: readonly TensorType[], type: TensorType): Lowering[] {
  if (sizeOf(type.shape) === 0) return [];
  const [outer, length] = [inputs[0]!.shape.slice(0, -1), type.shape.at(-1)!];
  const radix = inputs[3]!.shape[1]!;
  const radices = radicesOf(length, radix);
  const rank = outer.length + 4;
  const own = outer.map((_, k) => affineIndex(k, rank));
  const [element, part, which, place] = [0, 1, 2, 3].map((k) => affineIndex(outer.length + k, rank)) as [Affine, Affine, Affine, Affine];
  const held = { dtype: computeDType(type.dtype), shape: [length] };
  return [
    {
      name,
      space: [...dimensions("parallel", outer), ...dimensions("serial", [length, 2, radix, length / radix])],
      reads: [{ operand: 0, index: [...own, element] }, { operand: 1, index: [...own, element] }, { operand: 2, index: [part, element] }, { operand: 3, index: [part, which, place] }],
      writes: [{ operand: 0, index: [part, ...own, element] }],
      operations: (5 * Math.log2(length)) / (2 * length),
      scratch: radices.length === 1 ? [] : radices.length === 2 ? [held, held] : [held, held, held, held],
      // Rows take turns with the scratch.
      emit: (context) => context.kernel.forBox(context.block.slice(0, outer.length), false, (point) => emitRow(context, point, length, radices, type.dtype)),
    },
  ];
}

/** Roots of unity as std/fft makes them. */
function tables(dtype: DType, length: number, radix: number): Tensor[] {
  const angle = (k: number): number => (-2 * Math.PI * (k % length)) / length;
  const table = (shape: readonly number[], at: (k: number) => number): Tensor => {
    const count = sizeOf(shape);
    return tensor(dtype, [2, ...shape], [Math.cos, Math.sin].flatMap((f) => Array.from({ length: count }, (_, k) => f(angle(at(k))))));
  };
  const rest = length / radix;
  return [table([length], (k) => k), table([radix, rest], (k) => Math.floor(k / rest) * (k % rest))];
}

export const fftRows: Op = {
  name,
  kind: "compute",
  summary: "Discrete Fourier transforms of rows, real and imaginary parts apart; roots of unity, and those of the first radix, are given.",
  formula: "y[0 … 1, …, k] = Σ x[…, j] · e^(−2πi · j · k / n)",
  signature: {
    call: name,
    module: "std/fft",
    parameters: [{ name: "re", kind: "tensor" }, { name: "im", kind: "tensor" }, { name: "roots", kind: "tensor" }, { name: "first", kind: "tensor" }],
  },
  type: (inputs) => checked(inputs),
  evaluate: (inputs, _attributes, type) => evaluate(inputs, type),
  lower: (inputs, _attributes, type) => lower(inputs, type),
  /** The adjoint of the transform is its conjugate: that of the parts exchanged, exchanged again. */
  gradient(build: GradientBuilder, { inputs: [re, , roots, first], gradient }) {
    const { shape } = build.typeOf(re!);
    const part = (of: ValueId, which: number): ValueId => {
      const layer = build.apply("slice", [of], { start: [which, ...shape.map(() => 0)], length: [1, ...shape], step: [1, ...shape.map(() => 1)] });
      return build.apply("reshape", [layer], { shape: [...shape] });
    };
    const turned = build.apply(name, [part(gradient, 1), part(gradient, 0), roots!, first!]);
    return [part(turned, 1), part(turned, 0), undefined, undefined];
  },
  examples: () => [
    { inputs: [tensor("f64", [4], [1, 2, 3, 4]), tensor("f64", [4], [0, 0, 0, 0]), ...tables("f64", 4, 4)], attributes: {}, expected: tensor("f64", [2, 4], [10, -2, -2, -2, 0, 2, 0, -2]) },
    { inputs: [samples("f32", [3, 64]), samples("f32", [3, 64], 1), ...tables("f32", 64, 4)], attributes: {} },
    { inputs: [samples("f32", [2, 2, 30]), samples("f32", [2, 2, 30], 1), ...tables("f32", 30, 2)], attributes: {} },
    { inputs: [samples("f64", [45]), samples("f64", [45], 1), ...tables("f64", 45, 3)], attributes: {} },
    { inputs: [samples("f64", [3, 25]), samples("f64", [3, 25], 1), ...tables("f64", 25, 5)], attributes: {} },
    { inputs: [samples("f16", [2, 32]), samples("f16", [2, 32], 1), ...tables("f32", 32, 4)], attributes: {} },
    { inputs: [tensor("bf16", [8], [1, 2, 0.5, -3, 4, 0, 1, -1]), tensor("bf16", [8], [0, 1, -2, 5, 0.25, 1, 3, 1]), ...tables("f32", 8, 4)], attributes: {} },
    { inputs: [samples("f32", [0, 6]), samples("f32", [0, 6]), ...tables("f32", 6, 2)], attributes: {} },
  ],
};
