/** Calls that no type checker saw: wrong kinds of values everywhere, and runs that would wait for themselves. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../compiler/compile.ts";
import { Engine, GphError } from "../../runtime/index.ts";

const source = `graph g { in x: f32[4]; out y: f32[4]; stream in a: f32; stream out b: f32; var n: i32 = 0;
  program main { y = x + next(a); send(b, y[0]); print("n", n); n += 1; }
  program plain { y = x * 2; } }`;
const x = { x: new Float32Array(4) };
const wrong: readonly (readonly [string, unknown])[] = [["null", null], ["a number", 5], ["a string", "x"], ["a list", [1]], ["a function", () => 1], ["a symbol", Symbol("s")], ["a bigint", 5n], ["a length without elements", { length: 2 ** 40 }]];

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
    for (const options of [given, { workers: given }, { params: given }, { stopTimeout: given }]) await tolerated(async () => (await Engine.load(bytes, options)).close());
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
