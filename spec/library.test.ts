/** Every name that spec/library.md lists can be called, and it lists all that is in scope everywhere. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { builtins } from "../compiler/check/builtin-calls.ts";
import { calls } from "../compiler/ops/table.ts";
import { libraryFunctions } from "../compiler/std/functions.ts";

const callable = new Set<string>([...calls.keys(), ...libraryFunctions().map(({ name }) => name), ...builtins]);

/** The modules that have a call of that name. */
const modulesOf = (name: string): readonly string[] => [
  ...(calls.get(name) ?? []).map(({ signature }) => signature.module), ...libraryFunctions().flatMap((one) => (one.name === name ? [one.module] : [])), ...(builtins.some((one) => one === name) ? ["core"] : []),
];

/** The names of the lists of each section. */
function sections(): readonly { readonly title: string; readonly names: readonly string[] }[] {
  return readFileSync("spec/library.md", "utf8").split(/^## /m).slice(1).map((text) => {
    const lines = text.split("\n").filter((line) => line.startsWith("- "));
    return { title: text.slice(0, text.indexOf("\n")), names: lines.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)) };
  });
}

const present = sections();

describe("spec/library.md", () => {
  test("has sections with names", () => {
    expect(present.length).toBeGreaterThanOrEqual(7);
    for (const { title, names } of present) expect(names.length, title).toBeGreaterThan(2);
  });

  test.each(present)("$title: every name can be called", ({ names }) => {
    expect(names.filter((name) => !callable.has(name))).toEqual([]);
  });

  test("every name is in the module that its list names, or in scope everywhere where it names none", () => {
    const lines = readFileSync("spec/library.md", "utf8").split("\n").filter((line) => line.startsWith("- "));
    const elsewhere = lines.flatMap((line) => {
      const module = /^- [^`]*\((std\/\w+)\):/.exec(line)?.[1] ?? "core";
      return [...line.matchAll(/`([^`]+)`/g)].filter(([, name]) => !modulesOf(name!).includes(module)).map(([, name]) => `${name}: ${line}`);
    });
    expect(elsewhere).toEqual([]);
  });

  test("every op and function that is in scope everywhere is listed", () => {
    const listed = new Set(present.flatMap(({ names }) => names));
    const core = [...[...calls].flatMap(([name, candidates]) => (candidates.some(({ signature }) => signature.module === "core") ? [name] : [])), ...libraryFunctions().flatMap(({ module, name }) => (module === "core" ? [name] : []))];
    expect(core.filter((name) => !listed.has(name) && name !== "stop_gradient")).toEqual([]);
  });
});
