/**
 * What rows of items, declarations and statements have in common: the doc lines before them, where they end, and how reading
 * goes on after one that is broken.
 */
import { MismatchedTokenException, tokenMatcher } from "chevrotain";
import type { IToken, ParserMethod, TokenType } from "chevrotain";
import type { Span } from "../support/span.ts";
import { ExpressionGrammar } from "./expression-grammar.ts";
import { found, helpForBeginning, helpForSeveral, helpForWord } from "./messages.ts";
import { Any, sign, word, Word } from "./tokens.ts";
import { unclosedBlock, type UnclosedBlock } from "./unclosed-block.ts";

/** A `///` line. */
export interface DocLine {
  readonly start: number;
  readonly text: string;
}

export type Doc = { readonly doc?: string };

/** Where a broken expression can end, by where it stands. */
export const nothing: ReadonlySet<TokenType> = new Set();
export const beforeBlock: ReadonlySet<TokenType> = new Set([sign("{")]);

/** What begins something that `///` lines can stand before. */
const documented: ReadonlySet<TokenType> = new Set([
  sign("@"),
  ...(["export", "const", "fn", "vertex", "graph", "let", "in", "out", "inout", "stream", "param", "var", "compute", "program"] as const).map(word),
]);
const beginsItem: ReadonlySet<TokenType> = new Set([word("import"), word("export"), word("vertex"), word("graph")]);

export class RowGrammar extends ExpressionGrammar {
  private docs: readonly DocLine[] = [];
  private nextDoc = 0;
  /** How many `{` were missing and are taken as there. */
  private madeUpBraces = 0;
  /** Offsets of the doc lines that belong to a declaration. */
  usedDocs = new Set<number>();

  protected beginDocs(docs: readonly DocLine[]): void {
    this.docs = docs;
    this.nextDoc = 0;
    this.madeUpBraces = 0;
    this.usedDocs = new Set();
  }

  /** The doc lines between the last token and the next one, if that begins what can have some. */
  protected docHere(): Doc {
    if (!documented.has(this.LA(1).tokenType)) return {};
    const from = this.lastEnd();
    const to = this.here();
    while (this.nextDoc < this.docs.length && this.docs[this.nextDoc]!.start < from) this.nextDoc += 1;
    const lines: string[] = [];
    while (this.nextDoc < this.docs.length && this.docs[this.nextDoc]!.start < to) {
      const line = this.docs[this.nextDoc]!;
      lines.push(line.text);
      this.usedDocs.add(line.start);
      this.nextDoc += 1;
    }
    return lines.length === 0 ? {} : { doc: lines.join("\n") };
  }

  // ---- the ends of statements and blocks

  protected readonly semicolon: ParserMethod<[], void> = this.define("semicolon", () => {
    const token = this.OPTION(() => this.CONSUME(sign(";")));
    this.ACTION(() => {
      if (token === undefined) this.missingSemicolon();
    });
  });

  /** Points at the end of the last token, and skips what cannot begin anything. */
  private missingSemicolon(): void {
    const end = this.lastEnd();
    const next = this.LA(1);
    // `x // 2;` is Python's division: the `;` is in the comment.
    const divided = /^[ \t]*\/\/[^\n]*;[ \t]*(?:\n|$)/.test(this.text.slice(end));
    const onTile = this.LA(0).image === "tile" && this.LA(-1).tokenType === word("on");
    const help = divided ? "`//` begins a comment, which takes the `;` with it; integers are divided by `/`"
      : onTile ? "a tile is its number, as in `on 0`"
      : this.breaksLine(next) ? undefined
      : next.tokenType === sign(",") ? helpForSeveral : helpForWord(next.image);
    // On a new line the next statement begins, unless an operator or bracket goes on with this one.
    if (!this.breaksLine(next) || !(tokenMatcher(next, Word) || next.tokenType === sign("}"))) this.skipStatement();
    this.mistake("syntax", { file: this.path, start: end, end }, "expected `;` after this statement", help, this.lastEnd());
  }

  protected readonly openBlock: ParserMethod<[], void> = this.define("openBlock", () => {
    const token = this.OPTION(() => this.CONSUME(sign("{")));
    this.ACTION(() => {
      if (token === undefined) this.missingBrace();
    });
  });

  /** Reports a missing `{`; goes on behind one that still comes on this line, else as if it were there. */
  private missingBrace(): void {
    const next = this.LA(1);
    const end = this.lastEnd();
    const broken = this.breaksLine(next);
    const span = broken ? { file: this.path, start: end, end } : this.spanOf(next);
    const message = broken ? "expected `{` after this" : `expected \`{\`, found \`${next.image}\``;
    if (!broken) this.skipTo(beforeBlock);
    else this.madeUpBraces += 1;
    const found = this.LA(1).tokenType === sign("{");
    const bare = !broken && !found && tokenMatcher(next, Word);
    const help = next.tokenType === sign("=") ? "`=` assigns; `==` compares" : next.tokenType === word("in") ? "only a `for` has a variable, as in `for i in 0..n { … }`" : bare ? "a body stands in braces, also one of a single statement" : undefined;
    this.mistake("syntax", span, message, help, this.lastEnd());
    // Without any block, what it belongs to is skipped.
    if (!broken && !found) throw new MismatchedTokenException(message, next, this.LA(0));
    if (!broken) this.skip();
  }

  protected readonly closeBlock: ParserMethod<[opened: number], void> = this.define("closeBlock", (opened: number) => {
    const token = this.OPTION(() => this.CONSUME(sign("}")));
    this.ACTION(() => {
      if (token === undefined) this.missingClosingBrace(opened);
    });
  });

  private missingClosingBrace(opened: number): void {
    const next = this.LA(1);
    const end = this.lastEnd();
    const atEnd = !(next.startOffset >= 0);
    // A block that was only assumed took the brace of this one.
    if (atEnd && this.madeUpBraces > 0) return;
    const within = unclosedBlock(this.text, this.input.filter(({ startOffset }) => startOffset >= opened && startOffset < end));
    if (within !== undefined) return this.missingWithin(within, end);
    this.tell({
      problem: "syntax",
      message: atEnd ? "expected `}`, found the end of the file" : `expected \`}\` before \`${next.image}\``,
      labels: [
        { span: atEnd ? { file: this.path, start: end, end } : this.spanOf(next), text: "" },
        { span: { file: this.path, start: opened, end: opened + 1 }, text: "this block is not closed" },
      ],
      until: end,
    });
  }

  /** Blames the block that lacks its `}` as it is indented. */
  private missingWithin({ opened, closed }: UnclosedBlock, until: number): void {
    const brace = (at: number): Span => ({ file: this.path, start: at, end: at + 1 });
    this.tell({
      problem: "syntax",
      message: "this block is not closed: a `}` is missing",
      labels: [{ span: brace(opened), text: "" }, { span: brace(closed), text: "this `}` closes it, but stands further left than its line" }],
      until,
    });
  }

  /**
   * Reads the next of a row of declarations, statements or cases. After a mistake that one is skipped and left out.
   */
  protected one<Result>(read: () => Result | undefined): Result | undefined {
    this.ACTION(() => this.stopIfHopeless());
    const start = this.exportLexerState();
    const result = this.guarded<Result | undefined>(read, nothing, () => {
      this.skipStatement();
      return undefined;
    });
    // Whatever happens, each turn goes on.
    this.ACTION(() => {
      if (this.exportLexerState() === start && this.LA(1).tokenType !== sign("}")) this.skip();
    });
    return result;
  }

  /** What begins nothing here. */
  protected readonly unknown: ParserMethod<[what: string], undefined> = this.define("unknown", (what: string): undefined => {
    const token = this.CONSUME(Any);
    this.ACTION(() => this.unknownBeginning(token, what));
    return undefined;
  });

  protected unknownBeginning(token: IToken, what: string): void {
    const help = helpForBeginning(token, what, this.LA(1));
    if (token.tokenType === sign("{")) this.skipBlock();
    else if (token.tokenType !== sign(";")) this.skipStatement();
    this.mistake("syntax", this.spanOf(token), `expected ${what}, found ${found(token)}`, help, this.lastEnd());
  }

  /** Skips over the block whose `{` was just read. */
  private skipBlock(): void {
    this.skipTo(nothing);
    while (this.LA(1).tokenType === sign(";")) {
      this.skip();
      this.skipTo(nothing);
    }
    if (this.LA(1).tokenType === sign("}")) this.skip();
  }

  /** Whether anything follows that does not end the block. */
  protected rowGoesOn(): boolean {
    return tokenMatcher(this.LA(1), Any);
  }

  /** Whether an item of a file follows, which cannot stand in anything: then a `}` was forgotten. */
  protected itemAhead(): boolean {
    return beginsItem.has(this.LA(1).tokenType);
  }

  /** A block: rows in braces, each of which is left out where it is broken. It ends, closed or not, where `ends`. */
  protected blockRule<Row>(name: string, row: () => ParserMethod<[], Row | undefined>, ends: () => boolean): ParserMethod<[], Row[]> {
    return this.define(name, () => {
      const list: Row[] = [];
      const opened = this.here();
      this.SUBRULE(this.openBlock);
      this.rows(() => this.rowGoesOn() && !ends(), () => {
        const one = this.one(() => this.SUBRULE(row()));
        if (one !== undefined) list.push(one);
      });
      this.SUBRULE(this.closeBlock, { ARGS: [opened] });
      return list;
    });
  }
}
