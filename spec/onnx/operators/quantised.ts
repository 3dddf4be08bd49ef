/** Numbers of few bits that stand for floats, and exact products of them. */
import { core, quantised, type Tensor } from "../../../compiler/builder/index.ts";
import type { DType } from "../../../runtime/dtype.ts";
import { dtypeOf } from "../model.ts";
import { as, axisOf, type Call, type Family } from "../call.ts";

/** A scale or zero point: one number, or one for each place of an axis. */
function perAxis(x: Tensor): Tensor {
  return x.shape.length === 1 && x.shape[0] === 1 ? core.reshape(x, []) : x;
}

const zeroOf = (call: Call, input: number): Tensor<"i32"> | undefined => (call.has(input) ? as("i32", perAxis(call.x(input))) : undefined);

/** For blocks of an axis: each scale repeated for the elements of its block. */
function spread(scale: Tensor, x: Tensor, axis: number, block: number): Tensor {
  const each = core.repeat_each(scale, block, { axis });
  return each.at(...x.shape.map((extent) => `:${extent}`));
}

function quantizeLinear(call: Call): Tensor {
  const x = call.x(0);
  const axis = axisOf(call.int("axis", 1), Math.max(1, x.shape.length));
  const dtype: DType = call.has(2) ? call.x(2).dtype : call.attribute("output_dtype") ? dtypeOf(call.int("output_dtype", 0)) : "u8";
  const block = call.int("block_size", 0);
  const scale = block > 0 ? spread(call.x(1), x, axis, block) : perAxis(call.x(1));
  const zero = block > 0 && call.has(2) ? as("i32", spread(call.x(2), x, axis, block)) : zeroOf(call, 2);
  // A scale of every element broadcasts as it is.
  return quantised.quantize(as("f32", x), as("f32", scale), { type: { dtype, shape: x.shape }, axis: block > 0 ? -1 : axis, ...(zero ? { zero_point: zero } : {}) });
}

function dequantizeLinear(call: Call): Tensor {
  const x = call.x(0);
  const axis = axisOf(call.int("axis", 1), Math.max(1, x.shape.length));
  const block = call.int("block_size", 0);
  const scale = block > 0 ? spread(call.x(1), x, axis, block) : perAxis(call.x(1));
  const zero = block > 0 && call.has(2) ? as("i32", spread(call.x(2), x, axis, block)) : zeroOf(call, 2);
  return quantised.dequantize(x, scale, { axis: block > 0 ? -1 : axis, ...(zero ? { zero_point: zero } : {}) });
}

/** Scale and zero point are those with which u8 spans the elements and 0. */
function dynamicQuantize(call: Call): Tensor[] {
  const x = call.x(0);
  const [scale, zero] = quantised.affine_scale("u8", x);
  return [quantised.quantize(x, scale, { type: { dtype: "u8", shape: x.shape }, zero_point: zero }), scale, as("u8", zero)];
}

function matmulInteger(call: Call): Tensor {
  const centred = (input: number, zero: number): Tensor<"i32"> => (call.has(zero) ? as("i32", call.x(input)).sub(as("i32", perAxis(call.x(zero)))) : as("i32", call.x(input)));
  if (!call.has(2) && !call.has(3)) return quantised.matmul_i32(call.x(0), call.x(1));
  const rows = call.has(2) && call.x(2).shape.length === 1 && call.x(2).shape[0] !== 1;
  const a = rows ? as("i32", call.x(0)).sub(core.reshape(as("i32", call.x(2)), [-1, 1])) : centred(0, 2);
  return a.matmul(centred(1, 3));
}

/** The product of what the numbers stand for, quantised again. */
function linearMatmul(call: Call): Tensor {
  const value = (input: number): Tensor => quantised.dequantize(call.x(input), as("f32", perAxis(call.x(input + 1))), { zero_point: zeroOf(call, input + 2)! });
  const product = value(0).matmul(value(3));
  return quantised.quantize(product, as("f32", perAxis(call.x(6))), { type: { dtype: call.x(7).dtype, shape: product.shape }, zero_point: zeroOf(call, 7)! });
}

/** One stride and one padding for both axes is what the library takes. */
function integerConvolution(call: Call, x: number, w: number, xZero: number, wZero: number): Tensor<"i32"> {
  const [stride, pads] = [call.ints("strides") ?? [1, 1], call.ints("pads") ?? [0, 0, 0, 0]];
  const same = (list: readonly number[]): boolean => list.every((each) => each === list[0]);
  call.requires(same(stride) && same(pads) && call.int("group", 1) === 1 && same([1, ...(call.ints("dilations") ?? [])]), "integer convolutions with different borders, strides or groups");
  const zeros = [xZero, wZero].map((input) => (call.has(input) ? as("i32", core.reshape(call.x(input), call.x(input).shape[0] === 1 ? [] : call.x(input).shape)) : undefined));
  return quantised.conv2d_i32(call.x(x), call.x(w), { stride: stride[0]!, padding: pads[0]!, ...(zeros[0] ? { x_zero: zeros[0] } : {}), ...(zeros[1] ? { filters_zero: zeros[1] } : {}) });
}

function linearConvolution(call: Call): Tensor {
  call.requires(!call.has(8), "a bias of quantised convolutions");
  const sums = integerConvolution(call, 0, 3, 2, 5);
  const scale = as("f32", perAxis(call.x(1))).mul(as("f32", perAxis(call.x(4)))).div(as("f32", perAxis(call.x(6))));
  return quantised.requantize(sums, scale, { type: { dtype: call.x(7).dtype, shape: sums.shape }, zero_point: as("i32", perAxis(call.x(7))), axis: 1 });
}

export const quantisation: Family = {
  QuantizeLinear: quantizeLinear, DequantizeLinear: dequantizeLinear, DynamicQuantizeLinear: dynamicQuantize,
  MatMulInteger: matmulInteger, QLinearMatMul: linearMatmul, QLinearConv: linearConvolution,
  ConvInteger: (call) => integerConvolution(call, 0, 1, 2, 3),
};
