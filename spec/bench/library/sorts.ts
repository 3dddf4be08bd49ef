/**
 * Sorts. Their limit is that of their way, without the rest: of rows sorted side by side the comparisons, a minimum and a maximum
 * each; of those by digits the moves to piles, made by hand; of the largest of each row a comparison of each element.
 */
import { million, scattered, type Case, type Cases } from "./case.ts";

function sorting(name: "sort" | "argsort", shape: readonly number[]): Case {
  const count = shape.reduce((a, b) => a * b, 1);
  const n = shape.at(-1)!;
  const x = Float32Array.from(scattered(count, 16_000_000), (value) => value / 7);
  const [y, order] = [new Float32Array(count), new Int32Array(count)];
  const type = `[${shape.join(", ")}]`;
  const levels = Math.log2(n);
  // Rows lie behind each other: what is in a row's nearest cache when it is sorted is so here too.
  const keys = Uint32Array.from(x.subarray(0, n), (value) => 0x8000_0000 ^ new Int32Array(Float32Array.of(value).buffer)[0]!);
  const [digits, bits] = n >= 32_768 ? [3, 11] : [4, 8];
  const sideBySide = name === "sort" && n <= 4096;
  return {
    operands: { x: { type: `f32${type}`, data: x } }, results: { y: `${name === "sort" ? "f32" : "i32"}${type}` }, main: `y = ${name}(x);`, tolerance: 0,
    limit: { read: 4 * count, written: 4 * count, ...(sideBySide ? { steps: (count * levels * (levels + 1)) / 2 } : { piles: { keys, digits, bits }, repeats: count / n }) },
    native: n === million ? { name, sizes: [n] } : { name: `${name}_rows`, sizes: [count / n] },
    plain() {
      for (let start = 0; start < count; start += n) {
        if (name === "sort") {
          y.set(x.subarray(start, start + n), start);
          y.subarray(start, start + n).sort();
          continue;
        }
        const row = order.subarray(start, start + n);
        for (let k = 0; k < n; k++) row[k] = k;
        row.sort((a, b) => x[start + a]! - x[start + b]! || a - b);
      }
      return { y: name === "sort" ? y : order };
    },
  };
}

function topK(): Case {
  const [x, k] = [Float32Array.from(scattered(1024 * 1024, 16_000_000), (value) => value / 7), 8];
  const [values, places] = [new Float32Array(1024 * k), new Int32Array(1024 * k)];
  return {
    operands: { x: { type: "f32[1024, 1024]", data: x } }, results: { values: `f32[1024, ${k}]`, places: `i32[1024, ${k}]` },
    main: `let (v, p) = top_k(x, ${k}); values = v; places = p;`, tolerance: 0, limit: { read: 4 * x.length, written: 8 * values.length, steps: x.length }, native: { name: "top_k", sizes: [1024] },
    plain() {
      for (let row = 0; row < 1024; row++) {
        for (let j = 0; j < k; j++) {
          let best = -1;
          for (let i = 0; i < 1024; i++) {
            if (places.subarray(row * k, row * k + j).includes(i)) continue;
            if (best === -1 || x[row * 1024 + i]! > x[row * 1024 + best]!) best = i;
          }
          places[row * k + j] = best;
          values[row * k + j] = x[row * 1024 + best]!;
        }
      }
      return { values, places };
    },
  };
}

export const sortCases: Cases = {
  "sort, 1M": () => sorting("sort", [million]),
  "sort, rows of 1024": () => sorting("sort", [1024, 1024]),
  "argsort, 1M": () => sorting("argsort", [million]),
  "argsort, rows of 1024": () => sorting("argsort", [1024, 1024]),
  "top_k, 8 of 1024": topK,
};
