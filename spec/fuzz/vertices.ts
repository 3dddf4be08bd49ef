/**
 * Random vertices: bodies of the kinds users write (maps, stencils, reductions, states, searches with `while`, masks), and
 * the placements that cover a tensor with them. Floats stay multiples of 1/4 up to 8, so that any order of adding is exact.
 */
import { isFloat, type DType } from "../../runtime/dtype.ts";
import type { Decisions } from "../../compiler/support/testing/decisions.ts";

export interface VertexField {
  readonly name: string;
  readonly access: "in" | "out" | "inout";
  /** Which part of the rows a placement covers: a row of it, the same one for all, or one element per row. */
  readonly shape: "row" | "shared-scalar" | "element" | "shared-row" | "block" | "turned-block";
}

export interface RandomVertex {
  readonly name: string;
  readonly dtype: DType;
  readonly text: string;
  readonly fields: readonly VertexField[];
  readonly parameters: string;
}

const dtypes: readonly DType[] = ["f32", "i32", "f32", "u8", "f64", "i64", "f16", "i16", "u32", "bf16"];

export function randomVertex(decisions: Decisions, name: string): RandomVertex {
  const dtype = decisions.pick(dtypes);
  const { fields, generics, body } = decisions.pick(kinds)(decisions, dtype);
  const declared = fields.map((field) => `  ${field.access} ${field.name}: ${dtype}${dimensions(field.shape)};`);
  const usesLimit = body.includes("limit");
  return {
    name, dtype, fields, parameters: usesLimit ? `(${1 + decisions.below(6)})` : "",
    text: `vertex ${name}<${generics}>${usesLimit ? "(limit: int)" : ""} {\n${declared.join("\n")}\n  compute {\n${indent(body, 4)}\n  }\n}`,
  };
}

function dimensions(shape: VertexField["shape"]): string {
  switch (shape) {
    case "row": case "shared-row": return "[n]";
    case "block": return "[m, n]";
    case "turned-block": return "[n, m]";
    default: return "";
  }
}

export const indent = (text: string, by: number): string => text.split("\n").map((line) => (line === "" ? "" : " ".repeat(by) + line)).join("\n");

interface Kind {
  readonly fields: readonly VertexField[];
  readonly generics: string;
  readonly body: string;
}

/** Keeps a float within what the states hold. */
const kept = (dtype: DType, text: string): string => (isFloat(dtype) ? `clamp(round(${text} * 4) / 4, -8, 8)` : text);

/** An expression of scalars of one dtype. */
function scalar(decisions: Decisions, dtype: DType, leaves: readonly string[], depth: number): string {
  if (depth === 0 || decisions.exhausted) return decisions.pick([...leaves, ...leaves, "1", isFloat(dtype) ? "0.5" : "3"]);
  // Literals alone would be computed when compiling, where they may leave the dtype.
  const first = scalar(decisions, dtype, leaves, depth - 1);
  const a = /[a-z]/.test(first) ? first : leaves[0]!;
  const second = scalar(decisions, dtype, leaves, depth - 1);
  const integer = ["&", "|", "^"];
  const choice = decisions.below(isFloat(dtype) ? 7 : 10);
  // A choice between literals would have a dtype of its own.
  const b = choice === 5 && !/[a-z]/.test(second) ? leaves[0]! : second;
  switch (choice) {
    case 0: return `(${a} + ${b})`;
    case 1: return `(${a} - ${b})`;
    case 2: return `(${a} * ${b})`;
    case 3: return `max(${a}, ${b})`;
    case 4: return `min(${a}, ${b})`;
    case 5: return `select(${a} ${decisions.pick(["<", ">=", "=="])} ${b}, ${b}, ${scalar(decisions, dtype, leaves, 0)})`;
    case 6: return leaves.includes(a) ? `abs(${a})` : `(${a} + ${leaves[0]})`;
    default: return `(${a} ${decisions.pick(integer)} ${b})`;
  }
}

/** A leaf expression that is no plain literal, so that its dtype is known. */
const variableExpression = (decisions: Decisions, dtype: DType, leaves: readonly string[], depth: number): string => `(${scalar(decisions, dtype, leaves, depth)} + ${decisions.pick(leaves)})`;

const kinds: readonly ((decisions: Decisions, dtype: DType) => Kind)[] = [
  // Maps of rows.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "row" }, { name: "c", access: "in", shape: decisions.pick(["shared-scalar", "element"]) }, { name: "b", access: "out", shape: "row" }],
    generics: "n",
    body: `for i in 0..n {\n  b[i] = ${kept(dtype, variableExpression(decisions, dtype, ["a[i]", "c", "a[n - 1 - i]"], 2))};\n}`,
  }),
  // Three-point stencils.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "row" }, { name: "b", access: "out", shape: "row" }],
    generics: "n",
    body: `for i in 0..n {\n  b[i] = a[i];\n}\nfor i in 1..n - 1 {\n  b[i] = ${kept(dtype, variableExpression(decisions, dtype, ["a[i - 1]", "a[i + 1]", "a[i]"], 2))};\n}`,
  }),
  // Reductions of rows.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "row" }, { name: "x", access: "in", shape: "shared-row" }, { name: "b", access: "out", shape: "element" }],
    generics: "n",
    body: [
      `var total: ${dtype} = 0;`,
      `for i in 0..n {`,
      decisions.pick(["  total += a[i] * x[i];", "  total = max(total, a[i] + x[i]);", "  if a[i] > x[i] {\n    total += a[i];\n  }", "  total = min(total, x[i]) + a[i];", "  total += select(a[i] == x[i], a[i], x[i]);"]),
      "}",
      `b = ${kept(dtype, "(total + a[0])")};`,
    ].join("\n"),
  }),
  // States that live on.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "row" }, { name: "b", access: "inout", shape: "row" }],
    generics: "n",
    body: `for i in 0..n {\n  b[i] = ${kept(dtype, variableExpression(decisions, dtype, ["b[i]", "a[i]"], 2))};\n}`,
  }),
  // Chains along the row.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "row" }, { name: "b", access: "inout", shape: "row" }],
    generics: "n",
    body: `for i in 1..n {\n  b[i] = ${kept(dtype, `(b[i - 1] ${decisions.pick(["+", "-"])} a[i])`)};\n}`,
  }),
  // Searches that end by themselves.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "row" }, { name: "b", access: "out", shape: "row" }],
    generics: "n",
    body: `for i in 0..n {\n  var x: ${dtype} = a[i];\n  var k: i32 = 0;\n  while x < 6 && k < limit {\n    x = ${kept(dtype, "(x + a[i] + 1)")};\n    k += 1;\n  }\n  b[i] = ${decisions.pick(["x", `cast<${dtype}>(k)`, kept(dtype, `(x + cast<${dtype}>(k))`)])};\n}`,
  }),
  // Masks: one branch or the other writes.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "row" }, { name: "c", access: "in", shape: "shared-scalar" }, { name: "b", access: "inout", shape: "row" }],
    generics: "n",
    body: `for i in 0..n {\n  if a[i] ${decisions.pick([">", "<=", "=="])} c {\n    b[i] = ${kept(dtype, variableExpression(decisions, dtype, ["a[i]", "c"], 1))};\n  } else ${decisions.pick(["if i % 2 == 0 ", ""])}{\n    b[i] = ${kept(dtype, "(b[i] + a[i])")};\n  }\n}`,
  }),
  // Blocks in two dimensions.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "block" }, { name: "b", access: "out", shape: "block" }],
    generics: "m, n",
    body: `for i in 0..m {\n  for j in 0..n {\n    b[i, j] = ${kept(dtype, variableExpression(decisions, dtype, ["a[i, j]", "a[m - 1 - i, j]", "a[i, 0]"], 2))};\n  }\n}`,
  }),
  // Blocks with sums of their rows and columns.
  (decisions, dtype) => ({
    fields: [{ name: "a", access: "in", shape: "block" }, { name: "b", access: "inout", shape: "block" }],
    generics: "m, n",
    body: decisions.pick([
      `for j in 0..n {\n  var sum: ${dtype} = 0;\n  for i in 0..m {\n    sum += a[i, j];\n  }\n  for i in 0..m {\n    b[i, j] = ${kept(dtype, "(b[i, j] + sum)")};\n  }\n}`,
      `for i in 0..m {\n  for j in i..n {\n    b[i, j] = ${kept(dtype, "(a[i, j] - b[i, j])")};\n  }\n}`,
      `for i in 1..m {\n  for j in 1..n {\n    b[i, j] = ${kept(dtype, "(b[i - 1, j - 1] + a[i, j])")};\n  }\n}`,
    ]),
  }),
];

/** `place` statements that cover x: [m, n] with vertices; `own` is what they write, `given` what they read. */
export interface Operands {
  readonly rows: number;
  readonly columns: number;
  /** Names of states of the vertex's dtype. */
  readonly matrix: string;
  readonly result: string;
  readonly vector: string;
  readonly elements: string;
  readonly scalar: string;
}

export function placements(decisions: Decisions, vertex: RandomVertex, operands: Operands): string {
  const { rows, columns } = operands;
  const blocks = vertex.fields.some(({ shape }) => shape === "block");
  const put = (part: string, element: string, tile: string): string => {
    const fields = vertex.fields.map(({ name, access, shape }) => {
      switch (shape) {
        case "row": case "block": return `${name} = ${access === "in" ? operands.matrix : operands.result}${part}`;
        case "element": return `${name} = ${access === "in" ? operands.vector : operands.elements}${element}`;
        case "shared-scalar": return `${name} = ${operands.scalar}`;
        case "shared-row": return `${name} = ${operands.matrix}${part.replace(/\br\b/, "0")}`;
        default: return `${name} = ${operands.matrix}${part}`;
      }
    });
    return `place ${vertex.name}${vertex.parameters} { ${fields.join(", ")} } on ${tile};`;
  };
  if (!blocks) {
    const tile = decisions.pick(["r % tiles", `r * tiles / ${rows}`, "0", "(r * 7 + 3) % tiles", "r * r % tiles", "(tiles - 1 - r % tiles)", "r / 2 % tiles", "tiles - 1"]);
    const reversed = decisions.rarely(4) ? ", ::-1" : "";
    return `for r in 0..${rows} {\n  ${put(`[r${reversed}]`, "[r]", tile)}\n}`;
  }
  const tile2 = decisions.pick(["(p * 2 + q) % tiles", "p * tiles / 2", "(p + q) % tiles", "q % tiles", "(p * 5 + q * 3) % tiles"]);
  const [half, middle] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  switch (decisions.below(3)) {
    // Even blocks where the extents divide, else a checkered set of strides.
    case 0: return `for p in 0..2 {\n  for q in 0..2 {\n    ${put("[p::2, q::2]", "", tile2)}\n  }\n}`;
    case 1: return `for p in 0..2 {\n  for q in 0..2 {\n    ${put(`[p * ${half} : p == 0 ? ${half} : ${rows}, q * ${middle} : q == 0 ? ${middle} : ${columns}]`, "", tile2)}\n  }\n}`;
    default: return put("", "", "1 % tiles");
  }
}
