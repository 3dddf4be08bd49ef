import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFloat, type DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { get, put, zeros } from "../../graph/tensor.ts";
import { binary, call, cast, constant, i32, KernelBuilder, largerOf, select } from "../build.ts";
import { runKernel } from "../interpret.ts";
import type { BinaryOp, Expression, Kernel } from "../kernel.ts";
import { printKernel } from "../print.ts";
import { randomKernel } from "../testing/random-kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { vectorSupported } from "../vector-support.ts";
import { verifyKernel } from "../verify.ts";
import { expandMath } from "./expand-math.ts";
import { optimiseKernel } from "./index.ts";
import { proveParallel } from "./prove-parallel.ts";
import { vectorise } from "./vectorise.ts";

const widened = (kernel: Kernel): Kernel => {
  const result = vectorise.run(proveParallel.run(kernel, testContext), testContext);
  verifyKernel(result);
  for (const statement of result.body) expect(vectorSupported(statement)).toBe(true);
  return result;
};

const lanesIn = (kernel: Kernel): Set<number> => new Set(kernel.locals.map((local) => local.lanes).filter((lanes) => lanes > 1));

function expectSame(before: Kernel, after: Kernel, seed: number, tolerance = 0): void {
  for (const [one, other] of runBoth(before, after, seed))
    one.forEach((value, at) => {
      if (tolerance === 0) expect(other[at], `element ${at}`).toBe(value);
      else expect(Math.abs(Number(other[at]) - Number(value)), `element ${at}`).toBeLessThanOrEqual(tolerance * (1 + Math.abs(Number(value))));
    });
}

describe("vectorise", () => {
  it("keeps every bit of random kernels, of every dtype", () => {
    const dtypes: DType[] = ["f32", "f64", "f16", "bf16", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"];
    fc.assert(
      fc.property(fc.nat(1e6), fc.constantFrom(...dtypes), fc.boolean(), (seed, dtype, parallel) => {
        const kernel = randomKernel(seed, dtype, parallel);
        expectSame(kernel, widened(kernel), seed);
      }),
      { numRuns: 150 },
    );
  });

  it("widens most of them", () => {
    const count = Array.from({ length: 100 }, (_, seed) => randomKernel(seed, "f32", true)).filter((kernel) => lanesIn(widened(kernel)).size > 0).length;
    expect(count).toBeGreaterThan(55);
  });

  it("does what fills no vector by shorter ones", () => {
    const kernel = new KernelBuilder("bytes", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "u8", shape: [47], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "u8", shape: [47], access: "out" });
    kernel.for({ end: i32(47), parallel: true }, (i) => kernel.store(y, [i], binary("add", kernel.load(x, [i]), constant("u8", 3))));
    const built = kernel.finish();
    const result = widened(built);
    expect(result.body.map((loop) => (loop.kind === "for" ? loop.step : 0))).toEqual([16, 8, 4, 1]);
    expectSame(built, result, 1);
  });

  it("does the last iterations of what may run twice by a vector that overlaps the one before", () => {
    const kernel = new KernelBuilder("neighbours", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [12], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [11], access: "out" });
    const sumAt = (i: Expression): void => kernel.store(y, [i], binary("add", kernel.load(x, [i]), kernel.load(x, [binary("add", i, i32(1))])));
    kernel.for({ end: i32(11), parallel: true, repeatable: true }, sumAt);
    const built = kernel.finish();
    const result = widened(built);
    expect(result.body).toMatchObject([{ start: { value: 0 }, end: { value: 8 }, step: 4 }, { start: { value: 7 }, end: { value: 11 }, step: 4 }]);
    expectSame(built, result, 1);
  });

  it("reduces in lanes: integers to the bit, floats to rounding", () => {
    const ops: BinaryOp[] = ["add", "mul", "min", "max"];
    fc.assert(
      fc.property(fc.constantFrom<DType>("f32", "f64", "i32", "u8", "i16"), fc.constantFrom(...ops), fc.integer({ min: 0, max: 90 }), fc.nat(5), fc.nat(1000), (dtype, op, n, start, seed) => {
        const kernel = new KernelBuilder("reduction", nowhere);
        const x = kernel.buffer({ name: "x", dtype, shape: [3, n + 1], access: "in" });
        const y = kernel.buffer({ name: "y", dtype, shape: [3], access: "out" });
        const one = constant(dtype, 1);
        kernel.for({ end: i32(3), parallel: true }, (i) => {
          const sum = kernel.let("sum", one);
          kernel.for({ start: i32(Math.min(start, n)), end: i32(n), name: "k" }, (k) => {
            const value = kernel.load(x, [i, binary("add", k, i32(1))]);
            const scaled = op === "mul" && isFloat(dtype) ? select(binary("lt", value, one), one, constant(dtype, 1.0625)) : value;
            kernel.set(sum, binary(op, sum, scaled));
          });
          kernel.store(y, [i], sum);
        });
        const built = kernel.finish();
        const result = widened(built);
        if (n - start >= 16) expect(lanesIn(result).size).toBe(1);
        expectSame(built, result, seed, isFloat(dtype) ? 1e-4 : 0);
      }),
      { numRuns: 100 },
    );
  });

  it("reduces nested loops in the same lanes from row to row", () => {
    fc.assert(
      fc.property(fc.constantFrom<DType>("f32", "f64", "i32"), fc.constantFrom<BinaryOp>("add", "max", "min"), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5 }), fc.nat(1000), fc.boolean(), (dtype, op, width, height, seed, numbers) => {
        const kernel = new KernelBuilder("planes", nowhere);
        const x = kernel.buffer({ name: "x", dtype, shape: [2, 3, height, width], access: "in" });
        const y = kernel.buffer({ name: "y", dtype, shape: [2], access: "out" });
        kernel.for({ end: i32(2), parallel: true }, (i) => {
          const most = kernel.let("most", constant(dtype, 1));
          kernel.forSum([3, height, width], ([plane, row, column]) => {
            const value = kernel.load(x, [i, plane!, row!, column!]);
            const missing = binary("eq", binary("add", row!, column!), i32(width - 1));
            kernel.set(most, binary(op, most, numbers || !isFloat(dtype) || op === "add" ? value : select(missing, constant(dtype, NaN), value)));
          });
          kernel.store(y, [i], most);
        });
        const built = kernel.finish();
        const result = widened(built);
        const reduces = printKernel(result).split("reduce ").length - 1;
        if (width >= 4 && numbers) expect(reduces).toBe(op === "add" || dtype !== "f32" || 3 * height * width < 128 ? 1 : 3);
        expectSame(built, result, seed, isFloat(dtype) && op === "add" ? 1e-4 : 0);
      }),
      { numRuns: 150 },
    );
  });

  it("adds up a very long row in stretches: what is small is not lost in a few lanes", () => {
    const sumOf = (length: number): Kernel => {
      const kernel = new KernelBuilder("long", nowhere);
      const x = kernel.buffer({ name: "x", dtype: "f32", shape: [length], access: "in" });
      const y = kernel.buffer({ name: "y", dtype: "f32", shape: [], access: "out" });
      const sum = kernel.let("sum", constant("f32", 0));
      kernel.for({ end: i32(length) }, (i) => kernel.set(sum, binary("add", sum, kernel.load(x, [i]))));
      kernel.store(y, [], sum);
      return kernel.finish();
    };
    const length = 300_007;
    const [x, y] = [zeros({ dtype: "f32", shape: [length] }), zeros({ dtype: "f32", shape: [] })];
    for (let i = 0; i < length; i++) put(x, i, 0.1);
    runKernel(widened(sumOf(length)), [x, y]);
    const exact = Math.fround(0.1) * length;
    expect(Math.abs(Number(get(y, 0)) - exact) / exact).toBeLessThan(1e-5);
    for (const short of [8191, 8192, 8193, 20_001]) expectSame(sumOf(short), widened(sumOf(short)), short, 1e-4);
  });

  it("adds up long rows apart", () => {
    const kernel = new KernelBuilder("rows", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [70, 70], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [], access: "out" });
    const sum = kernel.let("sum", constant("f32", 0));
    kernel.forSum([70, 70], ([i, j]) => kernel.set(sum, binary("add", sum, kernel.load(x, [i!, j!]))));
    kernel.store(y, [], sum);
    const rows = widened(kernel.finish()).body.find((statement) => statement.kind === "for")!;
    expect(JSON.stringify(rows)).toContain('"reduce"');
  });

  it("loads and stores elements that are no neighbours lane by lane, where that pays", () => {
    const dtypes: DType[] = ["f32", "f64", "f16", "bf16", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"];
    const accesses: { [name: string]: (i: Expression, n: number, at: Expression) => { load: Expression; store: Expression } } = {
      "every third": (i) => ({ load: binary("add", binary("mul", i, i32(3)), i32(2)), store: i }),
      backwards: (i, n) => ({ load: binary("sub", i32(n - 1), i), store: i }),
      "by an index": (i, _, at) => ({ load: at, store: i }),
      "to every second": (i) => ({ load: i, store: binary("mul", i, i32(2)) }),
      "index to index": (i, _, at) => ({ load: at, store: binary("mul", i, i32(2)) }),
    };
    for (const [name, access] of Object.entries(accesses)) for (const dtype of dtypes) {
      const n = 37;
      const kernel = new KernelBuilder(name, nowhere);
      const x = kernel.buffer({ name: "x", dtype, shape: [3 * n], access: "in" });
      const order = kernel.buffer({ name: "order", dtype: "i32", shape: [n], access: "in" });
      const y = kernel.buffer({ name: "y", dtype, shape: [2 * n], access: "inout" });
      kernel.for({ end: i32(n), parallel: true }, (i) => {
        const { load, store } = access(i, n, binary("max", binary("min", kernel.load(order, [i]), i32(3 * n - 1)), i32(0)));
        const value = kernel.let("value", kernel.load(x, [load]));
        kernel.store(y, [store], binary("add", binary("mul", value, value), binary("mul", binary("add", value, value), value)));
      });
      const built = kernel.finish();
      const result = widened(built);
      if (dtype === "f32") expect(lanesIn(result), name).toEqual(new Set([4]));
      expectSame(built, result, 3);
    }
  });

  it("leaves a copy from every third byte to every third one by one: vectors gain nothing there", () => {
    const kernel = new KernelBuilder("copy", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "u8", shape: [64, 3], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "u8", shape: [64, 3], access: "out" });
    kernel.for({ end: i32(64), parallel: true }, (i) => kernel.store(y, [i, i32(0)], kernel.load(x, [i, i32(0)])));
    expect(lanesIn(widened(kernel.finish())).size).toBe(0);
  });

  it("loads and stores under a condition by lanes, of which those that are off touch nothing", () => {
    const n = 33;
    const conditional = (body: (kernel: KernelBuilder, i: Expression, buffers: { x: number; order: number; y: number }) => void): Kernel => {
      const kernel = new KernelBuilder("conditional", nowhere);
      const x = kernel.buffer({ name: "x", dtype: "f32", shape: [8], access: "in" });
      const order = kernel.buffer({ name: "order", dtype: "i32", shape: [n], access: "in" });
      const y = kernel.buffer({ name: "y", dtype: "f32", shape: [n], access: "inout" });
      kernel.for({ end: i32(n), parallel: true }, (i) => body(kernel, i, { x, order, y }));
      return kernel.finish();
    };
    const power = (kernel: KernelBuilder, of: Expression): Expression => {
      const value = kernel.let("value", of);
      return Array.from({ length: 12 }).reduce<Expression>((all) => binary("mul", all, value), value);
    };
    const kernels = [
      // Neighbours, of which the first and those after the eighth are not there.
      conditional((kernel, i, { x, y }) => kernel.if(binary("and", binary("ge", i, i32(1)), binary("le", i, i32(8))), () => kernel.store(y, [i], power(kernel, kernel.load(x, [binary("sub", i, i32(1))]))))),
      // An index that must be looked at first.
      conditional((kernel, i, { x, order, y }) => {
        const at = kernel.let("at", kernel.load(order, [i]));
        kernel.if(binary("and", binary("ge", at, i32(0)), binary("lt", at, i32(8))), () => kernel.store(y, [i], power(kernel, kernel.load(x, [at]))));
      }),
      // Every second element, as long as there are some.
      conditional((kernel, i, { x, order, y }) => kernel.if(binary("lt", i, i32((n + 1) / 2)), () => kernel.store(y, [binary("mul", i, i32(2))], power(kernel, cast("f32", kernel.load(order, [i])))), () => kernel.store(y, [binary("sub", binary("mul", i, i32(2)), i32(n))], kernel.load(x, [i32(3)])))),
    ];
    for (const kernel of kernels) {
      const result = widened(kernel);
      expect(lanesIn(result).has(4), printKernel(result)).toBe(true);
      for (let seed = 0; seed < 5; seed++) expectSame(kernel, result, seed);
    }
  });

  it("does not index by lanes that are off: they may hold what a local was before", () => {
    const kernel = new KernelBuilder("branch", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [4], access: "in" });
    const order = kernel.buffer({ name: "order", dtype: "i32", shape: [32], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [32], access: "out" });
    kernel.for({ end: i32(32), parallel: true }, (i) => {
      const at = kernel.let("at", kernel.load(order, [i]));
      const value = kernel.let("value", constant("f32", 1));
      kernel.if(binary("lt", at, i32(0)), () => {
        kernel.set(at, binary("and", at, i32(3)));
        kernel.set(value, call("exp", kernel.load(x, [at])));
      });
      kernel.store(y, [i], binary("add", value, cast("f32", at)));
    });
    const built = kernel.finish();
    expectSame(built, widened(built), 9);
  });

  it("evaluates loop bounds that are no constants, also those that make no iteration", () => {
    for (const [start, end] of [[0, 21], [3, 3], [7, 2], [2, 64], [0, 3]] as const) {
      const kernel = new KernelBuilder("bounds", nowhere);
      const x = kernel.buffer({ name: "x", dtype: "f32", shape: [64], access: "in" });
      const y = kernel.buffer({ name: "y", dtype: "f32", shape: [65], access: "out" });
      const from = kernel.let("from", i32(start));
      const to = kernel.let("to", i32(end));
      const sum = kernel.let("sum", constant("f32", 0));
      kernel.for({ start: from, end: to, parallel: true }, (i) => kernel.store(y, [i], kernel.load(x, [i])));
      kernel.for({ start: from, end: to }, (i) => kernel.set(sum, binary("add", sum, kernel.load(x, [i]))));
      kernel.store(y, [i32(64)], sum);
      const built = kernel.finish();
      const result = widened(built);
      expect(lanesIn(result)).toEqual(new Set([4]));
      expectSame(built, result, 5, 1e-5);
    }
  });
});

describe("kernels as programs have them", () => {
  const f32 = (value: number): Expression => constant("f32", value);

  it("mandelbrot: an inner loop until every lane has left", () => {
    const kernel = new KernelBuilder("Escape", nowhere);
    const re = kernel.buffer({ name: "re", dtype: "f32", shape: [37], access: "in" });
    const im = kernel.buffer({ name: "im", dtype: "f32", shape: [], access: "in" });
    const count = kernel.buffer({ name: "count", dtype: "i32", shape: [37], access: "out" });
    kernel.for({ end: i32(37) }, (i) => {
      const [x, y, k] = [kernel.let("x", f32(0)), kernel.let("y", f32(0)), kernel.let("k", i32(0))];
      const inside = binary("le", binary("add", binary("mul", x, x), binary("mul", y, y)), f32(4));
      kernel.while(binary("and", inside, binary("lt", k, i32(50))), () => {
        const t = kernel.let("t", binary("add", binary("sub", binary("mul", x, x), binary("mul", y, y)), kernel.load(re, [i])));
        kernel.set(y, binary("add", binary("mul", binary("mul", f32(2), x), y), kernel.load(im, [])));
        kernel.set(x, t);
        kernel.set(k, binary("add", k, i32(1)));
      });
      kernel.store(count, [i], k);
    });
    const built = kernel.finish();
    const result = widened(built);
    expect(printKernel(result)).toContain("while reduce or(active)");
    for (let seed = 0; seed < 20; seed++) expectSame(built, result, seed);
  });

  it("heat: a stencil", () => {
    const kernel = new KernelBuilder("heat", nowhere);
    const u = kernel.buffer({ name: "u", dtype: "f32", shape: [7, 23], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [5, 21], access: "out" });
    kernel.forBox([5, 21], true, ([i, j]) => {
      const at = (di: number, dj: number): Expression => kernel.load(u, [binary("add", i!, i32(di)), binary("add", j!, i32(dj))]);
      const around = binary("add", binary("add", at(0, 1), at(2, 1)), binary("add", at(1, 0), at(1, 2)));
      kernel.store(y, [i!, j!], binary("add", at(1, 1), binary("mul", f32(0.1), binary("sub", around, binary("mul", f32(4), at(1, 1))))));
    });
    const built = kernel.finish();
    expectSame(built, widened(built), 3);
  });

  const matmul = (m: number, n: number, k: number): Kernel => {
    const kernel = new KernelBuilder("matmul", nowhere);
    const a = kernel.buffer({ name: "a", dtype: "f32", shape: [m, k], access: "in" });
    const b = kernel.buffer({ name: "b", dtype: "f32", shape: [k, n], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [m, n], access: "out" });
    kernel.forBox([m, n], true, ([i, j]) => {
      const sum = kernel.let("sum", f32(0));
      kernel.for({ end: i32(k), name: "k" }, (p) => kernel.set(sum, binary("add", sum, binary("mul", kernel.load(a, [i!, p]), kernel.load(b, [p, j!])))));
      kernel.store(y, [i!, j!], sum);
    });
    return kernel.finish();
  };

  it("matmul: columns are widened, each sum keeps its order, whatever the shape", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 11 }), fc.integer({ min: 2, max: 27 }), fc.integer({ min: 2, max: 9 }), (m, n, k) => {
        const built = matmul(m, n, k);
        expectSame(built, widened(built), m + n + k);
        expectSame(built, optimiseKernel(built, testContext).kernel, m + n + k);
      }),
      { numRuns: 60 },
    );
    expect(lanesIn(widened(matmul(4, 8, 4)))).toEqual(new Set([4]));
  });

  it("life: rules on u8 in sixteen lanes", () => {
    const kernel = new KernelBuilder("life", nowhere);
    const around = kernel.buffer({ name: "around", dtype: "u8", shape: [41], access: "in" });
    const world = kernel.buffer({ name: "world", dtype: "u8", shape: [41], access: "inout" });
    const u8 = (value: number): Expression => constant("u8", value);
    kernel.for({ end: i32(41) }, (i) => {
      const near = binary("and", kernel.load(around, [i]), u8(3));
      const lives = binary("or", binary("eq", near, u8(3)), binary("and", binary("eq", near, u8(2)), binary("ne", kernel.load(world, [i]), u8(1))));
      kernel.store(world, [i], select(lives, u8(1), u8(0)));
    });
    const built = kernel.finish();
    const result = widened(built);
    expect(printKernel(result)).toContain("step 16");
    expectSame(built, result, 8);
  });

  it("softmax: a maximum, a sum with a store beside it, a division", () => {
    const kernel = new KernelBuilder("softmax", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [3, 45], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [3, 45], access: "inout" });
    kernel.for({ end: i32(3), parallel: true }, (i) => {
      const max = kernel.let("max", f32(-Infinity));
      kernel.for({ end: i32(45), name: "k" }, (k) => kernel.set(max, binary("max", max, kernel.load(x, [i, k]))));
      const sum = kernel.let("sum", f32(0));
      kernel.for({ end: i32(45), name: "k" }, (k) => {
        const power = kernel.let("power", call("exp", binary("sub", kernel.load(x, [i, k]), max)));
        kernel.store(y, [i, k], power);
        kernel.set(sum, binary("add", sum, power));
      });
      kernel.for({ end: i32(45), parallel: true, name: "k" }, (k) => kernel.store(y, [i, k], binary("div", kernel.load(y, [i, k]), sum)));
    });
    const built = kernel.finish();
    const expanded = expandMath.run(built, testContext);
    const result = widened(expanded);
    expect(printKernel(result).match(/step 16/g)).toHaveLength(2);
    expectSame(expanded, result, 4, 1e-6);
    expectSame(built, optimiseKernel(built, testContext).kernel, 4, 1e-6);
  });

  it("the larger of each element and the one before, where NaN does not matter: by no integers", () => {
    const kernel = new KernelBuilder("larger", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [301], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [], access: "out" });
    const largest = kernel.let("largest", constant("f32", -Infinity));
    kernel.for({ end: i32(301), name: "k" }, (k) => {
      const item = kernel.let("item", kernel.load(x, [k]));
      kernel.set(largest, largerOf(largest, item));
    });
    kernel.store(y, [], largest);
    const built = kernel.finish();
    const result = widened(built);
    expect(printKernel(result)).toMatch(/step 16/);
    expect(printKernel(result)).not.toMatch(/bitcast/);
    expectSame(built, result, 4, 0);
  });

  it("a sum with a store beside it: two vectors at a time, so that no store lies between their loads", () => {
    const kernel = new KernelBuilder("storing", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [75], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [75], access: "out" });
    const total = kernel.buffer({ name: "total", dtype: "f32", shape: [], access: "out" });
    const sum = kernel.let("sum", constant("f32", 0));
    kernel.for({ end: i32(75), name: "k" }, (k) => {
      const doubled = kernel.let("doubled", binary("mul", kernel.load(x, [k]), constant("f32", 2)));
      kernel.store(y, [k], doubled);
      kernel.set(sum, binary("add", sum, doubled));
    });
    kernel.store(total, [], sum);
    const built = kernel.finish();
    const result = widened(built);
    const loop = result.body.find((statement) => statement.kind === "for" && statement.step === 16);
    const kinds = loop?.kind === "for" ? loop.body.map(({ kind }) => kind) : [];
    expect(kinds).toEqual(["set", "set", "store", "store", "set", "set", "set", "set", "store", "store", "set", "set"]);
    expectSame(built, result, 3, 1e-5);
  });

  it("u8 pixels to f32: loads narrower than the lanes they are cast to", () => {
    const kernel = new KernelBuilder("pixels", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "u8", shape: [30], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [30], access: "out" });
    kernel.for({ end: i32(30) }, (i) => kernel.store(y, [i], binary("mul", cast("f32", kernel.load(x, [i])), f32(1 / 255))));
    const built = kernel.finish();
    const result = widened(built);
    expect(printKernel(result)).toContain("step 4");
    expectSame(built, result, 1);
  });

  it("argmax stays right, widened or not", () => {
    const kernel = new KernelBuilder("argmax", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [33], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "i32", shape: [], access: "out" });
    const best = kernel.let("best", f32(-Infinity));
    const at = kernel.let("at", i32(0));
    kernel.for({ end: i32(33) }, (i) => {
      kernel.if(binary("gt", kernel.load(x, [i]), best), () => {
        kernel.set(best, kernel.load(x, [i]));
        kernel.set(at, i);
      });
    });
    kernel.store(y, [], at);
    const built = kernel.finish();
    expectSame(built, optimiseKernel(built, testContext).kernel, 2);
  });

  it("leaves what moves by another stride, or depends on its neighbours, alone", () => {
    const strided = new KernelBuilder("strided", nowhere);
    const x = strided.buffer({ name: "x", dtype: "f32", shape: [40], access: "inout" });
    strided.for({ end: i32(20) }, (i) => strided.store(x, [binary("mul", i, i32(2))], f32(1)));
    strided.for({ end: i32(39) }, (i) => strided.store(x, [binary("add", i, i32(1))], binary("add", strided.load(x, [i]), f32(1))));
    const built = strided.finish();
    const result = widened(built);
    expect(lanesIn(result).size).toBe(0);
    expect(printKernel(result)).not.toContain("×");
    expectSame(built, result, 1);
  });
});
