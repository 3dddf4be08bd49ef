/** A kernel that is said to write everything does so; common ways to write everything are recognised. */
import { describe, expect, test } from "vitest";
import { graphOf } from "../check/testing/check-text.ts";
import { get, put, zeros } from "../graph/tensor.ts";
import { writesEveryElement } from "./coverage.ts";
import { runKernel } from "./interpret.ts";
import type { Kernel } from "./kernel.ts";

function kernelOf(body: string): Kernel {
  const text = `vertex V<m, n> { in a: i32[m, n]; out y: i32[m, n]; out s: i32; compute { s = 1; ${body} } }
    graph g { in a: i32[3, 4]; out y: i32[3, 4]; out s: i32; compute set all { place V { a = a, y = y, s = s } on 0; } program main { execute all; } }`;
  return graphOf(text).vertices[0]!.kernel;
}

/** Whether running it overwrites every 77 in y. */
function overwrites(kernel: Kernel): boolean {
  const fields = kernel.buffers.map(({ dtype, shape }) => {
    const tensor = zeros({ dtype, shape });
    for (let flat = 0; flat < tensor.data.length; flat++) put(tensor, flat, 77);
    return tensor;
  });
  runKernel(kernel, fields, { budget: 10_000 });
  return !Array.from({ length: 12 }, (_, flat) => get(fields[1]!, flat)).includes(77);
}

describe("writesEveryElement", () => {
  test.each<readonly [string, boolean]>([
    ["for i in 0..m { for j in 0..n { y[i, j] = i; } }", true],
    ["for j in 0..n { for i in 0..m { y[m - 1 - i, j] = 0; } }", true],
    ["for i in 0..m { y[i, 0] = 1; for j in 1..n { y[i, j] = y[i, j - 1]; } }", true],
    ["for j in 0..n { y[0, j] = 1; y[1, j] = 2; y[2, j] = 3; }", true],
    ["for i in 0..m { for j in 1..n { y[i, j] = 0; } }", false],
    ["for i in 0..m { for j in 0..n { if a[i, j] > 100 { y[i, j] = 0; } } }", false],
    ["for i in 0..m { y[i, i] = 0; }", false],
    ["for i in 0..m { for j in 0..n - i { y[i, j] = 0; } }", false],
    ["for k in 0..0 { for i in 0..m { for j in 0..n { y[i, j] = 0; } } }", false],
    ["var k: i32 = 0; while k < 0 { for i in 0..m { for j in 0..n { y[i, j] = 0; } } k += 1; }", false],
  ])("%s", (body, all) => {
    const kernel = kernelOf(body);
    expect(writesEveryElement(kernel, 1)).toBe(all);
    expect(overwrites(kernel)).toBe(all);
    expect(writesEveryElement(kernel, 2)).toBe(true);
  });

  test("is careful where it cannot see", () => {
    const kernel = kernelOf("for k in 0..12 { y[k / 4, k % 4] = 0; }");
    expect([writesEveryElement(kernel, 1), overwrites(kernel)]).toEqual([false, true]);
  });
});
