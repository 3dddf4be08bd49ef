/**
 * The lines of source under a diagnostic, with marks under the labelled places: `^` under the primary one, `-` under the
 * others.
 *
 * Of the labels on one line the last stands behind its marks; the others hang below, joined by bars, right to left. A
 * place of several lines is marked on its first and its last line. Long lines are shown around their labels.
 */
import type { Label, Severity } from "./diagnostic.ts";
import type { SourceText } from "./source-text.ts";
import { printable, textWidth, widthOf } from "./text-width.ts";

/** A role that a piece of output plays, which decides its colour. */
export type Role = "error" | "warning" | "title" | "gutter" | "primary-error" | "primary-warning" | "secondary" | "help";
export type Paint = (role: Role, text: string) => string;

export interface FrameLabel extends Label {
  readonly primary: boolean;
}

/** A stretch of one line to be marked; offsets in the text. */
interface Mark {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly primary: boolean;
}

/** A mark in columns of the shown line, from 0; `end` exclusive. */
interface ShownMark {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly primary: boolean;
}

const widestLine = 120;
/** How many columns of a cut line are shown before its first label. */
const before = 30;
/** So many lines between two labelled ones are shown rather than left out. */
const shownBetween = 1;

export function codeFrame(source: SourceText, labels: readonly FrameLabel[], gutter: number, severity: Severity, paint: Paint): string[] {
  const marks = labels.flatMap((label) => marksOf(source, label));
  const lines = [...new Set(marks.map((mark) => mark.line))].toSorted((a, b) => a - b);
  const empty = `${" ".repeat(gutter)} ${paint("gutter", "|")}`;
  const out = [empty];
  let last = lines[0] ?? 1;
  for (const line of lines) {
    if (line - last - 1 > shownBetween) out.push(paint("gutter", "..."));
    else for (let between = last + 1; between < line; between++) out.push(numbered(between, showLine(source, between, []).text, gutter, paint));
    const shown = showLine(source, line, marks.filter((mark) => mark.line === line));
    out.push(numbered(line, shown.text, gutter, paint));
    for (const row of rowsUnder(shown.marks, severity, paint)) out.push(`${empty} ${row}`);
    last = line;
  }
  return out;
}

const numbered = (line: number, text: string, gutter: number, paint: Paint): string =>
  `${paint("gutter", `${String(line).padStart(gutter)} |`)}${text === "" ? "" : ` ${text}`}`;

function marksOf(source: SourceText, label: FrameLabel): Mark[] {
  const { text, primary } = label;
  const length = source.text.length;
  const start = Math.min(Math.max(label.span.start, 0), length);
  const end = Math.min(Math.max(label.span.end, start), length);
  const first = source.positionOf(start).line;
  // A span that ends with a line break ends on the line before it.
  const last = end > start ? source.positionOf(end - 1).line : first;
  if (first === last) return [{ line: first, start, end: Math.min(end, source.endOfLine(first)), text, primary }];
  const firstEnd = source.endOfLine(first);
  const lineStart = source.startOfLine(last);
  const indentation = /^[ \t]*/.exec(source.text.slice(lineStart, Math.min(end, lineStart + 1_000)))![0].length;
  return [
    { line: first, start: Math.min(start, firstEnd), end: firstEnd, text: "", primary },
    { line: last, start: Math.min(lineStart + indentation, Math.max(lineStart, end - 1)), end, text, primary },
  ];
}

/** A line as it is shown, and where its marks come to stand. */
function showLine(source: SourceText, line: number, marks: readonly Mark[]): { text: string; marks: ShownMark[] } {
  const start = source.startOfLine(line);
  const end = source.endOfLine(line);
  let from = start;
  let to = end;
  // Only lines of many code units can be too wide; what is far from the labels is not even measured.
  if (end - start > widestLine || textWidth(source.text.slice(start, end)) > widestLine) {
    const firstMark = Math.min(...marks.map((mark) => mark.start), end);
    from = marks.length === 0 || firstMark - start <= before ? start : firstMark - before;
    to = Math.min(end, from + widestLine);
    while (to > from + 1 && textWidth(source.text.slice(from, to)) > widestLine) to -= 1;
    from = wholeCharacter(source.text, from);
    to = wholeCharacter(source.text, to);
  }
  const head = from > start ? "…" : "";
  const tail = to < end ? "…" : "";
  const columnOf = (offset: number): number => textWidth(head) + textWidth(source.text.slice(from, Math.min(Math.max(offset, from), to)));
  return {
    text: `${head}${printable(source.text.slice(from, to))}${tail}`.trimEnd(),
    marks: marks.map((mark) => {
      const markStart = columnOf(mark.start);
      return { start: markStart, end: Math.max(columnOf(mark.end), markStart + 1), text: mark.text, primary: mark.primary };
    }),
  };
}

/** An offset that does not cut a surrogate pair. */
const wholeCharacter = (text: string, offset: number): number => {
  const code = text.charCodeAt(offset);
  return code >= 0xdc00 && code <= 0xdfff ? offset + 1 : offset;
};

/** The rows of marks and texts under one line. */
function rowsUnder(marks: readonly ShownMark[], severity: Severity, paint: Paint): string[] {
  const role = (mark: ShownMark): Role => (mark.primary ? (severity === "error" ? "primary-error" : "primary-warning") : "secondary");
  // Secondary marks are drawn first, so that a primary one over them stays visible.
  const width = Math.max(...marks.map((mark) => mark.end));
  const cells: (ShownMark | undefined)[] = new Array<ShownMark | undefined>(width).fill(undefined);
  for (const primary of [false, true]) for (const mark of marks) if (mark.primary === primary) cells.fill(mark, mark.start, mark.end);
  let underline = "";
  for (let column = 0; column < width; ) {
    const mark = cells[column];
    let next = column;
    while (next < width && cells[next] === mark) next += 1;
    underline += mark === undefined ? " ".repeat(next - column) : paint(role(mark), (mark.primary ? "^" : "-").repeat(next - column));
    column = next;
  }
  const texts = marks.filter((mark) => mark.text !== "").toSorted((a, b) => b.start - a.start || Number(a.primary) - Number(b.primary));
  const [rightmost, ...hanging] = texts;
  if (rightmost === undefined) return [underline];
  // The last text stands behind the marks unless other marks reach beyond its own.
  const inline = marks.every((mark) => mark.end <= rightmost.end);
  const rows = [inline ? `${underline} ${paint(role(rightmost), printable(rightmost.text))}` : underline];
  const below = inline ? hanging : texts;
  for (const [i, mark] of below.entries()) {
    const bars = below.slice(i + 1).filter((other) => other.start < mark.start);
    if (i === 0) rows.push(row([...bars, mark], undefined));
    rows.push(row(bars, mark));
  }
  return rows;

  /** Bars under the marks that still wait for their text, and the text of one. */
  function row(bars: readonly ShownMark[], texted: ShownMark | undefined): string {
    let text = "";
    let column = 0;
    const starts = new Set<number>();
    for (const bar of bars.toSorted((a, b) => a.start - b.start)) {
      if (starts.has(bar.start)) continue;
      starts.add(bar.start);
      text += " ".repeat(bar.start - column) + paint(role(bar), "|");
      column = bar.start + widthOf("|");
    }
    if (texted !== undefined) text += " ".repeat(texted.start - column) + paint(role(texted), printable(texted.text));
    return text;
  }
}
