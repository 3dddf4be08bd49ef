/** The block of encoder.gph in plain loops and doubles, as textbooks write it. */

export interface Sizes {
  readonly seq: number;
  readonly d: number;
  readonly heads: number;
  readonly ffn: number;
}

const names = ["ln1_g", "ln1_b", "wqkv", "bqkv", "wo", "bo", "ln2_g", "ln2_b", "w1", "b1", "w2", "b2"] as const;
export type Weights = { readonly [name in (typeof names)[number]]: Float32Array };

type Numbers = ArrayLike<number>;

/** a: [m, k] · b: [k, n] + bias: [n]. */
function dense(a: Numbers, b: Numbers, bias: Numbers, m: number, k: number, n: number): Float64Array {
  const result = new Float64Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = bias[column]!;
      for (let inner = 0; inner < k; inner++) sum += a[row * k + inner]! * b[inner * n + column]!;
      result[row * n + column] = sum;
    }
  }
  return result;
}

/** x: [m, n], over its rows. */
function layerNorm(x: Numbers, gain: Numbers, bias: Numbers, m: number, n: number): Float64Array {
  const result = new Float64Array(m * n);
  for (let row = 0; row < m; row++) {
    const values = Array.from({ length: n }, (_, column) => x[row * n + column]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
    values.forEach((value, column) => (result[row * n + column] = ((value - mean) / Math.sqrt(variance + 1e-5)) * gain[column]! + bias[column]!));
  }
  return result;
}

/** ∫ exp(−t²) by Simpson's rule: slow, and independent of any closed approximation. */
function erf(x: number): number {
  const pieces = 400;
  const step = x / pieces;
  let sum = 1 + Math.exp(-x * x);
  for (let piece = 1; piece < pieces; piece++) sum += (piece % 2 === 1 ? 4 : 2) * Math.exp(-((piece * step) ** 2));
  return (2 / Math.sqrt(Math.PI)) * (step / 3) * sum;
}

const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));

function attention(h: Numbers, { seq, d, heads }: Sizes, weights: Weights): Float64Array {
  const qkv = dense(h, weights.wqkv, weights.bqkv, seq, d, 3 * d);
  const width = d / heads;
  const mixed = new Float64Array(seq * d);
  const at = (part: number, position: number, head: number, index: number): number => qkv[position * 3 * d + part * d + head * width + index]!;
  for (let head = 0; head < heads; head++) {
    for (let query = 0; query < seq; query++) {
      const scores = Array.from({ length: seq }, (_, key) => {
        let sum = 0;
        for (let index = 0; index < width; index++) sum += at(0, query, head, index) * at(1, key, head, index);
        return Math.exp(sum / Math.sqrt(width));
      });
      const total = scores.reduce((sum, score) => sum + score, 0);
      for (let index = 0; index < width; index++) {
        let sum = 0;
        for (let key = 0; key < seq; key++) sum += (scores[key]! / total) * at(2, key, head, index);
        mixed[query * d + head * width + index] = sum;
      }
    }
  }
  return dense(mixed, weights.wo, weights.bo, seq, d, d);
}

/** x: [seq, d] → [seq, d]. */
export function encoder(sizes: Sizes, x: Numbers, weights: Weights): Float64Array {
  const { seq, d, ffn } = sizes;
  const attended = attention(layerNorm(x, weights.ln1_g, weights.ln1_b, seq, d), sizes, weights);
  const a = attended.map((value, index) => value + x[index]!);
  const hidden = dense(layerNorm(a, weights.ln2_g, weights.ln2_b, seq, d), weights.w1, weights.b1, seq, d, ffn).map(gelu);
  return dense(hidden, weights.w2, weights.b2, seq, ffn, d).map((value, index) => value + a[index]!);
}
