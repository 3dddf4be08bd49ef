import { describe, expect, test } from "vitest";
import { target } from "../targets/targets.ts";
import { checkFile } from "../compile.ts";
import { builtinCalls } from "./builtin-calls.ts";

const around = (statement: string): string => `graph g {
  in x: f32[4]; in a: f32[2, 3]; in b: f32[3, 2]; stream in images: f32[4]; stream out losses: f32;
  map x on 0;
  program main { ${statement} }
}`;

describe.each(Object.entries(builtinCalls))("%s", (name, { text, example }) => {
  test("is called as its example does", () => {
    expect(text.startsWith(`${name}(`)).toBe(true);
    expect(example).toContain(`${name}(`);
    const { diagnostics } = checkFile("example.gph", { readFile: () => around(example), target: target("wasm") });
    expect(diagnostics).toEqual([]);
  });
});
