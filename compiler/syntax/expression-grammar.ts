/**
 * The grammar of expressions and types.
 *
 * Brackets nest deep, and a rule of Chevrotain's costs much stack: a dozen frames. So expressions and types are read by
 * plain methods, three or four frames a bracket. To the rest of the grammar they are a few rules, which say only what
 * they begin with and how they may go on; the methods report and repair mistakes as Chevrotain does.
 *
 * Infix operators are read as one flat list and folded by the precedence table, so a long chain takes no stack.
 * Whether `name <` begins type arguments is decided by looking ahead: `name < types > (` is a generic call, anything
 * else a comparison.
 */
import { tokenMatcher } from "chevrotain";
import type { IToken, ParserMethod, TokenType } from "chevrotain";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import type { Argument, BinaryOperator, DimensionExpression, Expression, IndexItem, StringLiteral, TypeExpression } from "./ast.ts";
import { readNumber, readString } from "./literals.ts";
import { PlainRules, type After } from "./plain-rules.ts";
import { chains, infixPrecedence } from "./precedence.ts";
import type { InfixOperator } from "./precedence.ts";
import { Infix, Name, NumberToken, Prefix, sign, StringToken, word, Word } from "./tokens.ts";

/** How many tokens type arguments may have, so that looking ahead stays cheap. */
const longestTypeArguments = 1_000;

const [comma, colon, dot, equals, question, ellipsis, less, greater] = [sign(","), sign(":"), sign("."), sign("="), sign("?"), sign("..."), sign("<"), sign(">")];
const [openRound, closeRound, openSquare, closeSquare] = [sign("("), sign(")"), sign("["), sign("]")];
const [trueToken, falseToken] = [word("true"), word("false")];

/** What an expression begins with, and what goes on with one that could end. */
const expressionBegins: readonly TokenType[] = [Name, NumberToken, openRound, Prefix, StringToken, trueToken, falseToken];
const postfixBegins: readonly TokenType[] = [openSquare, dot, openRound];
const expressionGoesOn: readonly TokenType[] = [...postfixBegins, Infix, question];
const typeBegins: readonly TokenType[] = [Name, openRound];

/** A list in brackets: the name it has in messages, what its items begin with, its end, and what may come after an item. */
interface ListKind {
  readonly name: string;
  readonly begins: readonly TokenType[];
  readonly close: TokenType;
  readonly after: readonly TokenType[];
}

const listKind = (name: string, begins: readonly TokenType[], close: TokenType, goesOn: readonly TokenType[]): ListKind => ({
  name, begins, close, after: [...goesOn, comma, ...begins, close],
});
const argumentList = listKind("arguments", [Word, ...expressionBegins], closeRound, expressionGoesOn);
const tuple = listKind("parenthesised", expressionBegins, closeRound, expressionGoesOn);
const indexList = listKind("index", [ellipsis, colon, ...expressionBegins], closeSquare, expressionGoesOn);
const dimensionList = listKind("dimensions", [ellipsis, ...expressionBegins], closeSquare, expressionGoesOn);
const typeArgumentList = listKind("typeArguments", typeBegins, greater, []);
const tupleType = listKind("tupleType", typeBegins, closeRound, []);
const thenBranch: After = [...expressionGoesOn, colon];

export class ExpressionGrammar extends PlainRules {
  protected stringLiteral(token: IToken): StringLiteral {
    const span = this.spanOf(token);
    const { value, mistakes } = readString(token.image);
    for (const mistake of mistakes) {
      this.mistake(mistake.problem, { ...span, start: span.start + mistake.start, end: span.start + mistake.end }, mistake.message, mistake.help);
    }
    return { kind: "string", value, span };
  }

  /** Folds `a op b op c …` by precedence. */
  private fold(operands: readonly Expression[], operators: readonly IToken[]): Expression {
    const values: Expression[] = [operands[0] ?? this.missing()];
    const pending: IToken[] = [];
    const reduce = (): void => {
      const right = values.pop()!;
      const left = values.pop()!;
      const op = pending.pop()!.image as InfixOperator;
      const span: Span = { file: this.path, start: left.span.start, end: Math.max(left.span.end, right.span.end) };
      values.push(
        this.grown(
          op === ".." ? { kind: "range", start: left, end: right, span } : { kind: "binary", op: op satisfies BinaryOperator, left, right, span },
          [left, right],
        ),
      );
    };
    const precedenceOf = (token: IToken): number => infixPrecedence[token.image as InfixOperator];
    operators.forEach((operator, i) => {
      const precedence = precedenceOf(operator);
      let top = pending.at(-1);
      while (top !== undefined && precedenceOf(top) >= precedence) {
        if (precedenceOf(top) === precedence && !chains(precedence)) this.chained(top, operator);
        reduce();
        top = pending.at(-1);
      }
      pending.push(operator);
      values.push(operands[i + 1] ?? this.missing());
    });
    while (pending.length > 0) reduce();
    return values[0]!;
  }

  private chained(first: IToken, second: IToken): void {
    if (second.image === "..") {
      this.mistake("syntax", this.spanOf(second), "a range has only two ends", "write `start..end`");
      return;
    }
    this.tell({
      problem: "syntax",
      message: `comparisons do not chain: \`${first.image}\` and \`${second.image}\` stand side by side`,
      labels: [{ span: this.spanOf(second), text: "" }, { span: this.spanOf(first), text: "the first comparison" }],
      help: "compare twice and join with `&&`, as in `a < b && b < c`; note that `&` and `|` bind tighter than comparisons",
      until: this.lastEnd(),
    });
  }

  // ---- looking ahead

  /** Whether the tokens from the k-th on are `< types > (`. */
  private typeArgumentsAt(k: number): boolean {
    if (this.LA(k).tokenType !== less) return false;
    const limit = k + longestTypeArguments;
    /** Tuple types that are open. */
    let open = 0;
    let typeMayBegin = true;
    for (let at = k + 1; at < limit; ) {
      const token = this.LA(at);
      const type = token.tokenType;
      if (type === sign("(") && typeMayBegin) {
        open += 1;
        if (this.LA(at + 1).tokenType === ellipsis) at += 1;
      } else if (type === sign(")") && open > 0) {
        open -= 1;
        typeMayBegin = false;
      } else if (type === sign(",")) typeMayBegin = true;
      else if (type === sign(">") && open === 0) return at > k + 1 && this.LA(at + 1).tokenType === sign("(");
      else if (tokenMatcher(token, Name) && typeMayBegin) {
        typeMayBegin = false;
        if (this.LA(at + 1).tokenType === sign("[")) {
          at = this.afterBrackets(at + 1, limit);
          continue;
        }
      } else return false;
      at += 1;
    }
    return false;
  }

  private afterBrackets(from: number, limit: number): number {
    let depth = 0;
    for (let at = from; at < limit; at++) {
      const type = this.LA(at).tokenType;
      if (type === sign("[")) depth += 1;
      else if (type === sign("]")) {
        depth -= 1;
        if (depth === 0) return at + 1;
      } else if (type === sign(";") || type === sign("{") || type === sign("}") || this.LA(at).startOffset < 0) return limit;
    }
    return limit;
  }

  // ---- as rules

  /** An expression that can be `missing`, up to one of `stops`. */
  protected readonly value: ParserMethod<[stops: ReadonlySet<TokenType>], Expression> = this.define("value", (stops: ReadonlySet<TokenType>) =>
    this.guarded<Expression>(() => this.SUBRULE(this.expression), stops, () => this.missing()),
  );

  readonly expression = this.outlined("expression", expressionBegins, expressionGoesOn, () => this.readExpression("as the rules around"));

  /** What can be assigned or called: a name or a parenthesis, and what follows it. */
  protected readonly effectTarget = this.outlined("effectTarget", [Name, openRound], postfixBegins, () => {
    const value = this.isNext(Name) ? this.readNameOrCall("as the rules around") : this.readParenthesised("as the rules around");
    return this.readPostfixes(value, "as the rules around");
  });

  protected readonly arguments = this.outlined("arguments", [openRound], [], () => this.readArguments("as the rules around"));

  readonly type = this.outlined("type", typeBegins, [], () => this.readType("as the rules around"));

  // ---- types

  private readType(after: After): TypeExpression {
    const start = this.here();
    if (this.isNext(openRound)) return this.readTupleType(start, after);
    if (!this.isNext(Name)) throw this.noneOf("type");
    const name = this.identifier(this.take());
    const dimensions = this.isNext(openSquare) ? this.readDimensions(after) : undefined;
    return { kind: "named-type", name, ...(dimensions === undefined ? {} : { dimensions }), span: this.from(start) };
  }

  private readDimensions(after: After): DimensionExpression[] {
    const list: DimensionExpression[] = [];
    let more = true;
    this.skip();
    while (more && this.isNextOf(dimensionList.begins)) {
      list.push(this.isNext(ellipsis) ? this.readSpread() : this.readExpression(dimensionList.after));
      more = this.takeIf(comma);
    }
    this.expect(closeSquare, dimensionList.name, after);
    return list;
  }

  private readSpread(): DimensionExpression {
    const start = this.here();
    this.skip();
    const name = this.identifier(this.expect(Name, "spread", dimensionList.after));
    return { kind: "spread", name, span: this.from(start) };
  }

  /** `(f32, i32)`, `(...int)`; `(f32)` is only `f32` in parentheses. */
  private readTupleType(start: number, after: After): TypeExpression {
    if (this.LA(2).tokenType === ellipsis) {
      this.skip();
      this.skip();
      const each = this.readType(tupleType.after);
      this.expect(closeRound, tupleType.name, after);
      return { kind: "tuple-type", elements: [each], any: true, span: this.from(start) };
    }
    const { elements, more } = this.readTypes(tupleType, after);
    const only = elements.length === 1 && !more ? elements[0] : undefined;
    return only === undefined ? { kind: "tuple-type", elements, span: this.from(start) } : { ...only, span: this.from(start) };
  }

  private readTypes(kind: ListKind, after: After): { elements: TypeExpression[]; more: boolean } {
    const elements: TypeExpression[] = [];
    let more = true;
    this.skip();
    while (more && this.isNextOf(kind.begins)) {
      elements.push(this.readType(kind.after));
      more = this.takeIf(comma);
    }
    this.expect(kind.close, kind.name, after);
    return { elements, more };
  }

  // ---- expressions

  /** Operands with infix operators between them, and `? :`, which binds loosest. */
  private readExpression(after: After): Expression {
    const first = this.readOperand(after);
    const condition = this.isNext(Infix) ? this.readChain(first, after) : first;
    if (!this.takeIf(question)) return condition;
    const then = this.readExpression(thenBranch);
    this.expect(colon, "expression", expressionBegins);
    const otherwise = this.readExpression(after);
    const span: Span = { file: this.path, start: condition.span.start, end: Math.max(condition.span.end, otherwise.span.end) };
    return this.grown({ kind: "conditional", condition, then, otherwise, span }, [condition, then, otherwise]);
  }

  private readChain(first: Expression, after: After): Expression {
    const operands = [first];
    const operators: IToken[] = [];
    while (this.isNext(Infix)) {
      operators.push(this.take());
      operands.push(this.readOperand(after));
    }
    return this.fold(operands, operators);
  }

  /** A name, literal or parenthesis, with prefix operators before it, and calls, methods, members and indices after it. */
  private readOperand(after: After): Expression {
    if (this.isNext(Prefix)) return this.readPrefixed(after);
    const value = this.isNext(Name) || this.isCallOfKeyword() ? this.readNameOrCall(after) : this.isNext(openRound) ? this.readParenthesised(after) : this.literal();
    return this.readPostfixes(value, after);
  }

  private readPrefixed(after: After): Expression {
    const operators: IToken[] = [];
    while (this.isNext(Prefix)) operators.push(this.take());
    let value = this.readOperand(after);
    for (const operator of operators.toReversed()) {
      const span: Span = { file: this.path, start: operator.startOffset, end: value.span.end };
      value = this.grown({ kind: "unary", op: operator.image as "-" | "!" | "~" | "+", operand: value, span }, [value]);
    }
    return value;
  }

  private readPostfixes(first: Expression, after: After): Expression {
    let value = first;
    for (;;) {
      if (this.isNext(openSquare)) value = this.readIndex(value, after);
      else if (this.isNext(dot)) value = this.readAfterDot(value, after);
      else if (this.isNext(openRound)) value = this.readCallOfValue(value, after);
      else return value;
    }
  }

  private literal(): Expression {
    const token = this.LA(1);
    const type = token.tokenType;
    if (type !== NumberToken && type !== StringToken && type !== trueToken && type !== falseToken) throw this.noneOf("primary");
    this.skip();
    if (type === NumberToken) return this.number(token);
    if (type === StringToken) return this.stringLiteral(token);
    return { kind: "bool", value: type === trueToken, span: this.spanOf(token) };
  }

  private number(token: IToken): Expression {
    const span = this.spanOf(token);
    const number = readNumber(token.image);
    if ("value" in number) return { kind: "number", text: token.image, value: number.value, isFloat: number.isFloat, span };
    this.mistake(number.problem, span, number.message, number.help);
    return { kind: "missing", span };
  }

  private readNameOrCall(after: After): Expression {
    const start = this.here();
    const callee = this.identifier(this.take());
    const typeArgs = this.readTypeArguments(after);
    if (!this.isNext(openRound)) return callee;
    const args = this.readArguments(after);
    return this.grown({ kind: "call", callee, typeArgs, args, span: this.from(start) }, args.map((arg) => arg.value));
  }

  private readTypeArguments(after: After): readonly TypeExpression[] {
    return this.typeArgumentsAt(1) ? this.readTypes(typeArgumentList, after).elements : [];
  }

  /** `(a)` is a alone; `()`, `(a,)` and `(a, b)` are tuples. */
  private readParenthesised(after: After): Expression {
    const start = this.here();
    const elements: Expression[] = [];
    let more = true;
    this.skip();
    while (more && this.isNextOf(tuple.begins)) {
      elements.push(this.readExpression(tuple.after));
      more = this.takeIf(comma);
    }
    this.expect(closeRound, tuple.name, after);
    const only = elements.length === 1 && !more ? elements[0] : undefined;
    if (only === undefined) return this.grown({ kind: "tuple", elements, span: this.from(start) }, elements);
    return this.withSpan(only, this.from(start));
  }

  private readIndex(base: Expression, after: After): Expression {
    const items: IndexItem[] = [];
    let more = true;
    this.skip();
    while (more && this.isNextOf(indexList.begins)) {
      items.push(this.readIndexItem());
      more = this.takeIf(comma);
    }
    this.expect(closeSquare, indexList.name, after);
    const span = this.from(base.span.start);
    if (items.length === 0) this.mistake("syntax", { ...span, start: base.span.end }, "an index needs at least one item", "a whole tensor is `x[...]` or just `x`");
    return this.grown({ kind: "index", base, items, span }, [base, ...items.flatMap(partsOfItem)]);
  }

  /** `i`, `...`, or a slice `start:stop:step`, each part of which may be left out. */
  private readIndexItem(): IndexItem {
    const start = this.here();
    if (this.takeIf(ellipsis)) return { kind: "ellipsis", span: this.from(start) };
    const first = this.isNext(colon) ? undefined : this.readExpression(indexList.after);
    if (first !== undefined && !this.isNext(colon)) return { kind: "at", value: first, span: this.from(start) };
    this.skip();
    const stop = this.isNextOf(expressionBegins) ? this.readExpression(indexList.after) : undefined;
    const step = this.takeIf(colon) && this.isNextOf(expressionBegins) ? this.readExpression(indexList.after) : undefined;
    return {
      kind: "slice",
      ...(first === undefined ? {} : { start: first }),
      ...(stop === undefined ? {} : { stop }),
      ...(step === undefined ? {} : { step }),
      span: this.from(start),
    };
  }

  /** `.name`, `.name(…)`, `.name<f32>(…)`. */
  private readAfterDot(receiver: Expression, after: After): Expression {
    this.skip();
    const name = this.identifier(this.expect(Word, "afterDot", after));
    const typeArgs = this.readTypeArguments(after);
    const args = this.isNext(openRound) ? this.readArguments(after) : undefined;
    const span = this.from(receiver.span.start);
    if (args === undefined) return this.grown({ kind: "member", object: receiver, name, span }, [receiver]);
    return this.grown({ kind: "method", receiver, name, typeArgs, args, span }, [receiver, ...args.map((arg) => arg.value)]);
  }

  /** `f(x)(y)`: only names can be called. */
  private readCallOfValue(value: Expression, after: After): Expression {
    const start = this.here();
    this.readArguments(after);
    this.mistake("syntax", this.from(start), "only a name can be called", "if a product is meant, write `*`");
    return { kind: "missing", span: this.from(value.span.start) };
  }

  private readArguments(after: After): Argument[] {
    const list: Argument[] = [];
    let more = true;
    this.skip();
    while (more && this.isNextOf(argumentList.begins)) {
      const start = this.here();
      const name = this.isNext(Word) && this.LA(2).tokenType === equals ? this.identifier(this.take()) : undefined;
      if (name !== undefined) this.skip();
      const value = this.readExpression(argumentList.after);
      list.push({ ...(name === undefined ? {} : { name }), value, span: this.from(start) });
      more = this.takeIf(comma);
    }
    this.expect(closeRound, argumentList.name, after);
    return list;
  }
}

function partsOfItem(item: IndexItem): Expression[] {
  switch (item.kind) {
    case "at":
      return [item.value];
    case "slice":
      return [item.start, item.stop, item.step].filter((part) => part !== undefined);
    case "ellipsis":
      return [];
    default:
      return unreachable(item);
  }
}
