/** How a command that failed says so: on stderr for people, or as one JSON object on stdout for tools. Gives the exit code. */
import process from "node:process";
import { describePosition, GphError } from "../../runtime/errors.ts";
import type { Position } from "../../runtime/manifest.ts";
import { CompilerBug } from "../support/bug.ts";
import type { Diagnostic } from "../support/diagnostic.ts";
import type { Paint } from "../support/code-frame.ts";
import type { Sources } from "../support/span.ts";
import { version } from "../version.ts";
import { exitCodes, SourceErrors, UsageError, UserError } from "./failure.ts";
import { hasColors, styleFor } from "./terminal.ts";

/** What is said of an error that has no place in a source; the fields are those of a diagnostic that has. */
interface PlainProblem {
  readonly problem: string;
  readonly message: string;
  readonly help: string | undefined;
  readonly exitCode: number;
}

export async function reportFailure(error: unknown, json: boolean): Promise<number> {
  if (error instanceof SourceErrors) {
    if (json) writeJson({ diagnostics: await diagnosticsToJson(error.diagnostics, error.sources) });
    else await showDiagnostics(error.diagnostics, error.sources);
    return exitCodes.userMistake;
  }
  if (json) writeJson({ diagnostics: [problemToJson(error)] });
  else {
    showProblem(error);
    if (error instanceof GphError && error.position !== undefined) await showPlace(error.position);
  }
  const { exitCode } = plainProblem(error);
  if (exitCode === exitCodes.bug) process.stderr.write(bugReport(error));
  return exitCode;
}

/** With the place in the source where a trap or an assertion of a run has one. */
export function problemToJson(error: unknown): { readonly [field: string]: string | number } {
  const { problem, message, help } = plainProblem(error);
  const place = error instanceof GphError ? error.position : undefined;
  return {
    problem, severity: "error", message,
    ...(place === undefined ? {} : { file: place.file, line: place.line, column: place.column }),
    ...(help === undefined ? {} : { help }),
  };
}

export function showProblem(error: unknown): void {
  const { message, help } = plainProblem(error);
  const style = styleFor(process.stderr);
  process.stderr.write(`${style.bold(style.red("error:"))} ${style.bold(message)}\n`);
  if (help !== undefined) process.stderr.write(`  ${style.cyan("help:")} ${help.replaceAll("\n", "\n        ")}\n`);
}

/** The line of the source where a run ended, with its word marked; nothing where the source is not at hand. */
async function showPlace({ file, line, column }: Position): Promise<void> {
  const [{ codeFrame }, { SourceText }, { readImport }] = await Promise.all([import("../support/code-frame.ts"), import("../support/source-text.ts"), import("./files.ts")]);
  const text = readImport(file);
  if (text === undefined) return;
  const source = new SourceText(text);
  if (line > text.split("\n").length) return;
  const start = source.startOfLine(line) + column - 1;
  if (start >= source.endOfLine(line)) return;
  const end = start + /^(\w+|.)/.exec(text.slice(start))![0].length;
  const style = styleFor(process.stderr);
  const paint: Paint = (role, words) => (role === "primary-error" ? style.red(words) : role === "gutter" ? style.cyan(words) : words);
  const gutter = String(line).length;
  const lines = codeFrame(source, [{ span: { file, start, end }, text: "", primary: true }], gutter, "error", paint);
  process.stderr.write(`${[`${" ".repeat(gutter)}${style.cyan("-->")} ${file}:${line}:${column}`, ...lines].join("\n")}\n`);
}

/** Errors of the runtime that no user can cause from the command line. */
const ourCodes: ReadonlySet<string> = new Set(["busy", "closed", "worker-lost"]);

function plainProblem(error: unknown): PlainProblem {
  if (error instanceof UserError) return { problem: error.problem, message: error.message, help: error.help, exitCode: exitCodes.userMistake };
  if (error instanceof UsageError) return { problem: "usage", message: error.message, help: error.help, exitCode: exitCodes.usage };
  if (error instanceof GphError && !ourCodes.has(error.code)) {
    const place = error.position === undefined ? undefined : describePosition(error.position);
    const message = place === undefined || error.message.includes(place) ? error.message : `${error.message}, at ${place}`;
    return { problem: error.code, message, help: undefined, exitCode: exitCodes.userMistake };
  }
  const text = error instanceof CompilerBug ? error.message : error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { problem: "bug", message: `this is a bug in gph: ${text}`, help: undefined, exitCode: exitCodes.bug };
}

function bugReport(error: unknown): string {
  const stack = error instanceof Error && error.stack !== undefined ? error.stack : "(no stack)";
  return [
    "",
    stack,
    "",
    "Your program is not to blame. Please report:",
    `  the command    gph ${process.argv.slice(2).join(" ")}`,
    "  the source     the .gph file, as small as it still fails",
    `  the versions   gph ${version}, Node ${process.versions.node}, ${process.platform} ${process.arch}`,
    "  the stack      as above",
    "",
  ].join("\n");
}

export async function showDiagnostics(diagnostics: readonly Diagnostic[], sources: Sources): Promise<void> {
  if (diagnostics.length === 0) return;
  const { render } = await import("../support/render.ts");
  process.stderr.write(`${render(diagnostics, sources, { color: hasColors(process.stderr) }).trimEnd()}\n`);
}

export async function diagnosticsToJson(diagnostics: readonly Diagnostic[], sources: Sources): Promise<unknown[]> {
  const { toJson } = await import("../support/render.ts");
  return diagnostics.map((diagnostic) => toJson(diagnostic, sources));
}

export function writeJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
