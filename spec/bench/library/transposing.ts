/**
 * The limit of what turns rows into columns: the best that a hand-written kernel does. A line of the result is made of as many
 * rows as it has elements, so that every line that is read and every line that is stored lies in a page of its own; that binds,
 * and not the bytes. Blocks of 16 by 4 elements, of which whole lines are stored, in the order that is fastest here: by blocks
 * along what is read first, or along what is stored, in larger blocks or none. (Kernels with shuffles, which turn 4 by 4 elements
 * in registers, were as fast, and stores of less than a line slower, also in C.)
 */
import { buildModule, instantiate } from "../../../compiler/emit/testing/kernel-module.ts";
import { binary, i32, KernelBuilder } from "../../../compiler/kernel/build.ts";
import type { Expression, Kernel } from "../../../compiler/kernel/kernel.ts";
import { fromPairs } from "../../../compiler/kernel/passes/pairs.ts";
import type { LoadExpression } from "../../../compiler/kernel/walk.ts";
import { nowhere } from "../../../compiler/support/span.ts";
import type { Contender } from "../rounds.ts";

/** Elements of a line, and of a vector. */
const [line, lanes] = [16, 4];

interface Order {
  readonly readFirst: boolean;
  /** Extents of a block: along what is stored, and along what is read. */
  readonly stored: number;
  readonly read: number;
}

const orders: readonly Order[] = [
  { readFirst: true, stored: 256, read: 16 }, { readFirst: true, stored: 64, read: 16 }, { readFirst: true, stored: 16, read: 64 }, { readFirst: false, stored: 256, read: 16 }, { readFirst: false, stored: 16, read: 16 },
];

const plus = (index: Expression, value: number): Expression => binary("add", index, i32(value));

/** y[b, j, i] = x[b, i, j]; extents are multiples of a line. */
function transposing(batches: number, rows: number, columns: number, order: Order): Kernel {
  const builder = new KernelBuilder("transposing", nowhere);
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [batches, rows, columns], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [batches, columns, rows], access: "out" });
  const [stored, read] = [Math.min(order.stored, rows), Math.min(order.read, columns)];
  const within = (start: Expression, extent: number, step: number, body: (at: Expression) => void): void => builder.for({ start, end: plus(start, extent), step }, body);
  const blocks = (b: Expression, i0: Expression, j0: Expression): void => within(i0, stored, line, (i) => within(j0, read, 2, (j) => {
    const parts = Array.from({ length: line / lanes }, (_, k) => fromPairs([0, 1, 2, 3].map((row) => builder.load(x, [b, plus(i, lanes * k + row), j]) as LoadExpression), (value) => builder.let("pairs", value)).map((value) => builder.let("turned", value)));
    for (const q of [0, 1]) parts.forEach((part, k) => builder.store(y, [b, plus(j, q), plus(i, lanes * k)], part[q]!));
  }));
  builder.for({ end: i32(batches) }, (b) => {
    if (order.readFirst) builder.for({ end: i32(rows), step: stored }, (i) => builder.for({ end: i32(columns), step: read }, (j) => blocks(b, i, j)));
    else builder.for({ end: i32(columns), step: read }, (j) => builder.for({ end: i32(rows), step: stored }, (i) => blocks(b, i, j)));
  });
  return builder.finish();
}

/** The fastest order, of matrices of f32. */
export async function transposer(batches: number, rows: number, columns: number): Promise<Contender> {
  const bytes = 4 * batches * rows * columns;
  const [from, to] = [4096, 4096 + bytes + 4160];
  const built = await buildModule(orders.map((order) => transposing(batches, rows, columns, order)), { pages: Math.ceil((to + bytes + 4096) / 65_536) });
  const runner = instantiate(built);
  new Float32Array(runner.memory.buffer).fill(1);
  const timed = orders.map((_, kernel) => {
    for (let call = 0; call < 20; call++) runner.run(kernel, from, to);
    const times = Array.from({ length: 10 }, () => {
      const start = performance.now();
      runner.run(kernel, from, to);
      return performance.now() - start;
    });
    return { kernel, time: times.toSorted((a, b) => a - b)[2]! };
  });
  const { kernel } = timed.reduce((best, other) => (other.time < best.time ? other : best));
  return { name: "transposing", operations: 0, workers: 1, run: () => runner.run(kernel, from, to) };
}
