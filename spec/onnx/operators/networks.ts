/** Products, convolutions and pooling. */
import { core, einsum, linalg, nn, type Tensor } from "../../../compiler/builder/index.ts";
import { as, upTo, type Call, type Family } from "../call.ts";
import { NotCovered } from "../not-covered.ts";
import { windowsOf, type Windows } from "./windows.ts";

/** The function of a family for one, two or three axes. */
function byRank<F>(family: readonly F[], x: Tensor): F {
  const found = family[x.shape.length - 3];
  if (found === undefined) throw new NotCovered(`windows over ${x.shape.length - 2} axes`);
  return found;
}

function gemm(call: Call): Tensor {
  const turned = (x: Tensor, name: string): Tensor => (call.int(name, 0) === 1 ? core.transpose(x) : x);
  const scaled = (x: Tensor, name: string): Tensor => (call.float(name, 1) === 1 ? x : x.mul(call.float(name, 1)));
  const product = scaled(turned(call.x(0), "transA").matmul(turned(call.x(1), "transB")), "alpha");
  return call.has(2) ? product.add(scaled(call.x(2), "beta")) : product;
}

function convolution(call: Call): Tensor {
  const [x, w] = [call.x(0), call.x(1)];
  const { stride, padding, named, dilation } = windowsOf(call, x.shape.slice(2), w.shape.slice(2));
  const bias = call.maybe(2);
  return byRank([nn.conv1d, nn.conv2d, nn.conv3d], x)(x, w, { stride, padding: named ?? padding, dilation, groups: call.int("group", 1), ...(bias ? { bias } : {}) });
}

/** What is cut off of a transposed convolution: as given, or what leaves `output_shape`. Before each axis, then behind each. */
function transposedBorders(call: Call, full: readonly number[], wanted: readonly number[] | undefined): readonly number[] {
  if (wanted === undefined) return call.ints("pads") ?? full.flatMap(() => [0, 0]);
  const total = full.map((extent, k) => extent - wanted[k]!);
  const half = total.map((width) => Math.floor(width / 2));
  const rest = total.map((width, k) => width - half[k]!);
  return call.text("auto_pad", "NOTSET") === "SAME_LOWER" ? [...rest, ...half] : [...half, ...rest];
}

function transposedConvolution(call: Call): Tensor {
  const [x, w] = [call.x(0), call.x(1)];
  const axes = upTo(x.shape.length - 2);
  const stride = call.ints("strides") ?? axes.map(() => 1);
  const dilation = call.ints("dilations") ?? axes.map(() => 1);
  const extra = call.ints("output_padding") ?? axes.map(() => 0);
  const full = axes.map((k) => (x.shape[k + 2]! - 1) * stride[k]! + (w.shape[k + 2]! - 1) * dilation[k]! + 1 + extra[k]!);
  const auto = call.text("auto_pad", "NOTSET");
  const wanted = call.ints("output_shape")?.slice(-axes.length) ?? (auto.startsWith("SAME") ? axes.map((k) => x.shape[k + 2]! * stride[k]!) : undefined);
  const borders = transposedBorders(call, full, wanted);
  // What is asked for beyond the full result is zeros behind it.
  const padding = borders.map((width) => Math.max(0, width));
  const more = axes.map((k) => extra[k]! + Math.max(0, -borders[k]!) + Math.max(0, -borders[k + axes.length]!));
  const bias = call.maybe(2);
  return byRank([nn.conv_transpose1d, nn.conv_transpose2d, nn.conv_transpose3d], x)(x, w, { stride, padding, dilation, groups: call.int("group", 1), output_padding: more, ...(bias ? { bias } : {}) });
}

const maxPools = [nn.max_pool1d, nn.max_pool2d, nn.max_pool3d];
const averagePools = [nn.avg_pool1d, nn.avg_pool2d, nn.avg_pool3d];

function maxPool(call: Call): Tensor[] {
  const x = call.x(0);
  const { window, stride, dilation, padding, named, beyond } = windowsOf(call, x.shape.slice(2), call.ints("kernel_shape")!);
  const axes = beyond.length;
  const whole = padding.map((width, k) => (k < axes ? width : width + beyond[k - axes]!));
  const y = byRank(maxPools, x)(x, window, { stride, dilation, padding: named ?? whole });
  return call.wants(1) ? [y, placesOfMaxima(call, x, y, { window, stride, dilation, padding: whole })] : [y];
}

/** The number in the whole tensor of the first element of each window that is its maximum, by looking at one element of all windows after the other. */
function placesOfMaxima(call: Call, x: Tensor, y: Tensor, { window, stride, dilation, padding }: Omit<Windows, "beyond" | "named">): Tensor {
  const columnMajor = call.int("storage_order", 0) === 1;
  const extents = x.shape.slice(2);
  const size = extents.reduce((a, b) => a * b, 1);
  const steps = extents.map((_, k) => (columnMajor ? extents.slice(0, k) : extents.slice(k + 1)).reduce((a, b) => a * b, 1));
  const spread = (count: number, axis: number): Tensor<"i32"> => core.reshape(core.iota<"i32">(count, { dtype: "i32" }), x.shape.map((_, k) => (k === axis ? count : 1)));
  // Numbers of all elements, bordered as the elements are; the border has none.
  const axes = upTo(extents.length);
  const numbers = axes.map((k) => spread(extents[k]!, k + 2).mul(steps[k]!)).reduce((a, b) => a.add(b), core.reshape(core.iota<"i32">(x.shape[0]! * x.shape[1]!, { dtype: "i32" }).mul(size), [x.shape[0]!, x.shape[1]!, ...axes.map(() => 1)]));
  const all = bordered(numbers, padding, -1) as Tensor<"i32">;
  const elements = bordered(x, padding, 0);
  const offsets = window.reduce<number[][]>((list, extent) => list.flatMap((offset) => upTo(extent).map((k) => [...offset, k])), [[]]);
  let found: Tensor<"i32"> = core.full(-1, y.shape, { dtype: "i32" });
  for (const offset of offsets) {
    const part = axes.map((k) => `${offset[k]! * dilation[k]!}:${offset[k]! * dilation[k]! + (y.shape[k + 2]! - 1) * stride[k]! + 1}:${stride[k]!}`);
    const number = all.at(":", ":", ...part);
    found = core.select(found.lt(0).and(number.ge(0)).and(elements.at(":", ":", ...part).eq(y)), number, found);
  }
  return as("i64", found);
}

/** Zeros, or another value, around the axes that a window moves along: before each, then behind each. */
function bordered(x: Tensor, padding: readonly number[], value = 0): Tensor {
  if (padding.every((width) => width === 0)) return x;
  const axes = padding.length / 2;
  return core.pad(x, [0, 0, ...padding.slice(0, axes)], { after: [0, 0, ...padding.slice(axes)], value });
}

/** The mean of each window. Elements beyond the border never count; those of the border only if `count_include_pad`. */
function averagePool(call: Call): Tensor {
  let x = call.x(0);
  const { window, stride, dilation, padding, named, beyond } = windowsOf(call, x.shape.slice(2), call.ints("kernel_shape")!);
  let around = padding;
  if (call.int("count_include_pad", 0) === 1) {
    if (beyond.every((width) => width === 0)) return byRank(averagePools, x)(x, window, { stride, dilation, padding: named ?? padding });
    x = bordered(x, padding);
    around = padding.map(() => 0);
  }
  const axes = beyond.length;
  return byRank(averagePools, x)(x, window, { stride, dilation, count_padding: false, padding: named ?? around.map((width, k) => (k < axes ? width : width + beyond[k - axes]!)) });
}

/** The root of the sum of powers of each window. */
function lpPool(call: Call): Tensor {
  const x = call.x(0);
  const { window, stride, dilation, padding, beyond } = windowsOf(call, x.shape.slice(2), call.ints("kernel_shape")!);
  const axes = beyond.length;
  const whole = padding.map((width, k) => (k < axes ? width : width + beyond[k - axes]!));
  const order = call.int("p", 2);
  const powers = core.pow(core.abs(bordered(x, whole)), order);
  const sums = byRank(averagePools, x)(powers, window, { stride, dilation }).mul(window.reduce((a, b) => a * b, 1));
  return core.pow(sums, 1 / order);
}

/** Elements back at the places in the whole tensor that a pooling named, zeros elsewhere. */
function maxUnpool(call: Call): Tensor {
  const [x, places] = [call.x(0), call.x(1)];
  const window = call.ints("kernel_shape")!;
  const axes = upTo(window.length);
  const stride = call.ints("strides") ?? axes.map(() => 1);
  const pads = call.ints("pads") ?? axes.flatMap(() => [0, 0]);
  const shape = [...x.shape.slice(0, 2), ...axes.map((k) => (x.shape[k + 2]! - 1) * stride[k]! + window[k]! - pads[k]! - pads[k + axes.length]!)];
  const none = core.zeros([shape.reduce((a, b) => a * b, 1)], { dtype: x.dtype });
  const y = core.reshape(core.scatter_update(none, core.flatten(places), core.flatten(x)), shape);
  // What is asked for beyond that is zeros behind it.
  const wanted = call.has(2) ? call.numbers(2) : shape;
  return core.pad(y, shape.map(() => 0), { after: wanted.map((extent, k) => extent - shape[k]!) });
}

/** One element a channel, its other dimensions kept. */
const perChannel = (x: Tensor, y: Tensor): Tensor => core.reshape(y, [...y.shape, ...x.shape.slice(2).map(() => 1)]);

export const networks: Family = {
  MatMul: (call) => call.x(0).matmul(call.x(1)),
  Gemm: gemm,
  Einsum: (call) => einsum(call.text("equation", ""), ...call.all()),
  Det: (call) => linalg.determinant(call.x(0)),
  Conv: convolution, ConvTranspose: transposedConvolution,
  MaxPool: maxPool, AveragePool: averagePool, LpPool: lpPool, MaxUnpool: maxUnpool,
  GlobalAveragePool: (call) => perChannel(call.x(0), nn.global_avg_pool(call.x(0))),
  GlobalLpPool: (call) => core.norm(call.x(0), { axis: upTo(call.x(0).shape.length).slice(2), keepdims: true, order: call.int("p", 2) }),
  GlobalMaxPool: (call) => perChannel(call.x(0), nn.global_max_pool(call.x(0))),
};
