/** What a program takes of the tiles' memories, against sums done by hand. */
import { describe, expect, it } from "vitest";
import { codeBytes } from "../kernel/code-size.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { lowerText } from "../tiled/testing/lowered.ts";
import { target, withTiles } from "../targets/targets.ts";
import type { BspGraph } from "./bsp.ts";
import { formSupersteps } from "./passes/form-supersteps.ts";
import { mostProgramBytes, programBytes } from "./program-bytes.ts";
import { forEachStep } from "./steps.ts";

function planned(text: string, tiles: number): { graph: BspGraph; kernels: Kernel[] } {
  const { tiled, context } = lowerText(text, withTiles(target("ipu-mk2"), tiles));
  const graph = formSupersteps.run(tiled, context);
  const kernels: Kernel[] = [];
  forEachStep(graph.programs[0]!.steps, (step) => {
    if (step.kind === "superstep") for (const phase of step.phases) if (phase.kind === "compute") kernels.push(...phase.set.families.map(({ kernel }) => kernel));
  });
  return { graph, kernels };
}

describe("program bytes", () => {
  it("of one elementwise op: the kernel's code on every tile, a vertex each, and what comes from the host", () => {
    const { graph, kernels } = planned("graph g { in x: f32[400]; out y: f32[400]; program main { y = x * 2; } }", 4);
    expect(kernels).toHaveLength(1);
    // 4 to enter and leave, 2 fields; a loop of 3, three times what is in it: load, multiply, store.
    expect(codeBytes(kernels[0]!)).toBe(4 * (4 + 2 + 3 + 3 * 3));
    // A vertex of two fields, and one run from and one to the host.
    expect([...programBytes(graph).code]).toEqual([72, 72, 72, 72]);
    expect([...programBytes(graph).tables]).toEqual([24, 24, 24, 24]);
  });

  it("code that several vertices and steps run is there once; tables are not", () => {
    const once = planned("graph g { in x: f32[400]; out y: f32[400]; program main { y = x * 2; } }", 4);
    const again = planned("graph g { in x: f32[400]; out y: f32[400]; program main { y = x * 2; } program other { y = x * 2; } }", 4);
    expect([...programBytes(again.graph).code]).toEqual([...programBytes(once.graph).code]);
    expect([...programBytes(again.graph).tables]).toEqual([...programBytes(once.graph).tables].map((bytes) => 2 * bytes));
  });

  it("a tile that receives from many has more entries", () => {
    const { graph } = planned("vertex All<n> { in a: f32[n]; out s: f32; compute { var t: f32 = 0; for i in 0..n { t += a[i]; } s = t; } }\ngraph g { in x: f32[12]; out y: f32; for i in 0..12 { map x[i] on i; } compute set one { place All { a = x, s = y } on 3; } program main { execute one; } }", 12);
    const { tile, tables } = mostProgramBytes(programBytes(graph));
    expect(tile).toBe(3);
    // Twelve runs come in.
    expect(tables).toBeGreaterThanOrEqual(12 * 4 + 8 + 2 * 4);
    expect(programBytes(graph).code[5]).toBe(0);
  });
});
