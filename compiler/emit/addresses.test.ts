/** Address arithmetic: linear forms, pointers, and what is left of it in the innermost loops. */
import { describe, expect, it } from "vitest";
import { binary, constant, i32, KernelBuilder, splat } from "../kernel/build.ts";
import type { Expression, Kernel } from "../kernel/kernel.ts";
import { nowhere } from "../support/span.ts";
import { addressOf, linearise, lowestAddress, planPointers } from "./addresses.ts";
import { buildModule } from "./testing/kernel-module.ts";

const local = (id: number): Expression => ({ kind: "local", dtype: "i32", lanes: 1, local: id });
const plus = (expression: Expression, value: number): Expression => ({ kind: "binary", op: "add", dtype: "i32", lanes: 1, left: expression, right: i32(value) });
const times = (expression: Expression, value: number): Expression => ({ kind: "binary", op: "mul", dtype: "i32", lanes: 1, left: expression, right: i32(value) });
const wide = (load: Expression): Expression => ({ ...load, lanes: 4 });

const formOf = (expression: Expression): [constant: number, ...terms: [key: string, coefficient: number][]] => {
  const { constant: value, terms } = linearise(expression);
  return [value, ...terms.map((term): [string, number] => [term.key, term.coefficient])];
};

describe("linear forms", () => {
  it("collect equal locals and drop what cancels", () => {
    expect(formOf(binary("sub", plus(times(local(1), 3), 5), plus(local(1), 7)))).toEqual([-2, ["%1", 2]]);
    expect(formOf(binary("sub", plus(local(1), 5), local(1)))).toEqual([5]);
  });

  it("keep what is not linear as one atom", () => {
    const quotient = binary("div", local(0), i32(2));
    expect(formOf(binary("add", times(quotient, 4), times(quotient, 2)))).toEqual([0, ["binary i32x1 div(%0,constant i32x1 2())", 6]]);
  });

  it("wrap like i32 arithmetic", () => {
    expect(formOf(times(times(local(0), 65_536), 65_537))).toEqual([0, ["%0", 65_536]]);
  });

  it("are bytes by the buffer's strides", () => {
    const builder = new KernelBuilder("k", nowhere);
    const x = builder.buffer({ name: "x", dtype: "f64", shape: [5, 7], access: "in" });
    const { form } = addressOf(builder.finish(), x, [plus(local(0), 1), plus(local(1), -2)]);
    expect([form.constant, ...form.terms.map((term) => term.coefficient)]).toEqual([8 * (7 - 2), 56, 8]);
  });
});

describe("pointers", () => {
  const planOf = (fill: (b: KernelBuilder, x: number, i: Expression) => void, before?: (b: KernelBuilder) => void) => {
    const builder = new KernelBuilder("k", nowhere);
    const x = builder.buffer({ name: "x", dtype: "f32", shape: [10_000], access: "inout" });
    before?.(builder);
    builder.for({ end: i32(100) }, (i) => fill(builder, x, i));
    const kernel: Kernel = builder.finish();
    const loop = kernel.body.find((statement) => statement.kind === "for")!;
    const plan = planPointers(loop, kernel);
    return { plan, find: (index: Expression) => plan.find(addressOf(kernel, 0, [index]), [index]) };
  };

  /** So many sums of `taps` windows next to each other, which overlap. */
  const overlapping = (count: number, taps: number) => {
    let sums: Expression[] = [];
    return planOf((b, x, i) => {
      for (let tap = 0; tap < taps; tap++) sums.forEach((sum, at) => b.set(sum, binary("add", sum, splat(4, b.load(x, [plus(i, at + tap)])))));
    }, (b) => {
      sums = Array.from({ length: count }, () => b.local("sum", "f32", 4));
      for (const sum of sums) b.set(sum, constant("f32", 0, 4));
    });
  };

  it("are several where elements that are loaded again would leave no registers for sums", () => {
    expect(overlapping(12, 5).plan.pointers.map(({ form }) => form.constant)).toEqual([0, 4, 8, 12, 16]);
    expect(overlapping(4, 5).plan.pointers).toHaveLength(1);
    expect(overlapping(12, 1).plan.pointers).toHaveLength(1);
  });

  it("are shared by accesses that differ by a constant, from the lowest on", () => {
    const { plan, find } = planOf((b, x, i) => b.store(x, [plus(i, 2)], binary("add", b.load(x, [plus(i, -3)]), b.load(x, [times(i, 2)]))));
    expect(plan.pointers.map(({ coefficient, form }) => [coefficient, form.constant])).toEqual([[4, -12], [8, 0]]);
    expect(find(plus(local(0), 2))).toEqual({ pointer: 0, offset: 20 });
    expect(find(plus(local(0), 1))).toBeUndefined();
  });

  it("do not stand at a guarded access far below the others", () => {
    const { find } = planOf((b, x, i) => {
      b.store(x, [i], b.load(x, [plus(i, 1)]));
      b.if(binary("gt", i, i32(1000)), () => b.store(x, [plus(i, -1000)], constant("f32", 0)));
    });
    expect(find(local(0))).toEqual({ pointer: 0, offset: 0 });
    expect(find(plus(local(0), -1000))).toEqual({ pointer: 1, offset: 0 });
  });

  it("of guarded accesses only are at most the unused start of memory below any of them", () => {
    const { plan } = planOf((b, x, i) => b.if(binary("gt", i, i32(0)), () => {
      for (const shift of [0, -100, -600, -700]) b.store(x, [plus(i, shift)], constant("f32", 0));
    }));
    const bases = plan.pointers.map(({ form }) => form.constant);
    expect(bases).toEqual([-2800, -400]);
    expect(-2400 - bases[0]!).toBeLessThanOrEqual(lowestAddress);
  });
});

/** How often each instruction stands in the innermost loop (the last to be opened) of the first function. */
async function innermost(kernel: Kernel): Promise<Map<string, number>> {
  const { text } = await buildModule([kernel]);
  const start = text.lastIndexOf("(loop");
  let depth = 0;
  let end = start;
  do {
    if (text[end] === "(") depth++;
    if (text[end] === ")") depth--;
    end++;
  } while (depth > 0);
  const counts = new Map<string, number>();
  for (const [, name] of text.slice(start, end).matchAll(/\(([a-z0-9_.]+)/g)) counts.set(name!, (counts.get(name!) ?? 0) + 1);
  return counts;
}

describe("innermost loops", () => {
  it("of a five-point stencil only move two pointers", async () => {
    const n = 64;
    const b = new KernelBuilder("heat", nowhere);
    const u = b.buffer({ name: "u", dtype: "f32", shape: [n, n], access: "in" });
    const v = b.buffer({ name: "v", dtype: "f32", shape: [n, n], access: "out" });
    b.for({ end: i32(n - 2) }, (i) => b.for({ end: i32(60), step: 4 }, (j) => {
      const at = (di: number, dj: number): Expression => wide(b.load(u, [plus(i, di), plus(j, dj)]));
      const sum = [at(0, 1), at(2, 1), at(1, 0), at(1, 2)].reduce((left, right) => binary("add", left, right));
      b.store(v, [plus(i, 1), plus(j, 1)], binary("add", at(1, 1), binary("mul", constant("f32", 0.1, 4), sum)));
    }));
    const counts = await innermost(b.finish());
    expect(counts.get("i32.add")).toBe(2);
    expect(counts.get("v128.load")).toBe(5);
    expect([counts.get("i32.mul"), counts.get("i32.shl"), counts.get("v128.const")]).toEqual([undefined, undefined, undefined]);
  });

  it("of a matrix product move one pointer an operand, whatever the register block", async () => {
    const [m, n, k] = [8, 64, 32];
    const b = new KernelBuilder("matmul", nowhere);
    const x = b.buffer({ name: "x", dtype: "f32", shape: [m, k], access: "in" });
    const w = b.buffer({ name: "w", dtype: "f32", shape: [k, n], access: "in" });
    const y = b.buffer({ name: "y", dtype: "f32", shape: [m, n], access: "out" });
    b.for({ end: i32(m), step: 4 }, (i) => b.for({ end: i32(n), step: 8 }, (j) => {
      const sums = Array.from({ length: 8 }, (_, at) => b.let(`sum${at}`, constant("f32", 0, 4)));
      b.for({ end: i32(k) }, (l) => sums.forEach((sum, at) =>
        b.set(sum, binary("add", sum, binary("mul", splat(4, b.load(x, [plus(i, at >> 1), l])), wide(b.load(w, [l, plus(j, 4 * (at & 1))])))))));
      sums.forEach((sum, at) => b.store(y, [plus(i, at >> 1), plus(j, 4 * (at & 1))], sum));
    }));
    const counts = await innermost(b.finish());
    expect(counts.get("i32.add")).toBe(2);
    expect([counts.get("i32.mul"), counts.get("i32.shl")]).toEqual([undefined, undefined]);
  });

  it("compute nothing they do not change", async () => {
    const b = new KernelBuilder("scaled", nowhere);
    const s = b.buffer({ name: "s", dtype: "f32", shape: [], access: "in" });
    const y = b.buffer({ name: "y", dtype: "f32", shape: [9, 100], access: "out" });
    const factor = b.let("factor", b.load(s, []));
    b.for({ end: i32(9) }, (i) => b.for({ end: i32(100), step: 4 }, (j) => {
      const scale = splat(4, binary("div", constant("f32", 1), factor));
      b.store(y, [i, j], binary("mul", wide(b.load(y, [i, j])), scale));
    }));
    const counts = await innermost(b.finish());
    expect([counts.get("f32.div"), counts.get("f32x4.splat")]).toEqual([undefined, undefined]);
    expect(counts.get("i32.add")).toBe(1);
  });

  it("fall back to computing where an index is not linear", async () => {
    const b = new KernelBuilder("halved", nowhere);
    const y = b.buffer({ name: "y", dtype: "i32", shape: [50], access: "out" });
    b.for({ end: i32(100) }, (i) => b.store(y, [binary("div", i, i32(2))], i));
    const counts = await innermost(b.finish());
    expect(counts.get("i32.div_s")).toBe(1);
  });
});
