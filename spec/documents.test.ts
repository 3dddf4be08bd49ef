/** Documents say what the code does now: generated ones are up to date, and every command shown writes what is shown. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { runInThisContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { compile, passNames } from "../compiler/compile.ts";
import { kernelPasses } from "../compiler/kernel/passes/index.ts";
import { isStructural, structuralOps } from "../compiler/graph/graph.ts";
import { Diagnostics } from "../compiler/support/diagnostic.ts";
import { largestSource } from "../compiler/syntax/limits.ts";
import { parse } from "../compiler/syntax/parse.ts";
import { target, withTiles } from "../compiler/targets/targets.ts";
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

describe("README.md", () => {
  const readme = readFileSync("README.md", "utf8");
  const [, program] = /^```\n(\/\/\/[^]*?)^```$/m.exec(readme)!;
  const [, code] = /^```ts\n([^]*?)^```$/m.exec(readme)!;

  test("its program is the example's", () => expect(program).toBe(readFileSync("examples/heat/heat.gph", "utf8")));

  test("its code runs beside its program", () => {
    const folder = mkdtempSync(join(tmpdir(), "gph-readme-"));
    try {
      writeFileSync(join(folder, "heat.gph"), program!);
      writeFileSync(join(folder, "run.mts"), `${code!.replace(/"gph\/(compiler|runtime)"/g, (_, part: string) => JSON.stringify(pathToFileURL(resolve(part === "compiler" ? "compiler/index.ts" : "runtime/index.ts"))))}\nconsole.log(plate.shape, plate.data.length);\n`);
      const { stdout, stderr } = spawnSync(process.execPath, ["run.mts"], { cwd: folder, encoding: "utf8" });
      expect({ stdout, stderr }).toEqual({ stdout: "[ 256, 256 ] 65536\n", stderr: "" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("the code of spec/builder.md runs", () => {
  const [, code] = /^```ts\n([^]*?)^```$/m.exec(readFileSync("spec/builder.md", "utf8"))!;
  const folder = mkdtempSync(join(tmpdir(), "gph-builder-"));
  try {
    writeFileSync(join(folder, "run.mts"), `${code!.replace(/"gph\/(compiler|runtime)"/g, (_, part: string) => JSON.stringify(pathToFileURL(resolve(`${part}/index.ts`))))}\nconsole.log(engine.manifest.graph, y.shape);\n`);
    const { stdout, stderr } = spawnSync(process.execPath, ["run.mts"], { cwd: folder, encoding: "utf8" });
    expect({ stdout, stderr }).toEqual({ stdout: "mlp [ 32, 10 ]\n", stderr: "" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("what chapters list is all there is", () => {
  const rowsOf = (path: string): string[] => [...readFileSync(path, "utf8").matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name!);

  /** Passes that have a section of their own. */
  const sectionsOf = (path: string): string[] => [...readFileSync(path, "utf8").matchAll(/^## The pass `([a-z-]+)`$/gm)].map(([, name]) => name!);

  test("the passes, each in its level's chapter, in order", () => {
    const names = passNames.map(({ name }) => name).filter((name) => name !== "parse" && name !== "check");
    const inChapters = [...rowsOf("spec/graph.md").filter((name) => !isStructural(name)), ...sectionsOf("spec/tiled.md"), ...rowsOf("spec/bsp.md")];
    expect(inChapters).toEqual(names);
    expect(rowsOf("spec/kernel.md")).toEqual(kernelPasses.map(({ name }) => name));
    const architecture = readFileSync("ARCHITECTURE.md", "utf8");
    for (const name of [...names, ...kernelPasses.map((pass) => pass.name)]) expect(architecture).toContain(name);
  });

  test("a pass is in the file of its name", () => {
    const files = globSync("compiler/*/passes/*.ts").map((path) => basename(path, ".ts"));
    const passes = [...passNames.slice(2), ...kernelPasses].map(({ name }) => name);
    expect(passes.filter((name) => !files.includes(name))).toEqual([]);
  });

  test("the structural ops", () => expect(rowsOf("spec/graph.md").filter(isStructural)).toEqual([...structuralOps]));

  test("the folders of the compiler", () => {
    const folders = globSync("compiler/*/").map((path) => path.replaceAll("\\", "/").replace(/\/$/, "")).sort();
    const listed = [...readFileSync("ARCHITECTURE.md", "utf8").matchAll(/^\| `(compiler\/[a-z]+)`/gm)].map(([, path]) => path!);
    expect(listed.sort()).toEqual(folders);
  });
});

describe("the loader of spec/executable.md", () => {
  type Loader = (bytes: Uint8Array, program: string, inputs: { readonly [name: string]: Float32Array }) => { readonly [name: string]: Float32Array };
  const [, code] = /^```js\n([^]*?)^```$/m.exec(readFileSync("spec/executable.md", "utf8"))!;
  const load = runInThisContext(`(${code})`) as Loader;

  test.each([withTiles(target("wasm"), 4), withTiles(target("ipu-mk2"), 4)])("runs a program of $name", async (machine) => {
    const source = `graph g(n: int = 64) { in x: f32[n]; param w: f32[n]; var s: f32[n] = 2; out y: f32[n];
      program main { var u = x; repeat 3 { u[1:-1] = u[:-2] + u[2:]; } y = u * w + s; } }`;
    const { executable, diagnostics } = await compile("g.gph", { target: { ...machine, grain: 1 }, readFile: () => source });
    expect(diagnostics).toEqual([]);
    const x = Float32Array.from({ length: 64 }, (_, i) => (i * 7) % 11);
    const w = Float32Array.from({ length: 64 }, (_, i) => i % 3);
    let u = [...x];
    for (let turn = 0; turn < 3; turn++) u = u.map((value, i) => (i === 0 || i === 63 ? value : u[i - 1]! + u[i + 1]!));
    expect(load(executable!, "main", { x, w })).toEqual({ y: Float32Array.from(u, (value, i) => value * w[i]! + 2) });
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

  test("every problem is reported by something", () => {
    const reported = new Set(sources.flatMap((path) => [...readFileSync(path, "utf8").matchAll(/"([a-z]+(?:-[a-z]+)*)"/g)].map(([, name]) => name!)));
    expect(problemNames.filter((problem) => !reported.has(problem))).toEqual([]);
  });

  test("source-too-large says what its reason quotes", () => {
    const mistakes = new Diagnostics();
    parse("large.gph", " ".repeat(largestSource + 1), mistakes);
    expect(mistakes.list.map(({ problem }) => problem)).toEqual(["source-too-large"]);
    expect(withoutCase["source-too-large"]).toContain(mistakes.list[0]!.message.replace(String(largestSource + 1), "…"));
  });

  test("every case is of a problem", () => {
    const known = new Set(problemNames.map(casePath));
    expect(globSync("spec/cases/diagnostics/*").filter((path) => !known.has(path))).toEqual([]);
  });
});
