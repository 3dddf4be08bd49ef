/** The command as its users meet it: arguments, two outputs and an exit code. Most run in this process, the rest in one of their own. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readNpy, writeNpy } from "../../runtime/npy.ts";
import { writeSafetensors } from "../../runtime/safetensors.ts";
import { whyNarrow } from "../../runtime/wide-vectors.ts";
import { CompilerBug } from "../support/bug.ts";
import { commands } from "./commands.ts";
import { gph, words, type Result } from "./testing/gph.ts";
import { probe } from "./testing/probe.ts";

const gphCommand = fileURLToPath(new URL("../../bin/gph.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gph-main-"));
const before = process.cwd();
beforeAll(() => {
  process.chdir(folder);
  vi.stubEnv("FORCE_COLOR", undefined);
  vi.stubEnv("NO_COLOR", undefined);
});
afterAll(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

writeFileSync(join(folder, "probe.wasm"), probe());
writeFileSync(join(folder, "no-suffix"), probe());
writeFileSync(join(folder, "four.npy"), writeNpy({ dtype: "f32", shape: [4], data: Float32Array.of(1, 2, 3, 4) }));
writeFileSync(join(folder, "numbers.npy"), writeNpy({ dtype: "i32", shape: [3], data: Int32Array.of(5, -6, 7) }));
writeFileSync(join(folder, "weights.safetensors"), writeSafetensors(new Map([["w", { dtype: "f32", shape: [], data: Float32Array.of(10) }], ["unused", { dtype: "u8", shape: [1], data: Uint8Array.of(1) }]])));

/** In a process of its own, whose cache folder is one of this test. */
function gphProcess(line: string, environment: { readonly [name: string]: string } = {}): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [gphCommand, ...words(line)], { cwd: folder, env: { ...process.env, XDG_CACHE_HOME: join(folder, "cache"), LOCALAPPDATA: join(folder, "cache"), ...environment } }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

describe("usage", () => {
  test.each([
    ["rnu x.gph", "error: gph has no command `rnu`\n  help: did you mean `gph run`?\n"],
    ["probe.wasm", "error: gph has no command `probe.wasm`\n  help: to run the file: gph run probe.wasm\n"],
    ["run --wokers 2 probe.wasm", "error: gph run has no option --wokers\n  help: did you mean --workers?\n"],
    ["run probe.wasm --out", "error: --out needs a value: --out NAME=FILE.npy\n"],
    ["run probe.wasm --out --json", undefined],
    ["run", "error: gph run needs a file: gph run FILE.gph|FILE.wasm [options]\n"],
    ["run a.gph b.gph", "error: gph run takes one file, but got 2: a.gph, b.gph\n"],
    ["run a.gph --in x=1 y=2", "error: gph run takes one file, but got 2: a.gph, y=2\n  help: an option is written before each of its values: --in y=2\n"],
    ["run probe.wasm --workers two", "error: --workers takes a whole number from 1, not `two`\n"],
    ["run probe.wasm --in x", "error: --in takes name=value, not `x`\n"],
    ["run probe.wasm --in x=1 --in x=2", "error: --in gives `x` twice\n"],
    ["run probe.wasm --tiles 2", "error: --tiles is for sources; probe.wasm is compiled already\n  help: gph compile decides it: gph compile FILE.gph --tiles … -o probe.wasm\n"],
    ["targets extra", "error: gph targets takes no file, but got `extra`\n"],
    ["compile x.gph", "error: gph compile needs to know where to write: -o OUT.wasm\n"],
  ])("gph %s", async (line, err) => {
    const result = await gph(line);
    expect(result.code).toBe(2);
    if (err !== undefined) expect(result).toEqual({ code: 2, out: "", err });
  });

  test("help is the same however it is asked for, and names every command and option", async () => {
    const [bare, long, word, help, option] = [await gph(""), await gph("--help"), await gph("help"), await gph("help run"), await gph("run --help")];
    expect([bare.code, long.code, word.code, help.code, option.code]).toEqual([0, 0, 0, 0, 0]);
    expect(long.out).toBe(bare.out);
    expect(word.out).toBe(bare.out);
    expect(option.out).toBe(help.out);
    for (const name of ["run", "bench", "compile", "check", "fmt", "print", "plan", "explain", "targets", "ops"]) expect(bare.out).toMatch(new RegExp(`^  ${name} `, "m"));
    for (const name of ["program", "in", "weights", "out", "out-dir", "workers", "graph", "set", "target", "tiles", "json"]) expect(help.out).toContain(`--${name} `);
  });

  test("ops are a line each, and no line is there twice", async () => {
    const lines = (await gph("ops")).out.trimEnd().split("\n");
    expect(lines.filter((line) => !/^[a-z(]\S* ?.* {2}\S/.test(line))).toEqual([]);
    expect(lines.filter((line, at) => lines.indexOf(line) !== at)).toEqual([]);
    expect(lines.find((line) => line.startsWith("rfft(x)"))).toContain("An even length is one transform of half of it.");
  });

  test("the version is package.json's", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
    expect(await gphProcess("--version")).toEqual({ code: 0, out: `gph ${version}\n`, err: "" });
  });

  test("colours: only where they are wanted", async () => {
    expect((await gph("run x.gph")).err).not.toContain("\x1b");
    vi.stubEnv("FORCE_COLOR", "1");
    expect((await gph("run x.gph")).err).toContain("\x1b[31m");
    vi.stubEnv("FORCE_COLOR", "0");
    expect((await gph("run x.gph")).err).not.toContain("\x1b");
    vi.stubEnv("FORCE_COLOR", undefined);
  });

  test("a reader that goes away is no error", () => {
    const { stderr, status } = spawnSync("sh", ["-c", `"${process.execPath}" "${gphCommand}" help run | true`], { encoding: "utf8" });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  });
});

describe("run", () => {
  const given = "--in x=3 --in k=1 --in w=2";

  test("shows the outputs; an executable is known by its content", async () => {
    const table = "y     f32[2]  [7 7]\nlast  f32     3\n";
    expect(await gph(`run probe.wasm ${given}`)).toEqual({ code: 0, out: table, err: "" });
    expect(await gph(`run no-suffix ${given}`)).toEqual({ code: 0, out: table, err: "" });
  });

  test("--json is one object and nothing else", async () => {
    const { code, out, err } = await gphProcess(`run probe.wasm --json --narrow ${given}`);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({
      graph: "probe",
      program: "main",
      target: { name: "wasm", tiles: 1 },
      workers: 1,
      wideVectors: false,
      runs: 1,
      seconds: expect.any(Number),
      outputs: { y: { dtype: "f32", shape: [2], data: [7, 7] }, last: { dtype: "f32", shape: [], data: [3] } },
      files: [],
      printed: [],
      diagnostics: [],
    });
  });

  test.skipIf(whyNarrow() !== undefined)("wide vectors are tested once, and told of then", async () => {
    const environment = { XDG_CACHE_HOME: join(folder, "other cache"), HOME: join(folder, "other cache"), LOCALAPPDATA: join(folder, "other cache") };
    const line = `run probe.wasm --json ${given}`;
    const runs = [await gphProcess(`${line} --narrow`, environment), await gphProcess(line, environment), await gphProcess(line, environment)];
    expect(runs.map(({ err }) => err.includes("wide vectors: this Node pairs"))).toEqual([false, true, false]);
    expect(runs.map(({ out }) => (JSON.parse(out) as { wideVectors: boolean }).wideVectors)).toEqual([false, true, true]);
  });

  test("slices are fed in turn, and outputs joined", async () => {
    const { code, out } = await gph("run probe.wasm --json --in x=four.npy --in k=1 --weights weights.safetensors --out y=sliced.npy --out count=count.npy");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ runs: 2, outputs: { y: { shape: [4], data: [11, 21, 31, 41] }, last: { data: [4] }, count: { data: [2] } }, files: ["sliced.npy", "count.npy"] });
    expect(readNpy(readFileSync(join(folder, "sliced.npy")))).toEqual({ dtype: "f32", shape: [4], data: Float32Array.of(11, 21, 31, 41) });
    expect(readNpy(readFileSync(join(folder, "count.npy")))).toEqual({ dtype: "i32", shape: [], data: Int32Array.of(2) });
  });

  test("a var is given and kept", async () => {
    const { out } = await gph(`run probe.wasm --json ${given} --in count=41 --out count=var.npy`);
    expect(JSON.parse(out)).toMatchObject({ outputs: { count: { data: [42] } } });
  });

  test("--out-dir makes the folder and keeps every output", async () => {
    expect(await gph(`run probe.wasm ${given} --out-dir deep/results`)).toEqual({ code: 0, out: "deep/results/y.npy\ndeep/results/last.npy\n", err: "" });
    expect(readdirSync(join(folder, "deep/results")).toSorted()).toEqual(["last.npy", "y.npy"]);
  });

  test("streams: elements in turn, sent ones stacked, prints in between", async () => {
    expect(await gph("run probe.wasm -p double --in w=1 --in s=numbers.npy")).toEqual({ code: 0, out: "done 0\nt  i32[3]  [ 10 -12  14]\n", err: "" });
    const json = JSON.parse((await gph("run probe.wasm -p double --in w=1 --in s=numbers.npy --json")).out) as unknown;
    expect(json).toMatchObject({ printed: ["done 0"], outputs: { t: { dtype: "i32", shape: [3], data: [10, -12, 14] } } });
  });

  test("large outputs are summed up", async () => {
    expect((await gph("run probe.wasm -p fill --in w=1")).out).toBe("big  f32[32]  min 0.5  mean 0.5  max 0.5\n");
  });

  test("every missing input is listed, with how to give it", async () => {
    const { code, err } = await gph("run probe.wasm --in k=1");
    expect(code).toBe(1);
    expect(err).toBe(`error: 2 inputs are not given: x, w
  help: give
        in x: f32[2]   --in x=FILE.npy
        param w: f32   --weights FILE.safetensors, or --in w=NUMBER
        or random:1 in place of a file, to try the program without data
`);
  });

  test.each([
    ["--program mian", /no program `mian`\n {2}help: did you mean `main`\?/],
    ["--in cuont=1", /no input `cuont`\n {2}help: did you mean `count`\?/],
    ["--in y=1", /`y` is an output, not an input/],
    [`${given} --out last=a.npy --out y=a.npy`, /writes a\.npy twice/],
    [`${given} --out big=a.npy`, /program main does not write `big`/],
    [`${given} --out y=a.txt`, /--out y=a\.txt: outputs are kept as NumPy files, not as \.txt\n {2}help: --out y=a\.npy/],
    [`${given} --out y=no-folder/a.npy`, /the folder no-folder does not exist/],
    ["--in x=four.npy --in k=four.npy --in w=2", /k is f32, but four\.npy holds f32\[4\]/],
    ["--in x=numbers.npy --in k=1 --in w=2", /x is f32, but numbers\.npy holds i32\n {2}help: .*np\.float32/],
    ["--in x=probe.wasm --in k=1 --in w=2", /probe\.wasm: /],
    ["--weights four.npy", /four\.npy is a NumPy array \(\.npy\), not a \.safetensors file/],
    ["--in x=abc --in k=1 --in w=2", /--in x=abc: abc does not exist\n {2}help: the value is a FILE\.npy, a number, or random:SEED/],
    ["--program zzzz", /no program `zzzz`\n {2}help: it has main, /],
    [`${given} --out y=probe.wasm`, /probe\.wasm is what this command reads/],
    ["-p trap --in w=1", /integer division by zero, probe\.gph:6:18/],
    ["-p double --in w=1 --in s=four.npy", /^error: s is i32, but four\.npy holds f32/],
    ["-p double --in w=1 --in s=gone.npy", /^error: --in s=gone\.npy: gone\.npy does not exist/],
    ["-p double --in w=1 --in s=fuor.npy", /help: the value is a FILE\.npy, a number, or random:SEED; did you mean four\.npy\?/],
    ["--weights gone.safetensors", /^error: gone\.safetensors does not exist\n {2}help: the working directory, .*, has /],
    ["--weights nowhere/w.safetensors", /^error: nowhere\/w\.safetensors does not exist\n {2}help: there is no folder nowhere in \//],
  ])("run probe.wasm %s", async (line, message) => {
    const { code, out, err } = await gph(`run probe.wasm ${line}`);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 1, out: "" });
  });

  test("--json tells mistakes as an object", async () => {
    const { code, out, err } = await gphProcess("run probe.wasm --program mian --json --narrow");
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(JSON.parse(out)).toEqual({ diagnostics: [{ problem: "unknown-program", severity: "error", message: "graph probe has no program `mian`", help: "did you mean `main`?" }] });
  });

  test("--json tells where a run stopped", async () => {
    const { out } = await gph("run probe.wasm -p trap --in w=1 --json");
    expect(JSON.parse(out)).toMatchObject({ diagnostics: [{ severity: "error", file: "probe.gph", line: 6, column: 18 }] });
  });

  test("where a run ended is shown in its source, when that is at hand", async () => {
    writeFileSync(join(folder, "ends.gph"), "graph g { in k: i32; out y: i32;\n  program main {\n    y = 10 / k;\n  }\n}\n");
    expect(await gph("run ends.gph --in k=0")).toEqual({
      code: 1, out: "",
      err: "error: integer division by zero, ends.gph:3:9\n --> ends.gph:3:9\n  |\n3 |     y = 10 / k;\n  |         ^^\n",
    });
  });

  test("a damaged executable is refused with its name and a reason", async () => {
    const bytes = probe();
    writeFileSync(join(folder, "short.wasm"), bytes.subarray(0, bytes.length - 9));
    const flipped = bytes.slice();
    flipped[bytes.length - 3]! ^= 1;
    writeFileSync(join(folder, "flipped.wasm"), flipped);
    const [short, flip] = [await gph(`run short.wasm ${given}`), await gph(`run flipped.wasm ${given}`)];
    expect(short).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/^error: short\.wasm: .*truncated/) as string });
    expect(flip).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/^error: flipped\.wasm: checksum differs/) as string });
  });
});

describe("what is wrong with us", () => {
  test("a bug exits with 70, and says what to report", async () => {
    const load = vi.spyOn(commands.find((command) => command.name === "targets")!, "load").mockRejectedValue(new CompilerBug("a value was defined twice"));
    const { code, out, err } = await gph("targets");
    load.mockRestore();
    expect({ code, out }).toEqual({ code: 70, out: "" });
    expect(err).toMatch(/^error: this is a bug in gph: a value was defined twice\n\nCompilerBug: a value.*\n {4}at [^]*Please report:[^]*the versions {3}gph 0/);
  });
});
