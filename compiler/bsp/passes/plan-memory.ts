/**
 * plan-memory: gives every tensor its address. Tensors that live from run to run come first; the others share what is left:
 * two whose lives do not overlap may have the same bytes. Lives are counted in syncs, so that a tile that is ahead never
 * overwrites what another one still reads. Largest first, at the lowest offset that is free during its life.
 *
 * With private memory an offset is the same on every tile, so that nothing here grows with the number of tiles.
 */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import { control, pageBytes } from "../../../runtime/executable.ts";
import type { Pass, PassContext } from "../../support/pass.ts";
import { blockCount, slotsPerTile } from "../../tiled/distribution.ts";
import type { TensorId, TiledGraph } from "../../tiled/tiled.ts";
import type { BspGraph, BspStep, MemoryPlan, PlannedGraph } from "../bsp.ts";
import { lifetimes, type Lifetime } from "../lifetimes.ts";
import { formatType } from "../../graph/graph.ts";

const alignment = 64;
/** Added to large tensors, so that equally aligned ones do not fall on the same cache sets and store buffers. */
const stagger = 320;

export const planMemory: Pass<BspGraph, PlannedGraph> = {
  name: "plan-memory",
  summary: "gives every tensor an address, by liveness",
  run: (graph, context) => ({ ...graph, plan: plan(graph, context) }),
};

/** Bytes a tensor takes: in all where it is whole, on the fullest tile where it is in blocks. */
export function tensorBytes(tiled: TiledGraph, id: TensorId): number {
  const { type, storage, distribution } = tiled.tensors[id]!;
  if (storage === "whole") return sizeOf(type.shape) * bytesOf(type.dtype);
  return slotsPerTile(distribution.placement, blockCount(distribution.grid)) * sizeOf(distribution.block) * bytesOf(type.dtype);
}

const rounded = (bytes: number): number => Math.ceil(Math.max(bytes, 1) / alignment) * alignment + (bytes >= 4096 ? stagger : 0);

function plan(graph: BspGraph, context: PassContext): MemoryPlan {
  const { tiled } = graph;
  const offsets: (number | undefined)[] = tiled.tensors.map(() => undefined);
  let wholeEnd: number = control.end;
  let blocksEnd = 0;
  tiled.tensors.forEach((tensor, id) => {
    if (tensor.aliasOf !== undefined || !tensor.persistent) return;
    const bytes = rounded(tensorBytes(tiled, id));
    if (tensor.storage === "whole") {
      offsets[id] = wholeEnd;
      wholeEnd += bytes;
    } else {
      offsets[id] = blocksEnd;
      blocksEnd += bytes;
    }
  });
  const base = context.target.memory === "shared" ? wholeEnd : blocksEnd;
  let end = base;
  for (const program of [graph.initial, ...graph.programs]) end = Math.max(end, placeTemporaries(tiled, program.steps, base, offsets));
  if (context.target.memory === "shared") wholeEnd = end;
  else blocksEnd = end;

  const shared = context.target.memory === "shared";
  const perTile = shared ? wholeEnd : blocksEnd;
  if (perTile > context.target.bytesPerTile) reportFull(graph, context, perTile);
  const start = shared ? 0 : Math.ceil(wholeEnd / 4096) * 4096 + alignment;
  const stride = shared ? 0 : staggered(blocksEnd);
  const bytes = shared ? wholeEnd : start + stride * tiled.tiles;
  if (bytes > 65_536 * pageBytes && perTile <= context.target.bytesPerTile) {
    context.report({ problem: "tile-memory-full", severity: "error", labels: [{ span: tiled.graph.origin, text: "" }], message: `${tiled.tiles} tiles of ${stride.toLocaleString("en")} bytes are ${bytes.toLocaleString("en")} bytes; WebAssembly memory ends at 4,294,967,296` });
  }
  return { offsets, tiles: { start, stride, bytes: shared ? 0 : blocksEnd }, bytes };
}

/** A distance between tiles that is no multiple of 4096, at which caches would alias. */
function staggered(bytes: number): number {
  const stride = Math.ceil(Math.max(bytes, 1) / alignment) * alignment;
  return stride % 4096 === 0 ? stride + alignment : stride;
}

function placeTemporaries(tiled: TiledGraph, steps: readonly BspStep[], base: number, offsets: (number | undefined)[]): number {
  const lives = [...lifetimes(tiled, steps)].filter(([id]) => !tiled.tensors[id]!.persistent).map(([id, life]) => ({ id, life, bytes: rounded(tensorBytes(tiled, id)) }));
  lives.sort((a, b) => b.bytes - a.bytes || a.id - b.id);
  const placed: { start: number; end: number; life: Lifetime }[] = [];
  let top = base;
  for (const { id, life, bytes } of lives) {
    const busy = placed.filter((other) => other.life.first <= life.last && life.first <= other.life.last).sort((a, b) => a.start - b.start);
    let at = base;
    for (const other of busy) {
      if (at + bytes <= other.start) break;
      at = Math.max(at, other.end);
    }
    offsets[id] = at;
    placed.push({ start: at, end: at + bytes, life });
    top = Math.max(top, at + bytes);
  }
  return top;
}

function reportFull(graph: BspGraph, context: PassContext, bytes: number): void {
  const { tiled } = graph;
  const { target } = context;
  const sizes = tiled.tensors.flatMap((tensor, id) => (tensor.aliasOf === undefined && (target.memory === "shared" || tensor.storage === "blocks") ? [{ tensor, bytes: tensorBytes(tiled, id) }] : []));
  sizes.sort((a, b) => b.bytes - a.bytes);
  const largest = sizes.slice(0, 5);
  const where = target.memory === "shared" ? `the memory of ${target.name}` : `a tile of ${target.name}`;
  context.report({
    problem: "tile-memory-full", severity: "error",
    message: `${where} would need ${bytes.toLocaleString("en")} bytes and has ${target.bytesPerTile.toLocaleString("en")}`,
    labels: largest.filter(({ tensor }) => tensor.origin.file !== "").map(({ tensor, bytes: size }) => ({ span: tensor.origin, text: `${tensor.name}, ${formatType(tensor.type)}: ${size.toLocaleString("en")} bytes${target.memory === "private" ? " on the fullest tile" : ""}` })),
    help: "use more tiles, smaller sizes, or f16",
  });
}

