/** Exchanges, run as wasm: whatever the distributions and the map, exactly the right bytes move. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, sizeOf, type DType } from "../../runtime/dtype.ts";
import type { PlannedGraph } from "../bsp/bsp.ts";
import { tensorBytes } from "../bsp/passes/plan-memory.ts";
import { forEachIndex } from "../graph/tensor.ts";
import { evaluateAffine, type Affine } from "../support/affine.ts";
import { nowhere } from "../support/span.ts";
import { onOneTile } from "../tiled/distribution.ts";
import { arbitraryDistribution, locations } from "../tiled/testing/arbitrary.ts";
import type { Copy, Distribution, TiledGraph, TiledTensor } from "../tiled/tiled.ts";
import { emitExchange } from "./exchange.ts";
import { controlModule, shares } from "./testing/control-module.ts";

const tiles = 5;
const start = 4096;

interface Case {
  readonly dtype: DType;
  readonly driver: { readonly shape: readonly number[]; readonly distribution: Distribution };
  readonly other: { readonly shape: readonly number[]; readonly distribution: Distribution | "whole" };
  readonly map: readonly Affine[];
  readonly direction: Copy["direction"];
  readonly range: readonly { readonly start: number; readonly count: number }[];
}

/** Each dimension of the other tensor follows one of the driver's by some step, or stays; no element of it twice. */
const oneCase: fc.Arbitrary<Case> = fc.record({
  shape: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
  extra: fc.integer({ min: 0, max: 1 }), dtype: fc.constantFrom<DType>("u8", "f16", "i32", "f64"), direction: fc.constantFrom<Copy["direction"]>("pull", "push"),
  choices: fc.array(fc.nat(1000), { minLength: 20, maxLength: 20 }),
}).chain(({ shape, extra, dtype, direction, choices }) => {
  let at = 0;
  const choose = (count: number): number => choices[at++ % choices.length]! % count;
  const order = shape.map((_, d) => d).toSorted((a, b) => choices[a]! - choices[b]!);
  const otherShape: number[] = [];
  const map: Affine[] = [];
  for (const d of [...order, ...new Array<number>(extra).fill(-1)]) {
    const step = [1, 1, 1, 2, -1, -2][choose(6)]!;
    const reach = d === -1 ? 0 : (shape[d]! - 1) * Math.abs(step);
    const before = choose(3);
    otherShape.push(before + reach + 1 + choose(2));
    map.push({ constant: step < 0 ? before + reach : before, coefficients: shape.map((_, i) => (i === d ? step : 0)) });
  }
  return fc.record({ own: arbitraryDistribution(shape, tiles), others: fc.option(arbitraryDistribution(otherShape, tiles)), part: fc.array(fc.nat(1000), { minLength: 6, maxLength: 6 }) }).map(({ own, others, part }) => ({
    dtype, direction, map,
    driver: { shape, distribution: own }, other: { shape: otherShape, distribution: others ?? ("whole" as const) },
    range: own.grid.map((count, d) => {
      const first = part[2 * d]! % 3 === 0 ? part[2 * d]! % count : 0;
      return { start: first, count: part[2 * d + 1]! % 3 === 0 ? part[2 * d + 1]! % (count - first + 1) : count - first };
    }),
  }));
});

function graphOf({ dtype, driver, other }: Case): PlannedGraph {
  const tensor = (shape: readonly number[], distribution: Distribution | "whole"): TiledTensor => ({
    name: "t", type: { dtype, shape }, origin: nowhere, storage: distribution === "whole" ? "whole" : "blocks", persistent: true,
    distribution: distribution === "whole" ? onOneTile(shape) : distribution,
  });
  const tensors = [tensor(driver.shape, driver.distribution), tensor(other.shape, other.distribution)];
  const tiled = { tensors, tiles } as unknown as TiledGraph;
  const first = Math.ceil(tensorBytes(tiled, 0) / 8) * 8;
  const stride = first + (other.distribution === "whole" ? 0 : tensorBytes(tiled, 1)) + 24;
  return { tiled, plan: { offsets: [0, other.distribution === "whole" ? 64 : first], tiles: { start, stride: Math.ceil(stride / 8) * 8, bytes: stride }, bytes: 0 }, programs: [], initial: undefined as never };
}

/** Byte address of every element. */
function addresses(graph: PlannedGraph, id: number): number[] {
  const { type, storage, distribution } = graph.tiled.tensors[id]!;
  const { offsets, tiles: region } = graph.plan;
  const bytes = bytesOf(type.dtype);
  if (storage === "whole") return Array.from({ length: sizeOf(type.shape) }, (_, flat) => offsets[id]! + flat * bytes);
  return locations(type.shape, distribution).map(({ tile, position }) => region.start + tile * region.stride + offsets[id]! + position * bytes);
}

async function holds(one: Case, times = 1): Promise<void> {
  const graph = graphOf(one);
  const copy: Copy = { direction: one.direction, driver: 0, other: 1, map: one.map, range: one.range, cause: "", origin: nowhere };
  const { memory, run } = await controlModule(graph, ["exchange"], 4, (module, layout) => emitExchange(module, layout, Array.from({ length: times }, () => copy), "exchange"));
  const bytes = new Uint8Array(memory.buffer, 0, 2 * 65_536);
  const before = Uint8Array.from({ length: bytes.length }, (_, i) => (i * 37 + (i >> 8) * 11) & 255);
  const expected = before.slice();
  const [own, others] = [addresses(graph, 0), addresses(graph, 1)];
  const size = bytesOf(one.dtype);
  forEachIndex(one.driver.shape, (index, flat) => {
    if (!index.every((i, d) => Math.floor(i / one.driver.distribution.block[d]!) >= one.range[d]!.start && Math.floor(i / one.driver.distribution.block[d]!) < one.range[d]!.start + one.range[d]!.count)) return;
    const there = others[one.map.reduce((sum, form, t) => sum * one.other.shape[t]! + evaluateAffine(form, index), 0)]!;
    const [to, from] = one.direction === "pull" ? [own[flat]!, there] : [there, own[flat]!];
    expected.set(before.subarray(from, from + size), to);
  });
  for (const workers of [1, 3]) {
    bytes.set(before);
    for (const [begin, end] of shares(tiles, workers)) run("exchange", begin, end);
    expect(Buffer.compare(bytes, expected)).toBe(0);
  }
}

describe("an exchange", () => {
  it("moves exactly the elements of its map", async () => {
    await fc.assert(fc.asyncProperty(oneCase, (one) => holds(one)), { numRuns: 100 });
  });

  it("of so many copies that it is several functions moves the same", async () => {
    const distribution: Distribution = { block: [2, 2, 2], grid: [2, 2, 2], placement: { kind: "cyclic", tiles } };
    const shape = [3, 4, 4];
    const map = shape.map((_, d): Affine => ({ constant: 0, coefficients: shape.map((_, i) => (i === d ? 1 : 0)) }));
    await holds({ dtype: "i32", driver: { shape, distribution }, other: { shape, distribution: { ...distribution, block: [3, 1, 4], grid: [1, 4, 1] } }, map, direction: "pull", range: distribution.grid.map((count) => ({ start: 0, count })) }, 700);
  });

  it("of long runs moves whole blocks at once, and no byte more", async () => {
    const distribution = (block: number): Distribution => ({ block: [block], grid: [Math.ceil(100 / block)], placement: { kind: "cyclic", tiles } });
    for (const [a, b] of [[25, 25], [33, 20], [7, 100], [100, 9]] as const) {
      for (const direction of ["pull", "push"] as const) {
        await holds({ dtype: "i32", driver: { shape: [100], distribution: distribution(a) }, other: { shape: [100], distribution: distribution(b) }, map: [{ constant: 0, coefficients: [1] }], direction, range: [{ start: 0, count: Math.ceil(100 / a) }] });
      }
    }
  });
});
