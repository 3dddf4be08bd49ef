/**
 * The words of the language, and the lexer that cuts a text into them.
 *
 * Reserved words cannot be names: `import export const fn vertex graph let var for if else while switch return true
 * false in`. The other words (`out inout stream param map on place compute set program repeat limit execute call grad
 * cycles from as default`) mean something only where a declaration, statement or clause of theirs can begin; anywhere else they are
 * ordinary names, so `repeat(x, 2)` and `let out = x;` do what they look like. After a dot and before the `=` of a
 * named argument every word is a name.
 *
 * A name is ASCII letters, digits and `_`. Numbers are cut generously (`12ab` is one token) and judged by
 * `literals.ts`, so that a mistake in one is told as a mistake in a number.
 */
import { createToken, Lexer } from "chevrotain";
import type { CustomPatternMatcherFunc, IToken, TokenType } from "chevrotain";
import { assignOperators, infixPrecedence, prefixOperators } from "./precedence.ts";

/** Every token but `}`: what must be looked at before a block can end. */
export const Any = createToken({ name: "Any", pattern: Lexer.NA });
/** Any word, reserved or not. */
export const Word = createToken({ name: "Word", pattern: Lexer.NA, categories: [Any] });
/** A word that may be a name. */
export const Name = createToken({ name: "Name", pattern: Lexer.NA, categories: [Word] });
export const Infix = createToken({ name: "Infix", pattern: Lexer.NA });
export const Prefix = createToken({ name: "Prefix", pattern: Lexer.NA });
export const Assign = createToken({ name: "Assign", pattern: Lexer.NA });

/** A word without any meaning of its own. */
export const Identifier = createToken({ name: "Identifier", pattern: /[A-Za-z_][A-Za-z0-9_]*/, categories: [Name] });

const reservedWords = [
  "import", "export", "const", "fn", "vertex", "graph", "let", "var", "for", "if", "else", "while", "switch", "return", "true", "false", "in",
] as const;
const contextualWords = [
  "out", "inout", "stream", "param", "map", "on", "place", "compute", "set", "program", "repeat", "limit", "execute", "call", "grad", "cycles", "from", "as", "default",
] as const;

type ReservedWord = (typeof reservedWords)[number];
type Keyword = ReservedWord | (typeof contextualWords)[number];

export const isReserved = (text: string): text is ReservedWord => (reservedWords as readonly string[]).includes(text);

const keyword = (text: string, category: TokenType): TokenType =>
  createToken({ name: text, pattern: text, longer_alt: Identifier, categories: [category] });

/** Longest first, so that `inout` is not looked for as an `in` that goes on. */
const keywordTokens = new Map<string, TokenType>(
  [...reservedWords, ...contextualWords].toSorted((a, b) => b.length - a.length).map((text) => [text, keyword(text, isReserved(text) ? Word : Name)]),
);

export const keywords: readonly string[] = [...keywordTokens.keys()];
/** The token type of a keyword. */
export const word = (text: Keyword): TokenType => keywordTokens.get(text)!;

/** Longest first, so that `<<=` is not `<` `<=`. */
const signTexts = [
  "<<=", ">>=", "...", "->", "=>", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "@=", "&=", "|=", "^=", "..",
  "(", ")", "[", "]", "{", "}", ",", ";", ":", ".", "?", "=", "<", ">", "+", "-", "*", "/", "%", "@", "&", "|", "^", "!", "~",
] as const;

type Sign = (typeof signTexts)[number];

const signTokens = new Map<string, TokenType>(
  signTexts.map((text) => {
    const categories: TokenType[] = text === "}" ? [] : [Any];
    if (text in infixPrecedence) categories.push(Infix);
    if ((prefixOperators as readonly string[]).includes(text)) categories.push(Prefix);
    if ((assignOperators as readonly string[]).includes(text)) categories.push(Assign);
    return [text, createToken({ name: text, pattern: text, categories })];
  }),
);

/** The token type of a bracket, separator or operator. */
export const sign = (text: Sign): TokenType => signTokens.get(text)!;

/** From the quote to its partner, or to the end of the line if it has none. */
const matchString: CustomPatternMatcherFunc = (text, offset) => {
  if (text[offset] !== '"') return null;
  let at = offset + 1;
  while (at < text.length && text[at] !== '"' && text[at] !== "\n" && text[at] !== "\r") {
    at += text[at] === "\\" && text[at + 1] !== "\n" && text[at + 1] !== "\r" ? 2 : 1;
  }
  return [text.slice(offset, text[at] === '"' ? at + 1 : at)];
};

/** From `/*` to the next star and slash, or to the end of the text if there is none. */
const matchBlockComment: CustomPatternMatcherFunc = (text, offset) => {
  if (!text.startsWith("/*", offset)) return null;
  const end = text.indexOf("*/", offset + 2);
  return [text.slice(offset, end === -1 ? text.length : end + 2)];
};

export const NumberToken = createToken({
  name: "Number",
  pattern: /0[xXbBoO][0-9A-Za-z_]*|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9][0-9_]*)?[0-9A-Za-z_]*/,
  categories: [Any],
});
export const StringToken = createToken({ name: "String", pattern: matchString, categories: [Any], start_chars_hint: ['"'], line_breaks: false });

const whiteSpace = createToken({ name: "WhiteSpace", pattern: /[ \t\r\n\f\v\uFEFF]+/, group: Lexer.SKIPPED, line_breaks: true });
const lineComment = createToken({ name: "LineComment", pattern: /\/\/[^\n\r]*/, group: "comments" });
const blockComment = createToken({
  name: "BlockComment", pattern: matchBlockComment, start_chars_hint: ["/"], group: "comments", line_breaks: true,
});

/** A run of characters that mean nothing outside strings and comments; the lexer's own error handling goes one by one. */
const foreign = createToken({ name: "Foreign", pattern: /[\x00-\x08\x0e-\x1f\x7f-\uFEFE\uFF00-\uFFFF]+/, group: "foreign" });

export const vocabulary: TokenType[] = [
  whiteSpace, lineComment, blockComment, ...keywordTokens.values(), Identifier, NumberToken, StringToken, ...signTokens.values(),
  foreign, Any, Word, Name, Infix, Prefix, Assign,
];

/** Where a token ends; the lexer keeps no end offsets, and a token made up in recovery has no place at all. */
export const endOf = (token: IToken): number => token.startOffset + token.image.length;

export interface Tokens {
  readonly tokens: IToken[];
  /** `//`, `///` and block comments, in order. */
  readonly comments: readonly IToken[];
  /** Stretches of the text that are no tokens. */
  readonly unknown: readonly { readonly offset: number; readonly length: number }[];
}

let lexer: Lexer | undefined;

/** Cuts a text into tokens. Made when first used, since building the tables takes some milliseconds. */
export function tokenize(text: string): Tokens {
  lexer ??= new Lexer(vocabulary, { positionTracking: "onlyOffset", ensureOptimizations: true, skipValidations: true });
  const result = lexer.tokenize(text);
  const foreignRuns = (result.groups["foreign"] ?? []).map((run) => ({ offset: run.startOffset, length: run.image.length }));
  const unknown = [...foreignRuns, ...result.errors].toSorted((a, b) => a.offset - b.offset);
  return { tokens: result.tokens, comments: result.groups["comments"] ?? [], unknown };
}
