/** `gph plan`, `gph explain` and `gph run --profile`, on small programs in a folder of their own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gph } from "./testing/gph.ts";

const folder = mkdtempSync(join(tmpdir(), "gph-plan-"));
const before = process.cwd();

const spread = `graph spread(n: int = 1024, steps: int = 4) {
  in  x: f32[n];
  out y: f32[n];
  program main {
    var u = x;
    repeat steps {
      u[1:-1] = u[:-2] + u[2:];
    }
    y = u;
  }
}
`;

const until = `graph until {
  in  n: i32;
  out k: i32;
  program main {
    var i: i32 = 0;
    while i < n { i += 1; }
    k = i;
  }
}
`;

const full = `graph full(n: int = 200_000) {
  in  x: f32[n];
  out y: f32[n];
  map x on 2;
  program main { y = 2 * x; }
}
`;

const again = `@recompute fn layer(x: f32[8], w: f32[8, 8]) -> f32[8] {
  return tanh(w @ tanh(w @ x));
}
graph again {
  in  x: f32[8];
  in  w: f32[8, 8];
  out d: f32[8, 8];
  program main { d = grad(sum(layer(x, w)), w); }
}
`;

beforeAll(() => {
  process.chdir(folder);
  for (const [name, text] of Object.entries({ spread, until, full, again })) writeFileSync(`${name}.gph`, text);
});

afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

describe("plan", () => {
  test("shows supersteps with cycles and lines, and memory with tensors", async () => {
    const { code, out, err } = await gph("plan spread.gph --target ipu-mk2 --tiles 8");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^plan of spread on ipu-mk2 \(8 tiles of 6 threads, 1.33 GHz\)$/m);
    expect(out).toMatch(/^ {2}repeat \d+ .* spread.gph:6 {2}repeat steps \{$/m);
    expect(out).toMatch(/^ {4}exchange, .* \d+ .* spread.gph:7 {2}u\[1:-1\] = /m);
    expect(out).toMatch(/^memory on each tile: [\d,]+ of 638,976 bytes/m);
    expect(out).toMatch(/ x: f32\[1024\] +kept +spread.gph:2 /);
  });

  test("has no cycles where memory is shared", async () => {
    const { out } = await gph("plan spread.gph");
    expect(out).toMatch(/supersteps?, \d+ syncs?$/m);
    expect(out.replace(/^.*line.*$/m, "")).not.toMatch(/cycles|balance/);
  });

  test("--json is the report, with diagnostics", async () => {
    const report = JSON.parse((await gph("plan spread.gph --target ipu-mk2 --tiles 8 --set steps=2 --json")).out) as { [field: string]: unknown };
    expect(report).toMatchObject({ format: 1, kind: "plan", graph: "spread", parameters: { n: 1024, steps: 2 }, modelled: true, diagnostics: [] });
  });

  test("of what does not fit shows the plan and the error, and fails", async () => {
    const { code, out, err } = await gph("plan full.gph --target ipu-mk2 --tiles 4");
    expect(code).toBe(1);
    expect(out).toMatch(/^memory on each tile: no plan fits into 638,976 bytes$/m);
    expect(out).toMatch(/fullest is tile 2: /);
    expect(err).toMatch(/error\[tile-memory-full\]: tile 2 of ipu-mk2 would hold [\d,]+ bytes at once and has 638,976/);
    expect(err).toMatch(/x, f32\[200000\]: 800,000 bytes here/);
    expect(err).toMatch(/help: mapping x over more tiles \(only this one is so full\)/);
  });

  test("of a program whose steps alone do not fit says so, and is not tried again with less room for tensors", async () => {
    writeFileSync("small.json", JSON.stringify({ ...JSON.parse((await gph("targets --json")).out).find(({ name }: { name: string }) => name === "ipu-mk2"), name: "small", tiles: 8, bytesPerTile: 8192 }));
    writeFileSync("steps.gph", "graph steps { in x: f32[64]; out y: f32[64]; program main { var a = x; for i in 0..40 { a = roll(a, 1 + i) * (sum(a) + i); } y = a; } }\n");
    const { code, out, err } = await gph("plan steps.gph --target small.json");
    expect(code).toBe(1);
    const [, bytes, beside] = /tile \d+ of small would hold ([\d,]+) bytes at once and has 8,192 \((.*) tables/.exec(err)!;
    expect(Number(bytes!.replaceAll(",", ""))).toBeGreaterThan(8192);
    expect(beside).toMatch(/code, /);
    expect(err).toMatch(/help: fewer steps or vertices: a `repeat` is in memory once, a `for` as often as it unfolds/);
    expect(out).toMatch(/code of its vertices/);
  });

  test("lets tensors on different tiles share addresses: two that fill a tile each fit", async () => {
    writeFileSync("two.gph", "graph two { in a: f32[120_000]; in b: f32[120_000]; out y: f32; map a on 0; map b on 1; program main { y = sum(a) + sum(b); } }\n");
    const { memory } = JSON.parse((await gph("plan two.gph --target ipu-mk2 --tiles 64 --json")).out) as { memory: { planned: number; fullest: { bytes: number } } };
    expect(memory.fullest.bytes).toBeGreaterThan(480_000);
    expect(memory.planned).toBeLessThan(638_976);
    expect(memory.planned).toBeGreaterThanOrEqual(memory.fullest.bytes);
    const { outputs } = JSON.parse((await gph("run two.gph --target ipu-mk2 --tiles 64 --in a=1 --in b=2 --json")).out) as { outputs: { y: { data: number[] } } };
    expect(outputs.y.data).toEqual([360_000]);
  });

  test("of a program with mistakes tells them", async () => {
    writeFileSync("wrong.gph", "graph g { out y: f32[2]; program main { y = z; } }\n");
    expect(await gph("plan wrong.gph")).toMatchObject({ code: 1, out: "", err: expect.stringContaining("error[unknown-name]") as string });
    expect(await gph("explain wrong.gph")).toMatchObject({ code: 1, out: "", err: expect.stringContaining("error[unknown-name]") as string });
  });
});

describe("explain", () => {
  test("lists each copy with cause, line and what would avoid it", async () => {
    const { code, out } = await gph("explain spread.gph --target ipu-mk2 --tiles 8");
    expect(code).toBe(0);
    expect(out).toMatch(/^ *cycles +bytes +times +what +line$/m);
    expect(out).toMatch(/^ {4}exchange: \w+ reads what is on other tiles/m);
    expect(out).toMatch(/^ {4}host: comes from the host$/m);
    expect(out.match(/^ {4}to avoid it: .+$/gm)?.length).toBe(out.match(/^ {4}(exchange|host|assignment): .+$/gm)?.length);
  });

  test("says what is computed again for gradients, and how much that is", async () => {
    // Of the two tanh the inner one is not kept; the outer one is the result.
    expect((await gph("explain again.gph")).out).toMatch(/^computed again for gradients instead of kept: 32 bytes\nbytes +values +line\n +32 +1 +again\.gph:2 +return tanh/m);
    const { recomputed } = JSON.parse((await gph("explain again.gph --json")).out) as { recomputed: unknown };
    expect(recomputed).toEqual([{ place: { file: "again.gph", line: 2, column: 19, source: "return tanh(w @ tanh(w @ x));" }, tensors: 1, bytes: 32 }]);
  });

  test("--json has the same", async () => {
    const { copies } = JSON.parse((await gph("explain spread.gph --target ipu-mk2 --tiles 8 --set steps=100 --json")).out) as { copies: { kind: string; times: number }[] };
    expect(copies.some(({ kind, times }) => kind === "exchange" && times >= 49)).toBe(true);
  });
});

describe("run --profile", () => {
  test("writes what ran, and shows it after the outputs", async () => {
    const { code, out, err } = await gph("run until.gph --in n=7 --target ipu-mk2 --tiles 2 --profile p.json");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^k +i32 +7$/m);
    expect(out).toMatch(/^profile of until on ipu-mk2 /m);
    const profile = JSON.parse(readFileSync("p.json", "utf8")) as { kind: string; run: unknown; programs: { steps: { kind: string; executions: number; blocks: { label: string; steps: { executions: number }[] }[] }[] }[] };
    expect(profile).toMatchObject({ kind: "profile", run: { program: "main", runs: 1, workers: 1 } });
    const loop = profile.programs[0]!.steps.find(({ kind }) => kind === "while")!;
    expect(loop.blocks.map(({ label, steps }) => [label, steps[0]!.executions])).toEqual([["test", 8], ["body", 7]]);
  });

  test("on shared memory has executions and no cycles; with --json stdout stays one object", async () => {
    const { out } = await gph("run until.gph --in n=3 --profile p.json --json");
    expect(JSON.parse(out)).toMatchObject({ outputs: { k: { data: [3] } } });
    expect(readFileSync("p.json", "utf8")).not.toContain('"balance"');
  });

  test("is for sources", async () => {
    await gph("compile until.gph -o until.wasm");
    expect(await gph("run until.wasm --in n=3 --profile p.json")).toMatchObject({ code: 2, err: expect.stringContaining("--profile is for sources") as string });
  });
});
