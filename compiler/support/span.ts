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

/** Line and column of an offset, both from 1. Columns count UTF-16 code units. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line += 1;
    lineStart = at + 1;
  }
  return { line, column: offset - lineStart + 1 };
}
