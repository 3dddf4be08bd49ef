/**
 * What nests as deep as the language allows passes through the whole compiler, in a process of its own each time: there the
 * code is cold, and interpreted frames take the most stack.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const command = fileURLToPath(new URL("../../bin/gph.js", import.meta.url));
/** With the braces of a graph and its program. */
const most = 256 - 2;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gph-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const deep = (open: string, inner: string, close: string, n = most): string => open.repeat(n) + inner + close.repeat(n);
const program = (body: string, before = ""): string => `${before}graph g { in x: f32[2]; in c: bool; out y: f32[2]; program main { ${body} } }\n`;
const vertexWith = (value: string): string =>
  `vertex V { in a: f32; out b: f32; compute { ${value} } }
graph g { in x: f32[2]; in c: bool; out y: f32[2]; map x on 0; map y on 0; compute set s { for i in 0..2 { place V { a = x[i], b = y[i] } on 0; } } program main { execute s; } }\n`;

const shapes: readonly (readonly [string, string])[] = [
  ["parentheses", program(`y = ${deep("(", "x", ")")};`)],
  ["prefix operators and parentheses", program(`y = ${deep("-(", "x", ")")};`)],
  ["calls", program(`y = ${deep("abs(", "x", ")")};`)],
  ["methods", program(`y = ${deep("x.max(", "x", ")")};`)],
  ["tuples", program(`let t = ${deep("(", "x", ",)")}; y = x;`)],
  ["indices", program(`const t = (0, 0); y = x + ${deep("t[", "1", "]")};`)],
  ["sums", program(`y = ${deep("x + (", "x", ")")};`)],
  ["conditionals", program(`y = ${deep("true ? ", "x", " : x")};`)],
  ["conditionals in parentheses", program(`y = ${deep("(true ? ", "x", " : x)", most / 2)};`)],
  ["tuple types", program("y = x;", `fn f(t: ${deep("(", "f32", ",)")}) -> f32 { return 1.0; }\n`)],
  ["generic calls", program(`y = ${deep("f(", "x", ")")};`, "fn f<n: int>(x: f32[n]) -> f32[n] { return x; }\n")],
  ["blocks", program(`y = x; ${deep("if c { ", "y = x + 1;", " }")}`)],
  ["blocks after `else`", program(`y = x; ${deep("if c { } else { ", "y = x + 1;", " }")}`)],
  ["loops", program(`y = x; ${deep("repeat 1 { ", "y = y + 1;", " }")}`)],
  ["brackets in blocks", program(`y = x; ${deep("repeat 1 { ", `y = ${deep("abs(", "x", ")", most / 2)};`, " }", most / 2)}`)],
  ["a vertex's expression", vertexWith(`b = ${deep("a + (", "a", ")")};`)],
  ["a vertex's blocks", vertexWith(`b = a; ${deep("if a > 0.0 { ", "b = 1.0;", " }")}`)],
];

function gph(args: readonly string[], input: string): { status: number | null; stdout: string; stderr: string } {
  const path = join(folder, "deep.gph");
  writeFileSync(path, input);
  return spawnSync(process.execPath, [command, ...args.map((arg) => (arg === "FILE" ? path : arg))], { encoding: "utf8", input, maxBuffer: 2 ** 27 });
}

describe("the deepest nesting in a cold process", () => {
  test.each(shapes)("%s run", (_, text) => {
    const { status, stderr } = gph(["run", "FILE", "-i", "x=1", "-i", "c=1"], text);
    expect([stderr, status]).toEqual(["", 0]);
  });

  test.each(shapes.filter((_, i) => i % 4 === 0))("%s are laid out", (_, text) => {
    const { status, stderr } = gph(["fmt", "-"], text);
    expect([stderr, status]).toEqual(["", 0]);
  });

  test.each([
    ["brackets", program(`y = ${deep("f(", "x *", ")")};`), "syntax"],
    ["blocks", program(deep("if c { ", "y = abs(x;", " }", most - 1)), "syntax"],
    ["too many brackets", program(`y = ${deep("(", "x", ")", most + 1)};`), "nesting-too-deep"],
    ["too many blocks", program(deep("if c { ", "y = x;", " }", most + 1)), "nesting-too-deep"],
    // Inlined, these are deeper than the source. Whether the limit on inlining or the stack is first depends on what is compiled.
    ["calls of themselves in brackets", program("y = x + f(0);", `fn f(n: int) -> int { return ${deep("-(", "f(n + 1)", ")", 250)}; }\n`), "limit-exceeded nesting-too-deep"],
    ["calls of themselves in blocks", program("y = x + f(0);", `fn f(n: int) -> int { ${deep("if true { ", "return f(n + 1);", " }", 250)} return 0; }\n`), "limit-exceeded nesting-too-deep"],
  ])("mistakes in %s are told", (_, text, problem) => {
    const { status, stdout } = gph(["check", "--json", "FILE"], text);
    const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: readonly { readonly problem: string }[] };
    expect([diagnostics.length, status]).toEqual([1, 1]);
    expect(problem.split(" ")).toContain(diagnostics[0]!.problem);
  });
});
