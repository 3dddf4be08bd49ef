/** Overlapping windows are added up as plain loops do it, for any size, step and distance, along any axis. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { graphOf } from "../../check/testing/check-text.ts";
import { Interpreter } from "../../graph/interpret.ts";
import { tensor } from "../../graph/tensor.ts";

const cases = fc.record({ size: fc.integer({ min: 1, max: 40 }), step: fc.integer({ min: 1, max: 9 }), dilation: fc.constantFrom(1, 1, 2, 3), more: fc.nat(30), before: fc.integer({ min: 1, max: 3 }), after: fc.integer({ min: 1, max: 2 }) });

test("the gradient of windows is what loops give", () => {
  fc.assert(fc.property(cases, ({ size, step, dilation, more, before, after }) => {
    const extent = dilation * (size - 1) + 1 + more;
    const count = Math.floor(more / step) + 1;
    const source = `graph g { in x: f64[${before}, ${extent}, ${after}]; in w: f64[${before}, ${count}, ${after}, ${size}]; out y: f64[${before}, ${extent}, ${after}];
      program main { y = grad(sum(windows(x, ${size}, step = ${step}, axis = 1, dilation = ${dilation}) * w), x); } }`;
    const held = Array.from({ length: before * count * after * size }, (_, k) => ((k * 37) % 101) - 50);
    const expected = new Array<number>(before * extent * after).fill(0);
    for (let b = 0; b < before; b++) for (let i = 0; i < count; i++) for (let a = 0; a < after; a++) for (let j = 0; j < size; j++)
      expected[(b * extent + i * step + j * dilation) * after + a]! += held[((b * count + i) * after + a) * size + j]!;
    const inputs = { x: tensor("f64", [before, extent, after], expected.map(() => 1)), w: tensor("f64", [before, count, after, size], held) };
    const { y } = new Interpreter(graphOf(source)).run("main", inputs);
    expect(Array.from(y!.data as Float64Array, (value) => value + 0)).toEqual(expected.map((value) => value + 0));
  }), { numRuns: 150 });
});
