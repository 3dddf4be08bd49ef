import { describe, expect, it } from "vitest";
import { nowhere } from "../../support/span.ts";
import { binary, call, i32, KernelBuilder } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { expandMath } from "./expand-math.ts";
import { unroll } from "./unroll.ts";
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
function copies(kernel: Kernel): number {
  const [loop] = unroll.run(kernel, testContext).body;
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

  it("keeps every bit", () => {
    for (const name of ["exp", "acos", "asinh", "erf"] as const) {
      const kernel = mapped((x) => call(name, x));
      const unrolled = unroll.run(kernel, testContext);
      verifyKernel(unrolled);
      for (const [before, after] of runBoth(kernel, unrolled, 7)) expect(after).toEqual(before);
    }
  });
});
