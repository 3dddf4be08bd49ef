/**
 * Diagnostics as a person reads them, and as JSON for tools. The one place where they are laid out.
 *
 *     error[shape-mismatch]: inner extents differ, 784 (x) and 128 (w)
 *       --> mlp.gph:12:9
 *        |
 *      5 |   param w: f32[128, 10];
 *        |         - declared here
 *     ...
 *     12 |     y = x @ w;
 *        |         ^^^^^
 *        = help: transpose w
 *
 * Nothing of a source reaches the terminal raw: control characters, also those that turn the direction of writing, are
 * shown as `�`.
 */
import { codeFrame } from "./code-frame.ts";
import type { FrameLabel, Paint, Role } from "./code-frame.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { Sources, Span } from "./span.ts";
import { SourceText } from "./source-text.ts";
import { printable } from "./text-width.ts";

export interface RenderOptions {
  /** Whether to use ANSI colours. */
  readonly color: boolean;
}

const ansi: Readonly<Record<Role, string>> = {
  error: "1;31", warning: "1;33", title: "1", gutter: "1;34", "primary-error": "1;31", "primary-warning": "1;33", secondary: "1;34", help: "1;36",
};

/** All diagnostics, a blank line after each, and a last line that counts them; the empty text for none. */
export function render(diagnostics: readonly Diagnostic[], sources: Sources, options: RenderOptions = { color: false }): string {
  if (diagnostics.length === 0) return "";
  const paint: Paint = (role, text) => (options.color && text !== "" ? `\u001b[${ansi[role]}m${text}\u001b[0m` : text);
  const texts = new SourceTexts(sources);
  return `${diagnostics.map((diagnostic) => renderOne(diagnostic, texts, paint)).join("\n")}\n${summary(diagnostics)}\n`;
}

/** "2 errors, 1 warning" */
export function summary(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error").length;
  const warnings = diagnostics.length - errors;
  const count = (n: number, word: string): string[] => (n === 0 ? [] : [`${n} ${word}${n === 1 ? "" : "s"}`]);
  return [...count(errors, "error"), ...count(warnings, "warning")].join(", ");
}

/** The sources, with their lines found once. */
class SourceTexts {
  private readonly sources: Sources;
  private readonly known = new Map<string, SourceText>();

  constructor(sources: Sources) {
    this.sources = sources;
  }

  get(file: string): SourceText | undefined {
    const text = this.sources.get(file);
    if (text === undefined) return undefined;
    let known = this.known.get(file);
    if (known === undefined) {
      known = new SourceText(text);
      this.known.set(file, known);
    }
    return known;
  }
}

function renderOne(diagnostic: Diagnostic, texts: SourceTexts, paint: Paint): string {
  const { severity, problem, message, labels, help } = diagnostic;
  const lines = [`${paint(severity, `${severity}[${problem}]`)}${paint("title", `: ${printable(message)}`)}`];
  const placed = labels.filter((label) => label.span.file !== "");
  const files = [...new Set(placed.map((label) => label.span.file))];
  // One width for all files of a diagnostic, so that the gutters stand under each other.
  let gutter = 1;
  for (const { span } of placed) gutter = Math.max(gutter, String(texts.get(span.file)?.positionOf(span.end).line ?? 1).length);
  const margin = " ".repeat(gutter);
  files.forEach((file, i) => {
    const source = texts.get(file);
    const first = placed.find((label) => label.span.file === file)!;
    const position = source?.positionOf(first.span.start);
    const place = position === undefined ? printable(file) : `${printable(file)}:${position.line}:${position.column}`;
    lines.push(`${margin}${paint("gutter", i === 0 ? "-->" : ":::")} ${place}`);
    if (source === undefined) return;
    const frameLabels = labels.flatMap((label, k): FrameLabel[] => (label.span.file === file ? [{ ...label, primary: k === 0 }] : []));
    lines.push(...codeFrame(source, frameLabels, gutter, severity, paint));
  });
  if (help !== undefined) {
    const [firstLine = "", ...more] = help.split("\n");
    lines.push(`${margin} ${paint("gutter", "=")} ${paint("help", "help")}: ${printable(firstLine)}`);
    for (const line of more) lines.push(`${margin}         ${printable(line)}`);
  }
  return `${lines.join("\n")}\n`;
}

export interface JsonPlace {
  /** The path; null when no source is concerned, and then so are the others. */
  readonly file: string | null;
  /** Lines and columns from 1; columns count UTF-16 code units; the end is exclusive. */
  readonly line: number | null;
  readonly column: number | null;
  readonly endLine: number | null;
  readonly endColumn: number | null;
}

export interface JsonDiagnostic extends JsonPlace {
  readonly problem: string;
  readonly severity: string;
  readonly message: string;
  readonly labels: readonly (JsonPlace & { readonly text: string })[];
  readonly help: string | null;
}

/** A diagnostic as plain data, for `--json`. The place is the first label's. */
export function toJson(diagnostic: Diagnostic, sources: Sources): JsonDiagnostic {
  const texts = new SourceTexts(sources);
  return {
    problem: diagnostic.problem,
    severity: diagnostic.severity,
    message: diagnostic.message,
    ...jsonPlace(diagnostic.labels[0]?.span, texts),
    labels: diagnostic.labels.map(({ span, text }) => ({ ...jsonPlace(span, texts), text })),
    help: diagnostic.help ?? null,
  };
}

function jsonPlace(span: Span | undefined, texts: SourceTexts): JsonPlace {
  if (span === undefined || span.file === "") return { file: null, line: null, column: null, endLine: null, endColumn: null };
  const source = texts.get(span.file);
  if (source === undefined) return { file: span.file, line: null, column: null, endLine: null, endColumn: null };
  const start = source.positionOf(span.start);
  const end = source.positionOf(Math.max(span.start, span.end));
  return { file: span.file, line: start.line, column: start.column, endLine: end.line, endColumn: end.column };
}
