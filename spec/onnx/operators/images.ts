/** Images in other sizes, seen through grids, put together from parts. */
import { core, images as sampling, nn, type Tensor } from "../../../compiler/builder/index.ts";
import { as, axisOf, upTo, type Call, type Family } from "../call.ts";
import { NotCovered } from "../not-covered.ts";

/** How one axis is resized. */
interface Resized {
  readonly axis: number;
  readonly count: number;
  readonly scale: number;
}

/** The axes that change, from scales or from sizes, which may have to keep the ratio. */
function resizedAxes(call: Call, x: Tensor): Resized[] {
  const axes = (call.ints("axes") ?? upTo(x.shape.length)).map((axis) => axisOf(axis, x.shape.length));
  const [scalesAt, sizesAt] = call.opset < 11 ? [1, 3] : [2, 3];
  if (call.has(scalesAt) && call.known(scalesAt).data.length > 0) {
    const scales = call.numbers(scalesAt);
    return axes.map((axis, k) => ({ axis, scale: scales[k]!, count: Math.floor(x.shape[axis]! * scales[k]!) }));
  }
  const sizes = call.numbers(sizesAt);
  const policy = call.text("keep_aspect_ratio_policy", "stretch");
  const scales = axes.map((axis, k) => sizes[k]! / x.shape[axis]!);
  if (policy === "stretch") return axes.map((axis, k) => ({ axis, scale: scales[k]!, count: sizes[k]! }));
  const scale = policy === "not_larger" ? Math.min(...scales) : Math.max(...scales);
  return axes.map((axis) => ({ axis, scale, count: Math.floor(x.shape[axis]! * scale + 0.5) }));
}

/** Resizing as it was before there were coordinates to choose. */
function upsample(call: Call): Tensor {
  const x = call.x(0);
  const scales = call.attribute("scales")?.floats ?? call.numbers(1);
  const mode = call.text("mode", "nearest") === "nearest" ? "floor" : "linear";
  return scales.reduce((y, scale, axis) => {
    if (scale === 1) return y;
    const count = Math.floor(y.shape[axis]! * scale);
    return interpolated(y, axis, sampling.resize_places(y.shape[axis]!, count, { align: "origin", scale }), { mode });
  }, x);
}

const alignments: { readonly [mode: string]: string } = { half_pixel: "centres", pytorch_half_pixel: "centres", align_corners: "corners", asymmetric: "origin" };

/** Where the elements of a resized axis come from. */
function placesOf(call: Call, { axis, count, scale }: Resized, x: Tensor, region: readonly [number, number]): Tensor {
  const mode = call.text("coordinate_transformation_mode", "half_pixel");
  const n = x.shape[axis]!;
  const align = alignments[mode];
  if (mode === "pytorch_half_pixel" && count === 1) return core.zeros([1], { dtype: "f64" });
  if (align !== undefined) return sampling.resize_places(n, count, { align, scale });
  if (mode === "half_pixel_symmetric") return sampling.resize_places(n, count, { scale }).add((n / 2) * (1 - count / (scale * n)));
  if (mode !== "tf_crop_and_resize") throw new NotCovered(`coordinates ${mode}`);
  const [from, to] = region;
  const step = count === 1 ? 0 : ((to - from) * (n - 1)) / (count - 1);
  return core.iota(count, { dtype: "f64" }).mul(step).add(count === 1 ? ((from + to) * (n - 1)) / 2 : from * (n - 1));
}

function resize(call: Call): Tensor {
  let x = call.x(0);
  const crop = call.text("coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize";
  const axes = resizedAxes(call, x);
  const region = crop ? call.numbers(1) : [];
  axes.forEach((one, k) => {
    if (!crop && one.count === x.shape[one.axis] && one.scale === 1) return;
    x = alongAxis(call, x, one, [region[k] ?? 0, region[k + axes.length] ?? 1]);
  });
  return x;
}

/** ONNX's ways to round a place, as modes of `interpolate` and what is added to places before. */
const roundings: { readonly [mode: string]: { readonly mode: string; readonly before: number } } = {
  round_prefer_floor: { mode: "nearest", before: 0 }, round_prefer_ceil: { mode: "floor", before: 0.5 }, floor: { mode: "floor", before: 0 }, ceil: { mode: "ceil", before: 0 },
};

type How = NonNullable<Parameters<typeof sampling.interpolate>[2]>;

/** One axis at places of its own. */
function interpolated(x: Tensor, axis: number, places: Tensor, how: How): Tensor {
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const [before, behind] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
  return core.reshape(sampling.interpolate(core.reshape(x, [size(before), x.shape[axis]!, size(behind)]), places, how), [...before, places.shape[0]!, ...behind]);
}

function alongAxis(call: Call, x: Tensor, one: Resized, region: readonly [number, number]): Tensor {
  const places = placesOf(call, one, x, region);
  const rounding = call.text("mode", "nearest") === "nearest" ? roundings[call.text("nearest_mode", "round_prefer_floor")]! : undefined;
  const how = { mode: rounding?.mode ?? modes[call.text("mode", "nearest")]!, coefficient: call.float("cubic_coeff_a", -0.75), inside: call.int("exclude_outside", 0) === 1, ...(call.int("antialias", 0) === 1 ? { scale: one.scale } : {}) };
  const y = interpolated(x, one.axis, rounding?.before ? places.add(rounding.before) : places, how);
  if (call.text("coordinate_transformation_mode", "half_pixel") !== "tf_crop_and_resize") return y;
  const known = core.reshape(places.ge(0).and(places.le(x.shape[one.axis]! - 1)), [one.count, ...x.shape.slice(one.axis + 1).map(() => 1)]);
  return core.select(known, y, core.full(call.float("extrapolation_value", 0), [], { dtype: x.dtype }));
}

const modes: { readonly [mode: string]: string } = { linear: "linear", bilinear: "linear", nearest: "nearest", cubic: "cubic", bicubic: "cubic" };
const outsides: { readonly [mode: string]: string } = { zeros: "zeros", border: "edge", reflection: "mirrored" };

function gridSample(call: Call): Tensor {
  const [x, grid] = [call.x(0), call.x(1)];
  const sample = x.shape.length === 4 ? sampling.grid_sample : sampling.grid_sample3d;
  return sample(x, as(x.dtype, grid), { mode: modes[call.text("mode", "linear")]!, outside: outsides[call.text("padding_mode", "zeros")]!, corners: call.int("align_corners", 0) === 1 });
}

function affineGrid(call: Call): Tensor {
  const [, , ...extents] = call.numbers(1);
  const corners = call.int("align_corners", 0) === 1;
  const [planes, rows, columns] = [extents.at(-3) ?? 1, extents.at(-2)!, extents.at(-1)!];
  return extents.length === 2 ? sampling.affine_grid(call.x(0), rows, columns, { corners }) : sampling.affine_grid3d(call.x(0), planes, rows, columns, { corners });
}

/** Sums of blocks where they overlap: a transposed convolution whose filters have one 1 each. */
function blocksToImage(call: Call): Tensor {
  const x = call.x(0);
  const [image, block] = [call.numbers(1), call.numbers(2)];
  const axes = upTo(image.length);
  const stride = call.ints("strides") ?? axes.map(() => 1);
  const dilation = call.ints("dilations") ?? axes.map(() => 1);
  const padding = call.ints("pads") ?? axes.flatMap(() => [0, 0]);
  const [batch, columns] = x.shape as [number, number];
  const size = block.reduce((a, b) => a * b, 1);
  const channels = columns / size;
  const extents = axes.map((k) => Math.floor((image[k]! + padding[k]! + padding[k + axes.length]! - dilation[k]! * (block[k]! - 1) - 1) / stride[k]!) + 1);
  const missing = axes.map((k) => image[k]! - ((extents[k]! - 1) * stride[k]! + dilation[k]! * (block[k]! - 1) + 1 - padding[k]! - padding[k + axes.length]!));
  const ones = core.reshape(core.tile(core.eye(size, { dtype: x.dtype }), [channels, 1]), [columns, 1, ...block]);
  const transposed = [nn.conv_transpose1d, nn.conv_transpose2d, nn.conv_transpose3d][axes.length - 1]!;
  return transposed(core.reshape(x, [batch, columns, ...extents]), ones, { stride, dilation, padding, groups: channels, output_padding: missing });
}

function roiAlign(call: Call): Tensor {
  call.requires(call.text("mode", "avg") === "avg", "the largest of samples of a box");
  call.requires(call.int("sampling_ratio", 0) > 0, "boxes with as many samples as they have elements");
  const half = call.text("coordinate_transformation_mode", call.opset < 16 ? "output_half_pixel" : "half_pixel") === "half_pixel";
  return sampling.roi_align(call.x(0), call.x(1), as("i32", call.x(2)), call.int("output_height", 1), call.int("output_width", 1), { samples: call.int("sampling_ratio", 0), scale: call.float("spatial_scale", 1), half });
}

/** One stride, border and dilation for both axes is what the library takes. */
function deformableConvolution(call: Call): Tensor {
  const [x, w] = [call.x(0), call.x(1)];
  const one = (name: string, absent: number): number => {
    const list = call.ints(name) ?? [absent];
    call.requires(list.every((each) => each === list[0]), `different ${name} of a deformable convolution`);
    return list[0]!;
  };
  const mask = call.maybe(4);
  const y = sampling.deform_conv2d(x, w, call.x(2), { stride: one("strides", 1), padding: one("pads", 0), dilation: one("dilations", 1), ...(mask ? { mask } : {}) });
  return call.has(3) ? y.add(core.reshape(call.x(3), [-1, 1, 1])) : y;
}

/** Rows (batch, class, box) of the boxes that stay, for each batch and class the best first. */
function nonMaxSuppression(call: Call): Tensor {
  const [boxes, scores] = [call.x(0), call.x(1)];
  const [batches, classes, count] = scores.shape as [number, number, number];
  const most = Math.min(call.number(2, 0), count);
  const options = { overlap: call.number(3, 0), ...(call.has(4) ? { least: call.number(4, 0) } : {}) };
  if (most === 0) return core.zeros([0, 3], { dtype: "i64" });
  const found = upTo(batches * classes).map((k) => {
    const [batch, kind] = [Math.floor(k / classes), k % classes];
    const given = boxes.at(batch);
    // A box by its centre and sizes, x before y, as two corners.
    const halves = given.at(":", "2:").div(2);
    const corners = call.int("center_point_box", 0) === 1 ? core.concat([given.at(":", ":2").sub(halves), given.at(":", ":2").add(halves)], { axis: 1 }) : given;
    return { batch, kind, kept: sampling.nms(corners, scores.at(batch, kind), most, options) };
  });
  const counts = call.around.elements(core.stack(found.map(({ kept }) => kept[1]))).data as Int32Array;
  return core.concat(found.map(({ batch, kind, kept }, k) => {
    const chosen = as("i64", kept[0].at(`:${counts[k]}`));
    const column = (value: number): Tensor<"i64"> => core.full(value, chosen.shape, { dtype: "i64" });
    return core.stack([column(batch), column(kind), chosen], { axis: 1 });
  }), { axis: 0 });
}

export const images: Family = { RoiAlign: roiAlign, DeformConv: deformableConvolution, NonMaxSuppression: nonMaxSuppression, Resize: resize, Upsample: upsample, GridSample: gridSample, AffineGrid: affineGrid, Col2Im: blocksToImage };
