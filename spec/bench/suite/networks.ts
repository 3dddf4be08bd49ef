/** Workloads that are whole networks: a perceptron and a step of its training, a transformer block, ResNet-50. */
import { resnetSource } from "../resnet.ts";
import type { OnnxModel } from "./onnx.ts";
import { erf, layerNorm, product, relu, softmax, transposed } from "./plain.ts";
import { tfLayerNorm } from "./rows.ts";
import { numbers, tensor, weightsOf, type Tensors, type TensorSpec, type Workload } from "./workload.ts";

const weight = (name: string, i: number, o: number): TensorSpec => tensor(name, [i, o], -1 / Math.sqrt(i), 1 / Math.sqrt(i));

const layers = [[784, 512], [512, 256], [256, 10]] as const;
const mlpWeights = layers.flatMap(([i, o], at) => [weight(`w${at + 1}`, i, o), tensor(`b${at + 1}`, [o], -0.1, 0.1)]);
const mlpOperations = layers.reduce((sum, [i, o]) => sum + 2 * i * o, 0);
const declared = (role: string): string => mlpWeights.map(({ name, shape }) => `  ${role} ${name}: f32[${shape.join(", ")}]`).join(";\n");

/** x @ w + b, all of them. */
function plainLayers(tensors: Tensors, batch: number): () => Float32Array[] {
  const results = layers.map(([, o]) => new Float32Array(batch * o));
  return () => {
    let input = tensors["x"]!;
    layers.forEach(([i, o], at) => {
      product(input, tensors[`w${at + 1}`]!, results[at]!, [batch, i, o], tensors[`b${at + 1}`]!);
      input = at < layers.length - 1 ? relu(results[at]!) : results[at]!;
    });
    return results;
  };
}

// oxlint-disable-next-line typescript/no-explicit-any -- the peer is not installed where types are checked
type Any = any;

function tfLayers(tf: Any, x: Any, weights: { readonly [name: string]: Any }): Any {
  return layers.reduce((input, _, at) => {
    const sums = tf.add(tf.matMul(input, weights[`w${at + 1}`]), weights[`b${at + 1}`]);
    return at < layers.length - 1 ? tf.relu(sums) : sums;
  }, x);
}

function mlp(batch: number): Workload {
  return {
    name: `mlp-${batch}`,
    source: `import { relu } from "std/nn";
graph mlp {
  in x: f32[${batch}, 784];
${declared("param")};
  out y: f32[${batch}, 10];
  program main { y = relu(relu(x @ w1 + b1) @ w2 + b2) @ w3 + b3; }
}`,
    inputs: [tensor("x", [batch, 784], 0, 1)],
    weights: mlpWeights,
    output: "y",
    operations: batch * mlpOperations,
    // One row of products reads every weight once.
    ...(batch === 1 ? { limit: "read", bytes: 4 * layers.reduce((sum, [i, o]) => sum + (i + 1) * o, 0) } : { limit: "fma" }),
    passed: true,
    tolerance: 1e-5,
    twoWorkers: batch > 1,
    onnx(model) {
      let input = model.input("x", [batch, 784]);
      const weights = weightsOf(this);
      layers.forEach(([i, o], at) => {
        const last = at === layers.length - 1;
        const inputs = [input, model.weight(`w${at + 1}`, [i, o], weights[`w${at + 1}`]!), model.weight(`b${at + 1}`, [o], weights[`b${at + 1}`]!)];
        const sums = last ? model.node("Gemm", inputs, {}, "y") : model.node("Gemm", inputs);
        input = last ? sums : model.node("Relu", [sums]);
      });
      model.output("y", [batch, 10]);
    },
    tfjs: {
      prepare(tf, tensors) {
        const weights = Object.fromEntries(mlpWeights.map(({ name, shape }) => [name, tf["tensor"](tensors[name], shape)]));
        return () => tf["tidy"](() => tfLayers(tf, tf["tensor"](tensors["x"], [batch, 784]), weights));
      },
    },
    plain(tensors) {
      const run = plainLayers(tensors, batch);
      return () => run()[2]!;
    },
  };
}

const batch = 32;
const rate = 0.05;

/** A step of gradient descent on the cross entropy with given probabilities; a call gives the loss before its step. */
const training: Workload = {
  name: "training-step",
  source: `import { relu, log_softmax } from "std/nn";
graph training {
  in x: f32[${batch}, 784];
  in target: f32[${batch}, 10];
  out loss: f32;
${mlpWeights.map(({ name, shape }) => `  in given_${name}: f32[${shape.join(", ")}];\n  var ${name}: f32[${shape.join(", ")}] = 0;\n`).join("")}
  program load { ${mlpWeights.map(({ name }) => `${name} = given_${name};`).join(" ")} }
  program main {
    let logits = relu(relu(x @ w1 + b1) @ w2 + b2) @ w3 + b3;
    let error = -sum(target * log_softmax(logits, axis = 1)) / ${batch};
    let (dw1, db1, dw2, db2, dw3, db3) = grad(error, (w1, b1, w2, b2, w3, b3));
    ${mlpWeights.map(({ name }) => `${name} -= ${rate} * d${name};`).join(" ")}
    loss = error;
  }
}`,
  inputs: [tensor("x", [batch, 784], 0, 1), tensor("target", [batch, 10], 0, 0.2)],
  states: mlpWeights,
  output: "loss",
  // Forwards once, backwards twice but for the gradient of x, which nobody wants.
  operations: batch * (3 * mlpOperations - 2 * 784 * 512),
  limit: "fma",
  passed: true,
  tolerance: 1e-4,
  tfjs: {
    prepare(tf, tensors) {
      const weights = Object.fromEntries(mlpWeights.map(({ name, shape }) => [name, tf["variable"](tf["tensor"](tensors[name], shape))]));
      const optimiser = tf["train"]["sgd"](rate);
      return () => {
        const [x, target] = [tf["tensor"](tensors["x"], [batch, 784]), tf["tensor"](tensors["target"], [batch, 10])];
        const loss = optimiser.minimize(() => tf["neg"](tf["div"](tf["sum"](tf["mul"](target, tf["logSoftmax"](tfLayers(tf, x, weights)))), batch)), true);
        tf["dispose"]([x, target]);
        return loss;
      };
    },
  },
  plain: plainTraining,
};

function plainTraining(tensors: Tensors): () => Float32Array {
  const own: { [name: string]: Float32Array } = Object.fromEntries(Object.entries(tensors).map(([name, data]) => [name, data.slice()]));
  const forward = plainLayers(own, batch);
  const target = own["target"]!;
  const probabilities = new Float32Array(batch * 10);
  const mass = Array.from({ length: batch }, (_, row) => target.subarray(row * 10, row * 10 + 10).reduce((sum, value) => sum + value, 0));
  return () => {
    const results = forward();
    const logits = results[2]!;
    softmax(logits, 10, probabilities);
    const loss = target.reduce((sum, value, at) => sum - value * Math.log(probabilities[at]!), 0) / batch;
    let delta = probabilities.map((p, at) => (p * mass[Math.floor(at / 10)]! - target[at]!) / batch);
    for (let layer = layers.length - 1; layer >= 0; layer--) delta = backward(own, results, layer, delta);
    return Float32Array.of(loss);
  };
}

/** Updates one layer; gives the gradient of its input, which was the layer before's result. */
function backward(tensors: { readonly [name: string]: Float32Array }, results: readonly Float32Array[], layer: number, delta: Float32Array): Float32Array<ArrayBuffer> {
  const [i, o] = layers[layer]!;
  const [w, b] = [tensors[`w${layer + 1}`]!, tensors[`b${layer + 1}`]!];
  const input = layer === 0 ? tensors["x"]! : results[layer - 1]!;
  const before = new Float32Array(layer === 0 ? 0 : batch * i);
  if (layer > 0) {
    product(delta, transposed(w, i, o), before, [batch, o, i]);
    for (let at = 0; at < before.length; at++) if (input[at]! <= 0) before[at] = 0;
  }
  const change = product(transposed(input, batch, i), delta, new Float32Array(i * o), [i, batch, o]);
  for (let at = 0; at < w.length; at++) w[at] = w[at]! - rate * change[at]!;
  for (let row = 0; row < batch; row++) for (let j = 0; j < o; j++) b[j] = b[j]! - rate * delta[row * o + j]!;
  return before;
}

const [seq, d, heads, ffn] = [128, 512, 8, 2048] as const;
const head = d / heads;

const blockWeights: readonly TensorSpec[] = [
  tensor("ln1_g", [d], 0.5, 1.5), tensor("ln1_b", [d]), weight("wqkv", d, 3 * d), tensor("bqkv", [3 * d]), weight("wo", d, d), tensor("bo", [d]),
  tensor("ln2_g", [d], 0.5, 1.5), tensor("ln2_b", [d]), weight("w1", d, ffn), tensor("b1", [ffn]), weight("w2", ffn, d), tensor("b2", [d]),
];

/** The pre-norm block of examples/encoder. */
const block: Workload = {
  name: "transformer-block",
  source: `import { layer_norm, softmax, gelu } from "std/nn";
graph block(seq: int, d: int, heads: int, ffn: int) {
  in x: f32[seq, d];
  out y: f32[seq, d];
${blockWeights.map(({ name, shape }) => `  param ${name}: f32[${shape.join(", ")}];\n`).join("")}
  fn split(t: f32[seq, d]) -> f32[heads, seq, d / heads] { return t.reshape(seq, heads, d / heads).transpose(1, 0, 2); }

  fn attention(h: f32[seq, d]) -> f32[seq, d] {
    let qkv = h @ wqkv + bqkv;
    let q = split(qkv[:, 0 : d]);
    let k = split(qkv[:, d : 2 * d]);
    let v = split(qkv[:, 2 * d : 3 * d]);
    return (softmax(q @ k.transpose(0, 2, 1) / sqrt(d / heads), axis = -1) @ v).transpose(1, 0, 2).reshape(seq, d) @ wo + bo;
  }

  program main {
    let a = x + attention(layer_norm(x, ln1_g, ln1_b, epsilon = 1e-5));
    y = a + gelu(layer_norm(a, ln2_g, ln2_b, epsilon = 1e-5) @ w1 + b1) @ w2 + b2;
  }
}`,
  parameters: { seq, d, heads, ffn },
  inputs: [tensor("x", [seq, d])],
  weights: blockWeights,
  output: "y",
  operations: 2 * seq * d * (4 * d + 2 * ffn) + 4 * seq * seq * d,
  limit: "fma",
  tolerance: 1e-4,
  twoWorkers: true,
  onnx: onnxBlock,
  tfjs: {
    prepare(tf, tensors) {
      const t = Object.fromEntries([tensor("x", [seq, d]), ...blockWeights].map(({ name, shape }) => [name, tf["tensor"](tensors[name], shape)]));
      return () => tf["tidy"](() => tfBlock(tf, t));
    },
  },
  plain: plainBlock,
};

function onnxBlock(this: Workload, model: OnnxModel): void {
  const data = weightsOf(this);
  const w: { readonly [name: string]: string } = Object.fromEntries(blockWeights.map(({ name, shape }) => [name, model.weight(name, shape, data[name]!)]));
  const norm = (x: string, at: number): string => model.node("LayerNormalization", [x, w[`ln${at}_g`]!, w[`ln${at}_b`]!], { axis: { int: -1 }, epsilon: { float: 1e-5 } });
  const dense = (x: string, matrix: string, bias: string): string => model.node("Add", [model.node("MatMul", [x, w[matrix]!]), w[bias]!]);
  const x = model.input("x", [seq, d]);
  const qkv = dense(norm(x, 1), "wqkv", "bqkv");
  const split = (part: number, order: readonly number[]): string => {
    const rows = model.node("Slice", [qkv, model.ints([part * d]), model.ints([(part + 1) * d]), model.ints([1])]);
    return model.node("Transpose", [model.node("Reshape", [rows, model.ints([seq, heads, head])])], { perm: { ints: order } });
  };
  const scores = model.node("Mul", [model.node("MatMul", [split(0, [1, 0, 2]), split(1, [1, 2, 0])]), model.scalar(1 / Math.sqrt(head))]);
  const mixed = model.node("MatMul", [model.node("Softmax", [scores], { axis: { int: -1 } }), split(2, [1, 0, 2])]);
  const joined = model.node("Reshape", [model.node("Transpose", [mixed], { perm: { ints: [1, 0, 2] } }), model.ints([seq, d])]);
  const a = model.node("Add", [x, dense(joined, "wo", "bo")]);
  const hidden = model.node("Gelu", [dense(norm(a, 2), "w1", "b1")], { approximate: { string: "none" } });
  model.node("Add", [a, dense(hidden, "w2", "b2")], {}, "y");
  model.output("y", [seq, d]);
}

function tfBlock(tf: Any, t: { readonly [name: string]: Any }): Any {
  const dense = (x: Any, matrix: string, bias: string): Any => tf.add(tf.matMul(x, t[matrix]), t[bias]);
  const qkv = dense(tfLayerNorm(tf, t["x"], t["ln1_g"], t["ln1_b"]), "wqkv", "bqkv");
  const [q, k, v] = [0, 1, 2].map((part) => tf.transpose(tf.reshape(tf.slice(qkv, [0, part * d], [seq, d]), [seq, heads, head]), [1, 0, 2]));
  const weights = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(head)));
  const joined = tf.reshape(tf.transpose(tf.matMul(weights, v), [1, 0, 2]), [seq, d]);
  const a = tf.add(t["x"], dense(joined, "wo", "bo"));
  const h = dense(tfLayerNorm(tf, a, t["ln2_g"], t["ln2_b"]), "w1", "b1");
  const hidden = tf.mul(tf.mul(h, 0.5), tf.add(tf.erf(tf.mul(h, Math.SQRT1_2)), 1));
  return tf.add(a, dense(hidden, "w2", "b2"));
}

function plainBlock(t: Tensors): () => Float32Array {
  const buffer = (size: number): Float32Array => new Float32Array(size);
  const [normed, qkv, joined, a, hidden, y] = [buffer(seq * d), buffer(3 * seq * d), buffer(seq * d), buffer(seq * d), buffer(seq * ffn), buffer(seq * d)];
  const [q, kT, v, scores, mixed] = [buffer(seq * head), buffer(seq * head), buffer(seq * head), buffer(seq * seq), buffer(seq * head)];
  const attend = (h: number): void => {
    for (let row = 0; row < seq; row++) {
      for (let at = 0; at < head; at++) {
        const from = row * 3 * d + h * head + at;
        q[row * head + at] = qkv[from]! / Math.sqrt(head);
        kT[at * seq + row] = qkv[from + d]!;
        v[row * head + at] = qkv[from + 2 * d]!;
      }
    }
    softmax(product(q, kT, scores, [seq, head, seq]), seq, scores);
    product(scores, v, mixed, [seq, seq, head]);
    for (let row = 0; row < seq; row++) joined.set(mixed.subarray(row * head, (row + 1) * head), row * d + h * head);
  };
  return () => {
    const x = t["x"]!;
    product(layerNorm(x, t["ln1_g"]!, t["ln1_b"]!, normed), t["wqkv"]!, qkv, [seq, d, 3 * d], t["bqkv"]!);
    for (let h = 0; h < heads; h++) attend(h);
    product(joined, t["wo"]!, a, [seq, d, d], t["bo"]!);
    for (let at = 0; at < a.length; at++) a[at] = a[at]! + x[at]!;
    product(layerNorm(a, t["ln2_g"]!, t["ln2_b"]!, normed), t["w1"]!, hidden, [seq, d, ffn], t["b1"]!);
    for (let at = 0; at < hidden.length; at++) hidden[at] = 0.5 * hidden[at]! * (1 + erf(hidden[at]! * Math.SQRT1_2));
    product(hidden, t["w2"]!, y, [seq, ffn, d], t["b2"]!);
    for (let at = 0; at < y.length; at++) y[at] = y[at]! + a[at]!;
    return y;
  };
}

/** A convolution of ResNet-50, in the order of `resnetSource`. */
interface Conv {
  readonly channels: number;
  readonly out: number;
  readonly window: number;
  readonly stride: number;
}

/** What `resnetSource` builds, for a builder of another kind: it is told of each convolution, sum and activation. */
function walkResnet<T>(x: T, visit: { conv(x: T, conv: Conv): T; relu(x: T): T; pool(x: T): T; add(a: T, b: T): T }): T {
  let now = visit.pool(visit.relu(visit.conv(x, { channels: 3, out: 64, window: 7, stride: 2 })));
  let channels = 64;
  [3, 4, 6, 3].forEach((blocks, stage) => {
    const inner = 64 * 2 ** stage;
    for (let at = 0; at < blocks; at++) {
      const stride = at === 0 && stage > 0 ? 2 : 1;
      const a = visit.relu(visit.conv(now, { channels, out: inner, window: 1, stride: 1 }));
      const b = visit.relu(visit.conv(a, { channels: inner, out: inner, window: 3, stride }));
      const c = visit.conv(b, { channels: inner, out: 4 * inner, window: 1, stride: 1 });
      now = visit.relu(visit.add(c, at === 0 ? visit.conv(now, { channels, out: 4 * inner, window: 1, stride }) : now));
      channels = 4 * inner;
    }
  });
  return now;
}

/** The convolutions in order, and the operations of them all. */
function resnetConvs(): { readonly convs: readonly Conv[]; readonly operations: number } {
  const convs: Conv[] = [];
  let operations = 0;
  walkResnet(224, {
    conv(size, conv) {
      convs.push(conv);
      const result = Math.ceil(size / conv.stride);
      operations += 2 * conv.channels * conv.out * conv.window ** 2 * result ** 2;
      return result;
    },
    relu: (size) => size,
    pool: (size) => Math.ceil(size / 2),
    add: (size) => size,
  });
  return { convs, operations };
}

const { convs, operations: convOperations } = resnetConvs();
const resnetWeights = convs.flatMap(({ channels, out, window }, at) => {
  const bound = Math.sqrt(1 / (channels * window * window));
  return [tensor(`c${at}.w`, [out, channels, window, window], -bound, bound), tensor(`c${at}.b`, [out], -0.1, 0.1)];
});

const resnet: Workload = {
  name: "resnet-50",
  source: resnetSource(),
  inputs: [tensor("x", [1, 3, 224, 224])],
  weights: [...resnetWeights, weight("fc.w", 2048, 1000), tensor("fc.b", [1000], -0.1, 0.1)],
  output: "logits",
  operations: convOperations + 2 * 2048 * 1000,
  limit: "fma",
  tolerance: 1e-3,
  onnx(model) {
    let at = 0;
    const given = (spec: TensorSpec): string => model.weight(spec.name, spec.shape, numbers(spec));
    const last = walkResnet(model.input("x", [1, 3, 224, 224]), {
      conv(x, { window, stride }) {
        const padding = Math.floor(window / 2);
        const inputs = [x, given(resnetWeights[2 * at]!), given(resnetWeights[2 * at + 1]!)];
        at++;
        return model.node("Conv", inputs, { kernel_shape: { ints: [window, window] }, strides: { ints: [stride, stride] }, pads: { ints: [padding, padding, padding, padding] } });
      },
      relu: (x) => model.node("Relu", [x]),
      pool: (x) => model.node("MaxPool", [x], { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: [1, 1, 1, 1] } }),
      add: (a, b) => model.node("Add", [a, b]),
    });
    const pooled = model.node("Reshape", [model.node("GlobalAveragePool", [last]), model.ints([1, 2048])]);
    model.node("Gemm", [pooled, ...this.weights!.slice(-2).map(given)], {}, "logits");
    model.output("logits", [1, 1000]);
  },
};

export const networks: readonly Workload[] = [mlp(1), mlp(256), training, block, resnet];
