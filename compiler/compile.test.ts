import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { readExecutable } from "../runtime/executable.ts";
import { checkFile, compile, planFile, type CheckFileOptions } from "./compile.ts";
import { target, withTiles } from "./targets/targets.ts";

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

describe("options", () => {
  const readFile = (): string => "graph g { out y: f32; program main { y = 1; } }";

  it("that are misspelt or missing are refused by name", async () => {
    await expect(compile("g.gph", { readFile, paramters: {} } as never)).rejects.toThrow('compile has no option "paramters"; did you mean parameters?');
    await expect(compile("g.gph", { readFile, target: "ipu-mk9" })).rejects.toThrow('no target is called "ipu-mk9"; did you mean ipu-mk1?');
    await expect(compile("g.gph", { readFile, target: 4 } as never)).rejects.toThrow("the option target is a machine or the name of one");
    await expect(compile("g.gph", { readFile, after: "fuze" })).rejects.toThrow('no pass is called "fuze"; did you mean fuse?');
    expect(() => planFile("g.gph", { readFile, targets: "wasm" } as never)).toThrow('planFile has no option "targets"; did you mean target?');
    await expect((compile as (path: string) => Promise<unknown>)("g.gph")).rejects.toThrow("compile needs the option readFile");
  });
});

test("a target is a machine or its name", async () => {
  const made = async (machine: CheckFileOptions["target"]) => {
    const { executable } = await compile("g.gph", { readFile: () => "graph g { out y: f32; program main { y = 1; } }", ...(machine === undefined ? {} : { target: machine }) });
    return readExecutable(executable!).manifest.target;
  };
  expect(await made("ipu-mk2")).toEqual(await made(target("ipu-mk2")));
  expect(await made(undefined)).toEqual(await made("wasm"));
});

describe("parameters", () => {
  const source = "graph g(shape: (...int) = (1,), pads: ((int, int), bool) = ((0, 0), true), kind: dtype = f32, big: (int,) = (1,)) { out y: kind[...shape]; program main { y = 1; } }";
  const given = (parameters: CheckFileOptions["parameters"]) => compile("g.gph", { readFile: () => source, ...(parameters ? { parameters } : {}) });

  it("are values of JavaScript or texts, and stand in the manifest", async () => {
    const { executable } = await given({ shape: [2, "0x3"], pads: "((1, 2), false)", kind: "f64", big: ["18446744073709551615"] });
    const { manifest } = readExecutable(executable!);
    expect(manifest.parameters).toEqual({ shape: [2, 3], pads: [[1, 2], false], kind: "f64", big: ["18446744073709551615"] });
    expect(manifest.states.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual([{ dtype: "f64", shape: [2, 3] }]);
  });

  it.each([
    ["shape", 2, "shape is a tuple, and was set to 2"], ["shape", [[2]], "element 0 of shape is an int, and was set to [2]"], ["shape", [null], "element 0 of shape is an int, and was set to null"],
    ["shape", "(2", 'shape is a tuple, and was set to "(2"'], ["shape", "2,,3", 'element 1 of shape is an int, and was set to ""'], ["shape", "(2)", 'shape is a tuple, and was set to "(2)"'],
    ["shape", "1..", 'shape is a tuple, and was set to "1.."'], ["shape", "0..9999999999", 'shape is a tuple, and was set to "0..9999999999"'], ["shape", '2,"3"', String.raw`element 1 of shape is an int, and was set to "\"3\""`],
    ["pads", "(1, 2), true, 3", 'pads is a tuple of 2, and was set to "(1, 2), true, 3", a tuple of 3'], ["pads", [[1], true], "element 0 of pads is a tuple of 2, and was set to [1], a tuple of 1"],
    ["kind", null, "kind is a dtype, and was set to null"],
  ])("%s = %j does not fit", async (name, value, message) => {
    const { diagnostics } = await given({ [name]: value as never });
    expect(diagnostics.map(({ problem, message: told }) => `${problem}: ${told}`)).toEqual([`bad-argument: ${message}`]);
  });
});

test("a state that no split could fit is told before anything is planned", async () => {
  const source = 'import { cholesky } from "std/linalg"; graph g(n: int) { in a: f32[n, n]; out l: f32[n, n]; program main { l = cholesky(a); } }';
  const told = async (n: number, name: string) => (await compile("g.gph", { readFile: () => source, parameters: { n }, target: name, watch: { begin: (part) => { if (part === "hoist") throw new Error("it was planned"); }, end: () => {} } })).diagnostics.map(({ problem, message }) => `${problem}: ${message}`);
  expect(await told(50_000, "wasm")).toEqual(["a", "l"].map((state) => `tensor-too-large: ${state} is f32[50000, 50000], 10,000,000,000 bytes, and a memory has at most 4,294,967,296`));
  expect(await told(50_000, "ipu-mk2")).toHaveLength(2);
});

describe("tiles whose memories one executable cannot hold", () => {
  const machine = { ...withTiles(target("ipu-mk2"), 100_000), bytesPerTile: 2 ** 24 };
  // Every tile has all of x, of which it looks up an element.
  const source = (members: string): string => `graph g { in x: f32[20_000]; in k: i32[100_000]; out y: f32[100_000]; ${members} program main { y = x[k]; } }`;
  const planned = (members: string) => planFile("main.gph", { target: machine, readFile: () => source(members) });

  it("are not all used: fewer are, and that is told", () => {
    const { plan, diagnostics } = planned("");
    expect(new Set(diagnostics.map(({ severity, problem }) => `${severity} ${problem}`))).toEqual(new Set(["warning tile-memory-full"]));
    expect(diagnostics.at(-1)!.message).toContain(`${plan!.bsp.tiled.tiles.toLocaleString("en")} tiles are used`);
    expect(plan!.bsp.tiled.tiles).toBeLessThan(100_000);
    expect(plan!.memory!.bytes).toBeLessThanOrEqual(2 ** 32);
    expect(plan!.memory!.bytes).toBeGreaterThan(2 ** 30);
  });

  it("are an error where the user names tiles", () => {
    expect(planned("map x on tiles - 1;").diagnostics.map(({ severity, problem }) => `${severity} ${problem}`)).toEqual(["error tile-memory-full"]);
  });
});

describe("what is said to help where memory is full", () => {
  const sources = {
    elements: "graph g { in x: f32[100_000]; out y: f32[100_000]; program main { y = 2 * x; } }",
    products: "graph g { in x: f32[96, 128]; param w: f32[128, 160]; out y: f32[96, 160]; program main { y = exp(x @ w); } }",
    training: `graph g { in x: f32[32, 64]; var w: f32[64, 64] = 0.1; var v: f32[64, 8] = 0.1; out loss: f32;
      program main { let l = mean((exp(x @ w) @ v) * 2); let (dw, dv) = grad(l, (w, v)); w -= dw; v -= dv; loss = l; } }`,
    doubles: "graph g { in x: f64[64, 64]; out y: f64[64, 64]; program main { y = sum(x, axis = 0) * x; } }",
    whole: "graph g { in x: f32[64, 64]; var s: f32[20_000] = 0; out y: f32[64, 64]; map s on 1; program main { y = x + s[:64]; s = s * 2; } }",
  };
  const told = (text: string, bytesPerTile: number, tiles: number) => planFile("g.gph", { target: { ...withTiles(target("ipu-mk1"), tiles), bytesPerTile }, readFile: () => text }).diagnostics.filter(({ severity }) => severity === "error");

  it.each(Object.entries(sources))("of %s does", (_, text) => {
    let [full, moreTiles, halves] = [0, 0, 0];
    for (const tiles of [2, 3, 8]) {
      for (const bytesPerTile of [3_000, 6_000, 12_000, 24_000, 48_000, 96_000, 192_000]) {
        const help = told(text, bytesPerTile, tiles).map((one) => one.help ?? "").join();
        full += help === "" ? 0 : 1;
        const [, more] = /on ([\d,]+) it fits/.exec(help) ?? [];
        const [, wide] = /f16 instead of (f32|f64)/.exec(help) ?? [];
        if (more !== undefined) {
          moreTiles += 1;
          expect([more, bytesPerTile, tiles, told(text, bytesPerTile, Number(more.replaceAll(",", "")))]).toEqual([more, bytesPerTile, tiles, []]);
        }
        if (wide !== undefined) {
          halves += 1;
          expect([wide, bytesPerTile, tiles, told(text.replaceAll(/f32|f64/g, "f16"), bytesPerTile, tiles)]).toEqual([wide, bytesPerTile, tiles, []]);
        }
      }
    }
    expect(full).toBeGreaterThan(0);
    expect(halves).toBeGreaterThan(0);
    // Tiles that the source names are not changed.
    if (!text.includes("map ")) expect(moreTiles).toBeGreaterThan(0);
    expect(halves).toBeLessThan(full);
  });
});
