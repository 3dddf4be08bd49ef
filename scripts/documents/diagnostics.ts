/**
 * spec/diagnostics.md: every problem with what it means and the smallest source that shows it. The sources are
 * spec/cases/diagnostics/PROBLEM.gph; the messages are what the command line writes.
 */
import { existsSync } from "node:fs";
import { problems, type ProblemName } from "../../compiler/support/problems.ts";
import { transcript } from "./transcripts.ts";

const folder = "spec/cases/diagnostics";

/** Cases that take more than `gph check FILE`. */
const commands: Partial<Record<ProblemName, string>> = {
  "unknown-parameter": `gph check ${folder}/unknown-parameter.gph --set size=8`,
  "tile-memory-full": `gph compile ${folder}/tile-memory-full.gph --target ipu-mk1 --tiles 4 -o tile-memory-full.wasm`,
  "bad-target": `gph check ${folder}/unknown-parameter.gph --target ${folder}/bad-target.json`,
};

/** Problems no small source shows, and why. */
export const withoutCase: Partial<Record<ProblemName, string>> = {
  "source-too-large": "It takes a file of more than 10 MB, which would be no example. The message: `the file has … characters, the most is 10000000`.",
};

export const problemNames = Object.keys(problems) as readonly ProblemName[];
export const casePath = (problem: ProblemName): string => `${folder}/${problem}.${problem === "bad-target" ? "json" : "gph"}`;
export const commandOf = (problem: ProblemName): string => commands[problem] ?? `gph check ${casePath(problem)}`;

/** The document with commands; `refreshTranscripts` fills in what they write. */
export function diagnosticsDocument(): string {
  return `# Diagnostics

What gph says of a source. Each names its problem in brackets, says in one sentence what is wrong, with both values where two
do not fit, and shows the place; related places are marked too, and where there is a likely remedy, \`help\` says so. One
mistake does not hide the others: work goes on to find more. \`--json\` gives the same as data.

The names of problems are part of the public interface. Each is shown here by the smallest source that gives it.

${problemNames.map(section).join("\n")}`;
}

function section(problem: ProblemName): string {
  const path = casePath(problem);
  const shown = existsSync(path) ? transcript(commandOf(problem), "") : (withoutCase[problem] ?? "There is no case of it.");
  return `## ${problem}\n\n${problems[problem]}\n\n${shown}\n`;
}
