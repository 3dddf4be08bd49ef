/** The commands on sources: check, fmt, print, compile, and run from source to result. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { writeNpy } from "../../runtime/npy.ts";
import { writeSafetensors } from "../../runtime/safetensors.ts";
import { overview } from "./help.ts";
import { builtins } from "../check/builtin-calls.ts";
import { calls } from "../ops/table.ts";
import { gph } from "./testing/gph.ts";

const folder = mkdtempSync(join(tmpdir(), "gph-sources-"));
const before = process.cwd();
beforeAll(() => {
  process.chdir(folder);
  vi.stubEnv("FORCE_COLOR", undefined);
});
afterAll(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const affine = `/// Scales rows.
graph affine(batch: int = 2, n: int = 3) {
  in x: f32[batch, n];
  param w: f32[n];
  out y: f32[batch, n];
  out total: f32;

  program main {
    y = x * w + 1;
    total = sum(x);
  }
}
`;
const wrong = `graph wrong(n: int = 3) {
  in x: f32[n];
  out y: f32[n + 1];

  program main {
    y = x;
    y = zz;
    y = x @@ 2;
  }
}
`;
for (const [name, text] of Object.entries({ "affine.gph": affine, "wrong.gph": wrong, "crooked.gph": affine.replaceAll("  ", " ").replace("y = x * w + 1;", "y=x*w+1 ;") })) writeFileSync(join(folder, name), text);
writeFileSync(join(folder, "x.npy"), writeNpy({ dtype: "f32", shape: [4, 3], data: Float32Array.from({ length: 12 }, (_, index) => index) }));
writeFileSync(join(folder, "w.safetensors"), writeSafetensors(new Map([["w", { dtype: "f32", shape: [3], data: Float32Array.of(1, 10, 100) }]])));
mkdirSync(join(folder, "folder"));

const expected = { y: { dtype: "f32", shape: [4, 3], data: [1, 11, 201, 4, 41, 501, 7, 71, 801, 10, 101, 1101] }, total: { dtype: "f32", shape: [], data: [51] } };
const given = "--in x=x.npy --weights w.safetensors --json";
const outputs = (out: string): unknown => (JSON.parse(out) as { outputs: unknown }).outputs;

describe("run", () => {
  test("a mistake in a machine's file names the file", async () => {
    writeFileSync("broken.json", JSON.stringify({ base: "ipu-mk1", name: "mine", tiles: -3 }));
    const { code, err } = await gph("check affine.gph --target broken.json");
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('broken.json: field "tiles" is -3; it must be') as string });
  });

  test("a source gives what the formula says, and slices are joined", async () => {
    const { code, out, err } = await gph(`run affine.gph ${given}`);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toMatchObject({ graph: "affine", program: "main", runs: 2, target: { name: "wasm" }, outputs: expected });
  });

  test.each(["--workers 2", "--tiles 1", "--tiles 5", "--target ipu-mk2 --tiles 7", "--target machine.json", "--graph affine"])("the same with %s", async (options) => {
    writeFileSync("machine.json", JSON.stringify({ base: "ipu-mk1", name: "mine", tiles: 3 }));
    const { code, out, err } = await gph(`run affine.gph ${given} ${options}`);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(outputs(out)).toEqual(expected);
  });

  test("numbers are written as in a source", async () => {
    expect(await gph("run affine.gph --set n=0b1 --set batch=0x1 --in x=0x3 --in w=2 --workers 0x2 --tiles 1_6")).toEqual({ code: 0, out: "y      f32[1, 1]  [[7]]\ntotal  f32        3\n", err: "" });
  });

  test("parameters are set", async () => {
    expect(await gph("run affine.gph --set n=1 --set batch=1 --in x=3 --in w=2")).toEqual({ code: 0, out: "y      f32[1, 1]  [[7]]\ntotal  f32        3\n", err: "" });
  });

  test.each(["--set by=2,1", "--set by=(2,1)", "-s by=2,0b1"])("a parameter that is a tuple: %s", async (option) => {
    writeFileSync("strided.gph", "graph strided(by: (int, int)) { in x: f32[2, 2]; out y: f32[2 / by[0], 2 / by[1]]; program main { y = x[::by[0], ::by[1]]; } }");
    expect(await gph(`run strided.gph ${option} --in x=3`)).toEqual({ code: 0, out: "y  f32[1, 2]  [[3 3]]\n", err: "" });
    expect((await gph(`print strided.gph ${option} --after check`)).out).toContain("graph strided(by = [2, 1])");
    expect((await gph("check strided.gph --set by=2")).err).toMatch(/by is a tuple of 2, and was set to "2"[^]*help: it takes values between commas, as \(1, 1\)/);
  });

  test.each([
    ["--set m=3", /unknown-parameter.*m/],
    ["--set n=1,2", /n is an int, and was set to "1,2"/],
    ["--set n=1__0", /n is an int, and was set to "1__0"/],
    ["--set n=three", /bad-argument[^]*help: it takes a whole number/],
    ["--target ipu-mk3", /no target `ipu-mk3`\n {2}help: did you mean `ipu-mk/],
    ["--target no.json", /no\.json does not exist/],
    ["--target x.npy/", /x\.npy\//],
    ["--in x=1 --weights affine.gph", /^error: affine\.gph is not a \.safetensors file: it looks like a \.gph source\n$/],
    ["--tiles 1000000000", /--tiles 1000000000 is more than/],
    ["--graph afine", /afine/],
    ["--set batch=3 --in x=x.npy --in w=1", /the first dimension of x\.npy, 4, is not a multiple of that of x, 3/],
  ])("run affine.gph %s is the user's mistake", async (options, message) => {
    const { code, out, err } = await gph(`run affine.gph ${options}`);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 1, out: "" });
  });

  test.each([
    ["no.gph", /no\.gph does not exist\n {2}help: the working directory, .*, has .*affine\.gph/],
    ["afine.gph", /afine\.gph does not exist\n {2}help: did you mean affine\.gph\?/],
    ["folder", /folder is a folder, not a file/],
    ["x.npy", /x\.npy is a NumPy array/],
    ["w.safetensors", /w\.safetensors is a binary file|not \.gph text/],
  ])("gph run %s", async (file, message) => {
    const { code, out, err } = await gph(`run ${file}`);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 1, out: "" });
  });

  test("the program that help teaches runs as help says", async () => {
    const text = overview();
    const program = text.slice(text.indexOf("  graph double"), text.indexOf("Try:"));
    writeFileSync("double.gph", program);
    expect(await gph("check double.gph")).toEqual({ code: 0, out: "", err: "" });
    const lines = [...text.slice(text.indexOf("Try:"), text.indexOf("Commands:")).matchAll(/^ {2}(gph .*?)(?: {3}.*)?$/gm)].flatMap((match) => match[1]!.split(" && "));
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(await gph(line.replace(/^gph /, ""))).toMatchObject({ code: 0, err: "" });
    expect(readdirSync(".")).toEqual(expect.arrayContaining(["y.npy", "double.wasm"]));
  });
});

describe("compile", () => {
  test("a graph without a program is told with its place", async () => {
    writeFileSync("idle.gph", "graph idle {\n  in x: f32;\n}\n");
    for (const line of ["check idle.gph", "compile idle.gph -o idle.wasm", "run idle.gph"]) {
      expect(await gph(line)).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/the graph idle has no program[^]*idle\.gph:1:7[^]*program main \{/) as string });
    }
  });

  test("never over a source, under whatever name", async () => {
    writeFileSync("imported.gph", "export const k = 2;\n");
    writeFileSync("importing.gph", affine.replace("graph", 'import { k } from "./imported.gph";\n\ngraph').replace("+ 1", "+ k"));
    for (const output of ["importing.gph", "./importing.gph", "folder/../imported.gph"]) {
      expect(await gph(`compile importing.gph -o ${output}`)).toMatchObject({ code: 1, out: "", err: expect.stringContaining(`${output} is what this command reads`) as string });
    }
    expect(readFileSync("imported.gph", "utf8")).toBe("export const k = 2;\n");
  });

  test("the file runs as the source does, with weights baked in or not", async () => {
    expect(await gph("compile affine.gph -o plain.wasm")).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^plain\.wasm: graph affine for wasm with \d+ tiles, [\d,]+ bytes\n$/) as string });
    expect(outputs((await gph(`run plain.wasm ${given}`)).out)).toEqual(expected);

    const { out } = await gph("compile affine.gph -o baked.wasm --weights w.safetensors --json");
    expect(JSON.parse(out)).toMatchObject({ file: "baked.wasm", graph: "affine", programs: ["main"], states: expect.arrayContaining([{ role: "param", name: "w", dtype: "f32", shape: [3], baked: true }]) as unknown });
    expect(outputs((await gph("run baked.wasm --in x=x.npy --json")).out)).toEqual(expected);
  });

  test("a source with errors leaves the old file", async () => {
    writeFileSync("old.wasm", "old");
    const { code, err } = await gph("compile wrong.gph -o old.wasm");
    expect(code).toBe(1);
    expect(err).toContain("error[");
    expect(readFileSync("old.wasm", "utf8")).toBe("old");
  });
});

describe("check", () => {
  test("silent when all is well", async () => {
    expect(await gph("check affine.gph")).toEqual({ code: 0, out: "", err: "" });
    expect(await gph("check affine.gph --json")).toEqual({ code: 0, out: '{"diagnostics":[]}\n', err: "" });
  });

  test("every mistake of every file, on its line", async () => {
    const { code, out, err } = await gph("check wrong.gph no.gph affine.gph --json");
    expect({ code, err }).toEqual({ code: 1, err: "" });
    const { diagnostics } = JSON.parse(out) as { diagnostics: { file?: string; line?: number; problem: string }[] };
    expect(diagnostics.map(({ file, line, problem }) => ({ file, line, problem }))).toEqual(
      expect.arrayContaining([
        { file: "wrong.gph", line: 6, problem: "shape-mismatch" },
        { file: "wrong.gph", line: 7, problem: "unknown-name" },
        { file: "wrong.gph", line: 8, problem: "syntax" },
        { file: undefined, line: undefined, problem: "file-not-found" },
      ]),
    );
  });

  test("code frames for people, in colours when asked", async () => {
    const plain = await gph("check wrong.gph");
    expect(plain.code).toBe(1);
    expect(plain.err).toMatch(/--> wrong\.gph:7:9[^]*y = zz;/);
    expect(plain.err).not.toContain("\x1b");
    vi.stubEnv("FORCE_COLOR", "1");
    expect((await gph("check wrong.gph")).err).toContain("\x1b[");
    vi.stubEnv("FORCE_COLOR", undefined);
  });
});

describe("fmt", () => {
  test("--check lists what would change and changes nothing", async () => {
    const text = readFileSync("crooked.gph", "utf8");
    expect(await gph("fmt --check affine.gph crooked.gph")).toEqual({ code: 1, out: "crooked.gph\n", err: "" });
    expect(readFileSync("crooked.gph", "utf8")).toBe(text);
    expect(await gph("fmt --check affine.gph")).toEqual({ code: 0, out: "", err: "" });
  });

  test("in place, and a source with errors is left", async () => {
    writeFileSync("mine.gph", readFileSync("crooked.gph"));
    const { code, out, err } = await gph("fmt wrong.gph mine.gph");
    expect({ code, out }).toEqual({ code: 1, out: "mine.gph\n" });
    expect(err).toContain("wrong.gph:8");
    expect(readFileSync("mine.gph", "utf8")).toBe(affine);
    expect(readFileSync("wrong.gph", "utf8")).toBe(wrong);
  });

  test("as a filter", () => {
    const command = fileURLToPath(new URL("../../bin/gph.js", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, "fmt", "-"], { input: readFileSync("crooked.gph"), encoding: "utf8" });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: affine, stderr: "" });
  });

  test("the examples are in layout", async () => {
    const root = fileURLToPath(new URL("../../examples/", import.meta.url));
    const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".gph")).map((path) => join(root, path));
    expect(await gph(`fmt --check ${sources.join(" ")}`)).toEqual({ code: 0, out: "", err: "" });
  });
});

describe("print", () => {
  test("shows the program after each pass; a wrong name lists them", async () => {
    expect((await gph("print affine.gph --after parse")).out).toBe(affine);
    expect((await gph("print affine.gph --after check --set n=5")).out).toContain("f32[2, 5]");
    const { code, err } = await gph("print affine.gph --after chekc");
    expect(code).toBe(2);
    const passes = [...err.matchAll(/^ {8}([\w-]+) {2}/gm)].map((match) => match[1]!);
    expect(err).toContain("did you mean `check`?");
    for (const pass of passes) expect(await gph(`print affine.gph --after ${pass}`)).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/./) as string });
    expect(passes.length).toBeGreaterThan(5);
  });
});

describe("lists", () => {
  test("targets, for people and for tools; a printed one can be given back", async () => {
    expect((await gph("targets")).out).toMatch(/^wasm .*[^]*^ipu-mk2 /m);
    const machines = JSON.parse((await gph("targets --json")).out) as { name: string }[];
    writeFileSync("printed.json", JSON.stringify({ ...machines.find(({ name }) => name === "ipu-mk1"), tiles: 2 }));
    expect(outputs((await gph(`run affine.gph ${given} --target printed.json`)).out)).toEqual(expected);
  });

  test("ops", async () => {
    expect((await gph("ops")).out).toMatch(/^softmax\(x, axis = -1\) +std\/nn .*/m);
    expect(JSON.parse((await gph("ops --json")).out)).toEqual(expect.arrayContaining([expect.objectContaining({ name: "matmul" })]));
    const listed = (await gph("ops")).out;
    for (const call of [...calls.keys(), "relu", "he_normal", ...builtins, "(add)"]) expect(listed).toMatch(new RegExp(`^${call.replaceAll(/[()]/g, "\\$&")}\\b|^${call.replaceAll(/[()]/g, "\\$&")} `, "m"));
    const max = (await gph("ops max")).out;
    expect(max.match(/^max\(.*$/gm)).toEqual(["max(a, b)", "max(x, axis?, keepdims = false)"]);
    expect((await gph("ops select")).out).toContain("condition: bool; a, b: any");
    expect((await gph("ops einsum")).out).toContain('einsum("ij,jk->ik", a, b)');
    expect((await gph("ops std/special")).out).toMatch(/^erfinv\(x\) .*std\/special/m);
    expect((await gph("ops std/special")).out).not.toContain("softmax");
    expect((await gph("ops std/optim erfinv")).out).toMatch(/^adam\([^]*^erfinv\(x\)\n/m);
    for (const [name, help] of [["sofmax", "did you mean softmax?"], ["cummax", "cum_max(x) does it"], ["unique", "every shape is known"], ["special", "did you mean std/special?"]]) {
      expect(await gph(`ops ${name}`)).toMatchObject({ code: 1, err: expect.stringContaining(help!) as unknown });
    }
  });
});
