/** Attention of several heads over a long sequence, as it stands between the products of a transformer: all keys, or earlier ones. */
import { product, softmax, transposed } from "./plain.ts";
import { tensor, type Tensors, type Workload } from "./workload.ts";

const [heads, n, d] = [8, 1024, 64] as const;
const size = n * d;

function attention(causal: boolean): Workload {
  const scores = causal ? "select(iota<i32>(n).reshape(n, 1) >= iota<i32>(n).reshape(1, n), scaled, -1.0 / 0.0)" : "scaled";
  return {
    name: causal ? "attention-causal" : "attention",
    source: `import { softmax } from "std/nn";
graph attention(heads: int, n: int, d: int) {
  in q: f32[heads, n, d];
  in k: f32[heads, n, d];
  in v: f32[heads, n, d];
  out y: f32[heads, n, d];
  program main {
    let scaled = q @ k.transpose(0, 2, 1) / sqrt(d);
    y = softmax(${scores}) @ v;
  }
}`,
    parameters: { heads, n, d },
    inputs: [tensor("q", [heads, n, d]), tensor("k", [heads, n, d]), tensor("v", [heads, n, d])],
    output: "y",
    // Of products with keys that are seen.
    operations: 4 * heads * d * (causal ? (n * (n + 1)) / 2 : n * n),
    limit: "fma",
    tolerance: 1e-5,
    twoWorkers: true,
    onnx(model) {
      const [q, k, v] = ["q", "k", "v"].map((name) => model.input(name, [heads, n, d])) as [string, string, string];
      const scaled = model.node("Mul", [model.node("MatMul", [q, model.node("Transpose", [k], { perm: { ints: [0, 2, 1] } })]), model.scalar(1 / Math.sqrt(d))]);
      const masked = causal ? model.node("Add", [scaled, model.weight("mask", [n, n], mask())]) : scaled;
      model.node("MatMul", [model.node("Softmax", [masked], { axis: { int: -1 } }), v], {}, "y");
      model.output("y", [heads, n, d]);
    },
    tfjs: {
      prepare(tf, tensors) {
        const [q, k, v] = ["q", "k", "v"].map((name) => tf["tensor"](tensors[name], [heads, n, d]));
        const hidden = causal ? tf["tensor"](mask(), [n, n]) : undefined;
        return () => tf["tidy"](() => {
          const scaled = tf["mul"](tf["matMul"](q, k, false, true), 1 / Math.sqrt(d));
          return tf["matMul"](tf["softmax"](hidden === undefined ? scaled : tf["add"](scaled, hidden)), v);
        });
      },
    },
    plain: (tensors) => plainAttention(tensors, causal),
  };
}

/** 0 where a query sees a key, else -Infinity. */
const mask = (): Float32Array => Float32Array.from({ length: n * n }, (_, at) => (at % n <= Math.floor(at / n) ? 0 : -Infinity));

function plainAttention({ q, k, v }: Tensors, causal: boolean): () => Float32Array {
  const [scores, y] = [new Float32Array(n * n), new Float32Array(heads * size)];
  return () => {
    for (let head = 0; head < heads; head++) {
      const of = (all: Float32Array): Float32Array => all.subarray(head * size, (head + 1) * size);
      product(of(q!).map((value) => value / Math.sqrt(d)), transposed(of(k!), n, d), scores, [n, d, n]);
      if (causal) for (let row = 0; row < n; row++) scores.fill(-Infinity, row * n + row + 1, (row + 1) * n);
      product(softmax(scores, n, scores), of(v!), of(y), [n, n, d]);
    }
    return y;
  };
}

export const attentionWorkloads: readonly Workload[] = [attention(false), attention(true)];
