import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, constant, i32, KernelBuilder, select } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { printKernel } from "../print.ts";
import { randomKernel } from "../testing/random-kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { pairLanes } from "./pair-lanes.ts";
import { vectorise } from "./vectorise.ts";

const n = 21;

/** The loop of a kernel over x[step · i …] and y[i], in vectors, and what the pass makes of it. */
function paired(body: (parts: { kernel: KernelBuilder; i: Expression; element(step: number, offset: number): Expression; y: number }) => void, dtype: DType = "f32"): { before: Kernel; after: Kernel } {
  const kernel = new KernelBuilder("pairs", nowhere);
  const x = kernel.buffer({ name: "x", dtype, shape: [4 * n], access: "inout" });
  const y = kernel.buffer({ name: "y", dtype, shape: [n], access: "out" });
  kernel.for({ end: i32(n), parallel: true }, (i) => body({ kernel, i, y, element: (step, offset) => kernel.load(x, [binary("add", binary("mul", i, i32(step)), i32(offset))]) }));
  const before = vectorise.run(kernel.finish(), testContext);
  const after = pairLanes.run(before, testContext);
  verifyKernel(after);
  return { before, after };
}

const expectSame = ({ before, after }: { before: Kernel; after: Kernel }): void => {
  for (let seed = 0; seed < 3; seed++) for (const [one, other] of runBoth(before, after, seed)) expect(other).toEqual(one);
};

describe("pair-lanes", () => {
  it("loads every second element and those between them in pairs, in one statement or two", () => {
    for (const dtype of ["f32", "i32", "u32"] as const) {
      const result = paired(({ kernel, i, y, element }) => {
        const even = kernel.let("even", element(2, 0));
        kernel.store(y, [i], binary("add", binary("mul", even, even), binary("mul", element(2, 1), constant(dtype, 3))));
      }, dtype);
      expect(printKernel(result.after)).toMatch(/pairs\.?\d*×4 = x\[i \* 2 \+ 4\]×4/);
      expectSame(result);
    }
  });

  it("takes neighbours in either order, and those that are read backwards", () => {
    const result = paired(({ kernel, i, y, element }) => {
      const last = kernel.let("last", element(-2, 2 * n + 1));
      const first = kernel.let("first", element(-2, 2 * n));
      kernel.store(y, [i], binary("sub", binary("mul", last, last), binary("mul", first, first)));
    });
    expect(printKernel(result.after)).toContain("pairs");
    expectSame(result);
  });

  describe("operations", () => {
    const columns = (body: (column: (offset: number) => Expression, kernel: KernelBuilder, i: Expression) => void) => paired(({ kernel, i, y, element }) => {
      const sums: Expression[] = [];
      body((offset) => {
        sums.push(kernel.let("column", binary("max", binary("mul", element(2, offset), constant("f32", 3)), element(2, offset + n))));
        return sums.at(-1)!;
      }, kernel, i);
      kernel.store(y, [i], sums.reduce((all, one) => binary("add", all, binary("mul", one, one))));
    });

    it("are done on neighbours before every second result is taken", () => {
      for (const offsets of [[0, 1], [1, 0], [0, 2, 1, 3]]) {
        const result = columns((column) => offsets.forEach(column));
        const text = printKernel(result.after);
        expect(text).toMatch(/neighbours\.?\d*×4 = max\(x\[i \* 2( \+ 1)?\]×4 \* 3\.0×4, x\[.*\]×4\)/);
        expect(text.match(/column\.?\d*×4 = pack\(lane/g)).toHaveLength(offsets.length);
        expectSame(result);
      }
    });

    it("stay apart where the others are not between them, or what they are made of changes", () => {
      const apart = columns((column) => [0, 2].forEach(column));
      const changed = columns((column, kernel, i) => {
        column(0);
        kernel.store(0, [binary("add", i, i32(3 * n))], constant("f32", 1));
        column(1);
      });
      for (const result of [apart, changed]) {
        expect(printKernel(result.after)).not.toContain("neighbours");
        expectSame(result);
      }
    });

    it("stay apart where only the sign of a zero differs", () => {
      const result = paired(({ kernel, i, y, element }) => {
        const column = (offset: number, zero: number): Expression => kernel.let("column", binary("mul", constant("f32", zero), binary("max", element(2, offset), element(2, offset + n))));
        const [even, odd] = [column(0, 0), column(1, -0)];
        kernel.store(y, [i], binary("add", binary("div", constant("f32", 1), even), binary("mul", odd, odd)));
      });
      expect(printKernel(result.after)).not.toContain("neighbours");
      expectSame(result);
    });
  });

  describe("stores", () => {
    type Place = (offset: number) => readonly Expression[];

    /** The loop of a kernel that stores to y[2 · i + offset], in vectors, and what the pass makes of it. */
    function spread(body: (parts: { kernel: KernelBuilder; y: number; place: Place; value(at: number): Expression }) => void): { before: Kernel; after: Kernel } {
      const kernel = new KernelBuilder("spread", nowhere);
      const x = kernel.buffer({ name: "x", dtype: "f32", shape: [n], access: "in" });
      const y = kernel.buffer({ name: "y", dtype: "f32", shape: [4 * n], access: "inout" });
      kernel.for({ end: i32(n), parallel: true }, (i) => body({
        kernel, y, place: (offset) => [binary("add", binary("mul", i, i32(2)), i32(offset))], value: (at) => binary("mul", binary("add", kernel.load(x, [i]), constant("f32", at)), kernel.load(x, [i])),
      }));
      const before = vectorise.run(kernel.finish(), testContext);
      const after = pairLanes.run(before, testContext);
      verifyKernel(after);
      expect(printKernel(before)).toContain("= lane 3(");
      return { before, after };
    }

    it("vectors between each other as vectors of neighbours", () => {
      for (const order of [[0, 1], [1, 0], [2 * n, 2 * n + 1, 0, 1]]) {
        const result = spread(({ kernel, y, place, value }) => order.forEach((offset) => kernel.store(y, place(offset), value(offset))));
        expect(printKernel(result.after).match(/×4 = pack\(lane [02]/g)).toHaveLength(order.length);
        expectSame(result);
      }
    });

    it("what the same operations give with other constants, as these operations on every element twice", () => {
      const result = spread(({ kernel, y, place, value }) => {
        const [a, b] = [kernel.let("a", value(1)), kernel.let("b", value(2))];
        const chosen = (number: number): Expression => kernel.let("chosen", select(binary("lt", a, constant("f32", number)), binary("mul", b, constant("f32", 3)), constant("f32", -0)));
        [0, 1, 2 * n, 2 * n + 1].map((offset) => [offset, chosen(offset / 8)] as const).forEach(([offset, one]) => kernel.store(y, place(offset), one));
      });
      const text = printKernel(result.after);
      expect(text.match(/twice\.?\d*×4 = pack/g)).toHaveLength(4);
      expect(text).toContain("pack(0.0, 0.125, 0.0, 0.125)");
      expect(text).not.toContain("chosen×4");
      expectSame(result);
    });

    it("as they are what depends on other vectors, is needed elsewhere, or is of what has changed", () => {
      type Two = (value: (at: number) => Expression, kernel: KernelBuilder) => readonly [Expression, Expression, Expression?];
      const stored = (two: Two) => spread(({ kernel, y, place, value }) => {
        const [even, odd, other] = two(value, kernel);
        kernel.store(y, place(0), even);
        kernel.store(y, place(1), odd);
        if (other) kernel.store(y, place(2 * n), other);
      });
      const plus = (a: Expression, number: number): Expression => binary("add", a, constant("f32", number));
      const results = [
        stored((value, kernel) => [1, 2].map((at) => kernel.let("one", plus(kernel.let("a", value(at)), at))) as [Expression, Expression]),
        stored((value, kernel) => {
          const a = kernel.let("a", value(1));
          const [one, two] = [1, 2].map((number) => kernel.let("one", plus(a, number))) as [Expression, Expression];
          return [one, two, binary("mul", one, two)];
        }),
        stored((value, kernel) => {
          const a = kernel.let("a", value(1));
          const one = kernel.let("one", plus(a, 1));
          kernel.set(a, plus(a, 5));
          return [one, kernel.let("two", plus(a, 2))];
        }),
        stored((value, kernel) => {
          const [a, b, c] = [1, 2, 3].map((at) => kernel.let("a", value(at))) as [Expression, Expression, Expression];
          return [1, 2].map((number) => kernel.let("one", plus(binary("mul", a, binary("add", b, c)), number))) as [Expression, Expression];
        }),
      ];
      for (const result of results) {
        expect(printKernel(result.after)).not.toContain("twice");
        expect(printKernel(result.after)).toContain("pack(lane");
        expectSame(result);
      }
    });

    it("one vector to places beside each other as it is, without copies of it", () => {
      const result = spread(({ kernel, y, place, value }) => {
        const kept = kernel.let("kept", value(1));
        [0, 1, 2 * n, 2 * n + 1].forEach((offset) => kernel.store(y, place(offset), kept));
      });
      const text = printKernel(result.after);
      expect(text.match(/×4 = pack\(lane [02]\((\S+)\), lane [02]\(\1\), lane [13]\(\1\), lane [13]\(\1\)\)/g)).toHaveLength(4);
      expect(text).not.toContain("value");
      expectSame(result);
    });

    it("one by one what lies apart, and what is read or stored to in between", () => {
      const apart = [
        spread(({ kernel, y, place, value }) => [0, 3].forEach((offset) => kernel.store(y, place(offset), value(offset)))),
        spread(({ kernel, y, place, value }) => [0, 2 * n, 1].forEach((offset) => kernel.store(y, place(offset), value(offset)))),
        spread(({ kernel, y, place, value }) => {
          kernel.store(y, place(0), value(0));
          kernel.store(y, place(1), binary("add", kernel.load(y, place(2 * n)), value(1)));
        }),
      ];
      for (const result of apart) {
        expect(printKernel(result.after)).not.toContain("pack(lane");
        expectSame(result);
      }
    });
  });

  it("leaves what has no neighbours, other sizes, and what is stored to or moves in between", () => {
    const squares = (kernel: KernelBuilder, i: Expression, y: number, elements: readonly Expression[]): void => {
      const values = elements.map((one) => kernel.let("value", one));
      kernel.store(y, [i], values.map((one) => binary("mul", binary("mul", one, one), binary("add", one, one))).reduce((a, b) => binary("add", a, b)));
    };
    const same = (result: ReturnType<typeof paired>): void => expect(printKernel(result.after)).toBe(printKernel(result.before));
    same(paired(({ kernel, i, y, element }) => squares(kernel, i, y, [element(3, 0), element(3, 2)])));
    same(paired(({ kernel, i, y, element }) => squares(kernel, i, y, [element(2, 0), element(2, 1)]), "f64"));
    const builder = new KernelBuilder("between", nowhere);
    const x = builder.buffer({ name: "x", dtype: "f32", shape: [16], access: "inout" });
    const pack = (offset: number): Expression => ({ kind: "pack", dtype: "f32", lanes: 4, operands: [0, 2, 4, 6].map((at) => builder.load(x, [i32(at + offset)])) });
    const first = builder.let("first", pack(0));
    builder.store(x, [i32(1)], constant("f32", 7));
    builder.store(x, [i32(8)], binary("add", first, pack(1)));
    const kernel = builder.finish();
    expect(pairLanes.run(kernel, testContext)).toBe(kernel);
  });

  it("keeps every bit of random kernels", () => {
    for (let seed = 0; seed < 150; seed++) {
      const kernel = vectorise.run(randomKernel(seed, (["f32", "i32", "u32"] as const)[seed % 3]!, true), testContext);
      const after = pairLanes.run(kernel, testContext);
      verifyKernel(after);
      for (const [before, now] of runBoth(kernel, after, seed)) expect(now).toEqual(before);
    }
  });
});
