/** How reports write numbers, and columns that line up. */
import { printable, textWidth } from "../../support/text-width.ts";

export const whole = (value: number): string => Math.round(value).toLocaleString("en");
export const percent = (share: number): string => `${Math.round(share * 100)} %`;
export const plural = (count: number, one: string, many = `${one}s`): string => `${whole(count)} ${count === 1 ? one : many}`;

export function duration(seconds: number): string {
  for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["µs", 1e-6]] as const) if (seconds >= size) return `${Number((seconds / size).toPrecision(3))} ${unit}`;
  return `${Number((seconds * 1e9).toPrecision(3))} ns`;
}

/** At most `width` columns of text from a source, with nothing that a terminal would take as a command. */
export function excerpt(text: string, width: number): string {
  const shown = printable(text);
  return textWidth(shown) <= width ? shown : `${[...shown].slice(0, width - 1).join("")}…`;
}

/** Rows as lines: columns padded to their widest, those of `right` aligned at their right. Nothing after the last text. */
export function columns(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, c) => (widths[c] = Math.max(widths[c] ?? 0, textWidth(cell))));
  return rows.map((row) => row.map((cell, c) => {
    const room = " ".repeat(widths[c]! - textWidth(cell));
    return right.has(c) ? room + cell : cell + room;
  }).join("  ").trimEnd());
}

const bars = "▁▂▃▄▅▆▇█";

/** Values as a row of bars, from 0 to the largest; long ones are thinned out, the largest of each stretch kept. */
export function sparkline(values: readonly number[], width = 60): string {
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  const per = Math.max(1, Math.ceil(values.length / width));
  const shown: number[] = [];
  for (let from = 0; from < values.length; from += per) shown.push(values.slice(from, from + per).reduce((a, b) => Math.max(a, b), 0));
  return shown.map((value) => bars[most === 0 ? 0 : Math.min(bars.length - 1, Math.floor((value / most) * bars.length))]).join("");
}
