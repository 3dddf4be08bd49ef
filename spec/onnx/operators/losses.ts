/** Losses of class labels, with weights of classes and a label that does not count. */
import { core, nn, type Tensor } from "../../../compiler/builder/index.ts";
import { as, type Call, type Family } from "../call.ts";

/** [n, c, d…] → [n · d…, c]. */
function rows(x: Tensor): Tensor {
  const [n, c, ...rest] = x.shape as [number, number, ...number[]];
  if (rest.length === 0) return x;
  return core.reshape(core.transpose(core.reshape(x, [n, c, -1]), { axes: [0, 2, 1] }), [-1, c]);
}

/** The loss of every label, its sum, or its mean, which weights count in. */
function reduced(call: Call, logs: Tensor, labels: Tensor, weights: Tensor | undefined): Tensor {
  const reduction = call.text("reduction", "mean");
  const ignored = call.attribute("ignore_index")?.int;
  const each = core.reshape(as("i32", labels), [-1]);
  const list = rows(logs);
  if (reduction === "mean" && weights === undefined && ignored === undefined) return nn.nll(list, each);
  const ones = core.ones([logs.shape[1]!], { dtype: logs.dtype });
  const [losses, counts] = nn.weighted_nll(list, each, weights ?? ones, ignored === undefined ? {} : { ignored });
  if (reduction === "none") return core.reshape(losses, labels.shape);
  return reduction === "sum" ? core.sum(losses) : core.sum(losses).div(core.sum(counts));
}

export const losses: Family = {
  NegativeLogLikelihoodLoss: (call) => reduced(call, call.x(0), call.x(1), call.maybe(2)),
  SoftmaxCrossEntropyLoss: (call) => {
    const logs = nn.log_softmax(call.x(0), { axis: 1 });
    return [reduced(call, logs, call.x(1), call.maybe(2)), logs];
  },
};
