/** How the parts of one op are dealt to tiles. */
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../runtime/dtype.ts";
import { graphOf } from "../check/testing/check-text.ts";
import { fuseRolls } from "../graph/passes/fuse-rolls.ts";
import { fuseUpdates } from "../graph/passes/fuse-updates.ts";
import { fuse } from "../graph/passes/fuse.ts";
import { simplifyAlgebra } from "../graph/passes/simplify-algebra.ts";
import { Diagnostics } from "../support/diagnostic.ts";
import { target, withTiles } from "../targets/targets.ts";
import { blockCount } from "./distribution.ts";
import { lowerToTiled } from "./passes/lower-to-tiled.ts";

describe("parts of one op in a shared memory", () => {
  it("are cut like the largest, whichever comes first: a stencil on a torus is for all tiles, not for that of its corner", () => {
    const graph = graphOf("graph g { in x: f32[256, 256]; out y: f32[256, 256]; program main { y = roll(x, (1, 1)) + roll(x, (-1, -1)); } }");
    const context = Object.assign(new Diagnostics(), { target: withTiles(target("wasm"), 8) });
    const tiled = lowerToTiled.run([simplifyAlgebra, fuse, fuseRolls].reduce((before, pass) => pass.run(before, context), graph), context);
    const [step] = tiled.programs[0]!.steps;
    const families = step?.kind === "compute" ? step.set.families : [];
    expect(families).toHaveLength(3 * 2 + 2 * 3);
    const points = (tile: "all" | "one"): number => families.filter(({ grid }) => (grid.length === 0) === (tile === "one")).reduce((sum, { fields, range }) => sum + sizeOf(fields.at(-1)!.shape) * blockCount(range.map(({ count }) => count)), 0);
    expect([points("one"), points("all")]).toEqual([2 * 256, 254 * 256]);
  });
});

describe("a filled tensor of which little is left to fill", () => {
  it("is for all tiles, as what overwrites it is", () => {
    const graph = graphOf("graph g { in x: f32[256, 256]; out y: f32[256, 256]; program main { var t = zeros<f32>(256, 256); t[1:-1, 1:-1] = exp(x[1:-1, 1:-1]); y = t; } }");
    const context = Object.assign(new Diagnostics(), { target: withTiles(target("wasm"), 8) });
    const tiled = lowerToTiled.run([simplifyAlgebra, fuse, fuseUpdates].reduce((before, pass) => pass.run(before, context), graph), context);
    const sets = tiled.programs[0]!.steps.flatMap((step) => (step.kind === "compute" ? [step.set] : []));
    const instances = (name: string): number[] => sets.filter((set) => set.name === name).flatMap(({ families }) => families.map(({ range }) => blockCount(range.map(({ count }) => count))));
    expect(instances("fill")).toEqual([1, 1, 1, 1]);
    expect(instances("map_update").reduce((a, b) => a + b)).toBe(8);
  });
});
