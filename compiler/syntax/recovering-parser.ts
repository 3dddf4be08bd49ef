/**
 * What every rule of the grammar stands on: Chevrotain's parser, places in the text, and the way on after a mistake.
 *
 * Chevrotain's own repairs of a single token are used: a superfluous one is dropped, a missing bracket, `:` or `=` made
 * up. Its skipping to a later token is not, because it stops at whatever any rule around could begin with, and in this
 * language almost every rule can begin with a name. Instead rules are `guarded`: they say where they can go on, and
 * braces, semicolons and line breaks, which people get right most of the time, bound what is skipped.
 */
import { EmbeddedActionsParser, isRecognitionException, tokenMatcher } from "chevrotain";
import type { IParserErrorMessageProvider, IToken, ITokenGrammarPath, ParserMethod, TokenType } from "chevrotain";
import type { Label } from "../support/diagnostic.ts";
import type { ProblemName } from "../support/problems.ts";
import type { Span } from "../support/span.ts";
import { mostMistakes } from "./limits.ts";
import { endOf, isReserved, sign, vocabulary, Word } from "./tokens.ts";

/** A mistake found by the parser, before it is known whether it only follows from an earlier one. */
export interface Mistake {
  readonly problem: ProblemName;
  readonly message: string;
  readonly labels: readonly Label[];
  readonly help?: string;
  /** Up to where further mistakes only follow from this one: everything that was skipped. */
  readonly until: number;
}

const closing = new Set<TokenType>([sign(")"), sign("]"), sign("}"), sign(">")]);
const listEnds = new Set<TokenType>([sign(";"), sign("{"), sign("}"), sign(")"), sign("]"), sign("=")]);

/** How many of the rules around a mistake are looked at for what may come next; enough to reach the block around it. */
const rulesAround = 16;

/** Chevrotain's; not in its typings. */
const { getNextPossibleTokenTypes: nextPossible } = EmbeddedActionsParser.prototype as unknown as { getNextPossibleTokenTypes(path: ITokenGrammarPath): TokenType[] };

/** Thrown out of the parser when going on would only repeat what was said. */
export class TooManyMistakes extends Error {}

export class RecoveringParser extends EmbeddedActionsParser {
  protected path = "";
  protected text = "";
  /** What the grammar's own actions found; each knows how many of Chevrotain's errors came before it. */
  mistakes: { readonly mistake: Mistake; readonly errorsBefore: number }[] = [];

  /** Chevrotain's, for lexers of one's own; not in its typings. The state is the index of the last token. */
  declare protected readonly exportLexerState: () => number;
  declare protected readonly importLexerState: (state: number) => void;

  constructor(errorMessageProvider: IParserErrorMessageProvider) {
    super(vocabulary, { recoveryEnabled: true, maxLookahead: 1, skipValidations: true, errorMessageProvider });
  }

  /** Makes ready for another text. */
  protected begin(path: string, text: string): void {
    this.path = path;
    this.text = text;
    this.mistakes = [];
  }

  // ---- places

  /** Where the next token begins. */
  protected here(): number {
    const token = this.LA(1);
    return token.startOffset >= 0 ? token.startOffset : this.text.length;
  }

  /** Where the last token ended. */
  protected lastEnd(): number {
    const token = this.LA(0);
    return token.startOffset >= 0 ? endOf(token) : 0;
  }

  /** From an offset to the end of the last token. */
  protected from(start: number): Span {
    return { file: this.path, start, end: Math.max(start, this.lastEnd()) };
  }

  protected spanOf(token: IToken): Span {
    // A token made up in recovery stands after the last real one.
    if (!(token.startOffset >= 0)) return { file: this.path, start: this.lastEnd(), end: this.lastEnd() };
    return { file: this.path, start: token.startOffset, end: endOf(token) };
  }

  // ---- mistakes

  protected tell(mistake: Mistake): void {
    this.mistakes.push({ mistake, errorsBefore: this.errors.length });
  }

  protected mistake(problem: ProblemName, span: Span, message: string, help?: string, until = span.end): void {
    this.tell({ problem, message, labels: [{ span, text: "" }], ...(help === undefined ? {} : { help }), until });
  }

  protected stopIfHopeless(): void {
    if (this.mistakes.length + this.errors.length >= mostMistakes) throw new TooManyMistakes();
  }

  // ---- going on after a mistake

  /** A rule. Chevrotain's own skipping is off: it stops at any token that some rule around could begin with. */
  protected define<Arguments extends unknown[], Result>(name: string, body: (...args: Arguments) => Result): ParserMethod<Arguments, Result> {
    return this.RULE(name, body, { resyncEnabled: false });
  }

  /** Chevrotain's MANY, where blocks nest: it takes a third of the stack. `goesOn` is what MANY would find by looking ahead. */
  protected rows(goesOn: () => boolean, turn: () => void): void {
    if (this.RECORDING_PHASE) this.MANY(turn);
    else while (goesOn()) turn();
  }

  /** Walks down from the block around, not from the file: each rule costs stack, which is short where blocks nest deep. */
  protected getNextPossibleTokenTypes(path: ITokenGrammarPath): TokenType[] {
    return nextPossible.call(this, { ...path, ruleStack: path.ruleStack.slice(-rulesAround), occurrenceStack: path.occurrenceStack.slice(-rulesAround) });
  }

  /** Reads; after a mistake, skips to one of `stops` (see `skipTo`) and goes on with what `otherwise` gives. */
  protected guarded<Result>(read: () => Result, stops: ReadonlySet<TokenType>, otherwise: () => Result): Result {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Error) || !isRecognitionException(error)) throw error;
      this.skipTo(stops);
      return otherwise();
    }
  }

  /**
   * Skips up to one of `stops` outside brackets, and in any case not beyond a `;`, a `}` that closes more than was
   * skipped, or a reserved word at the beginning of a line.
   */
  protected skipTo(stops: ReadonlySet<TokenType>): void {
    let braces = 0;
    let others = 0;
    for (let token = this.LA(1); token.startOffset >= 0; token = this.LA(1)) {
      const type = token.tokenType;
      if (braces === 0) {
        if (type === sign(";") || type === sign("}") || (others <= 0 && stops.has(type)) || this.beginsLineReserved(token)) return;
      }
      if (type === sign("{")) braces += 1;
      else if (type === sign("}")) braces -= 1;
      else if (type === sign("(") || type === sign("[")) others += 1;
      else if (type === sign(")") || type === sign("]")) others -= 1;
      this.skip();
    }
  }

  protected skip(): void {
    // Chevrotain's SKIP_TOKEN does not go over the last token; this does.
    this.importLexerState(this.exportLexerState() + 1);
  }

  /** Skips one token if it is of this type. */
  protected skipOver(type: TokenType): void {
    if (this.LA(1).tokenType === type) this.skip();
  }

  protected beginsLineReserved(token: IToken): boolean {
    return isReserved(token.image) && tokenMatcher(token, Word) && this.breaksLine(token);
  }

  /** Whether a token, the next one, stands on another line than the last one. */
  protected breaksLine(token: IToken): boolean {
    if (!(token.startOffset >= 0)) return true;
    const at = this.text.indexOf("\n", this.lastEnd());
    return at !== -1 && at < token.startOffset;
  }

  /**
   * What is made up when missing: `:`, `=` and, where a list visibly ends, its bracket. A made-up name or operator would
   * mean something.
   */
  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return type === sign(":") || type === sign("=") || (closing.has(type) && (listEnds.has(this.LA(1).tokenType) || this.breaksLine(this.LA(1))));
  }

  /** Skips over the next `;`, up to a `}` or a reserved word at the beginning of a line, or over a whole block. */
  protected skipStatement(): void {
    let braces = 0;
    for (let token = this.LA(1); token.startOffset >= 0; token = this.LA(1)) {
      const type = token.tokenType;
      if (braces === 0 && (type === sign("}") || this.beginsLineReserved(token))) return;
      if (type === sign("{")) braces += 1;
      if (type === sign("}")) braces -= 1;
      this.skip();
      if (braces === 0 && (type === sign(";") || type === sign("}"))) return;
    }
  }
}
