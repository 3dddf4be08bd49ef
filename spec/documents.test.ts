/** Documents say what the code does now: generated ones are up to date, and every command shown writes what is shown. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { casePath, commandOf, problemNames, withoutCase } from "../scripts/documents/diagnostics.ts";
import { outputOf } from "../scripts/documents/command-line.ts";
import { documentNow, documentPaths } from "../scripts/documents/documents.ts";

const sources = globSync("compiler/**/*.ts").filter((path) => !path.includes(".test.") && !path.endsWith("support/problems.ts"));

describe("documents", () => {
  test.each(documentPaths())("%s is what `npm run generate` writes", async (path) => {
    expect(readFileSync(path, "utf8")).toBe(await documentNow(path));
  });

  test.each(documentPaths())("the files that %s links to exist", (path) => {
    const links = [...readFileSync(path, "utf8").matchAll(/\]\((?!\w+:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!);
    expect(links.filter((link) => !existsSync(join(dirname(path), link)))).toEqual([]);
  });
});

describe("problems", () => {
  test.each(problemNames)("%s has a case that shows it, or a reason why none does", async (problem) => {
    const reason = withoutCase[problem];
    expect(existsSync(casePath(problem))).toBe(reason === undefined);
    if (reason !== undefined) return;
    const { diagnostics } = JSON.parse(await outputOf(`${commandOf(problem)} --json`)) as { diagnostics: { problem: string }[] };
    expect(new Set(diagnostics.map((diagnostic) => diagnostic.problem))).toEqual(new Set([problem]));
  });

  test("a problem that nothing reports has no case yet", () => {
    const reported = new Set(sources.flatMap((path) => [...readFileSync(path, "utf8").matchAll(/"([a-z]+(?:-[a-z]+)*)"/g)].map(([, name]) => name!)));
    expect(problemNames.filter((problem) => !reported.has(problem))).toEqual(["no-gradient"]);
  });

  test("every case is of a problem", () => {
    const known = new Set(problemNames.map(casePath));
    expect(globSync("spec/cases/diagnostics/*").filter((path) => !known.has(path))).toEqual([]);
  });
});
