/**
 * The law's cases: every `.gph` file of cases/language and cases/run says in comments what must come of it
 * (`testing/expectations.ts`), and every rule of language.md names the cases that back it.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { run } from "./testing/execution.ts";
import { readExpectations } from "./testing/expectations.ts";

const here = fileURLToPath(new URL("./", import.meta.url));
const read = (path: string): string | undefined => (existsSync(here + path) ? readFileSync(here + path, "utf8") : undefined);
/** Folders within hold the files that cases import. */
const casesIn = (folder: string): string[] => readdirSync(`${here}cases/${folder}`).filter((file) => file.endsWith(".gph")).map((file) => `cases/${folder}/${file}`);

for (const folder of ["language", "run"]) {
  describe(folder, () => {
    test.each(casesIn(folder))("%s", async (path) => {
      const expectations = readExpectations(read(path)!);
      const { told, groups, traps } = expectations;
      expect(told.length + groups.length + traps.length, "a case expects something").toBeGreaterThan(0);
      expect(await run({ path, readFile: read }, expectations, (file) => readExpectations(read(file) ?? "").told)).toEqual([]);
    });
  });
}

describe("the rules of language.md", () => {
  const law = read("language.md")!;
  const rules = law.split("\n\n").filter((paragraph) => paragraph.startsWith("**")).map((paragraph) => ({
    number: /^\*\*([\d.]+)\*\* /.exec(paragraph)?.[1] ?? paragraph,
    cases: [...paragraph.matchAll(/\]\((cases\/[^)]+)\)/g)].map(([, path]) => path!),
  }));

  test("are numbered in order", () => {
    const chapters = [...law.matchAll(/^## (\d+) /gm)].map(([, chapter]) => Number(chapter));
    const expected = chapters.flatMap((chapter) => rules.filter(({ number }) => number.startsWith(`${chapter}.`)).map((_, k) => `${chapter}.${k + 1}`));
    expect(chapters).toEqual(chapters.map((_, k) => k + 1));
    expect(rules.map(({ number }) => number)).toEqual(expected);
  });

  test("each have a case that exists", () => {
    expect(rules.filter(({ cases }) => cases.length === 0 || cases.some((path) => !existsSync(here + path))).map(({ number }) => number)).toEqual([]);
  });

  test("name every case", () => {
    const named = new Set(rules.flatMap(({ cases }) => cases));
    const all = ["language", "run"].flatMap((folder) => casesIn(folder));
    // A rule that names a folder names all in it.
    expect(all.filter((path) => !named.has(path) && !named.has(path.slice(0, path.lastIndexOf("/"))))).toEqual([]);
  });
});
