/** Plain JavaScript as a careful person writes it, for the suite: typed arrays, loops in the order of memory, no libraries. */

/** y = a · b (+ bias), columns of a block of rows of b at a time, so that those stay in the cache. a: [m, k], b: [k, n]. */
export function product(a: Float32Array, b: Float32Array, y: Float32Array, [m, k, n]: readonly [number, number, number], bias?: Float32Array): Float32Array {
  const [blockK, blockN] = [64, 256];
  if (bias === undefined) y.fill(0);
  else for (let i = 0; i < m; i++) y.set(bias, i * n);
  for (let firstK = 0; firstK < k; firstK += blockK) {
    const lastK = Math.min(k, firstK + blockK);
    for (let firstN = 0; firstN < n; firstN += blockN) {
      const lastN = Math.min(n, firstN + blockN);
      for (let i = 0; i < m; i++) {
        for (let inner = firstK; inner < lastK; inner++) {
          const factor = a[i * k + inner]!;
          for (let j = firstN; j < lastN; j++) y[i * n + j] = y[i * n + j]! + factor * b[inner * n + j]!;
        }
      }
    }
  }
  return y;
}

/** a: [m, n] as [n, m]. */
export function transposed(a: Float32Array, m: number, n: number): Float32Array {
  const y = new Float32Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) y[j * m + i] = a[i * n + j]!;
  return y;
}

export function relu(x: Float32Array): Float32Array {
  for (let i = 0; i < x.length; i++) x[i] = Math.max(x[i]!, 0);
  return x;
}

export interface Convolution {
  readonly channels: number;
  readonly out: number;
  readonly size: number;
  readonly window: number;
  readonly depthwise: boolean;
}

/** Stride 1, as much padding as keeps the size. x: [1, channels, size, size], w: [out, channels or 1, window, window]. */
export function convolution(x: Float32Array, w: Float32Array, bias: Float32Array, { channels, out, size, window, depthwise }: Convolution, y: Float32Array): Float32Array {
  const border = (window - 1) / 2;
  const perFilter = depthwise ? 1 : channels;
  for (let o = 0; o < out; o++) {
    const plane = y.subarray(o * size * size, (o + 1) * size * size).fill(bias[o]!);
    for (let c = 0; c < perFilter; c++) {
      const source = (depthwise ? o : c) * size * size;
      for (let tap = 0; tap < window * window; tap++) {
        const factor = w[(o * perFilter + c) * window * window + tap]!;
        const [down, across] = [Math.floor(tap / window) - border, (tap % window) - border];
        for (let row = Math.max(0, -down); row < Math.min(size, size - down); row++) {
          const from = source + (row + down) * size + across;
          const last = Math.min(size, size - across);
          for (let column = Math.max(0, -across); column < last; column++) plane[row * size + column] = plane[row * size + column]! + factor * x[from + column]!;
        }
      }
    }
  }
  return y;
}

export function softmax(x: Float32Array, width: number, y: Float32Array): Float32Array {
  for (let start = 0; start < x.length; start += width) {
    let largest = -Infinity;
    for (let i = start; i < start + width; i++) largest = Math.max(largest, x[i]!);
    let sum = 0;
    for (let i = start; i < start + width; i++) sum += y[i] = Math.exp(x[i]! - largest);
    const scale = 1 / sum;
    for (let i = start; i < start + width; i++) y[i] = y[i]! * scale;
  }
  return y;
}

export function layerNorm(x: Float32Array, gain: Float32Array, bias: Float32Array, y: Float32Array): Float32Array {
  const width = gain.length;
  for (let start = 0; start < x.length; start += width) {
    let sum = 0;
    for (let i = start; i < start + width; i++) sum += x[i]!;
    const mean = sum / width;
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += (x[i]! - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / width + 1e-5);
    for (let i = 0; i < width; i++) y[start + i] = (x[start + i]! - mean) * scale * gain[i]! + bias[i]!;
  }
  return y;
}

/** Numerical approximation 7.1.26 of Abramowitz and Stegun, within 1.5e-7. */
export function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
  return x < 0 ? tail - 1 : 1 - tail;
}

/** `steps` explicit Euler steps of the 5-point stencil on [n, n], with the border kept. */
export function heat(initial: Float32Array, n: number, steps: number, alpha: number, buffers: readonly [Float32Array, Float32Array]): Float32Array {
  let [u, v] = buffers;
  u.set(initial);
  v.set(initial);
  for (let step = 0; step < steps; step++) {
    for (let y = 1; y < n - 1; y++) {
      for (let i = y * n + 1; i < y * n + n - 1; i++) v[i] = u[i]! + alpha * (u[i - n]! + u[i + n]! + u[i - 1]! + u[i + 1]! - 4 * u[i]!);
    }
    [u, v] = [v, u];
  }
  return u;
}
