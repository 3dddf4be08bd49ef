/** Addresses: nothing alive together overlaps, space is used again, and what does not fit is told. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../../runtime/dtype.ts";
import { control } from "../../../runtime/executable.ts";
import { checkFile } from "../../compile.ts";
import type { Graph } from "../../graph/graph.ts";
import { runPipeline } from "../../pipeline.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import { nowhere } from "../../support/span.ts";
import type { Target } from "../../targets/target.ts";
import { target, withTiles } from "../../targets/targets.ts";
import { distribute, spread } from "../../tiled/distribution.ts";
import { tilesOf } from "../../tiled/testing/arbitrary.ts";
import { lowerText } from "../../tiled/testing/lowered.ts";
import type { Copy, TensorId, TiledGraph, TiledTensor } from "../../tiled/tiled.ts";
import type { BspGraph, BspStep, PlannedGraph } from "../bsp.ts";
import { lifetimes } from "../lifetimes.ts";
import { verifyPlan } from "../verify.ts";
import { formSupersteps } from "./form-supersteps.ts";
import { planMemory, tensorBytes } from "./plan-memory.ts";

const shared = target("wasm");
const privately = (tiles: number): Target => withTiles(target("ipu-mk2"), tiles);

function planned(bsp: BspGraph, machine: Target): { graph: PlannedGraph; messages: string[]; labels: string[] } {
  const context = Object.assign(new Diagnostics(), { target: machine });
  const graph = planMemory.run(bsp, context);
  return { graph, messages: context.list.map(({ problem, message }) => `${problem}: ${message}`), labels: context.list.flatMap(({ labels }) => labels.map(({ text }) => text)) };
}

/** A program that touches these tensors together, group after group. */
function made(sizes: readonly { readonly elements: number; readonly persistent: boolean }[], groups: readonly (readonly TensorId[])[], machine: Target): BspGraph {
  const whole = machine.memory === "shared";
  const tensors = sizes.map(({ elements, persistent }, id): TiledTensor => ({
    name: `t${id}`, type: { dtype: "f32", shape: [elements] }, origin: nowhere, persistent, storage: whole ? "whole" : "blocks",
    distribution: distribute([elements], [Math.ceil(elements / machine.tiles)], spread(Math.ceil(elements / Math.ceil(elements / machine.tiles)), machine.tiles)),
  }));
  const copy = (tensor: TensorId): Copy => ({ direction: "pull", driver: tensor, other: tensor, map: [], range: [], cause: "", origin: nowhere });
  const steps = groups.map((group): BspStep => ({ kind: "superstep", phases: [{ kind: "exchange", copies: group.map(copy), origin: nowhere }], sync: true, origin: nowhere }));
  const program = (name: string, list: readonly BspStep[]) => ({ name, steps: list, reads: [], writes: [], origin: nowhere });
  return { tiled: { graph: { name: "g", origin: nowhere } as Graph, tiles: machine.tiles, tensors, states: [], constants: [], programs: [], initial: program("initial", []) as never } satisfies TiledGraph, programs: [program("main", steps)], initial: program("initial", []) };
}

const programs = fc.integer({ min: 1, max: 12 }).chain((count) => fc.record({
  sizes: fc.array(fc.record({ elements: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1000, max: 9000 }), fc.integer({ min: 16_000, max: 40_000 })), persistent: fc.integer({ min: 0, max: 3 }).map((n) => n === 0) }), { minLength: count, maxLength: count }),
  groups: fc.array(fc.array(fc.nat(count - 1), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 }),
}));

describe("addresses", () => {
  it.each([["shared", shared], ["private", privately(4)]] as const)("with %s memory never overlap on one tile while both are alive, and lie inside", (_, machine) => {
    fc.assert(fc.property(programs, ({ sizes, groups }) => {
      const bsp = made(sizes, groups, machine);
      const { graph: { plan } } = planned(bsp, machine);
      const lives = lifetimes(bsp.tiled, bsp.programs[0]!.steps);
      const used = bsp.tiled.tensors.flatMap((tensor, id) => {
        const life = tensor.persistent ? { first: -Infinity, last: Infinity } : lives.get(id);
        return life ? [{ ...life, start: plan.offsets[id]!, end: plan.offsets[id]! + tensorBytes(bsp.tiled, id), tiles: tilesOf(tensor.distribution.placement, sizeOf(tensor.distribution.grid)) }] : [];
      });
      for (const [i, a] of used.entries()) {
        if (machine.memory === "shared") expect(a.start >= control.end && a.end <= plan.bytes).toBe(true);
        else expect(a.end <= plan.tiles.bytes && plan.tiles.bytes <= plan.tiles.stride).toBe(true);
        for (const b of used.slice(i + 1)) if (a.first <= b.last && b.first <= a.last && (machine.memory === "shared" || a.tiles.some((tile) => b.tiles.includes(tile)))) expect(a.end <= b.start || b.end <= a.start).toBe(true);
      }
    }), { numRuns: 300 });
  });

  it("are used again by what is alive later", () => {
    const chain = made(Array.from({ length: 20 }, () => ({ elements: 10_000, persistent: false })), Array.from({ length: 19 }, (_, i) => [i, i + 1]), shared);
    const { graph: { plan } } = planned(chain, shared);
    expect(plan.bytes - control.end).toBeLessThan(2.1 * 40_000);
  });

  it("of regions of tiles keep a distance that is no multiple of 4096, and all regions lie in memory", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 40_000 }), fc.integer({ min: 1, max: 50 }), (elements, tiles) => {
      const machine = privately(tiles);
      const { graph: { plan } } = planned(made([{ elements, persistent: true }], [[0]], machine), machine);
      expect(plan.tiles.stride % 4096).not.toBe(0);
      expect(plan.tiles.stride).toBeGreaterThanOrEqual(plan.tiles.bytes);
      expect(plan.tiles.start).toBeGreaterThanOrEqual(control.end);
      expect(plan.bytes).toBeGreaterThanOrEqual(plan.tiles.start + (tiles - 1) * plan.tiles.stride + plan.tiles.bytes);
    }), { numRuns: 200 });
  });

  it("with shared memory there are no regions, and none begins beyond the memory", () => {
    const { graph: { plan } } = planned(made([{ elements: 1, persistent: true }], [[0]], shared), shared);
    expect(plan.tiles).toEqual({ start: 0, stride: 0, bytes: 0 });
  });

  it("of large tensors that are made one after the other are far apart in their pages, whatever the sizes", () => {
    const bytes = fc.integer({ min: 16_384, max: 60_000 }).map((elements) => ({ elements, persistent: elements % 2 === 0 }));
    fc.assert(fc.property(fc.array(bytes, { minLength: 2, maxLength: 12 }), (sizes) => {
      const { graph: { plan: { offsets } } } = planned(made(sizes, [[...sizes.keys()]], shared), shared);
      for (const one of sizes.keys()) for (let next = one + 1; next < Math.min(sizes.length, one + 5); next++) {
        const ahead = (offsets[next]! - offsets[one]! + 4096 * 2 ** 30) % 4096;
        expect(Math.min(ahead, 4096 - ahead)).toBeGreaterThanOrEqual(700);
      }
    }));
  });

  it("are found for thousands of temporaries", () => {
    const many = made(Array.from({ length: 6000 }, (_, i) => ({ elements: 1 + (i * 7919) % 5000, persistent: false })), Array.from({ length: 5990 }, (_, i) => [i, i + 1, i + 9]), shared);
    const { graph } = planned(many, shared);
    expect(graph.plan.bytes).toBeLessThan(control.end + 12 * 21_000);
  });
});

describe("what does not fit", () => {
  const text = "graph g(n: int = 100) { in wide: f32[n, n]; out y: f32[n, n]; program main { y = wide * 2; } }";
  const told = (machine: Target, n: number): { messages: string[]; labels: string[] } => {
    const { tiled, context } = lowerText(text, machine, { n });
    return planned(formSupersteps.run(tiled, context), machine);
  };

  it("fills a tile: the message names the tensors and the bytes", () => {
    const { messages, labels } = told(privately(2), 1000);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(/^tile-memory-full: .*638,976/);
    expect(labels.join("\n")).toContain("wide");
  });

  it("is nothing where there are more tiles", () => {
    expect(told(privately(100), 1000).messages).toEqual([]);
  });

  it("is not what the parts of an op need one after the other", () => {
    // The gradient of a filter in nine parts, of which each reads nearly all of x.
    const source = `import { conv2d } from "std/nn";
      graph g { in x: f32[9, 32, 9, 10]; in w: f32[5, 32, 3, 3]; in s: f32[9, 5, 9, 10]; out dw: f32[5, 32, 3, 3];
        program main { dw = grad(sum(conv2d(x, w, padding = 1) * s), w); } }`;
    const target = privately(8);
    const { graph, diagnostics } = checkFile("test.gph", { target, readFile: () => source });
    const reporter = new Diagnostics();
    if (graph) runPipeline(graph, { target, reporter });
    expect([...diagnostics, ...reporter.list].map(({ message }) => message)).toEqual([]);
  });

  it("fills what WebAssembly can address", () => {
    const machine = { ...privately(10_000), bytesPerTile: 2_000_000 };
    expect(planned(made([{ elements: 10_000 * 200_000, persistent: true }], [[0]], machine), machine).messages.join()).toContain("4,294,967,296");
  });

  it("is refused by the verifier when a plan is wrong", () => {
    const bsp = made([{ elements: 10, persistent: true }, { elements: 10, persistent: true }], [[0, 1]], shared);
    const { graph } = planned(bsp, shared);
    expect(() => verifyPlan(graph)).not.toThrow();
    expect(() => verifyPlan({ ...graph, plan: { ...graph.plan, offsets: [graph.plan.offsets[0], graph.plan.offsets[0]] } })).toThrow("share bytes");
    expect(() => verifyPlan({ ...graph, plan: { ...graph.plan, bytes: control.end + 1 } })).toThrow("outside");
  });
});
