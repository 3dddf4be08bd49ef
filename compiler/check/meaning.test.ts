/** What the language's forms mean: small programs, run by the interpreter, with the values they must give. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DType } from "../../runtime/dtype.ts";
import { Interpreter, type StreamEnd } from "../graph/interpret.ts";
import { get, tensor, type Tensor } from "../graph/tensor.ts";
import { graphOf, told } from "./testing/check-text.ts";

const numbers = (value: Tensor): (number | bigint)[] => Array.from({ length: value.data.length }, (_, k) => get(value, k));
const f32 = (...values: number[]): Tensor => tensor("f32", [values.length], values);

interface Given {
  readonly inputs?: { readonly [name: string]: Tensor };
  readonly streams?: { readonly [name: string]: StreamEnd };
  readonly tiles?: number;
}

/** Runs `main` and gives the numbers of the out called y. */
function y(text: string, { inputs = {}, streams = {}, tiles = 4 }: Given = {}): (number | bigint)[] {
  return numbers(new Interpreter(graphOf(text, { tiles })).run("main", inputs, { streams })["y"]!);
}

/** Statements that give y: f32[n]. */
const program = (body: string, n = 3, members = ""): string => `graph g { in x: f32[3]; in k: i32; out y: f32[${n}]; ${members} program main { ${body} } }`;
const given: Given = { inputs: { x: f32(1, 2, 3), k: tensor("i32", [], [2]) } };

describe("compile-time values", () => {
  test.each([
    ["7 / 2", 3], ["-7 / 2", -3], ["-7 % 3", -1], ["7 / 2.0", 3.5], ["sqrt(16)", 4], ["max(2, 3, 1)", 3], ["pow(2, 10)", 1024], ["1 << 4 | 1", 17], ["~5", -6],
    ["3 > 2 ? 10 : 20", 10], ["len(2..7)", 5], ["(4, 5, 6)[1]", 5], ["(4, 5, 6)[-1]", 6], ["int(2.9)", 2], ["0x10 + 0b11", 19], ["x.shape[0]", 3], ["tiles * 2", 8], ["min(2, 0.5)", 0.5],
    ["round(2.5)", 2], ["abs(-3)", 3], ["1 == 1 && !false ? 1 : 0", 1],
  ])("%s is %s", (expression, value) => {
    expect(y(program(`let a = ${expression}; y[0] = a;`), given)[0]).toBe(value);
  });

  test("a false left side of && hides the right one", () => {
    expect(y(program("for i in 0..3 { if i > 0 && x.shape[i - 1] == 3 { y[i] = 1; } else { y[i] = 2; } }", 3).replace("i in 0..3", "i in 0..2"), given)).toEqual([2, 1, 0]);
  });

  test("loops over ranges and tuples unfold", () => {
    expect(y(program("for i in 0..3 { y[i] = 10 * i; } for (i) in (0, 2) { y[i] += 1; }".replace("(i) in", "i in")), given)).toEqual([1, 10, 21]);
  });

  test("a compile-time variable changes in loops that unfold", () => {
    expect(y(program("var a: int = 1; for i in 0..3 { y[i] = a; a *= 3; }"), given)).toEqual([1, 3, 9]);
  });

  test("consts and functions of files", () => {
    expect(y(`const two = one + one; const one = 1; fn twice(n: int) -> int { return two * n; } ${program("y = x * twice(two);")}`, given)).toEqual([4, 8, 12]);
  });
});

describe("values and assignment", () => {
  test("the right side is read before anything is written", () => {
    expect(y(program("var a = x; a[1:] = a[:-1]; y = a;"), given)).toEqual([1, 1, 2]);
    expect(y(program("var a = x; a[::-1] = a; y = a;"), given)).toEqual([3, 2, 1]);
    expect(y(program("var a = x; var b = x * 10; let c = a; a = b; b = c; y = a - b;"), given)).toEqual([9, 18, 27]);
  });

  test("slices of slices can be assigned", () => {
    expect(y(program("var a = x; a[1:][1] = 9; a[0] += 5; y = a;"), given)).toEqual([6, 2, 9]);
  });

  test("numbers fill, smaller tensors broadcast", () => {
    expect(y(program("y = 7; y[1:] = 2; y[2:] *= x[2];"), given)).toEqual([7, 2, 6]);
    expect(y(program("y = x[1];"), given)).toEqual([2, 2, 2]);
  });

  test("literals take the dtype of their neighbour", () => {
    const types = (dtype: DType): string => `graph g { in a: ${dtype}[2]; out y: ${dtype}[2]; program main { y = select(a > 1, a * 2 + 1, 0); } }`;
    for (const dtype of ["f16", "bf16", "f32", "f64", "i8", "i32", "i64", "u8", "u32", "u64"] as const) {
      const [one, two] = dtype.endsWith("64") && dtype !== "f64" ? [1n, 3n] : [1, 3];
      const result = new Interpreter(graphOf(types(dtype))).run("main", { a: tensor(dtype, [2], [one, two]) })["y"]!;
      expect([result.type.dtype, numbers(result).map(Number)]).toEqual([dtype, [0, 7]]);
    }
  });

  test("what is wished of a result is wished of an operand only where both have one dtype", () => {
    expect(y("graph g { in x: f32[3]; out y: bool[3]; program main { y = is_nan(x / zeros(3)) || is_nan(1.5); } }", { inputs: { x: f32(0, 1, 0) } })).toEqual([1, 0, 1]);
    expect(y("graph g { out y: u8[3]; program main { y = cast<u8>(linspace(0.5, 2.5, 3)) + full(7, 3); } }")).toEqual([7, 8, 9]);
  });

  test("a tensor index gathers", () => {
    expect(y(program("y = x[k];"), given)).toEqual([3, 3, 3]);
    expect(y("graph g { in x: f32[2, 3]; in i: i32[2]; out y: f32[2, 2]; program main { y = x[:, i]; } }", { inputs: { x: tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), i: tensor("i32", [2], [2, 0]) } })).toEqual([3, 1, 6, 4]);
    expect(y("graph g { in x: f32[2, 3]; in i: i32[2]; out y: f32[2]; program main { y = x[1, i]; } }", { inputs: { x: tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), i: tensor("i32", [2], [2, 0]) } })).toEqual([6, 4]);
  });
});

describe("functions", () => {
  test("generics bind to dimensions, dtypes and several dimensions", () => {
    expect(y(`fn f<T: float, ...s, n>(a: T[...s, n], b: T[n]) -> T[...s, n] { return a * b + cast<T>(n); } ${program("y = f(zeros<f32>(2, 3) + x, x)[1];")}`, given)).toEqual([4, 7, 12]);
  });

  test("the result's type decides what nothing else does", () => {
    expect(y(`fn ones_of<T: float, n>() -> T[n] { return ones<T>(n) * n; } ${program("y = ones_of();")}`, given)).toEqual([3, 3, 3]);
    expect(y(`fn ones_of<T: float, n>() -> T[n] { return ones<T>(n) * n; } ${program("y = x + ones_of();")}`, given)).toEqual([4, 5, 6]);
  });

  test("arithmetic in dimensions, tuples, defaults, names", () => {
    expect(y(`const two = 2; fn halves<n>(a: f32[2 * n], factor: int = 1) -> (f32[n], f32[n]) { return (a[:n], a[n:] * factor); } ${program("let (a, b) = halves<two>(concat((x, x[:1])), factor = 3); y[:2] = a + b;", 3)}`, given)).toEqual([10, 5, 0]);
  });

  test("nested functions see what is around them, early returns choose", () => {
    expect(y(program("let m = 2; fn power(a: f32[3], n: int) -> f32[3] { if n == 0 { return ones<f32>(3); } return a * power(a, n - 1); } y = power(x, m + 1);"), given)).toEqual([1, 8, 27]);
  });

  test("a bool parameter may be known or not", () => {
    expect(y(`fn pick(c: bool, a: f32[3]) -> f32[3] { return select(c, a, 0); } ${program("y = pick(true, x) + pick(k == 0, x);")}`, given)).toEqual([1, 2, 3]);
  });

  test("functions see states as they are when called", () => {
    expect(y(program("fn now() -> f32[3] { return y; } y = 1; let a = now(); y = 5; y = now() * 10 + a;"), given)).toEqual([51, 51, 51]);
  });
});

describe("control", () => {
  test("repeat carries what its body assigns", () => {
    expect(y(program("var a = x; var n: i32 = 0; repeat k + 1 { var local = a; local += 1; a = local; n += 2; } y = a + cast<f32>(n);"), given)).toEqual([10, 11, 12]);
  });

  test("while, and loops in loops", () => {
    expect(y(program("var n: i32 = 0; var total: i32 = 0; while n < 4 { repeat n { total += n; } n += 1; } y[0] = cast<f32>(total);"), given)[0]).toBe(0 + 1 + 4 + 9);
  });

  test("if joins what its sides assign", () => {
    const text = (k: number): Given => ({ inputs: { x: f32(1, 2, 3), k: tensor("i32", [], [k]) } });
    const source = program("var a = x; var b = x; if k > 0 { a = a * 2; if k > 1 { b = b + 1; } } else { b = b * 10; } y = a + b;");
    expect(y(source, text(0))).toEqual([11, 22, 33]);
    expect(y(source, text(1))).toEqual([3, 6, 9]);
    expect(y(source, text(2))).toEqual([4, 7, 10]);
  });

  test("switch", () => {
    const source = program("switch k { 0 => { y = 5; } 2 => { y = x; y[0] = 9; } default => { y = -1; } }");
    const at = (k: number) => y(source, { inputs: { x: f32(1, 2, 3), k: tensor("i32", [], [k]) } });
    expect([at(0), at(1), at(2)]).toEqual([[5, 5, 5], [-1, -1, -1], [9, 2, 3]]);
  });

  test("states are read at the top, written at the end, and live on", () => {
    const graph = graphOf("graph g { var n: i32 = 40; out y: i32; out z: i32; program main { repeat 2 { n += 1; } y = n; } program other { z = n; call main; call main; } }");
    const run = new Interpreter(graph);
    expect(numbers(run.run("main")["y"]!)).toEqual([42]);
    const { y: after, z } = run.run("other");
    expect([numbers(after!), numbers(z!)]).toEqual([[46], [42]]);
    expect(graph.programs[0]!.body.nodes.map((node) => node.op)).toEqual(["read", "fill", "repeat", "write", "write"]);
  });

  test("shared lets have the values states had at the program's start", () => {
    expect(y("graph g { var n: f32 = 1; out y: f32; let twice = n * 2; program main { n = 100; y = twice + n; } }")).toEqual([102]);
  });

  test("initial values build on each other", () => {
    expect(y("graph g { var a: f32[2] = 3; var b: f32[2] = a * 2; var c: f32[2]; out y: f32[2]; program main { y = a + b + c; } }")).toEqual([9, 9]);
  });

  test("streams, prints and assertions happen in order", () => {
    const sent: number[] = [];
    const graph = graphOf("graph g { stream in a: f32; stream out b: f32; program main { repeat 3 { let v = next(a); assert(v > 0, \"positive\"); send(b, v * 2); } send(b, next(a)); } }");
    new Interpreter(graph).run("main", {}, { streams: { a: [1, 2, 3, 4].map((value) => tensor("f32", [], [value])), b: (element: Tensor) => void sent.push(Number(get(element, 0))) } });
    expect(sent).toEqual([2, 4, 6, 4]);
  });

  test("members of a graph unfold", () => {
    expect(y("graph g(deep: bool = true) { if deep { var s: f32[2] = 3; } else { var s: f32[2] = 4; } let n = 2; out y: f32[n]; for i in 0..n { map y[i] on i; } program main { y = s * n; } }")).toEqual([6, 6]);
  });
});

describe("slices against a plain model", () => {
  const bound = (extent: number) => fc.option(fc.integer({ min: -extent, max: extent }), { nil: undefined });
  const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });
  const item = (extent: number) => fc.oneof(
    fc.integer({ min: -extent, max: extent - 1 }).map((at) => ({ at })),
    fc.record({ start: bound(extent), stop: bound(extent), step: fc.option(fc.integer({ min: -3, max: 3 }).filter((step) => step !== 0), { nil: undefined }) }),
  );
  type Item = { at: number } | { start: number | undefined; stop: number | undefined; step: number | undefined };

  /** Elements NumPy selects along one dimension, found by walking. */
  function elements(one: Item, extent: number): { readonly at: number[]; readonly drop: boolean } {
    if ("at" in one) return { at: [(one.at + extent) % extent], drop: true };
    const step = one.step ?? 1;
    const from = (given: number): number => (given < 0 ? given + extent : given);
    const stop = one.stop === undefined ? (step > 0 ? extent : -1) : from(one.stop);
    let at = one.start === undefined ? (step > 0 ? 0 : extent - 1) : from(one.start);
    if (step < 0 && at >= extent) at = extent - 1;
    const list: number[] = [];
    for (; step > 0 ? at < stop : at > stop; at += step) list.push(at);
    return { at: list, drop: false };
  }

  const written = (one: Item): string => ("at" in one ? `${one.at}` : `${one.start ?? ""}:${one.stop ?? ""}${one.step === undefined ? "" : `:${one.step}`}`);

  test("reading and writing", () => {
    fc.assert(fc.property(shapes.chain((shape) => fc.tuple(fc.constant(shape), fc.tuple(...shape.map(item)))), ([shape, items]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const chosen = items.map((one, k) => elements(one, shape[k]!));
      const flat = chosen.reduce<number[]>((all, { at }, k) => all.flatMap((base) => at.map((element) => base * shape[k]! + element)), [0]);
      const result = chosen.filter(({ drop }) => !drop).map(({ at }) => at.length);
      const slice = items.map(written).join(", ");
      const text = `graph g { in x: i32[${shape.join(", ")}]; out a: i32[${result.join(", ")}]; out b: i32[${shape.join(", ")}]; program main { a = x[${slice}]; var w = x; w[${slice}] = a * 10; w[${slice}] += 1; b = w; } }`;
      const values = Array.from({ length: size }, (_, k) => k + 1);
      const out = new Interpreter(graphOf(text)).run("main", { x: tensor("i32", shape, values) });
      expect(numbers(out["a"]!)).toEqual(flat.map((at) => values[at]));
      expect(numbers(out["b"]!)).toEqual(values.map((value, at) => (flat.includes(at) ? value * 10 + 1 : value)));
    }), { numRuns: 150 });
  });

  test("a slice of a slice is the slice of the whole", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 9 }).chain((n) => fc.tuple(fc.constant(n), item(n).filter((one) => !("at" in one)))), ([n, outer]) => {
      const first = elements(outer, n).at;
      const text = `vertex Copy<n> { in a: i32[n]; out b: i32[n]; compute { for i in 0..n { b[i] = a[i]; } } }
        graph g { in x: i32[${n}]; out y: i32[${Math.ceil(first.length / 2)}]; compute set all { let s = x[${written(outer)}]; place Copy { a = s[::2], b = y } on 0; } program main { execute all; } }`;
      const values = Array.from({ length: n }, (_, k) => 10 * k);
      expect(y(text, { inputs: { x: tensor("i32", [n], values) } })).toEqual(first.filter((_, k) => k % 2 === 0).map((at) => values[at]));
    }), { numRuns: 60 });
  });
});

describe("broadcasting against a plain model", () => {
  test("addition of any two shapes", () => {
    const extents = fc.array(fc.constantFrom(1, 2, 3), { maxLength: 3 });
    fc.assert(fc.property(extents, extents, (a, b) => {
      const rank = Math.max(a.length, b.length);
      const extent = (shape: readonly number[], k: number): number => shape[shape.length - rank + k] ?? 1;
      const shape = Array.from({ length: rank }, (_, k) => Math.max(extent(a, k), extent(b, k)));
      const fits = shape.every((most, k) => [extent(a, k), extent(b, k)].every((one) => one === most || one === 1));
      const text = `graph g { in a: i32[${a.join(", ")}]; in b: i32[${b.join(", ")}]; out y: i32[${shape.join(", ")}]; program main { y = a * 100 + b; } }`;
      if (!fits) {
        expect(told(text)).toHaveLength(1);
        expect(told(text)[0]).toContain("shape-mismatch");
        return;
      }
      const fill = (one: readonly number[]): number[] => Array.from({ length: one.reduce((x, z) => x * z, 1) }, (_, k) => k + 1);
      const at = (one: readonly number[], index: readonly number[]): number => fill(one)[index.reduce((flat, i, k) => flat * extent(one, k) + (extent(one, k) === 1 ? 0 : i), 0)]!;
      const indices = shape.reduce<number[][]>((all, most) => all.flatMap((index) => Array.from({ length: most }, (_, i) => [...index, i])), [[]]);
      expect(y(text, { inputs: { a: tensor("i32", a, fill(a)), b: tensor("i32", b, fill(b)) } })).toEqual(indices.map((index) => at(a, index) * 100 + at(b, index)));
    }), { numRuns: 100 });
  });
});

describe("the library", () => {
  const apply = (call: string, x: readonly number[]): (number | bigint)[] => {
    const names = [...call.matchAll(/[a-z_0-9]+(?=\()/g)].map(([name]) => name);
    return y(`import { ${names.join(", ")} } from "std/nn"; graph g { in x: f32[${x.length}]; out y: f32[${x.length}]; program main { y = ${call}; } }`, { inputs: { x: f32(...x) } });
  };
  const points = [-3, -1, -0.25, 0, 0.5, 2, 7];
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const softplus = (x: number): number => Math.log(1 + Math.exp(x));
  const formulas: { readonly [call: string]: (x: number) => number } = {
    "relu(x)": (x) => Math.max(x, 0), "leaky_relu(x, slope = 0.1)": (x) => (x > 0 ? x : 0.1 * x), "elu(x)": (x) => (x > 0 ? x : Math.exp(x) - 1),
    "selu(x)": (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1)), "silu(x)": (x) => x * sigmoid(x), "softplus(x)": softplus,
    "mish(x)": (x) => x * Math.tanh(softplus(x)), "hard_sigmoid(x)": (x) => Math.min(1, Math.max(0, x / 6 + 0.5)), "hard_swish(x)": (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)),
  };
  test.each(Object.entries(formulas))("%s", (call, formula) => {
    apply(call, points).forEach((value, k) => expect(Number(value)).toBeCloseTo(formula(points[k]!), 5));
  });

  test("losses", () => {
    const source = (loss: string): string => `import { mse, l1, huber, cross_entropy } from "std/nn"; graph g { in a: f32[2, 3]; in b: f32[2, 3]; in labels: i32[2]; out y: f32; program main { y = ${loss}; } }`;
    const [a, b] = [[1, 2, 4, 0.5, -1, 3], [1, 0, 1, 0, 0, 0]];
    const inputs = { a: tensor("f32", [2, 3], a), b: tensor("f32", [2, 3], b), labels: tensor("i32", [2], [2, 0]) };
    const errors = a.map((value, k) => Math.abs(value - b[k]!));
    const mean = (list: readonly number[]): number => list.reduce((x, z) => x + z) / list.length;
    const at = (loss: string): number => Number(y(source(loss), { inputs })[0]);
    expect(at("mse(a, b)")).toBeCloseTo(mean(errors.map((error) => error * error)), 5);
    expect(at("l1(a, b)")).toBeCloseTo(mean(errors), 5);
    expect(at("huber(a, b)")).toBeCloseTo(mean(errors.map((error) => (error < 1 ? error * error / 2 : error - 0.5))), 5);
    const probability = (row: readonly number[], label: number): number => Math.exp(row[label]!) / row.reduce((sum, value) => sum + Math.exp(value), 0);
    expect(at("cross_entropy(a, labels)")).toBeCloseTo(-mean([Math.log(probability(a.slice(0, 3), 2)), Math.log(probability(a.slice(3), 0))]), 5);
  });

  test("attention is a weighted mean of the values", () => {
    const text = `import { attention } from "std/nn"; graph g { in q: f32[1, 1, 2]; in k: f32[1, 3, 2]; in v: f32[1, 3, 2]; out y: f32[1, 1, 2]; program main { y = attention(q, k, v); } }`;
    const [q, k, v] = [[1, 2], [[1, 0], [0, 1], [1, 1]], [[1, 2], [3, 4], [5, 6]]];
    const weights = k.map((key) => Math.exp((key[0]! * q[0]! + key[1]! * q[1]!) / Math.SQRT2));
    const total = weights.reduce((a, b) => a + b);
    const wanted = [0, 1].map((d) => weights.reduce((sum, weight, row) => sum + (weight / total) * v[row]![d]!, 0));
    const result = y(text, { inputs: { q: tensor("f32", [1, 1, 2], q), k: tensor("f32", [1, 3, 2], k.flat()), v: tensor("f32", [1, 3, 2], v.flat()) } });
    result.forEach((value, d) => expect(Number(value)).toBeCloseTo(wanted[d]!, 5));
  });

  test("initial weights lie within their bounds, depend on seed and stream, and take any float dtype", () => {
    const weights = (call: string, dtype = "f32"): number[] => y(`import { glorot_uniform, he_normal, bernoulli, randint } from "std/random"; graph g { out y: ${dtype}[20, 30]; program main { y = ${call}; } }`).map(Number);
    const first = weights("glorot_uniform(7, 0)");
    const limit = Math.sqrt(6 / 50);
    expect(first.every((value) => Math.abs(value) <= limit)).toBe(true);
    expect(Math.max(...first)).toBeGreaterThan(0.9 * limit);
    expect(Math.min(...first)).toBeLessThan(-0.9 * limit);
    expect(weights("glorot_uniform(7, 0)")).toEqual(first);
    expect(weights("glorot_uniform(7, 1)")).not.toEqual(first);
    expect(weights("glorot_uniform(8, 0)", "f16").some((value, k) => value !== first[k])).toBe(true);
    const deviation = Math.sqrt(weights("he_normal(1, 2)").reduce((sum, value) => sum + value * value, 0) / 600);
    expect(deviation / Math.sqrt(2 / 20)).toBeCloseTo(1, 0);
    expect(new Set(weights("randint(3, 4, -2, 2)", "i32"))).toEqual(new Set([-2, -1, 0, 1]));
    expect(new Set(weights("bernoulli(3, 4)", "bool")).size).toBe(2);
  });
});
