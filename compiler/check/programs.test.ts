/** The nine programs check at many sizes, and mean what an independent computation says. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Graph } from "../graph/graph.ts";
import { Interpreter } from "../graph/interpret.ts";
import { tensor, type Tensor } from "../graph/tensor.ts";
import { randomNumbers } from "../support/testing/random-numbers.ts";
import { graphOf, type TextOptions } from "./testing/check-text.ts";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const example = (name: string): string => read(`../../examples/${name}/${name}.gph`);
const sources: { readonly [name: string]: string } = {
  cnn: read("testing/cnn.gph"), train: read("testing/train.gph"), encoder: example("encoder"), heat: example("heat"), life: example("life"),
  mandelbrot: example("mandelbrot"), matvec: example("matvec"), mlp: example("mlp"), solve: example("solve"),
};

const sizes: { readonly [name: string]: readonly TextOptions["parameters"][] } = {
  cnn: [{}, { batch: 1 }], train: [{}, { batch: 2, hidden: 3, steps: "4", lr: "1e-3" }], encoder: [{}, { seq: 3, d: 8, heads: 2, ffn: 5 }], heat: [{}, { n: 3, steps: 0 }],
  life: [{}, { n: 1 }], mandelbrot: [{}, { height: 5, width: 7, limit: 3 }], matvec: [{}, { m: 1, n: 1 }], mlp: [{}, { batch: 1, hidden: 1 }], solve: [{}, { n: 1 }, { tol: "0.5" }],
};

describe("the nine programs check and hold the graph's invariants", () => {
  for (const [name, source] of Object.entries(sources)) {
    test.each([1, 3, 16, 1472])(`${name} on %i tiles`, (tiles) => {
      for (const parameters of sizes[name]!) {
        const graph = graphOf(source, { tiles, parameters: parameters ?? {} });
        expect(graph.name).toBe(name);
        expect(graph.computeSets.flatMap((set) => set.placements).every((placement) => placement.tile < tiles)).toBe(true);
      }
    });
  }

  test("placements share vertices of one shape", () => {
    const graph = graphOf(sources["matvec"]!, { tiles: 16, parameters: { m: 40, n: 3 } });
    expect([graph.vertices.length, graph.computeSets[0]!.placements.length]).toEqual([1, 40]);
    expect(graph.states.find((state) => state.name === "a")!.mapping!.pieces.map((piece) => piece.tile)).toEqual(Array.from({ length: 40 }, (_, r) => Math.floor((r * 16) / 40)));
    expect(graph.computeSets[0]!.placements.map((placement) => placement.tile)).toEqual(Array.from({ length: 40 }, (_, r) => Math.floor((r * 16) / 40)));
  });

  test("the loop of heat is one repeat that carries the plate alone", () => {
    const graph = graphOf(sources["heat"]!, { parameters: { n: 8 } });
    const loop = graph.programs[0]!.body.nodes.find((node) => node.op === "repeat")!;
    expect(loop.outputs).toHaveLength(1);
    expect(loop.regions[0]!.nodes.filter((node) => node.op === "update")).toHaveLength(1);
  });

  test("epoch reads, carries and writes its weights", () => {
    const epoch = graphOf(sources["train"]!).programs[0]!;
    expect(epoch.body.nodes.map((node) => node.op)).toEqual(["read", "read", "read", "read", "fill", "repeat", "write", "write", "write", "write"]);
  });
});

// ---- against independent computations, plain loops over arrays

const numbers = (data: Tensor): number[] => Array.from(data.data as ArrayLike<number>, Number);
const run = (graph: Graph, inputs: { [name: string]: Tensor }, params: { [name: string]: Tensor } = {}) => new Interpreter(graph, { params }).run("main", inputs);

function sequence(length: number, seed: number, value: (unit: number) => number): number[] {
  const next = randomNumbers(seed);
  return Array.from({ length }, () => value(next()));
}

test("life", () => {
  const [n, steps] = [7, 5];
  let world = sequence(n * n, 3, (unit) => (unit < 0.4 ? 1 : 0));
  const out = run(graphOf(sources["life"]!, { parameters: { n, steps } }), { seed: tensor("u8", [n, n], world) });
  for (let step = 0; step < steps; step++) {
    world = world.map((cell, at) => {
      const [row, column] = [Math.floor(at / n), at % n];
      let around = 0;
      for (const [dy, dx] of [[-1, -1], [-1, 0], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 0], [1, 1]] as const) around += world[((row + dy + n) % n) * n + ((column + dx + n) % n)]!;
      return around === 3 || (around === 2 && cell === 1) ? 1 : 0;
    });
  }
  expect(numbers(out["world"]!)).toEqual(world);
  expect(numbers(out["alive"]!)).toEqual([world.reduce((a, b) => a + b)]);
});

test("heat", () => {
  const [n, steps, alpha] = [6, 9, 0.2];
  let plate = sequence(n * n, 5, (unit) => Math.fround(unit * 100));
  const out = run(graphOf(sources["heat"]!, { parameters: { n, steps, alpha } }), { initial: tensor("f32", [n, n], plate) });
  for (let step = 0; step < steps; step++) {
    plate = plate.map((here, at) => {
      const [row, column] = [Math.floor(at / n), at % n];
      if (row === 0 || column === 0 || row === n - 1 || column === n - 1) return here;
      return here + alpha * (plate[at - n]! + plate[at + n]! + plate[at - 1]! + plate[at + 1]! - 4 * here);
    });
  }
  numbers(out["plate"]!).forEach((value, at) => expect(value).toBeCloseTo(plate[at]!, 3));
});

test("matvec", () => {
  const [m, n] = [5, 4];
  const a = sequence(m * n, 7, (unit) => Math.floor(unit * 9) - 4);
  const x = sequence(n, 8, (unit) => Math.floor(unit * 9) - 4);
  const out = run(graphOf(sources["matvec"]!, { tiles: 3, parameters: { m, n } }), { a: tensor("f32", [m, n], a), x: tensor("f32", [n], x) });
  expect(numbers(out["y"]!)).toEqual(Array.from({ length: m }, (_, row) => x.reduce((sum, value, column) => sum + value * a[row * n + column]!, 0)));
});

test("mandelbrot", () => {
  const [height, width, limit] = [9, 13, 30];
  const out = run(graphOf(sources["mandelbrot"]!, { tiles: 3, parameters: { height, width, limit } }), {});
  const f = Math.fround;
  const along = (from: number, to: number, count: number): number[] => Array.from({ length: count }, (_, k) => f(from + (k * (to - from)) / (count - 1)));
  const [re, im] = [along(-2.2, 0.8, width), along(-1.2, 1.2, height)];
  const counts = im.flatMap((imaginary) => re.map((real) => {
    let [x, y, k] = [0, 0, 0];
    while (f(f(x * x) + f(y * y)) <= 4 && k < limit) {
      const t = f(f(f(x * x) - f(y * y)) + real);
      y = f(f(f(2 * x) * y) + imaginary);
      x = t;
      k += 1;
    }
    return k;
  }));
  const actual = numbers(out["counts"]!);
  // Points where the escape hangs on the last bit of linspace may differ; there are few.
  expect(actual.filter((count, at) => count !== counts[at]).length).toBeLessThanOrEqual(1);
  expect(new Set(actual).size).toBeGreaterThan(5);
});

test("solve", () => {
  const n = 5;
  const f = sequence(n * n, 11, (unit) => Math.fround(unit - 0.5));
  const out = run(graphOf(sources["solve"]!, { parameters: { n } }), { f: tensor("f32", [n, n], f) });
  // Gauss–Seidel on the same system, until it stands still.
  const u = new Array<number>(n * n).fill(0);
  for (let round = 0; round < 500; round++) {
    for (let at = 0; at < n * n; at++) {
      const [row, column] = [Math.floor(at / n), at % n];
      const around = (row > 0 ? u[at - n]! : 0) + (row < n - 1 ? u[at + n]! : 0) + (column > 0 ? u[at - 1]! : 0) + (column < n - 1 ? u[at + 1]! : 0);
      u[at] = (f[at]! + around) / 4;
    }
  }
  numbers(out["u"]!).forEach((value, at) => expect(value).toBeCloseTo(u[at]!, 3));
  const iterations = numbers(out["iterations"]!)[0]!;
  expect(iterations).toBeGreaterThan(2);
  expect(iterations).toBeLessThanOrEqual(n * n + 5);
  expect(numbers(out["residual"]!)[0]).toBeLessThanOrEqual(1e-3);
});

test("mlp", () => {
  const [batch, hidden] = [2, 3];
  const images = sequence(batch * 784, 13, (unit) => Math.floor(unit * 256));
  const w1 = sequence(784 * hidden, 17, (unit) => Math.fround((unit - 0.5) / 10));
  const w2 = sequence(hidden * 10, 19, (unit) => Math.fround(unit - 0.5));
  const [b1, b2] = [sequence(hidden, 23, (unit) => Math.fround(unit)), sequence(10, 29, (unit) => Math.fround(unit))];
  const out = run(graphOf(sources["mlp"]!, { parameters: { batch, hidden } }), { images: tensor("u8", [batch, 28, 28], images) }, {
    w1: tensor("f32", [784, hidden], w1), b1: tensor("f32", [hidden], b1), w2: tensor("f32", [hidden, 10], w2), b2: tensor("f32", [10], b2),
  });
  for (let row = 0; row < batch; row++) {
    const h = b1.map((bias, k) => Math.max(0, bias + images.slice(row * 784, (row + 1) * 784).reduce((sum, pixel, i) => sum + (pixel / 255) * w1[i * hidden + k]!, 0)));
    const logits = b2.map((bias, k) => bias + h.reduce((sum, value, i) => sum + value * w2[i * 10 + k]!, 0));
    logits.forEach((logit, k) => expect(numbers(out["logits"]!)[row * 10 + k]).toBeCloseTo(logit, 3));
    const best = logits.indexOf(Math.max(...logits));
    expect(numbers(out["digits"]!)[row]).toBe(best);
    expect(numbers(out["confidence"]!)[row]).toBeCloseTo(Math.exp(logits[best]!) / logits.reduce((sum, logit) => sum + Math.exp(logit), 0), 4);
  }
});
