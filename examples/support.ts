/** What the examples share: compiling a program of their folder, and pictures. They use gph as any program would. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { PNG } from "pngjs";
import { compile, Engine, render } from "../index.ts";

/** Compiles `path` and loads it. Mistakes in the source are shown, and end the process. */
export async function loadProgram(path: URL, options: { readonly parameters?: { readonly [name: string]: number }; readonly workers?: number } = {}): Promise<Engine> {
  const file = relative(process.cwd(), fileURLToPath(path));
  const { diagnostics, sources, executable } = await compile(file, {
    parameters: options.parameters ?? {},
    readFile: (asked) => (existsSync(asked) ? readFileSync(asked, "utf8") : undefined),
  });
  if (diagnostics.length > 0) console.error(render(diagnostics, sources, { color: process.stderr.isTTY === true }));
  if (executable === undefined) process.exit(1);
  return Engine.load(executable, options.workers === undefined ? {} : { workers: options.workers });
}

/** A file in out/, which is not kept in the repository; gives its path from here. */
export function outputPath(name: string): string {
  const folder = fileURLToPath(new URL("../out/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  return relative(process.cwd(), `${folder}${name}`);
}

export type Color = readonly [red: number, green: number, blue: number];

/** Writes a picture, a colour for each row and column. */
export function writePicture(path: string, height: number, width: number, colorAt: (row: number, column: number) => Color): void {
  const picture = new PNG({ width, height });
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) picture.data.set([...colorAt(row, column), 255], 4 * (row * width + column));
  }
  writeFileSync(path, PNG.sync.write(picture));
}

/** The stops of a colour scale, mixed linearly; `amount` from 0 to 1. */
export function scale(stops: readonly Color[], amount: number): Color {
  const position = Math.min(1, Math.max(0, amount)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(position));
  const [low, high] = [stops[index]!, stops[index + 1]!];
  const mix = (channel: 0 | 1 | 2): number => Math.round(low[channel] + (high[channel] - low[channel]) * (position - index));
  return [mix(0), mix(1), mix(2)];
}

/** Black, violet, red, orange, white: as hot things look. */
export const heatScale: readonly Color[] = [[10, 8, 30], [80, 18, 110], [200, 45, 60], [250, 150, 40], [255, 250, 210]];

/**
 * The same picture for a terminal, `lines` high: half blocks in colours, or shades of grey where there are none.
 * `valueAt` gives 0 to 1.
 */
export function terminalPicture(lines: number, columns: number, valueAt: (down: number, across: number) => number): string {
  const shades = " .:-=+*#%@";
  const colors = process.stdout.isTTY && process.stdout.hasColors(2 ** 24);
  const rows: string[] = [];
  for (let line = 0; line < lines; line++) {
    let row = "";
    for (let column = 0; column < columns; column++) {
      const across = (column + 0.5) / columns;
      const upper = valueAt((line + 0.25) / lines, across);
      const lower = valueAt((line + 0.75) / lines, across);
      if (colors) row += `\x1b[38;2;${scale(heatScale, upper).join(";")}m\x1b[48;2;${scale(heatScale, lower).join(";")}m▀`;
      else row += shades[Math.min(shades.length - 1, Math.floor(((upper + lower) / 2) * shades.length))];
    }
    rows.push(colors ? `${row}\x1b[0m` : row);
  }
  return rows.join("\n");
}

/** Ends the process with an error when a check of an example fails. */
export function expect(condition: boolean, message: string): void {
  if (condition) return;
  console.error(`wrong: ${message}`);
  process.exit(1);
}
