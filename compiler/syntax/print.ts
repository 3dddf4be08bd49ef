/**
 * The formatter: a syntax tree in the one layout that all programs share. Printing and parsing again gives the same
 * tree, and printing that gives the same text.
 *
 * What is kept of the source's own layout: comments, blank lines between members and statements (at most one in a row),
 * and declarations of state written side by side, which form a table with aligned columns. The words `in` and `out` of
 * neighbouring fields are padded to one width. Lines over 110 columns are broken in lists and chains of operators.
 */
import { unreachable } from "../support/bug.ts";
import type {
  Comment, Const, Expression, File, Fn, Generic, Identifier, Item, Let, Member, Parameter, SetStatement, StateDeclaration, Statement, SwitchCase,
  TypeExpression, Var, VertexDeclaration, VertexField,
} from "./ast.ts";
import type { Span } from "../support/span.ts";
import { CommentCursor } from "./comment-cursor.ts";
import { concat, hardLine, indent, sequence, writeLayout } from "./layout.ts";
import type { Layout } from "./layout.ts";
import { writeString } from "./literals.ts";
import { ExpressionPrinter } from "./print-expression.ts";

const lineWidth = 110;

/** The text of a file, ending in a line break unless the file is empty. */
export function print(file: File): string {
  return new Printer(file).file();
}

/** What stands in a row under another: a member, a statement, a case, … */
type Node = Item | Member | Statement | SetStatement | VertexPart | CaseNode;
type VertexPart =
  | VertexField
  | { readonly kind: "compute" | "grad"; readonly body: readonly Statement[]; readonly span: Span }
  | { readonly kind: "cycles"; readonly value: Expression; readonly span: Span };
type CaseNode = SwitchCase & { readonly kind: "case" };

/** A node as it stands in the text: one line or several, with whether a blank line comes before. */
interface Row {
  layout: Layout;
  blankBefore: boolean;
}

type Directed = VertexField | StateDeclaration;

class Printer extends ExpressionPrinter {
  private readonly tree: File;

  constructor(file: File) {
    super(new CommentCursor(file.comments));
    this.tree = file;
  }

  file(): string {
    const rows = this.rows(this.tree.items, Number.POSITIVE_INFINITY, () => true, true);
    if (rows.length === 0) return "";
    return `${writeLayout(this.stack(rows), lineWidth)}\n`;
  }

  // ---- places in the source

  /** The line of an offset, from 0; undefined for a tree that no text was read for. */
  private lineOf(offset: number): number | undefined {
    const starts = this.tree.lineStarts;
    if (starts.length === 0) return undefined;
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The line on which a node begins, with its doc comment. */
  private firstLine(node: Node): number | undefined {
    const at = this.lineOf(node.span.start);
    const doc = docOf(node);
    return at === undefined || doc === undefined ? at : at - doc.split("\n").length;
  }

  private onOneLine(a: Node, b: Node): boolean {
    const line = this.lineOf(b.span.start);
    return line !== undefined && this.lineOf(a.span.start) === line;
  }

  // ---- rows

  private stack(rows: readonly Row[]): Layout {
    return sequence(rows.flatMap((row, i) => (i === 0 ? [row.layout] : row.blankBefore ? [hardLine, hardLine, row.layout] : [hardLine, row.layout])));
  }

  /**
   * `{ … }` around rows; `end` is where the block ends at the latest, `nodeEnd` where the node around it does: they differ
   * for what stands before an `else`.
   */
  private block(nodes: readonly Node[], end: number, nodeEnd = end): Layout {
    // Not the comments of the block behind the `else`.
    const belongs = (comment: Comment): boolean => comment.closesAt < end || comment.closesAt >= nodeEnd;
    // A comment on the line of the `{` stays there.
    const heading = this.comments.trailing(0, Math.min(end, nodes[0]?.span.start ?? end), belongs);
    const rows = this.rows(nodes, end, belongs, false);
    if (rows.length === 0 && heading.length === 0) return "{}";
    const opening = concat("{", sequence(heading.map((comment) => ` ${comment.text}`)));
    return rows.length === 0 ? concat(opening, hardLine, "}") : concat(opening, indent(hardLine, this.stack(rows)), hardLine, "}");
  }

  /** Nodes and the comments between and behind them, up to `end`. */
  private rows(nodes: readonly Node[], end: number, belongs: (comment: Comment) => boolean, ofFile: boolean): Row[] {
    const rows: Row[] = [];
    const widths = this.directionWidths(nodes);
    /** The last line that is already shown. */
    let lastLine: number | undefined;
    const isBlank = (firstLine: number | undefined): boolean => firstLine !== undefined && lastLine !== undefined && firstLine - lastLine > 1;
    const addComments = (limit: number): void => {
      for (const comment of this.comments.before(limit, belongs)) {
        const last = rows.at(-1);
        if (comment.trailing && last !== undefined) last.layout = concat(last.layout, ` ${comment.text}`);
        else rows.push({ layout: comment.text, blankBefore: rows.length > 0 && isBlank(this.lineOf(comment.span.start)) });
        lastLine = this.lineOf(comment.span.end);
      }
    };
    let previous: Node | undefined;
    /** The row that comes after the previous node: it or a comment. */
    let rowAfter = 0;
    /** Nodes before this one were found to make no table. */
    let noTableBefore = 0;
    for (let i = 0; i < nodes.length; ) {
      const node = nodes[i]!;
      addComments(node.span.start);
      const apart = previous !== undefined && (ofFile ? standsApart(previous, node) : this.tree.lineStarts.length === 0 && (hasBody(previous) || hasBody(node)));
      const firstComment = rows[rowAfter];
      if (apart && firstComment !== undefined) firstComment.blankBefore = true;
      const blankBefore = rows.length > 0 && (isBlank(this.firstLine(node)) || (apart && firstComment === undefined));
      const table = i < noTableBefore ? undefined : this.tableAt(nodes, i);
      if (table?.rows !== undefined) {
        table.rows.forEach((row, k) => rows.push({ layout: row, blankBefore: k === 0 && blankBefore }));
        i += table.count;
      } else {
        noTableBefore = Math.max(noTableBefore, i + (table?.count ?? 0));
        rows.push({ layout: concat(sequence(docLines(node)), this.node(node, widths[i]!)), blankBefore });
        i += 1;
      }
      previous = nodes[i - 1]!;
      rowAfter = rows.length;
      lastLine = this.lineOf(Math.max(previous.span.start, previous.span.end - 1));
      this.addInner(rows, previous.span.end);
    }
    addComments(end);
    return rows;
  }

  /** Comments from within a node that none of its lists took: the first goes behind it, others on lines of their own. */
  private addInner(rows: Row[], end: number): void {
    const inner = this.comments.before(end);
    inner.forEach((comment, i) => {
      const last = rows.at(-1);
      if (i === 0 && last !== undefined) last.layout = concat(last.layout, ` ${comment.text}`);
      // On its own line a `///` would become the doc comment of what follows.
      else rows.push({ layout: comment.text.replace(/^\/\/\/(?!\/)/, "//"), blankBefore: false });
    });
  }

  // ---- tables of state

  /**
   * The declarations of state from the i-th node on that stand side by side, as lines with aligned columns, and how many
   * they are; without `rows` if they are too wide.
   */
  private tableAt(nodes: readonly Node[], i: number): { readonly count: number; readonly rows?: string[] } | undefined {
    const lines: string[][] = [];
    let at = i;
    while (at < nodes.length) {
      const first = nodes[at]!;
      if (at > i && !this.touch(nodes[at - 1]!, first)) break;
      let after = at + 1;
      while (after < nodes.length && isPlainState(nodes[after]!) && this.onOneLine(first, nodes[after]!)) after += 1;
      const tooFew = after === at + 1 || !isPlainState(first);
      if (tooFew || (nodes[after] !== undefined && this.onOneLine(first, nodes[after]!)) || this.comments.waitsBefore(nodes[after - 1]!.span.end)) break;
      lines.push(nodes.slice(at, after).map((node) => writeLayout(this.node(node, 0), Number.POSITIVE_INFINITY)));
      at = after;
    }
    if (lines.length === 0) return undefined;
    const widths: number[] = [];
    for (const row of lines) row.forEach((text, k) => (widths[k] = Math.max(widths[k] ?? 0, text.length)));
    const rows = lines.map((row) => row.map((text, k) => (k === row.length - 1 ? text : text.padEnd(widths[k]!))).join("  "));
    const tooWide = rows.some((row) => row.includes("\n") || row.length > lineWidth - indentOfMembers);
    return { count: at - i, ...(tooWide ? {} : { rows }) };
  }

  /** How wide the words `in`, `out`, `inout` are written in each node: as the widest of its kind among the neighbours. */
  private directionWidths(nodes: readonly Node[]): number[] {
    const widths = new Array<number>(nodes.length).fill(0);
    for (let start = 0; start < nodes.length; ) {
      let end = start + 1;
      while (end < nodes.length && directionKind(nodes[end]!) !== undefined && this.touch(nodes[end - 1]!, nodes[end]!)) end += 1;
      const widest = { plain: 0, stream: 0 };
      for (const node of nodes.slice(start, end)) {
        const kind = directionKind(node);
        if (kind !== undefined) widest[kind] = Math.max(widest[kind], directionOf(node as Directed).length);
      }
      for (let i = start; i < end; i++) {
        const kind = directionKind(nodes[i]!);
        if (kind !== undefined) widths[i] = widest[kind];
      }
      start = end;
    }
    return widths;
  }

  /** Whether nothing stands between two nodes but a comment behind the first, and they stand on neighbouring lines. */
  private touch(a: Node, b: Node): boolean {
    if (docOf(b) !== undefined) return false;
    const behind = this.comments.endBehind(a.span.end, b.span.start);
    const [end, start] = [this.lineOf(behind), this.lineOf(b.span.start)];
    // Behind a comment of several lines another line is begun.
    return end === undefined || start === undefined || start - end === 1 || (start === end && end !== this.lineOf(a.span.end));
  }

  // ---- nodes

  private node(node: Node, directionWidth: number): Layout {
    switch (node.kind) {
      case "import":
        return concat(
          "import ",
          this.list("{", node.names.map((entry) => ({ ...entry, span: entry.name.span })), "}", node.from.span.start, ({ name, alias }) =>
            alias === undefined ? name.name : `${name.name} as ${alias.name}`, { space: " " }),
          ` from ${writeString(node.from.value)};`,
        );
      case "const":
        return concat(exported(node), "const ", this.declared(node));
      case "fn":
        return concat(
          annotation(node), exported(node), `fn ${node.name.name}`, this.generics(node.generics), this.parameters(node.parameters, node.result.span.start), " -> ", unbroken(this.type(node.result)), " ",
          this.block(node.body, node.span.end),
        );
      case "vertex":
        return this.vertex(node);
      case "graph":
        return concat(
          exported(node), `graph ${node.name.name}`, node.parameters.length === 0 ? "" : this.parameters(node.parameters, node.members[0]?.span.start ?? node.span.end, node.span.end - 1), " ",
          this.block(node.members, node.span.end),
        );
      case "field":
        return concat(`${node.access.padEnd(directionWidth)} ${node.name.name}`, this.annotation(node.type), ";");
      case "compute":
      case "grad":
        return concat(`${node.kind} `, this.block(node.body, node.span.end));
      case "cycles":
        return concat("cycles = ", this.expression(node.value), ";");
      case "state": {
        const stream = node.role.startsWith("stream ") ? "stream " : "";
        const value = node.value === undefined ? [] : [" = ", this.expression(node.value)];
        return concat(`${stream}${directionOf(node).padEnd(directionWidth)} ${node.name.name}`, this.annotation(node.type), ...value, ";");
      }
      case "let":
        return concat(annotation(node), "let ", this.declared(node));
      case "var":
        return concat("var ", this.declared(node));
      case "map":
        return concat("map ", this.expression(node.target), " on ", this.expression(node.tile), ";");
      case "compute-set":
        return concat(`compute set ${node.name.name} `, this.block(node.body, node.span.end));
      case "program":
        return concat(`program ${node.name.name} `, this.block(node.body, node.span.end));
      case "for":
      case "member-for":
      case "set-for":
        return concat(`for ${node.name.name} in `, this.expression(node.iterable), " ", this.block(node.body, node.span.end));
      case "if":
      case "member-if":
      case "set-if":
        return this.if(node);
      case "place": {
        const tile = node.tile.span.start;
        const args = node.args.length === 0 ? "" : this.arguments(node.args, node.fields[0]?.span.start ?? tile, node.fields[0]?.span.start ?? tile);
        const fields = this.list("{", node.fields, "}", tile, (field) => concat(`${field.name.name} = `, this.expression(field.value)), { space: " ", closesBefore: tile });
        return concat(`place ${node.vertex.name}`, args, " ", fields, " on ", this.expression(node.tile), ";");
      }
      case "assign":
        return concat(this.beginning(node.target), ` ${node.op} `, this.expression(node.value), ";");
      case "expression-statement":
        return concat(this.beginning(node.value), ";");
      case "repeat":
        return concat("repeat ", this.expression(node.count), ...this.limit(node), " ", this.block(node.body, node.span.end));
      case "while":
        return concat("while ", this.expression(node.condition), ...this.limit(node), " ", this.block(node.body, node.span.end));
      case "switch":
        return concat("switch ", this.expression(node.subject), " ", this.block(node.cases.map((one): CaseNode => ({ kind: "case", ...one })), node.span.end));
      case "case": {
        const value = node.value === undefined ? "default" : node.value.kind === "identifier" && node.value.name === "default" ? "(default)" : this.expression(node.value);
        return concat(value, " => ", this.block(node.body, node.span.end));
      }
      case "execute":
        return `execute ${node.name.name};`;
      case "call-program":
        return `call ${node.name.name};`;
      case "return":
        return concat("return ", this.expression(node.value), ";");
      default:
        return unreachable(node);
    }
  }

  private limit({ limit }: { readonly limit?: Expression }): readonly Layout[] {
    return limit === undefined ? [] : [" limit ", this.expression(limit)];
  }

  private vertex(node: VertexDeclaration): Layout {
    const compute: VertexPart = { kind: "compute", ...node.compute };
    const cycles: VertexPart[] = node.cycles === undefined ? [] : [{ kind: "cycles", value: node.cycles, span: node.cycles.span }];
    const grad: VertexPart[] = node.grad === undefined ? [] : [{ kind: "grad", ...node.grad }];
    const parts: VertexPart[] = [...node.fields, compute, ...grad, ...cycles];
    // In the order of the source, so that comments stay with what they are about.
    parts.sort((a, b) => a.span.start - b.span.start);
    return concat(
      exported(node), `vertex ${node.name.name}`, this.generics(node.generics),
      node.parameters.length === 0 ? "" : this.parameters(node.parameters, parts[0]!.span.start, node.span.end - 1), " ", this.block(parts, node.span.end),
    );
  }

  /** What stands behind `let`, `var` and `const`. */
  private declared(node: Let | Var | Const): Layout {
    const after = (node.type ?? node.value).span.start;
    const names = node.tuple ? this.list("(", node.names, ")", after, (name: Identifier) => name.name, { closesBefore: after }) : node.names[0]!.name;
    return concat(names, this.annotation(node.type), " = ", this.expression(node.value), ";");
  }

  private annotation(type: TypeExpression | undefined): Layout {
    return type === undefined ? "" : concat(": ", this.type(type));
  }

  private generics(generics: readonly Generic[]): Layout {
    if (generics.length === 0) return "";
    return this.list("<", generics, ">", generics.at(-1)!.span.end, ({ name, rest, bound }) => `${rest ? "..." : ""}${name.name}${bound === undefined ? "" : `: ${bound.name}`}`);
  }

  private parameters(parameters: readonly Parameter[], end: number, closesBefore = Number.POSITIVE_INFINITY): Layout {
    return this.list("(", parameters, ")", end, (parameter) =>
      concat(parameter.name.name, this.annotation(parameter.type), ...(parameter.default === undefined ? [] : [" = ", this.expression(parameter.default)])),
      { closesBefore },
    );
  }

  /** The branches of an `if` and its `else if`s. */
  private if(first: Extract<Statement | Member | SetStatement, { condition: Expression; then: unknown }> & { readonly kind: "if" | "member-if" | "set-if" }): Layout {
    const parts: Layout[] = [];
    for (let at = first; ; ) {
      const otherwise: readonly Node[] = at.otherwise;
      const next = otherwise[0];
      const end = next === undefined ? at.span.end : next.span.start;
      parts.push("if ", this.expression(at.condition), " ", this.block(at.then, end, at.span.end));
      if (next === undefined) break;
      parts.push(" else ");
      if (otherwise.length === 1 && next.kind === first.kind && isElseIf(at, next)) {
        at = next as typeof first;
        continue;
      }
      parts.push(this.block(otherwise, at.span.end));
      break;
    }
    return sequence(parts);
  }

  /** What a statement begins with, where `repeat` would begin a loop. */
  private beginning(target: Expression): Layout {
    return beginsWithRepeat(target) ? this.parenthesised(target) : this.expression(target);
  }
}

/** A layout on one line, unless a comment in it forbids or no line has room for it. */
function unbroken(layout: Layout): Layout {
  const text = writeLayout(layout, Number.POSITIVE_INFINITY);
  return text.includes("\n") || `) -> ${text} {`.length > lineWidth ? layout : text;
}

/** How deep the members of a graph are indented. */
const indentOfMembers = 2;

const isPlainState = (node: Node): boolean => node.kind === "state" && node.doc === undefined;

function docOf(node: Node): string | undefined {
  return "doc" in node ? node.doc : undefined;
}

function docLines(node: Node): Layout[] {
  const doc = docOf(node);
  return doc === undefined ? [] : doc.split("\n").flatMap((text) => [text === "" ? "///" : `/// ${text}`, hardLine]);
}

const annotation = (node: Let | Fn): string => (node.recompute ? "@recompute " : "");
const exported = (node: { readonly exported: boolean }): string => (node.exported ? "export " : "");

function hasBody(node: Node): boolean {
  return "body" in node || "then" in node || "members" in node || node.kind === "vertex" || node.kind === "switch";
}

/** Items between which there is always a blank line. */
function standsApart(a: Node, b: Node): boolean {
  return a.kind !== b.kind || hasBody(a) || hasBody(b);
}

/** Fields of one kind align their direction words with each other. */
function directionKind(node: Node): "plain" | "stream" | undefined {
  if (node.kind === "field") return "plain";
  if (node.kind !== "state") return undefined;
  switch (node.role) {
    case "in":
    case "out":
      return "plain";
    case "stream in":
    case "stream out":
      return "stream";
    case "param":
    case "var":
      return undefined;
    default:
      return unreachable(node.role);
  }
}

function directionOf(node: Directed): string {
  return node.kind === "field" ? node.access : node.role.replace("stream ", "");
}

/** Whether an `if` in an `else` was written `else if`: then both end together. */
function isElseIf(outer: { readonly span: Span }, inner: { readonly span: Span }): boolean {
  return inner.span.end === outer.span.end;
}

function beginsWithRepeat(expression: Expression): boolean {
  for (let at = expression; ; ) {
    switch (at.kind) {
      case "identifier":
        return at.name === "repeat";
      case "call":
        return at.callee.name === "repeat";
      case "member":
        at = at.object;
        break;
      case "method":
        at = at.receiver;
        break;
      case "index":
        at = at.base;
        break;
      default:
        return false;
    }
  }
}
