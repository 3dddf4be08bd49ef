/**
 * What a case file expects, read from its comments.
 *
 *   // error: shape-mismatch: part of the message      on the line, or alone on the line above; several follow each other
 *   // warning: unwritten-field: part of the message
 *   // set: n = 4, deep = true                         parameters of the runs that follow, on a fresh engine
 *   // run: main(a = [1, 2], s = 3) => y = [2, 4], z ~ 0.333
 *   // run: main(a = [1, 0]) => trap                   the line with `// trap: part of the message` stops it
 *   // print: loss 0.5                                 what the run above it prints, line by line
 *   // interpreter: part of the message                the run above it has a meaning only when compiled; the interpreter refuses
 *   // target: ipu-mk2 4                               the case is for this machine and number of tiles alone
 *   // checked: true                                 it is compiled so that it stops where an index leaves its field
 *   // workers: 2                                      the case is also run by several workers
 *
 * Runs share an engine until the next `set`, so states live on from one to the next. `=` wants the exact value in the
 * output's dtype, `~` one near it. A run without `=>` only has to give the same on the interpreter and on every target.
 */
import { parseAssignments, type Given, type Want } from "./values.ts";

export interface Told {
  readonly line: number;
  readonly severity: "error" | "warning";
  readonly problem: string;
  readonly words: string;
}

export interface Run {
  readonly line: number;
  readonly program: string;
  readonly given: readonly Given[];
  readonly wanted: readonly Want[] | "trap";
  readonly prints: string[];
  /** What the interpreter says when it refuses what compiled programs let pass. */
  refusal: string | undefined;
}

/** Runs on one engine. */
export interface Group {
  readonly parameters: { readonly [name: string]: string };
  readonly runs: Run[];
}

export interface Trap {
  readonly line: number;
  readonly words: string;
}

export interface Expectations {
  readonly told: readonly Told[];
  readonly groups: readonly Group[];
  readonly traps: readonly Trap[];
  readonly target: { readonly name: string; readonly tiles: number } | undefined;
  readonly workers: boolean;
  readonly checked: boolean;
}

/** The line a comment speaks of: its own, or the next one with code when it stands alone. */
function lineMeant(lines: readonly string[], at: number): number {
  if (!/^\s*\/\//.test(lines[at]!)) return at + 1;
  const next = lines.findIndex((line, k) => k > at && line.trim() !== "" && !/^\s*\/\//.test(line));
  return next < 0 ? at + 1 : next + 1;
}

export function readExpectations(text: string): Expectations {
  const lines = text.split("\n");
  const told: Told[] = [];
  const traps: Trap[] = [];
  const groups: Group[] = [];
  let target: Expectations["target"];
  let workers = false;
  let checked = false;
  const group = (): Group => {
    if (groups.length === 0) groups.push({ parameters: {}, runs: [] });
    return groups.at(-1)!;
  };
  lines.forEach((line, at) => {
    for (const [, word, rest] of line.matchAll(/\/\/ (error|warning|trap|set|run|print|interpreter|target|checked|workers): (.*?)(?= \/\/ |$)/g)) {
      const content = rest!.trim();
      switch (word) {
        case "error": case "warning": {
          const [problem, ...words] = content.split(": ");
          told.push({ line: lineMeant(lines, at), severity: word, problem: problem!, words: words.join(": ") });
          break;
        }
        case "trap": traps.push({ line: lineMeant(lines, at), words: content }); break;
        case "set": groups.push({ parameters: Object.fromEntries(content.split(/,(?=\s*\w+\s*=)/).map((item) => splitOnce(item, "="))), runs: [] }); break;
        case "run": group().runs.push(readRun(content, at + 1)); break;
        case "print": {
          const run = group().runs.at(-1);
          if (run === undefined) throw new Error(`line ${at + 1}: a print belongs to a run above it`);
          run.prints.push(content);
          break;
        }
        case "interpreter": {
          const run = group().runs.at(-1);
          if (run === undefined) throw new Error(`line ${at + 1}: what the interpreter refuses is a run above it`);
          run.refusal = content;
          break;
        }
        case "target": {
          const [name, tiles] = content.split(" ");
          target = { name: name!, tiles: Number(tiles) };
          break;
        }
        case "checked": checked = true; break;
        case "workers": workers = true; break;
      }
    }
  });
  return { told, groups, traps, target, checked, workers };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  if (at < 0) throw new Error(`${JSON.stringify(text)} has no ${separator}`);
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

function readRun(content: string, line: number): Run {
  const match = /^([\w.]+)\((.*?)\)(?: => (.*))?$/.exec(content);
  if (!match) throw new Error(`line ${line}: a run is PROGRAM(input = value, …) => output = value, …, not ${content}`);
  const [, program, given, wanted] = match;
  return {
    line, program: program!, prints: [], refusal: undefined,
    given: parseAssignments(given!, line).map(({ name, value, near }) => {
      if (near) throw new Error(`line ${line}: an input is given with =`);
      return { name, value };
    }),
    wanted: wanted === "trap" ? "trap" : parseAssignments(wanted ?? "", line),
  };
}
