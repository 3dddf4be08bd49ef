/** What the builder writes is the source a person would write, means the same, and is refused where that would be. */
import { describe, expect, expectTypeOf, test } from "vitest";
import { Engine } from "../../runtime/engine.ts";
import { compile } from "../compile.ts";
import { target, withTiles } from "../targets/targets.ts";
import { BuildError, bool, core, einsum, f32, f64, graph, i32, nn, random, u8, type GraphBuilder, type Tensor } from "./index.ts";

/** A builder's graph compiled for several tiles, run once with `inputs`. */
async function run(built: GraphBuilder, inputs: { readonly [name: string]: readonly number[] } = {}, program = "main"): Promise<{ readonly [name: string]: readonly number[] }> {
  const { executable, diagnostics } = await built.compile({ target: { ...withTiles(target("wasm"), 3), grain: 1 } });
  expect(diagnostics).toEqual([]);
  await using engine = await Engine.load(executable!);
  const given = Object.fromEntries(Object.entries(inputs).map(([name, values]) => {
    const { dtype, shape } = engine.manifest.states.find((state) => state.name === name)!;
    return [name, { dtype, shape, data: dtype === "i32" ? Int32Array.from(values) : Float32Array.from(values) }];
  }));
  const outputs = engine.runSync(program, given);
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, [...data].map(Number)]));
}

describe("what is written", () => {
  test("a perceptron reads as a person would write it", () => {
    const g = graph("mlp");
    const x = g.input("x", f32(2, 3));
    const w = g.param("layer.w", f32(3, 4));
    const b = g.param("layer.b", f32(4));
    const y = g.output("y", f32(2, 4));
    g.program("main", () => y.set(nn.softmax(nn.relu(x.matmul(w).add(b)).named("hidden"), { axis: -1 })));
    expect(g.toString()).toBe(`import { relu, softmax } from "std/nn";

graph mlp {
  in x: f32[2, 3];
  param layer.w: f32[3, 4];
  param layer.b: f32[4];
  out y: f32[2, 4];
  program main {
    let t0 = x @ layer.w;
    let t1 = t0 + layer.b;
    let t2 = relu(t1);
    let hidden = t2;
    let t3 = softmax(hidden, axis = -1);
    y = t3;
  }
}
`);
  });

  test("printing gives a source that compiles to the same bytes", async () => {
    const g = graph("g");
    const x = g.input("x", f32(5));
    const y = g.output("y", f32(5));
    g.program("main", () => y.set(core.exp(x).mul(2)));
    const text = g.toString();
    const [direct, again] = [await g.compile(), await compile("g.gph", { readFile: () => text })];
    expect(again.executable).toEqual(direct.executable);
  });
});

test("numbers that only a division gives", async () => {
  const g = graph("g");
  const x = g.input("x", f32(2));
  const y = g.output("y", f32(2, 2));
  g.program("main", () => y.set(core.stack([core.select(x.gt(0), x, -Infinity), x.mul(NaN).add(Infinity)])));
  expect(await run(g, { x: [1, -1] })).toEqual({ y: [1, -Infinity, NaN, NaN] });
});

describe("types", () => {
  test("dtypes are known to TypeScript, shapes while building", () => {
    const g = graph("g");
    const x = g.input("x", f32(2, 3));
    const k = g.input("k", i32(2));
    g.program("main", () => {
      const product = x.matmul(core.transpose(x));
      expectTypeOf(product).toEqualTypeOf<Tensor<"f32">>();
      expect([product.dtype, product.shape]).toEqual(["f32", [2, 2]]);
      expectTypeOf(x.lt(0)).toEqualTypeOf<Tensor<"bool">>();
      expectTypeOf(core.argmax(x, { axis: 1 })).toEqualTypeOf<Tensor<"i32">>();
      expectTypeOf(core.select(x.lt(0), x, 0)).toEqualTypeOf<Tensor<"f32">>();
      expectTypeOf(x.cast("f64")).toEqualTypeOf<Tensor<"f64">>();
      expect(core.gather(x, k).shape).toEqual([2, 3]);
      expectTypeOf(einsum("ij,kj->ik", x, x)).toEqualTypeOf<Tensor<"f32">>();
      expect(einsum("ij,kj->i", x, x).shape).toEqual([2]);
      expect(() => einsum("ij,jk->ik", x, x)).toThrow(BuildError);
      // What is in scope everywhere because core.gph has it.
      expectTypeOf(core.top_k(x, 2)).toEqualTypeOf<readonly [Tensor<"f32">, Tensor<"i32">]>();
      expect(core.top_k(x, 2).map(({ shape }) => shape)).toEqual([[x.shape[0], 2], [x.shape[0], 2]]);
      expect(x.at(0, "1:").shape).toEqual([2]);
      expect(core.sum(x, { axis: [0, 1] }).shape).toEqual([]);
      expect(core.zeros([4], { dtype: "f64" }).dtype).toBe("f64");
      // @ts-expect-error: f32 and i32 do not add.
      expect(() => x.add(k)).toThrow(BuildError);
    });
  });
});

describe("what is built runs", () => {
  test("control, variables, parts, effects", async () => {
    const g = graph("g");
    const x = g.input("x", f32(4));
    const y = g.output("y", f32(4));
    const count = g.output("count", i32());
    g.program("main", (p) => {
      const state = p.variable("state", x);
      const rounds = p.variable("rounds", core.zeros([], { dtype: "i32" }));
      p.while(() => core.max(state).lt(100), () => {
        state.set(state.mul(2));
        rounds.set(rounds.add(1));
      });
      p.repeat(2, () => state.part("1:3").add(1));
      p.if(rounds.gt(3), () => state.part(0).set(-1), () => state.part(0).set(-2));
      p.switch(rounds, { 4: () => state.part(3).set(4), 5: () => state.part(3).set(5) });
      y.set(state);
      count.set(rounds);
    });
    expect(await run(g, { x: [1, 2, 3, 4] })).toEqual({ y: [-1, 66, 98, 5], count: [5] });
  });

  test("parts at places that are tensors", async () => {
    const g = graph("g");
    const x = g.input("x", f32(4));
    const y = g.output("y", f32(4));
    const table = g.output("table", f32(3, 2));
    g.program("main", (p) => {
      const k = p.variable("k", core.zeros([], { dtype: "i32" }));
      p.repeat(4, () => {
        y.part(k).set(x.at(k).mul(10));
        p.if(k.lt(2), () => table.part(k.add(1), -1).add(x.at(k)));
        k.set(k.add(1));
      });
      const inside: Tensor<"i32">[] = [];
      p.repeat(1, () => void inside.push(k.sub(1)));
      expect(() => y.part(inside[0]!).set(0)).toThrow(/block that has ended/);
      expect(() => y.part(k).set(x)).toThrow(/^y\[k\] is f32, and x is f32\[4\]$/);
    });
    expect(await run(g, { x: [1, 2, 3, 4] })).toEqual({ y: [10, 20, 30, 40], table: [0, 0, 0, 1, 0, 2] });
  });

  test("a snapshot keeps the value that a variable had", async () => {
    const g = graph("g");
    const y = g.output("y", f32(2));
    g.program("main", (p) => {
      const v = p.variable("v", core.ones([2], { dtype: "f32" }));
      const before = v.snapshot();
      v.set(v.add(10));
      y.set(before.add(v));
    });
    expect(await run(g)).toEqual({ y: [12, 12] });
  });

  test("variables of the graph with computed initial values, several programs, calls", async () => {
    const g = graph("g");
    const w = g.variable("w", f32(3, 2), () => random.glorot_uniform(7, 0, { type: f32(3, 2) }));
    const s = g.variable("s", f32(2), 5);
    const y = g.output("y", f32(2));
    g.program("step", () => s.set(s.add(1)));
    g.program("main", (p) => {
      p.call("step");
      y.set(core.sum(w, { axis: 0 }).mul(0).add(s));
    });
    expect(await run(g)).toEqual({ y: [6, 6] });
  });

  test("vertices: source, mapping, compute sets", async () => {
    const g = graph("g");
    g.source("vertex Scale<n>(by: float) { in a: f32[n]; out b: f32[n]; compute { for i in 0..n { b[i] = by * a[i]; } } }");
    const x = g.input("x", f32(4));
    const y = g.variable("y", f32(4));
    const result = g.output("result", f32(4));
    g.map(y.part("2:"), 1);
    g.computeSet("scale", (set) => {
      set.place("Scale", { a: x.part("0:2"), b: y.part("0:2") }, 0, [2]);
      set.place("Scale", { a: x.part("2:"), b: y.part("2:") }, 1, [3]);
    });
    g.program("main", (p) => {
      p.execute("scale");
      result.set(y);
    });
    expect(await run(g, { x: [1, 2, 3, 4] })).toEqual({ result: [2, 4, 9, 12] });
    expect(() => g.computeSet("scale", () => {})).toThrow("something of g is called scale already");
  });

  test("tuples as arguments of vertices", async () => {
    const g = graph("g");
    g.source("vertex Taps<n>(taps: (...float), pair: (bool, (int,))) { in a: f32[n]; out b: f32[n]; compute { for i in 0..n { b[i] = 0; for tap in taps { b[i] += tap * a[i]; } if pair[0] { b[i] += cast<f32>(pair[1][0]); } } } }");
    const x = g.input("x", f32(2));
    const y = g.output("y", f32(2));
    g.computeSet("taps", (set) => set.place("Taps", { a: x, b: y }, 0, [[1, 0.5], [true, [3]]]));
    g.program("main", (p) => p.execute("taps"));
    expect(g.toString()).toContain("place Taps((1, 0.5), (true, (3,)))");
    expect(await run(g, { x: [1, 2] })).toEqual({ y: [4.5, 6] });
    expect(() => g.computeSet("more", (set) => set.place("Taps", { a: x, b: y }, 0, [[x]]))).toThrow("the arguments of Taps are compile-time: numbers, bools, strings and tuples of these");
  });

  test("functions of its own source and streams", async () => {
    const g = graph("g");
    g.source("fn both<n>(x: f32[n]) -> (f32[n], f32) { return (x * 2, sum(x)); }");
    const input = g.streamIn("items", f32(2));
    const output = g.streamOut("sums", f32());
    const y = g.output("y", f32(2));
    g.program("main", () => {
      const [doubled, total] = g.callTuple("both", ["f32", "f32"], input.next());
      output.send(total);
      y.set(doubled);
    });
    const { executable, diagnostics } = await g.compile();
    expect(diagnostics).toEqual([]);
    await using engine = await Engine.load(executable!);
    const sums: number[] = [];
    const outputs = engine.runSync("main", {}, { streams: { items: [{ dtype: "f32", shape: [2], data: Float32Array.of(3, 4) }], sums: (element) => sums.push(Number(element.data[0])) } });
    expect([[...outputs["y"]!.data], sums]).toEqual([[6, 8], [7]]);
  });
});

test("gradients, limits of loops, what is computed again", async () => {
  const g = graph("g");
  const w = g.input("w", f32(3));
  const n = g.input("n", i32());
  const slope = g.output("slope", f32(3));
  g.program("main", (p) => {
    const value = p.variable("value", w);
    p.repeat(n, () => value.set(value.mul(w)), { limit: 4 });
    const loss = p.recompute(() => core.sum(value.mul(value)));
    const [dw] = p.grad(loss, [w]);
    expectTypeOf(dw).toEqualTypeOf<Tensor<"f32">>();
    slope.set(dw);
  });
  expect(g.toString()).toContain("repeat n limit 4 {");
  expect(g.toString()).toContain("recompute(again_");
  // value = w³, loss = Σ w⁶
  expect(await run(g, { w: [1, 2, -1], n: [2] })).toEqual({ slope: [6, 192, -6] });
  expect(() => g.program("wrong", (p) => p.repeat(3, () => {}, { limit: -1 }))).toThrow("the limit of a loop is a whole number from 0, not -1");
});

describe("mistakes throw where they are made", () => {
  const g = graph("g");
  const x = g.input("x", f32(2, 3));
  const row = g.input("row", f32(3));
  const places = g.input("places", i32(2));
  const flag = g.input("flag", bool());
  const y = g.output("y", f32(2));

  test.each<[string, () => void, string]>([
    ["shapes", () => g.program("a", () => void x.matmul(x)), "inner extents differ, 3 (x) and 2 (x)"],
    ["an axis", () => g.program("b", () => void core.sum(x, { axis: 5 })), "axis 5"],
    ["an unknown option", () => g.program("c", () => void core.sum(x, { axes: 5 } as never)), "axes"],
    ["a shape that does not fit what is assigned", () => g.program("d", () => y.set(x)), "y is f32[2], and x is f32[2, 3]"],
    ["a shape that does not fit, as it is", () => g.program("d2", () => y.set(row)), "y is f32[2], and row is f32[3]"],
    ["a dtype that does not fit what is assigned", () => g.program("d3", () => y.set(places as never)), "y is f32[2], and places is i32[2]"],
    ["a name", () => g.input("not a name", f32()), "is no name"],
    ["a reserved word", () => g.input("while", f32()), "a word of the language"],
    ["a name twice", () => g.input("x", f32()), "something of g is called x already"],
    ["an extent", () => g.input("z", f32(2.5)), "extent 0 of z is 2.5"],
    ["outside of a program", () => void x.add(1), "outside of every program"],
    ["a loss that is no scalar", () => g.program("e", (p) => void p.grad(x, [x])), "a float scalar as the loss"],
    ["a condition", () => g.program("f", (p) => p.if(x as never, () => {})), "a bool scalar"],
    ["a text as an operand", () => g.program("h", () => void x.add("1" as never)), "a tensor, a number or a bool is wanted, not string"],
    ["a dtype that is none", () => g.program("i", () => void x.cast("f99" as never)), "f99"],
    ["source that does not parse", () => g.source("vertex {"), "expected"],
    ["nothing as an argument", () => g.program("j", () => void nn.relu(null as never)), "null"],
  ])("%s", (_, wrong, message) => {
    expect(wrong).toThrow(BuildError);
    expect(wrong).toThrow(message);
  });

  test("a tensor of a block that has ended", () => {
    let inner: Tensor<"f32"> | undefined;
    expect(() => g.program("k", (p) => {
      p.if(flag, () => { inner = x.add(1); });
      y.set(core.sum(inner!, { axis: 1 }));
    })).toThrow("was made in a block that has ended");
  });

  test("a tensor of another graph", () => {
    const other = graph("other");
    const z = other.input("z", f64(2));
    expect(() => g.program("l", () => void z.add(1))).toThrow("z is a tensor of other and is used in g");
  });

  test("images of bytes are cast, not converted", () => {
    const images = graph("images");
    const pixels = images.input("pixels", u8(4));
    images.program("main", () => {
      expect(pixels.cast("f32").div(255).dtype).toBe("f32");
    });
  });
});
