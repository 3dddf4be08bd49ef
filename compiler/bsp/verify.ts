/**
 * The verifier of the bulk-synchronous level. It holds that
 * - within a superstep no phase touches, on another tile, what another phase of the superstep writes, or the other way round,
 *   unless one tile alone does both;
 * - (planned) every tensor that is used has an address, aligned for its elements;
 * - (planned) two tensors that are alive at one time, and may be on one tile, share no byte;
 * - (planned) every tensor lies inside the memory it belongs to.
 */
import { bytesOf } from "../../runtime/dtype.ts";
import { control } from "../../runtime/executable.ts";
import { programsOf } from "../graph/graph.ts";
import { invariant } from "../support/bug.ts";
import { rootOf } from "../tiled/tiled.ts";
import { accessesOf, Pending } from "./accesses.ts";
import type { BspGraph, PlannedGraph } from "./bsp.ts";
import { lifetimes } from "./lifetimes.ts";
import { tensorBytes, tilesOf } from "./passes/plan-memory.ts";
import { forEachStep } from "./steps.ts";

/** Above this many tensors, overlaps are not looked for pair by pair. */
const pairLimit = 2_000;

export function verifyBsp(graph: BspGraph): void {
  for (const program of programsOf(graph)) {
    forEachStep(program.steps, (step) => {
      if (step.kind !== "superstep") return;
      const earlier = new Pending();
      for (const phase of step.phases) {
        const accesses = accessesOf(graph.tiled, phase);
        invariant(!earlier.conflicts(accesses), `two phases of a superstep of ${program.name} meet`);
        earlier.addAll(accesses);
      }
    });
  }
}

export function verifyPlan(graph: PlannedGraph): void {
  verifyBsp(graph);
  const { tiled, plan } = graph;
  const everywhere = { first: -Infinity, last: Infinity };
  const kept = tiled.tensors.flatMap((tensor, id) => (tensor.persistent && tensor.aliasOf === undefined ? [{ id, life: everywhere }] : []));
  for (const program of programsOf(graph)) {
    const used = [...lifetimes(tiled, program.steps)].filter(([id]) => !tiled.tensors[id]!.persistent).map(([id, life]) => ({ id, life }));
    const all = [...kept, ...used].map(({ id, life }) => {
      const tensor = tiled.tensors[id]!;
      const start = plan.offsets[rootOf(tiled.tensors, id)];
      invariant(start !== undefined && start % bytesOf(tensor.type.dtype) === 0, `${tensor.name} has no aligned address`);
      const end = start + tensorBytes(tiled, id);
      if (tensor.storage === "whole") invariant(start >= control.end && end <= plan.bytes, `${tensor.name} lies outside of memory`);
      else invariant(end <= plan.tiles.bytes, `${tensor.name} lies outside of its tile`);
      return { id, start, end, life, storage: tensor.storage, tiles: tilesOf(tiled, id) };
    });
    if (all.length > pairLimit) continue;
    all.forEach((a, i) => all.slice(i + 1).forEach((b) => {
      if (a.storage !== b.storage || a.life.last < b.life.first || b.life.last < a.life.first) return;
      if (a.tiles.end <= b.tiles.first || b.tiles.end <= a.tiles.first) return;
      invariant(a.end <= b.start || b.end <= a.start, () => `${tiled.tensors[a.id]!.name} and ${tiled.tensors[b.id]!.name} are alive together and share bytes`);
    }));
  }
}
