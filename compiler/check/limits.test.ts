/** Programs that ask too much end with a diagnostic, soon; large ones are not too large. */
import { describe, expect, test } from "vitest";
import { graphOf, told } from "./testing/check-text.ts";

const program = (body: string, functions = ""): string => `${functions}graph g { in x: f32[4]; out y: f32[4]; program main { ${body} } }`;

describe("limits", () => {
  test.each<readonly [string, string]>([
    ["an endless unrolled loop", program("for i in 0..1000000000000 { }")],
    ["loops in loops", program("for a in 0..100000 { for b in 0..100000 { y = x; } }").replace("y = x;", "")],
    ["a recursion that doubles", program("let a = f(40);", "fn f(n: int) -> int { if n == 0 { return 0; } return f(n - 1) + f(n - 1); }\n")],
    ["a recursion without end", program("let a = f(0);", "fn f(n: int) -> int { return f(n + 1); }\n")],
    ["members without end", "graph g { in x: f32[4]; for i in 0..1000000000000 { } program main { } }"],
    ["placements without end", "graph g { compute set s { for i in 0..1000000000000 { } } program main { } }"],
  ])("%s", (_name, text) => {
    const problems = told(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("limit-exceeded");
  });

  test("recursion through functions with deep expressions does not overflow the stack", () => {
    const deep = `${"(".repeat(100)}f(n + 1)${")".repeat(100)}`;
    expect(told(program("let a = f(0);", `fn f(n: int) -> int { return -${deep.replaceAll("(f", "-(f").replaceAll("((", "(-(")}; }\n`)).join()).toContain("limit-exceeded");
  });

  test("recursion through deep blocks does not overflow the stack", () => {
    const deep = `${"if true { ".repeat(200)}return f(n + 1);${" }".repeat(200)}`;
    expect(told(program("let a = f(0);", `fn f(n: int) -> int { ${deep} return 0; }\n`)).join()).toContain("limit-exceeded");
  });

  test("a range too long for a tuple", () => {
    expect(told(program("let a = (0..1000000000000)[5:7]; y = x;"))).toEqual([]);
    expect(told(program("let a = (0..1000000000000)[::2]; y = x;")).join()).toContain("limit-exceeded");
  });

  test("a long chain of operators", () => {
    const chain = Array.from({ length: 900 }, (_, k) => `x * ${k}`).join(" + ");
    expect(graphOf(program(`y = ${chain};`)).programs[0]!.body.nodes.length).toBeGreaterThan(900);
  });

  test("twenty thousand placements share one vertex", () => {
    const n = 20_000;
    const graph = graphOf(`vertex V { in a: f32; inout b: f32; compute { b += a; } }
      graph g { in x: f32[${n}]; var z: f32[${n}] = 0; for i in 0..${n} { map z[i] on i % tiles; }
        compute set s { for i in 0..${n} { place V { a = x[i], b = z[i] } on tile_of(z[i]); } } program main { execute s; } }`, { tiles: 1472 });
    expect([graph.vertices.length, graph.computeSets[0]!.placements.length, graph.computeSets[0]!.placements[1473]!.tile]).toEqual([1, n, 1]);
  });
});
