import { describe, expect, it } from "vitest";
import { GphError } from "./errors.ts";
import type { Manifest } from "./executable.ts";
import type { HostTensor } from "./host.ts";
import { at, program, state } from "./testing/build.ts";
import { failing, load, several } from "./testing/engines.ts";

describe("host events", () => {
  // Twice: take an element of xs, add one, send it, print it.
  const adding = `
    (func (export "program main") (local $i i32)
      (loop $l
        (if (i32.eqz (global.get $worker)) (then (call $host (i32.const 0))))
        (call $$barrier)
        (f32.store (i32.add (i32.const 1040) (i32.shl (global.get $worker) (i32.const 2)))
          (f32.add (f32.const 1) (f32.load (i32.add (i32.const 1024) (i32.shl (global.get $worker) (i32.const 2))))))
        (if (i32.eq (global.get $$workers) (i32.const 1)) (then (f32.store (i32.const 1044) (f32.add (f32.const 1) (f32.load (i32.const 1028))))))
        (call $$barrier)
        (if (i32.eqz (global.get $worker)) (then (call $host (i32.const 1)) (call $host (i32.const 2))))
        (call $$barrier)
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 2)))))`;
  const manifest: Partial<Manifest> = {
    target: { name: "wasm", tiles: 2, memory: "shared" },
    states: [state("stream in", "xs", "f32", [2], 1024), state("stream out", "ys", "f32", [2], 1040)],
    events: [
      { kind: "next", state: 0, position: at(4, 9) },
      { kind: "send", state: 1, position: at(5, 9) },
      { kind: "print", label: "y", values: [{ dtype: "f32", shape: [2], offset: 1040 }], position: at(6, 9) },
    ],
    programs: [program("main", [0], [1])],
  };
  const xs = [[1, 2], [3, 4.5]];
  const expected: HostTensor[] = [[2, 3], [4, 5.5]].map((data) => ({ dtype: "f32", shape: [2], data: Float32Array.from(data) }));

  it("feed and drain streams, and print", async () => {
    for (const options of [{}, several]) {
      const engine = await load(adding, manifest, options);
      async function* later(): AsyncGenerator<number[]> {
        for (const each of xs) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          yield each;
        }
      }
      let calls = 0;
      const data = Float32Array.of(1, 2, 3, 4.5);
      const sources = [xs, xs.values(), new Set(xs), data, { dtype: "f32", shape: [2, 2], data } as const, () => xs[calls++ % 2]];
      for (const source of sources) {
        const ys: HostTensor[] = [];
        const lines: string[] = [];
        engine.runSync("main", {}, { streams: { xs: source, ys }, print: (line) => lines.push(line) });
        expect(ys).toEqual(expected);
        expect(lines).toEqual(["y [2 3]", "y [4.0 5.5]"]);
      }
      for (const source of [xs, later(), async () => xs[calls++ % 2]!]) {
        const ys: HostTensor[] = [];
        const lines: string[] = [];
        const sink = async (element: HostTensor): Promise<void> => {
          await new Promise((resolve) => setImmediate(resolve));
          ys.push(element);
        };
        await engine.run("main", {}, { streams: { xs: source, ys: sink }, print: (line) => lines.push(line) });
        expect(ys).toEqual(expected);
        expect(lines).toEqual(["y [2 3]", "y [4.0 5.5]"]);
      }
    }
  });

  it("end the run with an error that names the stream, and the engine goes on", async () => {
    for (const options of [{}, several]) {
      const engine = await load(adding, manifest, options);
      const print = (): void => undefined;
      const ways: ((streams: object, printing?: () => void) => unknown)[] = [
        (streams, printing = print) => engine.runSync("main", {}, { streams: streams as never, print: printing }),
        (streams, printing = print) => engine.run("main", {}, { streams: streams as never, print: printing }),
      ];
      for (const way of ways) {
        const ys: HostTensor[] = [];
        expect((await failing("stream-exhausted", () => way({ xs: [[1, 2]], ys }))).message).toBe("stream xs is exhausted: after 1 elements the program wants another, test.gph:4:9");
        expect((await failing("missing-stream", () => way({ ys }))).message).toContain("stream in xs: f32[2] has no source");
        expect((await failing("missing-stream", () => way({ xs }))).message).toContain("stream out ys: f32[2] has no sink");
        expect((await failing("shape-mismatch", () => way({ xs: [[1, 2, 3]], ys }))).message).toContain("stream xs");
        expect((await failing("shape-mismatch", () => way({ xs: new Float32Array(3), ys }))).message).toContain("stream xs");
        expect((await failing("dtype-mismatch", () => way({ xs: { dtype: "f64", shape: [1, 2], data: new Float64Array(2) }, ys }))).message).toContain("stream xs");
        const broken = (): never => { throw new Error("disk on fire"); };
        expect((await failing("stream-failed", () => way({ xs: broken, ys }))).message).toContain("stream xs threw: disk on fire, test.gph:4:9");
        expect((await failing("stream-failed", () => way({ xs, ys: broken }))).message).toContain("stream ys threw: disk on fire, test.gph:5:9");
        expect((await failing("print-failed", () => way({ xs, ys }, broken))).message).toContain("disk on fire");
        ys.length = 0;
        await way({ xs, ys });
        expect(ys).toEqual(expected);
      }
      await failing("async-stream", () => engine.runSync("main", {}, { streams: { xs: async () => [1, 2], ys: [] }, print }));
      expect((await failing("stream-failed", () => engine.run("main", {}, { streams: { xs: async () => { throw new Error("gone"); }, ys: [] }, print }))).message).toContain("gone");
    }
  });

  it("leave an iterator where it was, and close what they opened", async () => {
    const engine = await load(adding, manifest);
    const print = (): void => undefined;
    let closed = 0;
    function* endless(): Generator<number[]> {
      try {
        for (let index = 0; ; index++) yield [index, index];
      } finally {
        closed++;
      }
    }
    const iterator = endless();
    const ys: HostTensor[] = [];
    engine.runSync("main", {}, { streams: { xs: iterator, ys }, print });
    await engine.run("main", {}, { streams: { xs: iterator, ys }, print });
    expect(ys.map(({ data }) => data[0])).toEqual([1, 2, 3, 4]);
    expect(closed).toBe(0);
    engine.runSync("main", {}, { streams: { xs: { [Symbol.iterator]: endless }, ys }, print });
    expect(closed).toBe(1);
  });

  it("refuse to run the engine from inside a run", async () => {
    const engine = await load(adding, manifest, several);
    const inner: string[] = [];
    const print = (): void => {
      try {
        engine.runSync("main");
      } catch (error) {
        inner.push((error as GphError).code);
      }
    };
    engine.runSync("main", {}, { streams: { xs, ys: [] }, print });
    expect(inner).toEqual(["busy", "busy"]);
    const closing: Promise<string>[] = [];
    engine.runSync("main", {}, { streams: { xs, ys: [] }, print: () => closing.push(engine.close().then(() => "closed", (error: GphError) => error.code)) });
    expect(await Promise.all(closing)).toEqual(["busy", "busy"]);
  });
});
