/** Hostile sources through the whole compiler: nothing crashes or overflows, each refusal names what is too much. */
import { describe, expect, it } from "vitest";
import { compile } from "../../compiler/compile.ts";
import type { Target } from "../../compiler/targets/target.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";

const nested = (open: string, depth: number, inner: string): string => open.repeat(depth) + inner + "}".repeat(depth);
const graph = (body: string, members = ""): string => `graph g { in x: f32[4]; in k: i32; out y: f32[4]; ${members} program main { ${body} } }`;
const inVertex = (body: string): string => `vertex V { in a: f32; out b: f32; compute { var t: f32 = a; ${body} b = t; } }
graph g { in x: f32; out y: f32; compute set s { place V { a = x, b = y } on 0; } program main { execute s; } }`;
const many = (count: number, line: (k: number) => string): string => Array.from({ length: count }, (_, k) => line(k)).join("\n");

async function told(text: string, machine: Target = target("wasm")): Promise<string[]> {
  const { diagnostics, executable } = await compile("hostile.gph", { readFile: () => text, target: machine });
  const errors = diagnostics.filter(({ severity }) => severity === "error").map(({ problem, message }) => `${problem}: ${message}`);
  expect(executable === undefined).toBe(errors.length > 0);
  if (executable) expect(WebAssembly.validate(executable as Uint8Array<ArrayBuffer>)).toBe(true);
  return errors;
}

describe("what is deep or long compiles", () => {
  it.each([
    ["repeats", graph(`var a = x; ${nested("repeat 2 { ", 250, "a += 1;")} y = a;`)],
    ["ifs", graph(`var a = x; ${nested("if k > 0 { ", 250, "a += 1;")} y = a;`)],
    ["brackets", graph(`y = ${"(".repeat(240)}x${" + 1)".repeat(240)};`)],
    ["calls", graph(`y = ${"abs(".repeat(240)}x${")".repeat(240)};`)],
    ["else branches", graph(`var a = x; ${"if k > 0 { a += 1; } else { ".repeat(120)}a += 2;${"}".repeat(120)} y = a;`)],
    ["compile-time loops", graph(`var a = x; ${nested("for i in 0..1 { ", 250, "a += 1;")} y = a;`)],
    ["loops of a vertex", inVertex(nested("for i in 0..1 { ", 120, "t += 1;"))],
    ["while loops of a vertex", inVertex(nested("while t > 0 { ", 120, "t -= 1;"))],
    ["indices that double", `vertex V { in a: f32[4]; out b: f32[4]; compute { for i in 0..4 { let n0 = i; ${many(200, (k) => `let n${k + 1} = n${k} + n${k};`)} b[i] = a[n200 + i]; } } }
      graph g { in x: f32[4]; out y: f32[4]; compute set s { place V { a = x, b = y } on 0; } program main { execute s; } }`],
    ["a stack of many", `graph g { in x: f32[4]; out y: f32[30000, 4]; program main { y = stack(${Array.from({ length: 30_000 }, () => "x").join(", ")}); } }`],
    ["a chain of operators", graph(`y = x${" + x".repeat(900)};`)],
    ["a switch with many cases", graph(`var a = x; switch k { ${many(300, (k) => `${k} => { a += ${k}; }`)} } y = a;`)],
    ["many states", `graph g { in x: f32[4]; ${many(300, (k) => `var s${k}: f32[4];`)} program main { ${many(300, (k) => `s${k} = x;`)} } }`],
    ["many statements", graph(`var a = x; ${many(500, (k) => `a = a * 2 - ${k};`)} y = a;`)],
    ["many slices", graph(`var a = tile(x, 60); ${many(200, (k) => `a[${k}] = a[${k + 1}] + 1;`)} y = a[:4];`)],
    ["many placements", `vertex V<n> { in a: f32[n]; out b: f32[n]; compute { for i in 0..n { b[i] = a[i]; } } }
      graph g { in x: f32[5000, 4]; out y: f32[5000, 4]; compute set s { for r in 0..5000 { place V { a = x[r * 7 % 5000], b = y[r] } on r * r % tiles; } } program main { execute s; } }`],
  ])("%s", async (_, text) => {
    expect(await told(text)).toEqual([]);
  });
});

describe("an exchange of very many copies", () => {
  it("is several functions", async () => {
    const rank = 6;
    const all = (item: (k: number) => string): string => Array.from({ length: rank }, (_, k) => item(k)).join(", ");
    const first = (k: number): string => `((i * ${[7919, 31, 613, 17, 101, 7][k]} >> ${k}) % 2)`;
    const text = `vertex V { in a: f32[${all(() => "2")}]; out b: f32; compute { b = a[${all(() => "1")}]; } }
      graph g { in x: f32[${all(() => "3")}]; out y: f32[4000]; for i in 0..4000 { map y[i] on i % tiles; } for i in 0..3 { map x[i] on i; }
        compute set s { for i in 0..4000 { place V { a = x[${all((k) => `${first(k)} : ${first(k)} + 2`)}], b = y[i] } on i % tiles; } }
        program main { execute s; } }`;
    expect(await told(text, { ...withTiles(target("ipu-mk2"), 4), bytesPerTile: 2 ** 26 })).toEqual([]);
  });
});

describe("what is too much is refused", () => {
  it.each([
    ["brackets", graph(`y = ${"(".repeat(260)}x${" + 1)".repeat(260)};`), "nesting-too-deep"],
    ["calls", graph(`y = ${"abs(".repeat(260)}x${")".repeat(260)};`), "nesting-too-deep"],
    ["a loop that unfolds to millions", graph("var a = x; for i in 0..3000000 { a += 1; } y = a;"), "limit-exceeded: the program makes more than 400000 tensors"],
    ["a recursion", `fn f(a: f32[4]) -> f32[4] { return f(a); } ${graph("y = f(x);")}`, "limit-exceeded"],
    ["programs in a circle", "graph g { out y: f32; program a { call b; } program b { call a; } }", "limit-exceeded: programs call each other in a circle"],
    ["a state of 4 TB", graph("y = x;", "var s: f32[1_000_000_000_000];"), "tensor-too-large"],
    ["a value of 16 GB", graph("let a = zeros<f32>(65536, 65536) + x[0]; y = roll(a, k.shape.len(), axis = 0)[0, :4];".replace("k.shape.len()", "1")), "tile-memory-full"],
    ["a count that no i32 holds", graph("repeat 2147483648 { } y = x;"), "out-of-range: 2147483648"],
    ["too many dimensions", `graph g { in x: f32[${new Array<number>(17).fill(1).join(", ")}]; out y: f32; program main { y = sum(x); } }`, "tensor-too-large"],
  ])("%s", async (_, text, message) => {
    const errors = await told(text);
    expect(errors[0]).toContain(message);
  });
});
