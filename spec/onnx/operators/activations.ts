/** Activations, softmax and its like. */
import { core, nn, type Tensor } from "../../../compiler/builder/index.ts";
import { axisOf, type Call, type Family } from "../call.ts";

/** Before opset 13 all dimensions from the axis on were one. */
function rows(call: Call, f: (x: Tensor, axis: number) => Tensor): Tensor {
  const x = call.x(0);
  const axis = axisOf(call.int("axis", call.opset < 13 ? 1 : -1), x.shape.length);
  if (call.opset >= 13) return f(x, axis);
  const size = (from: number, to: number): number => x.shape.slice(from, to).reduce((a, b) => a * b, 1);
  return core.reshape(f(core.reshape(x, [size(0, axis), size(axis, x.shape.length)]), 1), x.shape);
}

function parametric(call: Call): Tensor {
  const [x, given] = [call.x(0), call.x(1)];
  // Old models have one slope a channel, which broadcasts from dimension 1.
  const slope = call.opset < 7 && given.shape.length === 1 && given.shape[0] !== 1 ? core.reshape(given, [...given.shape, ...Array<number>(x.shape.length - 2).fill(1)]) : given;
  return core.select(x.lt(0), x.mul(slope), x);
}

function shrink(call: Call): Tensor {
  const x = call.x(0);
  const [lambda, bias] = [call.float("lambd", 0.5), call.float("bias", 0)];
  return core.select(x.lt(-lambda), x.add(bias), core.select(x.gt(lambda), x.sub(bias), core.zeros(x.shape, { dtype: x.dtype })));
}

function hardSigmoid(x: Tensor, alpha: number, beta: number): Tensor {
  return core.clamp(x.mul(alpha).add(beta), 0, 1);
}

/** x · sigmoid(alpha · x) */
function swish(x: Tensor, alpha: number): Tensor {
  return alpha === 1 ? nn.silu(x) : x.mul(nn.sigmoid(x.mul(alpha)));
}

export const activations: Family = {
  Relu: (call) => (["f16", "bf16", "f32", "f64"].includes(call.x(0).dtype) ? nn.relu(call.x(0)) : core.max(call.x(0), 0)),
  LeakyRelu: (call) => nn.leaky_relu(call.x(0), { slope: call.float("alpha", 0.01) }),
  PRelu: parametric,
  Elu: (call) => nn.elu(call.x(0), { alpha: call.float("alpha", 1) }),
  Celu: (call) => nn.celu(call.x(0), { alpha: call.float("alpha", 1) }),
  Selu: (call) => {
    const [alpha, gamma] = [call.attribute("alpha")?.float, call.attribute("gamma")?.float];
    if (alpha === undefined && gamma === undefined) return nn.selu(call.x(0));
    return nn.elu(call.x(0), { alpha: alpha ?? 1.6732632423543772 }).mul(gamma ?? 1.0507009873554805);
  },
  Sigmoid: (call) => nn.sigmoid(call.x(0)),
  HardSigmoid: (call) => (call.attribute("alpha") || call.attribute("beta") ? hardSigmoid(call.x(0), call.float("alpha", 0.2), call.float("beta", 0.5)) : hardSigmoid(call.x(0), 0.2, 0.5)),
  HardSwish: (call) => nn.hard_swish(call.x(0)),
  Softplus: (call) => nn.softplus(call.x(0)),
  Softsign: (call) => nn.softsign(call.x(0)),
  Mish: (call) => nn.mish(call.x(0)),
  Gelu: (call) => (call.text("approximate", "none") === "tanh" ? nn.gelu_tanh(call.x(0)) : nn.gelu(call.x(0))),
  Swish: (call) => swish(call.x(0), call.float("alpha", 1)),
  SwiGLU: (call) => swish(call.x(0), call.float("alpha", 1)).mul(call.x(1)),
  ThresholdedRelu: (call) => core.select(call.x(0).gt(call.float("alpha", 1)), call.x(0), core.zeros(call.x(0).shape, { dtype: call.x(0).dtype })),
  Shrink: shrink,
  Softmax: (call) => rows(call, (x, axis) => nn.softmax(x, { axis })),
  LogSoftmax: (call) => rows(call, (x, axis) => nn.log_softmax(x, { axis })),
  Hardmax: (call) => rows(call, (x, axis) => nn.hardmax(x, { axis })),
};
