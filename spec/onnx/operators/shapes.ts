/** Shapes, parts and borders: what names or moves elements by numbers that are known when the graph is built. */
import { core, type Tensor } from "../../../compiler/builder/index.ts";
import { as, axisOf, broadcastShape, sameShape, upTo, type Call, type Family } from "../call.ts";
import { constantOf } from "../import.ts";
import { dtypeOf } from "../model.ts";

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** 0 takes the extent of the input, unless `allowzero`. */
function reshape(call: Call): Tensor {
  const x = call.x(0);
  const wanted = call.ints("shape") ?? call.numbers(1);
  const shape = wanted.map((extent, k) => (extent === 0 && call.int("allowzero", 0) === 0 ? x.shape[k]! : extent));
  const rest = sizeOf(shape.filter((extent) => extent !== -1));
  return core.reshape(x, shape.map((extent) => (extent === -1 ? sizeOf(x.shape) / rest : extent)));
}

function flatten(call: Call): Tensor {
  const x = call.x(0);
  const axis = axisOf(call.int("axis", 1), x.shape.length);
  return core.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
}

const axesOf = (call: Call): readonly number[] | undefined => call.ints("axes") ?? (call.has(1) ? call.numbers(1) : undefined);

function squeeze(call: Call): Tensor {
  const x = call.x(0);
  const axes = axesOf(call)?.map((axis) => axisOf(axis, x.shape.length)) ?? upTo(x.shape.length).filter((k) => x.shape[k] === 1);
  return axes.length === 0 ? x : core.squeeze(x, { axis: axes });
}

function unsqueeze(call: Call): Tensor {
  const x = call.x(0);
  const given = axesOf(call)!;
  const rank = x.shape.length + given.length;
  const axes = new Set(given.map((axis) => axisOf(axis, rank)));
  const rest = [...x.shape];
  return core.reshape(x, upTo(rank).map((k) => (axes.has(k) ? 1 : rest.shift()!)));
}

/** To a shape, which itself may have extents of 1 where the input has more. */
export const broadcastTo = (x: Tensor, shape: readonly number[]): Tensor => (sameShape(x.shape, shape) ? x : core.broadcast(x, shape));

function split(call: Call): Tensor[] {
  const x = call.x(0);
  const axis = axisOf(call.int("axis", 0), x.shape.length);
  const count = call.attribute("num_outputs")?.int ?? call.node.outputs.length;
  const each = Math.ceil(x.shape[axis]! / count);
  const lengths = call.ints("split") ?? (call.has(1) ? call.numbers(1) : upTo(count).map((k) => Math.max(0, Math.min(each, x.shape[axis]! - k * each))));
  let start = 0;
  return lengths.map((length) => slice(x, [{ axis, start, end: (start += length), step: 1 }]));
}

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Bounds inside the extent; with a negative step an end of -1 is in front of the first element. */
function slice(x: Tensor, cuts: readonly Cut[]): Tensor {
  const items: (string | number)[] = x.shape.map(() => ":");
  for (const { axis, start, end, step } of cuts) {
    const count = Math.max(0, Math.ceil((end - start) / step));
    if (count === 0) items[axis] = "0:0";
    else if (step > 0) items[axis] = `${start}:${end}:${step}`;
    else items[axis] = end < 0 ? `${start}::${step}` : `${start}:${end}:${step}`;
  }
  return x.at(...items);
}

/** Bounds outside of the extent are cut off; negative ones count from the end. */
function sliced(call: Call): Tensor {
  const x = call.x(0);
  const [starts, ends] = [call.ints("starts") ?? call.numbers(1), call.ints("ends") ?? call.numbers(2)];
  const axes = call.ints("axes") ?? (call.has(3) ? call.numbers(3) : upTo(starts.length));
  const steps = call.has(4) ? call.numbers(4) : starts.map(() => 1);
  return slice(x, starts.map((given, k) => {
    const axis = axisOf(axes[k]!, x.shape.length);
    const [extent, step] = [x.shape[axis]!, steps[k]!];
    const inside = (bound: number, least: number, most: number): number => Math.min(Math.max(bound < 0 ? bound + extent : bound, least), most);
    return step > 0
      ? { axis, step, start: inside(given, 0, extent), end: inside(ends[k]!, 0, extent) }
      : { axis, step, start: inside(given, 0, extent - 1), end: inside(ends[k]!, -1, extent - 1) };
  }));
}

/** Borders; negative widths cut off. */
function pad(call: Call): Tensor {
  let x = call.x(0);
  const rank = x.shape.length;
  const given = call.ints("pads") ?? call.ints("paddings") ?? call.numbers(1);
  const axes = call.has(3) ? call.numbers(3).map((axis) => axisOf(axis, rank)) : upTo(rank);
  const width = (axis: number, side: number): number => {
    const at = axes.indexOf(axis);
    return at < 0 ? 0 : given[at + side * axes.length]!;
  };
  const mode = call.text("mode", "constant");
  const widths = upTo(rank).map((axis) => [width(axis, 0), width(axis, 1)] as const);
  if (widths.some((pair) => Math.min(...pair) < 0)) x = slice(x, widths.map(([before, after], axis) => ({ axis, step: 1, start: Math.max(0, -before), end: x.shape[axis]! - Math.max(0, -after) })));
  const [before, after] = [0, 1].map((side) => widths.map((pair) => Math.max(0, pair[side as 0 | 1]))) as [number[], number[]];
  const value = call.has(2) ? call.numbers(2)[0]! : call.float("value", 0);
  return mode === "constant" ? core.pad(x, before, { after, value }) : core.pad(x, before, { after, mode });
}

function range(call: Call): Tensor {
  const { dtype } = call.known(0);
  const [start, limit, step] = [0, 1, 2].map((input) => call.numbers(input)[0]!) as [number, number, number];
  return core.iota(Math.max(0, Math.ceil((limit - start) / step)), { dtype }).mul(step).add(start);
}

function triangle(call: Call): Tensor {
  const x = call.x(0);
  const k = call.number(1, 0);
  const part = call.int("upper", 1) === 1 ? core.triu : core.tril;
  return x.dtype === "bool" ? as("bool", part(as("u8", x), { k })) : part(x, { k });
}

function eyeLike(call: Call): Tensor {
  const x = call.x(0);
  const [rows, columns] = x.shape as [number, number];
  const type = call.attribute("dtype");
  const dtype = type ? dtypeOf(type.int) : x.dtype;
  const k = call.int("k", 0);
  const column = core.iota<"i32">(columns, { dtype: "i32" });
  return as(dtype, column.sub(core.reshape(core.iota<"i32">(rows, { dtype: "i32" }), [rows, 1])).eq(k));
}

/** [n, c · b², h, w] → [n, c, h · b, w · b]; DCR has the block in front of the channels, CRD behind. */
function depthToSpace(call: Call): Tensor {
  const x = call.x(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const b = call.int("blocksize", 1);
  const deep = c / (b * b);
  const y = call.text("mode", "DCR") === "DCR"
    ? core.transpose(core.reshape(x, [n, b, b, deep, h, w]), { axes: [0, 3, 4, 1, 5, 2] })
    : core.transpose(core.reshape(x, [n, deep, b, b, h, w]), { axes: [0, 1, 4, 2, 5, 3] });
  return core.reshape(y, [n, deep, h * b, w * b]);
}

function spaceToDepth(call: Call): Tensor {
  const x = call.x(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const b = call.int("blocksize", 1);
  const y = core.transpose(core.reshape(x, [n, c, h / b, b, w / b, b]), { axes: [0, 3, 5, 1, 2, 4] });
  return core.reshape(y, [n, c * b * b, h / b, w / b]);
}

/** Each axis cut or padded around its middle. */
function centred(call: Call): Tensor {
  let x = call.x(0);
  const rank = x.shape.length;
  const wanted = call.numbers(1);
  (call.ints("axes") ?? upTo(rank)).forEach((given, k) => {
    const axis = axisOf(given, rank);
    const extra = wanted[k]! - x.shape[axis]!;
    if (extra > 0) {
      const before = x.shape.map((_, j) => (j === axis ? Math.floor(extra / 2) : 0));
      x = core.pad(x, before, { after: x.shape.map((_, j) => (j === axis ? extra - Math.floor(extra / 2) : 0)) });
    } else if (extra < 0) {
      const start = Math.floor(-extra / 2);
      x = slice(x, [{ axis, start, end: start + wanted[k]!, step: 1 }]);
    }
  });
  return x;
}

export const shapes: Family = {
  Reshape: reshape, Flatten: flatten, Squeeze: squeeze, Unsqueeze: unsqueeze,
  Transpose: (call) => core.transpose(call.x(0), call.ints("perm") ? { axes: call.ints("perm")! } : {}),
  Expand: (call) => broadcastTo(call.x(0), broadcastShape(call.x(0).shape, call.numbers(1))),
  Concat: (call) => core.concat(call.all(), { axis: axisOf(call.int("axis", 0), call.x(0).shape.length) }),
  Split: split, Slice: sliced, Pad: pad, CenterCropPad: centred,
  Tile: (call) => core.tile(call.x(0), call.numbers(1)),
  Shape: (call) => {
    const { shape } = call.x(0);
    const part = shape.slice(call.int("start", 0), call.attribute("end")?.int ?? shape.length);
    return part.length === 0 ? core.zeros([0], { dtype: "i64" }) : as("i64", core.stack(part));
  },
  Size: (call) => core.full(sizeOf(call.x(0).shape), [], { dtype: "i64" }),
  Constant: (call) => call.around.constant(constantOf(call)),
  ConstantOfShape: (call) => {
    const value = call.attribute("value")?.tensor;
    return core.full(Number(value?.data[0] ?? 0), call.numbers(0), { dtype: value?.dtype ?? "f32" });
  },
  Range: range, Trilu: triangle, EyeLike: eyeLike, DepthToSpace: depthToSpace, SpaceToDepth: spaceToDepth,
  Dropout: (call) => {
    const x = call.x(0);
    const training = call.has(2) ? call.numbers(2)[0] === 1 : call.opset < 7 && call.int("is_test", 0) === 0;
    const rate = call.has(1) ? call.numbers(1)[0]! : call.float("ratio", 0.5);
    call.requires(!training || rate === 0, "dropout while training is random");
    return call.wants(1) ? [x, core.full(1, x.shape, { dtype: "u8" }).eq(1)] : x;
  },
};
