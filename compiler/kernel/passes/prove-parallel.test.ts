import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nowhere } from "../../support/span.ts";
import { binary, i32, KernelBuilder } from "../build.ts";
import type { BufferId, Expression, Kernel } from "../kernel.ts";
import { testContext } from "../testing/run-both.ts";
import { visitStatements } from "../walk.ts";
import { proveParallel } from "./prove-parallel.ts";

const add = (a: Expression, b: number): Expression => binary("add", a, i32(b));

/** Which loops are found parallel, outermost first, by their counters' names. */
function parallelLoops(fill: (kernel: KernelBuilder, x: BufferId, y: BufferId) => void): string[] {
  const kernel = new KernelBuilder("loops", nowhere);
  const x = kernel.buffer({ name: "x", dtype: "i32", shape: [100], access: "inout" });
  const y = kernel.buffer({ name: "y", dtype: "i32", shape: [10, 10], access: "inout" });
  fill(kernel, x, y);
  const result = proveParallel.run(kernel.finish(), testContext);
  const found: string[] = [];
  visitStatements(result.body, (statement) => {
    if (statement.kind === "for" && statement.parallel) found.push(result.locals[statement.local]!.name);
  });
  return found;
}

describe("prove-parallel", () => {
  it("accepts stores to an element per iteration", () => {
    expect(parallelLoops((kernel, x) => kernel.for({ end: i32(100) }, (i) => kernel.store(x, [i], binary("add", kernel.load(x, [i]), i32(1)))))).toEqual(["i"]);
    expect(parallelLoops((kernel, _, y) =>
      kernel.for({ end: i32(10), name: "i" }, (i) => kernel.for({ end: i32(10), name: "j" }, (j) => kernel.store(y, [j, i], i32(1)))))).toEqual(["i", "j"]);
  });
  it("accepts blocks that do not overlap, refuses those that do", () => {
    const blocks = (size: number, step: number): string[] =>
      parallelLoops((kernel, x) =>
        kernel.for({ end: i32(8), name: "i" }, (i) =>
          kernel.for({ end: i32(size), name: "k" }, (k) => kernel.store(x, [binary("add", binary("mul", i, i32(step)), k)], i))));
    expect(blocks(4, 4)).toEqual(["i", "k"]);
    expect(blocks(5, 4)).toEqual(["k"]);
  });
  it("refuses what a neighbour writes, accepts what lies beyond the loop", () => {
    const shifted = (distance: number): string[] =>
      parallelLoops((kernel, x) => kernel.for({ end: i32(20) }, (i) => kernel.store(x, [i], kernel.load(x, [add(i, distance)]))));
    expect(shifted(1)).toEqual([]);
    expect(shifted(19)).toEqual([]);
    expect(shifted(20)).toEqual(["i"]);
  });
  it("accepts even and odd elements", () => {
    expect(parallelLoops((kernel, x) =>
      kernel.for({ end: i32(20), step: 2 }, (i) => kernel.store(x, [i], kernel.load(x, [add(i, 1)]))))).toEqual(["i"]);
  });
  it("refuses a local that goes from one iteration to the next, or is needed after the loop", () => {
    expect(parallelLoops((kernel, x) => {
      const sum = kernel.let("sum", i32(0));
      kernel.for({ end: i32(20) }, (i) => kernel.set(sum, binary("add", sum, kernel.load(x, [i]))));
      kernel.store(x, [i32(0)], sum);
    })).toEqual([]);
    expect(parallelLoops((kernel, x) => {
      const last = kernel.let("last", i32(0));
      kernel.for({ end: i32(20) }, (i) => kernel.set(last, kernel.load(x, [i])));
      kernel.store(x, [i32(0)], last);
    })).toEqual([]);
  });
  it("accepts locals that each iteration sets first", () => {
    expect(parallelLoops((kernel, x) => {
      const t = kernel.local("t", "i32");
      kernel.for({ end: i32(20) }, (i) => {
        kernel.set(t, kernel.load(x, [i]));
        kernel.while(binary("lt", t, i32(5)), () => kernel.set(t, binary("add", t, i32(1))));
        kernel.store(x, [i], t);
      });
    })).toEqual(["i"]);
  });
  it("refuses indices it does not understand", () => {
    expect(parallelLoops((kernel, x) => kernel.for({ end: i32(20) }, (i) => kernel.store(x, [binary("rem", i, i32(7))], i)))).toEqual([]);
    expect(parallelLoops((kernel, x) => kernel.for({ end: i32(20) }, () => kernel.store(x, [i32(3)], i32(1))))).toEqual([]);
    // 65536 · i wraps to 0 for i = 65536.
    expect(parallelLoops((kernel, x) => kernel.for({ end: i32(70_000) }, (i) => kernel.store(x, [binary("mul", i, i32(65_536))], i)))).toEqual([]);
  });

  it("is never wrong: what it accepts touches no element of another iteration", () => {
    const term = fc.record({ i: fc.integer({ min: -3, max: 3 }), k: fc.integer({ min: -2, max: 2 }), constant: fc.integer({ min: 0, max: 12 }) });
    let accepted = 0;
    fc.assert(
      fc.property(term, term, fc.integer({ min: 2, max: 6 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), (stored, loaded, trips, inner, step) => {
        const index = (i: Expression, k: Expression, form: typeof stored): Expression =>
          add(binary("add", binary("mul", i, i32(form.i)), binary("mul", k, i32(form.k))), form.constant + 40);
        const kernel = new KernelBuilder("random", nowhere);
        const x = kernel.buffer({ name: "x", dtype: "i32", shape: [100], access: "inout" });
        kernel.for({ end: i32(trips), step }, (i) => kernel.for({ end: i32(inner), name: "k" }, (k) => kernel.store(x, [index(i, k, stored)], kernel.load(x, [index(i, k, loaded)]))));
        const result: Kernel = proveParallel.run(kernel.finish(), testContext);
        const [loop] = result.body;
        if (loop?.kind !== "for" || !loop.parallel) return;
        accepted += 1;
        const touched = (form: typeof stored, i: number): Set<number> =>
          new Set(Array.from({ length: inner }, (_, k) => form.i * i + form.k * k + form.constant));
        for (let i = 0; i < trips; i += step)
          for (let other = 0; other < trips; other += step)
            if (i !== other)
              for (const element of touched(stored, i)) {
                expect(touched(stored, other).has(element)).toBe(false);
                expect(touched(loaded, other).has(element)).toBe(false);
              }
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});
