/** Broken programs are told, never crash: the nine and others with tokens dropped, doubled, swapped and exchanged. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkText } from "./testing/check-text.ts";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const everything = `const c = 2;
fn f<T: float, ...s, n>(a: T[...s, n], k: int = 3) -> (T[...s, n], T) { if k > 2 { return (a * k, sum(a)); } return (a, 0); }
vertex V<n>(limit: int) { in a: f32[n]; in t: f16; out b: i32[n]; inout z: f32[2, n];
  compute { for i in 0..n { var k: i32 = 0; while k < limit && (i == 0 || a[i - 1] > f32(t)) { k += 1; } b[i] = select(k > 1, k, -1); z[1, i] += a[i] / 2; } }
  cycles = 3 * n; }
graph g(n: int = 4, deep: bool = true) {
  in x: f32[n]; in h: f16; in k: i32; out y: f32[n]; out q: i32[n]; var z: f32[2, n] = 1; param w.a: f32[n]; stream in s: f32[n]; stream out o: f32;
  let shifted = roll(x, c); const half = n / 2;
  if deep { map z on 1; } else { map z[0] on 0; }
  for i in 0..n { map y[i] on i % tiles; }
  compute set cells { for i in 0..1 { let row = shifted[0:n]; place V(3) { a = row, t = h, b = q, z = z } on tile_of(y[i]); } }
  program other { z[:, ::2] = 0; }
  program main {
    var a = x; let (b, m) = f(next(s), k = 3);
    repeat k { a[1:] -= a[:-1] * 0.5; if m > 0 { a = -b; } else { call other; } }
    while sum(a) > 1 && k != 3 { a /= 2; }
    switch k { 0 => { y = a; } default => { y = w.a[k] + b[half:].tile(2); } }
    execute cells; send(o, max(a)); print("a", a, 3); assert(all(a == a), "no NaN");
    let d = grad(sum(a * w.a), (w.a, a)); y += d[0] @ z[0] * (deep ? 1 : 2);
    for (i) in (0, 1) { y[i] = i; }
  }
}
`.replace("for (i) in", "for i in");

const sources = [everything, everything, read("testing/cnn.gph"), read("testing/train.gph"), ...["encoder", "life", "mandelbrot", "matvec", "mlp", "solve"].map((name) => read(`../../examples/${name}/${name}.gph`).replace("m: int = 1000", "m: int = 20").replace("height: int = 256", "height: int = 9"))];
const tokens = sources.map((source) => source.match(/\/\/.*|"[^"]*"|[A-Za-z_][\w.]*|\d[\w.]*|[-+*/%@&|^<>=!]+|\s+|./g)!);

test("the text of all forms checks", () => {
  expect(checkText(everything).diagnostics).toEqual([]);
});

test("mutations", () => {
  const mutation = fc.record({ kind: fc.constantFrom("drop", "double", "swap", "exchange", "exchange", "exchange"), at: fc.nat(100_000), other: fc.nat(100_000) });
  fc.assert(fc.property(fc.nat(sources.length - 1), fc.array(mutation, { minLength: 1, maxLength: 3 }), (which, mutations) => {
    const list = [...tokens[which]!];
    const words = list.flatMap((token, k) => (/^\s|^\/\//.test(token) ? [] : [k]));
    for (const { kind, at, other } of mutations) {
      const [a, b] = [words[at % words.length]!, words[other % words.length]!];
      if (kind === "drop") list[a] = "";
      else if (kind === "double") list[a] = `${list[a]} ${list[a]}`;
      else if (kind === "swap") [list[a], list[b]] = [list[b]!, list[a]!];
      else list[a] = list[b]!;
    }
    const { graph, diagnostics } = checkText(list.join(""), { tiles: 3 });
    // Either a graph (which checkText has verified) or a reason.
    expect(graph !== undefined || diagnostics.some((one) => one.severity === "error")).toBe(true);
  }), { numRuns: 200 });
});
