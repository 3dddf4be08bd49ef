/** Transforms, and products that are not those of dense f32 matrices. */
import { line, scattered, waves, type Case, type Cases } from "./case.ts";

function products8(): Case {
  const n = 512;
  const [a, b, y] = [scattered(n * n, 255, 3).map((value) => value - 127), scattered(n * n, 255, 5).map((value) => value - 127), new Int32Array(n * n)];
  return {
    imports: ['import { matmul_i32 } from "std/quantised";'], operands: { a: { type: `i8[${n}, ${n}]`, data: a }, b: { type: `i8[${n}, ${n}]`, data: b } }, results: { y: `i32[${n}, ${n}]` },
    main: "y = matmul_i32(a, b);", tolerance: 1e-6, limit: { operations: 2 * n ** 3 }, native: { name: "matmul_i32", sizes: [n] },
    plain() {
      y.fill(0);
      for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) for (let j = 0; j < n; j++) y[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
      return { y };
    },
  };
}

function convolution8(): Case {
  const [images, channels, filters, size] = [16, 32, 32, 28];
  const area = size * size;
  const bytes = (count: number, seed: number): Int32Array => scattered(count, 255, seed).map((value) => value - 127);
  const [x, w, y] = [bytes(images * channels * area, 3), bytes(filters * channels * 9, 5), new Int32Array(images * filters * area)];
  return {
    imports: ['import { conv2d_i32 } from "std/quantised";'], operands: { x: { type: `i8[${images}, ${channels}, ${size}, ${size}]`, data: x }, w: { type: `i8[${filters}, ${channels}, 3, 3]`, data: w } },
    results: { y: `i32[${images}, ${filters}, ${size}, ${size}]` }, main: "y = conv2d_i32(x, w, padding = 1);", tolerance: 1e-6, limit: { operations: 2 * 9 * channels * y.length }, native: { name: "conv2d_i32", sizes: [images] },
    plain() {
      y.fill(0);
      for (let n = 0; n < images; n++) for (let o = 0; o < filters; o++) for (let c = 0; c < channels; c++) for (let u = 0; u < 3; u++) for (let v = 0; v < 3; v++) {
        const factor = w[((o * channels + c) * 3 + u) * 3 + v]!;
        for (let i = Math.max(0, 1 - u); i < Math.min(size, size + 1 - u); i++) for (let j = Math.max(0, 1 - v); j < Math.min(size, size + 1 - v); j++) {
          y[((n * filters + o) * size + i) * size + j]! += factor * x[((n * channels + c) * size + i + u - 1) * size + j + v - 1]!;
        }
      }
      return { y };
    },
  };
}

/** A transform by halves, in place, of one row (Cooley and Tukey, 1965). */
function transform(re: Float32Array, im: Float32Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j]!, re[i]!, im[j]!, im[i]!];
  }
  for (let half = 1; half < n; half *= 2) {
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((-Math.PI * k) / half), Math.sin((-Math.PI * k) / half)];
      for (let i = k; i < n; i += 2 * half) {
        const [p, q] = [re[i + half]! * c - im[i + half]! * s, re[i + half]! * s + im[i + half]! * c];
        re[i + half] = re[i]! - p;
        im[i + half] = im[i]! - q;
        re[i]! += p;
        im[i]! += q;
      }
    }
  }
}

function fourier(name: "fft" | "rfft"): Case {
  const [batch, n] = [64, 4096];
  const kept = name === "fft" ? n : n / 2 + 1;
  const [x, z] = [waves(batch * n), waves(batch * n, 1)];
  const [re, im, p, q] = [new Float32Array(n), new Float32Array(n), new Float32Array(batch * kept), new Float32Array(batch * kept)];
  const whole = { type: `f32[${batch}, ${n}]`, data: x };
  return {
    imports: [`import { ${name} } from "std/fft";`], operands: name === "fft" ? { x: whole, z: { ...whole, data: z } } : { x: whole }, results: { p: `f32[${batch}, ${kept}]`, q: `f32[${batch}, ${kept}]` },
    main: `let (a, b) = ${name}(x${name === "fft" ? ", z" : ""}); p = a; q = b;`, tolerance: 1e-5, limit: { operations: (name === "fft" ? 5 : 2.5) * batch * n * Math.log2(n) }, native: { name: name === "fft" ? "fft_rows" : "rfft_rows", sizes: [batch, n] },
    plain() {
      for (let row = 0; row < batch; row++) {
        re.set(x.subarray(row * n, (row + 1) * n));
        if (name === "fft") im.set(z.subarray(row * n, (row + 1) * n));
        else im.fill(0);
        transform(re, im);
        p.set(re.subarray(0, kept), row * kept);
        q.set(im.subarray(0, kept), row * kept);
      }
      return { p, q };
    },
  };
}

function sparse(columnsOfB: number): Case {
  const [m, each, n] = [8192, 16, columnsOfB];
  const [values, columns, b, y] = [waves(m * each), scattered(m * each, m), waves(m * n), new Float32Array(m * n)];
  const starts = Int32Array.from({ length: m + 1 }, (_, row) => row * each);
  return {
    imports: ['import { sparse_matmul } from "std/sparse";'],
    operands: { values: line(values), columns: { type: `i32[${m * each}]`, data: columns }, starts: { type: `i32[${m + 1}]`, data: starts }, b: { type: `f32[${m}, ${n}]`, data: b } },
    results: { y: `f32[${m}, ${n}]` }, main: "y = sparse_matmul(values, columns, starts, b);", tolerance: 1e-5,
    limit: { read: 8 * values.length + 4 * b.length, written: 4 * y.length, operations: 2 * values.length * n, lookups: { places: columns, extent: m, each: n, purpose: "read" } },
    native: { name: n === 1 ? "sparse_product" : "sparse_product_wide", sizes: [m] },
    plain() {
      y.fill(0);
      for (let row = 0; row < m; row++) for (let k = starts[row]!; k < starts[row + 1]!; k++) for (let j = 0; j < n; j++) y[row * n + j]! += values[k]! * b[columns[k]! * n + j]!;
      return { y };
    },
  };
}

export const productCases: Cases = {
  matmul_i32: products8,
  conv2d_i32: convolution8,
  "fft, 64 of 4096": () => fourier("fft"),
  "rfft, 64 of 4096": () => fourier("rfft"),
  "sparse_matmul, 64 columns": () => sparse(64),
  "sparse_matmul, 1 column": () => sparse(1),
};
