/** From text to syntax tree. Always gives a file; what could not be read was reported, and is `missing` or left out. */
import { isStackOverflow } from "../support/bug.ts";
import type { Diagnostic, Reporter } from "../support/diagnostic.ts";
import type { Comment, File } from "./ast.ts";
import type { Mistake } from "./recovering-parser.ts";
import { Grammar } from "./grammar.ts";
import { deepestNesting, firstTooDeep, largestSource, mostMistakes } from "./limits.ts";
import { indexOf, messageProvider, toMistake } from "./messages.ts";
import { endOf, tokenize } from "./tokens.ts";
import type { Tokens } from "./tokens.ts";

let grammar: Grammar | undefined;

/**
 * Reads one source. `path` is what spans will say. Limits: 10 MB, nesting 256 deep, expressions 1,000 operations deep,
 * and 100 mistakes told for one file.
 */
export function parse(path: string, text: string, reporter: Reporter): File {
  const span = { file: path, start: 0, end: text.length };
  if (text.length > largestSource) {
    reporter.report({
      problem: "source-too-large", severity: "error", labels: [{ span: { ...span, end: 0 }, text: "" }],
      message: `the file has ${text.length} characters, the most is ${largestSource}`, help: "import it in parts, or read large constants as inputs or parameters",
    });
    return { kind: "file", path, items: [], comments: [], lineStarts: [0], span };
  }
  const scanned = tokenize(text);
  const lineStarts = startsOfLines(text);
  const comments = readComments(path, text, scanned, lineStarts);
  const mistakes = lexicalMistakes(path, text, scanned);
  const nestedTooDeep = (start: number, end: number): File => {
    mistakes.push({
      problem: "nesting-too-deep", message: `this is nested too deep: ${deepestNesting} blocks and brackets inside each other are the most`, until: text.length,
      labels: [{ span: { file: path, start, end }, text: "" }], help: "name the inner parts with `let` or move them into a `fn`",
    });
    tell(mistakes, lineStarts, reporter);
    return { kind: "file", path, items: [], comments, lineStarts, span };
  };
  const tooDeep = firstTooDeep(scanned.tokens);
  if (tooDeep !== undefined) return nestedTooDeep(tooDeep.startOffset, endOf(tooDeep));
  grammar ??= new Grammar(messageProvider);
  const docs = comments.filter((comment) => !comment.trailing && /^\/\/\/(?!\/)/.test(comment.text));
  try {
    grammar.read(path, text, scanned.tokens, docs.map((comment) => ({ start: comment.span.start, text: docText(comment.text) })));
  } catch (thrown) {
    // Whoever calls the compiler may have used up most of the stack.
    if (!isStackOverflow(thrown)) throw thrown;
    return nestedTooDeep(0, 0);
  }
  const { items, usedDocs } = grammar;
  const surroundings = { path, text, tokens: scanned.tokens };
  const found = inOrder(grammar.mistakes, grammar.errors.map((exception) => toMistake(exception, surroundings)));
  // A comment without an end hides the end of everything else.
  const hidden = hasOpenComment(scanned) ? lastEnd(scanned) : Number.POSITIVE_INFINITY;
  tell(merge(text, mistakes, found.filter((mistake) => startOf(mistake) < hidden)), lineStarts, reporter);
  return { kind: "file", path, items, comments: comments.filter((comment) => !usedDocs.has(comment.span.start)), lineStarts, span };
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** The line (from 0) that an offset is on. */
function lineOf(lineStarts: readonly number[], offset: number): number {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (lineStarts[middle]! <= offset) low = middle;
    else high = middle;
  }
  return low;
}

/** The text of a `///` line: without the slashes and the space after them. */
const docText = (text: string): string => text.replace(/^\/\/\/ ?/, "").trimEnd();

function readComments(path: string, text: string, { tokens, comments }: Tokens, lineStarts: readonly number[]): Comment[] {
  const closings = closingsAround(comments, tokens, text.length);
  return comments.map((comment, i) => {
    const before = tokens[indexOf(tokens, comment.startOffset) - 1];
    const lineStart = lineStarts[lineOf(lineStarts, comment.startOffset)]!;
    return {
      text: comment.image.trimEnd(),
      span: { file: path, start: comment.startOffset, end: endOf(comment) },
      trailing: before !== undefined && endOf(before) > lineStart,
      closesAt: closings[i]!,
    };
  });
}

/** For each comment, where the innermost bracket around it closes. */
function closingsAround(comments: Tokens["comments"], tokens: Tokens["tokens"], textEnd: number): number[] {
  const closings = new Array<number>(comments.length).fill(textEnd);
  /** For each open bracket, the comments that stand in it directly. */
  const open: number[][] = [[]];
  let next = 0;
  for (const token of tokens) {
    for (; next < comments.length && comments[next]!.startOffset < token.startOffset; next++) open.at(-1)!.push(next);
    if (/^[([{]$/.test(token.image)) open.push([]);
    else if (/^[)\]}]$/.test(token.image) && open.length > 1) for (const i of open.pop()!) closings[i] = token.startOffset;
  }
  return closings;
}

/** For a character that no token has. */
function helpForCharacter(character: string): string | undefined {
  if (/[\u2018-\u201f\u00ab\u00bb]/.test(character)) return 'strings stand in double quotes: "text"';
  if (/[\u2010-\u2015\u2212]/.test(character)) return "a minus is `-`";
  if (/[\u00d7\u00b7\u22c5]/.test(character)) return "`*` multiplies";
  if (/[\s\u200b-\u200d\u2060\ufeff]/u.test(character)) return "write an ordinary space";
  return character.codePointAt(0)! > 0x7f ? "names are made of ASCII letters, digits and `_`" : undefined;
}

function lexicalMistakes(path: string, text: string, { comments, unknown }: Tokens): Mistake[] {
  const mistakes: Mistake[] = [];
  const add = (start: number, end: number, message: string, help?: string, until = end): void => {
    mistakes.push({ problem: "syntax", message, labels: [{ span: { file: path, start, end }, text: "" }], ...(help === undefined ? {} : { help }), until });
  };
  for (const { offset, length } of unknown.slice(0, mostMistakes)) {
    const character = String.fromCodePoint(text.codePointAt(offset)!);
    const code = character.codePointAt(0)!;
    const end = offset + Math.max(length, 1);
    if (code === 0) add(offset, end, "a source cannot hold NUL bytes", "is this a text file?");
    else if (code >= 0xd800 && code <= 0xdfff) add(offset, end, "half of a surrogate pair is no character", "is this file encoded as UTF-8?");
    else if (character === "#") add(offset, end, "`#` means nothing here", "a comment begins with `//`");
    else if (character === "'" || character === "`") add(offset, end, `\`${character}\` means nothing here`, 'strings stand in double quotes: "text"', endOfLine(text, offset));
    else add(offset, end, `the character ${nameOf(character)} means nothing here`, helpForCharacter(character));
  }
  const last = comments.at(-1);
  if (last !== undefined && hasOpenComment({ comments })) {
    add(last.startOffset, last.startOffset + 2, "this comment has no end", "close it with `*/`; block comments do not nest", text.length);
  }
  const lone = /\p{Surrogate}/u.exec(text);
  if (lone !== null && !unknown.some(({ offset, length }) => offset <= lone.index && lone.index < offset + length)) {
    add(lone.index, lone.index + 1, "half of a surrogate pair is no character", "is this file encoded as UTF-8?");
  }
  return mistakes;
}

function lastEnd({ tokens }: Tokens): number {
  const last = tokens.at(-1);
  return last === undefined ? 0 : endOf(last);
}

function hasOpenComment({ comments }: Pick<Tokens, "comments">): boolean {
  const image = comments.at(-1)?.image ?? "";
  return image.startsWith("/*") && (image.length < 4 || !image.endsWith("*/"));
}

function nameOf(character: string): string {
  const code = character.codePointAt(0)!;
  const number = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return /\p{Control}|\p{Format}|\p{Separator}|\p{Unassigned}|\p{Private_Use}/u.test(character) ? number : `\`${character}\` (${number})`;
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end;
}

/** The grammar's own mistakes and Chevrotain's errors, in the order in which the parser met them. */
function inOrder(own: Grammar["mistakes"], errors: readonly Mistake[]): Mistake[] {
  const all: Mistake[] = [];
  let taken = 0;
  for (const { mistake, errorsBefore } of own) {
    while (taken < errorsBefore) all.push(errors[taken++]!);
    all.push(mistake);
  }
  return [...all, ...errors.slice(taken)];
}

const startOf = (mistake: Mistake): number => mistake.labels[0]!.span.start;

/**
 * Puts the lexer's mistakes where the parser came by them, before what may only follow from them: also from one behind blanks,
 * where the parser points at the end of what stands before it.
 */
function merge(text: string, lexical: readonly Mistake[], found: readonly Mistake[]): Mistake[] {
  const waiting = lexical.toSorted((a, b) => startOf(a) - startOf(b));
  const all: Mistake[] = [];
  for (const mistake of found) {
    const { start, end } = mistake.labels[0]!.span;
    const next = start < end ? start : start + /^[ \t]*/.exec(text.slice(start, start + 1000))![0].length;
    while (waiting.length > 0 && startOf(waiting[0]!) <= next) all.push(waiting.shift()!);
    all.push(mistake);
  }
  return [...all, ...waiting];
}

/**
 * Reports the mistakes, without those that only follow from an earlier one: at most one on a line, and none in what was
 * skipped because of one.
 */
function tell(mistakes: readonly Mistake[], lineStarts: readonly number[], reporter: Reporter): void {
  const lines = new Set<number>();
  const told: Mistake[] = [];
  let until = -1;
  for (const mistake of mistakes) {
    const line = lineOf(lineStarts, startOf(mistake));
    if (startOf(mistake) < until || lines.has(line)) continue;
    until = Math.max(until, mistake.until);
    lines.add(line);
    told.push(mistake);
    if (told.length === mostMistakes) break;
  }
  for (const { problem, message, labels, help } of told.toSorted((a, b) => startOf(a) - startOf(b))) {
    const diagnostic: Diagnostic = { problem, severity: "error", message, labels, ...(help === undefined ? {} : { help }) };
    reporter.report(diagnostic);
  }
}
