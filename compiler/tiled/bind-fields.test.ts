/** Edges of an uneven split: their vertices are on other tiles than those of whole blocks, and take no memory beside theirs. */
import { describe, expect, it } from "vitest";
import { planFile, type Plan } from "../compile.ts";
import { targets, withTiles } from "../targets/targets.ts";

const source = (m: number, k: number, n: number): string =>
  `graph product { in a: f32[${m}, ${k}]; in b: f32[${k}, ${n}]; out c: f32[${m}, ${n}]; program main { c = a @ b; } }`;

function planned(m: number, k: number, n: number, tiles: number): Plan {
  const { plan } = planFile("product.gph", { readFile: () => source(m, k, n), target: withTiles(targets.get("ipu-mk2")!, tiles) });
  return plan!;
}

describe("fields at the edges of a split", () => {
  it.each([[250, 273, 251, 60], [97, 101, 103, 12], [509, 640, 63, 24]])("%i × %i × %i on %i tiles: one place for each operand", (m, k, n, tiles) => {
    const { tensors } = planned(m, k, n, tiles).bsp.tiled;
    const pieces = ["a for matmul", "b for matmul"].map((name) => tensors.flatMap((tensor, id) => (tensor.name === name ? [tensor.aliasOf ?? id] : [])));
    expect(pieces.some((places) => places.length > 1)).toBe(true);
    for (const places of pieces) expect(new Set(places).size).toBeLessThanOrEqual(1);
  });

  it("an uneven product takes about the memory of an even one", () => {
    const bytes = (size: number): number => planned(size, size, size, 64).memory!.tiles.bytes;
    expect(bytes(250)).toBeLessThan(bytes(256) * 1.2);
  });
});
