/** Normalisation of rows, channels and groups. */
import { core, nn, type Tensor } from "../../../compiler/builder/index.ts";
import { as, axisOf, sameShape, upTo, type Call, type Family } from "../call.ts";

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** The dimensions from an axis on as one. */
function asRows(x: Tensor, axis: number): Tensor {
  return core.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
}

/** A scale for each element of a row; one that broadcasts is repeated. */
function rowOf(scale: Tensor, shape: readonly number[]): Tensor {
  const whole = sameShape(scale.shape, shape) ? scale : core.broadcast(scale, shape);
  return core.reshape(whole, [sizeOf(shape)]);
}

function layerNorm(call: Call): Tensor[] {
  const x = call.x(0);
  const axis = axisOf(call.int("axis", -1), x.shape.length);
  const epsilon = call.float("epsilon", 1e-5);
  const inner = x.shape.slice(axis);
  const rows = asRows(x, axis);
  const gain = rowOf(call.x(1), inner);
  const bias = call.has(2) ? rowOf(call.x(2), inner) : core.zeros(gain.shape, { dtype: gain.dtype });
  const y = core.reshape(nn.layer_norm(rows, gain, bias, { epsilon }), x.shape);
  if (!call.wants(1) && !call.wants(2)) return [y];
  // Statistics are f32, whatever x is.
  const wide = as("f32", rows);
  const shape = [...x.shape.slice(0, axis), ...inner.map(() => 1)];
  return [y, core.reshape(core.mean(wide, { axis: 1 }), shape), core.reshape(core.rsqrt(core.var(wide, { axis: 1 }).add(epsilon)), shape)];
}

function rmsNorm(call: Call): Tensor {
  const x = call.x(0);
  const axis = axisOf(call.int("axis", -1), x.shape.length);
  return core.reshape(nn.rms_norm(asRows(x, axis), rowOf(call.x(1), x.shape.slice(axis)), { epsilon: call.float("epsilon", 1e-5) }), x.shape);
}

function batchNorm(call: Call): Tensor | Tensor[] {
  const [x, gain, bias, average, variance] = upTo(5).map((k) => call.x(k)) as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const epsilon = call.float("epsilon", 1e-5);
  const training = call.int("training_mode", 0) === 1 || (call.opset < 7 && call.attribute("is_test")?.int === 0);
  if (!training) return nn.batch_norm(x, gain, bias, average, variance, { epsilon });
  const momentum = 1 - call.float("momentum", 0.9);
  const [y, mean] = nn.batch_norm_training(x, gain, bias, average, variance, { momentum, epsilon });
  // ONNX keeps the variance of the batch itself, not the estimate of that of all data.
  const rows = core.reshape(x, [x.shape[0]!, x.shape[1]!, -1]);
  return [y, mean, variance.add(core.var(rows, { axis: [0, 2] }).sub(variance).mul(momentum))];
}

function groupNorm(call: Call): Tensor {
  const [x, gain, bias] = [call.x(0), call.x(1), call.x(2)];
  const groups = call.int("num_groups", 1);
  const channels = x.shape[1]!;
  // Before opset 21 there was one scale a group.
  const each = (scale: Tensor): Tensor => (scale.shape[0] === channels ? scale : core.repeat_each(scale, channels / groups));
  return nn.group_norm(x, each(gain), each(bias), groups, { epsilon: call.float("epsilon", 1e-5) });
}

export const normalisation: Family = {
  LayerNormalization: layerNorm, RMSNormalization: rmsNorm, BatchNormalization: batchNorm, GroupNormalization: groupNorm,
  InstanceNormalization: (call) => nn.instance_norm(call.x(0), call.x(1), call.x(2), { epsilon: call.float("epsilon", 1e-5) }),
  LpNormalization: (call) => nn.normalize(call.x(0), { order: call.int("p", 2), axis: call.int("axis", -1) }),
  LRN: (call) => nn.local_response_norm(call.x(0), call.int("size", 1), { alpha: call.float("alpha", 1e-4), beta: call.float("beta", 0.75), k: call.float("bias", 1) }),
  MeanVarianceNormalization: (call) => {
    const x = call.x(0);
    const axis = (call.ints("axes") ?? [0, 2, 3]).map((each) => axisOf(each, x.shape.length));
    const centred = x.sub(core.mean(x, { axis, keepdims: true }));
    return centred.div(core.std(x, { axis, keepdims: true }).add(1e-9));
  },
};
