import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHash } from "node:crypto";
import { ExecutableError } from "./errors.ts";
import { readExecutable, writeExecutable, type Manifest } from "./executable.ts";
import { at, build, buildModule, emptyManifest, program, state } from "./testing/build.ts";

const main = '(func (export "program main"))';
const manifest: Manifest = {
  ...emptyManifest,
  states: [state("in", "x", "f32", [2, 3], 1024), state("stream in", "s", "u8", [], 1056), { ...state("param", "w", "f32", [], 1072), baked: true }],
  programs: [program("main", [0, 1], [])],
  events: [
    { kind: "next", state: 1, position: at(2) },
    { kind: "print", label: "x", values: [{ dtype: "f32", shape: [2, 3], offset: 1024 }], position: at(3) },
    { kind: "assert", message: "why", position: at(4) },
  ],
  functions: { "Stencil.compute": at(5, 6) },
};
const module = buildModule(main);
const bytes = writeExecutable(module, manifest);

/** What reading says of a file whose manifest was changed and its checksum made right again. */
function reasonFor(change: (manifest: any) => void): string {
  const changed = structuredClone(manifest) as any;
  change(changed);
  try {
    writeExecutable(module, changed);
  } catch (error) {
    expect(error).toBeInstanceOf(ExecutableError);
    return (error as Error).message;
  }
  return "nothing is wrong";
}

describe("an executable", () => {
  it("reads as it was written, and is valid WebAssembly", () => {
    const read = readExecutable(bytes);
    expect(read.manifest).toEqual(manifest);
    expect(read.module).toEqual(module);
    expect(WebAssembly.validate(bytes)).toBe(true);
    expect(WebAssembly.Module.customSections(new WebAssembly.Module(bytes), "gph")).toHaveLength(1);
  });

  it("carries the checksum of every byte but its own", () => {
    const text = Buffer.from(bytes).toString("latin1");
    const digest = /gph([0-9a-f]{64})\{/.exec(text)!;
    const rest = Buffer.from(text.replace(digest[1]!, ""), "latin1");
    expect(createHash("sha256").update(rest).digest("hex")).toBe(digest[1]);
  });

  it("is refused when cut off anywhere", () => {
    for (let length = 0; length < bytes.length; length++) expect(() => readExecutable(bytes.subarray(0, length)), `${length} bytes`).toThrow(ExecutableError);
  });

  it("is refused when any bit was changed", () => {
    fc.assert(fc.property(fc.uniqueArray(fc.nat(bytes.length * 8 - 1), { minLength: 1, maxLength: 3 }), (bits) => {
      const changed = bytes.slice();
      for (const bit of bits) changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => readExecutable(changed)).toThrow(ExecutableError);
    }), { numRuns: 3000 });
  });

  it("is refused with a reason, when it is not one", () => {
    const reason = (file: Uint8Array): string => {
      try {
        readExecutable(file);
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(reason(new Uint8Array())).toBe("truncated: the file has only 0 bytes");
    expect(reason("heat.wasm" as unknown as Uint8Array)).toBe("an executable is given as its bytes, a Uint8Array, not as a string");
    expect(reason(new ArrayBuffer(8) as unknown as Uint8Array)).toBe("an executable is given as its bytes, a Uint8Array, not as an object of class ArrayBuffer");
    expect(reason(new TextEncoder().encode("graph heat {}"))).toContain("not a WebAssembly file");
    expect(reason(module)).toBe('not made by gph: the module has no custom section "gph"');
    expect(reason(bytes.with(4, 2))).toBe("version 2.0.0.0 of WebAssembly is not 1");
    expect(reason(bytes.subarray(0, bytes.length - 7))).toMatch(/^truncated: section 0 \(custom\) claims [\d,]+ bytes but only [\d,]+ are left$/);
    expect(reason(bytes.with(bytes.length - 1, 0x20))).toBe("checksum differs: the file was changed after it was written");
    expect(reason(new Uint8Array([...module, 1, 1, 0]))).toBe("damaged: there are two of section 1 (type)");
    expect(reason(new Uint8Array([...module, 14, 1, 0]))).toContain("there is no section 14");
    expect(reason(new Uint8Array([...module, 0, 0x80, 0x80, 0x80, 0x80, 0x10]))).toContain("a number of more than 32 bits");
    const after = new Uint8Array([...bytes, 0, 2, 1, 0x61]);
    expect(reason(after)).toContain("must be one, and the file's last");
    expect(() => writeExecutable(bytes, manifest)).toThrow("must be one, and the file's last");
  });
});

describe("a manifest", () => {
  it("is refused by the path of the field and its value", () => {
    expect(reasonFor(() => undefined)).toBe("nothing is wrong");
    expect(reasonFor((m) => { m.format = 1; })).toBe("manifest: format is 1, and this runtime reads version 2");
    expect(reasonFor((m) => { m.states[0].dtype = "f31"; })).toBe('manifest: states[0].dtype is not a dtype: "f31"');
    expect(reasonFor((m) => { m.states[0].dtype = "toString"; })).toContain("is not a dtype");
    expect(reasonFor((m) => { m.states[0].offset = 1028; })).toBe("manifest: states[0].offset must be a multiple of 16, but is 1028");
    expect(reasonFor((m) => { m.states[0].offset = 192; })).toBe("manifest: states[0].offset must lie in 1024 … 131072, but is 192");
    expect(reasonFor((m) => { m.states[0].offset = 131_056; })).toBe("manifest: states[0] does not fit: f32[2, 3] at 131056 goes beyond the 131072 bytes of memory");
    expect(reasonFor((m) => { m.states[0].shape = [2 ** 32, 2 ** 32, 2 ** 32, 2 ** 32]; })).toContain("does not fit");
    expect(reasonFor((m) => { m.states[0].shape = [-1]; })).toContain("states[0].shape[0] must lie in 0");
    expect(reasonFor((m) => { m.states[0].shape = [1.5]; })).toContain("must be an integer, not 1.5");
    expect(reasonFor((m) => { m.states[0].shape = { length: 1 }; })).toContain("must be an array, not an object");
    expect(reasonFor((m) => { m.states[1].name = "x"; })).toBe('manifest: states has two of the name "x"');
    expect(reasonFor((m) => { m.states[0].name = ""; })).toContain("must not be empty");
    expect(reasonFor((m) => { m.states[0].role = "inout"; })).toContain('not "inout"');
    expect(reasonFor((m) => { m.states[0].baked = true; })).toContain("is for params, but the role is in");
    expect(reasonFor((m) => { m.events[0].state = 0; })).toBe("manifest: events[0].state must be a stream in, but x is a in");
    expect(reasonFor((m) => { m.events[0].state = 3; })).toContain("events[0].state must lie in 0 … 2, but is 3");
    expect(reasonFor((m) => { m.events[1].values[0].offset = 0; })).toContain("events[1].values[0].offset");
    expect(reasonFor((m) => { m.events[2].kind = "eval"; })).toContain("events[2].kind");
    expect(reasonFor((m) => { m.events[2].position.line = "3"; })).toContain('events[2].position.line must be an integer, not "3"');
    expect(reasonFor((m) => { m.programs[0].reads = [7]; })).toContain("programs[0].reads[0] must lie in 0 … 2, but is 7");
    expect(reasonFor((m) => { m.programs.push(m.programs[0]); })).toContain('two of the name "main"');
    expect(reasonFor((m) => { m.programs = []; })).toContain("programs must not be empty");
    expect(reasonFor((m) => { m.pages = 0; })).toContain("pages must lie in 1 … 65536");
    expect(reasonFor((m) => { m.pages = 3; })).toBe("env.memory must be shared with 3 pages, but is 2 to 2 pages");
    expect(reasonFor((m) => { m.functions["Stencil.compute"] = null; })).toContain('functions["Stencil.compute"] must be an object');
    expect(reasonFor((m) => { m.programs[0].export = "main"; })).toBe("export main is missing, or not a function");
    expect(reasonFor((m) => { m.initial = "start"; })).toBe("export start must be () → (), but is (i32, i32, i32, i32) → ()");
    expect(reasonFor((m) => { m.target.memory = "private"; })).toContain("export upload is missing");
    expect(reasonFor((m) => { m.target.memory = "private"; m.plan.tiles = { offset: 1024, stride: 4096, bytes: 4096 }; })).toContain("64 tiles end at byte");
    expect(reasonFor((m) => { delete m.plan; })).toContain("plan must be an object, not missing");
    for (const field of Object.keys(manifest)) {
      expect(reasonFor((m) => { delete m[field]; }), field).toContain(field);
      expect(reasonFor((m) => { m[field] = 7.5; }), field).toContain(field);
    }
  });

  it("of any JSON is read or refused, never worse", () => {
    fc.assert(fc.property(fc.json(), fc.constantFrom(...Object.keys(manifest)), (json, field) => {
      const value = JSON.parse(json) as never;
      try {
        writeExecutable(module, { ...manifest, [field]: value });
        writeExecutable(module, value);
      } catch (error) {
        expect(error).toBeInstanceOf(ExecutableError);
      }
    }), { numRuns: 500 });
  });
});

describe("a module", () => {
  const refused = (functions: string, reason: string, imports?: string): void => expect(() => build(functions, {}, imports)).toThrow(reason);

  it("may import and run only what the contract allows", () => {
    const erf = '(import "math" "erf" (func $erf (param f64) (result f64)))';
    const pow = '(import "math" "pow" (func $pow (param f64 f64) (result f64)))';
    build('(func (export "program main") (drop (call $pow (call $erf (f64.const 1)) (f64.const 2))))', {}, erf + pow);
    refused(main, "import math.erf must be (f64) → (f64), but is (f64, f64) → (f64)", pow.replace("pow", "erf"));
    refused(main, "not allowed: the module imports math.random", erf.replace("erf", "random"));
    refused(main, "not allowed: the module imports math.toString", erf.replace("erf", "toString"));
    refused(main, "not allowed: the module imports fs.open", '(import "fs" "open" (func $open))');
    refused(main, "not allowed: the module imports env.table", '(import "env" "table" (table 1 funcref))');
    refused(main, "import env.host must be (i32) → (), but is (i64) → ()", '(import "env" "host" (func $other (param i64)))');
    refused(`(func $go) (start $go) ${main}`, "not allowed: the module has a start section");
    refused(`(func (export "program main") (param i32))`, "export program main must be () → (), but is (i32) → ()");
    refused("", "export program main is missing");
  });
});
