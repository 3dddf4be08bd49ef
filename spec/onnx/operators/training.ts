/** Steps of optimisers, for several weights at once, and gradients. */
import { core, optim, type Tensor } from "../../../compiler/builder/index.ts";
import { as, upTo, type Call, type Family } from "../call.ts";

/** One weight's step: its new value, then what is kept of it. */
type Step = (weight: { readonly w: Tensor; readonly gradient: Tensor; readonly kept: readonly Tensor[]; readonly rate: Tensor }) => readonly Tensor[];

/** Inputs are a rate, a count of steps, then all weights, all gradients, all first things kept, all second ones; outputs likewise. */
function steps(call: Call, kept: number, step: Step): Tensor[] {
  const count = (call.inputs - 2) / (2 + kept);
  const results = upTo(count).map((k) => step({ w: call.x(2 + k), gradient: call.x(2 + count + k), kept: upTo(kept).map((j) => call.x(2 + (2 + j) * count + k)), rate: call.x(0) }));
  return upTo(1 + kept).flatMap((j) => results.map((result) => result[j]!));
}

const decayOf = (call: Call): number => call.float("norm_coefficient", 0);

function momentum(call: Call): Tensor[] {
  // In the first step the gradient counts whole.
  const beta = call.numbers(1)[0] === 0 ? 1 : call.float("beta", 1);
  const nesterov = call.text("mode", "standard") === "nesterov";
  call.requires(!nesterov || beta === 1, "Nesterov momentum with a damped gradient");
  return steps(call, 1, ({ w, gradient, kept: [velocity], rate }) => optim.momentum(w, gradient.mul(beta), velocity!, rate, { momentum: call.float("alpha", 0), decay: decayOf(call) * beta, nesterov }));
}

function adagrad(call: Call): Tensor[] {
  const slower = 1 + call.numbers(1)[0]! * call.float("decay_factor", 0);
  return steps(call, 1, ({ w, gradient, kept: [square], rate }) => optim.adagrad(w, gradient, square!, rate.div(slower), { decay: decayOf(call), epsilon: call.float("epsilon", 0) }));
}

function adam(call: Call): Tensor[] {
  call.requires(call.numbers(1)[0]! > 0, "a step of Adam without its bias correction");
  call.requires(call.float("norm_coefficient_post", 0) === 0, "a decay after the step of Adam");
  const step = as("i32", call.x(1));
  return steps(call, 2, ({ w, gradient, kept: [first, second], rate }) => optim.adam(w, gradient, first!, second!, step, rate, { beta1: call.float("alpha", 0.9), beta2: call.float("beta", 0.999), epsilon: call.float("epsilon", 0), decay: decayOf(call) }));
}

export const training: Family = {
  "ai.onnx.preview.training::Momentum": momentum,
  "ai.onnx.preview.training::Adagrad": adagrad,
  "ai.onnx.preview.training::Adam": adam,
  "ai.onnx.preview.training::Gradient": (call) => call.around.program.grad(core.sum(call.around.find(call.text("y", ""))), call.attribute("xs")!.texts.map((name) => call.around.find(name))),
};
