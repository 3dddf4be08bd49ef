/**
 * cut-long-rows: rows so long and so few that most tiles would have none are gone through in blocks, a tile each. To the running
 * totals of each block that of those before it is added (Blelloch, "Prefix Sums and Their Applications", 1990, section 1.2); the
 * largest elements of a row are among the largest of its blocks; what reduces a row reduces what it makes of blocks, and softmax
 * and its like are reductions with maps between. Rows are sorted in stretches that are merged, updates of few places are combined
 * block by block, and random numbers are those of shorter rows.
 *
 * Needs: no gradients left to make. Gives: the same results, sums and products of floats but for rounding. All but the largest, and
 * running extremes of columns, are cut where tiles have memories of their own: where they share one, going through elements twice takes
 * as long, and few tiles are many.
 */
import type { Pass } from "../../support/pass.ts";
import { wantedPartition, type Graph, type ValueId } from "../graph.ts";
import { rewrite } from "../rewrite.ts";
import { elements, largest, type Found } from "./cut-long-rows/largest.ts";
import { random } from "./cut-long-rows/random.ts";
import { exponentials, normalised, reduced } from "./cut-long-rows/reductions.ts";
import { Rows } from "./cut-long-rows/rows.ts";
import { runningColumns, runningTotals } from "./cut-long-rows/running.ts";
import { scattered, scatteredAlong, scatteredLast } from "./cut-long-rows/scattered.ts";
import { mergedInParts, orderOf, sorted } from "./cut-long-rows/sorted.ts";

export const cutLongRows: Pass<Graph, Graph> = {
  name: "cut-long-rows",
  summary: "goes through rows that are long and few in blocks, so that more tiles have some",
  run(graph, { target }) {
    const found = new Map<ValueId, Found>();
    return rewrite(graph, (node, at) => {
      if (wantedPartition(node) !== undefined) return node;
      const cut = inBlocks(new Rows(node, at, target), found);
      return cut === undefined ? node : [cut];
    });
  },
};

/** What gives the node's result; undefined where it stays as it is. */
function inBlocks(build: Rows, found: Map<ValueId, Found>): ValueId | undefined {
  switch (build.node.op) {
    case "top_places": return largest(build, found);
    case "take_along": return elements(build, found);
    default: return build.target.memory === "shared" ? onSharedMemory(build) : onOwnMemories(build);
  }
}

function onSharedMemory(build: Rows): ValueId | undefined {
  switch (build.node.op) {
    case "cum_max": case "cum_min": return runningColumns(build);
    default: return undefined;
  }
}

function onOwnMemories(build: Rows): ValueId | undefined {
  switch (build.node.op) {
    case "cum_sum": case "cum_max": case "cum_min": return runningTotals(build);
    case "reduce": case "mean": return reduced(build);
    case "softmax": case "log_softmax": case "log_sum_exp": return exponentials(build);
    case "layer_norm": return normalised(build);
    case "scatter_add": case "scatter_max": case "scatter_min": return scattered(build);
    case "scatter_update": return scatteredLast(build);
    case "scatter_add_along": case "scatter_max_along": case "scatter_min_along": return scatteredAlong(build);
    case "sort": return sorted(build);
    case "argsort": return orderOf(build);
    case "merge_runs": return mergedInParts(build);
    case "uniform_rows": case "normal_rows": return random(build);
    default: return undefined;
  }
}
