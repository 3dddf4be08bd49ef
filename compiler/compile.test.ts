import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkFile } from "./compile.ts";

describe("readFile", () => {
  const reading = (entry: string) => (path: string): string => (path === "main.gph" ? entry : readFileSync(path, "utf8"));

  it("may throw where there is no file: a diagnostic at the import", () => {
    const { diagnostics } = checkFile("main.gph", { readFile: reading('import { f } from "./no-such-file.gph";\ngraph g { out y: f32; program main { y = f(1); } }') });
    expect(diagnostics.map(({ problem }) => problem)).toContain("unknown-module");
    expect(diagnostics[0]!.labels[0]!.span.file).toBe("main.gph");
  });

  it("may be absent for the entry too", () => {
    const { diagnostics } = checkFile("no-such-file.gph", { readFile: (path) => readFileSync(path, "utf8") });
    expect(diagnostics.map(({ message }) => message)).toEqual(["there is no file no-such-file.gph"]);
  });

  it("keeps what else it throws", () => {
    expect(() => checkFile("main.gph", { readFile: () => { throw new TypeError("mine"); } })).toThrow("mine");
  });
});
