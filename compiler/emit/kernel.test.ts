/** Emitted kernels do, bit for bit, what the kernel interpreter says; bits of NaN aside. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DType } from "../../runtime/dtype.ts";
import { convert, get, tensor, zeros, type Tensor } from "../graph/tensor.ts";
import { binary, cast, constant, i32, KernelBuilder, lane, largerOf, pack, reduce, select, splat } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import type { Expression, Kernel } from "../kernel/kernel.ts";
import { nowhere } from "../support/span.ts";
import { makeKernel } from "./testing/arbitrary-kernels.ts";
import { buildModule, copyTensor, instantiate, runBuilt } from "./testing/kernel-module.ts";

function expectSame(actual: readonly Tensor[], expected: readonly Tensor[]): void {
  const valuesOf = (one: Tensor): (number | bigint)[] => Array.from({ length: one.data.length }, (_, at) => get(one, at));
  actual.forEach((one, at) => expect({ buffer: at, values: valuesOf(one) }).toEqual({ buffer: at, values: valuesOf(expected[at]!) }));
}

async function check(kernel: Kernel, buffers: readonly Tensor[], offsets: readonly number[] = []): Promise<Tensor[]> {
  const expected = buffers.map(copyTensor);
  runKernel(kernel, expected, { offsets: buffers.map((_, at) => offsets[at] ?? 0) });
  const actual = buffers.map(copyTensor);
  runBuilt(instantiate(await buildModule([kernel])), 0, kernel, actual, offsets);
  expectSame(actual, expected);
  return actual;
}

type Build = (builder: KernelBuilder) => void;

function build(fill: Build): Kernel {
  const builder = new KernelBuilder("test", nowhere);
  fill(builder);
  return builder.finish();
}

const plus = (expression: Expression, value: number): Expression => binary("add", expression, i32(value));
const wide = (load: Expression, lanes: number): Expression => ({ ...load, lanes });
const ramp = (dtype: DType, length: number, scale = 1): Tensor => tensor(dtype, [length], Array.from({ length }, (_, at) => scale * ((at * 37) % 101) - (dtype.startsWith("u") ? 0 : 20)));

const empty = (dtype: DType, length: number): Tensor => zeros({ dtype, shape: [length] });

describe("random kernels", () => {
  it("do what the interpreter says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (choose) => {
        const { kernel, buffers, offsets } = makeKernel(choose);
        await check(kernel, buffers, offsets);
      }),
      { numRuns: 400 },
    );
  });
});

describe("kernels people write", () => {
  it("goes over as many whole runs as a number says, which may be none, forwards and backwards, its index read or not", async () => {
    const kernel = build((b) => {
      const counts = b.buffer({ name: "counts", dtype: "i32", shape: [5], access: "in" });
      const x = b.buffer({ name: "x", dtype: "f32", shape: [24], access: "in" });
      const y = b.buffer({ name: "y", dtype: "f32", shape: [5, 24], access: "inout" });
      const z = b.buffer({ name: "z", dtype: "f32", shape: [5, 24], strides: [24, -1], access: "inout" });
      const w = b.buffer({ name: "w", dtype: "i32", shape: [5, 24], access: "inout" });
      b.for({ end: i32(5) }, (row) => {
        const count = b.let("count", b.load(counts, [row]));
        b.for({ end: binary("mul", count, i32(8)), step: 4, parallel: true }, (i) => b.store(y, [row, i], wide(b.load(x, [i]), 4)));
        b.for({ end: binary("mul", i32(6), count), step: 2, parallel: true }, (i) => b.store(z, [row, i], b.load(x, [plus(i, 1)])));
        b.for({ end: binary("mul", count, i32(8)), step: 4, parallel: true }, (i) => b.store(w, [row, i], plus(i, 3)));
      });
    });
    await check(kernel, [tensor("i32", [5], [3, 0, -2, 1, 2]), ramp("f32", 24), ...(["f32", "f32", "i32"] as const).map((dtype) => empty(dtype, 120))], [0, 0, 0, 23]);
  });

  it.each([["f32", 4], ["f64", 2], ["i32", 4], ["u8", 16], ["i64", 2], ["f16", 4]] as const)("chooses %s or zeros, of either sign", async (dtype, lanes) => {
    const floats = dtype.startsWith("f");
    const nothing = floats ? [0, -0] : [dtype === "i64" ? 0n : 0];
    const kernel = build((b) => {
      const [x, y] = ["x", "y"].map((name) => b.buffer({ name, dtype, shape: [32], access: "in" })) as [number, number];
      const z = b.buffer({ name: "z", dtype, shape: [2 * nothing.length, 32], access: "out" });
      nothing.forEach((zero, k) => b.for({ end: i32(32), step: lanes }, (i) => {
        const [a, c] = [x, y].map((buffer) => b.let("operand", wide(b.load(buffer, [i]), lanes))) as [Expression, Expression];
        const less = binary("lt", a, c);
        b.store(z, [i32(2 * k), i], select(less, a, constant(dtype, zero, lanes)));
        b.store(z, [i32(2 * k + 1), i], select(less, constant(dtype, zero, lanes), c));
      }));
    });
    const results = await check(kernel, [ramp(dtype, 32), ramp(dtype, 32, 2), empty(dtype, 64 * nothing.length)]);
    expect(new Set(Array.from({ length: 32 }, (_, at) => Object.is(get(results[2]!, at), nothing[0]))).size).toBe(2);
  });

  it("saxpy, four at a time and the rest", async () => {
    const kernel = build((b) => {
      const a = b.buffer({ name: "a", dtype: "f32", shape: [], access: "in" });
      const x = b.buffer({ name: "x", dtype: "f32", shape: [19], access: "in" });
      const y = b.buffer({ name: "y", dtype: "f32", shape: [19], access: "inout" });
      b.for({ end: i32(16), step: 4 }, (i) => b.store(y, [i], binary("add", binary("mul", splat(4, b.load(a, [])), wide(b.load(x, [i]), 4)), wide(b.load(y, [i]), 4))));
      b.for({ start: i32(16), end: i32(19) }, (i) => b.store(y, [i], binary("add", binary("mul", b.load(a, []), b.load(x, [i])), b.load(y, [i]))));
    });
    const [, , y] = await check(kernel, [tensor("f32", [], [0.5]), ramp("f32", 19), ramp("f32", 19, 3)]);
    expect(get(y!, 3)).toBe(0.5 * (3 * 37 % 101 - 20) + 3 * (3 * 37 % 101) - 20);
  });

  it("matrix product with k inside vectors of j", async () => {
    const [m, n, k] = [3, 8, 5];
    const kernel = build((b) => {
      const x = b.buffer({ name: "x", dtype: "f32", shape: [m, k], access: "in" });
      const w = b.buffer({ name: "w", dtype: "f32", shape: [k, n], access: "in" });
      const y = b.buffer({ name: "y", dtype: "f32", shape: [m, n], access: "out" });
      b.for({ end: i32(m), parallel: true }, (i) => b.for({ end: i32(n), step: 4, parallel: true }, (j) => {
        const sum = b.local("sum", "f32", 4);
        b.set(sum, constant("f32", 0, 4));
        b.for({ end: i32(k) }, (l) => b.set(sum, binary("add", sum, binary("mul", splat(4, b.load(x, [i, l])), wide(b.load(w, [l, j]), 4)))));
        b.store(y, [i, j], sum);
      }));
    });
    const x = ramp("f32", m * k);
    const w = ramp("f32", k * n);
    const [, , y] = await check(kernel, [x, w, zeros({ dtype: "f32", shape: [m, n] })]);
    const expected = Array.from({ length: m * n }, (_, at) => Array.from({ length: k }, (_, l) => Number(get(x, Math.floor(at / n) * k + l)) * Number(get(w, l * n + (at % n)))).reduce((a, c) => a + c));
    expect([...y!.data]).toEqual(expected);
  });

  it("a reduction: vector accumulators, then their lanes, then the rest", async () => {
    const kernel = build((b) => {
      const x = b.buffer({ name: "x", dtype: "i32", shape: [23], access: "in" });
      const y = b.buffer({ name: "y", dtype: "i32", shape: [], access: "out" });
      const sums = b.let("sums", constant("i32", 0, 4));
      b.for({ end: i32(20), step: 4 }, (i) => b.set(sums, binary("add", sums, wide(b.load(x, [i]), 4))));
      const sum = b.let("sum", reduce("add", sums));
      b.for({ start: i32(20), end: i32(23) }, (i) => b.set(sum, binary("add", sum, b.load(x, [i]))));
      b.store(y, [], sum);
    });
    const x = ramp("i32", 23);
    const [, y] = await check(kernel, [x, zeros({ dtype: "i32", shape: [] })]);
    expect(get(y!, 0)).toBe([...x.data].reduce<number>((a, c) => a + Number(c), 0));
  });

  it.each(["u8", "i8", "u16", "i16", "f16", "bf16"] as const)("%s read as f32, four at a time", async (dtype) => {
    const kernel = build((b) => {
      const x = b.buffer({ name: "x", dtype, shape: [12], access: "in" });
      const y = b.buffer({ name: "y", dtype: "f32", shape: [12], access: "out" });
      b.for({ end: i32(12), step: 4 }, (i) => b.store(y, [i], binary("div", cast("f32", wide(b.load(x, [i]), 4)), constant("f32", 255, 4))));
    });
    await check(kernel, [ramp(dtype, 12), zeros({ dtype: "f32", shape: [12] })]);
  });
});

describe("extremes of floats and constants", () => {
  const special = [0, -0, NaN, Infinity, -Infinity, 1, -1, 1e-45];
  for (const op of ["min", "max"] as const) {
    it.each(["f32", "f64", "bf16"] as const)(`${op} of %s`, async (dtype) => {
      const limits = [...special, 1e-60];
      const kernel = build((b) => {
        const x = b.buffer({ name: "x", dtype, shape: [special.length], access: "in" });
        const y = b.buffer({ name: "y", dtype, shape: [2 * limits.length, special.length], access: "out" });
        const lanes = dtype === "f64" ? 2 : 4;
        const compute = dtype === "bf16" ? "f32" : dtype;
        limits.forEach((limit, row) => b.for({ end: i32(special.length), step: lanes }, (i) => {
          const sides = [cast(compute, wide(b.load(x, [i]), lanes)), constant(compute, compute === "f32" ? Math.fround(limit) : limit, lanes)] as const;
          b.store(y, [i32(2 * row), i], cast(dtype, binary(op, sides[0], sides[1])));
          b.store(y, [i32(2 * row + 1), i], cast(dtype, binary(op, sides[1], sides[0])));
        }));
      });
      const [, y] = await check(kernel, [tensor(dtype, [special.length], special), zeros({ dtype, shape: [2 * limits.length, special.length] })]);
      expect(get(y!, special.length * 2 * special.indexOf(1))).toBe(op === "min" ? 0 : 1);
    });
  }
});

describe("vector shifts", () => {
  it("by a splat that was hoisted into a local", async () => {
    const kernel = build((b) => {
      const n = b.buffer({ name: "n", dtype: "i16", shape: [], access: "in" });
      const y = b.buffer({ name: "y", dtype: "i16", shape: [16], access: "inout" });
      const amount = b.let("amount", splat(8, b.load(n, [])));
      b.for({ end: i32(16), step: 8 }, (i) => b.store(y, [i], binary("shr", wide(b.load(y, [i]), 8), amount)));
    });
    const [, y] = await check(kernel, [tensor("i16", [], [19]), ramp("i16", 16)]);
    expect(get(y!, 1)).toBe((37 - 20) >> 3);
  });
});

describe("integer division", () => {
  const divide = (dtype: DType): Kernel => build((b) => {
    const [x, y, z] = ["x", "y", "z"].map((name) => b.buffer({ name, dtype, shape: [], access: "inout" }));
    b.store(z!, [], binary("div", b.load(x!, []), b.load(y!, [])));
  });

  it.each([["i8", -128], ["i16", -32768], ["i32", -2147483648], ["i64", -(2n ** 63n)]] as const)("of the smallest %s by −1 wraps", async (dtype, smallest) => {
    const [, , z] = await check(divide(dtype), [tensor(dtype, [], [smallest]), tensor(dtype, [], [-1]), zeros({ dtype, shape: [] })]);
    expect(get(z!, 0)).toBe(smallest);
  });

  it.each(["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"] as const)("of %s by zero traps", async (dtype) => {
    const kernel = divide(dtype);
    const runner = instantiate(await buildModule([kernel]));
    const buffers = [tensor(dtype, [], [1]), tensor(dtype, [], [0]), zeros({ dtype, shape: [] })];
    expect(() => runBuilt(runner, 0, kernel, buffers)).toThrow(WebAssembly.RuntimeError);
  });
});

describe("16-bit floats", () => {
  const converter = (from: DType, to: DType, count: number, lanes: number): Kernel => build((b) => {
    const x = b.buffer({ name: "x", dtype: from, shape: [count], access: "in" });
    const y = b.buffer({ name: "y", dtype: to, shape: [count], access: "out" });
    b.for({ end: i32(count), step: lanes }, (i) => b.store(y, [i], cast(to, wide(b.load(x, [i]), lanes))));
  });
  const convertAll = async (from: Tensor, to: DType, lanes: number): Promise<Tensor> => {
    const kernel = converter(from.type.dtype, to, from.data.length, lanes);
    const buffers = [from, zeros({ dtype: to, shape: from.type.shape })];
    runBuilt(instantiate(await buildModule([kernel], { pages: 64 })), 0, kernel, buffers);
    return buffers[1]!;
  };
  const every16Bits = new Uint16Array(65_536).map((_, at) => at);
  const halves: { readonly [dtype: string]: Tensor } = {
    f16: { type: { dtype: "f16", shape: [65_536] }, data: new Float16Array(every16Bits.buffer) },
    bf16: { type: { dtype: "bf16", shape: [65_536] }, data: every16Bits },
  };
  /** Floats around every half and every middle of two halves, and f32 of every exponent. */
  const hardFloats = (dtype: "f16" | "bf16"): number[] => {
    const list: number[] = [];
    for (let bits = 0; bits < 65_535; bits++) {
      const here = Number(get(halves[dtype]!, bits));
      const middle = Math.fround((here + Number(get(halves[dtype]!, bits + 1))) / 2);
      for (const value of [here, middle]) list.push(value, Math.fround(value * (1 + 2 ** -23)), Math.fround(value * (1 - 2 ** -23)));
    }
    list.push(0, -0, 65519.996, 65520, 1e30, 3.4e38, -3.4e38, Infinity, -Infinity, NaN, 2 ** -149, 2 ** -25, 2 ** -24);
    while (list.length % 4 !== 0) list.push(1);
    return list;
  };

  for (const dtype of ["f16", "bf16"] as const) {
    for (const lanes of [1, 2, 4]) {
      it(`${dtype}×${lanes}: every value is read as JavaScript reads it`, async () => {
        const read = await convertAll(halves[dtype]!, "f32", lanes);
        const wrong = every16Bits.filter((bits) => !Object.is(get(read, bits), get(halves[dtype]!, bits)));
        expect([...wrong]).toEqual([]);
      });

      it(`${dtype}×${lanes}: f32 is rounded to nearest even`, async () => {
        const values = hardFloats(dtype);
        const written = await convertAll(tensor("f32", [values.length], values), dtype, lanes);
        const wrong = values.filter((value, at) => !Object.is(get(written, at), convert(dtype, value)));
        expect(wrong).toEqual([]);
      });
    }
  }

  it("f64 is rounded to f16 once", async () => {
    // Just above the middle of two halves, by less than f32 can tell.
    const values = [1 + 2 ** -11 + 2 ** -40, 1 + 2 ** -11 - 2 ** -40, 1 + 3 * 2 ** -11 - 2 ** -40, 65520 - 2 ** -30, 2 ** -25 + 2 ** -60, -1 - 2 ** -11 - 2 ** -40, 1e300, -1e300, NaN, 2048.5];
    const written = await convertAll(tensor("f64", [values.length], values), "f16", 1);
    expect(values.map((_, at) => get(written, at))).toEqual(values.map(Math.f16round));
  });

  it("are rounded where cast, not where computed", async () => {
    const kernel = build((b) => {
      const [x, y] = ["x", "y"].map((name) => b.buffer({ name, dtype: "f16", shape: [4], access: "inout" }));
      const z = b.buffer({ name: "z", dtype: "f32", shape: [4], access: "out" });
      for (const lanes of [1, 4]) {
        const sum = b.let("sum", binary("mul", wide(b.load(x!, [i32(0)]), lanes), wide(b.load(x!, [i32(0)]), lanes)));
        b.store(y!, [i32(0)], binary("mul", sum, wide(b.load(x!, [i32(0)]), lanes)));
        b.store(z, [i32(0)], cast("f32", sum));
      }
    });
    const [, y, z] = await check(kernel, [tensor("f16", [4], [1.0009765625, 3.1, -0.3, 1000]), zeros({ dtype: "f16", shape: [4] }), zeros({ dtype: "f32", shape: [4] })]);
    const x = Math.f16round(3.1);
    expect(get(y!, 1)).toBe(Math.f16round(Math.fround(Math.fround(x * x) * x)));
    expect(get(z!, 1)).toBe(Math.f16round(Math.fround(x * x)));
  });
});

describe("loops", () => {
  it("near the largest i32 end", async () => {
    const kernel = build((b) => {
      const y = b.buffer({ name: "y", dtype: "i32", shape: [], access: "inout" });
      const end = b.let("end", i32(2_147_483_647));
      const literal = { start: i32(2_147_483_640), end: i32(2_147_483_647), step: 5 };
      b.for(literal, (i) => b.store(y, [], binary("xor", b.load(y, []), i)));
      b.for({ ...literal, end }, (i) => b.store(y, [], binary("add", b.load(y, []), i)));
    });
    await check(kernel, [zeros({ dtype: "i32", shape: [] })]);
  });

  it("keep values that change between their iterations", async () => {
    const kernel = build((b) => {
      const y = b.buffer({ name: "y", dtype: "i32", shape: [40], access: "out" });
      const moving = b.let("moving", i32(1));
      const late = b.local("late", "i32");
      const before = b.let("before", moving);
      b.for({ end: i32(4) }, (i) => {
        const row = b.let("row", binary("add", binary("mul", i, i32(3)), moving));
        b.for({ end: i32(3) }, (j) => {
          b.store(y, [binary("add", row, j)], binary("mul", moving, binary("add", moving, i32(100))));
          b.if(binary("eq", j, i32(1)), () => b.set(moving, plus(moving, 1)));
        });
        b.set(late, i);
      });
      b.set(moving, i32(30));
      b.store(y, [plus(before, 30)], i32(-1));
      b.store(y, [plus(late, 32)], i32(-2));
    });
    const [y] = await check(kernel, [zeros({ dtype: "i32", shape: [40] })]);
    expect([get(y!, 31), get(y!, 35)]).toEqual([-1, -2]);
  });

  it("guarded accesses far below others do not take their pointer below zero", async () => {
    const kernel = build((b) => {
      const x = b.buffer({ name: "x", dtype: "i32", shape: [2000], access: "in" });
      const y = b.buffer({ name: "y", dtype: "i32", shape: [2000], access: "out" });
      b.for({ end: i32(2000) }, (i) => {
        b.store(y, [i], b.load(x, [i]));
        b.if(binary("ge", i, i32(1000)), () => b.store(y, [i], binary("sub", b.load(x, [i]), b.load(x, [plus(i, -1000)]))));
      });
    });
    await check(kernel, [ramp("i32", 2000), zeros({ dtype: "i32", shape: [2000] })]);
  });
});

describe("vectors in loops", () => {
  it("are forgotten after a round unless the next one or what follows needs them", async () => {
    const kernel = build((b) => {
      const x = b.buffer({ name: "x", dtype: "f32", shape: [16], access: "in" });
      const y = b.buffer({ name: "y", dtype: "f32", shape: [24], access: "out" });
      const sum = b.let("sum", constant("f32", 0, 4));
      const last = b.let("last", constant("f32", 0, 4));
      b.for({ end: i32(16), step: 4 }, (i) => {
        const value = b.let("value", wide(b.load(x, [i]), 4));
        b.set(sum, binary("add", sum, binary("mul", value, value)));
        b.set(last, value);
        b.store(y, [i], value);
      });
      b.store(y, [i32(16)], sum);
      b.store(y, [i32(20)], last);
    });
    await check(kernel, [ramp("f32", 16), zeros({ dtype: "f32", shape: [24] })]);
    // Of the three vectors that the loop sets, one.
    const [, loop] = (await buildModule([kernel])).text.split("(loop");
    expect(loop!.match(/v128\.const i32x4 0x00000000 0x00000000 0x00000000 0x00000000/g)).toHaveLength(1);
  });
});

describe("fused multiplication and addition", () => {
  const kernel = (dtype: "f32" | "f64", lanes: number): Kernel => build((b) => {
    const [x, y, z] = ["x", "y", "z"].map((name) => b.buffer({ name, dtype, shape: [4 * lanes], access: "inout" }));
    const load = (id: number, at: Expression): Expression => wide(b.load(id, [at]), lanes);
    const sum = b.let("sum", constant(dtype, 1, lanes));
    const rest = b.let("rest", constant(dtype, 1, lanes));
    b.for({ end: i32(4 * lanes), step: lanes }, (i) => {
      b.set(sum, binary("add", sum, binary("mul", load(x!, i), load(y!, i))));
      b.set(rest, binary("sub", rest, binary("mul", load(x!, i), load(y!, i))));
      b.store(z!, [i], binary("add", load(x!, i), binary("mul", load(x!, i), load(y!, i))));
    });
    b.store(x!, [i32(0)], sum);
    b.store(y!, [i32(0)], rest);
  });

  it.each([["f32", 4], ["f64", 2]] as const)("are one instruction in sums of products of %s when asked for, and nowhere else", async (dtype, lanes) => {
    const fused = await buildModule([kernel(dtype, lanes)], { fusedMultiplyAdd: true });
    expect(fused.text.match(/relaxed_madd/g)).toHaveLength(1);
    expect(fused.text.match(/relaxed_nmadd/g)).toHaveLength(1);
    expect((await buildModule([kernel(dtype, lanes)])).text).not.toMatch(/relaxed/);
    // Small integers: exact whether rounded once or twice.
    const buffers = [ramp(dtype, 4 * lanes), ramp(dtype, 4 * lanes, 2), zeros({ dtype, shape: [4 * lanes] })];
    const expected = buffers.map(copyTensor);
    runKernel(kernel(dtype, lanes), expected);
    runBuilt(instantiate(fused), 0, kernel(dtype, lanes), buffers);
    expectSame(buffers, expected);
  });
});

describe("a vector select", () => {
  const cases = [["f32", 4], ["f64", 2], ["i8", 16], ["i8", 4], ["u16", 8], ["i64", 2], ["f16", 4], ["bool", 16]] as const;

  it.each(cases)("of %s is one relaxed instruction where these are allowed, with the same bits", async (dtype, lanes) => {
    const kernel = build((b) => {
      const [x, y, z] = ["x", "y", "z"].map((name) => b.buffer({ name, dtype, shape: [4 * lanes], access: "inout" }));
      b.for({ end: i32(4 * lanes), step: lanes }, (i) => {
        const [first, second] = [x!, y!].map((id) => wide(b.load(id, [i]), lanes)) as [Expression, Expression];
        const limit = constant(dtype, dtype === "bool" ? 1 : dtype === "i64" ? 25n : 25, lanes);
        b.store(z!, [i], select(binary("lt", first, limit), second, first));
      });
    });
    const relaxed = await buildModule([kernel], { fusedMultiplyAdd: true });
    expect(relaxed.text).toMatch(/i8x16\.relaxed_laneselect/);
    expect(relaxed.text).not.toMatch(/bitselect/);
    const buffers = [ramp(dtype, 4 * lanes), ramp(dtype, 4 * lanes, 2), zeros({ dtype, shape: [4 * lanes] })];
    const expected = buffers.map(copyTensor);
    runKernel(kernel, expected);
    runBuilt(instantiate(relaxed), 0, kernel, buffers);
    expectSame(buffers, expected);
  });
});

describe("the larger of two vectors of floats", () => {
  it.each([["f32", 4], ["f64", 2]] as const)("of %s is one instruction where NaN does not matter, which keeps the first of unordered ones", async (dtype, lanes) => {
    const kernel = build((b) => {
      const [x, y, z] = ["x", "y", "z"].map((name) => b.buffer({ name, dtype, shape: [4 * lanes], access: "inout" }));
      b.for({ end: i32(4 * lanes), step: lanes }, (i) => {
        const [first, second] = [x!, y!].map((id) => b.let("value", wide(b.load(id, [i]), lanes))) as [Expression, Expression];
        b.store(z!, [i], largerOf(first, second));
      });
    });
    const built = await buildModule([kernel]);
    expect(built.text).toMatch(/pmax/);
    expect(built.text).not.toMatch(/select|x\d\.lt/);
    const special = [1, NaN, 2, -0, 0, -Infinity, NaN, 3];
    const filled = (turn: number): Tensor => tensor(dtype, [4 * lanes], Array.from({ length: 4 * lanes }, (_, at) => special[(at * turn + turn) % special.length]!));
    const buffers = [filled(1), filled(3), zeros({ dtype, shape: [4 * lanes] })];
    const expected = buffers.map(copyTensor);
    runKernel(kernel, expected);
    runBuilt(instantiate(built), 0, kernel, buffers);
    expectSame(buffers, expected);
  });
});

describe("a pack of lanes", () => {
  it("of one or two vectors of words moves each at once", async () => {
    const kernel = build((b) => {
      const [x, y] = ["x", "y"].map((name) => b.buffer({ name, dtype: "f32", shape: [12], access: "inout" }));
      const [first, second, third] = [0, 4, 8].map((at) => b.let("part", wide(b.load(x!, [i32(at)]), 4))) as [Expression, Expression, Expression];
      b.store(y!, [i32(0)], pack([lane(0, first), lane(0, second), lane(1, first), lane(1, second)]));
      b.store(y!, [i32(4)], pack([3, 3, 1, 2].map((at) => lane(at, third))));
      b.store(y!, [i32(8)], pack([lane(3, second), lane(0, first), lane(1, third), lane(2, second)]));
    });
    await check(kernel, [ramp("f32", 12), zeros({ dtype: "f32", shape: [12] })]);
    // Two words of two vectors, and one alone; of three vectors one by one.
    expect((await buildModule([kernel])).text.match(/i8x16\.swizzle/g)).toHaveLength(3);
  });
});
