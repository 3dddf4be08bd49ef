/** Times of passes: the sums, by a clock of the test's own, and that every pass of a compilation is there. */
import { mkdtempSync, rmSync, existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, passNames } from "../compile.ts";
import { kernelPasses } from "../kernel/passes/index.ts";
import { watched } from "../support/watch.ts";
import { PassTimes, type PassTime } from "./pass-times.ts";
import { gph } from "./testing/gph.ts";

const source = 'import { relu } from "std/nn"; graph g { in x: f32[8]; out y: f32[8]; program main { y = relu(x) * 2; } }';

describe("PassTimes", () => {
  let now = 0;
  const wait = (milliseconds: number): void => {
    now += milliseconds;
  };

  test("the time of a part is its own, without what is within it", () => {
    const times = new PassTimes(() => now);
    watched(times, "check", () => {
      wait(1);
      watched(times, "parse", () => wait(10));
      wait(2);
    });
    for (let round = 0; round < 2; round++) {
      watched(times, "optimise", () => {
        wait(100);
        watched(times, "unroll", () => wait(20));
        watched(times, "unroll", () => wait(5), "verify");
      });
      watched(times, "optimise", () => wait(7), "verify");
    }
    expect(times.list()).toEqual([
      { name: "check", times: 1, milliseconds: 3, verifyMilliseconds: 0 },
      { name: "parse", times: 1, milliseconds: 10, verifyMilliseconds: 0 },
      { name: "optimise", times: 2, milliseconds: 200, verifyMilliseconds: 14 },
      { name: "unroll", within: "optimise", times: 2, milliseconds: 40, verifyMilliseconds: 10 },
    ]);
    expect(times.table()).toBe(`
pass      times     ms  verify  share
check         1    3.0            1 %
parse         1   10.0            4 %
optimise      2  200.0    14.0   77 %
  unroll      2   40.0    10.0   18 %
total            253.0    24.0  100 %
`.slice(1));
  });

  test("a part that throws has ended", () => {
    const times = new PassTimes(() => now);
    watched(times, "outer", () => {
      expect(() => watched(times, "inner", () => {
        wait(3);
        throw new RangeError("no");
      })).toThrow("no");
      wait(4);
    });
    expect(times.list().map(({ name, milliseconds }) => [name, milliseconds])).toEqual([["outer", 4], ["inner", 3]]);
  });
});

describe("a compilation that is watched", () => {
  test("tells of every pass, in order, each verified, and gives the same bytes", async () => {
    let ticks = 0;
    const times = new PassTimes(() => ticks++);
    const { executable } = await compile("g.gph", { readFile: () => source, watch: times });
    expect(executable).toEqual((await compile("g.gph", { readFile: () => source })).executable);
    const list = times.list();
    const top = list.filter(({ within }) => within === undefined).map(({ name }) => name);
    expect(top.filter((name) => passNames.some((pass) => pass.name === name))).toEqual(passNames.map(({ name }) => name));
    expect(list.filter(({ within }) => within === "optimise-kernels").map(({ name }) => name)).toEqual(kernelPasses.map(({ name }) => name));
    const verified = ({ name, verifyMilliseconds }: PassTime): boolean => verifyMilliseconds > 0 || ["parse", "check", "choose-chips", "load-binaryen", "encode", "write-executable"].includes(name);
    expect(list.filter((one) => !verified(one))).toEqual([]);
    // Each part ends: nothing is left open for the next compilation.
    await compile("g.gph", { readFile: () => "graph g { wrong }", watch: times });
    expect(times.list().find(({ name }) => name === "parse")!.times).toBeGreaterThan(1);
    expect(times.list().filter(({ within }) => within === "parse")).toEqual([]);
  });
});

describe("gph compile --time-passes", () => {
  const folder = mkdtempSync(join(tmpdir(), "gph-times-"));
  const before = process.cwd();
  beforeAll(() => {
    process.chdir(folder);
    writeFileSync("g.gph", source);
  });
  afterAll(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  test("shows a table and needs no place to write", async () => {
    const { code, out, err } = await gph("compile g.gph --time-passes");
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^not written: graph g for wasm /) });
    expect(err).toMatch(/^pass +times +ms +verify +share\nparse [^]*\n {2}vectorise [^]*\ntotal .* 100 %\n$/);
  });

  test("writes where it is told to, and as JSON", async () => {
    const { out, err } = await gph("compile g.gph --time-passes --json -o g.wasm");
    expect(err).toBe("");
    expect(existsSync("g.wasm")).toBe(true);
    const { passes } = JSON.parse(out) as { passes: PassTime[] };
    expect(passes.map(({ name }) => name)).toContain("fuse");
    expect(passes.find(({ name }) => name === "vectorise")).toMatchObject({ within: "optimise-kernels", milliseconds: expect.any(Number) });
  });
});
