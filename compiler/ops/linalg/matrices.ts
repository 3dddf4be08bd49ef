/**
 * What the ops on matrices have in common: stacks of matrices in the last two dimensions, their elements as f64, a vertex
 * for each matrix, and the few products and triangles that their gradients are written with.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { get, put, tensor, type Tensor } from "../../graph/tensor.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { identityMap } from "../../support/affine.ts";
import { dimensions } from "../lowerings.ts";
import type { GradientBuilder } from "../op.ts";
import { refuse, requireClass, showShape } from "../rules.ts";

/** The last two extents. */
export const extentsOf = ({ shape }: TensorType): [rows: number, columns: number] => [shape.at(-2)!, shape.at(-1)!];

/** Matrices of f32 or f64: in 16 bits a factorisation loses everything to rounding. */
export function requireMatrices(what: string, type: TensorType): void {
  requireClass(what, "float", type);
  if (type.dtype !== "f32" && type.dtype !== "f64") refuse("dtype-mismatch", `${what} takes f32 or f64, not ${type.dtype}`, "cast<f32>(x) converts");
  if (type.shape.length < 2) refuse("shape-mismatch", `${what} takes matrices, [..., m, n], not ${showShape(type.shape)}`);
}

export function requireSquare(what: string, type: TensorType): void {
  requireMatrices(what, type);
  const [m, n] = extentsOf(type);
  if (m !== n) refuse("shape-mismatch", `${what} takes square matrices, not ${m} × ${n}`);
}

/** The matrices of a stack, one after the other, each row-major. */
export function* matricesOf(x: Tensor): Generator<Float64Array> {
  const size = sizeOf(x.type.shape.slice(-2));
  const count = sizeOf(x.type.shape.slice(0, -2));
  for (let k = 0; k < count; k++) yield Float64Array.from({ length: size }, (_, flat) => Number(get(x, k * size + flat)));
}

/** Puts the k-th matrix of a stack. */
export const putMatrix = (x: Tensor, k: number, matrix: Float64Array): void => matrix.forEach((value, flat) => put(x, k * matrix.length + flat, value));

/** Deterministic matrices of full rank for examples: waves that grow shorter, and `diagonal` added to the diagonal. */
export function waves(dtype: "f32" | "f64", shape: readonly number[], diagonal = 0, frequency = 1): Tensor {
  const [m, n] = [shape.at(-2)!, shape.at(-1)!];
  return tensor(dtype, shape, Array.from({ length: sizeOf(shape) }, (_, flat) => {
    const [row, column] = [Math.floor(flat / n) % m, flat % n];
    return Math.sin(frequency * (flat + 1) ** 2) + (row === column ? diagonal : 0);
  }));
}

interface MatrixLowering extends Pick<Lowering, "name" | "operations"> {
  /** Computes the matrix at `point`, its place in the stack. */
  emit(context: BlockContext, point: readonly Expression[]): void;
}

/** A result of the operand's shape, each matrix of which one vertex computes from the operand's. */
export function lowerEachMatrix({ shape }: TensorType, { emit, ...named }: MatrixLowering): Lowering[] {
  if (sizeOf(shape) === 0) return [];
  const [batch, index] = [shape.slice(0, -2), identityMap(shape.length)];
  return [
    {
      ...named,
      space: [...dimensions("parallel", batch), ...dimensions("serial", shape.slice(-2))],
      reads: [{ operand: 0, index }],
      writes: [{ operand: 0, index }],
      emit: (context) => context.kernel.forBox(context.block.slice(0, batch.length), true, (point) => emit(context, point)),
    },
  ];
}

// Gradients

export const product = (build: GradientBuilder, a: ValueId, b: ValueId): ValueId => build.apply("matmul", [a, b]);

/** The last two dimensions exchanged. */
export function transposed(build: GradientBuilder, x: ValueId): ValueId {
  const rank = build.typeOf(x).shape.length;
  return build.apply("transpose", [x], { axes: [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2] });
}

export const scaled = (build: GradientBuilder, x: ValueId, factor: number): ValueId => build.apply("mul", [x, build.fill(build.typeOf(x), factor)]);

/** Keeps the elements of each matrix whose row compares so with their column, zeros elsewhere: "ge" the lower triangle, "lt" the strict upper one, "eq" the diagonal. */
export function masked(build: GradientBuilder, x: ValueId, keep: "ge" | "gt" | "le" | "lt" | "eq"): ValueId {
  const type = build.typeOf(x);
  const [m, n] = extentsOf(type);
  const numbers = (length: number, shape: readonly number[]): ValueId => {
    const line = build.apply("reshape", [build.apply("iota", [], { length, dtype: "i32" })], { shape });
    return build.apply("broadcast", [line], { shape: [m, n] });
  };
  const mask = build.apply(keep, [numbers(m, [m, 1]), numbers(n, [1, n])]);
  return build.apply("select", [build.apply("broadcast", [mask], { shape: [...type.shape] }), x, build.fill(type, 0)]);
}

/** Rows `from` to below `to`, and columns likewise, of each matrix. */
export function part(build: GradientBuilder, x: ValueId, rows: readonly [from: number, to: number], columns: readonly [from: number, to: number]): ValueId {
  const { shape } = build.typeOf(x);
  const batch = shape.slice(0, -2);
  return build.apply("slice", [x], {
    start: [...batch.map(() => 0), rows[0], columns[0]],
    length: [...batch, rows[1] - rows[0], columns[1] - columns[0]],
    step: shape.map(() => 1),
  });
}

export interface Triangular {
  readonly lower: boolean;
  readonly transposed?: boolean;
  readonly unit?: boolean;
}

/** The lower triangle with half the diagonal, zeros above. */
export const halved = (build: GradientBuilder, x: ValueId): ValueId => build.apply("sub", [masked(build, x, "ge"), scaled(build, masked(build, x, "eq"), 0.5)]);

/** Rows up to which a triangle is one block. */
const block = 32;

/** X with op(A) · X = B; a large A is cut in two, as `triangular_solve` of std/linalg does. */
export function solved(build: GradientBuilder, a: ValueId, b: ValueId, options: Triangular): ValueId {
  const { lower, transposed: flipped = false, unit = false } = options;
  const [[n], [, k]] = [extentsOf(build.typeOf(a)), extentsOf(build.typeOf(b))];
  if (n <= block) return build.apply("triangular_solve_block", [a, b], { lower, transposed: flipped, unit_diagonal: unit });
  const h = block * Math.ceil(n / (2 * block));
  const [head, tail] = [[0, h], [h, n]] as const;
  const between = lower ? part(build, a, tail, head) : part(build, a, head, tail);
  const step = flipped ? transposed(build, between) : between;
  const [first, second] = lower !== flipped ? [head, tail] : [tail, head];
  const known = solved(build, part(build, a, first, first), part(build, b, first, [0, k]), options);
  const rest = build.apply("sub", [part(build, b, second, [0, k]), product(build, step, known)]);
  const later = solved(build, part(build, a, second, second), rest, options);
  return build.apply("concat", lower !== flipped ? [known, later] : [later, known], { axis: build.typeOf(b).shape.length - 2 });
}
