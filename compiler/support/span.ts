/** Where something stands in the sources. Every node of every level carries one as its `origin`. */
export interface Span {
  /** Path of the file as the user named it; `std/nn` for the library. */
  readonly file: string;
  /** Offsets in UTF-16 code units, `end` exclusive. */
  readonly start: number;
  readonly end: number;
}

/** The texts that spans point into, by path. */
export type Sources = ReadonlyMap<string, string>;

/** For what no line of the source asked for. Renderers show no code frame for it. */
export const nowhere: Span = { file: "", start: 0, end: 0 };

/** The smallest span that holds both. Both must be of one file. */
export function join(a: Span, b: Span): Span {
  if (a.file !== b.file) return a;
  return { file: a.file, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}

/** Where the lines of the text asked about last begin: a module asks for thousands of positions in one text. */
let known: { readonly text: string; readonly starts: readonly number[] } | undefined;

function lineStartsOf(text: string): readonly number[] {
  if (known?.text === text) return known.starts;
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  known = { text, starts };
  return starts;
}

/** Line and column of an offset, both from 1. Columns count UTF-16 code units. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  const starts = lineStartsOf(text);
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: offset - starts[low]! + 1 };
}
