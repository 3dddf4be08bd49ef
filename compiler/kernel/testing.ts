/** For tests of the kernel level: random kernels and data, and a context that passes run in, which refuses diagnostics. */
import { isBig, isFloat, type DType } from "../../runtime/dtype.ts";
import { put, zeros, type Tensor } from "../graph/tensor.ts";
import { CompilerBug } from "../support/bug.ts";
import type { PassContext } from "../support/pass.ts";
import { nowhere } from "../support/span.ts";
import type { Target } from "../targets/target.ts";
import { binary, cast, constant, i32, KernelBuilder, select, unary } from "./build.ts";
import { runKernel } from "./interpret.ts";
import { rowMajor, type Buffer, type Expression, type Kernel } from "./kernel.ts";

const target: Target = {
  name: "test",
  summary: "a machine for tests of kernel passes, which ask nothing of it",
  tiles: 1,
  memory: "shared",
  bytesPerTile: 2 ** 30,
  clockGHz: 1,
  threadsPerTile: 1,
  macsPerCycle: { f16: 1, f32: 1 },
  exchange: { bytesPerCycle: 1, startCycles: 0 },
  syncCycles: 0,
  grain: 1,
};

export const testContext: PassContext = {
  target,
  report(diagnostic) {
    throw new CompilerBug(`a kernel pass reported: ${diagnostic.message}`);
  },
};

/** Data of a buffer: dense values for its whole reach, given by `value(position)`. */
function bufferData(buffer: Buffer, value: (position: number) => number): Tensor {
  const reach = buffer.shape.reduce((sum, extent, dimension) => sum + Math.max(0, extent - 1) * buffer.strides[dimension]!, 1);
  const tensor = zeros({ dtype: buffer.dtype, shape: [reach] });
  for (let position = 0; position < reach; position++) put(tensor, position, isBig(buffer.dtype) ? BigInt(Math.trunc(value(position))) : value(position));
  return tensor;
}

/** Runs two kernels on equal data; what each leaves in every buffer. */
export function runBoth(before: Kernel, after: Kernel, seed: number): (readonly [readonly (number | bigint)[], readonly (number | bigint)[]])[] {
  const run = (kernel: Kernel): Tensor[] => {
    const random = randomNumbers(seed);
    const data = before.buffers.map((buffer) => bufferData(buffer, () => (isFloat(buffer.dtype) ? Math.round((random() * 8 - 4) * 64) / 64 : Math.floor(random() * 200) - (buffer.dtype.startsWith("i") ? 100 : 0))));
    runKernel(kernel, data);
    return data;
  };
  const second = run(after);
  return run(before).map((tensor, index) => [[...tensor.data], [...second[index]!.data]]);
}

/** A generator of numbers in [0, 1) that depend on nothing but the seed (mulberry32, by Tommy Ettinger, public domain). */
function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A random kernel: a nest of loops over i and j whose body computes with locals, branches, short loops and loads of several
 * shapes of index, by other indices among them, and stores to y[i, j] (and sometimes back to an inout buffer, or to every
 * second element of another). `parallel` says how the loops are marked.
 */
export function randomKernel(seed: number, dtype: DType, parallel: boolean): Kernel {
  const random = randomNumbers(seed);
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[upTo(list.length)]!;
  const [m, n, k] = [1 + upTo(3), 1 + upTo(40), 1 + upTo(3)];
  const kernel = new KernelBuilder(`random${seed}`, nowhere);
  const padded = rowMajor([m + 2, n + 3]);
  const a = kernel.buffer({ name: "a", dtype, shape: [m + 2, n + 2], strides: padded, access: "in" });
  const row = kernel.buffer({ name: "row", dtype, shape: [n], access: "in" });
  const column = kernel.buffer({ name: "column", dtype, shape: [m, k], access: "in" });
  const y = kernel.buffer({ name: "y", dtype, shape: [m, n], access: "out" });
  const z = kernel.buffer({ name: "z", dtype, shape: [m, n], access: "inout" });
  const spread = kernel.buffer({ name: "spread", dtype, shape: [m, 3 * n], access: "in" });
  const order = kernel.buffer({ name: "order", dtype: "i32", shape: [n], access: "in" });
  const apart = kernel.buffer({ name: "apart", dtype, shape: [m, 2 * n], access: "out" });
  const float = isFloat(dtype);
  const number = (value: number): Expression => constant(dtype, isBig(dtype) ? BigInt(value) : value);
  const one: Expression = number(1);

  kernel.forBox([m, n], parallel, (at) => {
    const [i, j] = at as [Expression, Expression];
    const locals: Expression[] = [kernel.let("first", kernel.load(z, [i, j]))];
    let inner: Expression = i32(0);
    const leaf = (): Expression => {
      switch (upTo(9)) {
        case 6: return kernel.load(spread, [i, binary("add", binary("mul", j, i32(2 + upTo(2))), i32(upTo(3) === 0 ? n - 1 : 0))].map((one, at) => (at === 0 ? one : binary("min", one, i32(3 * n - 1)))));
        case 7: return kernel.load(spread, upTo(2) === 0 ? [i, binary("mul", j, i32(2 + upTo(2)))] : [i, binary("sub", i32(n - 1 + upTo(3)), j)]);
        case 8: return kernel.load(row, [binary("max", binary("min", kernel.load(order, [j]), i32(n - 1)), i32(0))]);
        case 0: return kernel.load(a, [binary("add", i, i32(upTo(3))), binary("add", j, i32(upTo(3)))]);
        case 1: return kernel.load(row, [j]);
        case 2: return kernel.load(column, [i, inner]);
        case 3: return number(1 + upTo(3));
        case 4: return float || dtype === "i32" ? cast(dtype, pick([i, j, inner])) : one;
        default: return pick(locals);
      }
    };
    const value = (depth: number): Expression => {
      if (depth === 0) return leaf();
      switch (upTo(7)) {
        case 0: return unary(pick(float ? ["neg", "abs", "floor"] as const : ["neg", "abs", "not"] as const), value(depth - 1));
        case 1: return select(condition(depth - 1), value(depth - 1), value(depth - 1));
        case 2: return binary(pick(["min", "max"] as const), value(depth - 1), value(depth - 1));
        case 3: return float ? binary("div", value(depth - 1), binary("add", unary("abs", value(depth - 1)), one)) : binary("xor", value(depth - 1), value(depth - 1));
        default: return binary(pick(["add", "sub", "mul"] as const), value(depth - 1), value(depth - 1));
      }
    };
    const condition = (depth: number): Expression => binary(pick(["lt", "le", "eq", "ne", "gt"] as const), value(depth), value(depth));
    const statements = (depth: number): void => {
      for (let count = 1 + upTo(3); count > 0; count--) statement(depth);
    };
    const block = (depth: number) => (): void => {
      const visible = locals.length;
      statements(depth - 1);
      locals.length = visible;
    };
    const statement = (depth: number): void => {
      switch (depth === 0 ? upTo(3) : upTo(7)) {
        case 0: case 1: locals.push(kernel.let("t", value(2))); return;
        case 2: kernel.set(pick(locals), value(2)); return;
        case 3: kernel.if(condition(1), block(depth), upTo(2) === 0 ? block(depth) : () => {}); return;
        case 4: {
          const outer = inner;
          kernel.for({ end: i32(k), name: "k" }, (index) => {
            inner = index;
            block(depth)();
          });
          inner = outer;
          return;
        }
        case 5: {
          const rounds = kernel.let("rounds", i32(0));
          kernel.while(binary("and", binary("lt", rounds, i32(1 + upTo(4))), condition(1)), () => {
            block(depth)();
            kernel.set(rounds, binary("add", rounds, i32(1)));
          });
          return;
        }
        default:
          if (upTo(3) === 0) kernel.store(apart, [i, binary("mul", j, i32(2))], value(2));
          else kernel.store(z, [i, j], value(2));
      }
    };
    statements(2);
    kernel.store(y, [i, j], value(2));
  });
  return kernel.finish();
}
