/**
 * What the plain methods that read expressions and types are made of: rules that they are to the rest of the grammar, tokens taken
 * with Chevrotain's messages and repairs, and trees whose depth is bounded.
 */
import { MismatchedTokenException, NoViableAltException, tokenMatcher } from "chevrotain";
import type { IParserErrorMessageProvider, IToken, ParserMethod, TokenType } from "chevrotain";
import type { Span } from "../support/span.ts";
import type { Expression, Identifier, TypeExpression } from "./ast.ts";
import { deepestExpression } from "./limits.ts";
import { RecoveringParser } from "./recovering-parser.ts";
import { Name, sign, word } from "./tokens.ts";

const [openRound, closeRound] = [sign("("), sign(")")];

/** Functions that have the names of keywords of statements: where an expression stands they can be called. */
const calledKeywords: readonly TokenType[] = [word("repeat"), word("var")];

/** What may come after an expression or type: these tokens, or what the rules around allow. */
export type After = readonly TokenType[] | "as the rules around";

/** A token's place in a rule's outline, from which Chevrotain tells what may come after the rule. */
const lastPlace = 9;

export class PlainRules extends RecoveringParser {
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
  protected grown<T extends Expression>(tree: T, parts: readonly Expression[]): Expression {
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

  /** The tree with another span, as deep as it was. */
  protected withSpan(tree: Expression, span: Span): Expression {
    const widened: Expression = { ...tree, span };
    const depth = this.depthOf(tree);
    if (depth > 0) this.depths.set(widened, depth);
    return widened;
  }

  // ---- as rules

  /** A rule that a method reads. Chevrotain is shown only the tokens it begins with and those that may go on with it. */
  protected outlined<Result>(name: string, begins: readonly TokenType[], goesOn: readonly TokenType[], read: () => Result): ParserMethod<[], Result> {
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

  protected isNext(type: TokenType): boolean {
    return tokenMatcher(this.LA(1), type);
  }

  protected isNextOf(types: readonly TokenType[]): boolean {
    const token = this.LA(1);
    return types.some((type) => tokenMatcher(token, type)) || (types.includes(Name) && this.isCallOfKeyword());
  }

  protected isCallOfKeyword(): boolean {
    return calledKeywords.includes(this.LA(1).tokenType) && this.LA(2).tokenType === openRound;
  }

  /** The next token, whatever it is. */
  protected take(): IToken {
    const token = this.LA(1);
    this.skip();
    return token;
  }

  /** Takes the next token if it is of this type. */
  protected takeIf(type: TokenType): boolean {
    if (this.LA(1).tokenType !== type) return false;
    this.skip();
    return true;
  }

  /** The next token, which must be of this type. Repairs what Chevrotain would: makes up a missing one, drops one too many. */
  protected expect(type: TokenType, rule: string, after: After): IToken {
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

  protected noneOf(rule: string): Error {
    const [actual, previous] = [this.LA(1), this.LA(0)];
    const message = this.errorMessageProvider.buildNoViableAltMessage({ expectedPathsPerAlt: [], actual: [actual], previous, customUserDescription: "", ruleName: rule });
    return this.SAVE_ERROR(new NoViableAltException(message, actual, previous));
  }
}
