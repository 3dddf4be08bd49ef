/** Partition: what is placed stays and decides, what is free follows; and the estimate against sums done by hand. */
import { describe, expect, it } from "vitest";
import { binary, constant, i32 } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex } from "../../support/affine.ts";
import { nowhere } from "../../support/span.ts";
import type { Target } from "../../targets/target.ts";
import { target, withTiles } from "../../targets/targets.ts";
import { distribute, onOneTile, spread } from "../distribution.ts";
import { Tensors } from "../tensors.ts";
import type { Distribution, TensorId } from "../tiled.ts";
import { equalCut, estimate, type PartitionProblem } from "./estimate.ts";
import { partition } from "./partition.ts";
import { alongAxes, splitBeside, splitWithin } from "./splits.ts";
import { partitionTogether } from "./together.ts";

const ipu = target("ipu-mk2");

/** With shared memory kernels make no difference to how an op is cut. */
const unused = (): never => {
  throw new Error("nothing is emitted");
};

const copying: Lowering["emit"] = ({ kernel, block, load, store }) => kernel.forBox(block, true, (at) => store(0, at, load(0, at)));

const dot: Lowering["emit"] = ({ kernel, block: [rows, columns], load, store }) => kernel.for({ end: i32(rows!), parallel: true }, (i) => {
  const sum = kernel.let("sum", constant("f32", 0));
  kernel.for({ end: i32(columns!) }, (k) => kernel.set(sum, binary("add", sum, binary("mul", load(0, [i, k]), load(1, [i, k])))));
  store(0, [i, i32(0)], sum);
});

const matvec = (m: number, n: number): Lowering => ({
  name: "matmul", space: [{ extent: m, kind: "parallel" }, { extent: n, kind: "reduction" }], combine: "add", contraction: true, emit: dot,
  reads: [{ operand: 0, index: [affineIndex(0, 2), affineIndex(1, 2)] }, { operand: 1, index: [affineIndex(1, 2)] }],
  writes: [{ operand: 0, index: [affineIndex(0, 2)] }],
});

const elementwise = (m: number, n: number): Lowering => ({
  name: "map", space: [m, n].map((extent) => ({ extent, kind: "parallel" as const })), emit: copying,
  reads: [{ operand: 0, index: [affineIndex(0, 2), affineIndex(1, 2)] }], writes: [{ operand: 0, index: [affineIndex(0, 2), affineIndex(1, 2)] }],
});

class Bench {
  readonly tensors: Tensors;
  readonly machine: Target;

  constructor(machine: Target) {
    this.machine = machine;
    this.tensors = new Tensors(machine);
  }

  add(shape: readonly number[], distribution?: Distribution): TensorId {
    return this.tensors.add({ name: "t", type: { dtype: "f32", shape }, origin: nowhere, distribution });
  }

  partition(lowering: Lowering, operands: readonly TensorId[], to: TensorId) {
    return partition(lowering, operands.map((id) => this.tensors.whole(id)), this.tensors.whole(to), this.tensors, this.machine);
  }
}

describe("partition", () => {
  it.each([["shared", withTiles(target("wasm"), 8)], ["private", withTiles(ipu, 8)]] as const)("with %s memory leaves what is placed where it is, and splits like the result", (_, machine) => {
    const bench = new Bench({ ...machine, grain: 1 });
    const [own, others] = [distribute([40, 6], [5, 6], { kind: "cyclic", tiles: 8 }), onOneTile([40, 6], 3)];
    const [to, from] = [bench.add([40, 6], own), bench.add([40, 6], others)];
    const { split, reduction } = bench.partition(elementwise(40, 6), [from], to);
    expect(bench.tensors.distribution(to)).toBe(own);
    expect(bench.tensors.distribution(from)).toBe(others);
    expect({ split, reduction }).toEqual({ split: { grid: [8], dimensions: [0], block: [5], placement: own.placement }, reduction: undefined });
  });

  it("cuts transpositions along the rows that they read where these are pages apart, if nothing is placed", () => {
    const bench = new Bench({ ...withTiles(target("wasm"), 8), grain: 1 });
    const transposition = (m: number, n: number): Lowering => ({ ...elementwise(m, n), reads: [{ operand: 0, index: [affineIndex(1, 2), affineIndex(0, 2)] }] });
    const cut = (m: number, n: number, placed?: Distribution) => {
      const { split } = bench.partition(transposition(m, n), [bench.add([n, m])], bench.add([m, n], placed));
      return { grid: split.grid, dimensions: split.dimensions, block: split.block };
    };
    expect(cut(1024, 256)).toEqual({ grid: [8], dimensions: [1], block: [32] });
    expect(cut(1024, 250)).toEqual({ grid: [8], dimensions: [1], block: [32] });
    expect(cut(512, 256)).toEqual({ grid: [8], dimensions: [0], block: [64] });
    expect(cut(1024, 64)).toEqual({ grid: [8], dimensions: [0], block: [128] });
    expect(cut(1024, 256, distribute([1024, 256], [128, 256], spread(8, 8)))).toEqual({ grid: [8], dimensions: [0], block: [128] });
  });

  it("cuts no lines of what is read side by side, if nothing is placed and other dimensions have room", () => {
    const channelsFirst = (c: number, h: number, w: number): Lowering => ({
      name: "map", space: [c, h, w].map((extent) => ({ extent, kind: "parallel" as const })), emit: unused,
      reads: [{ operand: 0, index: [affineIndex(1, 3), affineIndex(2, 3), affineIndex(0, 3)] }], writes: [{ operand: 0, index: [0, 1, 2].map((d) => affineIndex(d, 3)) }],
    });
    const cut = (c: number, h: number, w: number, placed?: Distribution) => {
      const bench = new Bench({ ...withTiles(target("wasm"), 16), grain: 1 });
      const { split } = bench.partition(channelsFirst(c, h, w), [bench.add([h, w, c])], bench.add([c, h, w], placed));
      return { grid: split.grid, dimensions: split.dimensions, block: split.block };
    };
    expect(cut(32, 112, 112)).toEqual({ grid: [16], dimensions: [1], block: [7] });
    expect(cut(3, 224, 224)).toEqual({ grid: [3, 5], dimensions: [0, 1], block: [1, 45] });
    expect(cut(64, 4, 40)).toEqual({ grid: [4, 4], dimensions: [0, 1], block: [16, 1] });
    expect(cut(32, 1, 64)).toEqual({ grid: [2, 4], dimensions: [0, 2], block: [16, 16] });
    expect(cut(32, 1, 16)).toEqual({ grid: [16], dimensions: [0], block: [2] });
    expect(cut(256, 112, 112)).toEqual({ grid: [16], dimensions: [0], block: [16] });
    expect(cut(32, 112, 112, distribute([32, 112, 112], [2, 112, 112], spread(16, 16)))).toEqual({ grid: [16], dimensions: [0], block: [2] });
  });

  it("cuts what is kept as the operand is that tiles computed, in whatever order of axes, where they share a memory", () => {
    const transposed: Lowering = { ...elementwise(40, 96), reads: [{ operand: 0, index: [affineIndex(1, 2), affineIndex(0, 2)] }] };
    const cut = (computed: Distribution, mapped?: Distribution): readonly [readonly number[], Distribution] => {
      const bench = new Bench({ ...withTiles(target("wasm"), 16), grain: 1 });
      const to = bench.tensors.add({ name: "y", type: { dtype: "f32", shape: [40, 96] }, origin: nowhere, persistent: true, distribution: mapped });
      return [bench.partition(transposed, [bench.add([96, 40], computed)], to).split.dimensions, bench.tensors.distribution(to)];
    };
    const rows = distribute([96, 40], [7, 40], spread(14, 16));
    expect(cut(rows)).toEqual([[1], distribute([40, 96], [40, 7], spread(14, 16))]);
    const mapped = distribute([40, 96], [5, 96], spread(8, 16));
    expect(cut(rows, mapped)).toEqual([[0], mapped]);
    expect(cut(onOneTile([96, 40]))[0]).toEqual([0, 1]);
  });

  it("cuts reductions of columns by rows where these are pages apart and partial results are few", () => {
    const bench = new Bench({ ...withTiles(target("wasm"), 8), grain: 1 });
    const columns = (rows: number, count: number): Lowering => ({
      name: "sum", space: [{ extent: count, kind: "parallel" }, { extent: rows, kind: "reduction" }], combine: "add", emit: unused,
      reads: [{ operand: 0, index: [affineIndex(1, 2), affineIndex(0, 2)] }], writes: [{ operand: 0, index: [affineIndex(0, 2)] }],
    });
    const cut = (rows: number, count: number, placed?: Distribution) => {
      const { split, reduction } = bench.partition(columns(rows, count), [bench.add([rows, count])], bench.add([count], placed));
      return { grid: split.grid, dimensions: split.dimensions, block: split.block, reduction };
    };
    expect(cut(4096, 1024)).toEqual({ grid: [8], dimensions: [1], block: [512], reduction: 0 });
    const byColumns = (block: number) => ({ grid: [8], dimensions: [0], block: [block], reduction: undefined });
    expect(cut(4096, 512)).toEqual(byColumns(64));
    expect(cut(4096, 8192)).toEqual(byColumns(1024));
    expect(cut(256, 1024)).toEqual(byColumns(128));
    expect(cut(4096, 1024, distribute([1024], [128], spread(8, 8)))).toEqual(byColumns(128));
  });

  it("cuts rows of blocks where a block has one row, and columns where it has more", () => {
    const cut = (r: number): readonly number[] => {
      const bench = new Bench({ ...withTiles(target("wasm"), 4), grain: 1 });
      const write = { operand: 0, index: [{ constant: 0, coefficients: [r, 0, 1] }, affineIndex(1, 3)] };
      const lowering: Lowering = { name: "rows", space: [{ extent: 8, kind: "parallel" }, { extent: 4, kind: "parallel" }, { extent: r, kind: "serial" }], reads: [], writes: [write], emit: unused };
      return bench.partition(lowering, [], bench.add([8 * r, 4])).split.dimensions;
    };
    expect(cut(1)).toEqual([0]);
    expect(cut(2)).toEqual([1]);
  });

  it("puts a free operand and a free result where the vertices are", () => {
    const bench = new Bench({ ...withTiles(ipu, 8), grain: 1 });
    const [from, to] = [bench.add([4000, 6]), bench.add([4000, 6])];
    const { split } = bench.partition(elementwise(4000, 6), [from], to);
    expect(split.grid).toEqual([8]);
    expect(bench.tensors.distribution(from)).toEqual(bench.tensors.distribution(to));
    expect(bench.tensors.distribution(from)).toMatchObject({ grid: [8, 1], placement: split.placement });
  });

  it("leaves a large tensor in parts where one vertex reads a few elements of it", () => {
    const bench = new Bench(withTiles(ipu, 8));
    const [from, to] = [bench.add([80_000]), bench.add([3])];
    const few: Lowering = { name: "slice", space: [{ extent: 3, kind: "parallel" }], emit: copying, reads: [{ operand: 0, index: [affineIndex(0, 1)] }], writes: [{ operand: 0, index: [affineIndex(0, 1)] }] };
    expect(bench.partition(few, [from], to).split.grid).toEqual([]);
    expect(bench.tensors.distribution(from).block).toEqual([10_000]);
  });

  it("cuts a matrix of 10,000 × 1,000 in 209 × 7 blocks for a product with a vector on 1,472 tiles", () => {
    const bench = new Bench(ipu);
    const [a, x, y] = [bench.add([10_000, 1000]), bench.add([1000]), bench.add([10_000])];
    const { split, reduction } = bench.partition(matvec(10_000, 1000), [a, x], y);
    expect(split.grid).toEqual([209, 7]);
    expect(split.dimensions[reduction!]).toBe(1);
    expect(bench.tensors.distribution(a)).toMatchObject({ grid: [209, 7], placement: split.placement });
  });

  it("keeps a user's rows whole: the mapping decides how the product is split", () => {
    const bench = new Bench(withTiles(ipu, 16));
    const rows = distribute([1000, 300], [1, 300], spread(1000, 16));
    const [a, x, y] = [bench.add([1000, 300], rows), bench.add([300]), bench.add([1000], distribute([1000], [1], spread(1000, 16)))];
    const { split, reduction } = bench.partition(matvec(1000, 300), [a, x], y);
    expect(reduction).toBeUndefined();
    expect(split).toEqual({ grid: [1000], dimensions: [0], block: [1], placement: rows.placement });
  });
});

describe("the estimate", () => {
  const machine: Target = { ...withTiles(ipu, 4), threadsPerTile: 6, syncCycles: 100, exchange: { bytesPerCycle: 4, startCycles: 10 } };
  const problem: PartitionProblem = {
    space: matvec(24, 40).space, result: { dtype: "f32" }, splitsReduction: true, contraction: false, operations: 1, target: machine,
    reads: [{ dtype: "f32", shape: [24, 40], map: [affineIndex(0, 2), affineIndex(1, 2)] }, { dtype: "f32", shape: [40], map: [affineIndex(1, 2)] }],
  };

  it("of rows dealt to tiles: the matrix is there, the vector comes to all", () => {
    // 6 rows a tile, one a thread: 6 · (5 + 40 / 2). The vector's 160 bytes at 4 a cycle. One exchange: 10 + 2 · 100.
    expect(estimate(problem, equalCut(problem, [4, 1]))).toEqual({ compute: 150, exchange: 40, reductionExchange: 0, reduction: 0, sync: 210, total: 400, bytes: 6 * 40 * 4 + 160 + 24 });
  });

  it("of a reduction cut in four: four parts of each of 24 results come together", () => {
    // 24 rows of 10 elements: 24 · (5 + 5). The vector's quarter is put where it is needed? No: a block needs no other's part.
    const { compute, reductionExchange, reduction, sync, bytes } = estimate(problem, equalCut(problem, [1, 4]));
    expect({ compute, reductionExchange, reduction, bytes }).toEqual({ compute: 24 * 10, reductionExchange: (6 * 4 * 4) / 4, reduction: 6 * (5 + 2), bytes: 24 * 10 * 4 + 40 + 96 });
    expect(sync).toBe(210);
  });

  it("of an operand that lies elsewhere: all of a block's part is moved", () => {
    const elsewhere: PartitionProblem = { ...problem, reads: [{ ...problem.reads[0]!, distribution: onOneTile([24, 40]) }, problem.reads[1]!] };
    // Its tile has all four parts to send.
    expect(estimate(elsewhere, equalCut(elsewhere, [4, 1])).exchange).toBe((4 * 6 * 40 * 4) / 4);
    const spreadOut: PartitionProblem = { ...problem, reads: [{ ...problem.reads[0]!, distribution: distribute([24, 40], [24, 10], spread(4, 4)) }, problem.reads[1]!] };
    expect(estimate(spreadOut, equalCut(spreadOut, [4, 1])).exchange).toBe((6 * 40 * 4 + 160) / 4);
    const there: PartitionProblem = { ...problem, reads: [{ ...problem.reads[0]!, distribution: distribute([24, 40], [6, 40], spread(4, 4)) }, problem.reads[1]!] };
    expect(estimate(there, equalCut(there, [4, 1])).exchange).toBe(40);
  });
});

describe("a part of a result beside another", () => {
  /** Elements from `first` on, so many of them, of each axis. */
  const part = (first: readonly number[], extents: readonly number[]): Lowering => ({
    ...elementwise(0, 0), space: extents.map((extent) => ({ extent, kind: "parallel" })), reads: [],
    writes: [{ operand: 0, index: first.map((constant, axis) => ({ ...affineIndex(axis, first.length), constant })) }],
  });
  const middle = part([1, 2], [56, 30]);
  const rows = { grid: [14], dimensions: [0], block: [4], placement: spread(14, 16) };

  it("is cut where that is, along the same stretch of an axis", () => {
    expect(splitBeside(part([1, 0], [56, 2]), middle, rows, 16)).toEqual({ grid: [14], dimensions: [0], block: [4], placement: rows.placement });
  });

  it("lies on the tile of the outermost block beyond its ends", () => {
    const on = (tile: number) => ({ grid: [], dimensions: [], block: [], placement: { kind: "blocked", first: tile, perTile: 1 } });
    expect(splitBeside(part([0, 0], [1, 34]), middle, rows, 16)).toEqual(on(0));
    expect(splitBeside(part([57, 0], [3, 34]), middle, rows, 16)).toEqual(on(14));
  });

  it("follows each of two axes that are cut", () => {
    const blocks = { grid: [2, 3], dimensions: [0, 1], block: [28, 10], placement: spread(6, 6) };
    expect(splitBeside(part([1, 32], [56, 2]), middle, blocks, 6)).toMatchObject({ grid: [2], dimensions: [0], block: [28], placement: { kind: "list", tiles: [2, 5] } });
    expect(splitBeside(part([57, 2], [1, 30]), middle, blocks, 6)).toMatchObject({ grid: [3], dimensions: [1], block: [10], placement: { kind: "blocked", first: 3, perTile: 1 } });
  });

  it("is for itself where they do not line up", () => {
    expect(splitBeside(part([0, 0], [58, 2]), middle, rows, 16)).toBeUndefined();
    expect(splitBeside(part([3, 0], [20, 2]), middle, rows, 16)).toBeUndefined();
  });
});

describe("parts that are asked for", () => {
  it("end between blocks of as many points as a dimension names", () => {
    const machine = withTiles(target("wasm"), 16);
    const bench = new Bench(machine);
    const lowering: Lowering = { ...elementwise(256, 3136), space: [{ extent: 256, kind: "parallel" }, { extent: 3136, kind: "parallel", unit: 16 }] };
    const to = bench.add([256, 3136]);
    const { split } = partition(lowering, [bench.tensors.whole(bench.add([256, 3136]))], bench.tensors.whole(to), bench.tensors, machine, [2, 8]);
    expect(split).toMatchObject({ grid: [2, 8], block: [128, 400] });
    expect(bench.tensors.distribution(to)).toMatchObject({ grid: [2, 8], block: [128, 400] });
  });
});

describe("a split within a result that lies already", () => {
  /** Writes elements `first + step · i`, and `runs` side by side of each. */
  const writing = (first: number, step: number, extent: number, runs = 1): Lowering => ({
    ...elementwise(0, 0), reads: [], space: [{ extent, kind: "parallel" }, { extent: runs, kind: "serial" }],
    writes: [{ operand: 0, index: [{ constant: first, coefficients: [step, 1] }] }],
  });
  const within = (lowering: Lowering, length: number, block: number) => {
    const bench = new Bench(withTiles(ipu, 8));
    const distribution = distribute([length], [block], spread(Math.ceil(length / block), 8));
    const split = splitWithin(alongAxes(lowering, bench.tensors.whole(bench.add([length], distribution))), distribution);
    return split && { grid: split.grid, dimensions: split.dimensions, block: split.block, from: split.from };
  };

  it("begins where its part does", () => {
    expect(within(writing(0, 1, 40), 40, 10)).toEqual({ grid: [4], dimensions: [0], block: [10], from: undefined });
    expect(within(writing(3, 1, 37), 40, 10)).toEqual({ grid: [4], dimensions: [0], block: [10], from: [3] });
    expect(within(writing(12, 1, 9), 40, 10)).toEqual({ grid: [4], dimensions: [0], block: [10], from: [12] });
  });

  it("is of steps where elements are apart or together", () => {
    expect(within(writing(1, 2, 20), 40, 10)).toEqual({ grid: [4], dimensions: [0], block: [5], from: undefined });
    expect(within(writing(4, 2, 18, 2), 40, 10)).toEqual({ grid: [4], dimensions: [0], block: [5], from: [2] });
    expect(within(writing(5, 2, 17, 2), 40, 10)).toBeUndefined();
    expect(within(writing(0, 3, 13, 3), 40, 10)).toBeUndefined();
  });

  it("is in one block where its part is", () => {
    expect(within(writing(21, 1, 9), 40, 10)).toEqual({ grid: [4], dimensions: [-1], block: [1], from: [2] });
    expect(within(writing(39, 1, 1), 40, 10)).toEqual({ grid: [4], dimensions: [-1], block: [1], from: [3] });
  });
});

describe("an op in several parts", () => {
  const rows = (first: number, extent: number, reads: boolean): Lowering => ({
    ...elementwise(extent, 64), ...(reads ? {} : { reads: [], emit: ({ kernel, block, store }) => kernel.forBox(block, true, (at) => store(0, at, constant("f32", 0))) }),
    writes: [{ operand: 0, index: [{ constant: first, coefficients: [1, 0] }, affineIndex(1, 2)] }],
  });

  const together = (placed?: Distribution) => {
    const bench = new Bench(withTiles(ipu, 64));
    const [x, y] = [bench.add([4094, 64]), bench.add([4096, 64], placed)];
    const parts = [rows(1, 4094, true), rows(0, 1, false), rows(4095, 1, false)].map((lowering, k) => ({ lowering, reads: k === 0 ? [bench.tensors.whole(x)] : [] }));
    const splits = partitionTogether(parts, bench.tensors.whole(y), bench.tensors, bench.machine);
    return { splits, x: bench.tensors.hasDistribution(x) ? bench.tensors.distribution(x) : undefined, y: bench.tensors.distribution(y) };
  };

  it("follows the blocks of its result, which the whole of it decides", () => {
    const { splits, x, y } = together();
    expect(y).toMatchObject({ grid: [64, 1], block: [64, 64] });
    expect(x).toMatchObject({ grid: [64, 1], block: [64, 64], placement: y.placement });
    expect(splits).toEqual([
      { grid: [64], dimensions: [0], block: [64], from: [1], placement: y.placement },
      { grid: [64], dimensions: [-1], block: [1], placement: y.placement },
      { grid: [64], dimensions: [-1], block: [1], from: [63], placement: y.placement },
    ]);
  });

  it("stays where its result is, but where that is on so few tiles that bringing it there is less", () => {
    const fair = distribute([4096, 64], [128, 64], spread(32, 64));
    expect(together(fair).splits?.[0]).toMatchObject({ grid: [32], dimensions: [0], block: [128], from: [1] });
    const poor = onOneTile([4096, 64], 5);
    expect(together(poor).y).toBe(poor);
    expect(together(poor).splits?.[0]?.grid).not.toEqual([]);
  });
});
