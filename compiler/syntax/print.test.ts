import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Expression } from "./ast.ts";
import { print } from "./print.ts";
import { expression, file, plain, programs, read } from "./testing/trees.ts";

const format = (text: string): string => {
  const { file: tree, diagnostics } = read(text);
  expect(diagnostics).toEqual([]);
  return print(tree);
};
/** The statement alone, without the function around it. */
const inFunction = (statement: string): string => `fn f() -> f32 {\n${statement}\n}\n`;
const formatStatement = (statement: string): string =>
  format(inFunction(statement)).replace(/^fn f\(\) -> f32 \{\n/, "").replace(/\n\}\n$/, "").replace(/^ {2}/gm, "");

/** Writes every operator in parentheses: an oracle that knows no precedence. */
function full(tree: Expression): string {
  switch (tree.kind) {
    case "number":
      return tree.text;
    case "string":
      return JSON.stringify(tree.value).replaceAll("\\u0007", "\\u{7}");
    case "bool":
      return String(tree.value);
    case "identifier":
      return tree.name;
    case "member":
      return `(${full(tree.object)}).${tree.name.name}`;
    case "tuple":
      return `(${tree.elements.map((element) => `${full(element)},`).join("")})`;
    case "range":
      return `(${full(tree.start)})..(${full(tree.end)})`;
    case "unary":
      return `${tree.op}(${full(tree.operand)})`;
    case "binary":
      return `(${full(tree.left)})${tree.op}(${full(tree.right)})`;
    case "conditional":
      return `(${full(tree.condition)})?(${full(tree.then)}):(${full(tree.otherwise)})`;
    default:
      return "0";
  }
}

/** Whether a tree holds only what `full` writes. */
function onlyOperators(tree: Expression): boolean {
  switch (tree.kind) {
    case "call":
    case "method":
    case "index":
    case "missing":
      return false;
    case "member":
      return onlyOperators(tree.object);
    case "tuple":
      return tree.elements.every(onlyOperators);
    case "range":
      return onlyOperators(tree.start) && onlyOperators(tree.end);
    case "unary":
      return onlyOperators(tree.operand);
    case "binary":
      return onlyOperators(tree.left) && onlyOperators(tree.right);
    case "conditional":
      return onlyOperators(tree.condition) && onlyOperators(tree.then) && onlyOperators(tree.otherwise);
    default:
      return true;
  }
}

const constOf = (text: string): unknown => {
  const { file: tree, diagnostics } = read(`const v = ${text};`);
  expect(diagnostics).toEqual([]);
  const item = tree.items[0]!;
  return plain(item.kind === "const" ? item.value : undefined);
};

describe("every program of the project", () => {
  test.each(programs())("$path keeps its tree and comments, and its layout the second time", ({ text }) => {
    const { file: tree, diagnostics } = read(text);
    expect(diagnostics).toEqual([]);
    const printed = print(tree);
    const again = read(printed);
    expect(again.diagnostics).toEqual([]);
    expect(plain(again.file)).toEqual(plain(tree));
    expect(print(again.file)).toBe(printed);
  });

  test("the canonical one comes out as it is", () => {
    const canonical = programs().find(({ path }) => path === "everything.gph")!;
    expect(format(canonical.text)).toBe(canonical.text);
  });
});

describe("random trees", () => {
  test("printed and parsed again are the same", () => {
    fc.assert(
      fc.property(file, (tree) => {
        const printed = print(tree);
        expect(printed).not.toMatch(/[ \t]$/m);
        const again = read(printed);
        expect(again.diagnostics).toEqual([]);
        expect(plain(again.file)).toEqual(plain(tree));
        expect(print(again.file)).toBe(print(read(print(again.file)).file));
      }),
      { numRuns: 150 },
    );
  });

  test("the fewest parentheses mean what all of them mean", () => {
    fc.assert(
      fc.property(expression.filter(onlyOperators), (tree) => {
        expect(constOf(full(tree))).toEqual(plain(tree));
        expect(constOf(print({ kind: "file", path: "", items: [constant(tree)], comments: [], lineStarts: [], span: tree.span }).replace(/^const v = ([^]*);\n$/, "$1"))).toEqual(
          plain(tree),
        );
      }),
      { numRuns: 150 },
    );
  });
});

const constant = (value: Expression) =>
  ({ kind: "const", exported: false, names: [{ kind: "identifier", name: "v", span: value.span }], tuple: false, value, span: value.span }) as const;

describe("parentheses", () => {
  test.each([
    ["x = ((a + b)) * c;", "x = (a + b) * c;"],
    ["x = (a * b) + c;", "x = a * b + c;"],
    ["x = a - (b - c);", "x = a - (b - c);"],
    ["x = (a - b) - c;", "x = a - b - c;"],
    ["x = a / b * c;", "x = (a / b) * c;"],
    ["x = a * b / c;", "x = a * b / c;"],
    ["x = a && b || c;", "x = (a && b) || c;"],
    ["x = (-a) @ b;", "x = -a @ b;"],
    ["x = -(a @ b);", "x = -(a @ b);"],
    ["x = - -a;", "x = -(-a);"],
    ["x = (a < b) == c;", "x = (a < b) == c;"],
    ["for i in (-1)..(n+1) { f(); }", "for i in -1..n + 1 {\n  f();\n}"],
    ["x = (a ? b : c) ? d : (e ? f : g);", "x = (a ? b : c) ? d : e ? f : g;"],
    ["x = (-a).abs();", "x = (-a).abs();"],
    ["f((a < b), c > (d + e) * 2);", "f((a < b), c > (d + e) * 2);"],
    ["f(a < (b), c);", "f(a < b, c);"],
    ["x = cast<f32>((a));", "x = cast<f32>(a);"],
    ["(repeat)[0] = 1;", "(repeat[0]) = 1;"],
  ])("%s", (text, formatted) => expect(formatStatement(text)).toBe(formatted));
});

describe("layout", () => {
  test("long calls break one argument a line, chains before their operators", () => {
    expect(formatStatement(`x = gather(${"a_rather_long_name, ".repeat(6)}1) + y;`)).toMatchInlineSnapshot(`
      "x = gather(
        a_rather_long_name,
        a_rather_long_name,
        a_rather_long_name,
        a_rather_long_name,
        a_rather_long_name,
        a_rather_long_name,
        1,
      )
        + y;"
    `);
    expect(formatStatement(`x = ${Array.from({ length: 8 }, (_, i) => `a_rather_long_name_${i}`).join(" + ")};`)).toMatchInlineSnapshot(`
      "x = a_rather_long_name_0
        + a_rather_long_name_1
        + a_rather_long_name_2
        + a_rather_long_name_3
        + a_rather_long_name_4
        + a_rather_long_name_5
        + a_rather_long_name_6
        + a_rather_long_name_7;"
    `);
  });

  test("no line is longer than 110 columns where a break is possible", () => {
    const longest = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));
    for (const { text } of programs()) {
      const squeezed = text.replace(/^\s*(\/\/.*)$/gm, "").replace(/\/\/.*$/gm, "").replace(/\s+/g, " ");
      expect(longest(print(read(squeezed).file))).toBeLessThanOrEqual(110);
    }
  });

  test("blank lines are kept, one at most, and none at the ends of a block", () => {
    expect(formatStatement("\n\nx = 1;\ny = 2;\n\n\n\nz = 3;\n\n")).toBe("x = 1;\ny = 2;\n\nz = 3;");
  });

  test("comments stay where they are", () => {
    const text = `// head

import { a } from "m"; // why

// before
fn f(
  x: f32, // an input
  y: f32,
) -> f32 { // heading
  // first
  if x > 1 {
    // only a comment
  } else {
    // of the else
    g(x); // trailing
  }

  /* block */
  return h(
    x,
    // before y
    y,
  ); // end
  // last
}
// tail
`;
    expect(format(text)).toBe(text);
  });

  test("a comment inside an expression goes behind its statement", () => {
    expect(formatStatement("x = a + // why\n b;\ny = 1;")).toBe("x = a + b; // why\ny = 1;");
  });

  test("a /// line that documents nothing stays a comment", () => {
    const { file: tree } = read("fn f() -> f32 {\n  /// note\n  x = 1;\n}\n");
    expect(tree.comments.map((comment) => comment.text)).toEqual(["/// note"]);
    expect(print(tree)).toBe("fn f() -> f32 {\n  /// note\n  x = 1;\n}\n");
  });

  test("declarations side by side are a table, unless it is too wide", () => {
    expect(format("graph g {\n param a: f32[3]; param b: f32;\n param long_name: f32; param c: f32;\n}")).toBe(
      "graph g {\n  param a: f32[3];        param b: f32;\n  param long_name: f32;   param c: f32;\n}\n".replaceAll(";        ", ";       ").replaceAll("f32;   param c", "f32;  param c"),
    );
    const wide = `param ${"a".repeat(60)}: f32;`;
    expect(format(`graph g {\n ${wide} ${wide.replaceAll("a".repeat(60), "b".repeat(60))}\n}`).split("\n")).toHaveLength(5);
  });

  test("in and out align with their neighbours only", () => {
    expect(format("graph g {\n in a: f32;\n out b: f32;\n\n in c: f32;\n}")).toBe("graph g {\n  in  a: f32;\n  out b: f32;\n\n  in c: f32;\n}\n");
    for (const between of [" /* two\nlines */;\n", "; /* two\nlines */\n", "; /* two\nlines */ "]) expect(format(`graph g {\n in a: f32${between}out b: f32;\n}`)).toBe("graph g {\n  in  a: f32; /* two\nlines */\n  out b: f32;\n}\n");
  });

  test("an empty file is empty", () => {
    expect(format("")).toBe("");
    expect(format("\n// only\n")).toBe("// only\n");
  });
});

/** Puts a comment before every k-th token: whatever happens to its place, it is not lost. */
describe("comments anywhere", () => {
  test("are all kept, and the layout is stable", () => {
    const texts = programs().map(({ text }) => text);
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.integer({ min: 0, max: 10 ** 6 }), fc.constantFrom("// c\n", "/* c */", "\n// own\n", "/* two\nlines */"), (text, at, comment) => {
        const gaps = [...text.matchAll(/\s+/g)].map((match) => match.index);
        const gap = gaps[at % gaps.length]!;
        const changed = `${text.slice(0, gap)} ${comment}${text.slice(gap)}`;
        const before = read(changed);
        // Within a string or a comment it is none.
        fc.pre(before.diagnostics.length === 0);
        const printed = print(before.file);
        const after = read(printed);
        expect(after.diagnostics).toEqual([]);
        const sorted = (tree: unknown): unknown => ({ ...(plain(tree) as object), comments: (plain(tree) as { comments: string[] }).comments.toSorted() });
        expect(sorted(after.file)).toEqual(sorted(before.file));
        expect(print(after.file)).toBe(printed);
      }),
      { numRuns: 120 },
    );
  });
});
