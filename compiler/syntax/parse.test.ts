import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { positionAt } from "../support/span.ts";
import type { Expression } from "./ast.ts";
import { print } from "./print.ts";
import { plain, programs, read } from "./testing/trees.ts";

/** An expression with every operator in brackets. */
function shape(tree: Expression): string {
  switch (tree.kind) {
    case "number":
      return tree.text;
    case "string":
      return JSON.stringify(tree.value);
    case "bool":
      return String(tree.value);
    case "identifier":
      return tree.name;
    case "member":
      return `${shape(tree.object)}.${tree.name.name}`;
    case "tuple":
      return `tuple(${tree.elements.map(shape).join(", ")})`;
    case "range":
      return `[${shape(tree.start)} .. ${shape(tree.end)}]`;
    case "unary":
      return `[${tree.op} ${shape(tree.operand)}]`;
    case "binary":
      return `[${shape(tree.left)} ${tree.op} ${shape(tree.right)}]`;
    case "conditional":
      return `[${shape(tree.condition)} ? ${shape(tree.then)} : ${shape(tree.otherwise)}]`;
    case "call":
    case "method": {
      const args = tree.args.map((arg) => `${arg.name === undefined ? "" : `${arg.name.name}=`}${shape(arg.value)}`).join(", ");
      const types = tree.typeArgs.map((one) => (one.kind === "named-type" ? one.name.name + (one.dimensions === undefined ? "" : `/${one.dimensions.length}`) : "tuple")).join(", ");
      const name = tree.kind === "call" ? tree.callee.name : `${shape(tree.receiver)}.${tree.name.name}`;
      return `${name}${types === "" ? "" : `<${types}>`}(${args})`;
    }
    case "index":
      return `${shape(tree.base)}{${tree.items
        .map((item) => {
          if (item.kind === "at") return shape(item.value);
          if (item.kind === "ellipsis") return "...";
          return [item.start, item.stop, item.step].map((part) => (part === undefined ? "_" : shape(part))).join(":");
        })
        .join(", ")}}`;
    case "missing":
      return "?";
    default:
      return tree satisfies never;
  }
}

function expressionOf(text: string): Expression {
  const { file, diagnostics } = read(`const v = ${text};`);
  expect(diagnostics).toEqual([]);
  const item = file.items[0]!;
  if (item.kind !== "const") throw new Error("not a const");
  return item.value;
}

/** What was reported: line, column, message, help. */
function mistakes(text: string): string[] {
  return read(text).diagnostics.map(({ message, labels, help }) => {
    const { line, column } = positionAt(text, labels[0]!.span.start);
    return `${line}:${column} ${message}${help === undefined ? "" : ` (${help})`}`;
  });
}
const inProgram = (...lines: string[]): string => `graph g {\n  program main {\n${lines.map((line) => `    ${line}\n`).join("")}  }\n}\n`;

describe("expressions", () => {
  test.each([
    ["a + b * c - d", "[[a + [b * c]] - d]"],
    ["a * b @ c / d", "[[[a * b] @ c] / d]"],
    ["-a @ b", "[[- a] @ b]"],
    ["-x.abs()", "[- x.abs()]"],
    ["!a && b || c", "[[[! a] && b] || c]"],
    ["a || b && c", "[a || [b && c]]"],
    ["a == b & c", "[a == [b & c]]"],
    ["a | b ^ c & d << e + f", "[a | [b ^ [c & [d << [e + f]]]]]"],
    ["-1..2", "[[- 1] .. 2]"],
    ["0..n+1", "[0 .. [n + 1]]"],
    ["0..n == r", "[[0 .. n] == r]"],
    ["0..1 << k", "[0 .. [1 << k]]"],
    ["a ? b : c ? d : e", "[a ? b : [c ? d : e]]"],
    ["a ? b ? c : d : e", "[a ? [b ? c : d] : e]"],
    ["a < b ? 1 : 2", "[[a < b] ? 1 : 2]"],
    ["(a)", "a"],
    ["(a,)", "tuple(a)"],
    ["()", "tuple()"],
    ["(a, b)", "tuple(a, b)"],
    ["f(x, axis = -1,)", "f(x, axis=[- 1])"],
    ["f(in = x)", "f(in=x)"],
    ["x.map.in(1).on[0]", "x.map.in(1).on{0}"],
    ["cast<f32>(x)", "cast<f32>(x)"],
    ["zeros<u8>(n, n)", "zeros<u8>(n, n)"],
    ["x.to<f32[n, m]>(1)", "x.to<f32/2>(1)"],
    ["f<(f32, i32), u8[2 * n > 1 ? 3 : (4)]>(x)", "f<tuple, u8/1>(x)"],
    ["a < b", "[a < b]"],
    ["f(a < b, c > d)", "f([a < b], [c > d])"],
    ["f(a < b, c > (d))", "f(a<b, c>(d))"],
    ["a < b && c > (d)", "[[a < b] && [c > d]]"],
    ["a < (b)", "[a < b]"],
    ["x[1:-1, :-2, 2:, ::2, :, ..., i]", "x{1:[- 1]:_, _:[- 2]:_, 2:_:_, _:_:2, _:_:_, ..., i}"],
    ["x[a : b : c]", "x{a:b:c}"],
    ["x[c ? a : b]", "x{[c ? a : b]}"],
    ["x[0][1](", ""],
    ["conv1.w", "conv1.w"],
    ["repeat(x, 2)", "repeat(x, 2)"],
    ["1_000 + 0xff + 0b1010 + 1e-3 + 2.50", "[[[[1_000 + 0xff] + 0b1010] + 1e-3] + 2.50]"],
    ['"a\\"\\\\\\n\\u{1f600}"', JSON.stringify('a"\\\n😀')],
    ["a // c\n + /* d */ b", "[a + b]"],
    ["~ - + !x", "[~ [- [+ [! x]]]]"],
  ].filter(([, expected]) => expected !== ""))("%s", (text, expected) => expect(shape(expressionOf(text!))).toBe(expected));

  test.each([["1_000", 1000, false], ["0xff", 255, false], ["0b1010", 10, false], ["1e-3", 1e-3, true], ["0xe5", 0xe5, false], ["1.5", 1.5, true], ["9007199254740991", 2 ** 53 - 1, false]] as const)(
    "the number %s", (text, value, isFloat) => expect(expressionOf(text)).toMatchObject({ kind: "number", text, value, isFloat }),
  );

  test("a span covers what was written, parentheses too", () => {
    const text = "const v = (a + b) * f(c)[0];";
    const { file } = read(text);
    const item = file.items[0]!;
    if (item.kind !== "const" || item.value.kind !== "binary") throw new Error("not a product");
    const cut = ({ start, end }: { start: number; end: number }): string => text.slice(start, end);
    expect([cut(item.span), cut(item.value.span), cut(item.value.left.span), cut(item.value.right.span)]).toEqual([
      "const v = (a + b) * f(c)[0];", "(a + b) * f(c)[0]", "(a + b)", "f(c)[0]",
    ]);
  });
});

describe("declarations", () => {
  test("doc comments belong to what follows", () => {
    const { file } = read("/// One\n/// two\ngraph g {\n  /// In\n  in x: f32;\n  /// P\n  program main {}\n}\n");
    expect(file.items[0]).toMatchObject({ doc: "One\ntwo", members: [{ doc: "In" }, { doc: "P" }] });
    expect(file.comments).toEqual([]);
  });

  test("words that mean something elsewhere are names", () => {
    expect(read("fn f(map: f32, on: f32, out: f32) -> f32 { let set = map + on; var place = out; place = 1; return set; }").diagnostics).toEqual([]);
  });

  test("state names may have dots", () => {
    expect(read("graph g { param layer.in.w: f32; }").file.items[0]).toMatchObject({ members: [{ name: { name: "layer.in.w" } }] });
  });

  test("else if is an if in the otherwise", () => {
    const { file } = read("fn f() -> f32 { if a { x = 1; } else if b { x = 2; } else { x = 3; } return x; }");
    expect(file.items[0]).toMatchObject({ body: [{ kind: "if", then: [{}], otherwise: [{ kind: "if", then: [{}], otherwise: [{ kind: "assign" }] }] }, { kind: "return" }] });
  });
});

describe("mistakes", () => {
  test("many in one source are told, each on its line, and the rest of the tree is there", () => {
    const text = inProgram("let a = 3", "let b = ;", "x = (1 + 2;", "if a = 3 { y = 4; }", "let in = 5;", "z + = 3;", 's = "abc;', "w = 1;");
    expect(mistakes(text)).toMatchInlineSnapshot(`
      [
        "3:14 expected \`;\` after this statement",
        "4:13 expected an expression, found \`;\`",
        "5:15 expected \`,\` or \`)\`, found \`;\`",
        "6:10 expected \`{\`, found \`=\` (\`=\` assigns; \`==\` compares)",
        "7:9 expected a name or \`(\`, found the keyword \`in\` (choose another name, for example \`in_\`)",
        "8:7 this statement computes a value but does nothing with it (did you mean \`+=\`?)",
        "9:9 this string has no end (close it with \`"\` on the same line; a line break inside is written \`\\n\`)",
      ]
    `);
    expect(read(text).file.items[0]).toMatchObject({ members: [{ body: [{ kind: "let" }, { kind: "let" }, { kind: "assign" }, { kind: "if" }, { kind: "assign" }, { kind: "assign" }] }] });
  });

  test.each([
    ["an unknown item", "func dense(x: f32) -> f32 { return x; }\nconst a = 1;"],
    ["an unknown member", "graph g {\n  prgram main { let a = 3; }\n  out y: f32;\n}"],
    ["an unknown statement", inProgram("reapeat 10 { x = 3; }", "x = 1;")],
    ["elif", inProgram("if a { } elif b { x = 1; }")],
    ["run", inProgram("run main;")],
    ["brackets for a tuple", inProgram("y = transpose(x, [1, 0]);")],
    ["a list as an index", inProgram("y = x[[1, 0]];")],
    ["several states at once", "graph g {\n  var (a, b): (f32, f32);\n  out y: f32;\n}"],
    ["several assigned without parentheses", inProgram("a, b = x, y;", "let c, d = (1, 2);")],
    ["one word", "graph g {\n  computeset s { }\n}\n"],
    ["increment", inProgram("x++;")],
    ["comparison as a statement", inProgram("x == 3;")],
    ["a value as a statement", inProgram("x;", "x + 1;")],
    ["=== and **", inProgram("x = a === b;", "x = a ** b;")],
    ["chained comparisons", inProgram("x = a < b < c;", "x = a == 1 & b == 2;")],
    ["a chained range", inProgram("for i in 0..n..2 { }")],
    ["words for operators", inProgram("x = a and b;")],
    ["a type that is missing", "graph g {\n  in x f32[3];\n  in y;\n  var s = 0;\n}"],
    ["a bracket that is missing", "graph g {\n  out y: f32[3;\n  program main {\n    y = f(a, b;\n    y = f(a b);\n  }\n}"],
    ["a brace that is missing", "graph g {\n  program main {\n    y = 3;\n  program other {\n    y = 4;\n  }\n}"],
    ["a brace at the end that is missing", "graph g {\n  program main {\n    y = 3;\n"],
    ["a brace too many", "}\ngraph g { program main { } } }\nconst y = 3;"],
    ["a result that is missing", "fn f(x: f32): f32 { return x; }\nfn g(x: f32) { return x; }\nfn h(x: f32) => f32 { return x; };"],
    ["imports", 'import { a, b from "std/nn";\nimport { a } form "std/nn";\nimport a from "std/nn";\nimport { a } from std;'],
    ["a for without in", inProgram("for i of 0..3 { x = 3; }")],
    ["words of other languages", inProgram("int k = 3;", "for (i in 0..3) { x = 3; }", "lte y = 3;")],
    ["a declaration whose letters are swapped", "graph g {\n  otu y: f32;\n  xyz z: f32;\n}"],
    ["a block that is missing", inProgram("repeat 3 x = 1;", "while a", "  x = 2;")],
    ["an else without if", inProgram("x = 1;", "else { y = 3; }")],
    ["cases", inProgram("switch a { 0 => x = 3; default { } }", "switch a { let b = 3; 1 => { } }")],
    ["numbers", inProgram("x = 12ab;", "x = 1__0;", "x = 1e;", "x = 0xzz;", "x = 0o7;", "x = 1.0f;", "x = 1e999;", "x = 18446744073709551616;", "x = .5;")],
    ["strings", inProgram('x = "a\\qb";', "x = 'abc';", 'print("abc);', "x = 1;")],
    ["characters", inProgram("x = # 3;", "x = α + 1;", "x = 3 \u0000;", "x = \ud800;", "x = 3\u00a0;")],
    ["a comment without an end", "graph g {\n  /* open\n}"],
    ["a call of a value", inProgram("x = f(a)(b);")],
    ["an empty index", inProgram("x = y[];")],
    ["a vertex without compute, and one with two", "vertex V { in x: f32; }\nvertex W { compute { } compute { } }"],
    ["initial values of inputs", "graph g { in x: f32 = 3; }"],
    ["a missing field value", "graph g {\n  compute set s {\n    place V { a = a, b } on 3;\n    place V a = a on r;\n    foo(3);\n  }\n}"],
    ["an argument that is missing", inProgram("x = f(a, , b);", "x = f(a, b)), c;")],
  ])("%s", (_, text) => expect(mistakes(text)).toMatchSnapshot());

  test("a block without its brace is found by how it is indented", () => {
    const missed: string[] = [];
    let tried = 0;
    for (const { path, text } of programs()) {
      const laidOut = print(read(text).file);
      const openers: number[] = [];
      for (const { 0: brace, index } of laidOut.replaceAll(/\/\/.*|"[^"\n]*"/g, (quiet) => " ".repeat(quiet.length)).matchAll(/\{|^ *\}|\}/gm)) {
        if (brace === "{") openers.push(index);
        const opener = brace === "{" ? undefined : openers.pop();
        // Inside of a line indentation says nothing; an `else` is told where it stands.
        if (opener === undefined || laidOut.slice(0, index).endsWith(" ") || laidOut.startsWith(" else", index + brace.length)) continue;
        const without = laidOut.slice(0, index) + laidOut.slice(index + brace.length);
        const { diagnostics } = read(without);
        tried += 1;
        if (!diagnostics.some(({ labels }) => labels.some(({ span }) => span.start === opener))) missed.push(`${path}: the block that begins at ${opener}: ${diagnostics.map(({ message }) => message).join("; ")}`);
      }
    }
    // Behind a case, what follows is no case, which is told first.
    expect(missed.filter((one) => !one.includes("expected a case"))).toEqual([]);
    expect(tried).toBeGreaterThan(30);
  });

  test("a missing semicolon is missing at the end of the line", () => {
    const text = inProgram("let a = 3 // why", "let b = 4;");
    const [{ labels }] = read(text).diagnostics as [ReturnType<typeof read>["diagnostics"][number]];
    expect(labels[0]!.span.start).toBe(text.indexOf("3 //") + 1);
  });

  test("every single token that is left out of a program is told within its neighbourhood", () => {
    const text = programs().find(({ path }) => path === "everything.gph")!.text;
    const words = [...text.matchAll(/[A-Za-z_0-9.]+|"[^"]*"|[^\sA-Za-z_0-9]/g)];
    let told = 0;
    for (const word of words.filter((_, i) => i % 3 === 0)) {
      const { diagnostics } = read(text.slice(0, word.index) + text.slice(word.index + word[0].length));
      if (diagnostics.length > 0) told += 1;
      // A single slip does not start an avalanche.
      expect(diagnostics.length, `without ${word[0]} at ${word.index}: ${diagnostics.map((one) => one.message).join("; ")}`).toBeLessThanOrEqual(8);
    }
    expect(told).toBeGreaterThan(words.length / 12);
  });
});

describe("limits", () => {
  const problemsOf = (text: string): string[] => read(text).diagnostics.map(({ problem }) => problem);
  const deep = (open: string, inner: string, close: string, n: number): string => open.repeat(n) + inner + close.repeat(n);

  test.each([
    ["parentheses", (n: number) => `const v = ${deep("(", "1", ")", n)};`],
    ["indices", (n: number) => `const v = ${deep("x[", "1", "]", n)};`],
    ["calls", (n: number) => `const v = ${deep("f(", "1", ")", n)};`],
    ["tuple types", (n: number) => `const v: ${deep("(", "f32", ",)", n)} = 1;`],
    ["conditionals", (n: number) => `const v = ${"a ? b : ".repeat(n)}c;`],
    ["conditionals inside", (n: number) => `const v = ${deep("a ? ", "b", " : c", n)};`],
    ["else ifs", (n: number) => `fn f() -> f32 { if a { } ${"else if b { } ".repeat(n)} }`],
  ])("%s nested too deep", (_, source) => {
    expect(problemsOf(source(254))).toEqual([]);
    for (const n of [260, 5_000, 100_000]) expect(problemsOf(source(n))).toEqual(["nesting-too-deep"]);
  });

  test("blocks nested too deep", () => {
    const source = (n: number): string => `fn f() -> f32 { ${deep("if a { ", "", "} ", n)} }`;
    expect(problemsOf(source(250))).toEqual([]);
    expect(problemsOf(source(260))).toEqual(["nesting-too-deep"]);
    expect(problemsOf(source(100_000))).toEqual(["nesting-too-deep"]);
  });

  test.each([
    ["sums", (n: number) => `1${" + 1".repeat(n)}`],
    ["prefix operators", (n: number) => `${"- ".repeat(n)}1`],
    ["methods", (n: number) => `x${".f()".repeat(n)}`],
    ["indices", (n: number) => `x${"[0]".repeat(n)}`],
    ["members", (n: number) => `x${".y".repeat(n)}`],
  ])("%s in a row", (_, source) => {
    expect(problemsOf(`const v = ${source(1_000)};`)).toEqual([]);
    expect(print(read(`const v = ${source(1_000)};`).file)).toContain("const v = ");
    expect(problemsOf(`const v = ${source(1_001)};`)).toEqual(["limit-exceeded"]);
    expect(problemsOf(`const v = ${source(100_000)};`)).toEqual(["limit-exceeded"]);
    expect(problemsOf(`const v = ${source(600)} + (${source(600)});`)).toEqual([]);
    expect(problemsOf(`const v = ((${source(600)})${" + 1".repeat(600)});`)).toEqual(["limit-exceeded"]);
  });

  test("a source that is too large", () => expect(problemsOf(" ".repeat(10_000_001))).toEqual(["source-too-large"]));

  test("at most a hundred mistakes are told", () => {
    const { diagnostics } = read(inProgram(...new Array<string>(5_000).fill("let = ;")));
    expect(diagnostics.length).toBeGreaterThan(50);
    expect(diagnostics.length).toBeLessThanOrEqual(100);
  });
});

describe("whatever is read", () => {
  /** Nothing is thrown; spans lie within the text; what had no mistakes can be printed and read again. */
  const holds = (text: string): void => {
    const { file, diagnostics } = read(text);
    for (const { labels } of diagnostics) {
      for (const { span } of labels) {
        expect(span.start).toBeGreaterThanOrEqual(0);
        expect(span.end).toBeGreaterThanOrEqual(span.start);
        expect(span.end).toBeLessThanOrEqual(text.length);
      }
    }
    const printed = print(file);
    if (diagnostics.length === 0) {
      const again = read(printed);
      expect(again.diagnostics).toEqual([]);
      const { comments: _before, ...before } = plain(file) as Record<string, unknown>;
      const { comments: _after, ...after } = plain(again.file) as Record<string, unknown>;
      expect(after).toEqual(before);
    } else {
      checkSpans(file, text.length);
    }
  };

  const checkSpans = (tree: unknown, length: number): void => {
    if (typeof tree !== "object" || tree === null) return;
    for (const [key, value] of Object.entries(tree)) {
      if (key === "span") {
        const { start, end } = value as { start: number; end: number };
        if (!(start >= 0 && start <= end && end <= length)) throw new Error(`bad span ${start}..${end} of ${length}`);
      } else if (key !== "lineStarts") checkSpans(value, length);
    }
  };

  const texts = programs().map(({ text }) => text);

  test("any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), holds), { numRuns: 100 });
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."(){}[]<>=!&|+-*/.,;:?\"\\ \n\t0123456789aefinx_@%^~#'\u0000é".split("")), maxLength: 120 }), holds), { numRuns: 150 });
  });

  test("any tokens", () => {
    const words =
      "import export const fn vertex graph let var for if else while switch return true false in out inout stream param map on place compute set program repeat limit execute call grad cycles from as default main x f32 n 1 2.5 \"s\" ( ) [ ] { } , ; : . .. ... = == != < <= > >= + - * / % @ & && | || ^ ~ ! << >> += -> => ? //c\n ///d\n".split(" ");
    fc.assert(fc.property(fc.array(fc.constantFrom(...words), { maxLength: 120 }), (list) => holds(list.join(" "))), { numRuns: 150 });
    fc.assert(fc.property(fc.array(fc.constantFrom(...words), { maxLength: 80 }), (list) => holds(inProgram(list.join(" ")))), { numRuns: 150 });
  });

  test("programs cut short", () => {
    fc.assert(fc.property(fc.constantFrom(...texts), fc.double({ min: 0, max: 1, noNaN: true }), (text, part) => holds(text.slice(0, Math.floor(part * text.length)))), { numRuns: 80 });
  });

  test("programs with pieces moved, doubled, or left out", () => {
    const edit = fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), length: fc.integer({ min: 0, max: 12 }), from: fc.double({ min: 0, max: 0.999, noNaN: true }), add: fc.integer({ min: 0, max: 12 }) });
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
        let changed = text;
        for (const { at, length, from, add } of edits) {
          const start = Math.floor(at * changed.length);
          const source = Math.floor(from * changed.length);
          changed = changed.slice(0, start) + changed.slice(source, source + add) + changed.slice(start + length);
        }
        holds(changed);
      }),
      { numRuns: 120 },
    );
  });
});

test("a word of the language is not said to be meant by itself", () => {
  expect(mistakes("graph g { in x: f32[2] out y: f32[2]; program main { y = x; } }")).toEqual(["1:23 expected `;` after this statement"]);
});

test("what other languages write is answered with what it is here", () => {
  const inProgram = (statement: string): string[] => mistakes(`graph g { in x: f32[2]; out y: f32[2]; program main {\n${statement}\n} }`);
  expect(inProgram("let a := x;")).toEqual(["2:8 expected a type, found `=` (without a type there is no `:`, as in `let x = …;`)"]);
  expect(inProgram("y = max(x => 0);")).toEqual(["2:11 expected `,` or `)`, found `=>` (at least is `>=`; `=>` stands only behind the cases of a `switch`)"]);
  expect(inProgram("repeat i in 0..3 { }")).toEqual(["2:10 expected `{`, found `in` (only a `for` has a variable, as in `for i in 0..n { … }`)"]);
});

test("a character that means nothing is told before the `;` that is missing because of it", () => {
  expect(mistakes("graph g { in x: f32[2]; out y: f32[2]; program main { y = x $ 2; } }")).toEqual(["1:61 the character `$` (U+0024) means nothing here"]);
});

test("compute sets written in other ways are shown how they are written", () => {
  const inGraph = (text: string): string[] => mistakes(`graph g { var y: f32[4] = 0;\n${text}\n}`);
  expect(inGraph("compute gram { place V() { y = y } on 0; }")).toEqual(["2:9 expected `set`, found `gram` (`compute set gram { … }` begins a compute set)"]);
  expect(inGraph("compute set s { V { y = y } on 0; }")).toEqual(["2:17 expected `place`, `for`, `if` or `let`, found `V` (`place V { field = slice } on 0;` puts a vertex on a tile)"]);
  expect(inGraph("compute set s { place V() { y = y } on tile 0; }")).toEqual(["2:44 expected `;` after this statement (a tile is its number, as in `on 0`)"]);
});

test("a division written as a comment is told as one", () => {
  expect(mistakes("graph g { in x: i32; out y: i32; program main {\n  y = x // 2;\n} }")).toEqual([
    "2:8 expected `;` after this statement (`//` begins a comment, which takes the `;` with it; integers are divided by `/`)",
  ]);
});
