/** `gph bench`: what it calls, counts and refuses. How long things take is not tested. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gph } from "./testing/gph.ts";
import { probe } from "./testing/probe.ts";

const folder = mkdtempSync(join(tmpdir(), "gph-bench-"));
const before = process.cwd();
const [m, k, n] = [20, 30, 40];

beforeAll(() => {
  process.chdir(folder);
  writeFileSync("probe.wasm", probe());
  writeFileSync("product.gph", `graph product { in a: f32[${m}, ${k}]; param b: f32[${k}, ${n}]; out y: f32[${m}, ${n}]; program main { y = a @ b; } }`);
  writeFileSync("steps.gph", "graph steps(n: int = 5) { in x: f32[100]; out y: f32[100]; program main { var u = x; repeat n { u = u * 2 + u; } y = u; } }");
  writeFileSync("until.gph", "graph until { in x: f32; out y: f32; program main { var u = x; while u < 1000 { u = 2 * u + 1; } y = u; } }");
  writeFileSync("counted.gph", "graph counted { stream in s: f32; stream out t: f32; var seen: f32 = 0; program main { repeat 3 { seen += next(s); } send(t, seen); assert(seen < 4, \"too many\"); } }");
  writeFileSync("parts.gph", "graph parts { in x: f32[5]; out y: f32[9]; out z: f32[3]; program main { y[2:7] = x; repeat 3 { y[0] = 7; } z += 1; } }");
  writeFileSync("hits.gph", "graph hits { in x: i32[7]; out y: i32[7]; program main { y = 2 * x; } }");
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

interface Report {
  readonly calls: number;
  readonly seconds: { readonly median: number; readonly fastest: number; readonly p90: number };
  readonly operations: number | null;
  readonly bytes: number;
}

async function bench(line: string): Promise<Report> {
  const { code, out, err } = await gph(`bench ${line} --seconds 0.001 --json`);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out) as Report;
}

test.each([
  ["product.gph", 2 * m * k * n],
  ["product.gph --target ipu-mk2 --tiles 3", 2 * m * k * n],
  ["steps.gph", 5 * 2 * 100],
  ["steps.gph --set n=9", 9 * 2 * 100],
  ["until.gph", null],
  ["hits.gph", 0],
  ["probe.wasm", null],
])("gph bench %s counts the operations of a call", async (line, operations) => {
  const report = await bench(line);
  expect(report.operations).toBe(operations);
  expect(report.calls).toBeGreaterThanOrEqual(5);
  expect(report.seconds.fastest).toBeLessThanOrEqual(report.seconds.median);
  expect(report.seconds.median).toBeLessThanOrEqual(report.seconds.p90);
});

test("bytes are those of the states that the program touches", async () => {
  expect((await bench("steps.gph")).bytes).toBe(2 * 100 * 4);
  expect((await bench("hits.gph")).bytes).toBe(2 * 7 * 4);
  // y is written in part and not read, z is read and written.
  expect((await bench("parts.gph")).bytes).toBe((5 + 9 + 2 * 3) * 4);
});

test("given inputs are used, streams begin anew at every call, vars go on", async () => {
  // Each call takes three elements of the stream, of which the second call's sum is too large.
  const { code, err } = await gph("bench counted.gph --seconds 0.001 --in s=1");
  expect(code).toBe(1);
  expect(err).toMatch(/too many/);
  expect((await bench("counted.gph --in s=0")).calls).toBeGreaterThanOrEqual(5);
});

test("shown as text: a line a figure", async () => {
  const { code, out } = await gph("bench product.gph --seconds 0.001");
  expect(code).toBe(0);
  expect(out).toMatch(/^product, program main: wasm with 16 tiles, 1 worker\n {2}median .* calls\n {2}fastest .*\n {2}90 % .*\n {2}speed .*48,000 floating-point operations\n {2}states /);
});

test.each([
  ["bench product.gph --seconds 0", /--seconds takes a number above 0, not `0`/],
  ["bench product.gph --seconds long", /--seconds takes a number above 0, not `long`/],
  ["bench product.gph --out y=y.npy", /gph bench has no option --out/],
])("gph %s is refused", async (line, message) => {
  const { code, err } = await gph(line);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});
