/** Places in the sources, as reports show them. */
import { SourceText } from "../../support/source-text.ts";
import type { Sources, Span } from "../../support/span.ts";

export interface Place {
  readonly file: string;
  /** From 1; 0 for what no line asked for. */
  readonly line: number;
  readonly column: number;
  /** The line, without spaces around it. */
  readonly source: string;
}

/** The sources with their lines found once. */
export class Places {
  readonly #sources: Sources;
  readonly #texts = new Map<string, SourceText>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  at(span: Span): Place {
    const text = this.#text(span.file);
    if (text === undefined) return { file: span.file, line: 0, column: 0, source: "" };
    const { line, column } = text.positionOf(span.start);
    return { file: span.file, line, column, source: text.text.slice(text.startOfLine(line), text.endOfLine(line)).trim() };
  }

  /** The text of a span on one line. */
  textOf(span: Span): string {
    return (this.#sources.get(span.file)?.slice(span.start, span.end) ?? "").replaceAll(/\s+/g, " ");
  }

  #text(file: string): SourceText | undefined {
    const known = this.#texts.get(file);
    if (known !== undefined) return known;
    const source = this.#sources.get(file);
    if (source === undefined) return undefined;
    const made = new SourceText(source);
    this.#texts.set(file, made);
    return made;
  }
}

/** "heat.gph:9" */
export const lineOf = (place: Place): string => (place.line === 0 ? "" : `${place.file.split("/").at(-1)}:${place.line}`);
