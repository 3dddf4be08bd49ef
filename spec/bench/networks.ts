/**
 * Whole networks on wasm, beside the machine's measured peak (peak.ts): how much of a call is sums of products at full speed.
 * Operations are those of the products. Rounds of all alternate; weights are params or vars, inputs stay from call to call, so
 * that a call copies the results only.
 *
 * November 2026, on two cores that other work kept busy: milliseconds, and parts of one thread's strict 128-bit peak (60 to 70 GF).
 * Two workers are 1.8 to 1.9 times one where the machine is idle.
 *
 * | network     | 1 worker    | wide        |
 * | mlp-1       | 0.022, 0.75 | 0.022, 0.70 | 2.1 MB of weights are read, at 100 GB/s: wider vectors do not help
 * | mlp-32      | 0.57,  0.98 | 0.29,  1.77 |
 * | mlp-256     | 4.2,   1.04 | 2.2,   1.85 |
 * | train-32    | 1.2,   1.04 | 0.78,  1.5  | weights change, so they are packed anew in every step: 6 % of it
 * | block       | 13.3,  1.05 | 7.3,   1.75 | nine supersteps; 97 % of the time in products
 * | block-small | 3.8,   0.96 | 2.05,  1.58 |
 *
 *   node spec/bench/networks.ts [--wide] [name …]
 */
import { availableParallelism } from "node:os";
import { compile } from "../../compiler/index.ts";
import { Engine } from "../../runtime/index.ts";
import { compare, peak, type Contender } from "./peak.ts";

interface Network {
  readonly source: string;
  readonly parameters: { readonly [name: string]: number };
  /** Multiplications and additions of a run. */
  readonly operations: number;
}

const mlpSource = `import { relu } from "std/nn";

graph mlp(batch: int) {
  in x: f32[batch, 784];
  param w1: f32[784, 512];  param b1: f32[512];
  param w2: f32[512, 256];  param b2: f32[256];
  param w3: f32[256, 10];   param b3: f32[10];
  out y: f32[batch, 10];
  program main { y = relu(relu(x @ w1 + b1) @ w2 + b2) @ w3 + b3; }
}`;

const mlp = (batch: number): Network => ({ source: mlpSource, parameters: { batch }, operations: 2 * batch * (784 * 512 + 512 * 256 + 256 * 10) });

/** A step of plain gradient descent; the first layer needs no gradient by its input. */
const trainingSource = `import { relu, cross_entropy } from "std/nn";

graph train(batch: int) {
  in x: f32[batch, 784];  in labels: i32[batch];
  var w1: f32[784, 512];  var b1: f32[512];
  var w2: f32[512, 256];  var b2: f32[256];
  var w3: f32[256, 10];   var b3: f32[10];
  out loss: f32;

  program main {
    let y = relu(relu(x @ w1 + b1) @ w2 + b2) @ w3 + b3;
    loss = cross_entropy(y, labels);
    let (g1, h1, g2, h2, g3, h3) = grad(loss, (w1, b1, w2, b2, w3, b3));
    w1 -= 0.01 * g1;  b1 -= 0.01 * h1;
    w2 -= 0.01 * g2;  b2 -= 0.01 * h2;
    w3 -= 0.01 * g3;  b3 -= 0.01 * h3;
  }
}`;

const training = (batch: number): Network => ({ source: trainingSource, parameters: { batch }, operations: 2 * batch * (2 * 784 * 512 + 3 * (512 * 256 + 256 * 10)) });

/** The pre-norm block of examples/encoder. */
const blockSource = `import { layer_norm, softmax, gelu } from "std/nn";

graph block(seq: int, d: int, heads: int, ffn: int) {
  in x: f32[seq, d];
  out y: f32[seq, d];
  param ln1_g: f32[d];  param ln1_b: f32[d];
  param wqkv: f32[d, 3 * d];  param bqkv: f32[3 * d];
  param wo: f32[d, d];  param bo: f32[d];
  param ln2_g: f32[d];  param ln2_b: f32[d];
  param w1: f32[d, ffn];  param b1: f32[ffn];
  param w2: f32[ffn, d];  param b2: f32[d];

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
}`;

function block(seq: number, d: number, heads: number, ffn: number): Network {
  const operations = 2 * seq * d * (3 * d + d + 2 * ffn) + 4 * seq * seq * d;
  return { source: blockSource, parameters: { seq, d, heads, ffn }, operations };
}

const networks: { readonly [name: string]: Network } = { "mlp-1": mlp(1), "mlp-32": mlp(32), "mlp-256": mlp(256), "train-32": training(32), "block": block(128, 512, 8, 2048), "block-small": block(128, 256, 8, 1024) };

/** Small numbers without a pattern, so that sums neither vanish nor overflow. */
const numbers = (count: number, seed: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * i + seed) * 0.05);

async function bench(name: string, { source, parameters, operations }: Network, wideVectors: boolean): Promise<void> {
  const { executable, diagnostics } = await compile(`${name}.gph`, { parameters, readFile: () => source });
  if (!executable) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  await using engines = new AsyncDisposableStack();
  const contenders: Contender[] = [await peak(false), await peak(true)];
  for (const workers of new Set([1, Math.min(2, availableParallelism())])) {
    const engine = engines.use(await Engine.load(executable, { workers, wideVectors }));
    engine.manifest.states.forEach(({ role, name: state, shape, dtype }, k) => {
      if (role === "out") return;
      const count = shape.reduce((size, extent) => size * extent, 1);
      engine.write(state, dtype === "i32" ? { dtype, shape, data: Int32Array.from({ length: count }, (_, i) => i % 10) } : { dtype: "f32", shape, data: numbers(count, k) });
    });
    contenders.push({ name: workers === 1 ? "gph" : `gph, ${workers} workers`, workers, operations, run: () => engine.runSync() });
  }
  const times = compare(contenders, { milliseconds: 3000, roundMilliseconds: 40, leastRounds: 7 });
  const best = contenders[0]!.operations / times[0]!;
  const shown = contenders.map((contender, at) => {
    const speed = contender.operations / times[at]!;
    return `${contender.name} ${at < 2 ? "" : `${(times[at]! * 1000).toPrecision(3)} ms, `}${(speed / 1e9).toFixed(1)} GF${at === 0 ? "" : ` (${(speed / best).toFixed(2)})`}`;
  });
  console.log(`${name}: ${shown.join("; ")}`);
}

const wide = process.argv.includes("--wide");
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
for (const name of asked.length > 0 ? asked : Object.keys(networks)) {
  const network = networks[name];
  if (!network) throw new Error(`no network is named ${name}; there are ${Object.keys(networks).join(", ")}`);
  await bench(name, network, wide);
}
