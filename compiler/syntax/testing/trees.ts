/** For the tests of this folder: trees without places, random trees, and all `.gph` texts of the project. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import type { Diagnostic } from "../../support/diagnostic.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import type { Argument, Expression, File, Identifier, IndexItem, Item, Statement, TypeExpression } from "../ast.ts";
import { parse } from "../parse.ts";
import { assignOperators, infixPrecedence, prefixOperators } from "../precedence.ts";

export function read(text: string): { readonly file: File; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics = new Diagnostics();
  return { file: parse("test.gph", text, diagnostics), diagnostics: diagnostics.list };
}

/** A tree as plain data without spans; comments only as their texts. */
export function plain(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(plain);
  if (typeof tree !== "object" || tree === null) return tree;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(tree)) {
    if (key === "span" || key === "lineStarts" || key === "path" || value === undefined) continue;
    out[key] = key === "comments" ? (value as { text: string }[]).map((comment) => comment.text) : plain(value);
  }
  return out;
}

/** The texts of the examples, the library and this folder. */
export function programs(): { readonly path: string; readonly text: string }[] {
  const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  return ["../../../examples", "../../std", "."].flatMap((path) => {
    const root = folder(path);
    return readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".gph"))
      .toSorted()
      .map((name) => ({ path: name, text: readFileSync(`${root}/${name}`, "utf8") }));
  });
}

// ---- random trees, all of which the grammar can write

const span = { file: "", start: 0, end: 0 };

const word = fc.constantFrom("a", "b", "x", "y", "w1", "sum_of", "n", "repeat", "out", "on", "map", "default", "program", "T", "_");
export const identifier: fc.Arbitrary<Identifier> = word.map((name) => ({ kind: "identifier", name, span }));

const number: fc.Arbitrary<Expression> = fc.constantFrom(
  ["0", 0, false], ["7", 7, false], ["1_000", 1000, false], ["0xff", 255, false], ["0b101", 5, false], ["1.5", 1.5, true], ["1e-3", 1e-3, true],
).map(([text, value, isFloat]) => ({ kind: "number", text: text as string, value: value as number, isFloat: isFloat as boolean, span }));

const text: fc.Arbitrary<string> = fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "\t", "\u0007", "é", "漢", "😀", "{", "/"), maxLength: 6 });

type Kinds = {
  expression: Expression;
  type: TypeExpression;
  argument: Argument;
  index: IndexItem;
};

const optional = <T, K extends string>(key: K, value: fc.Arbitrary<T>): fc.Arbitrary<Partial<Record<K, T>>> =>
  fc.option(value, { nil: undefined }).map((one) => (one === undefined ? {} : ({ [key]: one } as Record<K, T>)));

const kinds = fc.letrec<Kinds>((tie) => {
  const expression = tie("expression");
  const args = fc.array(tie("argument"), { maxLength: 3 });
  const typeArgs = fc.oneof(fc.constant<TypeExpression[]>([]), fc.array(tie("type"), { minLength: 1, maxLength: 2 }));
  const infix = Object.keys(infixPrecedence).filter((op) => op !== "..");
  return {
    expression: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.oneof(number, identifier, fc.boolean().map((value): Expression => ({ kind: "bool", value, span })), text.map((value): Expression => ({ kind: "string", value, span }))),
      fc.tuple(fc.constantFrom(...infix), expression, expression).map(([op, left, right]): Expression => ({ kind: "binary", op: op as "+", left, right, span })),
      fc.tuple(fc.constantFrom(...prefixOperators), expression).map(([op, operand]): Expression => ({ kind: "unary", op, operand, span })),
      fc.tuple(expression, expression).map(([start, end]): Expression => ({ kind: "range", start, end, span })),
      fc.tuple(expression, expression, expression).map(([condition, then, otherwise]): Expression => ({ kind: "conditional", condition, then, otherwise, span })),
      fc.tuple(expression, identifier).map(([object, name]): Expression => ({ kind: "member", object, name, span })),
      fc.array(expression, { maxLength: 3 }).map((elements): Expression => ({ kind: "tuple", elements, span })),
      fc.tuple(identifier, typeArgs, args).map(([callee, types, list]): Expression => ({ kind: "call", callee, typeArgs: types, args: list, span })),
      fc.tuple(expression, identifier, typeArgs, args).map(([receiver, name, types, list]): Expression => ({ kind: "method", receiver, name, typeArgs: types, args: list, span })),
      fc.tuple(expression, fc.array(tie("index"), { minLength: 1, maxLength: 3 })).map(([base, items]): Expression => ({ kind: "index", base, items, span })),
    ),
    type: fc.oneof(
      { depthSize: "small" },
      identifier.map((name): TypeExpression => ({ kind: "named-type", name, span })),
      fc.tuple(identifier, fc.array(fc.oneof(expression, identifier.map((name) => ({ kind: "spread" as const, name, span }))), { maxLength: 3 })).map(
        ([name, dimensions]): TypeExpression => ({ kind: "named-type", name, dimensions, span }),
      ),
      fc.array(tie("type"), { maxLength: 3 }).map((elements): TypeExpression => ({ kind: "tuple-type", elements, span })),
      tie("type").map((element): TypeExpression => ({ kind: "tuple-type", elements: [element as TypeExpression], any: true, span })),
    ),
    argument: fc.tuple(optional("name", identifier), expression).map(([name, value]): Argument => ({ ...name, value, span })),
    index: fc.oneof(
      expression.map((value): IndexItem => ({ kind: "at", value, span })),
      fc.tuple(optional("start", expression), optional("stop", expression), optional("step", expression)).map(
        ([start, stop, step]): IndexItem => ({ kind: "slice", ...start, ...stop, ...step, span }),
      ),
      fc.constant<IndexItem>({ kind: "ellipsis", span }),
    ),
  };
});

export const expression = kinds.expression;
export const type = kinds.type;

/** What a statement can begin with. */
const target: fc.Arbitrary<Expression> = fc.oneof(
  identifier,
  fc.tuple(identifier, fc.array(kinds.index, { minLength: 1, maxLength: 2 })).map(([base, items]): Expression => ({ kind: "index", base, items, span })),
  fc.tuple(expression, expression).map((elements): Expression => ({ kind: "tuple", elements, span })),
);

const effect: fc.Arbitrary<Expression> = fc.tuple(identifier, fc.array(kinds.argument, { maxLength: 3 })).map(
  ([callee, args]): Expression => ({ kind: "call", callee, typeArgs: [], args, span }),
);

const annotation = optional("recompute", fc.constant(true as const));

const { statement } = fc.letrec<{ statement: Statement }>((tie) => {
  const body = fc.array(tie("statement"), { maxLength: 2 });
  return {
    statement: fc.oneof(
      { depthSize: "small" },
      fc.tuple(target, fc.constantFrom(...assignOperators), expression).map(([to, op, value]): Statement => ({ kind: "assign", target: to, op, value, span })),
      effect.map((value): Statement => ({ kind: "expression-statement", value, span })),
      fc.tuple(fc.array(identifier, { minLength: 1, maxLength: 3 }), fc.boolean(), optional("type", type), expression, annotation).map(
        ([names, tuple, types, value, annotations]): Statement => ({ kind: "let", ...annotations, names: tuple ? names : names.slice(0, 1), tuple, ...types, value, span }),
      ),
      fc.tuple(fc.array(identifier, { minLength: 1, maxLength: 3 }), fc.boolean(), optional("type", type), expression).map(
        ([names, tuple, types, value]): Statement => ({ kind: "var", names: tuple ? names : names.slice(0, 1), tuple, ...types, value, span }),
      ),
      expression.map((value): Statement => ({ kind: "return", value, span })),
      fc.tuple(fc.constantFrom("execute" as const, "call-program" as const), identifier).map(([kind, name]): Statement => ({ kind, name, span })),
      fc.tuple(expression, body).map(([count, list]): Statement => ({ kind: "repeat", count, body: list, span })),
      fc.tuple(expression, body).map(([condition, list]): Statement => ({ kind: "while", condition, body: list, span })),
      fc.tuple(identifier, expression, body).map(([name, iterable, list]): Statement => ({ kind: "for", name, iterable, body: list, span })),
      fc.tuple(expression, body, body).map(([condition, then, otherwise]): Statement => ({ kind: "if", condition, then, otherwise, span })),
      fc.tuple(expression, fc.array(fc.tuple(optional("value", expression), body), { maxLength: 3 })).map(
        ([subject, cases]): Statement => ({ kind: "switch", subject, cases: cases.map(([value, list]) => ({ ...value, body: list, span })), span }),
      ),
    ),
  };
});

const doc = optional("doc", fc.constantFrom("One line.", "Two\nlines", "With\n\n  a gap"));

const item: fc.Arbitrary<Item> = fc.oneof(
  fc.tuple(doc, identifier, fc.array(statement, { maxLength: 4 }), annotation).map(
    ([docs, name, body, annotations]): Item => ({
      kind: "fn", ...annotations, exported: false, ...docs, name, generics: [], parameters: [], result: { kind: "named-type", name, span }, body, span,
    }),
  ),
  fc.tuple(doc, identifier, fc.array(statement, { maxLength: 4 }), fc.boolean()).map(
    ([docs, name, body, exported]): Item => ({
      kind: "graph", exported, name, parameters: [], members: [{ kind: "program", ...docs, name, body, span }], span,
    }),
  ),
  fc.tuple(doc, fc.boolean(), fc.array(identifier, { minLength: 1, maxLength: 3 }), fc.boolean(), optional("type", type), expression).map(
    ([docs, exported, names, tuple, types, value]): Item => ({ kind: "const", exported, ...docs, names: tuple ? names : names.slice(0, 1), tuple, ...types, value, span }),
  ),
);

export const file: fc.Arbitrary<File> = fc.array(item, { maxLength: 4 }).map((items) => ({
  kind: "file", path: "test.gph", items, comments: [], lineStarts: [], span,
}));
