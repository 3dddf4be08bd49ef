import { describe, expect, it } from "vitest";
import { nowhere } from "../../support/span.ts";
import { binary, call, i32, KernelBuilder } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { expandMath } from "./expand-math.ts";
import type { Pass } from "../../support/pass.ts";
import { vectorsHeld } from "./register-pressure.ts";
import { unroll, unrollForPairs } from "./unroll.ts";
import { vectorise } from "./vectorise.ts";

const count = 75;

function mapped(body: (x: Expression) => Expression): Kernel {
  const builder = new KernelBuilder("map", nowhere);
  const x = builder.buffer({ name: "x", dtype: "f64", shape: [count + 8], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f64", shape: [count], access: "out" });
  builder.for({ end: i32(count), parallel: true }, (i) => builder.store(y, [i], body(builder.load(x, [i]))));
  return vectorise.run(expandMath.run(builder.finish(), testContext), testContext);
}

/** Iterations a round of the loop over vectors does. */
function copies(kernel: Kernel, pass: Pass<Kernel, Kernel> = unroll): number {
  const [loop] = pass.run(kernel, testContext).body;
  return loop?.kind === "for" ? loop.step / 2 : 0;
}

/** A sum of so many products, as a tree: long, but few operations wait for each other. */
const tree = (x: Expression, products: number): Expression =>
  products === 1 ? binary("mul", x, x) : binary("add", tree(x, products / 2), tree(x, products / 2));

describe("unroll", () => {
  it("copies short bodies, and long ones whose operations wait for each other", () => {
    expect(copies(mapped((x) => binary("mul", x, x)))).toBe(4);
    expect(copies(mapped((x) => tree(x, 8)))).toBe(2);
    expect(copies(mapped((x) => tree(x, 64)))).toBe(1);
    expect(copies(mapped((x) => call("acos", x)))).toBe(2);
    expect(copies(mapped((x) => call("pow", x, binary("add", x, x))))).toBe(4);
    expect(copies(mapped((x) => call("erf", call("pow", x, call("erf", call("pow", call("erf", x), x))))))).toBe(1);
  });

  /** So many values loaded first, and each stored less their sum. */
  function centred(values: number): Kernel {
    const builder = new KernelBuilder("centred", nowhere);
    const x = builder.buffer({ name: "x", dtype: "f64", shape: [values, count], access: "in" });
    const y = builder.buffer({ name: "y", dtype: "f64", shape: [values, count], access: "out" });
    builder.for({ end: i32(count), parallel: true }, (i) => {
      const all = Array.from({ length: values }, (_, k) => builder.let("value", builder.load(x, [i32(k), i])));
      const sum = builder.let("sum", all.reduce((total, value) => binary("add", total, value)));
      all.forEach((value, k) => builder.store(y, [i32(k), i], binary("sub", value, sum)));
    });
    return vectorise.run(builder.finish(), testContext);
  }

  it("leaves alone what would hold more vectors than there are registers, unless they are paired", () => {
    expect([6, 7, 8].map((values) => copies(centred(values)))).toEqual([2, 2, 1]);
    expect([6, 7, 8].map((values) => copies(centred(values), unrollForPairs))).toEqual([2, 2, 2]);
  });

  it("counts the vectors of each copy, those from outside once, and what a statement needs", () => {
    const [loop] = centred(8).body;
    const { body } = loop as Extract<typeof loop, { kind: "for" }>;
    expect([1, 2, 4].map((many) => vectorsHeld(body, many))).toEqual([10, 18, 34]);
    const [outside] = body.filter((statement) => statement.kind === "set" && statement.value.kind !== "load");
    expect(vectorsHeld([outside!], 2)).toBe(8 + 2);
  });

  it("copies long bodies that give several results, none of them most of it", () => {
    const several = (lengths: readonly number[], apart: boolean): Kernel => {
      const builder = new KernelBuilder("several", nowhere);
      const x = builder.buffer({ name: "x", dtype: "f64", shape: [count], access: "in" });
      const ys = lengths.map((_, k) => builder.buffer({ name: `y${k}`, dtype: "f64", shape: [lengths.length, count], access: "out" }));
      builder.for({ end: i32(count), parallel: true }, (i) => lengths.forEach((length, k) => builder.store(apart ? ys[k]! : ys[0]!, [i32(k), i], tree(builder.load(x, [i]), length))));
      return vectorise.run(builder.finish(), testContext);
    };
    expect(copies(several([8, 8], true))).toBe(2);
    expect(copies(several([8, 32], true))).toBe(1);
    expect(copies(several([8, 8, 4], false))).toBe(1);
    const kernel = several([8, 8, 4], true);
    for (const [before, after] of runBoth(kernel, unroll.run(kernel, testContext), 7)) expect(after).toEqual(before);
  });

  it("keeps every bit", () => {
    for (const name of ["exp", "acos", "asinh", "erf"] as const) {
      const kernel = mapped((x) => call(name, x));
      const unrolled = unroll.run(kernel, testContext);
      verifyKernel(unrolled);
      for (const [before, after] of runBoth(kernel, unrolled, 7)) expect(after).toEqual(before);
    }
  });
});
