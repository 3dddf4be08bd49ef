/** Calls that no type checker saw: wrong kinds of values everywhere, and runs that would wait for themselves. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../compiler/compile.ts";
import { Engine, GphError } from "../../runtime/index.ts";
import { whyNarrow } from "../../runtime/wide-vectors.ts";

const source = `graph g { in x: f32[4]; out y: f32[4]; stream in a: f32; stream out b: f32; var n: i32 = 0;
  program main { y = x + next(a); send(b, y[0]); print("n", n); n += 1; }
  program plain { y = x * 2; } }`;
const x = { x: new Float32Array(4) };
const wrong: readonly (readonly [string, unknown])[] = [["null", null], ["a number", 5], ["a string", "x"], ["a list", [1]], ["a function", () => 1], ["a symbol", Symbol("s")], ["a bigint", 5n], ["a length without elements", { length: 2 ** 40 }], ["an object without a text", Object.create(null)], ["a text that is no option", "views"]];

let bytes: Uint8Array;
let engine: Engine;
beforeAll(async () => {
  bytes = (await compile("misuse.gph", { readFile: () => source })).executable!;
  engine = await Engine.load(bytes);
});
afterAll(() => engine.close());

/** Whatever is done with it, it ends, and only with an error of ours. */
async function tolerated(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof GphError)) throw error;
  }
}

describe.each(wrong)("%s", (_, value) => {
  const given = value as never;
  test("for loading", async () => {
    await tolerated(() => Engine.load(given));
    for (const options of [given, { workers: given }, { params: given }, { stopTimeout: given }, { wideVectors: given }]) await tolerated(async () => (await Engine.load(bytes, options)).close());
  });

  test("for running", async () => {
    const quiet = { print: () => undefined };
    await tolerated(() => engine.runSync("plain", given));
    await tolerated(() => engine.runSync("plain", { x: given }));
    await tolerated(() => engine.runSync("plain", { x: { dtype: "f32", shape: [4], data: given } }));
    await tolerated(() => engine.runSync("plain", { x: { dtype: "f32", shape: given, data: new Float32Array(4) } }));
    await tolerated(() => engine.runSync("plain", { x: { dtype: given, shape: [4], data: new Float32Array(4) } }));
    await tolerated(() => engine.runSync(given, x));
    await tolerated(() => engine.runSync("plain", x, given));
    for (const streams of [given, { a: given, b: [] }, { a: [1], b: given }, { a: [given], b: [] }]) await tolerated(() => engine.runSync("main", x, { streams, ...quiet }));
    await tolerated(() => engine.runSync("main", x, { streams: { a: [1], b: [] }, print: given }));
    await tolerated(() => engine.run("plain", x, { signal: given }));
    await tolerated(() => engine.read(given));
    await tolerated(() => engine.write("n", given));
    await tolerated(() => engine.write(given, given));
    await tolerated(() => engine.view(given));
    await tolerated(() => engine.runSync("plain", x, { outputs: given }));
    await tolerated(() => engine.runSync("main", x, { streams: { a: [1], b: () => { throw given; } }, ...quiet }));
    // None of it has harmed the engine.
    expect(engine.runSync("plain", { x: new Float32Array(4).fill(3) })["y"]!.data[0]).toBe(6);
  });
});

describe("a callback", () => {
  const streams = (sink: () => unknown) => ({ streams: { a: [1], b: sink as never }, print: () => undefined });

  test("cannot run its engine", async () => {
    await expect(async () => engine.runSync("main", x, streams(() => engine.runSync("plain", x)))).rejects.toThrow("in the middle of a run");
    // The outer run would wait for the callback, the callback for the outer run.
    await expect(engine.run("main", x, streams(async () => engine.run("plain", x)))).rejects.toThrow("in the middle of a run");
    expect(engine.runSync("plain", x)["y"]!.data[0]).toBe(0);
  });

  test("that throws anything ends the run, not the engine", async () => {
    for (const thrown of [null, undefined, "text", new Error("mine")]) {
      await expect(async () => engine.runSync("main", x, streams(() => { throw thrown; }))).rejects.toThrow(GphError);
      await expect(engine.run("main", x, streams(() => { throw thrown; }))).rejects.toThrow(GphError);
    }
    expect((await engine.run("plain", x))["y"]!.data[0]).toBe(0);
  });
});

describe("an engine with a param", () => {
  const weighted = "graph g { param w: f32[16, 24]; in x: f32[20, 16]; out y: f32[20, 24]; program main { y = x @ w; } program other { y = x @ w + 1; } }";
  const ones = { x: new Float32Array(320).fill(1) };
  const filled = (value: number) => new Float32Array(384).fill(value);
  let executable: Uint8Array;
  beforeAll(async () => {
    executable = (await compile("misuse.gph", { readFile: () => weighted })).executable!;
  });

  test("takes its values by type and length, and none while it runs or after it is closed", async () => {
    const one = await Engine.load(executable);
    expect(() => one.runSync("main", ones)).toThrow("has no value");
    await expect(one.run("main", ones)).rejects.toThrow("has no value");
    for (const value of [new Float64Array(384), new Int32Array(384), filled(1).subarray(1)]) expect(() => one.write("w", value)).toThrow(GphError);
    expect(() => one.write("y", filled(1))).toThrow("cannot write");
    one.write("w", filled(1));
    const running = one.run("main", ones);
    for (const touch of [() => one.view("w"), () => one.write("w", filled(2)), () => one.read("w"), () => one.runSync("main", ones)]) expect(touch).toThrow("in the middle of a run");
    expect((await running)["y"]!.data[0]).toBe(16);
    await one.close();
    for (const touch of [() => one.view("w"), () => one.write("w", filled(2)), () => one.read("w"), () => one.runSync("main", ones)]) expect(touch).toThrow("closed");
  });

  test("derives anew whatever way its values change, also beside an engine with other vectors", async () => {
    await using one = await Engine.load(executable, { params: { w: filled(1) }, workers: 2 });
    await using other = await Engine.load(executable, { params: { w: filled(3) }, wideVectors: whyNarrow() === undefined });
    const results = async (engine: Engine): Promise<unknown[]> => [engine.runSync("main", ones)["y"]!.data[7], (await engine.run("other", ones))["y"]!.data[7]];
    expect(await results(one)).toEqual([16, 17]);
    expect(await results(other)).toEqual([48, 49]);
    one.write("w", filled(2));
    expect(await results(one)).toEqual([32, 33]);
    const view = one.view("w");
    for (const value of [4, -1, 0.5]) {
      view.fill(value as never);
      expect(await results(one)).toEqual([16 * value, 16 * value + 1]);
    }
    expect(await results(other)).toEqual([48, 49]);
  });
});
