/** What vertex bodies mean: run by the kernel interpreter through compute sets. */
import { describe, expect, test } from "vitest";
import type { DType } from "../../runtime/dtype.ts";
import { Interpreter } from "../graph/interpret.ts";
import { get, tensor, type Tensor } from "../graph/tensor.ts";
import { graphOf } from "./testing/check-text.ts";

const numbers = (value: Tensor): number[] => Array.from({ length: value.data.length }, (_, k) => Number(get(value, k)));

/** A vertex with a: dtype[4] → b: dtype[4], once. */
function body(statements: string, a: readonly number[] = [1, 2, 3, 4], dtype: DType = "f32", items = ""): number[] {
  const text = `${items} vertex V<n>(limit: int = 3, scale: float = 0.5) { in a: ${dtype}[n]; out b: ${dtype}[n]; compute { for i in 0..n { b[i] = 0; } ${statements} } }
    graph g { in x: ${dtype}[4]; out y: ${dtype}[4]; compute set s { place V { a = x, b = y } on 1; } program main { execute s; } }`;
  return numbers(new Interpreter(graphOf(text)).run("main", { x: tensor(dtype, [4], a) })["y"]!);
}

describe("vertex bodies", () => {
  test("loops, locals, branches", () => {
    expect(body("var sum: f32 = 0; for i in 0..n { let twice = 2 * a[i]; if twice > 4 { sum += twice; } else if i == 0 { sum -= 1; } b[i] = sum; }")).toEqual([-1, -1, 5, 13]);
    expect(body("for i in 1..n - 1 { for j in i..n { b[i] += a[j]; } }")).toEqual([0, 9, 7, 0]);
    expect(body("var k: i32 = 0; while k < limit { b[k] = a[n - 1 - k] * scale; k += 1; }")).toEqual([2, 1.5, 1, 0]);
  });

  test("what is known when compiling chooses code", () => {
    expect(body("if n == 4 && limit == 3 { b[n - 1] = n; } else { b[99] = 1; }")).toEqual([0, 0, 0, 4]);
    expect(body("let last = n - 1; b[last] = a[-1] * half;", [1, 2, 3, 4], "f32", "const half = 1 / 2.0;")).toEqual([0, 0, 0, 2]);
  });

  test("&& and || do not evaluate what could trap for nothing", () => {
    expect(body("for i in 0..n { var k: i32 = i; while k < n && a[k] < 4 { k += 1; } b[i] = f32(k); }")).toEqual([3, 3, 3, 3]);
    expect(body("for i in 0..n { if i == 0 || a[i - 1] > 1 { b[i] = 1; } }")).toEqual([1, 0, 1, 1]);
    expect(body("for i in 0..n { if a[i] != 0 && 12 / a[i] > 4 { b[i] = 1; } }", [0, 1, 2, 3], "i32")).toEqual([0, 1, 1, 0]);
    expect(body("var k: i32 = 0; while !(k >= n || a[k] > 2) { b[k] = 7; k += 1; }")).toEqual([7, 7, 0, 0]);
  });

  test("choices evaluate only what they choose when it could trap", () => {
    expect(body("for i in 0..n { b[i] = select(i > 0, a[i - 1], 9); }")).toEqual([9, 1, 2, 3]);
    expect(body("for i in 0..n { b[i] = i > 0 ? a[i - 1] : 9; }")).toEqual([9, 1, 2, 3]);
    expect(body("for i in 0..n { b[i] = select(a[0] > 2, 1, 2) + (a[i] > 2 ? scale : 0); }")).toEqual([2, 2, 2.5, 2.5]);
  });

  test("functions, casts, operators", () => {
    const value = (x: number): number => Math.fround(Math.sqrt(x));
    expect(body("for i in 0..n { b[i] = sqrt(a[i]) + abs(-a[i]) + max(a[i], 2) + min(1, a[i]) + clamp(a[i], 2, 3); }")).toEqual([1, 2, 3, 4].map((x) => Math.fround(Math.fround(Math.fround(Math.fround(value(x) + x) + Math.max(x, 2)) + Math.min(1, x)) + Math.min(3, Math.max(2, x)))));
    expect(body("for i in 0..n { b[i] = f32(i32(a[i] * 1.6) % 3) + f32(7 >> i & 3); }")).toEqual([1 + 3, 0 + 3, 1 + 1, 0 + 0]);
    expect(body("for i in 0..n { b[i] = ~a[i] ^ 5 | 8; }", [1, 2, 3, 4], "i32")).toEqual([1, 2, 3, 4].map((x) => (~x ^ 5) | 8));
    expect(body("for i in 0..n { b[i] = a[i] + 250; }", [1, 2, 3, 10], "u8")).toEqual([251, 252, 253, 4]);
  });

  test("16-bit floats are computed in f32 and rounded where they are stored", () => {
    expect(body("b[0] = a[0] + 1; b[1] = (a[0] + 1) - a[0]; b[2] = f16(a[0] + 1) - a[0];", [2048, 0, 0, 0], "f16")).toEqual([2048, 1, 0, 0]);
    expect(body("for i in 0..n { b[i] = a[i] / 3; }", [1, 2, 3, 4], "bf16").map((value) => value.toFixed(3))).toEqual(["0.334", "0.668", "1.000", "1.336"]);
  });

  test("generics, several dimensions, scalars, inout", () => {
    const text = `vertex Row<m, n>(by: int) { in a: f32[m, n]; in t: f32; inout s: f32[n]; out total: f32;
      compute { var sum: f32 = 0; for j in 0..n { for i in 0..m { s[j] += a[i, j] * t; sum += a[i, j]; } } total = sum + by; } cycles = 5 + 2 * m * n; }
      graph g { in x: f32[2, 3]; in t: f32; var s: f32[3] = 10; out y: f32[3]; out z: f32[2];
        compute set all { place Row(100) { a = x, t = t, s = s, total = z[1] } on 2; } program main { execute all; y = s; } }`;
    const graph = graphOf(text);
    const out = new Interpreter(graph).run("main", { x: tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), t: tensor("f32", [], [2]) });
    expect([numbers(out["y"]!), numbers(out["z"]!)]).toEqual([[20, 24, 28], [0, 121]]);
    expect(graph.vertices[0]!.kernel.cycles).toBe(17);
  });
});

describe("compute sets", () => {
  test("lets name slices, loops and conditions unfold", () => {
    const text = `vertex Scale<n>(by: float) { in a: f32[n]; out b: f32[n]; compute { for i in 0..n { b[i] = a[i] * by; } } }
      graph g { in x: f32[3, 4]; out y: f32[3, 4]; let shifted = roll(x, 1, axis = 0);
        compute set s { for r in 0..3 { let row = shifted[r]; let by = r + 1; if r != 1 { place Scale(by) { a = row[::2], b = y[r, 1::2] } on r % tiles; } } }
        program main { execute s; } }`;
    const x = Array.from({ length: 12 }, (_, k) => k);
    const out = new Interpreter(graphOf(text)).run("main", { x: tensor("f32", [3, 4], x) });
    expect(numbers(out["y"]!)).toEqual([0, 8, 0, 10, 0, 0, 0, 0, 0, 4 * 3, 0, 6 * 3]);
  });

  test("the same set twice, in a loop, on what it wrote", () => {
    const text = `vertex Twice<n> { inout s: f32[n]; compute { for i in 0..n { s[i] *= 2; } } }
      graph g { in x: f32[4]; var z: f32[4]; out y: f32[4]; compute set s { for i in 0..2 { place Twice { s = z[2 * i : 2 * i + 2] } on i; } }
        program main { z = x; repeat 3 { execute s; } execute s; y = z; } }`;
    expect(numbers(new Interpreter(graphOf(text)).run("main", { x: tensor("f32", [4], [1, 2, 3, 4]) })["y"]!)).toEqual([16, 32, 48, 64]);
  });

  test("disjoint stepped slices do not clash", () => {
    const text = `vertex Set<n>(v: int) { out b: f32[n]; compute { for i in 0..n { b[i] = v; } } }
      graph g { out y: f32[10]; compute set s { for i in 0..3 { place Set(i) { b = y[i::3] } on i; } } program main { execute s; } }`;
    expect(numbers(new Interpreter(graphOf(text)).run("main")["y"]!)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
  });

  test("later mappings win, tile_of follows them", () => {
    const text = `vertex Set { out b: f32; compute { b = 1; } }
      graph g { out y: f32[4]; map y on 0; map y[1:3] on 2; map y[2] on 3;
        compute set s { for i in 0..4 { place Set { b = y[i] } on tile_of(y[i]); } } program main { execute s; } }`;
    expect(graphOf(text).computeSets[0]!.placements.map((placement) => placement.tile)).toEqual([0, 2, 3, 0]);
  });
});
