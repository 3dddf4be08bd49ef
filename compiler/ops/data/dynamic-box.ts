/**
 * A box of a tensor that begins where a tensor of ints says at run time: taken (`dynamic_slice`) or replaced
 * (`dynamic_update`). A start is brought into its axis so that the box fits, in the meaning and in kernels alike: nothing is
 * out of bounds. A negative start is not counted from the end.
 *
 * Cost: the box; axes that the box covers whole are split over the tiles, along the others a vertex sees all of the tensor.
 * An update changes the tensor in place where it is dead.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { affineIndex, type Affine } from "../../support/affine.ts";
import { binary, cast, i32 } from "../../kernel/build.ts";
import type { Access, BlockContext, Lowering, SpaceDimension } from "../../kernel/lowering.ts";
import { samples } from "../elementwise/elementwise.ts";
import { number } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { intsArgument, intsAttribute, refuse, requireInputs, requireSameDType, showShape } from "../rules.ts";

function requireStart(what: string, x: TensorType, start: TensorType): void {
  if (start.dtype !== "i32" && start.dtype !== "i64") refuse("dtype-mismatch", `the start of ${what} must be i32 or i64, not ${start.dtype}`, "cast<i32>(start) converts");
  if (start.shape.length !== 1 || start.shape[0] !== x.shape.length) refuse("shape-mismatch", `the start of ${what} needs shape [${x.shape.length}], one number for each dimension of ${showShape(x.shape)}, and has ${showShape(start.shape)}`);
}

function requireFit(what: string, x: TensorType, length: readonly number[]): void {
  if (length.length !== x.shape.length) refuse("shape-mismatch", `${what} of rank ${length.length} in a tensor of shape ${showShape(x.shape)}`);
  length.forEach((extent, axis) => {
    if (extent < 0 || extent > x.shape[axis]!) refuse("out-of-range", `${what} of shape ${showShape(length)} does not fit in ${showShape(x.shape)}`);
  });
}

/** Where the box begins. */
function placed(start: Tensor, shape: readonly number[], length: readonly number[]): number[] {
  return shape.map((extent, axis) => Math.max(0, Math.min(Number(get(start, axis)), extent - length[axis]!)));
}

/**
 * The space of both ops: a dimension for each of the box; then, for each axis that the box covers in part, the whole axis
 * (serial), whose index the kernel computes.
 */
interface BoxSpace {
  readonly space: readonly SpaceDimension[];
  /** Of each of its points: what does not move is gone through once. */
  readonly operations: number;
  /** Index of the whole tensor's element. */
  readonly whole: readonly Affine[];
  readonly box: readonly Affine[];
  /** The start, if any axis needs it, then what the vertex reads. */
  reads(data: Access): readonly Access[];
  /** Copies what is read to what is written, element by element of the box. */
  copy(context: BlockContext): void;
}

function boxSpace(shape: readonly number[], length: readonly number[]): BoxSpace {
  const moving = shape.flatMap((extent, axis) => (length[axis] === extent ? [] : [axis]));
  const rank = shape.length + moving.length + 1;
  const space: SpaceDimension[] = [
    ...length.map((extent, axis): SpaceDimension => ({ extent, kind: moving.includes(axis) ? "serial" : "parallel" })),
    ...moving.map((axis): SpaceDimension => ({ extent: shape[axis]!, kind: "serial" })),
    { extent: Math.max(1, shape.length), kind: "serial" },
  ];
  return {
    space,
    operations: 1 / sizeOf(space.slice(shape.length).map(({ extent }) => extent)),
    whole: shape.map((_, axis) => affineIndex(moving.includes(axis) ? shape.length + moving.indexOf(axis) : axis, rank)),
    box: shape.map((_, axis) => affineIndex(axis, rank)),
    reads: (data) => (moving.length === 0 ? [data] : [{ operand: 1, index: [affineIndex(rank - 1, rank)] }, data]),
    copy({ kernel, block, load, store }) {
      const zeroAt = Array.from({ length: rank - 1 }, () => i32(0));
      const first = moving.map((axis) => {
        const given = load(0, [...zeroAt, i32(axis)]);
        const wide = given.dtype === "i64" ? given : cast("i32", given);
        const most = number(wide.dtype, shape[axis]! - length[axis]!);
        return kernel.let(`start${axis}`, cast("i32", binary("max", binary("min", wide, most), number(wide.dtype, 0))));
      });
      kernel.forBox(block.slice(0, shape.length), true, (point) => {
        const at = [...point, ...moving.map((axis, k) => binary("add", first[k]!, point[axis]!)), i32(0)];
        store(0, at, load(moving.length === 0 ? 0 : 1, at));
      });
    },
  };
}

const startParameters = [{ name: "x", kind: "tensor" }, { name: "indices", kind: "tensor" }] as const;

export const dynamicSlice: Op = {
  name: "dynamic_slice",
  kind: "compute",
  summary: "A box of the tensor that begins at run-time indices, one for each dimension; they are brought to where the box fits.",
  formula: "y[i] = x[min(max(indices, 0), n - length) + i]",
  signature: {
    call: "dynamic_slice",
    module: "core",
    parameters: [...startParameters, { name: "length", kind: "ints" }],
    attributes: (args) => ({ length: intsArgument(args["length"], "the length of dynamic_slice") }),
  },
  type(inputs, attributes) {
    requireInputs("dynamic_slice", inputs, 2);
    const length = intsAttribute(attributes, "length");
    requireFit("a slice", inputs[0]!, length);
    requireStart("dynamic_slice", inputs[0]!, inputs[1]!);
    return { dtype: inputs[0]!.dtype, shape: [...length] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result] = [inputs[0]!, zeros(type)];
    const first = placed(inputs[1]!, x.type.shape, intsAttribute(attributes, "length"));
    forEachIndex(type.shape, (index, flat) => (result.data[flat] = x.data[flatIndex(x.type.shape, index.map((i, axis) => i + first[axis]!))]!));
    return result;
  },
  lower(inputs, attributes): Lowering[] {
    const { space, operations, whole, box, reads, copy } = boxSpace(inputs[0]!.shape, intsAttribute(attributes, "length"));
    if (sizeOf(space.map(({ extent }) => extent)) === 0) return [];
    return [
      {
        name: "dynamic_slice",
        space,
        operations,
        reads: reads({ operand: 0, index: whole }),
        writes: [{ operand: 0, index: box }],
        emit: copy,
      },
    ];
  },
  gradient(build, { inputs, gradient }) {
    return [build.apply("dynamic_update", [build.fill(build.typeOf(inputs[0]!), 0), inputs[1]!, gradient]), undefined];
  },
  examples: () => [
    { inputs: [tensor("i32", [5], [1, 2, 3, 4, 5]), tensor("i32", [1], [2])], attributes: { length: [2] }, expected: tensor("i32", [2], [3, 4]) },
    { inputs: [tensor("i32", [5], [1, 2, 3, 4, 5]), tensor("i64", [1], [9n])], attributes: { length: [2] }, expected: tensor("i32", [2], [4, 5]) },
    { inputs: [tensor("f64", [3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), tensor("i32", [2], [1, -7])], attributes: { length: [2, 4] } },
    { inputs: [samples("f16", [7, 3, 5]), tensor("i32", [3], [4, 1, 2])], attributes: { length: [3, 3, 2] } },
    { inputs: [samples("u8", []), tensor("i32", [0], [])], attributes: { length: [] } },
    { inputs: [samples("u8", [4, 3]), tensor("i32", [2], [1, 1])], attributes: { length: [0, 2] } },
  ],
};

export const dynamicUpdate: Op = {
  name: "dynamic_update",
  kind: "compute",
  inPlace: true,
  summary: "The tensor with a box of it replaced, which begins at run-time indices; they are brought to where the box fits.",
  formula: "y = x, but y[min(max(indices, 0), n - length) + i] = value[i]",
  signature: { call: "dynamic_update", module: "core", parameters: [...startParameters, { name: "value", kind: "tensor" }] },
  type(inputs) {
    requireInputs("dynamic_update", inputs, 3);
    const [x, start, value] = [inputs[0]!, inputs[1]!, inputs[2]!];
    requireSameDType("dynamic_update", x, value, ["x", "value"]);
    requireFit("a value", x, value.shape);
    requireStart("dynamic_update", x, start);
    return x;
  },
  evaluate(inputs, _attributes, type) {
    const [x, start, value] = [inputs[0]!, inputs[1]!, inputs[2]!];
    const first = placed(start, type.shape, value.type.shape);
    const result = zeros(type);
    result.data.set(x.data as never);
    forEachIndex(value.type.shape, (index, flat) => (result.data[flatIndex(type.shape, index.map((i, axis) => i + first[axis]!))] = value.data[flat]!));
    return result;
  },
  lower(inputs): Lowering[] {
    const { space, operations, whole, box, reads, copy } = boxSpace(inputs[0]!.shape, inputs[2]!.shape);
    if (sizeOf(space.map(({ extent }) => extent)) === 0) return [];
    return [
      {
        name: "dynamic_update",
        keeps: true,
        space,
        operations,
        reads: reads({ operand: 2, index: box }),
        writes: [{ operand: 0, index: whole }],
        emit: copy,
      },
    ];
  },
  gradient(build, { inputs, gradient }) {
    const value = build.typeOf(inputs[2]!);
    const kept = build.apply("dynamic_update", [gradient, inputs[1]!, build.fill(value, 0)]);
    return [kept, undefined, build.apply("dynamic_slice", [gradient, inputs[1]!], { length: [...value.shape] })];
  },
  examples: () => [
    { inputs: [tensor("i32", [5], [1, 2, 3, 4, 5]), tensor("i32", [1], [2]), tensor("i32", [2], [8, 9])], attributes: {}, expected: tensor("i32", [5], [1, 2, 8, 9, 5]) },
    { inputs: [tensor("f32", [3, 2], [1, 2, 3, 4, 5, 6]), tensor("i64", [2], [7n, 0n]), tensor("f32", [1, 2], [8, 9])], attributes: {}, expected: tensor("f32", [3, 2], [1, 2, 3, 4, 8, 9]) },
    { inputs: [tensor("f64", [3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), tensor("i32", [2], [1, -7]), tensor("f64", [2, 1], [3.5, -1])], attributes: {} },
    { inputs: [samples("bf16", [7, 3, 5]), tensor("i32", [3], [4, 1, 2]), samples("bf16", [3, 3, 2], 1)], attributes: {} },
    { inputs: [samples("u8", []), tensor("i32", [0], []), samples("u8", [], 1)], attributes: {} },
    { inputs: [samples("u8", [4, 3]), tensor("i32", [2], [1, 1]), samples("u8", [0, 2])], attributes: {} },
  ],
};
