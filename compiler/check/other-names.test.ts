/** What is told of another library's name can be written: every call in it is one that there is, and of the module it names. */
import { expect, test } from "vitest";
import { isDType } from "../../runtime/dtype.ts";
import { calls } from "../ops/table.ts";
import { libraryFunctions } from "../std/functions.ts";
import { builtins } from "./builtin-calls.ts";
import { otherNames, reasonsWithout } from "./other-names.ts";

const modules = new Map<string, string>([
  ...[...calls].map(([name, candidates]): [string, string] => [name, candidates[0]!.signature.module]),
  ...libraryFunctions().map(({ name, module }): [string, string] => [name, module]),
  ...[...builtins].map((name): [string, string] => [name, "core"]),
]);

/** Every call that a text mentions is one that there is, and of the module it ends with. */
function expectCalls(text: string): void {
  const named = /of (std\/\w+)$/.exec(text)?.[1] ?? "core";
  const called = [...text.matchAll(/([a-z]\w*)(?:<\w+>)?\(/g)].map(([, call]) => call!).filter((call) => !isDType(call) && call !== "print");
  for (const call of called) expect(modules.get(call), call).toBe(named);
}

test.each(reasonsWithout)("%s: %s", (name, why) => {
  expect(modules.has(name) || otherNames.some(([other]) => other === name)).toBe(false);
  expectCalls(why);
});

test.each(otherNames)("%s: %s", (name, here) => {
  expect(modules.has(name), "a name of the library needs no other").toBe(false);
  expectCalls(here);
});
