import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Diagnostic, Label } from "./diagnostic.ts";
import { render, toJson } from "./render.ts";
import { nowhere } from "./span.ts";
import type { Sources } from "./span.ts";

const heat = `graph heat(n: int = 4) {
  in x: f32[n, n];
  param w: f32[3, 2];
  program main {
    let y = x @ w;
    let z = foo(
      x,
      w,
    );
  }
}
`;
const sources = (text: string): Sources => new Map([["heat.gph", text], ["std/nn", "export fn relu(x: f32) -> f32 { return x; }\n"]]);

/** A label on the first place where `piece` stands. */
function on(text: string, piece: string, label = "", file = "heat.gph"): Label {
  const start = text.indexOf(piece);
  if (start === -1) throw new Error(`no ${piece}`);
  return { span: { file, start, end: start + piece.length }, text: label };
}

const mismatch = (labels: readonly Label[], more: Partial<Diagnostic> = {}): Diagnostic => ({
  problem: "shape-mismatch", severity: "error", message: "inner extents differ, 4 (x) and 3 (w)", labels, ...more,
});
const shown = (diagnostics: readonly Diagnostic[], text = heat): string => `\n${render(diagnostics, sources(text), { color: false })}`;

describe("layouts", () => {
  test("one place without a text, with help", () => {
    expect(shown([mismatch([on(heat, "x @ w")], { help: "transpose w" })])).toMatchInlineSnapshot(`
      "
      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
       --> heat.gph:5:13
        |
      5 |     let y = x @ w;
        |             ^^^^^
        = help: transpose w

      1 error
      "
    `);
  });

  test("several places on several lines", () => {
    expect(shown([mismatch([on(heat, "x @ w", "of this product"), on(heat, "w: f32[3, 2]", "3 rows"), on(heat, "x: f32[n, n]", "4 columns")])])).toMatchInlineSnapshot(`
      "
      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
       --> heat.gph:5:13
        |
      2 |   in x: f32[n, n];
        |      ------------ 4 columns
      3 |   param w: f32[3, 2];
        |         ------------ 3 rows
      4 |   program main {
      5 |     let y = x @ w;
        |             ^^^^^ of this product

      1 error
      "
    `);
  });

  test("several places on one line", () => {
    expect(shown([mismatch([on(heat, "@", "here"), on(heat, "x @".slice(0, 1) + " @", ""), { ...on(heat, " w;", "is [3, 2]"), span: { ...on(heat, " w;").span, start: on(heat, " w;").span.start + 1, end: on(heat, " w;").span.end - 1 } }, on(heat, "let y", "the first"), on(heat, "y = x", "the second")])])).toMatchInlineSnapshot(`
      "
      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
       --> heat.gph:5:15
        |
      5 |     let y = x @ w;
        |     ----------^ - is [3, 2]
        |     |   |     |
        |     |   |     here
        |     |   the second
        |     the first

      1 error
      "
    `);
  });

  test("a place of several lines", () => {
    expect(shown([mismatch([on(heat, "foo(\n      x,\n      w,\n    )", "this call")])])).toMatchInlineSnapshot(`
      "
      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
       --> heat.gph:6:13
        |
      6 |     let z = foo(
        |             ^^^^
      ...
      9 |     );
        |     ^ this call

      1 error
      "
    `);
  });

  test("places in several files, gutters aligned", () => {
    const text = "\n".repeat(99) + heat;
    expect(shown([mismatch([on(text, "foo", "called here"), on("export fn relu", "relu", "defined here", "std/nn")])], text)).toMatchInlineSnapshot(`
      "
      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
         --> heat.gph:105:13
          |
      105 |     let z = foo(
          |             ^^^ called here
         ::: std/nn:1:11
          |
        1 | export fn relu(x: f32) -> f32 { return x; }
          |           ---- defined here

      1 error
      "
    `);
  });

  test("the end of the file, an empty place, no place, an unknown file", () => {
    const end = { file: "heat.gph", start: heat.length, end: heat.length };
    const semicolon = { file: "heat.gph", start: heat.indexOf("@ w;") + 3, end: heat.indexOf("@ w;") + 3 };
    expect(
      shown([
        mismatch([{ span: end, text: "" }]), mismatch([{ span: semicolon, text: "" }]), mismatch([]), mismatch([{ span: nowhere, text: "" }]),
        mismatch([{ span: { file: "other.gph", start: 3, end: 4 }, text: "" }]),
      ]),
    ).toMatchInlineSnapshot(`
      "
      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
        --> heat.gph:12:1
         |
      12 |
         | ^

      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
       --> heat.gph:5:18
        |
      5 |     let y = x @ w;
        |                  ^

      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)

      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)

      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
       --> other.gph

      5 errors
      "
    `);
  });

  test("tabs, wide characters and combining marks keep the marks in their columns", () => {
    const text = '\tlet a = "漢字é😀e\u0301" @ b;\n';
    expect(shown([mismatch([on(text, "@", "here"), on(text, "let")])], text)).toMatchInlineSnapshot(`
      "
      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
       --> heat.gph:1:20
        |
      1 |     let a = "漢字é😀é" @ b;
        |     ---                ^ here

      1 error
      "
    `);
  });

  test("long lines are cut around the place", () => {
    const text = `let a = ${"x + ".repeat(100)}bad${" + y".repeat(100)};`;
    const out = shown([mismatch([on(text, "bad", "this")])], text);
    expect(out).toMatchInlineSnapshot(`
      "
      error[shape-mismatch]: inner extents differ, 4 (x) and 3 (w)
       --> heat.gph:1:409
        |
      1 | …+ x + x + x + x + x + x + x + bad + y + y + y + y + y + y + y + y + y + y + y + y + y + y + y + y + y + y + y + y + y + …
        |                                ^^^ this

      1 error
      "
    `);
  });

  test("a warning, and the count of both", () => {
    expect(shown([mismatch([on(heat, "x @ w")], { severity: "warning" }), mismatch([on(heat, "x @ w")]), mismatch([on(heat, "x @ w")])])).toContain("\n2 errors, 1 warning\n");
    expect(shown([mismatch([], { severity: "warning" })])).toContain("\nwarning[shape-mismatch]: inner");
    expect(render([], sources(heat), { color: false })).toBe("");
  });
});

describe("safety", () => {
  test("colours only when asked for, and nothing else than colours differs", () => {
    const diagnostics = [mismatch([on(heat, "x @ w", "a"), on(heat, "w: f32", "b")], { help: "h" })];
    const plain = render(diagnostics, sources(heat), { color: false });
    const colored = render(diagnostics, sources(heat), { color: true });
    expect(plain).not.toContain("\u001b");
    expect(colored).toContain("\u001b[1;31m");
    expect(colored.replace(/\u001b\[[0-9;]*m/g, "")).toBe(plain);
  });

  test("control characters of a source do not reach the terminal", () => {
    const text = "let \u001b[31m\u0007 a\u202e = 1;\r\n";
    const out = render([mismatch([on(text, "a", "\u001b[2J")], { message: "of \u001b]0;x\u0007" })], sources(text), { color: false });
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  test("any places in any text", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "\n", "\r\n", "\t", "漢", "😀", "\ud800", " ", "\u0301", "x".repeat(60)), maxLength: 30 }),
        fc.array(fc.tuple(fc.integer({ min: -3, max: 200 }), fc.integer({ min: -3, max: 200 }), fc.constantFrom("", "text", "two\nlines")), { maxLength: 4 }),
        (text, places) => {
          const diagnostic = mismatch(places.map(([start, length, label]) => ({ span: { file: "heat.gph", start, end: start + length }, text: label })));
          const out = render([diagnostic], sources(text), { color: false });
          expect(out).not.toMatch(/[\t\r]/);
          for (const line of out.split("\n")) expect(line.length).toBeLessThan(300);
          if (places.length > 0) expect(out).toContain("^");
          JSON.stringify(toJson(diagnostic, sources(text)));
        },
      ),
      { numRuns: 300 },
    );
  });
});

test("without options there are no colours", () => {
  const one = [mismatch([on(heat, "x @ w", "here")])];
  expect(render(one, sources(heat))).toBe(render(one, sources(heat), { color: false }));
});

describe("JSON", () => {
  test("has every place as line and column", () => {
    expect(toJson(mismatch([on(heat, "x @ w", "here"), on(heat, "w: f32", "there")], { help: "transpose w" }), sources(heat))).toEqual({
      problem: "shape-mismatch", severity: "error", message: "inner extents differ, 4 (x) and 3 (w)",
      file: "heat.gph", line: 5, column: 13, endLine: 5, endColumn: 18,
      labels: [
        { file: "heat.gph", line: 5, column: 13, endLine: 5, endColumn: 18, text: "here" },
        { file: "heat.gph", line: 3, column: 9, endLine: 3, endColumn: 15, text: "there" },
      ],
      help: "transpose w",
    });
  });

  test("has nulls where there is no place", () => {
    expect(toJson(mismatch([]), sources(heat))).toMatchObject({ file: null, line: null, column: null, labels: [], help: null });
    expect(toJson(mismatch([{ span: { file: "gone.gph", start: 0, end: 1 }, text: "" }]), sources(heat))).toMatchObject({ file: "gone.gph", line: null });
  });
});
