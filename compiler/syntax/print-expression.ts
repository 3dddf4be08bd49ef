/**
 * Expressions and types as the formatter writes them.
 *
 * Parentheses stand where precedence needs them, and in two places more where a reader would: around `a && b` inside
 * `||`, and around `a / b` before another `*`, `%` or `@`.
 *
 * Lists break one item a line, chains of operators before each operator.
 */
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import type { Argument, BinaryExpression, BinaryOperator, Comment, DimensionExpression, Expression, IndexItem, TypeExpression } from "./ast.ts";
import { concat, group, hardLine, ifBroken, indent, line, sequence, softLine } from "./layout.ts";
import type { Layout } from "./layout.ts";
import { writeString } from "./literals.ts";
import { chains, conditionalPrecedence, infixPrecedence, postfixPrecedence, prefixPrecedence } from "./precedence.ts";
import type { CommentCursor } from "./comment-cursor.ts";

interface ListOptions {
  readonly space?: "" | " ";
  readonly comma?: "" | ",";
  readonly closesBefore?: number;
}

export class ExpressionPrinter {
  protected readonly comments: CommentCursor;

  constructor(comments: CommentCursor) {
    this.comments = comments;
  }

  // ---- lists

  /**
   * `open item, item close`. `end` bounds the comments that belong to the list, and `closesBefore` where their bracket
   * closes, for lists whose own end is not known; `space` stands inside the brackets of a list on one line; `comma` ends a list of one item a line.
   */
  protected list<Item extends { readonly span: Span }>(
    open: string, items: readonly Item[], close: string, end: number, print: (item: Item) => Layout,
    { space = "", comma = ",", closesBefore = Number.POSITIVE_INFINITY }: ListOptions = {},
  ): Layout {
    const belongs = (comment: Comment): boolean => comment.closesAt < closesBefore;
    const edge = space === "" ? softLine : line;
    const parts: Layout[] = [];
    let breaks = false;
    items.forEach((item, i) => {
      const following = items[i + 1];
      for (const comment of this.comments.before(item.span.start)) {
        const inline = isInline(comment);
        breaks ||= !inline;
        parts.push(comment.text, inline ? " " : hardLine);
      }
      parts.push(print(item), following === undefined ? ifBroken(comma) : ",");
      for (const comment of this.comments.trailing(item.span.end, following?.span.start ?? end, following === undefined ? belongs : undefined)) {
        breaks ||= !isInline(comment);
        parts.push(` ${comment.text}`);
      }
      if (following !== undefined) parts.push(line);
    });
    const left = this.comments.before(end, belongs);
    for (const [i, comment] of left.entries()) {
      breaks = true;
      parts.push(...(items.length === 0 && i === 0 ? [] : [hardLine]), comment.text);
    }
    if (items.length === 0 && left.length === 0) return `${open}${close}`;
    return group(open, indent(edge, sequence(parts)), breaks ? hardLine : edge, close);
  }

  // ---- types

  type(type: TypeExpression): Layout {
    switch (type.kind) {
      case "named-type":
        return type.dimensions === undefined ? type.name.name : concat(type.name.name, this.dimensions(type.dimensions, type.span.end));
      case "tuple-type":
        if (type.any) return concat("(...", this.type(type.elements[0]!), ")");
        if (type.elements.length === 1) return concat("(", this.type(type.elements[0]!), ",)");
        return this.list("(", type.elements, ")", type.span.end, (element) => this.type(element));
      default:
        return unreachable(type);
    }
  }

  private dimensions(dimensions: readonly DimensionExpression[], end: number): Layout {
    const guarded = guardGenerics(dimensions.filter((dimension) => dimension.kind !== "spread"));
    return this.list("[", dimensions, "]", end, (dimension) =>
      dimension.kind === "spread" ? `...${dimension.name.name}` : guarded.has(dimension) ? this.parenthesised(dimension) : this.expression(dimension),
    );
  }

  private typeArguments(types: readonly TypeExpression[]): Layout {
    return types.length === 0 ? "" : this.list("<", types, ">", types.at(-1)!.span.end, (type) => this.type(type), { comma: "" });
  }

  // ---- expressions

  /** An expression where operators down to `loosest` need no parentheses. */
  expression(expression: Expression, loosest = 0): Layout {
    return precedenceOf(expression) < loosest ? this.parenthesised(expression) : this.bare(expression);
  }

  protected parenthesised(expression: Expression): Layout {
    return group("(", indent(softLine, this.bare(expression)), softLine, ")");
  }

  private bare(expression: Expression): Layout {
    switch (expression.kind) {
      case "number":
        return expression.text;
      case "string":
        return writeString(expression.value);
      case "bool":
        return String(expression.value);
      case "identifier":
        return expression.name;
      case "member":
        return concat(this.expression(expression.object, postfixPrecedence), `.${expression.name.name}`);
      case "tuple":
        return this.tuple(expression.elements, expression.span.end);
      case "range": {
        const tighter = infixPrecedence[".."] + 1;
        return concat(this.expression(expression.start, tighter), "..", this.expression(expression.end, tighter));
      }
      case "unary": {
        const { op, operand } = expression;
        // `--x` would be read right, but looks like a decrement.
        const parentheses = operand.kind === "unary" && operand.op === op && (op === "-" || op === "+");
        return concat(op, parentheses ? this.parenthesised(operand) : this.expression(operand, prefixPrecedence));
      }
      case "binary":
        return this.binary(expression);
      case "conditional":
        return group(
          this.expression(expression.condition, conditionalPrecedence + 1),
          indent(line, "? ", this.expression(expression.then), line, ": ", this.expression(expression.otherwise)),
        );
      case "call":
        return concat(expression.callee.name, this.typeArguments(expression.typeArgs), this.arguments(expression.args, expression.span.end));
      case "method":
        return concat(
          this.expression(expression.receiver, postfixPrecedence), `.${expression.name.name}`, this.typeArguments(expression.typeArgs),
          this.arguments(expression.args, expression.span.end),
        );
      case "index":
        return concat(this.expression(expression.base, postfixPrecedence), this.indexItems(expression.items, expression.span.end));
      case "missing":
        return "/* missing */";
      default:
        return unreachable(expression);
    }
  }

  private tuple(elements: readonly Expression[], end: number): Layout {
    if (elements.length === 1) return concat("(", this.expression(elements[0]!), ",)");
    const guarded = guardGenerics(elements);
    return this.list("(", elements, ")", end, (element) => (guarded.has(element) ? this.parenthesised(element) : this.expression(element)));
  }

  protected arguments(args: readonly Argument[], end: number, closesBefore?: number): Layout {
    const guarded = guardGenerics(args.map((arg) => arg.value));
    return this.list("(", args, ")", end, (arg) => {
      const value = guarded.has(arg.value) ? this.parenthesised(arg.value) : this.expression(arg.value);
      return arg.name === undefined ? value : concat(`${arg.name.name} = `, value);
    }, closesBefore === undefined ? {} : { closesBefore });
  }

  private indexItems(items: readonly IndexItem[], end: number): Layout {
    const guarded = guardGenerics(items.flatMap((item) => (item.kind === "at" ? [item.value] : [])));
    return this.list("[", items, "]", end, (item) => {
      switch (item.kind) {
        case "at":
          return guarded.has(item.value) ? this.parenthesised(item.value) : this.expression(item.value);
        case "ellipsis":
          return "...";
        case "slice":
          return this.slice(item);
        default:
          return unreachable(item);
      }
    });
  }

  /** `1:-1`; with spaces, `2 * d : 3 * d`, where both ends are given and one is more than a number. */
  private slice({ start, stop, step }: Extract<IndexItem, { kind: "slice" }>): Layout {
    const bound = (value: Expression | undefined): Layout => (value === undefined ? "" : this.expression(value, conditionalPrecedence + 1));
    const spaced = start !== undefined && stop !== undefined && [start, stop, step].some((value) => value !== undefined && !isNumber(value));
    const colon = spaced ? " : " : ":";
    return concat(bound(start), colon, bound(stop), ...(step === undefined ? [] : [colon, bound(step)]));
  }

  /** A chain of operators of one precedence, which breaks before each of them or nowhere. */
  private binary(expression: BinaryExpression): Layout {
    const precedence = infixPrecedence[expression.op];
    const links: { readonly op: BinaryOperator; readonly right: Expression }[] = [];
    let first: Expression = expression;
    let outer: BinaryOperator | undefined;
    while (first.kind === "binary" && infixPrecedence[first.op] === precedence && (outer === undefined || (chains(precedence) && !clearer(first, outer)))) {
      links.unshift({ op: first.op, right: first.right });
      outer = first.op;
      first = first.left;
    }
    const operand = (value: Expression, loosest: number): Layout =>
      outer !== undefined && clearer(value, outer) ? this.parenthesised(value) : this.expression(value, loosest);
    const head = operand(first, chains(precedence) ? precedence : precedence + 1);
    const tail = links.flatMap(({ op, right }): Layout[] => [line, `${op} `, clearer(right, op) ? this.parenthesised(right) : this.expression(right, precedence + 1)]);
    return group(head, indent(sequence(tail)));
  }
}

/** Whether a comment can stand within a line. */
const isInline = (comment: Comment): boolean => comment.text.startsWith("/*") && !comment.text.includes("\n");

/** Whether an operand gets parentheses only to be read more easily. */
function clearer(operand: Expression, outer: BinaryOperator): boolean {
  if (operand.kind !== "binary") return false;
  if (outer === "||") return operand.op === "&&";
  return operand.op === "/" && (outer === "*" || outer === "%" || outer === "@");
}

function isNumber(expression: Expression): boolean {
  return expression.kind === "number" || (expression.kind === "unary" && expression.operand.kind === "number");
}

function precedenceOf(expression: Expression): number {
  switch (expression.kind) {
    case "conditional":
      return conditionalPrecedence;
    case "range":
      return infixPrecedence[".."];
    case "binary":
      return infixPrecedence[expression.op];
    case "unary":
      return prefixPrecedence;
    default:
      return postfixPrecedence;
  }
}

/**
 * The elements of a list that need parentheses lest `a < b, c > (d)` be read as a generic call: those that end in a `<`
 * comparison before one that begins with a `>` comparison.
 */
function guardGenerics(elements: readonly Expression[]): ReadonlySet<Expression> {
  const guarded = new Set<Expression>();
  let closes = false;
  for (const element of elements.toReversed()) {
    if (closes && endsInLess(element)) guarded.add(element);
    closes ||= beginsWithGreater(element);
  }
  return guarded;
}

function endsInLess(expression: Expression): boolean {
  for (let at = expression; ; ) {
    if (at.kind === "binary") {
      if (at.op === "<") return true;
      at = at.right;
    } else if (at.kind === "range") at = at.end;
    else if (at.kind === "unary") at = at.operand;
    else if (at.kind === "conditional") at = at.otherwise;
    else return false;
  }
}

function beginsWithGreater(expression: Expression): boolean {
  for (let at = expression; ; ) {
    if (at.kind === "binary") {
      if (at.op === ">") return true;
      at = at.left;
    } else if (at.kind === "range") at = at.start;
    else if (at.kind === "conditional") at = at.condition;
    else return false;
  }
}
