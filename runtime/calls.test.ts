import { describe, expect, it } from "vitest";
import type { Manifest } from "./executable.ts";
import { at, program, state } from "./testing/build.ts";
import { failing, load, several } from "./testing/engines.ts";

describe("runs that end early", () => {
  const divide = `
    (func $Stencil.compute (param i32) (result i32) (i32.div_s (i32.const 7) (local.get 0)))
    (func (export "program main") (local $i i32)
      (loop $l
        (call $$barrier)
        ;; Whoever is the last worker divides by x[0].
        (if (i32.eq (global.get $worker) (i32.sub (global.get $$workers) (i32.const 1)))
          (then (i32.store (i32.const 1040) (call $Stencil.compute (i32.load (i32.const 1024))))))
        (call $$barrier)
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 100)))))`;
  const manifest: Partial<Manifest> = {
    states: [state("in", "x", "i32", [], 1024), state("out", "y", "i32", [], 1040)],
    programs: [program("main", [0], [1])],
    functions: { "Stencil.compute": { file: "heat.gph", line: 12, column: 5 } },
  };

  it("by a trap name the function and the line, and can be run again", async () => {
    for (const options of [{}, several]) {
      const engine = await load(divide, manifest, options);
      for (const way of [(x: number) => engine.runSync({ x }), (x: number) => engine.run({ x })]) {
        for (let repeat = 0; repeat < 3; repeat++) {
          const error = await failing("trap", () => way(0));
          expect(error.message).toBe("integer division by zero in Stencil.compute, heat.gph:12:5");
          expect(error.position).toEqual({ file: "heat.gph", line: 12, column: 5 });
          expect((await way(2))["y"]!.data).toEqual(Int32Array.of(3));
        }
      }
    }
  });

  it("by an assert give its message and line", async () => {
    const asserting = `
      (func (export "program main")
        (if (i32.and (i32.eqz (global.get $worker)) (i32.eqz (i32.load (i32.const 1024)))) (then (call $host (i32.const 0))))
        (call $$barrier)
        (i32.store (i32.const 1040) (i32.const 1)))`;
    for (const options of [{}, several]) {
      const engine = await load(asserting, { ...manifest, events: [{ kind: "assert", message: "x is zero", position: at(3, 5) }] }, options);
      for (const way of [(x: number) => engine.runSync({ x }), (x: number) => engine.run({ x })]) {
        const error = await failing("assertion-failed", () => way(0));
        expect(error.message).toBe("assertion failed: x is zero, test.gph:3:5");
        expect(error.position).toEqual(at(3, 5));
        expect((await way(1))["y"]!.data).toEqual(Int32Array.of(1));
      }
    }
  });

  it("by a full call stack", async () => {
    const engine = await load(`(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0)))) (func (export "program main") (drop (call $deep (i32.const 1))))`);
    expect((await failing("trap", () => engine.runSync())).message).toBe("the call stack is full, test.gph:1:1");
    expect((await failing("trap", () => engine.run())).message).toContain("call stack");
  });

  it("by a signal, whatever the program is doing", async () => {
    const looping = `(func (export "program main") (loop $l (call $$barrier) (br_if $l (i32.eqz (i32.load (i32.const 1024))))) (i32.store (i32.const 1040) (i32.const 7)))`;
    for (const options of [{}, several]) {
      const engine = await load(looping, manifest, options);
      for (const delay of [0, 1, 20]) {
        const controller = new AbortController();
        const run = engine.run({ x: 0 }, { signal: controller.signal });
        setTimeout(() => controller.abort(new Error("enough")), delay);
        const error = await failing("aborted", () => run);
        expect((error.cause as Error).message).toBe("enough");
        expect((await engine.run({ x: 1 }))["y"]!.data).toEqual(Int32Array.of(7));
      }
      await failing("aborted", () => engine.run({ x: 0 }, { signal: AbortSignal.abort() }));
      expect(engine.runSync({ x: 1 })["y"]!.data).toEqual(Int32Array.of(7));
    }
  });

  it("by a signal while a source is waited for", async () => {
    const waiting = `(func (export "program main") (if (i32.eqz (global.get $worker)) (then (call $host (i32.const 0)))) (call $$barrier))`;
    const engine = await load(waiting, {
      states: [state("stream in", "xs", "i32", [], 1024)], events: [{ kind: "next", state: 0, position: at(2) }], programs: [program("main", [0], [])],
    }, several);
    const controller = new AbortController();
    const run = engine.run("main", {}, { streams: { xs: () => new Promise<number>(() => undefined) }, signal: controller.signal });
    setTimeout(() => controller.abort(), 60);
    await failing("aborted", () => run);
    await engine.run("main", {}, { streams: { xs: [1] } });
  });

  it("costs the engine when a worker does not come back", async () => {
    const stuck = `(func (export "program main") (loop $l (br_if $l (i32.eqz (i32.load (i32.const 1024))))))`;
    const engine = await load(stuck, manifest, { stopTimeout: 50 });
    await engine.run({ x: 1 });
    const error = await failing("worker-lost", () => engine.run({ x: 0 }, { signal: AbortSignal.timeout(100) }));
    expect(error.message).toContain("was aborted; then a worker did not stop within 50 ms");
    expect(engine.closed).toBe(true);
    await failing("closed", () => engine.run({ x: 0 }));

    // The caller traps, and the other worker loops for ever.
    const half = `(func (export "program main") (if (global.get $worker) (then (loop $l (br $l)))) (unreachable))`;
    const other = await load(half, {}, { ...several, stopTimeout: 50 });
    if (other.workers === 1) return;
    await failing("worker-lost", () => other.runSync());
    await failing("closed", () => other.runSync());
  });
});
