/** Which supersteps are run tile by tile. */
import { expect, it } from "vitest";
import type { Phase } from "../bsp/bsp.ts";
import { nowhere } from "../support/span.ts";
import type { Family, Placement } from "../tiled/tiled.ts";
import type { Layout } from "./layout.ts";
import { runsByTile } from "./tile-order.ts";

/** Every tensor has 100,000 elements of 4 bytes. */
const layout = { tensor: () => ({ type: { dtype: "f32", shape: [100_000] } }), elementBytes: () => 4 } as unknown as Layout;

const phase = (vertices: number, tensor: number, placement: Placement = { kind: "blocked", first: 0, perTile: 1 }): Phase => {
  const family = { grid: [16], range: [{ start: 0, count: vertices }], placement, fields: [{ tensor }] } as unknown as Family;
  return { kind: "compute", set: { name: "set", families: [family], origin: nowhere } };
};

it("those whose vertices on several tiles share much", () => {
  expect(runsByTile([phase(16, 1), phase(16, 1)], layout)).toBe(true);
  expect(runsByTile([phase(16, 1), phase(16, 2)], layout)).toBe(false);
});

it("none that one tile works through alone, nor any with exchanges or lists of tiles", () => {
  expect(runsByTile([phase(1, 1), phase(1, 1), phase(16, 2)], layout)).toBe(false);
  expect(runsByTile([phase(16, 1), phase(16, 1, { kind: "list", tiles: [] })], layout)).toBe(false);
  expect(runsByTile([phase(16, 1), phase(16, 1), { kind: "exchange", copies: [], origin: nowhere }], layout)).toBe(false);
});
