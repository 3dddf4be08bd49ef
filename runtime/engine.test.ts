import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { Engine } from "./engine.ts";
import { GphError, type ErrorCode } from "./errors.ts";
import type { Manifest } from "./executable.ts";
import { build, program, state } from "./testing/build.ts";
import { failing, load, several } from "./testing/engines.ts";

/** x[i] += 1, `rounds` times with a barrier after each, the elements dealt to the workers in turn; y = x. */
const counting = (rounds: number): string => `
  (func (export "program main") (local $round i32) (local $i i32)
    (loop $rounds
      (local.set $i (i32.shl (global.get $worker) (i32.const 2)))
      (loop $elements
        (i32.store (i32.add (i32.const 2048) (local.get $i))
          (i32.add (i32.const 1) (i32.load (i32.add (i32.const 1024) (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.shl (global.get $$workers) (i32.const 2))))
        (br_if $elements (i32.lt_u (local.get $i) (i32.const 64))))
      (call $$barrier)
      ;; Each worker now copies what its neighbour wrote: wrong without the barrier.
      (local.set $i (i32.shl (i32.sub (i32.sub (global.get $$workers) (i32.const 1)) (global.get $worker)) (i32.const 2)))
      (loop $copies
        (i32.store (i32.add (i32.const 1024) (local.get $i)) (i32.load (i32.add (i32.const 2048) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.shl (global.get $$workers) (i32.const 2))))
        (br_if $copies (i32.lt_u (local.get $i) (i32.const 64))))
      (call $$barrier)
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $rounds (i32.lt_u (local.get $round) (i32.const ${rounds})))))`;

const countingManifest: Partial<Manifest> = {
  states: [state("in", "x", "i32", [16], 1024), state("out", "y", "i32", [16], 2048)],
  programs: [program("main", [0], [1])],
};

describe("runs", () => {
  const x = Int32Array.from({ length: 16 }, (_, index) => index * index);

  it("gives the same for any number of workers, with the caller and without", async () => {
    const expected = x.map((value) => value + 500);
    for (const options of [{}, several]) {
      const engine = await load(counting(500), countingManifest, options);
      expect(engine.runSync("main", { x })["y"]).toEqual({ dtype: "i32", shape: [16], data: expected });
      expect((await engine.run("main", { x }))["y"]!.data).toEqual(expected);
      expect(engine.runSync({ x })["y"]!.data).toEqual(expected);
      expect((await engine.run({ x }))["y"]!.data).toEqual(expected);
    }
  });

  it("meets at 20,000 barriers without losing anybody", async () => {
    const engine = await load(counting(10_000), countingManifest, several);
    expect(engine.runSync({ x })["y"]!.data).toEqual(x.map((value) => value + 10_000));
  });

  it("returns copies", async () => {
    const engine = await load(counting(1), countingManifest);
    const first = engine.runSync({ x })["y"]!;
    engine.runSync({ x: x.map(() => 0) });
    expect(first.data).toEqual(x.map((value) => value + 1));
  });

  it("queues run, and refuses everything else meanwhile", async () => {
    const engine = await load(counting(100), countingManifest, several);
    const first = engine.run({ x });
    const second = engine.run({ x: Int32Array.from(x, (value) => -value) });
    await failing("busy", () => engine.runSync({ x }));
    await failing("busy", () => engine.read("y"));
    expect((await second)["y"]!.data).toEqual(x.map((value) => 100 - value));
    expect((await first)["y"]!.data).toEqual(x.map((value) => 100 + value));
    engine.runSync({ x });
  });

  it("is not the engine's business once closed", async () => {
    const engine = await load(counting(1), countingManifest, several);
    await engine.close();
    await engine.close();
    await failing("closed", () => engine.runSync({ x }));
    await failing("closed", () => engine.run({ x }));
    await failing("closed", () => engine.read("y"));
  });

  it("rejects a run that is closed away", async () => {
    const engine = await load(`(func (export "program main") (loop $l (call $$barrier) (br $l)))`, {}, several);
    const going = engine.run();
    const queued = engine.run();
    const outcomes = Promise.allSettled([going, queued]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await engine.close();
    expect((await outcomes).map((outcome) => (outcome.status === "rejected" ? (outcome.reason as GphError).code : "fine"))).toEqual(["closed", "closed"]);
  });

  it("keeps a process that closes it in the middle of a run until it is closed", () => {
    const from = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
    const script = `
      const { Engine } = await import(${from("./engine.ts")});
      const { build } = await import(${from("./testing/build.ts")});
      const engine = await Engine.load(build('(func (export "program main") (loop $l (call $$barrier) (br $l)))', {}));
      const outcome = engine.run().catch((error) => error.code);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await engine.close();
      console.log(await outcome);`;
    const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "closed\n" });
  });
});

describe("load", () => {
  it("caps workers, and refuses what is no number of workers", async () => {
    const engine = await load(counting(1), countingManifest, { workers: 4096 });
    expect(engine.workers).toBe(Math.min(availableParallelism(), 64));
    const few = await load(counting(1), { ...countingManifest, target: { name: "wasm", tiles: 1, memory: "shared" } }, several);
    expect(few.workers).toBe(1);
    for (const workers of [0, -1, 1.5, Number.NaN, "2" as unknown as number]) await failing("bad-option", () => load(counting(1), countingManifest, { workers }));
  });

  it("refuses a misspelt option by name", async () => {
    await failing("bad-option", () => load(counting(1), countingManifest, { wokers: 2 } as never));
    const engine = await load(counting(1), countingManifest);
    await failing("bad-option", () => engine.runSync("main", {}, { stream: {} } as never));
  });

  it("says when memory cannot be had, and how much it was", async () => {
    const bytes = build(counting(1), { ...countingManifest, pages: 65_536 });
    // A memory of 4 GiB may well be had, many are not.
    const held: Engine[] = [];
    try {
      for (let index = 0; index < 4; index++) held.push(await Engine.load(bytes));
    } catch (error) {
      expect((error as GphError).code).toBe("out-of-memory");
      expect((error as GphError).message).toContain("4,096 MiB");
    }
    await Promise.all(held.map((engine) => engine.close()));
  });

  it("refuses a module that is not valid inside", async () => {
    const bytes = build(`(func (export "program main") (drop (i32.const 1234567)))`);
    const { readExecutable, writeExecutable } = await import("./executable.ts");
    const { module, manifest } = readExecutable(bytes);
    // The constant becomes a load of a local that is not there.
    const at = module.findIndex((byte, index) => byte === 0x41 && module[index + 1] === 0x87);
    module[at] = 0x20;
    await failing("bad-executable", () => Engine.load(writeExecutable(module, manifest)));
  });
});

describe("inputs", () => {
  const both: Partial<Manifest> = {
    states: [state("in", "a", "f32", [2, 3], 1024), state("in", "flag", "bool", [], 1088), state("in", "wide", "i64", [2], 1104), state("out", "b", "f32", [2, 3], 1152)],
    programs: [program("main", [0, 1], [3]), program("other", [2], [])],
  };
  const copying = `
    (func (export "program main") (if (i32.load8_u (i32.const 1088)) (then (memory.copy (i32.const 1152) (i32.const 1024) (i32.const 24)))))
    (func (export "program other"))`;
  const a = Float32Array.of(1, 2, 3, 4, 5, 6);

  it("takes tensors, typed arrays, nested arrays and scalars", async () => {
    const engine = await load(copying, both);
    const forms = [a, [[1, 2, 3], [4, 5, 6]], { dtype: "f32", shape: [2, 3], data: a } as const];
    for (const form of forms) {
      engine.runSync("main", { a: a.map(() => 0), flag: 1 });
      expect(engine.runSync("main", { a: form, flag: true })["b"]!.data).toEqual(a);
    }
  });

  it("names the tensor and both values when one does not fit", async () => {
    const engine = await load(copying, both);
    const refused = async (code: ErrorCode, name: string, value: unknown): Promise<string> =>
      (await failing(code, () => engine.runSync("main", { a, flag: true, [name]: value as never }))).message;
    expect(await refused("shape-mismatch", "a", [[1, 2], [3, 4]])).toBe("a is f32[2, 3], but the value given has shape [2, 2]");
    expect(await refused("shape-mismatch", "a", [[1, 2, 3], [4, 5]])).toContain("a is f32[2, 3]");
    expect(await refused("shape-mismatch", "a", new Float32Array(5))).toContain("with 6 elements, but the Float32Array given has 5");
    expect(await refused("shape-mismatch", "a", { dtype: "f32", shape: [3, 2], data: a })).toContain("[3, 2]");
    expect(await refused("shape-mismatch", "a", 3)).toContain("shape []");
    expect(await refused("dtype-mismatch", "a", new Float64Array(6))).toContain("takes a Float32Array, but a Float64Array");
    expect(await refused("dtype-mismatch", "a", { dtype: "f64", shape: [2, 3], data: new Float64Array(6) })).toContain("f64[2, 3]");
    expect(await refused("bad-value", "flag", 2)).toContain("flag");
    expect(await refused("bad-value", "flag", null)).toContain("null");
    expect(await refused("bad-value", "a", [["1", 2, 3], [4, 5, 6]])).toContain("a string");
    expect(await refused("bad-value", "wide", [1.5, 2])).toContain("1.5");
    expect(await refused("bad-value", "wide", [1n << 63n, 2])).toContain("9223372036854775808");
    expect(await refused("unknown-name", "c", 1)).toBe('program main has no input "c"; there are a, flag, wide');
    expect(await refused("bad-access", "b", a)).toContain("outputs are returned");
    expect(await refused("missing-input", "a", undefined)).toBe("input a: f32[2, 3] of program main was not given");
  });

  it("must be given to each run, unless written or viewed", async () => {
    const engine = await load(copying, both);
    engine.runSync("main", { a, flag: true });
    await failing("missing-input", () => engine.runSync("main", { flag: true }));
    engine.view("a").set(a.map((value) => -value) as never);
    expect(engine.runSync("main", { flag: true })["b"]!.data).toEqual(a.map((value) => -value));
    expect(engine.runSync("main", { a: engine.view("a"), flag: true })["b"]!.data).toEqual(a.map((value) => -value));
    engine.write("flag", true);
    expect(engine.runSync("main")["b"]!.data).toEqual(a.map((value) => -value));
  });

  it("may be left where the program computed them, when outputs are asked for as views", async () => {
    const engine = await load(copying, both);
    const views = engine.runSync("main", { a, flag: true }, { outputs: "views" });
    const copies = engine.runSync("main", { a: a.map((value) => 2 * value), flag: true });
    expect(views["b"]!.data).toEqual(copies["b"]!.data);
    expect(views["b"]!.data.buffer).toBe(engine.view("b").buffer);
    expect(copies["b"]!.data.buffer).not.toBe(engine.view("b").buffer);
    const awaited = await engine.run("main", { a, flag: true }, { outputs: "views" });
    expect(awaited["b"]!.data).toEqual(a);
    const again = await load(copying, both);
    await failing("bad-option", () => again.runSync("main", { a, flag: true }, { outputs: "view" as never }));
  });

  it("belong to a program that must be named when there are several", async () => {
    const engine = await load(copying, both);
    expect((await failing("unknown-program", () => engine.runSync({ a }))).message).toContain("main, other");
    expect((await failing("unknown-program", () => engine.runSync("mian", { a }))).message).toContain('"mian"');
  });
});

describe("params and vars", () => {
  // initial: v = 2 w; main: v += w; y = v.
  const functions = `
    (func (export "initial") (if (i32.eqz (global.get $worker)) (then (i32.store (i32.const 1040) (i32.mul (i32.const 2) (i32.load (i32.const 1024)))))) (call $$barrier))
    (func (export "program main")
      (if (i32.eqz (global.get $worker)) (then
        (i32.store (i32.const 1040) (i32.add (i32.load (i32.const 1040)) (i32.load (i32.const 1024))))
        (i32.store (i32.const 1056) (i32.load (i32.const 1040))))))`;
  const manifest: Partial<Manifest> = {
    states: [state("param", "w", "i32", [], 1024), state("var", "v", "i32", [], 1040), state("out", "y", "i32", [], 1056)],
    programs: [program("main", [0, 1], [1, 2])],
  };

  it("live from run to run, vars beginning with their initial value", async () => {
    for (const options of [{}, several]) {
      const engine = await load(functions, manifest, options);
      expect((await failing("missing-param", () => engine.runSync())).message).toContain("param w: i32");
      await failing("missing-param", () => engine.run());
      await failing("missing-param", () => engine.read("v"));
      await failing("bad-access", () => engine.read("y"));
      engine.write("w", 5);
      expect(engine.read("v").data).toEqual(Int32Array.of(10));
      expect(engine.runSync()["y"]!.data).toEqual(Int32Array.of(15));
      expect((await engine.run())["y"]!.data).toEqual(Int32Array.of(20));
      engine.write("v", 100);
      engine.write("w", 1);
      expect((await engine.run())["y"]!.data).toEqual(Int32Array.of(101));
      expect(engine.read("y").data).toEqual(Int32Array.of(101));
    }
  });

  it("can be given at load", async () => {
    const engine = await load(functions, manifest, { params: { w: 7 } });
    expect((await engine.run())["y"]!.data).toEqual(Int32Array.of(21));
    const other = await load(functions, manifest, { params: new Map([["w", 8]]) });
    expect(other.read("w").data[0]).toBe(8);
    await failing("bad-value", async () => other.runSync(new Map([["x", 1]]) as never));
    await failing("unknown-name", () => load(functions, manifest, { params: { v: 7 } }));
    await failing("shape-mismatch", () => load(functions, manifest, { params: { w: [7] } }));
  });

  it("need nothing when baked, and a value written over a baked one stays", async () => {
    const baked = { ...manifest, states: [{ ...manifest.states![0]!, baked: true }, ...manifest.states!.slice(1)] };
    const engine = await load(`(data (i32.const 1024) "\\03\\00\\00\\00") ${functions}`, baked);
    expect(engine.runSync()["y"]!.data).toEqual(Int32Array.of(9));
    engine.write("w", 1);
    expect((await engine.run())["y"]!.data).toEqual(Int32Array.of(10));
  });

  it("go through upload and download where tiles have their own memory", async () => {
    // The tile's copy of v is at 2048.
    const engine = await load(`
      (func (export "upload") (param i32) (memory.copy (i32.const 2048) (i32.const 1024) (i32.const 4)))
      (func (export "download") (param i32) (memory.copy (i32.const 1024) (i32.const 2048) (i32.const 4)))
      (func (export "program main") (i32.store (i32.const 2048) (i32.add (i32.const 1) (i32.load (i32.const 2048)))))`, {
      target: { name: "ipu", tiles: 1, memory: "private" },
      states: [state("var", "v", "i32", [], 1024)],
      plan: { tiles: { offset: 2048, stride: 1024, bytes: 64 } },
      programs: [program("main", [0], [0])],
    });
    engine.write("v", 41);
    engine.runSync();
    expect(engine.read("v").data).toEqual(Int32Array.of(42));
    await failing("not-supported", () => engine.view("v"));
    await failing("not-supported", () => engine.runSync(undefined, undefined, { outputs: "views" }));
  });
});
