/** What the command line knows of the terminal: colours, and a progress line that only a terminal gets. */
import process from "node:process";
import { exitCodes } from "./failure.ts";

/** FORCE_COLOR asks for colours, NO_COLOR (no-color.org) refuses them; else a terminal gets them. */
export function hasColors(stream: { readonly isTTY?: boolean }): boolean {
  const { FORCE_COLOR: force, NO_COLOR: refused } = process.env;
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  if (refused !== undefined && refused !== "") return false;
  return stream.isTTY === true;
}

/** Text between the escape codes of an attribute and its end; as it is without colours. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  cyan(text: string): string;
}

export function styleFor(stream: { readonly isTTY?: boolean }): Style {
  const colors = hasColors(stream);
  const between = (start: number, end: number) => (text: string) => (colors ? `\x1b[${start}m${text}\x1b[${end}m` : text);
  return { bold: between(1, 22), dim: between(2, 22), red: between(31, 39), cyan: between(36, 39) };
}

/** A reader that goes away (`gph … | head`) ends the output, and is no error. Anything else that stops it, as a full disk, is told. */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit();
      if (stream === process.stdout) process.stderr.write(`error: cannot write the output: ${error.code === "ENOSPC" ? "the disk is full" : error.message}\n`);
      process.exit(exitCodes.userMistake);
    });
  }
}

const quietMilliseconds = 500;
const redrawMilliseconds = 100;

/**
 * One line on stderr that is redrawn: how far the work is, and the last line `note` gave. Silent for work of less than
 * half a second, and where stderr is no terminal.
 */
export class Progress {
  readonly #started = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #what: string;
  readonly #total: number;
  #done = 0;
  #note: () => string = () => "";
  #drawn = false;
  #lastDrawn = 0;

  /** `total` 1: only the time that has passed is shown. */
  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
    if (process.stderr.isTTY) this.#timer = setInterval(() => this.#draw(), redrawMilliseconds).unref();
  }

  advance(done: number): void {
    this.#done = done;
    this.#drawIfDue();
  }

  /** Whether there is a terminal to draw on. */
  get visible(): boolean {
    return this.#timer !== undefined;
  }

  /** The text is made only when it is drawn: a program may send a million elements. */
  note(text: () => string): void {
    this.#note = text;
    this.#drawIfDue();
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#drawn) process.stderr.write("\r\x1b[K");
    this.#drawn = false;
  }

  /** A line for stdout: the progress line makes room for it. */
  around(write: () => void): void {
    if (this.#drawn) process.stderr.write("\r\x1b[K");
    write();
  }

  #drawIfDue(): void {
    if (performance.now() - this.#lastDrawn >= redrawMilliseconds) this.#draw();
  }

  #draw(): void {
    const now = performance.now();
    if (this.#timer === undefined || now - this.#started < quietMilliseconds) return;
    this.#lastDrawn = now;
    this.#drawn = true;
    const seconds = `${((now - this.#started) / 1000).toFixed(1)} s`;
    const line = [this.#what, ...(this.#total > 1 ? [bar(this.#done, this.#total)] : []), seconds, this.#note()].join("  ");
    process.stderr.write(`\r${line.slice(0, (process.stderr.columns ?? 80) - 1)}\x1b[K`);
  }
}

function bar(done: number, total: number, width = 24): string {
  const full = Math.round((width * done) / total);
  return `[${"#".repeat(full)}${".".repeat(width - full)}] ${done}/${total}`;
}
