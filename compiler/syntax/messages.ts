/** What the parser says: its exceptions turned into sentences a person would write. */
import { tokenMatcher } from "chevrotain";
import type { IParserErrorMessageProvider, IRecognitionException, IToken, TokenType } from "chevrotain";
import type { Label } from "../support/diagnostic.ts";
import { closest } from "../support/suggest.ts";
import type { Mistake } from "./recovering-parser.ts";
import { endOf, Identifier, Infix, isReserved, keywords, Name, sign, StringToken, word, Word } from "./tokens.ts";

/** What stands inside a rule's brackets. */
const insides: Readonly<Record<string, string>> = {
  arguments: "an argument", parameters: "a parameter", generics: "a generic name", typeArguments: "a type", tupleType: "a type", dimensions: "a dimension",
  index: "an index", parenthesised: "an expression", import: "a name", connections: "a field", names: "a name",
};

const alternatives: Readonly<Record<string, string>> = {
  type: "a type", statement: "a statement", state: "`in`, `out`, `param` or `var`",
  names: "a name or `(`", annotated: "`let` or `fn`", exportable: "`const`, `fn`, `vertex` or `graph`", case: "a case", field: "`in`, `out` or `inout`",
};

/** What Chevrotain expected, as a person would call it. */
function phraseFor(expected: TokenType, previous: IToken, ruleName: string): string {
  const quoted = `\`${expected.name}\``;
  if (expected.name === "EOF") return "`import`, `const`, `fn`, `vertex` or `graph`";
  if (expected === StringToken) return 'the module\'s name in quotes, as in "std/nn"';
  if (expected === Name || expected === Word) return "a name";
  const inside = insides[ruleName];
  if (inside !== undefined && closers.has(expected)) {
    const begins = previous.tokenType === sign(",") || openers.has(previous.tokenType) || previous.tokenType === sign("<");
    return begins ? `${inside} or ${quoted}` : `\`,\` or ${quoted}`;
  }
  return quoted;
}

const closers = new Set<TokenType>([sign(")"), sign("]"), sign("}"), sign(">")]);
const openers = new Set<TokenType>([sign("("), sign("["), sign("{")]);

/** Gives only what was expected; `toMistake` makes the sentence, since it sees the surroundings. */
export const messageProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, previous, ruleName }) => phraseFor(expected, previous, ruleName),
  buildNoViableAltMessage: ({ ruleName }) => alternatives[ruleName] ?? "an expression",
  buildEarlyExitMessage: ({ ruleName }) => alternatives[ruleName] ?? "an expression",
  buildNotAllInputParsedMessage: () => "`import`, `const`, `fn`, `vertex` or `graph`",
};

/** Words of other languages, and what they are here. */
const elsewhere: Readonly<Record<string, string>> = {
  elif: "write `else if`", elsif: "write `else if`", elseif: "write `else if`",
  func: "a function begins with `fn`", function: "a function begins with `fn`", def: "a function begins with `fn`",
  loop: "a loop is `repeat n { … }`, `while condition { … }` or `for i in 0..n { … }`",
  do: "a loop is `repeat n { … }`, `while condition { … }` or `for i in 0..n { … }`",
  mut: "what changes is a `var`", codelet: "a codelet is a `vertex`", struct: "there are no structs", class: "there are no classes",
  and: "logical and is `&&`", or: "logical or is `||`", not: "logical not is `!`", null: "there is no null", pub: "what others may import is marked `export`",
  match: "write `switch`", use: 'write `import { name } from "module";`', require: 'write `import { name } from "module";`',
  int: "declare with `let`, or with `var` for what changes", float: "declare with `let`, or with `var` for what changes", auto: "declare with `let`, or with `var` for what changes",
  computeset: "write `compute set`", compute_set: "write `compute set`",
  run: "a compute set is run by `execute name;`, a program by `call name;`", exec: "a compute set is run by `execute name;`, a program by `call name;`",
  input: "an input is declared with `in`", output: "an output is declared with `out`",
};

/** For a token that begins nothing, where `expected` would, and what follows it. */
export function helpForBeginning(token: IToken, expected: string, after: IToken): string | undefined {
  const type = token.tokenType;
  if (type === sign(";")) return "remove this `;`: nothing that ends in `}` needs one";
  if (type === word("const")) return "here `let` names a value";
  if (type === word("else")) return "an `else` follows the `}` of its `if`";
  const help = tokenMatcher(token, Word) ? helpForWord(token.image) : undefined;
  const isVertex = type === Identifier && expected.startsWith("`place`") && (after.tokenType === sign("{") || after.tokenType === sign("("));
  return help === undefined && isVertex ? `\`place ${token.image} { field = slice } on 0;\` puts a vertex on a tile` : help;
}

export function helpForWord(text: string): string | undefined {
  if (Object.hasOwn(elsewhere, text)) return elsewhere[text];
  if (isReserved(text)) return undefined;
  // Short words are near to each other without being meant, unless only the order of their letters differs.
  const near = text.length < 4 ? keywords.find((keyword) => text.length === 3 && keyword !== text && lettersOf(keyword) === lettersOf(text)) : closest(text, keywords);
  return near === undefined ? undefined : `did you mean \`${near}\`?`;
}

const lettersOf = (text: string): string => [...text].sort().join("");

export const found = (token: IToken): string => {
  if (token.tokenType.name === "EOF") return "the end of the file";
  const image = token.image.length > 40 ? `${token.image.slice(0, 37)}...` : token.image;
  return isReserved(token.image) ? `the keyword \`${image}\`` : `\`${image}\``;
};

/** What is known about the tokens around a mistake. */
export interface Surroundings {
  readonly path: string;
  readonly text: string;
  readonly tokens: readonly IToken[];
}

export function toMistake(exception: IRecognitionException, surroundings: Surroundings): Mistake {
  const { path, text, tokens } = surroundings;
  const { token } = exception;
  const expected = exception.message;
  const atEnd = !(token.startOffset >= 0);
  const position = atEnd ? tokens.length : indexOf(tokens, token.startOffset);
  const before = tokens[position - 1];
  const previousEnd = before === undefined ? 0 : endOf(before);
  let span = atEnd ? { file: path, start: previousEnd, end: previousEnd } : { file: path, start: token.startOffset, end: endOf(token) };
  // What is missing at the end of a line is missing there, not at the beginning of the next.
  const lineBreak = text.indexOf("\n", previousEnd);
  if (!atEnd && expected.startsWith("`") && before !== undefined && lineBreak !== -1 && lineBreak < token.startOffset) {
    span = { file: path, start: previousEnd, end: previousEnd };
  }
  const labels: Label[] = [{ span, text: "" }];
  const closer = /`([)\]}])`$/.exec(expected)?.[1];
  const opener = closer === undefined ? undefined : openBracket(tokens, position, closer);
  if (opener !== undefined) labels.push({ span: { file: path, start: opener.startOffset, end: endOf(opener) }, text: `\`${opener.image}\` opened here` });
  const named = expected === "a name" && isReserved(token.image);
  const help = helpFor(expected, token, before, tokens[position + 1]);
  const skipped = exception.resyncedTokens.at(-1);
  return {
    problem: "syntax",
    message: named ? `\`${token.image}\` is a reserved word and cannot be a name` : `expected ${expected}, found ${found(token)}`,
    labels,
    ...(help === undefined ? {} : { help }),
    until: Math.max(endOfStatement(tokens, position, text), skipped === undefined ? 0 : endOf(skipped)),
  };
}

/** The index of the token at an offset, or of the first one after it. */
export function indexOf(tokens: readonly IToken[], offset: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tokens[middle]!.startOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The innermost bracket that is open before a token, if `closer` would close it. */
function openBracket(tokens: readonly IToken[], position: number, closer: string): IToken | undefined {
  const opener = closer === ")" ? "(" : closer === "]" ? "[" : "{";
  let closed = 0;
  for (let i = position - 1; i >= 0; i--) {
    const type = tokens[i]!.tokenType;
    if (closers.has(type) && type !== sign(">")) closed += 1;
    else if (openers.has(type)) {
      if (closed === 0) return type.name === opener ? tokens[i] : undefined;
      closed -= 1;
    }
  }
  return undefined;
}

/** Where the statement around a mistake ends, as far as one can tell: at a `;`, a brace, or a reserved word on a new line. */
function endOfStatement(tokens: readonly IToken[], position: number, text: string): number {
  for (let i = position; i < tokens.length; i++) {
    const token = tokens[i]!;
    const type = token.tokenType;
    if (type === sign(";") || type === sign("{") || type === sign("}")) return endOf(token);
    if (i > position && isReserved(token.image) && tokenMatcher(token, Word)) {
      const lineBreak = text.indexOf("\n", endOf(tokens[i - 1]!));
      if (lineBreak !== -1 && lineBreak < token.startOffset) return token.startOffset;
    }
  }
  return text.length;
}

export const helpForSeveral = "several are assigned, or declared, in parentheses: `(a, b) = (c, d);`";

function helpFor(expected: string, token: IToken, before: IToken | undefined, after: IToken | undefined): string | undefined {
  const type = token.tokenType;
  const adjacent = before !== undefined && endOf(before) === token.startOffset;
  if (expected === "an expression" && type === sign("=") && before !== undefined && tokenMatcher(before, Infix)) {
    if (before.image === "==" || before.image === "!=") return `there is no \`${before.image}=\`; \`${before.image}\` compares`;
    return `did you mean \`${before.image}=\`?`;
  }
  if (expected === "an expression" && adjacent && type === sign("*") && before.image === "*") return "a power is `pow(x, y)`";
  if (expected === "an expression" && adjacent && type === before.tokenType && (type === sign("&") || type === sign("|"))) return `logical operators are \`&&\` and \`||\``;
  if ((expected === "an expression" || expected.startsWith("an argument") || expected.startsWith("an index")) && type === sign("[")) return "a tensor of given elements is `stack(a, b, c)`, a tuple `(a, b, c)`";
  if (expected === "an expression" && type === sign(".") && after !== undefined && endOf(token) === after.startOffset) return "a number begins with a digit, as in `0.5`";
  if (expected === "a name" && before?.tokenType === word("for") && type === sign("(")) return "no parentheses, as in `for i in 0..n { … }`";
  if (expected === "a name" && before !== undefined && ["in", "out", "param", "var"].includes(before.image) && type === sign("(")) return "each state has a declaration of its own";
  if (expected === "a type" && type === sign("=") && before?.tokenType === sign(":")) return "without a type there is no `:`, as in `let x = …;`";
  if (type === sign("=>") && expected.includes("`)`")) return "at least is `>=`; `=>` stands only behind the cases of a `switch`";
  if (expected === "a name" && !isReserved(token.image)) return undefined;
  if (expected === "a name" || (expected === "a name or `(`" && isReserved(token.image))) return `choose another name, for example \`${token.image}_\``;
  if (before?.image === "mut" && expected.includes("`=`")) return elsewhere["mut"];
  if (type === sign(",") && expected === "`=`") return helpForSeveral;
  if (type === sign("=") && expected === "`{`") return "`=` assigns; `==` compares";
  if (type === sign("==") && expected.includes("`=`")) return "`=` assigns; `==` compares";
  if (expected === "`->`" && (type === sign(":") || type === sign("=>"))) return "a function's result is written after `->`, as in `fn f(x: f32) -> f32 { … }`";
  if (expected === "`->`" && type === sign("{")) return "every function says what it gives, as in `fn f(x: f32) -> f32 { … }`";
  if (expected === "`:`" && type !== sign(":")) return typeHelp(token);
  if (before?.image === "compute" && expected === "`set`") return `\`compute set ${type === Identifier ? token.image : "S"} { … }\` begins a compute set`;
  const wanted = /^`([a-z]+)`$/.exec(expected)?.[1];
  if (wanted !== undefined && wanted.length > 2 && closest(token.image, [wanted]) !== undefined) return `did you mean \`${wanted}\`?`;
  if (type === Identifier && (expected.startsWith("`") || expected.endsWith("`"))) return helpForWord(token.image);
  return undefined;
}

function typeHelp(token: IToken): string | undefined {
  if ([sign("="), sign(";"), sign(","), sign(")")].includes(token.tokenType)) return "a type is needed here, as in `x: f32[n]`";
  return tokenMatcher(token, Word) ? "a type stands behind a colon, as in `x: f32[n]`" : undefined;
}

/** For an operator after the beginning of a statement, where only an assignment makes sense. */
export function helpForLooseOperator(operator: IToken, after: IToken): string {
  const adjacent = endOf(operator) === after.startOffset;
  if (operator.tokenType === sign("==")) return "`=` assigns; `==` compares";
  if (after.tokenType === sign("=")) return `did you mean \`${operator.image}=\`?`;
  if (adjacent && after.tokenType === operator.tokenType && (operator.image === "+" || operator.image === "-")) {
    return `there is no \`${operator.image}${operator.image}\`; write \`${operator.image}= 1\``;
  }
  return "assign it, `x = …;`, or name it, `let x = …;`";
}
