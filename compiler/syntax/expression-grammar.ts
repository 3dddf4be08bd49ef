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
import { MismatchedTokenException, NoViableAltException, tokenMatcher } from "chevrotain";
import type { IParserErrorMessageProvider, IToken, ParserMethod, TokenType } from "chevrotain";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import type { Argument, BinaryOperator, DimensionExpression, Expression, Identifier, IndexItem, StringLiteral, TypeExpression } from "./ast.ts";
import { deepestExpression } from "./limits.ts";
import { readNumber, readString } from "./literals.ts";
import { chains, infixPrecedence } from "./precedence.ts";
import type { InfixOperator } from "./precedence.ts";
import { RecoveringParser } from "./recovering-parser.ts";
import { Infix, Name, NumberToken, Prefix, sign, StringToken, word, Word } from "./tokens.ts";

/** How many tokens type arguments may have, so that looking ahead stays cheap. */
const longestTypeArguments = 1_000;

const [comma, colon, dot, equals, question, ellipsis, less, greater] = [sign(","), sign(":"), sign("."), sign("="), sign("?"), sign("..."), sign("<"), sign(">")];
const [openRound, closeRound, openSquare, closeSquare] = [sign("("), sign(")"), sign("["), sign("]")];
const [trueToken, falseToken] = [word("true"), word("false")];

/** Functions that have the names of keywords of statements: where an expression stands they can be called. */
const calledKeywords: readonly TokenType[] = [word("repeat"), word("var")];

/** What an expression begins with, and what goes on with one that could end. */
const expressionBegins: readonly TokenType[] = [Name, NumberToken, openRound, Prefix, StringToken, trueToken, falseToken];
const postfixBegins: readonly TokenType[] = [openSquare, dot, openRound];
const expressionGoesOn: readonly TokenType[] = [...postfixBegins, Infix, question];
const typeBegins: readonly TokenType[] = [Name, openRound];

/** What may come after an expression or type: these tokens, or what the rules around allow. */
type After = readonly TokenType[] | "as the rules around";

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

/** A token's place in a rule's outline, from which Chevrotain tells what may come after the rule. */
const lastPlace = 9;

export class ExpressionGrammar extends RecoveringParser {
  /** Chevrotain's, for parsers that repair mistakes themselves; not in its typings. */
  declare protected readonly errorMessageProvider: IParserErrorMessageProvider;
  declare protected readonly SAVE_ERROR: (error: Error) => Error;
  declare protected readonly getFollowsForInRuleRecovery: (type: TokenType, place: number) => readonly TokenType[];

  /** How deep each tree is; leaves are not kept. */
  private depths = new WeakMap<Expression, number>();

  protected override begin(path: string, text: string): void {
    super.begin(path, text);
    this.depths = new WeakMap();
  }

  protected identifier(token: IToken): Identifier {
    return { kind: "identifier", name: token.image, span: this.spanOf(token) };
  }

  protected stringLiteral(token: IToken): StringLiteral {
    const span = this.spanOf(token);
    const { value, mistakes } = readString(token.image);
    for (const mistake of mistakes) {
      this.mistake(mistake.problem, { ...span, start: span.start + mistake.start, end: span.start + mistake.end }, mistake.message, mistake.help);
    }
    return { kind: "string", value, span };
  }

  /** What stands for an expression that could not be read. */
  protected missing(): Expression {
    return { kind: "missing", span: { file: this.path, start: this.here(), end: this.here() } };
  }

  /** What stands for a type that could not be read: one without a name. */
  protected missingType(): TypeExpression {
    const { span } = this.missing();
    return { kind: "named-type", name: { kind: "identifier", name: "", span }, span };
  }

  // ---- trees of bounded depth

  private depthOf(expression: Expression): number {
    return this.depths.get(expression) ?? 0;
  }

  /**
   * Keeps the depth of a tree that was just made from `parts`. A tree that grows too deep is reported once and replaced
   * by a `missing`, as is every tree around it.
   */
  private grown<T extends Expression>(tree: T, parts: readonly Expression[]): Expression {
    let depth = 0;
    for (const part of parts) depth = Math.max(depth, this.depthOf(part));
    if (depth > deepestExpression) {
      const broken: Expression = { kind: "missing", span: tree.span };
      this.depths.set(broken, depth);
      return broken;
    }
    this.depths.set(tree, depth + 1);
    if (depth + 1 <= deepestExpression) return tree;
    this.mistake(
      "limit-exceeded", tree.span, `this expression has more than ${deepestExpression} operations in a row`,
      "name a part of it with `let`, or write it as a loop or a reduction",
    );
    const broken: Expression = { kind: "missing", span: tree.span };
    this.depths.set(broken, depth + 1);
    return broken;
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

  /** A rule that a method reads. Chevrotain is shown only the tokens it begins with and those that may go on with it. */
  private outlined<Result>(name: string, begins: readonly TokenType[], goesOn: readonly TokenType[], read: () => Result): ParserMethod<[], Result> {
    return this.define(name, () => {
      if (this.RECORDING_PHASE) {
        this.OR(begins.map((type) => ({ ALT: () => this.CONSUME(type) })));
        this.OPTION(() => this.CONSUME9(closeRound));
        if (goesOn.length > 0) this.MANY(() => this.OR2(goesOn.map((type) => ({ ALT: () => this.CONSUME2(type) }))));
      }
      return this.ACTION(read);
    });
  }

  // ---- tokens

  private isNext(type: TokenType): boolean {
    return tokenMatcher(this.LA(1), type);
  }

  private isNextOf(types: readonly TokenType[]): boolean {
    const token = this.LA(1);
    return types.some((type) => tokenMatcher(token, type)) || (types.includes(Name) && this.isCallOfKeyword());
  }

  private isCallOfKeyword(): boolean {
    return calledKeywords.includes(this.LA(1).tokenType) && this.LA(2).tokenType === openRound;
  }

  /** The next token, whatever it is. */
  private take(): IToken {
    const token = this.LA(1);
    this.skip();
    return token;
  }

  /** Takes the next token if it is of this type. */
  private takeIf(type: TokenType): boolean {
    if (this.LA(1).tokenType !== type) return false;
    this.skip();
    return true;
  }

  /** The next token, which must be of this type. Repairs what Chevrotain would: makes up a missing one, drops one too many. */
  private expect(type: TokenType, rule: string, after: After): IToken {
    if (this.isNext(type)) return this.take();
    const [actual, previous] = [this.LA(1), this.LA(0)];
    const message = this.errorMessageProvider.buildMismatchTokenMessage({ expected: type, actual, previous, ruleName: rule });
    const error = this.SAVE_ERROR(new MismatchedTokenException(message, actual, previous));
    if (this.canTokenTypeBeInsertedInRecovery(type) && this.isNextOf(after === "as the rules around" ? this.getFollowsForInRuleRecovery(closeRound, lastPlace) : after)) {
      return this.getTokenToInsert(type);
    }
    if (!tokenMatcher(this.LA(2), type)) throw error;
    this.skip();
    return this.take();
  }

  private noneOf(rule: string): Error {
    const [actual, previous] = [this.LA(1), this.LA(0)];
    const message = this.errorMessageProvider.buildNoViableAltMessage({ expectedPathsPerAlt: [], actual: [actual], previous, customUserDescription: "", ruleName: rule });
    return this.SAVE_ERROR(new NoViableAltException(message, actual, previous));
  }

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
    const widened: Expression = { ...only, span: this.from(start) };
    const depth = this.depthOf(only);
    if (depth > 0) this.depths.set(widened, depth);
    return widened;
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
