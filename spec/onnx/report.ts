/** What became of the cases, as the tables of README.md. */
import type { Case, Outcome } from "./cases.ts";

export interface Result {
  readonly one: Case;
  readonly outcome: Outcome;
}

const categories = ["core-f32", "core-int-bool", "f16-bf16", "f64", "quantized", "control-flow", "training"];

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |\n`;

/** Passed cases by category, and the others by what they lack. */
export function report(results: readonly Result[]): string {
  const counted = (list: readonly Result[]): readonly number[] => [list.length, list.filter(({ outcome }) => outcome.status === "passes").length];
  const table = [...categories.map((category) => row([category, ...counted(results.filter(({ one }) => one.category === category))])), row(["all", ...counted(results)])];
  return `${row(["category", "cases", "pass"])}${row(["---", "---", "---"])}${table.join("")}\n${notCovered(results)}`;
}

function notCovered(results: readonly Result[]): string {
  const reasons = new Map<string, Case[]>();
  for (const { one, outcome } of results) {
    if (outcome.status === "not covered") reasons.set(outcome.reason, [...(reasons.get(outcome.reason) ?? []), one]);
  }
  const rows = [...reasons].map(([reason, list]) => ({ reason, count: list.length, ops: [...new Set(list.flatMap(mainOperators))].sort() }));
  rows.sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
  return `${row(["cases", "not covered", "operators"])}${row(["---", "---", "---"])}${rows.map(({ reason, count, ops }) => row([count, reason, ops.map((op) => `\`${op}\``).join(" ")])).join("")}`;
}

/** A case of one operator is about that; an expanded one has many, of which its name says enough. */
const mainOperators = ({ name, ops }: Case): readonly string[] => (ops.length <= 2 ? ops : [name.replace(/^test_/, "")]);

const [begin, end] = ["<!-- cases: written by `npm run onnx -- --write` -->\n", "<!-- end of cases -->\n"];

/** The part of README.md that the report is. */
export function reported(readme: string): string {
  return readme.slice(readme.indexOf(begin) + begin.length, readme.indexOf(end)).trim();
}

export const withReport = (readme: string, text: string): string => `${readme.slice(0, readme.indexOf(begin) + begin.length)}\n${text}\n${readme.slice(readme.indexOf(end))}`;
